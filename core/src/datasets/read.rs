//! Reading datasets at any of their versions.

use std::collections::BTreeMap;

use super::{DatasetRecord, DatasetVersionRecord, ItemRecord};
use crate::codec::hash::{Domain, Hasher, Object};
use crate::codec::record::decode;
use crate::error::{Error, Result};
use crate::model::dataset::{DatasetDiff, DatasetVersion, Item, ItemContent};
use crate::model::id::ContentId;
use crate::model::name::{DatasetName, ItemKey};
use crate::storage::keys::Fields;
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

/// What a version holds: item ids by key. Version 0 holds nothing.
pub(crate) fn index(
    tx: &(impl Read + ?Sized),
    name: &DatasetName,
    number: u32,
) -> Result<BTreeMap<ItemKey, ContentId>> {
    let mut index = BTreeMap::new();
    let damaged =
        || Error::DamagedRecord { record: "dataset item", reason: "its key is malformed".to_owned() };
    // Entries of one item stand in the order of the versions, so the last one that is not too new wins.
    scan_prefix(
        tx,
        Space::Refs,
        layout::items(name.as_str()).bytes(),
        Order::Ascending,
        &mut |key, value| {
            let mut fields = Fields::of(key);
            let entry = fields.text().and_then(|_| fields.text()).zip(fields.u32());
            let (item, since) = entry.ok_or_else(damaged)?;
            if since <= number {
                let item: ItemKey = item.parse().map_err(|_| damaged())?;
                match decode::<ItemRecord>(value)?.item {
                    Some(id) => index.insert(item, id),
                    None => index.remove(&item),
                };
            }
            Ok(Flow::Continue)
        },
    )?;
    Ok(index)
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

/// An item's content.
pub(crate) fn item(tx: &(impl Read + ?Sized), key: ItemKey, id: ContentId) -> Result<Item> {
    let Some(bytes) = tx.get(Space::Objects, id.as_bytes())? else {
        let reason = format!("item {key} names {id}, which is not there");
        return Err(Error::DamagedRecord { record: "dataset item", reason });
    };
    let content = serde_json::from_value(Object::value(&bytes)?)
        .map_err(|e| Error::DamagedRecord { record: "dataset item", reason: e.to_string() })?;
    let ItemContent { expected, input, metadata, source_trace, stratum } = content;
    Ok(Item { key, id, input, expected, metadata, stratum, source_trace })
}

/// The items of a version, in the order of their keys.
pub(crate) fn items(tx: &(impl Read + ?Sized), name: &DatasetName, number: Option<u32>) -> Result<Vec<Item>> {
    let newest = version(tx, name, None)?.version;
    let number = match number {
        Some(0) => 0,
        Some(number) => version(tx, name, Some(number))?.version,
        None => newest,
    };
    index(tx, name, number)?.into_iter().map(|(key, id)| item(tx, key, id)).collect()
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
