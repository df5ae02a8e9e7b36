//! Production traces and their scores.
//!
//! Invariants: a trace is written once; each has one entry of facts (what it counts with, in the order of time
//! within its prompt) and one of texts (by its id), written together; a score belongs to a trace that is there, and none is
//! ever overwritten: the newest of a metric and a source counts. Traces stand in no event log: they pour in all day, and
//! must not move anybody's cached `get`.
//!
//! How all this lies in the file is known to this room alone. Columns in segments will take its place behind the
//! same functions.

pub(crate) mod read;
pub(crate) mod scores;
pub(crate) mod write;

use serde::{Deserialize, Serialize};

use crate::codec::record::record;
use crate::model::id::ContentId;
use crate::model::name::PromptName;
use crate::model::time::Timestamp;

/// A trace's texts, by its id.
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

/// What a trace counts with, by its prompt and time.
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
