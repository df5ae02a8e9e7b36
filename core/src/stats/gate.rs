//! Mean gates: is the new version not worse than the tolerance allows?

use super::dist::t_upper_quantile;
use super::gate_bound::{Contrast, by_bound, by_point, decide};
use super::gate_rate::Limit;
use super::paired::{differences_equal, largest};
use super::sum::mean;
use super::welch::contrast;
use super::{Status, check_open_unit, invalid};
use crate::error::Result;

/// What a gate says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Shown to be good enough.
    Pass,
    /// Shown not to be.
    Fail,
    /// The data allow both.
    CannotTell,
}

impl Outcome {
    /// The outcome's name, the same in every language.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Pass => "pass",
            Outcome::Fail => "fail",
            Outcome::CannotTell => "cannot-tell",
        }
    }
}

/// How much worse the new version may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tolerance {
    /// In score units.
    Absolute(f64),
    /// As a share of the old mean: 0.05 is 5%. It depends on where the rubric starts: 5% of 4.2 on 1 to 5 is
    /// 0.21, counted from the bottom it would be 0.16.
    Relative(f64),
}

/// Which rule decides a mean gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum BoundRule {
    /// Student's t. With a few large collapses among many zeros it passes too much.
    T,
    /// t if n ≥ 25·g₁² (g₁ the skewness), else betting.
    #[default]
    Auto,
    /// The betting bound: guaranteed for every distribution on the range, and wider.
    Betting,
    /// The observed mean alone, bounds by t for information. No protection against chance.
    Point,
}

/// Which rule gave the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuleUsed {
    /// Student's t.
    T,
    /// The betting bound.
    Betting,
    /// Nothing varied: [`zero_variance_bound`](crate::stats::zero_variance_bound).
    ZeroVariance,
    /// The observed mean.
    Point,
}

impl RuleUsed {
    /// The rule's name, the same in every language.
    pub fn as_str(self) -> &'static str {
        match self {
            RuleUsed::T => "t",
            RuleUsed::Betting => "betting",
            RuleUsed::ZeroVariance => "zero_variance",
            RuleUsed::Point => "point",
        }
    }
}

/// A mean gate's decision. Every difference counts upwards as better, whatever the metric's direction.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MeanGate {
    /// Pass, fail, or not shown.
    pub outcome: Outcome,
    /// Whether the numbers can be read.
    pub status: Status,
    /// Items (pairs); the new arm's units if unpaired.
    pub n: usize,
    /// Mean of the old arm, as scored.
    pub mean_old: Option<f64>,
    /// Mean of the new arm, as scored.
    pub mean_new: Option<f64>,
    /// How much better the new version is, in score units; for a threshold, how far beyond it.
    pub diff: Option<f64>,
    /// One-sided 1-alpha lower bound of `diff`: "at most this much worse".
    pub lower: Option<f64>,
    /// One-sided 1-alpha upper bound of `diff`.
    pub upper: Option<f64>,
    /// What is allowed in score units: pass if `lower > -margin_used`, fail if `upper < -margin_used`.
    pub margin_used: f64,
    /// The rule that decided.
    pub rule: RuleUsed,
    /// Estimate of the contrast that is tested; `diff` unless the tolerance is relative.
    pub contrast: Option<f64>,
    /// Lower bound of the contrast.
    pub contrast_low: Option<f64>,
    /// Upper bound of the contrast.
    pub contrast_high: Option<f64>,
    /// Degrees of freedom where t was used.
    pub df: Option<f64>,
    /// Standard deviation of the tested differences; what independent items would have, if there are clusters.
    pub sd: Option<f64>,
    /// The least that a tested difference could be.
    pub worst: Option<f64>,
    /// Skewness g₁ of the tested differences.
    pub skewness: Option<f64>,
    /// n < 25·g₁²: t is not to be trusted. Warn if the rule used is t all the same.
    pub skewed: bool,
}

