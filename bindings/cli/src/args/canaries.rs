//! The verbs of canaries.

use std::time::Duration;

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};

use super::{finite, runs, seconds};
use crate::fail::Result;

#[derive(Args)]
pub(crate) struct Canary {
    /// The canary
    name: String,
    /// The prompt
    #[arg(long)]
    pub(crate) prompt: Option<String>,
    /// Its version, fixed: its number, b3:... or @label, which is looked up now [default: @production]
    #[arg(long)]
    pub(crate) version: Option<String>,
    /// The dataset with the fixed items: 10 at least, best 20 to 50
    #[arg(long)]
    dataset: Option<String>,
    /// The dataset's version, fixed [default: the newest now]
    #[arg(long, value_name = "NUMBER")]
    dataset_version: Option<u32>,
    /// A metric that is watched, declared boolean or with min and max; may be given again
    #[arg(long = "metric", value_name = "METRIC")]
    metrics: Vec<String>,
    /// What the runs must be scored by: an object with a kind, or the name of a function of yours; may be given
    /// again [default: what the first run is scored by]
    #[arg(long = "scorer", value_name = "JSON|NAME")]
    scorers: Vec<String>,
    /// Runs before the detector starts, spread over days: 10 at least [default: 20]
    #[arg(long, value_name = "NUMBER")]
    baseline: Option<u32>,
    /// At most one false alarm in so many runs on average [default: 365]
    #[arg(long, value_name = "NUMBER", value_parser = finite, allow_negative_numbers = true)]
    alarm: Option<f64>,
    /// The least standard deviation that is believed, as a share of the metric's range [default: 0.0025]
    #[arg(long, value_name = "NUMBER", value_parser = finite, allow_negative_numbers = true)]
    floor: Option<f64>,
}

impl Canary {
    /// Whether it only looks a canary up.
    pub(crate) fn reads(&self) -> bool {
        self.prompt.is_none() && self.dataset.is_none() && self.metrics.is_empty()
    }

    pub(crate) fn arguments(self) -> Result<Value> {
        let scorers =
            self.scorers.iter().map(|given| runs::scorer("--scorer", given)).collect::<Result<Vec<_>>>()?;
        let listed = |list: Vec<Value>| (!list.is_empty()).then_some(list);
        let metrics = self.metrics.into_iter().map(Value::from).collect();
        Ok(json!({
            "name": self.name, "prompt": self.prompt, "version": self.version, "dataset": self.dataset,
            "dataset_version": self.dataset_version, "metrics": listed(metrics), "scorers": listed(scorers),
            "baseline": self.baseline, "alarm": self.alarm, "floor": self.floor,
        }))
    }
}

#[derive(Args, Serialize)]
pub(crate) struct Name {
    /// The canary
    name: String,
}

#[derive(Args, Serialize)]
pub(crate) struct Record {
    /// The canary
    name: String,
    /// A finished run of the canary's version on its dataset version
    run: String,
    /// A finished run in which stored outputs, the same each time, were judged again
    #[arg(long, value_name = "RUN")]
    anchor: Option<String>,
}

#[derive(Args, Serialize)]
pub(crate) struct Answer {
    /// The canary
    name: String,
    /// Why; the log keeps it for ever
    #[arg(long)]
    reason: String,
}

#[derive(Args)]
pub(crate) struct Run {
    /// The canary
    pub(crate) name: String,
    /// The command that answers one item: JSON on stdin, the output on stdout; run by the shell
    #[arg(long, value_name = "COMMAND")]
    pub(crate) task: String,
    /// What scores the outputs: an object with a kind, or the name of a function of yours; may be given again
    #[arg(long = "scorer", value_name = "JSON|NAME")]
    pub(crate) scorers: Vec<String>,
    /// A finished run in which stored outputs, the same each time, were judged again
    #[arg(long, value_name = "RUN")]
    pub(crate) anchor: Option<String>,
    /// So many commands at the same time
    #[arg(long, value_name = "NUMBER", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) concurrency: u16,
    /// A command that takes longer is ended, and the row is an error [default: no limit]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,
}
