//! Two runs compared.

use serde_json::Value;

use super::{Style, Table, each, figure, members, plain, runs, signed, text};

/// So many of the worst items are shown per metric.
const SHOWN: usize = 5;

const HEADS: [&str; 13] = [
    "",
    "metric",
    ">n",
    ">missing",
    ">A",
    ">B",
    ">B - A",
    ">interval",
    ">p",
    ">p adjusted",
    ">better",
    ">worse",
    "verdict",
];

pub(crate) fn comparison(v: &Value, style: &Style) -> String {
    let side = |run: &Value| format!("{} {}", runs::subject(run), style.faint(&text(&run["id"])));
    let mut out =
        format!("{} {}\n{} {}\n", style.strong("A"), side(&v["run_a"]), style.strong("B"), side(&v["run_b"]));
    if v["dataset_changed"] == true {
        let items = super::count(&v["items_changed"], "item differs and is", "items differ and are");
        out.push_str(&format!("the dataset changed between the runs; {items} not paired\n"));
    }
    for metric in each(&v["scorer_changed"]) {
        let text = format!(
            "{}: the runs took it from different scorers, so the figures do not compare",
            text(metric)
        );
        out.push_str(&format!("{}\n", style.unsure(&text)));
    }
    let metrics = &v["metrics"];
    if members(metrics).next().is_none() {
        out.push_str("no metric is scored in either run\n");
    } else {
        out.push_str(&table(members(metrics).map(|(name, m)| (String::new(), name, m)), "p_holm", style));
        // The first line on the dataset stands above already.
        for line in v["sentence"].as_str().unwrap_or_default().lines() {
            if !(v["dataset_changed"] == true && line.starts_with("The dataset changed")) {
                out.push_str(line);
                out.push('\n');
            }
        }
    }
    let strata = members(&v["strata"])
        .flat_map(|(stratum, s)| members(&s["metrics"]).map(|(name, m)| (super::one_line(stratum), name, m)));
    if v["strata"].as_object().is_some_and(|strata| !strata.is_empty()) {
        out.push_str("\nby stratum (where to look, not a verdict)\n");
        out.push_str(&table(strata, "p_bh", style));
    }
    if v["figures"].as_object().is_some_and(|figures| !figures.is_empty()) {
        out.push_str("\nfigures (less is better, not a verdict)\n");
        out.push_str(&figures(&v["figures"], style));
    }
    let worst: String = members(metrics).map(|(name, m)| worst(name, m)).collect();
    if !worst.is_empty() {
        out.push_str(&format!("\nworst regressions\n{worst}"));
    }
    out
}

fn interval(of: &Value) -> String {
    match (&of["ci_low"], &of["ci_high"]) {
        (Value::Null, _) | (_, Value::Null) => String::new(),
        (low, high) => format!("[{}, {}]", signed(low), signed(high)),
    }
}

fn table<'v>(
    rows: impl Iterator<Item = (String, &'v String, &'v Value)>,
    adjusted: &str,
    style: &Style,
) -> String {
    let mut table = Table::new(style, &HEADS);
    for (stratum, name, m) in rows {
        let missing = if m["n_missing"] == 0 { String::new() } else { text(&m["n_missing"]) };
        // One metric alone has nothing to be adjusted for.
        let alone = adjusted == "p_holm" && m[adjusted] == m["p_value"];
        let adjusted = if alone { String::new() } else { p(&m[adjusted]) };
        table.row([
            stratum,
            name.clone(),
            text(&m["n"]),
            missing,
            figure(&m["mean_a"]),
            figure(&m["mean_b"]),
            signed(&m["diff"]),
            interval(m),
            p(&m["p_value"]),
            adjusted,
            text(&m["improved"]),
            text(&m["regressed"]),
            verdict(&m["verdict"], style),
        ]);
    }
    table.print()
}

fn figures(figures: &Value, style: &Style) -> String {
    let heads = ["figure", ">n", ">A", ">B", ">B - A", ">interval", ">p50 A", ">p50 B", ">p90 A", ">p90 B"];
    let mut table = Table::new(style, &heads);
    for (name, f) in members(figures) {
        let interval = match (&f["ci_low"], &f["ci_high"]) {
            (Value::Null, _) | (_, Value::Null) => String::new(),
            (low, high) => format!("[{}, {}]", measured(low, true), measured(high, true)),
        };
        table.row([
            name.clone(),
            text(&f["n"]),
            measured(&f["mean_a"], false),
            measured(&f["mean_b"], false),
            measured(&f["diff"], true),
            interval,
            measured(&f["p50"]["a"], false),
            measured(&f["p50"]["b"], false),
            measured(&f["p90"]["a"], false),
            measured(&f["p90"]["b"], false),
        ]);
    }
    table.print()
}

/// Three digits also of what is small, such as the dollars of one call.
fn measured(value: &Value, sign: bool) -> String {
    match value.as_f64() {
        Some(x) if x != 0.0 && (1e-7..1.0).contains(&x.abs()) => {
            let decimals = (2.0 - x.abs().log10().floor()) as usize;
            if sign { format!("{x:+.decimals$}") } else { format!("{x:.decimals$}") }
        }
        _ if sign => signed(value),
        _ => figure(value),
    }
}

fn p(value: &Value) -> String {
    match value.as_f64() {
        None => String::new(),
        Some(p) if p < 0.001 => "<0.001".to_owned(),
        Some(p) => format!("{p:.3}"),
    }
}

fn verdict(verdict: &Value, style: &Style) -> String {
    match verdict.as_str() {
        Some("b_better") => style.good("B better"),
        Some("b_better_small") => style.good("B better, by less than matters"),
        Some("b_worse") => style.bad("B worse"),
        Some("b_worse_small") => style.bad("B worse, by less than matters"),
        Some("no_meaningful_difference") => "no difference that matters".to_owned(),
        // Strata: the heading says it.
        Some("exploratory") | None => String::new(),
        Some(other) => style.unsure(&other.replace('_', " ")),
    }
}

/// The items that lost most under B, of one metric.
fn worst(metric: &str, m: &Value) -> String {
    let mut shown: Vec<String> = each(&m["regressed_items"])
        .take(SHOWN)
        .map(|item| format!("{} {} -> {}", text(&item["key"]), plain(&item["a"]), plain(&item["b"])))
        .collect();
    let more = m["regressed"].as_u64().unwrap_or(0).saturating_sub(shown.len() as u64);
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    if shown.is_empty() { String::new() } else { format!("  {metric}: {}\n", shown.join(" | ")) }
}
