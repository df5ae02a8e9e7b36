//! What may be looked at on the way: pairs of units in the order in which they were scored.
//!
//! A unit counts with the first score of its first response, which never changes; so a pair is final when it is made, and the
//! first crossing does not depend on when anybody looks.

use super::check::as_ratio;
use super::observe::Unit;
use super::record::Stored;
use super::report::{AnytimeResult, HarmResult};
use crate::error::Result;
use crate::model::experiment::Plan;
use crate::model::time::Timestamp;
use crate::stats::{
    self, ASYMPTOTIC_UNITS, Anytime, ArmMoments, HARM_ALPHA, HarmWatch, ScoreRange, SequencePlan, Status,
};

/// Where the metric has no range, the interval is looked at whenever there are so many more units.
const GROWTH: f64 = 1.01;

/// The first values of a variant's units, in the order in which they were given.
fn first_values(counted: &[&Unit], variant: usize, until: Option<Timestamp>) -> Vec<f64> {
    let of_variant = counted.iter().filter(|unit| unit.exposure.variant == variant);
    let mut firsts: Vec<(Timestamp, u64, f64)> = of_variant
        .filter_map(|unit| unit.first_value().map(|(at, x)| (at, unit.exposure.seq, x)))
        .filter(|(at, ..)| until.is_none_or(|until| *at <= until))
        .collect();
    firsts.sort_by_key(|(at, seq, _)| (*at, *seq));
    firsts.into_iter().map(|(.., x)| x).collect()
}

fn range(stored: &Stored) -> Option<ScoreRange> {
    stored.plan().range.map(|(min, max)| ScoreRange { min, max })
}

/// The weights of the control and of a variant as whole numbers; none after a change of weights.
fn ratio(stored: &Stored, variant: usize) -> Option<(u64, u64)> {
    let [epoch] = stored.experiment.epochs.as_slice() else { return None };
    as_ratio(*epoch.weights.get(stored.plan().control)?, *epoch.weights.get(variant)?)
}

/// As many units of both arms as the planned pairs need.
fn planned(stored: &Stored, mut units: [Vec<f64>; 2], ratio: (u64, u64)) -> [Vec<f64>; 2] {
    let pairs = stored.plan().n_planned;
    for (units, each) in units.iter_mut().zip([ratio.0, ratio.1]) {
        units.truncate(usize::try_from(pairs.saturating_mul(each)).unwrap_or(usize::MAX));
    }
    units
}

/// What the harm guard has seen of each variant; nothing where the plan has no guard, or weights were changed.
pub(super) fn harm(
    stored: &Stored,
    counted: &[&Unit],
    until: Option<Timestamp>,
    compared: &[usize],
) -> Result<Vec<(usize, HarmWatch)>> {
    let plan = stored.plan();
    let (Some(range), true) = (range(stored), plan.harm_guard) else { return Ok(Vec::new()) };
    let alpha = HARM_ALPHA / compared.len() as f64;
    let of = |variant| first_values(counted, variant, until);
    let mut found = Vec::new();
    for &variant in compared {
        let Some(ratio) = ratio(stored, variant) else { continue };
        let [a, b] = planned(stored, [of(plan.control), of(variant)], ratio);
        let higher = plan.higher_is_better();
        found.push((variant, stats::harm_watch(&a, &b, ratio, range, higher, alpha, plan.n_planned)?));
    }
    Ok(found)
}

/// For whoever reads the result: whether it stopped, and not how close it is.
pub(super) fn harm_shown(plan: &Plan, variant: usize, watch: &HarmWatch) -> HarmResult {
    HarmResult {
        variant: plan.variants.get(variant).map(|v| v.name.clone()).unwrap_or_default(),
        pairs: watch.pairs as u64,
        stopped_at: watch.stopped_at.map(|n| n as u64),
        alpha: watch.alpha,
    }
}

/// The confidence sequence of a variant against the control.
pub(super) fn anytime(stored: &Stored, counted: &[&Unit], variant: usize) -> Result<Anytime> {
    let plan = stored.plan();
    let ratio = ratio(stored, variant).unwrap_or((1, 1));
    let of = |variant| first_values(counted, variant, None);
    let [a, b] = planned(stored, [of(plan.control), of(variant)], ratio);
    match range(stored) {
        Some(range) => {
            stats::ab_anytime(&a, &b, ratio, range, SequencePlan::for_planned(plan.alpha, plan.n_planned))
        }
        None => approximate(&a, &b, ratio, plan.alpha, plan.n_planned),
    }
}

/// The asymptotic confidence sequence, looked at on a fixed grid of sizes, so that its first crossing is one number too.
fn approximate(a: &[f64], b: &[f64], ratio: (u64, u64), alpha: f64, n_planned: u64) -> Result<Anytime> {
    let pairs = stats::pair_units(a, b, ratio)?.len();
    let mut found = stats::ab_anytime(
        &[],
        &[],
        (1, 1),
        ScoreRange { min: 0.0, max: 1.0 },
        SequencePlan::for_planned(alpha, n_planned),
    )?;
    found.pairs = pairs;
    let n_tune = (0.75 * (n_planned * (ratio.0 + ratio.1)) as f64).max(1.0);
    let mut size = ASYMPTOTIC_UNITS as usize;
    let last = |size: usize| size >= pairs;
    while size <= pairs {
        let moments = |units: &[f64], each: u64| {
            let units = &units[..size * each as usize];
            stats::mean_sd(units).map(|m| {
                let sd = m.sd.unwrap_or(0.0);
                ArmMoments { n: units.len() as u64, mean: m.mean, variance: sd * sd }
            })
        };
        let (Some(of_a), Some(of_b)) = (moments(a, ratio.0), moments(b, ratio.1)) else { break };
        let sequence = stats::asymptotic_sequence(of_a, of_b, alpha, n_tune)?;
        found.status = sequence.status;
        (found.diff, found.low, found.high) = (sequence.diff, sequence.low, sequence.high);
        found.p_value = sequence.p_value.map(|p| found.p_value.map_or(p, |least| least.min(p)));
        if sequence.low.is_some_and(|low| low > 0.0) || sequence.high.is_some_and(|high| high < 0.0) {
            found.stopped_at = Some(size);
            break;
        }
        if last(size) {
            break;
        }
        size = (libm::ceil(size as f64 * GROWTH) as usize).min(pairs);
    }
    if found.diff.is_none() {
        found.status = Status::InsufficientData;
    }
    Ok(found)
}

/// For whoever reads the result.
pub(super) fn shown(found: &Anytime, approximate: bool) -> AnytimeResult {
    AnytimeResult {
        status: found.status.as_str().to_owned(),
        pairs: found.pairs as u64,
        stopped_at: found.stopped_at.map(|n| n as u64),
        diff: found.diff,
        low: found.low,
        high: found.high,
        p_value: found.p_value,
        approximate,
    }
}
