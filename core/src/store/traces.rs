//! The verbs of production traces.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Store;
use super::experiments::enrol_by_trace;
use super::recorder::Durability;
use crate::compare::live::{GroupBy, LiveSummary, Observed, Question, summarise};
use crate::datasets::write as datasets;
use crate::error::{Error, Result};
use crate::model::dataset::{DatasetVersion, NewItem};
use crate::model::name::{DatasetName, MetricName, PromptName, TraceId};
use crate::model::selector::VersionRef;
use crate::model::time::Timestamp;
use crate::model::trace::{Figure, NewScore, NewTrace, ScoreSource, Trace};
use crate::prompts::{labels, versions};
use crate::runs::metrics;
use crate::storage::kv::{Flow, Read};
use crate::traces::read::{self, Place, Span};
use crate::traces::{scores, write};

/// Which traces are listed.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct TraceFilter {
    /// Of this prompt.
    pub prompt: Option<String>,
    /// Of this version of the prompt.
    pub version: Option<VersionRef>,
    /// Of the version that this label of the prompt points to now.
    pub label: Option<String>,
    /// For this user.
    pub user: Option<String>,
    /// Of this experiment.
    pub experiment: Option<String>,
    /// From this moment on.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
    /// At most so many; 100 by default, and never more than 1,000.
    pub limit: Option<usize>,
    /// Where the page before ended: its [`TracePage::next`].
    pub cursor: Option<String>,
}

/// Traces, newest first, and where the next ones begin.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TracePage {
    /// The traces with their scores.
    pub traces: Vec<Trace>,
    /// The cursor of the next page; none if this is the last one.
    pub next: Option<String>,
}

/// Which traces are summarised, and by what they are grouped.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct LiveFilter {
    /// What the groups are made by.
    pub by: Option<GroupBy>,
    /// Of this version.
    pub version: Option<VersionRef>,
    /// Of this experiment.
    pub experiment: Option<String>,
    /// From this moment on.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
    /// Only scores of this source.
    pub source: Option<ScoreSource>,
}

/// A page has so many traces, if nothing else is said.
const PAGE: usize = 100;
const MAX_PAGE: usize = 1_000;
/// A page that has more bytes of JSON than this ends there.
const MAX_PAGE_BYTES: usize = 16 << 20;

fn invalid<T>(argument: &str, reason: impl Into<String>) -> Result<T> {
    Err(Error::InvalidArgument { argument: argument.to_owned(), reason: reason.into() })
}

impl Store {
    /// Logs one production call of a version, and returns the trace's id.
    ///
    /// Everything that needs no look into the store is checked before this returns.
    ///
    /// # Atomicity
    /// With [`Durability::Soon`] it returns at once: the trace is durable within 200 ms, or when [`Store::flush`] or
    /// [`Store::close`] returns, and a kill before that loses it whole, never in part. At most 10,000 calls are on
    /// their way; the next one waits. Reads through this handle see what it logged.
    ///
    /// # Errors
    /// `invalid-name`, `invalid-trace`, `invalid-json`, `invalid-time`, `too-large`, `version-of-another-prompt`.
    /// Of the store's state, at once or at the next `flush`: `trace-exists`, `version-not-found`, `prompt-not-found`.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> trialplate::Result<()> {
    /// # let dir = tempfile::tempdir().unwrap();
    /// use trialplate::{Content, Durability, LiveFilter, NewScore, NewTrace, ScoreValue, Store};
    /// let store = Store::open(dir.path().join("prompts.tp"))?;
    /// let v = store.publish("tone", Content::text("Say hello"), Default::default())?;
    /// let call = NewTrace { output: Some("Hello!".into()), latency_ms: Some(812.0), ..Default::default() };
    /// let trace = store.log(v.name(), &(&v).into(), call, Durability::Soon)?;
    /// store.score(trace.as_str(), "warmth", NewScore::new(ScoreValue::Number(4.0)), Durability::Soon)?;
    /// assert_eq!(store.summary("tone", "warmth", &LiveFilter::default())?.figures.mean, Some(4.0));
    /// # Ok(())
    /// # }
    /// ```
    pub fn log(
        &self,
        prompt: &str,
        version: &VersionRef,
        trace: NewTrace,
        durability: Durability,
    ) -> Result<TraceId> {
        let draft = write::Draft::new(prompt, trace, Timestamp::now())?;
        if let VersionRef::Of { prompt: other, .. } = version
            && other != prompt
        {
            return Err(Error::VersionOfAnotherPrompt { prompt: prompt.to_owned(), other: other.clone() });
        }
        let (id, version) = (draft.id.clone(), version.clone());
        self.write_soon(durability, draft.bytes(), move |tx, author| {
            let number = versions::resolve(tx, &draft.prompt, &version)?;
            let version_id = versions::id_of(tx, &draft.prompt, number)?;
            let variant = enrol_by_trace(tx, author, &draft.prompt, &draft.exposed())?;
            write::log(tx, number, version_id, draft.with_variant(variant))
        })?;
        Ok(id)
    }

