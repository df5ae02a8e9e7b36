//! A folder becomes versions, once.

use serde_json::{Value, json};

use crate::Shop;

const PROMPT: &str = "---
model: claude-sonnet-4-6
config:
  temperature: 0.25
  stop_sequences: [END]
output:
  schema:
    type: object
tags: [live]
message: from the folder
---
Extract from: {{document}}
";

fn folder() -> Shop {
    let shop = Shop::new();
    shop.write("p/billing/refund.prompt", PROMPT);
    shop.write("p/plain.txt", "Hello\n");
    shop.write("p/marked.md", "# Hello\n\nText\n");
    shop.write("p/chat.json", r#"{"prompt": [{"role": "user", "content": "{{q}}"}], "model": "m"}"#);
    shop.write("p/.hidden.txt", "no");
    shop.write("p/.git/x.txt", "no");
    shop.write("p/notes.yaml", "no");
    shop
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap()).collect()
}

#[test]
fn twice_is_once() {
    let shop = folder();
    let dry = shop.json(&["apply", "p", "--dry-run"]);
    assert_eq!(names(&dry["created"]), ["billing/refund", "chat", "marked", "plain"]);
    assert!(!shop.path().exists(), "a dry run makes no file");
    let said = shop.run(&["apply", "p", "--json"]);
    assert!(said.err.contains("skipped") && said.err.contains("notes.yaml"), "{}", said.err);
    let first = said.json();
    assert_eq!(names(&first["created"]), ["billing/refund", "chat", "marked", "plain"]);
    assert_eq!(first["created"][0]["version"], 1);
    let v = shop.json(&["get", "billing/refund:1"]);
    assert_eq!(v["prompt"], "Extract from: {{document}}");
    assert_eq!(v["params"], json!({"temperature": 0.25, "stop_sequences": ["END"]}));
    assert_eq!(v["response_schema"], json!({"type": "object"}));
    assert_eq!(
        (&v["tags"], &v["message"], &v["model"]),
        (&json!(["live"]), &json!("from the folder"), &json!("claude-sonnet-4-6"))
    );
    assert_eq!(shop.ok(&["get", "marked:1"]), "# Hello\n\nText\n");

    let events = shop.json(&["info"])["events"].clone();
    let second = shop.json(&["apply", "p"]);
    assert_eq!((names(&second["created"]).len(), names(&second["unchanged"]).len()), (0, 4));
    assert_eq!(shop.json(&["info"])["events"], events, "nothing was written");

    shop.write("p/plain.txt", "Hello again\n");
    let third = shop.ok(&["apply", "p"]);
    assert!(third.contains("created    plain version 2 b3:"), "{third}");
    assert!(third.ends_with("1 created, 3 unchanged\n"), "{third}");
}

#[test]
fn a_label_moves_to_each() {
    let shop = folder();
    shop.ok(&["apply", "p"]);
    shop.ok(&["apply", "p", "--label", "staging"]);
    assert_eq!(shop.ok(&["get", "plain@staging"]), "Hello\n");
    let events = shop.json(&["info"])["events"].clone();
    shop.ok(&["apply", "p", "--label", "staging"]);
    assert_eq!(shop.json(&["info"])["events"], events, "a label that is there stays as it is");
    shop.write("p/plain.txt", "Hello again\n");
    shop.ok(&["apply", "p", "--label", "staging"]);
    assert_eq!(shop.ok(&["get", "plain@staging"]), "Hello again\n");
}

#[test]
fn a_protected_label_is_refused_before_anything_is_written() {
    let shop = folder();
    shop.ok(&["apply", "p", "--label", "staging"]);
    let gate = r#"{"dataset": "d", "checks": [{"check": "mean", "metric": "m", "at_least": 1}]}"#;
    shop.ok(&["protect", "plain", "staging", "--gate", gate]);
    shop.ok(&["apply", "p", "--label", "staging"]);
    shop.write("p/plain.txt", "Hello again\n");
    shop.write("p/aaa.txt", "first in order\n");
    assert_eq!(shop.run(&["apply", "p", "--label", "staging"]).error(), (4, "label-protected"));
    assert_eq!(shop.run(&["get", "aaa:1"]).error(), (4, "prompt-not-found"));
}

#[test]
fn one_bad_file_stops_all() {
    for (file, text, at, reason) in [
        ("bad.prompt", "---\nmodel: m\ntemperature: 1\n---\nx\n", "bad.prompt:3", "temperature"),
        ("bad.prompt", "---\nmodel: m\nparams: [1\n---\nx\n", "bad.prompt:", ""),
        ("bad.prompt", "---\nmodel: m\nx\n", "bad.prompt:1", "never ends"),
        ("bad.prompt", "---\nparams:\n  t: .nan\n---\nx\n", "bad.prompt:", ""),
        ("bad.json", "{\n \"prompt\": \"x\",\n \"name\": \"y\"\n}", "bad.json:3", "name"),
        ("bad.json", "{\n \"prompt\": \"x\"", "bad.json:2", "JSON"),
        ("bad.json", "{\"model\": \"m\"}", "bad.json:1", "prompt"),
        ("bad.json", "{\"prompt\": [{\"role\": 1}]}", "bad.json:1", ""),
        ("plain.md", "x", "plain.txt:1", "keep one"),
    ] {
        let shop = folder();
        shop.write(&format!("p/{file}"), text);
        let said = shop.run(&["apply", "p"]);
        assert_eq!(said.error(), (4, "invalid-json"), "{text}: {said:?}");
        assert!(said.err.contains(at) && said.err.contains(reason), "{text}: {}", said.err);
        assert!(!shop.path().exists() || shop.json(&["prompts"])["prompts"] == json!([]), "{text}");
    }
    let shop = folder();
    shop.write("p/bad.txt", b"a\nb\xff");
    assert!(shop.run(&["apply", "p"]).err.contains("bad.txt:2"));
    assert_eq!(shop.run(&["apply", "nowhere"]).error(), (4, "storage"));
}

#[test]
fn a_check_says_what_is_not_published() {
    let shop = folder();
    let said = shop.run(&["apply", "p", "--check"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.out.ends_with("4 would be created, 0 unchanged\n"), "{}", said.out);
    assert!(said.err.ends_with("publish it with: trialplate apply p\n"), "{}", said.err);
    assert!(!shop.path().exists(), "a check makes no file");
    shop.ok(&["apply", "p"]);
    assert_eq!(shop.ok(&["apply", "p", "--check"]).lines().last(), Some("0 would be created, 4 unchanged"));
    shop.write("p/bad.json", "{");
    assert_eq!(shop.run(&["apply", "p", "--check"]).error(), (4, "invalid-json"));
    assert_eq!(shop.run(&["apply", "p", "--check", "--label", "staging"]).code, 2);
}
