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
//! itself lies in a temporary folder, and is never synced there. On Unix only, where a file's identity is exact.
//!
//! What is not covered: a sector that is half written (512 bytes are taken to be whole or not at all); a file system
//! that loses the folder's entry of a new file, or gives a file a length that nobody asked for; a cut while the file of a
//! maker who died is emptied (`take_over`, which goes past redb); a second process that writes at the moment of the
//! cut; a disk that lies about a sync, of which it is only shown that it would be noticed.
//!
//! For longer: `RUSTFLAGS="--cfg long_tests" cargo test -p trialplate --lib powercut --release -- --nocapture`, which says after each seed
//! how many images it has come to; `TRIALPLATE_CUT_SEEDS=4` for so many seeds, `TRIALPLATE_CUT_SEEDS=104..108` for those. A fault
//! names its seed and the position of the cut on the tape; the chances are seeded, but ids and times in the store
//! are not, so the same seed gives the same kind of work and not the same bytes.

mod check;
mod disk;
mod tape;
mod work;

use super::{Engine, Space, options};
use check::{Allowed, Depth, check};
use disk::{Chance, Epoch, cut, epochs};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use tape::Asked;
pub(in crate::storage) use tape::{Disk, Refuses, Taped};
use work::{State, Work, work};

/// Images of one work in a default run, and how many things are done in it.
const IMAGES: usize = 5_000;
const STEPS: usize = 20;
/// Seeds, images of each, and how many things are done, in the long run.
#[cfg(long_tests)]
const LONG: (std::ops::Range<u64>, usize, usize) = (100..120, 20_000, 60);

/// What a number of cuts came to.
#[derive(Debug, Default)]
struct Sum {
    /// Different files that were opened and checked.
    images: usize,
    /// Those of them that were left by a second cut, during the recovery from the first.
    again: usize,
    /// Those in which the operation that was cut off was found, and not the state before it.
    ahead: usize,
    faults: Vec<String>,
}

fn a_work(steps: usize, seed: u64) -> Work {
    let folder = tempfile::tempdir().unwrap();
    work(&folder.path().join("work.tp"), steps, seed)
}

/// Cuts the power at one epoch, until `images` different files were checked or there are no more.
fn cut_epoch(folder: &Path, work: &Work, epoch: &Epoch, images: usize, chance: &mut Chance) -> Sum {
    let mut sum = Sum::default();
    let mut seen: Vec<Vec<u8>> = Vec::new();
    for _ in 0..images * 2 {
        if seen.len() >= images {
            break;
        }
        // With all that was asked of the disk before the sync, or at any moment before.
        let at =
            if chance.happens(60) { epoch.to } else { epoch.from + chance.below(epoch.to + 1 - epoch.from) };
        let image = cut(&epoch.synced, &work.tape[epoch.from..at], chance);
        if seen.contains(&image) {
            continue;
        }
        let allowed = Allowed::at(&work.states, at);
        let depth = if seen.len() % 16 == 1 { Depth::Everything } else { Depth::Entries };
        let checked = check(folder, &image, &allowed, depth);
        sum.images += 1;
        match checked {
            Err(fault) => sum.faults.push(format!("cut at {at}: {fault}")),
            Ok(recovery) => {
                let found = recovery.found.as_ref().map(|state| &state.entries);
                sum.ahead +=
                    usize::from(allowed.states.iter().skip(1).any(|state| Some(&state.entries) == found));
                // While the store is being made the file may be emptied past the tape; so not then.
                if depth == Depth::Entries && !allowed.nothing && chance.happens(15) {
                    let epochs = epochs(&image, &recovery.tape, &BTreeSet::new());
                    let second = &epochs[chance.below(epochs.len())];
                    let after = second.from + chance.below(second.to + 1 - second.from);
                    let image = cut(&second.synced, &recovery.tape[second.from..after], chance);
                    let allowed = match &recovery.found {
                        Some(found) if found.told <= after => {
                            Allowed { states: std::slice::from_ref(found), nothing: false }
                        }
                        _ => allowed,
                    };
                    if let Err(fault) = check(folder, &image, &allowed, Depth::Entries) {
                        sum.faults.push(format!("cut at {at}, and its recovery at {after}: {fault}"));
                    }
                    (sum.images, sum.again) = (sum.images + 1, sum.again + 1);
                }
            }
        }
        seen.push(image);
    }
    sum
}

/// Cuts the power everywhere in a work, `images` times or somewhat more often.
fn cut_often(work: &Work, images: usize, seed: u64) -> Sum {
    let epochs = epochs(&[], &work.tape, &BTreeSet::new());
    // An epoch with one write, which moves the header, has two images and no more.
    let rich = epochs.iter().filter(|epoch| epoch.to - epoch.from > 4).count();
    // And of those with a few writes some have fewer than they are asked for: the others make up for them.
    let each = (images + images / 10).div_ceil(rich.max(1));
    let folder = tempfile::tempdir().unwrap();
    let (next, total) = (Mutex::new(0..epochs.len()), Mutex::new(Sum::default()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(4);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(n) = { next.lock().unwrap_or_else(PoisonError::into_inner).next() } {
                    // Each epoch has chances of its own, so that the threads decide nothing.
                    let mut chance = Chance(seed << 32 | n as u64);
                    let sum = cut_epoch(folder.path(), work, &epochs[n], each, &mut chance);
                    let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
                    total.images += sum.images;
                    total.again += sum.again;
                    total.ahead += sum.ahead;
                    total.faults.extend(sum.faults);
                }
            });
        }
    });
    total.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Nothing is lost, enough was tried, and what was tried was worth trying.
