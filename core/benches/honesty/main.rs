//! Is it honest? Simulates the product's own statistics against the goals of statistics.md, section 5.
//!
//! `cargo bench -p trialplate --bench honesty` (minutes), `-- --quick` for a look, `-- --long` for ten times as much, `-- G1 G7` for some of the goals.
//!
//! Each line: the goal, what is simulated, what our code reaches, what it must reach. The seeds are fixed. A share over 10,000
//! runs has a standard error of 0.2 points at 5 %: a line is missed when it lies beyond its bound by more than two of them.

// A simulation prints, and has nobody to hand an error to.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub)]

mod experiments;
mod golden;
mod watching;
mod world;

use std::time::Instant;

/// Collects the table.
pub struct Table {
    pub runs: u64,
    wanted: Vec<String>,
    missed: usize,
}

impl Table {
    fn wants(&self, goal: &str) -> bool {
        self.wanted.is_empty() || self.wanted.iter().any(|w| w == goal)
    }

    /// A figure and the bound that it must keep.
    pub fn row(&mut self, goal: &str, what: &str, figure: f64, bound: Bound) {
        // What is a share has this simulation's own noise; what is a count of runs or days is held to its bound.
        let noise = |p: f64| if p < 1.0 { 2.0 * (p * (1.0 - p) / self.runs as f64).sqrt() } else { 0.0 };
        let (kept, must) = match bound {
            Bound::AtMost(x) => (figure <= x + noise(x), format!("≤ {}", shown(x))),
            Bound::AtLeast(x) => (figure >= x - noise(x), format!("≥ {}", shown(x))),
            Bound::Contrast => (true, "(contrast)".to_owned()),
        };
        self.missed += usize::from(!kept);
        let mark = if kept { "" } else { "  MISSED" };
        println!("| {goal:<3} | {what:<72} | {:>8} | {must:>10} |{mark}", shown(figure));
    }
}

type Simulation = fn(&mut Table);

pub enum Bound {
    AtMost(f64),
    AtLeast(f64),
    /// What people do instead; nothing of ours.
    Contrast,
}

fn shown(x: f64) -> String {
    if x.abs() <= 1.5 { format!("{:.1} %", 100.0 * x) } else { format!("{x:.1}") }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let has = |flag: &str| arguments.iter().any(|a| a == flag);
    let runs = if has("--quick") {
        500
    } else if has("--long") {
        100_000
    } else {
        10_000
    };
    let wanted = arguments.into_iter().filter(|a| !a.starts_with("--")).collect();
    let mut table = Table { runs, wanted, missed: 0 };
    let start = Instant::now();
    println!("| goal | what | reached | must reach |\n| --- | --- | --- | --- |");
    let parts: [(&str, Simulation); 13] = [
        ("G1", experiments::lock),
        ("G2", experiments::anytime_under_the_null),
        ("G3", experiments::anytime_power),
        ("G4", experiments::harm),
        ("G5", experiments::units_saved),
        ("G6", golden::clusters),
        ("G7", golden::gate_at_the_tolerance),
        ("G8", golden::rerun_until_green),
        ("G9", watching::quiet_runs),
        ("G10", watching::delays),
        ("G11", watching::sample_ratio),
        ("G12", golden::coverage),
        ("G13", experiments::moved_units),
    ];
    for (goal, simulate) in parts {
        if table.wants(goal) {
            simulate(&mut table);
        }
    }
    println!(
        "\n{} runs a line unless it says otherwise; {:.0} s; {} missed",
        table.runs,
        start.elapsed().as_secs_f64(),
        table.missed
    );
}
