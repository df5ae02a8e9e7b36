//! The checks of a gate, each usable alone.

use super::evidence::{Evidence, OnDataset, Side};
use super::rates::{format, rate};
use crate::error::Result;
use crate::model::gate::{Check, Gate, Mode, ToleranceKind};
use crate::model::name::{ItemKey, MetricName};
use crate::model::score::Direction;
use crate::model::verdict::{CheckResult, ItemNote, Outcome};
use crate::stats::display::{counted as count, percent_short as percent, short};
use crate::stats::{self, BoundRule, Limit, RateMode, Tolerance};

/// One-sided, as gates are.
const ALPHA: f64 = 0.05;
/// A check shows that many items.
pub(super) const SHOWN: usize = 10;

/// An item with its scores under the baseline and under the candidate.
struct Scored<'a> {
    key: &'a ItemKey,
    baseline: Option<f64>,
    candidate: f64,
}

/// What a check looks at, once everything that would make it cannot-tell has been ruled out or counted.
struct Look<'a> {
    scored: Vec<Scored<'a>>,
    missing: u64,
    higher: bool,
    /// What the scores can be, as far as it is known.
    range: Option<(f64, f64)>,
    level: Level,
}

/// How sure a bound must be: the bar rises with every run of a version on the same dataset, or running until it
/// is green would pass anything (statistics, section (e), "Re-runs add up").
#[derive(Clone, Copy)]
pub(super) struct Level {
    pub(super) alpha: f64,
    attempt: u64,
}

impl Level {
    pub(super) fn of(attempt: u64) -> Result<Level> {
        Ok(Level { alpha: stats::gate_attempt_alpha(ALPHA, attempt.max(1))?, attempt })
    }

    /// To be said where a bound decided.
    pub(super) fn note(self) -> String {
        match self.attempt {
            0 | 1 => String::new(),
            k => format!(
                " This is run {k} of this version on this dataset; results add up, and the bar rises with every run."
            ),
        }
    }
}

/// Runs one check.
pub(super) fn run(gate: &Gate, check: &Check, evidence: &Evidence) -> Result<CheckResult> {
    let dataset = gate.dataset_of(check);
    let Some(on) = evidence.datasets.get(dataset) else {
        return Ok(blank(check, format!("the dataset {dataset} holds nothing yet.")));
    };
    if let Some(reason) = not_comparable(check, on) {
        return Ok(blank(check, reason));
    }
    match check {
        Check::Format { at_least, mode } => format(check, *at_least, *mode, on, evidence),
        _ => {
            let Some(metric) = check.metric() else {
                return Ok(blank(check, "it looks at nothing.".to_owned()));
            };
            let config = evidence.configs.get(metric);
            let higher = config.is_none_or(|c| c.direction == Direction::Higher);
            let booleans = || on.candidate.table.all_boolean(metric).then_some((0.0, 1.0));
            let range = config.map_or_else(booleans, |c| c.range());
            let level = Level::of(on.candidate.attempts(metric))?;
            let look = Look { range, level, ..look(check, metric, on, higher) };
            let mut result = judge(check, &look)?;
            // What is missing can turn a fail into nothing, and must never let anything pass.
            if look.missing > 0 && result.outcome == Outcome::Pass {
                result.outcome = Outcome::CannotTell;
                result.sentence = format!(
                    "{} of {} a score; what is there would pass, but what is missing may not.",
                    count(look.missing, "item lacks", "items lack"),
                    on.items.len()
                );
            }
            Ok(result)
        }
    }
}

pub(super) fn blank(check: &Check, sentence: String) -> CheckResult {
    CheckResult {
        check: check.name().to_owned(),
        metric: check.metric().cloned(),
        outcome: Outcome::CannotTell,
        mode: None,
        sentence,
        n: 0,
        n_missing: 0,
        value: None,
        baseline: None,
        lower: None,
        upper: None,
        threshold: None,
        items: Vec::new(),
    }
}

