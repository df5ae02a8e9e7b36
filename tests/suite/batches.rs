//! Batches of calls and scores: which element is wrong is said, and how many are too many.

use serde_json::{Value, json};
use trialplate::{Content, Error, GivenScore, LoggedCall, NewScore, NewTrace, ScoreValue, Store};

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("store.tp")).unwrap();
    store.publish("p", Content::text("text"), Default::default()).unwrap();
    store.publish("q", Content::text("other"), Default::default()).unwrap();
    store
        .metric("bounded", serde_json::from_value(json!({"kind": "numeric", "min": 0, "max": 1})).unwrap())
        .unwrap();
    store.call("log_many", r#"{"calls": [{"prompt": "p", "version": 1, "trace_id": "known"}]}"#).unwrap();
    (folder, store)
}

/// The code, and the index that the error names.
fn named(error: Error) -> (&'static str, Option<usize>) {
    let text = error.to_string();
    let code = error.code();
    match error {
        Error::InBatch { index, list, .. } => {
            assert!(text.ends_with(&format!(" in=`{list}[{index}]`")), "{text}");
            (code, Some(index))
        }
        _ => (code, None),
    }
}

fn good(i: usize) -> Value {
    json!({"prompt": "p", "version": 1, "trace_id": format!("t{i}"), "scores": {"bounded": 0.5}})
}

#[test]
fn the_call_that_is_wrong_is_named() {
    let (_folder, store) = store();
    let other: Value =
        serde_json::from_str(&store.call("get", r#"{"name": "q", "version": 1}"#).unwrap()).unwrap();
    let of_another = json!({"name": "q", "number": 1, "id": other["id"]});
    for (bad, code) in [
        (json!({"prompt": "p", "version": 9}), "version-not-found"),
        (json!({"prompt": "none", "version": 1}), "prompt-not-found"),
        (json!({"prompt": "p", "version": of_another}), "version-of-another-prompt"),
        (json!({"prompt": "p", "version": 1, "trace_id": "known"}), "trace-exists"),
        (json!({"prompt": "p", "version": 1, "trace_id": "t0"}), "trace-exists"),
        (json!({"prompt": "p", "version": 1, "scores": {"bounded": 2}}), "score-out-of-range"),
        (json!({"prompt": "p", "version": 1, "latency_ms": -1}), "invalid-trace"),
        (json!({"prompt": "p", "version": 1, "at": "noon"}), "invalid-time"),
        (json!({"prompt": "p", "version": 1, "colour": "red"}), "invalid-argument"),
        (json!({"prompt": "p", "version": 1, "input": 9007199254740993u64}), "invalid-json"),
        (json!("call"), "invalid-argument"),
    ] {
        for (place, size, first) in [(3, 5, 0), (3, 5, 10_000), (700, 900, 0)] {
            let mut calls: Vec<Value> = (0..size).map(good).collect();
            calls[place] = bad.clone();
            let error =
                store.call("log_many", &json!({"calls": calls, "first": first}).to_string()).unwrap_err();
            assert_eq!(named(error), (code, Some(first + place)), "{bad}");
        }
    }
    assert_eq!(store.traces(&Default::default()).unwrap().traces.len(), 1);
    // What is no fault of one call names none.
    let error = store.call("log_many", r#"{"calls": 3}"#).unwrap_err();
    assert_eq!(named(error), ("invalid-argument", None));
    store.close().unwrap();
    let error = store.call("log_many", &json!({"calls": [good(1)]}).to_string()).unwrap_err();
    assert_eq!(named(error).1, None);
}

#[test]
fn the_score_that_is_wrong_is_named() {
    let (_folder, store) = store();
    for (bad, code) in [
        (json!({"trace_id": "none", "metric": "m", "value": 1}), "trace-not-found"),
        (json!({"trace_id": "known", "metric": "bounded", "value": 2}), "score-out-of-range"),
        (json!({"trace_id": "known", "metric": "bounded", "value": "many"}), "invalid-score"),
        (json!({"trace_id": "known", "metric": " m", "value": 1}), "invalid-name"),
        (json!({"trace_id": "known", "metric": "m", "value": 1, "source": "moon"}), "invalid-argument"),
        (json!({"metric": "m", "value": 1}), "invalid-argument"),
        (json!([]), "invalid-argument"),
    ] {
        for (place, size, first) in [(0, 1, 0), (2, 4, 20_000), (700, 900, 0)] {
            let mut scores: Vec<Value> =
                (0..size).map(|_| json!({"trace_id": "known", "metric": "m", "value": 1})).collect();
            scores[place] = bad.clone();
            let arguments = json!({"scores": scores, "first": first}).to_string();
            let error = store.call("score_many", &arguments).unwrap_err();
            assert_eq!(named(error), (code, Some(first + place)), "{bad}");
        }
    }
    assert!(store.trace("known").unwrap().scores.is_empty());
}

/// More than 100,000 are refused before any of them is looked at.
#[test]
fn too_many_at_once() {
    let (_folder, store) = store();
    let call = LoggedCall {
        prompt: "none".to_owned(),
        version: 1.into(),
        trace: NewTrace::default(),
        scores: Vec::new(),
    };
    let error = store.log_many(vec![call; 100_001]).unwrap_err();
    assert!(error.to_string().contains("100001"), "{error}");
    assert_eq!(named(error), ("invalid-argument", None));
    let score = GivenScore {
        trace_id: "none".to_owned(),
        metric: "m".to_owned(),
        score: NewScore::new(ScoreValue::Number(1.0)),
    };
    assert_eq!(named(store.score_many(vec![score; 100_001]).unwrap_err()), ("invalid-argument", None));
    // So many are taken.
    let calls: Vec<Value> =
        (0..100_000).map(|i| json!({"prompt": "p", "version": 1, "trace_id": format!("n{i}")})).collect();
    let found = store.call("log_many", &json!({"calls": calls}).to_string()).unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(&found).unwrap()["trace_ids"].as_array().unwrap().len(),
        100_000
    );
}
