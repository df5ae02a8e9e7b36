//! One function for each place where bytes come in from outside, for the fuzz targets in `tests/fuzz` and for the short
//! run of the same in `cargo test`. No part of the library: it is there under `cfg(any(test, fuzzing))` alone.
//!
//! A function here panics if a rule is broken, and does nothing otherwise. Hostile bytes may be refused, by an error with
//! a code; they may not panic, hang, take memory without a bound, or be taken for something they are not.

// Here a broken rule ends by a panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

pub mod file;
pub mod real;

use std::path::Path;

use serde_json::{Value, json};

use crate::codec::canonical::{rounded_integer, to_canonical, value_text};
use crate::error::Result;
use crate::model::chat::ChatTemplate;
use crate::model::content::Content;
use crate::model::id::{ContentId, IdPrefix, RunId};
use crate::model::name::{
    CanaryName, DatasetName, ExperimentName, ItemKey, Label, MetricName, PromptName, RunName, TraceId,
};
use crate::model::selector::VersionRef;
use crate::model::template::{Names, Template};
use crate::model::time::Timestamp;
use crate::prompts::modes::{self, Mode};
use crate::scorers::Scorer;
use crate::storage::entry::entry;
use crate::storage::kv::Space;
use crate::storage::layout;
use crate::store::{Store, VERBS, hostile};
use crate::{Gate, stats};

/// Every kind of stored record, and every key: the bytes as a value under each schema number, and as a key.
pub fn records(data: &[u8]) {
    hostile::every_record(data);
    for space in Space::ALL {
        let _ = entry(space, data);
        let _ = hostile::check_entry(space, data, data);
    }
}

/// Segments of traces and of scores, blocks of the index, packed texts.
pub fn segments(data: &[u8]) {
    crate::traces::verify::hostile(data);
}

/// Canonical JSON: what has a canonical text reads back as itself, and has the same one then.
pub fn canonical(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = rounded_integer(text);
    let Ok(value) = serde_json::from_str::<Value>(text) else { return };
    let _ = value_text(&value);
    let Ok(first) = to_canonical(&value) else { return };
    let again: Value = serde_json::from_str(&first).expect("canonical text is JSON");
    assert_eq!(to_canonical(&again).expect("canonical once more"), first);
    for parse in [
        |v: &Value| Scorer::from_json(v).map(drop),
        |v: &Value| {
            let gate = serde_json::from_value::<Gate>(v.clone());
            gate.map(drop).map_err(|e| crate::Error::InvalidGate { reason: e.to_string() })
        },
    ] {
        let _ = parse(&value);
    }
}

/// Templates of text and of chats, in every mode.
pub fn template(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut names = Names::new();
    let template = Template::parse(text, &mut names);
    assert_eq!(template.source(), text);
    // Without values everything stands as it stood.
    assert_eq!(template.fill(&vec![None; names.len()]), text);
    let hostile =
        json!({"a": "{{a}}{{{b}}}{{#a}}", "b": [1, {"role": "user", "content": "{{a}}"}], "x": null});
    let values: Vec<Option<&str>> = names.as_slice().iter().map(|_| Some("{{a}}")).collect();
    let filled = template.fill(&values);
    assert!(filled.len() <= text.len() + 5 * text.len(), "what is put in is not read again");
    let value = |name: &str| hostile.get(name);
    for mode in [Mode::Strict, Mode::Partial, Mode::Langfuse, Mode::LangfuseJs] {
        let _ = modes::render(mode, text, &value);
    }
    let Ok(messages) = serde_json::from_str::<Value>(text) else { return };
    let mut names = Names::new();
    if let Ok(chat) = ChatTemplate::parse(&messages, &mut names) {
        let values = vec![Some("{{a}}"); names.len()];
        let _ = chat.fill(&values, &value, true);
        let _ = chat.fill(&vec![None; names.len()], &value, false);
        for mode in [Mode::Langfuse, Mode::LangfuseJs] {
            let _ = modes::render_chat(mode, &chat, &value, &value);
        }
    }
    if let Value::Array(messages) = messages
        && let Ok(content) = Content::chat(messages).normalised()
    {
        let twice = content.clone().normalised().expect("what is normal stays so");
        assert_eq!(content, twice);
    }
}

