//! Group commit: shared commits, separate fates.

use super::{Engine, Space, count, count_on, counted, get, open, options, place, put, second_handle};
use crate::error::{Error, Result};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// Keeps the file for itself until told, so that those who come meanwhile form one group.
fn with_the_file_held<T>(path: &std::path::Path, meanwhile: impl FnOnce() -> T) -> T {
    let other = second_handle(path);
    let tx = other.begin_write().unwrap();
    let out = meanwhile();
    tx.abort().unwrap();
    out
}

#[test]
fn threads_lose_no_write() {
    let place = place();
    let engine = open(&place.path);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| count_on(&engine, 25));
        }
    });
    assert_eq!(counted(&engine), 400);
}

#[test]
fn a_group_shares_a_commit_and_each_gets_its_own_answer() {
    let place = place();
    let engine = open(&place.path);
    put(&engine, "start", "").unwrap();
    let (tell, told) = mpsc::channel();
    let before = with_the_file_held(&place.path, || {
        let before = engine.stamp().unwrap();
        for n in 0..60u32 {
            let (engine, tell) = (engine.clone(), tell.clone());
            std::thread::spawn(move || {
                let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    engine.write(move |tx| -> Result<u32> {
                        tx.put(Space::Rows, &n.to_be_bytes(), b"x")?;
                        match n % 3 {
                            0 => Ok(n),
                            1 => Err(Error::ReasonRequired),
                            // Quietly: no hook, no message.
                            _ => std::panic::resume_unwind(Box::new(n)),
                        }
                    })
                }));
                tell.send((n, ran)).unwrap();
            });
        }
        std::thread::sleep(Duration::from_millis(100));
        before
    });
    drop(tell);
    for (n, ran) in told {
        match (n % 3, ran) {
            (0, Ok(Ok(got))) => assert_eq!(got, n),
            (1, Ok(Err(error))) => assert_eq!(error.code(), "reason-required"),
            (2, Err(panic)) => assert_eq!(*panic.downcast::<u32>().unwrap(), n, "each panics with its own"),
            (_, other) => panic!("{n}: {other:?}"),
        }
    }
    for n in 0..60u32 {
        let there = engine.read(|tx| tx.get(Space::Rows, &n.to_be_bytes())).unwrap().is_some();
        assert_eq!(there, n % 3 == 0);
    }
    assert_ne!(engine.stamp().unwrap(), before);
    assert_eq!(count(&engine).unwrap(), 1, "and nothing is poisoned");
}

#[test]
fn a_later_operation_of_a_group_sees_the_earlier_ones() {
    let place = place();
    let engine = open(&place.path);
    let numbers = with_the_file_held(&place.path, || {
        let threads: Vec<_> = (0..20)
            .map(|_| {
                let engine = engine.clone();
                std::thread::spawn(move || count(&engine).unwrap())
            })
            .collect();
        std::thread::sleep(Duration::from_millis(50));
        threads
    });
    let mut numbers: Vec<u64> = numbers.into_iter().map(|thread| thread.join().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=20).collect::<Vec<_>>());
}

#[test]
fn submit_returns_at_once_and_tells_from_its_own_thread() {
    let place = place();
    let engine = open(&place.path);
    let (tell, told) = mpsc::channel();
    let here = std::thread::current().id();
    for n in 0..200u32 {
        let (tell, inside) = (tell.clone(), engine.clone());
        engine.submit(
            move |tx| tx.put(Space::Rows, &n.to_be_bytes(), b"x").map(|()| n),
            move |result| {
                let n = result.unwrap();
                // Told after the commit, and free to use the engine.
                assert!(inside.read(|tx| tx.get(Space::Rows, &n.to_be_bytes())).unwrap().is_some());
                if n % 50 == 0 {
                    count(&inside).unwrap();
                }
                tell.send((n, std::thread::current().id())).unwrap();
            },
        );
        if n % 20 == 0 {
            put(&engine, "between", n.to_be_bytes()).unwrap();
        }
    }
    drop(tell);
    let all: Vec<_> = told.iter().collect();
    assert_eq!(all.iter().map(|(n, _)| *n).collect::<Vec<_>>(), (0..200).collect::<Vec<_>>(), "in order");
    assert!(all.iter().all(|(_, thread)| *thread == all[0].1 && *thread != here));
    assert_eq!(counted(&engine), 4);
}

