//! Counts what the thread that asks for it allocates. Other threads pay one look at a flag.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static ON: Cell<bool> = const { Cell::new(false) };
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

fn count(bytes: isize) {
    // A thread that is ending has no flag any more, and counts nothing.
    if ON.try_with(Cell::get).unwrap_or(false) {
        LIVE.with(|live| {
            live.set(live.get() + bytes);
            PEAK.with(|peak| peak.set(peak.get().max(live.get())));
        });
    }
}

// SAFETY: everything is the system's allocator; what is counted touches no memory of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: handed on as it came.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: handed on as it came.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: handed on as it came.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size.cast_signed() - layout.size().cast_signed());
        // SAFETY: handed on as it came.
        unsafe { System.realloc(at, layout, size) }
    }
}

/// Runs `work`; the most bytes that this thread held at once meanwhile, beyond what it held before.
pub(super) fn peak<T>(work: impl FnOnce() -> T) -> (T, usize) {
    LIVE.set(0);
    PEAK.set(0);
    ON.set(true);
    let out = work();
    ON.set(false);
    (out, PEAK.get().cast_unsigned())
}

#[test]
fn what_is_allocated_is_counted() {
    let (_, most) = peak(|| drop(vec![1u8; 1 << 20]));
    assert!((1 << 20..2 << 20).contains(&most), "{most}");
    let (_, most) = peak(|| (0..100).for_each(|_| drop(vec![1u8; 1000])));
    assert!((1000..2000).contains(&most), "{most}");
}
