//! Content ids: BLAKE3 of a canonical JSON text behind a domain tag.
//!
//! Law, with pinned vectors in `tests/conformance/content_ids.json`. Anyone can check an id with the `b3sum`
//! tool: `printf 'trialplate:content:v1\n{"model":null,…}' | b3sum`. A tag ends with a line feed, which canonical
//! JSON never contains unescaped, and no tag is the beginning of another: no text of one domain is a text of
//! another one. No serializer's bytes are ever hashed.

use serde_json::Value;

use super::canonical::to_canonical;
use crate::error::{Error, Result};
use crate::model::id::ContentId;

/// What an id is the id of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Domain {
    /// A prompt version's content.
    Content,
    /// A dataset item.
    Item,
    /// A dataset version: (key, item id) in the order of the keys.
    Dataset,
    /// A scorer's configuration.
    Scorer,
    /// A gate.
    Gate,
    /// A verdict.
    Verdict,
    /// A run's row.
    Row,
    /// A finished run's rows.
    Rows,
    /// An entry of the event log.
    Event,
    /// An experiment's plan.
    Experiment,
    /// What an experiment came to.
    ExperimentResult,
}

impl Domain {
    /// Every domain that can stand in front of an object, by the byte that names it in a stored object.
    const ALL: [Domain; 11] = [
        Domain::Content,
        Domain::Item,
        Domain::Dataset,
        Domain::Scorer,
        Domain::Gate,
        Domain::Verdict,
        Domain::Row,
        Domain::Rows,
        Domain::Event,
        Domain::Experiment,
        Domain::ExperimentResult,
    ];

    pub(crate) const fn tag(self) -> &'static str {
        match self {
            Domain::Content => "trialplate:content:v1\n",
            Domain::Item => "trialplate:item:v1\n",
            Domain::Dataset => "trialplate:dataset:v1\n",
            Domain::Scorer => "trialplate:scorer:v1\n",
            Domain::Gate => "trialplate:gate:v1\n",
            Domain::Verdict => "trialplate:verdict:v1\n",
            Domain::Row => "trialplate:row:v1\n",
            Domain::Rows => "trialplate:rows:v1\n",
            Domain::Event => "trialplate:event:v1\n",
            Domain::Experiment => "trialplate:experiment:v1\n",
            Domain::ExperimentResult => "trialplate:result:v1\n",
        }
    }

    fn byte(self) -> u8 {
        self as u8
    }
}

/// The id of a text that is canonical already.
pub(crate) fn id_of_text(domain: Domain, canonical: &str) -> ContentId {
    let mut hasher = Hasher::new(domain);
    hasher.update(canonical.as_bytes());
    hasher.finish()
}

/// A digest over parts of a fixed order, behind a domain tag.
pub(crate) struct Hasher(blake3::Hasher);

impl Hasher {
    pub(crate) fn new(domain: Domain) -> Hasher {
        let mut hasher = blake3::Hasher::new();
        hasher.update(domain.tag().as_bytes());
        Hasher(hasher)
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Adds text in front of its length (four bytes, big-endian), so that neighbours never run together.
    pub(crate) fn update_text(&mut self, text: &str) {
        self.update(&(text.len() as u32).to_be_bytes());
        self.update(text.as_bytes());
    }

    pub(crate) fn finish(&self) -> ContentId {
        ContentId::from_bytes(*self.0.finalize().as_bytes())
    }
}

/// Eight bytes that tell whether others have changed. They are no id.
pub(crate) fn short_digest(bytes: &[u8]) -> [u8; 8] {
    let mut digest = [0; 8];
    digest.copy_from_slice(&blake3::hash(bytes).as_bytes()[..8]);
    digest
}

/// Sixteen bytes that stand for others. Whoever finds some compares the bytes themselves.
pub(crate) fn wide_digest(bytes: &[u8]) -> [u8; 16] {
    let mut digest = [0; 16];
    digest.copy_from_slice(&blake3::hash(bytes).as_bytes()[..16]);
    digest
}

/// What stands for a text in an index: 96 bits of its digest, the first 64 to sort by.
///
/// Two of ten million texts share one with a chance of 1 in 10^15; whoever wants two that do needs 2^48 tries.
pub(crate) fn fingerprint(text: &str) -> (u64, u32) {
    let digest = blake3::hash(text.as_bytes());
    let (first, rest) = digest.as_bytes().split_at(8);
    let first = first.first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    (first, rest.first_chunk::<4>().map_or(0, |bytes| u32::from_be_bytes(*bytes)))
}

/// An immutable thing as it is stored: its id, and the bytes under it (the domain's byte, then the text).
pub(crate) struct Object {
    pub(crate) id: ContentId,
    pub(crate) bytes: Vec<u8>,
}

impl Object {
    /// # Errors
    /// `invalid-json` if the value has no canonical text.
    pub(crate) fn new(domain: Domain, value: &Value) -> Result<Object> {
        Ok(Object::of_text(domain, &to_canonical(value)?))
    }

