//! Canaries: what they are, where they stand, what happened to them.

use serde_json::Value;

use super::{Style, Table, each, figure, members, next, plain, quoted, text, time};

/// A registered canary.
pub(crate) fn canary(v: &Value, style: &Style) -> String {
    let metrics: Vec<String> = members(&v["metrics"])
        .map(|(name, metric)| format!("{name} ({} to {})", plain(&metric["min"]), plain(&metric["max"])))
        .collect();
    let mut out = format!(
        "{} {} version {} on {} version {} ({} items)\n{} {}\n{} {} baseline runs, alarm at {}\n",
        style.strong(&text(&v["name"])),
        text(&v["prompt"]),
        v["version"],
        text(&v["dataset"]),
        v["dataset_version"],
        v["items"],
        style.faint("watches"),
        metrics.join(", "),
        style.faint("plan"),
        v["baseline"],
        plain(&v["alarm"]),
    );
    for warning in each(&v["warnings"]) {
        out.push_str(&format!("{}\n", style.unsure(&text(warning))));
    }
    out
}

fn state(v: &Value, style: &Style) -> String {
    let name = text(&v["state"]);
    match &*name {
        "alarm" => style.bad(&name),
        "cannot-tell" => style.unsure(&name),
        "quiet" => style.good(&name),
        _ => name,
    }
}

/// Where a canary stands: the sentence, then the figures.
pub(crate) fn status(v: &Value, style: &Style) -> String {
    let runs = format!("{} runs", v["runs"]);
    let mut out = format!(
        "{} {} ({}; M {} of {})\n{}\n",
        style.strong(&text(&v["canary"])),
        state(v, style),
        if v["series"] == 1 { runs } else { format!("series {}, {runs}", v["series"]) },
        figure(&v["m"]),
        plain(&v["threshold"]),
        // Two stars are bold where Markdown is read; here they are only in the way.
        text(&v["sentence"]).replace("**", ""),
    );
    let mut table = Table::new(style, &["metric", "by", ">M", ">u mean", ">u items", ">before", ">now"]);
    for metric in each(&v["metrics"]) {
        let [m, mean, items, before, now] =
            ["m", "u_mean", "u_items", "mean_before", "mean_now"].map(|name| figure(&metric[name]));
        table.row([text(&metric["metric"]), text(&metric["method"]), m, mean, items, before, now]);
    }
    out.push_str(&table.print());
    if !v["anchor"].is_null() {
        let anchor = &v["anchor"];
        let said = if anchor["alarm"] == true { style.bad("moved") } else { "no sign of change".to_owned() };
        out.push_str(&format!(
            "stored outputs: {} runs, M {}, {said}\n",
            anchor["runs"],
            figure(&anchor["m"])
        ));
    }
    if v["state"] == "alarm" {
        let answer = format!("canary-confirm {0} --reason ... (or canary-dismiss {0})", quoted(&v["canary"]));
        out.push_str(&next(style, &answer));
    }
    out
}

/// Every canary in a line.
pub(crate) fn canaries(v: &Value, style: &Style) -> String {
    let mut table =
        Table::new(style, &["canary", "state", ">series", ">runs", ">M", ">alarm at", "last run"]);
    for canary in each(&v["canaries"]) {
        table.row([
            text(&canary["canary"]),
            state(canary, style),
            text(&canary["series"]),
            text(&canary["runs"]),
            figure(&canary["m"]),
            plain(&canary["threshold"]),
            text(&canary["last_run"]),
        ]);
    }
    table.or("canaries")
}

/// Every run and answer.
pub(crate) fn history(v: &Value, style: &Style) -> String {
    let mut table = Table::new(style, &[">", "at", "what", ">series", "means", ">M", "state", "why"]);
    for step in each(&v["steps"]) {
        let means: Vec<String> =
            members(&step["means"]).map(|(metric, mean)| format!("{metric}={}", figure(mean))).collect();
        let unread = step["kind"] == "run" && step["used"] == false;
        table.row([
            text(&step["number"]),
            time(&step["at"]),
            text(&step["kind"]),
            text(&step["series"]),
            if unread { "not readable".to_owned() } else { means.join(" ") },
            figure(&step["m"]),
            state(step, style),
            text(&step["reason"]),
        ]);
    }
    table.or("runs")
}
