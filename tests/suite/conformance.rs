//! Runs every scenario of `tests/conformance`; the format is in its README.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use trialplate::{Error, Store, VERBS};

/// Codes that no scenario provokes, and why.
const NOT_IN_SCENARIOS: &[(&str, &str)] = &[
    ("store-not-found", "needs another way of opening: `opening` below"),
    ("read-only", "needs another way of opening: `opening` below"),
    ("closed", "needs a closed store: `opening` below"),
    ("not-a-store", "needs a foreign file: `opening` below"),
    ("newer-format", "needs a file of a version to come"),
    ("damaged", "needs a damaged file"),
    ("damaged-record", "needs a damaged file"),
    ("locks-unsupported", "needs a file system without locks"),
    ("busy", "needs another process"),
    ("storage", "needs a disk that says no"),
    ("verdict-not-found", "only `verify` looks verdicts up by id, and reports it as a broken link"),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/conformance")
}

#[derive(Debug)]
struct Scenario {
    file: String,
    name: String,
    steps: Vec<Map<String, Value>>,
}

fn scenarios() -> Vec<Scenario> {
    let mut out = Vec::new();
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder()).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    for path in files.into_iter().filter(|path| path.extension().is_some_and(|e| e == "json")) {
        let file = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let document: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{file}: {e}"));
        assert!(document["about"].is_string(), "{file} says what it is about");
        for scenario in document["scenarios"].as_array().unwrap_or_else(|| panic!("{file} has scenarios")) {
            let name = scenario["name"].as_str().unwrap_or_else(|| panic!("{file}: a name")).to_owned();
            let steps = scenario["steps"].as_array().unwrap_or_else(|| panic!("{file}: {name}: steps"));
            let steps = steps.iter().map(|step| step.as_object().unwrap().clone()).collect();
            out.push(Scenario { file: file.clone(), name, steps });
        }
    }
    out
}

/// `{"$": "var"}` becomes the saved value, `{"$repeat": "x", "times": 3}` becomes `"xxx"`.
fn fill(value: &Value, saved: &BTreeMap<String, Value>) -> Value {
    match value {
        Value::Object(members) => {
            if let (1, Some(name)) = (members.len(), members.get("$").and_then(Value::as_str)) {
                return saved.get(name).unwrap_or_else(|| panic!("nothing is saved as {name}")).clone();
            }
            if let Some(text) = members.get("$repeat").and_then(Value::as_str) {
                return text.repeat(members["times"].as_u64().unwrap() as usize).into();
            }
            Value::Object(members.iter().map(|(name, value)| (name.clone(), fill(value, saved))).collect())
        }
        Value::Array(list) => list.iter().map(|value| fill(value, saved)).collect(),
        other => other.clone(),
    }
}

