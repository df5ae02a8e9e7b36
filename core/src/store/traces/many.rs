//! The verbs for many traces at once, and for old ones.

use std::collections::{BTreeSet, HashMap};

use serde_json::json;

use super::{
    LiveFilter, Nothing, TraceFilter, TraceOrder, TracePage, enrol_by_trace, invalid, wanted_version,
};
use crate::compare::live::{GroupBy, LiveSummary, Question, summarise_all, values};
use crate::error::{Error, Result};
use crate::experiments::record;
use crate::model::experiment::ExperimentState;
use crate::model::id::ContentId;
use crate::model::name::{MetricName, PromptName, TraceId};
use crate::model::score::ScoreConfig;
use crate::model::selector::VersionRef;
use crate::model::time::Timestamp;
use crate::model::trace::{Figure, NewScore, NewTrace};
use crate::prompts::{labels, versions};
use crate::runs::metrics;
use crate::storage::kv::{Read, Write};
use crate::storage::log::{Author, append};
use crate::store::Store;
use crate::traces::read::Span;
use crate::traces::{self, Archive, Needs, Pruned, Wanted, bulk, scores, write};

/// So many of one kind are taken in one call.
const MOST: usize = 100_000;

/// One production call, with the scores that it has from the beginning.
#[derive(Debug, Clone)]
pub struct LoggedCall {
    /// The prompt.
    pub prompt: String,
    /// The version that was called.
    pub version: VersionRef,
    /// What is said about the call.
    pub trace: NewTrace,
    /// Its scores: the metric's name and the score.
    pub scores: Vec<(String, NewScore)>,
}

/// A score of a trace.
#[derive(Debug, Clone)]
pub struct GivenScore {
    /// The trace.
    pub trace_id: String,
    /// The metric.
    pub metric: String,
    /// What is said.
    pub score: NewScore,
}

fn limited(what: &'static str, n: usize) -> Result<()> {
    if n <= MOST {
        Ok(())
    } else {
        invalid(what, format!("at most {MOST} are taken at once; {n} were given"))
    }
}

/// Names of a batch, each once; most batches have few metrics.
struct Once<T> {
    names: Vec<T>,
    spelled: fn(&T) -> &str,
    known: HashMap<String, usize>,
    /// Where the last one was found: most calls have the same metrics in the same order.
    last: usize,
}

impl<T> Once<T> {
    fn new(spelled: fn(&T) -> &str) -> Once<T> {
        Once { names: Vec::new(), spelled, known: HashMap::new(), last: 0 }
    }

    fn find(&mut self, name: &str, make: impl FnOnce(&str) -> Result<T>) -> Result<usize> {
        let next = if self.last + 1 < self.names.len() { self.last + 1 } else { 0 };
        self.last = if self.names.get(next).is_some_and(|known| (self.spelled)(known) == name) {
            next
        } else if let Some(found) = self.known.get(name) {
            *found
        } else {
            self.names.push(make(name)?);
            self.known.insert(name.to_owned(), self.names.len() - 1);
            self.names.len() - 1
        };
        Ok(self.last)
    }
}

/// What each metric of a batch declares.
fn configs(tx: &dyn Read, metrics: &[MetricName]) -> Result<Vec<Option<ScoreConfig>>> {
    metrics.iter().map(|metric| metrics::read(tx, metric)).collect()
}

fn check(
    metrics: &[MetricName],
    configs: &[Option<ScoreConfig>],
    metric: usize,
    score: &NewScore,
) -> Result<()> {
    configs[metric].as_ref().map_or(Ok(()), |config| config.check(metrics[metric].as_str(), &score.value))
}

/// A call that passed every check that needs no store.
struct Draft {
    version: VersionRef,
    trace: write::Draft,
    scores: Vec<(usize, NewScore)>,
}

fn log_all(tx: &mut dyn Write, author: &Author, metrics: &[MetricName], drafts: Vec<Draft>) -> Result<()> {
    let mut known: Vec<(PromptName, VersionRef, u32, ContentId)> = Vec::new();
    let configs = configs(&*tx, metrics)?;
    let mut logged = Vec::with_capacity(drafts.len());
    for (i, Draft { version, trace, scores }) in drafts.into_iter().enumerate() {
        let at = |error: Error| error.in_batch("calls", i);
        // Most batches name few versions.
        let found = known.iter().rev().take(64).find(|(p, v, ..)| *v == version && *p == trace.prompt);
        let (number, version_id) = match found {
            Some((.., number, id)) => (*number, *id),
            None => {
                let number = versions::resolve(&*tx, &trace.prompt, &version).map_err(at)?;
                let id = versions::id_of(&*tx, &trace.prompt, number).map_err(at)?;
                known.push((trace.prompt.clone(), version, number, id));
                (number, id)
            }
        };
        for (metric, score) in &scores {
            check(metrics, &configs, *metric, score).map_err(at)?;
        }
        let trace = if trace.names_an_experiment() {
            let variant = enrol_by_trace(tx, author, &trace.prompt, &trace.exposed()).map_err(at)?;
            trace.with_variant(variant)
        } else {
            trace
        };
        logged.push(bulk::Logged { draft: trace, version: number, version_id, scores });
    }
    bulk::log(tx, author.now, metrics, logged)
}

