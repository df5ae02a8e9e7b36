//! Items that were tried several times: how much of the noise is the trying.

use super::dist::t_upper_quantile;
use super::sum::{all_finite, mean, sum, variance};
use super::{check_open_unit, invalid};
use crate::error::Result;

/// The noise between the repeats of one item, pooled over items.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct RepeatNoise {
    /// The variance between repeats of one item, σ²_w.
    pub variance: f64,
    /// What it was estimated with: repeats less items that have any.
    pub df: u64,
}

/// Returns the variance between repeats of one item; `None` if no item was tried twice.
///
/// # Formula
/// σ²_w = ΣᵢΣₖ (xᵢₖ - x̄ᵢ)² ⁄ Σᵢ (Kᵢ - 1).
///
/// # Assumptions
/// Items differ in their mean and not much in their noise; if they do, this is the average over the repeats.
///
/// # Errors
/// `invalid-argument` for a score that is not finite.
///
/// # Source
/// One-way analysis of variance; statistics.md (a).
///
/// # Examples
/// ```
/// use trialplate::stats::repeat_noise;
/// let found = repeat_noise(&[vec![1.0, 3.0], vec![5.0], vec![4.0, 4.0]])?.unwrap();
/// assert_eq!((found.variance, found.df), (1.0, 2));
/// assert_eq!(repeat_noise(&[[1.0], [2.0]])?, None);
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn repeat_noise<R: AsRef<[f64]>>(items: &[R]) -> Result<Option<RepeatNoise>> {
    if !items.iter().all(|item| all_finite(item.as_ref())) {
        return Err(invalid("scores", "a score is a finite number"));
    }
    let tried = || items.iter().map(AsRef::as_ref).filter(|item| item.len() > 1);
    let df: usize = tried().map(|item| item.len() - 1).sum();
    if df == 0 {
        return Ok(None);
    }
    let squares = tried().map(|item| variance(item, mean(item)) * (item.len() - 1) as f64);
    Ok(Some(RepeatNoise { variance: sum(squares) / df as f64, df: df as u64 }))
}

/// Returns the variance that repeats alone put into an item's difference, on average over items.
///
/// # Shapes and units
/// Repeats per item of A and of B, in the same order; each item has at least one in each. Squared score units.
///
/// # Formula
/// meanᵢ σ²_w·(1⁄K_ai + 1⁄K_bi); with K repeats everywhere 2·σ²_w⁄K. Over sd²(d) it is the share of the noise that
/// more repeats could remove.
///
/// # Errors
/// `invalid-argument` if the lengths differ, an item has no repeat in an arm, or a score is not finite.
///
/// # Source
/// statistics.md (a); Miller (2024), arXiv:2411.00640.
///
/// # Examples
/// ```
/// use trialplate::stats::repeat_variance;
/// let (noise, within) = repeat_variance(&[[1.0, 3.0], [4.0, 4.0]], &[[2.0, 2.0], [5.0, 7.0]])?.unwrap();
/// assert_eq!((noise, within.variance, within.df), (1.0, 1.0, 4));
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn repeat_variance<R: AsRef<[f64]>>(a: &[R], b: &[R]) -> Result<Option<(f64, RepeatNoise)>> {
    let all: Vec<&[f64]> = a.iter().chain(b).map(AsRef::as_ref).collect();
    if a.len() != b.len() || all.iter().any(|item| item.is_empty()) {
        return Err(invalid("scores", "every item has at least one repeat in both arms"));
    }
    let Some(within) = repeat_noise(&all)? else { return Ok(None) };
    let each = sum(all.iter().map(|item| 1.0 / item.len() as f64)) / a.len() as f64;
    Ok(Some((within.variance * each, within)))
}

/// Returns how far the means of two runs of one version lie apart by chance: the standard deviation of their
/// difference, and the half-width of its 1-alpha interval.
///
/// # Formula
/// sd = √(v⁄n) with v the variance of one item's difference from noise alone; half-width t(1-α⁄2, df)·sd.
///
/// # Assumptions
/// Items are noisy independently. What moves all items of a run together (a bad hour of the provider) is not in it.
///
/// # Errors
/// `invalid-argument` if v is negative or not finite, n or df is 0, or alpha is not strictly between 0 and 1.
///
/// # Source
/// statistics.md (a).
///
/// # Examples
/// ```
/// let (sd, half) = trialplate::stats::noise_floor(0.25, 100, 100, 0.05)?;
/// assert_eq!(sd, 0.05);
/// assert!((half - 0.0991985759).abs() < 1e-9);
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn noise_floor(variance: f64, n: u64, df: u64, alpha: f64) -> Result<(f64, f64)> {
    check_open_unit("alpha", alpha)?;
    if !variance.is_finite() || variance < 0.0 || n == 0 || df == 0 {
        return Err(invalid(
            "variance",
            "noise has a finite variance of at least 0, items and degrees of freedom",
        ));
    }
    let sd = libm::sqrt(variance / n as f64);
    Ok((sd, t_upper_quantile(alpha / 2.0, df as f64) * sd))
}
