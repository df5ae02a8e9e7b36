//! The checks of a mean: not worse than before, and not below a threshold.

use super::checks::{bound_rule, mode_name, outcome};
use super::items::fallen;
use super::look::Look;
use super::words::{beside, count, needed, percent, short};
use crate::error::Result;
use crate::model::gate::{Bound, Mode};
use crate::model::verdict::{CheckResult, ItemNote, Open, Outcome};
use crate::stats::{self, BoundRule, Limit, MeanGate, Status, Tolerance};

pub(super) fn no_regression(
    result: &mut CheckResult,
    look: &Look<'_>,
    (old, new): (&[f64], &[f64]),
    tolerance: Tolerance,
    rule: BoundRule,
    clustered: Option<&str>,
) -> Result<()> {
    let mode = if rule == BoundRule::Point { Mode::Point } else { Mode::Bound };
    result.mode = Some(mode_name(mode));
    let open = |result: &mut CheckResult, sentence: String| {
        (result.open, result.sentence) = (Some(Open::NoEvidence), sentence);
        Ok(())
    };
    if matches!(tolerance, Tolerance::Relative(_)) && old.iter().any(|&x| x < 0.0) {
        let why = "a relative tolerance means nothing where scores lie below 0; give an absolute one.";
        return open(result, why.to_owned());
    }
    let (range, note) = range_of(look, mode, &[old, new]);
    if rule == BoundRule::Betting && range.is_none() {
        return open(result, format!("the betting bound needs the metric's range.{note}"));
    }
    let alpha = look.level.alpha;
    let found = match clustered {
        None => stats::non_inferiority_paired(old, new, tolerance, look.higher, range, alpha, rule)?,
        Some(member) => {
            let of: Vec<&str> = look.scored.iter().filter_map(|s| s.cluster).collect();
            if of.len() < new.len() {
                let lacking = count((new.len() - of.len()) as u64, "item has", "items have");
                return open(
                    result,
                    format!("{lacking} no `{member}` in the metadata to say what belongs together."),
                );
            }
            stats::non_inferiority_clustered(old, new, &of, tolerance, look.higher, range, alpha)?
        }
    };
    if found.status == Status::InvalidInput {
        return open(result, "the scores do not fit the range that the metric declares.".to_owned());
    }
    figures(result, &found, look);
    (result.lower, result.upper) = (found.lower, found.upper);
    result.allowed = Some(found.margin_used).filter(|margin| margin.is_finite());
    result.outcome = outcome(found.outcome);
    result.items = fallen(look);
    let noise = look.noise.filter(|_| clustered.is_none());
    let (settled_by, text) = needed(&found, look.level, noise)?;
    result.needed = settled_by.filter(|_| result.outcome == Outcome::CannotTell);
    let sentence = said(&found, look, tolerance, mode, &result.items, &text);
    let (was, is) = (result.baseline.unwrap_or(f64::NAN), result.value.unwrap_or(f64::NAN));
    let together = clustered
        .map(|member| format!(" Items with the same `{member}` count together."))
        .unwrap_or_default();
    result.sentence = format!(
        "the mean went from {} to {} on {}. {sentence}{together}{}{note}{}",
        short(was),
        short(is),
        count(new.len() as u64, "item", "items"),
        skew(&found, rule),
        from_the_bottom(look, tolerance, was),
    );
    Ok(())
}

/// What the check says, in the words of statistics.md, section 2.
fn said(
    found: &MeanGate,
    look: &Look<'_>,
    tolerance: Tolerance,
    mode: Mode,
    items: &[ItemNote],
    settle: &str,
) -> String {
    let margin = found.margin_used;
    let half = found.lower.zip(found.diff).map(|(lower, diff)| diff - lower);
    let allowed = match tolerance {
        Tolerance::Absolute(points) => short(points),
        Tolerance::Relative(share) => format!("{} ({})", short(margin), percent(share)),
    };
    let bound = look.level.bound();
    let measured = beside(found.diff.unwrap_or(f64::NAN), -margin, half);
    // "At most 0.11 worse", or "better by at least 0.02" where even the bound lies above what there was.
    let at_most = |lower: f64| match lower {
        lower if lower > 0.0 => format!("at least {} points better", beside(lower, 0.0, half)),
        lower => format!("at most {} points worse", beside(-lower, margin, half)),
    };
    match (mode, found.outcome) {
        (Mode::Point, stats::Outcome::Pass) => format!(
            "Pass by the simple rule (measured {measured}, allowed -{allowed}). Not a proof: a version that is really {} worse passes this rule every second time.",
            short(margin)
        ),
        (Mode::Point, _) => format!("Fail by the simple rule (measured {measured}, allowed -{allowed})."),
        (Mode::Bound, stats::Outcome::Pass) => format!(
            "The new version is {} ({bound}), allowed {allowed}.",
            at_most(found.lower.unwrap_or(f64::NAN))
        ),
        (Mode::Bound, stats::Outcome::Fail) => {
            let worst: Vec<&str> = items.iter().take(3).map(|item| item.key.as_str()).collect();
            format!(
                "The new version is worse by at least {} points ({bound}), allowed {allowed}. Worst items: {}.",
                beside(-found.upper.unwrap_or(f64::NAN), margin, half),
                worst.join(", ")
            )
        }
        (Mode::Bound, stats::Outcome::CannotTell) => match found.lower {
            Some(lower) => format!(
                "Measured {measured}; with {} it could still be {} worse than before ({bound}), allowed {allowed}.{settle}",
                count(found.n as u64, "item", "items"),
                beside(-lower, margin, half)
            ),
            None => format!("Measured {measured}, allowed {allowed}; nothing bounds what was not seen."),
        },
    }
}

