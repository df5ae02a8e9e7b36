//! The append-only, hash-chained event log.
//!
//! Invariants: positions are 1, 2, 3 … without a gap; an entry's hash covers the hash before it, so no entry
//! can be changed, dropped or put in between without every later hash being wrong; times never go backwards,
//! whatever the clock does, so that "what was live then" has one answer.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::keys::{Fields, after_prefix};
use super::kv::{Flow, Order, Read, Space, Write, last_below};
use super::layout;
use crate::codec::canonical::to_canonical;
use crate::codec::hash::{Domain, Hasher};
use crate::codec::record::{decode, encode, record};
use crate::error::{Error, Result};
use crate::model::event::Event;
use crate::model::id::ContentId;
use crate::model::time::Timestamp;

const GENESIS: ContentId = ContentId::from_bytes([0; 32]);

#[derive(Serialize, Deserialize)]
pub(crate) struct EventRecord {
    at: Timestamp,
    actor: Option<String>,
    kind: String,
    /// Canonical JSON.
    data: String,
    prev: ContentId,
    hash: ContentId,
}
record!(EventRecord, 1, "event");

/// Who does it, and when: fixed once for all that one transaction writes.
#[derive(Debug, Clone)]
pub(crate) struct Author {
    pub(crate) actor: Option<String>,
    pub(crate) now: Timestamp,
}

/// Appends an entry and returns it.
pub(crate) fn append(tx: &mut dyn Write, author: &Author, kind: &str, data: Value) -> Result<Event> {
    let (seq, prev, at) = match newest(tx)? {
        Some((seq, last)) => (seq + 1, last.hash, author.now.max(last.at)),
        None => (1, GENESIS, author.now),
    };
    let actor = author.actor.clone();
    let hash = hash(seq, at, actor.as_deref(), kind, &data, &prev)?;
    let record = EventRecord {
        at,
        actor: actor.clone(),
        kind: kind.to_owned(),
        data: to_canonical(&data)?,
        prev,
        hash,
    };
    tx.put(Space::Log, layout::event(seq).bytes(), &encode(&record)?)?;
    Ok(Event { seq, at, actor, kind: kind.to_owned(), data, prev, hash })
}

fn hash(
    seq: u64,
    at: Timestamp,
    actor: Option<&str>,
    kind: &str,
    data: &Value,
    prev: &ContentId,
) -> Result<ContentId> {
    let body = json!({"actor": actor, "at": at, "data": data, "kind": kind, "seq": seq});
    let mut hasher = Hasher::new(Domain::Event);
    hasher.update(prev.as_bytes());
    hasher.update(to_canonical(&body)?.as_bytes());
    Ok(hasher.finish())
}

fn damaged(reason: &str) -> Error {
    Error::DamagedRecord { record: "event", reason: reason.to_owned() }
}

fn read_record(key: &[u8], value: &[u8]) -> Result<(u64, EventRecord)> {
    let seq = Fields::of(key).u64().ok_or_else(|| damaged("its key is no position"))?;
    Ok((seq, decode(value)?))
}

fn read_entry(key: &[u8], value: &[u8]) -> Result<Event> {
    let (seq, record) = read_record(key, value)?;
    let data = serde_json::from_str(&record.data).map_err(|e| damaged(&e.to_string()))?;
    let EventRecord { at, actor, kind, prev, hash, .. } = record;
    Ok(Event { seq, at, actor, kind, data, prev, hash })
}

/// The newest entry, without a look at what it says.
fn newest(tx: &(impl Read + ?Sized)) -> Result<Option<(u64, EventRecord)>> {
    let prefix = layout::events();
    let found = last_below(tx, Space::Log, prefix.bytes(), &after_prefix(prefix.bytes()))?;
    found.map(|(key, value)| read_record(&key, &value)).transpose()
}

/// The position and the time of the newest entry.
pub(crate) fn head(tx: &(impl Read + ?Sized)) -> Result<Option<(u64, Timestamp)>> {
    Ok(newest(tx)?.map(|(seq, record)| (seq, record.at)))
}

/// The entry at a position.
pub(crate) fn entry(tx: &(impl Read + ?Sized), seq: u64) -> Result<Option<Event>> {
    let key = layout::event(seq);
    tx.get(Space::Log, key.bytes())?.map(|value| read_entry(key.bytes(), &value)).transpose()
}

/// Whether an entry of the log's space can be read.
pub(crate) fn check_entry(key: &[u8], value: &[u8]) -> Result<()> {
    if key.starts_with(layout::events().bytes()) { read_entry(key, value).map(drop) } else { Ok(()) }
}

/// Visits the entries behind position `after`, oldest first.
pub(crate) fn visit(tx: &dyn Read, after: u64, f: &mut dyn FnMut(Event) -> Result<Flow>) -> Result<()> {
    let Some(first) = after.checked_add(1) else { return Ok(()) };
    let high = after_prefix(layout::events().bytes());
    tx.scan(Space::Log, layout::event(first).bytes(), &high, Order::Ascending, &mut |key, value| {
        f(read_entry(key, value)?)
    })
}

/// Recomputes every hash; the number of entries, or what the first wrong one is.
pub(crate) fn verify_chain(tx: &dyn Read) -> Result<Result<u64, String>> {
    let (mut seq, mut prev, mut at) = (0, GENESIS, Timestamp::from_micros(i64::MIN));
    let mut broken = None;
    visit(tx, 0, &mut |event| {
        let expected =
            hash(event.seq, event.at, event.actor.as_deref(), &event.kind, &event.data, &event.prev)?;
        let fault = if event.seq != seq + 1 {
            Some(format!("event {} is missing from the log", seq + 1))
        } else if event.prev != prev {
            Some(format!("event {} does not follow the hash of event {seq}", event.seq))
        } else if event.hash != expected {
            Some(format!("event {} was changed: its hash is wrong", event.seq))
        } else if event.at < at {
            Some(format!("event {} is older than the one before it", event.seq))
        } else {
            None
        };
        (seq, prev, at) = (event.seq, event.hash, event.at);
        broken = fault;
        Ok(if broken.is_some() { Flow::Stop } else { Flow::Continue })
    })?;
    Ok(match broken {
        Some(fault) => Err(fault),
        None => Ok(seq),
    })
}
