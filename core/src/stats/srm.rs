//! Sample ratio mismatch: do as many units arrive in each arm as the weights say?

use super::dist::{binomial_probability, chi2_upper};
use super::gamma::{deviance, stirling_error};
use super::sum::{Sum, sum};
use super::{Status, invalid};
use crate::error::Result;

/// Below this the split is called broken.
pub const SRM_ALPHA: f64 = 0.001;
/// A Bayes factor from here on is a warning while the experiment runs.
pub const SRM_WARNING: f64 = 100.0;
/// The prior weight, in units, of the planned split.
pub const SRM_CONCENTRATION: f64 = 1000.0;

/// An expected count below this makes the chi-squared test inexact.
const FEW: f64 = 5.0;
/// The exact test looks at this many outcomes at the most.
const MOST_OUTCOMES: f64 = 5e6;

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
    /// Whether p was counted out exactly, since an expected count is below 5.
    pub exact: bool,
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
    Ok(weights.iter().map(|w| w / total).collect())
}

/// Tests whether units were split as planned.
///
/// # Shapes and units
/// `counts` are units (users) per arm, `weights` the planned split on any scale.
///
/// # Formula
/// χ² = Σ(O-E)²/E with E = N·w/Σw over arms with w > 0, df = k-1. If an E is below 5, the exact p-value: the
/// probability of all outcomes that are no more likely than the one seen.
///
/// # Assumptions
/// Units are assigned independently of each other. With more than two arms, a small E and so many units that
/// the outcomes can't be counted out (more than 5 million), the chi-squared p-value stands and `exact` is false.
///
/// # Errors
/// `invalid-argument` for a negative weight, fewer than two arms with a weight, or lengths that differ.
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
    let (mut seen, mut planned, mut stray) = (Vec::new(), Vec::new(), 0);
    for (&count, &share) in counts.iter().zip(&shares) {
        if share > 0.0 {
            seen.push(count);
            planned.push(share);
        } else {
            stray += count;
        }
    }
    let df = seen.len() as u64 - 1;
    let n: u64 = seen.iter().sum();
    if n == 0 {
        let (status, mismatch) = (Status::InsufficientData, stray > 0);
        return Ok(Srm { status, chi2: None, df, p_value: None, exact: false, mismatch });
    }
    let expected: Vec<f64> = planned.iter().map(|share| n as f64 * share).collect();
    let chi2 = sum(seen.iter().zip(&expected).map(|(&o, e)| (o as f64 - e) * (o as f64 - e) / e));
    let few = expected.iter().any(|&e| e < FEW);
    let exact = if few { exact_p(&seen, &planned) } else { None };
    let p_value = exact.unwrap_or_else(|| chi2_upper(chi2, df as f64));
    Ok(Srm {
        status: Status::Ok,
        chi2: Some(chi2),
        df,
        p_value: Some(p_value),
        exact: exact.is_some(),
        mismatch: p_value < SRM_ALPHA || stray > 0,
    })
}

/// The probability of all outcomes that are no more likely than the one seen.
fn exact_p(seen: &[u64], planned: &[f64]) -> Option<f64> {
    let n: u64 = seen.iter().sum();
    let mut outcomes = 1.0;
    for k in 1..seen.len() as u64 {
        outcomes *= (n + k) as f64 / k as f64;
    }
    if outcomes > MOST_OUTCOMES {
        return None;
    }
    // An outcome as likely as the one seen must not be lost to rounding.
    let most = probability(seen, planned) * (1.0 + 1e-7);
    let (mut total, mut outcome) = (Sum::default(), vec![0; seen.len()]);
    count_out(&mut outcome, 0, n, &mut |outcome| {
        let p = probability(outcome, planned);
        if p <= most {
            total.add(p);
        }
    });
    Some(total.value().min(1.0))
}

fn count_out(outcome: &mut [u64], arm: usize, left: u64, visit: &mut dyn FnMut(&[u64])) {
    if arm + 1 == outcome.len() {
        outcome[arm] = left;
        return visit(outcome);
    }
    for here in 0..=left {
        outcome[arm] = here;
        count_out(outcome, arm + 1, left - here, visit);
    }
}

/// The multinomial probability, as a product of binomial ones.
fn probability(outcome: &[u64], planned: &[f64]) -> f64 {
    let (mut n, mut rest, mut p) = (outcome.iter().sum::<u64>(), 1.0, 1.0);
    for (&k, &share) in outcome.iter().zip(planned).take(outcome.len() - 1) {
        p *= binomial_probability(k, n, (share / rest).min(1.0));
        n -= k;
        rest -= share;
    }
    p
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
/// `periods` holds the new units per arm of each period; `concentration` is the prior weight of the planned split, in units.
///
/// # Formula
/// ln BF = lnΓ(c) - lnΓ(c+N) + Σ[lnΓ(c·p_i+n_i) - lnΓ(c·p_i)] - Σn_i·ln p_i, over all units so far; a unit in an arm of weight 0
/// makes it infinite.
///
/// # Errors
/// `invalid-argument` as for [`srm`], and for a concentration that is not above 0.
///
/// # Source
/// Lindon and Malek (2022); statistics.md (g). The log-gammas are taken apart by Stirling's series, since their difference
/// would lose nine digits at a million units.
///
/// # Examples
/// ```
/// use trialplate::stats::{SRM_CONCENTRATION, srm_sequence};
/// let r = srm_sequence(&[vec![500, 500], vec![510, 490]], &[1.0, 1.0], SRM_CONCENTRATION)?;
/// assert_eq!(r.p_value, [1.0, 1.0]);
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn srm_sequence(periods: &[Vec<u64>], weights: &[f64], concentration: f64) -> Result<SrmSequence> {
    if !(concentration > 0.0 && concentration.is_finite()) {
        return Err(invalid("concentration", "a concentration is a finite number above 0"));
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
            *total = total.saturating_add(*new);
        }
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
