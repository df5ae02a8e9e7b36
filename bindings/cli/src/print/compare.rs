//! Two runs compared.

use serde_json::Value;

use super::{Style, Table, each, figure, members, plain, runs, signed, text};

/// So many of the worst items are shown per metric.
const SHOWN: usize = 5;

const HEADS: [&str; 12] = [
    "",
    "metric",
    ">n",
    ">missing",
    ">A",
    ">B",
    ">B - A",
    ">95% interval",
    ">p",
    ">better",
    ">worse",
    "verdict",
];

pub(crate) fn comparison(v: &Value, style: &Style) -> String {
    let side = |run: &Value| format!("{} {}", runs::subject(run), style.faint(&text(&run["id"])));
    let mut out =
        format!("{} {}\n{} {}\n", style.strong("A"), side(&v["run_a"]), style.strong("B"), side(&v["run_b"]));
    if v["dataset_changed"] == true {
        out.push_str("the dataset changed between the runs; items that differ are not paired\n");
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
        return out + "no metric is scored in either run\n";
    }
    out.push_str(&table(members(metrics).map(|(name, m)| (String::new(), name, m)), style));
    for line in v["sentence"].as_str().unwrap_or_default().lines() {
        out.push_str(line);
        out.push('\n');
    }
    let strata = members(&v["strata"])
        .flat_map(|(stratum, s)| members(&s["metrics"]).map(|(name, m)| (super::one_line(stratum), name, m)));
    if v["strata"].as_object().is_some_and(|strata| !strata.is_empty()) {
        out.push_str("\nby stratum (where to look, not a verdict)\n");
        out.push_str(&table(strata, style));
    }
    let worst: String = members(metrics).map(|(name, m)| worst(v, name, m)).collect();
    if !worst.is_empty() {
        out.push_str(&format!("\nworst regressions\n{worst}"));
    }
    out
}

fn table<'v>(rows: impl Iterator<Item = (String, &'v String, &'v Value)>, style: &Style) -> String {
    let mut table = Table::new(style, &HEADS);
    for (stratum, name, m) in rows {
        let interval = match (&m["ci_low"], &m["ci_high"]) {
            (Value::Null, _) | (_, Value::Null) => String::new(),
            (low, high) => format!("[{}, {}]", signed(low), signed(high)),
        };
        let missing = if m["n_missing"] == 0 { String::new() } else { text(&m["n_missing"]) };
        table.row([
            stratum,
            name.clone(),
            text(&m["n"]),
            missing,
            figure(&m["mean_a"]),
            figure(&m["mean_b"]),
            signed(&m["diff"]),
            interval,
            p(&m["p_value"]),
            text(&m["improved"]),
            text(&m["regressed"]),
            verdict(&m["verdict"], style),
        ]);
    }
    table.print()
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
        Some("b_worse") => style.bad("B worse"),
        Some(other) => style.unsure(&other.replace('_', " ")),
        None => String::new(),
    }
}

/// The items that lost most under B, of one metric.
fn worst(v: &Value, metric: &str, m: &Value) -> String {
    let lower_is_better = m["direction"] == "lower";
    let loss = |item: &Value| item["diff"][metric].as_f64().map(|d| if lower_is_better { d } else { -d });
    let mut items: Vec<(f64, &Value)> = each(&v["items"])
        .filter_map(|item| Some((loss(item)?, item)))
        .filter(|(loss, _)| *loss > 0.0)
        .collect();
    items.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let more = items.len().saturating_sub(SHOWN);
    let shown = items.iter().take(SHOWN).map(|(_, item)| {
        format!("{} {} -> {}", text(&item["key"]), plain(&item["a"][metric]), plain(&item["b"][metric]))
    });
    let mut shown: Vec<String> = shown.collect();
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    if shown.is_empty() { String::new() } else { format!("  {metric}: {}\n", shown.join(" | ")) }
}
