//! Writes that nobody waits for: `log` and `score` return at once, and what goes wrong later is told at `flush`.
//!
//! Invariants: a call that was taken up is counted until its commit is durable or has failed; at most [`MAX_CALLS`] calls
//! and [`MAX_BYTES`] of texts are counted, and the next caller waits; a failure is kept until it was raised. The
//! store's writer thread tells the outcomes, so it never waits here. A forked child begins with an empty queue: what
//! its parent asked for is its parent's.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::{Store, background};
use crate::error::{Error, Result};
use crate::storage::kv::Write;
use crate::storage::log::Author;
use crate::storage::{Engine, PerProcess};

/// Calls that may be on their way at once.
const MAX_CALLS: usize = 10_000;
/// Bytes of their texts that may be. One call may be larger.
const MAX_BYTES: usize = 64 << 20;

/// When a call returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// At once; the effect is durable within 200 ms, or when `flush` or `close` returns.
    #[default]
    Soon,
    /// When the effect survives a kill and a power loss.
    Now,
}

#[derive(Default)]
struct State {
    last: u64,
    /// Each call on its way, and its bytes.
    calls: BTreeMap<u64, usize>,
    bytes: usize,
    failed: u64,
    first: Option<Error>,
}

#[derive(Default)]
struct Line {
    state: Mutex<State>,
    moved: Condvar,
}

impl Line {
    // No code that could panic runs under this lock.
    fn hold(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits while `busy` says so, if this thread may.
    fn hold_unless(&self, busy: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let mut state = self.hold();
        while background::may_wait() && busy(&state) {
            state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state
    }

    fn over(&self, call: u64, result: Result<()>) {
        let mut state = self.hold();
        let bytes = state.calls.remove(&call).unwrap_or_default();
        state.bytes -= bytes;
        if let Err(error) = result {
            state.failed += 1;
            state.first.get_or_insert(error);
        }
        drop(state);
        self.moved.notify_all();
    }
}

/// The calls of one handle that nobody waits for.
pub(super) struct Recorder(PerProcess<Arc<Line>>);

impl Recorder {
    pub(super) fn new() -> Recorder {
        Recorder(PerProcess::new())
    }

    fn submit(
        &self,
        engine: &Engine,
        bytes: usize,
        op: impl FnOnce(&mut dyn Write) -> Result<()> + Send + 'static,
    ) {
        let line = Arc::clone(self.0.get());
        let full = |state: &State| {
            state.calls.len() >= MAX_CALLS || (state.bytes > 0 && state.bytes + bytes > MAX_BYTES)
        };
        let mut state = line.hold_unless(full);
        state.last += 1;
        state.bytes += bytes;
        let call = state.last;
        state.calls.insert(call, bytes);
        drop(state);
        engine.submit(op, move |result| line.over(call, result));
    }

    /// Waits until every call that was made before this one is durable, or has failed.
    pub(super) fn wait(&self) {
        let line = self.0.get();
        let last = line.hold().last;
        let earlier = |state: &State| state.calls.first_key_value().is_some_and(|(call, _)| *call <= last);
        drop(line.hold_unless(earlier));
    }

    /// Raises what went wrong since the last time.
    pub(super) fn settle(&self) -> Result<()> {
        let mut state = self.0.get().hold();
        let failed = std::mem::take(&mut state.failed);
        match state.first.take() {
            Some(first) => Err(Error::Deferred { first: Box::new(first), failed }),
            None => Ok(()),
        }
    }
}

impl Store {
    /// Waits until all that `log` and `score` of this handle were asked for is durable.
    ///
    /// # Errors
    /// The first error of those calls that was found after they had returned (such as `trace-exists`,
    /// `trace-not-found`, `version-not-found`, `score-out-of-range`, `busy`), with the number of calls that failed.
    /// It is raised once. `closed`.
    pub fn flush(&self) -> Result<()> {
        if self.is_closed() {
            return Err(Error::Closed { path: self.path().display().to_string() });
        }
        self.recorder.wait();
        self.recorder.settle()
    }

    /// As `write`, but returns at once if it may.
    pub(super) fn write_soon(
        &self,
        durability: Durability,
        bytes: usize,
        op: impl FnOnce(&mut dyn Write, &Author) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        // Inside of a transaction the call belongs to that.
        if durability == Durability::Now || background::is_inside() {
            return self.write(op);
        }
        let path = || self.path().display().to_string();
        if self.is_closed() {
            return Err(Error::Closed { path: path() });
        }
        if self.engine.read_only() {
            return Err(Error::ReadOnly { path: path() });
        }
        let author = self.author();
        self.recorder.submit(&self.engine, bytes, move |tx| op(tx, &author));
        Ok(())
    }
}
