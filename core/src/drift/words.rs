//! What a person reads: the sentence of statistics.md (h), and what belongs beside it.

use crate::model::canary::{Canary, CanaryCause, CanaryState, CanaryStatus};
use crate::stats::{DriftPhase, DriftReport};

use super::watch::{Series, Watch};

/// Fewer items are allowed, and said to be few; more are more than it takes.
const FEW_ITEMS: u64 = 20;
const MANY_ITEMS: u64 = 50;
/// A baseline within this time knows nothing of the noise from day to day.
const BURST_MICROS: i64 = 3_600_000_000;

/// What is worth knowing about a canary's plan.
pub(crate) fn of_plan(canary: &Canary) -> Vec<String> {
    let mut warnings = Vec::new();
    if canary.items < FEW_ITEMS {
        warnings.push(format!(
            "The canary has {} items; with {FEW_ITEMS} a change is noticed in fewer runs.",
            canary.items
        ));
    }
    if canary.items > MANY_ITEMS {
        warnings.push(format!(
            "The canary has {} items, and every run calls the model for each; {FEW_ITEMS} to {MANY_ITEMS} are enough.",
            canary.items
        ));
    }
    warnings
}

/// The numbers that a sentence has and a status has not.
pub(super) struct Figures {
    /// Before and since the change that an alarm is about.
    pub(super) means: Option<(f64, f64)>,
    /// A drop, and after how many runs it would be noticed.
    pub(super) noticed: Option<(f64, usize)>,
}

/// Writes the sentence and the warnings.
pub(super) fn fill(
    status: &mut CanaryStatus,
    watch: &Watch<'_>,
    series: &Series,
    phase: DriftPhase,
    figures: Figures,
) {
    let names: Vec<&str> = status.most_affected.iter().map(|item| item.key.as_str()).collect();
    let around = status.onset.as_ref().map(|onset| onset.at.day()).unwrap_or_default();
    let sentence = phase.sentence(&DriftReport {
        around: &around,
        means: figures.means.unwrap_or_default(),
        items: watch.canary.items as usize,
        most_affected: &names,
        noticed: figures.noticed.map(|(drop, after)| (drop, after as f64)),
    });
    let said = beside(status, watch, series);
    status.sentence = [sentence].into_iter().chain(said.iter().cloned()).collect::<Vec<_>>().join(" ");
    status.warnings = of_plan(watch.canary).into_iter().chain(said).collect();
}

/// What the sentence goes on with.
fn beside(status: &CanaryStatus, watch: &Watch<'_>, series: &Series) -> Vec<String> {
    let mut said = Vec::new();
    if let Some(metric) = status.moved_most.as_ref().filter(|_| status.metrics.len() > 1) {
        said.push(format!("The metric that moved most is {metric}."));
    }
    if status.cause == Some(CanaryCause::Model) {
        said.extend(of_anchor(status));
    }
    // Of the newest series, also while an older alarm waits.
    if let Some((entry, metrics)) = &watch.series.moved {
        let names: Vec<&str> = metrics.iter().map(|metric| metric.as_str()).collect();
        said.push(format!(
            "The judge moved: from entry {entry} on, other scorers give {}, so a new baseline began. That says nothing \
             about the model.",
            names.join(", ")
        ));
    }
    let baseline = watch.canary.baseline as usize;
    let times = series.runs.get(..baseline).map(|runs| runs.iter().map(|(_, at)| at.as_micros()));
    if let Some((first, last)) = times.and_then(|times| times.clone().min().zip(times.max()))
        && last.saturating_sub(first) <= BURST_MICROS
    {
        said.push(format!(
            "All {baseline} baseline runs lie within one hour, so the noise from day to day is not in them."
        ));
    }
    if status.n_missing > 0 && status.state != CanaryState::CannotTell {
        let verb = if status.n_missing == 1 { "score was" } else { "scores were" };
        said.push(format!("{} {verb} missing and took an earlier mean.", status.n_missing));
    }
    said
}

/// What the stored outputs say about an alarm.
fn of_anchor(status: &CanaryStatus) -> Option<String> {
    let anchor = status.anchor.as_ref()?;
    Some(match anchor.m {
        None => format!(
            "Whether the judge moved is not known yet: it has judged the stored outputs {} times, and their baseline takes {}.",
            anchor.runs, status.baseline
        ),
        Some(_) => format!(
            "The same stored outputs, judged again {} times, show no sign of a moved judge.",
            anchor.runs
        ),
    })
}
