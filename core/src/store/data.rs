//! The datasets' and the metrics' verbs.

use std::collections::BTreeMap;

use super::Store;
use crate::datasets::write::{DatasetSchemas, Draft};
use crate::datasets::{read, write};
use crate::error::Result;
use crate::model::dataset::{DatasetDiff, DatasetVersion, Item, NewItem};
use crate::model::name::{DatasetName, ItemKey, MetricName};
use crate::model::score::ScoreConfig;
use crate::runs::metrics;
use crate::storage::kv::Read;

impl Store {
    /// The newest version of every dataset, in the order of their names.
    ///
    /// # Errors
    /// What reading the store may give.
    pub fn datasets(&self) -> Result<Vec<DatasetVersion>> {
        self.read(read::datasets)
    }

    /// A version of a dataset, the newest if none is named.
    ///
    /// # Errors
    /// `dataset-not-found`, `dataset-version-not-found`.
    pub fn dataset(&self, name: &str, version: Option<u32>) -> Result<DatasetVersion> {
        let name: DatasetName = name.parse()?;
        self.read(|tx| read::version(tx, &name, version))
    }

    /// Every version of a dataset, oldest first.
    ///
    /// # Errors
    /// What reading the store may give.
    pub fn dataset_versions(&self, name: &str) -> Result<Vec<DatasetVersion>> {
        let name: DatasetName = name.parse()?;
        self.read(|tx| read::versions(tx, &name))
    }

    /// Adds items, or replaces the ones whose keys are there, as a new version.
    ///
    /// If nothing differs from what is there, nothing is written and the newest version is returned; `None` if
    /// there is none.
    ///
    /// # Errors
    /// `duplicate-item` if one call names a key twice; `invalid-item`, `invalid-name`, `schema-mismatch`.
    pub fn dataset_add(&self, name: &str, items: Vec<NewItem>) -> Result<Option<DatasetVersion>> {
        let name: DatasetName = name.parse()?;
        let draft = Draft::new(items)?;
        self.write(move |tx, author| write::add(tx, author, &name, draft))
    }

    /// Takes items out of the newest version; older versions keep them.
    ///
    /// # Errors
    /// `dataset-not-found`, `item-not-found`, `duplicate-item`.
    pub fn dataset_archive(&self, name: &str, keys: Vec<String>) -> Result<DatasetVersion> {
        let name: DatasetName = name.parse()?;
        self.write(move |tx, author| write::archive(tx, author, &name, &keys))
    }

    /// The items of a version in the order of their keys; of the newest one if none is named.
    ///
    /// # Errors
    /// `dataset-not-found`, `dataset-version-not-found`.
    pub fn dataset_items(&self, name: &str, version: Option<u32>) -> Result<Vec<Item>> {
        self.dataset_items_after(name, version, None, None)
    }

    /// At most `limit` items of a version behind the key `after`, in the order of their keys: a page of a dataset that
    /// has many. The next page comes after the last key of this one; an empty one is the end. Pages of the newest
    /// version change with it: name the version to read on in the same one.
    ///
    /// # Errors
    /// `dataset-not-found`, `dataset-version-not-found`, `invalid-name`. `damaged-record` for an item whose content is
    /// not what its id says.
    pub fn dataset_items_after(
        &self,
        name: &str,
        version: Option<u32>,
        after: Option<&str>,
        limit: Option<usize>,
    ) -> Result<Vec<Item>> {
        self.paged(name, after, limit, |tx, name, page| read::page(tx, name, version, page))
    }

    /// As [`Store::dataset_items_after`], as the JSON text of a list.
    pub(crate) fn dataset_items_text(
        &self,
        name: &str,
        version: Option<u32>,
        after: Option<&str>,
        limit: Option<usize>,
    ) -> Result<String> {
        self.paged(name, after, limit, |tx, name, page| read::page_text(tx, name, version, page))
    }

    /// The keys of a version's items, in their order: all of them, or a page as [`Store::dataset_items_after`] has it.
    ///
    /// # Errors
    /// `dataset-not-found`, `dataset-version-not-found`, `invalid-name`.
    pub fn dataset_keys(
        &self,
        name: &str,
        version: Option<u32>,
        after: Option<&str>,
        limit: Option<usize>,
    ) -> Result<Vec<ItemKey>> {
        self.paged(name, after, limit, |tx, name, page| read::keys(tx, name, version, page))
    }

    fn paged<T>(
        &self,
        name: &str,
        after: Option<&str>,
        limit: Option<usize>,
        read: impl FnOnce(&dyn Read, &DatasetName, read::Page<'_>) -> Result<T>,
    ) -> Result<T> {
        let name: DatasetName = name.parse()?;
        let after: Option<ItemKey> = after.map(str::parse).transpose()?;
        let page = read::Page { after: after.as_ref(), limit: limit.unwrap_or(usize::MAX) };
        self.read(|tx| read(tx, &name, page))
    }

    /// What lies between two versions of a dataset; version 0 is the empty one.
    ///
    /// # Errors
    /// `dataset-not-found`, `dataset-version-not-found`.
    pub fn dataset_diff(&self, name: &str, from: u32, to: u32) -> Result<DatasetDiff> {
        let name: DatasetName = name.parse()?;
        self.read(|tx| read::diff(tx, &name, from, to))
    }

    /// Declares JSON Schemas that the items of a dataset must satisfy, those that are there included.
    ///
    /// # Errors
    /// `invalid-schema`, `schema-mismatch`.
    pub fn dataset_schema(&self, name: &str, schemas: DatasetSchemas) -> Result<DatasetSchemas> {
        let name: DatasetName = name.parse()?;
        if schemas == DatasetSchemas::default() {
            return self.read(|tx| write::schemas(tx, &name));
        }
        self.write(move |tx, author| {
            write::set_schemas(tx, author, &name, &schemas)?;
            write::schemas(tx, &name)
        })
    }

    /// Declares what the scores of a metric may be. Declaring the same again is fine.
    ///
    /// # Errors
    /// `metric-exists` if it is declared otherwise already; `invalid-score`, `invalid-name`.
    pub fn metric(&self, name: &str, config: ScoreConfig) -> Result<()> {
        let name: MetricName = name.parse()?;
        self.write(move |tx, author| metrics::declare(tx, author, &name, config))
    }

    /// Every declared metric.
    ///
    /// # Errors
    /// What reading the store may give.
    pub fn metrics(&self) -> Result<BTreeMap<MetricName, ScoreConfig>> {
        self.read(metrics::all)
    }
}
