//! A canary's history, followed from the start: runs, answers, and the state after each.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::model::canary::{
    AffectedItem, AnchorFigures, Canary, CanaryCause, CanaryEntryKind, CanaryFigures, CanaryMethod,
    CanaryMetric, CanaryOnset, CanaryState, CanaryStatus, CanaryStep, SeriesBegan,
};
use crate::model::id::{ContentId, RunId};
use crate::model::name::{ItemKey, MetricName};
use crate::model::time::Timestamp;
use crate::stats::{DriftPhase, DriftPlan};

use super::panel::{Panel, Pushed};
use super::words::{self, Figures};
use super::{Entry, Recorded, What};

/// Runs that are compared with each other: one baseline, and what came after it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series {
    pub(super) number: u32,
    pub(super) began: SeriesBegan,
    /// The metrics whose scorers were others than before, if that began it, and the entry that it was.
    pub(super) moved: Option<(u32, Vec<MetricName>)>,
    /// What scores each metric, as soon as it is known.
    scorers: Option<Vec<Option<ContentId>>>,
    /// The runs that count, and when each was started.
    pub(super) runs: Vec<(RunId, Timestamp)>,
    unreadable: u64,
    n_missing: u64,
    main: Panel,
    anchor: Option<Panel>,
    /// When the runs were started that the stored outputs' judgements came with.
    anchor_runs: Vec<(RunId, Timestamp)>,
}

impl Series {
    fn cause(&self) -> Option<CanaryCause> {
        let rings = |panel: &Panel| panel.alarm().is_some();
        if self.anchor.as_ref().is_some_and(rings) {
            // Stored outputs can't have changed.
            Some(CanaryCause::Judge)
        } else {
            rings(&self.main).then_some(CanaryCause::Model)
        }
    }

    fn dismiss(&mut self) {
        self.main.dismiss();
        self.anchor.iter_mut().for_each(Panel::dismiss);
    }
}

/// A canary followed up to some entry.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Watch<'a> {
    pub(super) canary: &'a Canary,
    keys: &'a [ItemKey],
    pub(super) series: Series,
    /// A series that rang, and that another scorer ended before a person answered.
    held: Option<Series>,
    last: Option<RunId>,
    /// The last run, if it could not be read: scored items, and whether it was the first.
    unread: Option<(usize, bool)>,
}

