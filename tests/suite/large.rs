//! A text that is too long is refused by every verb that takes one, and nothing of it is written.

use serde_json::{Value, json};
use trialplate::Store;

/// Longer than a value may be, and than any text.
const LONG: usize = (8 << 20) + 1;
const LONGEST: usize = (16 << 20) + 1;

/// Every verb that takes a text that isn't a name, and where the text goes.
fn verbs(run: &str, finished: &str, long: &str, longest: &str) -> Vec<(&'static str, Value)> {
    let gate = json!({"dataset": "d", "checks": [{"check": "item_floor", "metric": "q", "at_least": 0.5}]});
    vec![
        ("get", json!({"name": long})),
        ("get", json!({"name": "p", "label": long})),
        ("get", json!({"name": "p", "version": long})),
        ("get", json!({"name": "p", "id": long})),
        ("get", json!({"name": "p", "at": long})),
        ("publish", json!({"name": long, "prompt": "x"})),
        ("publish", json!({"name": "p", "prompt": "x", "tags": [long]})),
        ("publish", json!({"name": "p", "prompt": long})),
        ("publish", json!({"name": "p", "prompt": [{"role": "user", "content": long}]})),
        ("publish", json!({"name": "p", "prompt": "x", "model": long})),
        ("publish", json!({"name": "p", "prompt": "x", "params": {"a": long}})),
        ("publish", json!({"name": "p", "prompt": "x", "tools": [long]})),
        ("publish", json!({"name": "p", "prompt": "x", "response_schema": {"title": long}})),
        ("publish", json!({"name": "p", "prompt": "x", "message": longest})),
        ("publish", json!({"name": "p", "prompt": "x", "author": longest})),
        ("set_label", json!({"name": "p", "label": "live", "version": 1, "reason": longest})),
        ("unset_label", json!({"name": "p", "label": "production", "reason": longest})),
        ("rollback", json!({"name": "p", "label": "production", "reason": longest})),
        ("promote", json!({"name": "p", "to": "live", "version": 1, "reason": longest})),
        ("promote", json!({"name": "p", "to": "guarded", "version": 1, "override": longest})),
        ("unprotect", json!({"name": "p", "label": "guarded", "reason": longest})),
        ("protect", {
            let mut gate = gate;
            gate["checks"][0]["metric"] = long.into();
            json!({"name": "p", "label": "live", "gate": gate})
        }),
        ("dataset_add", json!({"name": "d", "items": [{"key": "n", "input": long}]})),
        ("dataset_add", json!({"name": "d", "items": [{"key": "n", "expected": {"a": long}}]})),
        ("dataset_add", json!({"name": "d", "items": [{"key": "n", "metadata": long}]})),
        ("dataset_add", json!({"name": "d", "items": [{"key": "n", "stratum": long}]})),
        ("dataset_add", json!({"name": "d", "items": [{"key": "n", "source_trace": long}]})),
        ("dataset_schema", json!({"name": "d", "input": {"title": longest}})),
        ("dataset_add_from_trace", json!({"name": "d", "trace_id": "t", "expected": long})),
        ("metric", json!({"name": "kind", "kind": "categorical", "categories": ["a", longest]})),
        (
            "start_run",
            json!({"prompt": "p", "version": 1, "dataset": "d",
            "scorers": [{"kind": "judge", "name": "judge", "config": {"rubric": long}}]}),
        ),
        ("record", json!({"run": run, "key": long, "row": {}})),
        ("rows", json!({"run": long})),
        ("record", json!({"run": run, "key": "k", "row": {"output": long}})),
        ("record", json!({"run": run, "key": "k", "row": {"error": long}})),
        ("record", json!({"run": run, "key": "k", "row": {"output": "x", "scores": {"said": long}}})),
        ("record_all", json!({"run": run, "rows": [{"key": "k", "row": {"output": [long]}}]})),
        ("log", json!({"prompt": "p", "version": 1, "input": long, "durable": true})),
        ("log", json!({"prompt": "p", "version": 1, "output": {"a": long}, "durable": true})),
        ("log", json!({"prompt": "p", "version": 1, "error": long, "durable": true})),
        ("log", json!({"prompt": "p", "version": 1, "user": long, "durable": true})),
        ("log", json!({"prompt": "p", "version": 1, "stratum": long, "durable": true})),
        ("log", json!({"prompt": "p", "version": 1, "metadata": {"a": long}, "durable": true})),
        ("log", json!({"prompt": "p", "version": 1, "trace_id": long, "durable": true})),
        ("score", json!({"trace_id": "t", "metric": "said", "value": long, "durable": true})),
        ("score", json!({"trace_id": "t", "metric": "q", "value": 1, "comment": long, "durable": true})),
        ("score", json!({"trace_id": "t", "metric": "q", "value": 1, "judge": long, "durable": true})),
        (
            "experiment",
            json!({"name": "e", "prompt": "p", "metric": "q", "variants": {"a": 1, "b": 2},
            "min_effect": 0.1, "sd": 0.3, "description": long}),
        ),
        (
            "experiment",
            json!({"name": "e", "prompt": "p", "metric": "q", "variants": {"a": 1, "b": 2},
            "min_effect": 0.1, "sd": 0.3, "salt": long}),
        ),
        ("assign", json!({"name": "running", "unit": long})),
        ("expose", json!({"name": "running", "unit": long, "durable": true})),
        ("expose", json!({"name": "running", "unit": "u", "stratum": long, "durable": true})),
        ("experiment_stop", json!({"name": "running", "reason": longest})),
        ("withdraw_run", json!({"run": finished, "reason": longest})),
    ]
}

