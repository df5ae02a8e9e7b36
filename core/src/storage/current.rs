//! Which engine a handle uses: read by every verb without a lock, exchanged when the path names another file, gone
//! when the handle is closed.
//!
//! Invariants.
//! 1. `current` points into `kept`, and `kept` gives none back while the handle lives. That makes a plain load of `current` enough;
//!    it costs little, because a second engine comes only when the path names a new file.
//! 2. Whoever looks after `close` has returned gets none: an exchange looks at `closed` under the lock that `close` takes after
//!    it has set it.
//! 3. Every engine that was opened is handed back once, by the exchange that replaced it or by `close`.
//! 4. A forked child gets none of its parent's, and leaks `kept` instead of dropping it.

use super::per_process::PerProcess;
use crate::error::{Error, Result};
use crate::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use crate::sync::{Mutex, PoisonError};
use std::sync::Arc;

/// What belongs to the process that opened it.
pub(super) trait OfProcess {
    /// The number of that process; see `fork`.
    fn generation(&self) -> u64;
}

pub(super) struct Current<T> {
    closed: AtomicBool,
    /// The engine in use; null before the first and after the last.
    current: AtomicPtr<T>,
    /// Every engine this handle has had, the one in use last.
    kept: PerProcess<Mutex<Vec<Arc<T>>>>,
}

impl<T: OfProcess> Current<T> {
    pub(super) fn new() -> Current<T> {
        Current {
            closed: AtomicBool::new(false),
            current: AtomicPtr::new(std::ptr::null_mut()),
            kept: PerProcess::new(),
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// The engine in use, if it is of this process.
    #[inline]
    pub(super) fn get(&self) -> Option<&T> {
        let current = self.current.load(Ordering::Acquire);
        // SAFETY: by invariant 1 what is behind the pointer lives as long as `self`. A forked child inherits the memory.
        let current = unsafe { current.as_ref() };
        current.filter(|current| current.generation() == super::fork::generation())
    }

    /// Uses what `open` opens: as the first one, as a child's own one, or in place of `replaced`; unless another
    /// thread was quicker. Gives back the one that was replaced.
    pub(super) fn exchange(
        &self,
        replaced: Option<&T>,
        open: impl FnOnce() -> Result<Arc<T>>,
        refuse: impl FnOnce() -> Error,
    ) -> Result<(&T, Option<Arc<T>>)> {
        let mut kept = self.kept.get().lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_closed() {
            return Err(refuse());
        }
        let current = kept.last().cloned();
        if let Some(current) = &current
            && !replaced.is_some_and(|replaced| std::ptr::eq(replaced, &**current))
        {
            return Ok((self.publish(current), None));
        }
        let fresh = open()?;
        kept.push(fresh.clone());
        Ok((self.publish(&fresh), current))
    }

    /// `shared` is in `kept`, and its lock is held.
    fn publish(&self, shared: &Arc<T>) -> &T {
        let pointer = Arc::as_ptr(shared).cast_mut();
        self.current.store(pointer, Ordering::Release);
        // SAFETY: as in `get`; and a pointer that came from an `Arc` is not null.
        unsafe { &*pointer }
    }

    /// The same one, to be kept.
    pub(super) fn strong(&self, shared: &T) -> Option<Arc<T>> {
        let kept = self.kept.get().lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|kept| std::ptr::eq(&***kept, shared)).cloned()
    }

    /// From now on there is none. Gives back the one that was in use; nothing if it was closed before.
    pub(super) fn close(&self) -> Option<Arc<T>> {
        if self.closed.swap(true, Ordering::AcqRel) {
            return None;
        }
        // Under the lock, so that nobody who is just exchanging publishes after this.
        let kept = self.kept.get().lock().unwrap_or_else(PoisonError::into_inner);
        self.current.store(std::ptr::null_mut(), Ordering::Release);
        kept.last().cloned()
    }
}
