//! The freshness stamp: has anything been committed since I last looked? Answered in nanoseconds.
//!
//! redb's header is the first 320 bytes of the file: the god byte at 9 (which slot is the primary, whether it is
//! flushed), and two commit slots of 128 bytes at 64 and 192, each with its transaction id at +104. Every commit of any process
//! rewrites it. We keep a read-only map of the first page and load those three fields.
//!
//! The rule for whoever remembers something: take the stamp, THEN begin the read that fills the memory,
//! file what was read under that stamp; later, what was filed may be used if the stamp is still the same.
//!
//! Why that is sound:
//! 1. The stamp is older than the read. A commit in between makes the entry look stale, which costs one
//!    more check and never a stale answer.
//! 2. A stamp is a snapshot: ids, then the god byte, then the ids again, until both looks at the ids agree. The ids only
//!    grow, so between two equal looks they stood still, and the god byte is of that time. A single look
//!    would NOT do, though no torn header ever equals a whole one: the looker may be put to sleep between two loads while
//!    other processes commit. God byte before (primary 1), ids after the next-but-one commit has written its id and before it has flipped
//!    the god byte: together exactly what that commit will look like when it is done, filed with the state before it.
//!    (A test with real processes served the stale value; another one goes through every interleaving.) An id is used twice
//!    only when a writer died before its flip of the god byte; until that flip the committed state is the same.
//!    `begin_read` waits for the header lock, so what is filed is never older than the stamp.
//! 3. A commit first shows itself marked unflushed, while readers still serve the old slot; it clears the
//!    mark after its fsync. The mark is in the god byte and the god byte is in the stamp: the second step is seen too.
//! 4. The identity of the file isn't in its bytes: a restored copy can have the same header. So a stamp also carries a number
//!    that is unique to one opening of one file by this process, and `Engine` compares device and inode with the path at every
//!    read and write that begins a transaction.
//!
//! What it can't see: a plain `mv new.tp old.tp` changes nothing in the inode that is mapped, so what is
//! remembered stays until the next read or write that begins a transaction. And a file that another program
//! truncates in place (`> file`, `cp x file`) takes the page away from under the map: the next look is a SIGBUS, as with
//! every program that maps a file. Replace a store by renaming, never by copying over it.
//!
//! The map is made through a file description of its own: a map keeps its description alive, and the locks
//! of the engine's one must die with the engine. Writes by `pwrite` and reads by a shared map see the same page cache
//! on Linux, macOS and the BSDs; on network file systems they do not between machines, which is one more
//! reason to keep stores on a local disk. Where there is no map, the same bytes are read with a read.

use super::header::{Stamp, look, snapshot};
use std::cell::Cell;
use std::fs::File;
use std::sync::atomic::{AtomicPtr, AtomicU8, AtomicU64, Ordering};

const GOD_BYTE: usize = 9;
const IDS: [usize; 2] = [64 + 104, 192 + 104];
const PAGE: usize = 4096;

/// Takes stamps of one opened file.
#[derive(Debug)]
pub(super) struct Stamps {
    /// The number of this opening, shifted clear of the god byte.
    opening: u64,
    /// The mapped page, or null where the file could not be mapped.
    page: AtomicPtr<u8>,
    file: Option<File>,
}

impl Stamps {
    /// `file` must be a description that nobody locks; it is closed at once if a map can be had.
    pub(super) fn new(file: File) -> Stamps {
        static OPENINGS: AtomicU64 = AtomicU64::new(1);
        let opening = OPENINGS.fetch_add(1, Ordering::Relaxed) << 8;
        let page = map(&file);
        let file = if page.is_null() { Some(file) } else { None };
        Stamps { opening, page: AtomicPtr::new(page), file }
    }

    #[inline]
    pub(super) fn take(&self) -> Stamp {
        let page = self.page.load(Ordering::Relaxed);
        if page.is_null() {
            return self.take_by_reading();
        }
        // SAFETY: the page is mapped and readable for 4096 bytes until `drop` (`retire` exchanges
        // what is behind it in one step). Both ids lie at multiples of eight. Other processes write to the memory, so
        // every access is atomic; a plain atomic load never writes.
        let (god, ids) = unsafe {
            (&*page.add(GOD_BYTE).cast::<AtomicU8>(), IDS.map(|at| &*page.add(at).cast::<AtomicU64>()))
        };
        look(self.opening, god, ids)
    }

    #[cold]
    fn take_by_reading(&self) -> Stamp {
        static NEVER_THE_SAME: AtomicU64 = AtomicU64::new(0);
        let failed = Cell::new(false);
        let head = || {
            let mut head = [0u8; 320];
            let read = self.file.as_ref().is_some_and(|file| read_at_start(file, &mut head).is_ok());
            failed.set(failed.get() || !read);
            head
        };
        let ids = || {
            let head = head();
            IDS.map(|at| {
                head.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |id| u64::from_ne_bytes(*id))
            })
        };
        let (god, ids) = snapshot(|| head()[GOD_BYTE], ids);
        if failed.get() {
            // Unreadable: equal to no other stamp, so that nobody trusts what they remember.
            let n = NEVER_THE_SAME.fetch_add(1, Ordering::Relaxed);
            return Stamp::new(self.opening, 0, [u64::MAX, n]);
        }
        Stamp::new(self.opening, god, ids)
    }

    /// Lets go of the file, whose blocks a map would hold even after it was deleted. Stamps that are
    /// being taken at this moment read zeros.
    pub(super) fn retire(&self) {
        #[cfg(unix)]
        {
            let page = self.page.load(Ordering::Relaxed);
            if !page.is_null() {
                // SAFETY: the range is ours, and MAP_FIXED replaces it atomically by an anonymous page, so a
                // concurrent `take` reads the one or the other. A failure leaves the old map in place.
                unsafe {
                    libc::mmap(
                        page.cast(),
                        PAGE,
                        libc::PROT_READ,
                        libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_FIXED,
                        -1,
                        0,
                    );
                }
            }
        }
    }
}

impl Drop for Stamps {
    fn drop(&mut self) {
        #[cfg(unix)]
        {
            let page = *self.page.get_mut();
            if !page.is_null() {
                // SAFETY: mapped by `map` with this length, and `&mut self` says nobody reads it.
                unsafe { libc::munmap(page.cast(), PAGE) };
            }
        }
    }
}

#[cfg(unix)]
fn map(file: &File) -> *mut u8 {
    use std::os::fd::AsRawFd;
    // A page that the file doesn't reach would be a SIGBUS at the first look.
    if !file.metadata().is_ok_and(|meta| meta.len() >= PAGE as u64) {
        return std::ptr::null_mut();
    }
    // SAFETY: a new read-only map at an address of the kernel's choice; the descriptor is open.
    let page = unsafe {
        libc::mmap(std::ptr::null_mut(), PAGE, libc::PROT_READ, libc::MAP_SHARED, file.as_raw_fd(), 0)
    };
    if page == libc::MAP_FAILED { std::ptr::null_mut() } else { page.cast() }
}

#[cfg(not(unix))]
fn map(_: &File) -> *mut u8 {
    std::ptr::null_mut()
}

#[cfg(unix)]
fn read_at_start(file: &File, out: &mut [u8]) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, out, 0)
}

#[cfg(windows)]
fn read_at_start(file: &File, out: &mut [u8]) -> std::io::Result<()> {
    let read = std::os::windows::fs::FileExt::seek_read(file, out, 0)?;
    if read == out.len() { Ok(()) } else { Err(std::io::ErrorKind::UnexpectedEof.into()) }
}