/// Whether `actual` is what `expected` describes; where and how it is not, otherwise.
fn fits(expected: &Value, actual: &Value, at: &str) -> Result<(), String> {
    let wrong = || Err(format!("{at}: expected {expected}, found {actual}"));
    let is = |yes: bool| if yes { Ok(()) } else { wrong() };
    match (expected, actual) {
        (Value::Object(members), _) if members.contains_key("$type") => {
            let text = actual.as_str().unwrap_or_default();
            is(match members["$type"].as_str().unwrap_or_default() {
                "string" => actual.is_string(),
                "number" => actual.is_number(),
                "object" => actual.is_object(),
                "list" => actual.is_array(),
                "id" => text.strip_prefix("b3:").is_some_and(|d| d.len() == 64) || text.len() == 36,
                "time" => text.len() == 27 && text.ends_with('Z') && text.as_bytes()[10] == b'T',
                other => panic!("{at}: no such type: {other}"),
            })
        }
        (Value::Object(members), _) if members.contains_key("$near") => {
            let (wanted, rel) = (members["$near"].as_f64().unwrap(), members["rel"].as_f64().unwrap());
            is(actual.as_f64().is_some_and(|x| (x - wanted).abs() <= rel * wanted.abs()))
        }
        (Value::Object(members), _) if members.contains_key("$length") => {
            let length = match actual {
                Value::Array(list) => Some(list.len()),
                Value::Object(members) => Some(members.len()),
                Value::String(text) => Some(text.chars().count()),
                _ => None,
            };
            is(length.map(|n| n as u64) == members["$length"].as_u64())
        }
        (Value::Object(members), _) if members.contains_key("$not") => {
            is(fits(&members["$not"], actual, at).is_err())
        }
        (Value::Object(members), Value::Object(found)) => members.iter().try_for_each(|(name, value)| {
            let place = format!("{at}.{name}");
            match found.get(name) {
                Some(found) => fits(value, found, &place),
                None => Err(format!("{place}: expected {value}, but there is no such member")),
            }
        }),
        (Value::Array(list), Value::Array(found)) if list.len() == found.len() => {
            list.iter().zip(found).enumerate().try_for_each(|(i, (a, b))| fits(a, b, &format!("{at}[{i}]")))
        }
        (Value::Number(a), Value::Number(b)) => is(a.as_f64() == b.as_f64()),
        _ => is(expected == actual),
    }
}

/// The member of a dotted path; the empty path is the whole.
fn member<'v>(value: &'v Value, path: &str) -> &'v Value {
    if path.is_empty() {
        return value;
    }
    path.split('.').fold(value, |value, step| match step.parse::<usize>() {
        Ok(index) if value.is_array() => &value[index],
        _ => &value[step],
    })
}

fn play(scenario: &Scenario) -> Result<(), String> {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("store.tp")).map_err(|e| e.to_string())?;
    // A path that is free.
    let copy = dir.path().join("copy.tp").display().to_string();
    let mut saved = BTreeMap::from([("copy".to_owned(), Value::from(copy))]);
    for (i, step) in scenario.steps.iter().enumerate() {
        let known = ["call", "args", "expect", "error", "verdict", "save", "note"];
        assert!(step.keys().all(|key| known.contains(&key.as_str())), "{scenario:?}: step {i}: {step:?}");
        let verb = step["call"].as_str().unwrap();
        let at = format!("step {} ({verb})", i + 1);
        let args = fill(step.get("args").unwrap_or(&json!({})), &saved);
        let outcome = store.call(verb, &args.to_string());
        let value: Value = match (step.get("error").and_then(Value::as_str), outcome) {
            (Some(code), Ok(text)) => return Err(format!("{at}: expected the error {code}, found {text}")),
            (Some(code), Err(error)) if error.code() != code => {
                return Err(format!("{at}: expected the error {code}, found {}: {error}", error.code()));
            }
            (Some(_), Err(Error::GateRefused { json, .. })) => {
                let verdict = serde_json::from_str(&json).map_err(|e| e.to_string())?;
                if let Some(expected) = step.get("verdict") {
                    fits(&fill(expected, &saved), &verdict, &format!("{at}: verdict"))?;
                }
                continue;
            }
            (Some(_), Err(_)) => continue,
            (None, Err(error)) => return Err(format!("{at}: {}: {error}", error.code())),
            (None, Ok(text)) => serde_json::from_str(&text).map_err(|e| format!("{at}: {e}"))?,
        };
        if let Some(expected) = step.get("expect") {
            fits(&fill(expected, &saved), &value, &at)?;
        }
        for (name, path) in step.get("save").and_then(Value::as_object).into_iter().flatten() {
            saved.insert(name.clone(), member(&value, path.as_str().unwrap()).clone());
        }
    }
    // Whatever a scenario does, the store it leaves behind holds together.
    let report = store.verify().map_err(|e| e.to_string())?;
    if report.ok { Ok(()) } else { Err(format!("verify: {:?}", report.broken)) }
}

