//! The verbs of experiments.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use serde::Serialize;

use super::guard::{self, PromoteOptions, Promotion};
use super::recorder::Durability;
use super::registry::read_epoch;
use super::{Store, background};
use crate::error::{Error, Result};
use crate::experiments::record::{Stored, all, find, load};
use crate::experiments::{ExperimentResult, assign, exposures, lifecycle};
use crate::model::experiment::{Assignment, Experiment, NewExperiment};
use crate::model::name::{ExperimentName, Label, NAME_RULE, plain};
use crate::model::selector::VersionRef;
use crate::model::version::LabelMove;
use crate::storage::PerProcess;
use crate::storage::kv::Write;
use crate::storage::log::Author;

/// What is known of a unit when it is exposed.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct ExposeOptions {
    /// Difficulty or query type, set by something that has not seen the output.
    pub stratum: Option<String>,
    /// A number that says something of its score, known before it saw anything.
    pub covariate: Option<f64>,
}

/// How an experiment is concluded.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct ConcludeOptions {
    /// The label to move to the winner, through its gate. Without a winner nothing moves.
    pub promote: Option<String>,
    /// Why, in the log.
    pub reason: Option<String>,
}

/// An experiment at its end.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Conclusion {
    /// The experiment.
    pub experiment: Experiment,
    /// Its final result.
    pub result: ExperimentResult,
    /// The move of the label; none if nothing was to be promoted, or nothing won.
    pub promoted: Option<LabelMove>,
}

/// The experiments that units were assigned by, as long as nothing in the registry changed.
#[derive(Default)]
struct Known {
    state: u64,
    experiments: HashMap<String, Arc<Stored>>,
}

/// Experiments in memory. A forked child begins with none.
pub(super) struct Experiments(PerProcess<RwLock<Known>>);

impl Experiments {
    pub(super) fn new() -> Experiments {
        Experiments(PerProcess::new())
    }

    /// The experiment as it was loaded in this state of the registry.
    fn get(&self, state: u64, name: &str, load: impl FnOnce() -> Result<Stored>) -> Result<Arc<Stored>> {
        let known = self.0.get();
        {
            let known = known.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(found) = known.experiments.get(name).filter(|_| known.state == state) {
                return Ok(Arc::clone(found));
            }
        }
        // Loaded after the state was read: what is newer than the state only causes one more look.
        let found = Arc::new(load()?);
        let mut known = known.write().unwrap_or_else(PoisonError::into_inner);
        if known.state != state {
            *known = Known { state, experiments: HashMap::new() };
        }
        known.experiments.insert(name.to_owned(), Arc::clone(&found));
        Ok(found)
    }
}

impl Store {
    /// Registers an experiment, and starts it unless `start` is false. The plan, with its power analysis, is stored
    /// and frozen. The same question again gives the experiment that is there.
    ///
    /// # Errors
    /// `invalid-experiment`; `experiment-exists` if one of this name was planned differently; `layer-full`;
    /// `assignment-skewed`; `too-large`; `prompt-not-found`, `version-not-found`, `invalid-name`.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> trialplate::Result<()> {
    /// # let dir = tempfile::tempdir().unwrap();
    /// use trialplate::{Content, NewExperiment, Store};
    /// let store = Store::open(dir.path().join("prompts.tp"))?;
    /// let a = store.publish("greeting", Content::text("Say hello"), Default::default())?;
    /// let b = store.publish("greeting", Content::text("Say hello, warmly"), Default::default())?;
    /// let tone = store.experiment("tone", NewExperiment {
    ///     prompt: "greeting".into(),
    ///     variants: vec![("a".into(), (&a).into()), ("b".into(), (&b).into())],
    ///     metric: "quality".into(),
    ///     min_effect: Some(0.2),
    ///     sd: Some(1.13),
    ///     ..NewExperiment::default()
    /// }, true)?;
    /// assert_eq!(tone.plan.n_planned, 503);
    /// assert!(store.assign("tone", "user-42")?.takes_part);
    /// assert_eq!(store.experiment_result("tone")?.verdict, "collecting");
    /// # Ok(())
    /// # }
    /// ```
    pub fn experiment(&self, name: &str, new: NewExperiment, start: bool) -> Result<Experiment> {
        let name: ExperimentName = name.parse()?;
        self.recorder.wait();
        self.write(move |tx, author| {
            lifecycle::register(tx, author, &name, &new, start).map(|stored| stored.experiment)
        })
    }

    /// An experiment that is registered.
    ///
    /// # Errors
    /// `experiment-not-found`, `invalid-name`.
    pub fn find_experiment(&self, name: &str) -> Result<Experiment> {
        let name: ExperimentName = name.parse()?;
        self.read(|tx| load(tx, &name).map(|stored| stored.experiment))
    }

