//! Batches as they came: the calls and the scores of one transaction in one value, until there are enough of them to be worth
//! segments of their own.
//!
//! Invariants: what is packed is younger than all segments, and the packs lie in the order in which they came; before
//! a segment is added or changed the packs become segments. A section of a pack is a segment to whoever reads: it is
//! listed with the others, under a number that only a pack's has.

use serde::{Deserialize, Serialize};

use super::damaged;
use super::fold::Piles;
use super::index;
use super::segment::{Calls, Scores};
use super::stream::{self, Info, Segment, Shelf, Stream};
use crate::codec::record::{decode, encode, record};
use crate::error::Result;
use crate::model::name::MetricName;
use crate::storage::kv::{Flow, Order, Read, Space, Write, scan_prefix, view};
use crate::storage::layout;

/// So many rows are worth segments: with 16 bytes a call, and 8 a score, they just fit a power of two of bytes.
const MOST_ROWS: u64 = if cfg!(test) { 24 } else { 15_600 };
const MOST_PACKS: u32 = if cfg!(test) { 4 } else { 96 };
/// In the number of a section, beside the number of its pack.
const PACKED: u64 = 1 << 63;

/// A segment within a pack.
#[derive(Serialize, Deserialize)]
struct Section {
    /// Of which metric the scores are; empty for calls.
    metric: String,
    info: Info,
}

/// What stands in front of a pack's segments, behind its own length in four bytes.
#[derive(Serialize, Deserialize)]
struct Head {
    sections: Vec<Section>,
}
record!(Head, 69, "batch of traces");

/// Each segment of a pack: of which metric (none: calls), what is in it, its bytes.
type Sections<'a> = Vec<(String, Info, &'a [u8])>;

fn open(value: &[u8]) -> Result<Sections<'_>> {
    let short = || damaged("a batch is too short");
    let (length, rest) = value.split_first_chunk::<4>().ok_or_else(short)?;
    let (head, mut rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or_else(short)?;
    let mut sections = Vec::new();
    for Section { metric, info } in decode::<Head>(head)?.sections {
        let (segment, behind) = rest.split_at_checked(info.bytes as usize).ok_or_else(short)?;
        sections.push((metric, info, segment));
        rest = behind;
    }
    if rest.is_empty() { Ok(sections) } else { Err(damaged("bytes are left over in a batch")) }
}

/// Whether bytes are a pack.
pub(super) fn check(value: &[u8]) -> Result<()> {
    for (metric, _, segment) in open(value)? {
        if metric.is_empty() {
            Calls::decode(segment)?;
        } else {
            metric.parse::<MetricName>()?;
            Scores::decode(segment)?.visit(&mut |_| Ok(()))?;
        }
    }
    Ok(())
}

#[cfg(any(test, fuzzing))]
pub(super) fn segments(value: &[u8]) -> Vec<Vec<u8>> {
    open(value).unwrap_or_default().into_iter().map(|(.., segment)| segment.to_vec()).collect()
}

