//! Files of every format version there ever was: what is on users' disks stays readable, to the last hash.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use trialplate::{Content, OpenOptions, Store};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden")
}

fn call(store: &Store, verb: &str, arguments: Value) -> Value {
    serde_json::from_str(&store.call(verb, &arguments.to_string()).unwrap()).unwrap()
}

/// The facts of a store, in the shape that `make.py` wrote them down in.
fn facts(store: &Store) -> Value {
    let prompts = call(store, "prompts", json!({}))["prompts"].clone();
    let names: Vec<String> =
        prompts.as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap().to_owned()).collect();
    let list = |value: Value, name: &str, f: &dyn Fn(&Value) -> Value| -> Value {
        value[name].as_array().unwrap().iter().map(f).collect()
    };
    let ids = |v: &Value| v["id"].clone();
    let mut versions = json!({});
    let mut labels = json!({});
    for name in &names {
        versions[name] = list(call(store, "versions", json!({"name": name})), "versions", &ids);
        labels[name] = call(store, "labels", json!({"name": name}))["labels"].clone();
    }
    let mut runs = json!({});
    for run in call(store, "runs", json!({}))["runs"].as_array().unwrap() {
        runs[run["name"].as_str().unwrap()] = run["rows_root"].clone();
    }
    let verdicts = json!({"name": "legal/extraction", "label": "production"});
    json!({
        "events": list(call(store, "events", json!({})), "events", &|e| json!([e["seq"], e["kind"], e["hash"]])),
        "versions": versions,
        "labels": labels,
        "roots": list(call(store, "dataset_versions", json!({"name": "golden"})), "versions", &|v| v["root"].clone()),
        "verdicts": list(call(store, "verdicts", verdicts), "verdicts", &ids),
        "runs": runs,
    })
}

/// What was written down of a file when it was made.
fn expected(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path.with_extension("json")).unwrap()).unwrap()
}

/// Looks at a file as it lies there, to the last hash: an open for reading changes no byte.
fn untouched(path: &Path, look: impl FnOnce(&Store)) {
    let bytes = std::fs::read(path).unwrap();
    let store = OpenOptions::new().read_only(true).open(path).unwrap();
    look(&store);
    let report = store.verify().unwrap();
    assert!(report.ok, "{report:?}");
    store.close().unwrap();
    assert_eq!(std::fs::read(path).unwrap(), bytes, "an open for reading changed {}", path.display());
}

/// A copy, to write on, and the folder in which it is.
fn copied(path: &Path) -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.tp");
    std::fs::copy(path, &copy).unwrap();
    let store = Store::open(&copy).unwrap();
    (folder, store)
}

#[test]
fn every_golden_file_is_read_to_the_last_hash() {
    let mut seen = 0;
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "tp") {
            continue;
        }
        seen += 1;
        let expected = expected(&path);
        untouched(&path, |store| assert_eq!(facts(store), expected, "{}", path.display()));

        // A copy can be written on, and what was there stays.
        let (_folder, store) = copied(&path);
        let v = store.publish("legal/extraction", Content::text("a third one"), Default::default()).unwrap();
        assert_eq!(v.number(), 3);
        let run = call(&store, "runs", json!({}))["runs"].as_array().unwrap().last().unwrap().clone();
        assert_eq!(run["name"], "unfinished");
        let pending = call(&store, "pending", json!({"run": run["id"]}))["items"].as_array().unwrap().len();
        assert_eq!(pending, 10, "a run that was not finished is carried on");
        assert!(store.verify().unwrap().ok);
    }
    assert!(seen >= 1, "the golden files are gone");
}