/// Why there is nothing to judge by, if so.
fn not_comparable(check: &Check, on: &OnDataset) -> Option<String> {
    let Some(dataset) = &on.dataset else {
        return Some("the dataset holds nothing yet; add items and run both versions on them.".to_owned());
    };
    let place = format!("{} version {}", dataset.dataset, dataset.version);
    let not_run = |side: &Side| {
        side.runs.is_empty().then(|| {
            format!("version {} has no finished run on {place}; run it, then check again.", side.version)
        })
    };
    if let Some(reason) = not_run(&on.candidate) {
        return Some(reason);
    }
    if let Some(metric) = check.metric()
        && let Err(reason) = on.candidate.scorer(metric)
    {
        return Some(format!("{reason}."));
    }
    if !check.needs_baseline() {
        return None;
    }
    let Some(baseline) = &on.baseline else {
        return Some(
            "no version holds the label yet, so there is nothing to compare with; promote the first one by override."
                .to_owned(),
        );
    };
    if let Some(reason) = not_run(baseline) {
        return Some(reason);
    }
    let metric = check.metric()?;
    match (on.candidate.scorer(metric), baseline.scorer(metric)) {
        (Ok(new), Ok(old)) if new == old => None,
        (Ok(_), Ok(_)) => {
            Some(format!("the two versions took {metric} from different scorers; score both with one."))
        }
        (Err(reason), _) | (_, Err(reason)) => Some(format!("{reason}.")),
    }
}

fn look<'a>(check: &Check, metric: &MetricName, on: &'a OnDataset, higher: bool) -> Look<'a> {
    let mut scored = Vec::with_capacity(on.items.len());
    // An item with some of its rows can still fail a check, but it is missing all the same.
    let mut partial = 0;
    let short = |side: &Side, key| side.table.scored(key, metric) < side.scores_needed(metric);
    for key in &on.items {
        let Some(candidate) = on.candidate.table.score(key, metric) else { continue };
        let baseline = on.baseline.as_ref().and_then(|side| side.table.score(key, metric));
        if check.needs_baseline() && baseline.is_none() {
            continue;
        }
        let held = on.baseline.as_ref().filter(|_| check.needs_baseline());
        partial += usize::from(short(&on.candidate, key) || held.is_some_and(|side| short(side, key)));
        scored.push(Scored { key, baseline, candidate });
    }
    let missing = (on.items.len() - scored.len() + partial) as u64;
    Look { missing, scored, higher, range: None, level: Level { alpha: ALPHA, attempt: 1 } }
}

fn judge(check: &Check, look: &Look<'_>) -> Result<CheckResult> {
    let mut result = blank(check, format!("none of {} is scored.", count(look.missing, "item", "items")));
    result.n = look.scored.len() as u64;
    result.n_missing = look.missing;
    if look.scored.is_empty() {
        return Ok(result);
    }
    let new: Vec<f64> = look.scored.iter().map(|s| s.candidate).collect();
    result.value = stats::mean_sd(&new).map(|m| m.mean);
    let old: Vec<f64> = look.scored.iter().filter_map(|s| s.baseline).collect();
    if old.len() == new.len() {
        result.baseline = stats::mean_sd(&old).map(|m| m.mean);
    }
    match *check {
        Check::ItemFloor { at_least, .. } => item_floor(&mut result, look, at_least),
        Check::NoRegression { tolerance, kind, mode, .. } => {
            let tolerance = match kind {
                ToleranceKind::Relative => Tolerance::Relative(tolerance),
                ToleranceKind::Absolute => Tolerance::Absolute(tolerance),
            };
            no_regression(&mut result, look, (&old, &new), tolerance, mode)?;
        }
        Check::Mean { at_least, mode, .. } => mean(&mut result, look, &new, at_least, mode)?,
        Check::Rate { at_least, at_most, mode, .. } => {
            let limit = match (at_least, at_most) {
                (_, Some(x)) => Limit::AtMost(x),
                (x, None) => Limit::AtLeast(x.unwrap_or(0.0)),
            };
            rate(&mut result, &new, limit, mode, look.level)?;
        }
        Check::NotMorePermissive { .. } => not_more_permissive(&mut result, look)?,
        Check::Format { .. } => {}
    }
    Ok(result)
}

