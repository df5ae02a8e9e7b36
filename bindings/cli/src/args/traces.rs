//! The verbs of production traces.

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};

use super::finite;
use super::runs::said;
use crate::fail::Result;
use crate::input;

#[derive(Args)]
pub(crate) struct Log {
    /// The prompt
    prompt: String,
    /// The version that was called: its number or b3:...
    version: String,
    /// The trace's id, such as a request's or a span's [default: one is made]
    #[arg(long, value_name = "ID")]
    trace_id: Option<String>,
    /// When the call was made, such as 2026-11-23T18:00:00Z [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// What went in; an object, a list and a quoted text are read as JSON, anything else is text
    #[arg(long, value_name = "JSON|TEXT", allow_hyphen_values = true)]
    input: Option<String>,
    /// What came out, read in the same way
    #[arg(long, value_name = "JSON|TEXT", allow_hyphen_values = true)]
    output: Option<String>,
    /// What went wrong
    #[arg(long, value_name = "TEXT")]
    error: Option<String>,
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
    /// Whom it was for
    #[arg(long)]
    user: Option<String>,
    /// The experiment that it belongs to
    #[arg(long)]
    experiment: Option<String>,
    /// The experiment's variant that it had
    #[arg(long)]
    variant: Option<String>,
    /// Difficulty or query type
    #[arg(long)]
    stratum: Option<String>,
    /// Anything else about it, as JSON or a file that holds it
    #[arg(long, value_name = "JSON|FILE")]
    metadata: Option<String>,
}

impl Log {
    pub(crate) fn arguments(self) -> Result<Value> {
        let metadata = self.metadata.as_deref().map(|given| input::json("--metadata", given)).transpose()?;
        Ok(json!({
            "prompt": self.prompt, "version": self.version, "trace_id": self.trace_id, "at": self.at,
            "input": self.input.map(said), "output": self.output.map(said), "error": self.error,
            "latency_ms": self.latency_ms, "cost_usd": self.cost_usd, "tokens_in": self.tokens_in,
            "tokens_out": self.tokens_out, "user": self.user, "experiment": self.experiment,
            "variant": self.variant, "stratum": self.stratum, "metadata": metadata,
            // The process ends with the call.
            "durable": true,
        }))
    }
}

#[derive(Args)]
pub(crate) struct Score {
    /// The trace's id
    #[arg(value_name = "TRACE")]
    trace_id: String,
    /// The metric
    metric: String,
    /// A number, true, false, a category, or null if it could not be read
    #[arg(allow_negative_numbers = true)]
    value: String,
    /// Where it comes from: judge, human, user or code [default: code]
    #[arg(long)]
    source: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    /// Which judge: a scorer as JSON, or a name of yours for its version
    #[arg(long, value_name = "JSON|NAME")]
    judge: Option<String>,
}

impl Score {
    pub(crate) fn arguments(self) -> Result<Value> {
        let judge = self.judge.map(|given| super::runs::scorer("--judge", &given)).transpose()?;
        Ok(json!({
            "trace_id": self.trace_id, "metric": self.metric, "value": input::lenient(self.value),
            "source": self.source, "comment": self.comment, "judge": judge, "durable": true,
        }))
    }
}

#[derive(Args)]
pub(crate) struct Many {
    /// JSON lines; - or nothing for stdin
    #[arg(value_name = "FILE.jsonl|-")]
    pub(crate) lines: Option<String>,
}

#[derive(Args, Serialize)]
pub(crate) struct Prune {
    /// What was called before this moment goes, such as 2026-08-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    before: String,
    /// Only calls of this prompt
    #[arg(long)]
    prompt: Option<String>,
}

#[derive(Args, Serialize)]
pub(crate) struct Trace {
    /// The trace's id
    #[arg(value_name = "TRACE")]
    trace_id: String,
}

