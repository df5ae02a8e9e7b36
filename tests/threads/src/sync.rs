//! The room `sync` of the core, with what loom can interleave.

pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard};
use loom::sync::{RwLockReadGuard, RwLockWriteGuard};
pub(crate) use std::sync::PoisonError;
use std::sync::TryLockResult;

pub(crate) mod atomic {
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU64, Ordering};
}

pub(crate) mod thread {
    pub(crate) use loom::thread::{Builder, ThreadId, current};
}

/// One that is tried, and may be found taken: loom lets no other thread in between a lock and its release if there is
/// nothing that it watches, so there is something here.
pub(crate) struct RwLock<T> {
    lock: loom::sync::RwLock<T>,
    touched: atomic::AtomicU64,
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> RwLock<T> {
        RwLock { lock: loom::sync::RwLock::default(), touched: atomic::AtomicU64::new(0) }
    }
}

impl<T> RwLock<T> {
    pub(crate) fn try_read(&self) -> TryLockResult<RwLockReadGuard<'_, T>> {
        let guard = self.lock.try_read()?;
        self.touched.fetch_add(1, atomic::Ordering::Relaxed);
        Ok(guard)
    }

    pub(crate) fn try_write(&self) -> TryLockResult<RwLockWriteGuard<'_, T>> {
        let guard = self.lock.try_write()?;
        self.touched.fetch_add(1, atomic::Ordering::Relaxed);
        Ok(guard)
    }
}
