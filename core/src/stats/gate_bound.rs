//! The bound behind every mean gate: t, betting, or what zero variance leaves.

use super::betting::{Bets, running_bounds};
use super::dist::t_upper_quantile;
use super::gate::{BoundRule, MeanGate, Outcome, RuleUsed};
use super::paired::differences_equal;
use super::sum::{all_finite, mean, skewness, variance};
use super::{Status, check_open_unit, invalid};
use crate::error::Result;

/// The one problem behind every mean gate: is the mean of `e` above `-tolerance`?
pub(crate) struct Contrast<'a> {
    pub(crate) e: &'a [f64],
    /// Where each `e` can lie.
    pub(crate) range: Option<(f64, f64)>,
    pub(crate) tolerance: f64,
    /// The size of the scores behind `e`, for what rounding can do to them.
    pub(crate) scale: f64,
    /// The old and the new scores differ by one constant, though `e` may vary (relative tolerance).
    pub(crate) nothing_changed: bool,
}

pub(crate) fn decide(c: &Contrast<'_>, alpha: f64, bound: BoundRule) -> Result<MeanGate> {
    check_open_unit("alpha", alpha)?;
    if bound == BoundRule::Betting && c.range.is_none() {
        return Err(invalid("range", "the betting bound needs the score's range; give it, or use `t`"));
    }
    let n = c.e.len();
    let rule = match bound {
        BoundRule::Point => RuleUsed::Point,
        BoundRule::Betting => RuleUsed::Betting,
        BoundRule::T | BoundRule::Auto => RuleUsed::T,
    };
    let centre = mean(c.e);
    let estimate = centre.value();
    // Rounding may put an e one step outside; more than that is a score outside its range.
    let slack = 4.0 * f64::EPSILON * c.scale;
    let outside = c.range.is_some_and(|(low, high)| c.e.iter().any(|&e| e < low - slack || e > high + slack));
    if outside || !all_finite(c.e) || (n > 0 && !estimate.is_finite()) {
        return Ok(MeanGate::empty(Status::InvalidInput, n, rule));
    }
    let mut found = MeanGate::empty(Status::Ok, n, rule);
    found.contrast = (n > 0).then_some(estimate);
    if n < 2 {
        found.status = Status::InsufficientData;
        return Ok(found);
    }
    let sd = libm::sqrt(variance(c.e, centre));
    let constant = differences_equal(c.e, c.scale) || sd == 0.0;
    found.worst = c.range.map(|(least, _)| least);
    if !constant {
        found.sd = Some(sd);
        found.skewness = skewness(c.e);
        found.skewed = found.skewness.is_none_or(|g| (n as f64) < 25.0 * g * g);
    }
    let betting = match c.range {
        Some(range) if bound == BoundRule::Betting => Some(range),
        Some(range) if bound == BoundRule::Auto && found.skewed && !constant => Some(range),
        _ => None,
    };
    if let Some((low, high)) = betting {
        found.rule = RuleUsed::Betting;
        let x: Vec<f64> = c.e.iter().map(|e| ((e - low) / (high - low)).clamp(0.0, 1.0)).collect();
        let bets = Bets { level: alpha, n_tune: n as f64, truncation: 0.95 };
        let (lower, upper) = running_bounds(&x, bets);
        found.contrast_low = Some(low + lower * (high - low));
        found.contrast_high = Some(low + upper * (high - low));
    } else if !constant {
        let df = n as f64 - 1.0;
        let half = t_upper_quantile(alpha, df) * sd / libm::sqrt(n as f64);
        found.df = Some(df);
        (found.contrast_low, found.contrast_high) = (Some(estimate - half), Some(estimate + half));
    }
    if constant {
        found.status = Status::ZeroVariance;
    }
    if (constant || c.nothing_changed) && betting.is_none() {
        apply_zero_variance(&mut found, c.range, estimate, alpha);
    }
    found.outcome = match bound {
        BoundRule::Point => by_point(estimate, c.tolerance, c.scale),
        _ => by_bound(found.contrast_low, found.contrast_high, c.tolerance),
    };
    Ok(found)
}

/// What no observed item showed may still happen to p₀ of all items: the bound cannot be better than that.
pub(super) fn apply_zero_variance(
    found: &mut MeanGate,
    range: Option<(f64, f64)>,
    estimate: f64,
    alpha: f64,
) {
    let Some((least, most)) = range else { return };
    let p0 = unseen_share(found.n as u64, alpha);
    let low = (1.0 - p0) * estimate + p0 * least;
    let high = (1.0 - p0) * estimate + p0 * most;
    let binding = found.contrast_low.is_none_or(|t| low < t);
    found.contrast_low = Some(found.contrast_low.map_or(low, |t| t.min(low)));
    found.contrast_high = Some(found.contrast_high.map_or(high, |t| t.max(high)));
    if binding && found.rule != RuleUsed::Point {
        found.rule = RuleUsed::ZeroVariance;
    }
}