impl MeanGate {
    pub(super) fn empty(status: Status, n: usize, rule: RuleUsed) -> MeanGate {
        MeanGate {
            outcome: Outcome::CannotTell,
            status,
            n,
            mean_old: None,
            mean_new: None,
            diff: None,
            lower: None,
            upper: None,
            margin_used: 0.0,
            rule,
            contrast: None,
            contrast_low: None,
            contrast_high: None,
            df: None,
            sd: None,
            worst: None,
            skewness: None,
            skewed: false,
        }
    }

    /// Puts the bounds back on the scale of differences: a relative contrast is the difference plus r·old.
    pub(super) fn on_scale_of_differences(&mut self, diff: f64, tolerance: Tolerance, of_old: f64) {
        let (margin, moved) = match tolerance {
            Tolerance::Absolute(points) => (points, 0.0),
            Tolerance::Relative(share) => (share * of_old, share * of_old),
        };
        self.margin_used = margin;
        self.diff = Some(diff);
        self.lower = self.contrast_low.map(|x| x - moved);
        self.upper = self.contrast_high.map(|x| x - moved);
    }
}

/// Decides whether the new version is at most a tolerance worse than the old one on the same items.
///
/// # Shapes and units
/// `old[i]` and `new[i]` are one item's scores (repeats averaged), in the items' order, which the betting bound
/// depends on. `range` is the metric's smallest and largest score.
///
/// # Formula
/// Absolute tolerance τ: e = new - old (old - new if lower is better), pass if the bound of mean(e) > -τ.
/// Relative tolerance r, without a ratio: e = new - (1-r)·old (or (1+r)·old - new), pass if it is > 0.
/// Lower and upper bound are mean(e) ∓ t(1-alpha, n-1)·sd(e)/√n or the betting bound; fail if the upper one is
/// below; equality is not a pass. By point: pass if mean(e) ≥ -τ.
/// All differences equal: [`zero_variance_bound`](crate::stats::zero_variance_bound), which needs a range; without one the gate cannot tell.
/// Under a relative tolerance, where e then still varies, the worse of that bound and the t bound counts.
///
/// # Assumptions
/// Items are independent. For t: differences roughly symmetric, or n ≥ 25·g₁². `Auto` without a range has no
/// betting bound to fall back on: it uses t and says `skewed`.
///
/// # Errors
/// `invalid-argument` if alpha is not strictly between 0 and 1, the tolerance is negative, not finite, or a
/// relative one of 1 or more, the range is not an interval, or `Betting` comes without a range. Unequal
/// lengths, scores that are not finite or out of range, and a relative tolerance on an old mean below 0 give
/// [`Status::InvalidInput`] and [`Outcome::CannotTell`].
///
/// # Source
/// statistics.md, section (e); Waudby-Smith and Ramdas (2024) for betting.
///
/// # Examples
/// ```
/// use trialplate::stats::{BoundRule, Outcome, Tolerance, non_inferiority_paired};
/// let (old, new) = (vec![4.0; 59], vec![4.0; 59]);
/// let gate = |n: usize| non_inferiority_paired(
///     &old[..n], &new[..n], Tolerance::Absolute(0.2), true, Some((1.0, 5.0)), 0.05, BoundRule::Auto);
/// assert_eq!(gate(59)?.outcome, Outcome::Pass); // zero changes on 59 items show a tolerance of 0.2
/// assert_eq!(gate(58)?.outcome, Outcome::CannotTell); // 58 do not
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn non_inferiority_paired(
    old: &[f64],
    new: &[f64],
    tolerance: Tolerance,
    higher_is_better: bool,
    range: Option<(f64, f64)>,
    alpha: f64,
    bound: BoundRule,
) -> Result<MeanGate> {
    let (k, allowed) = factor(tolerance, higher_is_better)?;
    check_range(range)?;
    let sign = if higher_is_better { 1.0 } else { -1.0 };
    let in_range = |x: &f64| x.is_finite() && range.is_none_or(|(low, high)| low <= *x && *x <= high);
    let usable = old.len() == new.len() && old.iter().chain(new).all(in_range);
    let e: Vec<f64> = old.iter().zip(new).map(|(old, new)| sign * (new - k * old)).collect();
    let d: Vec<f64> = old.iter().zip(new).map(|(old, new)| sign * (new - old)).collect();
    let scale = largest(old).max(largest(new));
    let e_range = range.map(|(low, high)| {
        if higher_is_better { (low - k * high, high - k * low) } else { (k * low - high, k * high - low) }
    });
    let nothing_changed = differences_equal(&d, scale);
    let problem = Contrast { e: &e, range: e_range, tolerance: allowed, scale, nothing_changed };
    let mut found = decide(&problem, alpha, bound)?;
    let (of_old, of_new, of_d) = (mean(old).value(), mean(new).value(), mean(&d).value());
    let relative = matches!(tolerance, Tolerance::Relative(_));
    if !usable || found.status == Status::InvalidInput || (relative && of_old < 0.0) {
        return Ok(MeanGate::empty(Status::InvalidInput, e.len(), found.rule));
    }
    if !e.is_empty() {
        (found.mean_old, found.mean_new) = (Some(of_old), Some(of_new));
        found.on_scale_of_differences(of_d, tolerance, of_old);
    }
    Ok(found)
}

