//! Several p-values at once: Holm for what is claimed, Benjamini-Hochberg for where to look next.

use super::{check_open_unit, invalid};
use crate::error::Result;

/// Adjusted p-values, in the order in which the p-values were given.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Adjusted {
    /// The adjusted p-values.
    pub p: Vec<f64>,
    /// Which of them stay at or below alpha.
    pub reject: Vec<bool>,
}

/// Holm's step-down procedure: the chance of one false claim among all stays below alpha.
///
/// # Formula
/// p sorted: p̃_(i) = max over j ≤ i of min(1, (m-j+1)·p_(j)).
///
/// # Errors
/// `invalid-argument` if a p-value is not between 0 and 1 (NaN included), or alpha not strictly between them.
///
/// # Source
/// Holm (1979); reference values from `statsmodels.stats.multitest`.
///
/// # Examples
/// ```
/// use trialplate::stats::holm;
/// assert_eq!(holm(&[0.01, 0.04, 0.03], 0.05)?.reject, [true, false, false]);
/// assert!(holm(&[f64::NAN], 0.05).is_err());
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn holm(p: &[f64], alpha: f64) -> Result<Adjusted> {
    let order = ordered(p, alpha)?;
    let mut adjusted = vec![0.0; p.len()];
    let mut most: f64 = 0.0;
    for (rank, &i) in order.iter().enumerate() {
        most = most.max(((p.len() - rank) as f64 * p[i]).min(1.0));
        adjusted[i] = most;
    }
    Ok(finish(adjusted, alpha))
}

/// Benjamini and Hochberg's step-up procedure: among what is pointed at, a share of alpha is false on average.
///
/// For looking around (strata, segments), never for a verdict.
///
/// # Formula
/// p sorted: p̃_(i) = min over j ≥ i of min(1, m·p_(j)/j).
///
/// # Errors
/// As [`holm`].
///
/// # Source
/// Benjamini and Hochberg (1995); reference values from `statsmodels.stats.multitest`.
///
/// # Examples
/// ```
/// use trialplate::stats::benjamini_hochberg;
/// assert_eq!(benjamini_hochberg(&[0.01, 0.04, 0.03], 0.05)?.reject, [true, true, true]);
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn benjamini_hochberg(p: &[f64], alpha: f64) -> Result<Adjusted> {
    let order = ordered(p, alpha)?;
    let mut adjusted = vec![0.0; p.len()];
    let mut least: f64 = 1.0;
    for (rank, &i) in order.iter().enumerate().rev() {
        least = least.min(p[i] / ((rank + 1) as f64 / p.len() as f64));
        adjusted[i] = least;
    }
    Ok(finish(adjusted, alpha))
}

/// The positions of the p-values from the smallest to the largest; equal ones keep their order.
fn ordered(p: &[f64], alpha: f64) -> Result<Vec<usize>> {
    check_open_unit("alpha", alpha)?;
    if !p.iter().all(|p| (0.0..=1.0).contains(p)) {
        return Err(invalid("p", "a p-value lies between 0 and 1"));
    }
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    Ok(order)
}

fn finish(p: Vec<f64>, alpha: f64) -> Adjusted {
    // A few units in the last place of slack: 3 · 0.05 / 3 is a hair above 0.05, and a tie is a claim.
    let reject = p.iter().map(|&p| p <= alpha * (1.0 + 4.0 * f64::EPSILON)).collect();
    Adjusted { p, reject }
}
