//! What an experiment says when it is asked.

use serde::{Deserialize, Serialize};

use crate::model::experiment::{Analysis, ExperimentMode, ExperimentState};
use crate::model::id::ContentId;
use crate::model::name::{ExperimentName, MetricName};
use crate::model::score::Direction;
use crate::model::time::Timestamp;

/// One variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ArmResult {
    /// Its name.
    pub variant: String,
    /// Its version of the prompt.
    pub version: u32,
    /// Units that were enrolled in it, up to the cut-off once there is one.
    pub units: u64,
    /// Those of them that have a score.
    pub scored: u64,
    /// Those of them that have none.
    pub missing: u64,
    /// Units left out because their traces name another variant or version than the one they were given.
    pub in_two_arms: u64,
    /// Milliseconds per call, the median; none if that is the primary metric and the result is closed.
    pub latency_ms_p50: Option<f64>,
    /// US dollars per call, the mean.
    pub cost_usd_mean: Option<f64>,
}

/// Whether units were split as planned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SplitResult {
    /// What the weights give each variant, of the units that were enrolled.
    pub expected: Vec<f64>,
    /// What was seen.
    pub seen: Vec<u64>,
    /// How often a split at least so uneven comes by chance.
    pub p_value: Option<f64>,
    /// Whether it is broken: p below 0.001.
    pub mismatch: bool,
    /// The logarithm of the Bayes factor against the planned split, which may be looked at every day; a warning from
    /// ln 100 on. None after the weights were changed.
    pub log_bf: Option<f64>,
    /// Whether that is a warning.
    pub warning: bool,
    /// The p-value of the split among the units that have a score; none before there are any.
    pub p_value_scored: Option<f64>,
}

/// A stratum of a comparison. Not a verdict: look here for what to test next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StratumResult {
    /// The strata in it: more than one where small ones were merged.
    pub strata: Vec<String>,
    /// Its weight in the whole.
    pub weight: f64,
    /// Units of the control.
    pub n_a: u64,
    /// Units of the variant.
    pub n_b: u64,
    /// The control's mean.
    pub mean_a: Option<f64>,
    /// The variant's mean.
    pub mean_b: Option<f64>,
    /// The second minus the first.
    pub diff: Option<f64>,
}

/// A quantile of the units' scores in both arms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct QuantileResult {
    /// Which: 0.1, 0.5, 0.9.
    pub q: f64,
    /// The control's (type 7).
    pub a: Option<f64>,
    /// The variant's.
    pub b: Option<f64>,
    /// The second minus the first.
    pub diff: Option<f64>,
    /// The lower end of the 95 % interval of the difference; none if there are too few units for one.
    pub ci_low: Option<f64>,
    /// The upper end.
    pub ci_high: Option<f64>,
}

/// One variant (B) against the control (A).
///
/// # Formula
/// Welch's test on units, post-stratified, or after CUPED, as the plan says: statistics, section (b).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ComparisonResult {
    /// The variant.
    pub variant: String,
    /// The control.
    pub control: String,
    /// `ok`, or why there is no test: `insufficient_data`, `zero_variance`, `invalid_input`.
    pub status: String,
    /// How it was compared: `plain`, `stratified`, `cuped`; `epochs` where weights were changed on the way.
    pub analysis: String,
    /// Units of the control with a score.
    pub n_a: u64,
    /// Units of the variant with a score.
    pub n_b: u64,
    /// The control's mean.
    pub mean_a: Option<f64>,
    /// The variant's mean.
    pub mean_b: Option<f64>,
    /// The standard deviation between the control's units.
    pub sd_a: Option<f64>,
    /// Between the variant's.
    pub sd_b: Option<f64>,
    /// The variant minus the control, adjusted as the plan says.
    pub diff: Option<f64>,
    /// Its standard error.
    pub se: Option<f64>,
    /// Its degrees of freedom.
    pub df: Option<f64>,
    /// The difference over its standard error.
    pub t: Option<f64>,
    /// How often a difference at least so large comes by chance if there is none.
    pub p_value: Option<f64>,
    /// The same, corrected by Holm for the number of variants.
    pub p_holm: Option<f64>,
    /// The lower end of the interval of the difference.
    pub ci_low: Option<f64>,
    /// The upper end.
    pub ci_high: Option<f64>,
    /// The difference over the control's mean, for orientation.
    pub relative: Option<f64>,
    /// The share of the variance that strata or the covariate took out.
    pub variance_explained: Option<f64>,
    /// p10, p50 and p90.
    pub quantiles: Vec<QuantileResult>,
    /// Each stratum.
    pub strata: Vec<StratumResult>,
    /// The verdict on this variant: a row of the table in statistics, section 2.
    pub verdict: String,
    /// The same in a sentence.
    pub sentence: String,
}

