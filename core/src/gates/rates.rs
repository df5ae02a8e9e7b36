//! The checks that count: a rate of scores, and the share of outputs that satisfy a schema.

use std::collections::BTreeMap;

use super::checks::{SHOWN, blank, bound_rule, mode_name, outcome};
use super::evidence::{Evidence, OnDataset};
use super::means::{against_limit, bounds_of_mean};
use super::words::{Level, lacking, needed, percent, whole};
use crate::error::Result;
use crate::model::gate::{Bound, Check, Mode};
use crate::model::name::ItemKey;
use crate::model::schema::JsonSchema;
use crate::model::verdict::{CheckResult, ItemNote, Needed, Open, Outcome};
use crate::scorers;
use crate::stats::{self, Limit, RateMode};

pub(super) fn rate(
    result: &mut CheckResult,
    new: &[f64],
    limit: Limit,
    mode: Mode,
    level: Level,
) -> Result<()> {
    result.mode = Some(mode_name(mode));
    if new.iter().any(|x| !(0.0..=1.0).contains(x)) {
        result.open = Some(Open::NoEvidence);
        result.sentence = "a rate is made of true and false, or of scores between 0 and 1.".to_owned();
        return Ok(());
    }
    if new.iter().all(|&x| x == 0.0 || x == 1.0) {
        let k = new.iter().filter(|&&x| x == 1.0).count() as u64;
        return counted_rate(result, (k, new.len() as u64), limit, mode, level, "items");
    }
    // Scores between 0 and 1 are no coin flips: their mean is held against the limit as a mean.
    let rule = bound_rule(mode, Bound::Auto);
    let verdict = stats::mean_gate(new, limit, Some((0.0, 1.0)), level.alpha, rule)?;
    result.threshold = Some(limit.value());
    (result.lower, result.upper) = bounds_of_mean(&verdict, limit);
    result.rule = Some(verdict.rule.as_str().to_owned());
    result.confidence = verdict.lower.map(|_| level.confidence());
    result.outcome = outcome(verdict.outcome);
    let (settled_by, text) = needed(&verdict, level, None)?;
    result.needed = settled_by.filter(|_| result.outcome == Outcome::CannotTell);
    let sentence = against_limit(&verdict, limit, level, mode, new.len(), &text);
    result.sentence = format!("{sentence}{}", level.note(mode == Mode::Bound));
    Ok(())
}

fn side_of(limit: Limit) -> &'static str {
    match limit {
        Limit::AtLeast(_) => "at least",
        Limit::AtMost(_) => "at most",
    }
}

fn counted_rate(
    result: &mut CheckResult,
    (k, n): (u64, u64),
    limit: Limit,
    mode: Mode,
    level: Level,
    what: &str,
) -> Result<()> {
    let rate_mode = if mode == Mode::Bound { RateMode::Bound } else { RateMode::Point };
    let verdict = stats::rate_gate(k, n, limit, level.alpha, rate_mode)?;
    let (bound, failures) = match limit {
        Limit::AtLeast(_) => (verdict.lower, n - k),
        Limit::AtMost(_) => (verdict.upper, k),
    };
    let side = side_of(limit);
    result.value = verdict.rate;
    result.lower = verdict.lower;
    result.upper = verdict.upper;
    result.threshold = Some(limit.value());
    result.confidence = bound.map(|_| level.confidence());
    result.outcome = outcome(verdict.outcome);
    let asked = percent(limit.value());
    // What would show it, unless it is shown, or shown not to be so.
    let shown = verdict.outcome == stats::Outcome::Pass
        && bound.is_some_and(|x| match limit {
            Limit::AtLeast(least) => x >= least,
            Limit::AtMost(most) => x <= most,
        });
    let enough = verdict.n_needed_with_failures.filter(|_| !shown && result.outcome != Outcome::Fail);
    let settle = match (enough, failures) {
        (None, _) => String::new(),
        (Some(items), 0) => format!("; for {asked} you need {} {what} without a failure", whole(items)),
        (Some(items), _) => format!("; for {asked} you need {} {what} and no further failure", whole(items)),
    };
    if result.outcome == Outcome::CannotTell {
        result.needed = enough.map(|items| Needed { items, chance: None, trials: None });
    }
    let rule = match (mode, shown) {
        (Mode::Point, false) if result.outcome == Outcome::Pass => " Pass by the simple rule. Not a proof.",
        _ => "",
    };
    result.sentence = format!(
        "{k} of {n} {what}; {side} {asked} is asked. That shows {side} {} ({}){settle}.{rule}{}",
        percent(bound.unwrap_or(f64::NAN)),
        level.bound(),
        level.note(mode == Mode::Bound)
    );
    Ok(())
}

pub(super) fn format(
    check: &Check,
    at_least: f64,
    mode: Mode,
    on: &OnDataset,
    evidence: &Evidence,
    among: u64,
) -> Result<CheckResult> {
    let mut result =
        blank(check, "the version has no response_schema, so no output can be held against it.".to_owned());
    result.mode = Some(mode_name(mode));
    let Some(schema) = &evidence.response_schema else { return Ok(result) };
    let schema = JsonSchema::compile(schema)?;
    let table = &on.candidate.table;
    let mut seen: BTreeMap<&ItemKey, u64> = BTreeMap::new();
    for row in table.rows().filter(|row| row.output.is_some() || row.error.is_some()) {
        *seen.entry(&row.key).or_default() += 1;
    }
    let needed_outputs = on.candidate.outputs_needed() as u64;
    let lacks = |key: &&ItemKey| seen.get(*key).is_none_or(|&rows| rows < needed_outputs);
    result.n_missing = on.items.iter().filter(lacks).count() as u64;
    let (mut valid, mut n) = (0, 0);
    for row in table.rows() {
        // A call that failed gave no valid output; a row with neither is missing.
        let Some(ok) =
            row.output.as_ref().map(|o| scorers::is_valid(o, &schema)).or(row.error.as_ref().map(|_| false))
        else {
            continue;
        };
        n += 1;
        valid += u64::from(ok);
        if !ok && result.items.len() < SHOWN {
            result.items.push(ItemNote { key: row.key.clone(), baseline: None, candidate: Some(0.0) });
        }
    }
    result.n = n;
    if n == 0 {
        result.sentence = "no output is recorded.".to_owned();
        return Ok(result);
    }
    let level = Level::of(on.candidate.attempts_in_all(), among)?;
    result.open = None;
    result.attempt = Some(level.attempt).filter(|&attempt| attempt > 1);
    let limit = Limit::AtLeast(at_least);
    let what = "outputs are valid under response_schema";
    counted_rate(&mut result, (valid, n), limit, mode, level, what)?;
    if result.outcome == Outcome::CannotTell {
        result.open = Some(Open::NotShown);
    }
    if result.n_missing > 0 && result.outcome != Outcome::Fail {
        let (total, missing) = (on.items.len() as u64, result.n_missing);
        let lack = format!("{} an output", lacking(missing, total));
        (result.outcome, result.open, result.needed) =
            (Outcome::CannotTell, Some(Open::InvalidMissing), None);
        result.sentence = format!("No verdict: {lack}. What is there: {}", result.sentence);
    }
    Ok(result)
}
