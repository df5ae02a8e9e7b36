//! The verbs of production traces.

mod many;

use serde::Serialize;

use super::Store;
use super::experiments::enrol_by_trace;
use super::recorder::Durability;
use crate::compare::live::{GroupBy, LiveSummary};
use crate::datasets::write as datasets;
use crate::error::{Error, Result};
use crate::model::dataset::{DatasetVersion, NewItem};
use crate::model::name::{DatasetName, PromptName, TraceId};
use crate::model::selector::VersionRef;
use crate::model::time::Timestamp;
use crate::model::trace::{NewScore, NewTrace, ScoreSource, Trace};
use crate::prompts::versions;
use crate::runs::metrics;
use crate::storage::kv::{Flow, Read};
use crate::traces::read::{self, Place, Span};
use crate::traces::{Archive, scores, write};

pub use many::{GivenScore, LoggedCall};

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
    /// In which order.
    pub order: TraceOrder,
    /// The metric that the order is by, unless that is the newest first.
    pub metric: Option<String>,
    /// At most so many; 100 by default, and never more than 1,000.
    pub limit: Option<usize>,
    /// Where the page before ended: its [`TracePage::next`].
    pub cursor: Option<String>,
}

/// In which order traces are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TraceOrder {
    /// The newest first.
    #[default]
    Newest,
    /// The highest value of a metric first, and of equal values the newest.
    Highest,
    /// The lowest value of a metric first, and of equal values the newest.
    Lowest,
}

impl std::str::FromStr for TraceOrder {
    type Err = Error;

    fn from_str(text: &str) -> Result<TraceOrder> {
        match text {
            "newest" => Ok(TraceOrder::Newest),
            "highest" => Ok(TraceOrder::Highest),
            "lowest" => Ok(TraceOrder::Lowest),
            _ => invalid("order", format!("traces are listed newest, highest or lowest first, not `{text}`")),
        }
    }
}

/// Traces, in their order, and where the next ones begin.
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
    /// What the groups are made by: nothing, one thing or several at once, each of them once.
    pub by: Vec<GroupBy>,
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
        self.read(|tx| Archive::new(tx).load(&id))
    }

    /// Traces, newest first: a page of them, and where the next page begins. Or those of a prompt with the highest or the
    /// lowest values of a metric, which is one page; a trace's value is what [`Store::summary`] counts.
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
        let ranking = many::ranking(filter, prompt.as_ref())?;
        self.recorder.wait();
        self.read(|tx| match &ranking {
            Some(metric) => many::ranked(tx, filter, metric, limit),
            None => page(tx, filter, prompt, limit, behind),
        })
    }

    /// One metric of a prompt in production: how many, mean, spread, quantiles, histogram and a 95 % interval of the
    /// mean; over all traces that fit, and by group.
    ///
    /// The metric is one that traces were scored under, or a figure of the trace itself: `latency_ms`, `cost_usd`,
    /// `tokens_in`, `tokens_out`. The unit is the trace: each source's newest score counts, and several sources are
    /// averaged, unless one is named. By label, a trace counts for the labels that point to its version now.
    /// By several things at once, a group is named by each of them in turn, and is there if it has a trace.
    ///
    /// # Errors
    /// `prompt-not-found`, `version-not-found`; `metric-not-found` for a metric that is neither declared nor scored on
    /// a trace of the prompt; `invalid-argument` if sources are asked of a figure, which has none, and for the same
    /// grouping twice.
    pub fn summary(&self, prompt: &str, metric: &str, filter: &LiveFilter) -> Result<LiveSummary> {
        let mut made = self.summaries(prompt, &[metric], filter)?;
        made.pop().ok_or_else(|| Error::MetricNotFound { metric: metric.to_owned() })
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
            let trace = Archive::new(&*tx).load(&id)?;
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

/// A label and a version were asked for, and they are not the same.
struct Nothing;

fn wanted_version(
    tx: &dyn Read,
    filter: &TraceFilter,
    prompt: &PromptName,
) -> Result<std::result::Result<Option<u32>, Nothing>> {
    versions::latest(tx, prompt)?;
    let mut number = None;
    if let Some(label) = &filter.label {
        number = Some(versions::select(tx, prompt, &label.as_str().into())?.number());
    }
    if let Some(version) = &filter.version {
        let named = versions::resolve(tx, prompt, version)?;
        if number.is_some_and(|number| number != named) {
            return Ok(Err(Nothing));
        }
        number = Some(named);
    }
    Ok(Ok(number))
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
            match wanted_version(tx, filter, &prompt)? {
                Ok(wanted) => number = wanted,
                Err(Nothing) => return Ok(TracePage { traces: Vec::new(), next: None }),
            }
            vec![prompt]
        }
    };
    let span = Span { since: filter.since, until: filter.until };
    // Of each prompt the newest that fit, and one more, which says whether there is a next page.
    let archive = Archive::new(tx);
    let mut found: Vec<Place> = Vec::new();
    for prompt in &prompts {
        let most = found.len() + limit + 1;
        archive.visit(prompt, span, behind.as_ref(), &mut |facts| {
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
        let trace = archive.load(id)?;
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
