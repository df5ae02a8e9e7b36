//! The queue: full, shared, in order, and what a failing call leaves.

use std::sync::mpsc;
use std::time::Duration;

use super::*;
use crate::model::content::Content;
use crate::model::score::ScoreValue;
use crate::model::trace::{NewScore, NewTrace};
use crate::store::{OpenOptions, TraceFilter};

fn opened(options: OpenOptions) -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = options.open(dir.path().join("store.tp")).unwrap();
    store.publish("p", Content::text("one"), Default::default()).unwrap();
    (dir, store)
}

fn log(store: &Store, id: &str, durability: Durability) {
    let output = Some(serde_json::json!("0123456789"));
    let trace = NewTrace { trace_id: Some(id.to_owned()), output, ..NewTrace::default() };
    assert_eq!(store.log("p", &1.into(), trace, durability).unwrap().as_str(), id);
}

fn score(store: &Store, id: &str) {
    store.score(id, "quality", NewScore::new(ScoreValue::Number(1.0)), Durability::Soon).unwrap();
}

fn ids(store: &Store) -> Vec<String> {
    let page = store.traces(&TraceFilter { limit: Some(1_000), ..TraceFilter::default() }).unwrap();
    let mut ids: Vec<_> = page.traces.iter().map(|trace| trace.trace_id.to_string()).collect();
    ids.sort();
    ids
}

/// Keeps the writers busy while `meanwhile` runs.
fn with_writers_busy<T>(store: &Store, meanwhile: impl FnOnce() -> T) -> T {
    let (entered, has_entered) = mpsc::channel();
    let (leave, may_leave) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            store
                .write(move |_, _| {
                    entered.send(()).unwrap();
                    let _ = may_leave.recv();
                    Ok(())
                })
                .unwrap();
        });
        has_entered.recv().unwrap();
        let out = meanwhile();
        drop(leave);
        out
    })
}

fn waiting(store: &Store) -> (u64, u64) {
    let stats = store.recorder().unwrap();
    (stats.waiting, stats.waiting_bytes)
}

#[test]
fn a_full_queue_drops_if_it_was_told_to() {
    let (_dir, store) = opened(OpenOptions::new().when_full(WhenFull::Drop).max_queue_size(3));
    with_writers_busy(&store, || {
        for id in ["a", "b", "c", "d", "e"] {
            log(&store, id, Durability::Soon);
        }
        let stats = store.recorder().unwrap();
        assert_eq!((stats.waiting, stats.dropped, stats.recorded, stats.failed), (3, 2, 0, 0));
        assert_eq!(stats.waiting_bytes, 3 * "\"0123456789\"".len() as u64);
    });
    store.flush().unwrap();
    assert_eq!(ids(&store), ["a", "b", "c"]);
    log(&store, "f", Durability::Soon);
    store.flush().unwrap();
    let stats = store.recorder().unwrap();
    assert_eq!((stats.waiting, stats.waiting_bytes, stats.dropped, stats.recorded), (0, 0, 2, 4));
}

#[test]
fn bytes_fill_a_queue_too_and_one_large_call_fits_an_empty_one() {
    let (_dir, store) = opened(OpenOptions::new().when_full(WhenFull::Drop).max_queue_bytes(5));
    with_writers_busy(&store, || {
        for id in ["a", "b"] {
            log(&store, id, Durability::Soon);
        }
        assert_eq!((store.recorder().unwrap().dropped, waiting(&store)), (1, (1, 12)));
    });
    store.flush().unwrap();
    // Who waits is never dropped.
    log(&store, "b", Durability::Now);
    assert_eq!(ids(&store), ["a", "b"]);
}

#[test]
fn a_full_queue_makes_the_next_caller_wait() {
    let (_dir, store) = opened(OpenOptions::new().max_queue_size(2));
    let (tell, told) = mpsc::channel();
    std::thread::scope(|scope| {
        let store = &store;
        with_writers_busy(store, || {
            scope.spawn(move || {
                for id in ["a", "b", "c"] {
                    log(store, id, Durability::Soon);
                    tell.send(id).unwrap();
                }
            });
            assert_eq!((told.recv().unwrap(), told.recv().unwrap()), ("a", "b"));
            assert!(told.recv_timeout(Duration::from_millis(50)).is_err(), "the third waits");
            assert_eq!(waiting(store).0, 2);
        });
        assert_eq!(told.recv().unwrap(), "c");
    });
    store.flush().unwrap();
    let stats = store.recorder().unwrap();
    assert_eq!((stats.recorded, stats.dropped), (3, 0));
}

