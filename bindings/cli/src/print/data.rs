//! Datasets and metrics.

use serde_json::Value;

use super::{Style, Table, count, each, members, short, text, time};

pub(crate) fn datasets(v: &Value, style: &Style) -> String {
    let mut table = Table::new(style, &["dataset", ">version", ">items", "root", "changed"]);
    for d in each(&v["datasets"]) {
        let cells =
            [text(&d["dataset"]), text(&d["version"]), text(&d["items"]), short(&d["root"]), time(&d["at"])];
        table.row(cells);
    }
    table.or("datasets")
}

/// One version in a sentence.
pub(crate) fn dataset(v: &Value, style: &Style) -> String {
    if v.is_null() {
        return "nothing to add, and there is no such dataset yet\n".to_owned();
    }
    format!(
        "{} version {}: {} ({} added, {} changed, {} archived) {}\n",
        style.strong(&text(&v["dataset"])),
        v["version"],
        count(&v["items"], "item", "items"),
        v["added"],
        v["changed"],
        v["archived"],
        style.faint(&format!("root {}", short(&v["root"]))),
    )
}

/// One a line.
pub(crate) fn keys(v: &Value, _: &Style) -> String {
    each(&v["keys"]).map(|key| format!("{}\n", text(key))).collect()
}

pub(crate) fn versions(v: &Value, style: &Style) -> String {
    let heads = [">version", ">items", ">added", ">changed", ">archived", "root", "at", "actor"];
    let mut table = Table::new(style, &heads);
    for d in each(&v["versions"]) {
        table.row([
            text(&d["version"]),
            text(&d["items"]),
            text(&d["added"]),
            text(&d["changed"]),
            text(&d["archived"]),
            short(&d["root"]),
            time(&d["at"]),
            text(&d["actor"]),
        ]);
    }
    table.or("versions")
}

pub(crate) fn diff(v: &Value, style: &Style) -> String {
    let side = |mark: &str, list: &str| {
        each(&v[list]).map(|key| format!("{mark} {}", text(key))).collect::<Vec<_>>()
    };
    let added = side("+", "added").into_iter().map(|line| style.good(&line));
    let changed = side("~", "changed").into_iter().map(|line| style.unsure(&line));
    let archived = side("-", "archived").into_iter().map(|line| style.bad(&line));
    let lines: Vec<String> = added.chain(changed).chain(archived).map(|line| line + "\n").collect();
    if lines.is_empty() { "no difference\n".to_owned() } else { lines.concat() }
}

pub(crate) fn schemas(v: &Value, style: &Style) -> String {
    let show = |what: &str| match &v[what] {
        Value::Null => format!("{}: any JSON\n", style.strong(what)),
        schema => format!("{}: {schema:#}\n", style.strong(what)),
    };
    show("input") + &show("expected")
}

pub(crate) fn declared(_: &Value, _: &Style) -> String {
    "declared\n".to_owned()
}

pub(crate) fn metrics(v: &Value, style: &Style) -> String {
    let mut table = Table::new(style, &["metric", "kind", ">min", ">max", "categories", "better"]);
    for (name, m) in members(&v["metrics"]) {
        table.row([
            name.clone(),
            text(&m["kind"]),
            text(&m["min"]),
            text(&m["max"]),
            super::listed(&m["categories"]),
            text(&m["direction"]),
        ]);
    }
    table.or("declared metrics")
}