/// Where the rubric does not start at 0, 5 % of the score are more than 5 % of the way up the rubric.
fn from_the_bottom(look: &Look<'_>, tolerance: Tolerance, was: f64) -> String {
    let bottom = look.config.and_then(|config| config.min).filter(|&min| min > 0.0);
    let (Tolerance::Relative(share), Some(bottom)) = (tolerance, bottom) else { return String::new() };
    format!(
        " A relative tolerance depends on where the rubric starts: {} of {} are {} points; counted from the bottom of the rubric ({}) it would be {}.",
        percent(share),
        short(was),
        short(share * was),
        short(bottom),
        short(share * (was - bottom))
    )
}

/// To be said where t decided and should not be trusted.
fn skew(found: &MeanGate, rule: BoundRule) -> String {
    if found.skewed && found.rule == stats::RuleUsed::T && rule != BoundRule::Point {
        return " A few large changes among many small ones: this bound passes too much here; use bound=\"betting\" and declare the range.".to_owned();
    }
    String::new()
}

fn figures(result: &mut CheckResult, found: &MeanGate, look: &Look<'_>) {
    result.rule = Some(found.rule.as_str().to_owned());
    result.confidence = found.lower.map(|_| look.level.confidence());
}

pub(super) fn mean(
    result: &mut CheckResult,
    look: &Look<'_>,
    new: &[f64],
    threshold: f64,
    mode: Mode,
) -> Result<()> {
    result.mode = Some(mode_name(mode));
    result.threshold = Some(threshold);
    let (range, note) = range_of(look, mode, &[new]);
    // Where lower is better, "at least as good as" is "at most".
    let limit = if look.higher { Limit::AtLeast(threshold) } else { Limit::AtMost(threshold) };
    let found = stats::mean_gate(new, limit, range, look.level.alpha, bound_rule(mode, Bound::Auto))?;
    if found.status == Status::InvalidInput {
        result.open = Some(Open::NoEvidence);
        result.sentence = "the scores do not fit the range that the metric declares.".to_owned();
        return Ok(());
    }
    figures(result, &found, look);
    (result.lower, result.upper) = bounds_of_mean(&found, limit);
    result.outcome = outcome(found.outcome);
    let (settled_by, text) = needed(&found, look.level, None)?;
    result.needed = settled_by.filter(|_| result.outcome == Outcome::CannotTell);
    result.sentence = format!("{}{note}", against_limit(&found, limit, look.level, mode, new.len(), &text));
    Ok(())
}

/// A mean held against a limit.
pub(super) fn against_limit(
    found: &MeanGate,
    limit: Limit,
    level: super::words::Level,
    mode: Mode,
    n: usize,
    settle: &str,
) -> String {
    let asked = match limit {
        Limit::AtLeast(x) => format!("at least {}", short(x)),
        Limit::AtMost(x) => format!("at most {}", short(x)),
    };
    let half = found.lower.zip(found.diff).map(|(lower, diff)| diff - lower);
    let (low, high) = bounds_of_mean(found, limit);
    let (passing, failing) = match limit {
        Limit::AtLeast(_) => (low, high),
        Limit::AtMost(_) => (high, low),
    };
    let (shows, refutes) =
        if matches!(limit, Limit::AtLeast(_)) { ("at least", "at most") } else { ("at most", "at least") };
    let mean = beside(found.mean_new.unwrap_or(f64::NAN), limit.value(), half);
    let measured = format!("the mean is {mean} on {}, {asked} is asked.", count(n as u64, "item", "items"));
    let shown = |word: &str, x: Option<f64>| {
        x.map(|x| format!(" That shows {word} {} ({}).", beside(x, limit.value(), half), level.bound()))
            .unwrap_or_default()
    };
    let proof = match (mode, found.outcome) {
        (Mode::Point, stats::Outcome::Pass) => format!(
            " Pass by the simple rule. Not a proof: a version that lies at {} passes this rule every second time.",
            short(limit.value())
        ),
        (Mode::Point, _) => " Fail by the simple rule.".to_owned(),
        (Mode::Bound, stats::Outcome::Pass) => shown(shows, passing),
        (Mode::Bound, stats::Outcome::Fail) => shown(refutes, failing),
        (Mode::Bound, stats::Outcome::CannotTell) => format!("{} Not shown.{settle}", shown(shows, passing)),
    };
    format!("{measured}{proof}")
}

/// The bounds of the mean, from those of how far it lies on the good side of the limit.
pub(super) fn bounds_of_mean(gate: &MeanGate, limit: Limit) -> (Option<f64>, Option<f64>) {
    match limit {
        Limit::AtLeast(x) => (gate.lower.map(|d| x + d), gate.upper.map(|d| x + d)),
        Limit::AtMost(x) => (gate.upper.map(|d| x - d), gate.lower.map(|d| x - d)),
    }
}

/// The range that a bound may use, and what a reader must know of it.
fn range_of(look: &Look<'_>, mode: Mode, columns: &[&[f64]]) -> (Option<(f64, f64)>, String) {
    let reruns = look.level.note(mode == Mode::Bound);
    if look.range.is_some() || mode == Mode::Point {
        return (look.range, reruns);
    }
    let values = || columns.iter().flat_map(|column| column.iter().copied());
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    if low < high {
        let note = format!(
            " No range is declared for the metric, so the observed one ({} to {}) is used.",
            short(low),
            short(high)
        );
        return (Some((low, high)), format!("{note}{reruns}"));
    }
    let note = " All scores are the same and no range is declared, so nothing bounds what was not seen: declare min and max with `metric`.";
    (None, format!("{note}{reruns}"))
}
