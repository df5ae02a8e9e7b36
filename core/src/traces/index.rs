//! From a call's id to its place, for calls in the columns.
//!
//! Invariants: each batch of calls adds its entries, sorted by the ids' fingerprints; many small batches become a run, and
//! eight runs of a level one of the next, so there are few, and writing stays sequential however random the ids are; equal
//! fingerprints stand in one block; a filter says what a run surely does not have; every entry names a place that a
//! call has.

use serde::{Deserialize, Serialize};

use crate::codec::columns::{Reader, Writer};
use crate::codec::record::{decode, encode, record};
use crate::error::{Error, Result};
use crate::storage::entry::Kind;
use crate::storage::keys::after_prefix;
use crate::storage::kv::{Flow, Order, Read, Space, Write, last_below, scan_prefix, view};
use crate::storage::layout;

mod batches;

const FORMAT: u8 = 3;
const NAME: &str = "index of traces";
/// So many batches become a run.
const BATCHES: usize = if cfg!(test) { 4 } else { 16 };
const FANOUT: usize = 8;
/// Runs of this level are not merged any more: to merge them would take too much memory at once.
const TOP: u8 = 5;
/// A block's entries, so that a block just fits a page.
const BLOCK: usize = 384;
const MOST_BLOCK: usize = 3_900;
/// Bits of a filter for each entry, and bits that an entry sets: 1 in 1,000 passes by mistake.
const FILTER_BITS: usize = 16;
const FILTER_PROBES: u32 = 7;
/// All bits of an entry lie in so many bytes, a line of the processor's cache.
const FILTER_LINE: usize = 64;

#[derive(Serialize, Deserialize)]
struct Run {
    entries: u64,
}
record!(Run, 67, "run of the index of traces");

/// An id's fingerprint, in two parts.
pub(super) type Print = (u64, u32);
/// An entry: the fingerprint, the stream, the place.
pub(super) type Entry = (u64, u32, u32, u64);

fn damaged(reason: &str) -> Error {
    Error::DamagedRecord { record: NAME, reason: reason.to_owned() }
}

/// Every run: its level, its number, its entries.
fn runs(tx: &(impl Read + ?Sized)) -> Result<Vec<(u8, u64, u64)>> {
    let mut found = Vec::new();
    scan_prefix(tx, Space::Traces, layout::index_runs().bytes(), Order::Ascending, &mut |key, value| {
        let (level, run) = layout::in_index_run(key).ok_or_else(|| damaged("its key is malformed"))?;
        found.push((level, run, decode::<Run>(value)?.entries));
        Ok(Flow::Continue)
    })?;
    Ok(found)
}

