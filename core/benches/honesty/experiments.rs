//! Experiments on traffic: looking early, power, harm, units saved, units moved.

use trialplate::stats::{
    AssignmentTable, HARM_ALPHA, ScoreRange, SequencePlan, StrataPlan, Target, ab_anytime, bucket_counts,
    cuped, harm_guard, lock_cutoff, n_two_sample, post_stratified, welch,
};

use crate::world::{Random, SD, share};
use crate::{Bound, Table};

const RANGE: ScoreRange = ScoreRange { min: 1.0, max: 5.0 };
/// The smallest effect that the experiments are planned for.
const EFFECT: f64 = 0.2;

fn planned() -> u64 {
    n_two_sample(Target::new(EFFECT), (SD, SD), 1.0).unwrap().n_a
}

fn rejects(a: &[f64], b: &[f64]) -> bool {
    welch(a, b, 0.05).unwrap().p_value.is_some_and(|p| p < 0.05)
}

/// G1: units come and are assigned by a coin; somebody looks twenty times.
pub fn lock(table: &mut Table) {
    for n in [500, 2000, 5000] {
        let (mut random, mut naive) = (Random(1 + n), 0u64);
        let found = share(table.runs, || {
            let (mut scores, mut arms) = ([Vec::new(), Vec::new()], Vec::new());
            let mut peeked = false;
            loop {
                let arm = random.below(2);
                arms.push(arm);
                scores[arm].push(random.rubric());
                let fewest = scores[0].len().min(scores[1].len()) as u64;
                // What people do: test whenever a twentieth more has come, and stop on a good day.
                if !peeked
                    && fewest > 0
                    && fewest.is_multiple_of(n / 20)
                    && scores[arm].len() as u64 == fewest
                {
                    peeked = rejects(&scores[0], &scores[1]);
                }
                if fewest == n {
                    break;
                }
            }
            naive += u64::from(peeked);
            let cutoff = lock_cutoff(&arms, 2, n).unwrap().unwrap();
            let entered = |arm| arms[..cutoff].iter().filter(|&&a| a == arm).count();
            rejects(&scores[0][..entered(0)], &scores[1][..entered(1)])
        });
        table.row("G1", &format!("false positives, 20 looks, n = {n}: lock"), found, Bound::AtMost(0.056));
        let naive = naive as f64 / table.runs as f64;
        table.row(
            "G1",
            &format!("false positives, 20 looks, n = {n}: stopping on a good day"),
            naive,
            Bound::Contrast,
        );
    }
}

fn pair(random: &mut Random, n: u64, shift: f64) -> (Vec<f64>, Vec<f64>) {
    let a = (0..n).map(|_| random.rubric()).collect();
    (a, (0..n).map(|_| random.rubric_moved(shift)).collect())
}

fn x_of(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(&a, &b)| RANGE.map_pair((a, b))).collect()
}

/// G2.
pub fn anytime_under_the_null(table: &mut Table) {
    for n in [500, 2000, 5000] {
        let mut random = Random(20 + n);
        let found = share(table.runs, || {
            let (a, b) = pair(&mut random, n, 0.0);
            ab_anytime(&a, &b, (1, 1), RANGE, SequencePlan::for_planned(0.05, n))
                .unwrap()
                .stopped_at
                .is_some()
        });
        table.row(
            "G2",
            &format!("false positives, a look after every pair, n = {n}: anytime"),
            found,
            Bound::AtMost(0.05),
        );
    }
}

/// G3: planned at 1.4 times the fixed n.
pub fn anytime_power(table: &mut Table) {
    let fixed = planned();
    let n = (1.4 * fixed as f64).ceil() as u64;
    let (mut random, mut spent) = (Random(30), 0);
    let found = share(table.runs, || {
        let (a, b) = pair(&mut random, n, EFFECT);
        let r = ab_anytime(&a, &b, (1, 1), RANGE, SequencePlan::for_planned(0.05, n)).unwrap();
        spent += r.stopped_at.unwrap_or(n as usize) as u64;
        r.stopped_at.is_some() && r.low > Some(0.0)
    });
    table.row("G3", "power of anytime mode at 1.4 times the fixed n", found, Bound::AtLeast(0.80));
    let mean = spent as f64 / table.runs as f64 / fixed as f64;
    table.row("G3", "its mean n at the decision, of the fixed n", mean, Bound::AtMost(0.87));
}

/// G4: one-sided, after every pair, in lock mode.
fn harm_guard_stop(random: &mut Random, n: u64, shift: f64) -> (Option<usize>, bool) {
    let (a, b) = pair(random, n, shift);
    let stop = harm_guard(&x_of(&a, &b), HARM_ALPHA, n).unwrap();
    (stop, rejects(&a, &b))
}

pub fn harm(table: &mut Table) {
    let n = planned();
    let (mut random, mut spent) = (Random(40), 0);
    let stopped = share(table.runs, || {
        let (stop, _) = harm_guard_stop(&mut random, n, -2.0 * EFFECT);
        spent += stop.unwrap_or(n as usize) as u64;
        stop.is_some()
    });
    let mean = spent as f64 / table.runs as f64 / n as f64;
    table.row(
        "G4",
        "harm guard: B worse by twice the effect is stopped at this share of n",
        mean,
        Bound::AtMost(0.40),
    );
    table.row("G4", "harm guard: so often before the end", stopped, Bound::AtLeast(0.98));
    let found = share(table.runs, || {
        let (stop, rejected) = harm_guard_stop(&mut random, n, 0.0);
        stop.is_some() || rejected
    });
    table.row("G4", "harm guard and verdict together: false positives", found, Bound::AtMost(0.055));
}

