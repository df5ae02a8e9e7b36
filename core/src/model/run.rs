//! Runs: one version on one dataset version.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::id::{ContentId, RunId};
use super::name::{DatasetName, ItemKey, MetricName, PromptName, RunName};
use super::score::ScoreValue;
use super::time::Timestamp;

/// A scorer as a run knows it: its metric's name, and the content id of its configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScorerRef {
    /// The metric it gives.
    pub name: MetricName,
    /// The content id of its configuration: two scorers with the same id measure the same thing.
    pub id: ContentId,
}

/// That a run was taken out of the evidence, and why. It stays so.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Withdrawal {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub actor: Option<String>,
    /// Why.
    pub reason: String,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// Its name.
    pub name: Option<RunName>,
    /// The prompt.
    pub prompt: PromptName,
    /// The version that ran.
    pub version: u32,
    /// That version's content id.
    pub version_id: ContentId,
    /// The dataset.
    pub dataset: DatasetName,
    /// The dataset version it ran on.
    pub dataset_version: u32,
    /// That dataset version's root hash.
    pub dataset_root: ContentId,
    /// How many items it covers.
    pub items: u64,
    /// How often each item is tried.
    pub trials: u32,
    /// Its scorers.
    pub scorers: Vec<ScorerRef>,
    /// When it started.
    pub started_at: Timestamp,
    /// Who started it.
    pub actor: Option<String>,
    /// When it was finished; none while it may still take rows.
    pub finished_at: Option<Timestamp>,
    /// How many rows it had when it was finished.
    pub rows: Option<u64>,
    /// BLAKE3 over the ids of its rows, in the order of (key, trial), when it was finished.
    pub rows_root: Option<ContentId>,
    /// That it was withdrawn: it can be read, and is evidence for nothing.
    pub withdrawn: Option<Withdrawal>,
}

impl Run {
    /// The scorer that the run has a metric from, if it declares one.
    pub(crate) fn scorer(&self, metric: &MetricName) -> Option<ContentId> {
        self.scorers.iter().find(|scorer| scorer.name == *metric).map(|scorer| scorer.id)
    }
}

/// An item and a trial that a run has no row for yet.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Pending {
    /// The item.
    #[serde(flatten)]
    pub item: super::dataset::Item,
    /// 1, 2, … up to the run's trials.
    pub trial: u32,
}

/// What a run records about one item and trial.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NewRow {
    /// What the model said; any JSON.
    pub output: Option<Value>,
    /// Why there is no output.
    pub error: Option<String>,
    /// Scores by metric; built-in scorers of the run fill in the ones that are left out.
    pub scores: BTreeMap<String, ScoreValue>,
    /// How long the call took, in milliseconds.
    pub latency_ms: Option<f64>,
    /// What the call cost, in US dollars.
    pub cost_usd: Option<f64>,
    /// Tokens sent.
    pub tokens_in: Option<u64>,
    /// Tokens received.
    pub tokens_out: Option<u64>,
}

/// One recorded row: an item and a trial of a run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Row {
    /// The item's key.
    pub key: ItemKey,
    /// The item's content id.
    pub item_id: ContentId,
    /// 1, 2, … up to the run's trials.
    pub trial: u32,
    /// What the model said.
    pub output: Option<Value>,
    /// Why there is no output.
    pub error: Option<String>,
    /// Scores by metric.
    pub scores: BTreeMap<MetricName, ScoreValue>,
    /// How long the call took, in milliseconds.
    pub latency_ms: Option<f64>,
    /// What the call cost, in US dollars.
    pub cost_usd: Option<f64>,
    /// Tokens sent.
    pub tokens_in: Option<u64>,
    /// Tokens received.
    pub tokens_out: Option<u64>,
    /// When it was recorded.
    pub at: Timestamp,
}

impl Serialize for Row {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let scores: BTreeMap<&MetricName, Value> =
            self.scores.iter().map(|(m, s)| (m, s.to_json())).collect();
        let mut out = serializer.serialize_struct("Row", 11)?;
        out.serialize_field("key", &self.key)?;
        out.serialize_field("item_id", &self.item_id)?;
        out.serialize_field("trial", &self.trial)?;
        out.serialize_field("output", &self.output)?;
        out.serialize_field("error", &self.error)?;
        out.serialize_field("scores", &scores)?;
        out.serialize_field("latency_ms", &self.latency_ms)?;
        out.serialize_field("cost_usd", &self.cost_usd)?;
        out.serialize_field("tokens_in", &self.tokens_in)?;
        out.serialize_field("tokens_out", &self.tokens_out)?;
        out.serialize_field("at", &self.at)?;
        out.end()
    }
}
