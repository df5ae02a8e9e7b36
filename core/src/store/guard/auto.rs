//! Promotion that nobody asked for: only on a pass, only forward, and never to where a person turned back from.

use super::{Checked, guard_of, reach};
use crate::error::Result;
use crate::gates::store as gates;
use crate::model::name::{Label, PromptName};
use crate::model::run::Run;
use crate::model::verdict::Outcome;
use crate::model::version::LabelMove;
use crate::prompts::guards;
use crate::prompts::labels::{self, Move};
use crate::storage::kv::{Read, Write};
use crate::storage::log::Author;

/// Why a version is not promoted by itself, if so.
pub(super) fn barred(
    tx: &(impl Read + ?Sized),
    name: &PromptName,
    label: &Label,
    to: u32,
) -> Result<Option<String>> {
    if let Some(holder) = labels::target(tx, name, label)?
        && holder >= to
    {
        return Ok(Some(format!("version {holder} holds {label}, and it goes forward only")));
    }
    let turned_back = labels::rolled_back(tx, name, label)?.contains(&to);
    Ok(turned_back.then(|| format!("{label} was rolled back from it")))
}

/// Judges a version, and moves the label if it may.
pub(super) fn check(
    tx: &mut dyn Write,
    author: &Author,
    name: &PromptName,
    label: &Label,
    number: u32,
) -> Result<Checked> {
    let (id, gate) = guard_of(tx, name, label)?;
    let verdict = reach(tx, author, name, label, number, (id, &gate))?;
    let verdict = gates::save_verdict(tx, author, verdict)?;
    let mut found = Checked { verdict, moved: None, held: None };
    if found.verdict.outcome == Outcome::Pass {
        found.held = barred(tx, name, label, number)?;
        if found.held.is_none() {
            let verdict = Some(found.verdict.id);
            let step = Move { verdict, auto: true, ..Move::new(name, label, Some(number)) };
            found.moved = Some(labels::record_move(tx, author, &step)?);
        }
    }
    Ok(found)
}

/// A run is finished: the labels that move by themselves, and whose gates look at its dataset, may move to its
/// version.
pub(in crate::store) fn after_run(tx: &mut dyn Write, author: &Author, run: &Run) -> Result<Vec<LabelMove>> {
    let mut moves = Vec::new();
    for label in guards::autos(tx, &run.prompt)? {
        let (_, gate) = guard_of(tx, &run.prompt, &label)?;
        let about = gate.dataset == run.dataset
            || gate.checks.iter().any(|check| *gate.dataset_of(check) == run.dataset);
        if about && barred(tx, &run.prompt, &label, run.version)?.is_none() {
            moves.extend(check(tx, author, &run.prompt, &label, run.version)?.moved);
        }
    }
    Ok(moves)
}
