//! Does a judge agree with people? What is known of that decides whether a gate may listen to the judge.
//!
//! Invariant: a calibration belongs to one metric and one configuration of a judge (a scorer id). Another rubric,
//! model or parameter is another judge, of which nothing is known.

mod scale;
pub(crate) mod store;
#[cfg(test)]
mod tests;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::model::id::ContentId;
use crate::model::name::MetricName;
use crate::model::score::{Direction, ScoreConfig, ScoreValue};
use crate::model::time::Timestamp;
use crate::stats::{self, Status};
use scale::Scale;

/// Fewer labelled units than this show nothing.
pub const LABELS_NEEDED: u64 = 100;
/// The lower end of kappa's interval from which on a judge may decide.
const USABLE: f64 = 0.6;
/// And from which on it helps a person who looks at samples.
const WITH_SPOT_CHECKS: f64 = 0.4;
const ALPHA: f64 = 0.05;

/// What a judge may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum JudgeLevel {
    /// The lower end of kappa's interval is 0.6 or more, on 100 labelled units or more.
    #[serde(rename = "usable")]
    Usable,
    /// It is 0.4 or more.
    #[serde(rename = "usable with human spot checks")]
    UsableWithSpotChecks,
    /// It is less, or there are too few labels, or nothing varies.
    #[serde(rename = "not usable for gates")]
    NotUsable,
}

impl JudgeLevel {
    /// The level's name, the same in every language.
    pub fn as_str(self) -> &'static str {
        match self {
            JudgeLevel::Usable => "usable",
            JudgeLevel::UsableWithSpotChecks => "usable with human spot checks",
            JudgeLevel::NotUsable => "not usable for gates",
        }
    }
}

impl std::fmt::Display for JudgeLevel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Agreement and bias of a part of the labels. Figures to look at, never a verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Agreement {
    /// Labels.
    pub n: u64,
    /// Cohen's kappa; none where only one category was given, or fewer than two labels.
    pub kappa: Option<f64>,
    /// The lower end of its 95 % interval.
    pub kappa_low: Option<f64>,
    /// The upper end, at most 1.
    pub kappa_high: Option<f64>,
    /// The share of labels on which both said the same, between 0 and 1.
    pub agreement: Option<f64>,
    /// mean(judge - human), in the metric's points: how much too high the judge is. None for categories.
    pub bias: Option<f64>,
    /// The lower end of its 95 % interval (paired).
    pub bias_low: Option<f64>,
    /// The upper end.
    pub bias_high: Option<f64>,
}

/// How far one judge agrees with people on one metric.
///
/// # Formula
/// Cohen's kappa with the interval of Fleiss, Cohen and Everitt: quadratic weights on a rubric, none on categories
/// and on true and false. Bias: the paired t interval of judge - human. Corrected mean: PPI++.
///
/// # Assumptions
/// The labels were drawn at random from what the judge scores.
///
/// # Source
/// statistics.md, section (i).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Calibration {
    /// The metric that the judge gives.
    pub metric: MetricName,
    /// The content id of the judge's configuration.
    pub scorer: ContentId,
    /// Where the labels come from, such as `run 0192…` or `traces of extraction`.
    pub source: String,
    /// Labelled units (items, traces): several trials of an item are several labels, and one unit.
    pub units: u64,
    /// Judged and not labelled.
    pub unlabelled: u64,
    /// `quadratic` or `unweighted`.
    pub weights: String,
    /// All labels.
    #[serde(flatten)]
    pub all: Agreement,
    /// What people gave: each category's share.
    pub prevalence: BTreeMap<String, f64>,
    /// The mean of the labels.
    pub human_mean: Option<f64>,
    /// The judge's mean on the same units.
    pub judge_mean: Option<f64>,
    /// The mean of everything that was judged, corrected by the labels.
    pub corrected_mean: Option<f64>,
    /// The lower end of its 95 % interval.
    pub corrected_low: Option<f64>,
    /// The upper end.
    pub corrected_high: Option<f64>,
    /// By difficulty or query type.
    pub strata: BTreeMap<String, Agreement>,
    /// By the length of the output, in thirds: `1 short`, `2 middle`, `3 long`. A judge that likes long answers
    /// shows here.
    pub lengths: BTreeMap<String, Agreement>,
    /// What the judge may be used for.
    pub level: JudgeLevel,
    /// All this in a sentence or two.
    pub sentence: String,
    /// When it was found.
    pub at: Timestamp,
    /// The position of its event in the log.
    pub seq: u64,
}

impl Calibration {
    /// Whether a gate may decide by this judge.
    pub fn may_gate(&self) -> bool {
        self.level == JudgeLevel::Usable
    }
}

/// One output that both a person and the judge scored.
pub(crate) struct Labelled {
    /// The item or the trace.
    pub(crate) unit: String,
    pub(crate) human: ScoreValue,
    pub(crate) judge: ScoreValue,
    pub(crate) stratum: Option<String>,
    /// The output's length in characters.
    pub(crate) length: Option<u64>,
}

