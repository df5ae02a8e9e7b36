//! From the plan to the end: registered, started, changed on the way, stopped, decided.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::check::{coverage, invalid, shares, variants};
use super::record::{Stored, find, load, load_result, plan_id, request_id, save_event, save_result};
use super::report::ExperimentResult;
use super::{assign, judge, plan, record};
use crate::error::{Error, Result};
use crate::model::experiment::{Experiment, ExperimentMode, ExperimentState, NewExperiment};
use crate::model::id::RunId;
use crate::model::name::ExperimentName;
use crate::stats::{self, AssignmentTable, BUCKETS};
use crate::storage::kv::{Flow, Read, Write};
use crate::storage::log::Author;
use crate::traces::read::{Span, visit};

/// Fewer users than this show nothing of how a salt splits them.
const SELF_TEST_USERS: usize = 100;
/// The users of so many of the newest traces are looked at.
const SELF_TEST_TRACES: usize = 100_000;

/// What was asked for, as a value that is the same for the same question.
fn request(tx: &(impl Read + ?Sized), new: &NewExperiment) -> Result<Value> {
    let (made, control) = variants(tx, &new.prompt.parse()?, new)?;
    let variants: Vec<Value> = made.iter().map(|v| json!([v.name, v.version_id, v.weight])).collect();
    Ok(json!({
        "prompt": new.prompt, "variants": variants, "control": control, "metric": new.metric,
        "source": new.source, "direction": new.direction, "min_effect": new.min_effect, "alpha": new.alpha,
        "power": new.power, "sd": new.sd, "r2": new.r2, "n_planned": new.n_planned, "floor": new.floor,
        "mode": new.mode, "analysis": new.analysis, "covariate": new.covariate, "strata": new.strata,
        "stratum_weights": new.stratum_weights, "unit_score": new.unit_score, "guardrails": new.guardrails,
        "coverage": new.coverage, "layer": new.layer, "sticky": new.sticky, "harm_guard": new.harm_guard,
        "grace_hours": new.grace_hours, "salt": new.salt, "description": new.description,
    }))
}

/// Registers an experiment, and starts it if that is wanted. The same question again is the experiment that is there.
pub(crate) fn register(
    tx: &mut dyn Write,
    author: &Author,
    name: &ExperimentName,
    new: &NewExperiment,
    begin: bool,
) -> Result<Stored> {
    let asked = request_id(&request(tx, new)?)?;
    if let Some(there) = find(tx, name)? {
        if there.request == asked {
            return Ok(there);
        }
        let plan = there.experiment.plan_id.to_string();
        return Err(Error::ExperimentExists { experiment: name.to_string(), plan });
    }
    let salt = new.salt.clone().unwrap_or_else(|| RunId::new(author.now).to_string());
    let plan = plan::make(tx, author.now, name.clone(), new, salt)?;
    let wanted = coverage(new.coverage)?;
    let weights: Vec<f64> = plan.variants.iter().map(|v| v.weight).collect();
    let table = AssignmentTable::new(&weights)?;
    let layer = match &plan.layer {
        Some(layer) => assign::take_from_layer(layer, &record::all(tx)?, &[], wanted)?,
        None => Vec::new(),
    };
    let experiment = Experiment {
        name: name.clone(),
        state: ExperimentState::Registered,
        plan_id: plan_id(&plan)?,
        registered_at: author.now,
        started_at: None,
        ended_at: None,
        reason: None,
        coverage: 0.0,
        epochs: Vec::new(),
        result_id: None,
        winner: None,
        plan,
    };
    let mut stored = Stored { experiment, request: asked, coverage: 0, layer, tables: Vec::new() };
    stored.set_coverage(wanted);
    stored.begin_epoch(author.now, weights, table);
    let plan = stored.plan();
    let data =
        json!({"prompt": plan.prompt, "metric": plan.metric, "n_planned": plan.n_planned, "mode": plan.mode});
    save_event(tx, author, &stored, "experiment.registered", data)?;
    if begin { start(tx, author, name) } else { Ok(stored) }
}

fn running(stored: &Stored) -> Result<()> {
    let state = match stored.experiment.state {
        ExperimentState::Stopped => "stopped",
        ExperimentState::Concluded => "concluded",
        ExperimentState::Registered | ExperimentState::Running => return Ok(()),
    };
    Err(Error::ExperimentEnded { experiment: stored.name().to_string(), state })
}

