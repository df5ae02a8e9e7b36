//! Publishing, and finding versions.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::codec::hash::{Domain, Object};
use crate::codec::record::{decode, encode, record};
use crate::error::{Error, Result};
use crate::model::content::{Body, Content};
use crate::model::id::{ContentId, IdPrefix};
use crate::model::name::{LATEST, Label, PromptName, Tag};
use crate::model::schema::JsonSchema;
use crate::model::selector::{Selector, VersionRef};
use crate::model::time::Timestamp;
use crate::model::version::{PromptVersion, VersionFacts};
use crate::storage::kv::{Flow, Order, Read, Space, Write, scan_prefix};
use crate::storage::layout;
use crate::storage::log::{Author, append};

/// Larger contents are refused: a prompt is read whole into every process that gets it.
const MAX_CONTENT: usize = 8 << 20;

#[derive(Serialize, Deserialize)]
pub(crate) struct PromptRecord {
    pub(super) latest: u32,
    pub(super) updated_at: Timestamp,
}
record!(PromptRecord, 10, "prompt");

#[derive(Serialize, Deserialize)]
pub(crate) struct VersionRecord {
    id: ContentId,
    message: Option<String>,
    author: Option<String>,
    created_at: Timestamp,
    parent: Option<u32>,
    tags: Vec<String>,
}
record!(VersionRecord, 11, "version");

#[derive(Serialize, Deserialize)]
pub(crate) struct NumberRecord {
    number: u32,
}
record!(NumberRecord, 12, "version number");

/// A content that passed every check, with its id: ready to be written.
pub(crate) struct Draft {
    name: PromptName,
    content: Content,
    object: Object,
}

impl Draft {
    /// Checks everything that can be checked without the store.
    pub(crate) fn new(name: &str, content: Content) -> Result<Draft> {
        let name = name.parse()?;
        let content = content.normalised()?;
        Body::parse(content.prompt())?;
        if let Some(schema) = content.schema() {
            JsonSchema::compile(schema)?;
        }
        let value = serde_json::to_value(&content)
            .map_err(|e| Error::InvalidContent { reason: format!("the content is not JSON: {e}") })?;
        let object = Object::new(Domain::Content, &value)?;
        if object.bytes.len() > MAX_CONTENT {
            let bytes = object.bytes.len() as u64;
            return Err(Error::TooLarge { what: "a prompt's content", bytes, limit: MAX_CONTENT as u64 });
        }
        Ok(Draft { name, content, object })
    }

    pub(crate) fn name(&self) -> &PromptName {
        &self.name
    }

    pub(crate) fn id(&self) -> ContentId {
        self.object.id
    }
}

/// What is said about a version beside its content.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct PublishOptions {
    /// Why it is published.
    pub message: Option<String>,
    /// Who wrote it; the store's actor if left out.
    pub author: Option<String>,
    /// The number of the version it was derived from.
    pub parent: Option<u32>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Labels to move to it in the same transaction.
    pub labels: Vec<Label>,
}

impl PublishOptions {
    /// Tags are names, each once.
    pub(crate) fn validated(mut self) -> Result<PublishOptions> {
        let tags = std::mem::take(&mut self.tags);
        for tag in tags {
            let tag: Tag = tag.parse()?;
            if !self.tags.iter().any(|known| known == tag.as_str()) {
                self.tags.push(tag.into());
            }
        }
        Ok(self)
    }
}

/// Writes a version, or finds the one that has this content already. Says whether anything was written.
pub(crate) fn publish(
    tx: &mut dyn Write,
    author: &Author,
    draft: Draft,
    options: &PublishOptions,
) -> Result<(PromptVersion, bool)> {
    let Draft { name, content, object } = draft;
    let latest = match tx.get(Space::Refs, layout::prompt(name.as_str()).bytes())? {
        Some(bytes) => decode::<PromptRecord>(&bytes)?.latest,
        None => 0,
    };
    if let Some(parent) = options.parent.filter(|&parent| parent == 0 || parent > latest) {
        return Err(Error::VersionNotFound { prompt: name.to_string(), version: parent.to_string() });
    }
    let by_id = layout::version_by_id(name.as_str(), &object.id);
    if let Some(bytes) = tx.get(Space::Objects, by_id.bytes())? {
        let number = decode::<NumberRecord>(&bytes)?.number;
        return Ok((load(tx, &name, number)?, false));
    }
    let number = latest + 1;
    let written_by = options.author.clone().or_else(|| author.actor.clone());
    let event = append(
        tx,
        author,
        "prompt.published",
        json!({"prompt": name, "version": number, "id": object.id, "message": options.message,
               "author": written_by, "parent": options.parent, "tags": options.tags}),
    )?;
    let record = VersionRecord {
        id: object.id,
        message: options.message.clone(),
        author: written_by,
        created_at: event.at,
        parent: options.parent,
        tags: options.tags.clone(),
    };
    tx.put(Space::Objects, object.id.as_bytes(), &object.bytes)?;
    tx.put(Space::Refs, layout::version(name.as_str(), number).bytes(), &encode(&record)?)?;
    tx.put(Space::Objects, by_id.bytes(), &encode(&NumberRecord { number })?)?;
    let head = PromptRecord { latest: number, updated_at: event.at };
    tx.put(Space::Refs, layout::prompt(name.as_str()).bytes(), &encode(&head)?)?;
    bump_epoch(tx)?;
    Ok((PromptVersion::new(facts(name, number, record), content)?, true))
}