/// The n for 80 % power, from the power at some n: the noncentrality grows with √n.
fn n_for_80(n: f64, power: f64) -> f64 {
    let z = |p: f64| -> f64 {
        let (mut low, mut high) = (-6.0, 6.0);
        for _ in 0..80 {
            let middle = (low + high) / 2.0;
            let below = trialplate::stats::run_case("norm_cdf", &serde_json::json!({"z": middle})).unwrap();
            if below["cdf"].as_f64().unwrap() < p { low = middle } else { high = middle }
        }
        low
    };
    n * ((z(0.8) + 1.96) / (z(power) + 1.96)).powi(2)
}

/// G5: difficulty explains half of the variance; with strata, with a covariate, without.
pub fn units_saved(table: &mut Table) {
    let names = ["easy", "hard", "medium"];
    let middle = [0.8, -0.8, 0.0];
    // Levels 0.8, 0, -0.8 at a third each have a variance of 0.427; as much noise within.
    let noise = (0.64f64 * 2.0 / 3.0).sqrt();
    let plan = StrataPlan::default();
    let simulate = |n: u64, shift: f64, runs: u64, seed: u64| {
        let mut random = Random(seed);
        let mut found = [0u64; 3];
        for _ in 0..runs {
            let mut arm = |shift: f64| -> (Vec<(&str, f64)>, Vec<f64>, Vec<Option<f64>>) {
                let draw = |_| {
                    let h = random.below(3);
                    (names[h], middle[h] + shift + noise * random.normal(), Some(middle[h]))
                };
                let units: Vec<(&str, f64, Option<f64>)> = (0..n).map(draw).collect();
                (
                    units.iter().map(|u| (u.0, u.1)).collect(),
                    units.iter().map(|u| u.1).collect(),
                    units.iter().map(|u| u.2).collect(),
                )
            };
            let (a, b) = (arm(0.0), arm(shift));
            found[0] += u64::from(rejects(&a.1, &b.1));
            let p = post_stratified(&a.0, &b.0, &plan, 0.05).unwrap().p_value;
            found[1] += u64::from(p.is_some_and(|p| p < 0.05));
            let p = cuped((&a.1, &a.2), (&b.1, &b.2), 0.05).unwrap().test.p_value;
            found[2] += u64::from(p.is_some_and(|p| p < 0.05));
        }
        found.map(|n| n as f64 / runs as f64)
    };
    let plain = simulate(500, EFFECT * 0.816, table.runs, 50)[0];
    let adjusted = simulate(250, EFFECT * 0.816, table.runs, 51);
    let needed = n_for_80(500.0, plain);
    for (i, what) in [(1, "strata"), (2, "CUPED")] {
        let saved = 1.0 - n_for_80(250.0, adjusted[i]) / needed;
        table.row(
            "G5",
            &format!("units saved at equal power when difficulty explains half: {what}"),
            saved,
            Bound::AtLeast(0.48),
        );
    }
    let null = simulate(250, 0.0, table.runs, 52);
    for (i, what) in [(1, "strata"), (2, "CUPED")] {
        table.row("G5", &format!("false positives with {what}"), null[i], Bound::AtMost(0.056));
    }
    shifted_mix(table);
}

/// Not randomised: the mix of difficulties changed a little between the arms.
fn shifted_mix(table: &mut Table) {
    let (mut random, mut pooled) = (Random(55), 0u64);
    let names = ["easy", "hard", "medium"];
    let found = share(table.runs, || {
        let mut arm = |cut: [f64; 2]| -> Vec<(&str, f64)> {
            let draw = |_| {
                let u = random.unit();
                let h = if u < cut[0] {
                    0
                } else if u < cut[1] {
                    1
                } else {
                    2
                };
                (names[h], [0.8, -0.8, 0.0][h] + 0.65 * random.normal())
            };
            (0..1000).map(draw).collect()
        };
        let (a, b) = (arm([0.33, 0.67]), arm([0.37, 0.66]));
        let values = |arm: &[(&str, f64)]| arm.iter().map(|u| u.1).collect::<Vec<f64>>();
        pooled += u64::from(rejects(&values(&a), &values(&b)));
        post_stratified(&a, &b, &StrataPlan::default(), 0.05).unwrap().p_value.is_some_and(|p| p < 0.05)
    });
    table.row("G5", "false positives under a shifted mix, stratified", found, Bound::AtMost(0.056));
    table.row(
        "G5",
        "false positives under a shifted mix, pooled",
        pooled as f64 / table.runs as f64,
        Bound::Contrast,
    );
}

/// G13: 50/30/20 becomes 30/30/40.
pub fn moved_units(table: &mut Table) {
    let old = AssignmentTable::new(&[50.0, 30.0, 20.0]).unwrap();
    let counts = bucket_counts(&[30.0, 30.0, 40.0], old.buckets()).unwrap();
    let (new, _) = old.reweighted(&counts).unwrap();
    let (mut i, units) = (0u64, 20 * table.runs);
    let moved = share(units, || {
        i += 1;
        let unit = format!("user-{i}");
        let bucket = trialplate::stats::assign_bucket("variant", "tone", &unit, old.buckets()).unwrap();
        old.variant(bucket) != new.variant(bucket)
    });
    table.row(
        "G13",
        &format!("units moved by 50/30/20 to 30/30/40 ({units} units)"),
        moved,
        Bound::AtMost(0.205),
    );
}
