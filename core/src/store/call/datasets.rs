//! Items as they come from other languages, by the ten thousand.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::arguments;
use super::traces::taken;
use crate::error::{Error, Result};
use crate::model::dataset::{DatasetVersion, NewItem};
use crate::model::name::ItemKey;
use crate::store::Store;

/// All items of a version, or a page of them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Items {
    name: String,
    #[serde(default)]
    version: Option<u32>,
    #[serde(default)]
    after: Option<String>,
    #[serde(default)]
    limit: Option<usize>,
}

pub(super) fn items(store: &Store, a: Items) -> Result<String> {
    let items = store.dataset_items_text(&a.name, a.version, a.after.as_deref(), a.limit)?;
    Ok(format!("{{\"items\":{items}}}"))
}

pub(super) fn keys(store: &Store, a: Items) -> Result<Vec<ItemKey>> {
    store.dataset_keys(&a.name, a.version, a.after.as_deref(), a.limit)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Add {
    name: String,
    #[serde(rename = "items")]
    _items: [(); 0],
}

pub(super) fn add(store: &Store, mut a: Value) -> Result<Option<DatasetVersion>> {
    let items = taken(&mut a, "items")?;
    let Add { name, .. } = arguments(a)?;
    store.dataset_add(
        &name,
        items.into_iter().enumerate().map(|(i, item)| read(i, item)).collect::<Result<_>>()?,
    )
}

fn read(position: usize, item: Value) -> Result<NewItem> {
    match item {
        Value::Object(members) if members.iter().all(plain) => Ok(of(members)),
        odd => {
            let key = odd.get("key").and_then(Value::as_str);
            let key = key.map_or_else(|| format!("#{position}"), str::to_owned);
            serde_json::from_value(odd).map_err(|e| Error::InvalidItem { key, reason: e.to_string() })
        }
    }
}

/// Whether a member can be taken as it is. What can't is read by the rule, which says what is wrong with it.
fn plain((name, value): (&String, &Value)) -> bool {
    match name.as_str() {
        "input" | "expected" | "metadata" => true,
        "key" | "stratum" | "source_trace" => value.is_string() || value.is_null(),
        _ => false,
    }
}

fn of(members: Map<String, Value>) -> NewItem {
    let mut item = NewItem::default();
    let text = |value| if let Value::String(text) = value { Some(text) } else { None };
    for (name, value) in members {
        match name.as_str() {
            "key" => item.key = text(value),
            "input" => item.input = value,
            "expected" => item.expected = value,
            "metadata" => item.metadata = value,
            "stratum" => item.stratum = text(value),
            "source_trace" => item.source_trace = text(value),
            _ => {}
        }
    }
    item
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Members that are taken as they are are read as the rule reads them.
    #[test]
    fn what_is_taken_is_what_would_be_read() {
        for item in [
            json!({}),
            json!({"key": "a", "input": {"x": [1, null]}, "expected": null, "metadata": 3, "stratum": "hard"}),
            json!({"key": null, "stratum": null, "source_trace": "t", "input": "i"}),
        ] {
            let members = item.as_object().unwrap();
            assert!(members.iter().all(plain));
            assert_eq!(of(members.clone()), serde_json::from_value(item.clone()).unwrap(), "{item}");
        }
        for item in
            [json!({"key": 1}), json!({"inputs": 1}), json!(null), json!("a"), json!({"stratum": ["x"]})]
        {
            assert_eq!(read(3, item.clone()).unwrap_err().code(), "invalid-item", "{item}");
        }
    }
}
