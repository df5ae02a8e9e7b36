//! redb behind the waist: one table per space, bytes to bytes, opened when first used.

use super::kv::{Flow, Order, Read, Space, Visit, Write};
use super::trouble::Place;
use crate::error::Result;
use redb::{
    AccessGuard, CursorError, ReadOnlyTable, ReadTransaction, ReadableTable, StorageError, Table,
    TableDefinition, TableError, WriteTransaction,
};
use std::cell::OnceCell;
use std::ops::Bound;

type Bytes = &'static [u8];

/// What the engine calls a space.
pub(super) fn name(space: Space) -> &'static str {
    match space {
        Space::Objects => "objects",
        Space::Refs => "refs",
        Space::Log => "log",
        Space::Rows => "rows",
        Space::Traces => "traces",
    }
}

fn definition(space: Space) -> TableDefinition<'static, Bytes, Bytes> {
    TableDefinition::new(name(space))
}

/// A read transaction.
pub(super) struct ReadTables<'a> {
    place: &'a Place,
    // A table that doesn't exist reads as empty. Tables drop before their transaction.
    tables: [OnceCell<Option<ReadOnlyTable<Bytes, Bytes>>>; Space::ALL.len()],
    tx: ReadTransaction,
}

impl<'a> ReadTables<'a> {
    pub(super) fn new(place: &'a Place, tx: ReadTransaction) -> ReadTables<'a> {
        ReadTables { place, tables: Default::default(), tx }
    }

    /// Whether nothing at all was ever stored in the file.
    pub(super) fn bare(&self) -> Result<bool> {
        self.place.guarded(|| {
            let mut tables = self.tx.list_tables().map_err(|error| self.place.storage(error))?;
            Ok(tables.next().is_none())
        })
    }

    fn table(&self, space: Space) -> Result<Option<&ReadOnlyTable<Bytes, Bytes>>> {
        let cell = &self.tables[space as usize];
        if cell.get().is_none() {
            let opened = match self.tx.open_table(definition(space)) {
                Ok(table) => Some(table),
                Err(TableError::TableDoesNotExist(_)) => None,
                Err(error) => return Err(self.place.table(error)),
            };
            let _ = cell.set(opened);
        }
        Ok(cell.get().and_then(Option::as_ref))
    }
}

impl Read for ReadTables<'_> {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.place.guarded(|| match self.table(space)? {
            Some(table) => get(self.place, table, key),
            None => Ok(None),
        })
    }

    fn scan(&self, space: Space, low: &[u8], high: &[u8], order: Order, visit: Visit<'_>) -> Result<()> {
        match self.place.guarded(|| self.table(space))? {
            Some(table) => scan(self.place, table, low, high, order, visit),
            None => Ok(()),
        }
    }
}

/// A write transaction, while the operations of a group are applied to it.
pub(super) struct WriteTables<'tx> {
    place: &'tx Place,
    tx: &'tx WriteTransaction,
    // Shared for reading, so that a visitor may read the space that is being scanned.
    tables: [OnceCell<Table<'tx, Bytes, Bytes>>; Space::ALL.len()],
}

impl<'tx> WriteTables<'tx> {
    pub(super) fn new(place: &'tx Place, tx: &'tx WriteTransaction) -> WriteTables<'tx> {
        WriteTables { place, tx, tables: Default::default() }
    }

    /// To open a missing table makes it, which is no change worth a commit.
    fn open(&self, space: Space) -> Result<()> {
        let cell = &self.tables[space as usize];
        if cell.get().is_none() {
            let opened = self.tx.open_table(definition(space)).map_err(|error| self.place.table(error))?;
            let _ = cell.set(opened);
        }
        Ok(())
    }

    fn read(&self, space: Space) -> Result<Option<&Table<'tx, Bytes, Bytes>>> {
        self.open(space)?;
        Ok(self.tables[space as usize].get())
    }

    fn change(
        &mut self,
        space: Space,
        work: impl FnOnce(&mut Table<'tx, Bytes, Bytes>) -> Result<(), StorageError>,
    ) -> Result<()> {
        let place = self.place;
        place.guarded(|| {
            self.open(space)?;
            match self.tables[space as usize].get_mut() {
                Some(table) => work(table).map_err(|error| place.storage(error)),
                None => Ok(()),
            }
        })
    }
}

