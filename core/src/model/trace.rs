//! Production traces: one call of a model, and what was said about it afterwards.

use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use super::id::ContentId;
use super::name::{MetricName, PromptName, TraceId};
use super::score::ScoreValue;
use super::time::Timestamp;
use crate::error::{Error, Result};

/// What is said about one production call. What is left out is not known.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NewTrace {
    /// Its id, such as a request's or a span's; made, and sorted by time, if none is given.
    pub trace_id: Option<String>,
    /// When the call was made; now, if left out.
    pub at: Option<Timestamp>,
    /// What went in; any JSON.
    pub input: Option<Value>,
    /// What came out; any JSON.
    pub output: Option<Value>,
    /// What went wrong. A call that broke off may have an output too.
    pub error: Option<String>,
    /// How long the call took, in milliseconds.
    pub latency_ms: Option<f64>,
    /// What the call cost, in US dollars.
    pub cost_usd: Option<f64>,
    /// Tokens sent.
    pub tokens_in: Option<u64>,
    /// Tokens received.
    pub tokens_out: Option<u64>,
    /// Whom it was for.
    pub user: Option<String>,
    /// The experiment that it belongs to.
    pub experiment: Option<String>,
    /// The experiment's variant that it had.
    pub variant: Option<String>,
    /// Difficulty or query type, set by something that has not seen the output.
    pub stratum: Option<String>,
    /// Anything else about it; any JSON.
    pub metadata: Option<Value>,
}

/// One production call.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Trace {
    /// Its id.
    pub trace_id: TraceId,
    /// The prompt.
    pub prompt: PromptName,
    /// The version that was called.
    pub version: u32,
    /// That version's content id.
    pub version_id: ContentId,
    /// When the call was made.
    pub at: Timestamp,
    /// What went in.
    pub input: Option<Value>,
    /// What came out.
    pub output: Option<Value>,
    /// What went wrong.
    pub error: Option<String>,
    /// How long the call took, in milliseconds.
    pub latency_ms: Option<f64>,
    /// What the call cost, in US dollars.
    pub cost_usd: Option<f64>,
    /// Tokens sent.
    pub tokens_in: Option<u64>,
    /// Tokens received.
    pub tokens_out: Option<u64>,
    /// Whom it was for.
    pub user: Option<String>,
    /// The experiment that it belongs to.
    pub experiment: Option<String>,
    /// The experiment's variant that it had.
    pub variant: Option<String>,
    /// Difficulty or query type.
    pub stratum: Option<String>,
    /// Anything else about it.
    pub metadata: Option<Value>,
    /// Every score that it was given, those included that a newer one of the same metric and source replaces; by
    /// metric and source, oldest first.
    pub scores: Vec<TraceScore>,
}

/// Where a score comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScoreSource {
    /// A model that judges.
    Judge,
    /// A person who was asked to judge.
    Human,
    /// Whoever the call was for: a thumb up, a click.
    User,
    /// A check in code.
    #[default]
    Code,
}

impl ScoreSource {
    /// Every source, in the order of their numbers.
    pub const ALL: [ScoreSource; 4] =
        [ScoreSource::Judge, ScoreSource::Human, ScoreSource::User, ScoreSource::Code];

    /// The source's name, the same in every language.
    pub fn as_str(self) -> &'static str {
        match self {
            ScoreSource::Judge => "judge",
            ScoreSource::Human => "human",
            ScoreSource::User => "user",
            ScoreSource::Code => "code",
        }
    }
}

impl std::str::FromStr for ScoreSource {
    type Err = Error;

    fn from_str(text: &str) -> Result<ScoreSource> {
        ScoreSource::ALL.into_iter().find(|source| source.as_str() == text).ok_or_else(|| {
            let reason = format!("a score's source is judge, human, user or code, not `{text}`");
            Error::InvalidArgument { argument: "source".to_owned(), reason }
        })
    }
}

/// What is said about a trace by somebody who has seen its output.
#[derive(Debug, Clone, PartialEq)]
pub struct NewScore {
    /// The value; [`ScoreValue::Missing`] if it could not be read, which is counted and never 0.
    pub value: ScoreValue,
    /// Where it comes from.
    pub source: ScoreSource,
    /// Why.
    pub comment: Option<String>,
    /// Which judge, or which version of it: the content id of a scorer, or a name of yours.
    pub judge: Option<String>,
}

impl NewScore {
    /// A value that code gave, with nothing else said about it.
    pub fn new(value: ScoreValue) -> NewScore {
        NewScore { value, source: ScoreSource::default(), comment: None, judge: None }
    }

    /// Says where it comes from.
    #[must_use]
    pub fn from_source(mut self, source: ScoreSource) -> NewScore {
        self.source = source;
        self
    }
}

/// One score of a trace.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TraceScore {
    /// The metric.
    pub metric: MetricName,
    /// The value; missing is null.
    #[serde(serialize_with = "as_json")]
    pub value: ScoreValue,
    /// Where it comes from.
    pub source: ScoreSource,
    /// Why.
    pub comment: Option<String>,
    /// Which judge.
    pub judge: Option<String>,
    /// When it was given.
    pub at: Timestamp,
}

fn as_json<S: Serializer>(value: &ScoreValue, serializer: S) -> Result<S::Ok, S::Error> {
    value.to_json().serialize(serializer)
}

/// A figure that a trace carries itself. Its name is no metric that a score could have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Figure {
    LatencyMs,
    CostUsd,
    TokensIn,
    TokensOut,
}

impl Figure {
    pub(crate) fn of(metric: &str) -> Option<Figure> {
        match metric {
            "latency_ms" => Some(Figure::LatencyMs),
            "cost_usd" => Some(Figure::CostUsd),
            "tokens_in" => Some(Figure::TokensIn),
            "tokens_out" => Some(Figure::TokensOut),
            _ => None,
        }
    }
}

/// What a trace counts with: all of it but its texts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TraceFacts {
    pub(crate) trace_id: TraceId,
    pub(crate) at: Timestamp,
    /// Where it lies in its prompt's columns; none while it waits to get there.
    pub(crate) place: Option<u64>,
    pub(crate) version: u32,
    pub(crate) user: Option<String>,
    pub(crate) experiment: Option<String>,
    pub(crate) variant: Option<String>,
    pub(crate) stratum: Option<String>,
    pub(crate) latency_ms: Option<f64>,
    pub(crate) cost_usd: Option<f64>,
    pub(crate) tokens_in: Option<u64>,
    pub(crate) tokens_out: Option<u64>,
}

impl TraceFacts {
    pub(crate) fn figure(&self, figure: Figure) -> Option<f64> {
        match figure {
            Figure::LatencyMs => self.latency_ms,
            Figure::CostUsd => self.cost_usd,
            Figure::TokensIn => self.tokens_in.map(|n| n as f64),
            Figure::TokensOut => self.tokens_out.map(|n| n as f64),
        }
    }
}
