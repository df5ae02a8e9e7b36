//! Experiments: what is planned before anything is seen, and then frozen.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::id::ContentId;
use super::name::{ExperimentName, MetricName, PromptName};
use super::score::Direction;
use super::selector::VersionRef;
use super::time::Timestamp;
use super::trace::ScoreSource;

/// When an experiment may be decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExperimentMode {
    /// At the planned number of units, and not before: until then the result stays closed.
    #[default]
    Lock,
    /// At the first moment at which the confidence sequence leaves 0; looking is allowed at any time.
    Anytime,
}

/// How the variants are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Analysis {
    /// Welch's test on the units.
    #[default]
    Plain,
    /// Within strata (difficulty, query type), then put together.
    Stratified,
    /// After taking out what was known of a unit before its first exposure.
    Cuped,
}

/// What CUPED takes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Covariate {
    /// The unit's mean of the metric on traces of the prompt before its first exposure.
    #[default]
    History,
    /// The number that was given at the unit's first exposure.
    Exposure,
    /// The mean that the metric had, before the experiment began, in the stratum of each of the unit's traces.
    Stratum,
}

/// What a unit's score is, if it has several responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnitScore {
    /// The mean of its responses: every unit counts the same.
    #[default]
    UnitMean,
    /// Every response counts the same, and the units are still what was randomised (delta method).
    ResponseMean,
}

/// A metric that must not get worse by more than a tolerance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guardrail {
    /// The metric: one that traces are scored under, or `latency_ms`, `cost_usd`, `tokens_in`, `tokens_out`.
    pub metric: MetricName,
    /// By how much it may be worse.
    pub tolerance: f64,
    /// Whether the tolerance is a share of the control's mean; otherwise it is in the metric's unit.
    #[serde(default)]
    pub relative: bool,
    /// Which way is better; what the metric declares if left out, and lower for a trace's own figures.
    #[serde(default)]
    pub direction: Option<Direction>,
}

/// What a person says of an experiment before it begins. What is left out has a default.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NewExperiment {
    /// The prompt.
    pub prompt: String,
    /// The variants and their versions, in order: the first one is the control, unless another is named.
    pub variants: Vec<(String, VersionRef)>,
    /// A weight for each variant, on any scale; equal if left out.
    pub weights: Option<Vec<f64>>,
    /// The variant that the others are compared with.
    pub control: Option<String>,
    /// The one primary metric.
    pub metric: String,
    /// Only scores of this source; otherwise the sources of a trace are averaged.
    pub source: Option<ScoreSource>,
    /// Which way is better; what the metric declares if left out.
    pub direction: Option<Direction>,
    /// The smallest difference worth finding, in the metric's unit.
    pub min_effect: Option<f64>,
    /// The chance of a false alarm; 0.05 if left out.
    pub alpha: Option<f64>,
    /// The chance of seeing the smallest difference worth finding, if it is there; 0.8 if left out.
    pub power: Option<f64>,
    /// The standard deviation of the units' scores; from old traces if left out, and a guess where there are none.
    pub sd: Option<f64>,
    /// The share of the variance that strata or the covariate explain; 0 if left out.
    pub r2: Option<f64>,
    /// Units per variant, in place of what the power analysis asks for.
    pub n_planned: Option<u64>,
    /// Fewer units per variant are not planned; 500 if left out.
    pub floor: Option<u64>,
    /// When it may be decided.
    pub mode: ExperimentMode,
    /// How the variants are compared.
    pub analysis: Analysis,
    /// What CUPED takes out.
    pub covariate: Covariate,
    /// The strata from one end to the other: small ones are merged with their neighbour.
    pub strata: Vec<String>,
    /// Fixed weights of the strata that sum to 1; otherwise each weighs what it has of all units.
    pub stratum_weights: Option<BTreeMap<String, f64>>,
    /// What a unit's score is.
    pub unit_score: UnitScore,
    /// Metrics that must not get worse.
    pub guardrails: Vec<Guardrail>,
    /// The share of all units that takes part; 1 if left out.
    pub coverage: Option<f64>,
    /// Experiments of one layer never share a unit.
    pub layer: Option<String>,
    /// Whether a unit that was exposed keeps its variant whatever the weights become; true if left out.
    pub sticky: Option<bool>,
    /// Whether a variant that is worse is stopped early; true in lock mode if left out.
    pub harm_guard: Option<bool>,
    /// How long scores are waited for after the last planned unit arrived; 24 hours if left out.
    pub grace_hours: Option<f64>,
    /// What tells this experiment's assignment from every other one's; random if left out.
    pub salt: Option<String>,
    /// What it is for.
    pub description: Option<String>,
}

/// One variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Variant {
    /// Its name.
    pub name: String,
    /// The version that its units get.
    pub version: u32,
    /// That version's content id.
    pub version_id: ContentId,
    /// Its share of the units at the start; all of them sum to 1.
    pub weight: f64,
}

