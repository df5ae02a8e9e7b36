//! Group commit: callers that write at the same time share one transaction and its two fsyncs.
//!
//! Invariants.
//! 1. One thread holds the baton (`leading`); only it begins a transaction and takes from the queue. While
//!    nobody leads, the queue is empty.
//! 2. The baton is handed over in every case, also when an operation or the engine panics (`Baton` drops).
//! 3. An operation runs over its own overlay, so what a failing or panicking one did is nowhere.
//! 4. Operations run in the order they were asked for, whoever leads: who submits A and then writes B sees A in B.
//! 5. A caller that waits in the queue never waits for the writer thread, because it may be the writer thread itself, in a
//!    callback. So callers are handed the baton first, and a baton the writer thread hasn't taken up is anybody's.
//! 6. Everybody is told the outcome after the commit is durable, and nobody before.
//!
//! A caller who finds nobody leading runs on its own thread, over its own stack: no hop, no queue. The leader waits for the
//! file first and takes the queue afterwards, so those who come while it waits still join. An operation may `submit`, but must
//! not `write`: it would wait for itself.

use super::again::panic_text;
use super::batch::{Place, SharedLedger};
use super::kv::Write;
use super::patient::Patience;
use super::table::WriteTables;
use super::task::{Own, Queued, State, Task, Ticket, Turn, hold};
use crate::error::{Error, Result};
use crate::sync::{Condvar, Mutex, MutexGuard, PoisonError, thread};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Operations in one transaction at most, so that nobody waits for ever for a group to close.
const GROUP: usize = 1024;

/// Where a group is written.
pub(super) trait Ledger {
    /// Begins a transaction, lets `fill` write into it, and commits if that says so.
    fn transact(
        &self,
        patience: Patience,
        fill: &mut dyn FnMut(&mut WriteTables<'_>) -> Result<bool>,
    ) -> Result<()>;
    fn closed(&self) -> Error;
    /// The error of an operation that panicked where no caller waits to panic in its place.
    fn panicked(&self, text: &str) -> Error;
}

pub(super) enum Waiting {
    Caller(Arc<dyn Queued>),
    /// From `submit`: led and told by the writer thread.
    Submitted(Arc<dyn Queued>, Patience),
    /// From `post`: as those, and open to the next post as long as it is the last.
    Posted(Place),
}

impl Waiting {
    fn operations(&self) -> usize {
        match self {
            Waiting::Caller(_) | Waiting::Submitted(..) => 1,
            Waiting::Posted(place) => place.len(),
        }
    }
}

type Callback = Box<dyn FnOnce() + Send>;

#[derive(Default)]
pub(super) struct Line {
    leading: bool,
    pub(super) waiting: VecDeque<Waiting>,
    /// The baton is the writer thread's, and it has to take it up.
    for_writer: bool,
    /// Callbacks to be called by the writer thread, and whether it is in one.
    tell: VecDeque<Callback>,
    telling: bool,
    writer: Option<thread::ThreadId>,
    pub(super) shut: bool,
}

impl Line {
    fn idle(&self) -> bool {
        !self.leading && self.waiting.is_empty() && self.tell.is_empty() && !self.telling
    }
}

#[derive(Default)]
pub(super) struct Shared {
    pub(super) line: Mutex<Line>,
    /// Something for the writer thread, or the line has become idle.
    moved: Condvar,
}

impl Shared {
    pub(super) fn tell(&self, callback: Callback) {
        hold(&self.line).tell.push_back(callback);
        self.moved.notify_all();
    }
}

/// The queue of writers of one file.
#[derive(Default)]
pub(super) struct Queue(pub(super) Arc<Shared>);

impl Queue {
    pub(super) fn write<T, F>(&self, ledger: &dyn Ledger, patience: Patience, op: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Write) -> Result<T> + Send + 'static,
    {
        let mut line = hold(&self.0.line);
        if line.shut {
            return Err(ledger.closed());
        }
        if !line.leading || line.for_writer {
            line.leading = true;
            line.for_writer = false;
            let before = line.waiting.len();
            drop(line);
            let own = Own(RefCell::new(State::Waiting(op)));
            self.lead(ledger, patience, &own, before);
            return own.0.into_inner().outcome().unwrap_or_else(|| Err(ledger.closed()));
        }
        let ticket = Arc::new(Ticket::new(op));
        line.waiting.push_back(Waiting::Caller(ticket.clone()));
        drop(line);
        if let Turn::Lead(before) = ticket.wait() {
            self.lead(ledger, patience, &*ticket, before);
        }
        ticket.take().outcome().unwrap_or_else(|| Err(ledger.closed()))
    }

