//! Experiments: the plan, an assignment, the result.

use serde_json::Value;

use super::{Style, Table, each, figure, next, plain, quoted, short, signed, text, time};

/// A share as people say it.
fn share(value: &Value) -> String {
    value.as_f64().map_or_else(String::new, |x| format!("{}%", plain(&(100.0 * x).into())))
}

/// The core writes what matters between stars; here it is bold where there are colours.
fn words(sentence: &str, style: &Style) -> String {
    sentence
        .split("**")
        .enumerate()
        .map(|(i, part)| if i % 2 == 1 { style.strong(part) } else { part.to_owned() })
        .collect()
}

/// An experiment: where it stands, its plan, its variants.
pub(crate) fn experiment(v: &Value, style: &Style) -> String {
    let plan = &v["plan"];
    let mut out = format!(
        "{} {}  {} of {}  mode {}  analysis {}  {}\n",
        style.strong(&text(&v["name"])),
        text(&v["state"]),
        text(&plan["metric"]),
        text(&plan["prompt"]),
        text(&plan["mode"]),
        text(&plan["analysis"]),
        style.faint(&format!("plan {}", short(&v["plan_id"]))),
    );
    let now = each(&v["epochs"]).last().map(|epoch| epoch["weights"].clone()).unwrap_or_default();
    let mut table = Table::new(style, &["variant", ">version", ">share", ""]);
    for (i, variant) in each(&plan["variants"]).enumerate() {
        let role = match (plan["control"] == i, v["winner"] == variant["name"]) {
            (_, true) => style.good("winner"),
            (true, _) => "control".to_owned(),
            _ => String::new(),
        };
        table.row([text(&variant["name"]), text(&variant["version"]), share(&now[i]), role]);
    }
    out.push_str(&table.print());
    out.push_str(&format!("{}\n", text(&plan["sentence"])));
    for warning in each(&plan["warnings"]) {
        out.push_str(&format!("{} {}\n", style.unsure("note:"), text(warning)));
    }
    if v["coverage"] != 1.0 {
        out.push_str(&format!("{} of all users take part\n", share(&v["coverage"])));
    }
    if !v["ended_at"].is_null() {
        let why = v["reason"].as_str().map(|reason| format!(": {reason}")).unwrap_or_default();
        out.push_str(&format!("ended {}{why}\n", time(&v["ended_at"])));
    }
    let name = quoted(&v["name"]);
    out + &match v["state"].as_str() {
        Some("registered") => next(style, &format!("experiment-start {name}")),
        Some("running") => next(style, &format!("assign {name} USER")),
        _ => String::new(),
    }
}

pub(crate) fn experiments(v: &Value, style: &Style) -> String {
    let mut table =
        Table::new(style, &["experiment", "state", "prompt", "metric", ">planned", "mode", "winner"]);
    for e in each(&v["experiments"]) {
        let plan = &e["plan"];
        table.row([
            text(&e["name"]),
            text(&e["state"]),
            text(&plan["prompt"]),
            text(&plan["metric"]),
            text(&plan["n_planned"]),
            text(&plan["mode"]),
            text(&e["winner"]),
        ]);
    }
    table.or("experiments")
}

/// The variant and its version, which is what a script catches.
pub(crate) fn assignment(v: &Value, _: &Style) -> String {
    if v["takes_part"] != true {
        return format!("- takes no part ({})\n", text(&v["why"]));
    }
    format!("{} version {}\n", text(&v["variant"]), v["version"])
}

pub(crate) fn reweighted(v: &Value, style: &Style) -> String {
    format!("{} of all users moved\n{}", share(&v["moved"]), experiment(&v["experiment"], style))
}

