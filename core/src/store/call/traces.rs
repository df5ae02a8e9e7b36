//! The arguments of the traces' verbs as the hall takes them.

use serde_json::Value;

use super::args::{AddFromTrace, Log, Score, Summary, Traces};
use crate::error::Result;
use crate::model::dataset::DatasetVersion;
use crate::model::name::TraceId;
use crate::model::score::ScoreValue;
use crate::model::time::Timestamp;
use crate::model::trace::{NewScore, NewTrace};
use crate::scorers::Scorer;
use crate::store::{Durability, LiveFilter, Store, TraceFilter};

fn durability(durable: Option<bool>) -> Durability {
    if durable == Some(true) { Durability::Now } else { Durability::default() }
}

fn time(text: Option<String>) -> Result<Option<Timestamp>> {
    text.map(|text| text.parse()).transpose()
}

pub(super) fn log(store: &Store, a: Log) -> Result<TraceId> {
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
    store.log(&a.prompt, &a.version.reference()?, trace, durability(a.durable))
}

pub(super) fn score(store: &Store, a: Score) -> Result<()> {
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
    store.score(&a.trace_id, &a.metric, score, durability(a.durable))
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
