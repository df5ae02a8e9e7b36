//! Holding judges against people.

use std::collections::{BTreeMap, BTreeSet};

use super::Store;
use crate::calibration::{self, Calibration, Labelled, Labels, store};
use crate::datasets::read as datasets;
use crate::error::{Error, Result};
use crate::model::id::{ContentId, RunId};
use crate::model::name::{ItemKey, MetricName, PromptName};
use crate::model::score::ScoreValue;
use crate::model::selector::VersionRef;
use crate::model::time::Timestamp;
use crate::model::trace::{ScoreSource, Trace};
use crate::prompts::versions;
use crate::runs::{lifecycle, metrics, rows};
use crate::storage::kv::{Flow, Read};
use crate::traces::Archive;
use crate::traces::read::Span;

/// Where the labels are.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct CalibrateOptions {
    /// In the rows of this run, which the judge scored too.
    pub run: Option<RunId>,
    /// In a run: the metric that holds what people said.
    pub human: Option<String>,
    /// On the traces of this prompt: scores of source human, beside scores of source judge.
    pub prompt: Option<String>,
    /// Of this version of the prompt.
    pub version: Option<VersionRef>,
    /// From this moment on.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
    /// On traces: which judge, if several scored them.
    pub judge: Option<ContentId>,
}

fn invalid(argument: &str, reason: impl Into<String>) -> Error {
    Error::InvalidArgument { argument: argument.to_owned(), reason: reason.into() }
}

fn given(score: Option<&ScoreValue>) -> Option<ScoreValue> {
    score.filter(|score| **score != ScoreValue::Missing).cloned()
}

fn length(output: Option<&serde_json::Value>) -> Option<u64> {
    output.map(|output| {
        output.as_str().map_or_else(|| output.to_string().chars().count(), |text| text.chars().count()) as u64
    })
}

impl Store {
    /// Holds a judge's scores of a metric against those of people, and keeps what is found: a gate decides by a judge
    /// only if it is "usable".
    ///
    /// The labels are in the rows of a run, under another metric (`human`), or on the traces of a prompt, where scores of
    /// source human stand beside scores of source judge. A newer calibration of the same judge takes the place of an
    /// older one, whatever it says; the log keeps both.
    ///
    /// # Errors
    /// `invalid-argument` if nothing has both scores, the judge is not named or not declared, or the scores are no
    /// rubric; `run-not-found`, `run-withdrawn`, `prompt-not-found`, `version-not-found`.
    pub fn calibrate(&self, metric: &str, options: CalibrateOptions) -> Result<Calibration> {
        let metric: MetricName = metric.parse()?;
        let human: Option<MetricName> = options.human.as_deref().map(str::parse).transpose()?;
        let prompt: Option<PromptName> = options.prompt.as_deref().map(str::parse).transpose()?;
        self.write(move |tx, author| {
            let labels = match (options.run, prompt, human) {
                (Some(run), None, Some(human)) => of_run(tx, metric, run, &human)?,
                (Some(_), None, None) => {
                    return Err(invalid("human", "name the metric that holds what people said in this run"));
                }
                (None, Some(prompt), None) => of_traces(tx, metric, &prompt, &options)?,
                (None, Some(_), Some(_)) => {
                    return Err(invalid("human", "on traces people are a source; `human` is for runs"));
                }
                _ => return Err(invalid("run", "give either run (with human) or prompt")),
            };
            let config = metrics::read(tx, &labels.metric)?;
            let found = calibration::calibrate(&labels, config.as_ref())?;
            store::save(tx, author, found)
        })
    }

    /// What is known of every judge, by metric; of one metric, if one is named.
    ///
    /// # Errors
    /// `invalid-name`.
    pub fn calibrations(&self, metric: Option<&str>) -> Result<Vec<Calibration>> {
        let metric: Option<MetricName> = metric.map(str::parse).transpose()?;
        self.read(|tx| store::all(tx, metric.as_ref()))
    }
}

