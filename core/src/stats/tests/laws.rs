//! Laws of planning, looking, assignment and drift; and that no input, however hostile, panics or hangs.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::dist::t_tails;
use super::super::noncentral::noncentral_t_tails;
use super::super::*;

#[test]
fn the_noncentral_t_knows_its_limits() {
    for (t, df) in [(-3.0, 2.5), (0.0, 7.0), (1.96, 1e5), (12.0, 4.0), (-1e3, 3.0), (40.0, 30.0)] {
        let (central, plain) = (noncentral_t_tails(t, df, 0.0), t_tails(t, df));
        for (got, want) in [(central.0, plain.0), (central.1, plain.1)] {
            assert!((got / want - 1.0).abs() < 1e-10, "t {t} df {df}: {got:e} {want:e}");
        }
    }
    // Owen's closed form for df = 2: P(T ≤ 0) = Φ(-nc), whatever df.
    for nc in [-3.0, 0.5, 5.0, 20.0] {
        let want = dist::normal_tails(-nc).0;
        assert!((noncentral_t_tails(0.0, 11.0, nc).0 / want - 1.0).abs() < 1e-9, "nc {nc}");
    }
    assert_eq!(noncentral_t_tails(1.0, 1e16, 0.3), dist::normal_tails(0.7));
    assert!(noncentral_t_tails(f64::NAN, 3.0, 0.0).0.is_nan());
}

#[test]
fn the_tables_of_the_specification() {
    for (tolerance, sd, n80, n90) in
        [(0.10, 0.4, 101, 139), (0.20, 0.8, 101, 139), (0.30, 1.0, 71, 97), (0.10, 1.0, 620, 858)]
    {
        assert_eq!(n_for_gate(tolerance, sd, 0.05, 0.8).unwrap(), n80);
        assert_eq!(n_for_gate(tolerance, sd, 0.05, 0.9).unwrap(), n90);
    }
    for (effect, row) in
        [(0.10, [2006, 1505, 1004, 503]), (0.15, [892, 670, 447, 224]), (0.20, [503, 377, 252, 127])]
    {
        for (r2, want) in [0.0, 0.25, 0.5, 0.75].into_iter().zip(row) {
            let sd = sd_explained(1.13, r2).unwrap();
            assert_eq!(n_two_sample(Target::new(effect), (sd, sd), 1.0).unwrap().n_a, want, "{effect} {r2}");
        }
    }
}

#[test]
fn a_sample_that_nobody_has_is_an_error_and_comes_at_once() {
    let target = Target::new(1e-9);
    assert_eq!(n_two_sample(target, (1.0, 1.0), 1.0).unwrap_err().code(), "invalid-argument");
    assert_eq!(n_paired(target, 1.0).unwrap_err().code(), "invalid-argument");
    assert!(n_two_sample(Target::new(1e300), (1.0, 1.0), 1.0).unwrap().n_a == 2);
    assert!(
        n_two_sample(Target::new(0.5), (1.0, 1.0), 1e-13).is_err(),
        "the small arm would never have two units"
    );
}

#[test]
fn small_strata_are_merged_along_the_declared_order() {
    let arm = |easy: usize, medium: usize, hard: usize| -> Vec<(&str, f64)> {
        let of = |name, n| (0..n).map(move |i| (name, i as f64));
        of("easy", easy).chain(of("medium", medium)).chain(of("hard", hard)).collect()
    };
    let order = ["easy", "medium", "hard"].map(str::to_owned).to_vec();
    let ordered = StrataPlan { order: order.clone(), weights: None };
    let (a, b) = (arm(5, 1, 4), arm(6, 3, 3));
    let r = post_stratified(&a, &b, &ordered, 0.05).unwrap();
    assert_eq!(r.status, Status::Ok);
    assert_eq!(r.strata[1].strata, ["medium", "hard"]);
    assert_eq!(
        post_stratified(&a, &b, &StrataPlan::default(), 0.05).unwrap().status,
        Status::InsufficientData
    );
    let last = post_stratified(&arm(5, 3, 1), &b, &ordered, 0.05).unwrap();
    assert_eq!(last.strata[1].strata, ["medium", "hard"], "the last one goes to the one before");
    let incomplete = StrataPlan { order: vec!["easy".into()], weights: None };
    assert_eq!(post_stratified(&a, &b, &incomplete, 0.05).unwrap_err().code(), "invalid-argument");
}

