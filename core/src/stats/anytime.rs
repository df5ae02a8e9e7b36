//! Experiments that may be decided at any time: units paired as they arrive, and intervals that allow every look.

use super::betting::{SequencePlan, betting_sequence, first_crossing};
use super::sum::{all_finite, mean};
use super::{Status, invalid};
use crate::error::Result;

/// Weights in lowest terms that are larger make blocks too long to wait for.
const LARGEST_BLOCK: u64 = 20;
/// Fewer units per arm make the asymptotic interval too narrow.
pub const ASYMPTOTIC_UNITS: u64 = 100;

/// Pairs the units of two arms in the order of their arrival.
///
/// # Shapes and units
/// Weights a:b in lowest terms: the next `a` units of A go with the next `b` of B, each side averaged. Units that
/// wait for the other side are left out.
///
/// # Errors
/// `invalid-argument` if a weight is 0, or larger than 20 in lowest terms.
///
/// # Source
/// statistics.md (d).
///
/// # Examples
/// ```
/// use trialplate::stats::pair_units;
/// assert_eq!(pair_units(&[1.0, 2.0, 3.0], &[4.0, 5.0], (1, 1))?, [(1.0, 4.0), (2.0, 5.0)]);
/// assert_eq!(pair_units(&[1.0, 2.0, 3.0], &[4.0], (2, 1))?, [(1.5, 4.0)]);
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn pair_units(a: &[f64], b: &[f64], weights: (u64, u64)) -> Result<Vec<(f64, f64)>> {
    let divisor = gcd(weights.0, weights.1).max(1);
    let (of_a, of_b) = (weights.0 / divisor, weights.1 / divisor);
    if !(1..=LARGEST_BLOCK).contains(&of_a) || !(1..=LARGEST_BLOCK).contains(&of_b) {
        let reason =
            format!("weights are whole numbers that in lowest terms lie between 1 and {LARGEST_BLOCK}");
        return Err(invalid("weights", reason));
    }
    let blocks = a.chunks_exact(of_a as usize).zip(b.chunks_exact(of_b as usize));
    Ok(blocks.map(|(a, b)| (mean(a).value(), mean(b).value())).collect())
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Where the scores of an experiment lie, and which way is better.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoreRange {
    /// The least a score can be.
    pub min: f64,
    /// The most.
    pub max: f64,
}

impl ScoreRange {
    pub(super) fn check(self) -> Result<()> {
        if self.min < self.max && (self.max - self.min).is_finite() {
            return Ok(());
        }
        Err(invalid("score_min", "the range of the scores has a finite lower end below its upper end"))
    }

    /// (b - a + 1)/2 with both scores mapped to \[0,1\].
    pub fn map_pair(self, (a, b): (f64, f64)) -> f64 {
        let width = self.max - self.min;
        (((b - self.min) / width - (a - self.min) / width) + 1.0) / 2.0
    }

    pub(super) fn holds(self, x: f64) -> bool {
        (self.min..=self.max).contains(&x)
    }
}

/// An experiment in anytime mode.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Anytime {
    /// `invalid_input` for a score outside its range, `insufficient_data` without a pair.
    pub status: Status,
    /// Pairs there are.
    pub pairs: usize,
    /// After how many the experiment was decided; none if it is not.
    pub stopped_at: Option<usize>,
    /// The mean of B minus A over the pairs up to then, or up to now.
    pub diff: Option<f64>,
    /// The lower bound at that moment, valid at any.
    pub low: Option<f64>,
    /// The upper bound at that moment.
    pub high: Option<f64>,
    /// The largest lower bound at any moment up to then.
    pub low_running: Option<f64>,
    /// The smallest upper bound at any moment up to then.
    pub high_running: Option<f64>,
    /// The anytime-valid p-value of "no difference" at that moment.
    pub p_value: Option<f64>,
    /// The chance that the interval ever misses the difference.
    pub alpha: f64,
}

