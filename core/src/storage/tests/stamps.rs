//! The four reasons why the stamp is sound, one after the other. The other writer is a second redb handle that
//! our engine knows nothing of.

use super::super::header::snapshot;
use super::{commit_elsewhere, get, open, place, put, second_handle};
use std::cell::Cell;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

#[test]
fn it_stays_while_nothing_is_committed_and_differs_after_every_commit() {
    let place = place();
    let engine = open(&place.path);
    let other = second_handle(&place.path);
    let mut seen = Vec::new();
    for n in 0..20u8 {
        let stamp = engine.stamp().unwrap();
        assert!(!seen.contains(&stamp));
        assert_eq!(engine.stamp().unwrap(), stamp);
        get(&engine, b"a");
        assert_eq!(engine.stamp().unwrap(), stamp, "reading is no commit");
        seen.push(stamp);
        if n % 2 == 0 { put(&engine, "a", [n]).unwrap() } else { commit_elsewhere(&other, b"a", &[n]) }
    }
}

/// Reason 1: the stamp is taken before the read. A commit in between makes the entry look stale, though it is not.
#[test]
fn a_commit_between_the_stamp_and_the_read_costs_one_more_look_and_no_more() {
    let place = place();
    let engine = open(&place.path);
    let other = second_handle(&place.path);
    commit_elsewhere(&other, b"a", b"1");
    let stamp = engine.stamp().unwrap();
    commit_elsewhere(&other, b"a", b"2");
    let filed = (stamp, get(&engine, b"a").unwrap());
    assert_eq!(filed.1, b"2");
    assert_ne!(engine.stamp().unwrap(), filed.0, "it must look stale");
    // The forbidden order would have been believed: this is what the rule protects from.
    let read_first = get(&engine, b"a").unwrap();
    commit_elsewhere(&other, b"a", b"3");
    let taken_after = engine.stamp().unwrap();
    assert_eq!(engine.stamp().unwrap(), taken_after);
    assert_eq!((read_first, get(&engine, b"a").unwrap()), (b"2".to_vec(), b"3".to_vec()));
}

/// Reason 2, exhaustively: whenever the looker is put to sleep between two loads, what it returns is one of the header's real
/// states, from between its first load and its last. (With a single look it isn't: that is asserted too.)
#[test]
fn a_stamp_is_a_state_the_header_really_had() {
    const UNFLUSHED: u8 = 8;
    // Three header writes per commit: the id into the other slot; the flip, marked unflushed; the mark cleared.
    let mut states = vec![(0u8, [2u64, 1])];
    for id in 3..7u64 {
        let (_, mut ids) = *states.last().unwrap();
        let slot = usize::from(id % 2 == 1);
        ids[slot] = id;
        states.push((1 - slot as u8, ids));
        states.push((slot as u8 | UNFLUSHED, ids));
        states.push((slot as u8, ids));
    }
    let last = states.len() - 1;
    // `sleep[n]`: how many header writes happen before the n-th load; after those given, nothing happens any more.
    let mut invented_by_a_single_look = 0;
    let mut sleep = [0usize; 5];
    loop {
        let now = Cell::new((0, 0));
        let load = || {
            let (loads, time) = now.get();
            let time = (time + sleep.get(loads).copied().unwrap_or(0)).min(last);
            now.set((loads + 1, time));
            states[time]
        };
        let first = sleep[0].min(last);
        let seen = snapshot(|| load().0, || [load().1[0], load().1[1]]);
        assert!(states[first..=now.get().1].contains(&seen), "{sleep:?}: {seen:?}");
        now.set((0, 0));
        let single = (load().0, [load().1[0], load().1[1]]);
        invented_by_a_single_look += usize::from(!states[first..=now.get().1].contains(&single));
        // The next combination.
        let Some(at) = sleep.iter().position(|&n| n < last) else { break };
        sleep[at] += 1;
        sleep[..at].fill(0);
    }
    assert!(invented_by_a_single_look > 0);
}