impl Store {
    /// Logs many production calls, with their scores if they have some; returns the traces' ids, in the order of the
    /// calls.
    ///
    /// # Atomicity
    /// All or nothing, and durable when it returns.
    ///
    /// # Errors
    /// As [`Store::log`] and [`Store::score`], at once, as an [`Error::InBatch`] that names the first call which is
    /// wrong; `invalid-argument` for more than 100,000.
    pub fn log_many(&self, calls: Vec<LoggedCall>) -> Result<Vec<TraceId>> {
        limited("calls", calls.len())?;
        let now = Timestamp::now();
        let mut ids = Vec::with_capacity(calls.len());
        let mut drafts = Vec::with_capacity(calls.len());
        let mut metrics: Once<MetricName> = Once::new(MetricName::as_str);
        for (i, LoggedCall { prompt, version, trace, scores: given }) in calls.into_iter().enumerate() {
            let at = |error: Error| error.in_batch("calls", i);
            let trace = write::Draft::new(&prompt, trace, now).map_err(at)?;
            if let VersionRef::Of { prompt: other, .. } = &version
                && *other != prompt
            {
                return Err(at(Error::VersionOfAnotherPrompt { prompt, other: other.clone() }));
            }
            let mut scores = Vec::with_capacity(given.len());
            for (name, score) in given {
                let metric = metrics.find(&name, scores::metric).map_err(at)?;
                scores.push((metric, scores::checked(&metrics.names[metric], score).map_err(at)?));
            }
            ids.push(trace.id.clone());
            drafts.push(Draft { version, trace, scores });
        }
        self.recorder.wait();
        self.write(move |tx, author| log_all(tx, author, &metrics.names, drafts))?;
        Ok(ids)
    }

    /// Scores many traces; returns how many scores there were.
    ///
    /// # Atomicity
    /// All or nothing, and durable when it returns.
    ///
    /// # Errors
    /// As [`Store::score`], at once, as an [`Error::InBatch`] that names the first score which is wrong;
    /// `invalid-argument` for more than 100,000.
    pub fn score_many(&self, given: Vec<GivenScore>) -> Result<u64> {
        limited("scores", given.len())?;
        let (mut traces, mut metrics) = (Once::new(TraceId::as_str), Once::new(MetricName::as_str));
        let mut drafts = Vec::with_capacity(given.len());
        for (i, GivenScore { trace_id, metric, score }) in given.into_iter().enumerate() {
            let at = |error: Error| error.in_batch("scores", i);
            let metric = metrics.find(&metric, scores::metric).map_err(at)?;
            let trace = traces.find(&trace_id, str::parse).map_err(at)?;
            drafts.push((trace, metric, scores::checked(&metrics.names[metric], score).map_err(at)?));
        }
        let count = drafts.len() as u64;
        // What was logged a moment ago may still be on its way.
        self.recorder.wait();
        self.write(move |tx, author| {
            let configs = configs(&*tx, &metrics.names)?;
            for (i, (_, metric, score)) in drafts.iter().enumerate() {
                check(&metrics.names, &configs, *metric, score).map_err(|e| e.in_batch("scores", i))?;
            }
            bulk::score(tx, author.now, &traces.names, &metrics.names, drafts)
        })?;
        Ok(count)
    }

    /// Several metrics of a prompt in production: what [`Store::summary`] says of each, read in one state of the store.
    ///
    /// # Errors
    /// As [`Store::summary`].
    pub fn summaries(&self, prompt: &str, metrics: &[&str], filter: &LiveFilter) -> Result<Vec<LiveSummary>> {
        let prompt: PromptName = prompt.parse()?;
        let names = metrics.iter().map(|name| name.parse()).collect::<Result<Vec<MetricName>>>()?;
        let by_source = filter.source.is_some() || filter.by.contains(&GroupBy::Source);
        if let Some((_, twice)) = filter.by.iter().enumerate().find(|(i, by)| filter.by[..*i].contains(by)) {
            return invalid("by", format!("{} is given twice", twice.as_str()));
        }
        for name in &names {
            if by_source && Figure::of(name.as_str()).is_some() {
                return invalid("source", format!("{name} is measured, not judged: it has no source"));
            }
        }
        self.recorder.wait();
        self.read(|tx| {
            let version = match &filter.version {
                Some(version) => Some(versions::resolve(tx, &prompt, version)?),
                None => versions::latest(tx, &prompt).map(|_| None)?,
            };
            let (archive, labels) = (Archive::new(tx), labels::all(tx, &prompt)?);
            let (mut asked, mut needs) = (Vec::new(), Needs::default());
            for metric in names {
                let figure = Figure::of(metric.as_str()).is_some();
                let config = if figure { None } else { metrics::read(tx, &metric)? };
                if !figure && config.is_none() && !traces::scored_at_all(&archive, &prompt, &metric)? {
                    return Err(Error::MetricNotFound { metric: metric.to_string() });
                }
                let (prompt, labels) = (prompt.clone(), labels.clone());
                let (source, by) = (filter.source, filter.by.clone());
                asked.push(Question { prompt, metric, config, source, by, labels });
                needs = needs.and(asked.last().map(Question::needs).unwrap_or_default());
            }
            let span = Span { since: filter.since, until: filter.until };
            let wanted = Wanted { span, version, experiment: filter.experiment.as_deref(), needs };
            let live = traces::gather(&archive, &prompt, wanted)?;
            summarise_all(&archive, &live, asked)
        })
    }

