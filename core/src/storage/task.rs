//! The operations of a group, whatever their types: run once over an overlay, told once how it went.

use super::again::again;
use super::kv::Write;
use super::overlay::Overlay;
use super::table::WriteTables;
use crate::error::{Error, Result};
use crate::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

// Nothing behind these mutexes is left half-done by a panic: operations run inside `catch_unwind`.
pub(super) fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An operation and its outcome, whatever its type.
pub(super) trait Task {
    /// Runs the operation, and says whether it wrote anything. An error is the engine's, and concerns the whole group.
    fn run(&self, tx: &mut WriteTables<'_>) -> Result<bool>;
    /// Tells the outcome of the whole group.
    fn settle(&self, outcome: std::result::Result<(), &Error>);
}

/// A task in the queue.
pub(super) trait Queued: Task + Send + Sync {
    /// Hands its caller the baton; the first `before` of the queue came earlier.
    fn lead(&self, before: usize);
}

pub(super) enum State<T, F> {
    Waiting(F),
    Running,
    Ran(Result<T>),
    Panicked(Box<dyn Any + Send>),
    Settled(Result<T>),
}

impl<T, F: FnOnce(&mut dyn Write) -> Result<T>> State<T, F> {
    pub(super) fn run(&mut self, tx: &mut WriteTables<'_>) -> Result<bool> {
        let State::Waiting(op) = std::mem::replace(self, State::Running) else { return Ok(false) };
        let mut overlay = Overlay::new(&*tx);
        let changes = match catch_unwind(AssertUnwindSafe(|| op(&mut overlay))) {
            Ok(result) => {
                let changes = result.is_ok().then(|| overlay.into_changes());
                *self = State::Ran(result);
                changes
            }
            Err(panic) => {
                *self = State::Panicked(panic);
                None
            }
        };
        match changes {
            Some(changes) if !changes.is_empty() => changes.apply(tx).map(|()| true),
            _ => Ok(false),
        }
    }

    pub(super) fn settle(&mut self, outcome: std::result::Result<(), &Error>) {
        *self = match (std::mem::replace(self, State::Running), outcome) {
            (State::Panicked(panic), _) => State::Panicked(panic),
            // An operation's own answer may rest on what others of its group wrote, so it falls with them.
            (_, Err(error)) => State::Settled(Err(again(error))),
            (State::Ran(result), Ok(())) => State::Settled(result),
            (other, Ok(())) => other,
        };
    }

    /// What the caller gets. `None`: it never ran and was never told why, which no path allows.
    pub(super) fn outcome(self) -> Option<Result<T>> {
        match self {
            State::Settled(result) => Some(result),
            State::Panicked(panic) => resume_unwind(panic),
            _ => None,
        }
    }
}

/// The operation of a caller that leads at once, on its stack.
pub(super) struct Own<T, F>(pub(super) RefCell<State<T, F>>);

impl<T, F: FnOnce(&mut dyn Write) -> Result<T>> Task for Own<T, F> {
    fn run(&self, tx: &mut WriteTables<'_>) -> Result<bool> {
        self.0.borrow_mut().run(tx)
    }

    fn settle(&self, outcome: std::result::Result<(), &Error>) {
        self.0.borrow_mut().settle(outcome);
    }
}

/// The operation of a caller that waits for another's commit.
pub(super) struct Ticket<T, F> {
    state: Mutex<(State<T, F>, Turn)>,
    turned: Condvar,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    Wait,
    /// The baton is this caller's; so many in the queue came before it.
    Lead(usize),
    Done,
}

impl<T, F> Ticket<T, F> {
    pub(super) fn new(op: F) -> Ticket<T, F> {
        Ticket { state: Mutex::new((State::Waiting(op), Turn::Wait)), turned: Condvar::new() }
    }

    /// Waits for the baton or for the outcome.
    pub(super) fn wait(&self) -> Turn {
        let mut state = hold(&self.state);
        while state.1 == Turn::Wait {
            state = self.turned.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.1
    }

    pub(super) fn take(&self) -> State<T, F> {
        std::mem::replace(&mut hold(&self.state).0, State::Running)
    }

    fn turn(&self, turn: Turn) {
        hold(&self.state).1 = turn;
        self.turned.notify_one();
    }
}

impl<T, F: FnOnce(&mut dyn Write) -> Result<T>> Task for Ticket<T, F> {
    fn run(&self, tx: &mut WriteTables<'_>) -> Result<bool> {
        hold(&self.state).0.run(tx)
    }

    fn settle(&self, outcome: std::result::Result<(), &Error>) {
        hold(&self.state).0.settle(outcome);
        self.turn(Turn::Done);
    }
}

impl<T: Send, F: FnOnce(&mut dyn Write) -> Result<T> + Send> Queued for Ticket<T, F> {
    fn lead(&self, before: usize) {
        self.turn(Turn::Lead(before));
    }
}