/// Where a filter of so many bytes has the bits of an entry: the line, and in it a place for each nine bits of a number.
///
/// Lines follow the order of the fingerprints, so whoever goes through these in their order goes through the filter once.
fn filter_line(bytes: usize, print: u64) -> (std::ops::Range<usize>, u64) {
    let lines = bytes / FILTER_LINE;
    let line = ((u128::from(print) * lines as u128) >> 64) as usize;
    // The high bits chose the line, so the low ones are spread over all.
    (line * FILTER_LINE..(line + 1) * FILTER_LINE, print.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

fn filter_bits(places: u64) -> impl Iterator<Item = (usize, u8)> {
    (0..FILTER_PROBES).map(move |probe| {
        let place = (places >> (9 * probe)) as usize % (8 * FILTER_LINE);
        (place / 8, 1 << (place % 8))
    })
}

/// Whether a filter lets a fingerprint pass: surely if it has it. One of no lines lets all pass.
fn filter_passes(filter: &[u8], print: u64) -> bool {
    let (line, places) = filter_line(filter.len(), print);
    filter.get(line).is_none_or(|line| {
        filter_bits(places).all(|(at, bit)| line.get(at).is_none_or(|byte| byte & bit != 0))
    })
}

fn filter_add(filter: &mut [u8], print: u64) {
    let (line, places) = filter_line(filter.len(), print);
    for (at, bit) in filter_bits(places) {
        if let Some(byte) = filter.get_mut(line.start + at) {
            *byte |= bit;
        }
    }
}

fn block_bytes(entries: &[Entry]) -> Vec<u8> {
    let column = |f: fn(&Entry) -> u64| entries.iter().map(f).collect::<Vec<_>>();
    let mut writer = Writer::new(FORMAT);
    writer.number(entries.len() as u64);
    writer.ints(&column(|entry| entry.0));
    writer.ints(&column(|entry| entry.1.into()));
    writer.ints(&column(|entry| entry.2.into()));
    writer.ints(&column(|entry| entry.3));
    writer.finish()
}

fn read_block(bytes: &[u8]) -> Result<Vec<Entry>> {
    let mut reader = Reader::new(NAME, FORMAT, bytes)?;
    let n = reader.rows()?;
    let (prints, checks) = (reader.ints(n)?, reader.ints(n)?);
    let (streams, places) = (reader.ints(n)?, reader.ints(n)?);
    reader.end()?;
    let entries = prints.into_iter().zip(checks).zip(streams.into_iter().zip(places));
    Ok(entries.map(|((print, check), (of, place))| (print, check as u32, of as u32, place)).collect())
}

/// Writes one run, block by block.
struct Build {
    run: u64,
    entries: u64,
    waiting: Vec<Entry>,
    filter: Vec<u8>,
}

impl Build {
    fn new(run: u64, most: u64) -> Build {
        let lines = (most as usize * FILTER_BITS).div_ceil(8 * FILTER_LINE).max(1);
        let filter = vec![0; lines * FILTER_LINE];
        Build { run, entries: 0, waiting: Vec::new(), filter }
    }

    fn push(&mut self, tx: &mut dyn Write, entry: Entry) -> Result<()> {
        let next = self.waiting.last().is_none_or(|last| last.0 != entry.0);
        if self.waiting.len() >= BLOCK && next {
            self.put(tx)?;
        }
        filter_add(&mut self.filter, entry.0);
        self.waiting.push(entry);
        self.entries += 1;
        Ok(())
    }

    fn put(&mut self, tx: &mut dyn Write) -> Result<()> {
        let mut entries = std::mem::take(&mut self.waiting);
        while !entries.is_empty() {
            let mut bytes = block_bytes(&entries);
            let mut rest = Vec::new();
            if bytes.len() > MOST_BLOCK {
                let mut keep = (entries.len() * MOST_BLOCK / bytes.len()).max(1);
                while keep < entries.len() && entries[keep].0 == entries[keep - 1].0 {
                    keep += 1;
                }
                rest = entries.split_off(keep);
                if !rest.is_empty() {
                    bytes = block_bytes(&entries);
                }
            }
            tx.put(Space::Traces, layout::index_block(self.run, entries[0].0).bytes(), &bytes)?;
            entries = rest;
        }
        Ok(())
    }

    fn finish(mut self, tx: &mut dyn Write, level: u8) -> Result<()> {
        self.put(tx)?;
        if self.entries == 0 {
            return Ok(());
        }
        tx.put(Space::Traces, layout::index_filter(self.run).bytes(), &self.filter)?;
        let run = Run { entries: self.entries };
        tx.put(Space::Traces, layout::index_run(level, self.run).bytes(), &encode(&run)?)
    }
}

/// Adds the places of calls, by their ids' fingerprints.
pub(super) fn add(tx: &mut dyn Write, stream: u32, calls: &[(Print, u64)]) -> Result<()> {
    let mut entries: Vec<Entry> =
        calls.iter().map(|((print, check), place)| (*print, *check, stream, *place)).collect();
    entries.sort_unstable();
    if entries.len() <= BLOCK {
        if batches::put(tx, &entries)? < BATCHES {
            return Ok(());
        }
        entries = batches::take(tx)?;
    }
    let mut known = runs(tx)?;
    let number = known.iter().map(|(_, run, _)| run + 1).max().unwrap_or(1);
    let mut build = Build::new(number, entries.len() as u64);
    entries.iter().try_for_each(|entry| build.push(tx, *entry))?;
    build.finish(tx, 0)?;
    known.push((0, number, entries.len() as u64));
    for (level, next) in (0..TOP).zip(number + 1..) {
        let of_level: Vec<(u8, u64, u64)> =
            known.iter().copied().filter(|(found, ..)| *found == level).collect();
        if of_level.len() < FANOUT {
            return Ok(());
        }
        let entries = of_level.iter().map(|(.., entries)| entries).sum();
        merge(tx, &of_level, next, level + 1, entries, &mut |_| Ok(true))?;
        known.push((level + 1, next, entries));
    }
    Ok(())
}

/// One run after another, block by block.
struct Cursor {
    run: u64,
    block: std::vec::IntoIter<Entry>,
    /// Where the next block begins, at the earliest.
    from: Option<u64>,
}

impl Cursor {
    fn next(&mut self, tx: &dyn Read) -> Result<Option<Entry>> {
        loop {
            if let Some(entry) = self.block.next() {
                return Ok(Some(entry));
            }
            let Some(from) = self.from.take() else { return Ok(None) };
            let (low, high) =
                (layout::index_block(self.run, from), after_prefix(layout::index_blocks(self.run).bytes()));
            let mut found = None;
            tx.scan(Space::Traces, low.bytes(), &high, Order::Ascending, &mut |key, value| {
                let first = key.last_chunk().map(|n| u64::from_be_bytes(*n));
                found = Some((first.ok_or_else(|| damaged("its key is malformed"))?, read_block(value)?));
                Ok(Flow::Stop)
            })?;
            let Some((first, block)) = found else { return Ok(None) };
            self.from = first.checked_add(1);
            self.block = block.into_iter();
        }
    }
}

/// Makes one run of several, of the entries that are wanted.
fn merge(
    tx: &mut dyn Write,
    runs: &[(u8, u64, u64)],
    into: u64,
    level: u8,
    most: u64,
    wanted: &mut dyn FnMut(&Entry) -> Result<bool>,
) -> Result<()> {
    let start = |run| Cursor { run, block: Vec::new().into_iter(), from: Some(0) };
    let mut cursors: Vec<Cursor> = runs.iter().map(|(_, run, _)| start(*run)).collect();
    let mut heads = Vec::new();
    for cursor in &mut cursors {
        heads.push(cursor.next(&*tx)?);
    }
    let mut build = Build::new(into, most);
    loop {
        let least = heads.iter().enumerate().filter_map(|(i, head)| head.map(|entry| (entry, i))).min();
        let Some((entry, i)) = least else { break };
        heads[i] = cursors[i].next(&*tx)?;
        if wanted(&entry)? {
            build.push(tx, entry)?;
        }
    }
    for (level, run, _) in runs {
        remove(tx, *level, *run)?;
    }
    build.finish(tx, level)
}

fn remove(tx: &mut dyn Write, level: u8, run: u64) -> Result<()> {
    let mut keys = vec![layout::index_run(level, run).bytes().to_vec()];
    keys.push(layout::index_filter(run).bytes().to_vec());
    let blocks = layout::index_blocks(run);
    scan_prefix(tx, Space::Traces, blocks.bytes(), Order::Ascending, &mut |key, _| {
        keys.push(key.to_vec());
        Ok(Flow::Continue)
    })?;
    keys.iter().try_for_each(|key| tx.delete(Space::Traces, key))
}

/// Keeps the entries that are wanted, in one run a level.
pub(super) fn retain(tx: &mut dyn Write, wanted: &mut dyn FnMut(&Entry) -> Result<bool>) -> Result<()> {
    let mut entries = Vec::new();
    for entry in batches::take(tx)? {
        if wanted(&entry)? {
            entries.push(entry);
        }
    }
    for some in entries.chunks(BLOCK) {
        batches::put(tx, some)?;
    }
    let known = runs(tx)?;
    let mut next = known.iter().map(|(_, run, _)| run + 1).max().unwrap_or(1);
    for level in 0..=TOP {
        let of_level: Vec<(u8, u64, u64)> =
            known.iter().copied().filter(|(found, ..)| *found == level).collect();
        if !of_level.is_empty() {
            let entries = of_level.iter().map(|(.., entries)| entries).sum();
            merge(tx, &of_level, next, level, entries, wanted)?;
            next += 1;
        }
    }
    Ok(())
}

/// The stream and the place of each id that has one, by the ids' fingerprints.
pub(super) fn find(tx: &(impl Read + ?Sized), ids: &[Print]) -> Result<Vec<Option<(u32, u64)>>> {
    let mut found = vec![None; ids.len()];
    let mut prints: Vec<(Print, usize)> = ids.iter().copied().zip(0..).collect();
    prints.sort_unstable();
    batches::visit(tx, &mut |_, entries| {
        let mut rest = entries;
        for ((print, check), i) in &prints {
            // Of a few ids each is looked for; of many the batch is gone through with them.
            let below = match prints.len() * 8 < entries.len() {
                true => rest.partition_point(|entry| batches::print_of(entry) < *print),
                false => rest.iter().take_while(|entry| batches::print_of(entry) < *print).count(),
            };
            rest = &rest[below..];
            let mut same =
                rest.iter().take_while(|entry| batches::print_of(entry) == *print).map(batches::entry_of);
            if let Some((.., stream, place)) = same.find(|entry| entry.1 == *check) {
                found[*i] = Some((stream, place));
            }
        }
        Ok(())
    })?;
    for (_, run, _) in runs(tx)? {
        let mut maybe: Vec<(Print, usize)> = Vec::new();
        let filtered = view(tx, Space::Traces, layout::index_filter(run).bytes(), &mut |filter| {
            maybe.extend(prints.iter().filter(|((print, _), _)| filter_passes(filter, *print)));
            Ok(())
        })?;
        if !filtered {
            maybe.clone_from(&prints);
        }
        // The block that was looked into last, and where it began.
        let mut block: Option<(u64, Vec<Entry>)> = None;
        for ((print, check), i) in maybe {
            let last = block.as_ref().and_then(|(_, entries)| entries.last());
            if last.is_none_or(|last| last.0 < print) {
                let high = match print.checked_add(1) {
                    Some(above) => layout::index_block(run, above).bytes().to_vec(),
                    None => after_prefix(layout::index_blocks(run).bytes()),
                };
                let last = last_below(tx, Space::Traces, layout::index_blocks(run).bytes(), &high)?;
                let Some((key, value)) = last else { continue };
                let first = key.last_chunk().map_or(0, |n| u64::from_be_bytes(*n));
                if block.as_ref().is_none_or(|(known, _)| *known != first) {
                    block = Some((first, read_block(&value)?));
                }
            }
            let Some((_, entries)) = &block else { continue };
            let from = entries.partition_point(|entry| entry.0 < print);
            let mut same = entries[from..].iter().take_while(|entry| entry.0 == print);
            if let Some((.., stream, place)) = same.find(|entry| entry.1 == check) {
                found[i] = Some((*stream, *place));
            }
        }
    }
    Ok(found)
}

/// Every entry, run by run, for `verify`.
pub(super) fn visit(tx: &dyn Read, f: &mut dyn FnMut(&Entry) -> Result<()>) -> Result<()> {
    batches::visit(tx, &mut |_, entries| {
        entries.iter().map(batches::entry_of).try_for_each(|entry| f(&entry))
    })?;
    for (_, run, entries) in runs(tx)? {
        let mut cursor = Cursor { run, block: Vec::new().into_iter(), from: Some(0) };
        let mut seen = 0;
        while let Some(entry) = cursor.next(tx)? {
            seen += 1;
            f(&entry)?;
        }
        if seen != entries {
            return Err(damaged("entries are missing"));
        }
    }
    Ok(())
}

/// Whether bytes are a run's record, a block, or a batch.
pub(super) fn check(kind: Kind, bytes: &[u8]) -> Result<()> {
    match kind {
        Kind::IndexRun => decode::<Run>(bytes).map(drop),
        Kind::IndexBatch => batches::read(bytes).map(drop),
        _ => read_block(bytes).map(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fingerprints are digests, so any good mixer stands for them.
    fn print(n: u64) -> u64 {
        let z = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    #[test]
    fn a_filter_has_all_that_it_was_given_and_little_else() {
        for entries in [1u64, 2, 31, 33, 1_000, 20_000] {
            let mut build = Build::new(1, entries);
            (0..entries).for_each(|n| filter_add(&mut build.filter, print(n)));
            assert!((0..entries).all(|n| filter_passes(&build.filter, print(n))), "{entries}");
            let others = 100_000;
            let passed =
                (entries..entries + others).filter(|n| filter_passes(&build.filter, print(*n))).count();
            assert!(passed as u64 * 300 < others, "{passed} of {others} pass beside {entries}");
        }
        for extreme in [0, u64::MAX] {
            let mut filter = vec![0; 10 * FILTER_LINE];
            filter_add(&mut filter, extreme);
            assert!(filter_passes(&filter, extreme) && !filter_passes(&filter, !extreme));
        }
        // One that is damaged, and has no line, keeps nothing from being looked for.
        assert!(filter_passes(&[], 7) && filter_passes(&[0; 10], 7));
    }
}
