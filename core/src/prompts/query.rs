//! Looking around: which prompts there are.

use serde::Deserialize;
use serde_json::Value;

use crate::codec::record::decode;
use crate::error::{Error, Result};
use crate::model::name::PromptName;
use crate::model::version::PromptSummary;
use crate::storage::keys::{Fields, after_prefix};
use crate::storage::kv::{Flow, Order, Read, Space};
use crate::storage::layout;

use super::labels;
use super::versions::{PromptRecord, load};

/// Which prompts to list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct PromptFilter {
    /// Only names that begin so, such as a folder (`billing/`).
    pub prefix: Option<String>,
    /// Only prompts whose name, newest text, message or tags contain this, whatever the case.
    pub search: Option<String>,
    /// Only prompts whose newest version carries this tag.
    pub tag: Option<String>,
}

/// Whether any text in a prompt fits: the text itself, or what its messages say.
fn any_text(value: &Value, fits: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => fits(text),
        Value::Array(values) => values.iter().any(|value| any_text(value, fits)),
        Value::Object(members) => members.values().any(|value| any_text(value, fits)),
        _ => false,
    }
}

/// The prompts that fit, in the order of their names.
pub(crate) fn prompts(tx: &dyn Read, filter: &PromptFilter) -> Result<Vec<PromptSummary>> {
    let needle = filter.search.as_deref().map(str::to_lowercase);
    let prefix = layout::prompts().raw(filter.prefix.as_deref().unwrap_or_default().as_bytes());
    let (mut low, high) = (prefix.bytes().to_vec(), after_prefix(prefix.bytes()));
    let mut found = Vec::new();
    // From block to block: a prompt's own entries are many.
    while let Some(name) = first_name(tx, &low, &high)? {
        low = after_prefix(layout::prompt_block(name.as_str()).bytes());
        let head = tx.get(Space::Refs, layout::prompt(name.as_str()).bytes())?;
        let head: PromptRecord = decode(&head.ok_or_else(|| nameless("it has no head"))?)?;
        let newest = load(tx, &name, head.latest)?;
        let has_tag = filter.tag.as_ref().is_none_or(|tag| newest.tags().contains(tag));
        let matches = needle.as_deref().is_none_or(|needle| {
            let contains = |text: &str| text.to_lowercase().contains(needle);
            contains(name.as_str())
                || any_text(newest.content().prompt(), &contains)
                || newest.message().is_some_and(contains)
                || newest.tags().iter().any(|tag| contains(tag))
        });
        if has_tag && matches {
            found.push(PromptSummary {
                latest: head.latest,
                labels: labels::all(tx, &name)?,
                protected: labels::protected(tx, &name)?.into_keys().collect(),
                tags: newest.tags().to_vec(),
                updated_at: head.updated_at,
                name,
            });
        }
    }
    Ok(found)
}

fn nameless(reason: &str) -> Error {
    Error::DamagedRecord { record: "prompt", reason: reason.to_owned() }
}

/// The prompt that the first entry between `low` and `high` belongs to.
fn first_name(tx: &dyn Read, low: &[u8], high: &[u8]) -> Result<Option<PromptName>> {
    let mut first = None;
    tx.scan(Space::Refs, low, high, Order::Ascending, &mut |key, _| {
        first = Some(Fields::of(key).text().and_then(|name| name.parse().ok()));
        Ok(Flow::Stop)
    })?;
    first.map(|name| name.ok_or_else(|| nameless("its key holds no name"))).transpose()
}
