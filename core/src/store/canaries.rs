//! The verbs of canaries.

use super::Store;
use crate::datasets::read as datasets;
use crate::drift::{store, verbs, words};
use crate::error::{Error, Result};
use crate::model::canary::{Canary, CanaryStatus, CanaryStep};
use crate::model::id::RunId;
use crate::model::name::{CanaryName, DEFAULT_LABEL, DatasetName, MetricName, PromptName};
use crate::model::selector::{Selector, VersionRef};
use crate::prompts::versions;
use crate::scorers::{self, Scorer};
use crate::stats::DriftPlan;

/// What a canary is to be.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct NewCanary {
    /// The prompt.
    pub prompt: String,
    /// Its version. Without one it is the one that `label` points to now.
    pub version: Option<VersionRef>,
    /// The label whose version is taken now; `production`, if neither is given.
    pub label: Option<String>,
    /// The dataset with the fixed items: 10 at least, best 20 to 50.
    pub dataset: String,
    /// Its version; the newest one now, if left out.
    pub dataset_version: Option<u32>,
    /// What is watched. Each metric must be declared boolean, or with min and max.
    pub metrics: Vec<String>,
    /// What scores the runs; if left out, the first run says so.
    pub scorers: Vec<Scorer>,
    /// Runs before the detector starts: 10 at least, spread over days.
    pub baseline: u32,
    /// The alarm level A: at most one false alarm in A runs on average.
    pub alarm: f64,
    /// The least standard deviation that is believed, in the unit interval.
    pub floor: f64,
}

impl NewCanary {
    /// A canary with 20 baseline runs and the alarm level 365: run daily, one false alarm a year.
    pub fn new(prompt: impl Into<String>, dataset: impl Into<String>, metrics: &[&str]) -> NewCanary {
        let DriftPlan { baseline_runs, alarm_level, floor, .. } = DriftPlan::default();
        NewCanary {
            prompt: prompt.into(),
            version: None,
            label: None,
            dataset: dataset.into(),
            dataset_version: None,
            metrics: metrics.iter().map(|metric| (*metric).to_owned()).collect(),
            scorers: Vec::new(),
            baseline: baseline_runs as u32,
            alarm: alarm_level,
            floor,
        }
    }
}

impl Store {
    /// Registers a canary: a version, a few fixed items and the metrics that are watched. It never changes; the
    /// same again is the one that is there.
    ///
    /// # Errors
    /// `canary-exists` if one of that name differs; `prompt-not-found`, `version-not-found`, `label-not-found`,
    /// `dataset-not-found`, `dataset-version-not-found`; `metric-not-found` for a metric that is not declared;
    /// `invalid-argument` for fewer than 10 items, a metric without a range, no metric, a baseline below 10, an
    /// alarm level not above 1, and a version beside a label.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> trialplate::Result<()> {
    /// # let dir = tempfile::tempdir().unwrap();
    /// use trialplate::{CanaryState, Content, NewCanary, NewItem, ScoreConfig, Store};
    /// let store = Store::open(dir.path().join("prompts.tp"))?;
    /// let v = store.publish("tone", Content::text("Say hello to {{name}}"), Default::default())?;
    /// let item = |i| NewItem { key: Some(format!("item-{i:02}")), ..Default::default() };
    /// store.dataset_add("canary", (0..20).map(item).collect())?;
    /// store.metric("warmth", serde_json::from_str::<ScoreConfig>(r#"{"min": 1, "max": 5}"#).unwrap())?;
    ///
    /// let mut plan = NewCanary::new("tone", "canary", &["warmth"]);
    /// plan.version = Some((&v).into());
    /// store.canary("daily", plan)?;
    /// let run = store.start_run("tone", &(&v).into(), "canary", Default::default())?;
    /// # for pending in store.pending(run.id)? {
    /// #     let scores = [("warmth".to_owned(), trialplate::ScoreValue::Number(4.0))].into();
    /// #     let row = trialplate::NewRow { scores, ..Default::default() };
    /// #     store.record(run.id, pending.item.key.as_str(), 1, row)?;
    /// # }
    /// // … call the model for each item of `store.pending(run.id)?` and record what came out …
    /// store.finish_run(run.id)?;
    /// let status = store.canary_record("daily", run.id, None)?;
    /// assert_eq!(status.state, CanaryState::Baseline);
    /// assert_eq!(status.sentence, "Baseline: 1 of 20 runs.");
    /// # Ok(())
    /// # }
    /// ```
    pub fn canary(&self, name: &str, plan: NewCanary) -> Result<Canary> {
        let name: CanaryName = name.parse()?;
        let (prompt, dataset): (PromptName, DatasetName) = (plan.prompt.parse()?, plan.dataset.parse()?);
        let metrics = plan.metrics.iter().map(|name| name.parse()).collect::<Result<Vec<MetricName>>>()?;
        if plan.version.is_some() && plan.label.is_some() {
            return Err(Error::InvalidArgument {
                argument: "label".to_owned(),
                reason: "give either version or label".to_owned(),
            });
        }
        self.write(move |tx, author| {
            let version = match &plan.version {
                Some(version) => {
                    let number = versions::resolve(tx, &prompt, version)?;
                    versions::load(tx, &prompt, number)?
                }
                None => {
                    let label = plan.label.unwrap_or_else(|| DEFAULT_LABEL.to_owned());
                    versions::select(tx, &prompt, &Selector::Label(label.into()))?
                }
            };
            let dataset = datasets::version(tx, &dataset, plan.dataset_version)?;
            let scorers =
                plan.scorers.iter().map(|scorer| scorers::save(tx, scorer)).collect::<Result<_>>()?;
            let NewCanary { baseline, alarm, floor, .. } = plan;
            let plan = verbs::Plan { version, dataset, metrics, scorers, baseline, alarm, floor };
            verbs::register(tx, author, name, plan)
        })
    }

