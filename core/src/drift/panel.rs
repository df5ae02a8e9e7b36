//! The detectors of all metrics over one kind of runs, and their alarm together.

use crate::error::Result;
use crate::model::canary::CanaryMetric;
use crate::stats::{
    Drift, DriftOnset, DriftPlan, DriftStep, clopper_pearson_one_sided, drift_bernoulli,
    drift_bernoulli_onset, drift_onset, drift_together, mean_sd,
};

use super::Scores;

/// A boolean metric that is true at most once in so many scores of the baseline is counted, not averaged.
const RARE_ONE_IN: u64 = 100;
/// The rate under which rare events are expected is this upper limit of the baseline's: an estimate that is too low
/// would ring by itself.
const RARE_LIMIT_ALPHA: f64 = 0.05;
const RARE_MULTIPLIERS: [f64; 3] = [2.0, 5.0, 10.0];
/// A drop that is not noticed within so many runs is not promised to be.
const FORESEEN_RUNS: usize = 60;

/// One metric.
#[derive(Debug, Clone, PartialEq)]
struct Detector {
    metric: CanaryMetric,
    drift: Drift,
    /// What the runs that count scored, in the unit interval.
    runs: Vec<Vec<Option<f64>>>,
    steps: Vec<DriftStep>,
    /// The rate of a rare event, known after the baseline.
    rare: Option<f64>,
    /// The first run that the detector bets on, from 0.
    from: usize,
}

/// True and known scores of a run of a boolean metric.
fn counts(run: &[Option<f64>]) -> (u64, u64) {
    let known = run.iter().flatten();
    known.fold((0, 0), |(yes, n), score| (yes + u64::from(*score > 0.5), n + 1))
}

impl Detector {
    fn rare_runs(&self, from: usize) -> Vec<(u64, u64)> {
        self.runs[from..].iter().map(|run| counts(run)).collect()
    }

    /// ln M after one more run; none within the baseline.
    fn push(&mut self, run: Vec<Option<f64>>) -> Result<Option<f64>> {
        let Some(step) = self.drift.push(&run)? else { return Ok(None) };
        let plan = self.drift.plan();
        self.runs.push(run);
        self.steps.push(step);
        if self.metric.boolean && self.runs.len() == plan.baseline_runs {
            let (yes, n) = self.rare_runs(0).into_iter().fold((0, 0), |(a, b), (c, d)| (a + c, b + d));
            if yes * RARE_ONE_IN <= n {
                self.rare = clopper_pearson_one_sided(yes, n, RARE_LIMIT_ALPHA)?.high;
            }
        }
        match self.rare {
            Some(p0) if step.m.is_some() => {
                let runs = self.rare_runs(self.from);
                let (m, _) = drift_bernoulli(&runs, p0, &RARE_MULTIPLIERS, plan.alarm_level)?;
                Ok(m.last().map(|m| libm::log(*m)))
            }
            _ => Ok(step.log_m),
        }
    }

    /// The most likely first run of a change, from 0.
    fn onset(&self) -> Result<Option<usize>> {
        let found: Option<DriftOnset> = match self.rare {
            Some(p0) => drift_bernoulli_onset(&self.rare_runs(self.from), p0, &RARE_MULTIPLIERS)?,
            None => drift_onset(&self.steps[self.from..]),
        };
        Ok(found.map(|onset| onset.at + self.from))
    }

    fn own_unit(&self, score: f64) -> f64 {
        self.metric.min + score * (self.metric.max - self.metric.min)
    }

    fn item_mean(&self, item: usize, from: usize, to: usize) -> Option<f64> {
        let scores: Vec<f64> = self.runs[from..to].iter().filter_map(|run| run[item]).collect();
        mean_sd(&scores).map(|m| m.mean)
    }
}

/// What a panel rang at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Alarm {
    /// The metric that moved most.
    pub(crate) metric: usize,
    /// The run that the change began with, from 0 among those that count.
    pub(crate) onset: usize,
}

/// What became of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pushed {
    Used { n_missing: u64 },
    Unreadable { scored: usize, first: bool },
}

/// All metrics of a canary, over its own runs or over the stored outputs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Panel {
    detectors: Vec<Detector>,
    /// ln M of all metrics and of each; held at an alarm.
    log_m: Option<f64>,
    by_metric: Vec<Option<f64>>,
    alarm: Option<Alarm>,
}

impl Panel {
    pub(crate) fn new(items: usize, plan: DriftPlan, metrics: &[CanaryMetric]) -> Result<Panel> {
        let detector = |metric: &CanaryMetric| {
            let drift = Drift::new(items, plan)?;
            let (runs, steps) = (Vec::new(), Vec::new());
            Ok(Detector { metric: *metric, drift, runs, steps, rare: None, from: plan.baseline_runs })
        };
        let detectors: Vec<Detector> = metrics.iter().map(detector).collect::<Result<_>>()?;
        Ok(Panel { by_metric: vec![None; detectors.len()], detectors, log_m: None, alarm: None })
    }

