//! Datasets: versioned lists of items.
//!
//! Invariants: a version is immutable; an item's entry says what the item was from that version on, so a new
//! version costs only what it changes; the root hash covers (key, item id) in the order of the keys, so two
//! datasets with the same items have the same root on every machine.

pub(crate) mod read;
pub(crate) mod write;

use serde::{Deserialize, Serialize};

use crate::codec::record::record;
use crate::model::id::ContentId;
use crate::model::time::Timestamp;

#[derive(Serialize, Deserialize)]
pub(crate) struct DatasetRecord {
    version: u32,
    /// Canonical JSON of the schemas that new items must satisfy.
    input_schema: Option<String>,
    expected_schema: Option<String>,
}
record!(DatasetRecord, 20, "dataset");

#[derive(Serialize, Deserialize)]
pub(crate) struct DatasetVersionRecord {
    root: ContentId,
    items: u64,
    added: u64,
    changed: u64,
    archived: u64,
    at: Timestamp,
    actor: Option<String>,
}
record!(DatasetVersionRecord, 21, "dataset version");

#[derive(Serialize, Deserialize)]
pub(crate) struct ItemRecord {
    /// None: archived.
    item: Option<ContentId>,
}
record!(ItemRecord, 22, "dataset item");

impl ItemRecord {
    /// The object with the item's content; none if it is archived.
    pub(crate) fn object(&self) -> Option<ContentId> {
        self.item
    }
}
