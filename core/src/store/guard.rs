//! Gates: protecting a label, judging a version, and promoting it.

use std::collections::BTreeMap;

use super::Store;
use crate::datasets::read as datasets;
use crate::error::{Error, Result};
use crate::gates::store as gates;
use crate::gates::{Evidence, OnDataset, Side, judge};
use crate::model::gate::Gate;
use crate::model::id::ContentId;
use crate::model::name::{DatasetName, Label, PromptName};
use crate::model::run::Run;
use crate::model::selector::VersionRef;
use crate::model::verdict::{Baseline, DatasetRef, Outcome, Verdict, VerdictKey};
use crate::model::version::LabelMove;
use crate::prompts::labels::{self, Expected, Move};
use crate::prompts::versions;
use crate::runs::{lifecycle, metrics, rows};
use crate::storage::kv::{Read, Write};
use crate::storage::log::Author;

/// How a version is promoted.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct PromoteOptions {
    /// Why, in the label's history.
    pub reason: Option<String>,
    /// Moves the label against the verdict, for this reason, which stays in the log for ever.
    pub override_reason: Option<String>,
    /// Compare-and-set: where the label must be found.
    pub expected: Expected,
}

/// What a promotion came to, inside its transaction.
pub(super) enum Promotion {
    Moved(Box<LabelMove>),
    Refused(Box<Verdict>),
}

impl Store {
    /// Binds a gate to a label: from now on only `promote` and `rollback` move it.
    ///
    /// # Errors
    /// `invalid-gate`, `prompt-not-found`.
    pub fn protect(&self, name: &str, label: &str, gate: Gate) -> Result<ContentId> {
        let (name, label): (PromptName, Label) = (name.parse()?, label.parse()?);
        let gate = gate.validated()?;
        self.write(move |tx, author| {
            let id = gates::save_gate(tx, &gate)?;
            labels::set_guard(tx, author, &name, &label, Some(id), None)?;
            Ok(id)
        })
    }

    /// Takes the gate off a label. The log keeps that it was there, who took it off, and why.
    ///
    /// # Errors
    /// `gate-not-found` if there is none; `reason-required`.
    pub fn unprotect(&self, name: &str, label: &str, reason: &str) -> Result<()> {
        let (name, label): (PromptName, Label) = (name.parse()?, label.parse()?);
        let reason = required(reason)?;
        self.write(move |tx, author| {
            guard_of(tx, &name, &label)?;
            labels::set_guard(tx, author, &name, &label, None, Some(&reason))
        })
    }

    /// The gate that protects a label.
    ///
    /// # Errors
    /// `gate-not-found` if there is none.
    pub fn gate(&self, name: &str, label: &str) -> Result<(ContentId, Gate)> {
        let (name, label): (PromptName, Label) = (name.parse()?, label.parse()?);
        self.read(|tx| guard_of(tx, &name, &label))
    }

    /// Judges a version by the gate of a label, and stores the verdict. Nothing moves.
    ///
    /// # Errors
    /// `gate-not-found`, `version-not-found`, `prompt-not-found`.
    pub fn check(&self, name: &str, version: &VersionRef, label: &str) -> Result<Verdict> {
        let (name, label): (PromptName, Label) = (name.parse()?, label.parse()?);
        let version = version.clone();
        self.write(move |tx, author| {
            let number = versions::resolve(tx, &name, &version)?;
            let (id, gate) = guard_of(tx, &name, &label)?;
            let verdict = reach(tx, author, &name, &label, number, (id, &gate))?;
            gates::save_verdict(tx, author, verdict)
        })
    }

    /// Every verdict on the versions of a prompt for a label, oldest first.
    ///
    /// # Errors
    /// `prompt-not-found`.
    pub fn verdicts(&self, name: &str, label: &str) -> Result<Vec<Verdict>> {
        let (name, label): (PromptName, Label) = (name.parse()?, label.parse()?);
        self.read(|tx| {
            versions::latest(tx, &name)?;
            gates::verdicts(tx, &name, &label)
        })
    }

    /// Moves a label to a version, if its gate lets it.
    ///
    /// # Atomicity
    /// One transaction: the verdict is reached on the evidence as it is now, and the label moves, or it does
    /// not. The verdict is stored either way. A label without a gate just moves.
    ///
    /// # Errors
    /// `gate-refused`, which carries the verdict, unless it is a pass or an override is given;
    /// `reason-required` for an empty override; otherwise as [`Store::set_label`].
    pub fn promote(
        &self,
        name: &str,
        version: &VersionRef,
        to: &str,
        options: PromoteOptions,
    ) -> Result<LabelMove> {
        let (name, label): (PromptName, Label) = (name.parse()?, to.parse()?);
        let override_reason = options.override_reason.as_deref().map(required).transpose()?;
        let options = PromoteOptions { override_reason, ..options };
        let version = version.clone();
        let promotion =
            self.write(move |tx, author| promote(tx, author, &name, &label, &version, &options))?;
        match promotion {
            Promotion::Moved(step) => Ok(*step),
            Promotion::Refused(verdict) => Err(refused(&verdict)),
        }
    }
}