    /// Every experiment, in the order of the names.
    ///
    /// # Errors
    /// What reading the store may give.
    pub fn experiments(&self) -> Result<Vec<Experiment>> {
        Ok(self.read(|tx| all(tx))?.into_iter().map(|stored| stored.experiment).collect())
    }

    /// Starts an experiment that was only registered.
    ///
    /// # Errors
    /// `experiment-not-found`, `experiment-ended`; `assignment-skewed` if its salt does not split the users that there
    /// are as the weights say.
    pub fn experiment_start(&self, name: &str) -> Result<Experiment> {
        let name: ExperimentName = name.parse()?;
        self.recorder.wait();
        self.write(move |tx, author| lifecycle::start(tx, author, &name).map(|stored| stored.experiment))
    }

    /// Which variant a unit gets: a pure function of the experiment's salt and weights, and the unit, the same in every
    /// language. Nothing is written.
    ///
    /// A unit that takes no part (the experiment is not running, or covers it not) gets what everybody gets. Once
    /// weights were changed, a unit that was exposed keeps its variant.
    ///
    /// # Source
    /// Statistics, section (j).
    ///
    /// # Errors
    /// `experiment-not-found`; `invalid-argument` for what can be no unit.
    pub fn assign(&self, name: &str, unit: &str) -> Result<Assignment> {
        assign::check_unit(unit)?;
        let stored = self.stored_experiment(name)?;
        let law = assign::by_law(&stored, unit)?;
        if !assign::may_be_kept(&stored, &law)? {
            return Ok(law);
        }
        self.recorder.wait();
        let before = self.read(|tx| exposures::find(tx, stored.name(), unit))?;
        Ok(before.map_or_else(|| law.clone(), |before| assign::kept(&stored, &law, before.variant)))
    }

    fn stored_experiment(&self, name: &str) -> Result<Arc<Stored>> {
        let read = || {
            let name: ExperimentName = name.parse()?;
            self.read(|tx| load(tx, &name))
        };
        if background::is_inside() {
            return read().map(Arc::new);
        }
        let state = self.cache.state(&self.engine, read_epoch)?;
        self.experiments.get(state, name, read)
    }

    /// Assigns a unit and enrols it: the first exposure counts, and its place in the order decides whether it is among
    /// the planned ones. Logging a trace with `experiment` and `user` does the same.
    ///
    /// # Atomicity
    /// As [`Store::log`].
    ///
    /// # Errors
    /// As [`Store::assign`]; `invalid-argument` for a covariate that is not finite or a stratum that is no name.
    pub fn expose(
        &self,
        name: &str,
        unit: &str,
        options: ExposeOptions,
        durability: Durability,
    ) -> Result<Assignment> {
        let refuse = |argument: &str, reason: String| {
            Err(Error::InvalidArgument { argument: argument.to_owned(), reason })
        };
        if options.covariate.is_some_and(|x| !x.is_finite()) {
            return refuse("covariate", "a covariate is a finite number".to_owned());
        }
        if options.stratum.as_deref().is_some_and(|name| !plain(name)) {
            return refuse("stratum", format!("a stratum is {NAME_RULE}"));
        }
        let assignment = self.assign(name, unit)?;
        if assignment.takes_part {
            let (name, unit) = (assignment.experiment.clone(), unit.to_owned());
            self.write_soon(durability, unit.len(), move |tx, author| {
                let stored = load(tx, &name)?;
                exposures::enrol(tx, author.now, &stored, &unit, (options.stratum, options.covariate))
                    .map(|_| ())
            })?;
        }
        Ok(assignment)
    }

    /// Changes the weights of a running experiment. Only the units that must change their variant do, exposed ones keep
    /// theirs, and from here on the result is worked out for each span of weights apart.
    ///
    /// # Errors
    /// `experiment-not-found`, `experiment-ended`, `invalid-experiment`.
    pub fn experiment_weights(&self, name: &str, weights: &[f64]) -> Result<(Experiment, f64)> {
        let (name, weights): (ExperimentName, _) = (name.parse()?, weights.to_vec());
        self.write(move |tx, author| {
            let (stored, moved) = lifecycle::reweight(tx, author, &name, &weights)?;
            Ok((stored.experiment, moved))
        })
    }

    /// Changes the share of all units that takes part. No unit changes its variant by that.
    ///
    /// # Errors
    /// `experiment-not-found`, `experiment-ended`, `invalid-experiment`, `layer-full`.
    pub fn experiment_coverage(&self, name: &str, coverage: f64) -> Result<Experiment> {
        let name: ExperimentName = name.parse()?;
        self.write(move |tx, author| {
            lifecycle::cover(tx, author, &name, coverage).map(|stored| stored.experiment)
        })
    }