pub(super) fn by_bound(low: Option<f64>, high: Option<f64>, tolerance: f64) -> Outcome {
    match (low, high) {
        (Some(low), _) if low > -tolerance => Outcome::Pass,
        (_, Some(high)) if high < -tolerance => Outcome::Fail,
        _ => Outcome::CannotTell,
    }
}

/// At the point, equality passes, and a decimal's last bit does not decide it.
pub(super) fn by_point(estimate: f64, tolerance: f64, scale: f64) -> Outcome {
    let slack = 8.0 * f64::EPSILON * scale;
    if estimate >= -tolerance - slack { Outcome::Pass } else { Outcome::Fail }
}

/// p₀ = 1 - alpha^(1/n): what n items without an event leave possible.
fn unseen_share(n: u64, alpha: f64) -> f64 {
    -libm::expm1(libm::log(alpha) / n as f64)
}

/// The bounds of a mean difference when all n differences were the same.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct ZeroVarianceBound {
    /// One-sided 1-alpha lower bound.
    pub lower: f64,
    /// One-sided 1-alpha upper bound.
    pub upper: f64,
    /// The decision against the tolerance.
    pub outcome: Outcome,
}

/// Returns what n equal differences show: the unseen share of items may be as bad as the range allows.
///
/// # Shapes and units
/// `common_difference` new - old in score units, upwards better; `score_range` = largest - smallest score.
///
/// # Formula
/// p₀ = 1 - alpha^(1/n), lower = (1-p₀)·c - p₀·R, upper = (1-p₀)·c + p₀·R; pass if lower > -tolerance.
///
/// # Errors
/// `invalid-argument` if alpha is not strictly between 0 and 1, n is 0, or a number is not finite or negative
/// where it may not be.
///
/// # Source
/// Clopper and Pearson (1934) at 0 of n; statistics.md, section (e).
///
/// # Examples
/// ```
/// use trialplate::stats::{Outcome, zero_variance_bound};
/// assert_eq!(zero_variance_bound(0.0, 59, 4.0, 0.2, 0.05)?.outcome, Outcome::Pass);
/// assert_eq!(zero_variance_bound(0.0, 58, 4.0, 0.2, 0.05)?.outcome, Outcome::CannotTell);
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn zero_variance_bound(
    common_difference: f64,
    n: u64,
    score_range: f64,
    tolerance: f64,
    alpha: f64,
) -> Result<ZeroVarianceBound> {
    check_open_unit("alpha", alpha)?;
    if n == 0 {
        return Err(invalid("n", "without items there is no bound; n must be at least 1"));
    }
    let usable = |x: f64| x >= 0.0 && x.is_finite();
    let difference_fits = common_difference.abs() <= score_range;
    if !usable(score_range) || !usable(tolerance) || !difference_fits {
        return Err(invalid(
            "score_range",
            "range and tolerance are finite and not negative, and no difference is larger than the range",
        ));
    }
    let p0 = unseen_share(n, alpha);
    let lower = (1.0 - p0) * common_difference - p0 * score_range;
    let upper = (1.0 - p0) * common_difference + p0 * score_range;
    Ok(ZeroVarianceBound { lower, upper, outcome: by_bound(Some(lower), Some(upper), tolerance) })
}

/// Returns the alpha of a gate's k-th run of one version on one dataset, counted from 1.
///
/// Repeats are pooled, and every run after the first is held to a stricter level, so that running until green
/// costs at most alpha/5 more.
///
/// # Formula
/// alpha for k = 1, (alpha/5)·6/(π²(k-1)²) from k = 2 on; the latter sum to alpha/5.
///
/// # Errors
/// `invalid-argument` if alpha is not strictly between 0 and 1 or the attempt is 0.
///
/// # Source
/// statistics.md, section (e); Σ1/k² = π²/6.
///
/// # Examples
/// ```
/// assert_eq!(trialplate::stats::gate_attempt_alpha(0.05, 1)?, 0.05);
/// assert!((trialplate::stats::gate_attempt_alpha(0.05, 2)? - 0.00607927).abs() < 1e-8);
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn gate_attempt_alpha(alpha: f64, attempt: u64) -> Result<f64> {
    check_open_unit("alpha", alpha)?;
    match attempt {
        0 => Err(invalid("attempt", "runs are counted from 1")),
        1 => Ok(alpha),
        k => {
            let (pi, before) = (std::f64::consts::PI, (k - 1) as f64);
            Ok(alpha / 5.0 * 6.0 / (pi * pi * before * before))
        }
    }
}
