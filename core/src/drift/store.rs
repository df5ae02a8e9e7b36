//! Keeping canaries and their histories.

use serde::{Deserialize, Serialize};

use crate::codec::record::{decode, encode, record};
use crate::error::{Error, Result};
use crate::model::canary::{Canary, CanaryMetric};
use crate::model::id::{ContentId, RunId};
use crate::model::name::{CanaryName, DatasetName, MetricName, PromptName};
use crate::model::run::ScorerRef;
use crate::model::time::Timestamp;
use crate::storage::keys::Fields;
use crate::storage::kv::{Flow, Order, Read, Space, Write, scan_prefix};
use crate::storage::layout;

use super::{Anchor, Entry, Recorded, Scores, What};

#[derive(Serialize, Deserialize)]
pub(crate) struct CanaryRecord {
    prompt: PromptName,
    version: u32,
    version_id: ContentId,
    dataset: DatasetName,
    dataset_version: u32,
    dataset_root: ContentId,
    items: u64,
    metrics: Vec<(MetricName, CanaryMetric)>,
    scorers: Vec<ScorerRef>,
    baseline: u32,
    alarm: f64,
    floor: f64,
    registered_at: Timestamp,
    actor: Option<String>,
}
record!(CanaryRecord, 90, "canary");

/// The scores are kept beside the run that they come from: a status reads no outputs, and `verify` holds the two
/// against each other.
#[derive(Serialize, Deserialize)]
pub(crate) struct EntryRecord {
    at: Timestamp,
    actor: Option<String>,
    what: WhatRecord,
}
record!(EntryRecord, 91, "canary entry");

#[derive(Serialize, Deserialize)]
enum WhatRecord {
    Run {
        run: RunId,
        at: Timestamp,
        scorers: Vec<Option<ContentId>>,
        scores: Scores,
        anchor: Option<(RunId, Scores)>,
    },
    Confirmed {
        reason: String,
    },
    Dismissed {
        reason: String,
    },
}

fn to_canary(name: CanaryName, record: CanaryRecord) -> Canary {
    Canary {
        name,
        prompt: record.prompt,
        version: record.version,
        version_id: record.version_id,
        dataset: record.dataset,
        dataset_version: record.dataset_version,
        dataset_root: record.dataset_root,
        items: record.items,
        metrics: record.metrics.into_iter().collect(),
        scorers: record.scorers,
        baseline: record.baseline,
        alarm: record.alarm,
        floor: record.floor,
        registered_at: record.registered_at,
        actor: record.actor,
    }
}

/// Writes a new canary.
pub(crate) fn save(tx: &mut dyn Write, canary: Canary) -> Result<()> {
    let name = canary.name;
    let record = CanaryRecord {
        prompt: canary.prompt,
        version: canary.version,
        version_id: canary.version_id,
        dataset: canary.dataset,
        dataset_version: canary.dataset_version,
        dataset_root: canary.dataset_root,
        items: canary.items,
        metrics: canary.metrics.into_iter().collect(),
        scorers: canary.scorers,
        baseline: canary.baseline,
        alarm: canary.alarm,
        floor: canary.floor,
        registered_at: canary.registered_at,
        actor: canary.actor,
    };
    tx.put(Space::Refs, layout::canary(name.as_str()).bytes(), &encode(&record)?)
}

/// A canary, if one of that name is registered.
pub(crate) fn find(tx: &(impl Read + ?Sized), name: &CanaryName) -> Result<Option<Canary>> {
    let bytes = tx.get(Space::Refs, layout::canary(name.as_str()).bytes())?;
    bytes.map(|bytes| Ok(to_canary(name.clone(), decode(&bytes)?))).transpose()
}

/// A canary by its name.
pub(crate) fn load(tx: &(impl Read + ?Sized), name: &CanaryName) -> Result<Canary> {
    find(tx, name)?.ok_or_else(|| Error::CanaryNotFound { canary: name.to_string() })
}

/// Every canary, in the order of their names.
pub(crate) fn all(tx: &(impl Read + ?Sized)) -> Result<Vec<Canary>> {
    let mut found = Vec::new();
    scan_prefix(tx, Space::Refs, layout::canaries().bytes(), Order::Ascending, &mut |key, value| {
        if let Some(name) = Fields::of(key).text() {
            found.push(to_canary(name.parse()?, decode(value)?));
        }
        Ok(Flow::Continue)
    })?;
    Ok(found)
}

/// Writes one more entry.
pub(super) fn append(tx: &mut dyn Write, name: &CanaryName, entry: Entry) -> Result<()> {
    let what = match entry.what {
        What::Run(Recorded { run, at, scorers, scores, anchor }) => {
            let anchor = anchor.map(|anchor| (anchor.run, anchor.scores));
            WhatRecord::Run { run, at, scorers, scores, anchor }
        }
        What::Confirmed { reason } => WhatRecord::Confirmed { reason },
        What::Dismissed { reason } => WhatRecord::Dismissed { reason },
    };
    let record = EntryRecord { at: entry.at, actor: entry.actor, what };
    tx.put(Space::Refs, layout::canary_entry(name.as_str(), entry.number).bytes(), &encode(&record)?)
}

/// A canary's history, oldest first.
pub(crate) fn entries(tx: &(impl Read + ?Sized), canary: &Canary) -> Result<Vec<Entry>> {
    let damaged = |reason: &str| Error::DamagedRecord { record: "canary entry", reason: reason.to_owned() };
    let mut found = Vec::new();
    let prefix = layout::canary_entries(canary.name.as_str());
    scan_prefix(tx, Space::Refs, prefix.bytes(), Order::Ascending, &mut |key, value| {
        let mut fields = Fields::of(key);
        let number = fields.text().and_then(|_| fields.u32());
        let number = number.ok_or_else(|| damaged("its key is malformed"))?;
        let record: EntryRecord = decode(value)?;
        let whole = |scores: &Scores| {
            scores.len() == canary.metrics.len() && scores.iter().all(|run| run.len() as u64 == canary.items)
        };
        let what = match record.what {
            WhatRecord::Run { run, at, scorers, scores, anchor } => {
                if !whole(&scores)
                    || scorers.len() != canary.metrics.len()
                    || anchor.as_ref().is_some_and(|(_, scores)| !whole(scores))
                {
                    return Err(damaged("it has other metrics or items than its canary"));
                }
                let anchor = anchor.map(|(run, scores)| Anchor { run, scores });
                What::Run(Recorded { run, at, scorers, scores, anchor })
            }
            WhatRecord::Confirmed { reason } => What::Confirmed { reason },
            WhatRecord::Dismissed { reason } => What::Dismissed { reason },
        };
        found.push(Entry { number, at: record.at, actor: record.actor, what });
        Ok(Flow::Continue)
    })?;
    Ok(found)
}
