//! Rows: one per item and trial, written once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::codec::canonical::to_canonical;
use crate::codec::hash::{Domain, id_of_text};
use crate::codec::record::{decode, encode, record};
use crate::error::{Error, Result};
use crate::model::id::{ContentId, RunId};
use crate::model::name::{ItemKey, MetricName};
use crate::model::run::{NewRow, Row, Run};
use crate::model::score::ScoreValue;
use crate::model::time::Timestamp;
use crate::storage::keys::Fields;
use crate::storage::kv::{Flow, Order, Read, Space, Write, scan_prefix};
use crate::storage::layout;

/// Larger outputs and errors are refused.
const MAX_OUTPUT: usize = 8 << 20;
/// Up to here JSON numbers are exact.
const MAX_TOKENS: u64 = 1 << 53;

#[derive(Serialize, Deserialize)]
pub(crate) struct RowRecord {
    item_id: ContentId,
    /// Canonical JSON.
    output: Option<String>,
    error: Option<String>,
    scores: Vec<(MetricName, ScoreValue)>,
    latency_ms: Option<f64>,
    cost_usd: Option<f64>,
    tokens_in: Option<u64>,
    tokens_out: Option<u64>,
    at: Timestamp,
}
record!(RowRecord, 42, "run row");

/// A row that passed every check that needs no store.
pub(crate) struct Draft {
    pub(crate) key: ItemKey,
    pub(crate) trial: u32,
    pub(crate) row: NewRow,
    pub(crate) scores: BTreeMap<MetricName, ScoreValue>,
    output: Option<String>,
}

impl Draft {
    pub(crate) fn new(key: &str, trial: u32, row: NewRow) -> Result<Draft> {
        let key: ItemKey = key.parse()?;
        let refuse =
            |reason: &str| Err(Error::InvalidItem { key: key.to_string(), reason: reason.to_owned() });
        if row.output.is_some() && row.error.is_some() {
            return refuse("a row has an output or an error, not both");
        }
        for (what, value) in [("latency_ms", row.latency_ms), ("cost_usd", row.cost_usd)] {
            if value.is_some_and(|x| !x.is_finite() || x < 0.0) {
                return refuse(&format!("{what} must be a finite number of 0 or more"));
            }
        }
        if [row.tokens_in, row.tokens_out].iter().flatten().any(|&n| n > MAX_TOKENS) {
            return refuse("tokens are counted up to 2^53");
        }
        let output = row.output.as_ref().map(to_canonical).transpose()?;
        if let Some(bytes) = output.as_ref().map(String::len).filter(|&bytes| bytes > MAX_OUTPUT) {
            return Err(Error::TooLarge { what: "an output", bytes: bytes as u64, limit: MAX_OUTPUT as u64 });
        }
        if let Some(bytes) = row.error.as_ref().map(String::len).filter(|&bytes| bytes > MAX_OUTPUT) {
            let limit = MAX_OUTPUT as u64;
            return Err(Error::TooLarge { what: "a row's error", bytes: bytes as u64, limit });
        }
        let mut scores = BTreeMap::new();
        for (metric, value) in &row.scores {
            scores.insert(metric.parse()?, value.clone().checked(metric)?);
        }
        Ok(Draft { key, trial, row, scores, output })
    }
}

/// Writes a row. The caller has checked the scores and that the item is the run's.
pub(crate) fn record(
    tx: &mut dyn Write,
    run: &Run,
    item_id: ContentId,
    now: Timestamp,
    draft: Draft,
) -> Result<Row> {
    let Draft { key, trial, row, scores, output } = draft;
    if run.finished_at.is_some() {
        return Err(Error::RunFinished { run: run.id.to_string() });
    }
    if !(1..=run.trials).contains(&trial) {
        let reason = format!("the run has the trials 1 to {}; there is no trial {trial}", run.trials);
        return Err(Error::InvalidItem { key: key.to_string(), reason });
    }
    let place = layout::row(&run.id, key.as_str(), trial);
    if tx.get(Space::Rows, place.bytes())?.is_some() {
        return Err(Error::RowExists { run: run.id.to_string(), key: key.to_string(), trial });
    }
    let NewRow { error, latency_ms, cost_usd, tokens_in, tokens_out, output: value, .. } = row;
    let record = RowRecord {
        item_id,
        output,
        error: error.clone(),
        scores: scores.iter().map(|(metric, score)| (metric.clone(), score.clone())).collect(),
        latency_ms,
        cost_usd,
        tokens_in,
        tokens_out,
        at: now,
    };
    tx.put(Space::Rows, place.bytes(), &encode(&record)?)?;
    Ok(Row {
        key,
        item_id,
        trial,
        output: value,
        error,
        scores,
        latency_ms,
        cost_usd,
        tokens_in,
        tokens_out,
        at: now,
    })
}

fn read_row(key: &[u8], value: &[u8]) -> Result<Row> {
    let damaged = |reason: String| Error::DamagedRecord { record: "run row", reason };
    let mut fields = Fields::of(key);
    let place = fields.raw::<16>().and_then(|_| fields.text()).zip(fields.u32());
    let (item, trial) = place.ok_or_else(|| damaged("its key is malformed".to_owned()))?;
    let record: RowRecord = decode(value)?;
    let output = record.output.as_deref().map(serde_json::from_str::<Value>).transpose();
    Ok(Row {
        key: item.parse()?,
        item_id: record.item_id,
        trial,
        output: output.map_err(|e| damaged(e.to_string()))?,
        error: record.error,
        scores: record.scores.into_iter().collect(),
        latency_ms: record.latency_ms,
        cost_usd: record.cost_usd,
        tokens_in: record.tokens_in,
        tokens_out: record.tokens_out,
        at: record.at,
    })
}

/// The content id of a row.
pub(super) fn row_id(row: &Row) -> Result<ContentId> {
    let damaged = |e: serde_json::Error| Error::DamagedRecord { record: "run row", reason: e.to_string() };
    let value = serde_json::to_value(row).map_err(damaged)?;
    Ok(id_of_text(Domain::Row, &to_canonical(&value)?))
}

/// Visits a run's rows in the order of (key, trial).
pub(crate) fn visit(
    tx: &(impl Read + ?Sized),
    run: &RunId,
    f: &mut dyn FnMut(Row) -> Result<Flow>,
) -> Result<()> {
    scan_prefix(tx, Space::Rows, layout::rows(run).bytes(), Order::Ascending, &mut |key, value| {
        f(read_row(key, value)?)
    })
}

/// A run's rows in the order of (key, trial).
pub(crate) fn all(tx: &(impl Read + ?Sized), run: &RunId) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    visit(tx, run, &mut |row| {
        rows.push(row);
        Ok(Flow::Continue)
    })?;
    Ok(rows)
}

/// The (key, trial) pairs that a run has rows for.
pub(crate) fn recorded(tx: &dyn Read, run: &RunId) -> Result<std::collections::BTreeSet<(ItemKey, u32)>> {
    let mut done = std::collections::BTreeSet::new();
    scan_prefix(tx, Space::Rows, layout::rows(run).bytes(), Order::Ascending, &mut |key, _| {
        let mut fields = Fields::of(key);
        if let Some((item, trial)) = fields.raw::<16>().and_then(|_| fields.text()).zip(fields.u32()) {
            done.insert((item.parse()?, trial));
        }
        Ok(Flow::Continue)
    })?;
    Ok(done)
}
