//! Gates: protecting a label, judging a version, and promoting it.

mod auto;
mod evidence;

use serde::Serialize;

use super::Store;
use crate::error::{Error, Result};
use crate::gates::store as gates;
use crate::model::gate::Gate;
use crate::model::id::ContentId;
use crate::model::name::{Label, PromptName};
use crate::model::selector::VersionRef;
use crate::model::verdict::{Outcome, Verdict};
use crate::model::version::LabelMove;
use crate::prompts::labels::{self, Expected, Move};
use crate::prompts::{guards, versions};
use crate::storage::kv::{Read, Write};
use crate::storage::log::Author;
pub(super) use auto::after_run;
use evidence::reach;

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
    /// Nobody asked for it: the version is promoted only if it passes, is newer than the one that holds the label,
    /// and was never rolled back; the history says that it went by itself.
    pub auto: bool,
}

/// What a check came to that may promote what passes.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Checked {
    /// The verdict.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The move, if the label moved.
    pub moved: Option<LabelMove>,
    /// Why the label did not move, if the verdict is a pass.
    pub held: Option<String>,
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
    /// `invalid-gate`, `too-large`, `prompt-not-found`.
    pub fn protect(&self, name: &str, label: &str, gate: Gate) -> Result<ContentId> {
        self.protect_as(name, label, gate, false)
    }

    /// As [`Store::protect`], and the label moves by itself: whenever a run on one of the gate's datasets is finished
    /// and its version passes, is newer than the one that holds the label and was never rolled back, the label moves
    /// in the same transaction, and its history says so. Protecting it again without it ends that.
    ///
    /// # Errors
    /// As [`Store::protect`].
    pub fn protect_auto(&self, name: &str, label: &str, gate: Gate) -> Result<ContentId> {
        self.protect_as(name, label, gate, true)
    }

    fn protect_as(&self, name: &str, label: &str, gate: Gate, auto: bool) -> Result<ContentId> {
        let (name, label): (PromptName, Label) = (name.parse()?, label.parse()?);
        let gate = gate.validated()?;
        self.write(move |tx, author| {
            let id = gates::save_gate(tx, &gate)?;
            labels::set_guard(tx, author, &name, &label, Some(id), auto, None)?;
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
            labels::set_guard(tx, author, &name, &label, None, false, Some(&reason))
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

    /// Whether a protected label moves by itself.
    ///
    /// # Errors
    /// What reading the store may give.
    pub fn is_auto(&self, name: &str, label: &str) -> Result<bool> {
        let (name, label): (PromptName, Label) = (name.parse()?, label.parse()?);
        self.read(|tx| guards::is_auto(tx, &name, &label))
    }

    /// As [`Store::check`], and moves the label in the same transaction if the verdict is a pass and the version is
    /// newer than the one that holds the label and was never rolled back. The label's history says that it went by
    /// itself. On cannot-tell nothing moves, whatever the gate's policy.
    ///
    /// # Errors
    /// As [`Store::check`].
    pub fn check_and_promote(&self, name: &str, version: &VersionRef, label: &str) -> Result<Checked> {
        let (name, label): (PromptName, Label) = (name.parse()?, label.parse()?);
        let version = version.clone();
        self.write(move |tx, author| {
            let number = versions::resolve(tx, &name, &version)?;
            auto::check(tx, author, &name, &label, number)
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
    /// `gate-refused`, which carries the verdict, unless it is a pass (or the gate's policy allows what is open) or an
    /// override is given; `reason-required` for an empty override; `auto-refused` for a version that is not promoted
    /// by itself; otherwise as [`Store::set_label`].
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
    if options.auto {
        if options.override_reason.is_some() {
            let reason = "what goes by itself overrides nothing; give either auto or override".to_owned();
            return Err(Error::InvalidArgument { argument: "auto".to_owned(), reason });
        }
        guard_of(tx, name, label)?;
    }
    if let Some(there) = labels::check_expected(tx, name, label, to, options.expected)? {
        return moved(there);
    }
    if options.auto
        && let Some(reason) = auto::barred(tx, name, label, to)?
    {
        let (prompt, label) = (name.to_string(), label.to_string());
        return Err(Error::AutoRefused { prompt, label, version: to, reason });
    }
    let verdict = match guard {
        Some(id) => {
            let gate = gates::load_gate(tx, &id)?;
            let verdict = reach(tx, author, name, label, to, (id, &gate))?;
            Some(gates::save_verdict(tx, author, verdict)?)
        }
        None => None,
    };
    // What goes by itself needs a pass; a person may rely on the gate's policy for what is open.
    let enough = |verdict: &Verdict| {
        if options.auto { verdict.outcome == Outcome::Pass } else { verdict.lets_pass() }
    };
    let passed = verdict.as_ref().is_some_and(enough);
    // Without a gate nothing is overruled, but who says "override" is written down as saying it.
    let overridden = options.override_reason.is_some() && !passed;
    let verdict = match verdict {
        Some(verdict) if !passed && !overridden => return Ok(Promotion::Refused(Box::new(verdict))),
        verdict => verdict.map(|verdict| verdict.id),
    };
    let step = Move { reason, verdict, overridden, auto: options.auto, ..Move::new(name, label, Some(to)) };
    moved(labels::record_move(tx, author, &step)?)
}

fn guard_of(tx: &(impl Read + ?Sized), name: &PromptName, label: &Label) -> Result<(ContentId, Gate)> {
    versions::latest(tx, name)?;
    let id = labels::guard(tx, name, label)?;
    let id = id.ok_or_else(|| Error::GateNotFound { prompt: name.to_string(), label: label.to_string() })?;
    Ok((id, gates::load_gate(tx, &id)?))
}
