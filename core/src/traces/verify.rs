//! Every trace and every score is looked at, wherever it lies.
//!
//! What is remembered on the way grows with the segments and the holes between calls, not with the calls: ten million are
//! checked in the memory of a few. So the index and the calls are not held against each other one by one. Each
//! is added up, in whatever order it lies; only if the sums differ it is asked for every call, to say which one it doesn't know.

use super::index::Entry;
use super::scores::ScoreRecord;
use super::segment::{Calls, Scores};
use super::stream::{self, Info, Shelf, Stream};
use super::{LateScore, TraceRecord, damaged, index, pack, read, scores, texts};
use crate::codec::hash::{fingerprint, wide_digest};
use crate::codec::record::decode;
use crate::error::{Error, Result};
use crate::model::id::ContentId;
use crate::model::name::PromptName;
use crate::storage::entry::Kind;
use crate::storage::kv::{Flow, Order, Read, Space, scan_prefix};
use crate::storage::layout;

/// What is there.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    pub(crate) traces: u64,
    pub(crate) scores: u64,
}

/// Whether a version of a prompt is there, with that content id.
pub(crate) type IsVersion<'a> = &'a mut dyn FnMut(&PromptName, u32, ContentId) -> Result<bool>;

/// Checks that every trace is whole, names a version that is there, and is found by its id; and that every score
/// belongs to a trace.
pub(crate) fn check(tx: &dyn Read, version: IsVersion<'_>) -> Result<Checked> {
    let mut checked = waiting(tx, version)?;
    let mut streams = Vec::new();
    scan_prefix(tx, Space::Traces, layout::streams().bytes(), Order::Ascending, &mut |key, value| {
        let prompt = layout::prompt_in_stream(key).ok_or_else(|| damaged("its key is malformed"))?;
        streams.push((prompt.parse::<PromptName>()?, decode::<Stream>(value)?));
        Ok(Flow::Continue)
    })?;
    let (mut in_index, mut in_calls) = (Sum::default(), Sum::default());
    index::visit(tx, &mut |entry| {
        in_index.add(*entry);
        Ok(())
    })?;
    for (prompt, stream) in &streams {
        check_stream(tx, prompt, stream, version, &mut in_calls, &mut checked)?;
    }
    if in_index != in_calls {
        for (_, stream) in &streams {
            find_each(tx, stream)?;
        }
        return Err(damaged("the index of traces has an entry twice, or one of no call"));
    }
    Ok(checked)
}

/// Entries of the index added up in any order: how many, and the sum of their digests.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sum(u64, u128);

impl Sum {
    fn add(&mut self, (print, check, stream, place): Entry) {
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&print.to_le_bytes());
        bytes[8..12].copy_from_slice(&check.to_le_bytes());
        bytes[12..16].copy_from_slice(&stream.to_le_bytes());
        bytes[16..].copy_from_slice(&place.to_le_bytes());
        self.0 += 1;
        self.1 = self.1.wrapping_add(u128::from_le_bytes(wide_digest(&bytes)));
    }
}

/// Places in ascending order, as runs from the first to the last of neighbours.
#[derive(Default)]
struct Places(Vec<(u64, u64)>);

impl Places {
    /// Adds places that ascend; false if they don't, or don't lie behind those that are there.
    fn add(&mut self, places: &[u64]) -> bool {
        places.iter().all(|&place| match self.0.last_mut() {
            Some((_, last)) if place <= *last => false,
            Some((_, last)) if *last + 1 == place => {
                *last = place;
                true
            }
            _ => {
                self.0.push((place, place));
                true
            }
        })
    }

    fn has(&self, place: u64) -> bool {
        let after = self.0.partition_point(|(first, _)| *first <= place);
        after > 0 && place <= self.0[after - 1].1
    }
}

/// Asks the index for every call of a stream, as a reader does.
fn find_each(tx: &dyn Read, stream: &Stream) -> Result<()> {
    let shelf = Shelf::Calls(stream.number);
    for (number, _) in shelf.list(tx)? {
        let calls = Calls::decode(&shelf.read(tx, number)?)?;
        let ids: Vec<String> = (0..calls.len()).map(|row| calls.ids.get(row)).collect();
        let asked: Vec<index::Print> = ids.iter().map(|id| fingerprint(id)).collect();
        let found = index::find(tx, &asked)?;
        for ((id, place), found) in ids.iter().zip(&calls.places).zip(found) {
            if found != Some((stream.number, *place)) {
                return Err(damaged(format!("the trace {id} is not found by its id")));
            }
        }
    }
    Ok(())
}

/// Whether the bytes of an entry of the columns are what its kind says; entries of other kinds are not looked at.
pub(crate) fn check_column(kind: Kind, value: &[u8]) -> Result<()> {
    match kind {
        Kind::Stream => decode::<Stream>(value).map(drop),
        Kind::CallsInfo | Kind::ScoresInfo => decode::<Info>(value).map(drop),
        Kind::Calls => Calls::decode(value).map(drop),
        Kind::Scores => Scores::decode(value)?.visit(&mut |_| Ok(())),
        Kind::LateScore => LateScore::read(value).map(drop),
        Kind::Pack => pack::check(value),
        Kind::CallTexts => texts::check(value),
        Kind::SharedText => texts::check_shared(value),
        Kind::IndexRun | Kind::IndexBlock | Kind::IndexBatch => index::check(kind, value),
        Kind::StreamName | Kind::ScoreComment => std::str::from_utf8(value).map(drop).map_err(damaged),
        _ => Ok(()),
    }
}