/// Starts an experiment: from now on units take part. One that runs already just runs.
pub(crate) fn start(tx: &mut dyn Write, author: &Author, name: &ExperimentName) -> Result<Stored> {
    let mut stored = load(tx, name)?;
    running(&stored)?;
    if stored.experiment.state == ExperimentState::Running {
        return Ok(stored);
    }
    let tested = self_test(tx, &stored)?;
    stored.experiment.state = ExperimentState::Running;
    stored.experiment.started_at = Some(author.now);
    save_event(tx, author, &stored, "experiment.started", json!({"users_of_the_self_test": tested}))?;
    Ok(stored)
}

/// An A/A test of the assignment on the users that there are: how many, if they are split as the weights say.
fn self_test(tx: &(impl Read + ?Sized), stored: &Stored) -> Result<usize> {
    let (mut users, mut looked) = (BTreeSet::new(), 0);
    visit(tx, &stored.plan().prompt, Span::default(), &mut |facts| {
        users.extend(facts.user);
        looked += 1;
        Ok(if looked == SELF_TEST_TRACES { Flow::Stop } else { Flow::Continue })
    })?;
    if users.len() < SELF_TEST_USERS {
        return Ok(0);
    }
    let weights: Vec<f64> = stored.plan().variants.iter().map(|v| v.weight).collect();
    let mut seen = vec![0u64; weights.len()];
    for user in &users {
        let arm = stored.table()?.assign(&stored.plan().salt, user)? as usize;
        if let Some(n) = seen.get_mut(arm) {
            *n += 1;
        }
    }
    let found = stats::srm(&seen, &weights)?;
    if !found.mismatch {
        return Ok(users.len());
    }
    let seen = seen.iter().map(u64::to_string).collect::<Vec<_>>().join("/");
    let p = found.p_value.map_or_else(|| "0".to_owned(), |p| format!("{p:.2e}"));
    Err(Error::AssignmentSkewed { experiment: stored.name().to_string(), seen, p })
}

/// Changes the weights, and moves the fewest buckets for it; says which share of them moved.
pub(crate) fn reweight(
    tx: &mut dyn Write,
    author: &Author,
    name: &ExperimentName,
    weights: &[f64],
) -> Result<(Stored, f64)> {
    let mut stored = load(tx, name)?;
    running(&stored)?;
    if stored.plan().mode == ExperimentMode::Anytime {
        return invalid(
            "an experiment in mode `anytime` pairs units by its weights, so they can't change; stop it and register another",
        );
    }
    let weights = shares(Some(weights), stored.plan().variants.len())?;
    if weights.get(stored.plan().control).is_none_or(|w| *w == 0.0) {
        return invalid("the control needs a weight above 0: the others are compared with it");
    }
    let (table, moved) = stored.table()?.with_weights(&weights)?;
    if moved == 0 {
        return Ok((stored, 0.0));
    }
    let moved = f64::from(moved) / f64::from(BUCKETS);
    let data = json!({"weights": weights, "moved": moved});
    stored.begin_epoch(author.now, weights, table);
    save_event(tx, author, &stored, "experiment.weights_changed", data)?;
    Ok((stored, moved))
}

/// Changes the share of all units that takes part. Nobody changes the variant by that.
pub(crate) fn cover(
    tx: &mut dyn Write,
    author: &Author,
    name: &ExperimentName,
    share: f64,
) -> Result<Stored> {
    let mut stored = load(tx, name)?;
    running(&stored)?;
    let wanted = coverage(Some(share))?;
    if wanted == stored.coverage {
        return Ok(stored);
    }
    if let Some(layer) = stored.plan().layer.clone() {
        let mut others = record::all(tx)?;
        others.retain(|other| other.name() != name);
        stored.layer = assign::take_from_layer(&layer, &others, &stored.layer, wanted)?;
    }
    stored.set_coverage(wanted);
    let data = json!({"coverage": stored.experiment.coverage});
    save_event(tx, author, &stored, "experiment.coverage_changed", data)?;
    Ok(stored)
}

