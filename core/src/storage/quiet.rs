//! The engine's panics on a damaged file end as errors that carry their text; they are not printed as well.
//!
//! Rust knows one panic hook for the whole process, so there are only bad ways. This is the least bad one we know:
//! - Nothing is touched until somebody asks a doctor. Who never does keeps the process as it was.
//! - The hook is put in front of the one that is there, once, and stays. To take it away again would race with
//!   others who set theirs, and might throw away one of them.
//! - It is silent on a thread only while that thread is inside of `Place::guarded`, where every panic is caught and
//!   becomes an error. Every other panic, and every other thread's, goes to the hook that was there before.
//!
//! Python's and Node's modules are linked with a standard library, and so with a hook, of their own: there nobody
//! else's panics pass here at all.

use std::cell::Cell;
use std::sync::Once;

thread_local! {
    static GUARDED: Cell<u32> = const { Cell::new(0) };
}

/// From here on the panics that are caught are not printed.
pub(super) fn be_quiet() {
    static ONCE: Once = Once::new();
    // To set a hook while this thread panics would be a panic of its own.
    if std::thread::panicking() {
        return;
    }
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if GUARDED.try_with(Cell::get).unwrap_or(0) == 0 {
                before(info);
            }
        }));
    });
}

/// Marks this thread as one whose panics are caught, until it is dropped.
pub(super) struct Guard;

impl Guard {
    pub(super) fn new() -> Guard {
        GUARDED.with(|depth| depth.set(depth.get() + 1));
        Guard
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        GUARDED.with(|depth| depth.set(depth.get() - 1));
    }
}