/// Segments and blocks of the index, from bytes whose digest fits: what a hostile file would hold.
#[cfg(any(test, fuzzing))]
pub(crate) fn hostile(data: &[u8]) {
    for (format, kind) in [(1, Kind::Calls), (2, Kind::Scores), (3, Kind::IndexBlock), (4, Kind::IndexBatch)]
    {
        let mut sealed = vec![format];
        sealed.extend_from_slice(data);
        sealed.extend_from_slice(&crate::codec::hash::short_digest(&sealed));
        let _ = check_column(kind, &sealed);
        if let Ok(calls) = Calls::decode(&sealed) {
            (0..calls.len()).for_each(|row| drop(calls.call(row)));
        }
    }
    for kind in Kind::ALL {
        let _ = check_column(kind, data);
    }
}

/// The parts of an entry of the columns that end with a digest.
#[cfg(any(test, fuzzing))]
pub(crate) fn sealed(kind: Kind, value: &[u8]) -> Vec<Vec<u8>> {
    match kind {
        Kind::Calls | Kind::Scores | Kind::IndexBlock | Kind::IndexBatch => vec![value.to_vec()],
        Kind::Pack => pack::segments(value),
        _ => Vec::new(),
    }
}

fn waiting(tx: &dyn Read, version: IsVersion<'_>) -> Result<Checked> {
    let (mut texts, mut checked) = (0u64, Checked::default());
    scan_prefix(tx, Space::Traces, layout::traces().bytes(), Order::Ascending, &mut |_, value| {
        decode::<TraceRecord>(value)?;
        texts += 1;
        Ok(Flow::Continue)
    })?;
    let all = layout::all_trace_facts();
    scan_prefix(tx, Space::Traces, all.bytes(), Order::Ascending, &mut |key, value| {
        let (prompt, facts) = read::waiting_row(key, value)?;
        let id = &facts.trace_id;
        let bytes = tx.get(Space::Traces, layout::trace(id.as_str()).bytes())?;
        let record: TraceRecord =
            decode(&bytes.ok_or_else(|| Error::TraceNotFound { trace: id.to_string() })?)?;
        if record.prompt.as_str() != prompt || record.at != facts.at {
            return Err(damaged(format!("the trace {id} is not where its record says")));
        }
        same(version, &record.prompt, facts.version, record.version_id, id.as_str())?;
        checked.traces += 1;
        Ok(Flow::Continue)
    })?;
    if texts != checked.traces {
        let found = checked.traces;
        return Err(damaged(format!("{texts} traces are there, but {found} are found by their time")));
    }
    let mut known = None;
    let all = layout::all_trace_scores();
    scan_prefix(tx, Space::Traces, all.bytes(), Order::Ascending, &mut |key, value| {
        let (trace, _, from) =
            layout::in_trace_score(key).ok_or_else(|| damaged("a score's key is malformed"))?;
        scores::source(from)?;
        decode::<ScoreRecord>(value)?;
        if known.as_ref() != Some(&trace) {
            if tx.get(Space::Traces, layout::trace(&trace).bytes())?.is_none() {
                return Err(Error::TraceNotFound { trace });
            }
            known = Some(trace);
        }
        checked.scores += 1;
        Ok(Flow::Continue)
    })?;
    Ok(checked)
}

fn same(version: IsVersion<'_>, prompt: &PromptName, number: u32, id: ContentId, trace: &str) -> Result<()> {
    if version(prompt, number, id)? {
        return Ok(());
    }
    Err(damaged(format!("the trace {trace} names another content of {prompt} version {number}")))
}

