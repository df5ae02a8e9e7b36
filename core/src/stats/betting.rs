//! Betting: bounds of a mean that hold for any distribution on [0,1], any number of values and any number of looks.
//!
//! Source: Waudby-Smith and Ramdas (2024), "Estimating means of bounded random variables by betting".

use super::{Status, invalid};
use crate::error::Result;

/// The share of the capital that one bet may risk in a confidence sequence.
pub const CS_TRUNCATION: f64 = 0.5;
/// The chance that the harm guard stops a version that is as good.
pub const HARM_ALPHA: f64 = 0.005;
/// What the harm guard is tuned to, of the planned n: a version that is worse by twice the planned effect is stopped soonest.
const HARM_TUNE: f64 = 0.5;

/// How the bets are sized and cut.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bets {
    /// A bound is crossed when the capital reaches 1/level.
    pub(crate) level: f64,
    /// The number of values the bets are tuned to.
    pub(crate) n_tune: f64,
    /// The largest share of the capital that one bet may risk.
    pub(crate) truncation: f64,
}

/// (lower, upper) bound of the mean of `x` in \[0,1\], each valid alone at `bets.level`; the best over all
/// prefixes. The order of `x` is part of the result.
pub(crate) fn running_bounds(x: &[f64], bets: Bets) -> (f64, f64) {
    bounds(x, &sizes(x, bets), bets, Look::AtAny)
}

/// When the capital must have reached its target.
#[derive(Clone, Copy, PartialEq)]
enum Look {
    AtTheEnd,
    AtAny,
}

fn bounds(x: &[f64], sizes: &[f64], bets: Bets, look: Look) -> (f64, f64) {
    let lower = highest_reached(x, sizes, bets, look);
    // The upper bound is the lower one of the mirrored values: the sizes depend on the spread alone.
    let mirrored: Vec<f64> = x.iter().map(|x| 1.0 - x).collect();
    (lower, 1.0 - highest_reached(&mirrored, sizes, bets, look))
}

/// λ_t = √(2 ln(1/level) / (n_tune·σ̂²_{t-1})): a bet knows the past only.
fn sizes(x: &[f64], bets: Bets) -> Vec<f64> {
    let (mut total, mut squares, mut count) = (0.5, 0.25, 1.0);
    x.iter()
        .map(|&x| {
            let variance = squares / count;
            let size = libm::sqrt(-2.0 * libm::log(bets.level) / (bets.n_tune * variance));
            count += 1.0;
            total += x;
            let r = x - total / count;
            squares += r * r;
            size
        })
        .collect()
}

/// What one value adds to the logarithm of the capital that bets on a mean above `m`.
fn gain(x: f64, size: f64, m: f64, truncation: f64) -> f64 {
    libm::log1p(size.min(truncation / m) * (x - m))
}

/// sup{m : Π(1 + min(λ_i, c/m)(x_i - m)) ≥ 1/level}, else 0. The capital falls in m.
fn highest_reached(x: &[f64], sizes: &[f64], bets: Bets, look: Look) -> f64 {
    let target = -libm::log(bets.level);
    let reaches = |m: f64| {
        let mut capital = 0.0;
        let crossed = x.iter().zip(sizes).any(|(&x, &size)| {
            capital += gain(x, size, m, bets.truncation);
            look == Look::AtAny && capital >= target
        });
        crossed || capital >= target
    };
    if !reaches(0.0) {
        return 0.0;
    }
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..100 {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            break;
        }
        if reaches(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

/// How a confidence sequence is tuned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SequencePlan {
    /// The chance that the interval ever misses the mean, at any look.
    pub alpha: f64,
    /// The number of values at which it is tightest.
    pub n_tune: f64,
    /// The share of the capital that one bet may risk.
    pub truncation: f64,
}

impl SequencePlan {
    /// Tuned to three quarters of what is planned, as experiments are.
    pub fn for_planned(alpha: f64, n_planned: u64) -> SequencePlan {
        SequencePlan { alpha, n_tune: (0.75 * n_planned as f64).max(1.0), truncation: CS_TRUNCATION }
    }

    pub(crate) fn check(&self) -> Result<()> {
        if !(self.alpha > 0.0 && self.alpha < 0.5) {
            return Err(invalid("alpha", "the alpha of a confidence sequence lies between 0 and ½"));
        }
        if !(self.n_tune >= 1.0 && self.n_tune.is_finite()) {
            return Err(invalid("n_tune", "a sequence is tuned to at least one value"));
        }
        if !(self.truncation > 0.0 && self.truncation <= 1.0) {
            return Err(invalid("truncation", "a bet risks a share of the capital above 0 and at most 1"));
        }
        Ok(())
    }

    /// Each side at half of alpha.
    fn bets(&self) -> Bets {
        Bets { level: self.alpha / 2.0, n_tune: self.n_tune, truncation: self.truncation }
    }
}

/// An interval for a mean that may be looked at after every value.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ConfidenceSequence {
    /// `invalid_input` for a value outside \[0,1\].
    pub status: Status,
    /// How many values.
    pub n: usize,
    /// The lower bound now.
    pub low: f64,
    /// The upper bound now.
    pub high: f64,
    /// The largest lower bound at any time.
    pub low_running: f64,
    /// The smallest upper bound at any time.
    pub high_running: f64,
    /// ln of the capital that bets on a mean above ½.
    pub log_k_plus_at_half: f64,
    /// ln of the capital that bets on a mean below ½.
    pub log_k_minus_at_half: f64,
    /// min(1, 2 / the largest capital so far): the anytime-valid p-value of "the mean is ½".
    pub p_value: f64,
}

