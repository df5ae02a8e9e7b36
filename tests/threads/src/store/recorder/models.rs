//! The bounded queue of calls that nobody waits for.

use super::queue::{Limits, Recorder, WhenFull};
use crate::error::Result;
use crate::models::check;
use crate::storage::engine::Engine;
use crate::storage::kv::{Space, Write};
use loom::thread;
use std::sync::Arc;

struct Store {
    engine: Engine,
    recorder: Recorder,
}

impl Store {
    fn new(when_full: WhenFull, calls: usize) -> Arc<Store> {
        let recorder = Recorder::new(Limits { when_full, calls, ..Limits::default() });
        Arc::new(Store { engine: Engine::default(), recorder })
    }

    fn log(&self, key: &'static [u8]) {
        self.recorder.submit(&self.engine, 1, move |tx| tx.put(Space::Rows, key, b"x"));
    }

    fn has(&self, key: &[u8]) -> bool {
        self.engine.file().read(key).is_some()
    }

    /// Recorded, dropped, failed; and nothing is on its way.
    fn at_rest(&self) -> (u64, u64, u64) {
        let state = self.recorder.state();
        assert_eq!((state.made - state.over, state.bytes), (0, 0));
        (state.recorded, state.dropped, state.all_failed)
    }
}

/// A queue with room for one: whoever finds it full waits, and is woken; a flush returns when all is durable.
pub fn a_full_queue_makes_callers_wait_and_wakes_them() {
    check(2, || {
        let store = Store::new(WhenFull::Block, 1);
        let other = {
            let store = store.clone();
            thread::spawn(move || {
                store.log(b"a");
                let state = store.recorder.state();
                assert!(state.made - state.over <= 1);
            })
        };
        store.log(b"b");
        other.join().unwrap();
        store.log(b"c");
        store.recorder.wait();
        assert!(store.has(b"a") && store.has(b"b") && store.has(b"c"));
        assert_eq!(store.at_rest(), (3, 0, 0));
        store.engine.shut();
    });
}

/// Each thread's flush waits for its own calls, whatever the other one does meanwhile.
pub fn a_flush_returns_when_what_was_logged_before_is_durable() {
    check(2, || {
        let store = Store::new(WhenFull::Block, 10);
        let log = |store: &Store, key: &'static [u8]| {
            store.log(key);
            store.recorder.wait();
            assert!(store.has(key), "flushed, and not durable");
            store.recorder.settle().unwrap();
        };
        let other = {
            let store = store.clone();
            thread::spawn(move || log(&store, b"a"))
        };
        log(&store, b"b");
        other.join().unwrap();
        assert_eq!(store.at_rest(), (2, 0, 0));
        store.engine.shut();
    });
}

/// A queue that drops counts every call once.
pub fn a_call_is_recorded_or_dropped() {
    check(2, || {
        let store = Store::new(WhenFull::Drop, 1);
        let other = {
            let store = store.clone();
            thread::spawn(move || store.log(b"a"))
        };
        store.log(b"b");
        other.join().unwrap();
        store.recorder.wait();
        let (recorded, dropped, failed) = store.at_rest();
        assert_eq!((recorded + dropped, failed), (2, 0));
        assert!(recorded >= 1);
        assert_eq!(recorded, u64::from(store.has(b"a")) + u64::from(store.has(b"b")));
        store.engine.shut();
    });
}

/// A store that is closed under a call: it is refused, counted as failed, and no flush waits for it.
pub fn a_refused_call_keeps_no_flush_waiting() {
    check(3, || {
        let store = Store::new(WhenFull::Block, 1);
        let other = {
            let store = store.clone();
            thread::spawn(move || {
                store.log(b"a");
                store.recorder.wait();
            })
        };
        store.engine.shut();
        store.recorder.wait();
        other.join().unwrap();
        let (recorded, dropped, failed) = store.at_rest();
        assert_eq!((recorded + failed, dropped), (1, 0));
        assert_eq!((recorded == 1, failed == 1), (store.has(b"a"), store.recorder.settle().is_err()));
    });
}