#[test]
fn every_scenario_holds() {
    let scenarios = scenarios();
    assert!(scenarios.len() >= 200, "{}", scenarios.len());
    let failures: Vec<String> = scenarios
        .iter()
        .filter_map(|s| play(s).err().map(|e| format!("{}: {}\n    {e}", s.file, s.name)))
        .collect();
    assert!(failures.is_empty(), "{} of {} failed\n{}", failures.len(), scenarios.len(), failures.join("\n"));
}

#[test]
fn a_wrong_expectation_is_seen() {
    for (expected, actual) in [
        (json!({"a": 1}), json!({"b": 1})),
        (json!({"a": null}), json!({})),
        (json!([1]), json!([1, 2])),
        (json!({"a": {"b": [1, {"c": 2}]}}), json!({"a": {"b": [1, {"c": 3}]}})),
        (json!({"$type": "id"}), json!("b3:12")),
        (json!({"$type": "time"}), json!("yesterday")),
        (json!({"$near": 1.0, "rel": 1e-12}), json!(1.0 + 1e-11)),
        (json!({"$length": 2}), json!([1])),
        (json!({"$not": 1}), json!(1.0)),
        (json!("1"), json!(1)),
        (json!(false), json!(0)),
    ] {
        assert!(fits(&expected, &actual, "").is_err(), "{expected} {actual}");
    }
    for (expected, actual) in [
        (json!({"a": 1}), json!({"a": 1.0, "b": 2})),
        (json!({"$near": 1.0, "rel": 1e-12}), json!(1.0 + 1e-13)),
        (json!({"$length": 2}), json!("éé")),
        (json!([{"a": 1}]), json!([{"a": 1, "b": 2}])),
        (json!({"$not": {"a": 1}}), json!({"a": 2})),
    ] {
        fits(&expected, &actual, "").unwrap();
    }
}

#[test]
fn names_are_unique_within_a_file() {
    let mut seen = BTreeSet::new();
    for scenario in scenarios() {
        assert!(
            seen.insert((scenario.file.clone(), scenario.name.clone())),
            "{}: {}",
            scenario.file,
            scenario.name
        );
    }
}