/// What an experiment says: the sentence first, and then what it rests on.
pub(crate) fn result(v: &Value, style: &Style) -> String {
    let mut out = format!("{}\n", words(&text(&v["sentence"]), style));
    let mut table = Table::new(
        style,
        &["variant", ">version", ">users", ">scored", ">no score", ">left out", ">p50 ms", ">mean cost"],
    );
    for arm in each(&v["arms"]) {
        let known = |figure: &Value| if figure.is_null() { String::new() } else { plain(figure) };
        table.row([
            text(&arm["variant"]),
            text(&arm["version"]),
            text(&arm["units"]),
            text(&arm["scored"]),
            text(&arm["missing"]),
            text(&arm["in_two_arms"]),
            known(&arm["latency_ms_p50"]),
            known(&arm["cost_usd_mean"]),
        ]);
    }
    out.push_str(&table.print());
    let split = &v["split"];
    if split["p_value"].is_number() {
        let state = match (split["mismatch"] == true, split["warning"] == true) {
            (true, _) => style.bad("broken"),
            (_, true) => style.unsure("suspicious"),
            _ => "as planned".to_owned(),
        };
        out.push_str(&format!("split: {state} (p = {})\n", figure(&split["p_value"])));
    }
    for c in each(&v["comparisons"]) {
        out.push_str(&comparison(c, style));
    }
    let anytime = &v["anytime"];
    if anytime["low"].is_number() {
        let about = if anytime["approximate"] == true { ", approximate" } else { "" };
        out.push_str(&format!(
            "at any time: {} ({} to {}) after {} pairs{about}\n",
            signed(&anytime["diff"]),
            signed(&anytime["low"]),
            signed(&anytime["high"]),
            anytime["pairs"],
        ));
    }
    for warning in each(&v["warnings"]) {
        out.push_str(&format!("{} {}\n", style.unsure("note:"), text(warning)));
    }
    let name = quoted(&v["experiment"]);
    out + &match (v["is_final"] == true, v["state"].as_str(), v["winner"].is_null()) {
        (true, Some("running" | "stopped"), true) => next(style, &format!("experiment-conclude {name}")),
        (true, Some("running" | "stopped"), false) => {
            next(style, &format!("experiment-conclude {name} --promote production"))
        }
        _ => String::new(),
    }
}

fn comparison(c: &Value, style: &Style) -> String {
    let mut out = format!(
        "{} against {}: {} became {}, difference {} ({} to {}), p = {}, {}\n",
        style.strong(&text(&c["variant"])),
        text(&c["control"]),
        figure(&c["mean_a"]),
        figure(&c["mean_b"]),
        signed(&c["diff"]),
        signed(&c["ci_low"]),
        signed(&c["ci_high"]),
        figure(&c["p_value"]),
        text(&c["analysis"]),
    );
    let mut table = Table::new(style, &["", ">A", ">B", ">difference", ">n A", ">n B"]);
    for q in each(&c["quantiles"]) {
        let name = q["q"].as_f64().map_or_else(String::new, |q| format!("p{}", plain(&(100.0 * q).into())));
        table.row([name, figure(&q["a"]), figure(&q["b"]), signed(&q["diff"]), String::new(), String::new()]);
    }
    for s in each(&c["strata"]) {
        table.row([
            format!("{} (not a verdict)", super::listed(&s["strata"])),
            figure(&s["mean_a"]),
            figure(&s["mean_b"]),
            signed(&s["diff"]),
            text(&s["n_a"]),
            text(&s["n_b"]),
        ]);
    }
    out.push_str(&table.print());
    out
}

/// An experiment at its end.
pub(crate) fn concluded(v: &Value, style: &Style) -> String {
    let out = format!("{}\n", words(&text(&v["result"]["sentence"]), style));
    let name = text(&v["experiment"]["name"]);
    let winner = &v["experiment"]["winner"];
    let end = if winner.is_null() { "nothing won".to_owned() } else { format!("{} won", text(winner)) };
    let moved = match v["promoted"].is_null() {
        true => String::new(),
        false => super::registry::moved(&v["promoted"], style),
    };
    format!("{out}{} concluded: {end}\n{moved}", style.strong(&name))
}
