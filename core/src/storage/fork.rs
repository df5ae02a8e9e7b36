//! The fork guard: what a process opened is never used by its child.
//!
//! Invariants.
//! 1. `generation()` differs between a process and its forked child; it never changes otherwise. It costs one relaxed load.
//! 2. A value of another generation is neither used nor dropped, only leaked: its locks may be held for ever
//!    by threads that the child doesn't have, and dropping a redb handle writes to the file. See `per_process`.
//! 3. A child holds no copy of a store's file descriptors. Locks belong to the open file description, which a fork
//!    shares: if the parent were killed while it holds the writer byte, a child's copy would keep that byte
//!    locked for as long as the child lives. Closing the copy releases nothing of the parent's.
//!
//! The handler runs inside `fork`, where only async-signal-safe calls are allowed: an atomic add, atomic swaps,
//! `close`. `vfork` and `posix_spawn` run no handlers, and need none: `exec` closes the descriptors (O_CLOEXEC).
//!
//! Limits: a thread of the parent that is between opening a file and guarding it at the very instant of
//! the fork leaves the child a stray descriptor; so does the 257th store that is open at once.

use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

static GENERATION: AtomicU64 = AtomicU64::new(1);
static DESCRIPTORS: [AtomicI32; 256] = [const { AtomicI32::new(-1) }; 256];

/// The number of this process in its line of forks.
#[inline]
pub(super) fn generation() -> u64 {
    GENERATION.load(Ordering::Relaxed)
}

#[cfg(unix)]
extern "C" fn in_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    crate::model::id::renew_random();
    for slot in &DESCRIPTORS {
        let fd = slot.swap(-1, Ordering::Relaxed);
        if fd >= 0 {
            // SAFETY: the descriptor is the child's copy of one that the parent has open. Its owner in this
            // process belongs to an older generation and, by invariant 2, never uses or closes it.
            unsafe { libc::close(fd) };
        }
    }
}

/// Registers the handler. Twice does no harm (the generation moves by two), so no lock is needed that a
/// fork could leave locked.
#[cfg(unix)]
pub(super) fn watch() {
    use std::sync::atomic::AtomicBool;
    static WATCHED: AtomicBool = AtomicBool::new(false);
    if !WATCHED.load(Ordering::Acquire) {
        // SAFETY: `in_child` is an `extern "C"` function that lives as long as the program and makes
        // async-signal-safe calls only.
        if unsafe { libc::pthread_atfork(None, None, Some(in_child)) } == 0 {
            WATCHED.store(true, Ordering::Release);
        }
    }
}

#[cfg(not(unix))]
pub(super) fn watch() {}

/// From now on the system hands no signal to this thread: the host's own threads wait for them, in a sleep or a read that
/// only a signal of theirs breaks off. What a thread does wrong itself is still its own.
#[cfg(unix)]
pub(super) fn leave_signals_to_others() {
    // SAFETY: the set is initialised by `sigfillset` before it is read, and only this thread's mask changes.
    unsafe {
        let mut all = std::mem::zeroed::<libc::sigset_t>();
        libc::sigfillset(&raw mut all);
        for own in [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGABRT, libc::SIGTRAP] {
            libc::sigdelset(&raw mut all, own);
        }
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, std::ptr::null_mut());
    }
}

#[cfg(not(unix))]
pub(super) fn leave_signals_to_others() {}

/// While it lives, a child closes its copy of the descriptor.
#[derive(Debug)]
pub(super) struct Guarded(Option<usize>);

impl Guarded {
    #[cfg(unix)]
    pub(super) fn new(file: &std::fs::File) -> Guarded {
        use std::os::fd::AsRawFd;
        let fd = file.as_raw_fd();
        Guarded(
            DESCRIPTORS
                .iter()
                .position(|slot| slot.compare_exchange(-1, fd, Ordering::Relaxed, Ordering::Relaxed).is_ok()),
        )
    }

    #[cfg(not(unix))]
    pub(super) fn new(_: &std::fs::File) -> Guarded {
        Guarded(None)
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        if let Some(slot) = self.0.and_then(|at| DESCRIPTORS.get(at)) {
            slot.store(-1, Ordering::Relaxed);
        }
    }
}
