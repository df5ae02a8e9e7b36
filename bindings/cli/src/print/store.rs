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
        ("calibrations", "calibration"),
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

pub(crate) fn backup(v: &Value, style: &Style) -> String {
    format!(
        "{} {}: {}, {}, {}\n",
        style.good("copied and verified"),
        text(&v["path"]),
        super::count(&v["events"], "event", "events"),
        super::count(&v["entries"], "entry", "entries"),
        size(&v["bytes"])
    )
}

pub(crate) fn space(v: &Value, style: &Style) -> String {
    let mut parts = Table::new(style, &["part", ">entries", ">keys", ">values"]);
    for part in each(&v["parts"]) {
        parts.row([
            text(&part["part"]),
            part["entries"].to_string(),
            size(&part["key_bytes"]),
            size(&part["value_bytes"]),
        ]);
    }
    let mut runs = Table::new(style, &["run", ">rows", ">bytes"]);
    for run in each(&v["largest_runs"]) {
        runs.row([text(&run["run"]), run["rows"].to_string(), size(&run["bytes"])]);
    }
    let file = format!("file {}, of which entries {}\n", size(&v["file_bytes"]), size(&v["bytes"]));
    let runs = if each(&v["largest_runs"]).next().is_some() { runs.or("runs") } else { String::new() };
    file + &parts.or("parts") + &runs
}

pub(crate) fn compact(v: &Value, _: &Style) -> String {
    format!("{}, before {}\n", size(&v["bytes"]), size(&v["bytes_before"]))
}

pub(crate) fn doctor(v: &Value, style: &Style) -> String {
    let mut out = if v["ok"] == true {
        let events = super::count(&v["events"], "event", "events");
        format!("{}: {events}, {}\n", style.good("healthy"), size(&v["bytes"]))
    } else {
        format!("{}\n", style.bad("something is wrong"))
    };
    for finding in each(&v["findings"]) {
        out += &format!("{}: {}\n", text(&finding["code"]), super::one_line(&text(&finding["text"])));
    }
    let saved = &v["salvaged"];
    if saved.is_object() {
        let entries = super::count(&saved["entries"], "entry", "entries");
        out += &format!("saved {entries} in {}, {}\n", text(&saved["path"]), size(&saved["bytes"]));
        for left in each(&saved["left"]) {
            let until = match left["until"].as_str() {
                Some(until) => format!(" to {until}"),
                None => String::new(),
            };
            let reason = super::one_line(&text(&left["reason"]));
            out += &format!("left: {} {}{until}: {reason}\n", text(&left["part"]), text(&left["key"]));
        }
        for lost in each(&saved["lost"]) {
            out += &format!("lost: {}\n", super::one_line(&text(lost)));
        }
        out += &match saved["broken"].as_str() {
            None => "every hash and every link of the new file holds\n".to_owned(),
            Some(broken) => format!("the new file opens, but {}\n", super::one_line(broken)),
        };
    }
    out
}

/// Bytes, in the unit that leaves at most four digits.
fn size(bytes: &Value) -> String {
    let mut size = bytes.as_u64().unwrap_or(0);
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if size < 10_000 {
            return format!("{size} {unit}");
        }
        size /= 1024;
    }
    format!("{size} TiB")
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
