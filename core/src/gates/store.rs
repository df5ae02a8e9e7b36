//! Keeping gates and verdicts.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::codec::hash::{Domain, Object};
use crate::codec::record::{decode, encode, record};
use crate::error::{Error, Result};
use crate::model::gate::Gate;
use crate::model::id::ContentId;
use crate::model::name::{Label, PromptName};
use crate::model::time::Timestamp;
use crate::model::verdict::Verdict;
use crate::storage::kv::{Flow, Order, Read, Space, Write, scan_prefix};
use crate::storage::layout;
use crate::storage::log::{Author, append};

/// What a verdict's id does not cover.
#[derive(Serialize, Deserialize)]
pub(crate) struct VerdictRecord {
    at: Timestamp,
    seq: u64,
}
record!(VerdictRecord, 50, "verdict");

fn to_object(gate: &Gate) -> Result<Object> {
    let value = serde_json::to_value(gate).map_err(|e| Error::InvalidGate { reason: e.to_string() })?;
    Object::new(Domain::Gate, &value)
}

/// Stores a gate; the same gate is stored once.
pub(crate) fn save_gate(tx: &mut dyn Write, gate: &Gate) -> Result<ContentId> {
    let object = to_object(gate)?.bounded("a gate")?;
    tx.put(Space::Objects, object.id.as_bytes(), &object.bytes)?;
    Ok(object.id)
}

/// A gate by its content id.
pub(crate) fn load_gate(tx: &(impl Read + ?Sized), id: &ContentId) -> Result<Gate> {
    let damaged = |reason: String| Error::DamagedRecord { record: "gate", reason };
    let bytes = tx.get(Space::Objects, id.as_bytes())?;
    let bytes = bytes.ok_or_else(|| damaged(format!("the gate {id} is not there")))?;
    serde_json::from_value(Object::value(&bytes)?).map_err(|e| damaged(e.to_string()))
}

/// Stores a verdict. The same evidence judged again is the same verdict, and is returned as it was.
pub(crate) fn save_verdict(tx: &mut dyn Write, author: &Author, mut verdict: Verdict) -> Result<Verdict> {
    let key = &verdict.key;
    let place = layout::verdict(key.prompt.as_str(), key.label.as_str(), key.version, &verdict.id);
    if let Some(bytes) = tx.get(Space::Refs, place.bytes())? {
        verdict.at = decode::<VerdictRecord>(&bytes)?.at;
        return Ok(verdict);
    }
    let data = json!({"verdict": verdict.id, "prompt": key.prompt, "label": key.label, "version": key.version,
                      "gate": key.gate, "outcome": verdict.outcome});
    let event = append(tx, author, "verdict.reached", data)?;
    verdict.at = event.at;
    let object = super::object(&verdict)?;
    tx.put(Space::Objects, object.id.as_bytes(), &object.bytes)?;
    tx.put(Space::Refs, place.bytes(), &encode(&VerdictRecord { at: event.at, seq: event.seq })?)?;
    Ok(verdict)
}

fn read(tx: &dyn Read, id: ContentId, at: Timestamp) -> Result<Verdict> {
    let damaged = |reason: String| Error::DamagedRecord { record: "verdict", reason };
    let bytes = tx.get(Space::Objects, id.as_bytes())?;
    let bytes = bytes.ok_or_else(|| Error::VerdictNotFound { verdict: id.to_string() })?;
    let mut value = Object::value(&bytes)?;
    value["id"] = json!(id);
    value["at"] = json!(at);
    serde_json::from_value(value).map_err(|e| damaged(e.to_string()))
}

/// Every verdict on the versions of a prompt for a label, oldest first.
pub(crate) fn verdicts(tx: &dyn Read, prompt: &PromptName, label: &Label) -> Result<Vec<Verdict>> {
    let mut found: Vec<(u64, ContentId, Timestamp)> = Vec::new();
    let prefix = layout::verdicts_of_label(prompt.as_str(), label.as_str());
    scan_prefix(tx, Space::Refs, prefix.bytes(), Order::Ascending, &mut |key, value| {
        let record: VerdictRecord = decode(value)?;
        if let Some(id) = key.last_chunk::<32>() {
            found.push((record.seq, ContentId::from_bytes(*id), record.at));
        }
        Ok(Flow::Continue)
    })?;
    found.sort_by_key(|(seq, ..)| *seq);
    found.into_iter().map(|(_, id, at)| read(tx, id, at)).collect()
}

/// A verdict by its id, wherever it was reached.
pub(crate) fn verdict(tx: &dyn Read, id: ContentId) -> Result<Verdict> {
    read(tx, id, Timestamp::from_micros(0))
}
