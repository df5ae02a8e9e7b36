//! Canaries as cron calls them: the task, the exit codes, what a person reads.
#![cfg(unix)]

use serde_json::{Value, json};

use crate::{Said, Shop};

/// Says the score that stands in a file.
const TASK: &str = r#"cat > /dev/null; printf '{"output": "x", "scores": {"quality": %s}}' "$(cat score)""#;

fn shop() -> Shop {
    let shop = Shop::new();
    shop.ok(&["publish", "p", "--text", "Answer: {{q}}", "--label", "production"]);
    let items: Vec<String> =
        (10..30).map(|i| json!({"key": format!("q{i}"), "input": {"q": i}}).to_string()).collect();
    shop.feed(&["dataset-add", "daily", "-"], &items.join("\n")).ok();
    shop.ok(&["metric", "quality", "--min", "0", "--max", "100"]);
    let plan = ["--prompt", "p", "--dataset", "daily", "--metric", "quality", "--baseline", "10"];
    shop.ok(&[&["canary", "c"], &plan[..]].concat());
    shop
}

fn run(shop: &Shop, score: &str) -> Said {
    std::fs::write(shop.dir().join("score"), score).unwrap();
    shop.run(&["canary-run", "c", "--task", TASK, "--scorer", "quality", "--json"])
}

fn state(said: &Said) -> (i32, String) {
    let status: Value = serde_json::from_str(&said.out).unwrap();
    (said.code, status["state"].as_str().unwrap().to_owned())
}

#[test]
fn every_state_has_its_exit_code() {
    let shop = shop();
    for i in 0..12 {
        let expected = if i < 10 { "baseline" } else { "quiet" };
        let said = run(&shop, &format!("{}", 80 + i % 3));
        assert_eq!(state(&said), (0, expected.to_owned()), "{i}: {said:?}");
    }
    assert_eq!(state(&run(&shop, "null")), (3, "cannot-tell".to_owned()));
    assert_eq!(shop.run(&["canary-status", "c"]).code, 3);
    let rang = (0..6).any(|_| state(&run(&shop, "50")) == (1, "alarm".to_owned()));
    assert!(rang);
    let said = shop.run(&["canary-status", "c"]);
    assert_eq!(said.code, 1);
    assert!(said.out.starts_with("c alarm ("), "{said:?}");
    assert!(said.out.contains("The model's answers changed around") && !said.out.contains("**"), "{said:?}");
    assert!(said.out.contains("canary-confirm c --reason"), "{said:?}");
    // As the raw door says it.
    assert_eq!(shop.run(&["call", "canary_status", r#"{"name": "c"}"#]).code, 1);
    assert!(shop.ok(&["canaries"]).contains("alarm"));
    // An answer is no check: it went well.
    let said = shop.ok(&["canary-confirm", "c", "--reason", "a new snapshot"]);
    assert!(said.contains("Baseline: 0 of 10 runs."), "{said}");
    let history = shop.ok(&["canary-history", "c"]);
    assert!(history.contains("not readable") && history.contains("a new snapshot"), "{history}");
    assert_eq!(shop.run(&["canary-dismiss", "c", "--reason", "x"]).error(), (4, "no-alarm"));
    assert_eq!(shop.run(&["canary-run", "nope", "--task", TASK]).error(), (4, "canary-not-found"));
    assert_eq!(shop.run(&["canary-run", "c"]).code, 2);
    assert_eq!(shop.run(&["canary-status", "c", "--read-only"]).code, 0);
}

#[test]
fn a_task_that_fails_is_cannot_tell_and_one_that_is_none_records_nothing() {
    let shop = shop();
    let said = shop.run(&["canary-run", "c", "--task", "exit 1", "--json"]);
    assert_eq!(state(&said), (3, "cannot-tell".to_owned()));
    assert_eq!(shop.run(&["canary-run", "c", "--task", "no-such-command-here"]).code, 2);
    assert_eq!(shop.ok(&["canary-history", "c", "--json"]).matches("\"number\"").count(), 1);
}

#[test]
fn a_canary_is_shown_by_its_name() {
    let shop = shop();
    let said = shop.ok(&["canary", "c"]);
    assert!(said.contains("c p version 1 on daily version 1 (20 items)"), "{said}");
    assert!(said.contains("quality (0 to 100)"), "{said}");
    assert!(shop.ok(&["canary-history", "c"]).contains("no runs"));
}
