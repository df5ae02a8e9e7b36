//! W1 from Rust: the hot `get` by label on 1 and 8 threads, and what its parts cost.
//!
//! `cargo bench -p trialplate --bench get`

// A benchmark prints, and has nobody to hand an error to.
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use std::hint::black_box;
use std::time::Instant;

use trialplate::{Content, MoveOptions, Selector, Store};

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Nanoseconds a call, median of nine repeats.
fn per_call(calls: u32, mut f: impl FnMut(u32)) -> f64 {
    let repeat = |_| {
        let start = Instant::now();
        (0..calls).for_each(&mut f);
        start.elapsed().as_nanos() as f64 / f64::from(calls)
    };
    median((0..9).map(repeat).collect())
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("bench.tp")).unwrap();
    for prompts in [1usize, 1000] {
        let names: Vec<String> = (0..prompts).map(|i| format!("prompt-{i:06}")).collect();
        for (i, name) in names.iter().enumerate() {
            let text = format!("{i:08} {}", "x".repeat(1015));
            let v = store.publish(name, Content::text(text), Default::default()).unwrap();
            store.set_label(name, "production", &(&v).into(), MoveOptions::default()).unwrap();
        }
        let order: Vec<&str> = (0..4096).map(|i| names[(i * 7919) % prompts].as_str()).collect();
        let get = |i: u32| black_box(store.get(order[i as usize & 4095], "production").unwrap());
        println!(
            "W1 hot get, Rust, {prompts} prompts, 1 thread: {:.0} ns",
            per_call(2_000_000, |i| drop(get(i)))
        );
        let epoch = per_call(5_000_000, |_| drop(black_box(store.registry_epoch())));
        println!("   of which the freshness check: {epoch:.1} ns");
        let threads = 8;
        let start = Instant::now();
        let calls = 2_000_000u32;
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| (0..calls).for_each(|i| drop(get(i))));
            }
        });
        let cores = std::thread::available_parallelism().map_or(1, usize::from).min(threads);
        let busy = start.elapsed().as_nanos() as f64 * cores as f64 / (f64::from(calls) * threads as f64);
        println!(
            "W1 hot get, Rust, {prompts} prompts, {threads} threads on {cores} cores: {busy:.0} ns of a core a call"
        );
    }
    let name = "prompt-000000";
    let cold = per_call(20_000, |_| drop(black_box(store.get(name, Selector::Number(1)).unwrap())));
    println!("   get by number, through a transaction: {:.1} us", cold / 1000.0);
}