fn item_floor(result: &mut CheckResult, look: &Look<'_>, floor: f64) {
    result.threshold = Some(floor);
    let below = |s: &&Scored<'_>| if look.higher { s.candidate < floor } else { s.candidate > floor };
    let mut fallen: Vec<&Scored<'_>> = look.scored.iter().filter(below).collect();
    let good = if look.higher { 1.0 } else { -1.0 };
    fallen.sort_by(|a, b| (good * a.candidate).total_cmp(&(good * b.candidate)));
    let side = if look.higher { "below" } else { "above" };
    let total = look.scored.len();
    let worst = fallen.first().map(|s| format!("{} with {}", s.key, short(s.candidate)));
    (result.outcome, result.sentence) = match worst {
        None => (Outcome::Pass, format!("no item of {total} lies {side} {}.", short(floor))),
        Some(worst) => {
            let how_many = count(fallen.len() as u64, "item", "items");
            (Outcome::Fail, format!("{how_many} of {total} {side} {}; the worst is {worst}.", short(floor)))
        }
    };
    result.items = notes(fallen.into_iter());
}

fn notes<'a>(items: impl Iterator<Item = &'a Scored<'a>>) -> Vec<ItemNote> {
    items
        .take(SHOWN)
        .map(|s| ItemNote { key: s.key.clone(), baseline: s.baseline, candidate: Some(s.candidate) })
        .collect()
}

fn no_regression(
    result: &mut CheckResult,
    look: &Look<'_>,
    (old, new): (&[f64], &[f64]),
    tolerance: Tolerance,
    mode: Mode,
) -> Result<()> {
    result.mode = Some(mode_name(mode));
    if matches!(tolerance, Tolerance::Relative(_)) && old.iter().any(|&x| x < 0.0) {
        result.sentence =
            "a relative tolerance means nothing where scores lie below 0; give an absolute one.".to_owned();
        return Ok(());
    }
    let (range, note) = range_of(look, mode, &[old, new]);
    let alpha = look.level.alpha;
    let verdict =
        stats::non_inferiority_paired(old, new, tolerance, look.higher, range, alpha, bound_rule(mode))?;
    result.lower = verdict.lower;
    result.upper = verdict.upper;
    result.outcome = outcome(verdict.outcome);
    let allowed = match tolerance {
        Tolerance::Relative(share) => percent(share),
        Tolerance::Absolute(points) => format!("{} points", short(points)),
    };
    let (was, is) = (result.baseline.unwrap_or(f64::NAN), result.value.unwrap_or(f64::NAN));
    let measured = format!("the mean went from {} to {} on {} items", short(was), short(is), new.len());
    result.sentence = match (mode, verdict.outcome) {
        (Mode::Point, stats::Outcome::Pass) => format!(
            "pass by the simple rule: {measured}, {allowed} worse is allowed. Not a proof: a version that is really that much worse passes this rule every second time."
        ),
        (Mode::Point, _) => format!("{measured}; {allowed} worse is allowed."),
        (Mode::Bound, stats::Outcome::Pass) => {
            format!("{measured}, and the 95 % bound rules out that it is {allowed} worse.")
        }
        (Mode::Bound, stats::Outcome::Fail) => format!(
            "{measured}, and the 95 % bound proves that it is worse by more than the {allowed} allowed."
        ),
        (Mode::Bound, stats::Outcome::CannotTell) => {
            format!(
                "{measured}; on what was measured it could still be worse by more than the {allowed} allowed."
            )
        }
    };
    result.sentence.push_str(&note);
    let good = if look.higher { 1.0 } else { -1.0 };
    let change = |s: &Scored<'_>| good * (s.candidate - s.baseline.unwrap_or(s.candidate));
    let mut fallen: Vec<&Scored<'_>> = look.scored.iter().filter(|s| change(s) < 0.0).collect();
    fallen.sort_by(|a, b| change(a).total_cmp(&change(b)));
    result.items = notes(fallen.into_iter());
    Ok(())
}