#[test]
fn an_alarm_stays_until_it_is_answered() {
    let mut drift = Drift::new(5, DriftPlan { baseline_runs: 10, ..DriftPlan::default() }).unwrap();
    let run = |level: f64, n: u32| -> Vec<Option<f64>> {
        (0..5).map(|i| Some(level + 0.02 * f64::from((n * 7 + i * 3) % 5))).collect()
    };
    for n in 0..12 {
        assert!(!drift.push(&run(0.8, n)).unwrap().unwrap().alarm);
    }
    let mut delay = 0;
    while !drift.push(&run(0.5, delay)).unwrap().unwrap().alarm {
        delay += 1;
        assert!(delay < 20, "a fall of 0.3 is found");
    }
    assert!(drift.push(&run(0.8, 1)).unwrap().unwrap().alarm, "it is latched");
    drift.dismiss();
    assert!(!drift.push(&run(0.8, 1)).unwrap().unwrap().alarm);
    // One item of five missing is more than one in ten.
    let mut thin = run(0.8, 2);
    thin[0] = None;
    assert_eq!(drift.push(&thin).unwrap(), None);
    assert_eq!(drift.push(&thin[..4]).unwrap_err().code(), "invalid-argument");
}

/// Every input of every public case, each replaced by what a caller should not send.
#[test]
fn hostile_inputs_get_an_answer() {
    let file: Value =
        serde_json::from_str(include_str!("../../../../tests/reference/stats_cases_public.json")).unwrap();
    let hostile = [
        json!(null),
        json!("nan"),
        json!("inf"),
        json!("-inf"),
        json!(-1),
        json!(0),
        json!(1),
        json!(2.5),
        json!(1e15),
        json!(1e308),
        json!(-1e308),
        json!(5e-324),
        json!(true),
        json!(""),
        json!("x"),
        json!([]),
        json!({}),
        json!([[]]),
        json!([null]),
        json!(["nan", 1]),
        json!([1]),
        json!([1, 1]),
        json!([0, 0]),
        json!([-1, 2]),
        json!([1e308, 1e308]),
        json!([[1], [2, 3]]),
        json!([["A", 1]]),
        json!({"gen": "uniform", "n": 1e18, "seed": 1}),
    ];
    for case in file["cases"].as_array().unwrap() {
        let kind = case["kind"].as_str().unwrap();
        // The long ones only cost time here.
        if case["inputs"].to_string().len() > 20_000 || case["tags"].to_string().contains("large") {
            continue;
        }
        for name in case["inputs"].as_object().unwrap().keys() {
            for value in &hostile {
                let mut inputs = case["inputs"].clone();
                inputs[name] = value.clone();
                match run_case(kind, &inputs) {
                    Ok(found) => assert!(found.is_object()),
                    Err(error) => assert_eq!(error.code(), "invalid-argument", "{kind} {name} {value}"),
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn noncentral_tails_mirror_and_rise(t in -30.0..30.0f64, df in 0.5..500.0f64, nc in -10.0..10.0f64) {
        let (here, mirrored) = (noncentral_t_tails(t, df, nc), noncentral_t_tails(-t, df, -nc));
        prop_assert!((here.0 - mirrored.1).abs() <= 1e-12 + 1e-9 * here.0);
        prop_assert!((here.0 + here.1 - 1.0).abs() < 1e-12);
        prop_assert!(noncentral_t_tails(t + 0.5, df, nc).0 >= here.0 * (1.0 - 1e-10));
        prop_assert!(noncentral_t_tails(t, df, nc + 0.5).0 <= here.0 * (1.0 + 1e-10));
    }

    #[test]
    fn a_sample_size_is_the_smallest(delta in 0.05..2.0f64, sd in 0.2..3.0f64, power in 0.2..0.99f64, one in any::<bool>()) {
        let sides = if one { Sides::One } else { Sides::Two };
        let target = Target { delta, alpha: 0.05, power, sides };
        let n = n_paired(target, sd).unwrap();
        prop_assert!(n.power >= power);
        prop_assert!(n.n_a == 2 || power_paired(delta, sd, n.n_a - 1, 0.05, sides).unwrap() < power);
        let n = n_two_sample(target, (sd, sd), 1.0).unwrap();
        prop_assert!(n.n_a == 2 || power_two_sample(delta, (sd, sd), (n.n_a - 1, n.n_b - 1), 0.05, sides).unwrap() < power);
    }

    #[test]
    fn adjusted_p_values_never_shrink(p in prop::collection::vec(0.0..=1.0f64, 0..12)) {
        let (strict, loose) = (holm(&p, 0.05).unwrap(), benjamini_hochberg(&p, 0.05).unwrap());
        for i in 0..p.len() {
            prop_assert!(p[i] <= loose.p[i] * (1.0 + 1e-12) && loose.p[i] <= strict.p[i] * (1.0 + 1e-12));
            prop_assert!(strict.p[i] <= 1.0);
            for j in 0..p.len() {
                prop_assert!(p[i] > p[j] || strict.p[i] <= strict.p[j]);
            }
        }
    }

    #[test]
    fn a_split_is_judged_the_same_in_any_order(counts in prop::collection::vec(0u64..60, 2..4), turn in 0usize..4) {
        prop_assume!(counts.iter().sum::<u64>() > 0);
        let weights: Vec<f64> = (0..counts.len()).map(|i| 1.0 + i as f64).collect();
        let (mut c, mut w) = (counts.clone(), weights.clone());
        let by = turn % counts.len();
        c.rotate_left(by);
        w.rotate_left(by);
        let (a, b) = (srm(&counts, &weights).unwrap(), srm(&c, &w).unwrap());
        prop_assert!((a.p_value.unwrap() - b.p_value.unwrap()).abs() < 1e-9 && a.method == b.method);
        prop_assert!((0.0..=1.0).contains(&a.p_value.unwrap()));
    }

    #[test]
    fn a_sequence_only_narrows_and_stops_once(x in prop::collection::vec(0.0..=1.0f64, 1..80), n_tune in 1.0..200.0f64) {
        let plan = SequencePlan { alpha: 0.05, n_tune, truncation: 0.5 };
        let all = betting_sequence(&x, plan).unwrap();
        prop_assert!(all.low <= all.low_running && all.high_running <= all.high && all.low <= all.high);
        let half = betting_sequence(&x[..x.len().div_ceil(2)], plan).unwrap();
        prop_assert!(half.low_running <= all.low_running && all.high_running <= half.high_running);
        let stopped = betting_stop(&x, 0.5, plan).unwrap();
        prop_assert_eq!(stopped.at.is_some(), all.p_value <= 0.05);
        if let Some(at) = stopped.at {
            // Whoever looks later finds the same moment.
            prop_assert_eq!(betting_stop(&x[..at], 0.5, plan).unwrap(), stopped.clone());
            prop_assert!(stopped.low >= 0.5 || stopped.high <= 0.5);
        }
    }

    #[test]
    fn the_cut_off_depends_on_the_units_before_it_alone(arms in prop::collection::vec(0usize..3, 0..60), n in 1u64..8) {
        let found = lock_cutoff(&arms, 3, n).unwrap();
        let full = |until: usize| (0..3).all(|arm| arms[..until].iter().filter(|&&a| a == arm).count() as u64 >= n);
        prop_assert_eq!(found, (1..=arms.len()).find(|&until| full(until)));
    }

    #[test]
    fn new_weights_move_only_the_units_they_must(
        old in prop::collection::vec(0u32..5, 2..6),
        new in prop::collection::vec(0u32..5, 2..6),
    ) {
        prop_assume!(old.iter().any(|&w| w > 0) && new.iter().any(|&w| w > 0));
        let weights = |w: &[u32]| w.iter().map(|&w| f64::from(w)).collect::<Vec<_>>();
        let before = AssignmentTable::new(&weights(&old)).unwrap();
        let counts = bucket_counts(&weights(&new), BUCKETS).unwrap();
        prop_assert_eq!(counts.iter().sum::<u32>(), BUCKETS);
        let (after, moved) = before.reweighted(&counts).unwrap();
        prop_assert_eq!(after.counts(counts.len()), counts.clone());
        let k = old.len().max(new.len());
        let (had, has) = (before.counts(k), after.counts(k));
        let must: u32 = had.iter().zip(&has).map(|(a, b)| a.saturating_sub(*b)).sum();
        let did = (0..BUCKETS).filter(|&b| before.variant(b) != after.variant(b)).count() as u32;
        prop_assert_eq!((moved, did), (must, must));
        prop_assert_eq!(AssignmentTable::from_runs(after.runs().to_vec()).unwrap(), after);
    }

    #[test]
    fn texts_that_run_together_are_two_units(a in "\\PC{1,6}", b in "\\PC{1,6}", c in "\\PC{1,6}") {
        prop_assume!(a != format!("{a}{b}"));
        // The message of ("ab", "c") is not that of ("a", "bc"): 2⁻⁴⁰ is the chance that a million buckets agree thrice.
        let at = |salt: &str, unit: &str| assign_bucket("variant", salt, unit, 1_000_000).unwrap();
        let one = [at(&format!("{a}{b}"), &c), at(&format!("{a}{b}x"), &c), at(&format!("{a}{b}y"), &c)];
        let two = [at(&a, &format!("{b}{c}")), at(&a, &format!("{b}x{c}")), at(&a, &format!("{b}y{c}"))];
        prop_assert_ne!(one, two);
    }
}
