//! The file as a thing to look after: a copy of it, and what takes the space.

use std::path::Path;

use serde::Serialize;

use super::{OpenOptions, Store};
use crate::error::{Error, Result};
use crate::model::id::RunId;
use crate::storage::copy::{END, NewFile};
use crate::storage::kv::{self, Flow, Order, Read};
use crate::storage::{layout, log};

/// A copy that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Backup {
    /// Where it is, as it was asked for.
    pub path: String,
    /// The size of the file.
    pub bytes: u64,
    /// Entries that were copied.
    pub entries: u64,
    /// Events in its log: all that happened before the copy was begun.
    pub events: u64,
}

/// What a compaction did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Compacted {
    /// The size of the file before.
    pub bytes_before: u64,
    /// Its size now.
    pub bytes: u64,
}

/// What takes the space of a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SpaceUse {
    /// The size of the file. More than the entries: pages are not full, and freed ones stay in the file for later.
    pub file_bytes: u64,
    /// Entries in all.
    pub entries: u64,
    /// Bytes of all keys and values.
    pub bytes: u64,
    /// One for each part of the store, always all of them and in this order: `objects` (contents, items, gates, scorers,
    /// verdicts), `refs` (what they are called), `log`, `rows` (of runs), `traces` (and their scores).
    pub parts: Vec<PartUse>,
    /// The runs whose rows take most, at most ten, the largest first.
    pub largest_runs: Vec<RunUse>,
}

/// What one part of a store takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PartUse {
    /// Its name.
    pub part: &'static str,
    /// How many entries it has.
    pub entries: u64,
    /// Bytes of their keys.
    pub key_bytes: u64,
    /// Bytes of their values.
    pub value_bytes: u64,
}

/// What the rows of a run take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RunUse {
    /// The run's id.
    pub run: String,
    /// Its rows.
    pub rows: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
}

#[cfg(test)]
mod tests;

/// How many of the largest are named.
const LARGEST: usize = 10;

impl Store {
    /// Copies the store as it is at this moment into a new file, while others read and write, and checks the copy
    /// as [`Store::verify`] does before it gets its name. What comes during the copy is not in it.
    ///
    /// # Errors
    /// `file-exists` if `to` is there: nothing is ever replaced. `damaged` if the copy does not hold together, which
    /// means that this store does not either; see `verify`. `invalid-argument`, `storage`. No file is left behind.
    pub fn backup(&self, to: impl AsRef<Path>) -> Result<Backup> {
        let to = to.as_ref();
        if to.as_os_str().is_empty() {
            let reason = "give the path of a file that is not there yet".to_owned();
            return Err(Error::InvalidArgument { argument: "to".to_owned(), reason });
        }
        self.recorder.wait();
        self.read(|tx| {
            let mut file = NewFile::begin(to)?;
            file.fill(tx)?;
            file.settle()?;
            let events = log::head(tx)?.map_or(0, |(seq, _)| seq);
            // In here, so that a call inside of a transaction has lent that one away and the copy is read by its own.
            let copy = OpenOptions::new().read_only(true).open(file.part())?;
            let report = copy.verify()?;
            copy.close()?;
            if let Some(broken) = report.broken {
                let reason = format!("its copy was thrown away, because {broken}");
                return Err(Error::Damaged { path: self.path().display().to_string(), reason });
            }
            let entries = file.entries();
            Ok(Backup { path: to.display().to_string(), bytes: file.name()?, entries, events })
        })
    }

    /// Makes the file as small as it can be: pages that were freed stay in it otherwise, for what comes later. Changes
    /// nothing that is stored, so it is no event. Others may have the store open; their calls wait meanwhile.
    ///
    /// # Errors
    /// `busy` if anybody is reading or writing at this moment; `read-only`, `storage`.
    pub fn compact(&self) -> Result<Compacted> {
        self.recorder.wait();
        let bytes_before = self.file_bytes()?;
        self.engine.compact()?;
        Ok(Compacted { bytes_before, bytes: self.file_bytes()? })
    }

    fn file_bytes(&self) -> Result<u64> {
        let path = self.path();
        let meta = std::fs::metadata(path).map_err(|error| Error::Storage {
            path: path.display().to_string(),
            reason: "the file could not be examined".to_owned(),
            source: Some(error),
        })?;
        Ok(meta.len())
    }

    /// What takes the space. Reads every entry once.
    ///
    /// # Errors
    /// Only if the file can't be read.
    pub fn space(&self) -> Result<SpaceUse> {
        self.recorder.wait();
        let file_bytes = self.file_bytes()?;
        let (parts, mut largest_runs) = self.read(|tx| {
            let mut runs = Vec::new();
            let mut parts = Vec::new();
            for space in kv::Space::ALL {
                parts.push(weigh(tx, space, &mut runs)?);
            }
            Ok((parts, runs))
        })?;
        // The order of the ids breaks ties, and a stable sort keeps it.
        largest_runs.sort_by_key(|run| std::cmp::Reverse(run.bytes));
        largest_runs.truncate(LARGEST);
        Ok(SpaceUse {
            file_bytes,
            entries: parts.iter().map(|part| part.entries).sum(),
            bytes: parts.iter().map(|part| part.key_bytes + part.value_bytes).sum(),
            parts,
            largest_runs,
        })
    }
}

fn weigh(tx: &dyn Read, space: kv::Space, runs: &mut Vec<RunUse>) -> Result<PartUse> {
    let mut part = PartUse { part: part_name(space), entries: 0, key_bytes: 0, value_bytes: 0 };
    let mut current = None;
    tx.scan(space, &[], &END, Order::Ascending, &mut |key, value| {
        let (key_bytes, value_bytes) = (key.len() as u64, value.len() as u64);
        part.entries += 1;
        part.key_bytes += key_bytes;
        part.value_bytes += value_bytes;
        if space == kv::Space::Rows
            && let Some(run) = layout::run_in_row(key)
        {
            // Rows of a run lie together.
            if current != Some(run) {
                current = Some(run);
                runs.push(RunUse { run: RunId::from_bytes(run).to_string(), rows: 0, bytes: 0 });
            }
            if let Some(last) = runs.last_mut() {
                last.rows += 1;
                last.bytes += key_bytes + value_bytes;
            }
        }
        Ok(Flow::Continue)
    })?;
    Ok(part)
}

/// The public name of a part.
pub(super) fn part_name(space: kv::Space) -> &'static str {
    match space {
        kv::Space::Objects => "objects",
        kv::Space::Refs => "refs",
        kv::Space::Log => "log",
        kv::Space::Rows => "rows",
        kv::Space::Traces => "traces",
    }
}
