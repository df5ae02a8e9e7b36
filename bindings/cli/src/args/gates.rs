//! The gates' verbs.

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};

use super::eval::Reports;
use crate::fail::Result;
use crate::input;

#[derive(Args)]
pub(crate) struct Protect {
    /// The prompt
    name: String,
    /// The label
    label: String,
    /// The gate as JSON, or a file that holds it
    #[arg(long, value_name = "JSON|FILE")]
    gate: String,
}

impl Protect {
    pub(crate) fn arguments(self) -> Result<Value> {
        let gate = input::json("--gate", &self.gate)?;
        Ok(json!({"name": self.name, "label": self.label, "gate": gate}))
    }
}

#[derive(Args, Serialize)]
pub(crate) struct Unprotect {
    /// The prompt
    name: String,
    /// The label
    label: String,
    /// Why; the log keeps it
    #[arg(long)]
    reason: String,
}

#[derive(Args, Serialize)]
pub(crate) struct Check {
    /// The prompt
    pub(crate) name: String,
    /// The version: its number, b3:... or @label
    pub(crate) version: String,
    /// The label whose gate judges
    pub(crate) label: String,
    #[command(flatten)]
    #[serde(skip)]
    pub(crate) reports: Reports,
}

#[derive(Args, Serialize)]
pub(crate) struct Promote {
    /// The prompt
    pub(crate) name: String,
    /// The version: its number, b3:... or @label
    pub(crate) version: String,
    /// The label that moves
    #[arg(long, value_name = "LABEL")]
    pub(crate) to: String,
    /// Move it against the verdict, for this reason, which stays in the log for ever
    #[arg(long = "override", value_name = "REASON")]
    #[serde(rename = "override")]
    override_reason: Option<String>,
    /// Why, in the label's history
    #[arg(long)]
    reason: Option<String>,
    /// Only if the label points to this version now; 0 if it must not be set yet
    #[arg(long, value_name = "VERSION")]
    expected: Option<String>,
    #[command(flatten)]
    #[serde(skip)]
    pub(crate) reports: Reports,
}
