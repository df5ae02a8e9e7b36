//! What all reports say in the same words.

use serde_json::Value;

use super::Told;
use crate::print::{each, plain, text};

/// `dates version 3 for production`.
pub(super) fn subject(verdict: &Value) -> String {
    let key = &verdict["key"];
    format!("{} version {} for {}", text(&key["prompt"]), key["version"], text(&key["label"]))
}

pub(super) fn headline(verdict: &Value) -> String {
    let says = match verdict["outcome"].as_str() {
        Some("pass") => "Gate passed",
        Some("fail") => "Gate failed",
        _ => "Gate cannot tell",
    };
    format!("{says}: {}", subject(verdict))
}

/// Where the label is now.
pub(super) fn effect(told: &Told<'_>) -> String {
    let (key, moved) = (&told.verdict["key"], told.moved);
    let label = text(&key["label"]);
    if !moved.is_null() {
        let from = moved["from"].as_u64().map(|from| format!(" from version {from}")).unwrap_or_default();
        let against = match moved["override"].as_bool() {
            Some(true) => format!(", against its gate: {}", text(&moved["reason"])),
            _ => String::new(),
        };
        return format!("{label} moved{from} to version {}{against}.", moved["to"]);
    }
    match key["baseline"]["version"].as_u64() {
        Some(version) if told.verdict["outcome"] == "pass" => {
            format!("{label} is on version {version} until this one is promoted.")
        }
        Some(version) => format!("{label} stays on version {version}."),
        None => format!("{label} points to no version yet."),
    }
}

/// What was compared with what.
pub(super) fn scene(verdict: &Value) -> String {
    let key = &verdict["key"];
    let baseline = match key["baseline"]["version"].as_u64() {
        Some(version) => format!("version {version}"),
        None => "no baseline".to_owned(),
    };
    let datasets =
        each(&key["datasets"]).map(|d| format!("{} version {}", text(&d["dataset"]), d["version"]));
    let datasets: Vec<String> = datasets.collect();
    let on = if datasets.is_empty() { "no dataset".to_owned() } else { datasets.join(", ") };
    format!("version {} against {baseline} on {on}", key["version"])
}

/// `no_regression(quality)`.
pub(super) fn check(check: &Value) -> String {
    let metric = check["metric"].as_str().map(|metric| format!("({metric})")).unwrap_or_default();
    format!("{}{metric}", text(&check["check"]))
}

/// The checks: those that fail, those that cannot tell, those that pass.
pub(super) fn worst_first(verdict: &Value) -> Vec<&Value> {
    let mut checks: Vec<&Value> = each(&verdict["checks"]).collect();
    checks.sort_by_key(|check| match check["outcome"].as_str() {
        Some("fail") => 0,
        Some("pass") => 2,
        _ => 1,
    });
    checks
}

/// How many checks say what.
pub(super) fn tally(verdict: &Value) -> String {
    let many = |outcome: &str| each(&verdict["checks"]).filter(|check| check["outcome"] == outcome).count();
    let all = each(&verdict["checks"]).count();
    let counts = [("fail", many("fail")), ("cannot tell", many("cannot-tell")), ("pass", many("pass"))];
    let counts: Vec<String> =
        counts.iter().filter(|(_, n)| *n > 0).map(|(says, n)| format!("{n} {says}")).collect();
    format!("{all} {}: {}", if all == 1 { "check" } else { "checks" }, counts.join(", "))
}

/// `k7 4.07 -> 1`, of each of the worst items.
pub(super) fn items(check: &Value) -> Vec<String> {
    let item = |item: &Value| match (&item["baseline"], &item["candidate"]) {
        (Value::Null, Value::Null) => text(&item["key"]),
        (Value::Null, now) => format!("{} {}", text(&item["key"]), plain(now)),
        (was, now) => format!("{} {} -> {}", text(&item["key"]), plain(was), plain(now)),
    };
    each(&check["items"]).map(item).collect()
}
