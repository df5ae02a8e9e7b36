//! The room `sync` of the core, with what loom can interleave.

pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard, RwLock};
pub(crate) use std::sync::PoisonError;

pub(crate) mod atomic {
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU64, Ordering};
}

pub(crate) mod thread {
    pub(crate) use loom::thread::{Builder, ThreadId, current};
}