#[test]
fn every_verb_has_a_scenario() {
    let scenarios = scenarios();
    let steps = || scenarios.iter().flat_map(|s| &s.steps);
    let succeeds: BTreeSet<&str> =
        steps().filter(|step| !step.contains_key("error")).filter_map(|step| step["call"].as_str()).collect();
    let missing: Vec<_> = VERBS.iter().filter(|verb| !succeeds.contains(*verb)).collect();
    assert!(missing.is_empty(), "no scenario calls {missing:?}");
    let unknown: Vec<_> = succeeds.iter().filter(|verb| !VERBS.contains(verb)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn every_error_code_has_a_scenario_or_a_reason() {
    let source = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/error.rs")).unwrap();
    let codes: BTreeSet<&str> = source
        .lines()
        .filter_map(|line| line.split_once(" => (\"")?.1.split_once("\", ").map(|(code, _)| code))
        .collect();
    assert!(codes.len() > 40 && codes.contains("gate-refused"), "{codes:?}");
    let scenarios = scenarios();
    let provoked: BTreeSet<&str> =
        scenarios.iter().flat_map(|s| &s.steps).filter_map(|step| step.get("error")?.as_str()).collect();
    for code in &codes {
        let excused = NOT_IN_SCENARIOS.iter().any(|(excused, _)| excused == code);
        assert!(provoked.contains(code) || excused, "no scenario provokes {code}");
        assert!(!(provoked.contains(code) && excused), "{code} has a scenario; take it off the list");
    }
    for code in provoked.into_iter().chain(NOT_IN_SCENARIOS.iter().map(|(code, _)| *code)) {
        assert!(codes.contains(code), "{code} is no code");
    }
}

#[test]
fn opening() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.tp");
    let read_only = || trialplate::OpenOptions::new().read_only(true);
    assert_eq!(read_only().open(&path).unwrap_err().code(), "store-not-found");
    assert!(!path.exists(), "a read-only open makes no file");
    let store = Store::open(&path).unwrap();
    store.call("publish", r#"{"name": "a", "prompt": "x", "labels": ["production"]}"#).unwrap();
    store.close().unwrap();
    store.close().unwrap();
    assert!(store.is_closed());
    for verb in ["info", "labels"] {
        assert_eq!(
            store.call(verb, r#"{}"#).unwrap_err().code(),
            if verb == "info" { "closed" } else { "invalid-argument" }
        );
    }
    let store = read_only().open(&path).unwrap();
    store.call("get", r#"{"name": "a"}"#).unwrap();
    assert_eq!(store.call("publish", r#"{"name": "a", "prompt": "y"}"#).unwrap_err().code(), "read-only");
    assert_eq!(
        store.call("set_label", r#"{"name": "a", "label": "b", "version": 1}"#).unwrap_err().code(),
        "read-only"
    );
    drop(store);
    let foreign = dir.path().join("notes.txt");
    std::fs::write(&foreign, "This is not a store, and it stays as it is.").unwrap();
    assert_eq!(Store::open(&foreign).unwrap_err().code(), "not-a-store");
    assert_eq!(std::fs::read_to_string(&foreign).unwrap(), "This is not a store, and it stays as it is.");
}

/// What no JSON can hold, but what several languages' JSON writers emit.
#[test]
fn numbers_that_are_none_are_refused_and_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("store.tp")).unwrap();
    let code = |verb: &str, args: &str| store.call(verb, args).unwrap_err().code();
    assert_eq!(
        code("publish", r#"{"name": "a", "prompt": "x", "params": {"temperature": NaN}}"#),
        "invalid-json"
    );
    assert_eq!(
        code("publish", r#"{"name": "a", "prompt": "x", "params": {"temperature": -Infinity}}"#),
        "invalid-json"
    );
    assert_eq!(
        code("publish", r#"{"name": "a", "prompt": "x", "params": {"temperature": 1e999}}"#),
        "invalid-json"
    );
    assert_eq!(code("publish", r#"{"name": "a", "prompt": "NaN""#), "invalid-json");
    assert_eq!(
        code("record", r#"{"run": "r", "key": "k", "trial": 1, "row": {"scores": {"quality": NaN}}}"#),
        "invalid-score"
    );
    assert_eq!(
        code("record", r#"{"run": "r", "key": "k", "trial": 1, "row": {"latency_ms": NaN}}"#),
        "invalid-json"
    );
    assert_eq!(code("publish", "[]"), "invalid-argument");
    assert_eq!(store.events(0, 10).unwrap(), []);
}

/// Whatever depth is accepted can be read again, by this library and as the text that `call` returns.
#[test]
fn what_is_deep_is_refused_or_readable() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("store.tp")).unwrap();
    let (mut accepted, mut refused) = (0, 0);
    for depth in 90..140 {
        let deep = (0..depth).fold(json!(1), |inner, _| json!([inner]));
        let content = trialplate::Content::text(format!("{depth}")).param("deep", deep.clone());
        match store.publish("p", content, Default::default()) {
            Err(error) => {
                assert_eq!(error.code(), "invalid-json", "{depth}: {error}");
                refused += 1;
            }
            Ok(version) => {
                assert_eq!(refused, 0, "{depth}");
                accepted += 1;
                let read = store.get("p", version.number()).unwrap_or_else(|e| panic!("{depth}: {e}"));
                assert_eq!(read.content().params()["deep"], deep);
                let text = store.call("versions", r#"{"name": "p"}"#).unwrap();
                serde_json::from_str::<Value>(&text).unwrap_or_else(|e| panic!("{depth}: {e}"));
            }
        }
    }
    assert!(accepted > 0 && refused > 0, "{accepted} {refused}");
    assert!(store.verify().unwrap().ok);
}