fn in_unit(x: &[f64]) -> bool {
    x.iter().all(|x| (0.0..=1.0).contains(x))
}

/// ln K⁺ and ln K⁻ at `m`, after every value.
fn capitals<'a>(
    x: &'a [f64],
    sizes: &'a [f64],
    m: f64,
    truncation: f64,
) -> impl Iterator<Item = (f64, f64)> + 'a {
    x.iter().zip(sizes).scan((0.0, 0.0), move |(plus, minus), (&x, &size)| {
        *plus += gain(x, size, m, truncation);
        *minus += gain(1.0 - x, size, 1.0 - m, truncation);
        Some((*plus, *minus))
    })
}

/// The confidence sequence of a mean after all of `x`.
///
/// # Shapes and units
/// Values in \[0,1\], in the order in which they came: the order is part of the result.
///
/// # Formula
/// K⁺(m) = Π(1 + min(λ_i, c/m)(x_i - m)), K⁻(m) = Π(1 - min(λ_i, c/(1-m))(x_i - m)), λ_t = √(2·ln(2/α)/(n_tune·σ̂²_{t-1})); the interval holds
/// every m with both capitals below 2/α.
///
/// # Assumptions
/// None on the distribution; each value's mean is the same whatever came before.
///
/// # Errors
/// `invalid-argument` if alpha is not between 0 and ½, n_tune below 1, or truncation not in (0,1].
///
/// # Source
/// Waudby-Smith and Ramdas (2024); reference values from `confseq` and mpmath.
///
/// # Examples
/// ```
/// use trialplate::stats::{SequencePlan, betting_sequence};
/// let r = betting_sequence(&[1.0; 60], SequencePlan { alpha: 0.05, n_tune: 75.0, truncation: 0.5 })?;
/// assert!((r.low - 0.8874521845225063).abs() < 1e-9 && r.high == 1.0);
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn betting_sequence(x: &[f64], plan: SequencePlan) -> Result<ConfidenceSequence> {
    plan.check()?;
    let mut found = ConfidenceSequence {
        status: if in_unit(x) { Status::Ok } else { Status::InvalidInput },
        n: x.len(),
        low: 0.0,
        high: 1.0,
        low_running: 0.0,
        high_running: 1.0,
        log_k_plus_at_half: 0.0,
        log_k_minus_at_half: 0.0,
        p_value: 1.0,
    };
    if found.status != Status::Ok || x.is_empty() {
        if x.is_empty() {
            found.status = Status::InsufficientData;
        }
        return Ok(found);
    }
    let bets = plan.bets();
    let sizes = sizes(x, bets);
    (found.low, found.high) = bounds(x, &sizes, bets, Look::AtTheEnd);
    (found.low_running, found.high_running) = bounds(x, &sizes, bets, Look::AtAny);
    let mut most: f64 = 0.0;
    for (plus, minus) in capitals(x, &sizes, 0.5, plan.truncation) {
        most = most.max(plus.max(minus));
        (found.log_k_plus_at_half, found.log_k_minus_at_half) = (plus, minus);
    }
    found.p_value = (2.0 * libm::exp(-most)).min(1.0);
    Ok(found)
}