/// The confidence sequence, at which anybody may look at any time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AnytimeResult {
    /// `ok`, or why there is none yet.
    pub status: String,
    /// Pairs so far; units, where the metric has no range.
    pub pairs: u64,
    /// After how many it was decided.
    pub stopped_at: Option<u64>,
    /// The variant minus the control over the pairs up to then, or up to now.
    pub diff: Option<f64>,
    /// The lower bound then, valid at any time.
    pub low: Option<f64>,
    /// The upper bound.
    pub high: Option<f64>,
    /// The p-value that is valid at any time.
    pub p_value: Option<f64>,
    /// Whether the bounds hold only approximately: the metric declares no range.
    pub approximate: bool,
}

/// What the harm guard of one variant has seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HarmResult {
    /// The variant.
    pub variant: String,
    /// Pairs so far.
    pub pairs: u64,
    /// After how many it was stopped; none if it was not.
    pub stopped_at: Option<u64>,
    /// The chance that the guard stops a variant that is as good.
    pub alpha: f64,
}

/// A guardrail of the variant that is better.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GuardrailResult {
    /// The metric.
    pub metric: MetricName,
    /// Which way it is better.
    pub direction: Direction,
    /// By how much it may be worse.
    pub tolerance: f64,
    /// Whether that is a share of the control's mean.
    pub relative: bool,
    /// `pass`, `fail` or `cannot-tell`.
    pub outcome: String,
    /// Units of the control with a value.
    pub n_a: u64,
    /// Units of the variant with a value.
    pub n_b: u64,
    /// The control's mean.
    pub mean_a: Option<f64>,
    /// The variant's mean.
    pub mean_b: Option<f64>,
    /// The lower one-sided bound of the difference in the good direction, against which the tolerance is held.
    pub lower: Option<f64>,
    /// The upper one.
    pub upper: Option<f64>,
    /// That in a sentence.
    pub sentence: String,
}

/// What an experiment says.
///
/// As long as it is not decided in lock mode there are counts, the split and costs, and no means, differences or
/// p-values: nobody can stop on a good day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ExperimentResult {
    /// The experiment.
    pub experiment: ExperimentName,
    /// Where it stands.
    pub state: ExperimentState,
    /// The content id of its plan.
    pub plan_id: ContentId,
    /// When it may be decided.
    pub mode: ExperimentMode,
    /// How the variants are compared.
    pub analysis: Analysis,
    /// The primary metric.
    pub metric: MetricName,
    /// Which way it is better.
    pub direction: Direction,
    /// The smallest difference that matters.
    pub min_effect: f64,
    /// Units per variant that are planned; pairs, in anytime mode.
    pub n_planned: u64,
    /// The verdict, a row of the table in statistics, section 2: `collecting`, `b_better`, `undecided` …; with more
    /// than two variants, that of the best one.
    pub verdict: String,
    /// Whether that is the last word.
    pub is_final: bool,
    /// What a person reads.
    pub sentence: String,
    /// The variant that won: better, and within every guardrail.
    pub winner: Option<String>,
    /// `harm_guard` if that stopped it.
    pub stopped_by: Option<String>,
    /// The sequence number of the last unit that counts; none while an arm has too few.
    pub cutoff: Option<u64>,
    /// Scores up to this moment count.
    pub window_end: Option<Timestamp>,
    /// Each variant.
    pub arms: Vec<ArmResult>,
    /// The share of units that have no score.
    pub missing_share: f64,
    /// Whether units were split as planned.
    pub split: SplitResult,
    /// When the judge changed inside the window.
    pub judge_changed: Option<Timestamp>,
    /// Each variant against the control; empty while the result is closed.
    pub comparisons: Vec<ComparisonResult>,
    /// The confidence sequence; in anytime mode.
    pub anytime: Option<AnytimeResult>,
    /// The harm guard of each variant; only whether it stopped, not how close it is.
    pub harm: Vec<HarmResult>,
    /// The guardrails of the variant that is better.
    pub guardrails: Vec<GuardrailResult>,
    /// Traces of the experiment whose user is not enrolled.
    pub strays: u64,
    /// What whoever reads it must know.
    pub warnings: Vec<String>,
    /// BLAKE3 over (unit, variant, value) of every unit that counts, in the order of enrolment; none while closed.
    pub data_hash: Option<ContentId>,
}
