//! Several processes, one file. The other ones are this test binary, run again with a role.

use super::{Engine, count, count_on, counted, keys, open, options, place, put};
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

fn start(role: &str, path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "storage::tests::processes::a_process_with_a_role",
            "--nocapture",
            "--test-threads=1",
        ])
        .env("TP_ROLE", role)
        .env("TP_PATH", path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// What the others do. Run by the test runner, without a role, it does nothing.
#[test]
fn a_process_with_a_role() {
    let (Ok(role), Some(path)) = (std::env::var("TP_ROLE"), std::env::var_os("TP_PATH")) else { return };
    let path = Path::new(&path);
    let mut out = std::io::stdout();
    match role.as_str() {
        "count" => {
            let engine = open(path);
            count_on(&engine, 100);
        }
        "create" => {
            let key = format!("p{}", std::process::id());
            put(&open(path), key, "").unwrap();
        }
        "write for ever" => {
            let engine = open(path);
            for n in 0u32.. {
                put(&engine, [&b"k"[..], &n.to_be_bytes()].concat(), vec![7; 3000]).unwrap();
                // Told only after it is durable.
                writeln!(out, "done {n}").unwrap();
                out.flush().unwrap();
            }
        }
        "hold" => {
            let engine = open(path);
            let held: crate::error::Result<()> = engine.write(|_| {
                let mut out = std::io::stdout();
                writeln!(out, "done 0").unwrap();
                out.flush().unwrap();
                std::thread::sleep(Duration::from_secs(60));
                Ok(())
            });
            held.unwrap();
        }
        other => panic!("{other}"),
    }
}

/// The numbers a process has said to be done, until `enough` or its end.
fn told(child: &mut Child, enough: usize) -> Vec<u32> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // The test runner's own words may precede the first one on its line.
    let numbers = lines.map_while(Result::ok).filter_map(|line| {
        let (_, number) = line.split_once("done ")?;
        number.parse().ok()
    });
    numbers.take(enough).collect()
}

#[test]
fn processes_lose_no_write() {
    let place = place();
    let children: Vec<_> = (0..3).map(|_| start("count", &place.path)).collect();
    let engine = open(&place.path);
    count_on(&engine, 100);
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(counted(&engine), 400);
}

#[test]
fn processes_that_make_the_same_file_at_once_all_succeed() {
    for _ in 0..3 {
        let place = place();
        let children: Vec<_> = (0..4).map(|_| start("create", &place.path)).collect();
        for mut child in children {
            assert!(child.wait().unwrap().success());
        }
        assert_eq!(keys(&open(&place.path), b'p').len(), 4);
    }
}

#[test]
fn what_was_acknowledged_survives_a_kill_and_the_others_go_on() {
    let place = place();
    let engine = open(&place.path);
    let mut expected = 0;
    for round in 0..4 {
        let mut child = start("write for ever", &place.path);
        let numbers = told(&mut child, 10 + 7 * round);
        count(&engine).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        expected = expected.max(numbers.last().copied().unwrap() + 1);
        assert_eq!(count(&engine).unwrap(), 2 * (round as u64 + 1), "the one who was there goes on");
        let there = keys(&engine, b'k').len() as u32;
        assert!(there >= expected, "{there} of {expected} acknowledged writes");
    }
    engine.close().unwrap();
    // Also when nobody was left to go on.
    let mut child = start("write for ever", &place.path);
    let numbers = told(&mut child, 10);
    child.kill().unwrap();
    child.wait().unwrap();
    let reader = Engine::open(&place.path, options(true, 1_000)).unwrap();
    assert!(keys(&reader, b'k').len() as u32 > numbers.last().copied().unwrap());
    assert_eq!(counted(&reader), 8);
}

#[test]
fn busy_names_the_process_that_holds_the_file() {
    let place = place();
    put(&open(&place.path), "a", "1").unwrap();
    let mut child = start("hold", &place.path);
    assert_eq!(told(&mut child, 1), [0]);
    let engine = Engine::open(&place.path, options(false, 30)).unwrap();
    let error = count(&engine).unwrap_err();
    assert_eq!(error.code(), "busy");
    if cfg!(target_os = "linux") {
        assert!(error.to_string().contains(&format!("(pid {})", child.id())), "{error}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(count(&engine).unwrap(), 1, "a killed holder holds nothing");
}
