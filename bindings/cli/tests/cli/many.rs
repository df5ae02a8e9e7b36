//! Many calls and scores from JSON lines, and their summaries.

use super::Shop;

fn shop() -> Shop {
    let shop = Shop::new();
    shop.ok(&["publish", "p", "--text", "t"]);
    shop
}

#[test]
fn the_line_that_is_wrong_is_named() {
    let shop = shop();
    let call = |id: &str| format!(r#"{{"prompt": "p", "version": 1, "trace_id": "{id}"}}"#);
    // Empty lines are lines.
    shop.write("calls.jsonl", [&call("a"), "", "  ", &call("b"), &call("a"), &call("c")].join("\n"));
    let said = shop.run(&["log-many", "calls.jsonl"]);
    assert_eq!(said.error(), (4, "trace-exists"));
    let place = "(calls.jsonl, line 5; of lines 1 to 6 nothing was written; lines before them are)";
    assert!(said.err.trim_end().ends_with(place), "{}", said.err);
    assert!(!said.err.contains("in=`calls"), "{}", said.err);

    // A batch has ten thousand lines, and those before it are there.
    let lines: Vec<String> =
        (0..10_005).map(|i| call(&format!("t{i}"))).chain([call("t7"), call("new")]).collect();
    let said = shop.feed(&["log-many"], &lines.join("\n"));
    assert_eq!(said.error(), (4, "trace-exists"));
    assert!(
        said.err.contains("(stdin, line 10006; of lines 10001 to 10007 nothing was written;"),
        "{}",
        said.err
    );
    assert_eq!(said.out.lines().count(), 10_000);

    let score = |id: &str| format!(r#"{{"trace_id": "{id}", "metric": "q", "value": 1}}"#);
    let said = shop.feed(&["score-many"], &[score("t1"), score("none")].join("\n"));
    assert_eq!(said.error(), (4, "trace-not-found"));
    assert!(said.err.contains("(stdin, line 2; of lines 1 to 2 nothing was written;"), "{}", said.err);
    let said = shop.feed(&["score-many"], &[score("t1"), r#"{"trace_id": "t1"}"#.to_owned()].join("\n"));
    assert!(said.err.contains("(stdin, line 2; "), "{}", said.err);
    assert_eq!(shop.feed(&["score-many"], &[score("t1"), score("t2")].join("\n")).ok(), "2 scores\n");
}

#[test]
fn a_summary_by_several_things() {
    let shop = shop();
    for (id, at, variant) in [("a", "2026-11-20", "x"), ("b", "2026-11-21", "x"), ("c", "2026-11-21", "y")] {
        let at = format!("{at}T10:00:00Z");
        shop.ok(&["log", "p", "1", "--trace-id", id, "--at", &at, "--variant", variant, "--latency-ms", "5"]);
    }
    let table = shop.ok(&["summary", "p", "latency_ms", "--by", "day,variant"]);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines[0], "latency_ms of p, by day and variant");
    assert!(lines[1].starts_with("day         variant  traces"), "{table}");
    assert!(lines[2].starts_with("2026-11-20  x "), "{table}");
    assert!(lines[4].starts_with("2026-11-21  y "), "{table}");
    assert!(lines[5].starts_with("all "), "{table}");
    let repeated = shop.json(&["summary", "p", "latency_ms", "--by", "day", "--by", "variant"]);
    assert_eq!(repeated, shop.json(&["summary", "p", "latency_ms", "--by", "day,variant"]));
    assert_eq!(repeated["by"], serde_json::json!(["day", "variant"]));
    let one = shop.json(&["summary", "p", "latency_ms", "--by", "variant"]);
    assert_eq!((&one["by"], &one["groups"][0]["group"]), (&"variant".into(), &"x".into()));
    assert!(shop.ok(&["summary", "p", "latency_ms", "--by", "variant"]).contains("\ngroup  "));
    assert_eq!(shop.run(&["summary", "p", "latency_ms", "--by", "day,day"]).error(), (4, "invalid-argument"));
    assert_eq!(shop.run(&["summary", "p", "latency_ms", "--by", "day,"]).error(), (4, "invalid-argument"));
}

#[test]
fn the_keys_of_a_dataset() {
    let shop = shop();
    let items = ["c", "a", "b"].map(|key| format!(r#"{{"key": "{key}", "input": 1}}"#)).join("\n");
    shop.feed(&["dataset-add", "golden", "-"], &items).ok();
    assert_eq!(shop.ok(&["dataset-keys", "golden"]), "a\nb\nc\n");
    assert_eq!(shop.ok(&["dataset-keys", "golden", "--after", "a", "--limit", "1"]), "b\n");
    assert_eq!(shop.json(&["dataset-keys", "golden", "--limit", "2"])["keys"], serde_json::json!(["a", "b"]));
    assert_eq!(shop.ok(&["dataset-items", "golden", "--after", "b"]).lines().count(), 1);
}

#[test]
fn finishing_says_what_moved() {
    let shop = shop();
    shop.feed(&["dataset-add", "golden", "-"], r#"{"key": "a", "input": 1}"#).ok();
    let gate = r#"{"dataset": "golden", "checks": [{"check": "item_floor", "metric": "q", "at_least": 3}]}"#;
    shop.ok(&["protect", "p", "production", "--auto", "--gate", gate]);
    let run = shop.ok(&["start-run", "p", "1", "golden"]);
    shop.ok(&["record", run.trim(), "a", "--score", "q=4"]);
    let said = shop.ok(&["finish-run", run.trim()]);
    assert!(said.contains("\nproduction moved by itself: from nowhere to version 1\n"), "{said}");
    assert!(!shop.ok(&["run", run.trim()]).contains("moved"));
}
