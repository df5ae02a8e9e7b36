//! Golden sets: clusters, gates at their tolerance, reruns, the coverage of the intervals.

use trialplate::stats::{
    BoundRule, ClusterMethod, Outcome, Tolerance, clopper_pearson, gate_attempt_alpha, newcombe,
    non_inferiority_paired, paired_clustered, ppi_mean, quantile_interval, unit_means, welch,
};

use crate::world::{Random, share};
use crate::{Bound, Table};

/// G6: users with one to nine responses, a third of the variance between users; and documents of very unequal size.
pub fn clusters(table: &mut Table) {
    let (mut random, mut ignored) = (Random(60), 0u64);
    let found = share(table.runs, || {
        let mut arm = || -> Vec<Vec<f64>> {
            let user = |_| {
                let own = 0.577 * random.normal();
                let n = 1 + random.below(9);
                (0..n).map(|_| own + 0.816 * random.normal()).collect()
            };
            (0..100).map(user).collect()
        };
        let (a, b): (Vec<Vec<f64>>, Vec<Vec<f64>>) = (arm(), arm());
        let p = welch(&a.concat(), &b.concat(), 0.05).unwrap().p_value;
        ignored += u64::from(p.is_some_and(|p| p < 0.05));
        unit_means(&a, &b, 0.05).unwrap().test.p_value.is_some_and(|p| p < 0.05)
    });
    table.row("G6", "false positives, users with several responses: unit means", found, Bound::AtMost(0.06));
    table.row(
        "G6",
        "false positives, every response counted as a unit",
        ignored as f64 / table.runs as f64,
        Bound::Contrast,
    );
    let mut random = Random(61);
    let found = share(table.runs, || {
        let (mut d, mut cluster) = (Vec::new(), Vec::new());
        for document in 0..30 {
            let own = 0.5 * random.normal();
            let size = if document < 3 { 30 } else { 2 + random.below(6) };
            for _ in 0..size {
                d.push(own + random.normal());
                cluster.push(document);
            }
        }
        let r = paired_clustered(&d, &cluster, ClusterMethod::Cr2, 0.05).unwrap();
        r.p_value.is_some_and(|p| p < 0.05)
    });
    table.row(
        "G6",
        "false positives, items of 30 documents of unequal size: CR2",
        found,
        Bound::AtMost(0.06),
    );
}

const TOLERANCE: f64 = 0.2;

fn passes(d: &[f64], bound: BoundRule, alpha: f64) -> bool {
    // Whatever fell by more than a rubric's lower half came from its top.
    let old: Vec<f64> = d.iter().map(|&d| if d < -2.0 { 5.0 } else { 3.0 }).collect();
    let new: Vec<f64> = old.iter().zip(d).map(|(old, d)| old + d).collect();
    // The range is that of differences on a rubric of five points.
    let r = non_inferiority_paired(
        &old,
        &new,
        Tolerance::Absolute(TOLERANCE),
        true,
        Some((1.0, 5.0)),
        alpha,
        bound,
    );
    r.unwrap().outcome == Outcome::Pass
}

/// G7: the new version is worse by exactly what is allowed, evenly or by a few items that collapse.
pub fn gate_at_the_tolerance(table: &mut Table) {
    for n in [50, 100, 200, 500] {
        let mut random = Random(70 + n as u64);
        let even = |random: &mut Random| -> Vec<f64> {
            // A step of a point up or down, or none: symmetric around -0.2 in steps that a rubric has.
            (0..n).map(|_| -TOLERANCE + [-1.0, 0.0, 0.0, 1.0][random.below(4)]).collect()
        };
        let mut bare = 0u64;
        let passed = share(table.runs, || {
            let d = even(&mut random);
            bare += u64::from(passes(&d, BoundRule::Point, 0.05));
            passes(&d, BoundRule::Auto, 0.05)
        });
        table.row(
            "G7",
            &format!("passes exactly at the tolerance, scores move evenly, n = {n}"),
            passed,
            Bound::AtMost(0.051),
        );
        let bare = bare as f64 / table.runs as f64;
        table.row("G7", &format!("the same by the bare means, n = {n}"), bare, Bound::Contrast);
        for (what, spread, goal) in COLLAPSES {
            collapse(table, &mut random, n, what, spread, goal);
        }
    }
    // The goal comes from a simulation that passed 12 % at 30 items: that says how much the others moved in it.
    let (what, spread, _) = COLLAPSES[1];
    collapse(table, &mut Random(100), 30, what, spread, Bound::Contrast);
}

