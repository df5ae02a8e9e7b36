//! A file that is played: what is durable lies in memory, and its header is written to as redb does.

use super::batch::{Post, SharedLedger};
use super::commit::{Ledger, Queue};
use super::header::{Stamp, look};
use super::kv::{Read, Space, Write};
use super::memory::Memory;
use super::patient::Patience;
use super::table::WriteTables;
use super::task::hold;
use crate::error::{Error, Result};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use loom::cell::UnsafeCell;
use std::sync::Arc;

/// What is durable, and how writing it goes.
#[derive(Default)]
struct Durable {
    memory: Memory,
    commits: u64,
    /// The transaction, counted from 1, that the engine fails at its end.
    fails: Option<u64>,
    begun: u64,
}

#[derive(Default)]
pub(crate) struct File {
    durable: Mutex<Durable>,
    /// Whoever holds the baton writes to it: two that do at once, or one after the other without having met, are found.
    baton: Baton,
}

struct Baton(UnsafeCell<u64>);

// SAFETY: that no two threads are in it at once is what loom checks.
unsafe impl Sync for Baton {}
// SAFETY: a number.
unsafe impl Send for Baton {}

impl Default for Baton {
    fn default() -> Baton {
        Baton(UnsafeCell::new(0))
    }
}

impl File {
    pub(crate) fn failing_at(transaction: u64) -> File {
        let file = File::default();
        hold(&file.durable).fails = Some(transaction);
        file
    }

    pub(crate) fn read(&self, key: &[u8]) -> Option<Vec<u8>> {
        hold(&self.durable).memory.get(Space::Rows, key).unwrap()
    }

    pub(crate) fn commits(&self) -> u64 {
        hold(&self.durable).commits
    }
}

impl Ledger for File {
    fn transact(
        &self,
        _: Patience,
        fill: &mut dyn FnMut(&mut WriteTables<'_>) -> Result<bool>,
    ) -> Result<()> {
        let baton = self.baton.0.get_mut();
        let (mut memory, fails) = {
            let mut durable = hold(&self.durable);
            durable.begun += 1;
            (durable.memory.clone(), durable.fails == Some(durable.begun))
        };
        let filled = fill(&mut WriteTables(&mut memory));
        if fails {
            return Err(failed());
        }
        if filled? {
            let mut durable = hold(&self.durable);
            durable.memory = memory;
            durable.commits += 1;
        }
        drop(baton);
        Ok(())
    }

    fn closed(&self) -> Error {
        Error::Closed { path: "played".to_owned() }
    }

    fn panicked(&self, text: &str) -> Error {
        Error::Storage { path: "played".to_owned(), reason: text.to_owned(), source: None }
    }
}

fn failed() -> Error {
    Error::Storage { path: "played".to_owned(), reason: "the disk is full".to_owned(), source: None }
}

/// An open file.
#[derive(Default)]
pub(crate) struct Engine {
    queue: Queue,
    file: Arc<File>,
    header: Header,
}

impl Engine {
    pub(crate) fn of(file: File) -> Engine {
        Engine { file: Arc::new(file), ..Engine::default() }
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    fn ledger(&self) -> SharedLedger {
        self.file.clone()
    }

    pub(crate) fn write<T: Send + 'static>(
        &self,
        op: impl FnOnce(&mut dyn Write) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.queue.write(&*self.file, Patience, op)
    }

    pub(crate) fn submit<T: Send + 'static>(
        &self,
        op: impl FnOnce(&mut dyn Write) -> Result<T> + Send + 'static,
        done: impl FnOnce(Result<T>) + Send + 'static,
    ) {
        self.queue.submit(self.ledger(), Patience, op, done);
    }

    pub(crate) fn post(&self, post: Post) -> Result<()> {
        let Some(post) = self.queue.join(post) else { return Ok(()) };
        self.queue.post(self.ledger(), Patience, post)
    }

    pub(crate) fn shut(&self) {
        self.queue.shut(&*self.file);
    }

    pub(crate) fn stamp(&self) -> Result<Stamp> {
        Ok(self.header.stamp())
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }
}

pub(crate) const UNFLUSHED: u8 = 8;

/// What a commit slot leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Slot {
    /// The registry's epoch, and the version that the label points to.
    pub(crate) epoch: u64,
    pub(crate) version: u64,
}

/// redb's header, and the two slots behind it.
///
/// A commit writes to it three times: the new transaction's id into the slot that is not the primary; the god byte, which
/// makes that slot the primary and marks it unflushed; the god byte again, without the mark. Each is a system call, which no
/// store of the one before it overtakes: the stores are releases. Whoever begins a read holds the header's lock.
pub(crate) struct Header {
    god: AtomicU8,
    ids: [AtomicU64; 2],
    slots: Mutex<[Slot; 2]>,
}

impl Default for Header {
    fn default() -> Header {
        Header { god: AtomicU8::new(0), ids: [AtomicU64::new(2), AtomicU64::new(1)], slots: Mutex::default() }
    }
}

/// The stamps of the header as it is after each of the writes of so many commits.
pub(crate) fn states(commits: u64) -> Vec<Stamp> {
    let mut states = vec![(0u8, [2u64, 1])];
    for id in 3..3 + commits {
        let (_, mut ids) = states[states.len() - 1];
        let slot = usize::from(id % 2 == 1);
        ids[slot] = id;
        states.push((1 - slot as u8, ids));
        states.push((slot as u8 | UNFLUSHED, ids));
        states.push((slot as u8, ids));
    }
    states.into_iter().map(|(god, ids)| Stamp::new(1 << 8, god, ids)).collect()
}

impl Header {
    pub(crate) fn stamp(&self) -> Stamp {
        look(1 << 8, &self.god, [&self.ids[0], &self.ids[1]])
    }

    /// The `id`-th transaction; the first one is 3. One thread at a time.
    pub(crate) fn commit(&self, id: u64, change: impl FnOnce(&mut Slot)) {
        let slot = usize::from(id % 2 == 1);
        {
            let mut slots = hold(&self.slots);
            slots[slot] = slots[1 - slot];
            change(&mut slots[slot]);
            self.ids[slot].store(id, Ordering::Release);
        }
        {
            let _slots = hold(&self.slots);
            self.god.store(slot as u8 | UNFLUSHED, Ordering::Release);
        }
        let _slots = hold(&self.slots);
        self.god.store(slot as u8, Ordering::Release);
    }

    /// What a read that begins now sees.
    pub(crate) fn read(&self) -> Slot {
        let slots = hold(&self.slots);
        let god = self.god.load(Ordering::Relaxed);
        let primary = usize::from(god & 1);
        if god & UNFLUSHED == 0 { slots[primary] } else { slots[1 - primary] }
    }
}
