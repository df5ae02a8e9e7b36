//! What lies in pages to which no way leads any more: the leaves of the last commit, found one by one, without their trees.
//!
//! A leaf does not say whose it is. It is handed out as it is, and who knows what its entries mean decides.
//!
//! Invariant: only pages that the allocator of the last commit has given away, and that do not wait to be freed, are looked
//! at. Pages that were freed keep their bytes until they are used again, and what is in them was deleted or is older.

use super::examine::Examined;
use super::kv::Space;
use super::open::record_key;
pub(crate) use super::pages::Pair;
use super::pages::{Commit, Number, Pages, Table, Widths, branch, clear, leaf};
use super::table::name;
use crate::error::Result;
use std::collections::BTreeMap;

/// What can be said of the leaves as a whole.
#[derive(Debug)]
pub(crate) struct Leaves {
    /// How many entries each part has, if the list of the parts could be read.
    pub(crate) entries: Option<BTreeMap<Space, u64>>,
    /// Whether every page that is in use was read, but for that list.
    pub(crate) all: bool,
}

/// Takes the entries of a leaf.
pub(crate) type Take<'a> = &'a mut dyn FnMut(&[Pair<'_>]) -> Result<()>;

impl Examined {
    /// Hands out the leaves of the last commit, in the order of their pages; none if it can't be told which they are.
    ///
    /// # Errors
    /// Those of `take`, and `storage` if the file can't be opened.
    pub(crate) fn leaves(&self, take: Take<'_>) -> Result<Option<Leaves>> {
        let pages = self.pages()?;
        let Some(commit) = pages.last_commit() else { return Ok(None) };
        each_leaf(&pages, commit, take).map(Some)
    }

    /// The store's record, looked for in every leaf.
    pub(super) fn stray_record(&self) -> Result<Option<Vec<u8>>> {
        let (mut record, key) = (None, record_key());
        self.leaves(&mut |entries| {
            let found = entries.iter().find(|(found, _)| *found == key.bytes());
            record = record.take().or_else(|| found.map(|(_, value)| value.to_vec()));
            Ok(())
        })?;
        Ok(record)
    }
}

fn each_leaf(pages: &Pages, mut commit: Commit, take: Take<'_>) -> Result<Leaves> {
    let mut found = Leaves { entries: None, all: true };
    let mut known = sizes(pages, &commit);
    if let Some(list) = commit.list {
        let page = pages.page(list);
        let tables = page.as_deref().and_then(|page| leaf(page, Widths::FREE)).and_then(|list| tables(&list));
        for table in tables.iter().flat_map(BTreeMap::values) {
            known.extend(table.root.map(|root| (root.start, root)));
        }
        found.entries = tables.map(lengths);
        clear(&mut commit.used, list);
    }
    let mut start = 0;
    while start < pages.count {
        let used = usize::try_from(start).ok().and_then(|at| commit.used.get(at)).copied().unwrap_or(false);
        if !used {
            start += 1;
            continue;
        }
        let page = match known.get(&start) {
            Some(&number) => pages.page(number).map(|page| (number, page)),
            None => pages.page_at(start),
        };
        let Some((number, page)) = page else {
            found.all = false;
            start += 1;
            continue;
        };
        match leaf(&page, Widths::FREE) {
            Some(entries) => match tables(&entries).filter(|_| commit.list.is_none()) {
                Some(list) => found.entries = Some(lengths(list)),
                None => take(&entries)?,
            },
            None => found.all &= branch(&page).is_some(),
        }
        start += 1 << number.order;
    }
    Ok(found)
}

/// The pages larger than 4 KiB that branches in use name, by where they begin.
fn sizes(pages: &Pages, commit: &Commit) -> BTreeMap<u64, Number> {
    let mut known = BTreeMap::new();
    let used = (0..).zip(&commit.used).filter(|(_, used)| **used);
    for (start, _) in used {
        let children = pages.page(Number { start, order: 0 }).and_then(|page| branch(&page));
        let large = children.into_iter().flatten().filter(|child| child.order > 0);
        known.extend(large.map(|child| (child.start, child)));
    }
    known
}

/// The list of our tables, if a leaf is that.
fn tables(entries: &[Pair<'_>]) -> Option<BTreeMap<Space, Table>> {
    let one = |(key, value): &Pair<'_>| {
        let space = Space::ALL.into_iter().find(|space| name(*space).as_bytes() == *key)?;
        Some((space, Table::read(value)?))
    };
    entries.iter().map(one).collect()
}

fn lengths(tables: BTreeMap<Space, Table>) -> BTreeMap<Space, u64> {
    tables.into_iter().map(|(space, table)| (space, table.entries)).collect()
}
