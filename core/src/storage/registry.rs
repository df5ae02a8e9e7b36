//! One engine per file in a process: who opens a file that is open already shares it.

use super::EngineOptions;
use super::current::OfProcess;
use super::open;
use super::per_process::PerProcess;
use super::shared::Shared;
use crate::error::Result;
use std::collections::HashMap;
use std::fs::Metadata;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Which file it is, whatever it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct FileId(u64, u64);

impl FileId {
    #[cfg(unix)]
    pub(super) fn of(meta: &Metadata) -> FileId {
        use std::os::unix::fs::MetadataExt;
        FileId(meta.dev(), meta.ino())
    }

    // Windows tells a file's number only through its handle, and doesn't let an open file be replaced;
    // its time of creation tells two files apart well enough.
    #[cfg(windows)]
    pub(super) fn of(meta: &Metadata) -> FileId {
        use std::os::windows::fs::MetadataExt;
        FileId(u64::from(meta.file_attributes()), meta.creation_time())
    }
}

type Table = HashMap<FileId, (Arc<Shared>, usize)>;

// A child forked while another thread held the lock begins with a registry of its own.
static OPEN: PerProcess<Mutex<Table>> = PerProcess::new();

/// The engine of the file at `path`, opened if need be. To be paid back with [`detach`].
pub(super) fn attach(path: &Path, options: &EngineOptions) -> Result<Arc<Shared>> {
    super::fork::watch();
    // Held while the file is opened, so that two threads don't open it twice.
    let mut table = OPEN.get().lock().unwrap_or_else(PoisonError::into_inner);
    let door = open::door(path, options)?;
    if let Some((shared, users)) = table.get_mut(&door.file_id()) {
        *users += 1;
        return Ok(shared.clone());
    }
    let shared = Arc::new(open::open(door, options)?);
    table.insert(shared.place().file, (shared.clone(), 1));
    Ok(shared)
}

/// Gives an engine back; the last one to do so closes the file.
pub(super) fn detach(shared: &Arc<Shared>) -> Result<()> {
    if shared.generation() != super::fork::generation() {
        return Ok(());
    }
    let mut table = OPEN.get().lock().unwrap_or_else(PoisonError::into_inner);
    let file = shared.place().file;
    match table.get_mut(&file) {
        Some((found, users)) if Arc::ptr_eq(found, shared) => {
            *users -= 1;
            if *users > 0 {
                return Ok(());
            }
            table.remove(&file);
        }
        _ => return Ok(()),
    }
    drop(table);
    shared.shut()
}
