//! Several responses of one user are one unit: averaged first, or weighed by the delta method.

use super::paired::largest;
use super::sum::{Pair, all_finite, mean, sum};
use super::welch::{Moments, welch_from_moments};
use super::{Welch, check_open_unit};
use crate::error::Result;

/// Two arms of users with several responses each.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct UnitComparison {
    /// The comparison on users.
    pub test: Welch,
    /// Users of A without any score.
    pub n_missing_a: usize,
    /// Users of B without any score.
    pub n_missing_b: usize,
}

/// Compares the mean of the users' means: every user counts the same.
///
/// # Shapes and units
/// One list of scores per user.
///
/// # Errors
/// As [`welch`](super::welch()).
///
/// # Source
/// statistics.md (b), `unit_mean`.
///
/// # Examples
/// ```
/// use trialplate::stats::unit_means;
/// let a = [vec![4.0, 2.0], vec![5.0]];
/// let b = [vec![1.0], vec![2.0, 2.0], vec![]];
/// let r = unit_means(&a, &b, 0.05)?;
/// assert_eq!((r.test.mean_a, r.test.n_b, r.n_missing_b), (Some(4.0), 2, 1));
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn unit_means<U: AsRef<[f64]>>(a: &[U], b: &[U], alpha: f64) -> Result<UnitComparison> {
    check_open_unit("alpha", alpha)?;
    let (of_a, of_b) = (scored(a), scored(b));
    let test = welch_from_moments(&of_means(&of_a), &of_means(&of_b), alpha);
    Ok(UnitComparison { test, n_missing_a: a.len() - of_a.len(), n_missing_b: b.len() - of_b.len() })
}

/// The users that have a score.
fn scored<U: AsRef<[f64]>>(arm: &[U]) -> Vec<&[f64]> {
    arm.iter().map(AsRef::as_ref).filter(|scores| !scores.is_empty()).collect()
}

fn of_means(users: &[&[f64]]) -> Moments {
    let means: Vec<Pair> = users.iter().map(|scores| mean(scores)).collect();
    // Means of decimals that are the same differ by the rounding of the decimals; a single score is as it is.
    let single = users.iter().all(|scores| scores.len() == 1);
    let scale = users.iter().map(|scores| largest(scores)).fold(0.0, f64::max);
    Moments::of(&means, if single { 0.0 } else { f64::EPSILON * scale })
}

/// Compares the mean of all responses: every response counts the same, and the users are still the units.
///
/// # Formula
/// R = ΣS_u / Σn_u; z_u = (S_u - R·n_u)/n̄; the variance of R is s²_z / users (delta method); Welch on users.
///
/// # Errors
/// As [`welch`](super::welch()).
///
/// # Source
/// Deng, Knoblich and Lu (2018); statistics.md (b), `response_mean`.
///
/// # Examples
/// ```
/// use trialplate::stats::ratio_metric;
/// let a = [vec![4.0, 2.0], vec![5.0]];
/// let b = [vec![1.0], vec![2.0, 2.0]];
/// assert_eq!(ratio_metric(&a, &b, 0.05)?.test.mean_a, Some(11.0 / 3.0));
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn ratio_metric<U: AsRef<[f64]>>(a: &[U], b: &[U], alpha: f64) -> Result<UnitComparison> {
    check_open_unit("alpha", alpha)?;
    let (of_a, of_b) = (scored(a), scored(b));
    let test = welch_from_moments(&of_ratio(&of_a), &of_ratio(&of_b), alpha);
    Ok(UnitComparison { test, n_missing_a: a.len() - of_a.len(), n_missing_b: b.len() - of_b.len() })
}

/// The mean of all responses, and the variance of a user's part in it.
fn of_ratio(users: &[&[f64]]) -> Moments {
    let all: Vec<f64> = users.concat();
    let ratio = mean(&all);
    let per_user = all.len() as f64 / users.len() as f64;
    let part = |scores: &&[f64]| sum(scores.iter().map(|&y| ratio.residual(y))) / per_user;
    let parts: Vec<Pair> = users.iter().map(|scores| Pair { hi: part(scores), lo: 0.0 }).collect();
    // Each score is off by the rounding of a decimal; where all users give one, it is as it is.
    let most = users.iter().map(|scores| scores.len()).max().unwrap_or(0) as f64;
    let slack = if most > 1.0 { f64::EPSILON * largest(&all) * most / per_user } else { 0.0 };
    let variance = Moments::of(&parts, slack).variance;
    Moments { n: users.len(), mean: ratio, variance: if all_finite(&all) { variance } else { f64::NAN } }
}