impl Read for WriteTables<'_> {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.place.guarded(|| match self.read(space)? {
            Some(table) => get(self.place, table, key),
            None => Ok(None),
        })
    }

    fn scan(&self, space: Space, low: &[u8], high: &[u8], order: Order, visit: Visit<'_>) -> Result<()> {
        match self.place.guarded(|| self.read(space))? {
            Some(table) => scan(self.place, table, low, high, order, visit),
            None => Ok(()),
        }
    }
}

impl Write for WriteTables<'_> {
    fn put(&mut self, space: Space, key: &[u8], value: &[u8]) -> Result<()> {
        self.change(space, |table| table.insert(key, value).map(drop))
    }

    fn put_sorted(&mut self, space: Space, entries: Vec<(Vec<u8>, Vec<u8>)>) -> Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        self.change(space, |table| put_sorted(table, &entries))
    }

    fn delete(&mut self, space: Space, key: &[u8]) -> Result<()> {
        self.change(space, |table| table.remove(key).map(drop))
    }
}

/// Fewer entries are put one by one.
const RUN: usize = if cfg!(test) { 3 } else { 16 };

/// Entries that no key of the table lies between go in as a run: their pages are made once, and full. To put one by one
/// makes a page anew for each entry, and leaves pages half full wherever it is not at the end of the table.
fn put_sorted(
    table: &mut Table<'_, Bytes, Bytes>,
    entries: &[(Vec<u8>, Vec<u8>)],
) -> Result<(), StorageError> {
    let mut rest = entries;
    while let [(first, _), ..] = rest
        && rest.len() >= RUN
    {
        let mut cursor = table.lower_bound_mut(Bound::Included(first.as_slice()))?;
        let mut run = 0;
        for (key, value) in rest {
            match cursor.insert_before(key.as_slice(), value.as_slice()) {
                Ok(()) => run += 1,
                // A key of the table is next, or is this one.
                Err(CursorError::UnorderedKey) => break,
                Err(CursorError::Storage(error)) => return Err(error),
                // The engine may learn to say more.
                Err(_) => return Err(StorageError::Corrupted("a cursor failed".to_owned())),
            }
        }
        cursor.close()?;
        rest = &rest[run..];
        if run < RUN {
            // The keys of the table lie close: as many one by one, before a run is looked for again.
            let (single, others) = rest.split_at(rest.len().min(RUN));
            for (key, value) in single {
                table.insert(key.as_slice(), value.as_slice())?;
            }
            rest = others;
        }
    }
    rest.iter().try_for_each(|(key, value)| table.insert(key.as_slice(), value.as_slice()).map(drop))
}

type Entry<'a> = (AccessGuard<'a, Bytes>, AccessGuard<'a, Bytes>);

fn get(place: &Place, table: &impl ReadableTable<Bytes, Bytes>, key: &[u8]) -> Result<Option<Vec<u8>>> {
    let found = table.get(key).map_err(|error| place.storage(error))?;
    Ok(found.map(|value| value.value().to_vec()))
}

fn scan(
    place: &Place,
    table: &impl ReadableTable<Bytes, Bytes>,
    low: &[u8],
    high: &[u8],
    order: Order,
    visit: Visit<'_>,
) -> Result<()> {
    if low >= high {
        return Ok(());
    }
    let mut range = place.guarded(|| table.range(low..high).map_err(|error| place.storage(error)))?;
    loop {
        // The guard is around the engine alone: a panic of the visitor is the caller's.
        let next = place.guarded(|| {
            let next: Option<std::result::Result<Entry<'_>, StorageError>> = match order {
                Order::Ascending => range.next(),
                Order::Descending => range.next_back(),
            };
            next.transpose().map_err(|error| place.storage(error))
        })?;
        let Some((key, value)) = next else { return Ok(()) };
        // To look at an entry is engine code as well: where it lies in its page is said by the page.
        let (key, value) = place.guarded(|| Ok((key.value(), value.value())))?;
        if visit(key, value)? == Flow::Stop {
            return Ok(());
        }
    }
}