fn visit(
    tx: &(impl Read + ?Sized),
    stream: u32,
    f: &mut dyn FnMut(u64, Sections<'_>) -> Result<()>,
) -> Result<()> {
    scan_prefix(tx, Space::Traces, layout::packs(stream).bytes(), Order::Ascending, &mut |key, value| {
        let number = key.last_chunk().ok_or_else(|| damaged("the key of a batch is malformed"))?;
        f(u64::from_be_bytes(*number), open(value)?)?;
        Ok(Flow::Continue)
    })
}

/// The segments in packs, in their order: of which metric (none: calls), under which number, what is in them.
pub(super) fn list(tx: &(impl Read + ?Sized), stream: u32, f: &mut dyn FnMut(&str, u64, Info)) -> Result<()> {
    visit(tx, stream, &mut |number, sections| {
        sections.into_iter().for_each(|(metric, info, _)| f(&metric, PACKED | number, info));
        Ok(())
    })
}

/// The bytes of a segment in a pack; none if that is no pack's number.
pub(super) fn read(
    tx: &(impl Read + ?Sized),
    stream: u32,
    metric: &str,
    number: u64,
) -> Result<Option<Vec<u8>>> {
    let mut found = None;
    if number & PACKED != 0 {
        let key = layout::pack(stream, number ^ PACKED);
        view(tx, Space::Traces, key.bytes(), &mut |value| {
            let section = open(value)?.into_iter().find(|(of, ..)| of == metric);
            found = section.map(|(.., segment)| segment.to_vec());
            Ok(())
        })?;
    }
    Ok(found)
}

/// How many packs there are.
pub(super) fn count(tx: &(impl Read + ?Sized), stream: u32) -> Result<u32> {
    let mut packs = 0;
    visit(tx, stream, &mut |_, _| {
        packs += 1;
        Ok(())
    })?;
    Ok(packs)
}

/// Adds calls with their ids' fingerprints, and scores of these or of others that have a place.
pub(super) fn add(
    tx: &mut dyn Write,
    stream: &mut Stream,
    calls: Calls,
    prints: &[index::Print],
    piles: Piles,
) -> Result<()> {
    if calls.rows() > 0 {
        let by_id: Vec<(index::Print, u64)> =
            prints.iter().copied().zip(calls.places.iter().copied()).collect();
        index::add(tx, stream.number, &by_id)?;
    }
    let rows = calls.rows().max(piles.most()) as u64;
    if rows == 0 {
        return Ok(());
    }
    if stream.packed + rows >= MOST_ROWS || stream.packs + 1 >= MOST_PACKS {
        return settle(tx, stream, calls, piles);
    }
    let (mut sections, mut segments) = (Vec::new(), Vec::new());
    let mut section = |metric: &str, info: Info, bytes: Vec<u8>| {
        sections.push(Section { metric: metric.to_owned(), info });
        segments.extend_from_slice(&bytes);
    };
    if calls.rows() > 0 {
        let bytes = calls.to_bytes();
        section("", stream::describe(&calls, &bytes), bytes);
    }
    for (metric, scores) in piles.by_name() {
        let bytes = scores.to_bytes();
        section(metric.as_str(), stream::describe(&scores, &bytes), bytes);
    }
    let head = encode(&Head { sections })?;
    let value = [&(head.len() as u32).to_le_bytes(), &head[..], &segments].concat();
    tx.put(Space::Traces, layout::pack(stream.number, stream.scores).bytes(), &value)?;
    stream.scores += 1;
    stream.packs += 1;
    stream.packed += rows;
    Ok(())
}

/// Makes segments of what is packed.
pub(super) fn unpack(tx: &mut dyn Write, stream: &mut Stream) -> Result<()> {
    if stream.packs == 0 {
        return Ok(());
    }
    settle(tx, stream, Calls::default(), Piles::default())
}

/// Makes segments of what is packed, and of what comes behind it.
fn settle(tx: &mut dyn Write, stream: &mut Stream, newer: Calls, newest: Piles) -> Result<()> {
    let (mut calls, mut piles, mut keys) = (Calls::default(), Piles::default(), Vec::new());
    visit(&*tx, stream.number, &mut |number, sections| {
        keys.push(layout::pack(stream.number, number));
        for (metric, _, segment) in sections {
            if metric.is_empty() {
                calls.add(Calls::decode(segment)?);
            } else {
                piles.append(metric.parse()?, Scores::decode(segment)?);
            }
        }
        Ok(())
    })?;
    keys.iter().try_for_each(|key| tx.delete(Space::Traces, key.bytes()))?;
    (stream.packs, stream.packed) = (0, 0);
    calls.add(newer);
    newest.by_name().for_each(|(metric, scores)| piles.append(metric, scores));
    if let Some(&first) = calls.places.first() {
        stream::add(tx, Shelf::Calls(stream.number), first, &calls)?;
    }
    for (metric, scores) in piles.by_name() {
        let shelf = Shelf::Scores(stream.number, metric.as_str());
        stream::add(tx, shelf, stream.scores, &scores)?;
        stream.scores += 1;
    }
    Ok(())
}

/// After a rescue: what is packed becomes segments as far as it can be read; returns how many packs are lost.
pub(super) fn mend(tx: &mut dyn Write, stream: &mut Stream) -> Result<u32> {
    let mut broken = Vec::new();
    let mut found = 0;
    scan_prefix(
        &*tx,
        Space::Traces,
        layout::packs(stream.number).bytes(),
        Order::Ascending,
        &mut |key, value| {
            let number = key.last_chunk().map_or(0, |number| u64::from_be_bytes(*number));
            stream.scores = stream.scores.max(number + 1);
            match check(value) {
                Ok(()) => found += 1,
                Err(_) => broken.push(key.to_vec()),
            }
            Ok(Flow::Continue)
        },
    )?;
    broken.iter().try_for_each(|key| tx.delete(Space::Traces, key))?;
    let lost = stream.packs.saturating_sub(found);
    stream.packs = found;
    unpack(tx, stream)?;
    Ok(lost)
}
