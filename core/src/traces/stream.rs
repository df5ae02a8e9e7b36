//! A prompt's calls in columns: which segments there are, and how they become fewer and larger.
//!
//! Invariants: a prompt has one stream, and a call one place in it, for ever; segments of calls lie in the order of their
//! places and do not overlap; segments of a metric's scores lie in the order in which the scores were given. Small
//! segments are merged within the transaction that adds the eighth of a size, always neighbours, so the order
//! stays. The engine gives a value a power of two of bytes: a segment that would waste much of that is cut to just fit
//! the half of it.

use serde::{Deserialize, Serialize};

use super::pack;
use super::segment::{Calls, Scores};
use crate::codec::columns::{MAX_ROWS, signed};
use crate::codec::record::{decode, encode, record};
use crate::error::{Error, Result};
use crate::model::name::PromptName;
use crate::storage::keys::{Key, after_prefix};
use crate::storage::kv::{Flow, Order, Read, Space, Write, last_below, scan_prefix};
use crate::storage::layout;

/// So many segments of one level become one of the next.
const FANOUT: usize = 8;
/// The level of a segment is the first of these that it has fewer rows than; those that have more are not merged any
/// more. A little less than eight times each other, so that eight of a level, cut to fit, reach the next.
const LEVELS: [usize; 4] = if cfg!(test) { [4, 24, 160, 1_200] } else { [128, 1_000, 7_600, 58_000] };
/// What the engine needs beside a value that has pages of its own.
const OVERHEAD: usize = 384;

/// What is known of a prompt's calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stream {
    pub(super) number: u32,
    /// The place of the next call that gets one.
    pub(super) next: u64,
    /// Calls that wait for a place.
    pub(super) waiting: u64,
    /// Scores that wait to get to the columns, of calls that have a place.
    pub(super) late: u64,
    /// The number of the next late score, segment of scores, or batch.
    pub(super) scores: u64,
    /// The number of the next comment.
    pub(super) comments: u64,
    /// Batches that are not in segments yet, and how many rows they have.
    pub(super) packs: u32,
    pub(super) packed: u64,
}
record!(Stream, 63, "stream of traces");

impl Stream {
    /// One that has nothing.
    pub(super) fn new(number: u32) -> Stream {
        Stream { number, next: 1, waiting: 0, late: 0, scores: 1, comments: 1, packs: 0, packed: 0 }
    }
}

/// What is in a segment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Info {
    pub(super) rows: u32,
    pub(super) level: u8,
    pub(super) bytes: u32,
    /// The lowest and the highest place.
    pub(super) first: u64,
    pub(super) last: u64,
    /// The oldest and the newest call, in microseconds; of scores nothing.
    pub(super) oldest: i64,
    pub(super) newest: i64,
}
record!(Info, 64, "segment's description");

pub(super) fn find(tx: &(impl Read + ?Sized), prompt: &PromptName) -> Result<Option<Stream>> {
    tx.get(Space::Traces, layout::stream(prompt.as_str()).bytes())?.map(|bytes| decode(&bytes)).transpose()
}

/// The prompt's stream, made if there is none.
pub(super) fn find_or_make(tx: &mut dyn Write, prompt: &PromptName) -> Result<Stream> {
    if let Some(stream) = find(tx, prompt)? {
        return Ok(stream);
    }
    let all = layout::stream_names();
    let last = last_below(tx, Space::Traces, all.bytes(), &after_prefix(all.bytes()))?;
    let number = last.and_then(|(key, _)| key.last_chunk().map(|n| u32::from_be_bytes(*n))).unwrap_or(0) + 1;
    // A file that was written before there were streams has calls, and all of them wait.
    let mut waiting = 0;
    let facts = layout::trace_facts_of(prompt.as_str());
    scan_prefix(tx, Space::Traces, facts.bytes(), Order::Ascending, &mut |_, _| {
        waiting += 1;
        Ok(Flow::Continue)
    })?;
    tx.put(Space::Traces, layout::stream_name(number).bytes(), prompt.as_str().as_bytes())?;
    Ok(Stream { waiting, ..Stream::new(number) })
}

/// Whether a call of the prompt waits: a file that was written before there were streams has such.
pub(super) fn any_waits(tx: &(impl Read + ?Sized), prompt: &PromptName) -> Result<bool> {
    let (mut found, facts) = (false, layout::trace_facts_of(prompt.as_str()));
    scan_prefix(tx, Space::Traces, facts.bytes(), Order::Ascending, &mut |_, _| {
        found = true;
        Ok(Flow::Stop)
    })?;
    Ok(found)
}

pub(super) fn save(tx: &mut dyn Write, prompt: &PromptName, stream: &Stream) -> Result<()> {
    tx.put(Space::Traces, layout::stream(prompt.as_str()).bytes(), &encode(stream)?)
}

