//! The engine's pages as bytes, for what its own reading can't reach: the way to a page leads through other pages, and one
//! that is lost takes everything behind it along.
//!
//! What is known of the format here is from redb's design page and source (file format 3, as redb 4.6 writes it): pages of
//! 4 KiB and their doublings, regions of 4 GiB without headers, and the state of the allocator saved with every commit.
//!
//! Invariant: nothing that is read is believed. Every offset is checked, every walk ends, and no page is larger than the file.

use super::open::{HEADER, REDB};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

pub(super) const PAGE: u64 = 4096;
/// Pages of 4 KiB in a region.
const REGION: u64 = 1 << 20;
/// A page is of one of these many sizes: up to the whole region.
const ORDERS: u32 = 21;
const LEAF: u8 = 1;
pub(super) const BRANCH: u8 = 2;

/// A page: the first of its 4 KiB, counted from behind the file's header, and how often that is doubled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Number {
    pub(super) start: u64,
    pub(super) order: u32,
}

impl Number {
    /// 20 bits of its place in the region, counted in pages of its size; 20 bits of region; the order in the highest 5.
    fn read(bytes: [u8; 8]) -> Number {
        let raw = u64::from_le_bytes(bytes);
        let order = (raw >> 59) as u32;
        let index = raw & (0xF_FFFF >> order);
        Number { start: (raw >> 20 & 0xF_FFFF) * REGION + (index << order), order }
    }

    /// The 4 KiB that it takes.
    fn span(self) -> std::ops::Range<u64> {
        self.start..self.start + (1 << self.order)
    }
}

/// How many bytes every key and every value of a tree has, where they all have as many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Widths {
    pub(super) key: Option<usize>,
    pub(super) value: Option<usize>,
}

impl Widths {
    /// Of all our tables, and of the lists of tables.
    pub(super) const FREE: Widths = Widths { key: None, value: None };
}

/// A key and its value, where they lie in their page.
pub(crate) type Pair<'a> = (&'a [u8], &'a [u8]);

/// A table as the list of tables has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) root: Option<Number>,
    pub(super) entries: u64,
    widths: Widths,
}

impl Table {
    /// The kind, the number of entries, whether there is a root, the root with its checksum and length, both widths.
    pub(super) fn read(bytes: &[u8]) -> Option<Table> {
        const NORMAL: u8 = 3;
        let width = |at: usize| -> Option<Option<usize>> {
            Some((*bytes.get(at)? != 0).then_some(u32_at(bytes, at + 1)? as usize))
        };
        if *bytes.first()? != NORMAL {
            return None;
        }
        let root = Number::read(eight(bytes, 10)?);
        Some(Table {
            root: (*bytes.get(9)? != 0).then_some(root),
            entries: u64::from_le_bytes(eight(bytes, 1)?),
            widths: Widths { key: width(42)?, value: width(47)? },
        })
    }
}

/// Which of the file's 4 KiB are in use by the last commit, and not by what leads to them here.
#[derive(Debug)]
pub(super) struct Commit {
    pub(super) used: Vec<bool>,
    /// The list of our tables, if the header could be read.
    pub(super) list: Option<Number>,
}

/// A file as pages.
#[derive(Debug)]
pub(super) struct Pages {
    file: File,
    /// 4 KiB behind the header.
    pub(super) count: u64,
}

impl Pages {
    pub(super) fn new(file: File) -> io::Result<Pages> {
        let count = (file.metadata()?.len() / PAGE).saturating_sub(1);
        Ok(Pages { file, count })
    }

