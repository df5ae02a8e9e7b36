//! Several responses of one user are one unit: averaged first, or weighed by the delta method.

use super::sum::{all_finite, mean, sum, variance};
use super::{Status, Summary, Welch, check_open_unit, welch, welch_from_summaries};
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
/// As [`welch`].
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
    let means = |arm: &[U]| -> Vec<f64> {
        let scored = arm.iter().map(AsRef::as_ref).filter(|scores| !scores.is_empty());
        scored.map(|scores| if all_finite(scores) { mean(scores).value() } else { f64::NAN }).collect()
    };
    let (of_a, of_b) = (means(a), means(b));
    let (n_missing_a, n_missing_b) = (a.len() - of_a.len(), b.len() - of_b.len());
    Ok(UnitComparison { test: welch(&of_a, &of_b, alpha)?, n_missing_a, n_missing_b })
}

/// Compares the mean of all responses: every response counts the same, and the users are still the units.
///
/// # Formula
/// R = ΣS_u / Σn_u; z_u = (S_u - R·n_u)/n̄; the variance of R is s²_z / users (delta method); Welch on users.
///
/// # Errors
/// As [`welch`].
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
    let scored = |arm: &[U]| -> Vec<Vec<f64>> {
        arm.iter().map(|u| u.as_ref().to_vec()).filter(|scores| !scores.is_empty()).collect()
    };
    let (of_a, of_b) = (scored(a), scored(b));
    let (n_missing_a, n_missing_b) = (a.len() - of_a.len(), b.len() - of_b.len());
    let finite = |arm: &[Vec<f64>]| arm.iter().all(|scores| all_finite(scores));
    let test = if finite(&of_a) && finite(&of_b) {
        welch_from_summaries(summary(&of_a), summary(&of_b), alpha)?
    } else {
        // The status of the plain comparison says what is wrong.
        let mut test = welch(&[f64::NAN], &[f64::NAN], alpha)?;
        (test.n_a, test.n_b, test.status) = (of_a.len(), of_b.len(), Status::InvalidInput);
        test
    };
    Ok(UnitComparison { test, n_missing_a, n_missing_b })
}

fn summary(users: &[Vec<f64>]) -> Summary {
    let n = users.len();
    let responses = users.iter().map(Vec::len).sum::<usize>() as f64;
    if n == 0 {
        return Summary { n, mean: 0.0, sd: 0.0 };
    }
    let all: Vec<f64> = users.iter().flatten().copied().collect();
    let ratio = mean(&all);
    let per_user = responses / n as f64;
    let away = |scores: &Vec<f64>| sum(scores.iter().map(|&y| ratio.residual(y))) / per_user;
    let z: Vec<f64> = users.iter().map(away).collect();
    let square = variance(&z, mean(&z));
    Summary { n, mean: ratio.value(), sd: if square.is_finite() { libm::sqrt(square) } else { 0.0 } }
}