/// Ends an experiment without a verdict.
pub(crate) fn stop(
    tx: &mut dyn Write,
    author: &Author,
    name: &ExperimentName,
    reason: &str,
) -> Result<Stored> {
    let mut stored = load(tx, name)?;
    running(&stored)?;
    end(&mut stored, author, ExperimentState::Stopped, Some(reason));
    save_event(tx, author, &stored, "experiment.stopped", json!({"reason": reason, "by": "person"}))?;
    Ok(stored)
}

fn end(stored: &mut Stored, author: &Author, state: ExperimentState, reason: Option<&str>) {
    stored.experiment.state = state;
    stored.experiment.ended_at = Some(author.now);
    stored.experiment.reason = reason.map(str::to_owned);
}

/// What an experiment says, and whether that is to be written down: it is the last word, and was not said before.
pub(crate) fn result(
    tx: &(impl Read + ?Sized),
    now: crate::model::time::Timestamp,
    stored: &Stored,
) -> Result<(ExperimentResult, bool)> {
    if let Some(id) = &stored.experiment.result_id {
        let damaged = |e: serde_json::Error| Error::DamagedRecord {
            record: "experiment result",
            reason: e.to_string(),
        };
        let mut result: ExperimentResult = serde_json::from_value(load_result(tx, id)?).map_err(damaged)?;
        result.state = stored.experiment.state;
        return Ok((result, false));
    }
    let result = judge::judge(tx, now, stored)?;
    let is_new = result.is_final && stored.experiment.state == ExperimentState::Running;
    Ok((result, is_new))
}

/// Asks an experiment, and writes its last word down once it is said; the harm guard's ends it.
pub(crate) fn settle(
    tx: &mut dyn Write,
    author: &Author,
    name: &ExperimentName,
) -> Result<(Stored, ExperimentResult)> {
    let mut stored = load(tx, name)?;
    let (mut result, is_new) = result(tx, author.now, &stored)?;
    if !is_new {
        return Ok((stored, result));
    }
    let harmful = result.stopped_by.is_some();
    if harmful {
        end(&mut stored, author, ExperimentState::Stopped, Some("the harm guard stopped it"));
        result.state = stored.experiment.state;
    }
    let value = serde_json::to_value(&result)
        .map_err(|e| Error::InvalidJson { reason: e.to_string(), at: "the result".to_owned() })?;
    let id = save_result(tx, &value)?;
    stored.experiment.result_id = Some(id);
    let data = json!({"result": id, "verdict": result.verdict, "winner": result.winner,
                      "cutoff": result.cutoff, "data": result.data_hash});
    save_event(tx, author, &stored, "experiment.decided", data)?;
    if harmful {
        let data = json!({"reason": stored.experiment.reason, "by": "harm_guard"});
        save_event(tx, author, &stored, "experiment.stopped", data)?;
    }
    Ok((stored, result))
}

/// Ends an experiment with its verdict.
pub(crate) fn conclude(
    tx: &mut dyn Write,
    author: &Author,
    stored: &mut Stored,
    (winner, promoted): (Option<&str>, Option<u32>),
    reason: Option<&str>,
) -> Result<()> {
    // What the harm guard has ended keeps when and why it did.
    if stored.experiment.state == ExperimentState::Running {
        end(stored, author, ExperimentState::Concluded, reason);
    } else {
        stored.experiment.state = ExperimentState::Concluded;
    }
    stored.experiment.winner = winner.map(str::to_owned);
    let data = json!({"winner": winner, "promoted": promoted, "result": stored.experiment.result_id, "reason": reason});
    save_event(tx, author, stored, "experiment.concluded", data)
}

/// The moment's experiments, their exposures, and whether their plans and results are there: for `verify`.
pub(crate) fn check(tx: &dyn Read) -> Result<(u64, u64)> {
    let (mut experiments, mut exposures) = (0, 0);
    for stored in record::all(tx)? {
        if plan_id(stored.plan())? != stored.experiment.plan_id {
            let reason = format!("the plan of {} is not what its id says", stored.name());
            return Err(Error::DamagedRecord { record: "experiment", reason });
        }
        if let Some(id) = &stored.experiment.result_id {
            load_result(tx, id)?;
        }
        exposures += super::exposures::check(tx, stored.name(), stored.plan().variants.len())?;
        experiments += 1;
    }
    Ok((experiments, exposures))
}
