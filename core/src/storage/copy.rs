//! A new store file, filled from an open one.
//!
//! Invariant: a file has the name that was asked for only once it is whole and on the disk. Until then it lies beside it under a
//! name of its own (the same folder is the same file system), and is removed if anything goes wrong.

use super::kv::{Flow, Order, Read, Space};
use super::trouble::{io, text};
use super::{Engine, EngineOptions};
use crate::error::{Error, Result};
use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Above every key: keys begin with a tag, or with a hash of 32 bytes.
pub(crate) const END: [u8; 33] = [0xFF; 33];

/// What one transaction of the copy takes, so that a large store needs no memory of its size.
const BATCH: usize = 8 << 20;

/// A store that is being made.
pub(crate) struct NewFile {
    to: PathBuf,
    part: PathBuf,
    engine: Engine,
    batch: Vec<(Space, Vec<u8>, Vec<u8>)>,
    bytes: usize,
    entries: u64,
}

impl NewFile {
    /// Begins a store that will be called `to`.
    ///
    /// # Errors
    /// `file-exists` if anything has that name; `storage` if the folder takes no file.
    pub(crate) fn begin(to: &Path) -> Result<NewFile> {
        let to = std::path::absolute(to).map_err(|error| io(to, "this is not a path of a file", error))?;
        refuse_existing(&to)?;
        let name = to.file_name().ok_or_else(|| Error::InvalidArgument {
            argument: "to".to_owned(),
            reason: "give the path of a file that is not there yet".to_owned(),
        })?;
        let number = RandomState::new().build_hasher().finish();
        let part = to.with_file_name(format!("{}.{number:016x}.part", name.to_string_lossy()));
        let options = EngineOptions { read_only: false, busy_timeout: Duration::from_secs(5) };
        let engine = Engine::open(&part, options)?;
        Ok(NewFile { to, part, engine, batch: Vec::new(), bytes: 0, entries: 0 })
    }

    /// Where it lies until it has its name.
    pub(crate) fn part(&self) -> &Path {
        &self.part
    }

    /// How many entries it was given.
    pub(crate) fn entries(&self) -> u64 {
        self.entries
    }

    pub(crate) fn put(&mut self, space: Space, key: &[u8], value: &[u8]) -> Result<()> {
        self.batch.push((space, key.to_vec(), value.to_vec()));
        self.bytes += key.len() + value.len();
        self.entries += 1;
        if self.bytes >= BATCH { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        self.bytes = 0;
        let batch = std::mem::take(&mut self.batch);
        self.engine
            .write(move |tx| batch.iter().try_for_each(|(space, key, value)| tx.put(*space, key, value)))
    }

    /// Copies all of a store.
    pub(crate) fn fill(&mut self, from: &dyn Read) -> Result<()> {
        for space in Space::ALL {
            from.scan(space, &[], &END, Order::Ascending, &mut |key, value| {
                self.put(space, key, value)?;
                Ok(Flow::Continue)
            })?;
        }
        Ok(())
    }

    /// Writes what is left and lets go of the file, so that it can be opened and checked.
    pub(crate) fn settle(&mut self) -> Result<()> {
        self.flush()?;
        self.engine.close()
    }

    /// Gives it its name; its size in bytes. Never replaces a file, not even one that came meanwhile.
    pub(crate) fn name(self) -> Result<u64> {
        let refused = |error| io(&self.to, "the file could not be given its name", error);
        let file = File::open(&self.part).map_err(refused)?;
        file.sync_all().map_err(refused)?;
        let bytes = file.metadata().map_err(refused)?.len();
        match std::fs::hard_link(&self.part, &self.to) {
            // The other name goes when `self` does.
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                return Err(Error::FileExists { path: text(&self.to) });
            }
            // A file system without links.
            Err(_) => {
                refuse_existing(&self.to)?;
                std::fs::rename(&self.part, &self.to).map_err(refused)?;
            }
        }
        // A name is durable when its folder is. Not every system lets a folder be opened.
        if let Some(folder) = self.to.parent().and_then(|folder| File::open(folder).ok()) {
            let _ = folder.sync_all();
        }
        Ok(bytes)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        let _ = self.engine.close();
        let _ = std::fs::remove_file(&self.part);
    }
}

fn refuse_existing(to: &Path) -> Result<()> {
    // Not through a link: one that leads nowhere is a name in use as well.
    match std::fs::symlink_metadata(to) {
        Ok(_) => Err(Error::FileExists { path: text(to) }),
        Err(_) => Ok(()),
    }
}