    /// `ledger` is kept by the writer thread until the queue is shut.
    pub(super) fn submit<T, F, D>(&self, ledger: SharedLedger, patience: Patience, op: F, done: D)
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Write) -> Result<T> + Send + 'static,
        D: FnOnce(Result<T>) + Send + 'static,
    {
        let mut line = hold(&self.0.line);
        if line.shut {
            drop(line);
            return done(Err(ledger.closed()));
        }
        if !self.has_writer(&mut line, &ledger) {
            // No thread to be had: better slow than lost.
            drop(line);
            return done(self.write(&*ledger, patience, op));
        }
        let submission = Submission {
            state: Mutex::new(Some((State::Waiting(op), done))),
            queue: self.0.clone(),
            panicked: Box::new(move |text| ledger.panicked(text)),
        };
        line.waiting.push_back(Waiting::Submitted(Arc::new(submission), patience));
        self.call_writer(line);
    }

    /// Whether there is a writer thread; begins it if need be.
    pub(super) fn has_writer(&self, line: &mut Line, ledger: &SharedLedger) -> bool {
        if line.writer.is_none() {
            let (queue, ledger) = (Queue(self.0.clone()), ledger.clone());
            let spawned = thread::Builder::new()
                .name("trialplate-writer".to_owned())
                .spawn(move || queue.serve(ledger));
            line.writer = spawned.ok().map(|thread| thread.thread().id());
        }
        line.writer.is_some()
    }

    /// Hands the baton to the writer thread, unless somebody has it.
    pub(super) fn call_writer(&self, mut line: MutexGuard<'_, Line>) {
        if !line.leading {
            line.leading = true;
            line.for_writer = true;
            drop(line);
            self.0.moved.notify_all();
        }
    }

