//! Scores of traces: all are kept, and the newest of a metric and a source counts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::codec::record::{decode, encode, record};
use crate::error::{Error, Result};
use crate::model::name::{FOREIGN_ID_RULE, MetricName, TraceId, foreign_id};
use crate::model::score::ScoreValue;
use crate::model::time::Timestamp;
use crate::model::trace::{Figure, NewScore, ScoreSource, TraceScore};
use crate::storage::keys::{Key, after_prefix};
use crate::storage::kv::{Flow, Order, Read, Space, Write, last_below, scan_prefix};
use crate::storage::layout;

/// Longer comments are refused.
const MAX_COMMENT: usize = 1 << 20;

#[derive(Serialize, Deserialize)]
pub(crate) struct ScoreRecord {
    value: ScoreValue,
    comment: Option<String>,
    judge: Option<String>,
    at: Timestamp,
}
record!(ScoreRecord, 62, "trace score");

/// A score that passed every check that needs no store.
pub(crate) struct Draft {
    pub(crate) trace: TraceId,
    pub(crate) metric: MetricName,
    pub(crate) score: NewScore,
}

impl Draft {
    pub(crate) fn new(trace: &str, metric: &str, mut score: NewScore) -> Result<Draft> {
        let (trace, metric): (TraceId, MetricName) = (trace.parse()?, metric.parse()?);
        let invalid = |reason: String| Err(Error::InvalidScore { metric: metric.to_string(), reason });
        if Figure::of(metric.as_str()).is_some() {
            return invalid("it is a figure that a trace carries itself: give it to `log`".to_owned());
        }
        if score.judge.as_deref().is_some_and(|judge| !foreign_id(judge)) {
            return invalid(format!("a judge is {FOREIGN_ID_RULE}"));
        }
        if let Some(bytes) = score.comment.as_ref().map(String::len).filter(|&bytes| bytes > MAX_COMMENT) {
            let (bytes, limit) = (bytes as u64, MAX_COMMENT as u64);
            return Err(Error::TooLarge { what: "a score's comment", bytes, limit });
        }
        score.value = score.value.checked(metric.as_str())?;
        Ok(Draft { trace, metric, score })
    }

    /// How many bytes its texts have.
    pub(crate) fn bytes(&self) -> usize {
        self.score.comment.as_ref().map_or(0, String::len)
    }
}

fn damaged() -> Error {
    Error::DamagedRecord { record: "trace score", reason: "its key is malformed".to_owned() }
}

/// Adds a score. The caller has held it against what its metric declares.
pub(crate) fn add(tx: &mut dyn Write, now: Timestamp, draft: Draft) -> Result<()> {
    let Draft { trace, metric, score } = draft;
    if tx.get(Space::Traces, layout::trace(trace.as_str()).bytes())?.is_none() {
        return Err(Error::TraceNotFound { trace: trace.to_string() });
    }
    let NewScore { value, source, comment, judge } = score;
    let prefix = layout::trace_scores_from(trace.as_str(), metric.as_str(), source as u8);
    let last = last_below(tx, Space::Traces, prefix.bytes(), &after_prefix(prefix.bytes()))?;
    let number = match last {
        Some((key, _)) => 1 + key.last_chunk().map(|n| u32::from_be_bytes(*n)).ok_or_else(damaged)?,
        None => 1,
    };
    let key = layout::trace_score(trace.as_str(), metric.as_str(), source as u8, number);
    tx.put(Space::Traces, key.bytes(), &encode(&ScoreRecord { value, comment, judge, at: now })?)
}

fn source(number: u8) -> Result<ScoreSource> {
    ScoreSource::ALL.get(usize::from(number)).copied().ok_or_else(damaged)
}

/// Every score of a trace, by metric and source, oldest first.
pub(super) fn all(tx: &(impl Read + ?Sized), trace: &TraceId) -> Result<Vec<TraceScore>> {
    read(tx, &layout::trace_scores(trace.as_str()))
}

fn read(tx: &(impl Read + ?Sized), prefix: &Key) -> Result<Vec<TraceScore>> {
    let mut scores = Vec::new();
    scan_prefix(tx, Space::Traces, prefix.bytes(), Order::Ascending, &mut |key, value| {
        let (_, metric, from) = layout::in_trace_score(key).ok_or_else(damaged)?;
        let ScoreRecord { value, comment, judge, at } = decode(value)?;
        let (metric, source) = (metric.parse()?, source(from)?);
        scores.push(TraceScore { metric, value, source, comment, judge, at });
        Ok(Flow::Continue)
    })?;
    Ok(scores)
}

/// Every score of a metric on a trace, by source, oldest first.
pub(crate) fn of_metric(
    tx: &(impl Read + ?Sized),
    trace: &TraceId,
    metric: &MetricName,
) -> Result<Vec<TraceScore>> {
    read(tx, &layout::trace_scores_under(trace.as_str(), metric.as_str()))
}

/// What counts of a metric on a trace: each source's newest score.
pub(crate) fn current(
    tx: &(impl Read + ?Sized),
    trace: &TraceId,
    metric: &MetricName,
) -> Result<BTreeMap<ScoreSource, ScoreValue>> {
    let mut newest = BTreeMap::new();
    let prefix = layout::trace_scores_under(trace.as_str(), metric.as_str());
    scan_prefix(tx, Space::Traces, prefix.bytes(), Order::Ascending, &mut |key, value| {
        let (.., from) = layout::in_trace_score(key).ok_or_else(damaged)?;
        newest.insert(source(from)?, decode::<ScoreRecord>(value)?.value);
        Ok(Flow::Continue)
    })?;
    Ok(newest)
}

/// How many scores there are; an error if one belongs to no trace.
pub(crate) fn check(tx: &dyn Read) -> Result<u64> {
    let (mut count, mut known) = (0, None);
    scan_prefix(
        tx,
        Space::Traces,
        layout::all_trace_scores().bytes(),
        Order::Ascending,
        &mut |key, value| {
            let (trace, _, from) = layout::in_trace_score(key).ok_or_else(damaged)?;
            source(from)?;
            decode::<ScoreRecord>(value)?;
            if known.as_ref() != Some(&trace) {
                if tx.get(Space::Traces, layout::trace(&trace).bytes())?.is_none() {
                    return Err(Error::TraceNotFound { trace });
                }
                known = Some(trace);
            }
            count += 1;
            Ok(Flow::Continue)
        },
    )?;
    Ok(count)
}