/// Reasons 2 and 3: stamps taken while header writes are in flight. A remembering reader must never serve a value older than
/// the last one whose commit had returned when it was asked.
#[test]
fn what_is_remembered_is_never_older_than_a_commit_that_had_returned() {
    let place = place();
    let engine = open(&place.path);
    put(&engine, "n", 0u64.to_be_bytes()).unwrap();
    let (committed, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let served = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut filed = None;
                while !stop.load(Ordering::Relaxed) {
                    let due = committed.load(Ordering::SeqCst);
                    let stamp = engine.stamp().unwrap();
                    let value = match filed {
                        Some((at, value)) if at == stamp => {
                            served.fetch_add(1, Ordering::Relaxed);
                            value
                        }
                        _ => {
                            let read = get(&engine, b"n").unwrap();
                            let value = u64::from_be_bytes(read.try_into().unwrap());
                            filed = Some((stamp, value));
                            value
                        }
                    };
                    assert!(value >= due, "served {value} after {due} was committed");
                }
            });
        }
        let other = second_handle(&place.path);
        for n in 1..=400u64 {
            if n % 3 == 0 {
                put(&engine, "n", n.to_be_bytes()).unwrap();
            } else {
                commit_elsewhere(&other, b"n", &n.to_be_bytes());
            }
            committed.store(n, Ordering::SeqCst);
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(served.load(Ordering::Relaxed) > 0, "the memory was never used, so nothing was tested");
}

/// Reason 3, by its bytes: a commit shows itself twice, the second time by the god byte alone.
#[test]
fn the_mark_that_a_commit_is_not_flushed_is_part_of_the_stamp() {
    use std::os::unix::fs::FileExt;
    let place = place();
    let engine = open(&place.path);
    put(&engine, "a", "1").unwrap();
    let file = std::fs::OpenOptions::new().read(true).write(true).open(&place.path).unwrap();
    let mut god = [0u8];
    file.read_exact_at(&mut god, 9).unwrap();
    let flushed = engine.stamp().unwrap();
    file.write_all_at(&[god[0] ^ 8], 9).unwrap();
    let marked = engine.stamp().unwrap();
    file.write_all_at(&god, 9).unwrap();
    assert_ne!(flushed, marked);
    assert_eq!(engine.stamp().unwrap(), flushed);
}

/// Reason 2, by its bytes: all mixtures of an old and a new header differ from each other, except where they say the same.
#[test]
fn a_torn_stamp_is_neither_the_old_nor_the_new_one() {
    use std::os::unix::fs::FileExt;
    let place = place();
    let engine = open(&place.path);
    let file = std::fs::OpenOptions::new().read(true).write(true).open(&place.path).unwrap();
    let head = || {
        let mut head = [0u8; 320];
        file.read_exact_at(&mut head, 0).unwrap();
        head
    };
    put(&engine, "a", "1").unwrap();
    let old = head();
    put(&engine, "a", "2").unwrap();
    let new = head();
    let parts = [9..10, 168..176, 296..304];
    let mut stamps = HashSet::new();
    let mut says = HashSet::new();
    for choice in 0..8 {
        let mut mixed = new;
        for (bit, part) in parts.iter().enumerate() {
            if choice >> bit & 1 == 0 {
                mixed[part.clone()].copy_from_slice(&old[part.clone()]);
            }
        }
        file.write_all_at(&mixed, 0).unwrap();
        stamps.insert(format!("{:?}", engine.stamp().unwrap()));
        says.insert(parts.clone().map(|part| mixed[part].to_vec()));
    }
    file.write_all_at(&new, 0).unwrap();
    assert_eq!(stamps.len(), says.len());
    assert!(says.len() >= 4, "the god byte and one id change with every commit");
}

/// Reason 4: a restored copy has the same bytes and is another file.
#[test]
fn another_file_under_the_path_is_noticed_and_followed() {
    let place = place();
    let engine = open(&place.path);
    put(&engine, "a", "old").unwrap();
    let backup = place.path.with_extension("backup");
    // A copy while nothing is written is a whole store; its header has the same stamp fields.
    std::fs::copy(&place.path, &backup).unwrap();
    let before = engine.stamp().unwrap();
    std::fs::rename(&backup, &place.path).unwrap();
    assert_eq!(engine.stamp().unwrap(), before, "documented: a rename alone can't be seen by the stamp");
    assert_eq!(get(&engine, b"a").unwrap(), b"old");
    let after = engine.stamp().unwrap();
    assert_ne!(after, before, "same bytes, other file, other stamp");
    put(&engine, "a", "new").unwrap();
    engine.close().unwrap();
    assert_eq!(get(&open(&place.path), b"a").unwrap(), b"new");
}

#[test]
fn a_file_that_is_gone_is_an_error_and_not_a_write_into_nowhere() {
    let place = place();
    let engine = open(&place.path);
    put(&engine, "a", "1").unwrap();
    std::fs::remove_file(&place.path).unwrap();
    let error = put(&engine, "a", "2").unwrap_err();
    assert_eq!(error.code(), "storage");
    assert!(error.to_string().contains("removed"), "{error}");
    assert_eq!(engine.read(|_| Ok(())).unwrap_err().code(), "storage");
    engine.stamp().unwrap();
    engine.close().unwrap();
}
