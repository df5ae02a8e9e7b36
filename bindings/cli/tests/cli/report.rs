//! A verdict for those who read no terminal: JUnit XML, GitHub's annotations, summary and outputs.

use serde_json::json;

use crate::{Said, Shop, said};

/// A prompt with an awkward name, two versions, and runs of both: so many items, each with its score.
fn shop(items: usize, checks: &str, score: impl Fn(usize, u32) -> Option<f64>) -> Shop {
    let shop = Shop::new();
    shop.ok(&["publish", "a<b", "--text", "one", "--label", "production"]);
    shop.ok(&["publish", "a<b", "--text", "two"]);
    let keys: Vec<String> = (0..items).map(|i| json!({"key": format!("k|{i}\"&,:%")}).to_string()).collect();
    shop.feed(&["dataset-add", "golden", "-"], &keys.join("\n")).ok();
    shop.ok(&["metric", "quality", "--min", "1", "--max", "5"]);
    let gate = format!("{{\"dataset\": \"golden\", \"checks\": [{checks}]}}");
    shop.ok(&["protect", "a<b", "production", "--gate", &gate]);
    for version in [1, 2] {
        let id = shop.ok(&["start-run", "a<b", &version.to_string(), "golden", "--scorer", "quality"]);
        let row = |i| {
            json!({"key": format!("k|{i}\"&,:%"), "output": "o", "scores": {"quality": score(i, version)}})
                .to_string()
        };
        let rows: Vec<String> = (0..items).map(row).collect();
        shop.feed(&["record-all", id.trim(), "-"], &rows.join("\n")).ok();
        shop.ok(&["finish-run", id.trim()]);
    }
    shop
}

const REGRESSION: &str = r#"{"check": "no_regression", "metric": "quality"}"#;

fn on_github(shop: &Shop, args: &[&str]) -> Said {
    let mut command = shop.command(args);
    command
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_STEP_SUMMARY", "summary.md")
        .env("GITHUB_OUTPUT", "output");
    said(command, "")
}

fn left(shop: &Shop, file: &str) -> String {
    std::fs::read_to_string(shop.dir().join(file)).unwrap_or_default()
}

#[test]
fn a_failed_gate_is_told_everywhere() {
    let shop =
        shop(10, REGRESSION, |i, version| Some(if version == 2 { 2.0 } else { 4.0 + 0.01 * i as f64 }));
    let said = on_github(&shop, &["check", "a<b", "2", "production", "--junit", "r.xml"]);
    assert_eq!(said.code, 1, "{said:?}");
    let lines: Vec<&str> = said.err.lines().collect();
    assert_eq!(lines.len(), 2, "{}", said.err);
    assert!(
        lines[0]
            .starts_with("::error title=no_regression(quality) for a<b version 2 for production::the mean")
    );
    assert!(lines[0].contains("%0Aworst items: k|9\"&,:%25 4.09 -> 2 | "), "{}", lines[0]);
    let whole = "::error title=Gate failed%3A a<b version 2 for production::production stays on version 1. 1 check: 1 fail";
    assert_eq!(lines[1], whole);
    assert!(!said.out.contains("::"), "stdout is data");

    let xml = left(&shop, "r.xml");
    for part in [
        r#"<testsuite name="gate a&lt;b@production" tests="1" failures="1" errors="0""#,
        r#"<testcase classname="a&lt;b@production" name="a&lt;b@production no_regression(quality)""#,
        r#"<failure type="no_regression" message="the mean went from"#,
        "k|9&quot;&amp;,:% 4.09 -&gt; 2",
    ] {
        assert!(xml.contains(part), "{part} is not in\n{xml}");
    }
    let summary = left(&shop, "summary.md");
    assert!(summary.starts_with("### Gate failed: a&lt;b version 2 for production\n"), "{summary}");
    assert!(summary.contains("k\\|9\"&amp;,:% 4.09 -&gt; 2"), "{summary}");
    let id = shop.json(&["verdicts", "a<b", "production"])["verdicts"][0]["id"].clone();
    assert_eq!(left(&shop, "output"), format!("outcome=fail\nverdict={}\n", id.as_str().unwrap()));

    // A second report stands below the first; --github=false is silent, --github needs no runner.
    on_github(&shop, &["check", "a<b", "2", "production"]);
    assert_eq!(left(&shop, "summary.md"), summary.repeat(2));
    assert_eq!(on_github(&shop, &["check", "a<b", "2", "production", "--github=false"]).err, "");
    assert_eq!(left(&shop, "summary.md"), summary.repeat(2));
    assert_eq!(shop.run(&["check", "a<b", "2", "production", "--github"]).err, said.err);
    assert_eq!(shop.run(&["check", "a<b", "2", "production"]).err, "");
}