#[derive(Args, Serialize)]
pub(crate) struct Traces {
    /// Only traces of this prompt
    prompt: Option<String>,
    /// Only of this version: its number or b3:...
    #[arg(long)]
    version: Option<String>,
    /// Only of the version that this label points to now
    #[arg(long)]
    label: Option<String>,
    /// Only for this user
    #[arg(long)]
    user: Option<String>,
    /// Only of this experiment
    #[arg(long)]
    experiment: Option<String>,
    /// From this moment on, such as 2026-11-23T18:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Before this moment
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// At most so many, up to 1000 [default: 100]
    #[arg(long, value_name = "NUMBER")]
    limit: Option<usize>,
    /// Where the page before ended: its `next`
    #[arg(long)]
    cursor: Option<String>,
    /// Which ones first: newest, or the highest or lowest of a metric [default: newest]
    #[arg(long)]
    order: Option<String>,
    /// What highest and lowest are of: a metric, or latency_ms, cost_usd, tokens_in, tokens_out
    #[arg(long)]
    metric: Option<String>,
}

#[derive(Args, Serialize)]
pub(crate) struct Summaries {
    /// The prompt
    prompt: String,
    /// Metrics that its traces have, or latency_ms, cost_usd, tokens_in, tokens_out
    #[arg(value_name = "METRIC", required = true)]
    metrics: Vec<String>,
    /// By what: version, day (UTC), label (what it points to now), variant, stratum, source, or several: version,day
    #[arg(long, value_delimiter = ',')]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    by: Vec<String>,
    /// Only traces of this version: its number or b3:...
    #[arg(long)]
    version: Option<String>,
    /// Only of this experiment
    #[arg(long)]
    experiment: Option<String>,
    /// From this moment on, such as 2026-11-23T18:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Before this moment
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only scores of this source: judge, human, user or code
    #[arg(long)]
    source: Option<String>,
}

#[derive(Args, Serialize)]
pub(crate) struct Summary {
    /// A run's id, or a prompt
    #[arg(value_name = "RUN|PROMPT")]
    #[serde(skip)]
    of: String,
    /// Of a prompt: a metric that its traces have, or latency_ms, cost_usd, tokens_in, tokens_out
    metric: Option<String>,
    /// By what: version, day (UTC), label (what it points to now), variant, stratum, source, or several: version,day
    #[arg(long, value_delimiter = ',', requires = "metric")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    by: Vec<String>,
    /// Only traces of this version: its number or b3:...
    #[arg(long, requires = "metric")]
    version: Option<String>,
    /// Only of this experiment
    #[arg(long, requires = "metric")]
    experiment: Option<String>,
    /// From this moment on, such as 2026-11-23T18:00:00Z
    #[arg(long, value_name = "TIME", requires = "metric")]
    since: Option<String>,
    /// Before this moment
    #[arg(long, value_name = "TIME", requires = "metric")]
    until: Option<String>,
    /// Only scores of this source: judge, human, user or code
    #[arg(long, requires = "metric")]
    source: Option<String>,
}

impl Summary {
    /// Whose summary it is, and the rest.
    pub(crate) fn arguments(self) -> Result<Value> {
        let whose = if self.metric.is_some() { "prompt" } else { "run" };
        let of = self.of.clone();
        let mut arguments = crate::verbs::flags(self)?;
        arguments[whose] = of.into();
        Ok(arguments)
    }
}

#[derive(Args)]
pub(crate) struct AddFromTrace {
    /// The dataset
    name: String,
    /// The trace's id
    #[arg(value_name = "TRACE")]
    trace_id: String,
    /// What a good output would have been; read as JSON if it looks like an object, a list or a quoted text
    #[arg(long, value_name = "JSON|TEXT", allow_hyphen_values = true)]
    expected: Option<String>,
    /// The item's key [default: the trace's id]
    #[arg(long)]
    key: Option<String>,
}

impl AddFromTrace {
    pub(crate) fn arguments(self) -> Result<Value> {
        let expected = self.expected.map(said);
        Ok(json!({"name": self.name, "trace_id": self.trace_id, "expected": expected, "key": self.key}))
    }
}
