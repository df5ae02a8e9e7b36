//! Gates and verdicts.

use serde_json::Value;

use super::{Style, Table, clipped, each, figure, next, plain, quoted, short, signed, text, time};

/// So much of a sentence stands in a list; `check` prints the whole.
const WHY: usize = 100;

/// pass, FAIL or cannot tell: what stops a release is seen without colours.
fn outcome(outcome: &Value, style: &Style) -> String {
    match outcome.as_str() {
        Some("pass") => style.good("pass"),
        Some("fail") => style.bad("FAIL"),
        _ => style.unsure("CANNOT TELL"),
    }
}

/// A verdict: what it is about, a line per check, the worst items, the reason, and the next command.
pub(crate) fn verdict(v: &Value, style: &Style) -> String {
    let key = &v["key"];
    let baseline = match key["baseline"]["version"].as_u64() {
        Some(version) => format!("version {version}"),
        None => "none".to_owned(),
    };
    let datasets: Vec<String> =
        each(&key["datasets"]).map(|d| format!("{} version {}", text(&d["dataset"]), d["version"])).collect();
    let mut out = format!(
        "gate {}  candidate version {} ({})  baseline {baseline}  dataset {}  gate {}\n",
        style.strong(&format!("{}@{}", text(&key["prompt"]), text(&key["label"]))),
        key["version"],
        short(&key["version_id"]),
        if datasets.is_empty() { "none".to_owned() } else { datasets.join(", ") },
        short(&key["gate"]),
    );
    let heads = [
        "check",
        "metric",
        ">n",
        ">missing",
        ">baseline",
        ">value",
        ">bounds",
        ">threshold",
        "mode",
        "outcome",
    ];
    let mut table = Table::new(style, &heads);
    for check in each(&v["checks"]) {
        let missing = &check["n_missing"];
        table.row([
            text(&check["check"]),
            text(&check["metric"]),
            text(&check["n"]),
            if *missing == 0 { String::new() } else { text(missing) },
            optional(&check["baseline"]),
            figure(&check["value"]),
            bounds(check),
            if check["threshold"].is_null() { String::new() } else { plain(&check["threshold"]) },
            text(&check["mode"]),
            outcome(&check["outcome"], style),
        ]);
    }
    out.push_str(&table.print());
    for check in each(&v["checks"]).filter(|check| check["outcome"] != "pass") {
        out.push_str(&worst(check));
    }
    out.push_str(&format!("{} {}\n", sentence(v), style.faint(&format!("(verdict {})", short(&v["id"])))));
    out + &next_command(v, style)
}

/// The core's sentence, with several reasons on a line each.
fn sentence(v: &Value) -> String {
    let mut sentence = text(&v["sentence"]);
    let reason = |check: &Value| {
        let metric = check["metric"].as_str().map(|metric| format!("({metric})")).unwrap_or_default();
        format!(" {}{metric}: ", text(&check["check"]))
    };
    let reasons: Vec<String> =
        each(&v["checks"]).map(reason).filter(|r| sentence.contains(r.as_str())).collect();
    if reasons.len() > 1 {
        for reason in reasons {
            sentence = sentence.replace(&reason, &format!("\n {reason}"));
        }
    }
    sentence
}

fn optional(value: &Value) -> String {
    if value.is_null() { String::new() } else { figure(value) }
}

pub(crate) fn bounds(check: &Value) -> String {
    match (&check["lower"], &check["upper"]) {
        (Value::Null, Value::Null) => String::new(),
        (low, Value::Null) => format!(">= {}", figure(low)),
        (Value::Null, high) => format!("<= {}", figure(high)),
        // This one compares with the baseline; the others bound the value itself.
        (low, high) if check["check"] == "no_regression" => {
            format!("diff [{}, {}]", signed(low), signed(high))
        }
        (low, high) => format!("[{}, {}]", figure(low), figure(high)),
    }
}

/// The items that a person should look at.
fn worst(check: &Value) -> String {
    let item = |item: &Value| match (&item["baseline"], &item["candidate"]) {
        (Value::Null, Value::Null) => text(&item["key"]),
        (Value::Null, now) => format!("{} {}", text(&item["key"]), plain(now)),
        (was, now) => format!("{} {} -> {}", text(&item["key"]), plain(was), plain(now)),
    };
    let items: Vec<String> = each(&check["items"]).map(item).collect();
    if items.is_empty() {
        String::new()
    } else {
        format!("worst of {}: {}\n", text(&check["check"]), items.join(" | "))
    }
}

