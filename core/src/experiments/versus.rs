//! One variant against the control, as the plan says.

use std::collections::BTreeMap;

use super::observe::Unit;
use super::report::{ComparisonResult, GuardrailResult, QuantileResult, StratumResult};
use crate::error::Result;
use crate::model::experiment::{Analysis, Guardrail, Plan, UnitScore};
use crate::model::score::Direction;
use crate::model::time::Timestamp;
use crate::stats::display::{chosen, decimals, number, percent};
use crate::stats::{self, AbEstimate, BoundRule, PostStratified, Status, StrataPlan, Tolerance, Welch};

/// What units without a stratum are in.
const WITHOUT: &str = "(none)";

/// The units of one arm that have a score, and their values.
pub(super) struct Arm<'a> {
    pub(super) units: Vec<&'a Unit>,
    pub(super) values: Vec<Vec<f64>>,
}

impl<'a> Arm<'a> {
    /// The units of a variant among those that count.
    pub(super) fn of(counted: &[&'a Unit], variant: usize, until: Option<Timestamp>) -> Arm<'a> {
        let of_variant = counted.iter().filter(|unit| unit.exposure.variant == variant);
        let scored = of_variant.map(|unit| (*unit, unit.values(until))).filter(|(_, v)| !v.is_empty());
        let (units, values) = scored.unzip();
        Arm { units, values }
    }

    /// The mean of each unit's values.
    pub(super) fn means(&self) -> Vec<f64> {
        self.values.iter().filter_map(|values| stats::mean_sd(values).map(|m| m.mean)).collect()
    }
}

/// The numbers of a comparison, whichever way they were found.
struct Found {
    status: Status,
    analysis: &'static str,
    diff: Option<f64>,
    se: Option<f64>,
    df: Option<f64>,
    t: Option<f64>,
    p_value: Option<f64>,
    ci: Option<(f64, f64)>,
    explained: Option<f64>,
    strata: Vec<StratumResult>,
}

impl Found {
    fn of_welch(analysis: &'static str, test: &Welch, explained: Option<f64>) -> Found {
        Found {
            status: test.status,
            analysis,
            diff: test.diff,
            se: test.se,
            df: test.df,
            t: test.t,
            p_value: test.p_value,
            ci: test.ci_low.zip(test.ci_high),
            explained,
            strata: Vec::new(),
        }
    }

    fn of_strata(analysis: &'static str, found: PostStratified, plain: &Welch) -> Found {
        let ratio = found.se.zip(plain.se).map(|(after, before)| (after / before) * (after / before));
        let stratum = |s: stats::StratumDifference| StratumResult {
            strata: s.strata,
            weight: s.weight,
            n_a: s.n_a as u64,
            n_b: s.n_b as u64,
            mean_a: s.mean_a,
            mean_b: s.mean_b,
            diff: s.diff,
        };
        Found {
            status: found.status,
            analysis,
            diff: found.diff,
            se: found.se,
            df: found.df,
            t: found.t,
            p_value: found.p_value,
            ci: found.ci_low.zip(found.ci_high),
            explained: ratio.map(|ratio| 1.0 - ratio),
            strata: found.strata.into_iter().map(stratum).collect(),
        }
    }
}

/// Compares one variant with the control. The verdict and its sentence come later.
pub(super) fn compare(
    plan: &Plan,
    epochs: usize,
    (control, a): (usize, &Arm<'_>),
    (variant, b): (usize, &Arm<'_>),
) -> Result<ComparisonResult> {
    let (of_a, of_b) = (a.means(), b.means());
    let plain = match plan.unit_score {
        UnitScore::UnitMean => stats::unit_means(&a.values, &b.values, plan.alpha)?.test,
        UnitScore::ResponseMean => stats::ratio_metric(&a.values, &b.values, plan.alpha)?.test,
    };
    let found = if epochs > 1 || plan.analysis == Analysis::Stratified {
        stratified(plan, epochs, a, b, &plain)?
    } else if plan.analysis == Analysis::Cuped {
        let x = |arm: &Arm<'_>| arm.units.iter().map(|unit| unit.covariate).collect::<Vec<_>>();
        let found = stats::cuped((&of_a, &x(a)), (&of_b, &x(b)), plan.alpha)?;
        Found::of_welch("cuped", &found.test, found.variance_ratio.map(|ratio| 1.0 - ratio))
    } else {
        Found::of_welch("plain", &plain, None)
    };
    let quantile = |q: f64| {
        let found = stats::quantile_difference(&of_a, &of_b, q, plan.alpha)?;
        let (a, b, diff) = (found.a, found.b, found.diff);
        Ok(QuantileResult { q, a, b, diff, ci_low: found.low, ci_high: found.high })
    };
    let name = |position: usize| plan.variants.get(position).map(|v| v.name.clone()).unwrap_or_default();
    let relative = found.diff.zip(plain.mean_a).filter(|(_, mean)| *mean != 0.0).map(|(d, mean)| d / mean);
    Ok(ComparisonResult {
        variant: name(variant),
        control: name(control),
        status: found.status.as_str().to_owned(),
        analysis: found.analysis.to_owned(),
        n_a: of_a.len() as u64,
        n_b: of_b.len() as u64,
        mean_a: plain.mean_a,
        mean_b: plain.mean_b,
        sd_a: plain.sd_a,
        sd_b: plain.sd_b,
        diff: found.diff,
        se: found.se,
        df: found.df,
        t: found.t,
        p_value: found.p_value,
        p_holm: None,
        ci_low: found.ci.map(|(low, _)| low),
        ci_high: found.ci.map(|(_, high)| high),
        relative,
        variance_explained: found.explained,
        quantiles: [0.1, 0.5, 0.9].into_iter().map(quantile).collect::<Result<_>>()?,
        strata: found.strata,
        verdict: String::new(),
        sentence: String::new(),
    })
}

/// Within strata, within spans of equal weights, or both: putting spans together would be Simpson's paradox.
fn stratified(plan: &Plan, epochs: usize, a: &Arm<'_>, b: &Arm<'_>, plain: &Welch) -> Result<Found> {
    let by_stratum = plan.analysis == Analysis::Stratified;
    let stratum = |unit: &Unit| unit.stratum().unwrap_or(WITHOUT).to_owned();
    let epoch = |i: usize| format!("epoch {}", i + 1);
    let label = |unit: &Unit| match (epochs > 1, by_stratum) {
        (true, true) => format!("{} / {}", epoch(unit.exposure.epoch), stratum(unit)),
        (true, false) => epoch(unit.exposure.epoch),
        _ => stratum(unit),
    };
    let labelled = |arm: &Arm<'_>| -> Vec<(String, f64)> {
        arm.units.iter().map(|unit| label(unit)).zip(arm.means()).collect()
    };
    let (of_a, of_b) = (labelled(a), labelled(b));
    let mut names = plan.strata.clone();
    if !names.is_empty() {
        // What the plan does not name comes behind what it names.
        let mut more: Vec<String> = a.units.iter().chain(&b.units).map(|unit| stratum(unit)).collect();
        more.sort_unstable();
        more.dedup();
        more.retain(|name| !names.contains(name));
        names.extend(more);
    }
    let order = match (epochs > 1, by_stratum) {
        (true, false) => (0..epochs).map(epoch).collect(),
        (true, true) => {
            let within = |i| names.iter().map(move |name| format!("{} / {name}", epoch(i)));
            (0..epochs).flat_map(within).collect()
        }
        _ => names,
    };
    let known = |weights: &BTreeMap<String, f64>| {
        of_a.iter().chain(&of_b).all(|(name, _)| weights.contains_key(name.as_str()))
    };
    let weights = plan.stratum_weights.clone().filter(|weights| epochs == 1 && known(weights));
    let found = stats::post_stratified(&of_a, &of_b, &StrataPlan { order, weights }, plan.alpha)?;
    Ok(Found::of_strata(if epochs > 1 { "epochs" } else { "stratified" }, found, plain))
}

impl ComparisonResult {
    /// What the verdict is decided by.
    pub(super) fn estimate(&self) -> Option<AbEstimate> {
        let (diff, ci_low, ci_high) = (self.diff?, self.ci_low?, self.ci_high?);
        Some(AbEstimate { diff, ci_low, ci_high })
    }
}

/// Holds a guardrail against the units of the control and of the variant.
pub(super) fn guard(plan: &Plan, guardrail: &Guardrail, a: &[f64], b: &[f64]) -> Result<GuardrailResult> {
    let direction = guardrail.direction.unwrap_or_default();
    let tolerance = if guardrail.relative {
        Tolerance::Relative(guardrail.tolerance)
    } else {
        Tolerance::Absolute(guardrail.tolerance)
    };
    let higher = direction == Direction::Higher;
    let found = stats::non_inferiority_unpaired(a, b, tolerance, higher, plan.alpha, BoundRule::T)?;
    let allowed = if guardrail.relative {
        percent(guardrail.tolerance)
    } else {
        chosen(guardrail.tolerance, decimals(guardrail.tolerance))
    };
    let metric = &guardrail.metric;
    let width = found.lower.zip(found.upper).map_or(0.0, |(low, high)| (high - low) / 2.0);
    let side = |x: f64| {
        let amount = number(x.abs(), decimals(width));
        if x < 0.0 { format!("{amount} worse") } else { format!("{amount} better") }
    };
    let bounds = format!("({} one-sided bound)", percent(1.0 - plan.alpha));
    let sentence = match (found.outcome, found.lower, found.upper) {
        (stats::Outcome::Pass, Some(low), _) if low >= 0.0 => {
            format!("{metric} holds: at least {} {bounds}.", side(low))
        }
        (stats::Outcome::Pass, Some(low), _) => {
            format!("{metric} holds: at most {} {bounds}, {allowed} worse is allowed.", side(low))
        }
        (stats::Outcome::Fail, _, Some(high)) => {
            format!("{metric} fails: at least {} {bounds}, {allowed} worse is allowed.", side(high))
        }
        (stats::Outcome::CannotTell, Some(low), _) => {
            format!(
                "{metric} is not shown to hold: it could be {} {bounds}, {allowed} worse is allowed.",
                side(low)
            )
        }
        _ => format!("{metric} can't be told: too few users have a value, or none varies."),
    };
    Ok(GuardrailResult {
        metric: metric.clone(),
        direction,
        tolerance: guardrail.tolerance,
        relative: guardrail.relative,
        outcome: found.outcome.as_str().to_owned(),
        n_a: a.len() as u64,
        n_b: b.len() as u64,
        mean_a: found.mean_old,
        mean_b: found.mean_new,
        lower: found.lower,
        upper: found.upper,
        sentence,
    })
}