/// Of the many traces of format 2 every tenth, and the summaries.
fn many(store: &Store) -> Value {
    let (mut traces, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let page = call(store, "traces", json!({"limit": 100, "cursor": cursor}));
        traces.extend(page["traces"].as_array().unwrap().iter().cloned());
        cursor = page["next"].clone();
        if cursor.is_null() {
            break;
        }
    }
    let summary = |by: Value| {
        call(store, "summary", json!({"prompt": "billing/answer", "metric": "quality", "by": by}))
    };
    json!({
        "traces": traces.into_iter().step_by(10).collect::<Vec<_>>(),
        "summary": summary(json!("version")),
        "days": summary(json!(["day", "stratum"])),
    })
}

/// Batches, segments, the index's runs, late scores, comments and shared texts, some of them pruned.
#[test]
fn traces_of_format_2_are_read() {
    let path = folder().join("format-2-traces.db");
    let expected = expected(&path);
    untouched(&path, |store| assert!(near(&many(store), &expected)));
    let (_folder, store) = copied(&path);
    for trace in expected["traces"].as_array().unwrap() {
        let id = &trace["trace_id"];
        let again = json!({"prompt": "billing/answer", "version": 1, "trace_id": id});
        let again = store.call("log_many", &json!({"calls": [again]}).to_string());
        assert_eq!(again.unwrap_err().code(), "trace-exists", "it is found by its id");
        call(&store, "score", json!({"trace_id": id, "metric": "seen", "value": true, "durable": true}));
    }
    // All that is there is written anew, with what an older file has.
    let pruned = call(&store, "prune", json!({"before": "2026-12-20T00:00:00Z"}));
    assert!(pruned["traces"].as_u64().unwrap() > 500, "{pruned}");
    let report = store.verify().unwrap();
    assert!(report.ok, "{:?}", report.broken);
    assert_eq!(report.traces + pruned["traces"].as_u64().unwrap(), 1_202);
}

/// Every page of all traces, and the summary, as `make_traces.py` wrote them down.
fn traces(store: &Store) -> Value {
    let summary = json!({"prompt": "billing/answer", "metric": "quality", "by": "version"});
    json!({
        "traces": call(store, "traces", json!({"limit": 1000}))["traces"],
        "summary": call(store, "summary", summary),
    })
}

/// Equal, but for the last bits of what is added up in another order.
fn near(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            (a - b).abs() <= 1e-12 * a.abs().max(1.0)
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| near(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(k, a)| b.get(k).is_some_and(|b| near(a, b)))
        }
        (a, b) => a == b,
    }
}

#[test]
fn traces_of_format_1_are_read_and_move_to_the_columns() {
    let path = folder().join("format-1-traces.db");
    let expected = expected(&path);
    assert_eq!(expected["traces"].as_array().unwrap().len(), 40);
    untouched(&path, |store| assert!(near(&traces(store), &expected)));
    let (_folder, store) = copied(&path);
    // So many more that what waited moves, and then only the old ones are left.
    for n in 0..1_100 {
        let log = json!({"prompt": "billing/answer", "version": 1, "trace_id": format!("new-{n}"), "at": "2030-01-01T00:00:00Z"});
        call(&store, "log", log);
    }
    call(&store, "flush", json!({}));
    let until = |page: Value| -> Vec<Value> {
        page["traces"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|t| !t["trace_id"].as_str().unwrap().starts_with("new-"))
            .cloned()
            .collect()
    };
    let old = call(&store, "traces", json!({"limit": 1000, "until": "2029-01-01T00:00:00Z"}));
    assert_eq!(Value::from(until(old)), expected["traces"], "to the last byte");
    let id = expected["traces"][7]["trace_id"].clone();
    let again = json!({"prompt": "billing/answer", "version": 1, "trace_id": id});
    let again = store.call("log_many", &json!({"calls": [again]}).to_string());
    assert_eq!(again.unwrap_err().code(), "trace-exists", "it is found by its id");
    call(&store, "score", json!({"trace_id": id, "metric": "quality", "value": 5, "durable": true}));
    let report = store.verify().unwrap();
    assert!(report.ok, "{:?}", report.broken);
    assert_eq!(report.traces, 1_140);
}
