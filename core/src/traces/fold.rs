//! What waits in rows moves to the columns, within the transaction that made it too much.
//!
//! Invariants: a call moves with its texts and all scores that it has; a score that comes later waits by its call's
//! place. Scores of one call and metric keep their order: those in the columns are older than those that wait.

use super::segment::{Call, Calls, Scored, Scores};
use super::stream::{self, Shelf, Stream};
use super::{LateScore, TraceRecord, damaged, index, read, scores, texts};
use crate::codec::record::decode;
use crate::error::Result;
use crate::model::name::{MetricName, PromptName};
use crate::model::time::Timestamp;
use crate::model::trace::{NewScore, TraceScore};
use crate::storage::kv::{Flow, Order, Space, Write, scan_prefix};
use crate::storage::layout;

/// So many rows wait at most. In the tests of this crate few, so that each of them sees both sides.
pub(super) const WAITING: u64 = if cfg!(test) { 8 } else { 1_024 };
/// So many rows, and so many bytes of texts, move at once.
const MOST_ROWS: usize = 4_096;
const MOST_BYTES: usize = 16 << 20;

/// Scores on their way to the columns, by metric.
#[derive(Default)]
pub(super) struct Piles(Vec<(MetricName, Scores)>);

impl Piles {
    /// The pile of a metric.
    pub(super) fn pile(&mut self, metric: &MetricName) -> usize {
        match self.0.iter().position(|(known, _)| known == metric) {
            Some(pile) => pile,
            None => {
                self.0.push((metric.clone(), Scores::default()));
                self.0.len() - 1
            }
        }
    }

    /// Adds a score to a pile; its comment gets a place of its own.
    pub(super) fn add(
        &mut self,
        tx: &mut dyn Write,
        stream: &mut Stream,
        pile: usize,
        place: u64,
        at: Timestamp,
        score: NewScore,
    ) -> Result<()> {
        let NewScore { value, source, comment, judge } = score;
        let mut number = 0;
        if let Some(comment) = comment {
            number = stream.comments;
            stream.comments += 1;
            let key = layout::score_comment(stream.number, number);
            tx.put(Space::Traces, key.bytes(), comment.as_bytes())?;
        }
        if let Some((_, scores)) = self.0.get_mut(pile) {
            scores.push(&Scored { place, source, value, at, judge, comment: number });
        }
        Ok(())
    }

    fn add_given(
        &mut self,
        tx: &mut dyn Write,
        stream: &mut Stream,
        place: u64,
        given: TraceScore,
    ) -> Result<()> {
        let TraceScore { metric, value, source, comment, judge, at } = given;
        let pile = self.pile(&metric);
        self.add(tx, stream, pile, place, at, NewScore { value, source, comment, judge })
    }

    /// In the order of the metrics' names, so that the same calls make the same file.
    pub(super) fn put(mut self, tx: &mut dyn Write, stream: &mut Stream) -> Result<()> {
        self.0.sort_by(|a, b| a.0.cmp(&b.0));
        for (metric, scores) in self.0 {
            if scores.len() > 0 {
                let shelf = Shelf::Scores(stream.number, metric.as_str());
                stream::add(tx, shelf, stream.scores, &scores)?;
                stream.scores += 1;
            }
        }
        Ok(())
    }
}

/// Puts calls behind those that are there, and says where each lies.
pub(super) fn put_calls(tx: &mut dyn Write, stream: &Stream, calls: &Calls) -> Result<()> {
    let places = calls.by_id();
    let Some((_, first)) = places.first() else { return Ok(()) };
    stream::add(tx, Shelf::Calls(stream.number), *first, calls)?;
    index::add(tx, stream.number, &places)
}

/// Moves what waits, if it is too much. `stream` is saved by the caller.
pub(super) fn settle(tx: &mut dyn Write, prompt: &PromptName, stream: &mut Stream) -> Result<()> {
    if stream.waiting >= WAITING {
        fold_calls(tx, prompt, stream)?;
    }
    if stream.late >= WAITING {
        fold_late(tx, stream, Piles::default())?;
    }
    Ok(())
}

fn fold_calls(tx: &mut dyn Write, prompt: &PromptName, stream: &mut Stream) -> Result<()> {
    let (mut waiting, mut bytes) = (Vec::new(), 0);
    let all = layout::trace_facts_of(prompt.as_str());
    scan_prefix(&*tx, Space::Traces, all.bytes(), Order::Ascending, &mut |key, value| {
        let (_, facts) = read::waiting_row(key, value)?;
        let Some(record) = tx.get(Space::Traces, layout::trace(facts.trace_id.as_str()).bytes())? else {
            return Err(damaged(format!("the trace {} has no texts", facts.trace_id)));
        };
        bytes += record.len();
        waiting.push((key.to_vec(), facts, decode::<TraceRecord>(&record)?));
        let full = waiting.len() == MOST_ROWS || bytes > MOST_BYTES;
        Ok(if full { Flow::Stop } else { Flow::Continue })
    })?;
    let (mut calls, mut piles) = (Calls::default(), Piles::default());
    for (key, facts, record) in waiting {
        let place = stream.next;
        stream.next += 1;
        let TraceRecord { version_id, input, output, error, metadata, .. } = record;
        let all = texts::Texts { input, output, error, metadata };
        let texts = texts::put(tx, stream.number, place, &all)?;
        for score in scores::take_waiting(tx, &facts.trace_id)? {
            piles.add_given(tx, stream, place, score)?;
        }
        tx.delete(Space::Traces, layout::trace(facts.trace_id.as_str()).bytes())?;
        tx.delete(Space::Traces, &key)?;
        calls.push(&Call { place, facts, version_id, texts });
    }
    stream.waiting = stream.waiting.saturating_sub(calls.len() as u64);
    put_calls(tx, stream, &calls)?;
    piles.put(tx, stream)
}

/// Moves the late scores to the columns, and behind them what the piles hold already.
pub(super) fn fold_late(tx: &mut dyn Write, stream: &mut Stream, newer: Piles) -> Result<()> {
    let mut waiting = Vec::new();
    LateScore::visit(&*tx, stream.number, &mut |key, place, score| {
        waiting.push((key.to_vec(), place, score));
        Ok(())
    })?;
    let mut piles = Piles::default();
    for (key, place, score) in waiting {
        tx.delete(Space::Traces, &key)?;
        piles.add_given(tx, stream, place, score)?;
    }
    stream.late = 0;
    for (metric, scores) in newer.0 {
        let pile = piles.pile(&metric);
        if let Some((_, older)) = piles.0.get_mut(pile) {
            older.append(scores);
        }
    }
    piles.put(tx, stream)
}