    /// Scores a trace.
    ///
    /// All scores are kept; of one metric and source the newest counts. A missing value is counted, and never 0.
    ///
    /// # Atomicity
    /// As [`Store::log`].
    ///
    /// # Errors
    /// `invalid-name`, `invalid-score`, `too-large`. Of the store's state, at once or at the next `flush`:
    /// `trace-not-found`; `score-out-of-range` and `invalid-score` for what the metric does not allow.
    pub fn score(&self, trace_id: &str, metric: &str, score: NewScore, durability: Durability) -> Result<()> {
        let draft = scores::Draft::new(trace_id, metric, score)?;
        self.write_soon(durability, draft.bytes(), move |tx, author| {
            metrics::check(tx, &draft.metric, &draft.score.value)?;
            scores::add(tx, author.now, draft)
        })
    }

    /// A trace with its scores.
    ///
    /// # Errors
    /// `trace-not-found`, `invalid-name`.
    pub fn trace(&self, trace_id: &str) -> Result<Trace> {
        let id: TraceId = trace_id.parse()?;
        self.recorder.wait();
        self.read(|tx| read::load(tx, &id))
    }

    /// Traces, newest first: a page of them, and where the next page begins.
    ///
    /// # Errors
    /// `prompt-not-found`, `version-not-found`, `label-not-found`; `invalid-argument` for a version or a label without
    /// a prompt, a limit of 0 or above 1,000, and a cursor that is none.
    pub fn traces(&self, filter: &TraceFilter) -> Result<TracePage> {
        let limit = filter.limit.unwrap_or(PAGE);
        if !(1..=MAX_PAGE).contains(&limit) {
            return invalid("limit", format!("a page has 1 to {MAX_PAGE} traces, not {limit}"));
        }
        let behind = filter.cursor.as_deref().map(read_cursor).transpose()?;
        let prompt: Option<PromptName> = filter.prompt.as_deref().map(str::parse).transpose()?;
        if prompt.is_none() && (filter.version.is_some() || filter.label.is_some()) {
            return invalid("prompt", "a version or a label is one of a prompt: give the prompt too");
        }
        self.recorder.wait();
        self.read(|tx| page(tx, filter, prompt, limit, behind))
    }

    /// One metric of a prompt in production: how many, mean, spread, quantiles, histogram and a 95 % interval of the
    /// mean; over all traces that fit, and by group.
    ///
    /// The metric is one that traces were scored under, or a figure of the trace itself: `latency_ms`, `cost_usd`,
    /// `tokens_in`, `tokens_out`. The unit is the trace: each source's newest score counts, and several sources are
    /// averaged, unless one is named. By label, a trace counts for the labels that point to its version now.
    ///
    /// # Errors
    /// `prompt-not-found`, `version-not-found`; `metric-not-found` for a metric that is neither declared nor scored on
    /// a trace of the prompt; `invalid-argument` if sources are asked of a figure, which has none.
    pub fn summary(&self, prompt: &str, metric: &str, filter: &LiveFilter) -> Result<LiveSummary> {
        let (prompt, metric): (PromptName, MetricName) = (prompt.parse()?, metric.parse()?);
        let figure = Figure::of(metric.as_str()).is_some();
        if figure && (filter.source.is_some() || filter.by == Some(GroupBy::Source)) {
            return invalid("source", format!("{metric} is measured, not judged: it has no source"));
        }
        self.recorder.wait();
        let (question, observed) = self.read(|tx| {
            let number = match &filter.version {
                Some(version) => Some(versions::resolve(tx, &prompt, version)?),
                None => versions::latest(tx, &prompt).map(|_| None)?,
            };
            let config = if figure { None } else { metrics::read(tx, &metric)? };
            let scored = |id: &TraceId| {
                if figure { Ok(BTreeMap::new()) } else { scores::current(tx, id, &metric) }
            };
            let span = Span { since: filter.since, until: filter.until };
            let mut observed = Vec::new();
            read::visit(tx, &prompt, span, None, &mut |facts| {
                let fits = number.is_none_or(|number| facts.version == number)
                    && (filter.experiment.is_none() || facts.experiment == filter.experiment);
                if fits {
                    let scores = scored(&facts.trace_id)?;
                    observed.push(Observed { facts, scores });
                }
                Ok(Flow::Continue)
            })?;
            let known = figure || config.is_some() || observed.iter().any(|seen| !seen.scores.is_empty());
            if !known && !scored_at_all(tx, &prompt, &metric)? {
                return Err(Error::MetricNotFound { metric: metric.to_string() });
            }
            let labels = labels::all(tx, &prompt)?;
            let (source, by) = (filter.source, filter.by);
            Ok((Question { prompt, metric, config, source, by, labels }, observed))
        })?;
        summarise(question, &observed)
    }

