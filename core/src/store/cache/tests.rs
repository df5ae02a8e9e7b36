//! Many threads, two openings of one file, one label that moves on: nobody ever reads what was before.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::{Content, Selector, Store};

#[test]
fn nobody_reads_an_older_version_than_was_there_when_they_asked() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.tp");
    let writer = Store::open(&path).unwrap();
    const MOVES: u32 = 60;
    for number in 1..=MOVES {
        writer.publish("p", Content::text(format!("text {number}")), Default::default()).unwrap();
    }
    let label_is = |number: u32| {
        writer.set_label("p", "production", &number.into(), Default::default()).unwrap();
    };
    label_is(1);
    // What every reader may count on: stored after the move is done.
    let (floor, over) = (AtomicU32::new(1), AtomicBool::new(false));
    let read = |store: &Store| {
        let (mut reads, mut last) = (0u32, 0);
        while !over.load(Ordering::Acquire) || reads == 0 {
            let least = floor.load(Ordering::Acquire);
            let version = store.get("p", Selector::default()).unwrap();
            let number = version.number();
            assert!(number >= least, "version {number} after the label was at {least}");
            assert!(number >= last, "back from {last} to {number}");
            assert_eq!(version.content().prompt(), &format!("text {number}"), "a version is whole");
            (reads, last) = (reads + 1, number);
        }
        reads
    };
    let elsewhere = Store::open(&path).unwrap();
    std::thread::scope(|scope| {
        // Clones share one cache, and each thread has its own answers; what publishes besides moves the epoch.
        let readers: Vec<_> =
            [writer.clone(), writer.clone(), writer.clone(), elsewhere.clone(), elsewhere.clone()]
                .into_iter()
                .map(|store| scope.spawn(move || read(&store)))
                .collect();
        let noise = scope.spawn(|| {
            for number in 0.. {
                if over.load(Ordering::Acquire) {
                    return number;
                }
                elsewhere
                    .publish("q", Content::text(format!("noise {}", number % 7)), Default::default())
                    .unwrap();
            }
            0
        });
        for number in 2..=MOVES {
            label_is(number);
            floor.store(number, Ordering::Release);
        }
        over.store(true, Ordering::Release);
        assert!(readers.into_iter().all(|reader| reader.join().unwrap() > 0));
        noise.join().unwrap();
    });
    assert_eq!(writer.get("p", Selector::default()).unwrap().number(), MOVES);
}
