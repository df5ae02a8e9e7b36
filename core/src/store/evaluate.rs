//! The runs' verbs.

use serde::Serialize;

use super::{Store, guard};
use crate::compare::options::{self, CompareOptions};
use crate::compare::pair::{self, Comparison, Evidence};
use crate::compare::summary::{RunSummary, summarise};
use crate::compare::table::Table;
use crate::datasets::read as datasets;
use crate::error::{Error, Result};
use crate::model::id::RunId;
use crate::model::name::{DatasetName, PromptName, RunName};
use crate::model::run::{NewRow, Pending, Row, Run};
use crate::model::selector::VersionRef;
use crate::model::time::Timestamp;
use crate::model::version::LabelMove;
use crate::prompts::versions;
use crate::runs::{lifecycle, metrics, rows};
use crate::scorers::{self, Scorer};
use crate::storage::kv::{Read, Write};
use crate::storage::log::Author;

/// How a run is made.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RunOptions {
    /// What scores its outputs.
    pub scorers: Vec<Scorer>,
    /// How often each item is tried.
    pub trials: u32,
    /// Its name. An unfinished run of the same name is resumed.
    pub name: Option<String>,
    /// The dataset's version; the newest by default.
    pub dataset_version: Option<u32>,
}

impl Default for RunOptions {
    fn default() -> RunOptions {
        RunOptions { scorers: Vec::new(), trials: 1, name: None, dataset_version: None }
    }
}

/// More trials than anybody pays for.
const MAX_TRIALS: u32 = 10_000;

/// A finished run, and what its finishing moved.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FinishedRun {
    /// The run.
    #[serde(flatten)]
    pub run: Run,
    /// The labels that moved by themselves; none if it was finished before.
    pub moves: Vec<LabelMove>,
}

impl Store {
    /// Starts a run of a version on a dataset, or resumes the unfinished one of the same name.
    ///
    /// # Errors
    /// `run-differs` if the unfinished run of that name is about something else; `dataset-not-found`,
    /// `version-not-found`, `version-of-another-prompt`, `invalid-argument`; `too-large` for a scorer.
    pub fn start_run(
        &self,
        prompt: &str,
        version: &VersionRef,
        dataset: &str,
        options: RunOptions,
    ) -> Result<Run> {
        let (prompt, dataset): (PromptName, DatasetName) = (prompt.parse()?, dataset.parse()?);
        let name: Option<RunName> = options.name.as_deref().map(str::parse).transpose()?;
        let invalid =
            |argument: &str, reason: String| Error::InvalidArgument { argument: argument.to_owned(), reason };
        if !(1..=MAX_TRIALS).contains(&options.trials) {
            return Err(invalid("trials", format!("a run has 1 to {MAX_TRIALS} trials")));
        }
        for (i, scorer) in options.scorers.iter().enumerate() {
            if options.scorers[..i].iter().any(|other| other.name == scorer.name) {
                return Err(invalid(
                    "scorers",
                    format!("two scorers are named {}; a name is a metric", scorer.name),
                ));
            }
        }
        let version = version.clone();
        self.write(move |tx, author| {
            let number = versions::resolve(tx, &prompt, &version)?;
            let version = versions::load(tx, &prompt, number)?;
            let dataset = datasets::version(tx, &dataset, options.dataset_version)?;
            let scorers =
                options.scorers.iter().map(|scorer| scorers::save(tx, scorer)).collect::<Result<_>>()?;
            let trials = options.trials;
            let plan = lifecycle::Plan { version: &version, dataset: &dataset, scorers, trials, name };
            let (run, _) = lifecycle::start(tx, author, plan)?;
            Ok(run)
        })
    }

    /// A run by its id.
    ///
    /// # Errors
    /// `run-not-found`.
    pub fn run(&self, id: &str) -> Result<Run> {
        let id: RunId = id.parse()?;
        self.read(|tx| lifecycle::load(tx, &id))
    }

