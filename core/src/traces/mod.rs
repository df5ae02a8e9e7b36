//! Production traces and their scores.
//!
//! Invariants: a trace is written once, and has a place in its prompt's columns or waits for one in rows of its own; a
//! score belongs to a trace that is there, and none is ever overwritten: the newest of a metric and a source counts. Traces
//! stand in no event log: they pour in all day, and must not move anybody's cached `get`.
//!
//! How all this lies in the file is known to this room alone. What waits, at most about a thousand rows of a prompt,
//! lies in rows: a call's facts by time, its texts by id, each score by id, metric and source. `fold` moves it to
//! the columns (`segment`, `stream`), where `index` finds a call by its id and `texts` holds what it says at length.
//! A large batch goes there at once.

mod archive;
pub(crate) mod bulk;
mod fold;
mod index;
mod live;
mod marks;
mod mend;
mod pack;
mod plain;
mod prune;
pub(crate) mod read;
pub(crate) mod scores;
mod segment;
mod stream;
mod texts;
pub(crate) mod verify;
pub(crate) mod write;

use serde::{Deserialize, Serialize};

use crate::codec::record::{decode, encode, record};
use crate::error::{Error, Result};
use crate::model::id::ContentId;
use crate::model::name::{MetricName, PromptName};
use crate::model::score::ScoreValue;
use crate::model::time::Timestamp;
use crate::model::trace::TraceScore;
use crate::storage::kv::{Flow, Order, Read, Space, scan_prefix};
use crate::storage::layout;

pub(crate) use archive::Archive;
pub(crate) use live::{Live, Names, Packed, Wanted, gather, scored_at_all};
pub(crate) use marks::{Mark, Marks};
pub(crate) use mend::mend;
pub(crate) use plain::{Part, fit, waiting_part};
pub use prune::Pruned;
pub(crate) use prune::prune;
pub(crate) use segment::Needs;

fn damaged(reason: impl ToString) -> Error {
    Error::DamagedRecord { record: "trace", reason: reason.to_string() }
}

/// The texts of a trace that waits, by its id.
#[derive(Serialize, Deserialize)]
pub(crate) struct TraceRecord {
    prompt: PromptName,
    at: Timestamp,
    version_id: ContentId,
    /// Canonical JSON.
    input: Option<String>,
    output: Option<String>,
    error: Option<String>,
    metadata: Option<String>,
}
record!(TraceRecord, 60, "trace");

/// What a trace that waits counts with, by its prompt and time.
#[derive(Serialize, Deserialize)]
pub(crate) struct FactsRecord {
    version: u32,
    user: Option<String>,
    experiment: Option<String>,
    variant: Option<String>,
    stratum: Option<String>,
    latency_ms: Option<f64>,
    cost_usd: Option<f64>,
    tokens_in: Option<u64>,
    tokens_out: Option<u64>,
}
record!(FactsRecord, 61, "trace facts");

/// A score that waits, of a trace that has a place.
#[derive(Serialize, Deserialize)]
struct LateScore {
    metric: MetricName,
    source: u8,
    value: ScoreValue,
    comment: Option<String>,
    judge: Option<String>,
    at: Timestamp,
}
record!(LateScore, 68, "late score");

/// Called for each late score with its key and the place of its call.
type VisitLate<'a> = &'a mut dyn FnMut(&[u8], u64, TraceScore) -> Result<()>;

impl LateScore {
    fn write(score: TraceScore) -> Result<Vec<u8>> {
        let TraceScore { metric, value, source, comment, judge, at } = score;
        encode(&LateScore { metric, source: source as u8, value, comment, judge, at })
    }

    /// Visits every late score of a stream.
    fn visit(tx: &(impl Read + ?Sized), stream: u32, f: VisitLate<'_>) -> Result<()> {
        let all = layout::late_scores_of(stream);
        scan_prefix(tx, Space::Traces, all.bytes(), Order::Ascending, &mut |key, value| {
            let in_key = layout::in_late_score(key);
            let (_, place, _) = in_key.ok_or_else(|| damaged("a score's key is malformed"))?;
            f(key, place, LateScore::read(value)?)?;
            Ok(Flow::Continue)
        })
    }

    fn read(bytes: &[u8]) -> Result<TraceScore> {
        let LateScore { metric, source, value, comment, judge, at } = decode(bytes)?;
        Ok(TraceScore { metric, value, source: segment::source(source.into())?, comment, judge, at })
    }
}
