//! Production scores by the million: in, summarised, pruned, compacted. W5 and W6 of the speed table, from Rust.
//!
//! `cargo bench -p trialplate --bench scores` (1,000,000), `-- 10000000` for another number of scores, `-- in` to end when they
//! are in; five scores a
//! call, calls in batches of 200, each batch durable. The peers run on the same data in `tests/bench/run.py`.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::time::Instant;

use trialplate::{
    Content, GroupBy, LiveFilter, LoggedCall, NewScore, NewTrace, ScoreSource, ScoreValue, Store, Timestamp,
};

const METRICS: [&str; 5] = ["quality", "faithfulness", "relevance", "safety", "format"];
const VERSIONS: u32 = 10;
const CALLS: usize = 200;
const START: i64 = 1_717_700_000_000_000;

/// SplitMix64, so that every run has the same data.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.unit()).ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }
}

fn batch(random: &mut Random, from: usize, calls: usize) -> Vec<LoggedCall> {
    let call = |i: usize| {
        let version = 1 + (random.next() % u64::from(VERSIONS)) as u32;
        let score = |(k, metric): (usize, &&str)| {
            let mean = 3.0 + 0.06 * f64::from(version) + 0.1 * k as f64;
            let value = (mean + 0.8 * random.normal()).clamp(1.0, 5.0);
            let score = NewScore::new(ScoreValue::Number(value)).from_source(ScoreSource::Judge);
            ((*metric).to_owned(), score)
        };
        let scores = METRICS.iter().enumerate().map(score).collect();
        let trace_id = Some(format!("{:016x}{:016x}", random.next(), random.next()));
        let at = Some(Timestamp::from_micros(START + 85_000 * (from + i) as i64));
        LoggedCall {
            prompt: "p".to_owned(),
            version: version.into(),
            trace: NewTrace { trace_id, at, ..Default::default() },
            scores,
        }
    };
    (0..calls).map(call).collect()
}

fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    line.split_whitespace()
        .nth(1)
        .and_then(|kib| kib.parse::<f64>().ok())
        .map_or(f64::NAN, |kib| kib / 1024.0)
}

/// Seconds of processor time that this process has used: what a busy machine does not change much.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind = stat.rsplit(')').next().unwrap_or_default();
    let ticks =
        |i: usize| behind.split_whitespace().nth(i).and_then(|n| n.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // A process of its own, so that its peak is that of the summary alone.
    match arguments.first().map(String::as_str) {
        Some("summarise") => return summarise(&arguments[1]),
        Some(name @ ("verify" | "prune" | "compact")) => {
            return step(name, &arguments[1], arguments[2].parse().unwrap());
        }
        _ => {}
    }
    let rows: usize = arguments.iter().find_map(|text| text.parse().ok()).unwrap_or(1_000_000);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.tp");
    let size = || std::fs::metadata(&path).unwrap().len();
    let store = Store::open(&path).unwrap();
    for version in 0..VERSIONS {
        store.publish("p", Content::text(format!("version {version}")), Default::default()).unwrap();
    }
    store.close().unwrap();
    let empty = size();
    let store = Store::open(&path).unwrap();
    let mut random = Random(20_240_607);
    let (mut spent, mut done, mut tenth, mut worked) = (0.0, 0, 0.0, 0.0);
    let mut slices = Vec::new();
    let calls = rows / METRICS.len();
    for from in (0..calls).step_by(CALLS) {
        let batch = batch(&mut random, from, CALLS.min(calls - from));
        done += batch.len() * METRICS.len();
        let (start, before) = (Instant::now(), cpu());
        store.log_many(batch).unwrap();
        spent += start.elapsed().as_secs_f64();
        worked += cpu() - before;
        if done * 10 / rows > slices.len() {
            slices.push((spent - tenth) / (rows as f64 / 10.0) * 1e6);
            tenth = spent;
        }
    }
    store.close().unwrap();
    println!("scores in, 1,000 a batch, each durable   {:>12.0} /s", done as f64 / spent);
    println!("  processor time                         {:>12.2} us a score", worked / done as f64 * 1e6);
    let slices: Vec<String> = slices.iter().map(|us| format!("{us:.2}")).collect();
    println!("  us a score, tenth by tenth             {}", slices.join(" "));
    println!("bytes a score, the trace with it         {:>12.1}", (size() - empty) as f64 / done as f64);
    if arguments.iter().any(|text| text == "in") {
        return;
    }
    store.close().unwrap();
    // Each in a process of its own, so that a peak is that of one alone.
    let own = std::env::current_exe().unwrap();
    for step in ["summarise", "verify", "prune", "compact", "verify"] {
        let arguments = [step, path.to_str().unwrap(), &calls.to_string()];
        let run = std::process::Command::new(&own).args(arguments).output().unwrap();
        assert!(run.status.success(), "{step}: {}", String::from_utf8_lossy(&run.stderr));
        print!("{}", String::from_utf8_lossy(&run.stdout));
    }
}

/// One step on a file that is there.
fn step(step: &str, path: &str, calls: usize) {
    let size = || std::fs::metadata(path).unwrap().len() as f64 / 1_048_576.0;
    let store = Store::open(path).unwrap();
    let (start, before) = (Instant::now(), size());
    let said = match step {
        "verify" => format!("{} scores", store.verify().unwrap().scores),
        "prune" => {
            let half = Timestamp::from_micros(START + 85_000 * (calls / 2) as i64);
            let pruned = store.prune(half, None).unwrap();
            format!("the older half: {} traces, {} scores", pruned.traces, pruned.scores)
        }
        _ => {
            store.compact().unwrap();
            format!("{before:.1} to {:.1} MiB", size())
        }
    };
    let ms = start.elapsed().as_secs_f64() * 1e3;
    println!("{step:<41}{ms:>12.0} ms  {said}, {:.0} MiB at the peak", peak_mib());
}

fn summarise(path: &str) {
    let mut filter = LiveFilter::default();
    filter.by = vec![GroupBy::Version];
    let (mut all, mut n) = (Vec::new(), 0);
    let before = cpu();
    for _ in 0..7 {
        let store = Store::open(path).unwrap();
        let start = Instant::now();
        let made = store.summaries("p", &METRICS, &filter).unwrap();
        all.push(start.elapsed().as_secs_f64() * 1e3);
        n = made.iter().map(|summary| summary.figures.n).sum();
        store.close().unwrap();
    }
    let work = (cpu() - before) / 7.0 * 1e3;
    println!("  processor time                         {work:>12.0} ms");
    println!(
        "count, mean, quantiles, histogram by version{:>9.1} ms  of {n} scores, {:.0} MiB at the peak",
        median(all),
        peak_mib()
    );
}
