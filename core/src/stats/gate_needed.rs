//! How many items would settle a mean gate that could not tell.

use super::check_open_unit;
use super::gate::{MeanGate, Outcome, RuleUsed};
use super::gate_rate::{Limit, items_without_failure};
use super::plan::{n_for_gate, n_repeats};
use super::power::{Sides, Target};
use super::sum::{mean, sum, variance};
use crate::error::Result;

/// What would settle a gate that could not tell.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Settling {
    /// So many items in all.
    pub items: u64,
    /// With this chance; `None` where nothing varies, and it takes no luck but that nothing changes.
    pub chance: Option<f64>,
    /// The chance holds if nothing has changed; otherwise if what was measured is the truth.
    pub if_unchanged: bool,
    /// The betting bound decided, and needs more than this.
    pub at_least: bool,
}

/// How many items would settle the gate, with the chance given. `None` if it is settled, if nothing can be said
/// (fewer than two items, no range), or if the measured figure lies at the limit itself.
///
/// # Formula
/// As [`n_for_gate`] with the standard deviation of the tested differences: at the distance margin if nothing has
/// changed; where that is no more than there are items, or there is no margin, at the distance |diff + margin| that
/// was measured. All differences equal: the n at which p₀ = 1 - alpha^(1/n) is small enough for the bound to hold.
///
/// # Errors
/// `invalid-argument` if alpha or the chance is not strictly between 0 and 1.
///
/// # Source
/// statistics.md, sections (c) and (e).
///
/// # Examples
/// ```
/// use trialplate::stats::{BoundRule, Tolerance, items_to_settle, non_inferiority_paired};
/// let old: Vec<f64> = (0..50).map(|i| f64::from(i % 5)).collect();
/// let new: Vec<f64> = (0..50).map(|i| f64::from(i % 5) + if i % 2 == 0 { 0.8 } else { -0.8 }).collect();
/// let gate = non_inferiority_paired(&old, &new, Tolerance::Absolute(0.1), true, None, 0.05, BoundRule::T)?;
/// assert_eq!(items_to_settle(&gate, 0.05, 0.9)?.map(|s| (s.items, s.if_unchanged)), Some((561, true)));
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn items_to_settle(gate: &MeanGate, alpha: f64, chance: f64) -> Result<Option<Settling>> {
    check_open_unit("alpha", alpha)?;
    check_open_unit("chance", chance)?;
    let (Outcome::CannotTell, Some(diff)) = (gate.outcome, gate.diff) else { return Ok(None) };
    let distance = diff + gate.margin_used;
    let at_least = gate.rule == RuleUsed::Betting;
    let Some(sd) = gate.sd.filter(|sd| *sd > 0.0 && gate.rule != RuleUsed::ZeroVariance) else {
        let Some(reach) = gate.contrast.zip(gate.worst).map(|(now, worst)| now - worst) else {
            return Ok(None);
        };
        if distance <= 0.0 || reach <= 0.0 {
            return Ok(None);
        }
        let items = items_without_failure(Limit::AtMost((distance / reach).min(1.0)), 0, alpha)?;
        return Ok(items.map(|items| Settling { items, chance: None, if_unchanged: true, at_least: false }));
    };
    // More units than can be counted are no answer; so is a distance of nothing.
    let more = |items: &u64| *items > gate.n as u64;
    let n = |distance: f64| n_for_gate(distance, sd, alpha, chance).ok().filter(more);
    let settling = |items, if_unchanged| Settling { items, chance: Some(chance), if_unchanged, at_least };
    Ok(n(gate.margin_used)
        .map(|items| settling(items, true))
        .or_else(|| n(distance.abs()).map(|items| settling(items, false))))
}

