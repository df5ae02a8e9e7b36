//! What may be counted at any time: the units of each variant, and whether they were split as planned.

use std::collections::BTreeMap;

use super::observe::Unit;
use super::record::Stored;
use super::report::{ArmResult, SplitResult};
use crate::error::Result;
use crate::model::experiment::Plan;
use crate::model::time::Timestamp;
use crate::stats::{self, SRM_CONCENTRATION, SRM_WARNING};

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// One variant. While the result is open nothing of the primary metric is shown.
pub(super) fn arm(
    plan: &Plan,
    units: &[Unit],
    variant: usize,
    until: Option<Timestamp>,
    open: bool,
) -> ArmResult {
    let of: Vec<&Unit> = units.iter().filter(|unit| unit.exposure.variant == variant).collect();
    let whole: Vec<&&Unit> = of.iter().filter(|unit| !unit.in_two_arms).collect();
    let scored = whole.iter().filter(|unit| unit.responses.iter().any(|r| r.value(until).is_some())).count();
    let all = |f: fn(&Unit) -> &Vec<f64>| of.iter().flat_map(|unit| f(unit)).copied().collect::<Vec<_>>();
    let shown = |metric: &str| !(open && plan.metric.as_str() == metric);
    let latency = all(|unit| &unit.latency_ms);
    let cost = stats::mean_sd(&all(|unit| &unit.cost_usd)).map(|m| m.mean);
    let planned = plan.variants.get(variant);
    ArmResult {
        variant: planned.map(|v| v.name.clone()).unwrap_or_default(),
        version: planned.map(|v| v.version).unwrap_or_default(),
        units: of.len() as u64,
        scored: scored as u64,
        missing: (whole.len() - scored) as u64,
        in_two_arms: (of.len() - whole.len()) as u64,
        latency_ms_p50: stats::quantile(&latency, 0.5).ok().flatten().filter(|_| shown("latency_ms")),
        cost_usd_mean: cost.filter(|_| shown("cost_usd")),
    }
}

/// The split of the units, each span of weights with its own expectation.
pub(super) fn split(
    stored: &Stored,
    units: &[Unit],
    counted: &[&Unit],
    until: Option<Timestamp>,
) -> Result<SplitResult> {
    let k = stored.plan().variants.len();
    let epochs = &stored.experiment.epochs;
    let expected = |units: &mut dyn Iterator<Item = &Unit>| {
        let (mut expected, mut seen) = (vec![0.0; k], vec![0u64; k]);
        for unit in units {
            let weights = epochs.get(unit.exposure.epoch).map(|e| e.weights.as_slice()).unwrap_or_default();
            for (total, weight) in expected.iter_mut().zip(weights) {
                *total += weight;
            }
            if let Some(n) = seen.get_mut(unit.exposure.variant) {
                *n += 1;
            }
        }
        (expected, seen)
    };
    let weights = epochs.last().map(|e| e.weights.clone()).unwrap_or_default();
    let (of_units, seen) = expected(&mut units.iter());
    let planned = if units.is_empty() { weights.clone() } else { of_units };
    let found = stats::srm(&seen, &planned)?;
    let scored: Vec<&Unit> = counted
        .iter()
        .copied()
        .filter(|unit| unit.responses.iter().any(|r| r.value(until).is_some()))
        .collect();
    let scored = match expected(&mut scored.iter().copied()) {
        (_, seen) if seen.iter().sum::<u64>() == 0 => None,
        (planned, seen) => Some(stats::srm(&seen, &planned)?),
    };
    let log_bf = if epochs.len() == 1 && !units.is_empty() {
        let mut days: BTreeMap<i64, Vec<u64>> = BTreeMap::new();
        for unit in units {
            let day = unit.exposure.at.as_micros().div_euclid(MICROS_PER_DAY);
            if let Some(n) = days.entry(day).or_insert_with(|| vec![0; k]).get_mut(unit.exposure.variant) {
                *n += 1;
            }
        }
        let periods: Vec<Vec<u64>> = days.into_values().collect();
        stats::srm_sequence(&periods, &weights, SRM_CONCENTRATION)?.log_bf.last().copied()
    } else {
        None
    };
    Ok(SplitResult {
        expected: planned,
        seen,
        p_value: found.p_value,
        mismatch: found.mismatch || scored.as_ref().is_some_and(|s| s.mismatch),
        log_bf: log_bf.filter(|x| x.is_finite()),
        warning: log_bf.is_some_and(|x| x >= libm::log(SRM_WARNING)),
        p_value_scored: scored.and_then(|s| s.p_value),
    })
}
