//! Many traces, or many scores, in one transaction: a large batch goes to the columns at once.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::fold::{self, Piles};
use super::segment::{Call, Calls};
use super::stream::{self, Stream};
use super::{Archive, scores, texts, write};
use crate::error::{Error, Result};
use crate::model::id::ContentId;
use crate::model::name::PromptName;
use crate::model::time::Timestamp;
use crate::model::trace::{NewScore, TraceScore};
use crate::storage::kv::Write;

/// Fewer than these wait, as single ones do.
const BATCH: usize = if cfg!(test) { 6 } else { 256 };

/// A trace of a version that is there, and its first scores.
pub(crate) struct Logged {
    pub(crate) draft: write::Draft,
    pub(crate) version: u32,
    pub(crate) version_id: ContentId,
    pub(crate) scores: Vec<scores::Draft>,
}

fn given(draft: scores::Draft, at: Timestamp) -> TraceScore {
    let scores::Draft { metric, score: NewScore { value, source, comment, judge }, .. } = draft;
    TraceScore { metric, value, source, comment, judge, at }
}

/// Writes traces with their scores. The caller has held the scores against what their metrics declare.
pub(crate) fn log(tx: &mut dyn Write, now: Timestamp, logged: Vec<Logged>) -> Result<()> {
    let mut ids = HashSet::new();
    let new: Vec<&str> = logged.iter().map(|logged| logged.draft.id.as_str()).collect();
    let known = Archive::new(&*tx).locate(&new)?;
    for (Logged { draft, .. }, known) in logged.iter().zip(&known) {
        if known.is_some() || !ids.insert(draft.id.as_str()) || scores::waits(tx, &draft.id)? {
            return Err(Error::TraceExists { trace: draft.id.to_string() });
        }
    }
    let mut by_prompt: BTreeMap<PromptName, Vec<Logged>> = BTreeMap::new();
    for logged in logged {
        by_prompt.entry(logged.draft.prompt.clone()).or_default().push(logged);
    }
    for (prompt, logged) in by_prompt {
        let mut stream = stream::find_or_make(tx, &prompt)?;
        let scored: usize = logged.iter().map(|logged| logged.scores.len()).sum();
        if logged.len() + scored < BATCH {
            for Logged { draft, version, version_id, scores } in logged {
                let (facts, texts) = draft.parts(version);
                write::put_row(tx, &prompt, version_id, facts, texts)?;
                stream.waiting += 1;
                for score in scores {
                    scores::put_waiting(tx, now, score)?;
                }
            }
        } else {
            put(tx, now, &mut stream, logged)?;
        }
        fold::settle(tx, &prompt, &mut stream)?;
        stream::save(tx, &prompt, &stream)?;
    }
    Ok(())
}

fn put(tx: &mut dyn Write, now: Timestamp, stream: &mut Stream, logged: Vec<Logged>) -> Result<()> {
    let mut logged = logged.into_iter();
    loop {
        let (mut calls, mut piles) = (Calls::default(), Piles::default());
        // A batch may be larger than a segment.
        for Logged { draft, version, version_id, scores } in logged.by_ref().take(1 << 14) {
            let place = stream.next;
            stream.next += 1;
            let (facts, texts) = draft.parts(version);
            let texts = texts::put(tx, stream.number, place, &texts)?;
            for score in scores {
                piles.add(tx, stream, place, given(score, now))?;
            }
            calls.push(&Call { place, facts, version_id, texts });
        }
        if calls.len() == 0 {
            return Ok(());
        }
        fold::put_calls(tx, stream, &calls)?;
        piles.put(tx, stream)?;
    }
}

/// Writes scores. The caller has held them against what their metrics declare.
pub(crate) fn score(tx: &mut dyn Write, now: Timestamp, drafts: Vec<scores::Draft>) -> Result<()> {
    let mut places: HashMap<String, Option<(u32, u64)>> = HashMap::new();
    for draft in &drafts {
        if !places.contains_key(draft.trace.as_str()) {
            places.insert(draft.trace.to_string(), None);
        }
    }
    let ids: Vec<String> = places.keys().cloned().collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    for (id, place) in ids.iter().zip(Archive::new(&*tx).locate(&ids)?) {
        places.insert((*id).to_owned(), place);
    }
    let mut by_stream: BTreeMap<u32, Vec<(u64, scores::Draft)>> = BTreeMap::new();
    for draft in drafts {
        match places.get(draft.trace.as_str()).copied().flatten() {
            Some((stream, place)) => by_stream.entry(stream).or_default().push((place, draft)),
            None if scores::waits(tx, &draft.trace)? => scores::put_waiting(tx, now, draft)?,
            None => return Err(Error::TraceNotFound { trace: draft.trace.to_string() }),
        }
    }
    for (number, drafts) in by_stream {
        let prompt = stream::prompt_of(tx, number)?;
        let mut stream = stream::find_or_make(tx, &prompt)?;
        if drafts.len() < BATCH {
            for (place, draft) in drafts {
                scores::put_late(tx, &mut stream, place, given(draft, now))?;
            }
        } else {
            let mut piles = Piles::default();
            for (place, draft) in drafts {
                piles.add(tx, &mut stream, place, given(draft, now))?;
                if piles.rows() == 1 << 16 {
                    fold::fold_late(tx, &mut stream, std::mem::take(&mut piles))?;
                }
            }
            fold::fold_late(tx, &mut stream, piles)?;
        }
        fold::settle(tx, &prompt, &mut stream)?;
        stream::save(tx, &prompt, &stream)?;
    }
    Ok(())
}