/// Where the standard deviation of a plan comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SdSource {
    /// It was given.
    Given,
    /// From the scores of at least 30 earlier units.
    Traces,
    /// 0.28 times the range of the metric.
    Guess,
}

/// What was planned before anything was seen. It never changes; its content id is part of the result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Plan {
    /// The experiment.
    pub experiment: ExperimentName,
    /// The prompt.
    pub prompt: PromptName,
    /// The variants.
    pub variants: Vec<Variant>,
    /// The position of the one that the others are compared with.
    pub control: usize,
    /// The primary metric.
    pub metric: MetricName,
    /// Only scores of this source.
    pub source: Option<ScoreSource>,
    /// Which way is better.
    pub direction: Direction,
    /// What a score can be, if that is known.
    pub range: Option<(f64, f64)>,
    /// Whether the metric is yes or no.
    pub boolean: bool,
    /// The smallest difference worth finding, in the metric's unit.
    pub min_effect: f64,
    /// The chance of a false alarm.
    pub alpha: f64,
    /// The chance of seeing the smallest difference worth finding.
    pub power: f64,
    /// The standard deviation of the units' scores.
    pub sd: f64,
    /// Where it comes from.
    pub sd_source: SdSource,
    /// The share of the variance that the analysis is expected to take out.
    pub r2: f64,
    /// Units per variant that the power analysis asks for.
    pub n_power: u64,
    /// Units per variant that are planned; pairs, in anytime mode.
    pub n_planned: u64,
    /// The difference that so many units see with the planned power.
    pub mde: f64,
    /// When it may be decided.
    pub mode: ExperimentMode,
    /// How the variants are compared.
    pub analysis: Analysis,
    /// What CUPED takes out.
    pub covariate: Covariate,
    /// The strata from one end to the other.
    pub strata: Vec<String>,
    /// Fixed weights of the strata.
    pub stratum_weights: Option<BTreeMap<String, f64>>,
    /// What a unit's score is.
    pub unit_score: UnitScore,
    /// Metrics that must not get worse.
    pub guardrails: Vec<Guardrail>,
    /// Experiments of one layer never share a unit.
    pub layer: Option<String>,
    /// Whether an exposed unit keeps its variant.
    pub sticky: bool,
    /// Whether a variant that is worse is stopped early.
    pub harm_guard: bool,
    /// How long scores are waited for after the last planned unit arrived, in hours.
    pub grace_hours: f64,
    /// What tells this experiment's assignment from every other one's.
    pub salt: String,
    /// What it is for.
    pub description: Option<String>,
    /// What whoever reads the plan must know.
    pub warnings: Vec<String>,
    /// The plan in a sentence.
    pub sentence: String,
}

impl Plan {
    /// Whether more is better.
    pub(crate) fn higher_is_better(&self) -> bool {
        self.direction == Direction::Higher
    }

    /// How long scores are waited for, in microseconds.
    pub(crate) fn grace_micros(&self) -> i64 {
        (self.grace_hours * 3_600e6) as i64
    }

    /// The position of a variant.
    pub(crate) fn position(&self, variant: &str) -> Option<usize> {
        self.variants.iter().position(|known| known.name == variant)
    }
}

/// Where an experiment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExperimentState {
    /// Planned, not begun: no unit takes part.
    Registered,
    /// Units are assigned.
    Running,
    /// Ended without a verdict, or by the harm guard.
    Stopped,
    /// Ended with its verdict.
    Concluded,
}

/// A span of an experiment in which the weights did not change.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Epoch {
    /// When it began.
    pub since: Timestamp,
    /// Each variant's share; they sum to 1.
    pub weights: Vec<f64>,
    /// (variant, how many of the 10,000 buckets), from bucket 0 on.
    pub table: Vec<(u32, u32)>,
}

/// An experiment.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Experiment {
    /// Its name.
    pub name: ExperimentName,
    /// Where it stands.
    pub state: ExperimentState,
    /// What was planned.
    pub plan: Plan,
    /// The content id of the plan.
    pub plan_id: ContentId,
    /// When it was registered.
    pub registered_at: Timestamp,
    /// When it was started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Why it ended.
    pub reason: Option<String>,
    /// The share of all units that takes part now.
    pub coverage: f64,
    /// Spans of equal weights; the last one counts now.
    pub epochs: Vec<Epoch>,
    /// The content id of its final result, once it has one.
    pub result_id: Option<ContentId>,
    /// The variant that won, once it is concluded and one did.
    pub winner: Option<String>,
}

/// Which variant a unit gets.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Assignment {
    /// The experiment.
    pub experiment: ExperimentName,
    /// The unit.
    pub unit: String,
    /// Whether the unit takes part. If not, give it what everybody gets.
    pub takes_part: bool,
    /// The variant; none if the unit takes no part.
    pub variant: Option<String>,
    /// The version of the prompt.
    pub version: Option<u32>,
    /// The unit's bucket among the variants, 0 to 9,999.
    pub bucket: u32,
    /// Why the unit takes no part: `not-started`, `ended`, `coverage`, `layer`.
    pub why: Option<&'static str>,
}
