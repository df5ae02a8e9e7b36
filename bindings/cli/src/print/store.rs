//! The log, the check of everything, and plain facts.

use serde_json::Value;

use super::{Style, Table, each, members, short, text, time};

/// Null, false and empty lists go without saying.
fn says_something(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Array(list) => !list.is_empty(),
        _ => true,
    }
}

/// A name and its value per line.
pub(crate) fn facts(v: &Value, style: &Style) -> String {
    let wide = members(v).map(|(name, _)| name.len()).max().unwrap_or(0);
    let line = |(name, value): (&String, &Value)| {
        let value = if name.ends_with("_at") { time(value) } else { text(value) };
        format!("{}{}  {value}", style.faint(name), " ".repeat(wide - name.len())).trim_end().to_owned()
            + "\n"
    };
    members(v).map(line).collect()
}

pub(crate) fn events(v: &Value, style: &Style) -> String {
    let mut table = Table::new(style, &[">#", "at", "actor", "what", "facts"]);
    for event in each(&v["events"]) {
        let facts = members(&event["data"]).filter(|(_, value)| says_something(value));
        let fact = |(name, value): (&String, &Value)| {
            let value = match value {
                Value::String(id) if id.starts_with("b3:") => short(value),
                Value::Array(list) => list.len().to_string(),
                other => text(other),
            };
            format!("{name}={}", super::clipped(&value, 48))
        };
        table.row([
            event["seq"].to_string(),
            time(&event["at"]),
            text(&event["actor"]),
            text(&event["kind"]),
            facts.map(fact).collect::<Vec<_>>().join(" "),
        ]);
    }
    table.or("events")
}

pub(crate) fn verify(v: &Value, style: &Style) -> String {
    let counts = [
        ("events", "event"),
        ("objects", "object"),
        ("prompts", "prompt"),
        ("versions", "version"),
        ("labels", "label"),
        ("verdicts", "verdict"),
        ("dataset_versions", "dataset version"),
        ("runs", "run"),
        ("traces", "trace"),
        ("scores", "score"),
        ("experiments", "experiment"),
        ("exposures", "exposure"),
        ("canaries", "canary"),
    ];
    let many =
        |one: &str| one.strip_suffix('y').map_or_else(|| format!("{one}s"), |stem| format!("{stem}ies"));
    let counted: Vec<String> =
        counts.iter().map(|(key, one)| super::count(&v[*key], one, &many(one))).collect();
    match v["broken"].as_str() {
        None => format!("{}: {}\n", style.good("every hash and every link holds"), counted.join(", ")),
        Some(broken) => {
            format!(
                "{}: {}\nchecked before that: {}\n",
                style.bad("BROKEN"),
                super::one_line(broken),
                counted.join(", ")
            )
        }
    }
}

pub(crate) fn scorer(v: &Value, style: &Style) -> String {
    let runs = if v["built_in"] == true {
        "built in: scored when a row is recorded"
    } else {
        "yours: give its scores with the rows"
    };
    format!(
        "{} {} {}\n{runs}\n",
        style.strong(&text(&v["name"])),
        text(&v["kind"]),
        style.faint(&text(&v["id"]))
    )
}