/// The writer thread as a caller: it holds the baton it would have to take up, and must not wait for itself.
#[test]
fn a_callback_may_submit_and_then_write_and_sees_both_in_order() {
    let place = place();
    let engine = open(&place.path);
    let (tell, told) = mpsc::channel();
    let inside = engine.clone();
    engine.submit(
        |_| Ok(()),
        move |_| {
            for n in 0..20u8 {
                inside.submit(move |tx| tx.put(Space::Refs, b"s", &[n]), |result| result.unwrap());
                let seen = inside.write(|tx| tx.get(Space::Refs, b"s")).unwrap();
                tell.send((n, seen)).unwrap();
            }
        },
    );
    for (n, seen) in told {
        assert_eq!(seen, Some(vec![n]));
    }
}

#[test]
fn what_a_thread_submits_it_sees_in_its_next_write_whoever_leads() {
    let place = place();
    let engine = open(&place.path);
    std::thread::scope(|scope| {
        for thread in 0..6u8 {
            let engine = &engine;
            scope.spawn(move || {
                for n in 0..50u8 {
                    let key = [b't', thread];
                    engine.submit(move |tx| tx.put(Space::Refs, &key, &[n]), |result| result.unwrap());
                    assert_eq!(engine.write(move |tx| tx.get(Space::Refs, &key)).unwrap(), Some(vec![n]));
                }
            });
        }
    });
}

#[test]
fn an_operation_may_submit_another() {
    let place = place();
    let engine = open(&place.path);
    let (inside, (tell, told)) = (engine.clone(), mpsc::channel());
    engine
        .write(move |tx| {
            inside.submit(|tx| tx.put(Space::Refs, b"b", b"2"), move |result| tell.send(result).unwrap());
            tx.put(Space::Refs, b"a", b"1")
        })
        .unwrap();
    told.recv().unwrap().unwrap();
    assert_eq!(get(&engine, b"b").unwrap(), b"2");
}

#[test]
fn close_waits_for_what_was_submitted() {
    let place = place();
    let engine = open(&place.path);
    let told = Arc::new(AtomicU32::new(0));
    for n in 0..100u32 {
        let told = told.clone();
        engine.submit(
            move |tx| tx.put(Space::Rows, &n.to_be_bytes(), b"x"),
            move |result| {
                result.unwrap();
                told.fetch_add(1, Ordering::SeqCst);
            },
        );
    }
    engine.close().unwrap();
    assert_eq!(told.load(Ordering::SeqCst), 100);
    let (tell, late) = mpsc::channel();
    engine.submit(|_| Ok(()), move |result| tell.send(result.unwrap_err().code()).unwrap());
    assert_eq!(late.recv().unwrap(), "closed");
    // Let go of: the thread has not kept it.
    drop(redb::Database::open(&place.path).unwrap());
}

#[test]
fn a_callback_may_close_the_store() {
    let place = place();
    let engine = open(&place.path);
    let (tell, told) = mpsc::channel();
    for n in 0..10u32 {
        let (inside, tell) = (engine.clone(), tell.clone());
        engine.submit(
            move |tx| tx.put(Space::Rows, &n.to_be_bytes(), b"x"),
            move |result| {
                if n == 0 {
                    inside.close().unwrap();
                }
                tell.send(result.is_ok()).unwrap();
            },
        );
    }
    drop(tell);
    let all: Vec<bool> = told.iter().collect();
    assert_eq!(all.len(), 10, "everybody is told");
}

#[test]
fn a_panicking_submission_or_callback_is_its_own_affair() {
    let place = place();
    let engine = open(&place.path);
    let (tell, told) = mpsc::channel();
    let tell2 = tell.clone();
    engine.submit(
        |_| -> Result<()> { std::panic::resume_unwind(Box::new("oh")) },
        move |result| {
            tell.send(result.unwrap_err().to_string()).unwrap();
            std::panic::resume_unwind(Box::new("again"));
        },
    );
    assert!(told.recv().unwrap().contains("panicked: oh"));
    engine.submit(|tx| tx.put(Space::Refs, b"a", b"1"), move |_| tell2.send("fine".to_owned()).unwrap());
    assert_eq!(told.recv().unwrap(), "fine");
    assert_eq!(get(&engine, b"a").unwrap(), b"1");
}