/// 5 % of the items fall by four points. What the others do decides how well a sample shows that: if they move so little
/// that a sample without a fall (one in 13 of 50 items) looks certain, no rule that reads the sample alone can
/// be right more often than that; the betting bound is, because it knows the range.
const COLLAPSES: [(&str, f64, Bound); 3] = [
    ("5 % of the items collapse", 0.0, Bound::AtMost(0.07)),
    ("5 % collapse, the others with sd 0.65", 0.65, Bound::AtMost(0.07)),
    ("5 % collapse, the others with sd 0.4", 0.4, Bound::Contrast),
];

fn collapse(table: &mut Table, random: &mut Random, n: usize, what: &str, spread: f64, goal: Bound) {
    let (mut plain, mut safe) = (0u64, 0u64);
    let passed = share(table.runs, || {
        // On average -0.2 to the last digit, whatever the others do.
        let item = |_| {
            if random.unit() < 0.05 { -4.0 } else { spread * random.normal().clamp(-2.0, 2.0) }
        };
        let d: Vec<f64> = (0..n).map(item).collect();
        plain += u64::from(passes(&d, BoundRule::T, 0.05));
        safe += u64::from(passes(&d, BoundRule::Betting, 0.05));
        passes(&d, BoundRule::Auto, 0.05)
    });
    let runs = table.runs as f64;
    table.row("G7", &format!("passes at the tolerance, {what}, n = {n}: auto"), passed, goal);
    let what = format!("passes at the tolerance, {what}, n = {n}");
    table.row("G7", &format!("{what}: t alone"), plain as f64 / runs, Bound::Contrast);
    table.row("G7", &format!("{what}: betting"), safe as f64 / runs, Bound::AtMost(0.051));
}

/// G8: 50 items, run again until the gate is green, five times at most.
pub fn rerun_until_green(table: &mut Table) {
    let (mut random, mut best) = (Random(80), 0u64);
    let found = share(table.runs, || {
        let items: Vec<f64> = (0..50).map(|_| -TOLERANCE + 0.4 * random.normal()).collect();
        let (mut total, mut pooled, mut lucky) = (vec![0.0; 50], false, false);
        for attempt in 1..=5u32 {
            let run: Vec<f64> = items.iter().map(|item| item + 0.7 * random.normal()).collect();
            lucky |= passes(&run, BoundRule::T, 0.05);
            for (sum, d) in total.iter_mut().zip(&run) {
                *sum += d;
            }
            let mean: Vec<f64> = total.iter().map(|sum| sum / f64::from(attempt)).collect();
            pooled |= passes(&mean, BoundRule::T, gate_attempt_alpha(0.05, u64::from(attempt)).unwrap());
        }
        best += u64::from(lucky);
        pooled
    });
    table.row(
        "G8",
        "rerun until green (5 times), prompt at the tolerance: pooled, rising bar",
        found,
        Bound::AtMost(0.06),
    );
    table.row(
        "G8",
        "rerun until green: the best of five counts",
        best as f64 / table.runs as f64,
        Bound::Contrast,
    );
}

