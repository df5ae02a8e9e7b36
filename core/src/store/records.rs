//! Whether an entry is what its key says: every kind of record, decoded on its own.

use super::care::part_name;
use crate::calibration::store::CalibrationRecord;
use crate::codec::hash::Object;
use crate::codec::record::{Record, decode};
use crate::datasets::{DatasetRecord, DatasetVersionRecord, ItemRecord};
use crate::drift::store::{CanaryRecord, EntryRecord};
use crate::error::Result;
use crate::experiments::exposures::ExposureRecord;
use crate::experiments::record::ExperimentRecord;
use crate::gates::store::VerdictRecord;
use crate::prompts::guards::{AutoRecord, GuardRecord};
use crate::prompts::labels::{LabelRecord, MoveRecord};
use crate::prompts::versions::{NumberRecord, PromptRecord, VersionRecord};
use crate::runs::lifecycle::{RunNameRecord, RunRecord, WithdrawnRecord};
use crate::runs::metrics::MetricRecord;
use crate::runs::rows::RowRecord;
use crate::storage::entry::{Kind, entry};
use crate::storage::kv::Space;
use crate::storage::log;
use crate::traces::scores::ScoreRecord;
use crate::traces::verify::check_column;
use crate::traces::{FactsRecord, TraceRecord};

/// Whether an entry is what its key says, as far as it can be told from the entry alone; otherwise what is wrong.
pub(super) fn check(space: Space, key: &[u8], value: &[u8]) -> std::result::Result<(), String> {
    let Some((kind, _)) = entry(space, key) else {
        return Err("no key looks like this".to_owned());
    };
    match kind {
        Kind::Object => match Object::id_of_bytes(value) {
            Some(id) if id.as_bytes() == key => Ok(()),
            _ => Err("its bytes have another hash".to_owned()),
        },
        Kind::Event => log::check_entry(key, value).map_err(|error| error.to_string()),
        // Eight bytes of a number that only ever is compared.
        Kind::Epoch if value.len() != 8 => Err("it is no number".to_owned()),
        Kind::Enrolment if std::str::from_utf8(value).is_err() => Err("it is no text".to_owned()),
        Kind::RunOf if !value.is_empty() => Err("it holds something".to_owned()),
        kind => {
            by_kind(kind, value).and_then(|()| check_column(kind, value)).map_err(|error| error.to_string())
        }
    }
}

fn by_kind(kind: Kind, value: &[u8]) -> Result<()> {
    each(kind, value, &mut Decode)
}

/// Does something with bytes that are to be a record.
pub(super) trait With {
    fn with<T: Record>(&mut self, value: &[u8]) -> Result<()>;
}

struct Decode;

impl With for Decode {
    fn with<T: Record>(&mut self, value: &[u8]) -> Result<()> {
        decode::<T>(value).map(drop)
    }
}

/// Hands the bytes to `w` as the record that entries of this kind hold.
pub(super) fn each(kind: Kind, value: &[u8], w: &mut impl With) -> Result<()> {
    match kind {
        Kind::Prompt => w.with::<PromptRecord>(value),
        Kind::Version => w.with::<VersionRecord>(value),
        Kind::Label => w.with::<LabelRecord>(value),
        Kind::Move => w.with::<MoveRecord>(value),
        Kind::Guard => w.with::<GuardRecord>(value),
        Kind::Auto => w.with::<AutoRecord>(value),
        Kind::Dataset => w.with::<DatasetRecord>(value),
        Kind::DatasetVersion => w.with::<DatasetVersionRecord>(value),
        Kind::Item => w.with::<ItemRecord>(value),
        Kind::Metric => w.with::<MetricRecord>(value),
        Kind::Run => w.with::<RunRecord>(value),
        Kind::RunName => w.with::<RunNameRecord>(value),
        Kind::Withdrawn => w.with::<WithdrawnRecord>(value),
        Kind::Calibration => w.with::<CalibrationRecord>(value),
        Kind::Verdict => w.with::<VerdictRecord>(value),
        Kind::Canary => w.with::<CanaryRecord>(value),
        Kind::CanaryEntry => w.with::<EntryRecord>(value),
        Kind::Experiment => w.with::<ExperimentRecord>(value),
        Kind::Number => w.with::<NumberRecord>(value),
        Kind::Row => w.with::<RowRecord>(value),
        Kind::Trace => w.with::<TraceRecord>(value),
        Kind::TraceFacts => w.with::<FactsRecord>(value),
        Kind::TraceScore => w.with::<ScoreRecord>(value),
        Kind::Exposure => w.with::<ExposureRecord>(value),
        Kind::Store | Kind::Object | Kind::RunOf | Kind::Event | Kind::Epoch | Kind::Enrolment => Ok(()),
        // Columns are no records: `check_column` reads them.
        _ => Ok(()),
    }
}

/// An entry in words: what it is, or its key if no such key is ever written.
pub(super) fn named(space: Space, key: &[u8]) -> String {
    entry(space, key)
        .map_or_else(|| format!("the entry {} of {}", key.escape_ascii(), part_name(space)), |(_, name)| name)
}
