//! Several responses of one user are one unit: averaged first, or weighed by the delta method.

use std::collections::{BTreeMap, BTreeSet};

use super::paired::largest;
use super::sum::{Pair, all_finite, mean, sum};
use super::welch::{Moments, welch_from_moments};
use super::{Welch, check_open_unit, invalid};
use crate::error::Result;

/// More arms than anybody runs.
const MOST_ARMS: usize = 10_000;

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

/// One response that was scored, or should have been.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Response<'a> {
    /// Who was randomised: the user.
    pub unit: &'a str,
    /// The position of the arm, from 0.
    pub arm: usize,
    /// What tells the unit's responses apart, such as the query's id.
    pub id: &'a str,
    /// `None` where there is no score yet, or judging failed.
    pub score: Option<f64>,
}

/// The scores of each arm's users, one list per user: what [`unit_means`] and [`ratio_metric`] take.
///
/// # Shapes and units
/// `arms` lists of users, each in the order of the users' first responses. A user without any score is an
/// empty list, so that the comparison counts it as missing.
///
/// # Errors
/// `invalid-argument` if an arm is not below `arms`, a user is in two arms, or one response is there twice:
/// nothing is dropped or counted twice in silence.
///
/// # Source
/// statistics.md, sections 0 and 1.
///
/// # Examples
/// ```
/// use trialplate::stats::{Response, units_by_arm};
/// let response = |unit, arm, id, score| Response { unit, arm, id, score };
/// let seen = [response("u1", 0, "q1", Some(4.0)), response("u2", 1, "q1", None), response("u1", 0, "q2",
/// Some(2.0))]; assert_eq!(units_by_arm(&seen, 2)?, [vec![vec![4.0, 2.0]], vec![vec![]]]);
/// let moved = [response("u1", 0, "q1", Some(4.0)), response("u1", 1, "q2", Some(4.0))];
/// assert_eq!(units_by_arm(&moved, 2).unwrap_err().code(), "invalid-argument");
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn units_by_arm(responses: &[Response<'_>], arms: usize) -> Result<Vec<Vec<Vec<f64>>>> {
    if arms > MOST_ARMS {
        return Err(invalid("arms", format!("there are at most {MOST_ARMS} arms")));
    }
    if responses.iter().any(|response| response.arm >= arms) {
        return Err(invalid("arm", format!("an arm is below {arms}")));
    }
    let mut users: Vec<Vec<Vec<f64>>> = vec![Vec::new(); arms];
    let mut places: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut ids = BTreeSet::new();
    for response in responses {
        let Response { unit, arm, id, score } = *response;
        if !ids.insert((unit, id)) {
            return Err(invalid("id", format!("the response `{id}` of the unit `{unit}` is there twice")));
        }
        let (of, place) = *places.entry(unit).or_insert_with(|| {
            users[arm].push(Vec::new());
            (arm, users[arm].len() - 1)
        });
        if of != arm {
            return Err(invalid("unit", format!("the unit `{unit}` is in two arms")));
        }
        users[of][place].extend(score);
    }
    Ok(users)
}
