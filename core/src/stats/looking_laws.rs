//! Laws of looking early, drift, assignment and verdicts at the edges that the reference cases do not reach.

use serde_json::json;

use super::*;

#[test]
fn evidence_beyond_the_largest_double_is_an_alarm_and_no_nan() {
    let (m, alarm) = drift_bernoulli(&[(0, 20), (5000, 5000)], 0.01, &[2.0, 10.0], 365.0).unwrap();
    assert_eq!((m[1], alarm), (f64::INFINITY, Some(2)));
    let mut drift = Drift::new(1, DriftPlan { baseline_runs: 3, ..DriftPlan::default() }).unwrap();
    let wide = DriftPlan { baseline_runs: 3, clip: 1e300, ..DriftPlan::default() };
    let mut unclipped = Drift::new(1, wide).unwrap();
    for n in 0..2000 {
        let x = if n < 3 { 0.9 + 0.001 * f64::from(n) } else { libm::exp(-f64::from(n)) };
        for drift in [&mut drift, &mut unclipped] {
            let step = drift.push(&[Some(x)]).unwrap().unwrap();
            assert!(step.m.is_none_or(|m| m >= 0.0), "run {n}: {step:?}");
        }
    }
}

#[test]
fn the_asymptotic_sequence_survives_extreme_moments() {
    let arm = |n, mean, variance| ArmMoments { n, mean, variance };
    let r = asymptotic_sequence(arm(u64::MAX, 0.0, 1.0), arm(u64::MAX, 0.0, 1.0), 0.05, 100.0).unwrap();
    assert_eq!(r.status, Status::Ok);
    for (mean, variance) in [(1e200, 1e300), (1e300, 1e308), (1e-200, 1e-300), (1e308, 5e-324), (-1e308, 1e308)] {
        let r = asymptotic_sequence(arm(200, 0.0, variance), arm(200, mean, variance), 0.05, 400.0).unwrap();
        let finite = [r.diff, r.half_width, r.low, r.high].iter().all(|x| x.is_some_and(f64::is_finite));
        assert!(finite, "{mean:e} {variance:e}: {r:?}");
        assert_eq!(r.p_value.unwrap() <= 0.05, r.low > Some(0.0) || r.high < Some(0.0), "{r:?}");
    }
    let r = asymptotic_sequence(arm(200, -1.7e308, 1.0), arm(200, 1.7e308, 1.0), 0.05, 400.0).unwrap();
    assert_eq!((r.status, r.diff), (Status::InvalidInput, None));
}

#[test]
fn a_lock_refuses_a_wrong_alpha_before_it_opens() {
    let inputs = json!({"events": [["A", 1], ["B", 2]], "n_planned": 9, "alpha": 1.5});
    assert_eq!(run_case("lock_cutoff", &inputs).unwrap_err().code(), "invalid-argument");
}

#[test]
fn remainders_that_differ_are_not_taken_for_ties() {
    // The second one's remainder is larger by 1e-7 of a bucket.
    assert_eq!(bucket_counts(&[1.0 / 3.0, 1.000_000_000_03 / 3.0, 1.0 / 3.0], 10_000).unwrap(), [3333, 3334, 3333]);
    // Tenths are no binary fractions: what a person calls a tie stays one.
    assert_eq!(bucket_counts(&[0.35, 0.15, 0.5], 10).unwrap(), [4, 1, 5]);
    assert_eq!(bucket_counts(&[0.15, 0.35, 0.5], 10).unwrap(), [2, 3, 5]);
}

#[test]
fn a_series_is_the_runs_pushed_one_by_one() {
    let run = |x: f64| vec![Some(x), Some(x)];
    let baseline = [0.80, 0.81, 0.79, 0.80, 0.82, 0.78, 0.80, 0.81, 0.79, 0.80];
    let plan = DriftPlan { baseline_runs: 10, ..DriftPlan::default() };
    let mut runs: Vec<_> = baseline.map(run).to_vec();
    assert_eq!(drift_series(&runs, plan).unwrap().status, Status::InsufficientData);
    runs.push(vec![Some(0.8), None]);
    runs.extend([0.5, 0.5, 0.5, 0.5].map(run));
    let r = drift_series(&runs, plan).unwrap();
    let mut drift = Drift::new(2, plan).unwrap();
    let one_by_one: Vec<_> = runs.iter().map(|run| drift.push(run).unwrap()).collect();
    assert_eq!((r.status, &r.steps), (Status::Ok, &one_by_one));
    assert_eq!(r.steps[10], None, "half of the items are too few");
    assert_eq!(r.alarm_run, Some(13), "{:?}", r.steps);
    assert_eq!(drift_series(&[], plan).unwrap().status, Status::InsufficientData);
}