/// Versions as people name them.
pub fn selector(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = VersionRef::parse(text);
    let _ = text.parse::<IdPrefix>();
    if let Ok(id) = text.parse::<ContentId>() {
        assert_eq!(id.to_string().parse::<ContentId>().expect("its own text"), id);
    }
    if let Ok(run) = text.parse::<RunId>() {
        assert_eq!(run.to_string().parse::<RunId>().expect("its own text"), run);
    }
}

/// Names: what is taken stays what it was, and comes back from a key.
pub fn name(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    macro_rules! stays {
        ($($type:ty),*) => {$(
            if let Ok(name) = text.parse::<$type>() {
                assert_eq!(name.to_string(), text);
            }
        )*};
    }
    stays!(PromptName, Label, DatasetName, MetricName, RunName, ItemKey, CanaryName, ExperimentName, TraceId);
    let key = layout::label(text, "l");
    assert_eq!(layout::label_in(layout::label("p", text).bytes()).as_deref(), Some(text));
    let (_, named) = entry(Space::Refs, key.bytes()).expect("a key of a label");
    assert!(named.contains(&format!("{text:?}")));
    // No text's keys lie within another's.
    assert!(
        !layout::prompt_block("a").bytes().starts_with(layout::prompt_block(text).bytes()) || text == "a"
    );
}

/// Moments, and the cursors that hold one.
pub fn moment(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(at) = text.parse::<Timestamp>() {
        assert_eq!(at.to_string().parse::<Timestamp>().expect("its own text"), at);
    }
    let _ = hostile::cursor(text);
    if let Some(micros) = data.first_chunk().map(|bytes| i64::from_le_bytes(*bytes)) {
        let at = Timestamp::from_micros(micros);
        let _ = (at.to_string(), at.day());
    }
}

/// A procedure of the statistics: `KIND`, a line feed, its inputs.
pub fn statistics(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some((kind, inputs)) = text.split_once('\n') else { return };
    let Ok(inputs) = serde_json::from_str::<Value>(inputs) else { return };
    if let Err(error) = stats::run_case(kind, &inputs) {
        assert_eq!(error.code(), "invalid-argument", "{error}");
    }
}

/// The items of a dataset.
pub fn items(store: &Store, data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let asked = format!("{{\"name\": \"hostile\", \"items\": {text}}}");
    if call(store, "dataset_add", &asked).is_ok() {
        let read = call(store, "dataset_items", "{\"name\": \"hostile\"}").expect("what was taken is there");
        assert!(serde_json::from_str::<Value>(&read).is_ok());
    }
}

/// A verb: `VERB`, a line feed, its arguments. Files are written in `folder` alone, whatever the arguments say.
pub fn verb(store: &Store, folder: &Path, data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some((verb, arguments)) = text.split_once('\n') else { return };
    let mut arguments = arguments.to_owned();
    if matches!(verb, "backup" | "doctor") {
        let Ok(Value::Object(mut members)) = serde_json::from_str::<Value>(&arguments) else { return };
        for place in ["to", "salvage"] {
            if members.get(place).is_some_and(Value::is_string) {
                members.insert(place.to_owned(), folder.join("written").display().to_string().into());
            }
        }
        arguments = Value::Object(members).to_string();
    }
    let _ = call(store, verb, &arguments);
    let _ = std::fs::remove_file(folder.join("written"));
    assert!(VERBS.contains(&verb) || store.call(verb, "{}").is_err_and(|e| e.code() == "unknown-verb"));
}

/// What comes out is JSON, or an error that has a code and says what to do; never that the engine stopped.
fn call(store: &Store, verb: &str, arguments: &str) -> Result<String> {
    let done = store.call(verb, arguments);
    match &done {
        Ok(text) => assert!(serde_json::from_str::<Value>(text).is_ok(), "{verb}: {text}"),
        Err(error) => {
            let text = error.to_string();
            assert!(
                !text.contains("the engine stopped") && error.kind() != crate::Kind::Corrupt,
                "{verb}: {text}"
            );
        }
    }
    done
}

#[cfg(test)]
mod tests;
