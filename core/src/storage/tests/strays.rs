//! What is found page by page is what the engine itself finds: no entry less, none that was deleted, with or without the header.

use super::super::examine::{Examined, examine};
use super::super::open::record_key;
use super::super::pages::{Pages, branch, leaf};
use super::super::strays::Leaves;
use super::{Place, open, options, place};
use crate::storage::copy::END;
use crate::storage::{Engine, Flow, Order, Space};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

fn beside<T>(path: &Path, work: impl FnOnce(&Examined) -> T) -> T {
    examine(path, Duration::from_secs(5), |file| Ok(work(file))).unwrap()
}

/// Every entry of every leaf, each of which may be there only once.
fn by_pages(path: &Path) -> (Entries, Leaves) {
    let mut found = Entries::new();
    let leaves = beside(path, |file| {
        file.leaves(&mut |entries| {
            for (key, value) in entries {
                assert_eq!(found.insert(key.to_vec(), value.to_vec()), None, "{key:?} twice");
            }
            Ok(())
        })
    });
    (found, leaves.unwrap().unwrap())
}

fn by_trees(engine: &Engine) -> (Entries, BTreeMap<Space, u64>) {
    let (mut found, mut counts) = (Entries::new(), BTreeMap::new());
    for space in Space::ALL {
        let mut visit = |key: &[u8], value: &[u8]| {
            *counts.entry(space).or_default() += 1;
            found.insert(key.to_vec(), value.to_vec());
            Ok(Flow::Continue)
        };
        engine.read(|tx| tx.scan(space, &[], &END, Order::Ascending, &mut visit)).unwrap();
    }
    (found, counts)
}

/// Entries that differ between the spaces, some of them larger than a page, written, overwritten and deleted in many commits.
fn fill(engine: &Engine, commits: u32) {
    let mut noise = 1u64;
    for commit in 0..commits {
        let mut next = move || {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(u64::from(commit) + 1);
            noise >> 33
        };
        engine
            .write(move |tx| {
                for _ in 0..next() % 40 {
                    let space = Space::ALL[next() as usize % Space::ALL.len()];
                    let key = format!("{space:?} {}", next() % 500).into_bytes();
                    match next() % 8 {
                        0 | 1 => tx.delete(space, &key)?,
                        2 => tx.put(space, &key, &vec![next() as u8; next() as usize % 40_000])?,
                        _ => tx.put(space, &key, &vec![next() as u8; next() as usize % 200])?,
                    }
                }
                Ok(())
            })
            .unwrap();
        noise = noise.rotate_left(7);
    }
}

fn behead(place: &Place) {
    let mut bytes = std::fs::read(&place.path).unwrap();
    bytes[..4096].fill(0);
    std::fs::write(&place.path, &bytes).unwrap();
}

#[test]
fn the_leaves_in_use_are_the_entries() {
    let place = place();
    let engine = open(&place.path);
    for round in 0..12 {
        fill(&engine, 20 + round);
        let (expected, counts) = by_trees(&engine);
        let (found, leaves) = by_pages(&place.path);
        assert!(found == expected, "round {round}: {} for {}", found.len(), expected.len());
        assert!(leaves.all, "round {round}");
        assert_eq!(leaves.entries, Some(counts), "round {round}");
        if round % 4 == 3 {
            engine.compact().unwrap();
            assert!(by_pages(&place.path).0 == expected, "compacted");
        }
    }
    let (expected, counts) = by_trees(&engine);
    engine.close().unwrap();
    assert!(by_pages(&place.path).0 == expected, "closed");
    // Without the header the newest commit of all that have left pages in the file is the one.
    behead(&place);
    let (found, leaves) = by_pages(&place.path);
    assert!(found == expected && leaves.all);
    assert_eq!(leaves.entries, Some(counts));
    assert!(Engine::open(&place.path, options(false, 0)).is_err_and(|error| error.code() == "not-a-store"));
}

#[test]
fn a_file_without_our_record_is_not_ours_without_a_header_either() {
    let place = place();
    let engine = open(&place.path);
    fill(&engine, 5);
    engine.write(|tx| tx.delete(Space::Refs, record_key().bytes())).unwrap();
    engine.close().unwrap();
    behead(&place);
    let refused = examine(&place.path, Duration::ZERO, |_| Ok(())).unwrap_err();
    assert_eq!(refused.code(), "not-a-store");
}

proptest! {
    #[test]
    fn no_bytes_are_believed(
        mut page in prop::collection::vec(any::<u8>(), 0..9000), kind in 0u8..4, count in any::<u16>(), small in any::<bool>(),
    ) {
        let head = [kind, 0, if small { count as u8 % 8 } else { count as u8 }, if small { 0 } else { (count >> 8) as u8 }];
        let len = page.len().min(4);
        page[..len].copy_from_slice(&head[..len]);
        for (key, value) in leaf(&page, super::super::pages::Widths::FREE).into_iter().flatten() {
            prop_assert!(key.len() + value.len() <= page.len());
        }
        prop_assert!(branch(&page).is_none_or(|children| children.len() * 24 < page.len()));
    }

    #[test]
    fn a_file_of_anything_is_walked_to_its_end(
        edits in prop::collection::vec((any::<u32>(), any::<u8>()), 0..200), header in any::<bool>(), cut in 0usize..3,
    ) {
        let place = place();
        let engine = open(&place.path);
        fill(&engine, 3);
        engine.close().unwrap();
        let mut bytes = std::fs::read(&place.path).unwrap();
        let len = bytes.len();
        for (at, byte) in edits {
            bytes[at as usize % len] = byte;
        }
        if !header {
            bytes[..4096].fill(0);
        }
        bytes.truncate(len - len * cut / 4 / 4096 * 4096);
        std::fs::write(&place.path, &bytes).unwrap();
        let pages = Pages::new(std::fs::File::open(&place.path).unwrap()).unwrap();
        if let Some(commit) = pages.last_commit() {
            prop_assert_eq!(commit.used.len() as u64, pages.count);
        }
    }
}
