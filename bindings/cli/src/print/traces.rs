//! Production traces, their scores and summaries.

use serde_json::Value;

use super::{Style, Table, count, each, figure, members, next, plain, quoted, text, time};

/// The trace's id alone: what a script catches.
pub(crate) fn logged(v: &Value, _: &Style) -> String {
    format!("{}\n", text(&v["trace_id"]))
}

/// The traces' ids, one a line.
pub(crate) fn ids(ids: &Value) -> String {
    each(ids).map(|id| format!("{}\n", text(id))).collect()
}

pub(crate) fn pruned(v: &Value, _: &Style) -> String {
    let traces = count(&v["traces"], "trace", "traces");
    let mut out = format!("{traces} and {} went\n", count(&v["scores"], "score", "scores"));
    for (experiment, n) in members(&v["kept"]) {
        let kept = count(n, "trace", "traces");
        out.push_str(&format!("{kept} stayed: {} has no conclusion yet\n", super::one_line(experiment)));
    }
    out
}

pub(crate) fn summaries(v: &Value, style: &Style) -> String {
    each(&v["summaries"]).map(|one| summary(one, style)).collect::<Vec<_>>().join("\n")
}

pub(crate) fn scored(_: &Value, _: &Style) -> String {
    "scored\n".to_owned()
}

pub(crate) fn flushed(_: &Value, _: &Style) -> String {
    "everything is on disk\n".to_owned()
}

/// One line for each figure.
pub(crate) fn recorder(v: &Value, style: &Style) -> String {
    let names = ["waiting", "waiting_bytes", "recorded", "dropped", "failed", "commits"];
    names.iter().map(|name| format!("{} {}\n", style.faint(name), plain(&v[*name]))).collect()
}

/// Everything that is known of a trace.
pub(crate) fn trace(v: &Value, style: &Style) -> String {
    let mut out = format!(
        "{} version {} {}\n{} {}\n",
        style.strong(&text(&v["prompt"])),
        v["version"],
        style.faint(&text(&v["trace_id"])),
        style.faint("at"),
        time(&v["at"]),
    );
    let texts = ["input", "output", "error", "user", "experiment", "variant", "stratum", "metadata"];
    let figures = ["latency_ms", "cost_usd", "tokens_in", "tokens_out"];
    for name in texts.into_iter().chain(figures).filter(|name| !v[*name].is_null()) {
        let value = if v[name].is_number() { plain(&v[name]) } else { text(&v[name]) };
        let value = if name == "error" { style.bad(&value) } else { value };
        out.push_str(&format!("{} {value}\n", style.faint(name)));
    }
    let mut table = Table::new(style, &["metric", ">value", "source", "judge", "comment", "at"]);
    for score in each(&v["scores"]) {
        table.row([
            text(&score["metric"]),
            value(&score["value"]),
            text(&score["source"]),
            text(&score["judge"]),
            text(&score["comment"]),
            time(&score["at"]),
        ]);
    }
    if v["scores"] != Value::Array(Vec::new()) {
        out.push_str(&table.print());
    }
    out
}

fn value(score: &Value) -> String {
    match score {
        Value::Null => "missing".to_owned(),
        Value::Number(_) => plain(score),
        other => text(other),
    }
}

pub(crate) fn traces(v: &Value, style: &Style) -> String {
    let heads = [
        "trace",
        "at",
        "prompt",
        ">version",
        "user",
        "variant",
        ">latency_ms",
        ">cost_usd",
        "scores",
        "error",
    ];
    let mut table = Table::new(style, &heads);
    let known = |figure: &Value| if figure.is_null() { String::new() } else { plain(figure) };
    for trace in each(&v["traces"]) {
        // What stands last of a metric and a source is what counts.
        let scores: Vec<&Value> = each(&trace["scores"]).collect();
        let counts = scores.iter().enumerate().filter(|(i, score)| {
            scores.get(i + 1).is_none_or(|later| {
                (&later["metric"], &later["source"]) != (&score["metric"], &score["source"])
            })
        });
        let counts: Vec<String> =
            counts.map(|(_, s)| format!("{}={}", text(&s["metric"]), value(&s["value"]))).collect();
        table.row([
            text(&trace["trace_id"]),
            time(&trace["at"]),
            text(&trace["prompt"]),
            text(&trace["version"]),
            text(&trace["user"]),
            text(&trace["variant"]),
            known(&trace["latency_ms"]),
            known(&trace["cost_usd"]),
            super::clipped(&counts.join(" "), 48),
            style.bad(&super::clipped(&text(&trace["error"]), 48)),
        ]);
    }
    let out = table.or("traces");
    match &v["next"] {
        Value::Null => out,
        cursor => out + &next(style, &format!("traces --cursor {} (with the same flags)", quoted(cursor))),
    }
}