/// The prompt whose stream has that number.
pub(super) fn prompt_of(tx: &(impl Read + ?Sized), number: u32) -> Result<PromptName> {
    let bytes = tx.get(Space::Traces, layout::stream_name(number).bytes())?;
    let name = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    name.ok_or_else(|| damaged(format!("nobody knows the stream {number}")))?.parse()
}

fn damaged(reason: impl ToString) -> Error {
    Error::DamagedRecord { record: "stream of traces", reason: reason.to_string() }
}

/// Segments of one kind, in their order.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shelf<'a> {
    Calls(u32),
    Scores(u32, &'a str),
}

impl Shelf<'_> {
    fn infos(self) -> Key {
        match self {
            Shelf::Calls(stream) => layout::calls_infos(stream),
            Shelf::Scores(stream, metric) => layout::scores_infos(stream, metric),
        }
    }

    fn info(self, number: u64) -> Key {
        self.infos().u64(number)
    }

    fn data(self, number: u64) -> Key {
        match self {
            Shelf::Calls(stream) => layout::calls(stream, number),
            Shelf::Scores(stream, metric) => layout::scores(stream, metric, number),
        }
    }

    fn metric(&self) -> (u32, &str) {
        match self {
            Shelf::Calls(stream) => (*stream, ""),
            Shelf::Scores(stream, metric) => (*stream, metric),
        }
    }

    /// What segments there are, in their order, with those that are still packed.
    pub(super) fn list(self, tx: &(impl Read + ?Sized)) -> Result<Vec<(u64, Info)>> {
        let mut found = self.own(tx)?;
        let (stream, metric) = self.metric();
        pack::list(tx, stream, &mut |of, number, info| {
            if of == metric {
                found.push((number, info));
            }
        })?;
        Ok(found)
    }

    /// The segments that are not packed.
    fn own(self, tx: &(impl Read + ?Sized)) -> Result<Vec<(u64, Info)>> {
        let mut found = Vec::new();
        scan_prefix(tx, Space::Traces, self.infos().bytes(), Order::Ascending, &mut |key, value| {
            let number = key.last_chunk().ok_or_else(|| damaged("a segment's key is malformed"))?;
            found.push((u64::from_be_bytes(*number), decode(value)?));
            Ok(Flow::Continue)
        })?;
        Ok(found)
    }

    /// The bytes of a segment that is listed.
    pub(super) fn read(self, tx: &(impl Read + ?Sized), number: u64) -> Result<Vec<u8>> {
        let (stream, metric) = self.metric();
        if let Some(packed) = pack::read(tx, stream, metric, number)? {
            return Ok(packed);
        }
        let bytes = tx.get(Space::Traces, self.data(number).bytes())?;
        bytes.ok_or_else(|| damaged(format!("a segment of {self:?} is missing")))
    }

    pub(super) fn remove(self, tx: &mut dyn Write, number: u64) -> Result<()> {
        tx.delete(Space::Traces, self.info(number).bytes())?;
        tx.delete(Space::Traces, self.data(number).bytes())
    }
}

/// Every segment of a stream's scores, by metric: the metric, the number, what is in it.
pub(super) fn scores_listed(tx: &(impl Read + ?Sized), stream: u32) -> Result<Vec<(String, u64, Info)>> {
    let mut found = Vec::new();
    let all = layout::scores_infos_of(stream);
    scan_prefix(tx, Space::Traces, all.bytes(), Order::Ascending, &mut |key, value| {
        let in_key = layout::in_scores_info(key);
        let (_, metric, number) = in_key.ok_or_else(|| damaged("a segment's key is malformed"))?;
        found.push((metric, number, decode(value)?));
        Ok(Flow::Continue)
    })?;
    let own = found.len();
    pack::list(tx, stream, &mut |metric, number, info| {
        if !metric.is_empty() {
            found.push((metric.to_owned(), number, info));
        }
    })?;
    if found.len() > own {
        // Stable: what is packed stays behind the others of its metric.
        found.sort_by(|a, b| a.0.cmp(&b.0));
    }
    Ok(found)
}

/// Rows in columns.
pub(super) trait Segment: Default {
    fn rows(&self) -> usize;
    fn add(&mut self, other: Self);
    /// Keeps the first rows, of which there are more, and gives back the others.
    fn split(&mut self, rows: usize) -> Self;
    fn to_bytes(&self) -> Vec<u8>;
    fn of_bytes(bytes: &[u8]) -> Result<Self>;
    /// The lowest and the highest place, the oldest and the newest call.
    fn spans(&self) -> (u64, u64, i64, i64);
    /// The number under which it lies, if others took the number that it was to have.
    fn own_number(&self, last: u64) -> u64;
}

