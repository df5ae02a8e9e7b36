//! Runs, rows and summaries.

use serde_json::{Value, json};

use super::{Style, Table, count, each, figure, listed, members, next, quoted, short, text, time};

/// The run's id alone: what a script catches.
pub(crate) fn started(v: &Value, _: &Style) -> String {
    format!("{}\n", text(&v["id"]))
}

/// `extraction version 8 on golden version 5`.
pub(crate) fn subject(run: &Value) -> String {
    format!(
        "{} version {} on {} version {}",
        text(&run["prompt"]),
        run["version"],
        text(&run["dataset"]),
        run["dataset_version"]
    )
}

pub(crate) fn run(v: &Value, style: &Style) -> String {
    let mut out = format!("{} {}", style.strong(&subject(v)), style.faint(&text(&v["id"])));
    if !v["name"].is_null() {
        out.push_str(&format!("  {}", text(&v["name"])));
    }
    let trials = if v["trials"] == 1 { String::new() } else { format!(" x {} trials", v["trials"]) };
    out.push_str(&format!(
        "\n{}{trials}, started {}",
        count(&v["items"], "item", "items"),
        time(&v["started_at"])
    ));
    match &v["finished_at"] {
        Value::Null => out.push_str(", not finished\n"),
        at => out.push_str(&format!(", finished {} with {}\n", time(at), count(&v["rows"], "row", "rows"))),
    }
    for step in each(&v["moves"]) {
        let from =
            if step["from"].is_null() { "nowhere".to_owned() } else { format!("version {}", step["from"]) };
        let label = style.strong(&text(&step["label"]));
        out.push_str(&format!("{label} moved by itself: from {from} to version {}\n", step["to"]));
    }
    if let Some(reason) = v["withdrawn"]["reason"].as_str() {
        let (at, why) = (time(&v["withdrawn"]["at"]), super::one_line(reason));
        out.push_str(&style.bad(&format!("withdrawn {at}: {why}\n")));
    }
    for scorer in each(&v["scorers"]) {
        out.push_str(&format!("scorer {} {}\n", text(&scorer["name"]), style.faint(&short(&scorer["id"]))));
    }
    out
}

pub(crate) fn runs(v: &Value, style: &Style) -> String {
    let heads = ["run", "name", "prompt", ">version", "dataset", ">items", "scorers", "started", "state"];
    let mut table = Table::new(style, &heads);
    for run in each(&v["runs"]) {
        let names: Vec<Value> = each(&run["scorers"]).map(|s| s["name"].clone()).collect();
        let state = match &run["finished_at"] {
            Value::Null => style.unsure("open"),
            _ if !run["withdrawn"].is_null() => style.bad("withdrawn"),
            _ => count(&run["rows"], "row", "rows"),
        };
        table.row([
            text(&run["id"]),
            text(&run["name"]),
            text(&run["prompt"]),
            text(&run["version"]),
            format!("{}:{}", text(&run["dataset"]), run["dataset_version"]),
            text(&run["items"]),
            listed(&json!(names)),
            time(&run["started_at"]),
            state,
        ]);
    }
    table.or("runs")
}

pub(crate) fn recorded(v: &Value, style: &Style) -> String {
    let score = |(metric, score): (&String, &Value)| match score {
        Value::Null => format!("{metric} missing"),
        score => format!("{metric} {}", text(score)),
    };
    let scores: Vec<String> = members(&v["scores"]).map(score).collect();
    let error = v["error"]
        .as_str()
        .map(|e| style.bad(&format!(" error: {}", super::one_line(e))))
        .unwrap_or_default();
    format!("{} trial {}{error} {}", text(&v["key"]), v["trial"], scores.join(", ")).trim_end().to_owned()
        + "\n"
}

pub(crate) fn recorded_all(v: &Value, _: &Style) -> String {
    format!("{} recorded\n", count(&v["rows"], "row", "rows"))
}

/// A run at a glance.
pub(crate) fn summary(v: &Value, style: &Style) -> String {
    let mut out = run(&v["run"], style);
    let heads = ["metric", ">n", ">missing", ">mean", ">sd", ">se", ">min", ">p10", ">p50", ">p90", ">max"];
    let mut table = Table::new(style, &heads);
    let figures = [("latency_ms", &v["latency_ms"]), ("cost_usd", &v["cost_usd"])];
    let figures = figures.into_iter().filter(|(_, m)| m["n"].as_u64().is_some_and(|n| n > 0));
    let metrics = members(&v["metrics"]).map(|(name, m)| (name.as_str(), m));
    for (name, m) in metrics.chain(figures) {
        let missing = if m["n_missing"] == 0 { String::new() } else { text(&m["n_missing"]) };
        let quantiles = ["mean", "sd", "se", "min", "p10", "p50", "p90", "max"].map(|q| figure(&m[q]));
        table.row([name.to_owned(), text(&m["n"]), missing].into_iter().chain(quantiles));
    }
    if v["rows"] != 0 {
        out.push_str(&table.print());
    }
    let errors = match v["errors"].as_u64() {
        Some(0) | None => "no errors".to_owned(),
        _ => style.bad(&count(&v["errors"], "error", "errors")),
    };
    out.push_str(&format!("{} of {} rows, {errors}", v["rows"], v["rows_expected"]));
    if v["cost_usd_total"].as_f64().is_some_and(|usd| usd > 0.0) {
        out.push_str(&format!(", ${} in all", figure(&v["cost_usd_total"])));
    }
    if v["tokens_in_total"] != 0 || v["tokens_out_total"] != 0 {
        out.push_str(&format!(", tokens {} in, {} out", v["tokens_in_total"], v["tokens_out_total"]));
    }
    out.push('\n');
    let id = quoted(&v["run"]["id"]);
    match (&v["run"]["finished_at"], v["rows"] == v["rows_expected"]) {
        (Value::Null, true) => out + &next(style, &format!("finish-run {id}")),
        (Value::Null, false) => out + &next(style, &format!("pending {id}")),
        _ => out,
    }
}