fn facts(name: PromptName, number: u32, record: VersionRecord) -> VersionFacts {
    let VersionRecord { id, message, author, created_at, parent, tags } = record;
    VersionFacts { name, number, id, message, author, created_at, parent, tags }
}

/// The number of the newest version.
pub(crate) fn latest(tx: &(impl Read + ?Sized), name: &PromptName) -> Result<u32> {
    let head = tx.get(Space::Refs, layout::prompt(name.as_str()).bytes())?;
    let head = head.ok_or_else(|| Error::PromptNotFound { name: name.to_string() })?;
    Ok(decode::<PromptRecord>(&head)?.latest)
}

/// Loads a version by its number.
pub(crate) fn load(tx: &(impl Read + ?Sized), name: &PromptName, number: u32) -> Result<PromptVersion> {
    let Some(bytes) = tx.get(Space::Refs, layout::version(name.as_str(), number).bytes())? else {
        latest(tx, name)?;
        return Err(Error::VersionNotFound { prompt: name.to_string(), version: number.to_string() });
    };
    let record: VersionRecord = decode(&bytes)?;
    let Some(bytes) = tx.get(Space::Objects, record.id.as_bytes())? else {
        let reason =
            format!("version {number} of {name} names the content {}, which is not there", record.id);
        return Err(Error::DamagedRecord { record: "version", reason });
    };
    let content = serde_json::from_value(Object::value(&bytes)?)
        .map_err(|e| Error::DamagedRecord { record: "content", reason: e.to_string() })?;
    PromptVersion::new(facts(name.clone(), number, record), content)
}

/// The content id of a version, without its content.
pub(crate) fn id_of(tx: &(impl Read + ?Sized), name: &PromptName, number: u32) -> Result<ContentId> {
    match tx.get(Space::Refs, layout::version(name.as_str(), number).bytes())? {
        Some(bytes) => Ok(decode::<VersionRecord>(&bytes)?.id),
        None => {
            latest(tx, name)?;
            Err(Error::VersionNotFound { prompt: name.to_string(), version: number.to_string() })
        }
    }
}

/// The number behind a content id, or behind the first digits of one.
fn number_by_id(tx: &(impl Read + ?Sized), name: &PromptName, id: &IdPrefix) -> Result<u32> {
    let mut numbers = Vec::new();
    // Objects of every kind and of every prompt may begin with these digits.
    scan_prefix(tx, Space::Objects, &id.leading_bytes(), Order::Ascending, &mut |key, value| {
        let Some((digest, _)) = key.split_first_chunk::<32>() else { return Ok(Flow::Continue) };
        let found = ContentId::from_bytes(*digest);
        if id.matches(&found) && key == layout::version_by_id(name.as_str(), &found).bytes() {
            numbers.push(decode::<NumberRecord>(value)?.number);
        }
        Ok(if numbers.len() > 1 { Flow::Stop } else { Flow::Continue })
    })?;
    match numbers[..] {
        [number] => Ok(number),
        [] => {
            latest(tx, name)?;
            Err(Error::VersionNotFound { prompt: name.to_string(), version: id.to_string() })
        }
        _ => Err(Error::AmbiguousId { prompt: name.to_string(), id: id.to_string() }),
    }
}

/// The number of the version that is meant.
pub(crate) fn resolve(tx: &(impl Read + ?Sized), name: &PromptName, version: &VersionRef) -> Result<u32> {
    match version {
        VersionRef::Id(id) => number_by_id(tx, name, id),
        VersionRef::Of { prompt, .. } if prompt != name.as_str() => {
            Err(Error::VersionOfAnotherPrompt { prompt: name.to_string(), other: prompt.clone() })
        }
        VersionRef::Of { number, id, .. } => {
            // A version object of another file may have the same name and number, and other content.
            let known = tx.get(Space::Objects, layout::version_by_id(name.as_str(), id).bytes())?;
            match known.map(|bytes| decode::<NumberRecord>(&bytes)).transpose()? {
                Some(record) if record.number == *number => Ok(*number),
                _ => Err(Error::VersionNotFound {
                    prompt: name.to_string(),
                    version: format!("{number} {id}"),
                }),
            }
        }
        VersionRef::Number(number) => check_number(tx, name, *number),
    }
}