fn of_run(tx: &(impl Read + ?Sized), metric: MetricName, run: RunId, human: &MetricName) -> Result<Labels> {
    let run = lifecycle::load(tx, &run)?;
    if let Some(gone) = run.withdrawn {
        return Err(Error::RunWithdrawn { run: run.id.to_string(), reason: gone.reason });
    }
    let Some(scorer) = run.scorer(&metric) else {
        let reason = format!(
            "the run declares no scorer for {metric}, so nobody knows which judge this is; start runs with scorers=[...]"
        );
        return Err(invalid("metric", reason));
    };
    if *human == metric {
        return Err(invalid("human", "what people said is another metric of the run"));
    }
    let items = datasets::items(tx, &run.dataset, Some(run.dataset_version))?;
    let strata: BTreeMap<ItemKey, String> =
        items.into_iter().filter_map(|item| Some((item.key, item.stratum?))).collect();
    let (mut labelled, mut unlabelled) = (Vec::new(), Vec::new());
    for row in rows::all(tx, &run.id)? {
        let Some(judge) = given(row.scores.get(&metric)) else { continue };
        match given(row.scores.get(human)) {
            None => unlabelled.push(judge),
            Some(human) => labelled.push(Labelled {
                stratum: strata.get(&row.key).cloned(),
                length: length(row.output.as_ref()),
                unit: row.key.to_string(),
                human,
                judge,
            }),
        }
    }
    Ok(Labels { metric, scorer, source: format!("run {}", run.id), labelled, unlabelled })
}

fn of_traces(
    tx: &(impl Read + ?Sized),
    metric: MetricName,
    prompt: &PromptName,
    options: &CalibrateOptions,
) -> Result<Labels> {
    versions::latest(tx, prompt)?;
    let version = options.version.as_ref().map(|v| versions::resolve(tx, prompt, v)).transpose()?;
    let span = Span { since: options.since, until: options.until };
    let mut ids = Vec::new();
    let archive = Archive::new(tx);
    archive.visit(prompt, span, None, &mut |facts| {
        if version.is_none_or(|version| facts.version == version) {
            ids.push(facts.trace_id);
        }
        Ok(Flow::Continue)
    })?;
    // Oldest first: sums are in the order of the data.
    ids.reverse();
    let traces = ids.iter().map(|id| archive.load(id)).collect::<Result<Vec<Trace>>>()?;
    let wanted = options.judge.map(|id| id.to_string());
    // The newest score of a source counts; of a judge, the newest that this judge gave.
    let newest = |trace: &Trace, source: ScoreSource| {
        let mine = |judge: Option<&str>| {
            source != ScoreSource::Judge || wanted.is_none() || judge == wanted.as_deref()
        };
        let mut scores = trace.scores.iter().filter(|s| s.metric == metric && s.source == source);
        scores.rfind(|s| mine(s.judge.as_deref())).cloned()
    };
    let (mut labelled, mut unlabelled, mut judges) = (Vec::new(), Vec::new(), BTreeSet::new());
    for trace in &traces {
        let Some(judge) = newest(trace, ScoreSource::Judge) else { continue };
        let Some(value) = given(Some(&judge.value)) else { continue };
        judges.insert(judge.judge);
        match newest(trace, ScoreSource::Human).and_then(|score| given(Some(&score.value))) {
            None => unlabelled.push(value),
            Some(human) => labelled.push(Labelled {
                unit: trace.trace_id.to_string(),
                human,
                judge: value,
                stratum: trace.stratum.clone(),
                length: length(trace.output.as_ref()),
            }),
        }
    }
    let scorer = match (options.judge, judges.len(), judges.pop_first().flatten()) {
        (Some(scorer), ..) => scorer,
        (None, 0 | 1, Some(judge)) if judge.parse::<ContentId>().is_ok() => judge.parse()?,
        (None, 0, _) => return Err(invalid("judge", format!("no judge scored {metric} on these traces"))),
        (None, 1, _) => {
            let reason =
                "the scores do not say by which scorer they are; score traces with judge=<the scorer>";
            return Err(invalid("judge", reason));
        }
        (None, n, _) => {
            return Err(invalid("judge", format!("{n} judges scored these traces; say which one")));
        }
    };
    Ok(Labels { metric, scorer, source: format!("traces of {prompt}"), labelled, unlabelled })
}
