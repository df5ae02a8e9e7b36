//! Starting, resuming and finishing runs.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::codec::hash::{Domain, Hasher};
use crate::codec::record::{decode, encode, record};
use crate::error::{Error, Result};
use crate::model::dataset::DatasetVersion;
use crate::model::id::{ContentId, RunId};
use crate::model::name::{DatasetName, PromptName, RunName};
use crate::model::run::{Run, ScorerRef, Withdrawal};
use crate::model::time::Timestamp;
use crate::model::version::PromptVersion;
use crate::storage::keys::after_prefix;
use crate::storage::kv::{Flow, Order, Read, Space, Write, last_below, scan_prefix};
use crate::storage::layout;
use crate::storage::log::{Author, append};

use super::rows;

#[derive(Serialize, Deserialize)]
pub(crate) struct RunRecord {
    name: Option<RunName>,
    prompt: PromptName,
    version: u32,
    version_id: ContentId,
    dataset: DatasetName,
    dataset_version: u32,
    dataset_root: ContentId,
    items: u64,
    trials: u32,
    scorers: Vec<ScorerRef>,
    started_at: Timestamp,
    actor: Option<String>,
    finished: Option<Finished>,
}
record!(RunRecord, 40, "run");

#[derive(Serialize, Deserialize)]
struct Finished {
    at: Timestamp,
    rows: u64,
    rows_root: ContentId,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct RunNameRecord {
    id: RunId,
}
record!(RunNameRecord, 41, "run name");

/// That a run was withdrawn. Beside the run's own record, which stays as it is.
#[derive(Serialize, Deserialize)]
pub(crate) struct WithdrawnRecord {
    at: Timestamp,
    actor: Option<String>,
    reason: String,
}
record!(WithdrawnRecord, 43, "withdrawn run");

fn withdrawal(tx: &(impl Read + ?Sized), id: &RunId) -> Result<Option<Withdrawal>> {
    let Some(bytes) = tx.get(Space::Refs, layout::withdrawn(id).bytes())? else { return Ok(None) };
    let WithdrawnRecord { at, actor, reason } = decode(&bytes)?;
    Ok(Some(Withdrawal { at, actor, reason }))
}

fn to_run(tx: &(impl Read + ?Sized), id: RunId, record: RunRecord) -> Result<Run> {
    let finished = record.finished.as_ref();
    Ok(Run {
        // Only a finished run can be withdrawn.
        withdrawn: if finished.is_some() { withdrawal(tx, &id)? } else { None },
        finished_at: finished.map(|f| f.at),
        rows: finished.map(|f| f.rows),
        rows_root: finished.map(|f| f.rows_root),
        id,
        name: record.name,
        prompt: record.prompt,
        version: record.version,
        version_id: record.version_id,
        dataset: record.dataset,
        dataset_version: record.dataset_version,
        dataset_root: record.dataset_root,
        items: record.items,
        trials: record.trials,
        scorers: record.scorers,
        started_at: record.started_at,
        actor: record.actor,
    })
}

fn read(tx: &(impl Read + ?Sized), id: &RunId) -> Result<RunRecord> {
    let bytes = tx.get(Space::Refs, layout::run(id).bytes())?;
    decode(&bytes.ok_or_else(|| Error::RunNotFound { run: id.to_string() })?)
}

/// A run by its id.
pub(crate) fn load(tx: &(impl Read + ?Sized), id: &RunId) -> Result<Run> {
    to_run(tx, *id, read(tx, id)?)
}

/// What a new run is about.
pub(crate) struct Plan<'a> {
    pub(crate) version: &'a PromptVersion,
    pub(crate) dataset: &'a DatasetVersion,
    pub(crate) scorers: Vec<ScorerRef>,
    pub(crate) trials: u32,
    pub(crate) name: Option<RunName>,
}

/// Starts a run, or resumes the unfinished one of the same name. Says whether it was resumed.
pub(crate) fn start(tx: &mut dyn Write, author: &Author, plan: Plan<'_>) -> Result<(Run, bool)> {
    if let Some(name) = &plan.name
        && let Some(run) = unfinished(tx, name)?
    {
        let differs = [
            (
                "the prompt version",
                run.prompt != *plan.version.prompt_name() || run.version != plan.version.number(),
            ),
            (
                "the dataset version",
                run.dataset != plan.dataset.dataset || run.dataset_root != plan.dataset.root,
            ),
            ("the scorers", run.scorers != plan.scorers),
            ("the number of trials", run.trials != plan.trials),
        ];
        return match differs.iter().find(|(_, differs)| *differs) {
            Some((what, _)) => Err(Error::RunDiffers {
                name: name.to_string(),
                run: run.id.to_string(),
                what: (*what).to_owned(),
            }),
            None => Ok((run, true)),
        };
    }
    let Plan { version, dataset, scorers, trials, name } = plan;
    // Runs are listed in the order of their ids, which must be the order in which they were started.
    let runs = layout::runs();
    let last = last_below(tx, Space::Refs, runs.bytes(), &after_prefix(runs.bytes()))?;
    let last = last.and_then(|(key, _)| key.last_chunk::<16>().map(|id| RunId::from_bytes(*id)));
    let id = RunId::after(last, author.now);
    let event = append(
        tx,
        author,
        "run.started",
        json!({"run": id, "name": name, "prompt": version.name(), "version": version.number(),
               "version_id": version.id(), "dataset": dataset.dataset, "dataset_version": dataset.version,
               "dataset_root": dataset.root, "scorers": scorers, "trials": trials}),
    )?;
    if let Some(name) = &name {
        tx.put(Space::Refs, layout::run_by_name(name.as_str()).bytes(), &encode(&RunNameRecord { id })?)?;
    }
    let record = RunRecord {
        name,
        prompt: version.prompt_name().clone(),
        version: version.number(),
        version_id: version.id(),
        dataset: dataset.dataset.clone(),
        dataset_version: dataset.version,
        dataset_root: dataset.root,
        items: dataset.items,
        trials,
        scorers,
        started_at: event.at,
        actor: author.actor.clone(),
        finished: None,
    };
    tx.put(Space::Refs, layout::run(&id).bytes(), &encode(&record)?)?;
    Ok((to_run(tx, id, record)?, false))
}

