//! The short run of every fuzz target: more than a hundred thousand cases, the same ones every time.
//!
//! `TRIALPLATE_CORPUS=FOLDER` writes the first of them down, for the fuzz targets to begin with.
//! `TRIALPLATE_HOSTILE=N` runs N times as many, of which the first N-th are these. A case that fails is named by its
//! target and number.

// A test fails by panicking; the watchdog says why before it ends the process.
#![allow(clippy::print_stderr, clippy::print_stdout)]

mod allocator;
mod generate;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::file::{Seen, Victim};
use crate::{Store, VERBS, stats};
use generate::{Rng, bytes_like, json_like, strange, text_like};

/// How many cases each target has.
const CASES: &[(&str, u64)] = &[
    ("records", 30_000),
    ("segments", 8_000),
    ("canonical", 6_000),
    ("template", 14_000),
    ("selector", 12_000),
    ("name", 10_000),
    ("moment", 12_000),
    ("statistics", 6_000),
    ("items", 1_000),
    ("verb", 4_000),
    ("file", 3_000),
];
const BOUND: usize = 64 << 20;
const HANGS: Duration = Duration::from_secs(30);

fn cases(target: &str) -> u64 {
    let times = std::env::var("TRIALPLATE_HOSTILE").ok().map_or(1, |n| n.parse().unwrap());
    CASES.iter().find(|(name, _)| *name == target).unwrap().1 * times
}

#[test]
fn there_are_a_hundred_thousand_cases() {
    assert!(CASES.iter().map(|(_, n)| n).sum::<u64>() >= 100_000);
    assert!(cases("file") >= 3_000);
}

/// A folder in memory, where there is one: nothing here is about the disk.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir()
        && let Ok(dir) = tempfile::tempdir_in(memory)
    {
        return dir;
    }
    tempfile::tempdir().unwrap()
}

/// Runs the cases of a target: none may panic, hang, or take memory without a bound.
fn run(target: &'static str, mut generate: impl FnMut(&mut Rng) -> Vec<u8>, mut case: impl FnMut(&[u8])) {
    let began: &'static Mutex<Option<(u64, Instant)>> = Box::leak(Box::new(Mutex::new(None)));
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_millis(500));
            match *began.lock().unwrap() {
                Some((u64::MAX, _)) => return,
                Some((seed, since)) if since.elapsed() > HANGS => {
                    eprintln!("{target}, case {seed}: hangs");
                    std::process::abort();
                }
                _ => {}
            }
        }
    });
    let corpus = std::env::var_os("TRIALPLATE_CORPUS").map(|folder| Path::new(&folder).join(target));
    if let Some(corpus) = &corpus {
        std::fs::create_dir_all(corpus).unwrap();
    }
    let start = Instant::now();
    let (mut ran, mut most, mut slowest) = (0, 0, (Duration::ZERO, 0));
    for seed in 0..cases(target) {
        let data = generate(&mut Rng::new(seed));
        if let Some(corpus) = &corpus
            && seed < 300
        {
            std::fs::write(corpus.join(format!("seed-{seed:03}")), &data).unwrap();
        }
        let at = Instant::now();
        *began.lock().unwrap() = Some((seed, at));
        let (done, peak) = allocator::peak(|| catch_unwind(AssertUnwindSafe(|| case(&data))));
        if done.is_err() {
            panic!("{target}, case {seed} panics: {}", shown(&data));
        }
        assert!(
            peak <= BOUND + 64 * data.len(),
            "{target}, case {seed} takes {peak} bytes: {}",
            shown(&data)
        );
        ran += 1;
        most = most.max(peak);
        slowest = slowest.max((at.elapsed(), seed));
    }
    *began.lock().unwrap() = Some((u64::MAX, start));
    let took = start.elapsed();
    println!("{target}: {ran} cases in {took:.1?}, at most {most} bytes; slowest {slowest:?}");
    assert_eq!(ran, cases(target));
}

fn shown(data: &[u8]) -> String {
    format!("{:.2000}", data.escape_ascii().to_string())
}

fn repository(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(below)
}

/// Every step of every scenario: a verb and its arguments.
fn steps() -> Vec<(String, Value)> {
    let mut out = Vec::new();
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(repository("tests/conformance")).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    for file in files.into_iter().filter(|f| f.extension().is_some_and(|e| e == "json")) {
        let read: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        for scenario in read["scenarios"].as_array().unwrap() {
            for step in scenario["steps"].as_array().unwrap() {
                if let Some(verb) = step["call"].as_str() {
                    out.push((verb.to_owned(), step.get("args").cloned().unwrap_or(json!({}))));
                }
            }
        }
    }
    assert!(out.len() > 500);
    out
}

