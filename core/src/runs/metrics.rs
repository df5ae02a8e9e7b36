//! What a metric declares.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::codec::record::{decode, encode, record};
use crate::error::{Error, Result};
use crate::model::name::MetricName;
use crate::model::score::{Direction, MetricKind, ScoreConfig, ScoreValue};
use crate::storage::keys::Fields;
use crate::storage::kv::{Flow, Order, Read, Space, Write, scan_prefix};
use crate::storage::layout;
use crate::storage::log::{Author, append};

#[derive(Serialize, Deserialize)]
pub(crate) struct MetricRecord {
    kind: MetricKind,
    min: Option<f64>,
    max: Option<f64>,
    categories: Option<Vec<String>>,
    direction: Direction,
}
record!(MetricRecord, 30, "metric");

/// Declares a metric. Declaring the same again writes nothing.
pub(crate) fn declare(
    tx: &mut dyn Write,
    author: &Author,
    name: &MetricName,
    config: ScoreConfig,
) -> Result<()> {
    let config = config.validated(name)?;
    if let Some(declared) = read(tx, name)? {
        if declared == config {
            return Ok(());
        }
        let declared = serde_json::to_string(&declared).unwrap_or_default();
        return Err(Error::MetricExists { metric: name.to_string(), declared });
    }
    append(tx, author, "metric.declared", json!({"metric": name, "config": config}))?;
    let ScoreConfig { kind, min, max, categories, direction } = config;
    let record = MetricRecord { kind, min, max, categories, direction };
    tx.put(Space::Refs, layout::metric(name.as_str()).bytes(), &encode(&record)?)
}

/// What a metric declares, if it declares anything.
pub(crate) fn read(tx: &(impl Read + ?Sized), name: &MetricName) -> Result<Option<ScoreConfig>> {
    let bytes = tx.get(Space::Refs, layout::metric(name.as_str()).bytes())?;
    bytes.map(|bytes| decode(&bytes).map(config)).transpose()
}

fn config(record: MetricRecord) -> ScoreConfig {
    let MetricRecord { kind, min, max, categories, direction } = record;
    ScoreConfig { kind, min, max, categories, direction }
}

/// Every declared metric.
pub(crate) fn all(tx: &dyn Read) -> Result<BTreeMap<MetricName, ScoreConfig>> {
    let mut out = BTreeMap::new();
    scan_prefix(tx, Space::Refs, layout::metrics().bytes(), Order::Ascending, &mut |key, value| {
        if let Some(name) = Fields::of(key).text().and_then(|name| name.parse().ok()) {
            out.insert(name, config(decode(value)?));
        }
        Ok(Flow::Continue)
    })?;
    Ok(out)
}

/// Refuses a score that its metric does not allow. An undeclared metric takes any score.
pub(crate) fn check(tx: &(impl Read + ?Sized), name: &MetricName, score: &ScoreValue) -> Result<()> {
    match read(tx, name)? {
        Some(config) => config.check(name.as_str(), score),
        None => Ok(()),
    }
}
