//! Registering a canary, recording its runs, answering its alarms.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::datasets::read as datasets;
use crate::error::{Error, Result};
use crate::model::canary::{Canary, CanaryMetric, CanaryStatus, CanaryStep};
use crate::model::dataset::DatasetVersion;
use crate::model::id::{ContentId, RunId};
use crate::model::name::{CanaryName, ItemKey, MetricName};
use crate::model::run::{Run, ScorerRef};
use crate::model::score::MetricKind;
use crate::model::version::PromptVersion;
use crate::runs::{lifecycle, metrics, rows};
use crate::storage::kv::{Flow, Read, Write};
use crate::storage::log::{Author, append};

use super::check::registration;
use super::watch::Watch;
use super::{Anchor, Entry, Recorded, Scores, What, store};

/// So few items say next to nothing; so many are a dataset to be run once, not a canary.
const LEAST_ITEMS: u64 = 10;
const MOST_ITEMS: u64 = 1_000;
const LEAST_BASELINE: u32 = 10;
const MOST_BASELINE: u32 = 1_000;
const MOST_ALARM: f64 = 1e9;

fn invalid<T>(argument: &str, reason: impl Into<String>) -> Result<T> {
    Err(Error::InvalidArgument { argument: argument.to_owned(), reason: reason.into() })
}

/// What a canary is to be.
pub(crate) struct Plan {
    pub(crate) version: PromptVersion,
    pub(crate) dataset: DatasetVersion,
    pub(crate) metrics: Vec<MetricName>,
    pub(crate) scorers: Vec<ScorerRef>,
    pub(crate) baseline: u32,
    pub(crate) alarm: f64,
    pub(crate) floor: f64,
}

/// Registers a canary; the same again is the one that is there.
pub(crate) fn register(tx: &mut dyn Write, author: &Author, name: CanaryName, plan: Plan) -> Result<Canary> {
    let Plan { version, dataset, metrics, scorers, baseline, alarm, floor } = plan;
    if !(LEAST_BASELINE..=MOST_BASELINE).contains(&baseline) {
        return invalid(
            "baseline",
            format!("a baseline has {LEAST_BASELINE} to {MOST_BASELINE} runs, not {baseline}"),
        );
    }
    if !(alarm > 1.0 && alarm <= MOST_ALARM) {
        return invalid("alarm", format!("the alarm level lies above 1 and is at most {MOST_ALARM}"));
    }
    if !(floor > 0.0 && floor < 1.0) {
        return invalid(
            "floor",
            "the floor is a standard deviation in the unit interval: above 0 and below 1",
        );
    }
    if !(LEAST_ITEMS..=MOST_ITEMS).contains(&dataset.items) {
        let reason = format!(
            "a canary has {LEAST_ITEMS} to {MOST_ITEMS} items, best 20 to 50; version {} of {} has {}",
            dataset.version, dataset.dataset, dataset.items
        );
        return invalid("dataset", reason);
    }
    let canary = Canary {
        name,
        prompt: version.prompt_name().clone(),
        version: version.number(),
        version_id: version.id(),
        dataset: dataset.dataset,
        dataset_version: dataset.version,
        dataset_root: dataset.root,
        items: dataset.items,
        metrics: ranges(tx, metrics)?,
        scorers,
        baseline,
        alarm,
        floor,
        registered_at: author.now,
        actor: author.actor.clone(),
    };
    if let Some(known) = store::find(tx, &canary.name)? {
        let differs = [
            ("the prompt", known.prompt != canary.prompt),
            ("the prompt's version", known.version_id != canary.version_id),
            (
                "the dataset or its version",
                known.dataset != canary.dataset || known.dataset_root != canary.dataset_root,
            ),
            ("the metrics", known.metrics != canary.metrics),
            ("the scorers", known.scorers != canary.scorers),
            ("the baseline", known.baseline != canary.baseline),
            ("the alarm level or the floor", known.alarm != canary.alarm || known.floor != canary.floor),
        ];
        return match differs.iter().find(|(_, differs)| *differs) {
            None => Ok(known),
            Some((what, _)) => {
                Err(Error::CanaryExists { canary: canary.name.to_string(), what: (*what).to_owned() })
            }
        };
    }
    let event = append(tx, author, "canary.registered", registration(&canary))?;
    let canary = Canary { registered_at: event.at, ..canary };
    store::save(tx, canary.clone())?;
    Ok(canary)
}

