//! Guards: the gates that protect labels, and whether a label moves by itself once its gate says pass.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::labels::label_in;
use super::versions::latest;
use crate::codec::record::{decode, encode, record};
use crate::error::{Error, Result};
use crate::model::id::ContentId;
use crate::model::name::{Label, PromptName};
use crate::storage::kv::{Flow, Order, Read, Space, Write, scan_prefix};
use crate::storage::layout;
use crate::storage::log::{Author, append};

#[derive(Serialize, Deserialize)]
pub(crate) struct GuardRecord {
    gate: ContentId,
}
record!(GuardRecord, 15, "label guard");

/// Beside the guard, whose record stays as it is: that the label moves by itself.
#[derive(Serialize, Deserialize)]
pub(crate) struct AutoRecord {}
record!(AutoRecord, 16, "automatic label");

/// The gate that protects a label.
pub(crate) fn guard(
    tx: &(impl Read + ?Sized),
    prompt: &PromptName,
    label: &Label,
) -> Result<Option<ContentId>> {
    let bytes = tx.get(Space::Refs, layout::guard(prompt.as_str(), label.as_str()).bytes())?;
    bytes.map(|bytes| decode::<GuardRecord>(&bytes).map(|record| record.gate)).transpose()
}

/// The labels of a prompt that a gate protects.
pub(crate) fn protected(tx: &dyn Read, prompt: &PromptName) -> Result<BTreeMap<Label, ContentId>> {
    let mut out = BTreeMap::new();
    scan_prefix(
        tx,
        Space::Refs,
        layout::guards(prompt.as_str()).bytes(),
        Order::Ascending,
        &mut |key, value| {
            out.insert(label_in(key)?, decode::<GuardRecord>(value)?.gate);
            Ok(Flow::Continue)
        },
    )?;
    Ok(out)
}

pub(super) fn check_unprotected(tx: &(impl Read + ?Sized), prompt: &PromptName, label: &Label) -> Result<()> {
    match guard(tx, prompt, label)? {
        Some(_) => Err(Error::LabelProtected { prompt: prompt.to_string(), label: label.to_string() }),
        None => Ok(()),
    }
}

/// Whether a guarded label moves by itself to a version that passes.
pub(crate) fn is_auto(tx: &(impl Read + ?Sized), prompt: &PromptName, label: &Label) -> Result<bool> {
    Ok(tx.get(Space::Refs, layout::auto(prompt.as_str(), label.as_str()).bytes())?.is_some())
}

/// The labels of a prompt that move by themselves.
pub(crate) fn autos(tx: &(impl Read + ?Sized), prompt: &PromptName) -> Result<Vec<Label>> {
    let mut out = Vec::new();
    scan_prefix(tx, Space::Refs, layout::autos(prompt.as_str()).bytes(), Order::Ascending, &mut |key, _| {
        out.push(label_in(key)?);
        Ok(Flow::Continue)
    })?;
    Ok(out)
}

/// Binds a gate to a label, or takes it off (`gate: None`). Doing what is done already writes nothing.
pub(crate) fn set_guard(
    tx: &mut dyn Write,
    author: &Author,
    prompt: &PromptName,
    label: &Label,
    gate: Option<ContentId>,
    auto: bool,
    reason: Option<&str>,
) -> Result<()> {
    latest(tx, prompt)?;
    let before = (guard(tx, prompt, label)?, is_auto(tx, prompt, label)?);
    let auto = auto && gate.is_some();
    if before == (gate, auto) {
        return Ok(());
    }
    let kind = if gate.is_some() { "label.protected" } else { "label.unprotected" };
    let mut data =
        json!({"prompt": prompt, "label": label, "gate": gate, "before": before.0, "reason": reason});
    if auto || before.1 {
        data["auto"] = auto.into();
    }
    append(tx, author, kind, data)?;
    let key = layout::auto(prompt.as_str(), label.as_str());
    match auto {
        true => tx.put(Space::Refs, key.bytes(), &encode(&AutoRecord {})?)?,
        false if before.1 => tx.delete(Space::Refs, key.bytes())?,
        false => {}
    }
    let key = layout::guard(prompt.as_str(), label.as_str());
    match gate {
        Some(gate) => tx.put(Space::Refs, key.bytes(), &encode(&GuardRecord { gate })?),
        None => tx.delete(Space::Refs, key.bytes()),
    }
}
