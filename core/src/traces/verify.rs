//! Every trace and every score is looked at, wherever it lies.

use std::collections::HashMap;

use super::scores::ScoreRecord;
use super::segment::{Calls, Scores};
use super::stream::{self, Info, Shelf, Stream};
use super::{LateScore, TraceRecord, damaged, index, pack, read, scores, texts};
use crate::codec::hash::fingerprint;
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
    // Where each fingerprint points; what it points to must be there.
    let mut places: HashMap<(u32, u64), (u64, u32)> = HashMap::new();
    index::visit(tx, &mut |(print, check, stream, place)| {
        places.insert((*stream, *place), (*print, *check));
        Ok(())
    })?;
    for (prompt, stream) in &streams {
        check_stream(tx, prompt, stream, &places, version, &mut checked)?;
    }
    Ok(checked)
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
    found: &HashMap<(u32, u64), (u64, u32)>,
    version: IsVersion<'_>,
    checked: &mut Checked,
) -> Result<()> {
    if pack::count(tx, stream.number)? != stream.packs {
        return Err(damaged(format!("a batch of {prompt} is missing")));
    }
    let mut places = Vec::new();
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
            let id = calls.ids.get(row);
            if found.get(&(stream.number, place)) != Some(&fingerprint(&id)) {
                return Err(damaged(format!("the trace {id} is not found by its id")));
            }
            if calls.texts.get(row) == Some(&1) {
                texts::load(tx, stream.number, place)?;
            }
            checked.traces += 1;
        }
        if places.last().is_some_and(|last| calls.places.first() <= Some(last)) {
            return Err(damaged(format!("two segments of {prompt} overlap")));
        }
        places.extend_from_slice(&calls.places);
    }
    let there = |place: u64| match places.binary_search(&place) {
        Ok(_) => Ok(()),
        Err(_) => Err(damaged(format!("a score of {prompt} belongs to no trace"))),
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
