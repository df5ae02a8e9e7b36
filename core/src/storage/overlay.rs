//! One operation's changes, kept beside the transaction until the operation has succeeded.
//!
//! Several callers share one transaction, so a failing operation can't be undone by dropping that. It
//! writes here instead, reads through to the state below, and what it wrote is applied only when it returned Ok.

use super::kv::{Flow, Order, Read, Space, Visit, Write};
use crate::error::Result;
use std::collections::BTreeMap;

/// `None` is a deletion.
type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

pub(super) struct Overlay<'a, B: ?Sized> {
    base: &'a B,
    changes: [Changes; Space::ALL.len()],
}

impl<'a, B: Read + ?Sized> Overlay<'a, B> {
    pub(super) fn new(base: &'a B) -> Overlay<'a, B> {
        Overlay { base, changes: Default::default() }
    }

    pub(super) fn into_changes(self) -> Pending {
        Pending { changes: self.changes }
    }
}

/// What a successful operation wants written.
pub(super) struct Pending {
    changes: [Changes; Space::ALL.len()],
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.changes.iter().all(BTreeMap::is_empty)
    }

    pub(super) fn apply(self, tx: &mut impl Write) -> Result<()> {
        for (space, changes) in Space::ALL.into_iter().zip(self.changes) {
            let mut puts = Vec::new();
            for (key, value) in changes {
                match value {
                    Some(value) => puts.push((key, value)),
                    None => tx.delete(space, &key)?,
                }
            }
            tx.put_sorted(space, puts)?;
        }
        Ok(())
    }
}

impl<B: Read + ?Sized> Read for Overlay<'_, B> {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>> {
        match self.changes[space as usize].get(key) {
            Some(changed) => Ok(changed.clone()),
            None => self.base.get(space, key),
        }
    }

    fn scan(&self, space: Space, low: &[u8], high: &[u8], order: Order, visit: Visit<'_>) -> Result<()> {
        let changes = &self.changes[space as usize];
        if changes.is_empty() || low >= high {
            return self.base.scan(space, low, high, order, visit);
        }
        let mut changed =
            changes.range::<[u8], _>((std::ops::Bound::Included(low), std::ops::Bound::Excluded(high)));
        let mut take = || match order {
            Order::Ascending => changed.next(),
            Order::Descending => changed.next_back(),
        };
        let comes_first = |a: &[u8], b: &[u8]| match order {
            Order::Ascending => a < b,
            Order::Descending => a > b,
        };
        let mut next = take();
        let mut stopped = false;
        self.base.scan(space, low, high, order, &mut |key, value| {
            while let Some((k, v)) = next
                && comes_first(k, key)
            {
                next = take();
                if let Some(v) = v
                    && visit(k, v)? == Flow::Stop
                {
                    stopped = true;
                    return Ok(Flow::Stop);
                }
            }
            let mut value = Some(value);
            if let Some((k, v)) = next
                && k == key
            {
                next = take();
                value = v.as_deref();
            }
            match value {
                Some(value) => {
                    let flow = visit(key, value)?;
                    stopped = flow == Flow::Stop;
                    Ok(flow)
                }
                None => Ok(Flow::Continue),
            }
        })?;
        while !stopped && let Some((k, v)) = next {
            next = take();
            if let Some(v) = v {
                stopped = visit(k, v)? == Flow::Stop;
            }
        }
        Ok(())
    }
}

impl<B: Read + ?Sized> Write for Overlay<'_, B> {
    fn put(&mut self, space: Space, key: &[u8], value: &[u8]) -> Result<()> {
        self.changes[space as usize].insert(key.to_vec(), Some(value.to_vec()));
        Ok(())
    }

    fn delete(&mut self, space: Space, key: &[u8]) -> Result<()> {
        self.changes[space as usize].insert(key.to_vec(), None);
        Ok(())
    }
}
