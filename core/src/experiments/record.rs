//! Experiments as they are stored.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::codec::canonical::to_canonical;
use crate::codec::hash::{Domain, Object, id_of_text};
use crate::codec::record::{decode, encode, record};
use crate::error::{Error, Result};
use crate::model::experiment::{Epoch, Experiment, ExperimentState, Plan};
use crate::model::id::ContentId;
use crate::model::name::ExperimentName;
use crate::model::time::Timestamp;
use crate::prompts::versions;
use crate::stats::{AssignmentTable, BUCKETS};
use crate::storage::kv::{Flow, Order, Read, Space, Write, scan_prefix};
use crate::storage::layout;
use crate::storage::log::{Author, append};

#[derive(Serialize, Deserialize)]
struct EpochRecord {
    since: Timestamp,
    weights: Vec<f64>,
    table: Vec<(u32, u32)>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct ExperimentRecord {
    plan: ContentId,
    /// The content id of what was asked for, by which the same request is known again.
    request: ContentId,
    state: ExperimentState,
    registered: Timestamp,
    started: Option<Timestamp>,
    ended: Option<Timestamp>,
    reason: Option<String>,
    /// Of 10,000 buckets.
    coverage: u32,
    /// (first bucket, how many) of the layer that are this experiment's.
    layer: Vec<(u32, u32)>,
    epochs: Vec<EpochRecord>,
    result: Option<ContentId>,
    winner: Option<String>,
}
record!(ExperimentRecord, 70, "experiment");

/// An experiment with what only this room looks at.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) experiment: Experiment,
    pub(crate) request: ContentId,
    /// Of 10,000 buckets.
    pub(crate) coverage: u32,
    /// (first bucket, how many) of the layer that are this experiment's.
    pub(crate) layer: Vec<(u32, u32)>,
    /// The tables of the epochs, oldest first.
    pub(crate) tables: Vec<AssignmentTable>,
}

impl Stored {
    pub(crate) fn plan(&self) -> &Plan {
        &self.experiment.plan
    }

    pub(crate) fn name(&self) -> &ExperimentName {
        &self.experiment.name
    }

    /// The table that counts now.
    pub(crate) fn table(&self) -> Result<&AssignmentTable> {
        self.tables.last().ok_or_else(|| damaged("it has no table"))
    }

    /// Begins a span of other weights.
    pub(crate) fn begin_epoch(&mut self, since: Timestamp, weights: Vec<f64>, table: AssignmentTable) {
        self.experiment.epochs.push(Epoch { since, weights, table: table.runs().to_vec() });
        self.tables.push(table);
    }

    pub(crate) fn set_coverage(&mut self, buckets: u32) {
        self.coverage = buckets;
        self.experiment.coverage = f64::from(buckets) / f64::from(BUCKETS);
    }

    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.experiment.state, ExperimentState::Stopped | ExperimentState::Concluded)
    }
}

fn damaged(reason: impl ToString) -> Error {
    Error::DamagedRecord { record: "experiment", reason: reason.to_string() }
}

fn plan_object(plan: &Plan) -> Result<Object> {
    Object::new(Domain::Experiment, &serde_json::to_value(plan).map_err(damaged)?)
}

/// The content id of a plan.
pub(crate) fn plan_id(plan: &Plan) -> Result<ContentId> {
    Ok(plan_object(plan)?.id)
}

/// The id of what was asked for.
pub(crate) fn request_id(request: &serde_json::Value) -> Result<ContentId> {
    Ok(id_of_text(Domain::Experiment, &to_canonical(request)?))
}

/// Writes an experiment, and its plan if it is new.
pub(crate) fn save(tx: &mut dyn Write, stored: &Stored) -> Result<()> {
    let e = &stored.experiment;
    let object = plan_object(&e.plan)?.bounded("an experiment's plan")?;
    if tx.get(Space::Objects, object.id.as_bytes())?.is_none() {
        tx.put(Space::Objects, object.id.as_bytes(), &object.bytes)?;
    }
    let epoch =
        |e: &Epoch| EpochRecord { since: e.since, weights: e.weights.clone(), table: e.table.clone() };
    let record = ExperimentRecord {
        plan: object.id,
        request: stored.request,
        state: e.state,
        registered: e.registered_at,
        started: e.started_at,
        ended: e.ended_at,
        reason: e.reason.clone(),
        coverage: stored.coverage,
        layer: stored.layer.clone(),
        epochs: e.epochs.iter().map(epoch).collect(),
        result: e.result_id,
        winner: e.winner.clone(),
    };
    // Whoever assigns from memory must look again.
    versions::bump_epoch(tx)?;
    tx.put(Space::Refs, layout::experiment(e.name.as_str()).bytes(), &encode(&record)?)
}