fn check_number(tx: &(impl Read + ?Sized), name: &PromptName, number: u32) -> Result<u32> {
    if (1..=latest(tx, name)?).contains(&number) {
        return Ok(number);
    }
    Err(Error::VersionNotFound { prompt: name.to_string(), version: number.to_string() })
}

/// The version that a selector names.
pub(crate) fn select(
    tx: &(impl Read + ?Sized),
    name: &PromptName,
    selector: &Selector<'_>,
) -> Result<PromptVersion> {
    let number = match selector {
        Selector::Number(number) => *number,
        Selector::Id(id) => number_by_id(tx, name, id)?,
        Selector::Label(label) if label == LATEST => latest(tx, name)?,
        Selector::Label(label) => super::labels::current(tx, name, &label.parse()?)?,
        Selector::LabelAt(label, at) if label == LATEST => latest_at(tx, name, *at)?,
        Selector::LabelAt(label, at) => super::labels::at(tx, name, &label.parse()?, *at)?,
    };
    load(tx, name, number)
}

fn latest_at(tx: &(impl Read + ?Sized), name: &PromptName, at: Timestamp) -> Result<u32> {
    let mut found = None;
    let prefix = layout::versions(name.as_str());
    scan_prefix(tx, Space::Refs, prefix.bytes(), Order::Ascending, &mut |key, value| {
        if decode::<VersionRecord>(value)?.created_at > at {
            return Ok(Flow::Continue);
        }
        found = layout::version_number(key);
        Ok(Flow::Stop)
    })?;
    if found.is_none() {
        latest(tx, name)?;
    }
    found.ok_or_else(|| Error::LabelNotFound { prompt: name.to_string(), label: LATEST.to_owned() })
}

/// A version as its JSON shows it.
#[derive(Deserialize)]
struct VersionJson {
    name: PromptName,
    number: u32,
    id: ContentId,
    prompt: Value,
    model: Option<String>,
    params: Map<String, Value>,
    tools: Option<Value>,
    response_schema: Option<Value>,
    message: Option<String>,
    author: Option<String>,
    created_at: Timestamp,
    parent: Option<u32>,
    tags: Vec<String>,
}

impl PromptVersion {
    /// Reads a version back from its JSON, as a language binding gets it or a pickle keeps it.
    ///
    /// # Errors
    /// `invalid-content` if the text is no version, or if its content is not the one that its id names.
    pub fn from_json(text: &str) -> Result<PromptVersion> {
        let invalid =
            |reason: String| Error::InvalidContent { reason: format!("this is no version's JSON: {reason}") };
        let json: VersionJson = serde_json::from_str(text).map_err(|e| invalid(e.to_string()))?;
        let content = json!({"model": json.model, "params": json.params, "prompt": json.prompt,
                             "response_schema": json.response_schema, "tools": json.tools});
        let content: Content = serde_json::from_value(content).map_err(|e| invalid(e.to_string()))?;
        let draft = Draft::new(json.name.as_str(), content)?;
        if draft.id() != json.id {
            return Err(invalid(format!("its content is {}, not {}", draft.id(), json.id)));
        }
        let facts = VersionFacts {
            name: json.name,
            number: json.number,
            id: json.id,
            message: json.message,
            author: json.author,
            created_at: json.created_at,
            parent: json.parent,
            tags: json.tags,
        };
        PromptVersion::new(facts, draft.content)
    }
}

/// The versions of a prompt behind number `after`, oldest first, and at most so many.
pub(crate) fn page(tx: &dyn Read, name: &PromptName, after: u32, limit: usize) -> Result<Vec<PromptVersion>> {
    let latest = latest(tx, name)?;
    // Numbers begin at 1 and have no gap.
    (after.saturating_add(1)..=latest).take(limit).map(|number| load(tx, name, number)).collect()
}

/// How often versions or labels have changed: what a cache of `get`s is checked against.
pub(crate) fn epoch(tx: &(impl Read + ?Sized)) -> Result<u64> {
    let bytes = tx.get(Space::Log, layout::registry_epoch().bytes())?;
    let bytes = bytes.and_then(|b| <[u8; 8]>::try_from(b).ok());
    Ok(bytes.map_or(0, u64::from_be_bytes))
}

pub(crate) fn bump_epoch(tx: &mut dyn Write) -> Result<()> {
    // It wraps only in a file that somebody made up.
    let next = epoch(tx)?.wrapping_add(1);
    tx.put(Space::Log, layout::registry_epoch().bytes(), &next.to_be_bytes())
}
