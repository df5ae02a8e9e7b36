//! Prompts, versions and labels.

use serde_json::Value;

use super::{Style, Table, each, listed, members, none, one_line, short, text, time};

/// What a publish came to.
pub(crate) fn published(v: &Value, style: &Style) -> String {
    format!("{} version {} {}\n", style.strong(&text(&v["name"])), v["number"], style.faint(&short(&v["id"])))
}

/// A prompt's text, or its messages as JSON: what `publish` reads again.
pub(crate) fn prompt(v: &Value, _: &Style) -> String {
    match &v["prompt"] {
        Value::String(text) => format!("{text}\n"),
        messages => format!("{messages:#}\n"),
    }
}

pub(crate) fn versions(v: &Value, style: &Style) -> String {
    let heads = [">version", "id", "published", "author", "model", ">from", "tags", "message"];
    let mut table = Table::new(style, &heads);
    for v in each(&v["versions"]) {
        table.row([
            v["number"].to_string(),
            short(&v["id"]),
            time(&v["created_at"]),
            text(&v["author"]),
            text(&v["model"]),
            text(&v["parent"]),
            listed(&v["tags"]),
            text(&v["message"]),
        ]);
    }
    table.or("versions")
}

pub(crate) fn prompts(v: &Value, style: &Style) -> String {
    let mut table = Table::new(style, &["prompt", ">latest", "labels", "tags", "updated"]);
    for p in each(&v["prompts"]) {
        let protected = |label: &str| each(&p["protected"]).any(|l| l == label);
        let labels = members(&p["labels"]).map(|(label, number)| {
            format!("{label}:{number}{}", if protected(label) { " (gated)" } else { "" })
        });
        table.row([
            text(&p["name"]),
            p["latest"].to_string(),
            labels.collect::<Vec<_>>().join(", "),
            listed(&p["tags"]),
            time(&p["updated_at"]),
        ]);
    }
    table.or("prompts")
}

/// The core's marked text; in colour the marks go and the words are painted.
pub(crate) fn diff(v: &Value, style: &Style) -> String {
    let unified = v["unified"].as_str().unwrap_or_default();
    if unified.is_empty() {
        return "no difference\n".to_owned();
    }
    if !style.is_coloured() {
        return unified.to_owned();
    }
    let texts = |path: &Value| each(&v["text"]).find(|text| text["path"] == *path);
    let mut out = String::new();
    for change in each(&v["changes"]) {
        let path = text(&change["path"]);
        let value = |side: &str| change.get(side).map(Value::to_string).unwrap_or_default();
        match (change["kind"].as_str(), texts(&change["path"])) {
            (Some("added"), _) => out.push_str(&style.good(&format!("+ {path}: {}", value("to")))),
            (Some("removed"), _) => out.push_str(&style.bad(&format!("- {path}: {}", value("from")))),
            (_, None) => {
                let (from, to) = (style.bad(&value("from")), style.good(&value("to")));
                out.push_str(&format!("~ {path}: {from} {} {to}", style.faint("->")));
            }
            (_, Some(text)) => {
                let words: String = each(&text["hunks"]).map(|piece| words(piece, style)).collect();
                out.push_str(&format!("~ {path}\n    {}", words.trim_end().replace('\n', "\n    ")));
            }
        }
        out.push('\n');
    }
    out
}

/// One piece of a word diff. A colour does not run over a line's end, where pagers would lose it.
fn words(piece: &Value, style: &Style) -> String {
    let words = piece["text"].as_str().unwrap_or_default();
    let paint = |line: &str| match piece["tag"].as_str() {
        Some("insert") => style.good(line),
        Some("delete") => style.bad(line),
        _ => line.to_owned(),
    };
    words.split('\n').map(paint).collect::<Vec<_>>().join("\n")
}

/// A label's move in a sentence.
pub(crate) fn moved(v: &Value, style: &Style) -> String {
    let label = style.strong(&format!("{}@{}", text(&v["prompt"]), text(&v["label"])));
    let what = match (v["from"].as_u64(), v["to"].as_u64()) {
        (Some(from), Some(to)) if from == to => format!("stays on version {to}"),
        (Some(from), Some(to)) if v["rollback"] == true => format!("rolled back from version {from} to {to}"),
        (Some(from), Some(to)) => format!("moved from version {from} to {to}"),
        (None, Some(to)) => format!("set to version {to}"),
        (Some(from), None) => format!("taken off version {from}"),
        (None, None) => "is not set".to_owned(),
    };
    let against = if v["override"] == true { style.unsure(", against its gate") } else { String::new() };
    let rests = v["verdict"]
        .as_str()
        .map(|_| format!(", {}", style.faint(&format!("verdict {}", short(&v["verdict"])))));
    format!("{label} {what}{against}{}\n", rests.unwrap_or_default())
}

pub(crate) fn labels(v: &Value, style: &Style) -> String {
    let mut table = Table::new(style, &["label", ">version"]);
    for (label, number) in members(&v["labels"]) {
        table.row([label.clone(), number.to_string()]);
    }
    table.or("labels")
}

pub(crate) fn history(v: &Value, style: &Style) -> String {
    let mut table = Table::new(style, &["at", "actor", ">from", ">to", "how", "reason"]);
    let version = |v: &Value| v.as_u64().map_or_else(|| "-".to_owned(), |n| n.to_string());
    for step in each(&v["moves"]) {
        let how = match (&step["override"], &step["rollback"], &step["verdict"]) {
            (Value::Bool(true), ..) => style.unsure("override"),
            (_, Value::Bool(true), _) => "rollback".to_owned(),
            (.., Value::String(_)) => format!("verdict {}", short(&step["verdict"])),
            _ => String::new(),
        };
        let reason = one_line(step["reason"].as_str().unwrap_or_default());
        table.row([
            time(&step["at"]),
            text(&step["actor"]),
            version(&step["from"]),
            version(&step["to"]),
            how,
            reason,
        ]);
    }
    if v["moves"].as_array().is_none_or(Vec::is_empty) { none("moves") } else { table.print() }
}