    /// A canary that is registered.
    ///
    /// # Errors
    /// `canary-not-found`, `invalid-name`.
    pub fn canary_plan(&self, name: &str) -> Result<Canary> {
        let name: CanaryName = name.parse()?;
        self.read(|tx| store::load(tx, &name))
    }

    /// What every canary says, in the order of their names.
    ///
    /// # Errors
    /// What reading the store may give.
    pub fn canaries(&self) -> Result<Vec<CanaryStatus>> {
        self.read(|tx| store::all(tx)?.iter().map(|canary| verbs::status(tx, canary)).collect())
    }

    /// Takes a finished run as the next one of a canary, and says where the canary stands.
    ///
    /// The run is of the canary's version, on its dataset version, with one trial. `anchor` is a run in which stored
    /// outputs, the same each time, were judged again: if those move, the judge did. A run with other scorers begins
    /// a new baseline and is never an alarm about the model. The same run again changes nothing.
    ///
    /// # Errors
    /// `canary-not-found`, `run-not-found`; `invalid-argument` for a run that is not finished, or of another version,
    /// dataset or number of trials, for other stored outputs than before, and for a run that is recorded otherwise.
    pub fn canary_record(&self, name: &str, run: RunId, anchor: Option<RunId>) -> Result<CanaryStatus> {
        let name: CanaryName = name.parse()?;
        self.write(move |tx, author| verbs::record(tx, author, &name, &run, anchor.as_ref()))
    }

    /// Where a canary stands.
    ///
    /// # Errors
    /// `canary-not-found`, `invalid-name`.
    pub fn canary_status(&self, name: &str) -> Result<CanaryStatus> {
        let name: CanaryName = name.parse()?;
        self.read(|tx| verbs::status(tx, &store::load(tx, &name)?))
    }

    /// Every run and answer of a canary, oldest first, and where it stood after each.
    ///
    /// # Errors
    /// `canary-not-found`, `invalid-name`.
    pub fn canary_history(&self, name: &str) -> Result<Vec<CanaryStep>> {
        let name: CanaryName = name.parse()?;
        self.read(|tx| verbs::history(tx, &name))
    }

    /// A person says that an alarm is real: a new baseline begins.
    ///
    /// # Errors
    /// `canary-not-found`; `no-alarm` if there is none to answer; `reason-required`.
    pub fn canary_confirm(&self, name: &str, reason: &str) -> Result<CanaryStatus> {
        self.answer(name, reason, true)
    }

    /// A person says that an alarm is none: the detector begins anew, with the runs so far as its reference.
    ///
    /// # Errors
    /// As [`Store::canary_confirm`].
    pub fn canary_dismiss(&self, name: &str, reason: &str) -> Result<CanaryStatus> {
        self.answer(name, reason, false)
    }

    fn answer(&self, name: &str, reason: &str, confirmed: bool) -> Result<CanaryStatus> {
        let (name, reason): (CanaryName, String) = (name.parse()?, reason.to_owned());
        self.write(move |tx, author| verbs::answer(tx, author, &name, confirmed, &reason))
    }
}

impl Canary {
    /// What is worth knowing about its plan, in words: too few items, or more than it takes.
    pub fn warnings(&self) -> Vec<String> {
        words::of_plan(self)
    }
}

#[cfg(test)]
mod tests;
