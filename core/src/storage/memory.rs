//! The waist in memory: the plainest thing that keeps its promises, to measure the engine against.

use super::kv::{Flow, Order, Read, Space, Visit, Write};
use super::overlay::Overlay;
use crate::error::Result;
use std::collections::BTreeMap;
use std::ops::Bound;

#[derive(Default, Clone)]
pub(crate) struct Memory {
    spaces: [BTreeMap<Vec<u8>, Vec<u8>>; Space::ALL.len()],
}

impl Memory {
    /// As `Engine::write`: all or nothing.
    pub(crate) fn write<T>(&mut self, op: impl FnOnce(&mut dyn Write) -> Result<T>) -> Result<T> {
        let mut overlay = Overlay::new(&*self);
        let out = op(&mut overlay)?;
        let changes = overlay.into_changes();
        changes.apply(self)?;
        Ok(out)
    }
}

impl Read for Memory {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.spaces[space as usize].get(key).cloned())
    }

    fn scan(&self, space: Space, low: &[u8], high: &[u8], order: Order, visit: Visit<'_>) -> Result<()> {
        if low >= high {
            return Ok(());
        }
        let mut range =
            self.spaces[space as usize].range::<[u8], _>((Bound::Included(low), Bound::Excluded(high)));
        while let Some((key, value)) = match order {
            Order::Ascending => range.next(),
            Order::Descending => range.next_back(),
        } {
            if visit(key, value)? == Flow::Stop {
                break;
            }
        }
        Ok(())
    }
}

impl Write for Memory {
    fn put(&mut self, space: Space, key: &[u8], value: &[u8]) -> Result<()> {
        self.spaces[space as usize].insert(key.to_vec(), value.to_vec());
        Ok(())
    }

    fn delete(&mut self, space: Space, key: &[u8]) -> Result<()> {
        self.spaces[space as usize].remove(key);
        Ok(())
    }
}
