//! The event log's entries.

use serde::Serialize;
use serde_json::Value;

use super::id::ContentId;
use super::time::Timestamp;

/// One entry of the store's hash-chained log.
///
/// # Formula
/// `hash = BLAKE3("trialplate:event:v1\n" ‖ prev ‖ canonical JSON of {actor, at, data, kind, seq})`, with `prev`
/// the 32 bytes of the entry before it (32 zero bytes for the first).
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Event {
    /// 1, 2, 3 …
    pub seq: u64,
    /// When; never earlier than the entry before it, whatever the clock says.
    pub at: Timestamp,
    /// Who.
    pub actor: Option<String>,
    /// What happened, such as `prompt.published` or `label.moved`.
    pub kind: String,
    /// The facts.
    pub data: Value,
    /// The hash of the entry before it.
    pub prev: ContentId,
    /// The hash of this entry.
    pub hash: ContentId,
}