    /// Refuses newcomers and returns when everybody who was there has been told.
    pub(super) fn shut(&self, ledger: &dyn Ledger) {
        let mut line = hold(&self.0.line);
        line.shut = true;
        self.0.moved.notify_all();
        if line.writer == Some(thread::current().id()) {
            // Closed from inside a callback: this is the thread that would have to do the rest.
            loop {
                if let Some(work) = self.next(&mut line) {
                    drop(line);
                    self.work(ledger, work);
                    line = hold(&self.0.line);
                } else if line.leading {
                    line = self.0.moved.wait(line).unwrap_or_else(PoisonError::into_inner);
                } else {
                    return;
                }
            }
        }
        while !line.idle() {
            line = self.0.moved.wait(line).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Leads one group: the first `before` of the queue, then `own`, then the rest. `own` is settled when this
    /// returns, and so is everyone who joined.
    fn lead(&self, ledger: &dyn Ledger, patience: Patience, own: &dyn Task, before: usize) {
        let baton = Baton(self);
        let mut group: Vec<Arc<dyn Queued>> = Vec::new();
        let outcome = ledger.transact(patience, &mut |tx| {
            let mut changed = false;
            let (mut place, mut operations) = (0, 0);
            while place <= before || operations < GROUP {
                if place == before {
                    changed |= own.run(tx)?;
                } else {
                    // Taken with the lock, run without: the queue is open to others meanwhile.
                    let Some(waiting) = self.pop() else { break };
                    operations += waiting.operations();
                    let task = self.task(waiting);
                    group.push(task.clone());
                    changed |= task.run(tx)?;
                }
                place += 1;
            }
            Ok(changed)
        });
        let outcome = match &outcome {
            Ok(()) => Ok(()),
            Err(error) => Err(error),
        };
        own.settle(outcome);
        for task in &group {
            task.settle(outcome);
        }
        drop(baton);
    }

    fn pop(&self) -> Option<Waiting> {
        hold(&self.0.line).waiting.pop_front()
    }

    fn task(&self, waiting: Waiting) -> Arc<dyn Queued> {
        match waiting {
            Waiting::Caller(task) | Waiting::Submitted(task, _) => task,
            Waiting::Posted(place) => place.into_task(self.0.clone()),
        }
    }

    fn pass_on(&self) {
        let mut line = hold(&self.0.line);
        let caller = line.waiting.iter().position(|waiting| matches!(waiting, Waiting::Caller(_)));
        if let Some(before) = caller
            && let Some(Waiting::Caller(task)) = line.waiting.remove(before)
        {
            drop(line);
            return task.lead(before);
        }
        if line.waiting.is_empty() {
            line.leading = false;
        } else {
            line.for_writer = true;
        }
        // Only the writer thread and a closing one wait here.
        if line.writer.is_some() || line.shut {
            drop(line);
            self.0.moved.notify_all();
        }
    }

    /// The writer thread.
    fn serve(&self, ledger: SharedLedger) {
        super::fork::leave_signals_to_others();
        let generation = super::fork::generation();
        let mut line = hold(&self.0.line);
        loop {
            if let Some(work) = self.next(&mut line) {
                line.telling = matches!(work, Work::Tell(_));
                drop(line);
                self.work(&*ledger, work);
                if super::fork::generation() != generation {
                    // A callback forked, and this is the child: nothing here is ours.
                    std::mem::forget(ledger);
                    return;
                }
                line = hold(&self.0.line);
                line.telling = false;
                self.0.moved.notify_all();
            } else if line.shut && line.idle() {
                return;
            } else {
                line = self.0.moved.wait(line).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    fn next(&self, line: &mut Line) -> Option<Work> {
        if line.for_writer {
            line.for_writer = false;
            // By invariant 1 nobody else has taken from the queue since the baton was handed over.
            match line.waiting.pop_front() {
                Some(Waiting::Submitted(task, patience)) => return Some(Work::Lead(task, patience)),
                Some(Waiting::Posted(place)) => {
                    let patience = place.patience;
                    return Some(Work::Lead(place.into_task(self.0.clone()), patience));
                }
                Some(Waiting::Caller(_)) | None => {}
            }
        }
        line.tell.pop_front().map(Work::Tell)
    }

    fn work(&self, ledger: &dyn Ledger, work: Work) {
        match work {
            Work::Lead(task, patience) => self.lead(ledger, patience, &*task, 0),
            // A callback's panic is its own affair; the next ones must be called all the same.
            Work::Tell(callback) => drop(catch_unwind(AssertUnwindSafe(callback))),
        }
    }
}

enum Work {
    Lead(Arc<dyn Queued>, Patience),
    Tell(Callback),
}

/// Hands the leading over, however the leading ends.
struct Baton<'a>(&'a Queue);

impl Drop for Baton<'_> {
    fn drop(&mut self) {
        self.0.pass_on();
    }
}

/// The operation of a caller that doesn't wait.
struct Submission<T, F, D> {
    state: Mutex<Option<(State<T, F>, D)>>,
    queue: Arc<Shared>,
    panicked: Box<dyn Fn(&str) -> Error + Send + Sync>,
}

impl<T, F, D> Task for Submission<T, F, D>
where
    T: Send + 'static,
    F: FnOnce(&mut dyn Write) -> Result<T> + Send + 'static,
    D: FnOnce(Result<T>) + Send + 'static,
{
    fn run(&self, tx: &mut WriteTables<'_>) -> Result<bool> {
        hold(&self.state).as_mut().map_or(Ok(false), |(state, _)| state.run(tx))
    }

    fn settle(&self, outcome: std::result::Result<(), &Error>) {
        let Some((mut state, done)) = hold(&self.state).take() else { return };
        state.settle(outcome);
        let result = match state {
            State::Settled(result) => result,
            State::Panicked(panic) => Err((self.panicked)(panic_text(&*panic))),
            _ => Err((self.panicked)("it was not run")),
        };
        self.queue.tell(Box::new(move || done(result)));
    }
}

impl<T, F, D> Queued for Submission<T, F, D>
where
    T: Send + 'static,
    F: FnOnce(&mut dyn Write) -> Result<T> + Send + 'static,
    D: FnOnce(Result<T>) + Send + 'static,
{
    fn lead(&self, _: usize) {}
}
