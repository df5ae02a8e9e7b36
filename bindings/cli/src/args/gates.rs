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
    /// Move the label by itself, whenever a run is finished whose version passes and is newer
    #[arg(long)]
    auto: bool,
}

impl Protect {
    pub(crate) fn arguments(self) -> Result<Value> {
        let gate = input::json("--gate", &self.gate)?;
        Ok(json!({"name": self.name, "label": self.label, "gate": gate, "auto": self.auto}))
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
    /// Move the label in the same step if it passes, is newer and was never rolled back
    #[arg(long)]
    auto: bool,
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
    /// Nobody asked for it: only on a pass, forward, and never to what was rolled back
    #[arg(long)]
    auto: bool,
    #[command(flatten)]
    #[serde(skip)]
    pub(crate) reports: Reports,
}

#[derive(Args)]
pub(crate) struct Calibrate {
    /// The metric that the judge gives
    metric: String,
    /// The run whose rows hold both scores
    #[arg(long)]
    run: Option<String>,
    /// The metric of the run that holds what people said
    #[arg(long, value_name = "METRIC")]
    human: Option<String>,
    /// The prompt whose traces hold both scores, from a judge and from a human
    #[arg(long)]
    prompt: Option<String>,
    /// Only traces of this version: its number or b3:...
    #[arg(long)]
    version: Option<String>,
    /// Only traces from this moment on, such as 2026-11-23T18:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only traces before this moment
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Which judge scored the traces: a scorer as JSON, or its id
    #[arg(long, value_name = "JSON|ID")]
    judge: Option<String>,
}

impl Calibrate {
    pub(crate) fn arguments(self) -> Result<Value> {
        let judge = self.judge.map(|given| super::runs::scorer("--judge", &given)).transpose()?;
        Ok(json!({
            "metric": self.metric, "run": self.run, "human": self.human, "prompt": self.prompt,
            "version": self.version, "since": self.since, "until": self.until, "judge": judge,
        }))
    }
}

#[derive(Args, Serialize)]
pub(crate) struct Calibrations {
    /// Only of this metric
    metric: Option<String>,
}
