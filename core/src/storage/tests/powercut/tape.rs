//! A file that writes down everything the engine asks of it, so that a power cut can be played afterwards.

use crate::storage::PerProcess;
use crate::storage::registry::FileId;
use redb::backends::FileBackend;
use redb::{BackendError, DatabaseError, StorageBackend, StorageError};
use std::fs::File;
use std::io;
use std::ops::Bound;
use std::path::Path;
use std::sync::{Arc, Mutex, Weak};

/// One thing asked of a file.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Asked {
    Write(u64, Vec<u8>),
    SetLen(u64),
    Sync,
}

/// Everything asked of one file, in order, by whichever thread.
#[derive(Debug, Default)]
pub(super) struct Tape(Mutex<Vec<Asked>>, Mutex<Full>);

/// Which writes a full disk refuses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::storage) enum Refuses {
    /// Those that need space which the file doesn't have yet, as with most file systems.
    #[default]
    Growth,
    /// All, as where every write goes to a new place.
    All,
}

/// After `in_writes` more writes the disk is full, for `lasting` refusals or until it is emptied.
#[derive(Debug, Default)]
struct Full {
    in_writes: Option<usize>,
    lasting: Option<usize>,
    refuses: Refuses,
    /// What the file has when it fills up.
    len: Option<u64>,
}

impl Full {
    /// Whether the disk refuses one more write, up to `end` of a file that is `len` long.
    fn refuses(&mut self, end: u64, len: u64) -> bool {
        match (&mut self.in_writes, &mut self.lasting) {
            (None, _) => return false,
            (Some(0), _) => {}
            (Some(left), _) => {
                *left -= 1;
                return false;
            }
        }
        if self.refuses == Refuses::Growth && end <= *self.len.get_or_insert(len) {
            return false;
        }
        match &mut self.lasting {
            None => true,
            Some(0) => {
                *self = Full::default();
                false
            }
            Some(left) => {
                *left -= 1;
                true
            }
        }
    }
}

/// The disk under one file, which can be full.
pub(in crate::storage) struct Disk(Arc<Tape>);

impl Disk {
    /// Of the file at `path`, which must be there and not be open yet.
    pub(in crate::storage) fn of(path: &Path) -> Disk {
        Disk(Tape::of(path))
    }

    /// It takes so many writes more, and then refuses `lasting` ones, or all.
    pub(in crate::storage) fn fill(&self, refuses: Refuses, in_writes: usize, lasting: Option<usize>) {
        *self.0.1.lock().unwrap() = Full { in_writes: Some(in_writes), lasting, refuses, len: None };
    }

    pub(in crate::storage) fn empty(&self) {
        *self.0.1.lock().unwrap() = Full::default();
    }
}

// By the file's identity: the engine opens a file several times, and is told a path only. Each process has its own: a
// child that another test forks while the lock is held must not wait for it.
static TAPES: PerProcess<Mutex<Tapes>> = PerProcess::new();
type Tapes = Vec<(FileId, Weak<Tape>)>;

impl Tape {
    /// Listens to the file at `path`, which must be there, from now on until the tape is dropped. The file is never
    /// synced meanwhile: the tape is what counts, and a sync is what costs.
    pub(super) fn of(path: &Path) -> Arc<Tape> {
        let tape = Arc::new(Tape::default());
        let file = FileId::of(&std::fs::metadata(path).unwrap());
        let mut tapes = TAPES.get().lock().unwrap();
        tapes.retain(|(_, tape)| tape.strong_count() > 0);
        tapes.push((file, Arc::downgrade(&tape)));
        tape
    }

    /// How much was asked until now.
    pub(super) fn position(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.0.lock().unwrap().clone()
    }
}

/// redb's file backend, with a tape beside it if somebody listens to that file.
#[derive(Debug)]
pub(in crate::storage) struct Taped {
    file: FileBackend,
    tape: Option<Arc<Tape>>,
}

impl Taped {
    pub(in crate::storage) fn new(file: File) -> Result<Taped, DatabaseError> {
        let meta = file.metadata().map_err(StorageError::Io)?;
        let tapes = TAPES.get().lock().unwrap();
        let mut found = tapes.iter().filter(|(of, _)| *of == FileId::of(&meta));
        let tape = found.find_map(|(_, tape)| tape.upgrade());
        Ok(Taped { file: FileBackend::new(file)?, tape })
    }

    /// Does `work`, and writes it down first; under one lock, so that the tape's order is the file's.
    fn noted(&self, asked: impl FnOnce() -> Asked, work: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let Some(tape) = &self.tape else { return work() };
        let asked = asked();
        let end = match &asked {
            Asked::Write(at, bytes) => at + bytes.len() as u64,
            // A longer file has no more space for that; only what is written there needs some.
            Asked::SetLen(_) | Asked::Sync => 0,
        };
        if tape.1.lock().unwrap().refuses(end, self.file.len()?) {
            return Err(io::Error::from_raw_os_error(libc::ENOSPC));
        }
        let mut tape = tape.0.lock().unwrap();
        let done = if asked == Asked::Sync { Ok(()) } else { work() };
        tape.push(asked);
        done
    }
}

impl StorageBackend for Taped {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.noted(|| Asked::SetLen(len), || self.file.set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.noted(|| Asked::Sync, || self.file.sync_data())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.noted(|| Asked::Write(offset, data.to_vec()), || self.file.write(offset, data))
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}
