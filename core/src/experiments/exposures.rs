//! Who was exposed: each unit once, in the order in which they came.

use serde::{Deserialize, Serialize};

use super::assign;
use super::record::Stored;
use crate::codec::record::{decode, encode, record};
use crate::error::{Error, Result};
use crate::model::name::ExperimentName;
use crate::model::time::Timestamp;
use crate::storage::keys::after_prefix;
use crate::storage::kv::{Flow, Order, Read, Space, Write, last_below, scan_prefix};
use crate::storage::layout;

#[derive(Serialize, Deserialize)]
pub(crate) struct ExposureRecord {
    seq: u64,
    variant: u32,
    epoch: u32,
    at: Timestamp,
    stratum: Option<String>,
    covariate: Option<f64>,
}
record!(ExposureRecord, 71, "exposure");

/// A unit's first exposure.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Exposure {
    /// From 1, in the order in which exposures were recorded.
    pub(crate) seq: u64,
    pub(crate) unit: String,
    /// The position of its variant.
    pub(crate) variant: usize,
    /// In which span of weights it came.
    pub(crate) epoch: usize,
    /// When it was recorded.
    pub(crate) at: Timestamp,
    pub(crate) stratum: Option<String>,
    pub(crate) covariate: Option<f64>,
}

fn damaged(reason: &str) -> Error {
    Error::DamagedRecord { record: "exposure", reason: reason.to_owned() }
}

fn exposure(unit: String, value: &[u8]) -> Result<Exposure> {
    let ExposureRecord { seq, variant, epoch, at, stratum, covariate } = decode(value)?;
    let (variant, epoch) = (variant as usize, epoch as usize);
    Ok(Exposure { seq, unit, variant, epoch, at, stratum, covariate })
}

/// A unit's exposure, if it was exposed.
pub(crate) fn find(
    tx: &(impl Read + ?Sized),
    experiment: &ExperimentName,
    unit: &str,
) -> Result<Option<Exposure>> {
    let bytes = tx.get(Space::Traces, layout::exposure(experiment.as_str(), unit).bytes())?;
    bytes.map(|bytes| exposure(unit.to_owned(), &bytes)).transpose()
}

/// Enrols a unit, unless it is enrolled or takes no part.
pub(crate) fn enrol(
    tx: &mut dyn Write,
    now: Timestamp,
    stored: &Stored,
    unit: &str,
    (stratum, covariate): (Option<String>, Option<f64>),
) -> Result<Option<Exposure>> {
    if let Some(before) = find(tx, stored.name(), unit)? {
        return Ok(Some(before));
    }
    let assignment = assign::by_law(stored, unit)?;
    let Some(variant) = assignment.variant.and_then(|name| stored.plan().position(&name)) else {
        return Ok(None);
    };
    let prefix = layout::enrolments(stored.name().as_str());
    let last = last_below(tx, Space::Traces, prefix.bytes(), &after_prefix(prefix.bytes()))?;
    let seq = match last {
        None => 1,
        Some((key, _)) => {
            let last = key.last_chunk::<8>().ok_or_else(|| damaged("its key is malformed"))?;
            u64::from_be_bytes(*last) + 1
        }
    };
    let epoch = stored.tables.len().saturating_sub(1);
    let record = ExposureRecord {
        seq,
        variant: variant as u32,
        epoch: epoch as u32,
        at: now,
        stratum: stratum.clone(),
        covariate,
    };
    let name = stored.name().as_str();
    tx.put(Space::Traces, layout::exposure(name, unit).bytes(), &encode(&record)?)?;
    tx.put(Space::Traces, layout::enrolment(name, seq).bytes(), unit.as_bytes())?;
    Ok(Some(Exposure { seq, unit: unit.to_owned(), variant, epoch, at: now, stratum, covariate }))
}

/// Every exposure of an experiment, in the order of enrolment; an error if a number is missing or there twice.
pub(crate) fn all(tx: &(impl Read + ?Sized), experiment: &ExperimentName) -> Result<Vec<Exposure>> {
    let mut found = Vec::new();
    let prefix = layout::exposures(experiment.as_str());
    scan_prefix(tx, Space::Traces, prefix.bytes(), Order::Ascending, &mut |key, value| {
        let unit = layout::unit_in_exposure(key).ok_or_else(|| damaged("its key is malformed"))?;
        found.push(exposure(unit, value)?);
        Ok(Flow::Continue)
    })?;
    found.sort_by_key(|exposure| exposure.seq);
    if (1..).zip(&found).any(|(seq, exposure)| exposure.seq != seq) {
        return Err(damaged("the numbers of the enrolments have a gap"));
    }
    Ok(found)
}

/// How many exposures there are; an error if one is not where its number says.
pub(crate) fn check(tx: &dyn Read, experiment: &ExperimentName, variants: usize) -> Result<u64> {
    let all = all(tx, experiment)?;
    for exposure in &all {
        let unit = tx.get(Space::Traces, layout::enrolment(experiment.as_str(), exposure.seq).bytes())?;
        if unit.as_deref() != Some(exposure.unit.as_bytes()) || exposure.variant >= variants {
            return Err(damaged(&format!("the exposure of {} is not where its number says", exposure.unit)));
        }
    }
    Ok(all.len() as u64)
}
