//! What a saved store lacks, told from what it says itself: the log names what there was, and records name each other.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::codec::record::decode;
use crate::datasets::ItemRecord;
use crate::error::Result;
use crate::model::event::Event;
use crate::model::id::{ContentId, RunId};
use crate::runs::lifecycle;
use crate::storage::copy::END;
use crate::storage::entry::{Kind, entry};
use crate::storage::keys::{Fields, Key};
use crate::storage::kv::{Flow, Order, Read, Space, scan_prefix};
use crate::storage::{layout, log};
use crate::traces::Archive;

/// How many things are listed.
const LISTED: usize = 1000;

/// In words, each thing once: the log first, then prompts, datasets, runs and the rest, then traces.
#[derive(Default)]
struct Lost {
    listed: Vec<String>,
    seen: BTreeSet<String>,
}

impl Lost {
    fn say(&mut self, what: String) {
        if self.seen.len() <= LISTED && self.seen.insert(what.clone()) {
            self.listed.push(what);
        }
    }

    /// Says it if nothing stands under the key.
    fn unless(
        &mut self,
        tx: &dyn Read,
        space: Space,
        key: &Key,
        what: impl FnOnce() -> String,
    ) -> Result<bool> {
        let there = tx.get(space, key.bytes())?.is_some();
        if !there {
            self.say(what());
        }
        Ok(there)
    }
}

/// What is named in a saved store, and is not in it. Whatever nothing names can't be listed.
pub(super) fn lost(tx: &dyn Read) -> Result<Vec<String>> {
    let mut lost = Lost::default();
    let mut next = 1;
    let mut labels: BTreeMap<(String, String), bool> = BTreeMap::new();
    log::visit(tx, 0, &mut |event| {
        if event.seq > next {
            lost.say(if event.seq - next == 1 {
                format!("event {next}")
            } else {
                format!("events {next} to {}", event.seq - 1)
            });
        }
        next = event.seq + 1;
        named(tx, &event, &mut labels, &mut lost)?;
        Ok(Flow::Continue)
    })?;
    for ((prompt, label), set) in labels {
        if set {
            let key = layout::label(&prompt, &label);
            lost.unless(tx, Space::Refs, &key, || format!("label {label:?} of prompt {prompt:?}"))?;
        }
    }
    records(tx, &mut lost)?;
    in_traces(tx, &mut lost)?;
    if lost.seen.len() > LISTED {
        lost.listed.truncate(LISTED);
        lost.listed.push("more than can be listed here".to_owned());
    }
    Ok(lost.listed)
}

