//! Retention: old calls go, with their texts and scores.
//!
//! Invariants: a place is never used again; what an index entry points to may be gone only until the index is written
//! anew, at the end of the same transaction.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::read::Span;
use super::scores;
use super::segment::{Calls, Scores};
use super::stream::{self, Shelf};
use super::{LateScore, index, pack, texts};
use crate::error::Result;
use crate::model::name::PromptName;
use crate::model::time::Timestamp;
use crate::model::trace::TraceFacts;
use crate::storage::kv::{Flow, Order, Space, Write};
use crate::storage::layout;

/// What went, and what stayed though it was old enough.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Pruned {
    /// Traces that are gone.
    pub traces: u64,
    /// Scores that went with them.
    pub scores: u64,
    /// Traces that stayed for an experiment without a conclusion, by the experiment's name.
    pub kept: BTreeMap<String, u64>,
}

/// Places, as the stretches that they fill: what was called in turn lies in turn, and goes together.
struct Places(Vec<std::ops::RangeInclusive<u64>>);

impl Places {
    fn of(mut places: Vec<u64>) -> Places {
        places.sort_unstable();
        let mut stretches: Vec<std::ops::RangeInclusive<u64>> = Vec::new();
        for place in places {
            match stretches.last_mut() {
                Some(last) if place - last.end() <= 1 => *last = *last.start()..=place,
                _ => stretches.push(place..=place),
            }
        }
        Places(stretches)
    }

    fn contains(&self, place: u64) -> bool {
        let at = self.0.partition_point(|stretch| *stretch.end() < place);
        self.0.get(at).is_some_and(|stretch| *stretch.start() <= place)
    }

    /// Whether any of `first..=last` may be among them.
    fn touches(&self, first: u64, last: u64) -> bool {
        let at = self.0.partition_point(|stretch| *stretch.end() < first);
        self.0.get(at).is_some_and(|stretch| *stretch.start() <= last)
    }
}

/// Removes the calls of a prompt that were made before a moment, unless they belong to one of the `open` experiments.
pub(crate) fn prune(
    tx: &mut dyn Write,
    prompt: &PromptName,
    before: Timestamp,
    open: &BTreeSet<String>,
) -> Result<Pruned> {
    let mut pruned = Pruned::default();
    let mut goes = |at: Timestamp, experiment: Option<&str>| {
        if at >= before {
            return false;
        }
        if let Some(name) = experiment.filter(|name| open.contains(*name)) {
            *pruned.kept.entry(name.to_owned()).or_default() += 1;
            return false;
        }
        true
    };
    let mut waiting: Vec<TraceFacts> = Vec::new();
    let made = stream::find(&*tx, prompt)?.is_none();
    if made && !stream::any_waits(&*tx, prompt)? {
        return Ok(pruned);
    }
    let mut stream = stream::find_or_make(tx, prompt)?;
    let known = (!made).then(|| stream.clone());
    pack::unpack(tx, &mut stream)?;
    let (mut gone, mut with_texts) = (Vec::new(), Vec::new());
    let shelf = Shelf::Calls(stream.number);
    let mut changed = Vec::new();
    {
        let span = Span { since: None, until: Some(before) };
        for (number, info) in shelf.list(&*tx)? {
            if !span.touches(info.oldest, info.newest) {
                continue;
            }
            let calls = Calls::decode(&shelf.read(&*tx, number)?)?;
            let mut stays = vec![true; calls.len()];
            for (row, stay) in stays.iter_mut().enumerate() {
                let experiment = calls.experiments.get(row);
                if goes(calls.at(row), Some(experiment).filter(|name| !name.is_empty())) {
                    *stay = false;
                    gone.push(calls.places[row]);
                    if calls.texts.get(row) == Some(&1) {
                        with_texts.push(calls.places[row]);
                    }
                }
            }
            if stays.contains(&false) {
                changed.push((number, calls.filtered(|row| stays[row])?));
            }
        }
        let all = layout::trace_facts_of(prompt.as_str());
        let high = layout::trace_facts_from(prompt.as_str(), before);
        tx.scan(Space::Traces, all.bytes(), high.bytes(), Order::Ascending, &mut |key, value| {
            let (_, facts) = super::read::waiting_row(key, value)?;
            if goes(facts.at, facts.experiment.as_deref()) {
                waiting.push(facts);
            }
            Ok(Flow::Continue)
        })?;
    }
    pruned.traces = (waiting.len() + gone.len()) as u64;
    for facts in waiting {
        pruned.scores += scores::take_waiting(tx, &facts.trace_id)?.len() as u64;
        let key = layout::trace_facts(prompt.as_str(), facts.at, facts.trace_id.as_str());
        tx.delete(Space::Traces, key.bytes())?;
        tx.delete(Space::Traces, layout::trace(facts.trace_id.as_str()).bytes())?;
        stream.waiting = stream.waiting.saturating_sub(1);
    }
    if !gone.is_empty() {
        for (number, calls) in changed {
            shelf.remove(tx, number)?;
            if let Some(first) = calls.places.first() {
                stream::put(tx, shelf, *first, &calls)?;
            }
        }
        for place in with_texts {
            texts::remove(tx, stream.number, place)?;
        }
        let gone = Places::of(gone);
        pruned.scores += prune_scores(tx, &mut stream, &gone)?;
        let number = stream.number;
        index::retain(tx, &mut |(.., of, place)| Ok(*of != number || !gone.contains(*place)))?;
    }
    if known.as_ref() != Some(&stream) {
        stream::save(tx, prompt, &stream)?;
    }
    Ok(pruned)
}

fn prune_scores(tx: &mut dyn Write, stream: &mut stream::Stream, gone: &Places) -> Result<u64> {
    let mut count = 0;
    for (metric, number, info) in stream::scores_listed(&*tx, stream.number)? {
        if !gone.touches(info.first, info.last) {
            continue;
        }
        let shelf = Shelf::Scores(stream.number, &metric);
        let scores = Scores::decode(&shelf.read(&*tx, number)?)?;
        let mut comments = Vec::new();
        scores.visit(&mut |score| {
            if score.comment > 0 && gone.contains(score.place) {
                comments.push(score.comment);
            }
            Ok(())
        })?;
        let kept = scores.filtered(|place| !gone.contains(place))?;
        if kept.len() == scores.len() {
            continue;
        }
        count += (scores.len() - kept.len()) as u64;
        for comment in comments {
            tx.delete(Space::Traces, layout::score_comment(stream.number, comment).bytes())?;
        }
        if kept.len() == 0 {
            shelf.remove(tx, number)?;
        } else {
            stream::put(tx, shelf, number, &kept)?;
        }
    }
    let mut late = Vec::new();
    LateScore::visit(&*tx, stream.number, &mut |key, place, _| {
        if gone.contains(place) {
            late.push(key.to_vec());
        }
        Ok(())
    })?;
    count += late.len() as u64;
    stream.late = stream.late.saturating_sub(late.len() as u64);
    late.iter().try_for_each(|key| tx.delete(Space::Traces, key))?;
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn places_are_the_places(places in prop::collection::vec(0u64..60, 0..50), first in 0u64..60, len in 0u64..20) {
            let kept = Places::of(places.clone());
            for place in 0..70 {
                prop_assert_eq!(kept.contains(place), places.contains(&place));
            }
            let any = (first..=first + len).any(|place| places.contains(&place));
            prop_assert_eq!(kept.touches(first, first + len), any);
            prop_assert!(kept.0.is_sorted_by(|a, b| *a.end() + 1 < *b.start()));
        }
    }
}