/// The declared range of each metric: without one there is no unit interval.
fn ranges(tx: &dyn Read, names: Vec<MetricName>) -> Result<BTreeMap<MetricName, CanaryMetric>> {
    if names.is_empty() {
        return invalid("metrics", "a canary watches at least one metric");
    }
    let mut found = BTreeMap::new();
    for name in names {
        let config =
            metrics::read(tx, &name)?.ok_or_else(|| Error::MetricNotFound { metric: name.to_string() })?;
        let Some((min, max)) = config.range() else {
            let reason =
                format!("a canary needs a range: {name} must be declared boolean, or with min and max");
            return invalid("metrics", reason);
        };
        let metric = CanaryMetric { min, max, boolean: config.kind == MetricKind::Boolean };
        if found.insert(name.clone(), metric).is_some() {
            return invalid("metrics", format!("{name} is named twice"));
        }
    }
    Ok(found)
}

pub(super) fn keys(tx: &dyn Read, canary: &Canary) -> Result<Vec<ItemKey>> {
    Ok(datasets::index(tx, &canary.dataset, canary.dataset_version)?.into_keys().collect())
}

/// A run's scores by metric and item.
pub(super) fn scores_of(tx: &dyn Read, canary: &Canary, keys: &[ItemKey], run: &RunId) -> Result<Scores> {
    let mut by_item = BTreeMap::new();
    rows::visit(tx, run, &mut |row| {
        by_item.insert(row.key, row.scores);
        Ok(Flow::Continue)
    })?;
    let of =
        |metric: &MetricName| keys.iter().map(|key| by_item.get(key)?.get(metric)?.as_number()).collect();
    Ok(canary.metrics.keys().map(of).collect())
}

/// A finished run of the canary's version on its items.
fn fitting(tx: &dyn Read, canary: &Canary, argument: &str, run: &RunId) -> Result<Run> {
    let run = lifecycle::load(tx, run)?;
    let fault = if run.finished_at.is_none() {
        "the run is not finished; call `finish_run` first".to_owned()
    } else if run.prompt != canary.prompt || run.version_id != canary.version_id {
        format!(
            "the run is of {} version {}, the canary of {} version {}",
            run.prompt, run.version, canary.prompt, canary.version
        )
    } else if run.dataset != canary.dataset || run.dataset_root != canary.dataset_root {
        format!(
            "the run is on {} version {}, the canary on {} version {}",
            run.dataset, run.dataset_version, canary.dataset, canary.dataset_version
        )
    } else if run.trials != 1 {
        format!("a canary calls the model once per item; the run has {} trials", run.trials)
    } else {
        return Ok(run);
    };
    invalid(argument, fault)
}

pub(super) fn scorers_of(canary: &Canary, run: &Run) -> Vec<Option<ContentId>> {
    canary.metrics.keys().map(|metric| run.scorer(metric)).collect()
}

fn outputs(tx: &dyn Read, run: &RunId) -> Result<BTreeMap<ItemKey, Option<Value>>> {
    Ok(rows::all(tx, run)?.into_iter().map(|row| (row.key, row.output)).collect())
}

/// The runs that the entries hold, and the stored outputs' first run.
fn known(entries: &[Entry]) -> (BTreeSet<RunId>, Option<RunId>) {
    let recorded = || {
        entries.iter().filter_map(|entry| match &entry.what {
            What::Run(run) => Some(run),
            What::Confirmed { .. } | What::Dismissed { .. } => None,
        })
    };
    let anchors = || recorded().filter_map(|run| run.anchor.as_ref()).map(|anchor| anchor.run);
    (recorded().map(|run| run.run).chain(anchors()).collect(), anchors().next())
}

