//! The calls that are on their way: counted, bounded, and waited for.
//!
//! Invariants: a call that was taken up is counted until its commit is durable or has failed; at most so many calls and
//! bytes of texts as [`Limits`] says are on their way, and the next caller waits, or its call is dropped and counted; a
//! failure is kept until it was raised. The store's writer thread tells the outcomes, in the order of the calls, so it never
//! waits here. A forked child begins with an empty queue: what its parent asked for is its parent's.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::storage::kv::Write;
use crate::storage::{Ended, Engine, PerProcess, Post, Told};
use crate::store::background;
use crate::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// What becomes of a `log` or `score` that finds as many calls on their way as may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenFull {
    /// It waits until there is room: nothing is lost, and a caller may be slowed down.
    #[default]
    Block,
    /// It is dropped, and counted in [`RecorderStats::dropped`](super::RecorderStats::dropped): no caller is ever slowed down. It is no error.
    Drop,
}

impl std::str::FromStr for WhenFull {
    type Err = Error;

    fn from_str(text: &str) -> Result<WhenFull> {
        match text {
            "block" => Ok(WhenFull::Block),
            "drop" => Ok(WhenFull::Drop),
            _ => {
                let reason =
                    format!("a call that finds the queue full is to block or to drop, not to `{text}`");
                Err(Error::InvalidArgument { argument: "when_full".to_owned(), reason })
            }
        }
    }
}

/// How much may be on its way at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Limits {
    pub(in crate::store) when_full: WhenFull,
    pub(in crate::store) calls: usize,
    /// Of texts. One call may have more.
    pub(in crate::store) bytes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { when_full: WhenFull::Block, calls: 10_000, bytes: 64 << 20 }
    }
}

impl Limits {
    pub(in crate::store) fn check(&self) -> Result<()> {
        for (argument, limit) in [("max_queue_size", self.calls), ("max_queue_bytes", self.bytes)] {
            if limit == 0 {
                let reason = "a queue has room for 1 or more".to_owned();
                return Err(Error::InvalidArgument { argument: argument.to_owned(), reason });
            }
        }
        Ok(())
    }
}

#[derive(Default)]
pub(super) struct State {
    /// Calls that were taken up, and those of them that are over. They end in the order in which they were posted.
    pub(super) made: u64,
    pub(super) over: u64,
    pub(super) bytes: usize,
    pub(super) recorded: u64,
    pub(super) dropped: u64,
    pub(super) all_failed: u64,
    /// Since it was last raised.
    failed: u64,
    first: Option<Error>,
}

impl State {
    fn full(&self, limits: &Limits, bytes: usize) -> bool {
        self.made - self.over >= limits.calls as u64
            || (self.bytes > 0 && self.bytes.saturating_add(bytes) > limits.bytes)
    }

    fn fail(&mut self, failed: u64, first: Option<Error>) {
        self.failed += failed;
        self.all_failed += failed;
        if let Some(error) = first {
            self.first.get_or_insert(error);
        }
    }
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
        while busy(&state) && background::may_wait() {
            state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state
    }

    /// Takes up a call; says whether there was room.
    fn take(&self, limits: &Limits, bytes: usize) -> bool {
        let mut state = match limits.when_full {
            WhenFull::Block => self.hold_unless(|state| state.full(limits, bytes)),
            WhenFull::Drop => self.hold(),
        };
        if limits.when_full == WhenFull::Drop && state.full(limits, bytes) {
            state.dropped += 1;
            return false;
        }
        state.made += 1;
        state.bytes += bytes;
        true
    }

    /// A call that was taken up was not taken by the engine.
    fn refused(&self, bytes: usize, error: Error) {
        let mut state = self.hold();
        state.made -= 1;
        state.bytes -= bytes;
        state.fail(1, Some(error));
        drop(state);
        self.moved.notify_all();
    }
}

impl Told for Line {
    fn ended(&self, ended: Ended) {
        let mut state = self.hold();
        state.over += ended.posts;
        state.recorded += ended.posts - ended.failed;
        state.bytes -= ended.bytes;
        state.fail(ended.failed, ended.first);
        drop(state);
        self.moved.notify_all();
    }
}

/// The calls of one handle that nobody waits for.
pub(in crate::store) struct Recorder {
    limits: Limits,
    line: PerProcess<Arc<Line>>,
}

impl Recorder {
    pub(in crate::store) fn new(limits: Limits) -> Recorder {
        Recorder { limits, line: PerProcess::new() }
    }

    pub(in crate::store) fn submit(
        &self,
        engine: &Engine,
        bytes: usize,
        op: impl FnOnce(&mut dyn Write) -> Result<()> + Send + 'static,
    ) {
        let line = self.line.get();
        if line.take(&self.limits, bytes)
            && let Err(error) = engine.post(Post { op: Box::new(op), bytes, told: line.clone() })
        {
            line.refused(bytes, error);
        }
    }

    /// Waits until every call that was made before this one is durable, or has failed.
    pub(in crate::store) fn wait(&self) {
        let line = self.line.get();
        let made = line.hold().made;
        // One that was refused after it had been counted leaves fewer to wait for.
        drop(line.hold_unless(|state| state.over < made.min(state.made)));
    }

    /// Raises what went wrong since the last time.
    pub(in crate::store) fn settle(&self) -> Result<()> {
        let mut state = self.line.get().hold();
        let failed = std::mem::take(&mut state.failed);
        match state.first.take() {
            Some(first) => Err(Error::Deferred { first: Box::new(first), failed }),
            None => Ok(()),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.line.get().hold()
    }

    pub(super) fn would_block(&self) -> bool {
        self.limits.when_full == WhenFull::Block && self.state().full(&self.limits, 0)
    }
}
