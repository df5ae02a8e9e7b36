//! Scorers: what turns an output into a score.
//!
//! A scorer has an identity of its own: the content id of its name and configuration. Two scores under the same
//! id measure the same thing. The built-in ones run here, once, for every language; a user's function and a
//! judge run where the user runs them, and only their identity is kept here.

mod checks;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::codec::hash::{Domain, Object};
use crate::error::{Error, Result};
use crate::model::name::MetricName;
use crate::model::run::ScorerRef;
use crate::model::score::ScoreValue;
use crate::storage::kv::{Read, Space, Write};

/// How a scorer scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum ScorerKind {
    /// True if the output equals `expected` (text as text, anything else as JSON).
    Exact {
        /// Compare this member of both instead of the whole.
        #[serde(default)]
        field: Option<String>,
        /// Whether `A` equals `a`.
        #[serde(default)]
        ignore_case: bool,
    },
    /// True if the output contains the text, or every text of a list; `expected` if none is given.
    Contains {
        /// What it must contain.
        #[serde(default)]
        text: Option<String>,
        /// Whether `A` equals `a`.
        #[serde(default)]
        ignore_case: bool,
    },
    /// True if the output matches the regular expression somewhere.
    Regex {
        /// The expression (Rust `regex` syntax: no look-around, linear time).
        pattern: String,
    },
    /// True if the output is a number within `absolute + relative · |expected|` of `expected`.
    Numeric {
        /// Compare this member of both instead of the whole.
        #[serde(default)]
        field: Option<String>,
        /// The absolute tolerance.
        #[serde(default)]
        absolute: f64,
        /// The relative tolerance.
        #[serde(default)]
        relative: f64,
    },
    /// 1 − edit distance ⁄ length of the longer text, between 0 and 1, counted in characters.
    Levenshtein {},
    /// True if the output is JSON.
    JsonValid {},
    /// True if the output is JSON and satisfies the schema; the version's `response_schema` if none is given.
    JsonSchema {
        /// The schema.
        #[serde(default)]
        schema: Option<Value>,
    },
    /// True if the output has at least `min` and at most `max` characters.
    Length {
        /// The least.
        #[serde(default)]
        min: Option<u64>,
        /// The most.
        #[serde(default)]
        max: Option<u64>,
    },
    /// A named function of the user's. Change `version` when the function changes.
    Function {
        /// The function's version, in the user's own counting.
        #[serde(default)]
        version: Option<String>,
    },
    /// A judge: whatever decides its scores (rubric, model, parameters) is its identity.
    Judge {
        /// The judge's configuration.
        config: Value,
    },
}

/// A scorer: the metric it gives, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scorer {
    /// The metric's name.
    pub name: MetricName,
    /// How it scores.
    #[serde(flatten)]
    pub kind: ScorerKind,
}

impl Scorer {
    /// A scorer.
    ///
    /// # Errors
    /// `invalid-scorer` if the configuration makes no sense: a pattern that does not compile, a schema that is
    /// none, a tolerance that is no number of 0 or more.
    pub fn new(name: MetricName, kind: ScorerKind) -> Result<Scorer> {
        Scorer { name, kind }.validated()
    }

    /// Reads a scorer as other languages write it: an object with `kind` and (optional) `name`, or the name of
    /// a function of the user's.
    ///
    /// # Errors
    /// `invalid-scorer`, with the reason.
    pub fn from_json(value: &Value) -> Result<Scorer> {
        let named = |name: &Value| name.as_str().map(str::to_owned).unwrap_or_else(|| name.to_string());
        match value {
            Value::String(name) => Scorer::new(name.parse()?, ScorerKind::Function { version: None }),
            Value::Object(members) => {
                let mut members = members.clone();
                let kind = members.get("kind").map(named).unwrap_or_default();
                let name =
                    members.remove("name").filter(|name| !name.is_null()).map_or(kind, |name| named(&name));
                let kind = serde_json::from_value(Value::Object(members))
                    .map_err(|e| Error::InvalidScorer { scorer: name.clone(), reason: e.to_string() })?;
                Scorer::new(name.parse()?, kind)
            }
            other => Err(Error::InvalidScorer {
                scorer: other.to_string(),
                reason: "a scorer is the name of a function, or an object with a kind".to_owned(),
            }),
        }
    }