/// What a calibration is made of.
pub(crate) struct Labels {
    pub(crate) metric: MetricName,
    pub(crate) scorer: ContentId,
    pub(crate) source: String,
    pub(crate) labelled: Vec<Labelled>,
    /// What the judge said about the rest.
    pub(crate) unlabelled: Vec<ScoreValue>,
}

fn invalid(reason: impl Into<String>) -> Error {
    Error::InvalidArgument { argument: "human".to_owned(), reason: reason.into() }
}

/// Holds a judge against people.
pub(crate) fn calibrate(labels: &Labels, config: Option<&ScoreConfig>) -> Result<Calibration> {
    if labels.labelled.is_empty() {
        return Err(invalid(format!(
            "nothing in the {} has both a person's score and this judge's for {}",
            labels.source, labels.metric
        )));
    }
    let scale = Scale::of(&labels.labelled, config)?;
    let everything: Vec<&Labelled> = labels.labelled.iter().collect();
    let (all, prevalence) = scale.agreement(&everything)?;
    let units = everything.iter().map(|label| &label.unit).collect::<BTreeSet<_>>().len() as u64;
    let numbers =
        |values: &[&ScoreValue]| -> Vec<f64> { values.iter().filter_map(|x| x.as_number()).collect() };
    let human = numbers(&everything.iter().map(|l| &l.human).collect::<Vec<_>>());
    let judge = numbers(&everything.iter().map(|l| &l.judge).collect::<Vec<_>>());
    let rest = numbers(&labels.unlabelled.iter().collect::<Vec<_>>());
    let mean = |values: &[f64]| stats::mean_sd(values).map(|m| m.mean).filter(|_| !scale.is_classes());
    let corrected =
        if scale.is_classes() { None } else { Some(stats::ppi_mean(&human, &judge, &rest, ALPHA)?) };
    let corrected = corrected.filter(|c| c.status == Status::Ok);
    let mut found = Calibration {
        metric: labels.metric.clone(),
        scorer: labels.scorer,
        source: labels.source.clone(),
        units,
        unlabelled: labels.unlabelled.len() as u64,
        weights: scale.weights_name().to_owned(),
        prevalence,
        human_mean: mean(&human),
        judge_mean: mean(&judge),
        corrected_mean: corrected.as_ref().and_then(|c| c.estimate),
        corrected_low: corrected.as_ref().and_then(|c| c.ci_low),
        corrected_high: corrected.as_ref().and_then(|c| c.ci_high),
        strata: groups(&scale, everything.iter().filter_map(|l| Some((l.stratum.clone()?, *l))))?,
        lengths: groups(&scale, thirds(&everything).into_iter())?,
        level: level(units, all.kappa_low),
        all,
        sentence: String::new(),
        at: Timestamp::from_micros(0),
        seq: 0,
    };
    found.sentence = words::sentence(&found, config.is_some_and(|c| c.direction == Direction::Lower));
    Ok(found)
}

fn level(units: u64, kappa_low: Option<f64>) -> JudgeLevel {
    match kappa_low {
        Some(low) if units >= LABELS_NEEDED && low >= USABLE => JudgeLevel::Usable,
        Some(low) if units >= LABELS_NEEDED && low >= WITH_SPOT_CHECKS => JudgeLevel::UsableWithSpotChecks,
        _ => JudgeLevel::NotUsable,
    }
}

fn groups<'a>(
    scale: &Scale,
    members: impl Iterator<Item = (String, &'a Labelled)>,
) -> Result<BTreeMap<String, Agreement>> {
    let mut by_name: BTreeMap<String, Vec<&Labelled>> = BTreeMap::new();
    for (name, label) in members {
        by_name.entry(name).or_default().push(label);
    }
    by_name.into_iter().map(|(name, labels)| Ok((name, scale.agreement(&labels)?.0))).collect()
}

/// The labels by the length of their outputs, in three groups of the same size; none if all lengths are the same.
fn thirds<'a>(labels: &[&'a Labelled]) -> Vec<(String, &'a Labelled)> {
    let mut known: Vec<(u64, &Labelled)> = labels.iter().filter_map(|l| Some((l.length?, *l))).collect();
    known.sort_by_key(|(length, _)| *length);
    let n = known.len();
    let (Some(first), Some(last)) = (known.first(), known.last()) else { return Vec::new() };
    if first.0 == last.0 || n < 3 {
        return Vec::new();
    }
    // The same length falls into the same third.
    let (low, high) = (known[n / 3].0, known[2 * n / 3].0);
    let name = |length: u64| match length {
        length if length < low => "1 short",
        length if length < high => "2 middle",
        _ => "3 long",
    };
    known.into_iter().map(|(length, label)| (name(length).to_owned(), label)).collect()
}
