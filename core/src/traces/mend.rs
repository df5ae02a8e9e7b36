//! After a rescue: the columns are made whole again out of what was saved of them.
//!
//! What describes the segments is written anew from the segments, and the index from the calls; scores whose call is gone
//! go too, and a text or a comment that is gone is no longer promised. What went is said.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::segment::{Calls, Scored, Scores};
use super::stream::{self, Info, Shelf, Stream};
use super::{damaged, index, pack, texts};
use crate::codec::hash::fingerprint;
use crate::codec::record::decode;
use crate::error::Result;
use crate::model::name::PromptName;
use crate::storage::keys::{Fields, Key};
use crate::storage::kv::{Flow, Order, Read, Space, Write, scan_prefix};
use crate::storage::layout;

fn keys(tx: &dyn Read, prefix: &Key) -> Result<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    scan_prefix(tx, Space::Traces, prefix.bytes(), Order::Ascending, &mut |key, _| {
        found.push(key.to_vec());
        Ok(Flow::Continue)
    })?;
    Ok(found)
}

fn clear(tx: &mut dyn Write, prefix: &Key) -> Result<()> {
    keys(&*tx, prefix)?.iter().try_for_each(|key| tx.delete(Space::Traces, key))
}

/// Makes the columns of a rescued store whole; returns what is lost, in words.
pub(crate) fn mend(tx: &mut dyn Write) -> Result<Vec<String>> {
    let mut streams: BTreeMap<u32, (PromptName, Option<Stream>)> = BTreeMap::new();
    scan_prefix(&*tx, Space::Traces, layout::stream_names().bytes(), Order::Ascending, &mut |key, value| {
        let number = Fields::of(key).u32().ok_or_else(|| damaged("a stream's key is malformed"))?;
        let name = std::str::from_utf8(value).map_err(damaged)?;
        streams.insert(number, (name.parse()?, None));
        Ok(Flow::Continue)
    })?;
    scan_prefix(&*tx, Space::Traces, layout::streams().bytes(), Order::Ascending, &mut |key, value| {
        let prompt = layout::prompt_in_stream(key).ok_or_else(|| damaged("a stream's key is malformed"))?;
        let stream: Stream = decode(value)?;
        streams.insert(stream.number, (prompt.parse()?, Some(stream)));
        Ok(Flow::Continue)
    })?;
    let mut lost = Vec::new();
    [layout::index_batches(), layout::index_runs(), layout::all_index_blocks(), layout::index_filters()]
        .iter()
        .try_for_each(|prefix| clear(tx, prefix))?;
    for (number, (prompt, stream)) in &streams {
        tx.put(Space::Traces, layout::stream_name(*number).bytes(), prompt.as_str().as_bytes())?;
        let mut stream = stream.clone().unwrap_or(Stream::new(*number));
        mend_stream(tx, prompt, &mut stream, &mut lost)?;
        stream::save(tx, prompt, &stream)?;
    }
    for key in keys(&*tx, &layout::all_calls())? {
        let number = Fields::of(&key).u32().unwrap_or_default();
        if !streams.contains_key(&number) {
            lost.push(format!("of which prompt the calls in the columns {number} are"));
        }
    }
    lost.dedup();
    Ok(lost)
}

/// Each call's fingerprint and place, as the index takes them.
fn by_id(calls: &Calls) -> Vec<(index::Print, u64)> {
    calls.places.iter().enumerate().map(|(row, &place)| (fingerprint(&calls.ids.get(row)), place)).collect()
}

/// The segments that are described and are not there, by how many rows they had.
fn dangling(tx: &mut dyn Write, prefix: &Key, data: u8) -> Result<u64> {
    let mut rows = 0;
    for key in keys(&*tx, prefix)? {
        let mut segment = key.clone();
        if let Some(tag) = segment.first_mut() {
            *tag = data;
        }
        if tx.get(Space::Traces, &segment)?.is_none() {
            let info = tx.get(Space::Traces, &key)?;
            rows +=
                info.map(|bytes| decode::<Info>(&bytes)).transpose()?.map_or(0, |info| u64::from(info.rows));
            tx.delete(Space::Traces, &key)?;
        }
    }
    Ok(rows)
}

