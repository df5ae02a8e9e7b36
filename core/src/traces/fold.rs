//! What waits in rows moves to the columns, within the transaction that made it too much.
//!
//! Invariants: a call moves with its texts and all scores that it has; a score that comes later waits by its call's
//! place. Scores of one call and metric keep their order: those in the columns are older than those that wait.

use super::segment::{Call, Calls, Scored, Scores};
use super::stream::Stream;
use super::{LateScore, TraceRecord, damaged, pack, read, scores, texts};
use crate::codec::hash::fingerprint;
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
    /// Makes a pile for each metric, with room for so many scores.
    pub(super) fn of(metrics: &[MetricName], rows: usize) -> Piles {
        let pile = |metric: &MetricName| {
            let mut scores = Scores::default();
            scores.reserve(rows);
            (metric.clone(), scores)
        };
        Piles(metrics.iter().map(pile).collect())
    }

    /// The pile of a metric.
    fn pile(&mut self, metric: &MetricName) -> usize {
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

    /// Adds scores of a metric behind those that are there.
    pub(super) fn append(&mut self, metric: MetricName, scores: Scores) {
        match self.0.iter_mut().find(|(known, _)| *known == metric) {
            Some((_, older)) => older.append(scores),
            None => self.0.push((metric, scores)),
        }
    }

    /// The scores of the metric with the most of them.
    pub(super) fn most(&self) -> usize {
        self.0.iter().map(|(_, scores)| scores.len()).max().unwrap_or_default()
    }

    /// In the order of the metrics' names, so that the same calls make the same file.
    pub(super) fn by_name(mut self) -> impl Iterator<Item = (MetricName, Scores)> {
        self.0.sort_by(|a, b| a.0.cmp(&b.0));
        self.0.into_iter().filter(|(_, scores)| scores.len() > 0)
    }
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
    let (mut calls, mut prints, mut piles) = (Calls::default(), Vec::new(), Piles::default());
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
        prints.push(fingerprint(facts.trace_id.as_str()));
        calls.push(&Call { place, facts, version_id, texts });
    }
    stream.waiting = stream.waiting.saturating_sub(calls.len() as u64);
    pack::add(tx, stream, calls, &prints, piles)
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
    newer.0.into_iter().for_each(|(metric, scores)| piles.append(metric, scores));
    pack::add(tx, stream, Calls::default(), &[], piles)
}
