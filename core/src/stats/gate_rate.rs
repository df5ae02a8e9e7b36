//! The threshold gate of a pass rate, and how many items it takes.

use super::dist::binomial_tails;
use super::gate::Outcome;
use super::rates::clopper_pearson_one_sided;
use super::{Status, check_open_unit, invalid};
use crate::error::Result;

/// What a rate, or a mean, must reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    /// At least this much (valid outputs ≥ 0.99).
    AtLeast(f64),
    /// At most this much (hallucinations ≤ 0.02).
    AtMost(f64),
}

impl Limit {
    /// The number itself.
    pub fn value(self) -> f64 {
        match self {
            Limit::AtLeast(value) | Limit::AtMost(value) => value,
        }
    }
}

/// What decides a rate gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum RateMode {
    /// The one-sided Clopper-Pearson bound: a pass is shown, not only seen.
    #[default]
    Bound,
    /// The observed rate alone. At n = 50, "≥ 99%" passes a 98% prompt 36% of the time.
    Point,
}

/// A rate gate's decision with everything its sentence needs.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RateGate {
    /// Pass, fail, or not shown.
    pub outcome: Outcome,
    /// Whether the numbers can be read; `insufficient_data` without items.
    pub status: Status,
    /// Items that passed (or, for `AtMost`, that have the defect).
    pub k: u64,
    /// Items.
    pub n: u64,
    /// k/n.
    pub rate: Option<f64>,
    /// One-sided lower bound at level 1-alpha.
    pub lower: Option<f64>,
    /// One-sided upper bound at level 1-alpha.
    pub upper: Option<f64>,
    /// The gate's limit.
    pub limit: Limit,
    /// Items that a bound gate needs if none of them fails; `None` if no number is enough.
    pub n_needed: Option<u64>,
    /// Items it needs in all if no further one fails after those that did.
    pub n_needed_with_failures: Option<u64>,
}

/// Decides whether a rate meets its limit.
///
/// # Formula
/// `AtLeast(L)` by bound: pass if lower ≥ L, fail if upper < L, else cannot tell; `AtMost` mirrored.
/// By point: pass if k/n ≥ L (≤ L), else fail; the bounds are reported all the same.
///
/// # Assumptions
/// Independent items.
///
/// # Errors
/// `invalid-argument` if k > n, the limit lies outside 0 to 1, or alpha is not strictly between 0 and 1.
///
/// # Source
/// Clopper and Pearson (1934); statistics.md, section (e).
///
/// # Examples
/// ```
/// use trialplate::stats::{Limit, Outcome, RateMode, rate_gate};
/// let r = rate_gate(50, 50, Limit::AtLeast(0.99), 0.05, RateMode::Bound)?;
/// assert_eq!((r.outcome, r.n_needed), (Outcome::CannotTell, Some(299)));
/// let r = rate_gate(50, 50, Limit::AtLeast(0.99), 0.05, RateMode::Point)?;
/// assert_eq!(r.outcome, Outcome::Pass);
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn rate_gate(k: u64, n: u64, limit: Limit, alpha: f64, mode: RateMode) -> Result<RateGate> {
    if !(0.0..=1.0).contains(&limit.value()) {
        return Err(invalid("limit", format!("a rate's limit lies between 0 and 1, not {}", limit.value())));
    }
    let bounds = clopper_pearson_one_sided(k, n, alpha)?;
    let outcome = match (bounds.rate, bounds.low, bounds.high) {
        (Some(rate), Some(low), Some(high)) => {
            let (met, proven, refuted) = match limit {
                Limit::AtLeast(limit) => (rate >= limit, low >= limit, high < limit),
                Limit::AtMost(limit) => (rate <= limit, high <= limit, low > limit),
            };
            match mode {
                RateMode::Point if met => Outcome::Pass,
                RateMode::Point => Outcome::Fail,
                RateMode::Bound if proven => Outcome::Pass,
                RateMode::Bound if refuted => Outcome::Fail,
                RateMode::Bound => Outcome::CannotTell,
            }
        }
        _ => Outcome::CannotTell,
    };
    let failures = match limit {
        Limit::AtLeast(_) => n - k,
        Limit::AtMost(_) => k,
    };
    Ok(RateGate {
        outcome,
        status: bounds.status,
        k,
        n,
        rate: bounds.rate,
        lower: bounds.low,
        upper: bounds.high,
        limit,
        n_needed: items_without_failure(limit, 0, alpha)?,
        n_needed_with_failures: items_without_failure(limit, failures, alpha)?,
    })
}

/// The smallest number of items, `failures` of which fail, whose one-sided Clopper-Pearson bound reaches the
/// limit. `None` if none does (a limit of 1, or of 0 for `AtMost`), or if it takes more than 2⁵².
///
/// # Formula
/// The smallest n with P(Bin(n, r) ≤ failures) ≤ alpha, where r is the failure rate the limit allows.
///
/// # Errors
/// `invalid-argument` if the limit lies outside 0 to 1 or alpha is not strictly between 0 and 1.
///
/// # Source
/// The "rule of three" made exact; reference values from mpmath.
///
/// # Examples
/// ```
/// use trialplate::stats::{Limit, items_without_failure};
/// assert_eq!(items_without_failure(Limit::AtLeast(0.99), 0, 0.05)?, Some(299));
/// assert_eq!(items_without_failure(Limit::AtLeast(0.99), 1, 0.05)?, Some(473));
/// assert_eq!(items_without_failure(Limit::AtLeast(1.0), 0, 0.05)?, None);
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn items_without_failure(limit: Limit, failures: u64, alpha: f64) -> Result<Option<u64>> {
    check_open_unit("alpha", alpha)?;
    if !(0.0..=1.0).contains(&limit.value()) {
        return Err(invalid("limit", format!("a rate's limit lies between 0 and 1, not {}", limit.value())));
    }
    let allowed = match limit {
        Limit::AtLeast(limit) => 1.0 - limit,
        Limit::AtMost(limit) => limit,
    };
    // An exact tie (0.5² = 0.25) must not need one item more because of the last bit.
    let level = alpha * (1.0 + 64.0 * f64::EPSILON);
    let enough = |n: u64| match failures {
        0 => libm::exp(n as f64 * libm::log1p(-allowed)) <= level,
        _ => binomial_tails(failures, n, allowed).0 <= level,
    };
    if allowed <= 0.0 {
        return Ok(None);
    }
    if allowed >= 1.0 {
        return Ok(Some(failures.saturating_add(1)));
    }
    let (mut low, mut high) = (failures, failures.max(1));
    while !enough(high) {
        low = high;
        high *= 2;
        if high > 1 << 52 {
            return Ok(None);
        }
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if enough(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    Ok(Some(high))
}
