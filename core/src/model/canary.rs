//! Canaries: a few fixed items, run again and again, that tell whether the model changed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::id::{ContentId, RunId};
use super::name::{CanaryName, DatasetName, ItemKey, MetricName, PromptName};
use super::run::ScorerRef;
use super::time::Timestamp;

/// What a canary's metric is, as it was declared when the canary was registered.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CanaryMetric {
    /// The least that a score can be; it becomes 0.
    pub min: f64,
    /// The most; it becomes 1.
    pub max: f64,
    /// Whether its scores are true and false.
    pub boolean: bool,
}

/// A registered canary. It never changes; another one has another name.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Canary {
    /// Its name.
    pub name: CanaryName,
    /// The prompt.
    pub prompt: PromptName,
    /// The version, fixed.
    pub version: u32,
    /// That version's content id.
    pub version_id: ContentId,
    /// The dataset.
    pub dataset: DatasetName,
    /// The dataset's version, fixed.
    pub dataset_version: u32,
    /// That dataset version's root hash.
    pub dataset_root: ContentId,
    /// How many items it has.
    pub items: u64,
    /// What is watched.
    pub metrics: BTreeMap<MetricName, CanaryMetric>,
    /// What its runs are expected to be scored by; empty if the first run says so.
    pub scorers: Vec<ScorerRef>,
    /// Runs before the detector starts.
    pub baseline: u32,
    /// The alarm level A: at most one false alarm in A runs on average.
    pub alarm: f64,
    /// The least standard deviation that is believed, in the unit interval.
    pub floor: f64,
    /// When it was registered.
    pub registered_at: Timestamp,
    /// Who did.
    pub actor: Option<String>,
}

/// Where a canary stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CanaryState {
    /// The detector has not started.
    Baseline,
    /// No sign of change.
    Quiet,
    /// Something changed; it stays so until a person confirms or dismisses it.
    Alarm,
    /// The last run can't be read, so nothing is said.
    CannotTell,
}

/// Whose change an alarm is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CanaryCause {
    /// The model's answers.
    Model,
    /// The judge's scores: stored outputs that it judged again moved too.
    Judge,
}

/// Why a series began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SeriesBegan {
    /// The canary was registered.
    Registered,
    /// A person confirmed an alarm.
    Confirmed,
    /// A run was scored by other scorers than the ones before.
    JudgeMoved,
}

/// What was written down in a canary's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CanaryEntryKind {
    /// A run was recorded.
    Run,
    /// A person confirmed an alarm.
    Confirmed,
    /// A person dismissed one.
    Dismissed,
}

/// One entry of a canary's history, and what the canary said after it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CanaryStep {
    /// Its place in the history, from 1.
    pub number: u32,
    /// What it is.
    pub kind: CanaryEntryKind,
    /// When it was written.
    pub at: Timestamp,
    /// Who wrote it.
    pub actor: Option<String>,
    /// The person's reason.
    pub reason: Option<String>,
    /// The run.
    pub run: Option<RunId>,
    /// The run that judged the stored outputs again.
    pub anchor: Option<RunId>,
    /// The series that it belongs to, from 1; each has a baseline of its own.
    pub series: u32,
    /// Whether the run counts; a run that can't be read does not.
    pub used: bool,
    /// Scores that were missing and took their item's earlier mean.
    pub n_missing: u64,
    /// The run's mean of each metric, in the metric's own unit.
    pub means: BTreeMap<MetricName, f64>,
    /// The e-detector; none within the baseline. It is held at an alarm until a person answers.
    pub m: Option<f64>,
    /// Where the canary stood after it.
    pub state: CanaryState,
}

/// How a metric's figure comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CanaryMethod {
    /// By the run's mean and spread.
    Scores,
    /// By counting: a boolean metric that was hardly ever true in the baseline.
    RareEvents,
}

/// One metric of a canary now.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CanaryFigures {
    /// The metric.
    pub metric: MetricName,
    /// How its figure comes about.
    pub method: CanaryMethod,
    /// Its e-detector.
    pub m: Option<f64>,
    /// How far the last run's mean lies from the earlier ones, as a standard normal.
    pub u_mean: Option<f64>,
    /// How far its spread over the items does.
    pub u_items: Option<f64>,
    /// The mean of the series before the change, or of all of it; in the metric's own unit.
    pub mean_before: Option<f64>,
    /// The mean since the change, or of the last run.
    pub mean_now: Option<f64>,
}

/// An item and how much it moved, in the unit of the metric that moved most.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AffectedItem {
    /// The item.
    pub key: ItemKey,
    /// Its mean before the change.
    pub before: f64,
    /// Its mean since.
    pub now: f64,
}

/// Around which run a change began.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CanaryOnset {
    /// Its number, from 1, among the runs of the series that count; among those of the stored outputs if the judge moved.
    pub number: u64,
    /// The run.
    pub run: RunId,
    /// When it was started.
    pub at: Timestamp,
}

/// The stored outputs that a judge judges again and again.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AnchorFigures {
    /// Runs of them that count.
    pub runs: u64,
    /// Their e-detector.
    pub m: Option<f64>,
    /// Whether it reached the alarm level: the judge moved.
    pub alarm: bool,
}

/// What a canary says now.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CanaryStatus {
    /// The canary.
    pub canary: CanaryName,
    /// Where it stands.
    pub state: CanaryState,
    /// Whose change the alarm is about.
    pub cause: Option<CanaryCause>,
    /// The series, from 1.
    pub series: u32,
    /// Why it began.
    pub began: SeriesBegan,
    /// Its runs that count.
    pub runs: u64,
    /// Its runs that could not be read.
    pub unreadable: u64,
    /// Scores of it that were missing and took their item's earlier mean.
    pub n_missing: u64,
    /// Runs that a baseline has.
    pub baseline: u32,
    /// All metrics' e-detectors together, on the canary's own runs; none within the baseline, held at an alarm until a person answers.
    pub m: Option<f64>,
    /// The alarm level.
    pub threshold: f64,
    /// The last run of all that were recorded.
    pub last_run: Option<RunId>,
    /// Every metric, in the order of their names.
    pub metrics: Vec<CanaryFigures>,
    /// The metric that moved most, if there is an alarm.
    pub moved_most: Option<MetricName>,
    /// The items that moved most under it, at most three.
    pub most_affected: Vec<AffectedItem>,
    /// Around which run the change began.
    pub onset: Option<CanaryOnset>,
    /// The stored outputs, if they were judged again.
    pub anchor: Option<AnchorFigures>,
    /// What a reader should know beside the state.
    pub warnings: Vec<String>,
    /// All of it in words.
    pub sentence: String,
}
