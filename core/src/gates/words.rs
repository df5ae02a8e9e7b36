//! How a check puts what it found.

use crate::error::Result;
use crate::model::verdict::Needed;
use crate::stats::display::decimals;
pub(super) use crate::stats::display::{count as whole, counted as count, percent_short as percent, short};
use crate::stats::{self, MeanGate};

/// What would settle a check is said for this chance.
const CHANCE: f64 = 0.9;
/// One-sided, as gates are.
pub(super) const ALPHA: f64 = 0.05;

/// How sure a bound must be: the bar rises with every run of a version on the same dataset, or running until it
/// is green would pass anything (statistics, section (e), "Re-runs add up").
#[derive(Clone, Copy)]
pub(super) struct Level {
    pub(super) alpha: f64,
    pub(super) attempt: u64,
}

impl Level {
    /// `among` checks that a bound may fail at once share the level, as Holm's procedure wants it.
    pub(super) fn of(attempt: u64, among: u64) -> Result<Level> {
        let attempt = attempt.max(1);
        Ok(Level { alpha: stats::gate_attempt_alpha(ALPHA, attempt)? / among.max(1) as f64, attempt })
    }

    pub(super) fn confidence(self) -> f64 {
        1.0 - self.alpha
    }

    /// "95 % one-sided bound".
    pub(super) fn bound(self) -> String {
        format!("{} one-sided bound", percent(self.confidence()))
    }

    /// To be said of every run but the first.
    pub(super) fn note(self, by_bound: bool) -> String {
        if self.attempt < 2 {
            return String::new();
        }
        let then = if by_bound {
            "and the bar rises with every run"
        } else {
            "but the simple rule does not protect against running again until it passes"
        };
        format!(
            " This is run {} of this version on this dataset. Results are added up, never replaced, {then}.",
            self.attempt
        )
    }
}

/// A figure with two significant digits of the half-width of its interval, and more where it would otherwise
/// seem to lie on the other side of (or at) what it is held against.
pub(super) fn beside(x: f64, limit: f64, half_width: Option<f64>) -> String {
    let least = decimals(half_width.unwrap_or(0.0)).max(2);
    let shown = |places: usize| format!("{x:.places$}");
    let side = |text: &str| text.parse::<f64>().ok().and_then(|shown| shown.partial_cmp(&limit));
    let honest = |places: &usize| side(&shown(*places)) == x.partial_cmp(&limit);
    shown((least..=12).find(honest).unwrap_or(least))
}

/// "About 139 items would settle this (90 % chance if nothing changed)."
///
/// `noise`: how often each item was tried, and the variance between its trials.
pub(super) fn needed(
    gate: &MeanGate,
    level: Level,
    noise: Option<(u64, f64)>,
) -> Result<(Option<Needed>, String)> {
    let Some(found) = stats::items_to_settle(gate, level.alpha, CHANCE)? else {
        return Ok((None, String::new()));
    };
    let about = if found.at_least { "More than" } else { "About" };
    let items = format!("{} items", whole(found.items));
    let text = match found.chance {
        None => format!(" {items} without a change would settle this."),
        Some(chance) => {
            let given =
                if found.if_unchanged { "nothing changed" } else { "the measured figure is the true one" };
            format!(" {about} {items} would settle this ({} chance if {given}).", percent(chance))
        }
    };
    // Another run of the same version is held to a higher bar; that is counted in.
    let next = stats::gate_attempt_alpha(ALPHA, level.attempt + 1)?;
    let trials = match noise {
        Some((now, within)) if found.if_unchanged => {
            stats::trials_to_settle(gate, now, within, next, CHANCE)?
        }
        _ => None,
    };
    let or = trials.map(|trials| format!(" Or {trials} trials of each item in all, in one more run."));
    let needed = Needed { items: found.items, chance: found.chance, trials };
    Ok((Some(needed), format!("{text}{}", or.unwrap_or_default())))
}

/// "1 item of 50 lacks", "3 items of 50 lack".
pub(super) fn lacking(n: u64, total: u64) -> String {
    format!("{} of {total} {}", count(n, "item", "items"), if n == 1 { "lacks" } else { "lack" })
}
