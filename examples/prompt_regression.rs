//! A prompt change that looks harmless, and the gate that stops it: real figures, start to end.
//!
//! `cargo run --example prompt_regression` runs it; the figures and their source are in `examples/data`.

// An example talks to whoever runs it.
#![allow(clippy::print_stdout)]

use std::path::{Path, PathBuf};

use serde_json::json;
use trialplate::{
    Check, Content, Gate, MetricKind, MoveOptions, NewItem, NewRow, OpenOptions, PromoteOptions,
    PublishOptions, Run, RunOptions, ScoreConfig, ScoreValue, Scorer, Selector, Store, VersionRef,
};

/// One line of `alpaca_eval.csv`: an item, and what each of the two prompts made of it.
struct Item {
    id: String,
    stratum: String,
    measured: [Measured; 2],
}

struct Measured {
    score: f64,
    cost_usd: Option<f64>,
    seconds: Option<f64>,
}

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let items = read_items(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/data/alpaca_eval.csv"))?;
    let path =
        std::env::args().nth(1).map_or_else(|| PathBuf::from("target/prompt_regression.tp"), PathBuf::from);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let _ = std::fs::remove_file(&path);
    let store = OpenOptions::new().actor("ada").open(&path)?;

    println!("1. Two versions of one prompt");
    let frame = |text: &str| format!("\n\nHuman: {text}\n\nAssistant:");
    let concise = "Be as concise as possible while still providing all the necessary information to answer the question.";
    let v1 = publish(&store, &frame("{{instruction}}"), "the instruction alone")?;
    let v2 = publish(&store, &frame(&format!("{{{{instruction}}}} {concise}")), "shorter answers")?;
    for v in [&v1, &v2] {
        println!("   version {} {}  {}", v.number(), v.id().short(), v.message().unwrap_or_default());
    }
    store.set_label("assistant", "production", &(&v1).into(), MoveOptions::default())?;
    println!("   production -> version {}\n", store.get("assistant", Selector::default())?.number());

    println!("2. A dataset, and a run of each version on it");
    let dataset = store.dataset_add("alpaca", items.iter().map(to_item).collect())?.ok_or("no items")?;
    println!("   {} items, root {}", dataset.items, dataset.root.short());
    let preference =
        ScoreConfig { kind: MetricKind::Numeric, min: Some(0.0), max: Some(1.0), ..Default::default() };
    store.metric("win_rate", preference)?;
    let run_1 = record(&store, &(&v1).into(), &items, 0)?;
    let run_2 = record(&store, &(&v2).into(), &items, 1)?;
    for run in [&run_1, &run_2] {
        let summary = store.run_summary(run.id)?;
        let win_rate = summary.metrics.values().next().ok_or("no scores")?;
        let (mean, se) = (win_rate.mean.unwrap_or_default(), win_rate.se.unwrap_or_default());
        println!(
            "   version {}: win rate {} ± {} %, judging cost {:.2} USD, {:.2} s at the median",
            run.version,
            100.0 * mean,
            100.0 * se,
            summary.cost_usd_total,
            summary.latency_ms.p50.unwrap_or_default() / 1000.0,
        );
    }

    println!("\n3. The same items side by side");
    let comparison = store.compare(run_1.id, run_2.id)?;
    println!("   {}", comparison.sentence);
    for (stratum, within) in &comparison.strata {
        for metric in within.metrics.values() {
            let (low, high) = (metric.ci_low.unwrap_or(f64::NAN), metric.ci_high.unwrap_or(f64::NAN));
            let diff = metric.diff.unwrap_or(f64::NAN);
            println!("   {stratum:<13} {:>3} items  {diff:+.3}  (95% CI {low:+.3} to {high:+.3})", metric.n);
        }
    }

    println!("\n4. A gate on production");
    // These scores come from a judge that nobody here has held against people. Such a judge reports only, unless a check
    // says that it may decide; AlpacaEval publishes how far it agrees with people, and that is good enough here.
    let check = Check::no_regression("win_rate".parse()?).allowing_uncalibrated();
    let gate = Gate::new("alpaca".parse()?, vec![check])?;
    store.protect("assistant", "production", gate)?;
    match store.promote("assistant", &(&v2).into(), "production", PromoteOptions::default()) {
        Ok(_) => return Err("the gate let a regression through".into()),
        Err(refused) => println!("   {}: {refused}", refused.code()),
    }
    println!("   production -> version {}", store.get("assistant", Selector::default())?.number());

    println!("\n5. Promoted all the same, by somebody who says why; and rolled back");
    let v3 = publish(&store, &frame(&format!("{concise}\n\n{{{{instruction}}}}")), "the sentence in front")?;
    let mut options = PromoteOptions::default();
    options.override_reason = Some("a demo for the sales team, back by noon".to_owned());
    store.promote("assistant", &(&v3).into(), "production", options)?;
    println!("   production -> version {}", store.get("assistant", Selector::default())?.number());
    store.rollback("assistant", "production", None, Some("noon"))?;
    println!("   production -> version {}", store.get("assistant", Selector::default())?.number());
    for step in store.history("assistant", "production")? {
        let what = match (step.rollback, step.overridden) {
            (true, _) => "rollback",
            (_, true) => "override",
            _ => "move",
        };
        let name = |version: Option<u32>| version.map_or("-".to_owned(), |version| version.to_string());
        let reason = step.reason.as_deref().unwrap_or_default();
        println!("   event {:>2}  {} -> {}  {what:<8}  {reason}", step.seq, name(step.from), name(step.to));
    }

    println!("\n6. Every hash and every link, checked");
    let report = store.verify()?;
    if let Some(broken) = report.broken {
        return Err(broken.into());
    }
    println!(
        "   ok: {} events, {} versions, {} runs, {} objects",
        report.events, report.versions, report.runs, report.objects
    );
    println!("\nThe file is {}.", path.display());
    Ok(())
}

