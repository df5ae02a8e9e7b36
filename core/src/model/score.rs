//! Scores, and what a metric allows.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::name::MetricName;
use crate::error::{Error, Result};

/// A category is a name, and its longest is generous.
const MAX_CATEGORY: usize = 1 << 20;

/// One score. What could not be read is `Missing`, never 0, and is counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ScoreValue {
    /// A finite number.
    Number(f64),
    /// Yes or no.
    Bool(bool),
    /// One of the metric's categories.
    Category(String),
    /// There should be a score, but it could not be read.
    Missing,
}

impl ScoreValue {
    /// Reads a score as other languages write it: a number, true/false, text, or null for a missing one.
    ///
    /// # Errors
    /// `invalid-score` for a list, an object, or a number that is not finite.
    pub fn from_json(metric: &str, value: &Value) -> Result<ScoreValue> {
        let invalid =
            |reason: &str| Error::InvalidScore { metric: metric.to_owned(), reason: reason.to_owned() };
        match value {
            Value::Null => Ok(ScoreValue::Missing),
            Value::Bool(yes) => Ok(ScoreValue::Bool(*yes)),
            Value::String(text) => Ok(ScoreValue::Category(text.clone())),
            Value::Number(n) => match n.as_f64() {
                Some(x) if x.is_finite() => Ok(ScoreValue::Number(x)),
                _ => Err(invalid(
                    "a score is a finite number; leave it out or give null if it could not be read",
                )),
            },
            _ => Err(invalid(
                "a score is a number, true or false, a category's name, or null if it could not be read",
            )),
        }
    }

    /// Refuses what no metric allows: a number that is not finite, and a text that is no category's name.
    pub(crate) fn checked(self, metric: &str) -> Result<ScoreValue> {
        match self {
            ScoreValue::Number(x) if !x.is_finite() => Err(Error::InvalidScore {
                metric: metric.to_owned(),
                reason: "a score is a finite number; record it as missing if it could not be read".to_owned(),
            }),
            ScoreValue::Category(text) if text.len() > MAX_CATEGORY => {
                Err(Error::TooLarge { what: "a score", bytes: text.len() as u64, limit: MAX_CATEGORY as u64 })
            }
            score => Ok(score),
        }
    }

    /// The score as a number, if it is one: true is 1, false is 0.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            ScoreValue::Number(x) => Some(*x),
            ScoreValue::Bool(yes) => Some(f64::from(u8::from(*yes))),
            ScoreValue::Category(_) | ScoreValue::Missing => None,
        }
    }

    /// The score as JSON; missing is null.
    pub fn to_json(&self) -> Value {
        match self {
            ScoreValue::Number(x) => Value::from(*x),
            ScoreValue::Bool(yes) => Value::from(*yes),
            ScoreValue::Category(text) => Value::from(text.as_str()),
            ScoreValue::Missing => Value::Null,
        }
    }
}

/// What kind of value a metric's scores have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MetricKind {
    /// Finite numbers.
    #[default]
    Numeric,
    /// Yes or no.
    Boolean,
    /// One of a fixed list of names.
    Categorical,
}

/// Which way a metric is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// More is better.
    #[default]
    Higher,
    /// Less is better.
    Lower,
}

/// What a metric declares about its scores.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScoreConfig {
    /// The kind of its scores.
    pub kind: MetricKind,
    /// The least that a score can be.
    pub min: Option<f64>,
    /// The most that a score can be.
    pub max: Option<f64>,
    /// The names that a categorical score can have.
    pub categories: Option<Vec<String>>,
    /// Which way is better.
    pub direction: Direction,
}

impl ScoreConfig {
    /// What a score can be as a number, if that is known: both ends declared, or true and false.
    pub fn range(&self) -> Option<(f64, f64)> {
        if self.kind == MetricKind::Boolean { Some((0.0, 1.0)) } else { self.min.zip(self.max) }
    }