impl<'a> Watch<'a> {
    /// Before the first run. The keys are those of the dataset's items, in order.
    pub(crate) fn new(canary: &'a Canary, keys: &'a [ItemKey]) -> Result<Watch<'a>> {
        let named = |metric: &MetricName| canary.scorers.iter().find(|scorer| scorer.name == *metric);
        let scorers = canary.metrics.keys().map(|metric| named(metric).map(|scorer| scorer.id)).collect();
        let expected = (!canary.scorers.is_empty()).then_some(scorers);
        let series = series(canary, 1, SeriesBegan::Registered, expected)?;
        Ok(Watch { canary, keys, series, held: None, last: None, unread: None })
    }

    /// Follows a whole history.
    pub(crate) fn over(
        canary: &'a Canary,
        keys: &'a [ItemKey],
        entries: &[Entry],
    ) -> Result<(Watch<'a>, Vec<CanaryStep>)> {
        let mut watch = Watch::new(canary, keys)?;
        let steps = entries.iter().map(|entry| watch.apply(entry)).collect::<Result<_>>()?;
        Ok((watch, steps))
    }

    /// Follows one more entry.
    pub(crate) fn apply(&mut self, entry: &Entry) -> Result<CanaryStep> {
        let mut step = CanaryStep {
            number: entry.number,
            kind: CanaryEntryKind::Run,
            at: entry.at,
            actor: entry.actor.clone(),
            reason: None,
            run: None,
            anchor: None,
            series: 0,
            used: false,
            n_missing: 0,
            means: BTreeMap::new(),
            m: None,
            state: CanaryState::Baseline,
        };
        match &entry.what {
            What::Run(run) => self.apply_run(run, &mut step)?,
            What::Confirmed { reason } => {
                (step.kind, step.reason) = (CanaryEntryKind::Confirmed, Some(reason.clone()));
                self.series = series(self.canary, self.series.number + 1, SeriesBegan::Confirmed, None)?;
                (self.held, self.unread) = (None, None);
            }
            What::Dismissed { reason } => {
                (step.kind, step.reason) = (CanaryEntryKind::Dismissed, Some(reason.clone()));
                self.series.dismiss();
                self.held = None;
            }
        }
        (step.series, step.m, step.state) = (self.series.number, self.ringing().main.m(), self.state());
        Ok(step)
    }

    fn apply_run(&mut self, run: &Recorded, step: &mut CanaryStep) -> Result<()> {
        let expected = self.series.scorers.get_or_insert_with(|| run.scorers.clone());
        if *expected != run.scorers {
            let metrics = self.canary.metrics.keys().zip(expected.iter().zip(&run.scorers));
            let moved = metrics.filter(|(_, (a, b))| a != b).map(|(metric, _)| metric.clone()).collect();
            let scorers = Some(run.scorers.clone());
            let mut next = series(self.canary, self.series.number + 1, SeriesBegan::JudgeMoved, scorers)?;
            next.moved = Some((step.number, moved));
            let ended = std::mem::replace(&mut self.series, next);
            // An alarm stays until a person answers it, whatever the judge does.
            if ended.cause().is_some() && self.held.is_none() {
                self.held = Some(ended);
            }
        }
        (self.last, step.run) = (Some(run.run), Some(run.run));
        match self.series.main.push(&run.scores)? {
            Pushed::Used { n_missing } => {
                self.series.runs.push((run.run, run.at));
                self.series.n_missing += n_missing;
                self.unread = None;
                (step.used, step.n_missing) = (true, n_missing);
                let runs = self.series.main.runs();
                for (i, metric) in self.canary.metrics.keys().enumerate() {
                    let mean = self.series.main.mean(i, runs - 1, runs);
                    step.means.extend(mean.map(|mean| (metric.clone(), mean)));
                }
            }
            Pushed::Unreadable { scored, first } => {
                self.series.unreadable += 1;
                self.unread = Some((scored, first));
            }
        }
        if let Some(anchor) = &run.anchor {
            step.anchor = Some(anchor.run);
            let panel = match &mut self.series.anchor {
                Some(panel) => panel,
                none => none.insert(panel(self.canary)?),
            };
            if let Pushed::Used { .. } = panel.push(&anchor.scores)? {
                self.series.anchor_runs.push((anchor.run, run.at));
            }
        }
        Ok(())
    }

    /// The series whose alarm waits for an answer, or the one that goes on.
    fn ringing(&self) -> &Series {
        self.held.as_ref().unwrap_or(&self.series)
    }

    /// Where the canary stands.
    pub(crate) fn state(&self) -> CanaryState {
        if self.cause().is_some() {
            CanaryState::Alarm
        } else if self.unread.is_some() {
            CanaryState::CannotTell
        } else if self.series.runs.len() <= self.canary.baseline as usize {
            CanaryState::Baseline
        } else {
            CanaryState::Quiet
        }
    }

    pub(crate) fn cause(&self) -> Option<CanaryCause> {
        self.ringing().cause()
    }

    /// The series that goes on, and why it began.
    pub(crate) fn series(&self) -> (u32, SeriesBegan) {
        (self.series.number, self.series.began)
    }

    /// M of what an alarm is about.
    pub(crate) fn alarm_m(&self) -> Option<f64> {
        let series = self.ringing();
        match (series.cause(), &series.anchor) {
            (Some(CanaryCause::Judge), Some(anchor)) => anchor.m(),
            _ => series.main.m(),
        }
    }

    /// Everything that it says now.
    pub(crate) fn status(&self) -> Result<CanaryStatus> {
        let series = self.ringing();
        let (cause, state) = (series.cause(), self.state());
        // The panel that the alarm's words are about.
        let (about, runs) = match (&series.anchor, cause) {
            (Some(anchor), Some(CanaryCause::Judge)) => (anchor, &series.anchor_runs),
            _ => (&series.main, &series.runs),
        };
        let names: Vec<&MetricName> = self.canary.metrics.keys().collect();
        let metrics = names.iter().enumerate().map(|(i, metric)| figures(&series.main, i, metric)).collect();
        let alarm = about.alarm();
        let affected = alarm.map(|alarm| about.moved_items(alarm)).unwrap_or_default();
        let item = |(item, before, now): (usize, f64, f64)| {
            Some(AffectedItem { key: self.keys.get(item)?.clone(), before, now })
        };
        let most_affected = affected.into_iter().take(3).filter_map(item).collect();
        let onset = alarm.and_then(|alarm| {
            let (run, at) = *runs.get(alarm.onset)?;
            Some(CanaryOnset { number: alarm.onset as u64 + 1, run, at })
        });
        let means = alarm.and_then(|alarm| {
            let over = |from, to| about.mean(alarm.metric, from, to);
            over(0, alarm.onset).zip(over(alarm.onset, about.runs()))
        });
        let mut status = CanaryStatus {
            canary: self.canary.name.clone(),
            state,
            cause,
            series: series.number,
            began: series.began,
            runs: series.runs.len() as u64,
            unreadable: series.unreadable,
            n_missing: series.n_missing,
            baseline: self.canary.baseline,
            m: series.main.m(),
            threshold: self.canary.alarm,
            last_run: self.last,
            metrics,
            moved_most: alarm.and_then(|alarm| names.get(alarm.metric).map(|name| (*name).clone())),
            most_affected,
            onset,
            anchor: series.anchor.as_ref().map(|panel| AnchorFigures {
                runs: panel.runs() as u64,
                m: panel.m(),
                alarm: panel.alarm().is_some(),
            }),
            warnings: Vec::new(),
            sentence: String::new(),
        };
        let phase = match (cause, self.unread) {
            (Some(CanaryCause::Judge), _) => DriftPhase::Judge { alarm_level: self.canary.alarm },
            (Some(_), _) => DriftPhase::Model { alarm_level: self.canary.alarm },
            (None, Some((scored, first))) => DriftPhase::Unreadable { scored, first },
            (None, None) => {
                let (runs, of) = (series.runs.len(), self.canary.baseline as usize);
                if runs <= of {
                    DriftPhase::Baseline { runs, of }
                } else {
                    DriftPhase::Quiet { watched: runs - of }
                }
            }
        };
        let noticed = if matches!(phase, DriftPhase::Quiet { .. }) { series.main.noticed()? } else { None };
        words::fill(&mut status, self, series, phase, Figures { means, noticed });
        Ok(status)
    }
}

