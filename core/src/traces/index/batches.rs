//! The ids of small batches, until there are enough of them for a run.

use super::{Entry, NAME, damaged};
use crate::codec::columns::{Reader, Writer};
use crate::error::Result;
use crate::storage::kv::{Flow, Order, Read, Space, Write, scan_prefix};
use crate::storage::layout;

/// Of a batch, whose entries lie as they are: it is looked through often, and soon gone.
const BATCH: u8 = 4;
/// The bytes of an entry.
const ENTRY: usize = 24;

/// An entry as it lies.
pub(super) type Packed = [u8; ENTRY];
/// Called for each batch with its key and its entries.
type Visit<'a> = &'a mut dyn FnMut(&[u8], &[Packed]) -> Result<()>;

/// Adds a batch; returns how many there are now.
pub(super) fn put(tx: &mut dyn Write, entries: &[Entry]) -> Result<usize> {
    let (mut batches, mut next) = (0, 1);
    scan_prefix(&*tx, Space::Traces, layout::index_batches().bytes(), Order::Ascending, &mut |key, _| {
        batches += 1;
        next = key.last_chunk().map_or(next, |number| u64::from_be_bytes(*number) + 1);
        Ok(Flow::Continue)
    })?;
    let mut writer = Writer::new(BATCH);
    for (print, check, stream, place) in entries {
        writer.plain(&print.to_be_bytes());
        writer.plain(&check.to_be_bytes());
        writer.plain(&stream.to_be_bytes());
        writer.plain(&place.to_be_bytes());
    }
    tx.put(Space::Traces, layout::index_batch(next).bytes(), &writer.finish())?;
    Ok(batches + 1)
}

/// The entries of a batch, as they lie.
pub(super) fn read(bytes: &[u8]) -> Result<&[Packed]> {
    let (entries, rest) = Reader::new(NAME, BATCH, bytes)?.plain().as_chunks();
    if rest.is_empty() { Ok(entries) } else { Err(damaged("bytes are left over in a batch")) }
}

pub(super) fn print_of(entry: &Packed) -> u64 {
    entry.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

pub(super) fn entry_of(entry: &Packed) -> Entry {
    let small = |at: usize| entry[at..].first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
    let place = entry.last_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    (print_of(entry), small(8), small(12), place)
}

/// Visits the entries of each batch, sorted.
pub(super) fn visit(tx: &(impl Read + ?Sized), f: Visit<'_>) -> Result<()> {
    scan_prefix(tx, Space::Traces, layout::index_batches().bytes(), Order::Ascending, &mut |key, value| {
        f(key, read(value)?)?;
        Ok(Flow::Continue)
    })
}

/// The entries of all batches, sorted; they are gone from there.
pub(super) fn take(tx: &mut dyn Write) -> Result<Vec<Entry>> {
    let (mut all, mut keys) = (Vec::new(), Vec::new());
    visit(&*tx, &mut |key, entries| {
        keys.push(key.to_vec());
        all.extend(entries.iter().map(entry_of));
        Ok(())
    })?;
    keys.iter().try_for_each(|key| tx.delete(Space::Traces, key))?;
    all.sort_unstable();
    Ok(all)
}
