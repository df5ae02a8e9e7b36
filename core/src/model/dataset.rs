//! Dataset items and versions.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::id::ContentId;
use super::name::{DatasetName, ItemKey};
use super::time::Timestamp;

/// One item of a dataset: what goes in, and what should come out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewItem {
    /// Unique within the dataset. Left out, it is made from the item's content.
    #[serde(default)]
    pub key: Option<String>,
    /// What the prompt is given; any JSON.
    #[serde(default)]
    pub input: Value,
    /// What a good output is; any JSON.
    #[serde(default)]
    pub expected: Value,
    /// Anything else about it.
    #[serde(default)]
    pub metadata: Value,
    /// Difficulty or query type, set by something that has not seen the output.
    #[serde(default)]
    pub stratum: Option<String>,
    /// The production call that it was taken from.
    #[serde(default)]
    pub source_trace: Option<String>,
}

/// An item's content: what its id is made of.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct ItemContent {
    pub(crate) expected: Value,
    pub(crate) input: Value,
    pub(crate) metadata: Value,
    pub(crate) source_trace: Option<String>,
    pub(crate) stratum: Option<String>,
}

/// One item as a version of the dataset holds it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Item {
    /// Unique within the dataset.
    pub key: ItemKey,
    /// The content id of everything below.
    pub id: ContentId,
    /// What the prompt is given.
    pub input: Value,
    /// What a good output is.
    pub expected: Value,
    /// Anything else about it.
    pub metadata: Value,
    /// Difficulty or query type.
    pub stratum: Option<String>,
    /// The production call that it was taken from.
    pub source_trace: Option<String>,
}

/// One immutable version of a dataset.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DatasetVersion {
    /// The dataset.
    pub dataset: DatasetName,
    /// 1, 2, 3 …
    pub version: u32,
    /// BLAKE3 over (key, item id) of every item, in the order of the keys.
    pub root: ContentId,
    /// How many items it holds.
    pub items: u64,
    /// How many of them are new in it.
    pub added: u64,
    /// How many of them differ from the version before.
    pub changed: u64,
    /// How many items of the version before are gone.
    pub archived: u64,
    /// When it was made.
    pub at: Timestamp,
    /// Who made it.
    pub actor: Option<String>,
}

/// What lies between two versions of a dataset, by key.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DatasetDiff {
    /// Items that only the second version holds.
    pub added: Vec<ItemKey>,
    /// Items whose content differs.
    pub changed: Vec<ItemKey>,
    /// Items that only the first version holds.
    pub archived: Vec<ItemKey>,
}
