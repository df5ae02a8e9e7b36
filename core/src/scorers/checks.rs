//! The built-in scorers' arithmetic.

use std::borrow::Cow;

use serde_json::Value;

use super::ScorerKind;
use crate::codec::canonical::value_text;
use crate::model::schema::JsonSchema;
use crate::model::score::ScoreValue;

/// Edit distance costs the product of the lengths; above this it is missing instead of endless.
const MAX_EDIT_CHARS: usize = 20_000;
/// A compiled pattern may take this much memory.
const MAX_PATTERN: usize = 1 << 20;

pub(super) fn compile(pattern: &str) -> Result<regex::Regex, regex::Error> {
    regex::RegexBuilder::new(pattern).size_limit(MAX_PATTERN).build()
}

pub(super) fn score(
    kind: &ScorerKind,
    output: &Value,
    expected: &Value,
    schema: Option<&Value>,
) -> ScoreValue {
    use ScoreValue::{Bool, Missing, Number};
    match kind {
        ScorerKind::Exact { field, ignore_case } => {
            let output = member(output, field.as_deref());
            let expected = member(expected, field.as_deref());
            match (output, expected) {
                (_, None) => Missing,
                (None, Some(_)) => Bool(false),
                (Some(a), Some(b)) => Bool(same(&a, &b, *ignore_case)),
            }
        }
        ScorerKind::Contains { text, ignore_case } => {
            let wanted: Vec<Cow<'_, str>> = match (text, expected) {
                (Some(text), _) => vec![Cow::Borrowed(text.as_str())],
                (None, Value::String(text)) => vec![Cow::Borrowed(text.as_str())],
                (None, Value::Array(texts)) if texts.iter().all(Value::is_string) => {
                    texts.iter().filter_map(Value::as_str).map(Cow::Borrowed).collect()
                }
                _ => return Missing,
            };
            let found = fold(text_of(output), *ignore_case);
            Bool(wanted.into_iter().all(|w| found.contains(&*fold(w, *ignore_case))))
        }
        ScorerKind::Regex { pattern } => match compile(pattern) {
            Ok(pattern) => Bool(pattern.is_match(&text_of(output))),
            Err(_) => Missing,
        },
        ScorerKind::Numeric { field, absolute, relative } => {
            let Some(expected) = member(expected, field.as_deref()).and_then(|v| number(&v)) else {
                return Missing;
            };
            let output = member(output, field.as_deref()).and_then(|v| number(&v));
            Bool(output.is_some_and(|x| (x - expected).abs() <= absolute + relative * expected.abs()))
        }
        ScorerKind::Levenshtein {} => {
            if expected.is_null() {
                return Missing;
            }
            similarity(&text_of(output), &text_of(expected)).map_or(Missing, Number)
        }
        ScorerKind::JsonValid {} => Bool(parsed(output).is_some()),
        ScorerKind::JsonSchema { schema: own } => {
            let Some(Ok(schema)) = own.as_ref().or(schema).map(JsonSchema::compile) else { return Missing };
            Bool(parsed(output).is_some_and(|value| schema.is_valid(&value)))
        }
        ScorerKind::Length { min, max } => {
            let length = text_of(output).chars().count() as u64;
            Bool(min.is_none_or(|min| length >= min) && max.is_none_or(|max| length <= max))
        }
        ScorerKind::Function { .. } | ScorerKind::Judge { .. } => Missing,
    }
}

/// An output as text: text as it is, anything else as canonical JSON.
fn text_of(value: &Value) -> Cow<'_, str> {
    value_text(value).unwrap_or_else(|_| Cow::Owned(value.to_string()))
}

/// An output as JSON: text is parsed, anything else is JSON already.
pub(crate) fn parsed(output: &Value) -> Option<Cow<'_, Value>> {
    match output {
        Value::String(text) => serde_json::from_str(text).ok().map(Cow::Owned),
        other => Some(Cow::Borrowed(other)),
    }
}

fn member<'v>(value: &'v Value, field: Option<&str>) -> Option<Cow<'v, Value>> {
    let Some(field) = field else {
        return if value.is_null() { None } else { Some(Cow::Borrowed(value)) };
    };
    match parsed(value)? {
        Cow::Borrowed(value) => value.get(field).map(Cow::Borrowed),
        Cow::Owned(value) => value.get(field).cloned().map(Cow::Owned),
    }
}

fn fold(text: Cow<'_, str>, ignore_case: bool) -> Cow<'_, str> {
    if ignore_case { Cow::Owned(text.to_lowercase()) } else { text }
}

fn same(a: &Value, b: &Value, ignore_case: bool) -> bool {
    match (a, b) {
        (Value::String(_), _) | (_, Value::String(_)) => {
            fold(text_of(a), ignore_case) == fold(text_of(b), ignore_case)
        }
        _ => text_of(a) == text_of(b),
    }
}

fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(n) => n.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|x: &f64| x.is_finite())
}

