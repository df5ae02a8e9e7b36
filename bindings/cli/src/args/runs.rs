//! The runs' and the metrics' verbs.

use clap::Args;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{finite, pair};
use crate::fail::{Failure, Result};
use crate::input;

#[derive(Args, Serialize)]
pub(crate) struct Metric {
    /// The metric
    name: String,
    /// numeric, boolean or categorical [default: numeric]
    #[arg(long)]
    kind: Option<String>,
    /// The least that a score can be
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true, value_parser = finite)]
    min: Option<f64>,
    /// The most that a score can be
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true, value_parser = finite)]
    max: Option<f64>,
    /// The names that a categorical score can have, with commas between them
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    categories: Option<Vec<String>>,
    /// Which way is better: higher or lower [default: higher]
    #[arg(long)]
    direction: Option<String>,
}

#[derive(Args)]
pub(crate) struct Scorer {
    /// An object with a kind, as JSON or a file that holds it; or the name of a function of yours
    #[arg(value_name = "JSON|NAME")]
    scorer: String,
}

impl Scorer {
    pub(crate) fn arguments(self) -> Result<Value> {
        scorer("SCORER", &self.scorer)
    }
}

/// JSON if it looks like an object, otherwise a name.
pub(super) fn scorer(what: &str, given: &str) -> Result<Value> {
    match given.trim_start().starts_with(['{', '@']) {
        true => input::json(what, given),
        false => Ok(given.into()),
    }
}

#[derive(Args)]
pub(crate) struct StartRun {
    /// The prompt
    pub(crate) prompt: String,
    /// The version: its number, b3:... or @label
    pub(crate) version: String,
    /// The dataset
    pub(crate) dataset: String,
    /// What scores the outputs: an object with a kind, or the name of a function of yours; may be given again
    #[arg(long = "scorer", value_name = "JSON|NAME")]
    pub(crate) scorers: Vec<String>,
    /// How often each item is tried [default: 1]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) trials: Option<u32>,
    /// The run's name; an unfinished run of that name is resumed
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The dataset's version [default: the newest]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) dataset_version: Option<u32>,
}

impl StartRun {
    pub(crate) fn arguments(self) -> Result<Value> {
        let scorers =
            self.scorers.iter().map(|given| scorer("--scorer", given)).collect::<Result<Vec<_>>>()?;
        Ok(json!({
            "prompt": self.prompt, "version": self.version, "dataset": self.dataset, "scorers": scorers,
            "trials": self.trials, "name": self.name, "dataset_version": self.dataset_version,
        }))
    }
}

#[derive(Args, Serialize)]
pub(crate) struct Run {
    /// The run's id
    run: String,
}

#[derive(Args, Serialize)]
pub(crate) struct WithdrawRun {
    /// The run's id
    run: String,
    /// Why; the log keeps it
    #[arg(long)]
    reason: String,
}

#[derive(Args, Serialize)]
pub(crate) struct Runs {
    /// Only runs of this prompt
    prompt: Option<String>,
}

#[derive(Args)]
pub(crate) struct Compare {
    /// The first run: what is there
    #[arg(value_name = "RUN_A")]
    a: String,
    /// The second run: what might come
    #[arg(value_name = "RUN_B")]
    b: String,
    /// A metric that decides; may be given again. The others are secondary [default: all metrics]
    #[arg(long, value_name = "METRIC")]
    primary: Vec<String>,
    /// The chance of a false alarm [default: 0.05]
    #[arg(long, value_name = "NUMBER", value_parser = finite)]
    alpha: Option<f64>,
    /// The smallest difference in a metric that matters; may be given again
    #[arg(long = "margin", value_name = "METRIC=NUMBER", value_parser = points)]
    margins: Vec<(String, f64)>,
    /// The member of the items' metadata that says which of them belong together
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
    /// Another run of one of the two versions, to know how far runs of one version lie apart; may be given again
    #[arg(long, value_name = "RUN")]
    noise: Vec<String>,
}

/// A metric and its points.
fn points(text: &str) -> std::result::Result<(String, f64), String> {
    let (metric, number) = pair(text)?;
    Ok((metric, finite(&number)?))
}

