//! Many traces, or many scores, in one transaction: a large batch goes to the columns at once.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::fold::{self, Piles};
use super::segment::{Call, Calls};
use super::stream::{self, Stream};
use super::{index, pack, scores, texts, write};
use crate::codec::hash::fingerprint;
use crate::error::{Error, Result};
use crate::model::id::ContentId;
use crate::model::name::{MetricName, PromptName, TraceId};
use crate::model::time::Timestamp;
use crate::model::trace::{NewScore, TraceScore};
use crate::storage::kv::{Flow, Order, Read, Space, Write, scan_prefix};
use crate::storage::layout;

/// Fewer than these wait, as single ones do.
const BATCH: usize = if cfg!(test) { 6 } else { 256 };
/// So many calls, or scores, go to a segment at once.
const SEGMENT: usize = 1 << 14;

/// A trace of a version that is there, and its first scores: which of the batch's metrics, and what.
pub(crate) struct Logged {
    pub(crate) draft: write::Draft,
    pub(crate) version: u32,
    pub(crate) version_id: ContentId,
    pub(crate) scores: Vec<(usize, NewScore)>,
}

/// Whether any trace at all waits: then each id has to be looked for there too.
fn any_waits(tx: &(impl Read + ?Sized)) -> Result<bool> {
    let mut found = false;
    scan_prefix(tx, Space::Traces, layout::traces().bytes(), Order::Ascending, &mut |_, _| {
        found = true;
        Ok(Flow::Stop)
    })?;
    Ok(found)
}

/// Writes traces with their scores. The caller has held the scores against what their metrics declare.
pub(crate) fn log(
    tx: &mut dyn Write,
    now: Timestamp,
    metrics: &[MetricName],
    logged: Vec<Logged>,
) -> Result<()> {
    let prints: Vec<index::Print> =
        logged.iter().map(|logged| fingerprint(logged.draft.id.as_str())).collect();
    let known = index::find(&*tx, &prints)?;
    let (mut ids, waits) = (HashSet::with_capacity(prints.len()), any_waits(&*tx)?);
    for (i, (Logged { draft, .. }, known)) in logged.iter().zip(&known).enumerate() {
        let there = known.is_some() || !ids.insert(draft.id.as_str());
        if there || (waits && scores::waits(&*tx, &draft.id)?) {
            return Err(Error::TraceExists { trace: draft.id.to_string() }.in_batch("calls", i));
        }
    }
    let mut by_prompt: BTreeMap<PromptName, (Vec<Logged>, Vec<index::Print>)> = BTreeMap::new();
    for (logged, print) in logged.into_iter().zip(prints) {
        match by_prompt.get_mut(&logged.draft.prompt) {
            Some((known, prints)) => {
                known.push(logged);
                prints.push(print);
            }
            None => {
                by_prompt.insert(logged.draft.prompt.clone(), (vec![logged], vec![print]));
            }
        }
    }
    for (prompt, (logged, prints)) in by_prompt {
        let mut stream = stream::find_or_make(tx, &prompt)?;
        let scored: usize = logged.iter().map(|logged| logged.scores.len()).sum();
        if logged.len() + scored < BATCH {
            for Logged { draft, version, version_id, scores } in logged {
                let (facts, texts) = draft.parts(version);
                let trace = facts.trace_id.clone();
                write::put_row(tx, &prompt, version_id, facts, texts)?;
                stream.waiting += 1;
                for (metric, score) in scores {
                    let Some(metric) = metrics.get(metric) else { continue };
                    let draft = scores::Draft { trace: trace.clone(), metric: metric.clone(), score };
                    scores::put_waiting(tx, now, draft)?;
                }
            }
        } else {
            put(tx, now, metrics, &mut stream, logged, &prints)?;
        }
        fold::settle(tx, &prompt, &mut stream)?;
        stream::save(tx, &prompt, &stream)?;
    }
    Ok(())
}

fn put(
    tx: &mut dyn Write,
    now: Timestamp,
    metrics: &[MetricName],
    stream: &mut Stream,
    logged: Vec<Logged>,
    prints: &[index::Print],
) -> Result<()> {
    let mut logged = logged.into_iter();
    for prints in prints.chunks(SEGMENT) {
        let (mut calls, mut piles) = (Calls::default(), Piles::of(metrics, prints.len()));
        // A batch may be larger than a segment.
        for Logged { draft, version, version_id, scores } in logged.by_ref().take(SEGMENT) {
            let place = stream.next;
            stream.next += 1;
            let (facts, texts) = draft.parts(version);
            let texts = texts::put(tx, stream.number, place, &texts)?;
            for (metric, score) in scores {
                piles.add(tx, stream, metric, place, now, score)?;
            }
            calls.push(&Call { place, facts, version_id, texts });
        }
        pack::add(tx, stream, calls, prints, piles)?;
    }
    Ok(())
}

/// Writes scores of traces: which of the traces, which of the metrics, and what. The caller has held them against what
/// their metrics declare.
pub(crate) fn score(
    tx: &mut dyn Write,
    now: Timestamp,
    traces: &[TraceId],
    metrics: &[MetricName],
    given: Vec<(usize, usize, NewScore)>,
) -> Result<()> {
    let prints: Vec<index::Print> = traces.iter().map(|id| fingerprint(id.as_str())).collect();
    let places = index::find(&*tx, &prints)?;
    let mut by_stream: HashMap<u32, Vec<(u64, usize, NewScore)>> = HashMap::new();
    for (i, (trace, metric, score)) in given.into_iter().enumerate() {
        let (Some(id), Some(name)) = (traces.get(trace), metrics.get(metric)) else { continue };
        match places.get(trace).copied().flatten() {
            Some((stream, place)) => by_stream.entry(stream).or_default().push((place, metric, score)),
            None if scores::waits(&*tx, id)? => {
                let draft = scores::Draft { trace: id.clone(), metric: name.clone(), score };
                scores::put_waiting(tx, now, draft)?;
            }
            None => return Err(Error::TraceNotFound { trace: id.to_string() }.in_batch("scores", i)),
        }
    }
    let mut streams: Vec<_> = by_stream.into_iter().collect();
    streams.sort_by_key(|(number, _)| *number);
    for (number, given) in streams {
        let prompt = stream::prompt_of(&*tx, number)?;
        let mut stream = stream::find_or_make(tx, &prompt)?;
        if given.len() < BATCH {
            for (place, metric, NewScore { value, source, comment, judge }) in given {
                let Some(metric) = metrics.get(metric).cloned() else { continue };
                let score = TraceScore { metric, value, source, comment, judge, at: now };
                scores::put_late(tx, &mut stream, place, score)?;
            }
        } else {
            let mut given = given.into_iter().peekable();
            while given.peek().is_some() {
                let mut piles = Piles::of(metrics, 0);
                for (place, metric, score) in given.by_ref().take(SEGMENT) {
                    piles.add(tx, &mut stream, metric, place, now, score)?;
                }
                fold::fold_late(tx, &mut stream, piles)?;
            }
        }
        fold::settle(tx, &prompt, &mut stream)?;
        stream::save(tx, &prompt, &stream)?;
    }
    Ok(())
}
