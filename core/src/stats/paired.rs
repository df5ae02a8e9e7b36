//! Old against new on the same items: the paired t-test, and the last step that every t-test shares.

use super::dist::{t_tails, t_upper_quantile};
use super::sum::{Pair, all_finite, mean, mean_sd};
use super::{Status, check_open_unit};
use crate::error::Result;

/// A paired comparison of A (old) and B (new). `None` is "not defined", never 0.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Paired {
    /// Whether the result can be read.
    pub status: Status,
    /// Pairs used.
    pub n: usize,
    /// Items left out because one arm had no score at all.
    pub n_missing: usize,
    /// Mean of A over the pairs used.
    pub mean_a: Option<f64>,
    /// Mean of B over the pairs used.
    pub mean_b: Option<f64>,
    /// Standard deviation of A over items.
    pub sd_a: Option<f64>,
    /// Standard deviation of B over items.
    pub sd_b: Option<f64>,
    /// Standard error of `mean_a` alone.
    pub se_a: Option<f64>,
    /// Standard error of `mean_b` alone.
    pub se_b: Option<f64>,
    /// Mean of the differences B - A.
    pub diff: Option<f64>,
    /// Standard deviation of the differences.
    pub sd_diff: Option<f64>,
    /// Standard error of `diff`.
    pub se: Option<f64>,
    /// Degrees of freedom.
    pub df: Option<f64>,
    /// diff / se.
    pub t: Option<f64>,
    /// Two-sided p-value.
    pub p_value: Option<f64>,
    /// Lower end of the two-sided 1-alpha interval of `diff`.
    pub ci_low: Option<f64>,
    /// Upper end of it.
    pub ci_high: Option<f64>,
}

impl Paired {
    fn empty(status: Status, n: usize) -> Paired {
        Paired {
            status,
            n,
            n_missing: 0,
            mean_a: None,
            mean_b: None,
            sd_a: None,
            sd_b: None,
            se_a: None,
            se_b: None,
            diff: None,
            sd_diff: None,
            se: None,
            df: None,
            t: None,
            p_value: None,
            ci_low: None,
            ci_high: None,
        }
    }

    /// The one-sided 1-alpha bounds of `diff`: (lower, upper), each valid alone. `None` unless the status is ok.
    ///
    /// # Errors
    /// `invalid-argument` if alpha is not strictly between 0 and 1.
    pub fn one_sided(&self, alpha: f64) -> Result<Option<(f64, f64)>> {
        check_open_unit("alpha", alpha)?;
        Ok(match (self.status, self.diff, self.se, self.df) {
            (Status::Ok, Some(diff), Some(se), Some(df)) => {
                let half = t_upper_quantile(alpha, df) * se;
                Some((diff - half, diff + half))
            }
            _ => None,
        })
    }
}

/// Compares A and B on the same items, `a[i]` with `b[i]`.
///
/// It asks whether the mean of B - A is 0. It says nothing about items that are not a sample of what you
/// care about, and two repeats of one item are not two items: average them first, see [`paired_repeats`].
///
/// # Shapes and units
/// One score per item and arm, in the same order; `diff`, `se` and the interval are in score units.
///
/// # Formula
/// dᵢ = bᵢ - aᵢ, D = mean(d), SE = sd(d)/√n, t = D/SE, df = n-1, p = 2·P(T > |t|),
/// interval D ± t(1-α/2, df)·SE.
///
/// # Assumptions
/// Items are independent, and the differences roughly symmetric or n large. Differences that are all the same
/// up to the rounding of the scores count as the same: `zero_variance`, without a p-value.
///
/// # Errors
/// `invalid-argument` if alpha is not strictly between 0 and 1. Unequal lengths and scores that are not
/// finite give [`Status::InvalidInput`], fewer than two pairs [`Status::InsufficientData`].
///
/// # Source
/// Student (1908); reference values from mpmath and `scipy.stats.ttest_rel`.
///
/// # Examples
/// ```
/// use trialplate::stats::{Status, paired};
/// let r = paired(&[1.0, 2.0], &[2.0, 5.0], 0.05)?;
/// assert_eq!((r.diff, r.se, r.df), (Some(2.0), Some(1.0), Some(1.0)));
/// assert!((r.p_value.unwrap() - 0.2951672353).abs() < 1e-9);
/// assert_eq!(paired(&[1.0, 2.0], &[1.0, 2.0], 0.05)?.status, Status::ZeroVariance);
/// assert_eq!(paired(&[], &[], 2.0).unwrap_err().code(), "invalid-argument");
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn paired(a: &[f64], b: &[f64], alpha: f64) -> Result<Paired> {
    check_open_unit("alpha", alpha)?;
    let n = a.len().min(b.len());
    if a.len() != b.len() || !all_finite(a) || !all_finite(b) {
        return Ok(Paired::empty(Status::InvalidInput, n));
    }
    let d: Vec<f64> = a.iter().zip(b).map(|(a, b)| b - a).collect();
    Ok(from_parts(a, b, &d, alpha))
}

