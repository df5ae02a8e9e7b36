//! A command on every item: what it is given, what is made of what it says, and what a kill leaves.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{Said, Shop, said};

const EXACT: &str = r#"{"kind": "exact"}"#;

/// A version with a variable, and a dataset of so many items.
fn shop(items: usize) -> Shop {
    let shop = Shop::new();
    let publish = ["publish", "x", "--text", "Say {{word}}.", "--model", "m", "--param", "temperature=0.5"];
    shop.ok(&[&publish[..], &["--label", "production"]].concat());
    let item = |i| json!({"key": format!("k{i}"), "input": {"word": format!("w{i}"), "n": i}, "expected": format!("w{i}"), "stratum": "s"});
    let lines: Vec<String> = (0..items).map(|i| item(i).to_string()).collect();
    shop.feed(&["dataset-add", "golden", "-"], &lines.join("\n")).ok();
    shop
}

fn eval(shop: &Shop, task: &str, more: &[&str]) -> Said {
    shop.run(&[&["eval", "x", "1", "golden", "--task", task, "--json"], more].concat())
}

/// The rows of a run by their keys.
fn rows(shop: &Shop, summary: &Value) -> BTreeMap<String, Value> {
    let rows = shop.ok(&["rows", summary["run"]["id"].as_str().unwrap()]);
    let rows = rows.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.map(|row| (row["key"].as_str().unwrap().to_owned(), row)).collect()
}

#[test]
fn the_task_reads_the_item_and_the_prompt() {
    let shop = shop(2);
    let summary = eval(&shop, "cat", &[]).json();
    assert_eq!((&summary["rows"], &summary["errors"]), (&json!(2), &json!(0)));
    assert!(!summary["run"]["finished_at"].is_null());
    let rows = rows(&shop, &summary);
    let given: Value = serde_json::from_str(rows["k1"]["output"].as_str().unwrap()).unwrap();
    let wanted = json!({
        "key": "k1", "input": {"word": "w1", "n": 1}, "expected": "w1", "metadata": null, "stratum": "s", "trial": 1,
        "prompt": "Say w1.", "model": "m", "params": {"temperature": 0.5}, "tools": given["tools"],
        "response_schema": null,
    });
    assert_eq!(given, wanted);
    assert!(rows["k1"]["latency_ms"].as_f64().is_some_and(|ms| ms > 0.0));
}