fn publish(store: &Store, text: &str, message: &str) -> Result<trialplate::PromptVersion> {
    let content = Content::text(text).model("claude-2.1").param("max_tokens_to_sample", 4096);
    let mut options = PublishOptions::default();
    options.message = Some(message.to_owned());
    Ok(store.publish("assistant", content, options)?)
}

fn to_item(item: &Item) -> NewItem {
    NewItem {
        key: Some(item.id.clone()),
        input: json!({"instruction": format!("AlpacaEval item {}", item.id)}),
        stratum: Some(item.stratum.clone()),
        ..NewItem::default()
    }
}

/// Records what was measured, as an evaluation would: one row per item, durable when the call returns.
fn record(store: &Store, version: &VersionRef, items: &[Item], which: usize) -> Result<Run> {
    let mut options = RunOptions::default();
    options.scorers = vec![Scorer::from_json(&json!({
        "name": "win_rate", "kind": "judge",
        "config": {"model": "gpt-4-1106-preview", "reference": "gpt4_turbo", "rubric": "AlpacaEval 2"},
    }))?];
    let run = store.start_run("assistant", version, "alpaca", options)?;
    let rows = items.iter().map(|item| {
        let measured = &item.measured[which];
        let row = NewRow {
            scores: [("win_rate".to_owned(), ScoreValue::Number(measured.score))].into(),
            cost_usd: measured.cost_usd,
            latency_ms: measured.seconds.map(|s| 1000.0 * s),
            ..NewRow::default()
        };
        (item.id.clone(), 1, row)
    });
    store.record_all(run.id, rows.collect())?;
    Ok(store.finish_run(run.id)?.run)
}

fn read_items(path: &Path) -> Result<Vec<Item>> {
    let text = std::fs::read_to_string(path)?;
    let figure = |field: &str| if field.is_empty() { Ok(None) } else { field.parse().map(Some) };
    let line = |line: &str| -> Result<Item> {
        let f: Vec<&str> = line.split(',').collect();
        let measured = |at: usize| -> Result<Measured> {
            Ok(Measured { score: f[at].parse()?, cost_usd: figure(f[at + 1])?, seconds: figure(f[at + 2])? })
        };
        Ok(Item { id: f[0].to_owned(), stratum: f[1].to_owned(), measured: [measured(2)?, measured(6)?] })
    };
    text.lines().skip(1).map(line).collect()
}