fn mend_stream(
    tx: &mut dyn Write,
    prompt: &PromptName,
    stream: &mut Stream,
    lost: &mut Vec<String>,
) -> Result<()> {
    let number = stream.number;
    let packs = pack::mend(tx, stream)?;
    if packs > 0 {
        lost.push(format!("{packs} batches of traces and scores of prompt {prompt:?}"));
    }
    let tag = |key: Key| key.bytes().first().copied().unwrap_or_default();
    let gone = dangling(tx, &layout::calls_infos(number), tag(layout::all_calls()))?;
    if gone > 0 {
        lost.push(format!("{gone} traces of prompt {prompt:?}, with their scores"));
    }
    let mut places = HashSet::new();
    for key in keys(&*tx, &layout::all_calls().u32(number))? {
        let Some(bytes) = tx.get(Space::Traces, &key)? else { continue };
        let mut calls = Calls::decode(&bytes)?;
        for row in 0..calls.len() {
            let place = calls.places[row];
            places.insert(place);
            if calls.texts.get(row) == Some(&1) && texts::load(&*tx, number, place).is_err() {
                lost.push(format!("texts of trace {:?}", calls.ids.get(row)));
                calls.texts[row] = 0;
                tx.delete(Space::Traces, layout::call_texts(number, place).bytes())?;
            }
        }
        let Some(&first) = calls.places.first() else { continue };
        stream::put(tx, Shelf::Calls(number), first, &calls)?;
        index::add(tx, number, &by_id(&calls))?;
        stream.next = stream.next.max(calls.places.last().map_or(0, |last| last + 1));
    }
    mend_scores(tx, prompt, stream, &places, lost)?;
    for key in keys(&*tx, &layout::call_texts_of(number))? {
        let place = key.last_chunk().map_or(0, |place| u64::from_be_bytes(*place));
        if !places.contains(&place) {
            tx.delete(Space::Traces, &key)?;
        }
    }
    stream.waiting = keys(&*tx, &layout::trace_facts_of(prompt.as_str()))?.len() as u64;
    stream.late = 0;
    for key in keys(&*tx, &layout::late_scores_of(number))? {
        let Some((_, place, seq)) = layout::in_late_score(&key) else { continue };
        stream.scores = stream.scores.max(seq + 1);
        if places.contains(&place) {
            stream.late += 1;
        } else {
            tx.delete(Space::Traces, &key)?;
        }
    }
    Ok(())
}

fn mend_scores(
    tx: &mut dyn Write,
    prompt: &PromptName,
    stream: &mut Stream,
    places: &HashSet<u64>,
    lost: &mut Vec<String>,
) -> Result<()> {
    let number = stream.number;
    let metrics: BTreeSet<String> =
        stream::scores_listed(&*tx, number)?.into_iter().map(|(metric, ..)| metric).collect();
    for metric in metrics {
        let data = layout::all_scores().bytes().first().copied().unwrap_or_default();
        let gone = dangling(tx, &layout::scores_infos(number, &metric), data)?;
        if gone > 0 {
            lost.push(format!("{gone} scores {metric:?} of prompt {prompt:?}"));
        }
    }
    for key in keys(&*tx, &layout::all_scores().u32(number))? {
        let (Some((_, metric, segment)), Some(bytes)) =
            (layout::in_scores_info(&key), tx.get(Space::Traces, &key)?)
        else {
            continue;
        };
        let mut kept = Scores::default();
        let mut comments = 0;
        Scores::decode(&bytes)?.visit(&mut |score| {
            if !places.contains(&score.place) {
                return Ok(());
            }
            let said = layout::score_comment(number, score.comment);
            let comment = match score.comment {
                0 => 0,
                comment if tx.get(Space::Traces, said.bytes())?.is_some() => comment,
                _ => {
                    lost.push(format!("a comment of a score {metric:?} of prompt {prompt:?}"));
                    0
                }
            };
            comments = comments.max(comment);
            kept.push(&Scored { comment, ..score });
            Ok(())
        })?;
        let shelf = Shelf::Scores(number, &metric);
        if kept.len() == 0 {
            shelf.remove(tx, segment)?;
        } else {
            stream::put(tx, shelf, segment, &kept)?;
        }
        stream.scores = stream.scores.max(segment + 1);
        stream.comments = stream.comments.max(comments + 1);
    }
    Ok(())
}
