//! Watching: drift of the model, and the split while units arrive.

use trialplate::stats::{Drift, DriftPlan, SRM_CONCENTRATION, SRM_WARNING, srm, srm_sequence};

use crate::world::{Random, share};
use crate::{Bound, Table};

/// How a canary's scores vary: between items, of an item, of a day.
#[derive(Clone, Copy)]
struct Noise {
    items: usize,
    within: f64,
    day: f64,
    /// Pass or fail instead of a score.
    binary: bool,
    baseline: usize,
}

const USUAL: Noise = Noise { items: 20, within: 0.1, day: 0.0, binary: false, baseline: 20 };

struct Canary {
    noise: Noise,
    levels: Vec<f64>,
}

impl Canary {
    fn new(noise: Noise, random: &mut Random) -> Canary {
        Canary { noise, levels: (0..noise.items).map(|_| 0.55 + 0.35 * random.unit()).collect() }
    }

    fn run(&self, random: &mut Random, fall: impl Fn(usize) -> f64) -> Vec<Option<f64>> {
        let day = self.noise.day * random.normal();
        let score = |(i, level): (usize, &f64)| {
            let mean = level - fall(i) + day;
            if self.noise.binary {
                return Some(f64::from(u8::from(random.unit() < mean)));
            }
            // In quarters, as a rubric of five points maps to [0,1].
            let score = mean + self.noise.within * random.normal();
            Some(((score * 4.0).round() / 4.0).clamp(0.0, 1.0))
        };
        self.levels.iter().enumerate().map(score).collect()
    }
}

/// Runs from the end of the baseline until the alarm, `most` at the most.
fn until_alarm(noise: Noise, random: &mut Random, most: usize, fall: impl Fn(usize) -> f64) -> Option<usize> {
    let canary = Canary::new(noise, random);
    let plan = DriftPlan { baseline_runs: noise.baseline, ..DriftPlan::default() };
    let mut drift = Drift::new(noise.items, plan).unwrap();
    for _ in 0..noise.baseline {
        drift.push(&canary.run(random, |_| 0.0)).unwrap();
    }
    (1..=most).find(|_| drift.push(&canary.run(random, &fall)).unwrap().is_some_and(|step| step.alarm))
}

/// G9: the mean number of runs until a false alarm, by the exponential's estimate from runs that are cut off at a year.
pub fn quiet_runs(table: &mut Table) {
    let models = [
        ("usual", USUAL),
        ("nearly deterministic", Noise { within: 0.02, ..USUAL }),
        ("noisy", Noise { within: 0.2, ..USUAL }),
        ("a common mood of the day", Noise { day: 0.05, ..USUAL }),
        ("pass or fail", Noise { binary: true, ..USUAL }),
        ("5 items", Noise { items: 5, ..USUAL }),
        ("10 items", Noise { items: 10, ..USUAL }),
        ("50 items", Noise { items: 50, ..USUAL }),
        ("a baseline of 10", Noise { baseline: 10, ..USUAL }),
        ("a baseline of 5", Noise { baseline: 5, ..USUAL }),
    ];
    let runs = (table.runs / 10).max(50);
    let (mut least, mut within90) = (f64::INFINITY, 0.0f64);
    for (i, (_, noise)) in models.into_iter().enumerate() {
        let mut random = Random(90 + i as u64);
        let (mut alarms, mut watched, mut early) = (0.0, 0.0, 0.0);
        for _ in 0..runs {
            match until_alarm(noise, &mut random, 365, |_| 0.0) {
                Some(at) => {
                    alarms += 1.0;
                    watched += at as f64;
                    early += f64::from(u8::from(at <= 90));
                }
                None => watched += 365.0,
            }
        }
        least = least.min(watched / f64::max(alarms, 1.0));
        within90 = within90.max(early / runs as f64);
    }
    table.row(
        "G9",
        &format!("drift: runs until a false alarm, the least of ten noise models ({runs} years each)"),
        least,
        Bound::AtLeast(365.0),
    );
    table.row(
        "G9",
        "drift: a false alarm within 90 quiet runs, the most of the ten",
        within90,
        Bound::AtMost(90.0 / 365.0),
    );
}

/// G10: on a rubric of 1 to 5 a point is a quarter.
pub fn delays(table: &mut Table) {
    let runs = (table.runs / 5).max(100);
    let mean_delay = |seed: u64, fall: &dyn Fn(usize) -> f64| {
        let mut random = Random(seed);
        let total: usize = (0..runs).map(|_| until_alarm(USUAL, &mut random, 365, fall).unwrap_or(365)).sum();
        total as f64 / runs as f64
    };
    let all = |points: f64| move |_: usize| points / 4.0;
    let (small, large) = (mean_delay(100, &all(0.3)), mean_delay(101, &all(0.5)));
    let broken = mean_delay(102, &|i| if i < 2 { 0.5 } else { 0.0 });
    table.row("G10", "drift: runs until a fall of 0.3 points is found", small, Bound::AtMost(5.5));
    table.row("G10", "drift: runs until a fall of 0.5 points is found", large, Bound::AtMost(3.0));
    table.row(
        "G10",
        "drift: runs until 2 of 20 items that fell by 2 points are found",
        broken,
        Bound::AtMost(5.0),
    );
}

/// G11: thirty daily looks at 400 units a day.
pub fn sample_ratio(table: &mut Table) {
    let runs = (table.runs / 4).max(200);
    let warned = |random: &mut Random, p: f64| -> Option<usize> {
        let days: Vec<Vec<u64>> = (0..30)
            .map(|_| {
                let a = (0..400).filter(|_| random.unit() < p).count() as u64;
                vec![a, 400 - a]
            })
            .collect();
        let r = srm_sequence(&days, &[1.0, 1.0], SRM_CONCENTRATION).unwrap();
        r.log_bf.iter().position(|log| log.exp() >= SRM_WARNING).map(|day| day + 1)
    };
    let (mut random, mut day) = (Random(110), 0);
    let quiet = share(runs, || warned(&mut random, 0.5).is_some());
    table.row("G11", "sample ratio: false warning in 30 daily looks", quiet, Bound::AtMost(0.01));
    let found = share(runs, || {
        let at = warned(&mut random, 0.46);
        day += at.unwrap_or(30);
        at.is_some()
    });
    table.row("G11", "sample ratio: 46 % instead of 50 % found within 30 days", found, Bound::AtLeast(0.99));
    table.row("G11", "sample ratio: on this day", day as f64 / runs as f64, Bound::AtMost(8.0));
    let last = share(runs, || {
        let a = (0..12_000).filter(|_| random.unit() < 0.5).count() as u64;
        srm(&[a, 12_000 - a], &[1.0, 1.0]).unwrap().mismatch
    });
    table.row("G11", "sample ratio: false mismatch at the verdict", last, Bound::AtMost(0.004));
}
