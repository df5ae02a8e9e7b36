//! The power is cut, thousands of times, and every acknowledged write is still there.
//!
//! A store is made and used through its own verbs (`work`), on a file that writes down everything redb asks of it
//! (`tape`). From that, the files are made that a power cut at any moment can leave behind (`disk`): all that was asked before the
//! last finished sync, and of the rest a random part, torn into sectors of 512 bytes and out of order. Each file is opened by our
//! own code in the way any store is, and held against what must be there (`check`): exactly the last state
//! that a caller was told of, or one that was asked for after it, whole, entry by entry; the log's chain of hashes; and for a part of
//! the files every verb that reads, `verify`, and a further write. For another part the power is cut again during the recovery.
//!
//! What is covered: `Engine` and `Store` as they are, in redb's `MultiWriter` mode with its two-phase commits and
//! the system's locks; making a store, group commits, closing and opening. What is played is the disk only: the file
//! itself lies in a temporary folder, and is never synced there.
//!
//! What is not covered: a sector that is half written (512 bytes are taken to be whole or not at all); a file system
//! that loses the folder's entry of a new file, or makes a length that nobody asked for; a second process that writes
//! at the moment of the cut; a disk that lies about a sync, of which it is only shown that it would be noticed.
//!
//! For longer: `cargo test -p trialplate --lib powercut -- --ignored`, with `LONG` below to choose seeds and images.

mod check;
mod disk;
mod tape;
mod work;

use super::{Engine, Space, options};
use check::{Allowed, Depth, check};
use disk::{Chance, cut, epochs};
use std::collections::{BTreeSet, HashSet};
use std::sync::Mutex;
pub(in crate::storage) use tape::Taped;
use work::{Work, work};

/// Images of one work in a default run, and how many things are done in it.
const IMAGES: usize = 5_500;
const STEPS: usize = 30;
/// Seeds and images of each in the long run.
const LONG: (std::ops::Range<u64>, usize) = (100..120, 25_000);

fn a_work(steps: usize, seed: u64) -> Work {
    let folder = tempfile::tempdir().unwrap();
    work(&folder.path().join("work.tp"), steps, seed)
}

/// Cuts the power of one work until `images` different files were checked; the faults.
fn cut_often(work: &Work, images: usize, seed: u64) -> (usize, Vec<String>) {
    let epochs = epochs(&[], &work.tape, &BTreeSet::new());
    let each = images.div_ceil(epochs.len()) * 5 / 4;
    let folder = tempfile::tempdir().unwrap();
    let next = Mutex::new(0..epochs.len());
    let all = Mutex::new((0, Vec::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(4);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(n) = { next.lock().unwrap().next() } {
                    // Each epoch has its own chances, so that the threads decide nothing.
                    let mut chance = Chance(seed ^ (n as u64) << 32);
                    let epoch = &epochs[n];
                    let mut seen = HashSet::new();
                    for _ in 0..each * 4 {
                        if seen.len() == each {
                            break;
                        }
                        let late = chance.happens(60);
                        let at = if late { epoch.to } else { epoch.from + chance.below(epoch.to - epoch.from + 1) };
                        let image = cut(&epoch.synced, &work.tape[epoch.from..at], &mut chance);
                        if !seen.insert((at, image.clone())) {
                            continue;
                        }
                        let allowed = Allowed::at(&work.states, at);
                        let depth = if seen.len() % 8 == 1 { Depth::Everything } else { Depth::Entries };
                        let fault = check(folder.path(), &image, &allowed, depth).err();
                        if let Some(fault) = fault {
                            all.lock().unwrap().1.push(format!("epoch {n}, cut at {at}: {fault}"));
                        }
                    }
                    all.lock().unwrap().0 += seen.len();
                }
            });
        }
    });
    all.into_inner().unwrap()
}

#[test]
fn no_power_cut_loses_what_was_acknowledged_or_leaves_half_of_anything() {
    let work = a_work(STEPS, 1);
    let (images, faults) = cut_often(&work, IMAGES, 1);
    assert!(faults.is_empty(), "{} of {images}: {:#?}", faults.len(), &faults[..faults.len().min(20)]);
    assert!(images >= 5_000, "{images}");
}