/// G12: how often the intervals hold what they should.
pub fn coverage(table: &mut Table) {
    let mut random = Random(120);
    let mut least: f64 = 1.0;
    for (n, p) in [(20, 0.1), (50, 0.02), (50, 0.5), (200, 0.9), (500, 0.99)] {
        let covered = share(table.runs, || {
            let k = (0..n).filter(|_| random.unit() < p).count() as u64;
            let r = clopper_pearson(k, n, 0.05).unwrap();
            r.low.unwrap() <= p && p <= r.high.unwrap()
        });
        least = least.min(covered);
    }
    table.row("G12", "coverage, Clopper-Pearson, the least of five", least, Bound::AtLeast(0.95));
    let newcombe_holds = |random: &mut Random, n: u64, a: f64, b: f64| {
        let mut count = |p: f64| (0..n).filter(|_| random.unit() < p).count() as u64;
        let r = newcombe(count(a), n, count(b), n, 0.05).unwrap();
        r.low.unwrap() <= b - a && b - a <= r.high.unwrap()
    };
    let covered = share(table.runs, || {
        let (n, a, b) = (5 + random.below(200) as u64, random.unit(), random.unit());
        newcombe_holds(&mut random, n, a, b)
    });
    table.row("G12", "coverage, Newcombe, on average over rates and sizes", covered, Bound::AtLeast(0.95));
    let covered = share(table.runs, || newcombe_holds(&mut random, 30, 0.2, 0.5));
    table.row("G12", "coverage, Newcombe, 0.2 against 0.5 with 30 items each", covered, Bound::Contrast);
    let mut least: f64 = 1.0;
    for q in [0.1, 0.9] {
        let covered = share(table.runs, || {
            let x: Vec<f64> = (0..100).map(|_| random.unit()).collect();
            let r = quantile_interval(&x, q, 0.05).unwrap();
            r.low.is_none_or(|low| low <= q) && r.high.is_none_or(|high| q <= high)
        });
        least = least.min(covered);
    }
    table.row("G12", "coverage, p10 and p90", least, Bound::AtLeast(0.95));
    // The judge that statistics.md speaks of, whose labels are worth 43 % of the width; and one that errs by whole points,
    // now and then and only upwards, which is as skewed as it gets.
    let even = |random: &mut Random, y: f64| y + 0.3 + 0.68 * random.normal();
    let skewed = |random: &mut Random, y: f64| y + f64::from(u8::from(random.unit() < 0.3));
    let (covered, width) = corrected(table.runs, Random(121), even);
    table.row(
        "G12",
        "coverage, PPI++ with a judge that is 0.3 too kind, 100 labels",
        covered,
        Bound::AtLeast(0.945),
    );
    table.row("G12", "its width, of the human labels' alone", width, Bound::Contrast);
    let (covered, _) = corrected(table.runs, Random(122), skewed);
    table.row(
        "G12",
        "coverage, PPI++ with a judge that errs upwards by whole points",
        covered,
        Bound::Contrast,
    );
}

/// How often the corrected mean's interval holds the truth, and its width against that of the human labels alone.
fn corrected(runs: u64, mut random: Random, judge: fn(&mut Random, f64) -> f64) -> (f64, f64) {
    const TRUTH: f64 = 3.87;
    let (mut width, mut alone) = (0.0, 0.0);
    let covered = share(runs, || {
        let human: Vec<f64> = (0..100).map(|_| random.rubric()).collect();
        let judged: Vec<f64> = human.iter().map(|&y| judge(&mut random, y)).collect();
        let rest: Vec<f64> = (0..1000).map(|_| random.rubric()).collect();
        let rest: Vec<f64> = rest.iter().map(|&y| judge(&mut random, y)).collect();
        let r = ppi_mean(&human, &judged, &rest, 0.05).unwrap();
        let plain = ppi_mean(&human, &judged, &[], 0.05).unwrap();
        width += r.ci_high.unwrap() - r.ci_low.unwrap();
        alone += plain.ci_high.unwrap() - plain.ci_low.unwrap();
        r.ci_low.unwrap() <= TRUTH && TRUTH <= r.ci_high.unwrap()
    });
    (covered, width / alone)
}