/// Decides an experiment by the betting confidence sequence over its pairs.
///
/// # Shapes and units
/// Scores of both arms in the order of arrival, one per unit; pairs beyond the planned number are left out
/// by the caller.
/// `diff`, `low` and `high` are B - A in score units.
///
/// # Errors
/// As [`pair_units`] and [`betting_sequence`]; `invalid-argument` for an empty range.
///
/// # Source
/// statistics.md (d).
///
/// # Examples
/// ```
/// use trialplate::stats::{ScoreRange, SequencePlan, ab_anytime};
/// let (range, plan) = (ScoreRange { min: 1.0, max: 5.0 }, SequencePlan::for_planned(0.05, 100));
/// let r = ab_anytime(&[2.0; 60], &[4.0; 60], (1, 1), range, plan)?;
/// assert!(r.stopped_at.is_some() && r.low > Some(0.0) && r.diff == Some(2.0));
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn ab_anytime(
    a: &[f64],
    b: &[f64],
    weights: (u64, u64),
    range: ScoreRange,
    plan: SequencePlan,
) -> Result<Anytime> {
    range.check()?;
    let without = |status| Anytime {
        status,
        pairs: 0,
        stopped_at: None,
        diff: None,
        low: None,
        high: None,
        low_running: None,
        high_running: None,
        p_value: None,
        alpha: plan.alpha,
    };
    plan.check()?;
    let pairs = pair_units(a, b, weights)?;
    if !a.iter().chain(b).all(|&x| range.holds(x)) {
        return Ok(without(Status::InvalidInput));
    }
    if pairs.is_empty() {
        return Ok(without(Status::InsufficientData));
    }
    // Rounding may lead a hair out of [0,1].
    let x: Vec<f64> = pairs.iter().map(|&pair| range.map_pair(pair).clamp(0.0, 1.0)).collect();
    let stopped_at = first_crossing(&x, 0.5, plan);
    let until = stopped_at.unwrap_or(x.len());
    let found = betting_sequence(&x[..until], plan)?;
    let differences: Vec<f64> = pairs[..until].iter().map(|(a, b)| b - a).collect();
    let width = range.max - range.min;
    let points = |x: f64| Some((2.0 * x - 1.0) * width);
    Ok(Anytime {
        status: found.status,
        pairs: pairs.len(),
        stopped_at,
        diff: Some(mean(&differences).value()),
        low: points(found.low),
        high: points(found.high),
        low_running: points(found.low_running),
        high_running: points(found.high_running),
        p_value: Some(found.p_value),
        alpha: plan.alpha,
    })
}

/// One arm of unbounded scores, as its summary.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ArmMoments {
    /// Units.
    pub n: u64,
    /// Their mean.
    pub mean: f64,
    /// Their sample variance.
    pub variance: f64,
}

/// A difference of unbounded scores at any look; approximate.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct AsymptoticSequence {
    /// Whether the result can be read.
    pub status: Status,
    /// B minus A.
    pub diff: Option<f64>,
    /// Half of the interval's width.
    pub half_width: Option<f64>,
    /// Lower bound.
    pub low: Option<f64>,
    /// Upper bound.
    pub high: Option<f64>,
    /// Anytime p-value.
    pub p_value: Option<f64>,
    /// Whether an arm has fewer than 100 units, where the approximation is not to be relied on.
    pub few_units: bool,
}

