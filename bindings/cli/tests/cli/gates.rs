//! Datasets, runs, comparisons, gates: from items to a label that moves, or does not.

use serde_json::{Value, json};

use crate::Shop;

const GATE: &str = r#"{"dataset": "golden", "checks": [
    {"check": "item_floor", "metric": "quality", "at_least": 2},
    {"check": "no_regression", "metric": "quality", "mode": "point"}]}"#;

/// Two versions, ten items, a gate on production, which is on version 1.
fn shop() -> Shop {
    let shop = Shop::new();
    shop.ok(&["publish", "x", "--text", "one {{q}}", "--label", "production"]);
    shop.ok(&["publish", "x", "--text", "two {{q}}"]);
    let item = |i: usize| json!({"key": format!("k{i}"), "input": {"q": i}, "stratum": if i < 5 { "easy" } else { "hard" }});
    let items: Vec<String> = (0..10).map(|i| item(i).to_string()).collect();
    let added = shop.feed(&["dataset-add", "golden", "-"], &items.join("\n")).ok();
    assert!(added.starts_with("golden version 1: 10 items (10 added"), "{added}");
    shop.ok(&["metric", "quality", "--min", "1", "--max", "5"]);
    shop.write("gate.json", GATE);
    shop.ok(&["protect", "x", "production", "--gate", "gate.json"]);
    shop
}

/// A finished run whose i-th item scores `score(i)`.
fn run(shop: &Shop, version: &str, score: impl Fn(usize) -> f64) -> String {
    let id = shop.ok(&["start-run", "x", version, "golden", "--scorer", "quality"]).trim().to_owned();
    let pending = shop.ok(&["pending", &id]);
    assert_eq!(pending.lines().count(), 10);
    let rows = pending.lines().enumerate().map(|(i, line)| {
        let item: Value = serde_json::from_str(line).unwrap();
        json!({"key": item["key"], "trial": item["trial"], "output": "o", "scores": {"quality": score(i)}})
            .to_string()
    });
    let rows: Vec<String> = rows.collect();
    assert_eq!(shop.feed(&["record-all", &id, "-"], &rows.join("\n")).ok(), "10 rows recorded\n");
    shop.ok(&["finish-run", &id]);
    id
}

#[test]
fn a_gate_without_evidence_cannot_tell() {
    let shop = shop();
    let said = shop.run(&["check", "x", "2", "production"]);
    assert_eq!(said.code, 3, "{said:?}");
    assert!(said.out.contains("CANNOT TELL"));
    assert!(said.out.ends_with("next: trialplate eval x 2 golden --task COMMAND\n"), "{}", said.out);
    let said = shop.run(&["promote", "x", "2", "--to", "production"]);
    assert_eq!(said.error(), (3, "gate-refused"));
    assert_eq!(shop.run(&["set-label", "x", "production", "2"]).error(), (4, "label-protected"));
    assert_eq!(shop.ok(&["get", "x"]), "one {{q}}\n");
}

