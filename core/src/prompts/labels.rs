//! Labels: moving them, moving them back, and what they pointed to when.
//!
//! Invariants: a label's current target, its history and the event log change in one transaction; the history is
//! append-only; a protected label moves by `promote` and `rollback` alone.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::codec::record::{decode, encode, record};
use crate::error::{Error, Result};
use crate::model::event::Event;
use crate::model::id::ContentId;
use crate::model::name::{Label, PromptName};
use crate::model::time::Timestamp;
use crate::model::version::LabelMove;
use crate::storage::kv::{Flow, Order, Read, Space, Write, scan_prefix};
use crate::storage::layout;
use crate::storage::log::{self, Author, append};

use super::guards::check_unprotected;
pub(crate) use super::guards::{guard, protected, set_guard};
use super::versions::{bump_epoch, latest};

#[derive(Serialize, Deserialize)]
pub(crate) struct LabelRecord {
    number: u32,
    /// The position of the move in the log.
    seq: u64,
}
record!(LabelRecord, 13, "label");

/// A pointer into the log, with what time travel and rollback need so that they read no event.
#[derive(Serialize, Deserialize)]
pub(crate) struct MoveRecord {
    at: Timestamp,
    to: Option<u32>,
    rollback: bool,
}
record!(MoveRecord, 14, "label move");

/// Whether a move must find the label where its caller saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Expected {
    /// Move it wherever it is.
    #[default]
    Anything,
    /// Only if it is not set.
    Unset,
    /// Only if it points to this version.
    Version(u32),
}

/// A move and all that is said about it.
pub(crate) struct Move<'a> {
    pub(crate) prompt: &'a PromptName,
    pub(crate) label: &'a Label,
    pub(crate) to: Option<u32>,
    pub(crate) reason: Option<&'a str>,
    pub(crate) verdict: Option<ContentId>,
    pub(crate) rollback: bool,
    pub(crate) overridden: bool,
    pub(crate) auto: bool,
}

impl<'a> Move<'a> {
    /// A move that somebody asked for.
    pub(crate) fn new(prompt: &'a PromptName, label: &'a Label, to: Option<u32>) -> Move<'a> {
        Move {
            prompt,
            label,
            to,
            reason: None,
            verdict: None,
            rollback: false,
            overridden: false,
            auto: false,
        }
    }
}

fn label_not_found(prompt: &PromptName, label: &Label) -> Error {
    Error::LabelNotFound { prompt: prompt.to_string(), label: label.to_string() }
}

fn read(tx: &(impl Read + ?Sized), prompt: &PromptName, label: &Label) -> Result<Option<LabelRecord>> {
    let bytes = tx.get(Space::Refs, layout::label(prompt.as_str(), label.as_str()).bytes())?;
    bytes.map(|bytes| decode(&bytes)).transpose()
}

/// The version a label points to, if it is set.
pub(crate) fn target(tx: &(impl Read + ?Sized), prompt: &PromptName, label: &Label) -> Result<Option<u32>> {
    Ok(read(tx, prompt, label)?.map(|record| record.number))
}

/// The version a label points to.
pub(crate) fn current(tx: &(impl Read + ?Sized), prompt: &PromptName, label: &Label) -> Result<u32> {
    match target(tx, prompt, label)? {
        Some(number) => Ok(number),
        None => {
            latest(tx, prompt)?;
            Err(label_not_found(prompt, label))
        }
    }
}

/// The version a label pointed to at a moment.
pub(crate) fn at(
    tx: &(impl Read + ?Sized),
    prompt: &PromptName,
    label: &Label,
    at: Timestamp,
) -> Result<u32> {
    let prefix = layout::label_moves(prompt.as_str(), label.as_str());
    let mut found = None;
    scan_prefix(tx, Space::Refs, prefix.bytes(), Order::Descending, &mut |_, value| {
        let record: MoveRecord = decode(value)?;
        if record.at > at {
            return Ok(Flow::Continue);
        }
        found = record.to;
        Ok(Flow::Stop)
    })?;
    if found.is_none() {
        latest(tx, prompt)?;
    }
    found.ok_or_else(|| label_not_found(prompt, label))
}