/// Every record of a real store, without the three bytes at its head, and every key.
fn real_records(store: &Store) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    for (space, key, value) in super::hostile::entries(store) {
        assert_eq!(super::hostile::check_entry(space, &key, &value), Ok(()));
        out.push(value.get(3..).unwrap_or_default().to_vec());
        out.push(key);
    }
    out
}

fn real_store(folder: &Path) -> Store {
    let store = Store::open(folder.join("real.tp")).unwrap();
    super::real::fill(&store, 1);
    store
}

#[test]
fn records() {
    let dir = folder();
    let seeds = real_records(&real_store(dir.path()));
    run(
        "records",
        |rng| {
            let seed = rng.below(seeds.len());
            bytes_like(rng, &seeds[seed])
        },
        super::records,
    );
}

#[test]
fn segments() {
    let dir = folder();
    // Without the format in front and the digest behind, which the target puts there itself.
    let seeds: Vec<Vec<u8>> = super::hostile::entries(&real_store(dir.path()))
        .into_iter()
        .filter_map(|(space, key, value)| Some((crate::storage::entry::entry(space, &key)?.0, value)))
        .flat_map(|(kind, value)| crate::traces::verify::sealed(kind, &value))
        .map(|sealed| sealed[1..sealed.len() - 8].to_vec())
        .collect();
    assert!(seeds.len() > 2, "the real store has columns");
    run(
        "segments",
        |rng| {
            let seed = rng.below(seeds.len());
            bytes_like(rng, &seeds[seed])
        },
        super::segments,
    );
}

#[test]
fn canonical() {
    let seeds: Vec<Value> = steps().into_iter().map(|(_, arguments)| arguments).collect();
    run(
        "canonical",
        |rng| {
            let seed = rng.of(&seeds).clone();
            json_like(rng, &seed).into_bytes()
        },
        super::canonical,
    );
}

#[test]
fn template() {
    let seeds = [
        "Answer {{question}} about {{ topic }} in {{tone}}.",
        "{{{raw}}} {{&x}} {{!c}} {{#s}}{{/s}} {{=<% %>=}}",
        "{{}} {{{{a}}}} {{a}",
        r#"[{"role": "system", "content": "Be {{tone}}."}, {"type": "placeholder", "name": "b"}]"#,
        r#"[{"role": "user", "content": [{"type": "text", "text": "{{x}}"}], "name": "n"}]"#,
        "{{ünï}} {{a.b}} {{a b}}",
    ];
    run(
        "template",
        |rng| {
            let seed = rng.of(&seeds);
            text_like(rng, seed)
        },
        super::template,
    );
}

const SELECTORS: &[&str] = &[
    "1",
    "4294967295",
    "4294967296",
    "-1",
    "latest",
    "v3",
    "b3:0011223344556677001122334455667700112233445566770011223344556677",
    "b3:00112233",
    "b3:0",
    "p@3",
    "p@b3:00112233",
    "0195f3a0-7c3e-7000-8000-000000000000",
];

#[test]
fn selector() {
    run(
        "selector",
        |rng| {
            let seed = rng.of(SELECTORS);
            text_like(rng, seed)
        },
        super::selector,
    );
}

#[test]
fn name() {
    let seeds = ["a", "extraction/v2", "with space", "ünï·cöde", "x-1_2.3", "production", "latest", "a\0b"];
    run(
        "name",
        |rng| {
            let seed = rng.of(&seeds);
            text_like(rng, seed)
        },
        super::name,
    );
}

#[test]
fn moment() {
    let seeds = [
        "2026-01-02T03:04:05.678901Z",
        "2026-01-02T03:04:05+01:00",
        "2026-01-02",
        "2026-01-02 03:04",
        "1767322445",
        "9999-12-31T23:59:59.999999999Z",
        "1767322445678901/t1",
        "-1/x",
    ];
    run(
        "moment",
        |rng| {
            let seed = rng.of(&seeds);
            text_like(rng, seed)
        },
        super::moment,
    );
}

#[test]
fn statistics() {
    let mut seeds = Vec::new();
    for file in ["own", "more", "public"] {
        let path = repository(&format!("tests/reference/stats_cases_{file}.json"));
        let read: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let text = read["cases"].as_array().unwrap().iter();
        // What is long as it stands costs time and shows nothing more.
        let short = text.filter(|case| {
            case["inputs"].to_string().len() < 4000 && !case["inputs"].to_string().contains("gen")
        });
        seeds.extend(short.map(|case| (case["kind"].as_str().unwrap().to_owned(), case["inputs"].clone())));
    }
    assert!(seeds.len() > 300);
    let kinds: Vec<&str> = stats::kinds().collect();
    let made = |rng: &mut Rng| {
        let (kind, inputs) = rng.of(&seeds).clone();
        let kind = if rng.below(20) == 0 { (*rng.of(&kinds)).to_owned() } else { kind };
        format!("{kind}\n{}", json_like(rng, &inputs)).into_bytes()
    };
    run("statistics", made, super::statistics);
}