/// Writes an experiment, and says in the log what happened to it.
pub(crate) fn save_event(
    tx: &mut dyn Write,
    author: &Author,
    stored: &Stored,
    kind: &str,
    mut data: serde_json::Value,
) -> Result<()> {
    data["experiment"] = json!(stored.name());
    data["plan"] = json!(stored.experiment.plan_id);
    append(tx, author, kind, data)?;
    save(tx, stored)
}

fn read(tx: &(impl Read + ?Sized), name: ExperimentName, bytes: &[u8]) -> Result<Stored> {
    let record: ExperimentRecord = decode(bytes)?;
    let plan = tx.get(Space::Objects, record.plan.as_bytes())?;
    let plan = plan.ok_or_else(|| damaged(format!("its plan {} is not there", record.plan)))?;
    let plan: Plan = serde_json::from_value(Object::value(&plan)?).map_err(damaged)?;
    let tables = record.epochs.iter().map(|epoch| AssignmentTable::from_runs(epoch.table.clone()));
    let tables = tables.collect::<Result<Vec<_>>>().map_err(damaged)?;
    let epoch = |e: EpochRecord| Epoch { since: e.since, weights: e.weights, table: e.table };
    let experiment = Experiment {
        name,
        state: record.state,
        plan,
        plan_id: record.plan,
        registered_at: record.registered,
        started_at: record.started,
        ended_at: record.ended,
        reason: record.reason,
        coverage: f64::from(record.coverage) / f64::from(BUCKETS),
        epochs: record.epochs.into_iter().map(epoch).collect(),
        result_id: record.result,
        winner: record.winner,
    };
    let (request, coverage, layer) = (record.request, record.coverage, record.layer);
    Ok(Stored { experiment, request, coverage, layer, tables })
}

/// An experiment, if there is one of this name.
pub(crate) fn find(tx: &(impl Read + ?Sized), name: &ExperimentName) -> Result<Option<Stored>> {
    let bytes = tx.get(Space::Refs, layout::experiment(name.as_str()).bytes())?;
    bytes.map(|bytes| read(tx, name.clone(), &bytes)).transpose()
}

/// An experiment.
///
/// # Errors
/// `experiment-not-found`.
pub(crate) fn load(tx: &(impl Read + ?Sized), name: &ExperimentName) -> Result<Stored> {
    find(tx, name)?.ok_or_else(|| Error::ExperimentNotFound { experiment: name.to_string() })
}

/// Every experiment, in the order of the names.
pub(crate) fn all(tx: &dyn Read) -> Result<Vec<Stored>> {
    let mut found = Vec::new();
    scan_prefix(tx, Space::Refs, layout::experiments().bytes(), Order::Ascending, &mut |key, value| {
        let name = crate::storage::keys::Fields::of(key).text();
        let name = name.ok_or_else(|| damaged("its key is malformed"))?.parse()?;
        found.push(read(tx, name, value)?);
        Ok(Flow::Continue)
    })?;
    Ok(found)
}

/// Stores a result under its content id.
pub(crate) fn save_result(tx: &mut dyn Write, result: &serde_json::Value) -> Result<ContentId> {
    let object = Object::new(Domain::ExperimentResult, result)?;
    tx.put(Space::Objects, object.id.as_bytes(), &object.bytes)?;
    Ok(object.id)
}

/// A stored result.
pub(crate) fn load_result(tx: &(impl Read + ?Sized), id: &ContentId) -> Result<serde_json::Value> {
    let bytes = tx.get(Space::Objects, id.as_bytes())?;
    Object::value(&bytes.ok_or_else(|| damaged(format!("its result {id} is not there")))?)
}
