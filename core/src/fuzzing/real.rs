//! A small real store with something of every kind in it, and everything it says.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::store::Store;

/// What a store says: by verb and arguments, its answer or the code of its error.
pub type Answers = BTreeMap<String, std::result::Result<String, String>>;

fn done(store: &Store, verb: &str, arguments: Value) -> Value {
    let text = store.call(verb, &arguments.to_string()).unwrap_or_else(|error| panic!("{verb}: {error}"));
    serde_json::from_str(&text).unwrap()
}

/// Fills a new store. `size` 1 is the smallest one with every kind; more makes more of everything.
pub fn fill(store: &Store, size: usize) {
    let call = |verb: &str, arguments: Value| done(store, verb, arguments);
    for i in 0..6 * size {
        let name = format!("p{}", i % 3);
        let text = format!("{i} {{{{x}}}} {}", "word ".repeat(i * 7 % 60));
        call("publish", json!({"name": name, "prompt": text, "params": {"temperature": 0.5}, "tags": ["t"]}));
    }
    call("publish", json!({"name": "chat", "prompt": [{"role": "system", "content": "Be {{tone}}."}]}));
    for p in 0..3 {
        call("set_label", json!({"name": format!("p{p}"), "label": "production", "version": 1}));
        call(
            "set_label",
            json!({"name": format!("p{p}"), "label": "production", "version": 2, "reason": "r"}),
        );
    }
    for metric in ["quality", "human"] {
        call("metric", json!({"name": metric, "kind": "numeric", "min": 0, "max": 5, "direction": "higher"}));
    }
    let keys: Vec<String> = (0..12 * size).map(|i| format!("k{i:03}")).collect();
    let items: Vec<Value> =
        keys.iter().map(|k| json!({"key": k, "input": {"q": k}, "expected": "yes"})).collect();
    call("dataset_add", json!({"name": "d", "items": items}));
    call("dataset_add", json!({"name": "d", "items": [{"key": "k000", "input": {"q": "changed"}}]}));
    call("dataset_archive", json!({"name": "d", "keys": ["k001"]}));
    let mut runs = Vec::new();
    for version in [1, 2, 2] {
        let plan = json!({"prompt": "p0", "version": version, "dataset": "d", "dataset_version": 1,
            "name": format!("run {version}"),
            "scorers": [{"name": "quality", "kind": "judge", "config": {"model": "m"}}]});
        let run = call("start_run", plan)["id"].take();
        let row = |(i, key): (usize, &String)| {
            let said = "said ".repeat(i % 17);
            json!({"key": key, "trial": 1, "row": {"output": said, "latency_ms": 3.5,
                "scores": {"quality": (i + version) % 5, "human": i % 5}}})
        };
        call("record_all", json!({"run": run, "rows": keys.iter().enumerate().map(row).collect::<Vec<_>>()}));
        call("finish_run", json!({"run": run}));
        runs.push(run);
    }
    call("withdraw_run", json!({"run": runs[2], "reason": "a test"}));
    call("calibrate", json!({"metric": "quality", "run": runs[0], "human": "human"}));
    let gate =
        json!({"dataset": "d", "checks": [{"check": "item_floor", "metric": "quality", "at_least": 0}]});
    call("protect", json!({"name": "p0", "label": "staging", "gate": gate, "auto": true}));
    call("check", json!({"name": "p0", "version": 2, "label": "staging"}));
    let bad = json!({"override": "a test"});
    call("promote", json!({"name": "p0", "version": 2, "to": "staging", "override": bad["override"]}));
    call(
        "canary",
        json!({"name": "c", "prompt": "p0", "version": 1, "dataset": "d", "dataset_version": 1,
        "metrics": ["quality"]}),
    );
    call("canary_record", json!({"name": "c", "run": runs[0]}));
    let variants = json!({"a": 1, "b": 2});
    call(
        "experiment",
        json!({"name": "e", "prompt": "p1", "variants": variants, "metric": "quality",
        "min_effect": 0.5, "sd": 1.0, "salt": "s"}),
    );
    for i in 0..8 * size {
        let unit = format!("u{i}");
        let given = call("expose", json!({"name": "e", "unit": unit, "durable": i == 0}));
        let trace = format!("t{i}");
        call(
            "log",
            json!({"prompt": "p1", "version": given["version"], "trace_id": trace, "output": said(i),
            "at": format!("2026-01-02T00:{:02}:{:02}Z", i / 60 % 60, i % 60),
            "user": unit, "experiment": "e", "variant": given["variant"], "latency_ms": i}),
        );
        let comment = (i % 2 == 0).then(|| format!("because of {i}"));
        call("score", json!({"trace_id": trace, "metric": "quality", "value": i % 5, "comment": comment}));
    }
    // By now the first ones lie in the columns; these wait, or come late.
    call(
        "log",
        json!({"prompt": "p0", "version": 1, "trace_id": "waits", "at": "2026-01-02T00:00:00Z", "output": 1}),
    );
    call("score", json!({"trace_id": "waits", "metric": "quality", "value": 1}));
    call("score", json!({"trace_id": "t0", "metric": "quality", "value": 2, "comment": "late"}));
    call("flush", json!({}));
}

