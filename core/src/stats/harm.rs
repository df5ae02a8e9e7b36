//! The harm guard over pairs: a look that can stop a bad variant early, and can do nothing else.

use super::Status;
use super::anytime::{ScoreRange, pair_units};
use super::betting::harm_capitals;
use super::display::{count, percent};
use crate::error::Result;

/// What the harm guard has seen.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct HarmWatch {
    /// `invalid_input` for a score outside its range, `insufficient_data` without a pair.
    pub status: Status,
    /// Pairs there are.
    pub pairs: usize,
    /// After how many B was stopped; none if it was not.
    pub stopped_at: Option<usize>,
    /// ln of the capital that bets on "B is worse", then or now.
    pub log_capital: Option<f64>,
    /// min(1, 1 / the largest capital so far): the anytime-valid one-sided p-value of "B is as good as A".
    pub p_value: Option<f64>,
    /// The chance that the guard stops a variant that is as good.
    pub alpha: f64,
}

impl HarmWatch {
    /// What a person reads when B is stopped; none as long as it is not.
    pub fn sentence(&self) -> Option<String> {
        let pairs = count(self.stopped_at? as u64);
        Some(format!(
            "**Stopped: B is worse.** After {pairs} pairs the data rule out \"B is as good as A\" at any \
             stopping time \
             (harm guard, {}).",
            percent(self.alpha)
        ))
    }
}

/// Watches an experiment for harm, pair after pair.
///
/// # Shapes and units
/// Scores of both arms in the order of arrival, one per unit, paired as [`pair_units`] does. `weights` are
/// whole numbers.
///
/// # Formula
/// K⁻(½) of [`betting_sequence`] with all of alpha on its one side, n_tune = ½·n_planned, on x = (b - a +
/// 1)/2 in the good
/// direction; stopped at the first pair with K⁻ ≥ 1/alpha.
///
/// # Assumptions
/// None on the distribution; a unit's score is final when it is paired.
///
/// # Errors
/// As [`pair_units`]; `invalid-argument` for an empty range, or an alpha not between 0 and ½.
///
/// # Source
/// Waudby-Smith and Ramdas (2024); statistics.md (d).
///
/// # Examples
/// ```
/// use trialplate::stats::{HARM_ALPHA, ScoreRange, harm_watch};
/// let range = ScoreRange { min: 1.0, max: 5.0 };
/// let r = harm_watch(&[4.0; 80], &[2.0; 80], (1, 1), range, true, HARM_ALPHA, 100)?;
/// assert!(r.stopped_at.is_some() && r.p_value <= Some(0.005));
/// // Where lower is better, B is the better one, and the guard has nothing to say.
/// assert_eq!(harm_watch(&[4.0; 80], &[2.0; 80], (1, 1), range, false, HARM_ALPHA, 100)?.stopped_at, None);
/// # Ok::<(), trialplate::Error>(())
/// ```
///
/// [`betting_sequence`]: super::betting_sequence
pub fn harm_watch(
    a: &[f64],
    b: &[f64],
    weights: (u64, u64),
    range: ScoreRange,
    higher_is_better: bool,
    alpha: f64,
    n_planned: u64,
) -> Result<HarmWatch> {
    range.check()?;
    let pairs = pair_units(a, b, weights)?;
    // Also refuses a wrong alpha where there is no pair yet.
    let mut found = HarmWatch {
        status: Status::InsufficientData,
        pairs: pairs.len(),
        stopped_at: None,
        log_capital: None,
        p_value: None,
        alpha,
    };
    harm_capitals(&[], alpha, n_planned)?;
    if !a.iter().chain(b).all(|&x| range.holds(x)) {
        (found.status, found.pairs) = (Status::InvalidInput, 0);
        return Ok(found);
    }
    if pairs.is_empty() {
        return Ok(found);
    }
    // Rounding may lead a hair out of the unit interval.
    let good = |pair| {
        let x = range.map_pair(pair).clamp(0.0, 1.0);
        if higher_is_better { x } else { 1.0 - x }
    };
    let x: Vec<f64> = pairs.into_iter().map(good).collect();
    let capitals = harm_capitals(&x, alpha, n_planned)?;
    let target = -libm::log(alpha);
    found.stopped_at = capitals.iter().position(|&log| log >= target).map(|before| before + 1);
    let seen = &capitals[..found.stopped_at.unwrap_or(capitals.len())];
    let most = seen.iter().copied().fold(0.0, f64::max);
    found.status = Status::Ok;
    found.log_capital = seen.last().copied();
    found.p_value = Some(libm::exp(-most).min(1.0));
    Ok(found)
}