    /// The object of a text that is canonical already.
    pub(crate) fn of_text(domain: Domain, canonical: &str) -> Object {
        let mut bytes = Vec::with_capacity(canonical.len() + 1);
        bytes.push(domain.byte());
        bytes.extend_from_slice(canonical.as_bytes());
        Object { id: id_of_text(domain, canonical), bytes }
    }

    /// The text in stored bytes, if they are of that domain and are what their id says.
    pub(crate) fn text<'a>(domain: Domain, id: &ContentId, bytes: &'a [u8]) -> Option<&'a str> {
        let (&byte, text) = bytes.split_first()?;
        let text = std::str::from_utf8(text).ok()?;
        (byte == domain.byte() && id_of_text(domain, text) == *id).then_some(text)
    }

    /// The object, unless it is larger than the 8 MiB that are read whole wherever it is needed.
    ///
    /// # Errors
    /// `too-large`, with `what` it is.
    pub(crate) fn bounded(self, what: &'static str) -> Result<Object> {
        const MAX: usize = 8 << 20;
        match self.bytes.len() {
            bytes if bytes > MAX => Err(Error::TooLarge { what, bytes: bytes as u64, limit: MAX as u64 }),
            _ => Ok(self),
        }
    }

    /// The value in stored bytes, without checking them against their id.
    pub(crate) fn value(bytes: &[u8]) -> Result<Value> {
        let text = bytes.get(1..).unwrap_or_default();
        serde_json::from_slice(text)
            .map_err(|e| Error::DamagedRecord { record: "object", reason: e.to_string() })
    }

    /// The id that stored bytes really have: what `verify` compares.
    pub(crate) fn id_of_bytes(bytes: &[u8]) -> Option<ContentId> {
        let (&byte, text) = bytes.split_first()?;
        let domain = Domain::ALL.into_iter().find(|d| d.byte() == byte)?;
        Some(id_of_text(domain, std::str::from_utf8(text).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn no_tag_begins_another() {
        for a in Domain::ALL {
            for b in Domain::ALL {
                assert!(a == b || !b.tag().starts_with(a.tag()), "{a:?} {b:?}");
            }
            assert_eq!(a.tag().matches('\n').count(), 1);
            assert!(a.tag().ends_with('\n'));
        }
    }

    #[test]
    fn the_same_text_has_another_id_in_another_domain() {
        let ids: std::collections::HashSet<_> = Domain::ALL.map(|d| id_of_text(d, "{}")).into();
        assert_eq!(ids.len(), Domain::ALL.len());
    }

    #[test]
    fn an_object_is_what_its_id_says() {
        let object = Object::new(Domain::Item, &json!({"b": 1, "a": [true, null]})).unwrap();
        assert_eq!(&object.bytes[1..], br#"{"a":[true,null],"b":1}"#);
        assert_eq!(Object::id_of_bytes(&object.bytes), Some(object.id));
        let mut forged = object.bytes.clone();
        *forged.last_mut().unwrap() = b']';
        assert_ne!(Object::id_of_bytes(&forged), Some(object.id));
        let text = |domain, bytes| Object::text(domain, &object.id, bytes);
        assert_eq!(text(Domain::Item, &object.bytes), Some(r#"{"a":[true,null],"b":1}"#));
        assert_eq!(text(Domain::Item, &forged), None);
        assert_eq!(text(Domain::Gate, &object.bytes), None);
        assert_eq!(text(Domain::Item, &[]), None);
    }

    #[test]
    fn neighbouring_texts_never_run_together() {
        let digest = |parts: &[&str]| {
            let mut hasher = Hasher::new(Domain::Rows);
            parts.iter().for_each(|p| hasher.update_text(p));
            hasher.finish()
        };
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
        assert_ne!(digest(&["ab", ""]), digest(&["ab"]));
    }
}
