//! Group commit: who leads, who waits, who is told.

use super::check;
use crate::error::Result;
use crate::storage::engine::{Engine, File};
use crate::storage::kv::{Space, Write};
use crate::storage::{Ended, Post, Told};
use crate::sync::Mutex;
use loom::thread;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

fn number(tx: &(impl crate::storage::kv::Read + ?Sized), key: &[u8]) -> Result<u8> {
    Ok(tx.get(Space::Rows, key)?.map_or(0, |value| value[0]))
}

/// One more under `key`; what it comes to.
fn add(tx: &mut dyn Write, key: &'static [u8]) -> Result<u8> {
    let n = number(tx, key)? + 1;
    tx.put(Space::Rows, key, &[n])?;
    Ok(n)
}

fn durable(engine: &Engine, key: &[u8]) -> u8 {
    engine.file().read(key).map_or(0, |value| value[0])
}

/// How often it was told, of how many posts, and how many failed.
#[derive(Default)]
struct Heard(Mutex<(u64, u64)>);

impl Told for Heard {
    fn ended(&self, ended: Ended) {
        let mut heard = self.0.lock().unwrap();
        *heard = (heard.0 + ended.posts, heard.1 + ended.failed);
    }
}

impl Heard {
    fn all(&self) -> (u64, u64) {
        *self.0.lock().unwrap()
    }
}

fn post(engine: &Engine, key: &'static [u8], told: &Arc<Heard>) -> Result<()> {
    engine.post(Post { op: Box::new(move |tx| add(tx, key).map(drop)), bytes: 1, told: told.clone() })
}

/// Every caller's write is done once, in one order, and is durable when it returns.
pub fn callers_lose_no_write() {
    check(3, || {
        let engine = Arc::new(Engine::default());
        let write = |engine: &Engine| {
            let n = engine.write(|tx| add(tx, b"n")).unwrap();
            assert!(durable(engine, b"n") >= n);
            n
        };
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let engine = engine.clone();
                thread::spawn(move || write(&engine))
            })
            .collect();
        let mut all = vec![write(&engine)];
        all.extend(threads.into_iter().map(|thread| thread.join().unwrap()));
        all.sort_unstable();
        assert_eq!(all, [1, 2, 3]);
        assert_eq!(durable(&engine, b"n"), 3);
        assert!(engine.file().commits() <= 3);
        engine.shut();
    });
}

/// Who submits and then writes sees the one in the other, whoever leads; and is told when it is durable.
pub fn what_a_thread_submits_it_sees_in_its_next_write() {
    check(2, || {
        let engine = Arc::new(Engine::default());
        let told = Arc::new(Heard::default());
        let other = {
            let engine = engine.clone();
            thread::spawn(move || engine.write(|tx| add(tx, b"b")).unwrap())
        };
        let (done, inside) = (told.clone(), engine.clone());
        engine.submit(
            |tx| add(tx, b"a"),
            move |result| {
                assert_eq!(result.unwrap(), 1);
                assert_eq!(durable(&inside, b"a"), 1, "told before it was durable");
                done.ended(Ended { posts: 1, ..Ended::default() });
            },
        );
        assert_eq!(engine.write(|tx| number(tx, b"a")).unwrap(), 1);
        assert_eq!(other.join().unwrap(), 1);
        engine.shut();
        assert_eq!(told.all(), (1, 0), "a queue that is shut has told everybody");
    });
}

/// Posts of two threads, and of one twice: each is written once and told once.
pub fn whoever_posts_is_told_once() {
    check(2, || {
        let engine = Arc::new(Engine::default());
        let told: [Arc<Heard>; 2] = Default::default();
        let other = {
            let (engine, told) = (engine.clone(), told[1].clone());
            thread::spawn(move || post(&engine, b"n", &told).unwrap())
        };
        post(&engine, b"n", &told[0]).unwrap();
        post(&engine, b"n", &told[0]).unwrap();
        other.join().unwrap();
        engine.shut();
        assert_eq!((told[0].all(), told[1].all()), ((2, 0), (1, 0)));
        assert_eq!(durable(&engine, b"n"), 3);
    });
}

/// Closing while others write and post: each is done, or refused, and nobody waits for ever.
pub fn a_queue_that_is_shut_leaves_nobody_waiting() {
    check(2, || {
        let engine = Arc::new(Engine::default());
        let told = Arc::new(Heard::default());
        let writer = {
            let engine = engine.clone();
            thread::spawn(move || engine.write(|tx| add(tx, b"w")).is_ok())
        };
        let poster = {
            let (engine, told) = (engine.clone(), told.clone());
            thread::spawn(move || post(&engine, b"p", &told).is_ok())
        };
        engine.shut();
        // Whoever was taken up before is done by now; nobody is taken up after.
        let done = (durable(&engine, b"w"), durable(&engine, b"p"), told.all());
        let (wrote, posted) = (writer.join().unwrap(), poster.join().unwrap());
        assert_eq!(done, (u8::from(wrote), u8::from(posted), (u64::from(posted), 0)));
        assert_eq!(done, (durable(&engine, b"w"), durable(&engine, b"p"), told.all()));
    });
}