fn check_stream(
    tx: &dyn Read,
    prompt: &PromptName,
    stream: &Stream,
    version: IsVersion<'_>,
    sum: &mut Sum,
    checked: &mut Checked,
) -> Result<()> {
    if pack::count(tx, stream.number)? != stream.packs {
        return Err(damaged(format!("a batch of {prompt} is missing")));
    }
    let mut places = Places::default();
    let shelf = Shelf::Calls(stream.number);
    for (number, info) in shelf.list(tx)? {
        let calls = Calls::decode(&shelf.read(tx, number)?)?;
        for (version_number, id) in &calls.version_ids {
            same(version, prompt, *version_number as u32, *id, "in a segment")?;
        }
        if calls.len() != info.rows as usize || calls.places.first() != Some(&info.first) {
            return Err(damaged(format!("a segment of {prompt} is not what it is described as")));
        }
        for (row, &place) in calls.places.iter().enumerate() {
            let (print, check) = fingerprint(&calls.ids.get(row));
            sum.add((print, check, stream.number, place));
            if calls.texts.get(row) == Some(&1) {
                texts::load(tx, stream.number, place)?;
            }
            checked.traces += 1;
        }
        if !places.add(&calls.places) {
            return Err(damaged(format!("the calls of {prompt} are not in order, or two segments overlap")));
        }
    }
    let there = |place: u64| match places.has(place) {
        true => Ok(()),
        false => Err(damaged(format!("a score of {prompt} belongs to no trace"))),
    };
    for (metric, number, _) in stream::scores_listed(tx, stream.number)? {
        let scores = Scores::decode(&Shelf::Scores(stream.number, &metric).read(tx, number)?)?;
        scores.visit(&mut |score| {
            if score.comment > 0
                && tx
                    .get(Space::Traces, layout::score_comment(stream.number, score.comment).bytes())?
                    .is_none()
            {
                return Err(damaged("the comment of a score is missing"));
            }
            there(score.place)
        })?;
        checked.scores += scores.len() as u64;
    }
    LateScore::visit(tx, stream.number, &mut |_, place, _| {
        there(place)?;
        checked.scores += 1;
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Engine, EngineOptions};
    use crate::{Content, LoggedCall, NewTrace, Store};

    #[test]
    fn places_are_runs_of_neighbours() {
        let mut places = Places::default();
        assert!(!places.has(0));
        assert!(places.add(&[2, 3, 4, 8]) && places.add(&[]) && places.add(&[9, 11]));
        assert_eq!(places.0, [(2, 4), (8, 9), (11, 11)]);
        let there: Vec<u64> = (0..14).filter(|place| places.has(*place)).collect();
        assert_eq!(there, [2, 3, 4, 8, 9, 11]);
        assert!(!places.add(&[11]) && !places.add(&[5]));
        assert!(!Places::default().add(&[2, 2]));
        assert!(Places::default().add(&[u64::MAX - 1, u64::MAX]));
    }

    /// What `verify` says of a store with 3,000 calls in the columns, after its index was tampered with; `tamper` is given the
    /// stream's number.
    fn verified(
        tamper: impl FnOnce(&mut dyn crate::storage::kv::Write, u32) -> Result<()> + Send + 'static,
    ) -> String {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.tp");
        let store = Store::open(&path).unwrap();
        store.publish("p", Content::text("one"), Default::default()).unwrap();
        let call = |n: u32| {
            let trace = NewTrace { trace_id: Some(format!("t{n}")), ..NewTrace::default() };
            LoggedCall { prompt: "p".to_owned(), version: 1.into(), trace, scores: Vec::new() }
        };
        store.log_many((0..3_000).map(call).collect()).unwrap();
        let report = store.verify().unwrap();
        assert_eq!((report.ok, report.traces), (true, 3_000), "{report:?}");
        store.close().unwrap();
        let options = EngineOptions { read_only: false, busy_timeout: std::time::Duration::from_secs(5) };
        let engine = Engine::open(&path, options).unwrap();
        engine
            .write(move |tx| {
                let found = index::find(&*tx, &[fingerprint("t1234")])?;
                let (stream, place) = found[0].expect("it was logged");
                assert_eq!(place, 1_235);
                tamper(tx, stream)
            })
            .unwrap();
        engine.close().unwrap();
        Store::open(&path).unwrap().verify().unwrap().broken.unwrap_or_default()
    }

    fn entry(place: u64) -> (index::Print, u64) {
        (fingerprint("t1234"), place)
    }

    #[test]
    fn an_index_that_is_in_order_is_no_fault() {
        let broken = verified(|tx, stream| {
            index::retain(tx, &mut |entry| Ok(entry.3 != 1_235))?;
            index::add(tx, stream, &[entry(1_235)])
        });
        assert_eq!(broken, "");
    }

    #[test]
    fn a_missing_entry_is_found() {
        let broken = verified(|tx, _| index::retain(tx, &mut |entry| Ok(entry.3 != 1_235)));
        assert!(broken.contains("the trace t1234 is not found by its id"), "{broken}");
    }

    #[test]
    fn an_entry_of_another_place_is_found() {
        let broken = verified(|tx, stream| {
            index::retain(tx, &mut |entry| Ok(entry.3 != 1_235))?;
            index::add(tx, stream, &[entry(1_236)])
        });
        assert!(broken.contains("the trace t1234 is not found by its id"), "{broken}");
    }

    #[test]
    fn an_entry_of_another_id_is_found() {
        let broken = verified(|tx, stream| {
            index::retain(tx, &mut |entry| Ok(entry.3 != 1_235))?;
            index::add(tx, stream, &[(fingerprint("t12345"), 1_235)])
        });
        assert!(broken.contains("the trace t1234 is not found by its id"), "{broken}");
    }

    #[test]
    fn an_entry_twice_is_found() {
        let broken = verified(|tx, stream| index::add(tx, stream, &[entry(1_235)]));
        assert!(broken.contains("an entry twice"), "{broken}");
    }

    #[test]
    fn an_entry_of_no_call_is_found() {
        let broken = verified(|tx, stream| index::add(tx, stream, &[(fingerprint("nobody"), 9_999)]));
        assert!(broken.contains("one of no call"), "{broken}");
    }
}