/// How often each item must be tried in all for the same items to settle the gate, with the chance given. `None` if it
/// is settled, nothing varies, or no number of trials is enough: then what differs is the items, and it takes more of them.
///
/// # Shapes and units
/// `trials` each item has now; `var_within` is the variance of one item's scores between trials
/// ([`variance_within`]). Both arms are tried as often.
///
/// # Formula
/// The smallest K for which [`n_repeats`] asks for no more items than there are, where the variance between items is
/// what is left of sd² after 2·var_within/trials.
///
/// # Errors
/// `invalid-argument` if alpha or the chance is not strictly between 0 and 1.
///
/// # Source
/// statistics.md, sections (a) and (c).
///
/// # Examples
/// ```
/// use trialplate::stats::{BoundRule, Tolerance, non_inferiority_paired, trials_to_settle};
/// let old: Vec<f64> = (0..50).map(|i| f64::from(i % 5)).collect();
/// let new: Vec<f64> = (0..50).map(|i| f64::from(i % 5) + if i % 2 == 0 { 0.8 } else { -0.8 }).collect();
/// let gate = non_inferiority_paired(&old, &new, Tolerance::Absolute(0.15), true, None, 0.05, BoundRule::T)?;
/// assert_eq!(trials_to_settle(&gate, 2, 0.6, 0.05, 0.9)?, Some(17));
/// assert_eq!(trials_to_settle(&gate, 2, 0.5, 0.05, 0.9)?, None); // most of it is not noise
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn trials_to_settle(
    gate: &MeanGate,
    trials: u64,
    var_within: f64,
    alpha: f64,
    chance: f64,
) -> Result<Option<u64>> {
    check_open_unit("alpha", alpha)?;
    check_open_unit("chance", chance)?;
    let noise = |k: u64| 2.0 * var_within / k as f64;
    let (Outcome::CannotTell, Some(sd)) = (gate.outcome, gate.sd) else { return Ok(None) };
    if trials == 0 || gate.margin_used <= 0.0 || !var_within.is_finite() || var_within <= 0.0 {
        return Ok(None);
    }
    let between = (sd * sd - noise(trials)).max(0.0);
    let target = Target { delta: gate.margin_used, alpha, power: chance, sides: Sides::One };
    let enough = |k: &u64| {
        n_repeats(target, between, var_within, *k).is_ok_and(|found| found.n_items <= gate.n as u64)
    };
    let (mut low, mut high) = (trials, trials.saturating_mul(2));
    while !enough(&high) {
        if high >= MOST_TRIALS {
            return Ok(None);
        }
        (low, high) = (high, high * 2);
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if enough(&middle) { high = middle } else { low = middle }
    }
    Ok(Some(high))
}

/// The variance of one item's scores between its trials, pooled over the items; `None` if none has two.
///
/// # Formula
/// Σ(kᵢ-1)·sᵢ² / Σ(kᵢ-1).
///
/// # Examples
/// ```
/// use trialplate::stats::variance_within;
/// assert_eq!(variance_within(&[vec![1.0, 3.0], vec![4.0, 4.0], vec![5.0]]), Some(1.0));
/// assert_eq!(variance_within(&[vec![5.0]]), None);
/// ```
pub fn variance_within<R: AsRef<[f64]>>(repeats: &[R]) -> Option<f64> {
    let several = || repeats.iter().map(AsRef::as_ref).filter(|scores| scores.len() > 1);
    let df = several().map(|scores| scores.len() as f64 - 1.0).sum::<f64>();
    let squares = sum(several().map(|scores| variance(scores, mean(scores)) * (scores.len() as f64 - 1.0)));
    (df > 0.0 && squares.is_finite()).then(|| squares / df)
}

/// Nobody tries an item more often than this to settle a gate.
const MOST_TRIALS: u64 = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{BoundRule, Tolerance, mean_gate, non_inferiority_paired};

    #[test]
    fn what_is_settled_needs_nothing_and_what_lies_at_the_limit_has_no_answer() {
        let scores = [3.0, 5.0, 3.0, 5.0];
        let at = |limit| mean_gate(&scores, Limit::AtLeast(limit), None, 0.05, BoundRule::T).unwrap();
        assert_eq!(items_to_settle(&at(4.0), 0.05, 0.9).unwrap(), None);
        assert_eq!(items_to_settle(&at(0.5), 0.05, 0.9).unwrap(), None);
        let open = items_to_settle(&at(3.9), 0.05, 0.9).unwrap().unwrap();
        assert!(!open.if_unchanged && open.items > 1000, "{open:?}");
    }

    #[test]
    fn what_never_varied_passes_with_exactly_so_many() {
        let gate = |n: usize| {
            let scores = vec![4.0; n];
            let range = Some((1.0, 5.0));
            non_inferiority_paired(
                &scores,
                &scores,
                Tolerance::Absolute(0.2),
                true,
                range,
                0.05,
                BoundRule::Auto,
            )
            .unwrap()
        };
        let needed = items_to_settle(&gate(20), 0.05, 0.9).unwrap().unwrap();
        assert_eq!((needed.items, needed.chance), (59, None));
        assert_eq!(gate(59).outcome, Outcome::Pass);
    }
}
