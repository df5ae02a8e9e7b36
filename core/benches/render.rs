//! W7: rendering a template of 1 KiB with 5 variables and of 20 KiB with 50. `cargo bench --bench render`
//!
//! The median of 31 rounds, each long enough that reading the clock costs nothing.

#![allow(clippy::print_stdout, reason = "a benchmark's output")]

use std::hint::black_box;
use std::time::{Duration, Instant};
use trialplate::{Names, Template};

/// A template of exactly `size` bytes with `variables` variables, evenly spread over lines of prose.
fn template(size: usize, variables: usize) -> String {
    let prose = "Extract every party, date and amount from the text below, and cite the line.\n";
    let mut source = String::new();
    for i in 0..variables {
        let until = (size - 16) * (i + 1) / variables;
        let gap = until.saturating_sub(source.len() + 16);
        source.extend(prose.chars().cycle().take(gap));
        source.push_str(&format!("{{{{ field_{i:02} }}}}"));
    }
    let gap = size - source.len();
    source.extend(prose.chars().cycle().take(gap));
    assert_eq!(source.len(), size);
    source
}

fn median_ns(mut work: impl FnMut()) -> f64 {
    let started = Instant::now();
    let mut once = 0u32;
    while started.elapsed() < Duration::from_millis(20) {
        work();
        once += 1;
    }
    let rounds = once.max(1);
    let mut samples: Vec<f64> = (0..31)
        .map(|_| {
            let started = Instant::now();
            (0..rounds).for_each(|_| work());
            started.elapsed().as_nanos() as f64 / f64::from(rounds)
        })
        .collect();
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

fn main() {
    println!("{:>7} {:>10} {:>12} {:>12} {:>12}", "bytes", "variables", "fill ns", "copy ns", "parse ns");
    for (size, variables) in [(1024, 5), (20480, 50)] {
        let source = template(size, variables);
        let mut names = Names::new();
        let parsed = Template::parse(&source, &mut names);
        assert_eq!(names.len(), variables);
        let texts: Vec<String> = (0..variables).map(|i| format!("value {i} of the benchmark")).collect();
        let values: Vec<Option<&str>> = texts.iter().map(|text| Some(text.as_str())).collect();
        let rendered = parsed.fill(&values);

        let fill = median_ns(|| drop(black_box(black_box(&parsed).fill(black_box(&values)))));
        let copy = median_ns(|| drop(black_box(black_box(&rendered).clone())));
        let parse = median_ns(|| drop(black_box(Template::parse(black_box(&source), &mut Names::new()))));
        println!("{size:>7} {variables:>10} {fill:>12.0} {copy:>12.0} {parse:>12.0}");
    }
}