/// When a confidence sequence left a value behind.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Stopped {
    /// `invalid_input` for a value outside \[0,1\].
    pub status: Status,
    /// After how many values; none if never.
    pub at: Option<usize>,
    /// The lower bound then, or at the end.
    pub low: f64,
    /// The upper bound then, or at the end.
    pub high: f64,
}

/// After how many values one of the capitals at `m` has reached 2/α.
pub(super) fn first_crossing(x: &[f64], m: f64, plan: SequencePlan) -> Option<usize> {
    let bets = plan.bets();
    let (sizes, target) = (sizes(x, bets), -libm::log(bets.level));
    let crossed = capitals(x, &sizes, m, plan.truncation).position(|(plus, minus)| plus.max(minus) >= target);
    crossed.map(|before| before + 1)
}

/// Finds the first moment at which a mean of `m` is ruled out. It is the same whenever, and however often, anybody looks.
///
/// # Errors
/// As [`betting_sequence`]; `invalid-argument` if m is outside \[0,1\].
///
/// # Source
/// As [`betting_sequence`].
///
/// # Examples
/// ```
/// use trialplate::stats::{SequencePlan, betting_stop};
/// let plan = SequencePlan { alpha: 0.05, n_tune: 75.0, truncation: 0.5 };
/// assert!(betting_stop(&[0.9; 40], 0.5, plan)?.at.is_some());
/// assert_eq!(betting_stop(&[0.5; 40], 0.5, plan)?.at, None);
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn betting_stop(x: &[f64], m: f64, plan: SequencePlan) -> Result<Stopped> {
    plan.check()?;
    if !(0.0..=1.0).contains(&m) {
        return Err(invalid("m", "a mean of values in [0,1] lies in [0,1]"));
    }
    if !in_unit(x) {
        return Ok(Stopped { status: Status::InvalidInput, at: None, low: 0.0, high: 1.0 });
    }
    let (bets, at) = (plan.bets(), first_crossing(x, m, plan));
    let sizes = sizes(x, bets);
    let until = at.unwrap_or(x.len());
    let (low, high) = bounds(&x[..until], &sizes[..until], bets, Look::AtTheEnd);
    Ok(Stopped { status: Status::Ok, at, low, high })
}

/// The harm guard: after how many pairs the data rule out, at any look, that B is as good as A.
///
/// It can only stop B, never crown it.
///
/// # Shapes and units
/// `x` as [`betting_sequence`]: (b - a + 1)/2 with scores mapped to \[0,1\] in the good direction. The bets are tuned to half of
/// the planned n.
///
/// # Errors
/// As [`betting_sequence`].
///
/// # Source
/// statistics.md (d).
///
/// # Examples
/// ```
/// use trialplate::stats::{HARM_ALPHA, harm_guard};
/// assert!(harm_guard(&[0.2; 100], HARM_ALPHA, 100)?.is_some());
/// assert_eq!(harm_guard(&[0.8; 100], HARM_ALPHA, 100)?, None);
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn harm_guard(x: &[f64], alpha: f64, n_planned: u64) -> Result<Option<usize>> {
    let target = -libm::log(alpha);
    let crossed = harm_capitals(x, alpha, n_planned)?.into_iter().position(|log| log >= target);
    Ok(crossed.map(|before| before + 1))
}

/// ln of the harm guard's capital after every value.
pub(super) fn harm_capitals(x: &[f64], alpha: f64, n_planned: u64) -> Result<Vec<f64>> {
    let n_tune = (HARM_TUNE * n_planned as f64).max(1.0);
    SequencePlan { alpha, n_tune, truncation: CS_TRUNCATION }.check()?;
    if !in_unit(x) {
        return Err(invalid("x", "a pair's value lies in [0,1]"));
    }
    let sizes = sizes(x, Bets { level: alpha, n_tune, truncation: CS_TRUNCATION });
    Ok(capitals(x, &sizes, 0.5, CS_TRUNCATION).map(|(_, minus)| minus).collect())
}
