//! The datasets' and the metrics' verbs.

use std::collections::BTreeMap;

use super::Store;
use crate::datasets::write::{DatasetSchemas, Draft};
use crate::datasets::{read, write};
use crate::error::Result;
use crate::model::dataset::{DatasetDiff, DatasetVersion, Item, NewItem};
use crate::model::name::{DatasetName, MetricName};
use crate::model::score::ScoreConfig;
use crate::runs::metrics;

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
        let name: DatasetName = name.parse()?;
        self.read(|tx| read::items(tx, &name, version))
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