    /// The runs, oldest first; of one prompt, if one is named.
    ///
    /// # Errors
    /// What reading the store may give.
    pub fn runs(&self, prompt: Option<&str>) -> Result<Vec<Run>> {
        let mut runs = self.read(lifecycle::all)?;
        runs.retain(|run| prompt.is_none_or(|prompt| run.prompt.as_str() == prompt));
        Ok(runs)
    }

    /// The items and trials that a run has no row for yet, in the order of trial and key.
    ///
    /// # Errors
    /// `run-not-found`.
    pub fn pending(&self, run: RunId) -> Result<Vec<Pending>> {
        self.read(|tx| {
            let run = lifecycle::load(tx, &run)?;
            if run.finished_at.is_some() {
                return Ok(Vec::new());
            }
            let done = rows::recorded(tx, &run.id)?;
            let items = datasets::items(tx, &run.dataset, Some(run.dataset_version))?;
            let mut pending = Vec::new();
            for trial in 1..=run.trials {
                let open = items.iter().filter(|item| !done.contains(&(item.key.clone(), trial)));
                pending.extend(open.map(|item| Pending { item: item.clone(), trial }));
            }
            Ok(pending)
        })
    }

    /// Records a row: what came out for one item and trial. Built-in scorers of the run score it here.
    ///
    /// # Atomicity
    /// The row is durable when this returns.
    ///
    /// # Errors
    /// `row-exists` if this item and trial are recorded; `run-finished`; `item-not-found`; `invalid-score`,
    /// `score-out-of-range`, `invalid-item`, `too-large`.
    pub fn record(&self, run: RunId, key: &str, trial: u32, row: NewRow) -> Result<Row> {
        let draft = rows::Draft::new(key, trial, row)?;
        self.write(move |tx, author| record(tx, author, run, draft))
    }

    /// Records several rows in one transaction: all of them, or none.
    ///
    /// # Errors
    /// As [`Store::record`].
    pub fn record_all(&self, run: RunId, rows: Vec<(String, u32, NewRow)>) -> Result<Vec<Row>> {
        let drafts = rows.into_iter().map(|(key, trial, row)| rows::Draft::new(&key, trial, row));
        let drafts = drafts.collect::<Result<Vec<_>>>()?;
        self.write(move |tx, author| drafts.into_iter().map(|draft| record(tx, author, run, draft)).collect())
    }

    /// Finishes a run: it takes no more rows, and becomes evidence for gates. Finishing twice changes nothing.
    ///
    /// # Atomicity
    /// One transaction, in which the labels that move by themselves ([`Store::protect_auto`]) move as well; the
    /// result names them.
    ///
    /// # Errors
    /// `run-not-found`.
    pub fn finish_run(&self, run: RunId) -> Result<FinishedRun> {
        self.write(move |tx, author| {
            let open = lifecycle::load(tx, &run)?.finished_at.is_none();
            let run = lifecycle::finish(tx, author, &run)?;
            let moves = if open { guard::after_run(tx, author, &run)? } else { Vec::new() };
            Ok(FinishedRun { run, moves })
        })
    }

    /// Takes a finished run that holds rubbish out of the evidence, for ever. It can still be read, and it still
    /// counts as a run: a gate's bar, which rises with every run, does not come down again.
    ///
    /// # Errors
    /// `reason-required`, `run-not-found`, `run-not-finished`.
    pub fn withdraw_run(&self, run: RunId, reason: &str) -> Result<Run> {
        let reason = guard::required(reason)?;
        self.write(move |tx, author| lifecycle::withdraw(tx, author, &run, &reason))
    }

    /// A run's rows, in the order of (key, trial).
    ///
    /// # Errors
    /// `run-not-found`.
    pub fn rows(&self, run: RunId) -> Result<Vec<Row>> {
        self.read(|tx| {
            lifecycle::load(tx, &run)?;
            rows::all(tx, &run)
        })
    }

    /// A run at a glance: each metric's mean, spread and quantiles, errors, latency, cost, tokens.
    ///
    /// # Errors
    /// `run-not-found`.
    pub fn run_summary(&self, run: RunId) -> Result<RunSummary> {
        let (run, rows) = self.read(|tx| Ok((lifecycle::load(tx, &run)?, rows::all(tx, &run)?)))?;
        summarise(run, rows)
    }

