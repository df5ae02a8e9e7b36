//! The waist: one narrow, ordered key-value interface on which everything else stands.
//!
//! Invariants of an implementation: keys are ordered as bytes (memcmp); a reader sees one committed state
//! for as long as it lives; a writer sees its own writes; what a writer did is visible to others either
//! wholly or not at all. Nothing above this file knows which engine is below it.

use crate::error::Result;

/// The named key spaces of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Space {
    /// Immutable, by content id: contents, dataset items, gates, scorers, verdicts.
    Objects,
    /// What the objects are called: version records, labels, dataset heads, runs, counters.
    Refs,
    /// The append-only, hash-chained event log.
    Log,
    /// Run rows.
    Rows,
    /// Production traces and their scores.
    Traces,
}

impl Space {
    /// Every space, in the order of their declaration.
    pub(crate) const ALL: [Space; 5] = [Space::Objects, Space::Refs, Space::Log, Space::Rows, Space::Traces];
}

/// The direction of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Ascending,
    Descending,
}

/// What a scan does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    Continue,
    Stop,
}

/// Called for each entry of a scan with its key and value.
pub(crate) type Visit<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> Result<Flow>;

/// One committed state of the store.
pub(crate) trait Read {
    /// The value under `key`.
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>>;

    /// Visits the entries with `low <= key < high` in the given order.
    fn scan(&self, space: Space, low: &[u8], high: &[u8], order: Order, visit: Visit<'_>) -> Result<()>;
}

/// A transaction that may change the state. Dropped without a commit it leaves nothing behind.
pub(crate) trait Write: Read {
    fn put(&mut self, space: Space, key: &[u8], value: &[u8]) -> Result<()>;

    /// Puts many entries at once, in the ascending order of their keys, each of which comes once.
    fn put_sorted(&mut self, space: Space, entries: Vec<(Vec<u8>, Vec<u8>)>) -> Result<()> {
        entries.iter().try_for_each(|(key, value)| self.put(space, key, value))
    }

    fn delete(&mut self, space: Space, key: &[u8]) -> Result<()>;
}

/// Visits the entries whose keys begin with `prefix`.
pub(crate) fn scan_prefix(
    tx: &(impl Read + ?Sized),
    space: Space,
    prefix: &[u8],
    order: Order,
    visit: Visit<'_>,
) -> Result<()> {
    tx.scan(space, prefix, &super::keys::after_prefix(prefix), order, visit)
}

/// Looks at the value under `key` where it lies; whether there is one.
pub(crate) fn view(
    tx: &(impl Read + ?Sized),
    space: Space,
    key: &[u8],
    f: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<bool> {
    let (mut found, behind) = (false, [key, &[0]].concat());
    tx.scan(space, key, &behind, Order::Ascending, &mut |_, value| {
        found = true;
        f(value)?;
        Ok(Flow::Stop)
    })?;
    Ok(found)
}

/// The last entry whose key begins with `prefix` and lies below `high`.
pub(crate) fn last_below(
    tx: &(impl Read + ?Sized),
    space: Space,
    prefix: &[u8],
    high: &[u8],
) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
    let mut found = None;
    tx.scan(space, prefix, high, Order::Descending, &mut |k, v| {
        found = Some((k.to_vec(), v.to_vec()));
        Ok(Flow::Stop)
    })?;
    Ok(found)
}
