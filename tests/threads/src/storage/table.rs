//! A transaction of the played file.

use super::kv::{Order, Read, Space, Visit, Write};
use super::memory::Memory;
use crate::error::Result;

pub(crate) struct WriteTables<'a>(pub(super) &'a mut Memory);

impl Read for WriteTables<'_> {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.0.get(space, key)
    }

    fn scan(&self, space: Space, low: &[u8], high: &[u8], order: Order, visit: Visit<'_>) -> Result<()> {
        self.0.scan(space, low, high, order, visit)
    }
}

impl Write for WriteTables<'_> {
    fn put(&mut self, space: Space, key: &[u8], value: &[u8]) -> Result<()> {
        self.0.put(space, key, value)
    }

    fn delete(&mut self, space: Space, key: &[u8]) -> Result<()> {
        self.0.delete(space, key)
    }
}