fn similarity(a: &str, b: &str) -> Option<f64> {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let longer = a.len().max(b.len());
    if longer > MAX_EDIT_CHARS {
        return None;
    }
    if longer == 0 {
        return Some(1.0);
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    Some(1.0 - row[b.len()] as f64 / longer as f64)
}

#[cfg(test)]
mod tests {
    use super::super::Scorer;
    use super::*;
    use serde_json::json;

    fn run(scorer: Value, output: Value, expected: Value) -> Value {
        Scorer::from_json(&scorer).unwrap().score(&output, &expected, None).unwrap().to_json()
    }

    #[test]
    fn built_in_scorers() {
        for (scorer, output, expected, score) in [
            (json!({"kind": "exact"}), json!("Paris"), json!("Paris"), json!(true)),
            (json!({"kind": "exact"}), json!("paris"), json!("Paris"), json!(false)),
            (json!({"kind": "exact", "ignore_case": true}), json!("paris"), json!("Paris"), json!(true)),
            (json!({"kind": "exact"}), json!({"b": 1.0, "a": 2}), json!({"a": 2, "b": 1}), json!(true)),
            (json!({"kind": "exact"}), json!("x"), json!(null), json!(null)),
            (
                json!({"kind": "exact", "field": "city"}),
                json!("{\"city\":\"Rome\"}"),
                json!({"city": "Rome"}),
                json!(true),
            ),
            (
                json!({"kind": "exact", "field": "city"}),
                json!("no json"),
                json!({"city": "Rome"}),
                json!(false),
            ),
            (json!({"kind": "contains"}), json!("a big cat"), json!(["cat", "big"]), json!(true)),
            (json!({"kind": "contains", "text": "Dog"}), json!("a dog"), json!(null), json!(false)),
            (json!({"kind": "contains"}), json!("a dog"), json!({"a": 1}), json!(null)),
            (json!({"kind": "regex", "pattern": "^\\d{4}$"}), json!("2026"), json!(null), json!(true)),
            (json!({"kind": "numeric", "absolute": 0.01}), json!(" 3.14 "), json!(3.145), json!(true)),
            (json!({"kind": "numeric", "relative": 0.1}), json!(89), json!(100), json!(false)),
            (json!({"kind": "numeric"}), json!("many"), json!(3), json!(false)),
            (json!({"kind": "numeric"}), json!(3), json!("many"), json!(null)),
            (json!({"kind": "levenshtein"}), json!("kitten"), json!("sitting"), json!(1.0 - 3.0 / 7.0)),
            (json!({"kind": "levenshtein"}), json!(""), json!(""), json!(1.0)),
            (json!({"kind": "json_valid"}), json!("{\"a\":}"), json!(null), json!(false)),
            (json!({"kind": "json_valid"}), json!("[1]"), json!(null), json!(true)),
            (
                json!({"kind": "json_schema", "schema": {"type": "array"}}),
                json!("[1]"),
                json!(null),
                json!(true),
            ),
            (
                json!({"kind": "json_schema", "schema": {"type": "array"}}),
                json!("{}"),
                json!(null),
                json!(false),
            ),
            (json!({"kind": "json_schema"}), json!("{}"), json!(null), json!(null)),
            (json!({"kind": "length", "max": 3}), json!("äöü"), json!(null), json!(true)),
            (json!({"kind": "length", "min": 4}), json!("äöü"), json!(null), json!(false)),
        ] {
            assert_eq!(
                run(scorer.clone(), output.clone(), expected.clone()),
                score,
                "{scorer} {output} {expected}"
            );
        }
    }

    #[test]
    fn senseless_scorers_are_refused() {
        for bad in [
            json!({"kind": "regex", "pattern": "("}),
            json!({"kind": "regex", "pattern": "a{1000}{1000}{1000}"}),
            json!({"kind": "numeric", "absolute": -1}),
            json!({"kind": "length"}),
            json!({"kind": "length", "min": 3, "max": 1}),
            json!({"kind": "nonsense"}),
            json!({"kind": "exact", "colour": "red"}),
            json!({}),
            json!(3),
        ] {
            assert_eq!(Scorer::from_json(&bad).unwrap_err().code(), "invalid-scorer", "{bad}");
        }
        let schema = json!({"kind": "json_schema", "schema": {"type": "nonsense"}});
        assert_eq!(Scorer::from_json(&schema).unwrap_err().code(), "invalid-schema");
    }

    #[test]
    fn the_identity_is_name_and_configuration() {
        let id = |value: Value| Scorer::from_json(&value).unwrap().identity().unwrap().id;
        assert_eq!(
            id(json!({"kind": "exact"})),
            id(json!({"kind": "exact", "name": "exact", "ignore_case": false}))
        );
        assert_ne!(id(json!({"kind": "exact"})), id(json!({"kind": "exact", "ignore_case": true})));
        assert_ne!(id(json!({"kind": "exact"})), id(json!({"kind": "exact", "name": "same"})));
        assert_ne!(id(json!("polite")), id(json!({"kind": "function", "name": "polite", "version": "2"})));
    }
}
