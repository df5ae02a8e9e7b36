//! A look at the header while others commit.

use super::check;
use crate::storage::engine::{Header, states};
use crate::sync::atomic::{AtomicU64, Ordering};
use loom::thread;
use std::sync::Arc;

/// A stamp is a state that the header really had, and none from before a commit that the looker knows of.
pub fn a_look_is_a_state_that_was() {
    const COMMITS: u64 = 2;
    check(3, || {
        let header = Arc::new(Header::default());
        let done = Arc::new(AtomicU64::new(0));
        let writer = {
            let (header, done) = (header.clone(), done.clone());
            thread::spawn(move || {
                for n in 0..COMMITS {
                    header.commit(3 + n, |_| {});
                    done.store(n + 1, Ordering::Release);
                }
            })
        };
        let states = states(COMMITS);
        let mut least = 0;
        for _ in 0..2 {
            least = least.max(3 * done.load(Ordering::Acquire) as usize);
            let seen = header.stamp();
            // The same state is there twice where a write changed nothing.
            let at = states.iter().rposition(|state| *state == seen);
            assert!(at.is_some_and(|at| at >= least), "{seen:?} after write {least}");
            least = states.iter().position(|state| *state == seen).unwrap_or(least);
        }
        writer.join().unwrap();
        assert_eq!(Some(&header.stamp()), states.last());
    });
}