#[test]
fn items() {
    let dir = folder();
    let store = Store::open(dir.path().join("items.tp")).unwrap();
    let seeds = json!([{"key": "a", "input": {"q": 1}, "expected": "x", "tags": ["t"]}, {"input": "text"}, {"key": "b", "input": [1]}]);
    run("items", |rng| json_like(rng, &seeds).into_bytes(), |data| super::items(&store, data));
    assert!(store.verify().unwrap().ok);
}

#[test]
fn verb() {
    let dir = folder();
    let store = real_store(dir.path());
    let run_id = store.runs(None).unwrap()[0].id.to_string();
    let steps = steps();
    let made = |rng: &mut Rng| {
        let (verb, mut arguments) = rng.of(&steps).clone();
        // Names that are there get further.
        if let Some(members) = arguments.as_object_mut() {
            for (name, value) in members.iter_mut().filter(|(_, v)| v.get("$").is_some()) {
                *value = match name.as_str() {
                    "run" | "a" | "b" => json!(run_id),
                    "version" | "expected" => json!(1),
                    _ => strange(rng),
                };
            }
            for (name, there) in [("name", "p0"), ("prompt", "p0"), ("dataset", "d"), ("metric", "quality")] {
                if members.contains_key(name) && verb != "publish" && rng.below(3) == 0 {
                    members.insert(name.to_owned(), json!(there));
                }
            }
        }
        let verb = if rng.below(20) == 0 { (*rng.of(VERBS)).to_owned() } else { verb };
        format!("{verb}\n{}", json_like(rng, &arguments)).into_bytes()
    };
    run("verb", made, |data| super::verb(&store, dir.path(), data));
    // Whatever was asked, the store is whole.
    let report = store.verify().unwrap();
    assert!(report.ok, "{report:?}");
}

#[test]
fn file() {
    let dir = folder();
    let victim = Victim::new(dir.path(), 1);
    let (mut number, mut counts, mut healthy, mut differed, mut opened, mut saved) = (0u32, 0, 0, 0, 0, 0);
    let made = |rng: &mut Rng| {
        let edits = 1 + rng.below(4);
        let mut out = rng.bytes(7 * edits);
        if rng.below(3) == 0 {
            // In the engine's header.
            out[1..5].copy_from_slice(&(rng.below(320) as u32).to_le_bytes());
        }
        out
    };
    run("file", made, |edits| {
        number += 1;
        let seen: Seen =
            victim.examine(dir.path(), edits, number.is_multiple_of(3), number.is_multiple_of(10));
        counts += 1;
        healthy += u32::from(seen.healthy);
        differed += u32::from(seen.differed);
        opened += u32::from(seen.opened);
        saved += u32::from(seen.saved);
    });
    println!(
        "of {counts}: healthy {healthy}, opened {opened}, another answer and the doctor knew {differed}, saved {saved}"
    );
    assert!(
        healthy > 100 && opened > 500 && saved > 100 && healthy < counts / 2,
        "the cases are of all kinds"
    );
}

/// What `verify` remembers on its way doesn't grow with the calls: five times as many take no more at once.
#[test]
fn verifying_more_calls_takes_no_more_memory() {
    let dir = folder();
    let store = Store::open(dir.path().join("store.tp")).unwrap();
    store.publish("p", crate::Content::text("one"), Default::default()).unwrap();
    let peak_of = |calls: std::ops::Range<u32>| {
        for from in calls.step_by(4_000) {
            let call = |n: u32| {
                let trace = crate::NewTrace { trace_id: Some(format!("t{n}")), ..Default::default() };
                crate::LoggedCall { prompt: "p".to_owned(), version: 1.into(), trace, scores: Vec::new() }
            };
            store.log_many((from..from + 4_000).map(call).collect()).unwrap();
        }
        // The first time fills the engine's cache of pages.
        store.verify().unwrap();
        let (report, most) = allocator::peak(|| store.verify().unwrap());
        assert!(report.ok, "{report:?}");
        (report.traces, most)
    };
    let few = peak_of(0..8_000);
    let many = peak_of(8_000..40_000);
    println!("verify: {few:?}, {many:?} (calls, bytes)");
    assert_eq!((few.0, many.0), (8_000, 40_000));
    // Eight bytes for each would be 250 KiB.
    assert!(many.1 < few.1 + (128 << 10), "{few:?} {many:?}");
}
