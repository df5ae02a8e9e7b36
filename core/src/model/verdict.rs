//! Verdicts: what a gate says about a version, and the evidence it rests on.

use serde::{Deserialize, Serialize};

use super::id::{ContentId, RunId};
use super::name::{DatasetName, ItemKey, Label, MetricName, PromptName};
use super::run::ScorerRef;
use super::time::Timestamp;

/// What a gate, or one of its checks, says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It holds.
    Pass,
    /// It does not hold.
    Fail,
    /// The data do not settle it. Never a pass.
    CannotTell,
}

impl Outcome {
    /// The outcome's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Pass => "pass",
            Outcome::Fail => "fail",
            Outcome::CannotTell => "cannot-tell",
        }
    }
}

/// The version that holds the label now, with which a candidate is compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// Its number.
    pub version: u32,
    /// Its content id.
    pub version_id: ContentId,
}

/// A dataset at the version whose items were judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetRef {
    /// The dataset.
    pub dataset: DatasetName,
    /// Its version.
    pub version: u32,
    /// That version's root hash.
    pub root: ContentId,
}

/// What a verdict is about. If any of it changes, the verdict no longer applies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct VerdictKey {
    /// The prompt.
    pub prompt: PromptName,
    /// The label that the version is meant for.
    pub label: Label,
    /// The version's number.
    pub version: u32,
    /// The version's content id.
    pub version_id: ContentId,
    /// The gate's content id.
    pub gate: ContentId,
    /// The datasets, the gate's own first.
    pub datasets: Vec<DatasetRef>,
    /// The scorers that gave the scores.
    pub scorers: Vec<ScorerRef>,
    /// The version that holds the label.
    pub baseline: Option<Baseline>,
}

/// A run whose rows a verdict rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceRef {
    /// The run.
    pub run: RunId,
    /// The version that ran.
    pub version: u32,
    /// The root hash of its rows.
    pub rows_root: ContentId,
}

/// An item that a check wants a person to look at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ItemNote {
    /// The item.
    pub key: ItemKey,
    /// Its score under the baseline.
    pub baseline: Option<f64>,
    /// Its score under the candidate.
    pub candidate: Option<f64>,
}

/// What would settle a check that the data leave open.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Needed {
    /// So many items (or outputs) in all.
    pub items: u64,
    /// With this chance; none where it takes no luck but that nothing (more) fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chance: Option<f64>,
    /// Or so many trials of each item in all, with the same chance; none where it is the items that differ, or an
    /// item was tried once and nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trials: Option<u64>,
}

/// Why a check cannot tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Open {
    /// Everything was measured, and it is not enough.
    NotShown,
    /// Too much is missing, or what is missing could turn a pass over.
    InvalidMissing,
    /// There is nothing to judge by, or nothing that may be compared.
    NoEvidence,
    /// The scores come from a judge that was not calibrated against people.
    UncalibratedJudge,
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CheckResult {
    /// The check's name.
    pub check: String,
    /// The metric it looked at.
    pub metric: Option<MetricName>,
    /// What it says.
    pub outcome: Outcome,
    /// `bound` or `point`, where a check has both.
    pub mode: Option<String>,
    /// Why, in a sentence.
    pub sentence: String,
    /// How many items it could use.
    pub n: u64,
    /// How many items had no usable score, or not in every trial.
    pub n_missing: u64,
    /// The candidate's figure.
    pub value: Option<f64>,
    /// The baseline's figure.
    pub baseline: Option<f64>,
    /// The lower bound of what was compared.
    pub lower: Option<f64>,
    /// The upper bound of what was compared.
    pub upper: Option<f64>,
    /// What it was held against.
    pub threshold: Option<f64>,
    /// The worst items, worst first, ten at the most.
    pub items: Vec<ItemNote>,
    // What came later is left out where there is nothing to say: the verdicts from before keep their ids.
    /// How much worse it may be, in the metric's own points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed: Option<f64>,
    /// How sure the bounds are, between 0 and 1: one-sided, and higher with every run of a version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// Which rule gave the bounds: `t`, `betting`, `zero_variance` or `point`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Which run of this version on this dataset it is, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u64>,
    /// How many items dropped severely.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severe: Option<u64>,
    /// Why it cannot tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<Open>,
    /// What would settle it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needed: Option<Needed>,
}

/// What a gate says about one version, for one label, on one state of the evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Verdict {
    /// The content id of everything below but the time.
    pub id: ContentId,
    /// What the gate says: fail if any check fails, otherwise cannot-tell if any can't.
    pub outcome: Outcome,
    /// The gate's reason, in a sentence or two.
    pub sentence: String,
    /// What it is about.
    pub key: VerdictKey,
    /// What each check found.
    pub checks: Vec<CheckResult>,
    /// The runs it rests on.
    pub evidence: Vec<EvidenceRef>,
    /// The runs that were withdrawn, and say nothing any more; they still count as runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withdrawn: Vec<RunId>,
    /// Whether the gate's policy lets the version pass although the data leave a check open.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allowed: bool,
    /// When it was reached.
    pub at: Timestamp,
}

impl Verdict {
    /// Whether a label may move on it: a pass, or what the gate's policy allows.
    pub fn lets_pass(&self) -> bool {
        self.outcome == Outcome::Pass || (self.outcome == Outcome::CannotTell && self.allowed)
    }
}