fn mean(result: &mut CheckResult, look: &Look<'_>, new: &[f64], threshold: f64, mode: Mode) -> Result<()> {
    result.mode = Some(mode_name(mode));
    result.threshold = Some(threshold);
    let (range, note) = range_of(look, mode, &[new]);
    // Where lower is better, "at least as good as" is "at most".
    let limit = if look.higher { Limit::AtLeast(threshold) } else { Limit::AtMost(threshold) };
    let verdict = stats::mean_gate(new, limit, range, look.level.alpha, bound_rule(mode))?;
    (result.lower, result.upper) = bounds_of_mean(&verdict, limit);
    result.outcome = outcome(verdict.outcome);
    let side = if look.higher { "at least" } else { "at most" };
    let measured = format!(
        "the mean is {} on {} items, {side} {} is asked",
        short(result.value.unwrap_or(f64::NAN)),
        new.len(),
        short(threshold)
    );
    let proof = match (mode, verdict.outcome) {
        (Mode::Point, _) => "decided by the measured figure, which is no proof",
        (Mode::Bound, stats::Outcome::Pass) => "the 95 % bound shows it",
        (Mode::Bound, stats::Outcome::Fail) => "the 95 % bound shows that it is not",
        (Mode::Bound, stats::Outcome::CannotTell) => "the data do not settle it",
    };
    result.sentence = format!("{measured}; {proof}.{note}");
    Ok(())
}

/// The bounds of the mean, from those of how far it lies on the good side of the limit.
pub(super) fn bounds_of_mean(gate: &stats::MeanGate, limit: Limit) -> (Option<f64>, Option<f64>) {
    match limit {
        Limit::AtLeast(x) => (gate.lower.map(|d| x + d), gate.upper.map(|d| x + d)),
        Limit::AtMost(x) => (gate.upper.map(|d| x - d), gate.lower.map(|d| x - d)),
    }
}

fn not_more_permissive(result: &mut CheckResult, look: &Look<'_>) -> Result<()> {
    let good = if look.higher { 1.0 } else { -1.0 };
    let opened = |s: &&Scored<'_>| s.baseline.is_some_and(|old| good * s.candidate < good * old);
    let fallen: Vec<&Scored<'_>> = look.scored.iter().filter(opened).collect();
    let total = look.scored.len() as u64;
    (result.outcome, result.sentence) = if fallen.is_empty() {
        // The one-sided bound on a rate of which none was seen (statistics, section (e)).
        let leak =
            stats::rate_gate(0, total, Limit::AtMost(1.0), ALPHA, RateMode::Point)?.upper.unwrap_or(1.0);
        (
            Outcome::Pass,
            format!(
                "none of {} scores worse than before; a true leak rate of up to {} would look the same.",
                count(total, "probe", "probes"),
                percent(leak)
            ),
        )
    } else {
        let names: Vec<&str> = fallen.iter().take(3).map(|s| s.key.as_str()).collect();
        let which = names.join(", ");
        let opened = count(fallen.len() as u64, "probe", "probes");
        (Outcome::Fail, format!("{opened} of {total} held better before: {which}."))
    };
    result.items = notes(fallen.into_iter());
    Ok(())
}

/// The range that a bound may use, and what a reader must know of it.
fn range_of(look: &Look<'_>, mode: Mode, columns: &[&[f64]]) -> (Option<(f64, f64)>, String) {
    let reruns = look.level.note();
    if mode == Mode::Point {
        return (look.range, String::new());
    }
    if look.range.is_some() {
        return (look.range, reruns);
    }
    let values = || columns.iter().flat_map(|column| column.iter().copied());
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    if low < high {
        let note = " No range is declared for the metric, so the observed one is used.";
        return (Some((low, high)), format!("{note}{reruns}"));
    }
    let note = " All scores are the same and no range is declared, so nothing bounds what was not seen: declare min and max with `metric`.";
    (None, format!("{note}{reruns}"))
}

pub(super) fn mode_name(mode: Mode) -> String {
    if mode == Mode::Bound { "bound".to_owned() } else { "point".to_owned() }
}

pub(super) fn bound_rule(mode: Mode) -> BoundRule {
    if mode == Mode::Bound { BoundRule::Auto } else { BoundRule::Point }
}

pub(super) fn outcome(outcome: stats::Outcome) -> Outcome {
    match outcome {
        stats::Outcome::Pass => Outcome::Pass,
        stats::Outcome::Fail => Outcome::Fail,
        stats::Outcome::CannotTell => Outcome::CannotTell,
    }
}