#[test]
fn a_queue_without_room_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for options in [OpenOptions::new().max_queue_size(0), OpenOptions::new().max_queue_bytes(0)] {
        let path = dir.path().join("store.tp");
        assert_eq!(options.open(&path).unwrap_err().code(), "invalid-argument");
        assert!(!path.exists());
    }
    assert_eq!("drown".parse::<WhenFull>().unwrap_err().code(), "invalid-argument");
    assert_eq!("drop".parse::<WhenFull>().unwrap(), WhenFull::Drop);
}

#[test]
fn those_who_wait_share_commits() {
    let (_dir, store) = opened(OpenOptions::new());
    let before = store.recorder().unwrap().commits;
    std::thread::scope(|scope| {
        let store = &store;
        with_writers_busy(store, || {
            for thread in 0..16 {
                scope.spawn(move || log(store, &thread.to_string(), Durability::Now));
            }
            // Until all of them stand in line: a commit that begins earlier only makes more commits.
            std::thread::sleep(Duration::from_millis(200));
        });
    });
    let commits = store.recorder().unwrap().commits - before;
    assert!((1..16).contains(&commits), "16 calls, {commits} commits");
    assert_eq!(ids(&store).len(), 16);
}

#[test]
fn calls_that_wait_at_the_same_time_share_one_commit() {
    let (_dir, store) = opened(OpenOptions::new());
    let before = with_writers_busy(&store, || {
        for i in 0..900 {
            log(&store, &i.to_string(), Durability::Soon);
        }
        store.recorder().unwrap().commits
    });
    store.flush().unwrap();
    assert_eq!(store.recorder().unwrap().commits - before, 1);
    assert_eq!(ids(&store).len(), 900);
}

#[test]
fn calls_keep_their_order_across_handles_and_among_other_writes() {
    let (dir, one) = opened(OpenOptions::new());
    let two = Store::open(dir.path().join("store.tp")).unwrap();
    let (tell, told) = mpsc::channel();
    with_writers_busy(&one, || {
        log(&one, "a", Durability::Soon);
        for n in 2..20 {
            // Each rests on the one before it.
            let tell = tell.clone();
            let args = format!(r#"{{"name": "p", "prompt": "{n}"}}"#);
            one.call_in_background("publish", args, move |made| tell.send(made.map(drop)).unwrap());
            let (first, second) = if n % 2 == 0 { (&one, &two) } else { (&two, &one) };
            let id = n.to_string();
            let trace = NewTrace { trace_id: Some(id.clone()), ..NewTrace::default() };
            first.log("p", &n.into(), trace, Durability::Soon).unwrap();
            score(second, &id);
        }
    });
    drop(tell);
    assert!(told.iter().all(|made| made.is_ok()));
    one.flush().unwrap();
    two.flush().unwrap();
    let report = one.verify().unwrap();
    assert_eq!((report.traces, report.scores), (19, 18));
}

#[test]
fn a_failing_call_leaves_nothing_and_spoils_no_other() {
    let (_dir, store) = opened(OpenOptions::new());
    let before = store.recorder().unwrap().commits;
    with_writers_busy(&store, || {
        for id in ["a", "b", "a", "c"] {
            log(&store, id, Durability::Soon);
        }
        store.recorder.submit(&store.engine, 0, |_| std::panic::resume_unwind(Box::new("of no name")));
        store.recorder.submit(&store.engine, 0, |tx| {
            tx.put(crate::storage::kv::Space::Refs, b"half", b"done")?;
            Err(Error::ReasonRequired)
        });
        score(&store, "c");
    });
    let error = store.flush().unwrap_err();
    assert_eq!(error.code(), "trace-exists");
    assert!(error.to_string().ends_with("failed_calls=`3`"), "{error}");
    let stats = store.recorder().unwrap();
    assert_eq!((stats.recorded, stats.failed, stats.commits - before), (4, 3, 1));
    assert_eq!(ids(&store), ["a", "b", "c"]);
    let half = store.read(|tx| tx.get(crate::storage::kv::Space::Refs, b"half")).unwrap();
    assert_eq!(half, None);
}

#[test]
fn a_call_becomes_durable_by_itself() {
    let (dir, store) = opened(OpenOptions::new());
    log(&store, "a", Durability::Soon);
    // Another handle: what this one reads is in the file, and nobody flushes.
    let path = dir.path().join("store.tp");
    let other = OpenOptions::new().read_only(true).open(path).unwrap();
    let seen = (0..1_000).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        other.trace("a").is_ok()
    });
    assert!(seen);
}