    /// Removes the production calls that were made before a moment, with their texts and scores: of one prompt, or of
    /// all of them.
    ///
    /// What stays: prompts, labels, datasets, runs, verdicts and the event log, which has an entry that says what went;
    /// dataset items that were made of a trace; exposures; and traces of an experiment that has no conclusion yet,
    /// which are counted by experiment.
    ///
    /// # Errors
    /// `prompt-not-found`, `invalid-name`.
    pub fn prune(&self, before: Timestamp, prompt: Option<&str>) -> Result<Pruned> {
        let prompt: Option<PromptName> = prompt.map(str::parse).transpose()?;
        self.recorder.wait();
        self.write(move |tx, author| {
            let prompts = match &prompt {
                Some(prompt) => {
                    versions::latest(&*tx, prompt)?;
                    vec![prompt.clone()]
                }
                None => traces::read::prompts(&*tx)?,
            };
            let mut open = BTreeSet::new();
            for stored in record::all(&*tx)? {
                if matches!(stored.experiment.state, ExperimentState::Registered | ExperimentState::Running) {
                    open.insert(stored.name().to_string());
                }
            }
            let mut all = Pruned::default();
            for prompt in prompts {
                let one = traces::prune(tx, &prompt, before, &open)?;
                all.traces += one.traces;
                all.scores += one.scores;
                for (experiment, kept) in one.kept {
                    *all.kept.entry(experiment).or_default() += kept;
                }
            }
            if all.traces > 0 {
                let data = json!({
                    "before": before, "prompt": prompt, "traces": all.traces, "scores": all.scores, "kept": all.kept,
                });
                append(tx, author, "traces.pruned", data)?;
            }
            Ok(all)
        })
    }
}

/// What a ranking is of: the prompt and the metric; nothing if the newest are wanted.
pub(super) fn ranking(
    filter: &TraceFilter,
    prompt: Option<&PromptName>,
) -> Result<Option<(PromptName, MetricName)>> {
    match (filter.order, &filter.metric, prompt) {
        (TraceOrder::Newest, None, _) => Ok(None),
        (TraceOrder::Newest, Some(_), _) => {
            invalid("metric", "a metric goes with the order `highest` or `lowest`")
        }
        (_, None, _) => invalid("metric", "by which metric? give `metric`"),
        (_, _, None) => {
            invalid("prompt", "the highest and the lowest are those of a prompt: give the prompt too")
        }
        (_, Some(_), _) if filter.cursor.is_some() => invalid("cursor", "a ranking has one page"),
        (_, Some(metric), Some(prompt)) => Ok(Some((prompt.clone(), metric.parse()?))),
    }
}

/// The traces with the highest or the lowest values of a metric.
pub(super) fn ranked(
    tx: &dyn Read,
    filter: &TraceFilter,
    (prompt, metric): &(PromptName, MetricName),
    limit: usize,
) -> Result<TracePage> {
    let mut page = TracePage { traces: Vec::new(), next: None };
    let version = match wanted_version(tx, filter, prompt)? {
        Ok(version) => version,
        Err(Nothing) => return Ok(page),
    };
    let span = Span { since: filter.since, until: filter.until };
    let archive = Archive::new(tx);
    let needs = Needs { at: true, figures: Figure::of(metric.as_str()).is_some(), ..Needs::default() };
    let wanted = Wanted { span, version, experiment: filter.experiment.as_deref(), needs };
    let live = traces::gather(&archive, prompt, wanted)?;
    let mut values = match Figure::of(metric.as_str()) {
        Some(figure) => live.figure(figure).to_vec(),
        None => values(&live, &live.marks(&archive, metric)?),
    };
    if filter.order == TraceOrder::Lowest {
        values.iter_mut().for_each(|value| *value = -*value);
    }
    let mut rows: Vec<u32> = (0..live.rows() as u32).filter(|&row| !values[row as usize].is_nan()).collect();
    rows.sort_unstable_by(|&a, &b| {
        let value = |row: u32| values[row as usize];
        let newest = |row: u32| (live.moment(row as usize), row);
        value(b).total_cmp(&value(a)).then_with(|| newest(b).cmp(&newest(a)))
    });
    for row in rows {
        if page.traces.len() == limit {
            break;
        }
        let trace = archive.load(&live.id(&archive, row)?)?;
        if filter.user.is_none() || trace.user == filter.user {
            page.traces.push(trace);
        }
    }
    Ok(page)
}
