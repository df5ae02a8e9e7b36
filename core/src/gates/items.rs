//! The checks that look at single items.

use super::checks::SHOWN;
use super::look::{Look, Scored};
use super::words::{ALPHA, count, percent, short};
use crate::error::Result;
use crate::model::gate::SEVERE_DROP;
use crate::model::verdict::{CheckResult, ItemNote, Outcome};
use crate::stats::{self, Limit, RateMode};

fn notes<'a>(items: impl Iterator<Item = &'a Scored<'a>>) -> Vec<ItemNote> {
    items
        .take(SHOWN)
        .map(|s| ItemNote { key: s.key.clone(), baseline: s.baseline, candidate: Some(s.candidate) })
        .collect()
}

pub(super) fn item_floor(result: &mut CheckResult, look: &Look<'_>, floor: f64, allow: u64) {
    result.threshold = Some(floor);
    let below = |s: &&Scored<'_>| if look.higher { s.candidate < floor } else { s.candidate > floor };
    let mut fallen: Vec<&Scored<'_>> = look.scored.iter().filter(below).collect();
    let good = look.good();
    fallen.sort_by(|a, b| (good * a.candidate).total_cmp(&(good * b.candidate)));
    let side = if look.higher { "below" } else { "above" };
    let (total, found) = (look.scored.len(), fallen.len() as u64);
    let allowed = if allow > 0 { format!(", {allow} may") } else { String::new() };
    result.outcome = if found > allow { Outcome::Fail } else { Outcome::Pass };
    result.sentence = match fallen.first() {
        None => format!("no item of {total} lies {side} {}.", short(floor)),
        Some(worst) => format!(
            "{} of {total} {side} {}{allowed}; the worst is {} with {}.",
            count(found, "item", "items"),
            short(floor),
            worst.key,
            short(worst.candidate)
        ),
    };
    result.items = notes(fallen.into_iter());
}

/// The items that fell, the worst first.
pub(super) fn fallen(look: &Look<'_>) -> Vec<ItemNote> {
    let good = look.good();
    let change = |s: &Scored<'_>| good * (s.candidate - s.baseline.unwrap_or(s.candidate));
    let mut fallen: Vec<&Scored<'_>> = look.scored.iter().filter(|s| change(s) < 0.0).collect();
    fallen.sort_by(|a, b| change(a).total_cmp(&change(b)));
    notes(fallen.into_iter())
}

/// Counts the items that fell far. More than the check allows are a fail, whatever the mean says.
pub(super) fn severe_drops(
    result: &mut CheckResult,
    look: &Look<'_>,
    max_severe: Option<u64>,
    severe_drop: Option<f64>,
) {
    let (severe, good) = (severe_drop.unwrap_or(SEVERE_DROP), look.good());
    // 3.3 - 1.3 is a hair below 2, and a drop of 2 all the same.
    let far = |s: &&Scored<'_>| {
        s.baseline.is_some_and(|old| good * (old - s.candidate) >= severe * (1.0 - 8.0 * f64::EPSILON))
    };
    let found = look.scored.iter().filter(far).count() as u64;
    if max_severe.is_none() && found == 0 {
        return;
    }
    result.severe = Some(found);
    let dropped =
        format!("{} by {} points or more", count(found, "item dropped", "items dropped"), short(severe));
    match max_severe {
        Some(most) if found > most => {
            (result.outcome, result.open, result.needed) = (Outcome::Fail, None, None);
            result.sentence = format!("{dropped}, {most} may. Besides: {}", result.sentence);
        }
        Some(most) => result.sentence.push_str(&format!(" {dropped}, {most} may.")),
        None => result.sentence.push_str(&format!(" {dropped}.")),
    }
}

pub(super) fn not_more_permissive(result: &mut CheckResult, look: &Look<'_>, allow: u64) -> Result<()> {
    let good = look.good();
    let opened = |s: &&Scored<'_>| s.baseline.is_some_and(|old| good * s.candidate < good * old);
    let fallen: Vec<&Scored<'_>> = look.scored.iter().filter(opened).collect();
    let (total, found) = (look.scored.len() as u64, fallen.len() as u64);
    result.outcome = if found > allow { Outcome::Fail } else { Outcome::Pass };
    // The one-sided bound on the rate of what was seen (statistics, section (e)).
    let leak =
        stats::rate_gate(found, total, Limit::AtMost(1.0), ALPHA, RateMode::Point)?.upper.unwrap_or(1.0);
    let probes = count(total, "probe", "probes");
    result.sentence = if fallen.is_empty() {
        format!(
            "none of {probes} scores worse than before; a true leak rate of up to {} would look the same.",
            percent(leak)
        )
    } else {
        let names: Vec<&str> = fallen.iter().take(3).map(|s| s.key.as_str()).collect();
        let may = if allow > 0 {
            format!(" ({allow} may; the true leak rate may be up to {})", percent(leak))
        } else {
            String::new()
        };
        format!(
            "{} of {total} held better before{may}: {}.",
            count(found, "probe", "probes"),
            names.join(", ")
        )
    };
    result.items = notes(fallen.into_iter());
    Ok(())
}
