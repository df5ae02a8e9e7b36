//! Attempts to break the fork guard. Each story runs in a process of its own: a fork of the test runner would copy what other
//! tests have open at that moment.

use super::{Engine, Space, count, count_on, counted, get, keys, open, options, place, put, second_handle};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Runs `body` in a child made by `fork`, ended without destructors; panics and errors become its exit code.
fn fork(body: impl FnOnce()) -> libc::pid_t {
    // SAFETY: the child runs `body` and ends by `_exit`; glibc makes its allocator usable in a forked child.
    match unsafe { libc::fork() } {
        0 => {
            let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
            // SAFETY: ends the process at once, which is what a forked test wants.
            unsafe { libc::_exit(i32::from(ended.is_err())) }
        }
        pid => {
            assert!(pid > 0);
            pid
        }
    }
}

fn wait(pid: libc::pid_t) -> i32 {
    let mut status = 0;
    // SAFETY: a valid pointer, and a child of ours.
    assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
    status
}

/// Runs the test of this name again in a process of its own; true in that process.
fn alone(name: &str) -> bool {
    if std::env::var_os("TP_ALONE").is_some_and(|alone| alone == *name) {
        return true;
    }
    let out = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("storage::tests::forks::{name}"), "--test-threads=1"])
        .env("TP_ALONE", name)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(
        out.status.success() && text.contains("1 passed"),
        "{text}{}",
        String::from_utf8_lossy(&out.stderr)
    );
    false
}

#[test]
fn parent_and_child_write_at_once() {
    if !alone("parent_and_child_write_at_once") {
        return;
    }
    let place = place();
    let engine = open(&place.path);
    put(&engine, "before", "1").unwrap();
    let inherited = engine.stamp().unwrap();
    let child = fork(|| {
        assert_ne!(engine.stamp().unwrap(), inherited, "its own opening, its own stamps");
        assert_eq!(get(&engine, b"before").unwrap(), b"1");
        count_on(&engine, 50);
        engine.close().unwrap();
    });
    count_on(&engine, 50);
    assert_eq!(wait(child), 0);
    assert_eq!(counted(&engine), 100);
    engine.close().unwrap();
    assert_eq!(counted(&open(&place.path)), 100);
}

#[test]
fn forks_while_other_threads_write_and_submit() {
    if !alone("forks_while_other_threads_write_and_submit") {
        return;
    }
    let place = place();
    let engine = open(&place.path);
    let (children, threads) = (8u64, 4u64);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                for n in 0..40u32 {
                    count(&engine).unwrap();
                    engine.submit(
                        move |tx| tx.put(Space::Rows, &n.to_be_bytes(), b""),
                        |result| result.unwrap(),
                    );
                }
            });
        }
        let forked: Vec<_> = (0..children)
            .map(|child| {
                std::thread::sleep(Duration::from_millis(3));
                let inside = &engine;
                fork(move || {
                    count_on(inside, 5);
                    let (tell, told) = std::sync::mpsc::channel();
                    inside.submit(
                        move |tx| tx.put(Space::Refs, &[b'c', child as u8], b""),
                        move |result| tell.send(result.is_ok()).unwrap(),
                    );
                    assert!(told.recv().unwrap());
                })
            })
            .collect();
        forked.into_iter().for_each(|child| assert_eq!(wait(child), 0));
    });
    assert_eq!(counted(&engine), threads * 40 + children * 5);
    assert_eq!(keys(&engine, b'c').len() as u64, children);
}

#[test]
fn a_child_forked_while_a_write_is_under_way_waits_for_it() {
    if !alone("a_child_forked_while_a_write_is_under_way_waits_for_it") {
        return;
    }
    let place = place();
    let engine = open(&place.path);
    let (inside, (began, begun)) = (engine.clone(), std::sync::mpsc::channel());
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let writer = std::thread::spawn(move || {
        inside.write(move |tx| {
            began.send(()).unwrap();
            ended.recv().unwrap();
            tx.put(Space::Refs, b"n", &7u64.to_be_bytes())
        })
    });
    begun.recv().unwrap();
    let child = fork(|| {
        let impatient = Engine::open(&place.path, options(false, 30)).unwrap();
        assert_eq!(count(&impatient).unwrap_err().code(), "busy");
        assert_eq!(count(&engine).unwrap(), 8, "after the parent's commit");
    });
    std::thread::sleep(Duration::from_millis(150));
    end.send(()).unwrap();
    writer.join().unwrap().unwrap();
    assert_eq!(wait(child), 0);
    assert_eq!(counted(&engine), 8);
}

/// Invariant 3: the child's copies of the descriptors are closed, so a killed parent's lock dies with it.
#[test]
fn a_child_does_not_keep_a_dead_parents_lock() {
    if !alone("a_child_does_not_keep_a_dead_parents_lock") {
        return;
    }
    let place = place();
    put(&open(&place.path), "a", "1").unwrap();
    let ready = place.path.with_extension("ready");
    let parent = fork(|| {
        let engine = open(&place.path);
        let _: crate::error::Result<()> = engine.clone().write({
            let ready = ready.clone();
            move |_| {
                // Forked while this process holds the writer byte; this grandchild outlives it.
                fork(|| std::thread::sleep(Duration::from_secs(3)));
                std::fs::write(&ready, "").unwrap();
                std::thread::sleep(Duration::from_secs(60));
                Ok(())
            }
        });
    });
    while !ready.exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let engine = Engine::open(&place.path, options(false, 1_000)).unwrap();
    assert_eq!(count(&engine).unwrap_err().code(), "busy");
    // SAFETY: a child of ours, not yet waited for.
    unsafe { libc::kill(parent, libc::SIGKILL) };
    wait(parent);
    assert_eq!(count(&engine).unwrap(), 1, "while the grandchild is still alive");
}

#[test]
fn an_inherited_handle_that_is_only_dropped_or_closed_does_no_harm() {
    if !alone("an_inherited_handle_that_is_only_dropped_or_closed_does_no_harm") {
        return;
    }
    let place = place();
    let engine = open(&place.path);
    put(&engine, "a", "1").unwrap();
    let bytes = || std::fs::read(&place.path).unwrap();
    let before = bytes();
    let child = fork(|| {
        let clone = engine.clone();
        clone.close().unwrap();
        assert_eq!(clone.stamp().unwrap_err().code(), "closed");
    });
    assert_eq!(wait(child), 0);
    let mut mine = Some(open(&place.path));
    let child = fork(|| drop(mine.take()));
    assert_eq!(wait(child), 0);
    assert_eq!(bytes(), before);
    // The parent's locks are still held: an exclusive open is refused.
    assert!(redb::Database::open(&place.path).is_err());
    put(&engine, "a", "2").unwrap();
    drop(mine);
    drop(engine);
    drop(second_handle(Path::new(&place.path)));
}
