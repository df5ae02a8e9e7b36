//! Reading datasets at any of their versions.

use std::collections::BTreeMap;

use super::{DatasetRecord, DatasetVersionRecord, ItemRecord};
use crate::codec::canonical::write_string;
use crate::codec::hash::{Domain, Hasher, Object};
use crate::codec::record::decode;
use crate::error::{Error, Result};
use crate::model::dataset::{DatasetDiff, DatasetVersion, Item, ItemContent};
use crate::model::id::ContentId;
use crate::model::name::{DatasetName, ItemKey};
use crate::storage::keys::{Fields, after_prefix};
use crate::storage::kv::{Flow, Order, Read, Space, last_below, scan_prefix};
use crate::storage::layout;

pub(super) fn head(tx: &(impl Read + ?Sized), name: &DatasetName) -> Result<Option<DatasetRecord>> {
    let bytes = tx.get(Space::Refs, layout::dataset(name.as_str()).bytes())?;
    bytes.map(|bytes| decode(&bytes)).transpose()
}

/// The newest version's number; 0 if nothing was ever added.
pub(crate) fn latest(tx: &(impl Read + ?Sized), name: &DatasetName) -> Result<u32> {
    Ok(head(tx, name)?.map_or(0, |head| head.version))
}

/// A version, the newest if none is named.
pub(crate) fn version(
    tx: &(impl Read + ?Sized),
    name: &DatasetName,
    number: Option<u32>,
) -> Result<DatasetVersion> {
    let newest = latest(tx, name)?;
    if newest == 0 {
        return Err(Error::DatasetNotFound { name: name.to_string() });
    }
    let number = number.unwrap_or(newest);
    let key = layout::dataset_version(name.as_str(), number);
    let Some(bytes) = tx.get(Space::Refs, key.bytes())? else {
        return Err(Error::DatasetVersionNotFound { dataset: name.to_string(), version: number });
    };
    let DatasetVersionRecord { root, items, added, changed, archived, at, actor } = decode(&bytes)?;
    Ok(DatasetVersion {
        dataset: name.clone(),
        version: number,
        root,
        items,
        added,
        changed,
        archived,
        at,
        actor,
    })
}

/// Every version, oldest first.
pub(crate) fn versions(tx: &dyn Read, name: &DatasetName) -> Result<Vec<DatasetVersion>> {
    let newest = version(tx, name, None)?;
    (1..=newest.version).map(|number| version(tx, name, Some(number))).collect()
}

/// The names of all datasets and their newest versions.
pub(crate) fn datasets(tx: &dyn Read) -> Result<Vec<DatasetVersion>> {
    let mut names: Vec<DatasetName> = Vec::new();
    scan_prefix(tx, Space::Refs, layout::datasets().bytes(), Order::Ascending, &mut |key, value| {
        let name = Fields::of(key).text().and_then(|name| name.parse().ok());
        if decode::<DatasetRecord>(value)?.version > 0 {
            names.extend(name);
        }
        Ok(Flow::Continue)
    })?;
    names.iter().map(|name| version(tx, name, None)).collect()
}

/// Which items of a version: those behind a key, in the order of the keys, and at most so many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page<'a> {
    pub(crate) after: Option<&'a ItemKey>,
    pub(crate) limit: usize,
}

impl Page<'_> {
    /// All of them.
    pub(crate) const ALL: Page<'static> = Page { after: None, limit: usize::MAX };
}

/// What a version holds: item ids by key. Version 0 holds nothing.
pub(crate) fn index(
    tx: &(impl Read + ?Sized),
    name: &DatasetName,
    number: u32,
) -> Result<BTreeMap<ItemKey, ContentId>> {
    Ok(listed(tx, name, number, Page::ALL)?.into_iter().collect())
}

/// Keys and item ids of a page, in the order of the keys.
pub(crate) fn listed(
    tx: &(impl Read + ?Sized),
    name: &DatasetName,
    number: u32,
    page: Page<'_>,
) -> Result<Vec<(ItemKey, ContentId)>> {
    let mut listed: Vec<(ItemKey, ContentId)> = Vec::new();
    let damaged =
        || Error::DamagedRecord { record: "dataset item", reason: "its key is malformed".to_owned() };
    let all = layout::items(name.as_str());
    let low = match page.after {
        Some(key) => after_prefix(layout::item_history(name.as_str(), key.as_str()).bytes()),
        None => all.bytes().to_vec(),
    };
    // Entries of one item stand in the order of the versions, so the last one that is not too new wins.
    tx.scan(Space::Refs, &low, &after_prefix(all.bytes()), Order::Ascending, &mut |key, value| {
        let mut fields = Fields::behind(key, &all);
        let (item, since) = fields.text().zip(fields.u32()).ok_or_else(damaged)?;
        if since > number {
            return Ok(Flow::Continue);
        }
        let item: ItemKey = item.parse().map_err(|_| damaged())?;
        let known = listed.last().is_some_and(|(last, _)| *last == item);
        if !known && listed.len() >= page.limit {
            return Ok(Flow::Stop);
        }
        if known {
            listed.pop();
        }
        if let Some(id) = decode::<ItemRecord>(value)?.item {
            listed.push((item, id));
        }
        Ok(Flow::Continue)
    })?;
    Ok(listed)
}

