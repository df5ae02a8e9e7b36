//! The file, the raw door, the log, and closed pipes.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::Shop;

#[test]
fn verbs_that_cannot_begin_a_store_make_no_file() {
    let shop = Shop::new();
    for args in [
        &["get", "x"][..],
        &["compile", "x"],
        &["prompts"],
        &["versions", "x"],
        &["diff", "x", "1", "2"],
        &["diff", "x", "@a", "@b"],
        &["history", "x", "production"],
        &["events"],
        &["verify"],
        &["backup", "copy.tp"],
        &["space"],
        &["doctor"],
        &["info"],
        &["datasets"],
        &["dataset-schema", "d"],
        &["runs"],
        &["call", "prompts"],
        &["set-label", "x", "production", "1"],
        &["check", "x", "1", "production"],
        &["start-run", "x", "1", "d"],
        &["publish", "x", "--text", "t", "--read-only"],
    ] {
        assert_eq!(shop.run(args).error(), (4, "store-not-found"), "{args:?}");
        assert!(!shop.path().exists(), "{args:?}");
    }
    let mut nowhere = shop.command(&["prompts"]);
    nowhere.env_remove("TRIALPLATE_FILE");
    assert_eq!(crate::said(nowhere, "").error(), (2, "usage"));
}

#[test]
fn a_doctor_looks_at_what_does_not_open() {
    let shop = Shop::new();
    shop.ok(&["publish", "x", "--text", "t", "--label", "production"]);
    assert!(shop.ok(&["doctor", "--deep"]).starts_with("healthy: 2 events"));
    let whole = std::fs::read(shop.path()).unwrap();
    let spoil = |keep: usize, with: u8| {
        let mut bytes = whole.clone();
        bytes[keep..].fill(with);
        std::fs::write(shop.path(), bytes).unwrap();
    };
    spoil(4096, 0xA5);
    let said = shop.run(&["doctor", "--deep", "--salvage", "saved.tp"]);
    assert_eq!((said.code, said.err.as_str()), (4, ""), "{}", said.out);
    assert!(said.out.starts_with("something is wrong\n"), "{}", said.out);
    spoil(0, b'x');
    let said = shop.run(&["doctor", "--json"]);
    let found: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((said.code, &found["findings"][0]["code"]), (4, &json!("not-a-store")));
    std::fs::write(shop.path(), whole).unwrap();
    assert!(shop.ok(&["backup", "copy.tp"]).starts_with("copied and verified copy.tp: 2 events"));
    assert_eq!(shop.run(&["backup", "copy.tp"]).error(), (4, "file-exists"));
    assert!(shop.ok(&["space"]).contains("objects"));
}

#[test]
fn read_only_refuses_and_reads() {
    let shop = Shop::new();
    shop.ok(&["publish", "x", "--text", "t", "--label", "production"]);
    assert_eq!(shop.run(&["publish", "x", "--text", "u", "--read-only"]).error(), (4, "read-only"));
    assert_eq!(shop.ok(&["get", "x", "--read-only"]), "t\n");
    let path = shop.path();
    std::fs::write(shop.dir().join("other.tp"), "this is a text, and not a short one").unwrap();
    assert_eq!(shop.run(&["info", "--file", "other.tp"]).error(), (4, "not-a-store"));
    assert_eq!(shop.ok(&["get", "x", "--file", path.to_str().unwrap()]), "t\n");
}

#[test]
fn errors_are_objects_with_json() {
    let shop = Shop::new();
    shop.ok(&["publish", "x", "--text", "t"]);
    let said = shop.run(&["get", "nope", "--json"]);
    let error: Value = serde_json::from_str(&said.err).unwrap();
    assert_eq!((said.code, said.out.as_str()), (4, ""));
    assert_eq!(error["error"]["code"], "prompt-not-found");
    assert_eq!(error["error"]["kind"], "not-found");
    assert!(error["error"]["message"].as_str().unwrap().contains("nope"));
}

#[test]
fn the_raw_door() {
    let shop = Shop::new();
    let v = shop.run(&["call", "publish", r#"{"name": "x", "prompt": "t"}"#]).json();
    assert_eq!(v["number"], 1);
    let set = shop
        .feed(&["call", "set-label", "-"], r#"{"name": "x", "label": "production", "version": 1}"#)
        .json();
    assert_eq!(set["to"], 1);
    assert_eq!(shop.run(&["call", "get", r#"{"name": "x"}"#]).json()["prompt"], "t");
    assert_eq!(shop.run(&["call", "nope"]).error(), (4, "unknown-verb"));
    assert_eq!(shop.run(&["call", "get", "{"]).error(), (4, "invalid-json"));
    assert_eq!(shop.run(&["call", "get", r#"{"name": "x", "oops": 1}"#]).error(), (4, "invalid-argument"));
}

#[test]
fn the_log_in_lines() {
    let shop = Shop::new();
    shop.ok(&["publish", "x", "--text", "t", "--label", "production"]);
    shop.ok(&["set-label", "x", "staging", "1", "--actor", "grace"]);
    let lines = shop.ok(&["events", "--json"]);
    let events: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.len(), 3);
    assert_eq!(events[2]["actor"], "grace");
    assert_eq!(shop.ok(&["events", "--json", "--after", "1", "--limit", "1"]).lines().count(), 1);
    assert!(shop.ok(&["events"]).contains("label=staging"));
    assert_eq!(shop.json(&["verify"])["ok"], true);
    assert!(shop.ok(&["verify"]).starts_with("every hash and every link holds: 3 events"));
    assert_eq!(shop.json(&["info"])["events"], 3);
    assert_eq!(shop.json(&["otel-attributes", "x"])["gen_ai.prompt.name"], "x");
    assert_eq!(shop.run(&["scorer", r#"{"kind": "exact"}"#, "--json"]).json()["built_in"], json!(true));
}

#[test]
fn what_a_user_wrote_cannot_steer_the_terminal() {
    let shop = Shop::new();
    shop.ok(&["publish", "x", "--text", "t", "-m", "a\x1b[2Jb\nsecond line"]);
    let table = shop.ok(&["versions", "x"]);
    assert!(table.contains("a [2Jb ...") && !table.contains('\x1b'), "{table:?}");
}

#[test]
fn a_closed_pipe_is_no_panic() {
    let shop = Shop::new();
    shop.ok(&["publish", "x", "--text", &"long ".repeat(20_000), "--label", "production"]);
    let mut child =
        shop.command(&["get", "x"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    assert_eq!(output.status.code(), Some(0));
}
