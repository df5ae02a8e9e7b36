//! JUnit XML. There is no official schema; this is what testmoapp/junitxml collects. GitLab shows neither the suite's
//! name nor properties, so a case's name and its failure's text say everything.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

use super::{Told, words};
use crate::print::verdict::bounds;
use crate::print::{each, figure, plain, text};

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// A suite for the gate, a case for each of its checks.
pub(super) fn verdict(told: &Told<'_>) -> String {
    let v = told.verdict;
    let place = format!("{}@{}", text(&v["key"]["prompt"]), text(&v["key"]["label"]));
    let many = |outcome: &str| each(&v["checks"]).filter(|check| check["outcome"] == outcome).count();
    let counts = format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"0\" time=\"0\"",
        each(&v["checks"]).count(),
        many("fail"),
        many("cannot-tell"),
    );
    let at = v["at"].as_str().and_then(|at| at.get(..19)).unwrap_or_default();
    let mut out = format!(
        "{HEAD}<testsuites name=\"trialplate\" {counts}>\n  <testsuite name=\"{}\" {counts} timestamp=\"{}\">\n    <properties>\n",
        escaped(&format!("gate {place}")),
        escaped(at),
    );
    let key = &v["key"];
    for (name, value) in [
        ("outcome", &v["outcome"]),
        ("verdict", &v["id"]),
        ("gate", &key["gate"]),
        ("version", &key["version"]),
        ("version_id", &key["version_id"]),
        ("baseline", &key["baseline"]["version"]),
    ] {
        let _ = writeln!(out, "      <property name=\"{name}\" value=\"{}\"/>", escaped(&text(value)));
    }
    out.push_str("    </properties>\n");
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for check in each(&v["checks"]) {
        let mut name = format!("{place} {}", words::check(check));
        let again = seen.entry(name.clone()).or_default();
        *again += 1;
        if *again > 1 {
            let _ = write!(name, " #{again}");
        }
        out.push_str(&case(told, check, &name, &place));
    }
    out + "  </testsuite>\n</testsuites>\n"
}

fn case(told: &Told<'_>, check: &Value, name: &str, place: &str) -> String {
    let sentence = text(&check["sentence"]);
    let element = match check["outcome"].as_str() {
        Some("pass") => format!("      <system-out>{}</system-out>\n", escaped(&sentence)),
        outcome => {
            let (element, kind) = match outcome {
                Some("fail") => ("failure", text(&check["check"])),
                _ => ("error", "cannot-tell".to_owned()),
            };
            format!(
                "      <{element} type=\"{}\" message=\"{}\">{}</{element}>\n",
                escaped(&kind),
                escaped(&sentence),
                escaped(&evidence(told, check, &sentence)).replace("&#10;", "\n")
            )
        }
    };
    let (class, name) = (escaped(place), escaped(name));
    format!("    <testcase classname=\"{class}\" name=\"{name}\" time=\"0\">\n{element}    </testcase>\n")
}

/// All that a reader needs who sees nothing else.
fn evidence(told: &Told<'_>, check: &Value, sentence: &str) -> String {
    let mut out = format!(
        "{}\n{sentence}\n{}: {}\n",
        words::headline(told.verdict),
        words::check(check),
        words::scene(told.verdict)
    );
    let figures = [
        ("items", text(&check["n"])),
        ("items without a score", text(&check["n_missing"])),
        ("baseline", figure(&check["baseline"])),
        ("candidate", figure(&check["value"])),
        ("bounds", bounds(check)),
        ("threshold", if check["threshold"].is_null() { String::new() } else { plain(&check["threshold"]) }),
    ];
    for (name, figure) in figures.iter().filter(|(_, figure)| !matches!(figure.as_str(), "" | "-")) {
        let _ = writeln!(out, "{name}: {figure}");
    }
    let items = words::items(check);
    if !items.is_empty() {
        let _ = writeln!(out, "worst items:\n  {}", items.join("\n  "));
    }
    let _ = write!(out, "{}\nverdict: {}", words::effect(told), text(&told.verdict["id"]));
    out
}

/// A suite with one error: there is no verdict.
pub(super) fn failure(subject: &str, code: &str, message: &str) -> String {
    let (subject, code, message) = (escaped(subject), escaped(code), escaped(message));
    let counts = "tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\" time=\"0\"";
    format!(
        "{HEAD}<testsuites name=\"trialplate\" {counts}>\n  <testsuite name=\"{subject}\" {counts}>\n    <testcase classname=\"trialplate\" name=\"{subject}\" time=\"0\">\n      <error type=\"{code}\" message=\"{message}\">{message}</error>\n    </testcase>\n  </testsuite>\n</testsuites>\n"
    )
}

/// Text for an element or an attribute. What XML 1.0 can't hold at all becomes U+FFFD.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            '\r' => out.push_str("&#13;"),
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xml_holds_any_text() {
        assert_eq!(
            escaped("<a b=\"c\">&'\n\u{1}\u{ffff}ü🎈"),
            "&lt;a b=&quot;c&quot;&gt;&amp;'&#10;\u{fffd}\u{fffd}ü🎈"
        );
    }
}