/// Of a run, or of a metric in production.
pub(crate) fn summary(v: &Value, style: &Style) -> String {
    if !v["run"].is_null() {
        return super::runs::summary(v, style);
    }
    let mut out = format!("{} of {}", style.strong(&text(&v["metric"])), style.strong(&text(&v["prompt"])));
    // One name, or a list of several.
    let several = v["by"].as_array();
    let by: Vec<String> = several.map_or_else(|| vec![text(&v["by"])], |by| by.iter().map(text).collect());
    for (what, name) in [("by", by.join(" and ")), ("scored by", text(&v["source"]))] {
        if !name.is_empty() {
            out.push_str(&format!(", {what} {name}"));
        }
    }
    out.push('\n');
    let names = several.map_or_else(|| vec!["group"], |by| by.iter().map(grouping).collect());
    let heads = [
        ">traces",
        ">n",
        ">missing",
        ">mean",
        "95% interval",
        ">sd",
        ">min",
        ">p10",
        ">p50",
        ">p90",
        ">max",
        "spread",
    ];
    let mut table = Table::new(style, &[&names[..], &heads].concat());
    let named = |group: &Value| if group.is_null() { "(none)".to_owned() } else { text(group) };
    for group in each(&v["groups"]) {
        let cells = match &group["group"] {
            Value::Array(names) => names.iter().map(named).collect(),
            one => vec![named(one)],
        };
        table.row(cells.into_iter().chain(figures(group)));
    }
    let mut all = vec![String::new(); names.len()];
    if !v["by"].is_null() {
        all[0].push_str("all");
    }
    table.row(all.into_iter().chain(figures(v)));
    out.push_str(&table.print());
    for (category, n) in members(&v["categories"]) {
        out.push_str(&format!("{} {n}\n", super::one_line(category)));
    }
    let spread = &v["histogram"];
    if !spread.is_null() {
        let range = if spread["declared"] == true { "declared" } else { "observed" };
        let ends = [plain(&spread["low"]), plain(&spread["high"])].join(" to ");
        out.push_str(&style.faint(&format!("spread: 20 bins over the {range} range, {ends}\n")));
    }
    let (traces, with) = (v["traces"].as_u64().unwrap_or_default(), v["n"].as_u64().unwrap_or_default());
    let unscored = traces.saturating_sub(with + v["missing"].as_u64().unwrap_or_default());
    if unscored > 0 {
        out.push_str(&format!("{} never scored\n", count(&unscored.into(), "trace was", "traces were")));
    }
    out
}

/// The heading above the names by one of several groupings.
fn grouping(by: &Value) -> &'static str {
    let known = ["version", "day", "label", "variant", "stratum", "source"];
    known.into_iter().find(|name| by == name).unwrap_or("group")
}

fn figures(v: &Value) -> Vec<String> {
    let missing = if v["missing"] == 0 { String::new() } else { text(&v["missing"]) };
    let interval = match v["ci_low"].is_null() {
        true => String::new(),
        false => format!("{} to {}", figure(&v["ci_low"]), figure(&v["ci_high"])),
    };
    let [mean, sd, min, p10, p50, p90, max] =
        ["mean", "sd", "min", "p10", "p50", "p90", "max"].map(|name| figure(&v[name]));
    let spread = bars(&v["histogram"]["counts"]);
    let counts = [text(&v["traces"]), text(&v["n"]), missing];
    counts.into_iter().chain([mean, interval, sd, min, p10, p50, p90, max, spread]).collect()
}

/// A histogram in one line of characters.
fn bars(counts: &Value) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let counts: Vec<u64> = each(counts).filter_map(Value::as_u64).collect();
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let bar = |n: &u64| match n {
        0 => ' ',
        n => BARS[((n * 8).div_ceil(most) as usize - 1).min(7)],
    };
    counts.iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bars_are_as_high_as_their_counts() {
        assert_eq!(bars(&json!([0, 1, 4, 8])), " ▁▄█");
        assert_eq!(bars(&json!([0, 1000, 1])), " █▁");
        assert_eq!(bars(&json!(null)), "");
    }
}