impl Segment for Calls {
    fn rows(&self) -> usize {
        self.len()
    }
    fn add(&mut self, other: Calls) {
        self.append(other);
    }
    fn split(&mut self, rows: usize) -> Calls {
        self.split_off(rows)
    }
    fn to_bytes(&self) -> Vec<u8> {
        self.encode()
    }
    fn of_bytes(bytes: &[u8]) -> Result<Calls> {
        Calls::decode(bytes)
    }
    fn spans(&self) -> (u64, u64, i64, i64) {
        let ends = |values: &[u64]| {
            let least = values.iter().copied().min().unwrap_or_default();
            (least, values.iter().copied().max().unwrap_or_default())
        };
        let ((first, last), (oldest, newest)) = (ends(&self.places), ends(&self.at));
        (first, last, signed(oldest), signed(newest))
    }
    fn own_number(&self, _: u64) -> u64 {
        self.places.first().copied().unwrap_or_default()
    }
}

impl Segment for Scores {
    fn rows(&self) -> usize {
        self.len()
    }
    fn add(&mut self, other: Scores) {
        self.append(other);
    }
    fn split(&mut self, rows: usize) -> Scores {
        self.split_off(rows)
    }
    fn to_bytes(&self) -> Vec<u8> {
        self.encode()
    }
    fn of_bytes(bytes: &[u8]) -> Result<Scores> {
        Scores::decode(bytes)
    }
    fn spans(&self) -> (u64, u64, i64, i64) {
        let least = self.places.iter().copied().min().unwrap_or_default();
        (least, self.places.iter().copied().max().unwrap_or_default(), 0, 0)
    }
    fn own_number(&self, last: u64) -> u64 {
        last
    }
}

/// Puts a segment under a number.
pub(super) fn put<S: Segment>(tx: &mut dyn Write, shelf: Shelf<'_>, number: u64, segment: &S) -> Result<()> {
    put_bytes(tx, shelf, number, segment, &segment.to_bytes())
}

fn put_bytes<S: Segment>(
    tx: &mut dyn Write,
    shelf: Shelf<'_>,
    number: u64,
    segment: &S,
    bytes: &[u8],
) -> Result<()> {
    tx.put(Space::Traces, shelf.info(number).bytes(), &encode(&describe(segment, bytes))?)?;
    tx.put(Space::Traces, shelf.data(number).bytes(), bytes)
}

/// What is in a segment with these bytes.
pub(super) fn describe<S: Segment>(segment: &S, bytes: &[u8]) -> Info {
    let (first, last, oldest, newest) = segment.spans();
    let (rows, length) = (segment.rows() as u32, bytes.len() as u32);
    Info { rows, level: level(segment.rows()), bytes: length, first, last, oldest, newest }
}

/// How many rows of a segment fill the pages that they take.
fn fitting(rows: usize, bytes: usize) -> Option<usize> {
    let taken = (bytes + OVERHEAD).next_power_of_two();
    let wasted = taken - bytes - OVERHEAD;
    if wasted * 4 <= taken || rows < 4_000 {
        return None;
    }
    let half = (taken / 2).saturating_sub(2 * OVERHEAD);
    Some((rows as u64 * half as u64 / bytes as u64 * 199 / 200) as usize).filter(|&fit| fit > 0 && fit < rows)
}

fn level(rows: usize) -> u8 {
    LEVELS.iter().take_while(|&&most| rows >= most).count() as u8
}

/// Adds a segment behind the others, and merges what has become too many.
pub(super) fn add<S: Segment>(tx: &mut dyn Write, shelf: Shelf<'_>, number: u64, segment: &S) -> Result<()> {
    put(tx, shelf, number, segment)?;
    let mut listed = shelf.own(&*tx)?;
    for level in 0..LEVELS.len() as u8 {
        // The youngest: everything behind the last one of a higher level.
        let from = listed.iter().rposition(|(_, info)| info.level > level).map_or(0, |at| at + 1);
        let young = &listed[from..];
        if young.iter().filter(|(_, info)| info.level == level).count() >= FANOUT {
            // Of large batches as many as a segment may hold.
            let fit = young.iter().scan(0, |rows, (_, info)| {
                *rows += info.rows as usize;
                (*rows <= MAX_ROWS).then_some(())
            });
            let fit = fit.count();
            if fit > 1 {
                merge::<S>(tx, shelf, &young[..fit])?;
                listed = shelf.own(&*tx)?;
            }
        }
    }
    Ok(())
}

fn merge<S: Segment>(tx: &mut dyn Write, shelf: Shelf<'_>, young: &[(u64, Info)]) -> Result<()> {
    let mut whole = S::default();
    for (number, _) in young {
        whole.add(S::of_bytes(&shelf.read(&*tx, *number)?)?);
        shelf.remove(tx, *number)?;
    }
    let (Some((first, _)), Some((last, _))) = (young.first(), young.last()) else { return Ok(()) };
    let bytes = whole.to_bytes();
    match fitting(whole.rows(), bytes.len()) {
        None => put_bytes(tx, shelf, *first, &whole, &bytes),
        Some(rows) => {
            let rest = whole.split(rows);
            put(tx, shelf, *first, &whole)?;
            put(tx, shelf, rest.own_number(*last), &rest)
        }
    }
}
