//! The verbs' arguments as they come from other languages.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::compare::CompareOptions;
use crate::error::{Error, Result};
use crate::model::content::Content;
use crate::model::id::ContentId;
use crate::model::name::{DEFAULT_LABEL, Label, MetricName};
use crate::model::run::NewRow;
use crate::model::score::{ScoreConfig, ScoreValue};
use crate::model::selector::{A_VERSION, Selector, VersionRef};
use crate::prompts::labels::Expected;

/// A version as other languages name one: its number, its id, or the version itself.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Version {
    Number(u32),
    Text(String),
    Of { name: String, number: u32, id: ContentId },
    Other(Value),
}

impl Version {
    pub(super) fn reference(&self) -> Result<VersionRef> {
        match self {
            Version::Number(number) => Ok(VersionRef::Number(*number)),
            Version::Text(text) => VersionRef::parse(text),
            Version::Of { name, number, id } => {
                Ok(VersionRef::Of { prompt: name.clone(), number: *number, id: *id })
            }
            Version::Other(value) => {
                Err(Error::InvalidSelector { what: A_VERSION, given: value.to_string() })
            }
        }
    }

    /// As a selector, for reading a version of `name`.
    fn selector(&self, name: &str) -> Result<Selector<'static>> {
        Ok(match self.reference()? {
            VersionRef::Of { prompt, .. } if prompt != name => {
                return Err(Error::VersionOfAnotherPrompt { prompt: name.to_owned(), other: prompt });
            }
            VersionRef::Number(number) => Selector::Number(number),
            VersionRef::Id(id) => Selector::Id(id),
            // By its content: a version of another file may have the same name and number.
            VersionRef::Of { id, .. } => Selector::Id(id.into()),
        })
    }
}

