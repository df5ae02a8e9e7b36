//! Keeping calibrations: the newest of a metric and a judge counts, and the log tells of all of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Calibration;
use crate::codec::canonical::to_canonical;
use crate::codec::record::{decode, encode, record};
use crate::error::{Error, Result};
use crate::model::event::Event;
use crate::model::id::ContentId;
use crate::model::name::MetricName;
use crate::storage::kv::{Flow, Order, Read, Space, Write, scan_prefix};
use crate::storage::layout;
use crate::storage::log::{Author, append};

#[derive(Serialize, Deserialize)]
pub(crate) struct CalibrationRecord {
    /// As JSON: more figures may come.
    json: String,
}
record!(CalibrationRecord, 51, "judge calibration");

fn damaged(reason: impl ToString) -> Error {
    Error::DamagedRecord { record: "judge calibration", reason: reason.to_string() }
}

/// What the log says of a calibration.
fn said(found: &Calibration) -> Value {
    let all = &found.all;
    json!({"metric": found.metric, "scorer": found.scorer, "source": found.source, "labels": all.n,
           "units": found.units, "kappa": all.kappa, "kappa_low": all.kappa_low,
           "kappa_high": all.kappa_high, "level": found.level})
}

/// The log's last word on each judge, by metric and scorer.
pub(crate) type Logged = BTreeMap<(String, String), Event>;

/// Takes a look at an event for [`check`].
pub(crate) fn note(event: &Event, logged: &mut Logged) {
    if event.kind == CALIBRATED {
        let text = |name: &str| event.data.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        logged.insert((text("metric"), text("scorer")), event.clone());
    }
}

/// Holds every calibration against what the log says of it: how many there are, or what is wrong with the first one.
pub(crate) fn check(tx: &(impl Read + ?Sized), logged: &Logged) -> Result<std::result::Result<u64, String>> {
    for ((metric, scorer), event) in logged {
        let place = format!("the calibration of {metric} for judge {scorer}");
        let found = match load(tx, &metric.parse()?, &scorer.parse()?) {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(Err(format!("{place} is gone, but the log says it is there"))),
            Err(Error::DamagedRecord { reason, .. }) => {
                return Ok(Err(format!("{place} can't be read: {reason}")));
            }
            Err(error) => return Err(error),
        };
        let same = (found.seq, found.at) == (event.seq, event.at)
            && to_canonical(&said(&found))? == to_canonical(&event.data)?;
        if !same {
            return Ok(Err(format!("{place} is not what the log says it is (event {})", event.seq)));
        }
    }
    let mut stored = 0;
    scan_prefix(tx, Space::Refs, layout::calibrations().bytes(), Order::Ascending, &mut |_, _| {
        stored += 1;
        Ok(Flow::Continue)
    })?;
    Ok(match stored - logged.len() as u64 {
        0 => Ok(stored),
        more => Err(format!("{more} calibrations are not in the log")),
    })
}

const CALIBRATED: &str = "judge.calibrated";

/// Stores a calibration in the place of the one before.
pub(crate) fn save(tx: &mut dyn Write, author: &Author, mut found: Calibration) -> Result<Calibration> {
    let event = append(tx, author, CALIBRATED, said(&found))?;
    (found.at, found.seq) = (event.at, event.seq);
    let json = serde_json::to_string(&found).map_err(damaged)?;
    let key = layout::calibration(found.metric.as_str(), &found.scorer);
    tx.put(Space::Refs, key.bytes(), &encode(&CalibrationRecord { json })?)?;
    Ok(found)
}

fn read(bytes: &[u8]) -> Result<Calibration> {
    serde_json::from_str(&decode::<CalibrationRecord>(bytes)?.json).map_err(damaged)
}

/// What is known of a judge.
pub(crate) fn load(
    tx: &(impl Read + ?Sized),
    metric: &MetricName,
    scorer: &ContentId,
) -> Result<Option<Calibration>> {
    let bytes = tx.get(Space::Refs, layout::calibration(metric.as_str(), scorer).bytes())?;
    bytes.map(|bytes| read(&bytes)).transpose()
}

/// What is known of every judge, by metric and scorer; of one metric, if one is named.
pub(crate) fn all(tx: &(impl Read + ?Sized), metric: Option<&MetricName>) -> Result<Vec<Calibration>> {
    let prefix = metric.map_or_else(layout::calibrations, |metric| layout::calibrations_of(metric.as_str()));
    let mut found = Vec::new();
    scan_prefix(tx, Space::Refs, prefix.bytes(), Order::Ascending, &mut |_, value| {
        found.push(read(value)?);
        Ok(Flow::Continue)
    })?;
    Ok(found)
}
