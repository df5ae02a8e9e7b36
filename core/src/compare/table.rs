//! Rows as a table of items and metrics: trials are averaged first, so that an item counts once.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::id::ContentId;
use crate::model::name::{ItemKey, MetricName};
use crate::model::run::Row;
use crate::model::score::ScoreValue;

/// The rows of one or several runs of one version, by item.
#[derive(Debug, Default)]
pub(crate) struct Table {
    items: BTreeMap<ItemKey, ItemRows>,
}

#[derive(Debug, Default)]
struct ItemRows {
    id: Option<ContentId>,
    rows: Vec<Row>,
}

impl Table {
    pub(crate) fn new(rows: impl IntoIterator<Item = Row>) -> Table {
        let mut table = Table::default();
        for row in rows {
            let entry = table.items.entry(row.key.clone()).or_default();
            entry.id = Some(row.item_id);
            entry.rows.push(row);
        }
        table
    }

    /// Leaves out the items that are not these.
    pub(super) fn keep(&mut self, items: &BTreeMap<ItemKey, ContentId>) {
        self.items.retain(|key, item| item.id.is_some() && items.get(key) == item.id.as_ref());
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &ItemKey> {
        self.items.keys()
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.items.values().flat_map(|item| &item.rows)
    }

    /// An item's rows.
    pub(crate) fn rows_of(&self, key: &ItemKey) -> &[Row] {
        self.items.get(key).map(|item| item.rows.as_slice()).unwrap_or_default()
    }

    /// Every metric that has at least one numeric score or a missing one.
    pub(crate) fn metrics(&self) -> BTreeSet<MetricName> {
        let categorical = |score: &ScoreValue| matches!(score, ScoreValue::Category(_));
        let scores = self.rows().flat_map(|row| &row.scores);
        scores.filter(|(_, score)| !categorical(score)).map(|(metric, _)| metric.clone()).collect()
    }

    /// An item's score: the mean over its trials that have one.
    pub(crate) fn score(&self, key: &ItemKey, metric: &MetricName) -> Option<f64> {
        let rows = &self.items.get(key)?.rows;
        let scores = rows.iter().map(|row| row.scores.get(metric).and_then(|score| score.as_number()));
        crate::stats::mean_of_repeats(&scores.collect::<Vec<_>>())
    }

    /// Whether every score of a metric is true or false.
    pub(crate) fn all_boolean(&self, metric: &MetricName) -> bool {
        let mut scores = self.rows().filter_map(|row| row.scores.get(metric));
        scores.all(|score| matches!(score, ScoreValue::Bool(_) | ScoreValue::Missing))
    }

    /// What an item's trials carry, as far as they do.
    pub(super) fn trials(&self, key: &ItemKey, value: impl Fn(&Row) -> Option<f64>) -> Vec<f64> {
        self.items.get(key).map(|item| item.rows.iter().filter_map(value).collect()).unwrap_or_default()
    }

    /// How many rows hold an error in place of an output, and no score of a metric.
    pub(super) fn errors_without(&self, metric: &MetricName) -> u64 {
        self.errors_of(self.keys(), metric)
    }

    /// The same of some items.
    pub(super) fn errors_of<'k>(&self, keys: impl Iterator<Item = &'k ItemKey>, metric: &MetricName) -> u64 {
        let unscored = |row: &&Row| row.scores.get(metric).and_then(|score| score.as_number()).is_none();
        let rows = keys.filter_map(|key| self.items.get(key)).flat_map(|item| &item.rows);
        rows.filter(|row| row.error.is_some()).filter(unscored).count() as u64
    }

    /// An item's mean of a figure that rows carry beside their scores.
    pub(crate) fn figure(&self, key: &ItemKey, figure: impl Fn(&Row) -> Option<f64>) -> Option<f64> {
        let rows = &self.items.get(key)?.rows;
        crate::stats::mean_of_repeats(&rows.iter().map(figure).collect::<Vec<_>>())
    }
}