/// Decides whether the new version is at most a tolerance worse than the old one on other units.
///
/// # Formula
/// As [`non_inferiority_paired`] with se² = s_new²/n_new + k²·s_old²/n_old, k = 1 (absolute), 1-r or 1+r
/// (relative), and Welch's degrees of freedom.
///
/// # Errors
/// As [`non_inferiority_paired`]; `Betting` is `invalid-argument`, it needs pairs. Fewer than two units in an
/// arm, or two constant arms, cannot tell by a bound.
///
/// # Source
/// statistics.md, sections (b) and (e).
///
/// # Examples
/// ```
/// use trialplate::stats::{BoundRule, Outcome, Tolerance, non_inferiority_unpaired};
/// let (old, new) = ([3.0, 4.0, 5.0, 4.0], [5.0, 4.0, 5.0, 4.0, 5.0]);
/// let r = non_inferiority_unpaired(&old, &new, Tolerance::Absolute(0.5), true, 0.05, BoundRule::T)?;
/// assert_eq!(r.outcome, Outcome::Pass);
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn non_inferiority_unpaired(
    old: &[f64],
    new: &[f64],
    tolerance: Tolerance,
    higher_is_better: bool,
    alpha: f64,
    bound: BoundRule,
) -> Result<MeanGate> {
    check_open_unit("alpha", alpha)?;
    let (k, allowed) = factor(tolerance, higher_is_better)?;
    let rule = match bound {
        BoundRule::Point => RuleUsed::Point,
        BoundRule::Betting => return Err(invalid("bound", "the betting bound needs pairs; use `t`")),
        BoundRule::T | BoundRule::Auto => RuleUsed::T,
    };
    let welch = contrast(old, new, k, alpha);
    let mut found = MeanGate::empty(welch.status, new.len(), rule);
    (found.mean_old, found.mean_new) = (welch.mean_a, welch.mean_b);
    let (Some(of_old), Some(of_new), Some(estimate)) = (welch.mean_a, welch.mean_b, welch.diff) else {
        return Ok(found);
    };
    if matches!(tolerance, Tolerance::Relative(_)) && of_old < 0.0 {
        return Ok(MeanGate::empty(Status::InvalidInput, new.len(), rule));
    }
    let sign = if higher_is_better { 1.0 } else { -1.0 };
    let estimate = sign * estimate;
    found.contrast = Some(estimate);
    if let (Some(se), Some(df)) = (welch.se, welch.df) {
        let half = t_upper_quantile(alpha, df) * se;
        found.df = Some(df);
        (found.contrast_low, found.contrast_high) = (Some(estimate - half), Some(estimate + half));
    }
    found.outcome = match bound {
        BoundRule::Point => by_point(estimate, allowed, of_old.abs().max(of_new.abs())),
        _ => by_bound(found.contrast_low, found.contrast_high, allowed),
    };
    let diff = sign * (mean(new).minus(mean(old)));
    found.on_scale_of_differences(diff, tolerance, of_old);
    Ok(found)
}

