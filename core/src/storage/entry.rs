//! What an entry is, told from its key alone: for people who read what of a damaged file is lost.

use super::keys::Fields;
use super::kv::Space;
use super::layout;
use crate::model::id::{ContentId, RunId};

/// The kinds of entries there are: one for each function of [`layout`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Store,
    Prompt,
    Version,
    Label,
    Move,
    Guard,
    Auto,
    Dataset,
    DatasetVersion,
    Item,
    Metric,
    Run,
    RunOf,
    RunName,
    Withdrawn,
    Calibration,
    Verdict,
    Canary,
    CanaryEntry,
    Experiment,
    Object,
    Number,
    Event,
    Epoch,
    Row,
    Trace,
    TraceFacts,
    TraceScore,
    Exposure,
    Enrolment,
    Stream,
    StreamName,
    CallsInfo,
    Calls,
    ScoresInfo,
    Scores,
    LateScore,
    Pack,
    CallTexts,
    SharedText,
    ScoreComment,
    IndexBatch,
    IndexRun,
    IndexBlock,
    IndexFilter,
}

#[cfg(any(test, fuzzing))]
impl Kind {
    pub(crate) const ALL: [Kind; 45] = [
        Kind::Store,
        Kind::Prompt,
        Kind::Version,
        Kind::Label,
        Kind::Move,
        Kind::Guard,
        Kind::Auto,
        Kind::Dataset,
        Kind::DatasetVersion,
        Kind::Item,
        Kind::Metric,
        Kind::Run,
        Kind::RunOf,
        Kind::RunName,
        Kind::Withdrawn,
        Kind::Calibration,
        Kind::Verdict,
        Kind::Canary,
        Kind::CanaryEntry,
        Kind::Experiment,
        Kind::Object,
        Kind::Number,
        Kind::Event,
        Kind::Epoch,
        Kind::Row,
        Kind::Trace,
        Kind::TraceFacts,
        Kind::TraceScore,
        Kind::Exposure,
        Kind::Enrolment,
        Kind::Stream,
        Kind::StreamName,
        Kind::CallsInfo,
        Kind::Calls,
        Kind::ScoresInfo,
        Kind::Scores,
        Kind::LateScore,
        Kind::Pack,
        Kind::CallTexts,
        Kind::SharedText,
        Kind::ScoreComment,
        Kind::IndexBatch,
        Kind::IndexRun,
        Kind::IndexBlock,
        Kind::IndexFilter,
    ];
}

/// The kind of the entry under `key`, and its name in words; none if no such key is ever written.
pub(crate) fn entry(space: Space, key: &[u8]) -> Option<(Kind, String)> {
    let mut fields = Fields::of(key);
    let f = &mut fields;
    let found = match (space, *key.first()?) {
        (Space::Objects, _) => return object(key),
        (Space::Log, b'E') => (Kind::Event, format!("event {}", f.u64()?)),
        (Space::Log, b'e') => (Kind::Epoch, "the count of changes".to_owned()),
        (Space::Rows, b'R') => {
            let run = RunId::from_bytes(f.raw()?);
            let key = f.text()?;
            (Kind::Row, format!("the row of item {key:?}, trial {}, in run {run}", f.u32()?))
        }
        (Space::Refs, tag) => return reference(tag, f),
        (Space::Traces, b'T') => (Kind::Trace, format!("the texts of trace {:?}", f.text()?)),
        (Space::Traces, b't') => {
            let (prompt, _, id) = layout::in_trace_facts(key)?;
            (Kind::TraceFacts, format!("the facts of trace {id:?} of prompt {prompt:?}"))
        }
        (Space::Traces, b's') => {
            let (id, metric, _) = layout::in_trace_score(key)?;
            (Kind::TraceScore, format!("a score {metric:?} of trace {id:?}"))
        }
        (Space::Traces, b'x') => {
            let experiment = f.text()?;
            (Kind::Exposure, format!("the exposure of unit {:?} in experiment {experiment:?}", f.text()?))
        }
        (Space::Traces, b'o') => {
            let experiment = f.text()?;
            (Kind::Enrolment, format!("enrolment {} in experiment {experiment:?}", f.u64()?))
        }
        (Space::Traces, tag) => return column(tag, f),
        _ => return None,
    };
    Some(found)
}