/// Every label of a prompt and the version it points to.
pub(crate) fn all(tx: &dyn Read, prompt: &PromptName) -> Result<BTreeMap<Label, u32>> {
    let mut labels = BTreeMap::new();
    scan_prefix(
        tx,
        Space::Refs,
        layout::labels(prompt.as_str()).bytes(),
        Order::Ascending,
        &mut |key, value| {
            labels.insert(label_in(key)?, decode::<LabelRecord>(value)?.number);
            Ok(Flow::Continue)
        },
    )?;
    Ok(labels)
}

pub(super) fn label_in(key: &[u8]) -> Result<Label> {
    let label = layout::label_in(key).and_then(|label| label.parse().ok());
    label.ok_or_else(|| Error::DamagedRecord { record: "label", reason: "its key holds no label".to_owned() })
}

/// Moves a label and writes down that it moved. The caller has checked that it may.
pub(crate) fn record_move(tx: &mut dyn Write, author: &Author, step: &Move<'_>) -> Result<LabelMove> {
    let from = target(tx, step.prompt, step.label)?;
    let kind = if step.to.is_some() { "label.moved" } else { "label.removed" };
    let mut data = json!({"prompt": step.prompt, "label": step.label, "from": from, "to": step.to,
                          "reason": step.reason, "verdict": step.verdict, "rollback": step.rollback,
                          "override": step.overridden});
    if step.auto {
        data["auto"] = true.into();
    }
    let event = append(tx, author, kind, data)?;
    let key = layout::label(step.prompt.as_str(), step.label.as_str());
    match step.to {
        Some(number) => {
            tx.put(Space::Refs, key.bytes(), &encode(&LabelRecord { number, seq: event.seq })?)?
        }
        None => tx.delete(Space::Refs, key.bytes())?,
    }
    let key = layout::label_move(step.prompt.as_str(), step.label.as_str(), event.seq);
    let record = MoveRecord { at: event.at, to: step.to, rollback: step.rollback };
    tx.put(Space::Refs, key.bytes(), &encode(&record)?)?;
    bump_epoch(tx)?;
    Ok(LabelMove {
        prompt: step.prompt.clone(),
        label: step.label.clone(),
        seq: event.seq,
        at: event.at,
        actor: event.actor,
        from,
        to: step.to,
        reason: step.reason.map(str::to_owned),
        verdict: step.verdict,
        rollback: step.rollback,
        overridden: step.overridden,
        auto: step.auto,
    })
}

/// Points a label at a version. A label that points there already is left alone: that is no move.
pub(crate) fn set(
    tx: &mut dyn Write,
    author: &Author,
    prompt: &PromptName,
    label: &Label,
    to: u32,
    expected: Expected,
    reason: Option<&str>,
) -> Result<LabelMove> {
    check_unprotected(tx, prompt, label)?;
    if let Some(there) = check_expected(tx, prompt, label, to, expected)? {
        return Ok(there);
    }
    let step = Move { reason, ..Move::new(prompt, label, Some(to)) };
    record_move(tx, author, &step)
}

/// Refuses if the label is not where its caller saw it. If it points to `to` already there is nothing to move,
/// and the move that brought it there is returned.
pub(crate) fn check_expected(
    tx: &(impl Read + ?Sized),
    prompt: &PromptName,
    label: &Label,
    to: u32,
    expected: Expected,
) -> Result<Option<LabelMove>> {
    let record = read(tx, prompt, label)?;
    let found = record.as_ref().map(|record| record.number);
    let wanted = match expected {
        Expected::Anything => found,
        Expected::Unset => None,
        Expected::Version(number) => Some(number),
    };
    if wanted != found {
        let name = |number: Option<u32>| number.map_or("unset".to_owned(), |n| n.to_string());
        return Err(Error::LabelMoved {
            prompt: prompt.to_string(),
            label: label.to_string(),
            expected: name(wanted),
            found: name(found),
        });
    }
    record.filter(|record| record.number == to).map(|record| read_move(tx, record.seq)).transpose()
}

/// Takes a label off.
pub(crate) fn unset(
    tx: &mut dyn Write,
    author: &Author,
    prompt: &PromptName,
    label: &Label,
    reason: Option<&str>,
) -> Result<LabelMove> {
    check_unprotected(tx, prompt, label)?;
    current(tx, prompt, label)?;
    let step = Move { reason, ..Move::new(prompt, label, None) };
    record_move(tx, author, &step)
}

