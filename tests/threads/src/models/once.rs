//! What threads agree on without a lock.

use super::check;
use crate::storage::PerProcess;
use loom::cell::UnsafeCell;
use loom::thread;
use std::sync::Arc;

/// A value whose making and whose reading loom watches.
struct Watched(UnsafeCell<u64>);

// SAFETY: that it is whole when it is read is what loom checks.
unsafe impl Sync for Watched {}
// SAFETY: a number.
unsafe impl Send for Watched {}

impl Default for Watched {
    fn default() -> Watched {
        let watched = Watched(UnsafeCell::new(0));
        // SAFETY: nobody else has it yet.
        watched.0.with_mut(|value| unsafe { *value = 7 });
        watched
    }
}

/// Everybody gets the same value, and whole.
pub fn one_value_for_all_threads() {
    check(4, || {
        let cell = Arc::new(PerProcess::<Watched>::new());
        let look = |cell: &PerProcess<Watched>| {
            let value = cell.get();
            // SAFETY: nobody writes to it any more.
            assert_eq!(value.0.with(|value| unsafe { *value }), 7);
            std::ptr::from_ref(value) as usize
        };
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let cell = cell.clone();
                thread::spawn(move || (look(&cell), look(&cell)))
            })
            .collect();
        let here = look(&cell);
        for thread in threads {
            assert_eq!(thread.join().unwrap(), (here, here));
        }
    });
}
