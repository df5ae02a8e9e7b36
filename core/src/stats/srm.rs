//! Sample ratio mismatch: do as many units arrive in each arm as the weights say?

use super::dist::chi2_upper;
use super::gamma::{deviance, stirling_error};
use super::srm_exact::{Arm, FEW, few_outcomes, least_likely, mixed};
use super::sum::{Sum, sum};
use super::{Status, invalid};
use crate::error::Result;

/// Below this the split is called broken.
pub const SRM_ALPHA: f64 = 0.001;
/// A Bayes factor from here on is a warning while the experiment runs.
pub const SRM_WARNING: f64 = 100.0;
/// The prior weight, in units, of the planned split.
pub const SRM_CONCENTRATION: f64 = 1000.0;

/// A smaller share than this is a mistake: 2⁵³ units would not put one into the arm.
const LEAST_SHARE: f64 = 1e-30;
/// The most units that are counted: a larger number is no exact f64.
const MOST_UNITS: u64 = 1 << 53;

/// How a p-value was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SrmMethod {
    /// By the chi-squared distribution.
    ChiSquared,
    /// Counted out: the binomial or multinomial test.
    Exact,
    /// Counted out in the arms that expect fewer than 5 units, chi-squared in the others.
    Mixed,
}

/// Whether the counts fit the weights.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Srm {
    /// `insufficient_data` if no unit has arrived.
    pub status: Status,
    /// Σ(O-E)²/E over the arms that have a weight.
    pub chi2: Option<f64>,
    /// Arms that have a weight, less one.
    pub df: u64,
    /// How often a split at least so uneven comes by chance.
    pub p_value: Option<f64>,
    /// How p was found.
    pub method: SrmMethod,
    /// Whether the split is broken: p < 0.001, or units in an arm of weight 0.
    pub mismatch: bool,
}

fn shares(counts: usize, weights: &[f64]) -> Result<Vec<f64>> {
    if counts != weights.len() {
        return Err(invalid("weights", "there is one weight for each count"));
    }
    if !weights.iter().all(|w| w.is_finite() && *w >= 0.0) {
        return Err(invalid("weights", "a weight is a finite number from 0"));
    }
    let total = sum(weights.iter().copied());
    if weights.iter().filter(|&&w| w > 0.0).count() < 2 || !total.is_finite() {
        return Err(invalid("weights", "at least two arms have a weight above 0"));
    }
    let shares: Vec<f64> = weights.iter().map(|w| w / total).collect();
    if weights.iter().zip(&shares).any(|(&w, &share)| w > 0.0 && share < LEAST_SHARE) {
        return Err(invalid("weights", "one weight is nothing against another"));
    }
    Ok(shares)
}

fn units(counts: &[u64]) -> Result<u64> {
    let total = counts.iter().try_fold(0u64, |total, &count| total.checked_add(count));
    match total {
        Some(total) if total <= MOST_UNITS => Ok(total),
        _ => Err(invalid("counts", "there are at most 2⁵³ units")),
    }
}

/// Tests whether units were split as planned.
///
/// # Shapes and units
/// `counts` are units (users) per arm, `weights` the planned split on any scale.
///
/// # Formula
/// χ² = Σ(O-E)²/E with E = N·w/Σw over arms with w > 0, df = k-1. If an E is below 5, the exact p-value: the
/// probability of all outcomes that are no more likely than the one seen. Where two or more arms expect 5 or
/// more and their outcomes are too many to count (over 200,000), the small arms are counted out and the large
/// ones, given those, taken as chi-squared ([`SrmMethod::Mixed`]).
///
/// # Assumptions
/// Units are assigned independently of each other. With so many small arms that even theirs are over 500,000
/// outcomes (about eight arms that expect 4 each), the chi-squared p-value stands; `method` says so.
///
/// # Errors
/// `invalid-argument` for a negative weight, fewer than two arms with a weight, lengths that differ, or more
/// than 2⁵³ units.
///
/// # Source
/// statistics.md (g); reference values from `scipy.stats.chisquare` and `binomtest`.
///
/// # Examples
/// ```
/// use trialplate::stats::srm;
/// assert!(!srm(&[5020, 4980], &[1.0, 1.0])?.mismatch);
/// assert!(srm(&[5200, 4800], &[1.0, 1.0])?.mismatch);
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn srm(counts: &[u64], weights: &[f64]) -> Result<Srm> {
    let shares = shares(counts.len(), weights)?;
    units(counts)?;
    let arms = counts.iter().zip(&shares).map(|(&seen, &share)| Arm { seen, share });
    let (arms, closed): (Vec<Arm>, Vec<Arm>) = arms.partition(|arm| arm.share > 0.0);
    let stray = closed.iter().any(|arm| arm.seen > 0);
    let df = arms.len() as u64 - 1;
    let n = arms.iter().map(|arm| arm.seen).sum::<u64>();
    if n == 0 {
        let (status, method) = (Status::InsufficientData, SrmMethod::ChiSquared);
        return Ok(Srm { status, chi2: None, df, p_value: None, method, mismatch: stray });
    }
    let expected = |arm: &Arm| n as f64 * arm.share;
    let part =
        |arm: &Arm| (arm.seen as f64 - expected(arm)) / expected(arm) * (arm.seen as f64 - expected(arm));
    let chi2 = sum(arms.iter().map(part));
    let large = arms.iter().filter(|arm| expected(arm) >= FEW).count();
    let counted = if large == arms.len() {
        None
    } else if large < 2 || few_outcomes(arms.len(), n) {
        least_likely(&arms).map(|p| (p, SrmMethod::Exact))
    } else {
        mixed(&arms, chi2).map(|p| (p, SrmMethod::Mixed))
    };
    let (p_value, method) = counted.unwrap_or_else(|| (chi2_upper(chi2, df as f64), SrmMethod::ChiSquared));
    let mismatch = p_value < SRM_ALPHA || stray;
    Ok(Srm { status: Status::Ok, chi2: Some(chi2), df, p_value: Some(p_value), method, mismatch })
}