macro_rules! arguments {
    ($($(#[$doc:meta])* $name:ident { $($(#[$attribute:meta])* $field:ident: $type:ty),* $(,)? })*) => {
        $($(#[$doc])* #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name { $($(#[$attribute])* pub(super) $field: $type),* })*
    };
}

arguments! {
    Publish {
        name: String,
        prompt: Value,
        #[serde(default)] model: Option<String>,
        #[serde(default)] params: Option<Value>,
        #[serde(default)] tools: Option<Value>,
        #[serde(default)] response_schema: Option<Value>,
        #[serde(default)] message: Option<String>,
        #[serde(default)] author: Option<String>,
        #[serde(default)] parent: Option<u32>,
        #[serde(default)] tags: Option<Vec<String>>,
        #[serde(default)] labels: Option<Vec<String>>,
    }
    Get {
        name: String,
        #[serde(default)] label: Option<String>,
        #[serde(default)] version: Option<Version>,
        #[serde(default)] id: Option<String>,
        #[serde(default)] at: Option<String>,
    }
    Compile {
        name: String,
        #[serde(default)] label: Option<String>,
        #[serde(default)] version: Option<Version>,
        #[serde(default)] id: Option<String>,
        #[serde(default)] at: Option<String>,
        #[serde(default)] variables: Map<String, Value>,
        #[serde(default)] mode: Option<String>,
    }
    Name { name: String }
    Versions { name: String, #[serde(default)] after: u32, #[serde(default)] limit: Option<usize> }
    NameLabel { name: String, label: String }
    Diff { name: String, a: Version, b: Version }
    SetLabel {
        name: String,
        label: String,
        version: Version,
        #[serde(default)] expected: Option<Version>,
        #[serde(default)] reason: Option<String>,
    }
    UnsetLabel { name: String, label: String, #[serde(default)] reason: Option<String> }
    Rollback {
        name: String,
        label: String,
        #[serde(default)] to: Option<Version>,
        #[serde(default)] reason: Option<String>,
    }
    Protect { name: String, label: String, gate: Value, #[serde(default)] auto: Option<bool> }
    Unprotect { name: String, label: String, reason: String }
    Check { name: String, version: Version, label: String, #[serde(default)] auto: Option<bool> }
    Promote {
        name: String,
        version: Version,
        to: String,
        #[serde(default)] reason: Option<String>,
        #[serde(default, rename = "override")] override_reason: Option<String>,
        #[serde(default)] expected: Option<Version>,
        #[serde(default)] auto: Option<bool>,
    }
    Dataset { name: String, #[serde(default)] version: Option<u32> }
    DatasetArchive { name: String, keys: Vec<String> }
    DatasetDiff { name: String, a: u32, b: u32 }
    Metric {
        name: String,
        #[serde(default)] kind: Option<Value>,
        #[serde(default)] min: Option<f64>,
        #[serde(default)] max: Option<f64>,
        #[serde(default)] categories: Option<Vec<String>>,
        #[serde(default)] direction: Option<Value>,
    }
    StartRun {
        prompt: String,
        version: Version,
        dataset: String,
        #[serde(default)] dataset_version: Option<u32>,
        #[serde(default)] scorers: Option<Vec<Value>>,
        #[serde(default)] trials: Option<u32>,
        #[serde(default)] name: Option<String>,
    }
    RunId { run: String }
    WithdrawRun { run: String, reason: String }
    Runs { #[serde(default)] prompt: Option<String> }
    Record { run: String, key: String, #[serde(default = "first")] trial: u32, #[serde(default)] row: RowArgs }
    RecordAll { run: String, rows: Vec<KeyedRow> }
    KeyedRow { key: String, #[serde(default = "first")] trial: u32, #[serde(default)] row: RowArgs }
    Compare {
        a: String,
        b: String,
        #[serde(default)] primary: Option<Vec<String>>,
        #[serde(default)] alpha: Option<f64>,
        #[serde(default)] margin: Option<BTreeMap<String, f64>>,
        #[serde(default)] cluster: Option<String>,
        #[serde(default)] noise: Option<Vec<String>>
    }
    Log {
        prompt: String,
        version: Version,
        #[serde(default)] trace_id: Option<String>,
        #[serde(default)] at: Option<String>,
        #[serde(default)] input: Option<Value>,
        #[serde(default)] output: Option<Value>,
        #[serde(default)] error: Option<String>,
        #[serde(default)] latency_ms: Option<f64>,
        #[serde(default)] cost_usd: Option<f64>,
        #[serde(default)] tokens_in: Option<u64>,
        #[serde(default)] tokens_out: Option<u64>,
        #[serde(default)] user: Option<String>,
        #[serde(default)] experiment: Option<String>,
        #[serde(default)] variant: Option<String>,
        #[serde(default)] stratum: Option<String>,
        #[serde(default)] metadata: Option<Value>,
        #[serde(default)] durable: Option<bool>,
    }
    Score {
        trace_id: String,
        metric: String,
        // "Given as null" is a missing score; not given is a mistake.
        #[serde(deserialize_with = "given")] value: Value,
        #[serde(default)] source: Option<String>,
        #[serde(default)] comment: Option<String>,
        #[serde(default)] judge: Option<Value>,
        #[serde(default)] durable: Option<bool>,
    }
    TraceId { trace_id: String }
    Traces {
        #[serde(default)] prompt: Option<String>,
        #[serde(default)] version: Option<Version>,
        #[serde(default)] label: Option<String>,
        #[serde(default)] user: Option<String>,
        #[serde(default)] experiment: Option<String>,
        #[serde(default)] since: Option<String>, #[serde(default)] until: Option<String>,
        #[serde(default)] order: Option<String>, #[serde(default)] metric: Option<String>,
        #[serde(default)] limit: Option<usize>,
        #[serde(default)] cursor: Option<String>,
    }
    Summary {
        prompt: String,
        metric: String,
        #[serde(default)] by: Option<Value>,
        #[serde(default)] version: Option<Version>,
        #[serde(default)] experiment: Option<String>,
        #[serde(default)] since: Option<String>, #[serde(default)] until: Option<String>,
        #[serde(default)] source: Option<String>,
    }
    AddFromTrace {
        name: String,
        trace_id: String,
        #[serde(default)] expected: Value,
        #[serde(default)] key: Option<String>,
    }
    CanaryPlan {
        name: String,
        #[serde(default)] prompt: Option<String>,
        #[serde(default)] version: Option<Version>,
        #[serde(default)] label: Option<String>,
        #[serde(default)] dataset: Option<String>,
        #[serde(default)] dataset_version: Option<u32>,
        #[serde(default)] metrics: Option<Vec<String>>,
        #[serde(default)] scorers: Option<Vec<Value>>,
        #[serde(default)] baseline: Option<u32>,
        #[serde(default)] alarm: Option<f64>,
        #[serde(default)] floor: Option<f64>,
    }
    CanaryRecord { name: String, run: String, #[serde(default)] anchor: Option<String> }
    CanaryAnswer { name: String, reason: String }
    Events { #[serde(default)] after: u64, #[serde(default)] limit: Option<usize> }
    Nothing {}
    Backup { to: String }
    Doctor {
        #[serde(default)] deep: bool, #[serde(default)] salvage: Option<String>,
        // In seconds; by default the store's own.
        #[serde(default)] busy_timeout: Option<f64>,
    }
}

/// Trials are counted from 1.
fn first() -> u32 {
    1
}

/// A member that must be there, also if it is null.
fn given<'de, D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Value, D::Error> {
    Value::deserialize(deserializer)
}

/// A row as other languages write one.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RowArgs {
    output: Option<Value>,
    error: Option<String>,
    scores: Option<Map<String, Value>>,
    latency_ms: Option<f64>,
    cost_usd: Option<f64>,
    tokens_in: Option<u64>,
    tokens_out: Option<u64>,
}

/// Whether a name is one of a row's own figures, not a metric.
pub(super) fn is_figure(name: &str) -> bool {
    matches!(name, "latency_ms" | "cost_usd" | "tokens_in" | "tokens_out" | "output" | "")
}

impl Compare {
    pub(super) fn options(&self) -> Result<CompareOptions> {
        let default = CompareOptions::default();
        let noise = self.noise.iter().flatten().map(|run| run.parse());
        Ok(CompareOptions {
            primary: self.primary.clone(),
            alpha: self.alpha.unwrap_or(default.alpha),
            margin: self.margin.clone().unwrap_or_default(),
            cluster: self.cluster.clone(),
            noise: noise.collect::<Result<_>>()?,
        })
    }
}

impl RowArgs {
    pub(super) fn row(self) -> Result<NewRow> {
        let scores = self.scores.unwrap_or_default();
        let scores =
            scores.iter().map(|(metric, value)| Ok((metric.clone(), ScoreValue::from_json(metric, value)?)));
        Ok(NewRow {
            scores: scores.collect::<Result<_>>()?,
            output: self.output,
            error: self.error,
            latency_ms: self.latency_ms,
            cost_usd: self.cost_usd,
            tokens_in: self.tokens_in,
            tokens_out: self.tokens_out,
        })
    }
}

impl Publish {
    pub(super) fn content(&mut self) -> Result<Content> {
        let content = match std::mem::take(&mut self.prompt) {
            Value::String(text) => Content::text(text),
            Value::Array(messages) => Content::chat(messages),
            _ => {
                let reason = "a prompt is text or a list of messages".to_owned();
                return Err(Error::InvalidContent { reason });
            }
        };
        let params = match self.params.take() {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(params)) => params,
            Some(_) => {
                let reason = "params must be an object, such as {\"temperature\": 0.0}".to_owned();
                return Err(Error::InvalidContent { reason });
            }
        };
        let content = params.into_iter().fold(content, |content, (name, value)| content.param(name, value));
        let content = self.model.take().into_iter().fold(content, Content::model);
        let content = self.tools.take().into_iter().fold(content, Content::tools);
        Ok(self.response_schema.take().into_iter().fold(content, Content::response_schema))
    }

    pub(super) fn labels(&self) -> Result<Vec<Label>> {
        self.labels.iter().flatten().map(|label| label.parse()).collect()
    }
}

/// At most one of version and id; a label and a time beside neither.
pub(super) fn selector(
    name: &str,
    label: Option<String>,
    version: Option<Version>,
    id: Option<String>,
    at: Option<String>,
) -> Result<Selector<'static>> {
    let one_of = |argument: &str| Error::InvalidArgument {
        argument: argument.to_owned(),
        reason: "give either label (with or without at), version or id".to_owned(),
    };
    match (label, version, id, at) {
        (label, None, None, at) => {
            let label = label.unwrap_or_else(|| DEFAULT_LABEL.to_owned());
            Ok(match at {
                None => Selector::Label(label.into()),
                Some(at) => Selector::LabelAt(label.into(), at.parse()?),
            })
        }
        (None, Some(version), None, None) => version.selector(name),
        (None, None, Some(id), None) => Ok(Selector::Id(id.parse()?)),
        (_, Some(_), ..) => Err(one_of("version")),
        (_, _, Some(_), _) => Err(one_of("id")),
    }
}

/// 0 stands for "not set yet": no version has that number.
pub(super) fn expected(store: &super::Store, name: &str, version: Option<Version>) -> Result<Expected> {
    Ok(match version.map(|version| version.reference()).transpose()? {
        None => Expected::Anything,
        Some(VersionRef::Number(0)) => Expected::Unset,
        Some(VersionRef::Number(number)) => Expected::Version(number),
        Some(VersionRef::Of { prompt, id, .. }) if prompt == name => {
            Expected::Version(store.get(name, Selector::Id(id.into()))?.number())
        }
        Some(VersionRef::Of { prompt, .. }) => {
            return Err(Error::VersionOfAnotherPrompt { prompt: name.to_owned(), other: prompt });
        }
        Some(VersionRef::Id(id)) => Expected::Version(store.get(name, Selector::Id(id))?.number()),
    })
}

impl Metric {
    pub(super) fn config(self) -> Result<ScoreConfig> {
        let metric: MetricName = self.name.parse()?;
        let read = |what: &str, value: Option<Value>, names: &str| {
            value.map(|value| (value.clone(), json_name(&value))).map(|(value, given)| {
                (
                    value,
                    Error::InvalidScore {
                        metric: metric.to_string(),
                        reason: format!("{what} is one of {names}, not {given}"),
                    },
                )
            })
        };
        let mut config =
            ScoreConfig { min: self.min, max: self.max, categories: self.categories, ..Default::default() };
        if let Some((value, error)) = read("kind", self.kind, "numeric, boolean and categorical") {
            config.kind = serde_json::from_value(value).map_err(|_| error)?;
        }
        if let Some((value, error)) = read("direction", self.direction, "higher and lower") {
            config.direction = serde_json::from_value(value).map_err(|_| error)?;
        }
        Ok(config)
    }
}

fn json_name(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
