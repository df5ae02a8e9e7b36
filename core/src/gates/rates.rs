//! The checks that count: a rate of scores, and the share of outputs that satisfy a schema.

use std::collections::BTreeMap;

use super::checks::{Level, SHOWN, blank, bound_rule, bounds_of_mean, mode_name, outcome};
use super::evidence::{Evidence, OnDataset};
use crate::error::Result;
use crate::model::gate::{Check, Mode};
use crate::model::name::ItemKey;
use crate::model::schema::JsonSchema;
use crate::model::verdict::{CheckResult, ItemNote, Outcome};
use crate::scorers;
use crate::stats::display::{counted as count, percent_short as percent};
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
        result.sentence = "a rate is made of true and false, or of scores between 0 and 1.".to_owned();
        return Ok(());
    }
    if new.iter().all(|&x| x == 0.0 || x == 1.0) {
        let k = new.iter().filter(|&&x| x == 1.0).count() as u64;
        return counted_rate(result, (k, new.len() as u64), limit, mode, level, "items");
    }
    // Scores between 0 and 1 are no coin flips: their mean is held against the limit as a mean.
    let verdict = stats::mean_gate(new, limit, Some((0.0, 1.0)), level.alpha, bound_rule(mode))?;
    result.threshold = Some(limit.value());
    (result.lower, result.upper) = bounds_of_mean(&verdict, limit);
    result.outcome = outcome(verdict.outcome);
    result.sentence = format!(
        "the mean is {} on {} items, {} {} is asked.",
        percent(result.value.unwrap_or(f64::NAN)),
        new.len(),
        side_of(limit),
        percent(limit.value())
    );
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
    let bound = match limit {
        Limit::AtLeast(_) => verdict.lower,
        Limit::AtMost(_) => verdict.upper,
    };
    let side = side_of(limit);
    result.value = verdict.rate;
    result.lower = verdict.lower;
    result.upper = verdict.upper;
    result.threshold = Some(limit.value());
    result.outcome = outcome(verdict.outcome);
    result.sentence = format!(
        "{k} of {n} {what}; {side} {} is asked. That shows {side} {} (95 % bound).",
        percent(limit.value()),
        percent(bound.unwrap_or(f64::NAN))
    );
    Ok(())
}

pub(super) fn format(
    check: &Check,
    at_least: f64,
    mode: Mode,
    on: &OnDataset,
    evidence: &Evidence,
) -> Result<CheckResult> {
    let mut result =
        blank(check, "the version has no response_schema, so no output can be held against it.".to_owned());
    result.mode = Some(mode_name(mode));
    let Some(schema) = &evidence.response_schema else { return Ok(result) };
    let schema = JsonSchema::compile(schema)?;
    let table = &on.candidate.table;
    let mut seen: BTreeMap<&ItemKey, usize> = BTreeMap::new();
    for row in table.rows().filter(|row| row.output.is_some() || row.error.is_some()) {
        *seen.entry(&row.key).or_default() += 1;
    }
    let needed = on.candidate.outputs_needed();
    let lacks = |key: &&ItemKey| seen.get(*key).is_none_or(|&rows| rows < needed);
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
    counted_rate(
        &mut result,
        (valid, n),
        Limit::AtLeast(at_least),
        mode,
        Level::of(on.candidate.runs.len() as u64)?,
        "outputs are valid under response_schema",
    )?;
    if result.n_missing > 0 && result.outcome == Outcome::Pass {
        result.outcome = Outcome::CannotTell;
        let missing = count(result.n_missing, "item lacks", "items lack");
        result.sentence =
            format!("{missing} an output; what is there would pass, but what is missing may not.");
    }
    Ok(result)
}