    fn validated(self) -> Result<Scorer> {
        let invalid = |reason: String| Err(Error::InvalidScorer { scorer: self.name.to_string(), reason });
        match &self.kind {
            ScorerKind::Regex { pattern } => {
                if let Err(e) = checks::compile(pattern) {
                    return invalid(format!("the pattern does not compile: {e}"));
                }
            }
            ScorerKind::JsonSchema { schema: Some(schema) } => {
                crate::model::schema::JsonSchema::compile(schema)?;
            }
            ScorerKind::Numeric { absolute, relative, .. }
                if ![*absolute, *relative].iter().all(|x| x.is_finite() && *x >= 0.0) =>
            {
                return invalid("tolerances are finite numbers of 0 or more".to_owned());
            }
            ScorerKind::Length { min: None, max: None } => {
                return invalid("give min, max or both".to_owned());
            }
            ScorerKind::Length { min: Some(min), max: Some(max) } if min > max => {
                return invalid("min must not lie above max".to_owned());
            }
            _ => {}
        }
        Ok(self)
    }

    pub(crate) fn object(&self) -> Result<Object> {
        let value = serde_json::to_value(self)
            .map_err(|e| Error::InvalidScorer { scorer: self.name.to_string(), reason: e.to_string() })?;
        Object::new(Domain::Scorer, &value)
    }

    /// The scorer's name and content id.
    ///
    /// # Errors
    /// `invalid-json` if its configuration has no canonical text.
    pub fn identity(&self) -> Result<ScorerRef> {
        Ok(ScorerRef { name: self.name.clone(), id: self.object()?.id })
    }

    /// Whether it runs here; the others are given their scores by the user.
    pub fn is_built_in(&self) -> bool {
        !matches!(self.kind, ScorerKind::Function { .. } | ScorerKind::Judge { .. })
    }

    /// Whether it is a judge: what it says is worth as much as its agreement with people.
    pub fn is_judge(&self) -> bool {
        matches!(self.kind, ScorerKind::Judge { .. })
    }

    /// Scores an output; `None` if the user scores it.
    pub fn score(
        &self,
        output: &Value,
        expected: &Value,
        response_schema: Option<&Value>,
    ) -> Option<ScoreValue> {
        self.is_built_in().then(|| checks::score(&self.kind, output, expected, response_schema))
    }
}

/// Stores a scorer's configuration.
pub(crate) fn save(tx: &mut dyn Write, scorer: &Scorer) -> Result<ScorerRef> {
    let object = scorer.object()?.bounded("a scorer")?;
    tx.put(Space::Objects, object.id.as_bytes(), &object.bytes)?;
    Ok(ScorerRef { name: scorer.name.clone(), id: object.id })
}

/// Loads a scorer's configuration.
pub(crate) fn load(tx: &(impl Read + ?Sized), scorer: &ScorerRef) -> Result<Scorer> {
    let damaged = |reason: String| Error::DamagedRecord { record: "scorer", reason };
    let bytes = tx.get(Space::Objects, scorer.id.as_bytes())?;
    let bytes =
        bytes.ok_or_else(|| damaged(format!("{} names {}, which is not there", scorer.name, scorer.id)))?;
    serde_json::from_value(Object::value(&bytes)?).map_err(|e| damaged(e.to_string()))
}

/// Whether an output (JSON, or text that holds JSON) satisfies a schema.
pub(crate) fn is_valid(output: &Value, schema: &crate::model::schema::JsonSchema) -> bool {
    checks::parsed(output).is_some_and(|value| schema.is_valid(&value))
}