/// Takes a finished run as the next one of the canary. The same run again changes nothing.
pub(crate) fn record(
    tx: &mut dyn Write,
    author: &Author,
    name: &CanaryName,
    run: &RunId,
    anchor: Option<&RunId>,
) -> Result<CanaryStatus> {
    let canary = store::load(tx, name)?;
    let (keys, entries) = (keys(tx, &canary)?, store::entries(tx, &canary)?);
    let (mut watch, _) = Watch::over(&canary, &keys, &entries)?;
    for entry in &entries {
        if let What::Run(known) = &entry.what
            && known.run == *run
        {
            if known.anchor.as_ref().map(|anchor| anchor.run) == anchor.copied() {
                return watch.status();
            }
            return invalid(
                "anchor",
                "the run is recorded already, with another anchor; a run is recorded once",
            );
        }
    }
    let (taken, first_anchor) = known(&entries);
    let run = fitting(tx, &canary, "run", run)?;
    let scorers = scorers_of(&canary, &run);
    let anchor = anchor
        .map(|anchor| {
            let anchor = fitting(tx, &canary, "anchor", anchor)?;
            if anchor.id == run.id || taken.contains(&anchor.id) {
                return invalid(
                    "anchor",
                    "this run is recorded already; judge the stored outputs in a run of their own",
                );
            }
            if scorers_of(&canary, &anchor) != scorers {
                return invalid("anchor", "the anchor must be scored by the same scorers as the run");
            }
            if let Some(first) = first_anchor
                && outputs(tx, &first)? != outputs(tx, &anchor.id)?
            {
                let reason = format!("the anchor must hold the same stored outputs as run {first}");
                return invalid("anchor", reason);
            }
            Ok(Anchor { run: anchor.id, scores: scores_of(tx, &canary, &keys, &anchor.id)? })
        })
        .transpose()?;
    if taken.contains(&run.id) {
        return invalid("run", "this run is recorded as an anchor: it holds stored outputs, not new ones");
    }
    let scores = scores_of(tx, &canary, &keys, &run.id)?;
    let mut entry = Entry {
        number: entries.last().map_or(0, |last| last.number) + 1,
        at: author.now,
        actor: author.actor.clone(),
        what: What::Run(Recorded { run: run.id, at: run.started_at, scorers, scores, anchor }),
    };
    let (cause, series) = (watch.cause(), watch.series());
    let step = watch.apply(&entry)?;
    let data = json!({"canary": name, "number": step.number, "run": step.run, "anchor": step.anchor,
                      "series": step.series, "used": step.used, "n_missing": step.n_missing, "m": step.m,
                      "state": step.state});
    entry.at = append(tx, author, "canary.recorded", data)?.at;
    if watch.series() != series {
        began(tx, author, name, &watch)?;
    }
    if watch.cause().is_some() && watch.cause() != cause {
        let data = json!({"canary": name, "number": step.number, "run": step.run, "cause": watch.cause(),
                          "m": watch.alarm_m(), "threshold": canary.alarm});
        append(tx, author, "canary.alarm", data)?;
    }
    store::append(tx, name, entry)?;
    watch.status()
}

fn began(tx: &mut dyn Write, author: &Author, name: &CanaryName, watch: &Watch<'_>) -> Result<()> {
    let (series, why) = watch.series();
    append(tx, author, "canary.baseline", json!({"canary": name, "series": series, "why": why}))?;
    Ok(())
}

/// Answers an alarm: it is real and a new baseline begins, or it is not and the bets begin anew.
pub(crate) fn answer(
    tx: &mut dyn Write,
    author: &Author,
    name: &CanaryName,
    confirmed: bool,
    reason: &str,
) -> Result<CanaryStatus> {
    if reason.trim().is_empty() {
        return Err(Error::ReasonRequired);
    }
    let canary = store::load(tx, name)?;
    let (keys, entries) = (keys(tx, &canary)?, store::entries(tx, &canary)?);
    let (mut watch, _) = Watch::over(&canary, &keys, &entries)?;
    let Some(cause) = watch.cause() else {
        let state = serde_json::to_value(watch.state()).ok();
        let state = state.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
        return Err(Error::NoAlarm { canary: name.to_string(), state });
    };
    let (m, number) = (watch.alarm_m(), entries.last().map_or(0, |last| last.number) + 1);
    let reason = reason.to_owned();
    let data = json!({"canary": name, "number": number, "reason": reason, "cause": cause, "m": m,
                      "threshold": canary.alarm});
    let kind = if confirmed { "canary.confirmed" } else { "canary.dismissed" };
    let at = append(tx, author, kind, data)?.at;
    let what = if confirmed { What::Confirmed { reason } } else { What::Dismissed { reason } };
    let entry = Entry { number, at, actor: author.actor.clone(), what };
    watch.apply(&entry)?;
    if confirmed {
        began(tx, author, name, &watch)?;
    }
    store::append(tx, name, entry)?;
    watch.status()
}

/// What a canary says now.
pub(crate) fn status(tx: &dyn Read, canary: &Canary) -> Result<CanaryStatus> {
    let keys = keys(tx, canary)?;
    Watch::over(canary, &keys, &store::entries(tx, canary)?)?.0.status()
}

/// A canary's history, oldest first.
pub(crate) fn history(tx: &dyn Read, name: &CanaryName) -> Result<Vec<CanaryStep>> {
    let canary = store::load(tx, name)?;
    let keys = keys(tx, &canary)?;
    Ok(Watch::over(&canary, &keys, &store::entries(tx, &canary)?)?.1)
}
