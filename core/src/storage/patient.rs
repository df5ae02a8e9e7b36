//! redb's file backend, but no wait for a lock is without an end.
//!
//! redb waits for locks in the kernel, for ever: opening a file while another process holds a write transaction took as
//! long as that transaction (600 s, measured). Here every wait polls, and gives up at a deadline. A lock
//! that was not obtained changed nothing, so the database isn't poisoned by it.
//!
//! The turnstile keeps writers fair. A process that commits in a loop leaves the writer byte free for
//! microseconds only, and a poll would hardly ever hit them. So whoever wants to write takes the turnstile byte, waits for the
//! writer byte, then lets go of the turnstile: the one in a loop has to queue behind the one who waits.

use super::fork::Guarded;
/// The same for the tests that cut the power: a backend that writes down what it is asked.
#[cfg(all(test, unix))]
use super::tests::powercut::Taped as FileBackend;
#[cfg(not(all(test, unix)))]
use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};
use std::fs::File;
use std::io;
use std::ops::Bound;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The byte a redb writer holds, from redb's design page.
pub(super) const WRITER_BYTE: u64 = 1 << 62;
/// A byte below redb's own and far above any page.
const TURNSTILE: u64 = WRITER_BYTE - 4096;
/// Locks other than the writer byte are held for microseconds, and for the length of a compaction.
const MOMENT: Duration = Duration::from_secs(5);

pub(super) fn byte(at: u64) -> (Bound<u64>, Bound<u64>) {
    (Bound::Included(at), Bound::Included(at))
}

/// How long to wait, counted from when the caller began to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    since: Instant,
    limit: Duration,
}

impl Patience {
    pub(super) fn new(limit: Duration) -> Patience {
        Patience { since: Instant::now(), limit }
    }

    pub(super) fn waited(&self) -> Duration {
        self.since.elapsed()
    }

    fn left(&self) -> Duration {
        self.limit.saturating_sub(self.since.elapsed())
    }
}

/// Growing pauses: a few yields, then sleeps from 20 us to 1 ms, with jitter so that waiters part.
pub(super) struct Pauses {
    patience: Patience,
    round: u32,
    noise: u64,
}

impl Pauses {
    pub(super) fn new(patience: Patience) -> Pauses {
        // Any number that differs between processes and moments will do.
        let noise =
            u64::from(std::process::id()) << 32 | u64::from(patience.since.elapsed().subsec_nanos() | 1);
        Pauses { patience, round: 0, noise }
    }

    /// Pauses; false if the time is over.
    pub(super) fn pause(&mut self) -> bool {
        let left = self.patience.left();
        if left.is_zero() {
            return false;
        }
        self.round += 1;
        if self.round <= 4 {
            std::thread::yield_now();
            return true;
        }
        self.noise ^= self.noise << 13;
        self.noise ^= self.noise >> 7;
        self.noise ^= self.noise << 17;
        let base = 20u64 << (self.round - 5).min(6);
        let micros = base.min(1000) * (75 + self.noise % 51) / 100;
        std::thread::sleep(Duration::from_micros(micros).min(left));
        true
    }
}

/// Marks the error of a wait that ended at its deadline.
#[derive(Debug)]
pub(super) struct WaitedTooLong;

impl std::fmt::Display for WaitedTooLong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a lock was not obtained in time")
    }
}

impl std::error::Error for WaitedTooLong {}

fn too_long() -> BackendError {
    BackendError::Io(io::Error::new(io::ErrorKind::TimedOut, WaitedTooLong))
}

/// Polls until `attempt` succeeds.
fn wait(
    patience: Patience,
    mut attempt: impl FnMut() -> Result<bool, BackendError>,
) -> Result<(), BackendError> {
    let mut pauses = Pauses::new(patience);
    while !attempt()? {
        if !pauses.pause() {
            return Err(too_long());
        }
    }
    Ok(())
}

/// The opened file, shared by redb and by us.
#[derive(Debug)]
pub(super) struct Backing {
    // Fields drop in this order: unguarded first, then closed.
    _guarded: Guarded,
    file: FileBackend,
}

impl Backing {
    pub(super) fn new(file: File) -> Result<Arc<Backing>, redb::DatabaseError> {
        let guarded = Guarded::new(&file);
        Ok(Arc::new(Backing { _guarded: guarded, file: FileBackend::new(file)? }))
    }

    /// Runs `attempt`, which tries for the writer byte, until it has it, behind the turnstile.
    pub(super) fn queue_for_writer<T, E: From<BackendError>>(
        &self,
        patience: Patience,
        mut attempt: impl FnMut() -> Result<Option<T>, E>,
    ) -> Result<Option<T>, E> {
        let mut pauses = Pauses::new(patience);
        let (start, end) = byte(TURNSTILE);
        while !self.file.try_lock_range(start, end)? {
            if !pauses.pause() {
                return Ok(None);
            }
        }
        let _passed = Held { file: &self.file, at: TURNSTILE };
        // The next one at the turnstile is the next one to write, so it looks often.
        let mut pauses = Pauses::new(patience);
        loop {
            match attempt() {
                Ok(None) => {}
                done => return done,
            }
            if !pauses.pause() {
                return Ok(None);
            }
        }
    }

    /// Runs `work` while holding the writer byte; for files that redb doesn't have open yet.
    pub(super) fn as_writer<T>(
        &self,
        patience: Patience,
        work: impl FnOnce() -> io::Result<T>,
    ) -> Result<T, BackendError> {
        let (start, end) = byte(WRITER_BYTE);
        wait(patience, || self.file.try_lock_range(start, end))?;
        let _writing = Held { file: &self.file, at: WRITER_BYTE };
        Ok(work()?)
    }
}

/// Lets go of a byte in whatever way the work under it ended.
struct Held<'a> {
    file: &'a FileBackend,
    at: u64,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let (start, end) = byte(self.at);
        // A failure leaves the byte locked until the file is closed, and there is no more to do.
        let _ = self.file.unlock_range(start, end);
    }
}

/// What redb is handed.
#[derive(Debug)]
pub(super) struct Patient {
    backing: Arc<Backing>,
    /// For the writer byte, which redb waits for only while it opens a database.
    patience: Patience,
}

impl Patient {
    pub(super) fn new(backing: Arc<Backing>, patience: Patience) -> Patient {
        Patient { backing, patience }
    }
}

impl StorageBackend for Patient {
    fn len(&self) -> io::Result<u64> {
        self.backing.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.backing.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.backing.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.backing.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.backing.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.backing.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.backing.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.backing.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        if (start, end) != byte(WRITER_BYTE) {
            let patience = Patience::new(MOMENT);
            return wait(patience, || self.backing.file.try_lock_range(start, end));
        }
        let won = self.backing.queue_for_writer(self.patience, || {
            Ok::<_, BackendError>(self.backing.file.try_lock_range(start, end)?.then_some(()))
        })?;
        won.ok_or_else(too_long)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        let patience = Patience::new(MOMENT);
        wait(patience, || self.backing.file.try_lock_shared_range(start, end))
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.backing.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.backing.file.query_lock_range(start, end)
    }
}
