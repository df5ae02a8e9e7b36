//! Changing datasets: every change is a new version.

use std::collections::BTreeSet;
use std::convert::Infallible;

use serde::Deserialize;
use serde_json::{Value, json};

use super::read::{head, index, root, version};
use super::{DatasetRecord, DatasetVersionRecord, ItemRecord};
use crate::codec::canonical::{object_to_canonical, to_canonical};
use crate::codec::hash::{Domain, Object};
use crate::codec::record::encode;
use crate::error::{Error, Result};
use crate::model::dataset::{DatasetVersion, NewItem};
use crate::model::name::{DatasetName, ItemKey};
use crate::model::schema::JsonSchema;
use crate::storage::kv::{Read, Space, Write};
use crate::storage::layout;
use crate::storage::log::{Author, append};
use crate::sync::parallel::{each, processors};

/// Larger items are refused.
const MAX_ITEM: usize = 8 << 20;

/// Worth a thread's while.
const PART: usize = 250;

/// Items that passed every check, each with its object: ready to be written.
pub(crate) struct Draft(Vec<(ItemKey, NewItem, Object)>);

impl Draft {
    /// Checks everything that can be checked without the store.
    pub(crate) fn new(items: Vec<NewItem>) -> Result<Draft> {
        let mut seen = BTreeSet::new();
        let mut out = Vec::with_capacity(items.len());
        let objects = contents(&items);
        for ((position, item), object) in items.into_iter().enumerate().zip(objects) {
            let refuse = |reason: String| {
                let key = item.key.clone().unwrap_or_else(|| format!("#{position}"));
                Error::InvalidItem { key, reason }
            };
            if item.stratum.as_deref().is_some_and(|s| s.trim() != s || s.is_empty()) {
                return Err(refuse(
                    "a stratum is a name without white space at either end, or absent".to_owned(),
                ));
            }
            let object = object.map_err(|e| refuse(e.to_string()))?;
            if object.bytes.len() > MAX_ITEM {
                let bytes = object.bytes.len() as u64;
                return Err(Error::TooLarge { what: "a dataset item", bytes, limit: MAX_ITEM as u64 });
            }
            let key: ItemKey = match &item.key {
                Some(key) => key.parse()?,
                None => object.id.to_string()[3..19].parse()?,
            };
            if !seen.insert(key.clone()) {
                return Err(Error::DuplicateItem { key: key.to_string() });
            }
            out.push((key, item, object));
        }
        Ok(Draft(out))
    }

    fn check_schemas(&self, head: &DatasetRecord) -> Result<()> {
        let schemas = [("input", &head.input_schema), ("expected", &head.expected_schema)];
        for (what, schema) in schemas {
            let Some(schema) = schema.as_deref().map(parse_schema).transpose()? else { continue };
            for (key, item, _) in &self.0 {
                let value = if what == "input" { &item.input } else { &item.expected };
                schema.check(value).map_err(|reason| Error::SchemaMismatch {
                    what: format!("{what} of item {key}"),
                    reason,
                })?;
            }
        }
        Ok(())
    }
}

/// The content of each item; to write and to hash them is most of the work that needs no store.
fn contents(items: &[NewItem]) -> Vec<Result<Object>> {
    let parts: Vec<&[NewItem]> = items.chunks(PART).collect();
    let made = each(processors(), &parts, |part| Ok::<_, Infallible>(part.iter().map(content).collect()));
    let made: Vec<Vec<Result<Object>>> = made.unwrap_or_else(|never| match never {});
    made.into_iter().flatten().collect()
}

/// An item's content as it is stored, which its id is made of.
fn content(item: &NewItem) -> Result<Object> {
    let name = |name: &Option<String>| name.clone().map_or(Value::Null, Value::String);
    let text = object_to_canonical(&[
        ("expected", &item.expected),
        ("input", &item.input),
        ("metadata", &item.metadata),
        ("source_trace", &name(&item.source_trace)),
        ("stratum", &name(&item.stratum)),
    ])?;
    Ok(Object::of_text(Domain::Item, &text))
}

fn parse_schema(text: &str) -> Result<JsonSchema> {
    let value: Value = serde_json::from_str(text)
        .map_err(|e| Error::DamagedRecord { record: "dataset", reason: e.to_string() })?;
    JsonSchema::compile(&value)
}

/// Schemas that the items of a dataset must satisfy from now on; a JSON null takes one off.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct DatasetSchemas {
    /// For every item's `input`.
    #[serde(deserialize_with = "given")]
    pub input: Option<Value>,
    /// For every item's `expected`.
    #[serde(deserialize_with = "given")]
    pub expected: Option<Value>,
}