/// The same for one that submits: it is told once, that it is done or that it was refused.
pub fn a_queue_that_is_shut_tells_whoever_submits() {
    check(4, || {
        let engine = Arc::new(Engine::default());
        let told = Arc::new(Heard::default());
        let submitter = {
            let (engine, told) = (engine.clone(), told.clone());
            thread::spawn(move || {
                let done = move |result: Result<u8>| {
                    told.ended(Ended { posts: 1, failed: u64::from(result.is_err()), ..Ended::default() });
                };
                engine.submit(|tx| add(tx, b"s"), done);
            })
        };
        engine.shut();
        let done = durable(&engine, b"s");
        submitter.join().unwrap();
        assert_eq!(told.all(), (1, u64::from(done == 0)));
        assert_eq!(durable(&engine, b"s"), done);
    });
}

/// A callback closes the store on the thread that would have to do the rest, while another thread posts.
pub fn a_callback_may_shut_the_queue() {
    check(2, || {
        let engine = Arc::new(Engine::default());
        let told = Arc::new(Heard::default());
        let (inside, done) = (engine.clone(), told.clone());
        engine.submit(
            |tx| add(tx, b"s"),
            move |result| {
                inside.shut();
                done.ended(Ended { posts: u64::from(result.is_ok()), ..Ended::default() });
            },
        );
        let other = {
            let (engine, told) = (engine.clone(), told.clone());
            thread::spawn(move || post(&engine, b"p", &told).is_ok())
        };
        let posted = other.join().unwrap();
        engine.shut();
        assert_eq!(told.all(), (1 + u64::from(posted), 0));
        assert_eq!((durable(&engine, b"s"), durable(&engine, b"p")), (1, u8::from(posted)));
    });
}

/// The writer thread as a caller: it holds the baton that it would have to take up itself.
pub fn a_callback_may_submit_and_then_write() {
    check(2, || {
        let engine = Arc::new(Engine::default());
        let told = Arc::new(Heard::default());
        let (inside, done) = (engine.clone(), told.clone());
        engine.submit(
            |_| Ok(()),
            move |result| {
                result.unwrap();
                inside.submit(|tx| add(tx, b"s"), |result| assert_eq!(result.unwrap(), 1));
                assert_eq!(inside.write(|tx| number(tx, b"s")).unwrap(), 1);
                done.ended(Ended { posts: 1, ..Ended::default() });
            },
        );
        engine.write(|tx| add(tx, b"w")).unwrap();
        while told.all().0 == 0 {
            thread::yield_now();
        }
        engine.shut();
        assert_eq!((durable(&engine, b"s"), durable(&engine, b"w")), (1, 1));
    });
}

/// An operation submits another, as an operation may: it is written and told after it.
pub fn an_operation_may_submit_another() {
    check(3, || {
        let engine = Arc::new(Engine::default());
        let told = Arc::new(Heard::default());
        let other = {
            let engine = engine.clone();
            thread::spawn(move || engine.write(|tx| add(tx, b"n")).unwrap())
        };
        let (inside, done) = (engine.clone(), told.clone());
        engine
            .write(move |tx| {
                inside.submit(
                    |tx| add(tx, b"n"),
                    move |result| {
                        result.unwrap();
                        done.ended(Ended { posts: 1, ..Ended::default() });
                    },
                );
                add(tx, b"n")
            })
            .unwrap();
        other.join().unwrap();
        engine.shut();
        assert_eq!((durable(&engine, b"n"), told.all()), (3, (1, 0)));
    });
}

/// An engine that fails at the end of a transaction fails all that were in it, and nobody else.
pub fn a_failing_engine_fails_its_group_alone() {
    check(2, || {
        let engine = Arc::new(Engine::of(File::failing_at(1)));
        let told = Arc::new(Heard::default());
        let other = {
            let (engine, told) = (engine.clone(), told.clone());
            thread::spawn(move || post(&engine, b"n", &told).unwrap())
        };
        let ok = u8::from(engine.write(|tx| add(tx, b"n")).is_ok());
        other.join().unwrap();
        engine.shut();
        let (posts, failed) = told.all();
        assert_eq!(posts, 1);
        assert_eq!(durable(&engine, b"n"), ok + 1 - failed as u8);
        assert!(ok == 0 || failed == 1, "the first transaction failed somebody");
    });
}

/// An operation's panic is its caller's; the baton goes on.
pub fn a_panic_hands_the_baton_on() {
    check(3, || {
        let engine = Arc::new(Engine::default());
        let panics = {
            let engine = engine.clone();
            thread::spawn(move || {
                // Without a message: a hook would print it for every interleaving.
                let write = || engine.write(|_| -> Result<u8> { resume_unwind(Box::new("its own")) });
                let panic = catch_unwind(AssertUnwindSafe(write)).unwrap_err();
                assert_eq!(panic.downcast_ref::<&str>(), Some(&"its own"));
            })
        };
        let other = {
            let engine = engine.clone();
            thread::spawn(move || engine.write(|tx| add(tx, b"n")).unwrap())
        };
        engine.write(|tx| add(tx, b"n")).unwrap();
        panics.join().unwrap();
        other.join().unwrap();
        assert_eq!(durable(&engine, b"n"), 2);
        engine.shut();
    });
}
