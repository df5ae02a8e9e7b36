//! What is remembered, and what it is worth.

use super::cache::Cache;
use crate::model::version::PromptVersion;
use crate::models::check;
use crate::storage::Engine;
use crate::sync::atomic::{AtomicU64, Ordering};
use loom::thread;
use std::sync::Arc;

struct Store {
    engine: Engine,
    cache: Cache,
    /// The version that a commit which has returned made current.
    told: AtomicU64,
}

impl Store {
    fn new() -> Arc<Store> {
        Arc::new(Store { engine: Engine::default(), cache: Cache::new(), told: AtomicU64::new(0) })
    }

    /// Moves the label on (`+`) or records a score (`.`), one after the other.
    fn commit(&self, id: u64, what: &str) {
        for (id, what) in (id..).zip(what.chars()) {
            let mut version = 0;
            self.engine.header().commit(id, |slot| {
                if what == '+' {
                    (slot.epoch, slot.version) = (slot.epoch + 1, slot.version + 1);
                }
                version = slot.version;
            });
            self.told.store(version, Ordering::Release);
        }
    }

    /// As the hall does. Never older than what was told, nor than what this thread has seen.
    fn get(&self, seen: &mut u64) {
        let least = self.told.load(Ordering::Acquire).max(*seen);
        let epoch = |engine: &Engine| Ok(engine.header().read().epoch);
        let load = || Ok(PromptVersion(self.engine.header().read().version));
        let version = self.cache.get(&self.engine, epoch, "p", "production", load).unwrap().0;
        assert!(version >= least, "version {version}, but {least} was told");
        *seen = version;
    }
}

/// Commits `before`, and asks, so that something is remembered; commits `between`, so that it must be looked into; then asks
/// `gets` times, and once on each of `others` more threads, while `meanwhile` is committed.
fn play(switches: usize, [before, between, meanwhile]: [&'static str; 3], gets: usize, others: usize) {
    check(switches, move || {
        let store = Store::new();
        let mut id = 3;
        store.commit(id, before);
        id += before.len() as u64;
        let mut seen = 0;
        store.get(&mut seen);
        store.commit(id, between);
        id += between.len() as u64;
        let mut threads = Vec::new();
        for _ in 0..others {
            let store = store.clone();
            threads.push(thread::spawn(move || store.get(&mut 0)));
        }
        let writer = store.clone();
        threads.push(thread::spawn(move || writer.commit(id, meanwhile)));
        (0..gets).for_each(|_| store.get(&mut seen));
        for thread in threads {
            thread.join().unwrap();
        }
        let last = [before, between, meanwhile].concat().matches('+').count();
        // Once more from memory, too.
        for _ in 0..2 {
            store.get(&mut seen);
            assert_eq!(seen, last as u64);
        }
    });
}

/// The label moves twice under one that remembers it.
pub fn no_get_is_older_than_what_was_told() {
    play(2, ["+", "", "++"], 2, 0);
}

/// What was remembered outlives a score, and not the move that comes while it is looked into.
pub fn a_score_before_a_move() {
    play(2, ["+", ".", "+"], 2, 0);
}

/// A score and a move, while another thread fills the table as well.
pub fn a_score_and_a_move() {
    play(1, ["+", "", ".+"], 1, 1);
}

/// Two threads that fill one table while the label moves.
pub fn threads_share_a_table() {
    play(2, ["", "", "+"], 1, 1);
}

/// A slow thread sets the table back to a stamp that has passed, under a state that is newer than what another slow one files.
pub fn a_slow_thread_files_nothing_old() {
    check(2, || {
        let store = Store::new();
        let slow = store.clone();
        let slow = thread::spawn(move || slow.get(&mut 0));
        let writer = store.clone();
        let writer = thread::spawn(move || {
            writer.commit(3, "+");
            writer.get(&mut 1);
        });
        let mut seen = 0;
        store.get(&mut seen);
        store.get(&mut seen);
        slow.join().unwrap();
        writer.join().unwrap();
        store.get(&mut seen);
        assert_eq!(seen, 1);
    });
}