    /// A page that can't be read is one that is lost, for whatever reason.
    fn bytes(&self, offset: u64, len: u64) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        let mut file = &self.file;
        file.seek(SeekFrom::Start(offset)).ok()?;
        file.take(len).read_to_end(&mut out).ok()?;
        (out.len() as u64 == len).then_some(out)
    }

    pub(super) fn page(&self, number: Number) -> Option<Vec<u8>> {
        if number.span().end > self.count {
            return None;
        }
        self.bytes((number.start + 1) * PAGE, PAGE << number.order)
    }

    /// The page that begins at `start`, as large as it says that it is.
    pub(super) fn page_at(&self, start: u64) -> Option<(Number, Vec<u8>)> {
        let mut number = Number { start, order: 0 };
        loop {
            let page = self.page(number)?;
            let needs = match *page.first()? {
                LEAF => leaf_size(&page, Widths::FREE).unwrap_or(page.len() + 1),
                BRANCH => branch_size(&page).unwrap_or(page.len() + 1),
                _ => page.len(),
            };
            if needs <= page.len() {
                return Some((number, page));
            }
            number.order = number.order.max(needs.div_ceil(PAGE as usize).next_power_of_two().ilog2());
            // Its own size is not in the first of its 4 KiB.
            number.order += u32::from(number.order == 0);
            if number.order >= ORDERS || !start.is_multiple_of(1 << number.order) {
                return None;
            }
        }
    }

    /// Visits each page of a tree and the entries of each leaf in their order; whether all of it could be read.
    fn walk(
        &self,
        root: Number,
        widths: Widths,
        page: &mut dyn FnMut(Number),
        entry: &mut dyn FnMut(&[u8], &[u8]),
    ) -> bool {
        let mut whole = true;
        let mut left = self.count;
        let mut open = vec![root];
        while let Some(number) = open.pop() {
            // A tree takes no more than the file has, or it goes in circles.
            let Some(bytes) = self.page(number).filter(|_| left >> number.order > 0) else {
                whole = false;
                continue;
            };
            left -= 1 << number.order;
            page(number);
            if let Some(entries) = leaf(&bytes, widths) {
                entries.into_iter().for_each(|(key, value)| entry(key, value));
            } else if let Some(children) = branch(&bytes) {
                open.extend(children.into_iter().rev());
            } else {
                whole = false;
            }
        }
        whole
    }

    /// What the last commit has in use, if that can be told.
    pub(super) fn last_commit(&self) -> Option<Commit> {
        let header = self.header();
        let list = header.and_then(|(list, _)| list);
        let named = header.and_then(|(_, own)| own).and_then(|root| self.state(root));
        // Without the header the newest state wins that can be read whole: each has the number of its commit.
        let (_, used) = named.or_else(|| self.states())?;
        Some(Commit { used, list })
    }

    /// The roots of our list of tables and of the engine's own, from the slot that readers are served.
    fn header(&self) -> Option<(Option<Number>, Option<Number>)> {
        let header = self.bytes(0, HEADER as u64)?;
        let god = *header.get(9)?;
        if !header.starts_with(&REDB) {
            return None;
        }
        let (second, unflushed) = (god & 1 != 0, god & 8 != 0);
        let slot = header.get(if second == unflushed { 64 } else { 192 }..)?;
        let root = |there: usize, at: usize| -> Option<Option<Number>> {
            Some((*slot.get(there)? != 0).then_some(Number::read(eight(slot, at)?)))
        };
        Some((root(1, 8)?, root(2, 40)?))
    }

    fn states(&self) -> Option<(u64, Vec<bool>)> {
        let mut best: Option<(u64, Vec<bool>)> = None;
        for start in 0..self.count {
            let Some(page) = self.page(Number { start, order: 0 }) else { continue };
            let lists =
                leaf(&page, Widths::FREE).is_some_and(|list| list.iter().any(|(key, _)| *key == ALLOCATOR));
            let state = lists.then(|| self.state(Number { start, order: 0 })).flatten();
            best = best.into_iter().chain(state).max_by_key(|(commit, _)| *commit);
        }
        best
    }

    /// The number of the commit to which the engine's own tables below `root` belong, and what it has in use besides them.
    fn state(&self, root: Number) -> Option<(u64, Vec<bool>)> {
        let mut own = Vec::new();
        let mut tables = BTreeMap::new();
        let mut whole = self.walk(root, Widths::FREE, &mut |page| own.push(page), &mut |name, table| {
            tables.insert(name.to_vec(), Table::read(table));
        });
        let mut used = vec![false; usize::try_from(self.count).ok()?];
        let (mut commit, mut pending) = (None, Vec::new());
        for (name, table) in tables {
            let table = table?;
            let Some(root) = table.root else { continue };
            let mut sound = true;
            whole &= self.walk(root, table.widths, &mut |page| own.push(page), &mut |key, value| {
                let done = match name.as_slice() {
                    ALLOCATOR => match key.split_first() {
                        Some((3, region)) => mark(region, value, &mut used),
                        Some((5, _)) => value.first_chunk().map(|id| commit = Some(u64::from_le_bytes(*id))),
                        _ => Some(()),
                    },
                    b"data_pages_unreachable" | b"system_pages_unreachable" => list(value, &mut pending),
                    _ => Some(()),
                };
                sound &= done.is_some();
            });
            whole &= sound;
        }
        own.into_iter().chain(pending).for_each(|page| clear(&mut used, page));
        Some((commit.filter(|_| whole)?, used))
    }
}

const ALLOCATOR: &[u8] = b"allocator_state";

/// Notes that a page is not in use; of one that reaches beyond the file nothing is known.
pub(super) fn clear(used: &mut [bool], page: Number) {
    let span = page.span();
    if let (Ok(from), Ok(to)) = (usize::try_from(span.start), usize::try_from(span.end))
        && let Some(places) = used.get_mut(from..to)
    {
        places.fill(false);
    }
}

