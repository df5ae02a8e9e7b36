//! What a check looks at: each item with its scores, and what they would be if what is missing were the worst.

use super::evidence::{OnDataset, Side};
use super::words::Level;
use crate::compare::table::Table;
use crate::model::gate::{Check, OnError};
use crate::model::name::{ItemKey, MetricName};
use crate::model::score::ScoreConfig;
use crate::stats;

/// An item with its scores under the baseline and under the candidate.
#[derive(Clone)]
pub(super) struct Scored<'a> {
    pub(super) key: &'a ItemKey,
    pub(super) baseline: Option<f64>,
    pub(super) candidate: f64,
    pub(super) cluster: Option<&'a str>,
}

/// What a check looks at, once everything that would make it cannot-tell has been ruled out or counted.
pub(super) struct Look<'a> {
    /// The items that have their scores.
    pub(super) scored: Vec<Scored<'a>>,
    /// Of so many items.
    pub(super) total: u64,
    /// So many lack a score, wholly or in one of the trials.
    pub(super) missing: u64,
    pub(super) higher: bool,
    pub(super) config: Option<&'a ScoreConfig>,
    /// What the scores can be, as far as it is known.
    pub(super) range: Option<(f64, f64)>,
    pub(super) level: Level,
    /// How often each item was tried under each version, and the variance of one item's scores between trials; none
    /// where an item was tried once.
    pub(super) noise: Option<(u64, f64)>,
}

/// What an item's rows say about a metric.
struct Cell {
    mean: Option<f64>,
    scores: Vec<f64>,
    have: usize,
    needed: usize,
}

impl Cell {
    fn of(side: &Side, key: &ItemKey, metric: &MetricName, failed: Option<f64>) -> Cell {
        let score = |row: &crate::model::run::Row| {
            let given = row.scores.get(metric).and_then(|score| score.as_number());
            given.or(failed.filter(|_| row.error.is_some()))
        };
        let scores: Vec<Option<f64>> = side.table.rows_of(key).iter().map(score).collect();
        let mean = stats::mean_of_repeats(&scores);
        let scores: Vec<f64> = scores.into_iter().flatten().collect();
        Cell { mean, have: scores.len(), scores, needed: side.scores_needed(metric) }
    }

    fn short(&self) -> bool {
        self.have < self.needed
    }

    /// The item's mean if every score that it lacks were `filler`.
    fn filled(&self, filler: f64) -> f64 {
        let lacking = self.needed.saturating_sub(self.have);
        match self.mean {
            None => filler,
            Some(mean) if lacking == 0 => mean,
            Some(mean) => {
                let (have, lacking) = (self.have as f64, lacking as f64);
                (mean * have + filler * lacking) / (have + lacking)
            }
        }
    }
}

fn on_error(check: &Check) -> OnError {
    match check {
        Check::NoRegression { on_error, .. } => *on_error,
        _ => OnError::Missing,
    }
}

impl<'a> Look<'a> {
    pub(super) fn new(
        check: &Check,
        metric: &MetricName,
        on: &'a OnDataset,
        config: Option<&'a ScoreConfig>,
        higher: bool,
        level: Level,
    ) -> Look<'a> {
        let range = declared(config, &on.candidate.table, metric);
        // The worst score of the metric; none is known if nothing bounds it.
        let failed = range
            .filter(|_| on_error(check) == OnError::Worst)
            .map(|(low, high)| if higher { low } else { high });
        let clusters = check.cluster().and_then(|member| on.clusters.get(member));
        let held = on.baseline.as_ref().filter(|_| check.needs_baseline());
        let (mut scored, mut partial) = (Vec::with_capacity(on.items.len()), 0u64);
        let mut repeats: Vec<Vec<f64>> = Vec::new();
        for key in &on.items {
            let candidate = Cell::of(&on.candidate, key, metric, failed);
            let baseline = held.map(|side| Cell::of(side, key, metric, failed));
            let Some(new) = candidate.mean else { continue };
            let old = baseline.as_ref().and_then(|cell| cell.mean);
            if check.needs_baseline() && old.is_none() {
                continue;
            }
            partial += u64::from(candidate.short() || baseline.as_ref().is_some_and(Cell::short));
            repeats.extend(std::iter::once(candidate).chain(baseline).map(|cell| cell.scores));
            let cluster = clusters.and_then(|of| of.get(key)).map(String::as_str);
            scored.push(Scored { key, baseline: old, candidate: new, cluster });
        }
        let fewest = repeats.iter().map(Vec::len).min().unwrap_or(0) as u64;
        let noise = stats::variance_within(&repeats).filter(|_| fewest > 1).map(|within| (fewest, within));
        let (total, unscored) = (on.items.len() as u64, (on.items.len() - scored.len()) as u64);
        Look { missing: unscored + partial, total, scored, higher, config, range, level, noise }
    }

    /// Every item, with the worst where the candidate lacks a score and the best where the baseline does. `worst`
    /// and `best` are what the check means by that.
    pub(super) fn at_worst(
        &self,
        check: &Check,
        metric: &MetricName,
        on: &'a OnDataset,
        (worst, best): (f64, f64),
    ) -> Look<'a> {
        let failed = (on_error(check) == OnError::Worst).then_some(worst);
        let clusters = check.cluster().and_then(|member| on.clusters.get(member));
        let held = on.baseline.as_ref().filter(|_| check.needs_baseline());
        let filled = |key: &'a ItemKey| Scored {
            key,
            baseline: held.map(|side| Cell::of(side, key, metric, failed).filled(best)),
            candidate: Cell::of(&on.candidate, key, metric, failed).filled(worst),
            cluster: clusters.and_then(|of| of.get(key)).map(String::as_str),
        };
        let scored = on.items.iter().map(filled).collect();
        Look { scored, missing: 0, ..*self }
    }

    pub(super) fn new_scores(&self) -> Vec<f64> {
        self.scored.iter().map(|s| s.candidate).collect()
    }

    pub(super) fn old_scores(&self) -> Vec<f64> {
        self.scored.iter().filter_map(|s| s.baseline).collect()
    }

    /// 1 where more is better, -1 where less is.
    pub(super) fn good(&self) -> f64 {
        if self.higher { 1.0 } else { -1.0 }
    }
}

/// What a metric's scores can be, if it says so or they are true and false.
fn declared(config: Option<&ScoreConfig>, table: &Table, metric: &MetricName) -> Option<(f64, f64)> {
    match config {
        Some(config) => config.range(),
        None => table.all_boolean(metric).then_some((0.0, 1.0)),
    }
}