    /// Two runs compared, paired by item: per metric the difference, its interval, a verdict and the items that
    /// got better and worse.
    ///
    /// # Errors
    /// `run-not-found`; `run-withdrawn`; `invalid-argument` if the runs are about different datasets.
    pub fn compare(&self, a: RunId, b: RunId) -> Result<Comparison> {
        self.compare_with(a, b, &CompareOptions::default())
    }

    /// The same with options: which metrics decide, what difference matters, what belongs together, how noisy the
    /// version itself is.
    ///
    /// # Errors
    /// As [`Store::compare`]; `invalid-argument` also for an alpha that is not strictly between 0 and 1, a margin
    /// that is not a finite number above 0, a metric that neither run scores, one that is named twice, a cluster that
    /// no item names, a noise run of another version or dataset, or one that is there already.
    pub fn compare_with(&self, a: RunId, b: RunId, options: &CompareOptions) -> Result<Comparison> {
        options::check(options, a, b)?;
        let evidence = self.read(|tx| {
            let side = |id| {
                let run = lifecycle::load(tx, &id)?;
                if let Some(gone) = run.withdrawn {
                    return Err(Error::RunWithdrawn { run: id.to_string(), reason: gone.reason });
                }
                Ok((run, Table::new(rows::all(tx, &id)?)))
            };
            let (a, b): ((Run, Table), (Run, Table)) = (side(a)?, side(b)?);
            if a.0.dataset != b.0.dataset {
                let reason = format!(
                    "the runs are about different datasets ({} and {}), so there are no pairs",
                    a.0.dataset, b.0.dataset
                );
                return Err(Error::InvalidArgument { argument: "runs".to_owned(), reason });
            }
            Ok(Evidence {
                noise: options.noise.iter().map(|id| side(*id)).collect::<Result<_>>()?,
                before: datasets::index(tx, &a.0.dataset, a.0.dataset_version)?,
                items: datasets::items(tx, &b.0.dataset, Some(b.0.dataset_version))?,
                configs: metrics::all(tx)?,
                a,
                b,
            })
        })?;
        pair::compare(evidence, options)
    }
}

fn record(tx: &mut dyn Write, author: &Author, run: RunId, mut draft: rows::Draft) -> Result<Row> {
    let run = lifecycle::load(tx, &run)?;
    let not_found = || Error::ItemNotFound { dataset: run.dataset.to_string(), key: draft.key.to_string() };
    let id = datasets::item_id(tx, &run.dataset, &draft.key, run.dataset_version)?.ok_or_else(not_found)?;
    score_built_in(tx, &run, id, &mut draft)?;
    for (metric, score) in &draft.scores {
        metrics::check(tx, metric, score)?;
    }
    let now: Timestamp = author.now;
    rows::record(tx, &run, id, now, draft)
}

fn score_built_in(
    tx: &(impl Read + ?Sized),
    run: &Run,
    id: crate::model::id::ContentId,
    draft: &mut rows::Draft,
) -> Result<()> {
    let mut context = None;
    for scorer in &run.scorers {
        let scorer = scorers::load(tx, scorer)?;
        if !scorer.is_built_in() {
            continue;
        }
        // A verdict names the scorer that gave the score: nobody else may give it in its name.
        if draft.scores.contains_key(&scorer.name) {
            let reason = "a built-in scorer of the run gives this score; leave it out, or record it under another name";
            return Err(Error::InvalidScore { metric: scorer.name.to_string(), reason: reason.to_owned() });
        }
        let Some(output) = &draft.row.output else { continue };
        if context.is_none() {
            let item = datasets::item(tx, draft.key.clone(), id)?;
            let version = versions::load(tx, &run.prompt, run.version)?;
            context = Some((item.expected, version.content().schema().cloned()));
        }
        let Some((expected, schema)) = &context else { continue };
        if let Some(score) = scorer.score(output, expected, schema.as_ref()) {
            draft.scores.insert(scorer.name.clone(), score);
        }
    }
    Ok(())
}
