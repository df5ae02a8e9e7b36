//! The arguments of the traces' verbs as the hall takes them.

use serde::Deserialize;
use serde_json::Value;

use super::args::{AddFromTrace, Log, Score, Summary, Traces};
use super::arguments;
use crate::compare::{GroupBy, LiveSummary};
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
struct LogMany {
    #[serde(rename = "calls")]
    _calls: [(); 0],
    /// So many came in batches before this one: errors count on.
    #[serde(default)]
    first: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScoreMany {
    #[serde(rename = "scores")]
    _scores: [(); 0],
    #[serde(default)]
    first: usize,
}

/// Takes a list out of the arguments and leaves an empty one: to read arguments takes a value to pieces and puts it
/// together again.
pub(super) fn taken(a: &mut Value, name: &str) -> Result<Vec<Value>> {
    match a.get_mut(name) {
        Some(Value::Array(values)) => Ok(std::mem::take(values)),
        // That it is missing is said where the rest is read.
        None => Ok(Vec::new()),
        Some(_) => {
            Err(Error::InvalidArgument { argument: name.to_owned(), reason: "give a list".to_owned() })
        }
    }
}

/// Reads each element of a list, and says which one can't be read.
fn each<T>(list: &'static str, values: Vec<Value>, read: impl Fn(Value) -> Result<T>) -> Result<Vec<T>> {
    let one = |(i, value)| read(value).map_err(|error| error.in_batch(list, i));
    values.into_iter().enumerate().map(one).collect()
}

/// Counts the batches before this one.
fn behind(before: usize, error: Error) -> Error {
    match error {
        Error::InBatch { first, list, index } => Error::InBatch { first, list, index: before + index },
        other => other,
    }
}

fn logged(fields: Value) -> Result<LoggedCall> {
    let Value::Object(mut fields) = fields else {
        let reason = "a call is an object of its fields".to_owned();
        return Err(Error::InvalidArgument { argument: "calls".to_owned(), reason });
    };
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
    Ok(LoggedCall { prompt, version, trace, scores })
}

pub(super) fn log_many(store: &Store, mut a: Value) -> Result<Vec<TraceId>> {
    let calls = taken(&mut a, "calls")?;
    let LogMany { first, .. } = arguments(a)?;
    each("calls", calls, logged).and_then(|calls| store.log_many(calls)).map_err(|e| behind(first, e))
}

pub(super) fn score_many(store: &Store, mut a: Value) -> Result<u64> {
    let scores = taken(&mut a, "scores")?;
    let ScoreMany { first, .. } = arguments(a)?;
    let given = |a: Value| {
        let (trace_id, metric, score) = read_score(arguments(a)?)?;
        Ok(GivenScore { trace_id, metric, score })
    };
    each("scores", scores, given).and_then(|scores| store.score_many(scores)).map_err(|e| behind(first, e))
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

/// One name, or a list of them.
fn groupings(by: &Value) -> Result<Vec<GroupBy>> {
    let one = |name: &Value| match name.as_str() {
        Some(name) => name.parse(),
        None => {
            let reason = format!("by is a name, or a list of names, not {name}");
            Err(Error::InvalidArgument { argument: "by".to_owned(), reason })
        }
    };
    match by {
        Value::Array(names) => names.iter().map(one).collect(),
        name => Ok(vec![one(name)?]),
    }
}

impl Summary {
    pub(super) fn filter(&self) -> Result<LiveFilter> {
        Ok(LiveFilter {
            by: self.by.as_ref().map_or_else(|| Ok(Vec::new()), groupings)?,
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
