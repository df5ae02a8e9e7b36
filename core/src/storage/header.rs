//! The three fields of redb's header that make a stamp, as they were at one moment. Why they do, and why a look is taken
//! twice, stands in `stamp`; here is what must be right for it to hold, and nothing else.

use crate::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// The state of a store at one moment, for comparison only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// The opening's number, and the god byte in the lowest eight bits.
    opening: u64,
    ids: [u64; 2],
}

impl Stamp {
    /// `opening` is clear in its lowest eight bits.
    pub(super) fn new(opening: u64, god: u8, ids: [u64; 2]) -> Stamp {
        Stamp { opening: opening | u64::from(god), ids }
    }

    /// The number of the opening: another one is, as far as we know, another file.
    pub(crate) fn opening(&self) -> u64 {
        self.opening >> 8
    }
}

/// Looks at the fields, which other threads and processes write to.
#[inline]
pub(super) fn look(opening: u64, god: &AtomicU8, ids: [&AtomicU64; 2]) -> Stamp {
    // Acquire keeps the loads in their order.
    let (god, ids) = snapshot(|| god.load(Ordering::Acquire), || ids.map(|id| id.load(Ordering::Acquire)));
    Stamp::new(opening, god, ids)
}

/// The god byte and the ids as they were at one moment; see reason 2.
#[inline]
pub(super) fn snapshot(mut god: impl FnMut() -> u8, mut ids: impl FnMut() -> [u64; 2]) -> (u8, [u64; 2]) {
    let mut before = ids();
    loop {
        let god = god();
        let after = ids();
        if before == after {
            return (god, after);
        }
        before = after;
    }
}
