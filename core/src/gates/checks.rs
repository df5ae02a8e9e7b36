//! The checks of a gate, each usable alone.

use super::evidence::{Evidence, OnDataset, Side};
use super::look::Look;
use super::words::{Level, count, lacking, percent};
use super::{items, means, rates};
use crate::calibration::Calibration;
use crate::error::Result;
use crate::model::gate::{Check, Gate, Mode, ToleranceKind, Uncalibrated};
use crate::model::name::MetricName;
use crate::model::score::Direction;
use crate::model::verdict::{CheckResult, Open, Outcome};
use crate::stats::{self, BoundRule, Limit, Tolerance};

/// A check shows that many items.
pub(super) const SHOWN: usize = 10;
/// If more than this share of the items lacks a score, nobody asks what the worst would be.
const MAX_MISSING: f64 = 0.02;

/// Runs one check; `among` checks share the level at which a bound may say fail.
pub(super) fn run(gate: &Gate, check: &Check, evidence: &Evidence, among: u64) -> Result<CheckResult> {
    let dataset = gate.dataset_of(check);
    let Some(on) = evidence.datasets.get(dataset) else {
        return Ok(blank(check, format!("the dataset {dataset} holds nothing yet.")));
    };
    if let Some(reason) = not_comparable(check, on) {
        return Ok(blank(check, reason));
    }
    let mut result = match (check, check.metric()) {
        (Check::Format { at_least, mode }, _) => rates::format(check, *at_least, *mode, on, evidence, among)?,
        (_, Some(metric)) => by_scores(check, metric, on, evidence, among)?,
        (_, None) => blank(check, "it looks at nothing.".to_owned()),
    };
    if let Some(metric) = check.metric() {
        hold_judge_back(check, metric, on, evidence, &mut result);
    }
    Ok(result)
}

fn by_scores(
    check: &Check,
    metric: &MetricName,
    on: &OnDataset,
    evidence: &Evidence,
    among: u64,
) -> Result<CheckResult> {
    let config = evidence.configs.get(metric);
    let higher = config.is_none_or(|c| c.direction == Direction::Higher);
    let level = Level::of(on.candidate.attempts(metric), among)?;
    let look = Look::new(check, metric, on, config, higher, level);
    let mut result = judge(check, &look)?;
    if look.missing == 0 {
        return Ok(result);
    }
    let lack = format!("{} a score", lacking(look.missing, look.total));
    if look.missing as f64 > MAX_MISSING * look.total as f64 {
        let share = percent(look.missing as f64 / look.total as f64);
        let because = format!("No verdict: {lack} ({share}).");
        withhold(&mut result, &because);
        return Ok(result);
    }
    // What is missing never passes; what it would be at its worst says whether scoring it is a formality.
    let because = match (worst_and_best(check, &look), result.outcome) {
        (_, Outcome::Fail) => return Ok(result),
        (_, Outcome::CannotTell) => format!("Besides, {lack}."),
        (None, _) => format!(
            "{lack}, and nothing says how bad it may be: declare min and max with `metric`, so that it can count as the worst."
        ),
        (Some(ends), _) => {
            let worst = judge(check, &look.at_worst(check, metric, on, ends))?;
            if worst.outcome == Outcome::Pass {
                format!(
                    "{lack}. Even the worst possible would pass, but what is missing never does: score it, and check again."
                )
            } else {
                format!(
                    "{lack}; if what is missing were the worst possible, it would not pass, so the pass is withheld."
                )
            }
        }
    };
    withhold(&mut result, &because);
    Ok(result)
}

/// A pass, or an open end, becomes "no verdict for what is missing"; a fail stays one.
fn withhold(result: &mut CheckResult, because: &str) {
    if result.outcome != Outcome::Fail {
        (result.outcome, result.open) = (Outcome::CannotTell, Some(Open::InvalidMissing));
        result.needed = None;
    }
    result.sentence = format!("{because} What is there: {}", result.sentence);
}

/// The worst that the candidate's score can have been, and the best that the baseline's can.
fn worst_and_best(check: &Check, look: &Look<'_>) -> Option<(f64, f64)> {
    match check {
        // Whatever it was, it counts as below the floor, or as worse than before.
        Check::ItemFloor { .. } | Check::NotMorePermissive { .. } => {
            let worst = if look.higher { f64::NEG_INFINITY } else { f64::INFINITY };
            Some((worst, -worst))
        }
        Check::Rate { at_most: Some(_), .. } => Some((1.0, 0.0)),
        Check::Rate { .. } => Some((0.0, 1.0)),
        _ => look.range.map(|(low, high)| if look.higher { (low, high) } else { (high, low) }),
    }
}