/// Decides whether the mean of some scores meets its limit.
///
/// # Formula
/// e = score - limit (limit - score for `AtMost`), pass if the one-sided bound of mean(e) is above 0; the rest
/// as [`non_inferiority_paired`]. By point: pass if mean(e) ≥ 0. The result's `diff` is how far the mean is
/// beyond the limit, and its `mean_new` the mean.
///
/// # Errors
/// `invalid-argument` if alpha is not strictly between 0 and 1, the limit is not finite, the range is not an
/// interval, or `Betting` comes without a range.
///
/// # Source
/// statistics.md, section (e).
///
/// # Examples
/// ```
/// use trialplate::stats::{BoundRule, Limit, Outcome, mean_gate};
/// let seconds = [1.1, 0.9, 1.4, 1.2, 1.0, 1.3];
/// let r = mean_gate(&seconds, Limit::AtMost(1.5), None, 0.05, BoundRule::T)?;
/// assert_eq!(r.outcome, Outcome::Pass);
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn mean_gate(
    scores: &[f64],
    limit: Limit,
    range: Option<(f64, f64)>,
    alpha: f64,
    bound: BoundRule,
) -> Result<MeanGate> {
    check_range(range)?;
    let value = limit.value();
    if !value.is_finite() {
        return Err(invalid("limit", "a mean's limit must be a finite number"));
    }
    let sign = if matches!(limit, Limit::AtLeast(_)) { 1.0 } else { -1.0 };
    let e: Vec<f64> = scores.iter().map(|x| sign * (x - value)).collect();
    let e_range =
        range.map(
            |(low, high)| {
                if sign > 0.0 { (low - value, high - value) } else { (value - high, value - low) }
            },
        );
    let scale = largest(scores).max(value.abs());
    let nothing_changed = differences_equal(&e, scale);
    let problem = Contrast { e: &e, range: e_range, tolerance: 0.0, scale, nothing_changed };
    let mut found = decide(&problem, alpha, bound)?;
    if let (Some(diff), Status::Ok | Status::ZeroVariance | Status::InsufficientData) =
        (found.contrast, found.status)
    {
        found.mean_new = Some(mean(scores).value());
        found.on_scale_of_differences(diff, Tolerance::Absolute(0.0), 0.0);
    }
    Ok(found)
}

/// [`mean_gate`] with `AtLeast` and without a range, so that nothing but t (or the point) can decide.
///
/// # Errors
/// As [`mean_gate`]; `Betting` is `invalid-argument` here.
///
/// # Examples
/// ```
/// use trialplate::stats::{BoundRule, Outcome, mean_at_least};
/// let r = mean_at_least(&[4.0, 5.0, 4.0, 5.0, 5.0], 4.0, 0.05, BoundRule::T)?;
/// assert_eq!(r.outcome, Outcome::Pass);
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn mean_at_least(scores: &[f64], threshold: f64, alpha: f64, bound: BoundRule) -> Result<MeanGate> {
    mean_gate(scores, Limit::AtLeast(threshold), None, alpha, bound)
}

/// (k of the contrast new - k·old, what it may fall below 0).
pub(super) fn factor(tolerance: Tolerance, higher_is_better: bool) -> Result<(f64, f64)> {
    match tolerance {
        Tolerance::Absolute(points) if points >= 0.0 && points.is_finite() => Ok((1.0, points)),
        Tolerance::Relative(share) if (0.0..1.0).contains(&share) => {
            Ok((if higher_is_better { 1.0 - share } else { 1.0 + share }, 0.0))
        }
        _ => Err(invalid(
            "tolerance",
            "a tolerance is a finite number from 0 in score units, or a share from 0 to below 1",
        )),
    }
}

pub(super) fn check_range(range: Option<(f64, f64)>) -> Result<()> {
    match range {
        Some((low, high)) if !(low.is_finite() && high.is_finite() && low < high) => {
            Err(invalid("range", "a range is two finite numbers, the smaller one first"))
        }
        _ => Ok(()),
    }
}