    pub(crate) fn validated(self, metric: &MetricName) -> Result<ScoreConfig> {
        let invalid =
            |reason: &str| Err(Error::InvalidScore { metric: metric.to_string(), reason: reason.to_owned() });
        if [self.min, self.max].iter().flatten().any(|x| !x.is_finite()) {
            return invalid("min and max must be finite numbers");
        }
        if self.range().is_some_and(|(min, max)| min >= max) {
            return invalid("min must lie below max");
        }
        let bounded = self.min.is_some() || self.max.is_some();
        match (self.kind, &self.categories) {
            (MetricKind::Categorical, None) => invalid("a categorical metric needs its categories"),
            (MetricKind::Categorical, Some(names)) if names.is_empty() => {
                invalid("a categorical metric needs at least one category")
            }
            (MetricKind::Categorical, _) if bounded => invalid("a categorical metric has no min and max"),
            (MetricKind::Boolean, _) if bounded => invalid("a boolean metric has no min and max"),
            (MetricKind::Numeric | MetricKind::Boolean, Some(_)) => {
                invalid("only a categorical metric has categories")
            }
            _ => Ok(self),
        }
    }

    /// Refuses a score that the metric does not allow.
    pub(crate) fn check(&self, metric: &str, score: &ScoreValue) -> Result<()> {
        let invalid = |reason: String| Err(Error::InvalidScore { metric: metric.to_owned(), reason });
        match (self.kind, score) {
            (_, ScoreValue::Missing) | (MetricKind::Boolean, ScoreValue::Bool(_)) => Ok(()),
            (MetricKind::Numeric, ScoreValue::Number(x)) => {
                let (low, high) = (self.min.unwrap_or(f64::NEG_INFINITY), self.max.unwrap_or(f64::INFINITY));
                if (low..=high).contains(x) {
                    return Ok(());
                }
                Err(Error::ScoreOutOfRange {
                    metric: metric.to_owned(),
                    score: x.to_string(),
                    range: format!("{low} to {high}"),
                })
            }
            (MetricKind::Categorical, ScoreValue::Category(name)) => {
                let names = self.categories.as_deref().unwrap_or_default();
                if names.contains(name) {
                    return Ok(());
                }
                invalid(format!("`{name}` is none of the metric's categories ({})", names.join(", ")))
            }
            (MetricKind::Numeric, _) => invalid("the metric is declared numeric; give a number".to_owned()),
            (MetricKind::Boolean, _) => {
                invalid("the metric is declared boolean; give true or false".to_owned())
            }
            (MetricKind::Categorical, _) => {
                invalid("the metric is declared categorical; give a category's name".to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_metric_refuses_what_it_does_not_declare() {
        let metric: MetricName = "quality".parse().unwrap();
        let config = |value| serde_json::from_value::<ScoreConfig>(value).unwrap();
        let rubric = config(json!({"min": 1, "max": 5})).validated(&metric).unwrap();
        let check = |config: &ScoreConfig, value| {
            ScoreValue::from_json("quality", &value)
                .and_then(|s| config.check("quality", &s))
                .map_err(|e| e.code())
        };
        assert_eq!(check(&rubric, json!(4.5)), Ok(()));
        assert_eq!(check(&rubric, json!(null)), Ok(()), "a missing score is data");
        assert_eq!(check(&rubric, json!(5.1)), Err("score-out-of-range"));
        assert_eq!(check(&rubric, json!(true)), Err("invalid-score"));
        assert_eq!(check(&rubric, json!([1])), Err("invalid-score"));
        let tone = config(json!({"kind": "categorical", "categories": ["warm", "cold"]}))
            .validated(&metric)
            .unwrap();
        assert_eq!(check(&tone, json!("warm")), Ok(()));
        assert_eq!(check(&tone, json!("hot")), Err("invalid-score"));
        for bad in [
            json!({"min": 5, "max": 1}),
            json!({"kind": "categorical"}),
            json!({"kind": "boolean", "min": 0}),
            json!({"categories": ["a"]}),
        ] {
            assert_eq!(config(bad).validated(&metric).unwrap_err().code(), "invalid-score");
        }
    }
}