    /// Adds a run, in the metrics' own units. It counts if every metric can be read: all of them see the same runs.
    pub(crate) fn push(&mut self, scores: &Scores) -> Result<Pushed> {
        let scaled: Scores = self
            .detectors
            .iter()
            .zip(scores)
            .map(|(detector, run)| {
                let CanaryMetric { min, max, .. } = detector.metric;
                let scale = |x: f64| ((x - min) / (max - min)).clamp(0.0, 1.0);
                run.iter().map(|score| score.map(scale)).collect()
            })
            .collect();
        let known = |run: &Vec<Option<f64>>| run.iter().flatten().count();
        for (detector, run) in self.detectors.iter().zip(&scaled) {
            if detector.drift.clone().push(run)?.is_none() {
                let scored = scaled.iter().map(known).min().unwrap_or(0);
                return Ok(Pushed::Unreadable { scored, first: self.runs() == 0 });
            }
        }
        let n_missing = scaled.iter().map(|run| (run.len() - known(run)) as u64).sum();
        let mut by_metric = Vec::with_capacity(self.detectors.len());
        for (detector, run) in self.detectors.iter_mut().zip(scaled) {
            by_metric.push(detector.push(run)?);
        }
        if self.alarm.is_none() {
            let known: Vec<f64> = by_metric.iter().flatten().copied().collect();
            self.log_m = drift_together(&known);
            self.by_metric = by_metric;
            self.alarm = self.rings()?;
        }
        Ok(Pushed::Used { n_missing })
    }

    fn rings(&self) -> Result<Option<Alarm>> {
        let Some(level) = self.detectors.first().map(|detector| detector.drift.plan().alarm_level) else {
            return Ok(None);
        };
        if self.log_m.is_none_or(|log_m| log_m < libm::log(level)) {
            return Ok(None);
        }
        let most = |best: usize, i: usize| if self.by_metric[i] > self.by_metric[best] { i } else { best };
        let metric = (0..self.by_metric.len()).fold(0, most);
        let onset = self.detectors[metric].onset()?.unwrap_or_else(|| self.runs().saturating_sub(1));
        Ok(Some(Alarm { metric, onset }))
    }

    /// A person has dismissed the alarm: the bets begin anew, the reference stays.
    pub(crate) fn dismiss(&mut self) {
        for detector in &mut self.detectors {
            detector.drift.dismiss();
            detector.from = detector.runs.len().max(detector.from);
        }
        if self.log_m.is_some() {
            self.log_m = Some(f64::NEG_INFINITY);
            self.by_metric = vec![Some(f64::NEG_INFINITY); self.detectors.len()];
        }
        self.alarm = None;
    }

    pub(crate) fn runs(&self) -> usize {
        self.detectors.first().map_or(0, |detector| detector.runs.len())
    }

    pub(crate) fn alarm(&self) -> Option<Alarm> {
        self.alarm
    }

    pub(crate) fn m(&self) -> Option<f64> {
        self.log_m.map(libm::exp)
    }

    pub(crate) fn m_of(&self, metric: usize) -> Option<f64> {
        self.by_metric[metric].map(libm::exp)
    }

    /// Whether a metric is counted instead of averaged.
    pub(crate) fn is_rare(&self, metric: usize) -> bool {
        self.detectors[metric].rare.is_some()
    }

    /// The last run that counts, as a metric's detector sees it.
    pub(crate) fn last(&self, metric: usize) -> Option<&DriftStep> {
        self.detectors[metric].steps.last()
    }

    /// The mean of a metric over the runs from `from` to before `to`, in its own unit.
    pub(crate) fn mean(&self, metric: usize, from: usize, to: usize) -> Option<f64> {
        let detector = &self.detectors[metric];
        let means: Vec<f64> = detector.steps[from..to].iter().map(|step| step.mean).collect();
        mean_sd(&means).map(|m| detector.own_unit(m.mean))
    }

    /// The items that moved most since a change, the most moved first: item, before, now.
    pub(crate) fn moved_items(&self, alarm: Alarm) -> Vec<(usize, f64, f64)> {
        let detector = &self.detectors[alarm.metric];
        let items = detector.runs.first().map_or(0, Vec::len);
        let both = |item| {
            let before = detector.item_mean(item, 0, alarm.onset)?;
            let now = detector.item_mean(item, alarm.onset, detector.runs.len())?;
            Some((item, detector.own_unit(before), detector.own_unit(now)))
        };
        let mut moved: Vec<(usize, f64, f64)> =
            (0..items).filter_map(both).filter(|(_, before, now)| before != now).collect();
        let by = |(_, before, now): &(usize, f64, f64)| (now - before).abs();
        // Stable, so that equals stay in the order of their keys.
        moved.sort_by(|a, b| by(b).total_cmp(&by(a)));
        moved
    }

    /// After how many runs a drop of one tenth of the first metric's range on every item would be noticed, and that
    /// drop in its own unit. Found by giving a copy of the detector such runs.
    pub(crate) fn noticed(&self) -> Result<Option<(f64, usize)>> {
        let Some(first) = self.detectors.first().filter(|detector| detector.rare.is_none()) else {
            return Ok(None);
        };
        let (runs, items) = (first.runs.len(), first.runs.first().map_or(0, Vec::len));
        let dropped: Option<Vec<Option<f64>>> = (0..items)
            .map(|item| first.item_mean(item, 0, runs).map(|mean| Some((mean - 0.1).max(0.0))))
            .collect();
        let Some(run) = dropped else { return Ok(None) };
        let mut drift = first.drift.clone();
        drift.dismiss();
        // The other metrics' share of the mean is left out, which makes it a little late, never early.
        let level = first.drift.plan().alarm_level * self.detectors.len() as f64;
        for after in 1..=FORESEEN_RUNS {
            let log_m = drift.push(&run)?.and_then(|step| step.log_m);
            if log_m.is_some_and(|log_m| log_m >= libm::log(level)) {
                return Ok(Some(((first.metric.max - first.metric.min) * 0.1, after)));
            }
        }
        Ok(None)
    }
}