    /// What an experiment says now. Ask as often as you like: in lock mode nothing that could tempt is shown before the
    /// cut-off, and in anytime mode every look is allowed for. The last word is written down and never changes.
    ///
    /// # Errors
    /// `experiment-not-found`.
    pub fn experiment_result(&self, name: &str) -> Result<ExperimentResult> {
        let name: ExperimentName = name.parse()?;
        self.recorder.wait();
        let now = self.author().now;
        let (result, is_new) = self.read(|tx| lifecycle::result(tx, now, &load(tx, &name)?))?;
        if !is_new || self.engine.read_only() {
            return Ok(result);
        }
        self.write(move |tx, author| lifecycle::settle(tx, author, &name).map(|(_, result)| result))
    }

    /// Ends an experiment with its verdict, and moves a label to the winner if that is wanted.
    ///
    /// # Atomicity
    /// One transaction: the label moves through its gate and the experiment is concluded, or neither.
    ///
    /// # Errors
    /// `experiment-not-decided` while it has no last word; `gate-refused`, which carries the verdict;
    /// `experiment-ended`, `experiment-not-found`.
    pub fn experiment_conclude(&self, name: &str, options: ConcludeOptions) -> Result<Conclusion> {
        let name: ExperimentName = name.parse()?;
        let label: Option<Label> = options.promote.as_deref().map(str::parse).transpose()?;
        let reason = options.reason;
        self.recorder.wait();
        let done =
            self.write(move |tx, author| conclude(tx, author, &name, label.as_ref(), reason.as_deref()))?;
        done.map_err(|verdict| guard::refused(&verdict))
    }

    /// Ends an experiment without a verdict, for a reason that stays in the log.
    ///
    /// # Errors
    /// `reason-required`, `experiment-not-found`, `experiment-ended`.
    pub fn experiment_stop(&self, name: &str, reason: &str) -> Result<Experiment> {
        let name: ExperimentName = name.parse()?;
        let reason = guard::required(reason)?;
        self.write(move |tx, author| {
            lifecycle::stop(tx, author, &name, &reason).map(|stored| stored.experiment)
        })
    }
}

type Concluded = std::result::Result<Conclusion, Box<crate::model::verdict::Verdict>>;

fn conclude(
    tx: &mut dyn Write,
    author: &Author,
    name: &ExperimentName,
    label: Option<&Label>,
    reason: Option<&str>,
) -> Result<Concluded> {
    let (mut stored, mut result) = lifecycle::settle(tx, author, name)?;
    if stored.experiment.state == crate::model::experiment::ExperimentState::Concluded {
        return Err(Error::ExperimentEnded { experiment: name.to_string(), state: "concluded" });
    }
    if stored.experiment.result_id.is_none() {
        return Err(Error::ExperimentNotDecided { experiment: name.to_string(), sentence: result.sentence });
    }
    let winner = result.winner.as_deref();
    let version = winner.and_then(|name| stored.plan().variants.iter().find(|v| v.name == name));
    let promoted = match (label, version) {
        (Some(label), Some(variant)) => {
            let why = format!("the experiment {name} was won by {}", variant.name);
            let options = PromoteOptions { reason: Some(why), ..PromoteOptions::default() };
            let prompt = stored.plan().prompt.clone();
            let to = VersionRef::Number(variant.version);
            match guard::promote(tx, author, &prompt, label, &to, &options)? {
                Promotion::Moved(step) => Some(*step),
                Promotion::Refused(verdict) => return Ok(Err(verdict)),
            }
        }
        _ => None,
    };
    let to = promoted.as_ref().and_then(|step| step.to);
    lifecycle::conclude(tx, author, &mut stored, (winner, to), reason)?;
    result.state = stored.experiment.state;
    Ok(Ok(Conclusion { experiment: stored.experiment, result, promoted }))
}

/// What logging a trace of an experiment does: its user is enrolled, and it has that variant unless it names one.
pub(super) fn enrol_by_trace(
    tx: &mut dyn Write,
    author: &Author,
    prompt: &crate::model::name::PromptName,
    facts: &crate::traces::write::Exposed,
) -> Result<Option<String>> {
    let (Some(experiment), Some(unit)) = (&facts.experiment, &facts.user) else { return Ok(None) };
    let Ok(name) = experiment.parse::<ExperimentName>() else { return Ok(None) };
    // Any text may stand there: only one that was registered is an experiment of this store.
    let Some(stored) = find(tx, &name)? else { return Ok(None) };
    if stored.plan().prompt != *prompt {
        return Ok(None);
    }
    if let Some(variant) = &facts.variant
        && stored.plan().position(variant).is_none()
    {
        let reason = format!("the experiment {name} has no variant {variant}");
        return Err(Error::InvalidTrace { trace: facts.trace.to_string(), reason });
    }
    let before = exposures::enrol(tx, author.now, &stored, unit, (facts.stratum.clone(), None))?;
    Ok(before.and_then(|e| stored.plan().variants.get(e.variant)).map(|v| v.name.clone()))
}

#[cfg(test)]
mod tests;