/// What an event says that there is.
fn named(
    tx: &dyn Read,
    event: &Event,
    labels: &mut BTreeMap<(String, String), bool>,
    lost: &mut Lost,
) -> Result<()> {
    let text = |name: &str| event.data.get(name).and_then(Value::as_str).unwrap_or_default();
    let number = event.data.get("version").and_then(Value::as_u64).unwrap_or_default() as u32;
    let refs = Space::Refs;
    match event.kind.as_str() {
        "prompt.published" => {
            let prompt = text("prompt");
            lost.unless(tx, refs, &layout::prompt(prompt), || format!("prompt {prompt:?}"))?;
            let whole = format!("version {number} of prompt {prompt:?}");
            if let Ok(id) = text("id").parse::<ContentId>() {
                let object = Key::beside(id.as_bytes());
                lost.unless(tx, Space::Objects, &object, || format!("the content of {whole}"))?;
            }
            lost.unless(tx, refs, &layout::version(prompt, number), || whole)?;
        }
        "label.moved" | "label.removed" => {
            let (prompt, label) = (text("prompt"), text("label"));
            let key = layout::label_move(prompt, label, event.seq);
            lost.unless(tx, refs, &key, || {
                format!("move {} of label {label:?} of prompt {prompt:?}", event.seq)
            })?;
            labels.insert((prompt.to_owned(), label.to_owned()), event.kind == "label.moved");
        }
        "dataset.changed" => {
            let name = text("dataset");
            lost.unless(tx, refs, &layout::dataset(name), || format!("dataset {name:?}"))?;
            let key = layout::dataset_version(name, number);
            lost.unless(tx, refs, &key, || format!("version {number} of dataset {name:?}"))?;
        }
        "metric.declared" => {
            let name = text("metric");
            lost.unless(tx, refs, &layout::metric(name), || format!("metric {name:?}"))?;
        }
        "run.finished" => {
            if let Ok(run) = text("run").parse::<RunId>()
                && lost.unless(tx, refs, &layout::run(&run), || format!("run {run}"))?
            {
                let rows = lifecycle::load(tx, &run)?.rows.unwrap_or_default();
                let mut there = 0;
                let prefix = layout::rows(&run);
                scan_prefix(tx, Space::Rows, prefix.bytes(), Order::Ascending, &mut |_, _| {
                    there += 1;
                    Ok(Flow::Continue)
                })?;
                if there < rows {
                    lost.say(format!("{} of the {rows} rows of run {run}", rows - there));
                }
            }
        }
        "run.withdrawn" => {
            if let Ok(run) = text("run").parse::<RunId>() {
                lost.unless(tx, refs, &layout::withdrawn(&run), || format!("the withdrawal of run {run}"))?;
            }
        }
        "judge.calibrated" => {
            let (metric, scorer) = (text("metric"), text("scorer"));
            if let Ok(id) = scorer.parse::<ContentId>() {
                let key = layout::calibration(metric, &id);
                lost.unless(tx, refs, &key, || format!("the calibration of {metric:?} for judge {scorer}"))?;
            }
        }
        kind if kind.starts_with("canary.") => {
            let name = text("canary");
            lost.unless(tx, refs, &layout::canary(name), || format!("canary {name:?}"))?;
        }
        kind if kind.starts_with("experiment.") => {
            let name = text("experiment");
            lost.unless(tx, refs, &layout::experiment(name), || format!("experiment {name:?}"))?;
        }
        _ => {}
    }
    Ok(())
}

/// What the records of the store name: contents of items.
fn records(tx: &dyn Read, lost: &mut Lost) -> Result<()> {
    tx.scan(Space::Refs, &[], &END, Order::Ascending, &mut |key, value| {
        if let Some((Kind::Item, what)) = entry(Space::Refs, key)
            && let Some(id) = decode::<ItemRecord>(value)?.object()
        {
            lost.unless(tx, Space::Objects, &Key::beside(id.as_bytes()), || {
                format!("the content of {what}")
            })?;
        }
        Ok(Flow::Continue)
    })
}

/// A trace has two halves, and so has an exposure.
fn in_traces(tx: &dyn Read, lost: &mut Lost) -> Result<()> {
    let traces = Space::Traces;
    tx.scan(traces, &[], &END, Order::Ascending, &mut |key, value| {
        let Some((kind, _)) = entry(traces, key) else { return Ok(Flow::Continue) };
        match kind {
            Kind::TraceFacts => {
                if let Some((_, _, id)) = layout::in_trace_facts(key) {
                    lost.unless(tx, traces, &layout::trace(&id), || format!("the texts of trace {id:?}"))?;
                }
            }
            Kind::Trace => {
                let id = Fields::of(key).text().and_then(|id| id.parse().ok());
                if let Some(id) = id
                    && Archive::new(tx).load(&id).is_err()
                {
                    lost.say(format!("the facts of trace {:?}", id.as_str()));
                }
            }
            Kind::TraceScore => {
                if let Some((id, _, _)) = layout::in_trace_score(key) {
                    lost.unless(tx, traces, &layout::trace(&id), || format!("the texts of trace {id:?}"))?;
                }
            }
            Kind::Enrolment => {
                let experiment = Fields::of(key).text();
                if let Some((experiment, unit)) = experiment.zip(std::str::from_utf8(value).ok()) {
                    lost.unless(tx, traces, &layout::exposure(&experiment, unit), || {
                        format!("the exposure of unit {unit:?} in experiment {experiment:?}")
                    })?;
                }
            }
            _ => {}
        }
        Ok(Flow::Continue)
    })
}
