//! W3 from Rust: durable publishes, alone and from 16 threads at once; opening, and what an idle store weighs.
//!
//! `cargo bench -p trialplate --bench commit`

// A benchmark prints, and has nobody to hand an error to.
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use trialplate::{Content, MoveOptions, Store};

const SECONDS: Duration = Duration::from_secs(2);

fn content(i: u64) -> Content {
    Content::text(format!("{i:020} {}", "x".repeat(1003))).model("m").param("temperature", 0.0)
}

/// Calls a second on that many threads.
fn per_second(threads: u64, call: impl Fn(u64) + Sync) -> f64 {
    let (count, start) = (AtomicU64::new(0), Instant::now());
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (count, call) = (&count, &call);
            scope.spawn(move || {
                let mut i = thread << 32;
                while start.elapsed() < SECONDS {
                    call(i);
                    i += 1;
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    count.into_inner() as f64 / start.elapsed().as_secs_f64()
}

/// Resident memory in MiB, where the system tells.
fn resident() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse::<f64>().ok().map(|kib| kib / 1024.0)
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bench.tp");
    let before = resident();
    let start = Instant::now();
    let store = Store::open(&path).unwrap();
    println!("open, a new file: {:.2} ms", start.elapsed().as_secs_f64() * 1e3);
    if let (Some(before), Some(after)) = (before, resident()) {
        println!("an idle open store: {:.2} MiB", after - before);
    }
    let publish = |i| drop(store.publish("p", content(i), Default::default()).unwrap());
    println!("W3 publish, durable, 1 thread: {:.0}/s", per_second(1, publish));
    let versions = [1, 2].map(|number: u32| number.into());
    let label = |i: u64| {
        drop(
            store.set_label("p", "production", &versions[(i & 1) as usize], MoveOptions::default()).unwrap(),
        );
    };
    println!("W3 move a label, durable, 1 thread: {:.0}/s", per_second(1, label));
    let publish = |i| drop(store.publish("q", content(i + (99 << 40)), Default::default()).unwrap());
    println!("W3 publish, durable, 16 threads: {:.0}/s", per_second(16, publish));
    store.close().unwrap();
    let start = Instant::now();
    let store = Store::open(&path).unwrap();
    println!(
        "open, {} events: {:.2} ms",
        store.events(0, usize::MAX).unwrap().len(),
        start.elapsed().as_secs_f64() * 1e3
    );
}
