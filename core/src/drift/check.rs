//! A canary held against the log and its runs: what `verify` asks.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::codec::canonical::to_canonical;
use crate::error::Result;
use crate::model::canary::Canary;
use crate::model::event::Event;
use crate::model::id::RunId;
use crate::model::name::ItemKey;
use crate::runs::lifecycle;
use crate::storage::kv::Read;

use super::verbs::{keys, scorers_of, scores_of};
use super::watch::Watch;
use super::{Recorded, What, store};

/// What the log keeps of a canary: all that it is.
pub(super) fn registration(canary: &Canary) -> Value {
    json!({"canary": canary.name, "prompt": canary.prompt, "version": canary.version,
           "version_id": canary.version_id, "dataset": canary.dataset,
           "dataset_version": canary.dataset_version, "dataset_root": canary.dataset_root, "items": canary.items,
           "metrics": canary.metrics, "scorers": canary.scorers, "baseline": canary.baseline,
           "alarm": canary.alarm, "floor": canary.floor})
}

/// What the log says of a canary's history: the kind of each entry, and what it is about as canonical text. Entry 0 is
/// the registration.
pub(crate) type Logged = BTreeMap<(String, u32), (String, String)>;

/// Takes down what an event says of a canary, if it does.
pub(crate) fn note(event: &Event, logged: &mut Logged) -> Result<()> {
    let data = &event.data;
    let about = match event.kind.as_str() {
        "canary.registered" => to_canonical(data)?,
        "canary.recorded" => about(&data["run"], &data["anchor"], &Value::Null)?,
        "canary.confirmed" | "canary.dismissed" => about(&Value::Null, &Value::Null, &data["reason"])?,
        _ => return Ok(()),
    };
    let number = data["number"].as_u64().and_then(|number| number.try_into().ok()).unwrap_or_default();
    let canary = data["canary"].as_str().unwrap_or_default().to_owned();
    logged.insert((canary, number), (event.kind.clone(), about));
    Ok(())
}

fn about(run: &Value, anchor: &Value, reason: &Value) -> Result<String> {
    to_canonical(&json!({"run": run, "anchor": anchor, "reason": reason}))
}

/// Holds a canary against its version, its dataset, the runs that it took its scores from, and the log.
/// What does not hold, in words.
pub(crate) fn check(tx: &dyn Read, canary: &Canary, logged: &mut Logged) -> Result<Option<String>> {
    let name = &canary.name;
    let said = |logged: &mut Logged, number| logged.remove(&(name.to_string(), number));
    let registered = ("canary.registered".to_owned(), to_canonical(&registration(canary))?);
    if said(logged, 0) != Some(registered) {
        return Ok(Some(format!("the canary {name} is not what the log says it is")));
    }
    let (keys, entries) = (keys(tx, canary)?, store::entries(tx, canary)?);
    if keys.len() as u64 != canary.items {
        return Ok(Some(format!("the canary {name} has another number of items than its dataset")));
    }
    for (entry, number) in entries.iter().zip(1..) {
        let null = Value::Null;
        let (kind, is) = match &entry.what {
            What::Run(recorded) => {
                let anchor = recorded.anchor.as_ref();
                let (run, of_anchor) = (json!(recorded.run), json!(anchor.map(|anchor| anchor.run)));
                if let Some(run) = changed(tx, canary, &keys, recorded)? {
                    return Ok(Some(format!("the canary {name} holds other scores than its run {run}")));
                }
                ("canary.recorded", about(&run, &of_anchor, &null)?)
            }
            What::Confirmed { reason } => ("canary.confirmed", about(&null, &null, &json!(reason))?),
            What::Dismissed { reason } => ("canary.dismissed", about(&null, &null, &json!(reason))?),
        };
        if entry.number != number || said(logged, number) != Some((kind.to_owned(), is)) {
            return Ok(Some(format!("entry {number} of the canary {name} is not what the log says it is")));
        }
    }
    Watch::over(canary, &keys, &entries)?.0.status()?;
    Ok(None)
}

/// The run that an entry says something else about than it holds.
fn changed(tx: &dyn Read, canary: &Canary, keys: &[ItemKey], recorded: &Recorded) -> Result<Option<RunId>> {
    let run = lifecycle::load(tx, &recorded.run)?;
    if run.started_at != recorded.at || scorers_of(canary, &run) != recorded.scorers {
        return Ok(Some(run.id));
    }
    let anchor = recorded.anchor.as_ref().map(|anchor| (anchor.run, &anchor.scores));
    for (run, scores) in [(recorded.run, &recorded.scores)].into_iter().chain(anchor) {
        if scores_of(tx, canary, keys, &run)? != *scores {
            return Ok(Some(run));
        }
    }
    Ok(None)
}