fn next_command(v: &Value, style: &Style) -> String {
    let key = &v["key"];
    let (prompt, label) = (quoted(&key["prompt"]), quoted(&key["label"]));
    let (candidate, baseline) = (&key["version"], &key["baseline"]["version"]);
    let run_of =
        |version: &Value| each(&v["evidence"]).find(|e| e["version"] == *version).map(|e| text(&e["run"]));
    if v["moved"].is_object() {
        return format!("{} -> version {} by itself\n", text(&key["label"]), v["moved"]["to"]);
    }
    if let Some(held) = v["held"].as_str() {
        return format!("not moved: {held}\n");
    }
    let passes = v["outcome"] == "pass" || v["allowed"] == true;
    match v["outcome"].as_str() {
        _ if passes => next(style, &format!("promote {prompt} {candidate} --to {label}")),
        _ if run_of(candidate).is_some() && (baseline.is_null() || run_of(baseline).is_some()) => {
            match (run_of(baseline), run_of(candidate)) {
                (Some(a), Some(b)) if a != b => next(style, &format!("compare {a} {b}")),
                (_, Some(run)) => next(style, &format!("rows {run}")),
                _ => String::new(),
            }
        }
        _ => {
            let unproved = [candidate, baseline].into_iter().find(|v| !v.is_null() && run_of(v).is_none());
            match (unproved, key["datasets"].get(0)) {
                (Some(version), Some(d)) => {
                    next(style, &format!("eval {prompt} {version} {} --task COMMAND", quoted(&d["dataset"])))
                }
                _ => String::new(),
            }
        }
    }
}

pub(crate) fn verdicts(v: &Value, style: &Style) -> String {
    let mut table = Table::new(style, &["at", ">version", ">baseline", "outcome", "verdict", "why"]);
    for verdict in each(&v["verdicts"]) {
        table.row([
            time(&verdict["at"]),
            text(&verdict["key"]["version"]),
            text(&verdict["key"]["baseline"]["version"]),
            outcome(&verdict["outcome"], style),
            short(&verdict["id"]),
            clipped(&text(&verdict["sentence"]), WHY),
        ]);
    }
    table.or("verdicts")
}

pub(crate) fn protected(v: &Value, _: &Style) -> String {
    format!("protected by gate {}\n", short(&v["gate"]))
}

pub(crate) fn unprotected(_: &Value, _: &Style) -> String {
    "the gate is off\n".to_owned()
}

pub(crate) fn gate(v: &Value, style: &Style) -> String {
    let mut out = format!("gate {}  dataset {}\n", short(&v["id"]), style.strong(&text(&v["dataset"])));
    if v["inconclusive"] == "allow" {
        out.push_str("what is not shown may pass\n");
    }
    if v["auto"] == true {
        out.push_str("the label moves by itself\n");
    }
    let heads = ["check", "metric", "at least", "at most", "tolerance", "mode", "dataset", "options"];
    let mut table = Table::new(style, &heads);
    for check in each(&v["checks"]) {
        let tolerance = match (check["tolerance"].as_f64(), check["kind"].as_str()) {
            (Some(points), Some("absolute")) => format!("{points} points"),
            (Some(share), _) => format!("{} %", (share * 1e6).round() / 1e4),
            (None, _) => String::new(),
        };
        table.row([
            text(&check["check"]),
            text(&check["metric"]),
            text(&check["at_least"]),
            text(&check["at_most"]),
            tolerance,
            text(&check["mode"]),
            text(&check["dataset"]),
            options(check),
        ]);
    }
    out.push_str(&table.print());
    out
}

/// The options that are not at their defaults, as they are written in a gate.
fn options(check: &Value) -> String {
    const OPTIONS: [&str; 8] = [
        "allow",
        "bound",
        "cluster",
        "max_severe",
        "severe_drop",
        "on_error",
        "max_new_failures",
        "uncalibrated",
    ];
    let given = OPTIONS.iter().filter(|name| !check[**name].is_null());
    given.map(|name| format!("{name}={}", text(&check[*name]))).collect::<Vec<_>>().join(" ")
}