/// The asymptotic confidence sequence of a difference, for metrics without bounds (latency, cost).
///
/// # Formula
/// half-width √(s²·2(Nρ²+1)/(N²ρ²)·ln(√(Nρ²+1)/α)) with s² = N·se², N = n_A + n_B, ρ² = (-2lnα + ln(-2lnα + 1))/n_tune;
/// p = min(1, √(Nρ²+1)·exp(-ρ²·(N·diff)²/s² / 2(Nρ²+1))).
///
/// # Assumptions
/// Many units (100 per arm at least): the guarantee holds in the limit only.
///
/// # Errors
/// `invalid-argument` if alpha is not between 0 and ½ or n_tune below 1; a moment that is not finite gives `invalid_input`.
///
/// # Source
/// Waudby-Smith et al. (2021), arXiv 2103.06476, equations 9, 155 and 161; reference values from mpmath.
///
/// # Examples
/// ```
/// use trialplate::stats::{ArmMoments, asymptotic_sequence};
/// let a = ArmMoments { n: 500, mean: 0.7175, variance: 0.0796 };
/// let b = ArmMoments { n: 500, mean: 0.74, variance: 0.075 };
/// assert!((asymptotic_sequence(a, b, 0.05, 1000.0)?.half_width.unwrap() - 0.05337136897100026).abs() < 1e-12);
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn asymptotic_sequence(
    a: ArmMoments,
    b: ArmMoments,
    alpha: f64,
    n_tune: f64,
) -> Result<AsymptoticSequence> {
    SequencePlan { alpha, n_tune, truncation: 1.0 }.check()?;
    let few_units = a.n.min(b.n) < ASYMPTOTIC_UNITS;
    let mut found = AsymptoticSequence {
        status: Status::Ok,
        diff: None,
        half_width: None,
        low: None,
        high: None,
        p_value: None,
        few_units,
    };
    if !all_finite(&[a.mean, b.mean, a.variance, b.variance]) || a.variance < 0.0 || b.variance < 0.0 {
        found.status = Status::InvalidInput;
        return Ok(found);
    }
    let diff = b.mean - a.mean;
    if !diff.is_finite() {
        found.status = Status::InvalidInput;
        return Ok(found);
    }
    if a.n < 2 || b.n < 2 {
        found.status = Status::InsufficientData;
        return Ok(found);
    }
    found.diff = Some(diff);
    let n = a.n as f64 + b.n as f64;
    // s² = N·se² is never formed: it would overflow where the standard error does not.
    let of_arm = |arm: ArmMoments| libm::sqrt(arm.variance) / libm::sqrt(arm.n as f64);
    let se = libm::hypot(of_arm(a), of_arm(b));
    if se == 0.0 {
        found.status = Status::ZeroVariance;
        return Ok(found);
    }
    let log = -2.0 * libm::log(alpha);
    let rho2 = (log + libm::log1p(log)) / n_tune;
    let grown = n * rho2 + 1.0;
    let half = se * libm::sqrt(2.0 * grown / (n * rho2) * (libm::log(grown) / 2.0 - libm::log(alpha)));
    let z = diff / se;
    let evidence = n * rho2 / grown * z * z / 2.0;
    found.half_width = Some(half);
    (found.low, found.high) = (Some(diff - half), Some(diff + half));
    found.p_value = Some(libm::exp(libm::log(grown) / 2.0 - evidence).min(1.0));
    Ok(found)
}

/// The empirical Bernstein confidence sequence: a closed form, wider than betting.
///
/// # Shapes and units
/// Values in \[0,1\] in the order in which they came; (low, high) after the last of them, `None` if a value lies outside.
///
/// # Formula
/// weighted mean Σλx/Σλ ± (ln(2/α) + Σ(x_i - x̄_{i-1})²(-ln(1-λ_i) - λ_i))/Σλ, λ_t = min(c, √(2ln(2/α)/(σ̂²_{t-1}·t·ln(1+t)))).
///
/// # Errors
/// `invalid-argument` if alpha is not between 0 and ½, or the truncation not in (0,1).
///
/// # Source
/// Waudby-Smith and Ramdas (2024), theorem 2; reference values from `confseq`.
///
/// # Examples
/// ```
/// let (low, high) = trialplate::stats::empirical_bernstein(&[0.5; 100], 0.05, 0.5)?.unwrap();
/// assert!(low > 0.3 && high < 0.7);
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn empirical_bernstein(x: &[f64], alpha: f64, truncation: f64) -> Result<Option<(f64, f64)>> {
    SequencePlan { alpha, n_tune: 1.0, truncation }.check()?;
    if truncation >= 1.0 {
        return Err(invalid("truncation", "an empirical Bernstein bet lies below 1"));
    }
    if !x.iter().all(|x| (0.0..=1.0).contains(x)) {
        return Ok(None);
    }
    let log = libm::log(2.0 / alpha);
    let lower = |value: &dyn Fn(f64) -> f64| {
        let (mut bets, mut weighted, mut penalty) = (0.0, 0.0, 0.0);
        let (mut total, mut squares, mut variance, mut before) = (0.0, 0.25, 0.25, 0.0);
        for (i, x) in x.iter().map(|&x| value(x)).enumerate() {
            let t = (i + 1) as f64;
            let size = libm::sqrt(2.0 * log / (t * libm::log1p(t) * variance)).min(truncation);
            penalty += (x - before) * (x - before) * (-libm::log1p(-size) - size);
            bets += size;
            weighted += size * x;
            total += x;
            before = total / t;
            let r = x - (0.5 + total) / (t + 1.0);
            squares += r * r;
            variance = squares / (t + 1.0);
        }
        if bets == 0.0 { 0.0 } else { ((weighted - log - penalty) / bets).max(0.0) }
    };
    Ok(Some((lower(&|x| x), 1.0 - lower(&|x| 1.0 - x))))
}