/// Keeps "given as null" apart from "not given".
fn given<'de, D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Declares the schemas. The items that are there already must satisfy them.
pub(crate) fn set_schemas(
    tx: &mut dyn Write,
    author: &Author,
    name: &DatasetName,
    schemas: &DatasetSchemas,
) -> Result<()> {
    let mut record =
        head(tx, name)?.unwrap_or(DatasetRecord { version: 0, input_schema: None, expected_schema: None });
    let text = |schema: &Value| if schema.is_null() { Ok(None) } else { to_canonical(schema).map(Some) };
    let before = (record.input_schema.clone(), record.expected_schema.clone());
    if let Some(schema) = &schemas.input {
        record.input_schema = text(schema)?;
    }
    if let Some(schema) = &schemas.expected {
        record.expected_schema = text(schema)?;
    }
    if before == (record.input_schema.clone(), record.expected_schema.clone()) {
        return Ok(());
    }
    let compiled =
        [&record.input_schema, &record.expected_schema].map(|s| s.as_deref().map(parse_schema).transpose());
    let [input, expected] = compiled;
    let (input, expected) = (input?, expected?);
    for (key, id) in index(tx, name, record.version)? {
        let item = super::read::item(tx, key, id)?;
        for (what, schema, value) in [("input", &input, &item.input), ("expected", &expected, &item.expected)]
        {
            if let Some(Err(reason)) = schema.as_ref().map(|schema| schema.check(value)) {
                return Err(Error::SchemaMismatch { what: format!("{what} of item {}", item.key), reason });
            }
        }
    }
    let data = json!({"dataset": name, "input_schema": schemas.input, "expected_schema": schemas.expected});
    append(tx, author, "dataset.schema", data)?;
    tx.put(Space::Refs, layout::dataset(name.as_str()).bytes(), &encode(&record)?)
}

/// Adds items, or replaces the ones whose keys are there. If nothing differs, nothing is written.
pub(crate) fn add(
    tx: &mut dyn Write,
    author: &Author,
    name: &DatasetName,
    draft: Draft,
) -> Result<Option<DatasetVersion>> {
    let record =
        head(tx, name)?.unwrap_or(DatasetRecord { version: 0, input_schema: None, expected_schema: None });
    draft.check_schemas(&record)?;
    let mut items = index(tx, name, record.version)?;
    let next = record.version + 1;
    let (mut added, mut changed) = (0, 0);
    for (key, _, object) in draft.0 {
        match items.insert(key.clone(), object.id) {
            Some(old) if old == object.id => continue,
            Some(_) => changed += 1,
            None => added += 1,
        }
        tx.put(Space::Objects, object.id.as_bytes(), &object.bytes)?;
        let entry = encode(&ItemRecord { item: Some(object.id) })?;
        tx.put(Space::Refs, layout::item(name.as_str(), key.as_str(), next).bytes(), &entry)?;
    }
    if added + changed == 0 {
        return if record.version == 0 { Ok(None) } else { version(tx, name, None).map(Some) };
    }
    let made = DatasetVersionRecord {
        root: root(&items),
        items: items.len() as u64,
        added,
        changed,
        archived: 0,
        at: author.now,
        actor: author.actor.clone(),
    };
    commit_version(tx, author, name, record, made).map(Some)
}

/// Takes items out of the newest version; older versions keep them.
pub(crate) fn archive(
    tx: &mut dyn Write,
    author: &Author,
    name: &DatasetName,
    keys: &[String],
) -> Result<DatasetVersion> {
    let record = head(tx, name)?.filter(|head| head.version > 0);
    let record = record.ok_or_else(|| Error::DatasetNotFound { name: name.to_string() })?;
    if keys.is_empty() {
        return version(tx, name, None);
    }
    let mut items = index(tx, name, record.version)?;
    let mut seen = BTreeSet::new();
    for key in keys {
        let parsed: ItemKey = key.parse()?;
        if !seen.insert(key) {
            return Err(Error::DuplicateItem { key: key.clone() });
        }
        if items.remove(&parsed).is_none() {
            return Err(Error::ItemNotFound { dataset: name.to_string(), key: key.clone() });
        }
        let entry = encode(&ItemRecord { item: None })?;
        tx.put(Space::Refs, layout::item(name.as_str(), key, record.version + 1).bytes(), &entry)?;
    }
    let made = DatasetVersionRecord {
        root: root(&items),
        items: items.len() as u64,
        added: 0,
        changed: 0,
        archived: keys.len() as u64,
        at: author.now,
        actor: author.actor.clone(),
    };
    commit_version(tx, author, name, record, made)
}

fn commit_version(
    tx: &mut dyn Write,
    author: &Author,
    name: &DatasetName,
    mut head: DatasetRecord,
    mut made: DatasetVersionRecord,
) -> Result<DatasetVersion> {
    head.version += 1;
    let data = json!({"dataset": name, "version": head.version, "root": made.root, "items": made.items,
                      "added": made.added, "changed": made.changed, "archived": made.archived});
    made.at = append(tx, author, "dataset.changed", data)?.at;
    tx.put(Space::Refs, layout::dataset(name.as_str()).bytes(), &encode(&head)?)?;
    tx.put(Space::Refs, layout::dataset_version(name.as_str(), head.version).bytes(), &encode(&made)?)?;
    version(tx as &dyn Write, name, Some(head.version))
}

/// The schemas of a dataset, as they were declared.
pub(crate) fn schemas(tx: &dyn Read, name: &DatasetName) -> Result<DatasetSchemas> {
    let head = head(tx, name)?;
    let parse = |text: Option<String>| text.and_then(|text| serde_json::from_str(&text).ok());
    Ok(head.map_or_else(DatasetSchemas::default, |head| DatasetSchemas {
        input: parse(head.input_schema),
        expected: parse(head.expected_schema),
    }))
}