#[test]
fn a_busy_file_is_an_error_after_the_timeout_and_names_who_holds_it() {
    let place = place();
    let engine = Engine::open(&place.path, options(false, 50)).unwrap();
    let (first, queued) = with_the_file_held(&place.path, || {
        let queued: Vec<_> = (0..3)
            .map(|_| {
                let engine = engine.clone();
                std::thread::spawn(move || count(&engine).unwrap_err())
            })
            .collect();
        let (tell, told) = mpsc::channel();
        engine.submit(|tx| tx.put(Space::Refs, b"s", b""), move |result| tell.send(result).unwrap());
        let mut all = vec![told.recv().unwrap().unwrap_err()];
        all.extend(queued.into_iter().map(|thread| thread.join().unwrap()));
        (count(&engine).unwrap_err(), all)
    });
    for error in queued.into_iter().chain([first]) {
        let Error::Busy { waited_ms, holder, .. } = error else { panic!("{error}") };
        assert!(waited_ms >= 50);
        if cfg!(target_os = "linux") {
            assert!(holder.contains(&format!("pid {}", std::process::id())), "{holder}");
        }
    }
    assert_eq!(count(&engine).unwrap(), 1, "a lock that wasn't obtained poisons nothing");
    let impatient = Engine::open(&place.path, options(false, 0)).unwrap();
    with_the_file_held(&place.path, || assert_eq!(count(&impatient).unwrap_err().code(), "busy"));
    assert_eq!(count(&impatient).unwrap(), 2);
}

#[test]
fn opening_and_reading_wait_for_no_writer() {
    let place = place();
    put(&open(&place.path), "a", "1").unwrap();
    with_the_file_held(&place.path, || {
        let engine = Engine::open(&place.path, options(false, 0)).unwrap();
        assert_eq!(get(&engine, b"a").unwrap(), b"1");
        // The first write opens the file for writing, which redb alone would wait for without an end.
        assert_eq!(put(&engine, "a", "2").unwrap_err().code(), "busy");
        assert_eq!(get(&engine, b"a").unwrap(), b"1");
    });
    put(&open(&place.path), "a", "2").unwrap();
}

#[derive(Default)]
struct Heard(std::sync::Mutex<(u64, u64, usize, Option<&'static str>)>);

impl crate::storage::Told for Heard {
    fn ended(&self, ended: crate::storage::Ended) {
        let mut heard = self.0.lock().unwrap();
        *heard = (
            heard.0 + ended.posts,
            heard.1 + ended.failed,
            heard.2 + ended.bytes,
            heard.3.or(ended.first.as_ref().map(Error::code)),
        );
    }
}

fn post(engine: &Engine, n: u32, told: &Arc<Heard>) {
    let op =
        Box::new(move |tx: &mut dyn crate::storage::kv::Write| tx.put(Space::Rows, &n.to_be_bytes(), b"x"));
    engine.post(crate::storage::Post { op, bytes: 7, told: told.clone() }).unwrap();
}

/// `shut` waits until everybody was told.
#[test]
fn whoever_posted_is_told_also_when_the_file_was_never_to_be_had() {
    let place = place();
    let engine = Engine::open(&place.path, options(false, 50)).unwrap();
    put(&engine, "start", "").unwrap();
    let told = Arc::new(Heard::default());
    with_the_file_held(&place.path, || {
        (0..3).for_each(|n| post(&engine, n, &told));
        // Longer than the handle waits.
        std::thread::sleep(Duration::from_millis(500));
    });
    engine.close().unwrap();
    assert_eq!(*told.0.lock().unwrap(), (3, 3, 21, Some("busy")));
}

#[test]
fn posts_of_many_are_told_to_each_and_more_than_a_group_are_written() {
    let place = place();
    let engine = open(&place.path);
    put(&engine, "start", "").unwrap();
    let told: Vec<Arc<Heard>> = (0..3).map(|_| Arc::default()).collect();
    with_the_file_held(&place.path, || {
        for n in 0..6_000u32 {
            post(&engine, n, &told[(n / 100 % 3) as usize]);
        }
    });
    put(&engine, "end", "").unwrap();
    engine.close().unwrap();
    let engine = open(&place.path);
    for n in 0..6_000u32 {
        assert!(engine.read(|tx| tx.get(Space::Rows, &n.to_be_bytes())).unwrap().is_some(), "{n}");
    }
    for one in told {
        assert_eq!(*one.0.lock().unwrap(), (2_000, 0, 14_000, None));
    }
    let closed =
        crate::storage::Post { op: Box::new(|_| Ok(())), bytes: 0, told: Arc::new(Heard::default()) };
    engine.close().unwrap();
    assert_eq!(engine.post(closed).unwrap_err().code(), "closed");
}