    /// Adds a production call to a dataset: its input and its stratum, with `source_trace` set.
    ///
    /// What came out is no expectation: it is one only if it is given. Without a key the item has the trace's id for
    /// one, so the same trace again replaces it.
    ///
    /// # Errors
    /// `trace-not-found`; as [`Store::dataset_add`].
    pub fn dataset_add_from_trace(
        &self,
        name: &str,
        trace_id: &str,
        expected: serde_json::Value,
        key: Option<&str>,
    ) -> Result<DatasetVersion> {
        let (name, id): (DatasetName, TraceId) = (name.parse()?, trace_id.parse()?);
        let key = key.unwrap_or(trace_id).to_owned();
        self.write(move |tx, author| {
            let trace = read::load(tx, &id)?;
            let item = NewItem {
                key: Some(key),
                input: trace.input.unwrap_or_default(),
                expected,
                stratum: trace.stratum,
                source_trace: Some(id.to_string()),
                ..NewItem::default()
            };
            let made = datasets::add(tx, author, &name, datasets::Draft::new(vec![item])?)?;
            made.ok_or_else(|| Error::DatasetNotFound { name: name.to_string() })
        })
    }
}

fn scored_at_all(tx: &dyn Read, prompt: &PromptName, metric: &MetricName) -> Result<bool> {
    let mut found = false;
    read::visit(tx, prompt, Span::default(), None, &mut |facts| {
        found = !scores::current(tx, &facts.trace_id, metric)?.is_empty();
        Ok(if found { Flow::Stop } else { Flow::Continue })
    })?;
    Ok(found)
}

/// `MICROSECONDS/TRACE`: opaque to who gets one.
fn cursor((at, id): &Place) -> String {
    format!("{}/{id}", at.as_micros())
}

pub(super) fn read_cursor(text: &str) -> Result<Place> {
    let parts = text.split_once('/').and_then(|(at, id)| Some((at.parse().ok()?, id.parse().ok()?)));
    match parts {
        Some((at, id)) => Ok((Timestamp::from_micros(at), id)),
        None => invalid("cursor", "a cursor is what the page before gave as `next`"),
    }
}

fn page(
    tx: &dyn Read,
    filter: &TraceFilter,
    prompt: Option<PromptName>,
    limit: usize,
    behind: Option<Place>,
) -> Result<TracePage> {
    let mut number = None;
    let prompts = match prompt {
        None => read::prompts(tx)?,
        Some(prompt) => {
            versions::latest(tx, &prompt)?;
            if let Some(label) = &filter.label {
                number = Some(versions::select(tx, &prompt, &label.as_str().into())?.number());
            }
            if let Some(version) = &filter.version {
                let named = versions::resolve(tx, &prompt, version)?;
                if number.is_some_and(|number| number != named) {
                    return Ok(TracePage { traces: Vec::new(), next: None });
                }
                number = Some(named);
            }
            vec![prompt]
        }
    };
    let span = Span { since: filter.since, until: filter.until };
    // Of each prompt the newest that fit, and one more, which says whether there is a next page.
    let mut found: Vec<Place> = Vec::new();
    for prompt in &prompts {
        let most = found.len() + limit + 1;
        read::visit(tx, prompt, span, behind.as_ref(), &mut |facts| {
            let fits = number.is_none_or(|number| facts.version == number)
                && (filter.user.is_none() || facts.user == filter.user)
                && (filter.experiment.is_none() || facts.experiment == filter.experiment);
            if fits {
                found.push((facts.at, facts.trace_id));
            }
            Ok(if found.len() == most { Flow::Stop } else { Flow::Continue })
        })?;
    }
    found.sort_by(|a, b| b.cmp(a));
    let (mut traces, mut bytes) = (Vec::new(), 0);
    for (_, id) in found.iter().take(limit) {
        let trace = read::load(tx, id)?;
        bytes += serde_json::to_string(&trace).map_or(0, |text| text.len());
        traces.push(trace);
        if bytes > MAX_PAGE_BYTES {
            break;
        }
    }
    let next = found.get(traces.len()).and_then(|_| found.get(traces.len().checked_sub(1)?)).map(cursor);
    Ok(TracePage { traces, next })
}

#[cfg(test)]
mod tests;
