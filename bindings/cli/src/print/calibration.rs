//! Judges against people.

use serde_json::Value;

use super::{Style, Table, each, figure, members, short, text, time};

fn interval(low: &Value, high: &Value) -> String {
    if low.is_null() { String::new() } else { format!("[{}, {}]", figure(low), figure(high)) }
}

fn level(v: &Value, style: &Style) -> String {
    let level = text(&v["level"]);
    match level.as_str() {
        "usable" => style.good(&level),
        "not usable for gates" => style.bad(&level),
        _ => style.unsure(&level),
    }
}

/// A judge: the sentence, and how far it agrees with people, in all and by part.
pub(crate) fn calibration(v: &Value, style: &Style) -> String {
    let mut out = format!(
        "{} judge {}  {}  {}\n",
        style.strong(&text(&v["metric"])),
        short(&v["scorer"]),
        text(&v["source"]),
        level(v, style)
    );
    let heads = ["part", ">labels", ">kappa", ">interval", ">agreement", ">bias", ">interval"];
    let mut table = Table::new(style, &heads);
    let mut line = |name: &str, part: &Value| {
        table.row([
            name.to_owned(),
            text(&part["n"]),
            figure(&part["kappa"]),
            interval(&part["kappa_low"], &part["kappa_high"]),
            figure(&part["agreement"]),
            figure(&part["bias"]),
            interval(&part["bias_low"], &part["bias_high"]),
        ]);
    };
    line("all", v);
    for (name, part) in members(&v["strata"]) {
        line(name, part);
    }
    for (name, part) in members(&v["lengths"]) {
        line(&format!("length: {}", name.trim_start_matches(|c: char| !c.is_alphabetic())), part);
    }
    out.push_str(&table.print());
    out + &text(&v["sentence"]) + "\n"
}

pub(crate) fn calibrations(v: &Value, style: &Style) -> String {
    let mut table =
        Table::new(style, &["metric", "judge", ">labels", ">kappa", ">interval", "level", "source", "at"]);
    for one in each(&v["calibrations"]) {
        table.row([
            text(&one["metric"]),
            short(&one["scorer"]),
            text(&one["n"]),
            figure(&one["kappa"]),
            interval(&one["kappa_low"], &one["kappa_high"]),
            level(one, style),
            text(&one["source"]),
            time(&one["at"]),
        ]);
    }
    table.or("calibrations")
}
