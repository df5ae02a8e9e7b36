//! Keeping calibrations: the newest of a metric and a judge counts, and the log tells of all of them.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Calibration;
use crate::codec::record::{decode, encode, record};
use crate::error::{Error, Result};
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

/// Stores a calibration in the place of the one before.
pub(crate) fn save(tx: &mut dyn Write, author: &Author, mut found: Calibration) -> Result<Calibration> {
    let all = &found.all;
    let data = json!({"metric": found.metric, "scorer": found.scorer, "source": found.source, "labels": all.n,
                      "units": found.units, "kappa": all.kappa, "kappa_low": all.kappa_low,
                      "kappa_high": all.kappa_high, "level": found.level});
    let event = append(tx, author, "judge.calibrated", data)?;
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
