//! Scores of traces: all are kept, and the newest of a metric and a source counts.

use serde::{Deserialize, Serialize};

use super::stream::{self, Stream};
use super::{Archive, LateScore, fold};
use crate::codec::record::{decode, encode, record};
use crate::error::{Error, Result};
use crate::model::name::{FOREIGN_ID_RULE, MetricName, PromptName, TraceId, foreign_id};
use crate::model::score::ScoreValue;
use crate::model::time::Timestamp;
use crate::model::trace::{Figure, NewScore, ScoreSource, TraceFacts, TraceScore};
use crate::storage::keys::{Key, after_prefix};
use crate::storage::kv::{Flow, Order, Read, Space, Write, last_below, scan_prefix};
use crate::storage::layout;

/// Longer comments are refused.
const MAX_COMMENT: usize = 1 << 20;

#[derive(Serialize, Deserialize)]
pub(crate) struct ScoreRecord {
    pub(super) value: ScoreValue,
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

/// The name of a metric that scores can have.
pub(crate) fn metric(name: &str) -> Result<MetricName> {
    let metric: MetricName = name.parse()?;
    if Figure::of(metric.as_str()).is_some() {
        let reason = "it is a figure that a trace carries itself: give it to `log`".to_owned();
        return Err(Error::InvalidScore { metric: metric.to_string(), reason });
    }
    Ok(metric)
}

/// A score that passed every check that needs no store.
pub(crate) fn checked(metric: &MetricName, mut score: NewScore) -> Result<NewScore> {
    if score.judge.as_deref().is_some_and(|judge| !foreign_id(judge)) {
        let reason = format!("a judge is {FOREIGN_ID_RULE}");
        return Err(Error::InvalidScore { metric: metric.to_string(), reason });
    }
    if let Some(bytes) = score.comment.as_ref().map(String::len).filter(|&bytes| bytes > MAX_COMMENT) {
        let (bytes, limit) = (bytes as u64, MAX_COMMENT as u64);
        return Err(Error::TooLarge { what: "a score's comment", bytes, limit });
    }
    score.value = score.value.checked(metric.as_str())?;
    Ok(score)
}

impl Draft {
    pub(crate) fn new(trace: &str, name: &str, score: NewScore) -> Result<Draft> {
        let (trace, metric) = (trace.parse()?, metric(name)?);
        Ok(Draft { trace, score: checked(&metric, score)?, metric })
    }

    /// How many bytes its texts have.
    pub(crate) fn bytes(&self) -> usize {
        self.score.comment.as_ref().map_or(0, String::len)
    }
}

fn damaged() -> Error {
    Error::DamagedRecord { record: "trace score", reason: "its key is malformed".to_owned() }
}

/// Whether a trace is there and has no place in the columns yet.
pub(super) fn waits(tx: &(impl Read + ?Sized), trace: &TraceId) -> Result<bool> {
    Ok(tx.get(Space::Traces, layout::trace(trace.as_str()).bytes())?.is_some())
}

/// Adds a score. The caller has held it against what its metric declares.
pub(crate) fn add(tx: &mut dyn Write, now: Timestamp, draft: Draft) -> Result<()> {
    if waits(tx, &draft.trace)? {
        return put_waiting(tx, now, draft);
    }
    let place = Archive::new(&*tx).locate_one(&draft.trace)?;
    let (number, place) = place.ok_or_else(|| Error::TraceNotFound { trace: draft.trace.to_string() })?;
    let prompt = stream::prompt_of(tx, number)?;
    let mut stream = stream::find_or_make(tx, &prompt)?;
    let Draft { metric, score: NewScore { value, source, comment, judge }, .. } = draft;
    let score = TraceScore { metric, value, source, comment, judge, at: now };
    put_late(tx, &mut stream, place, score)?;
    fold::settle(tx, &prompt, &mut stream)?;
    stream::save(tx, &prompt, &stream)
}

/// Adds a score to a trace that has a place.
pub(super) fn put_late(tx: &mut dyn Write, stream: &mut Stream, place: u64, score: TraceScore) -> Result<()> {
    let key = layout::late_score(stream.number, place, stream.scores);
    stream.scores += 1;
    stream.late += 1;
    tx.put(Space::Traces, key.bytes(), &LateScore::write(score)?)
}

/// Adds a score to a trace that waits.
pub(super) fn put_waiting(tx: &mut dyn Write, now: Timestamp, draft: Draft) -> Result<()> {
    let Draft { trace, metric, score: NewScore { value, source, comment, judge } } = draft;
    let prefix = layout::trace_scores_from(trace.as_str(), metric.as_str(), source as u8);
    let last = last_below(tx, Space::Traces, prefix.bytes(), &after_prefix(prefix.bytes()))?;
    let number = match last {
        Some((key, _)) => 1 + key.last_chunk().map(|n| u32::from_be_bytes(*n)).ok_or_else(damaged)?,
        None => 1,
    };
    let key = layout::trace_score(trace.as_str(), metric.as_str(), source as u8, number);
    tx.put(Space::Traces, key.bytes(), &encode(&ScoreRecord { value, comment, judge, at: now })?)
}

pub(super) fn source(number: u8) -> Result<ScoreSource> {
    ScoreSource::ALL.get(usize::from(number)).copied().ok_or_else(damaged)
}

/// Every score of a trace that waits, by metric and source, oldest first.
pub(super) fn waiting(tx: &(impl Read + ?Sized), trace: &TraceId) -> Result<Vec<TraceScore>> {
    read(tx, &layout::trace_scores(trace.as_str()), &mut |_| {})
}

/// The same, and they are gone from there.
pub(super) fn take_waiting(tx: &mut dyn Write, trace: &TraceId) -> Result<Vec<TraceScore>> {
    let mut keys = Vec::new();
    let scores = read(&*tx, &layout::trace_scores(trace.as_str()), &mut |key| keys.push(key.to_vec()))?;
    keys.iter().try_for_each(|key| tx.delete(Space::Traces, key))?;
    Ok(scores)
}

fn read(tx: &(impl Read + ?Sized), prefix: &Key, seen: &mut dyn FnMut(&[u8])) -> Result<Vec<TraceScore>> {
    let mut scores = Vec::new();
    scan_prefix(tx, Space::Traces, prefix.bytes(), Order::Ascending, &mut |key, value| {
        seen(key);
        let (_, metric, from) = layout::in_trace_score(key).ok_or_else(damaged)?;
        let ScoreRecord { value, comment, judge, at } = decode(value)?;
        let (metric, source) = (metric.parse()?, source(from)?);
        scores.push(TraceScore { metric, value, source, comment, judge, at });
        Ok(Flow::Continue)
    })?;
    Ok(scores)
}

impl<T: Read + ?Sized> Archive<'_, T> {
    /// Every score of a metric on a trace, by source, oldest first.
    pub(crate) fn of_metric(
        &self,
        facts: &TraceFacts,
        prompt: &PromptName,
        metric: &MetricName,
    ) -> Result<Vec<TraceScore>> {
        let Some(place) = facts.place else {
            let prefix = layout::trace_scores_under(facts.trace_id.as_str(), metric.as_str());
            return read(self.tx, &prefix, &mut |_| {});
        };
        self.scores(self.stream(prompt)?, place, Some(metric))
    }
}
