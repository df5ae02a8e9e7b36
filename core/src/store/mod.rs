//! The hall: one short method per verb, one transaction per verb.

mod background;
mod cache;
mod calibrate;
mod call;
mod canaries;
mod care;
mod data;
mod doctor;
mod evaluate;
mod experiments;
mod guard;
#[cfg(any(test, fuzzing))]
pub(crate) mod hostile;
mod lost;
mod recorder;
mod records;
mod registry;
#[cfg(test)]
mod tests;
mod traces;
mod verify;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub use calibrate::CalibrateOptions;
pub use call::{VERBS, call_doctor};
pub use canaries::NewCanary;
pub use care::{Backup, Compacted, PartUse, RunUse, SpaceUse};
pub use doctor::{Diagnosis, DoctorOptions, Finding, Left, Salvaged, doctor};
pub use evaluate::{FinishedRun, RunOptions};
pub use experiments::{ConcludeOptions, Conclusion, ExposeOptions};
pub use guard::{Checked, PromoteOptions};
pub use recorder::{Durability, RecorderStats, WhenFull};
pub use registry::MoveOptions;
pub use traces::{GivenScore, LiveFilter, LoggedCall, TraceFilter, TraceOrder, TracePage};
pub use verify::Report;

use crate::error::{Error, Result};
use crate::model::event::Event;
use crate::model::time::Timestamp;
use crate::storage::kv::{Flow, Read, Write};
use crate::storage::log::{self, Author};
use crate::storage::{Engine, EngineOptions};
use cache::Cache;
use experiments::Experiments;
use recorder::{Limits, Recorder};

/// How a store is opened.
///
/// # Examples
/// ```
/// # fn main() -> trialplate::Result<()> {
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("prompts.tp");
/// use std::time::Duration;
/// let store = trialplate::OpenOptions::new().actor("ada").busy_timeout(Duration::from_secs(1)).open(&path)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct OpenOptions {
    read_only: bool,
    busy_timeout: Duration,
    actor: Option<String>,
    limits: Limits,
}

impl Default for OpenOptions {
    fn default() -> OpenOptions {
        OpenOptions {
            read_only: false,
            busy_timeout: Duration::from_secs(5),
            actor: None,
            limits: Limits::default(),
        }
    }
}

impl OpenOptions {
    /// Reading and writing, a busy timeout of five seconds, no actor; a queue of 10,000 calls and 64 MiB that blocks.
    pub fn new() -> OpenOptions {
        OpenOptions::default()
    }

    /// Refuses every write, and a file that is not there.
    #[must_use]
    pub fn read_only(mut self, read_only: bool) -> OpenOptions {
        self.read_only = read_only;
        self
    }

    /// How long a write waits for another process before it gives up with `busy`.
    #[must_use]
    pub fn busy_timeout(mut self, timeout: Duration) -> OpenOptions {
        self.busy_timeout = timeout;
        self
    }

    /// Who is written down as the author of what this handle does.
    #[must_use]
    pub fn actor(mut self, actor: impl Into<String>) -> OpenOptions {
        self.actor = Some(actor.into());
        self
    }

    /// What becomes of a `log` or `score` that finds as many calls on their way as may be.
    #[must_use]
    pub fn when_full(mut self, when_full: WhenFull) -> OpenOptions {
        self.limits.when_full = when_full;
        self
    }

    /// How many `log` and `score` calls may be on their way at once: 10,000, if nothing else is said.
    #[must_use]
    pub fn max_queue_size(mut self, calls: usize) -> OpenOptions {
        self.limits.calls = calls;
        self
    }

    /// How many bytes of texts those calls may have together: 64 MiB, if nothing else is said. A single call may
    /// have more.
    #[must_use]
    pub fn max_queue_bytes(mut self, bytes: usize) -> OpenOptions {
        self.limits.bytes = bytes;
        self
    }

    /// Opens the store; makes the file if it is missing.
    ///
    /// # Errors
    /// `invalid-argument` for a queue without room; `not-a-store`, `newer-format`, `damaged`, `locks-unsupported`, `busy`, `storage`; `store-not-found` if
    /// it is opened read-only and is not there.
    pub fn open(self, path: impl AsRef<Path>) -> Result<Store> {
        let OpenOptions { read_only, busy_timeout, actor, limits } = self;
        limits.check()?;
        let engine = Engine::open(path.as_ref(), EngineOptions { read_only, busy_timeout })?;
        let (cache, recorder) = (Arc::new(Cache::new()), Arc::new(Recorder::new(limits)));
        let experiments = Arc::new(Experiments::new());
        Ok(Store { engine, actor: actor.map(Into::into), cache, experiments, recorder })
    }
}

/// One file of versioned prompts, datasets, runs, traces, scores and gates.
///
/// Clones share the file; a store may be used from any thread, in a forked child (which opens its own handle by
/// itself), and beside any number of other processes that have the same file open.
#[derive(Clone)]
pub struct Store {
    engine: Engine,
    actor: Option<Arc<str>>,
    cache: Arc<Cache>,
    experiments: Arc<Experiments>,
    recorder: Arc<Recorder>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("path", &self.engine.path()).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the store at `path` with the default options; makes the file if it is missing.
    ///
    /// # Errors
    /// As [`OpenOptions::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Store> {
        OpenOptions::new().open(path)
    }

    /// The file, as it was named.
    pub fn path(&self) -> &Path {
        self.engine.path()
    }

    /// Closes this handle and its clones, after what `log` and `score` were asked for; any later call says `closed`.
    /// Closing twice is fine.
    ///
    /// # Errors
    /// `storage` if the operating system refuses. What [`Store::flush`] would raise; the handle is closed all the same.
    pub fn close(&self) -> Result<()> {
        self.recorder.wait();
        self.engine.close()?;
        self.recorder.settle()
    }

    /// Whether the handle was closed.
    pub fn is_closed(&self) -> bool {
        self.engine.is_closed()
    }

    /// The log, oldest first: at most `limit` entries behind position `after`.
    ///
    /// # Errors
    /// `damaged-record` if an entry can't be read.
    pub fn events(&self, after: u64, limit: usize) -> Result<Vec<Event>> {
        self.read(|tx| {
            let mut events = Vec::new();
            log::visit(tx, after, &mut |event| {
                if events.len() >= limit {
                    return Ok(Flow::Stop);
                }
                events.push(event);
                Ok(Flow::Continue)
            })?;
            Ok(events)
        })
    }

    fn read<T>(&self, f: impl FnOnce(&dyn Read) -> Result<T>) -> Result<T> {
        background::lend(f, |tx, f| f(tx)).unwrap_or_else(|f| self.engine.read(f))
    }

    fn write<T: Send + 'static>(
        &self,
        op: impl FnOnce(&mut dyn Write, &Author) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if self.engine.read_only() {
            return Err(Error::ReadOnly { path: self.path().display().to_string() });
        }
        let author = self.author();
        let op = move |tx: &mut dyn Write| op(tx, &author);
        match background::lend(op, |tx, op| op(tx)) {
            Ok(result) => result.inspect(|_| background::note_written()),
            Err(op) => self.engine.write(op),
        }
    }

    fn author(&self) -> Author {
        Author { actor: self.actor.as_deref().map(str::to_owned), now: Timestamp::now() }
    }
}
