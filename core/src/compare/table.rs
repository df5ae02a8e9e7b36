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

    /// The content id that an item had when it was run.
    pub(crate) fn item_id(&self, key: &ItemKey) -> Option<ContentId> {
        self.items.get(key)?.id
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

    /// An item's mean of a figure that rows carry beside their scores.
    pub(crate) fn figure(&self, key: &ItemKey, figure: impl Fn(&Row) -> Option<f64>) -> Option<f64> {
        let rows = &self.items.get(key)?.rows;
        crate::stats::mean_of_repeats(&rows.iter().map(figure).collect::<Vec<_>>())
    }
}