/// The number of a version that is there: the newest if none is named, and 0 for the empty one.
fn number(tx: &(impl Read + ?Sized), name: &DatasetName, number: Option<u32>) -> Result<u32> {
    let newest = version(tx, name, None)?.version;
    match number {
        Some(0) => Ok(0),
        Some(number) => Ok(version(tx, name, Some(number))?.version),
        None => Ok(newest),
    }
}

/// The keys of a page of a version's items, in their order.
pub(crate) fn keys(
    tx: &(impl Read + ?Sized),
    name: &DatasetName,
    version: Option<u32>,
    page: Page<'_>,
) -> Result<Vec<ItemKey>> {
    let number = number(tx, name, version)?;
    Ok(listed(tx, name, number, page)?.into_iter().map(|(key, _)| key).collect())
}

/// The id of one item in a version, if it holds it.
pub(crate) fn item_id(
    tx: &(impl Read + ?Sized),
    name: &DatasetName,
    key: &ItemKey,
    number: u32,
) -> Result<Option<ContentId>> {
    let prefix = layout::item_history(name.as_str(), key.as_str());
    let above = prefix.clone().u32(number.saturating_add(1));
    match last_below(tx, Space::Refs, prefix.bytes(), above.bytes())? {
        Some((_, value)) => Ok(decode::<ItemRecord>(&value)?.item),
        None => Ok(None),
    }
}

/// The root hash of (key, item id) in the order of the keys.
pub(crate) fn root(index: &BTreeMap<ItemKey, ContentId>) -> ContentId {
    let mut hasher = Hasher::new(Domain::Dataset);
    for (key, id) in index {
        hasher.update_text(key.as_str());
        hasher.update(id.as_bytes());
    }
    hasher.finish()
}

fn damaged(reason: String) -> Error {
    Error::DamagedRecord { record: "dataset item", reason }
}

/// Calls `f` with an item's content: the canonical JSON text that its id is the id of.
fn with_content<T>(
    tx: &(impl Read + ?Sized),
    key: &ItemKey,
    id: &ContentId,
    f: impl FnOnce(&str) -> Result<T>,
) -> Result<T> {
    let Some(bytes) = tx.get(Space::Objects, id.as_bytes())? else {
        return Err(damaged(format!("item {key} names {id}, which is not there")));
    };
    match Object::text(Domain::Item, id, &bytes) {
        Some(text) => f(text),
        None => Err(damaged(format!("the content of item {key} is not what its id {id} says"))),
    }
}

/// An item with its content.
pub(crate) fn item(tx: &(impl Read + ?Sized), key: ItemKey, id: ContentId) -> Result<Item> {
    let content = with_content(tx, &key, &id, |text| {
        serde_json::from_str(text).map_err(|e| damaged(format!("item {key}: {e}")))
    })?;
    let ItemContent { expected, input, metadata, source_trace, stratum } = content;
    Ok(Item { key, id, input, expected, metadata, stratum, source_trace })
}

/// The items of a version, in the order of their keys.
pub(crate) fn items(
    tx: &(impl Read + ?Sized),
    name: &DatasetName,
    version: Option<u32>,
) -> Result<Vec<Item>> {
    page(tx, name, version, Page::ALL)
}

/// A page of a version's items, in the order of their keys.
pub(crate) fn page(
    tx: &(impl Read + ?Sized),
    name: &DatasetName,
    version: Option<u32>,
    page: Page<'_>,
) -> Result<Vec<Item>> {
    let number = number(tx, name, version)?;
    listed(tx, name, number, page)?.into_iter().map(|(key, id)| item(tx, key, id)).collect()
}

/// A page of a version's items as the JSON text of a list: what they are stored as is not read to be written again.
pub(crate) fn page_text(
    tx: &(impl Read + ?Sized),
    name: &DatasetName,
    version: Option<u32>,
    page: Page<'_>,
) -> Result<String> {
    let number = number(tx, name, version)?;
    let mut out = String::from("[");
    for (key, id) in listed(tx, name, number, page)? {
        with_content(tx, &key, &id, |text| {
            let members = text.strip_prefix('{').filter(|members| members.starts_with("\"expected\":"));
            let members = members.ok_or_else(|| damaged(format!("item {key} has no content")))?;
            if out.len() > 1 {
                out.push(',');
            }
            out.push_str("{\"id\":\"");
            out.push_str(&id.to_string());
            out.push_str("\",\"key\":");
            write_string(key.as_str(), &mut out);
            out.push(',');
            out.push_str(members);
            Ok(())
        })?;
    }
    out.push(']');
    Ok(out)
}

/// What lies between two versions. Version 0 is the empty dataset.
pub(crate) fn diff(tx: &dyn Read, name: &DatasetName, from: u32, to: u32) -> Result<DatasetDiff> {
    version(tx, name, None)?;
    for number in [from, to] {
        if number != 0 {
            version(tx, name, Some(number))?;
        }
    }
    let (before, after) = (index(tx, name, from)?, index(tx, name, to)?);
    let absent_from = |keys: &BTreeMap<ItemKey, ContentId>, other: &BTreeMap<ItemKey, ContentId>| {
        keys.keys().filter(|key| !other.contains_key(*key)).cloned().collect()
    };
    let changed = after.iter().filter(|(key, id)| before.get(*key).is_some_and(|old| old != *id));
    Ok(DatasetDiff {
        added: absent_from(&after, &before),
        changed: changed.map(|(key, _)| key.clone()).collect(),
        archived: absent_from(&before, &after),
    })
}
