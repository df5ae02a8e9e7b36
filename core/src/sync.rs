//! What threads meet at: the standard library's locks, conditions, atomics and threads, under one name.
//!
//! The files that decide something between threads take them from here and from nowhere else. `tests/threads` compiles
//! the same files beside a `sync` room of its own, whose locks and atomics are loom's: there every interleaving of a few
//! threads is gone through, with every value that a load may see. What only has to be unique, a counter of openings say, may
//! use the standard library's as it is.

pub(crate) mod parallel;

pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, RwLock};

pub(crate) mod atomic {
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU64, Ordering};
}

pub(crate) mod thread {
    pub(crate) use std::thread::{Builder, ThreadId, current};
}
