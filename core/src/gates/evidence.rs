//! What a gate judges by: the finished runs of the candidate and of the version that holds the label.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::calibration::Calibration;
use crate::compare::table::Table;
use crate::model::id::{ContentId, RunId};
use crate::model::name::{DatasetName, ItemKey, MetricName};
use crate::model::run::{Row, Run, ScorerRef};
use crate::model::score::ScoreConfig;
use crate::model::verdict::DatasetRef;

/// Everything that was measured about one version on one dataset version.
pub(crate) struct Side {
    /// The version's number.
    pub(crate) version: u32,
    /// Its finished runs that have rows. The rows are pooled: later evidence adds to earlier evidence.
    pub(crate) runs: Vec<Run>,
    /// Its runs that were withdrawn: they say nothing, but they were tried.
    pub(crate) withdrawn: Vec<Run>,
    /// The metrics that each run's rows are scored by.
    metrics: Vec<BTreeSet<MetricName>>,
    pub(crate) table: Table,
}

impl Side {
    pub(crate) fn new(version: u32, runs: Vec<(Run, Vec<Row>)>) -> Side {
        // A run without a row says nothing, and must not make anything look complete either.
        let (gone, runs): (Vec<_>, Vec<_>) = runs
            .into_iter()
            .filter(|(run, _)| run.rows != Some(0))
            .partition(|(run, _)| run.withdrawn.is_some());
        let withdrawn = gone.into_iter().map(|(run, _)| run).collect();
        let scored = |rows: &[Row]| rows.iter().flat_map(|row| row.scores.keys().cloned()).collect();
        let metrics = runs.iter().map(|(_, rows)| scored(rows)).collect();
        let (runs, rows): (Vec<Run>, Vec<Vec<Row>>) = runs.into_iter().unzip();
        Side { version, runs, withdrawn, metrics, table: Table::new(rows.into_iter().flatten()) }
    }

    /// The runs that are about a metric: those that were to be scored by it, and those that were.
    fn runs_on<'a>(&'a self, metric: &'a MetricName) -> impl Iterator<Item = &'a Run> {
        let about = |(run, scored): &(&Run, &BTreeSet<MetricName>)| {
            scored.contains(metric) || run.scorers.iter().any(|scorer| scorer.name == *metric)
        };
        self.runs.iter().zip(&self.metrics).filter(move |pair| about(pair)).map(|(run, _)| run)
    }

    /// How many runs are about a metric. Every withdrawn one counts, or withdrawing would lower the bar again.
    pub(crate) fn attempts(&self, metric: &MetricName) -> u64 {
        (self.runs_on(metric).count() + self.withdrawn.len()) as u64
    }

    /// How many runs there were.
    pub(crate) fn attempts_in_all(&self) -> u64 {
        (self.runs.len() + self.withdrawn.len()) as u64
    }

    /// How many scores an item must have: one for each trial of each run that is about the metric. Evidence adds
    /// up, so a later and smaller run doesn't make an earlier one whole.
    pub(crate) fn scores_needed(&self, metric: &MetricName) -> usize {
        self.runs_on(metric).map(|run| run.trials as usize).sum()
    }

    /// How many outputs (or errors) an item must have.
    pub(crate) fn outputs_needed(&self) -> usize {
        self.runs.iter().map(|run| run.trials as usize).sum()
    }

    /// The scorer that gave a metric its scores; `Err` if the runs took it from different ones.
    pub(crate) fn scorer(&self, metric: &MetricName) -> Result<Option<ContentId>, String> {
        let mut found = None;
        for run in self.runs_on(metric) {
            let id = run.scorer(metric);
            if *found.get_or_insert(id) != id {
                return Err(format!(
                    "the runs of version {} took {metric} from different scorers",
                    self.version
                ));
            }
        }
        Ok(found.flatten())
    }
}

/// A dataset of the gate, and what is known on it.
pub(crate) struct OnDataset {
    pub(crate) dataset: Option<DatasetRef>,
    /// The keys of the items of that version.
    pub(crate) items: Vec<ItemKey>,
    /// By a member of the metadata: what each item belongs to.
    pub(crate) clusters: BTreeMap<String, BTreeMap<ItemKey, String>>,
    pub(crate) candidate: Side,
    /// None if no version holds the label.
    pub(crate) baseline: Option<Side>,
    /// How many versions of the prompt were run on it.
    pub(crate) tried: u64,
}

/// What a gate judges by.
pub(crate) struct Evidence {
    pub(crate) datasets: BTreeMap<DatasetName, OnDataset>,
    pub(crate) configs: BTreeMap<MetricName, ScoreConfig>,
    /// The scorers that are judges, and how far each agrees with people, if that was looked into.
    pub(crate) judges: BTreeMap<(MetricName, ContentId), Option<Calibration>>,
    /// The candidate's.
    pub(crate) response_schema: Option<Value>,
}

impl Evidence {
    pub(super) fn sides(&self) -> impl Iterator<Item = &Side> {
        self.datasets.values().flat_map(|on| std::iter::once(&on.candidate).chain(on.baseline.as_ref()))
    }

    /// The scorers of the candidate's metrics, by name: part of a verdict's key.
    pub(crate) fn scorers(&self) -> Vec<ScorerRef> {
        let runs = self.datasets.values().flat_map(|on| &on.candidate.runs);
        let mut scorers: Vec<ScorerRef> = runs.flat_map(|run| run.scorers.clone()).collect();
        scorers.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
        scorers.dedup();
        scorers
    }

    /// The runs that were withdrawn, each once.
    pub(super) fn withdrawn(&self) -> Vec<RunId> {
        let ids: BTreeSet<RunId> = self.sides().flat_map(|side| &side.withdrawn).map(|run| run.id).collect();
        ids.into_iter().collect()
    }
}