/// A judge that nobody has held against people reports only: it neither passes nor fails anything.
fn hold_judge_back(
    check: &Check,
    metric: &MetricName,
    on: &OnDataset,
    evidence: &Evidence,
    result: &mut CheckResult,
) {
    if result.open == Some(Open::NoEvidence) {
        return;
    }
    let Ok(Some(scorer)) = on.candidate.scorer(metric) else { return };
    let Some(calibration) = evidence.judges.get(&(metric.clone(), scorer)) else { return };
    if calibration.as_ref().is_some_and(Calibration::may_gate) {
        return;
    }
    if check.uncalibrated() == Uncalibrated::Allow {
        result.sentence.push_str(" The judge is not calibrated against people; the check allows that.");
        return;
    }
    let known = match calibration {
        None => "nobody has held this judge against people".to_owned(),
        Some(calibration) => format!("this judge is {}", calibration.level),
    };
    let says = match result.outcome {
        Outcome::Pass => "It would pass",
        Outcome::Fail => "It would fail",
        Outcome::CannotTell => "It could not tell",
    };
    result.sentence = format!(
        "an uncalibrated judge reports only, and {known}: use `calibrate`, or say uncalibrated=\"allow\" in the check. {says}: {}",
        result.sentence
    );
    (result.outcome, result.open, result.needed) = (Outcome::CannotTell, Some(Open::UncalibratedJudge), None);
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
        allowed: None,
        confidence: None,
        rule: None,
        attempt: None,
        severe: None,
        open: Some(Open::NoEvidence),
        needed: None,
    }
}

/// Why there is nothing to judge by, if so.
fn not_comparable(check: &Check, on: &OnDataset) -> Option<String> {
    let Some(dataset) = &on.dataset else {
        return Some("the dataset holds nothing yet; add items and run both versions on them.".to_owned());
    };
    let place = format!("{} version {}", dataset.dataset, dataset.version);
    let not_run = |side: &Side| {
        let gone = match side.withdrawn.len() as u64 {
            0 => String::new(),
            n => format!(" ({} withdrawn)", count(n, "run was", "runs were")),
        };
        side.runs.is_empty().then(|| {
            format!(
                "version {} has no finished run on {place}{gone}; run it, then check again.",
                side.version
            )
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

fn judge(check: &Check, look: &Look<'_>) -> Result<CheckResult> {
    let mut result = blank(check, format!("none of {} is scored.", count(look.missing, "item", "items")));
    result.n = look.scored.len() as u64;
    result.n_missing = look.missing;
    if look.scored.is_empty() {
        return Ok(result);
    }
    result.open = None;
    result.attempt = Some(look.level.attempt).filter(|&attempt| attempt > 1);
    let (old, new) = (look.old_scores(), look.new_scores());
    result.value = stats::mean_sd(&new).map(|m| m.mean).filter(|mean| mean.is_finite());
    if old.len() == new.len() {
        result.baseline = stats::mean_sd(&old).map(|m| m.mean).filter(|mean| mean.is_finite());
    }
    match check {
        Check::ItemFloor { at_least, allow, .. } => items::item_floor(&mut result, look, *at_least, *allow),
        Check::NoRegression { tolerance, kind, mode, bound, cluster, max_severe, severe_drop, .. } => {
            let tolerance = match kind {
                ToleranceKind::Relative => Tolerance::Relative(*tolerance),
                ToleranceKind::Absolute => Tolerance::Absolute(*tolerance),
            };
            let rule = bound_rule(*mode, *bound);
            let clustered = cluster.as_deref();
            means::no_regression(&mut result, look, (&old, &new), tolerance, rule, clustered)?;
            items::severe_drops(&mut result, look, *max_severe, *severe_drop);
        }
        Check::Mean { at_least, mode, .. } => means::mean(&mut result, look, &new, *at_least, *mode)?,
        Check::Rate { at_least, at_most, mode, .. } => {
            let limit = match (at_least, at_most) {
                (_, Some(x)) => Limit::AtMost(*x),
                (x, None) => Limit::AtLeast(x.unwrap_or(0.0)),
            };
            rates::rate(&mut result, &new, limit, *mode, look.level)?;
        }
        Check::NotMorePermissive { max_new_failures, .. } => {
            items::not_more_permissive(&mut result, look, *max_new_failures)?;
        }
        Check::Format { .. } => {}
    }
    if result.outcome == Outcome::CannotTell && result.open.is_none() {
        result.open = Some(Open::NotShown);
    }
    Ok(result)
}

pub(super) fn mode_name(mode: Mode) -> String {
    if mode == Mode::Bound { "bound".to_owned() } else { "point".to_owned() }
}

pub(super) fn bound_rule(mode: Mode, bound: crate::model::gate::Bound) -> BoundRule {
    use crate::model::gate::Bound;
    match (mode, bound) {
        (Mode::Point, _) => BoundRule::Point,
        (Mode::Bound, Bound::Auto) => BoundRule::Auto,
        (Mode::Bound, Bound::Betting) => BoundRule::Betting,
        (Mode::Bound, Bound::T) => BoundRule::T,
    }
}

pub(super) fn outcome(outcome: stats::Outcome) -> Outcome {
    match outcome {
        stats::Outcome::Pass => Outcome::Pass,
        stats::Outcome::Fail => Outcome::Fail,
        stats::Outcome::CannotTell => Outcome::CannotTell,
    }
}
