//! What belongs to one process: the second half of the fork guard (invariant 2 of `fork`), without a lock.
//!
//! Invariants: all threads of a process get the same value, whole; a value that was given out is never freed before the
//! cell, and one of another generation never at all.

use super::fork::generation;
use crate::sync::atomic::{AtomicPtr, Ordering};
use std::marker::PhantomData;

/// A value of this process: a child begins with a fresh one, and leaks its parent's.
pub(crate) struct PerProcess<T> {
    cell: AtomicPtr<Owned<T>>,
    // Send and Sync as a T is.
    owns: PhantomData<T>,
}

struct Owned<T> {
    generation: u64,
    value: T,
}

impl<T: Default> PerProcess<T> {
    #[cfg(not(loom))]
    pub(crate) const fn new() -> PerProcess<T> {
        PerProcess { cell: AtomicPtr::new(std::ptr::null_mut()), owns: PhantomData }
    }

    // The same, but loom's atomics can't be made by a constant.
    #[cfg(loom)]
    pub(crate) fn new() -> PerProcess<T> {
        PerProcess { cell: AtomicPtr::new(std::ptr::null_mut()), owns: PhantomData }
    }

    pub(crate) fn get(&self) -> &T {
        loop {
            let found = self.cell.load(Ordering::Acquire);
            // SAFETY: a pointer in the cell came from `Box::into_raw` below and is freed by nobody but
            // `drop`, which has `&mut self`; a replaced one is leaked. So it outlives this borrow.
            if let Some(owned) = unsafe { found.as_ref() }
                && owned.generation == generation()
            {
                return &owned.value;
            }
            let fresh = Box::into_raw(Box::new(Owned { generation: generation(), value: T::default() }));
            if self.cell.compare_exchange(found, fresh, Ordering::AcqRel, Ordering::Acquire).is_err() {
                // Another thread of this process was first.
                // SAFETY: the exchange failed, so nobody else has seen this pointer.
                drop(unsafe { Box::from_raw(fresh) });
            }
        }
    }
}

impl<T> Drop for PerProcess<T> {
    fn drop(&mut self) {
        // Nobody else has the cell, so any order will do.
        let found = self.cell.load(Ordering::Relaxed);
        // SAFETY: as in `get`; and `&mut self` says that no borrow is left.
        if let Some(owned) = unsafe { found.as_ref() }
            && owned.generation == generation()
        {
            // SAFETY: it came from `Box::into_raw`, and the cell is going away.
            drop(unsafe { Box::from_raw(found) });
        }
    }
}