fn series(
    canary: &Canary,
    number: u32,
    began: SeriesBegan,
    scorers: Option<Vec<Option<ContentId>>>,
) -> Result<Series> {
    let (runs, anchor_runs, main) = (Vec::new(), Vec::new(), panel(canary)?);
    Ok(Series {
        number,
        began,
        moved: None,
        scorers,
        runs,
        unreadable: 0,
        n_missing: 0,
        main,
        anchor: None,
        anchor_runs,
    })
}

fn panel(canary: &Canary) -> Result<Panel> {
    let plan = DriftPlan {
        baseline_runs: canary.baseline as usize,
        floor: canary.floor,
        alarm_level: canary.alarm,
        ..DriftPlan::default()
    };
    let metrics: Vec<CanaryMetric> = canary.metrics.values().copied().collect();
    Panel::new(canary.items as usize, plan, &metrics)
}

fn figures(panel: &Panel, i: usize, metric: &MetricName) -> CanaryFigures {
    let runs = panel.runs();
    let since = panel.alarm().map_or(runs.saturating_sub(1), |alarm| alarm.onset);
    let last = panel.last(i);
    CanaryFigures {
        metric: metric.clone(),
        method: if panel.is_rare(i) { CanaryMethod::RareEvents } else { CanaryMethod::Scores },
        m: panel.m_of(i),
        u_mean: last.and_then(|step| step.u_mean),
        u_items: last.and_then(|step| step.u_items),
        mean_before: panel.mean(i, 0, since),
        mean_now: panel.mean(i, since, runs),
    }
}