fn call(store: &Store, verb: &str, arguments: Value) -> Result<Value, trialplate::Error> {
    Ok(serde_json::from_str(&store.call(verb, &arguments.to_string())?).unwrap())
}

#[test]
fn no_verb_takes_a_text_that_is_too_long_and_none_writes_any_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("store.tp")).unwrap();
    for text in ["one", "two"] {
        call(&store, "publish", json!({"name": "p", "prompt": text, "labels": ["production"]})).unwrap();
    }
    call(&store, "dataset_add", json!({"name": "d", "items": [{"key": "k", "input": 1}]})).unwrap();
    call(&store, "metric", json!({"name": "q", "kind": "numeric", "min": 0, "max": 1})).unwrap();
    let gate = json!({"dataset": "d", "checks": [{"check": "item_floor", "metric": "q", "at_least": 0.5}]});
    call(&store, "protect", json!({"name": "p", "label": "guarded", "gate": gate})).unwrap();
    let run = call(&store, "start_run", json!({"prompt": "p", "version": 1, "dataset": "d"})).unwrap();
    let run = run["id"].as_str().unwrap();
    let finished = call(&store, "start_run", json!({"prompt": "p", "version": 2, "dataset": "d"})).unwrap();
    let finished = finished["id"].as_str().unwrap();
    call(&store, "record", json!({"run": finished, "key": "k", "row": {"output": "x"}})).unwrap();
    call(&store, "finish_run", json!({"run": finished})).unwrap();
    call(&store, "log", json!({"prompt": "p", "version": 1, "trace_id": "t", "durable": true})).unwrap();
    call(
        &store,
        "experiment",
        json!({"name": "running", "prompt": "p", "metric": "q",
        "variants": {"a": 1, "b": 2}, "min_effect": 0.1, "sd": 0.3}),
    )
    .unwrap();
    store.flush().unwrap();
    let state = || {
        let space = serde_json::to_value(store.space().unwrap()).unwrap();
        (space["entries"].clone(), space["bytes"].clone(), store.events(0, usize::MAX).unwrap().len())
    };
    let before = state();
    let (long, longest) = ("x".repeat(LONG), "x".repeat(LONGEST));
    let mut faults = Vec::new();
    for (verb, arguments) in verbs(run, finished, &long, &longest) {
        let place = arguments.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
        match call(&store, verb, arguments) {
            Ok(_) => faults.push(format!("{verb} ({place}) took it")),
            Err(error) => {
                let code = error.code();
                // What has a shape of its own, such as a name, says that.
                if code != "too-large" && !code.starts_with("invalid-") && code != "run-not-found" {
                    faults.push(format!("{verb} ({place}) said {code}: {:.200}", error.to_string()));
                }
                if error.to_string().len() > 2_000 {
                    faults.push(format!("{verb} ({place}) said {} bytes", error.to_string().len()));
                }
            }
        }
        let now = state();
        if now != before {
            faults.push(format!("{verb} ({place}) wrote: {before:?} is {now:?}"));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}
