//! The datasets' verbs.

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};
use trialplate::ContentId;

use crate::fail::Result;
use crate::input;

#[derive(Args, Serialize)]
pub(crate) struct Dataset {
    /// The dataset
    name: String,
    /// The version's number [default: the newest]
    #[arg(long, value_name = "NUMBER")]
    version: Option<u32>,
}

#[derive(Args, Serialize)]
pub(crate) struct DatasetItems {
    /// The dataset
    name: String,
    /// The version's number [default: the newest]
    #[arg(long, value_name = "NUMBER")]
    version: Option<u32>,
    /// Only items behind this key
    #[arg(long, value_name = "KEY")]
    after: Option<String>,
    /// At most so many [default: all of them]
    #[arg(long, value_name = "NUMBER")]
    limit: Option<usize>,
}

#[derive(Args)]
pub(crate) struct DatasetAdd {
    /// The dataset
    name: String,
    /// JSON lines with key, input, expected, metadata, stratum, source_trace; - for stdin
    #[arg(id = "lines", value_name = "FILE.jsonl|-")]
    file: String,
}

impl DatasetAdd {
    pub(crate) fn arguments(self) -> Result<Value> {
        let mut items = input::json_lines(&self.file)?;
        for item in items.iter_mut().filter_map(Value::as_object_mut) {
            // What dataset-items printed goes in again; an item's id follows from the rest of it.
            let ours = |id: &Value| id.as_str().is_some_and(|id| id.parse::<ContentId>().is_ok());
            if item.get("id").is_some_and(ours) {
                item.remove("id");
            }
        }
        Ok(json!({"name": self.name, "items": items}))
    }
}

#[derive(Args, Serialize)]
pub(crate) struct DatasetArchive {
    /// The dataset
    name: String,
    /// The keys of the items
    #[arg(required = true, value_name = "KEY")]
    keys: Vec<String>,
}

#[derive(Args, Serialize)]
pub(crate) struct DatasetDiff {
    /// The dataset
    name: String,
    /// From: a version's number; 0 is the empty dataset
    a: u32,
    /// To: a version's number
    b: u32,
}

#[derive(Args)]
pub(crate) struct DatasetSchema {
    /// The dataset
    name: String,
    /// The JSON Schema of every input, or a file that holds it; null takes it off
    #[arg(long, value_name = "JSON|FILE")]
    input: Option<String>,
    /// The JSON Schema of every expected output, or a file that holds it; null takes it off
    #[arg(long, value_name = "JSON|FILE")]
    expected: Option<String>,
}

impl DatasetSchema {
    /// Whether it only asks.
    pub(crate) fn reads(&self) -> bool {
        self.input.is_none() && self.expected.is_none()
    }

    pub(crate) fn arguments(self) -> Result<Value> {
        let mut arguments = json!({"name": self.name});
        // Null takes a schema off, which is not the same as saying nothing about it.
        for (member, flag, given) in
            [("input", "--input", self.input), ("expected", "--expected", self.expected)]
        {
            if let Some(given) = given {
                arguments[member] = input::json(flag, &given)?;
            }
        }
        Ok(arguments)
    }
}