/// `d` is given besides `a` and `b` because means of repeats have low parts that only the difference keeps.
fn from_parts(a: &[f64], b: &[f64], d: &[f64], alpha: f64) -> Paired {
    let n = d.len();
    let mut found = Paired::empty(Status::Ok, n);
    let (Some(of_a), Some(of_b), Some(of_d)) = (mean_sd(a), mean_sd(b), mean_sd(d)) else {
        found.status = if n == 0 { Status::InsufficientData } else { Status::InvalidInput };
        return found;
    };
    (found.mean_a, found.mean_b, found.diff) = (Some(of_a.mean), Some(of_b.mean), Some(of_d.mean));
    (found.sd_a, found.sd_b, found.sd_diff) = (of_a.sd, of_b.sd, of_d.sd);
    (found.se_a, found.se_b) = (of_a.se, of_b.se);
    let (Some(sd), true) = (of_d.sd, n >= 2) else {
        found.status = Status::InsufficientData;
        return found;
    };
    if differences_equal(d, largest(a).max(largest(b))) || sd == 0.0 {
        found.status = Status::ZeroVariance;
        found.sd_diff = Some(0.0);
        return found;
    }
    let test = TTest::new(of_d.mean, sd / libm::sqrt(n as f64), n as f64 - 1.0, alpha);
    (found.se, found.df, found.t) = (Some(test.se), Some(test.df), Some(test.t));
    (found.p_value, found.ci_low, found.ci_high) =
        (Some(test.p_value), Some(test.ci_low), Some(test.ci_high));
    found
}

/// The interval of the mean of one sample between two ends: the paired one against zeros.
pub(crate) fn mean_interval(
    (low, high): (f64, f64),
    moments: &super::MeanSd,
    alpha: f64,
) -> Option<(f64, f64)> {
    let sd = moments.sd?;
    if differences_equal(&[low, high], low.abs().max(high.abs())) || sd == 0.0 {
        return None;
    }
    let n = moments.n as f64;
    let test = TTest::new(moments.mean, sd / libm::sqrt(n), n - 1.0, alpha);
    Some((test.ci_low, test.ci_high))
}

/// The last step that every t-test shares.
pub(crate) struct TTest {
    pub(crate) se: f64,
    pub(crate) df: f64,
    pub(crate) t: f64,
    pub(crate) p_value: f64,
    pub(crate) ci_low: f64,
    pub(crate) ci_high: f64,
}

impl TTest {
    pub(crate) fn new(diff: f64, se: f64, df: f64, alpha: f64) -> TTest {
        // A quotient past the largest number is that number: nothing that is read from it differs.
        let t = (diff / se).clamp(-f64::MAX, f64::MAX);
        let half = t_upper_quantile(alpha / 2.0, df) * se;
        let p_value = (2.0 * t_tails(t.abs(), df).1).min(1.0);
        TTest { se, df, t, p_value, ci_low: diff - half, ci_high: diff + half }
    }
}

pub(crate) fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most, x| most.max(x.abs()))
}

/// Whether differences of scores up to `scale` are all the same but for the rounding of decimal scores.
///
/// 0.3-0.1 and 0.4-0.2 are not the same f64. Without this, "every item gained 0.2" would be a p-value of
/// 1e-17 instead of `zero_variance`. Decimals are off by half a unit in the last place of `scale` each.
pub(crate) fn differences_equal(d: &[f64], scale: f64) -> bool {
    let low = d.iter().copied().fold(f64::INFINITY, f64::min);
    let high = d.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    high - low <= 2.0 * f64::EPSILON * scale
}

/// The mean of one item's repeats; `None` where there is no score. Missing repeats are skipped.
///
/// # Examples
/// ```
/// use trialplate::stats::mean_of_repeats;
/// assert_eq!(mean_of_repeats(&[Some(3.0), None, Some(4.0)]), Some(3.5));
/// assert_eq!(mean_of_repeats(&[None]), None);
/// ```
pub fn mean_of_repeats(repeats: &[Option<f64>]) -> Option<f64> {
    pair_of_repeats(repeats).map(Pair::value)
}

fn pair_of_repeats(repeats: &[Option<f64>]) -> Option<Pair> {
    let scores: Vec<f64> = repeats.iter().copied().flatten().collect();
    (!scores.is_empty()).then(|| mean(&scores))
}

/// Compares A and B on the same items when items were tried several times: repeats are averaged first.
///
/// Repeats are not more items; taken as such, 5% false positives become 20 to 53%. An item without any score
/// in one arm leaves the comparison and is counted in `n_missing`.
///
/// # Formula
/// dᵢ = mean(bᵢ·) - mean(aᵢ·), then [`paired`].
///
/// # Errors
/// As [`paired`].
///
/// # Source
/// statistics.md, section (a); Miller (2024), arXiv:2411.00640, on clustered standard errors.
///
/// # Examples
/// ```
/// use trialplate::stats::paired_repeats;
/// let a = [vec![Some(4.0), Some(5.0)], vec![Some(3.0)], vec![Some(1.0)]];
/// let b = [vec![Some(5.0)], vec![Some(3.0), None], vec![]];
/// let r = paired_repeats(&a, &b, 0.05)?;
/// assert_eq!((r.n, r.n_missing, r.diff), (2, 1, Some(0.25)));
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn paired_repeats<R: AsRef<[Option<f64>]>>(a: &[R], b: &[R], alpha: f64) -> Result<Paired> {
    check_open_unit("alpha", alpha)?;
    let (mut of_a, mut of_b, mut d, mut missing) = (Vec::new(), Vec::new(), Vec::new(), 0);
    let finite = |r: &R| r.as_ref().iter().flatten().all(|x| x.is_finite());
    if a.len() != b.len() || !a.iter().all(finite) || !b.iter().all(finite) {
        return Ok(Paired::empty(Status::InvalidInput, a.len().min(b.len())));
    }
    for (a, b) in a.iter().zip(b) {
        match (pair_of_repeats(a.as_ref()), pair_of_repeats(b.as_ref())) {
            (Some(a), Some(b)) => {
                of_a.push(a.value());
                of_b.push(b.value());
                d.push(b.minus(a));
            }
            _ => missing += 1,
        }
    }
    let mut found = from_parts(&of_a, &of_b, &d, alpha);
    found.n_missing = missing;
    Ok(found)
}