/// The evidence for a broken split while it can still be looked at again: valid at every look.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SrmSequence {
    /// After each period, the logarithm of the Bayes factor against the planned split.
    pub log_bf: Vec<f64>,
    /// After each period, the anytime-valid p-value: the smallest 1/BF so far, at most 1.
    pub p_value: Vec<f64>,
}

/// Follows the split period by period.
///
/// # Shapes and units
/// `periods` holds the new units per arm of each period; `concentration` is the prior weight of the planned
/// split, in units.
///
/// # Formula
/// ln BF = lnΓ(c) - lnΓ(c+N) + Σ[lnΓ(c·p_i+n_i) - lnΓ(c·p_i)] - Σn_i·ln p_i, over all units so far; a unit in
/// an arm of weight 0 makes it infinite.
///
/// # Errors
/// `invalid-argument` as for [`srm`], and for a concentration that is not from 1e-9 to 1e15.
///
/// # Source
/// Lindon and Malek (2022); statistics.md (g). The log-gammas are taken apart by Stirling's series, since
/// their difference would lose nine digits at a million units.
///
/// # Examples
/// ```
/// use trialplate::stats::{SRM_CONCENTRATION, srm_sequence};
/// let r = srm_sequence(&[vec![500, 500], vec![510, 490]], &[1.0, 1.0], SRM_CONCENTRATION)?;
/// assert_eq!(r.p_value, [1.0, 1.0]);
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn srm_sequence(periods: &[Vec<u64>], weights: &[f64], concentration: f64) -> Result<SrmSequence> {
    if !(1e-9..=1e15).contains(&concentration) {
        return Err(invalid("concentration", "a concentration is a number of units, from 1e-9 to 1e15"));
    }
    let mut counts = vec![0u64; weights.len()];
    let shares = shares(weights.len(), weights)?;
    let (mut log_bf, mut p_value) = (Vec::new(), Vec::new());
    let mut least: f64 = 1.0;
    for period in periods {
        if period.len() != counts.len() {
            return Err(invalid("counts_per_period", "there is one weight for each count"));
        }
        for (total, new) in counts.iter_mut().zip(period) {
            *total = units(&[*total, *new])?;
        }
        units(&counts)?;
        let log = log_bayes_factor(&counts, &shares, concentration);
        least = least.min(libm::exp(-log));
        log_bf.push(log);
        p_value.push(least);
    }
    Ok(SrmSequence { log_bf, p_value })
}

fn log_bayes_factor(counts: &[u64], shares: &[f64], c: f64) -> f64 {
    if counts.iter().zip(shares).any(|(&n, &p)| p == 0.0 && n > 0) {
        return f64::INFINITY;
    }
    let n = counts.iter().sum::<u64>() as f64;
    let a = c + n;
    let mut total = Sum::default();
    total.add(libm::log(a / c) / 2.0 + stirling_error(c) - stirling_error(a));
    for (&count, &p) in counts.iter().zip(shares).filter(|(_, p)| **p > 0.0) {
        let (prior, seen) = (c * p, c * p + count as f64);
        // a_i ln(a_i / a p_i), summed over arms in which the differences add up to nothing.
        total.add(deviance(seen, a * p, count as f64 - n * p));
        total.add(stirling_error(seen) - stirling_error(prior) - libm::log(seen / prior) / 2.0);
    }
    total.value()
}