fn unfinished(tx: &(impl Read + ?Sized), name: &RunName) -> Result<Option<Run>> {
    let Some(bytes) = tx.get(Space::Refs, layout::run_by_name(name.as_str()).bytes())? else {
        return Ok(None);
    };
    let run = load(tx, &decode::<RunNameRecord>(&bytes)?.id)?;
    Ok(Some(run).filter(|run| run.finished_at.is_none()))
}

/// Finishes a run: its rows are counted and hashed, and it takes no more. Finishing twice changes nothing.
pub(crate) fn finish(tx: &mut dyn Write, author: &Author, id: &RunId) -> Result<Run> {
    let mut record = read(tx, id)?;
    if record.finished.is_some() {
        return to_run(tx, *id, record);
    }
    let (rows, rows_root) = rows_root(tx, id)?;
    let data = json!({"run": id, "rows": rows, "rows_root": rows_root});
    let event = append(tx, author, "run.finished", data)?;
    record.finished = Some(Finished { at: event.at, rows, rows_root });
    tx.put(Space::Refs, layout::run(id).bytes(), &encode(&record)?)?;
    // Only finished runs are evidence: a gate never sees half of one.
    let key = layout::run_of(record.prompt.as_str(), record.version, &record.dataset_root, id);
    tx.put(Space::Refs, key.bytes(), &[])?;
    to_run(tx, *id, record)
}

/// Takes a finished run out of the evidence, for ever. Withdrawing it again changes nothing.
pub(crate) fn withdraw(tx: &mut dyn Write, author: &Author, id: &RunId, reason: &str) -> Result<Run> {
    let run = load(tx, id)?;
    if run.finished_at.is_none() {
        return Err(Error::RunNotFinished { run: id.to_string() });
    }
    if run.withdrawn.is_some() {
        return Ok(run);
    }
    let data = json!({"run": id, "prompt": run.prompt, "version": run.version, "reason": reason});
    let event = append(tx, author, "run.withdrawn", data)?;
    let record = WithdrawnRecord { at: event.at, actor: author.actor.clone(), reason: reason.to_owned() };
    tx.put(Space::Refs, layout::withdrawn(id).bytes(), &encode(&record)?)?;
    load(tx, id)
}

/// How many versions of a prompt have finished runs on a dataset version.
pub(crate) fn versions_tried(
    tx: &(impl Read + ?Sized),
    prompt: &PromptName,
    root: &ContentId,
) -> Result<u64> {
    let mut versions = BTreeSet::new();
    let prefix = layout::runs_of_prompt(prompt.as_str());
    scan_prefix(tx, Space::Refs, prefix.bytes(), Order::Ascending, &mut |key, _| {
        versions.extend(layout::in_run_of(key).filter(|(_, on)| on == root).map(|(version, _)| version));
        Ok(Flow::Continue)
    })?;
    Ok(versions.len() as u64)
}

/// How many rows a run has, and the hash of their ids in the order of (key, trial).
pub(crate) fn rows_root(tx: &(impl Read + ?Sized), id: &RunId) -> Result<(u64, ContentId)> {
    let mut hasher = Hasher::new(Domain::Rows);
    let mut count = 0;
    rows::visit(tx, id, &mut |row| {
        hasher.update(rows::row_id(&row)?.as_bytes());
        count += 1;
        Ok(Flow::Continue)
    })?;
    Ok((count, hasher.finish()))
}

/// The finished runs of a version on a dataset version, oldest first; the withdrawn ones are marked as such.
pub(crate) fn evidence(
    tx: &(impl Read + ?Sized),
    prompt: &PromptName,
    version: u32,
    root: &ContentId,
) -> Result<Vec<Run>> {
    let mut ids = Vec::new();
    let prefix = layout::runs_of(prompt.as_str(), version, root);
    scan_prefix(tx, Space::Refs, prefix.bytes(), Order::Ascending, &mut |key, _| {
        ids.extend(key.last_chunk::<16>().map(|id| RunId::from_bytes(*id)));
        Ok(Flow::Continue)
    })?;
    ids.iter().map(|id| load(tx, id)).collect()
}

/// Every run, oldest first.
pub(crate) fn all(tx: &dyn Read) -> Result<Vec<Run>> {
    let mut runs = Vec::new();
    scan_prefix(tx, Space::Refs, layout::runs().bytes(), Order::Ascending, &mut |key, value| {
        if let Some(id) = key.last_chunk::<16>() {
            runs.push(to_run(tx, RunId::from_bytes(*id), decode(value)?)?);
        }
        Ok(Flow::Continue)
    })?;
    Ok(runs)
}