/// Marks what a region's allocator has given away: all but what it lists as free, each at the largest size at which it is.
///
/// The highest order, the number of pages, the end of the list of each order; each list is a tree of bits whose last level counts.
fn mark(region: &[u8], state: &[u8], used: &mut [bool]) -> Option<()> {
    let first = u64::from(u32_at(region, 0)?) * REGION;
    let (orders, pages) = (u32::from(*state.first()?) + 1, u64::from(u32_at(state, 4)?));
    let places = usize::try_from(first).ok()?..usize::try_from(first + pages).ok()?;
    // A file that was cut short has fewer than it says.
    let places = places.start..places.end.min(used.len());
    used.get_mut(places)?.fill(true);
    if orders > ORDERS {
        return None;
    }
    let mut from = 8 + 4 * orders as usize;
    for order in 0..orders {
        let to = u32_at(state, 8 + 4 * order as usize)? as usize;
        let tree = state.get(from..to)?;
        let levels = u32_at(tree, 0)? as usize;
        let end = |level: usize| u32_at(tree, 4 * level).map(|end| end as usize);
        let start = if levels == 1 { Some(8) } else { end(levels.checked_sub(1)?) };
        let bits = tree.get(start?..end(levels)?)?;
        let len = u64::from(u32_at(bits, 0)?);
        for index in 0..len {
            let word = u64::from_le_bytes(eight(bits, 4 + 8 * usize::try_from(index / 64).ok()?)?);
            if word >> (index % 64) & 1 == 0 {
                clear(used, Number { start: first + (index << order), order });
            }
        }
        from = to;
    }
    Some(())
}

/// Pages that wait for their last reader: how many, in two bytes, and their numbers.
fn list(value: &[u8], pages: &mut Vec<Number>) -> Option<()> {
    let (count, rest) = value.split_first_chunk()?;
    let numbers = rest.get(..8 * usize::from(u16::from_le_bytes(*count)))?;
    pages.extend(numbers.as_chunks().0.iter().map(|number| Number::read(*number)));
    Some(())
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

fn eight(bytes: &[u8], at: usize) -> Option<[u8; 8]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// How many entries a leaf has, where the ends of its keys and of its values are, and where the first key begins.
fn leaf_head(page: &[u8], widths: Widths) -> Option<(usize, usize, usize, usize)> {
    let [LEAF, _, low, high] = *page.first_chunk()? else { return None };
    let count = usize::from(u16::from_le_bytes([low, high]));
    let ends = |width: Option<usize>| if width.is_none() { 4 * count } else { 0 };
    let values = 4 + ends(widths.key);
    (count > 0).then_some((count, 4, values, values + ends(widths.value)))
}

/// The bytes of a page that a leaf takes; none if that is not in what there is of the page.
fn leaf_size(page: &[u8], widths: Widths) -> Option<usize> {
    let (count, _, values, _) = leaf_head(page, widths)?;
    u32_at(page, values + 4 * (count - 1)).map(|end| end as usize)
}

/// The same of a branch.
fn branch_size(page: &[u8]) -> Option<usize> {
    let [BRANCH, _, low, high] = *page.first_chunk()? else { return None };
    let keys = usize::from(u16::from_le_bytes([low, high]));
    u32_at(page, 8 + 24 * (keys + 1) + 4 * keys.checked_sub(1)?).map(|end| end as usize)
}

/// The entries of a leaf; none if it is none, or not one that was written whole.
pub(super) fn leaf(page: &[u8], widths: Widths) -> Option<Vec<Pair<'_>>> {
    let (count, keys, values, start) = leaf_head(page, widths)?;
    let parts = |at: usize, from: usize, width: Option<usize>| -> Option<(Vec<&[u8]>, usize)> {
        let (mut parts, mut from) = (Vec::with_capacity(count.min(page.len())), from);
        for index in 0..count {
            let to = match width {
                Some(width) => from.checked_add(width)?,
                None => u32_at(page, at + 4 * index)? as usize,
            };
            parts.push(page.get(from..to)?);
            from = to;
        }
        Some((parts, from))
    };
    let (keys, end) = parts(keys, start, widths.key)?;
    let (values, _) = parts(values, end, widths.value)?;
    Some(keys.into_iter().zip(values).collect())
}

/// The children of a branch.
pub(super) fn branch(page: &[u8]) -> Option<Vec<Number>> {
    let [BRANCH, _, low, high, _, _, _, _] = *page.first_chunk()? else { return None };
    let children = usize::from(u16::from_le_bytes([low, high])) + 1;
    let named = page.get(8 + 16 * children..8 + 24 * children)?;
    (children > 1).then(|| named.as_chunks().0.iter().map(|number| Number::read(*number)).collect())
}
