//! Which units and which scores count. That depends on who was assigned when and on how many were scored, and on no
//! score's value: nobody can wait for a good day. Whoever asks first after enough are scored closes the window, without having
//! seen anything before.

use std::collections::BTreeMap;

use super::observe::Unit;
use super::record::Stored;
use crate::error::Result;
use crate::model::time::Timestamp;
use crate::model::trace::ScoreSource;
use crate::stats;

/// The window may close once so many of the units are scored.
const SCORED: f64 = 0.95;

/// What counts in lock mode.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Window {
    /// Units up to this sequence number; none while an arm has too few.
    pub(super) cutoff: Option<usize>,
    /// Scores up to this moment; none while it is not over.
    pub(super) end: Option<Timestamp>,
}

/// The variants that units are assigned to now, by position.
pub(super) fn active(stored: &Stored) -> Vec<usize> {
    let weights = stored.experiment.epochs.last().map(|epoch| epoch.weights.as_slice()).unwrap_or_default();
    weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0).map(|(i, _)| i).collect()
}

/// Finds the window.
pub(super) fn find(stored: &Stored, units: &[Unit], now: Timestamp) -> Result<Window> {
    let plan = stored.plan();
    let active = active(stored);
    // Where a variant was given up it is no longer waited for.
    let places: Vec<(usize, usize)> = units
        .iter()
        .enumerate()
        .filter_map(|(i, unit)| Some((i, active.iter().position(|arm| *arm == unit.exposure.variant)?)))
        .collect();
    let arms: Vec<usize> = places.iter().map(|(_, arm)| *arm).collect();
    let Some(cutoff) = stats::lock_cutoff(&arms, active.len(), plan.n_planned)? else {
        return Ok(Window::default());
    };
    let Some(last) = places.get(cutoff - 1).map(|(i, _)| *i) else { return Ok(Window::default()) };
    let counted: Vec<&Unit> = units[..=last].iter().filter(|unit| !unit.in_two_arms).collect();
    let arrived = units[last].exposure.at;
    let over = Timestamp::from_micros(arrived.as_micros().saturating_add(plan.grace_micros()));
    let end = now.min(over);
    let scored = counted.iter().filter(|unit| unit.scored_at().is_some_and(|at| at <= end)).count();
    let enough = scored as f64 >= SCORED * counted.len() as f64;
    Ok(Window { cutoff: Some(last + 1), end: (enough || over <= now).then_some(end) })
}

/// When, among the scores that count at a moment, a second judge of a source first appears.
pub(super) fn judge_changed<'a>(
    units: impl Iterator<Item = &'a Unit>,
    until: Option<Timestamp>,
) -> Option<Timestamp> {
    // Each judge's first score, by source; a score that names no judge may be of any.
    let mut first: BTreeMap<(ScoreSource, &str), Timestamp> = BTreeMap::new();
    for response in units.flat_map(|unit| &unit.responses) {
        for (source, score) in response.current(until) {
            let Some(judge) = score.judge.as_deref() else { continue };
            let at = first.entry((source, judge)).or_insert(score.at);
            *at = (*at).min(score.at);
        }
    }
    ScoreSource::ALL
        .into_iter()
        .filter_map(|source| {
            let mut times: Vec<Timestamp> =
                first.iter().filter(|((of, _), _)| *of == source).map(|(_, at)| *at).collect();
            times.sort_unstable();
            times.get(1).copied()
        })
        .min()
}