fn holds(steps: usize, images: usize, seed: u64) -> Sum {
    let sum = cut_often(&a_work(steps, seed), images, seed);
    let shown = &sum.faults[..sum.faults.len().min(20)];
    assert!(shown.is_empty(), "seed {seed}: {} of {} are faulty: {shown:#?}", sum.faults.len(), sum.images);
    assert!(sum.images >= images && sum.again >= images / 20 && sum.ahead >= 10, "{sum:?}");
    sum
}

#[test]
fn no_power_cut_loses_what_was_acknowledged_or_leaves_half_of_anything() {
    holds(STEPS, IMAGES, 1);
}

/// The seeds that were asked for: a number of them, or from one to below another. `None`: neither.
#[cfg(long_tests)]
fn seeds(asked: &str) -> Option<std::ops::Range<u64>> {
    match asked.split_once("..") {
        Some((from, to)) => Some(from.parse().ok()?..to.parse().ok()?),
        None => Some(LONG.0.start..LONG.0.start + asked.parse::<u64>().ok()?),
    }
}

#[cfg(long_tests)]
#[test]
fn nor_does_any_of_many_more() {
    let (all, images, steps) = LONG;
    let seeds = match std::env::var("TRIALPLATE_CUT_SEEDS") {
        Ok(asked) => seeds(&asked).expect("TRIALPLATE_CUT_SEEDS is a number, or FROM..TO"),
        Err(_) => all,
    };
    assert!(!seeds.is_empty(), "no seed was asked for");
    let mut all = Sum::default();
    for seed in seeds {
        let began = std::time::Instant::now();
        let sum = holds(steps, images, seed);
        (all.images, all.again, all.ahead) =
            (all.images + sum.images, all.again + sum.again, all.ahead + sum.ahead);
        println!(
            "seed {seed}: {} images in {} s; so far {} images, {} of them of a second cut, {} with the operation that was cut off",
            sum.images,
            began.elapsed().as_secs(),
            all.images,
            all.again,
            all.ahead
        );
    }
}

/// The syncs that an operation waited for.
fn syncs_of(state: &State, tape: &[Asked]) -> BTreeSet<usize> {
    (state.asked..state.told).filter(|at| tape[*at] == Asked::Sync).collect()
}

/// The checker can fail: a disk that says that it has synced and loses what it had, whatever was acknowledged.
#[test]
fn a_disk_that_lies_is_noticed_at_every_operation() {
    let work = a_work(6, 2);
    let folder = tempfile::tempdir().unwrap();
    for state in &work.states {
        let tape = &work.tape[..state.told];
        let lost = syncs_of(state, tape);
        let allowed = Allowed::at(&work.states, state.told);
        let check = |image: &[u8]| check(folder.path(), image, &allowed, Depth::Entries).map(drop);
        // An honest disk has it, even if it loses all that it may.
        check(&epochs(&[], tape, &BTreeSet::new()).last().unwrap().synced).unwrap();
        let fault = check(&epochs(&[], tape, &lost).last().unwrap().synced).unwrap_err();
        assert!(fault.contains("lost or changed"), "{fault}");
    }
}

/// Nor need it lose everything: a single sync that is a lie, and any part kept of what it was for. The engine stops on
/// a header that got ahead of what it points to, or the operation is lost.
#[test]
fn a_disk_that_lies_once_is_noticed() {
    let work = a_work(6, 3);
    let folder = tempfile::tempdir().unwrap();
    let mut chance = Chance(3);
    let mut faults = Vec::new();
    for state in &work.states {
        let tape = &work.tape[..state.told];
        for lie in syncs_of(state, tape) {
            let epochs = epochs(&[], tape, &[lie].into());
            let over = epochs.iter().find(|epoch| (epoch.from..epoch.to).contains(&lie)).unwrap();
            let allowed = Allowed::at(&work.states, over.to);
            for _ in 0..6 {
                let image = cut(&over.synced, &tape[over.from..over.to], &mut chance);
                faults.extend(check(folder.path(), &image, &allowed, Depth::Entries).err());
            }
        }
    }
    for kind in ["damaged: ", "lost or changed"] {
        assert!(faults.iter().filter(|fault| fault.contains(kind)).count() >= 3, "{kind}: {faults:#?}");
    }
}

#[test]
fn half_of_an_operation_is_no_state() {
    let work = a_work(6, 4);
    for (n, pair) in work.states.windows(2).enumerate() {
        let allowed = Allowed { states: &work.states[n..n + 2], nothing: true };
        assert!(allowed.find(&pair[0].entries).is_ok() && allowed.find(&pair[1].entries).is_ok());
        let written: Vec<_> =
            pair[1].entries.iter().filter(|(k, v)| pair[0].entries.get(*k) != Some(*v)).collect();
        // A single entry can't be half there.
        for (key, value) in written.iter().filter(|_| written.len() > 1) {
            let mut entries = pair[0].entries.clone();
            entries.insert((*key).clone(), (*value).clone());
            assert!(allowed.find(&entries).is_err(), "{key:?}");
        }
    }
}

#[test]
fn a_changed_byte_of_an_entry_is_noticed() {
    let work = a_work(2, 4);
    let folder = tempfile::tempdir().unwrap();
    let mut image = epochs(&[], &work.tape, &BTreeSet::new()).pop().unwrap().synced;
    let allowed = Allowed::at(&work.states, work.tape.len());
    assert_eq!(check(folder.path(), &image, &allowed, Depth::Everything).err(), None);
    let text = b"text 1 ";
    let places: Vec<usize> = (0..image.len()).filter(|at| image[*at..].starts_with(text)).collect();
    for at in places {
        image[at] = b'T';
    }
    assert!(check(folder.path(), &image, &allowed, Depth::Entries).is_err());
}
