//! How many items would settle a mean gate that could not tell.

use super::check_open_unit;
use super::gate::{MeanGate, Outcome, RuleUsed};
use super::gate_rate::{Limit, items_without_failure};
use super::plan::n_for_gate;
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