/// Points a label at the version it pointed to before, or at an earlier one that it has pointed to.
///
/// Moves pile up and a rollback takes the top one off, so rolling back twice goes two steps back and not to
/// where the first rollback came from.
pub(crate) fn rollback(
    tx: &mut dyn Write,
    author: &Author,
    prompt: &PromptName,
    label: &Label,
    to: Option<u32>,
    reason: Option<&str>,
) -> Result<LabelMove> {
    let mut pile: Vec<Option<u32>> = Vec::new();
    let mut seen = false;
    let prefix = layout::label_moves(prompt.as_str(), label.as_str());
    scan_prefix(tx, Space::Refs, prefix.bytes(), Order::Ascending, &mut |_, value| {
        let record: MoveRecord = decode(value)?;
        seen = true;
        if record.rollback {
            // A rollback takes the top off, and whatever else lay above its target.
            pile.pop();
            while pile.last().is_some_and(|top| *top != record.to) {
                pile.pop();
            }
        } else {
            pile.push(record.to);
        }
        Ok(Flow::Continue)
    })?;
    if !seen {
        latest(tx, prompt)?;
        return Err(label_not_found(prompt, label));
    }
    let now = pile.pop().flatten();
    let target = match to {
        Some(number) => pile.iter().rev().flatten().copied().find(|&earlier| earlier == number),
        // Taken off and set again it lies in the pile twice: going back to where it is would be going nowhere.
        None => pile.iter().rev().flatten().copied().find(|&earlier| Some(earlier) != now),
    };
    let Some(target) = target else {
        let what = to.map_or("another version".to_owned(), |number| format!("version {number}"));
        return Err(Error::NothingToRollBack { prompt: prompt.to_string(), label: label.to_string(), what });
    };
    let step = Move { reason, rollback: true, ..Move::new(prompt, label, Some(target)) };
    record_move(tx, author, &step)
}

/// The versions that a label was rolled back from, or across.
pub(crate) fn rolled_back(
    tx: &(impl Read + ?Sized),
    prompt: &PromptName,
    label: &Label,
) -> Result<BTreeSet<u32>> {
    let (mut pile, mut left): (Vec<Option<u32>>, BTreeSet<u32>) = (Vec::new(), BTreeSet::new());
    let prefix = layout::label_moves(prompt.as_str(), label.as_str());
    scan_prefix(tx, Space::Refs, prefix.bytes(), Order::Ascending, &mut |_, value| {
        let record: MoveRecord = decode(value)?;
        if record.rollback {
            left.extend(pile.pop().flatten());
            while pile.last().is_some_and(|top| *top != record.to) {
                left.extend(pile.pop().flatten());
            }
        } else {
            pile.push(record.to);
        }
        Ok(Flow::Continue)
    })?;
    Ok(left)
}

/// Every move of a label, oldest first.
pub(crate) fn history(tx: &dyn Read, prompt: &PromptName, label: &Label) -> Result<Vec<LabelMove>> {
    let prefix = layout::label_moves(prompt.as_str(), label.as_str());
    let mut moves = Vec::new();
    scan_prefix(tx, Space::Refs, prefix.bytes(), Order::Ascending, &mut |key, _| {
        let seq = key.last_chunk::<8>().map(|seq| u64::from_be_bytes(*seq)).unwrap_or_default();
        moves.push(read_move(tx, seq)?);
        Ok(Flow::Continue)
    })?;
    if moves.is_empty() {
        latest(tx, prompt)?;
        return Err(label_not_found(prompt, label));
    }
    Ok(moves)
}

fn read_move(tx: &(impl Read + ?Sized), seq: u64) -> Result<LabelMove> {
    let event = log::entry(tx, seq)?;
    event.and_then(move_of).ok_or_else(|| Error::DamagedRecord {
        record: "label move",
        reason: format!("event {seq} of the log is not the move it should be"),
    })
}

/// The move that an event tells of.
pub(crate) fn move_of(event: Event) -> Option<LabelMove> {
    let Event { seq, at, actor, data, .. } = event;
    let number = |name: &str| data.get(name).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
    let text = |name: &str| data.get(name).and_then(Value::as_str);
    let flag = |name: &str| data.get(name).and_then(Value::as_bool).unwrap_or(false);
    Some(LabelMove {
        prompt: text("prompt")?.parse().ok()?,
        label: text("label")?.parse().ok()?,
        seq,
        at,
        actor,
        from: number("from"),
        to: number("to"),
        reason: text("reason").map(str::to_owned),
        verdict: text("verdict").and_then(|id| id.parse().ok()),
        rollback: flag("rollback"),
        overridden: flag("override"),
        auto: flag("auto"),
    })
}