#[test]
fn a_gate_that_fails_keeps_the_label() {
    let shop = shop();
    let a = run(&shop, "1", |i| 4.0 + 0.01 * i as f64);
    let b = run(&shop, "2", |i| if i == 7 { 1.0 } else { 4.0 });
    let said = shop.run(&["check", "x", "2", "production"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.out.contains("FAIL") && said.out.contains("k7 4.07 -> 1"), "{}", said.out);
    assert!(said.out.ends_with(&format!("next: trialplate compare {a} {b}\n")), "{}", said.out);
    let said = shop.run(&["promote", "x", "2", "--to", "production"]);
    assert_eq!(said.error(), (1, "gate-refused"));
    assert!(said.out.contains("FAIL"), "the verdict is shown");
    let said = shop.run(&["promote", "x", "2", "--to", "production", "--json"]);
    let error: Value = serde_json::from_str(&said.err).unwrap();
    assert_eq!((said.code, &error["error"]["verdict"]["outcome"]), (1, &json!("fail")));
    assert_eq!(shop.run(&["call", "check", r#"{"name": "x", "version": 2, "label": "production"}"#]).code, 1);
    assert_eq!(
        shop.run(&["promote", "x", "2", "--to", "production", "--override", " "]).error(),
        (4, "reason-required")
    );
    let moved = shop.ok(&["promote", "x", "2", "--to", "production", "--override", "legal"]);
    assert!(
        moved.starts_with("x@production moved from version 1 to 2, against its gate, verdict b3:"),
        "{moved}"
    );
    assert!(shop.ok(&["history", "x", "production"]).contains("override"));
}

#[test]
fn a_gate_that_passes_moves_the_label() {
    let shop = shop();
    run(&shop, "1", |i| 4.0 + 0.01 * i as f64);
    run(&shop, "2", |i| 4.5 + 0.01 * i as f64);
    let said = shop.run(&["check", "x", "2", "production"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.ends_with("next: trialplate promote x 2 --to production\n"), "{}", said.out);
    shop.ok(&["promote", "x", "2", "--to", "production", "--expected", "1"]);
    assert_eq!(shop.ok(&["get", "x"]), "two {{q}}\n");
    assert!(
        shop.json(&["verdicts", "x", "production"])["verdicts"].as_array().is_some_and(|v| !v.is_empty())
    );
    assert!(shop.ok(&["verdicts", "x", "production"]).contains("pass"));
    shop.ok(&["rollback", "x", "production"]);
    shop.ok(&["unprotect", "x", "production", "--reason", "test"]);
    shop.ok(&["set-label", "x", "production", "2"]);
    assert_eq!(shop.run(&["gate", "x", "production"]).error(), (4, "gate-not-found"));
    assert_eq!(shop.json(&["verify"])["ok"], true);
}

#[test]
fn comparisons_name_what_got_worse() {
    let shop = shop();
    let a = run(&shop, "1", |i| 4.0 + 0.01 * i as f64);
    let b = run(&shop, "2", |i| 3.0 - 0.02 * i as f64);
    let text = shop.ok(&["compare", &a, &b]);
    for part in ["B worse", "by stratum", "worst regressions\n  quality: k9 4.09 -> 2.82 | ", "and 5 more"] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    assert_eq!(shop.json(&["compare", &a, &b])["metrics"]["quality"]["verdict"], "b_worse");
    let small =
        shop.ok(&["compare", &a, &b, "--margin", "quality=9", "--primary", "quality", "--alpha", "0.1"]);
    assert!(small.contains("B worse, by less than matters") && small.contains("90% CI"), "{small}");
    for wrong in [["--margin", "quality=0"], ["--alpha", "1"], ["--cluster", "x"], ["--noise", a.as_str()]] {
        assert_eq!(
            shop.run(&[&["compare", &a, &b][..], &wrong].concat()).error(),
            (4, "invalid-argument"),
            "{wrong:?}"
        );
    }
    assert!(shop.ok(&["summary", &a]).contains("10 of 10 rows, no errors"));
    assert_eq!(shop.ok(&["rows", &a]).lines().count(), 10);
    assert_eq!(shop.json(&["runs", "x"])["runs"].as_array().unwrap().len(), 2);
    assert_eq!(shop.ok(&["runs", "y"]), "no runs\n");
}

#[test]
fn one_row_from_flags() {
    let shop = shop();
    let id = shop
        .ok(&["start-run", "x", "1", "golden", "--scorer", r#"{"kind": "json_valid"}"#])
        .trim()
        .to_owned();
    let row =
        shop.json(&["record", &id, "k0", "--output", "42", "--score", "quality=4.5", "--latency-ms", "12.5"]);
    assert_eq!(row["output"], "42", "a model's number is text");
    assert_eq!(row["scores"], json!({"json_valid": true, "quality": 4.5}));
    assert_eq!(row["latency_ms"], 12.5);
    let row = shop.json(&["record", &id, "k1", "--output", r#"{"a": 1}"#, "--score", "quality=null"]);
    assert_eq!((&row["output"], &row["scores"]["quality"]), (&json!({"a": 1}), &Value::Null));
    assert_eq!(shop.json(&["record", &id, "k2", "--output", "@alice"])["output"], "@alice");
    assert_eq!(shop.json(&["record", &id, "k3", "--error", "timeout"])["error"], "timeout");
    assert_eq!(
        shop.feed(&["record", &id, "k4", "--output-file", "-", "--json"], "said\n").json()["output"],
        "said"
    );
    assert_eq!(shop.run(&["record", &id, "k0", "--output", "again"]).error(), (4, "row-exists"));
    assert_eq!(shop.run(&["record", &id, "k5", "--score", "quality=9"]).error(), (4, "score-out-of-range"));
    assert_eq!(shop.run(&["record", &id, "k5", "--latency-ms", "NaN"]).code, 2);
    assert_eq!(shop.ok(&["pending", &id]).lines().count(), 5);
}

#[test]
fn datasets_go_out_and_come_in() {
    let shop = shop();
    let items = shop.ok(&["dataset-items", "golden"]);
    let again = shop.feed(&["dataset-add", "golden", "-", "--json"], &items).json();
    assert_eq!(again["version"], 1, "nothing differs, so nothing is written");
    shop.ok(&["dataset-archive", "golden", "k0", "k1"]);
    assert_eq!(shop.ok(&["dataset-diff", "golden", "1", "2"]), "- k0\n- k1\n");
    assert_eq!(shop.ok(&["dataset-items", "golden", "--version", "1"]).lines().count(), 10);
    assert!(shop.ok(&["dataset", "golden"]).starts_with("golden version 2: 8 items"));
    shop.write("items.jsonl", "{\"key\": \"a\"}\n\n{\"key\": oops}\n");
    let said = shop.run(&["dataset-add", "golden", "items.jsonl"]);
    assert_eq!(said.error(), (4, "invalid-json"));
    assert!(said.err.contains("items.jsonl:3"), "{}", said.err);
    assert_eq!(shop.json(&["dataset", "golden"])["version"], 2);
}

#[test]
fn schemas_are_declared_and_taken_off() {
    let shop = shop();
    shop.ok(&["dataset-schema", "golden", "--input", r#"{"type": "object"}"#]);
    assert_eq!(shop.json(&["dataset-schema", "golden"])["input"], json!({"type": "object"}));
    assert_eq!(
        shop.feed(&["dataset-add", "golden", "-"], "{\"key\": \"z\", \"input\": 1}").error(),
        (4, "schema-mismatch")
    );
    assert_eq!(shop.json(&["dataset-schema", "golden", "--input", "null"])["input"], Value::Null);
}