/// Some calls say the same at length.
fn said(i: usize) -> String {
    if i.is_multiple_of(3) { "the same answer ".repeat(40) } else { format!("answer {i}") }
}

/// The questions whose answers do not depend on the clock, for everything that is in a store as [`fill`] makes it.
fn questions(store: &Store) -> Vec<(&'static str, Value)> {
    let mut asked: Vec<(&'static str, Value)> = Vec::new();
    for verb in [
        "prompts",
        "datasets",
        "metrics",
        "runs",
        "canaries",
        "experiments",
        "calibrations",
        "events",
        "traces",
    ] {
        asked.push((verb, json!({})));
    }
    for prompt in ["p0", "p1", "p2", "chat"] {
        for verb in ["versions", "labels"] {
            asked.push((verb, json!({ "name": prompt })));
        }
        for version in 1..=3 {
            asked.push(("get", json!({"name": prompt, "version": version})));
        }
        for label in ["production", "staging"] {
            let of = json!({"name": prompt, "label": label});
            for verb in ["get", "history", "gate", "verdicts"] {
                asked.push((verb, of.clone()));
            }
        }
    }
    for version in 1..=3 {
        let of = json!({"name": "d", "version": version});
        asked.push(("dataset", of.clone()));
        asked.push(("dataset_items", of));
    }
    asked.push(("dataset_diff", json!({"name": "d", "a": 1, "b": 3})));
    asked.push(("dataset_versions", json!({"name": "d"})));
    for verb in ["canary", "canary_status", "canary_history"] {
        asked.push((verb, json!({"name": "c"})));
    }
    asked.push(("summary", json!({"prompt": "p1", "metric": "quality"})));
    for trace in ["t0", "t3", "t7", "waits"] {
        asked.push(("trace", json!({"trace_id": trace})));
    }
    let runs = store.runs(None).unwrap_or_default();
    for run in &runs {
        for verb in ["run", "rows", "summary"] {
            asked.push((verb, json!({"run": run.id.to_string()})));
        }
    }
    if let [a, b, ..] = runs.as_slice() {
        asked.push(("compare", json!({"a": a.id.to_string(), "b": b.id.to_string()})));
    }
    asked
}

/// Everything that a store says.
pub fn answers(store: &Store) -> Answers {
    let ask = |(verb, arguments): (&'static str, Value)| {
        let said = store.call(verb, &arguments.to_string());
        (format!("{verb} {arguments}"), said.map_err(|error| error.code().to_owned()))
    };
    questions(store).into_iter().map(ask).collect()
}

/// The bytes of a new store, and what it says.
pub fn store(folder: &Path, size: usize) -> (Vec<u8>, Answers) {
    let path = folder.join("real.tp");
    let store = Store::open(&path).unwrap();
    fill(&store, size);
    let said = answers(&store);
    store.close().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    (bytes, said)
}