/// The error that carries a verdict which is no pass.
pub(super) fn refused(verdict: &Verdict) -> Error {
    Error::GateRefused {
        prompt: verdict.key.prompt.to_string(),
        label: verdict.key.label.to_string(),
        verdict: verdict.id.to_string(),
        sentence: verdict.sentence.clone(),
        json: serde_json::to_string(verdict).unwrap_or_default(),
    }
}

pub(super) fn required(reason: &str) -> Result<String> {
    if reason.trim().is_empty() { Err(Error::ReasonRequired) } else { Ok(reason.to_owned()) }
}

pub(super) fn promote(
    tx: &mut dyn Write,
    author: &Author,
    name: &PromptName,
    label: &Label,
    version: &VersionRef,
    options: &PromoteOptions,
) -> Result<Promotion> {
    let to = versions::resolve(tx, name, version)?;
    let moved = |step| Ok(Promotion::Moved(Box::new(step)));
    let reason = options.override_reason.as_deref().or(options.reason.as_deref());
    let guard = labels::guard(tx, name, label)?;
    if let Some(there) = labels::check_expected(tx, name, label, to, options.expected)? {
        return moved(there);
    }
    let verdict = match guard {
        Some(id) => {
            let gate = gates::load_gate(tx, &id)?;
            let verdict = reach(tx, author, name, label, to, (id, &gate))?;
            Some(gates::save_verdict(tx, author, verdict)?)
        }
        None => None,
    };
    let passed = verdict.as_ref().is_some_and(|verdict| verdict.outcome == Outcome::Pass);
    // Without a gate nothing is overruled, but who says "override" is written down as saying it.
    let overridden = options.override_reason.is_some() && !passed;
    let verdict = match verdict {
        Some(verdict) if !passed && !overridden => return Ok(Promotion::Refused(Box::new(verdict))),
        verdict => verdict.map(|verdict| verdict.id),
    };
    let step = Move { prompt: name, label, to: Some(to), reason, verdict, rollback: false, overridden };
    moved(labels::record_move(tx, author, &step)?)
}

fn guard_of(tx: &(impl Read + ?Sized), name: &PromptName, label: &Label) -> Result<(ContentId, Gate)> {
    versions::latest(tx, name)?;
    let id = labels::guard(tx, name, label)?;
    let id = id.ok_or_else(|| Error::GateNotFound { prompt: name.to_string(), label: label.to_string() })?;
    Ok((id, gates::load_gate(tx, &id)?))
}

/// Gathers the evidence as it is now and judges by it.
fn reach(
    tx: &(impl Read + ?Sized),
    author: &Author,
    name: &PromptName,
    label: &Label,
    number: u32,
    (gate_id, gate): (ContentId, &Gate),
) -> Result<Verdict> {
    let candidate = versions::load(tx, name, number)?;
    let baseline = labels::target(tx, name, label)?.map(|held| versions::load(tx, name, held)).transpose()?;
    let mut on = BTreeMap::new();
    let mut refs = Vec::new();
    let names = std::iter::once(&gate.dataset).chain(gate.checks.iter().map(|check| gate.dataset_of(check)));
    for dataset in names {
        if !on.contains_key(dataset) {
            let gathered = on_dataset(tx, dataset, name, number, baseline.as_ref().map(|b| b.number()))?;
            refs.extend(gathered.dataset.clone());
            on.insert(dataset.clone(), gathered);
        }
    }
    let mut configs = BTreeMap::new();
    for metric in gate.checks.iter().filter_map(|check| check.metric()) {
        if let Some(config) = metrics::read(tx, metric)? {
            configs.insert(metric.clone(), config);
        }
    }
    let evidence = Evidence { datasets: on, configs, response_schema: candidate.content().schema().cloned() };
    let key = VerdictKey {
        prompt: name.clone(),
        label: label.clone(),
        version: number,
        version_id: candidate.id(),
        gate: gate_id,
        datasets: refs,
        scorers: evidence.scorers(),
        baseline: baseline.map(|b| Baseline { version: b.number(), version_id: b.id() }),
    };
    judge(gate, &evidence, key, author.now)
}

fn on_dataset(
    tx: &(impl Read + ?Sized),
    dataset: &DatasetName,
    prompt: &PromptName,
    candidate: u32,
    baseline: Option<u32>,
) -> Result<OnDataset> {
    let nothing = |version| Side::new(version, Vec::new());
    if datasets::latest(tx, dataset)? == 0 {
        let baseline = baseline.map(nothing);
        return Ok(OnDataset { dataset: None, items: Vec::new(), candidate: nothing(candidate), baseline });
    }
    let version = datasets::version(tx, dataset, None)?;
    let side = |number| {
        let runs = lifecycle::evidence(tx, prompt, number, &version.root)?;
        let with_rows = |run: Run| Ok((run.clone(), rows::all(tx, &run.id)?));
        Ok(Side::new(number, runs.into_iter().map(with_rows).collect::<Result<_>>()?))
    };
    Ok(OnDataset {
        candidate: side(candidate)?,
        baseline: baseline.map(side).transpose()?,
        items: datasets::index(tx, dataset, version.version)?.into_keys().collect(),
        dataset: Some(DatasetRef { dataset: dataset.clone(), version: version.version, root: version.root }),
    })
}