#[test]
fn promotions_are_reported_by_what_became_of_them() {
    let shop =
        shop(10, REGRESSION, |i, version| Some(if version == 2 { 2.0 } else { 4.0 + 0.01 * i as f64 }));
    let said = on_github(&shop, &["promote", "a<b", "2", "--to", "production", "--junit", "r.xml"]);
    assert_eq!(said.error(), (1, "gate-refused"));
    assert!(
        said.err.contains("::error title=Gate failed") && left(&shop, "r.xml").contains("failures=\"1\"")
    );
    assert!(left(&shop, "output").starts_with("outcome=fail\n"));
    let said = on_github(&shop, &["promote", "a<b", "2", "--to", "production", "--override", "legal: now"]);
    let whole =
        "::production moved from version 1 to version 2, against its gate: legal: now. 1 check: 1 fail";
    assert!(said.err.contains("::warning title=Gate failed") && said.err.contains(whole), "{}", said.err);
    assert!(!said.err.contains("::error"));
    said.ok();
    // A label without a gate has nothing to report.
    shop.ok(&["set-label", "a<b", "staging", "1"]);
    let said = on_github(&shop, &["promote", "a<b", "2", "--to", "staging", "--junit", "none.xml"]);
    assert_eq!((said.code, said.err.as_str(), left(&shop, "none.xml").as_str()), (0, "", ""));
}

#[test]
fn a_passed_gate_is_a_notice() {
    let shop =
        shop(10, REGRESSION, |i, version| Some(if version == 2 { 4.5 } else { 3.0 } + 0.01 * i as f64));
    let said = on_github(&shop, &["promote", "a<b", "2", "--to", "production", "--junit", "r.xml", "--json"]);
    assert_eq!(
        said.err,
        "::notice title=Gate passed%3A a<b version 2 for production::production moved from version 1 to version 2. 1 check: 1 pass\n"
    );
    assert_eq!(said.json()["to"], 2);
    assert!(
        left(&shop, "r.xml").contains("failures=\"0\" errors=\"0\"")
            && left(&shop, "r.xml").contains("<system-out>")
    );
}

#[test]
fn what_cannot_be_told_is_an_error_of_the_test_and_a_warning() {
    let shop = shop(4, REGRESSION, |i, version| (version == 1 || i > 0).then_some(4.0 + 0.1 * i as f64));
    let said = on_github(&shop, &["check", "a<b", "2", "production", "--junit", "r.xml"]);
    assert_eq!(said.code, 3);
    assert!(said.err.lines().all(|line| line.starts_with("::warning ")), "{}", said.err);
    let xml = left(&shop, "r.xml");
    assert!(
        xml.contains("failures=\"0\" errors=\"1\"") && xml.contains("<error type=\"cannot-tell\""),
        "{xml}"
    );
    assert!(left(&shop, "summary.md").contains("| **CANNOT TELL** |"));
}

#[test]
fn annotations_are_ten_at_most() {
    let check = |i| {
        format!(
            "{{\"check\": \"item_floor\", \"metric\": \"quality\", \"at_least\": {}}}",
            3.0 + 0.1 * i as f64
        )
    };
    let checks: Vec<String> = (0..14).map(check).collect();
    let shop = shop(3, &checks.join(", "), |_, _| Some(2.0));
    let said = on_github(&shop, &["check", "a<b", "2", "production", "--junit", "r.xml"]);
    assert_eq!(said.err.lines().count(), 10);
    assert!(said.err.ends_with("14 checks: 14 fail (5 more than annotated here)\n"), "{}", said.err);
    let xml = left(&shop, "r.xml");
    assert!(
        xml.contains("item_floor(quality)\"") && xml.contains("item_floor(quality) #14\""),
        "names are unique"
    );
}

#[test]
fn no_verdict_is_reported_too() {
    let shop = shop(3, REGRESSION, |_, _| Some(2.0));
    let said = on_github(&shop, &["check", "a<b", "9", "production", "--junit", "r.xml"]);
    assert_eq!(said.error(), (4, "version-not-found"));
    assert!(
        said.err.starts_with("::error title=check a<b@production%3A version-not-found::"),
        "{}",
        said.err
    );
    assert!(left(&shop, "r.xml").contains("<error type=\"version-not-found\""));
    assert_eq!(left(&shop, "output"), "");
    // A report that can't be written changes no verdict, and is not passed over.
    let said = shop.run(&["check", "a<b", "2", "production", "--junit", "no/such/folder/r.xml"]);
    assert_eq!(said.error(), (4, "storage"));
    assert!(
        said.err.contains("no/such/folder/r.xml") && said.out.contains("gate a<b@production"),
        "{said:?}"
    );
}

#[test]
fn a_summary_that_is_full_takes_no_more() {
    let shop = shop(3, REGRESSION, |_, _| Some(2.0));
    shop.write("summary.md", "x".repeat((1 << 20) - 100));
    on_github(&shop, &["check", "a<b", "2", "production"]);
    assert!(left(&shop, "summary.md").len() < 1 << 20);
}