impl Compare {
    pub(crate) fn arguments(self) -> Result<Value> {
        let mut margin = Map::new();
        for (metric, points) in self.margins {
            if margin.insert(metric.clone(), points.into()).is_some() {
                return Err(Failure::usage(format!("--margin {metric} is given twice")));
            }
        }
        let mut arguments = json!({"a": self.a, "b": self.b, "noise": self.noise, "margin": margin});
        if !self.primary.is_empty() {
            arguments["primary"] = self.primary.into();
        }
        if let Some(alpha) = self.alpha {
            arguments["alpha"] = alpha.into();
        }
        if let Some(cluster) = self.cluster {
            arguments["cluster"] = cluster.into();
        }
        Ok(arguments)
    }
}

/// The first trial, which is the only one unless a run was started with more.
const FIRST: u32 = 1;

#[derive(Args)]
pub(crate) struct Record {
    /// The run's id
    run: String,
    /// The item's key
    key: String,
    /// Which trial of the item
    #[arg(long, value_name = "NUMBER", default_value_t = FIRST)]
    trial: u32,
    /// What the model said; an object, a list and a quoted text are read as JSON, anything else is text
    #[arg(long, value_name = "JSON|TEXT", allow_hyphen_values = true)]
    output: Option<String>,
    /// A file that holds what the model said; - for stdin
    #[arg(long, value_name = "FILE", conflicts_with = "output")]
    output_file: Option<String>,
    /// Why there is no output
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["output", "output_file"])]
    error: Option<String>,
    /// A score: a number, true, false, a category, or null if it could not be read; may be given again
    #[arg(long = "score", value_name = "METRIC=SCORE", value_parser = pair)]
    scores: Vec<(String, String)>,
    /// How long the call took
    #[arg(long, value_name = "NUMBER", value_parser = finite)]
    latency_ms: Option<f64>,
    /// What the call cost
    #[arg(long, value_name = "NUMBER", value_parser = finite)]
    cost_usd: Option<f64>,
    /// Tokens sent
    #[arg(long, value_name = "NUMBER")]
    tokens_in: Option<u64>,
    /// Tokens received
    #[arg(long, value_name = "NUMBER")]
    tokens_out: Option<u64>,
}

impl Record {
    pub(crate) fn arguments(self) -> Result<Value> {
        let output = match (self.output, self.output_file) {
            (None, Some(file)) => Some(input::text_file(&file)?),
            (output, _) => output,
        };
        let output = output.map(said);
        let scores: Map<_, _> =
            self.scores.into_iter().map(|(m, score)| (m, input::lenient(score))).collect();
        Ok(json!({"run": self.run, "key": self.key, "trial": self.trial, "row": {
            "output": output, "error": self.error, "scores": scores, "latency_ms": self.latency_ms,
            "cost_usd": self.cost_usd, "tokens_in": self.tokens_in, "tokens_out": self.tokens_out,
        }}))
    }
}

/// A model speaks text: its `42` is a text, and its `@name` names no file.
pub(super) fn said(text: String) -> Value {
    if text.trim_start().starts_with(['{', '[', '"']) { input::lenient(text) } else { text.into() }
}

#[derive(Args)]
pub(crate) struct RecordAll {
    /// The run's id
    run: String,
    /// JSON lines with key, trial, output or error, scores, latency_ms, cost_usd, tokens_in, tokens_out; - for stdin
    #[arg(id = "lines", value_name = "FILE.jsonl|-")]
    file: String,
}

impl RecordAll {
    pub(crate) fn arguments(self) -> Result<Value> {
        let rows = input::json_lines(&self.file)?.into_iter().map(|line| match line {
            // A line is flat, as `rows` prints one; the core keeps the row apart from where it belongs.
            Value::Object(mut row) if !row.contains_key("row") => {
                let key = row.remove("key");
                let trial = row.remove("trial").unwrap_or(FIRST.into());
                json!({"key": key, "trial": trial, "row": row})
            }
            line => line,
        });
        Ok(json!({"run": self.run, "rows": rows.collect::<Vec<_>>()}))
    }
}