#[test]
fn a_prompt_that_cannot_be_filled_in_is_null() {
    let shop = shop(1);
    shop.feed(&["dataset-add", "golden", "-"], r#"{"key": "text", "input": "no object"}"#).ok();
    let said = eval(&shop, "cat", &[]);
    assert!(said.err.contains("prompt is null for text") && said.err.contains("`word`"), "{}", said.err);
    let rows = rows(&shop, &said.json());
    assert!(rows["text"]["output"].as_str().unwrap().contains(r#""prompt":null"#));
    assert!(rows["k0"]["output"].as_str().unwrap().contains(r#""prompt":"Say w0.""#));
}

#[test]
fn what_it_prints_is_the_output() {
    for (task, output) in [
        ("printf 'a\\n\\n'", json!("a\n")),
        ("printf 42", json!("42")),
        ("true", json!("")),
        (r#"echo '{"answer": 1}'"#, json!(r#"{"answer": 1}"#)),
        (r#"echo '["output"]'"#, json!(r#"["output"]"#)),
        (r#"echo '{"output": {"a": [1]}}'"#, json!({"a": [1]})),
    ] {
        let shop = shop(1);
        assert_eq!(rows(&shop, &eval(&shop, task, &[]).json())["k0"]["output"], output, "{task}");
    }
    let shop = shop(1);
    let task = r#"echo '{"output": "w0", "scores": {"quality": 4.5, "read": null}, "latency_ms": 12, "cost_usd": 0.5,
        "tokens_in": 3, "tokens_out": 4, "model": "ignored"}'"#;
    let summary = eval(&shop, task, &["--scorer", EXACT, "--scorer", "quality"]).json();
    let row = &rows(&shop, &summary)["k0"];
    assert_eq!(row["scores"], json!({"exact": true, "quality": 4.5, "read": null}));
    assert_eq!((&row["latency_ms"], &row["cost_usd"]), (&json!(12.0), &json!(0.5)));
    assert_eq!((&row["tokens_in"], &row["tokens_out"]), (&json!(3), &json!(4)));
}

#[test]
fn what_goes_wrong_is_data() {
    let shop = shop(4);
    let task = r#"read -r item
        case "$item" in
            *'"key":"k0"'*) echo started >&2; echo 'ValueError: no' >&2; exit 3 ;;
            *'"key":"k1"'*) echo thinking >&2; sleep 30 ;;
            *'"key":"k2"'*) printf '\377' ;;
            *) echo fine ;;
        esac"#;
    let begun = Instant::now();
    let said = eval(&shop, task, &["--timeout", "0.5", "--scorer", EXACT]);
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert!(said.err.contains("k0: exit code 3: ValueError: no"), "{}", said.err);
    let summary = said.json();
    assert_eq!((&summary["rows"], &summary["errors"]), (&json!(4), &json!(3)));
    let rows = rows(&shop, &summary);
    assert_eq!(rows["k0"]["error"], "exit code 3: ValueError: no");
    assert_eq!(rows["k1"]["error"], "no answer within 0.5 s: thinking");
    assert_eq!(rows["k2"]["error"], "what it printed is not UTF-8 text");
    assert_eq!((&rows["k3"]["output"], &rows["k3"]["error"]), (&json!("fine"), &Value::Null));
    assert!(rows["k1"]["latency_ms"].as_f64().is_some_and(|ms| ms >= 500.0));
}

#[test]
fn what_cannot_be_recorded_stops_and_can_be_resumed() {
    let shop = shop(3);
    shop.ok(&["metric", "quality", "--min", "1", "--max", "5"]);
    shop.write(
        "task.sh",
        r#"cat >/dev/null; echo "{\"output\": \"o\", \"scores\": {\"quality\": $(cat score)}}""#,
    );
    shop.write("score", "9");
    let once = ["--concurrency", "1", "--scorer", "quality"];
    let said = eval(&shop, "sh task.sh", &once);
    assert!(said.err.contains("score-out-of-range") && said.err.contains("stopped at k0"), "{said:?}");
    assert_eq!((said.code, said.out.as_str()), (4, ""));
    shop.write("score", "4");
    let summary = eval(&shop, "sh task.sh", &once).json();
    assert_eq!((&summary["rows"], &summary["errors"]), (&json!(3), &json!(0)));
    assert_eq!(shop.json(&["runs"])["runs"].as_array().unwrap().len(), 1, "it is the same run");
}

#[test]
fn no_such_command_is_bad_usage() {
    let shop = shop(3);
    let said = shop.run(&["eval", "x", "1", "golden", "--task", "no-such-command"]);
    assert_eq!(said.error(), (2, "usage"));
    assert!(said.err.contains("no-such-command"), "{}", said.err);
    assert_eq!(shop.json(&["runs"])["runs"][0]["finished_at"], Value::Null, "it proves nothing");
    assert_eq!(shop.run(&["eval", "x", "1", "golden"]).code, 2);
    assert_eq!(shop.run(&["eval", "x", "1", "golden", "--task", "cat", "--concurrency", "0"]).code, 2);
    assert_eq!(shop.run(&["eval", "x", "9", "golden", "--task", "cat"]).error(), (4, "version-not-found"));
    assert_eq!(shop.run(&["eval", "x", "1", "silver", "--task", "cat"]).error(), (4, "dataset-not-found"));
    assert_eq!(
        shop.run(&["eval", "x", "@staging", "golden", "--task", "cat"]).error(),
        (4, "label-not-found")
    );
}

#[test]
fn a_killed_run_goes_on_and_repeats_nothing() {
    let shop = shop(12);
    let task = r#"cat >/dev/null; sleep 0.1; echo called >> calls; echo o"#;
    let args = ["eval", "x", "@production", "golden", "--task", task, "--concurrency", "2"];
    let mut child = shop.command(&args).stderr(std::process::Stdio::null()).spawn().unwrap();
    let recorded = || {
        let runs = shop.json(&["runs"]);
        let id = runs["runs"][0]["id"].as_str().map(str::to_owned);
        id.map_or(0, |id| shop.ok(&["rows", &id]).lines().count())
    };
    let begun = Instant::now();
    while recorded() < 4 {
        assert!(begun.elapsed() < Duration::from_secs(60));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let there = recorded();
    assert!((4..12).contains(&there), "{there}");
    std::thread::sleep(Duration::from_millis(300));
    shop.write("calls", "");
    let said = shop.run(&args);
    assert!(said.err.contains(&format!("resumed: {there} of 12 rows are there already")), "{}", said.err);
    assert!(said.ok().contains("12 of 12 rows, no errors"));
    let calls = std::fs::read_to_string(shop.dir().join("calls")).unwrap();
    assert_eq!(calls.lines().count(), 12 - there);
    assert_eq!(shop.json(&["runs"])["runs"].as_array().unwrap().len(), 1);
}

#[test]
fn two_at_once_share_the_work() {
    let shop = shop(8);
    let args = ["eval", "x", "1", "golden", "--task", "sleep 0.05; echo o", "--concurrency", "2"];
    let mut twin = shop.command(&args).stdout(std::process::Stdio::null()).spawn().unwrap();
    let said = shop.run(&args);
    assert!(twin.wait().unwrap().success());
    assert!(said.ok().contains("8 of 8 rows, no errors"));
}

#[test]
fn once_calls_nothing_twice() {
    let shop = shop(3);
    let task = "echo called >> calls; echo o";
    let calls = || std::fs::read_to_string(shop.dir().join("calls")).unwrap_or_default().lines().count();
    let first = eval(&shop, task, &["--once", "--scorer", EXACT, "--scorer", "quality"]).json();
    assert_eq!(calls(), 3);
    let again = eval(&shop, task, &["--once", "--scorer", EXACT, "--scorer", "quality"]);
    assert!(again.err.contains("nothing is called"));
    assert_eq!((again.json()["run"]["id"].clone(), calls()), (first["run"]["id"].clone(), 3));
    eval(&shop, task, &["--once", "--scorer", "quality", "--scorer", EXACT]).ok();
    assert_eq!(calls(), 3, "the order of the scorers is no difference");
    // Anything else is another run.
    eval(&shop, task, &["--once", "--scorer", EXACT]).ok();
    eval(&shop, task, &["--once", "--scorer", EXACT, "--trials", "2"]).ok();
    assert_eq!(calls(), 3 + 3 + 6);
    shop.feed(&["dataset-add", "golden", "-"], r#"{"key": "more", "input": {"word": "w"}}"#).ok();
    eval(&shop, task, &["--once", "--scorer", EXACT]).ok();
    assert_eq!(calls(), 12 + 4);
    eval(&shop, task, &["--scorer", EXACT]).ok();
    assert_eq!(calls(), 16 + 4, "without --once it runs again");
}

#[test]
fn a_reader_of_stdout_gets_data_only() {
    let shop = shop(2);
    let mut command = shop.command(&["eval", "x", "1", "golden", "--task", "echo noise >&2; exit 1"]);
    command.env("CLICOLOR_FORCE", "1");
    let said = said(command, "");
    assert!(said.err.contains("k0: \x1b[31mexit code 1: noise\x1b[0m"), "{}", said.err);
    assert!(said.err.contains("every row is an error"), "{}", said.err);
    assert!(said.ok().contains("2 of 2 rows, \x1b[31m2 errors"));
}
