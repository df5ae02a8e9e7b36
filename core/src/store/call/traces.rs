//! The arguments of the traces' verbs as the hall takes them.

use serde::Deserialize;
use serde_json::Value;

use super::args::{AddFromTrace, Log, Score, Summary, Traces};
use super::arguments;
use crate::compare::LiveSummary;
use crate::error::{Error, Result};
use crate::model::dataset::DatasetVersion;
use crate::model::name::TraceId;
use crate::model::score::ScoreValue;
use crate::model::selector::VersionRef;
use crate::model::time::Timestamp;
use crate::model::trace::{NewScore, NewTrace, ScoreSource};
use crate::scorers::Scorer;
use crate::store::{Durability, GivenScore, LiveFilter, LoggedCall, Store, TraceFilter};
use crate::traces::Pruned;

fn durability(durable: Option<bool>) -> Durability {
    if durable == Some(true) { Durability::Now } else { Durability::default() }
}

fn time(text: Option<String>) -> Result<Option<Timestamp>> {
    text.map(|text| text.parse()).transpose()
}

fn call(a: Log) -> Result<(String, VersionRef, NewTrace)> {
    let trace = NewTrace {
        trace_id: a.trace_id,
        at: time(a.at)?,
        input: a.input,
        output: a.output,
        error: a.error,
        latency_ms: a.latency_ms,
        cost_usd: a.cost_usd,
        tokens_in: a.tokens_in,
        tokens_out: a.tokens_out,
        user: a.user,
        experiment: a.experiment,
        variant: a.variant,
        stratum: a.stratum,
        metadata: a.metadata,
    };
    Ok((a.prompt, a.version.reference()?, trace))
}

pub(super) fn log(store: &Store, a: Log) -> Result<TraceId> {
    let durable = durability(a.durable);
    let (prompt, version, trace) = call(a)?;
    store.log(&prompt, &version, trace, durable)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogMany {
    calls: Vec<serde_json::Map<String, Value>>,
}

pub(super) fn log_many(store: &Store, a: LogMany) -> Result<Vec<TraceId>> {
    let mut calls = Vec::with_capacity(a.calls.len());
    for mut fields in a.calls {
        let source = match fields.remove("source") {
            None | Some(Value::Null) => ScoreSource::default(),
            Some(source) => source.as_str().unwrap_or_default().parse()?,
        };
        let scores = match fields.remove("scores") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Object(scores)) => scores
                .into_iter()
                .map(|(metric, value)| {
                    let score = NewScore::new(ScoreValue::from_json(&metric, &value)?).from_source(source);
                    Ok((metric, score))
                })
                .collect::<Result<_>>()?,
            Some(_) => {
                let reason = "scores are an object: {metric: value}".to_owned();
                return Err(Error::InvalidArgument { argument: "scores".to_owned(), reason });
            }
        };
        let (prompt, version, trace) = call(arguments(Value::Object(fields))?)?;
        calls.push(LoggedCall { prompt, version, trace, scores });
    }
    store.log_many(calls)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScoreMany {
    scores: Vec<Score>,
}

pub(super) fn score_many(store: &Store, a: ScoreMany) -> Result<u64> {
    let given = |a: Score| {
        let (trace_id, metric, score) = read_score(a)?;
        Ok(GivenScore { trace_id, metric, score })
    };
    store.score_many(a.scores.into_iter().map(given).collect::<Result<_>>()?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Prune {
    before: String,
    #[serde(default)]
    prompt: Option<String>,
}

pub(super) fn prune(store: &Store, a: Prune) -> Result<Pruned> {
    store.prune(a.before.parse()?, a.prompt.as_deref())
}

pub(super) fn summaries(store: &Store, mut a: serde_json::Map<String, Value>) -> Result<Vec<LiveSummary>> {
    let metrics: Vec<String> = arguments(a.remove("metrics").unwrap_or_default())?;
    a.insert("metric".to_owned(), Value::from(""));
    let a: Summary = arguments(Value::Object(a))?;
    let metrics: Vec<&str> = metrics.iter().map(String::as_str).collect();
    store.summaries(&a.prompt, &metrics, &a.filter()?)
}

fn read_score(a: Score) -> Result<(String, String, NewScore)> {
    let judge = match a.judge {
        None | Some(Value::Null) => None,
        Some(Value::String(name)) => Some(name),
        // A scorer itself stands for the content id of its configuration.
        Some(scorer) => Some(Scorer::from_json(&scorer)?.identity()?.id.to_string()),
    };
    let score = NewScore {
        value: ScoreValue::from_json(&a.metric, &a.value)?,
        source: a.source.as_deref().map(str::parse).transpose()?.unwrap_or_default(),
        comment: a.comment,
        judge,
    };
    Ok((a.trace_id, a.metric, score))
}

pub(super) fn score(store: &Store, a: Score) -> Result<()> {
    let durable = durability(a.durable);
    let (trace_id, metric, score) = read_score(a)?;
    store.score(&trace_id, &metric, score, durable)
}

impl Traces {
    pub(super) fn filter(self) -> Result<TraceFilter> {
        Ok(TraceFilter {
            version: self.version.map(|version| version.reference()).transpose()?,
            since: time(self.since)?,
            until: time(self.until)?,
            prompt: self.prompt,
            label: self.label,
            user: self.user,
            experiment: self.experiment,
            order: self.order.as_deref().map(str::parse).transpose()?.unwrap_or_default(),
            metric: self.metric,
            limit: self.limit,
            cursor: self.cursor,
        })
    }
}

impl Summary {
    pub(super) fn filter(&self) -> Result<LiveFilter> {
        Ok(LiveFilter {
            by: self.by.as_deref().map(str::parse).transpose()?,
            version: self.version.as_ref().map(|version| version.reference()).transpose()?,
            experiment: self.experiment.clone(),
            since: time(self.since.clone())?,
            until: time(self.until.clone())?,
            source: self.source.as_deref().map(str::parse).transpose()?,
        })
    }
}

pub(super) fn add_to_dataset(store: &Store, a: AddFromTrace) -> Result<DatasetVersion> {
    store.dataset_add_from_trace(&a.name, &a.trace_id, a.expected, a.key.as_deref())
}
