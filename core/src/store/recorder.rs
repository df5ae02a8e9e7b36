//! Writes that nobody waits for: `log` and `score` return at once, and what goes wrong later is told at `flush`.
//!
//! `queue` counts them; here are the verbs.

use serde::Serialize;

use super::{Store, background};
use crate::error::{Error, Result};
use crate::model::time::Timestamp;
use crate::storage::kv::Write;
use crate::storage::log::Author;

mod queue;

pub use queue::WhenFull;
pub(super) use queue::{Limits, Recorder};

/// When a call returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// At once; the effect is durable within 200 ms, or when `flush` or `close` returns.
    #[default]
    Soon,
    /// When the effect survives a kill and a power loss.
    Now,
}

/// What the recorder of a handle has done in this process since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct RecorderStats {
    /// Calls on their way.
    pub waiting: u64,
    /// Bytes of their texts.
    pub waiting_bytes: u64,
    /// Calls that are durable.
    pub recorded: u64,
    /// Calls that were dropped, because the queue was full.
    pub dropped: u64,
    /// Calls that failed after they had returned; the next `flush` raises the first of them.
    pub failed: u64,
    /// Transactions that this process has committed to the file, of this handle and others, for any verb.
    pub commits: u64,
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

    /// What `log` and `score` of this handle have come to in this process: how many calls are on their way, durable,
    /// dropped and failed.
    ///
    /// It waits for nothing. A forked child counts from 0.
    ///
    /// # Errors
    /// `closed`.
    pub fn recorder(&self) -> Result<RecorderStats> {
        if self.is_closed() {
            return Err(Error::Closed { path: self.path().display().to_string() });
        }
        let commits = self.engine.commits()?;
        let state = self.recorder.state();
        Ok(RecorderStats {
            waiting: state.made - state.over,
            waiting_bytes: state.bytes as u64,
            recorded: state.recorded,
            dropped: state.dropped,
            failed: state.all_failed,
            commits,
        })
    }

    /// Whether a `log` or `score` would have to wait for room in the queue before it returns.
    pub fn would_block(&self) -> bool {
        self.recorder.would_block()
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
        let (actor, now) = (self.actor.clone(), Timestamp::now());
        self.recorder.submit(&self.engine, bytes, move |tx| {
            op(tx, &Author { actor: actor.as_deref().map(str::to_owned), now })
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests;