/// What belongs to the columns of production calls.
fn column(tag: u8, f: &mut Fields<'_>) -> Option<(Kind, String)> {
    let found = match tag {
        b'p' => (Kind::Stream, format!("the columns of prompt {:?}", f.text()?)),
        b'q' => (Kind::StreamName, format!("the prompt of the columns {}", f.u32()?)),
        b'A' => (Kind::CallsInfo, format!("what is in the calls {1} of the columns {0}", f.u32()?, f.u64()?)),
        b'a' => (Kind::Calls, format!("the calls from {1} on of the columns {0}", f.u32()?, f.u64()?)),
        b'B' => {
            let (stream, metric) = (f.u32()?, f.text()?);
            let number = f.u64()?;
            (
                Kind::ScoresInfo,
                format!("what is in the scores {number} of {metric:?} of the columns {stream}"),
            )
        }
        b'b' => {
            let (stream, metric) = (f.u32()?, f.text()?);
            let number = f.u64()?;
            (Kind::Scores, format!("the scores {number} of {metric:?} of the columns {stream}"))
        }
        b'u' => (Kind::LateScore, format!("a score of call {1} of the columns {0}", f.u32()?, f.u64()?)),
        b'k' => (Kind::Pack, format!("batch {1} of the columns {0}", f.u32()?, f.u64()?)),
        b'y' => (Kind::CallTexts, format!("the texts of call {1} of the columns {0}", f.u32()?, f.u64()?)),
        b'h' => {
            f.raw::<16>()?;
            (Kind::SharedText, "a text that calls share".to_owned())
        }
        b'z' => (Kind::ScoreComment, format!("comment {1} of the columns {0}", f.u32()?, f.u64()?)),
        b'j' => (Kind::IndexBatch, format!("batch {} of the index of traces", f.u64()?)),
        b'I' => {
            f.raw::<1>()?;
            (Kind::IndexRun, format!("run {} of the index of traces", f.u64()?))
        }
        b'i' => (Kind::IndexBlock, format!("a block of run {} of the index of traces", f.u64()?)),
        b'f' => (Kind::IndexFilter, format!("the filter of run {} of the index of traces", f.u64()?)),
        _ => return None,
    };
    Some(found)
}

fn object(key: &[u8]) -> Option<(Kind, String)> {
    let (id, rest) = key.split_first_chunk::<32>()?;
    let id = ContentId::from_bytes(*id);
    if rest.is_empty() {
        return Some((Kind::Object, format!("object {id}")));
    }
    // The first byte of what follows is the text's own: `Fields` begins behind a tag.
    let prompt = Fields::of(key.get(31..)?).text()?;
    Some((Kind::Number, format!("the version number of {id} in prompt {prompt:?}")))
}

fn reference(tag: u8, f: &mut Fields<'_>) -> Option<(Kind, String)> {
    let found = match tag {
        0 => (Kind::Store, "the store's own record".to_owned()),
        b'P' => return in_prompt(f),
        b'D' => (Kind::Dataset, format!("dataset {:?}", f.text()?)),
        b'd' => {
            let name = f.text()?;
            (Kind::DatasetVersion, format!("version {} of dataset {name:?}", f.u32()?))
        }
        b'i' => {
            let (name, key) = (f.text()?, f.text()?);
            (Kind::Item, format!("item {key:?} of dataset {name:?} from version {} on", f.u32()?))
        }
        b'M' => (Kind::Metric, format!("metric {:?}", f.text()?)),
        b'R' => (Kind::Run, format!("run {}", RunId::from_bytes(f.raw()?))),
        b'r' => {
            let (prompt, version) = (f.text()?, f.u32()?);
            f.raw::<32>()?;
            let run = RunId::from_bytes(f.raw()?);
            (Kind::RunOf, format!("that run {run} is of version {version} of prompt {prompt:?}"))
        }
        b'n' => (Kind::RunName, format!("the newest run called {:?}", f.text()?)),
        b'w' => (Kind::Withdrawn, format!("the withdrawal of run {}", RunId::from_bytes(f.raw()?))),
        b'J' => {
            let metric = f.text()?;
            let judge = ContentId::from_bytes(f.raw()?);
            (Kind::Calibration, format!("the calibration of {metric:?} for judge {judge}"))
        }
        b'c' => {
            let (prompt, label, version) = (f.text()?, f.text()?, f.u32()?);
            f.raw::<32>()?;
            (
                Kind::Verdict,
                format!("a verdict on version {version} of prompt {prompt:?} for label {label:?}"),
            )
        }
        b'K' => (Kind::Canary, format!("canary {:?}", f.text()?)),
        b'k' => {
            let name = f.text()?;
            (Kind::CanaryEntry, format!("entry {} of canary {name:?}", f.u32()?))
        }
        b'X' => (Kind::Experiment, format!("experiment {:?}", f.text()?)),
        _ => return None,
    };
    Some(found)
}

fn in_prompt(f: &mut Fields<'_>) -> Option<(Kind, String)> {
    let prompt = f.text()?;
    let [kind] = f.raw()?;
    let found = match kind {
        layout::HEAD => (Kind::Prompt, format!("prompt {prompt:?}")),
        layout::VERSION => (Kind::Version, format!("version {} of prompt {prompt:?}", !f.u32()?)),
        layout::LABEL => (Kind::Label, format!("label {:?} of prompt {prompt:?}", f.text()?)),
        layout::MOVE => {
            let label = f.text()?;
            (Kind::Move, format!("move {} of label {label:?} of prompt {prompt:?}", f.u64()?))
        }
        layout::GUARD => (Kind::Guard, format!("the gate of label {:?} of prompt {prompt:?}", f.text()?)),
        layout::AUTO => {
            (Kind::Auto, format!("that label {:?} of prompt {prompt:?} moves by itself", f.text()?))
        }
        _ => return None,
    };
    Some(found)
}
