//! A file seen through a lens: it can be looked at as if it were writable, and nothing of it ever changes.
//!
//! redb's check of every page wants to write, and its readers want locks and a file that was closed well. Here
//! writes stay in memory and every lock is granted; that nobody else writes meanwhile is the caller's business.

use super::pages::{BRANCH, PAGE};
use super::patient::WRITER_BYTE;
use redb::{BackendError, StorageBackend};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Bound;
use std::sync::{Mutex, PoisonError};

/// A writer holds it while the file is in order, whatever its header says; from redb's source.
const CONSISTENT_BYTE: u64 = WRITER_BYTE + 4;

#[derive(Debug)]
pub(super) struct Lens(Mutex<Seen>, bool);

#[derive(Debug)]
struct Seen {
    file: File,
    /// What the file itself has; beyond it there are only the pages that were written.
    real: u64,
    len: u64,
    written: BTreeMap<u64, Vec<u8>>,
}

impl Lens {
    /// For a reader that takes the last commit as it is, as it does beside a live writer.
    pub(super) fn as_it_is(file: File) -> io::Result<Lens> {
        Lens::new(file, true)
    }

    /// For a writer, who first repairs what a writer that died has left.
    pub(super) fn to_repair(file: File) -> io::Result<Lens> {
        Lens::new(file, false)
    }

    fn new(file: File, consistent: bool) -> io::Result<Lens> {
        let real = file.metadata()?.len();
        Ok(Lens(Mutex::new(Seen { file, real, len: real, written: BTreeMap::new() }), consistent))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Seen) -> io::Result<T>) -> io::Result<T> {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Seen {
    fn page(&mut self, number: u64) -> io::Result<Vec<u8>> {
        if let Some(page) = self.written.get(&number) {
            return Ok(page.clone());
        }
        let mut page = Vec::new();
        let start = number * PAGE;
        if start < self.real {
            self.file.seek(SeekFrom::Start(start))?;
            (&mut self.file).take(PAGE).read_to_end(&mut page)?;
        }
        page.resize(PAGE as usize, 0);
        Ok(page)
    }

    /// Calls `work` with each page that the range touches, where it begins in the range, and where in the page.
    fn pages(
        &mut self,
        offset: u64,
        len: usize,
        mut work: impl FnMut(&mut Seen, u64, usize, std::ops::Range<usize>) -> io::Result<()>,
    ) -> io::Result<()> {
        if offset.checked_add(len as u64).is_none_or(|end| end > self.len) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut done = 0;
        while done < len {
            let at = offset + done as u64;
            let from = (at % PAGE) as usize;
            let to = (from + len - done).min(PAGE as usize);
            work(self, at / PAGE, done, from..to)?;
            done += to - from;
        }
        Ok(())
    }
}

/// A branch page names its children with their sizes, up to 4 GiB each, and redb makes room for a child before it
/// asks for it. A child that is larger than the whole file is damage; here it becomes a small one that lies behind the
/// end of any file, so that reading it is an error, and what lies before it is read as always.
///
/// From redb's source: the kind of the page, a byte, the number of keys (two bytes), four bytes; then a checksum of
/// 16 bytes for each child, then each child as eight bytes, of which the highest five bits are the size: 4096 * 2^n.
fn without_giants(page: &mut [u8], len: u64) {
    const NOWHERE: u64 = 0xFF_FFFF_FFFF;
    let Some(&[BRANCH, _, low, high, _, _, _, _]) = page.first_chunk::<8>() else { return };
    let children = usize::from(u16::from_le_bytes([low, high])) + 1;
    let Some(named) = page.get_mut(8 + 16 * children..8 + 24 * children) else { return };
    for child in named.as_chunks_mut::<8>().0 {
        if PAGE << (u64::from_le_bytes(*child) >> 59) > len {
            *child = NOWHERE.to_le_bytes();
        }
    }
}

impl StorageBackend for Lens {
    fn len(&self) -> io::Result<u64> {
        self.with(|seen| Ok(seen.len))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.with(|seen| {
            seen.pages(offset, out.len(), |seen, number, done, part| {
                let page = seen.page(number)?;
                let target = out.get_mut(done..done + part.len());
                if let Some((target, source)) = target.zip(page.get(part)) {
                    target.copy_from_slice(source);
                }
                Ok(())
            })?;
            if offset.is_multiple_of(PAGE) {
                without_giants(out, seen.len);
            }
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.with(|seen| {
            seen.len = len;
            // What is cut off reads as zeros if the file grows again.
            seen.real = seen.real.min(len);
            seen.written.retain(|number, _| number * PAGE < len);
            Ok(())
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.with(|seen| {
            seen.pages(offset, data.len(), |seen, number, done, part| {
                let mut page = seen.page(number)?;
                let source = data.get(done..done + part.len());
                if let Some((source, target)) = source.zip(page.get_mut(part)) {
                    target.copy_from_slice(source);
                }
                seen.written.insert(number, page);
                Ok(())
            })
        })
    }

    fn try_lock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<bool, BackendError> {
        Ok(true)
    }

    fn try_lock_shared_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<bool, BackendError> {
        Ok(true)
    }

    fn lock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<(), BackendError> {
        Ok(())
    }

    fn lock_shared_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<(), BackendError> {
        Ok(())
    }

    fn unlock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<(), BackendError> {
        Ok(())
    }

    fn query_lock_range(&self, start: Bound<u64>, _: Bound<u64>) -> Result<bool, BackendError> {
        Ok(self.1 && start == Bound::Included(CONSISTENT_BYTE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_larger_than_the_file_is_none() {
        let mut page = vec![0; PAGE as usize];
        page[0] = 2;
        page[2] = 1;
        let (small, giant) = (5u64 | 1 << 59, 7u64 | 20 << 59);
        page[8 + 32..][..8].copy_from_slice(&small.to_le_bytes());
        page[8 + 40..][..8].copy_from_slice(&giant.to_le_bytes());
        let mut leaf = page.clone();
        leaf[0] = 1;
        let before = leaf.clone();
        without_giants(&mut leaf, 1 << 20);
        assert_eq!(leaf, before);
        without_giants(&mut page, 1 << 20);
        assert_eq!(page[40..48], small.to_le_bytes());
        assert_eq!(u64::from_le_bytes(page[48..56].try_into().unwrap()) >> 59, 0);
        // More children than a page has room for: nothing is touched.
        let mut short = vec![2, 0, 0xFF, 0xFF, 0, 0, 0, 0];
        without_giants(&mut short, 1);
        assert_eq!(short, [2, 0, 0xFF, 0xFF, 0, 0, 0, 0]);
    }
}
