//! W8 in Rust: 10,000 dataset items of 500 bytes in one durable call, their keys, and all of them read.
//!
//! `cargo bench -p trialplate --bench items`. Medians of nine fresh files. The peers stand beside us in
//! `tests/bench/run.py W8`.

// A benchmark may panic and print.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::hint::black_box;
use std::time::Instant;

use serde_json::{Value, json};
use trialplate::{NewItem, Store};

const ITEMS: usize = 10_000;
const REPEATS: usize = 9;
const WORDS: [&str; 16] = [
    "extract",
    "fields",
    "document",
    "return",
    "strict",
    "value",
    "present",
    "otherwise",
    "never",
    "invent",
    "source",
    "span",
    "keep",
    "order",
    "metric",
    "units",
];

/// Text of so many bytes from few words, another one for each seed.
fn filler(seed: usize, size: usize) -> String {
    let (mut text, mut state) = (String::new(), seed as u64 * 2 + 1);
    while text.len() < size {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push_str(WORDS[(state >> 60) as usize]);
        text.push(' ');
    }
    text.truncate(size);
    text
}

fn item(i: usize) -> NewItem {
    NewItem {
        key: Some(format!("{i:06}")),
        input: json!({"id": i, "question": filler(i, 210), "lang": "en"}),
        expected: json!({"answer": filler(i + ITEMS, 170), "label": "a", "score": i as f64 / ITEMS as f64}),
        ..NewItem::default()
    }
}

fn main() {
    let items: Vec<NewItem> = (0..ITEMS).map(item).collect();
    let text = json!({"name": "golden", "items": items.iter().map(|item| {
        json!({"key": item.key, "input": item.input, "expected": item.expected})
    }).collect::<Vec<Value>>()})
    .to_string();
    let mut times: Vec<(&str, Vec<f64>)> = Vec::new();
    let mut timed = |what: &'static str, work: &mut dyn FnMut()| {
        let start = Instant::now();
        work();
        let spent = start.elapsed().as_secs_f64();
        match times.iter_mut().find(|(name, _)| *name == what) {
            Some((_, times)) => times.push(spent),
            None => times.push((what, vec![spent])),
        }
    };
    for _ in 0..REPEATS {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("typed.tp")).unwrap();
        let given = items.clone();
        let mut given = Some(given);
        timed("added, durable", &mut || {
            store.dataset_add("golden", given.take().unwrap()).unwrap();
        });
        timed("keys", &mut || {
            assert_eq!(store.dataset_keys("golden", None, None, None).unwrap().len(), ITEMS);
        });
        timed("read", &mut || {
            assert_eq!(black_box(store.dataset_items("golden", None).unwrap()).len(), ITEMS);
        });
        let store = Store::open(folder.path().join("text.tp")).unwrap();
        timed("added, durable, from JSON text", &mut || {
            store.call("dataset_add", &text).unwrap();
        });
        timed("read as JSON text", &mut || {
            assert!(
                black_box(store.call("dataset_items", r#"{"name": "golden"}"#).unwrap()).len() > ITEMS * 400
            );
        });
    }
    println!("{ITEMS} items of about {} bytes", text.len() / ITEMS);
    for (what, mut times) in times {
        times.sort_by(f64::total_cmp);
        let median = times[times.len() / 2];
        println!("{what:<34} {:>9.0} /s {:>8.2} ms", ITEMS as f64 / median, 1e3 * median);
    }
}
