//! Laws of looking early, drift, assignment and verdicts at the edges that the reference cases do not reach.

use proptest::prelude::*;
use serde_json::json;

use super::super::*;

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
    for (mean, variance) in
        [(1e200, 1e300), (1e300, 1e308), (1e-200, 1e-300), (1e308, 5e-324), (-1e308, 1e308)]
    {
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
    assert_eq!(
        bucket_counts(&[1.0 / 3.0, 1.000_000_000_03 / 3.0, 1.0 / 3.0], 10_000).unwrap(),
        [3333, 3334, 3333]
    );
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

fn report(low: f64, high: f64) -> AbReport<'static> {
    AbReport {
        arms: [AbArm { units: 503, missing: 0 }, AbArm { units: 511, missing: 0 }],
        estimate: Some(AbEstimate { diff: (low + high) / 2.0, ci_low: low, ci_high: high }),
        sd: Some(1.13),
        ..AbReport::planned(503, 0.20)
    }
}

/// The sentences of statistics.md, section 2, with its own numbers.
#[test]
fn every_row_of_the_table_has_its_sentence() {
    let split = AbSplit::tested(&[1.0, 1.0], &[5200, 4800]).unwrap();
    let arm = |units, missing| AbArm { units, missing };
    let rows = [
        (
            AbReport { split: Some(split), judge_changed: Some("3 May"), ..report(0.05, 0.37) },
            "invalid_srm",
            "**No verdict: the split is broken.** Planned 50/50, seen 5,200/4,800 (p < 0.0001). Something \
             removes users from \
             one variant; fix that before reading any result.",
        ),
        (
            AbReport { judge_changed: Some("3 May"), n_planned: 9999, ..report(0.05, 0.37) },
            "invalid_judge_changed",
            "**No verdict: the judge changed on 3 May.** Scores before and after are not comparable. \
             Re-score with one judge \
             version.",
        ),
        (
            AbReport { arms: [arm(412, 400), arm(511, 0)], estimate: None, ..report(0.05, 0.37) },
            "collecting",
            "**Still collecting: 412 of 503 users in the smaller variant.** The result stays closed until \
             then; looking early \
             and stopping on a good day would turn 1 false alarm in 20 into 1 in 4.",
        ),
        (
            AbReport { arms: [arm(537, 31), arm(538, 55)], ..report(0.05, 0.37) },
            "invalid_missing",
            "**No verdict: 8% of the users have no score (31 in A, 55 in B).**",
        ),
        (
            report(0.05, 0.37),
            "b_better",
            "**B is better** by 0.21 points (95% CI 0.05 to 0.37, n = 503+511).",
        ),
        (
            report(0.01, 0.11),
            "b_better_small",
            "**B is better, but by less than matters:** 0.060 (95% CI 0.010 to 0.110); you asked for 0.200.",
        ),
        (
            report(-0.37, -0.05),
            "b_worse",
            "**B is worse** by 0.21 points (95% CI 0.05 to 0.37, n = 503+511).",
        ),
        (
            report(-0.11, -0.01),
            "b_worse_small",
            "**B is worse, but by less than matters:** 0.060 (95% CI 0.010 to 0.110); you asked for 0.200.",
        ),
        (
            report(-0.12, 0.15),
            "no_meaningful_difference",
            "**No difference that matters:** any difference is smaller than 0.20 points (95% CI -0.12 to 0.15).",
        ),
        (
            report(-0.05, 0.25),
            "undecided",
            "**Undecided.** The data fit anything from -0.05 to +0.25 points. This experiment was large \
             enough for 0.20 with \
             80% power; deciding 0.10 needs 2,006 users per variant.",
        ),
        (
            AbReport { estimate: None, ..report(0.0, 0.0) },
            "undecided",
            "**Undecided.** There is no interval: no score varies, or too few units have one.",
        ),
    ];
    for (report, code, sentence) in rows {
        assert_eq!((report.verdict().unwrap().code(), report.sentence().unwrap().as_str()), (code, sentence));
    }
}

#[test]
fn lower_is_better_turns_the_verdict_and_says_so() {
    let seconds = AbReport {
        higher_is_better: false,
        scale: AbScale::Other("ms"),
        margin: 20.0,
        ..report(-37.0, -5.0)
    };
    assert_eq!(seconds.verdict().unwrap(), AbVerdict::BBetter);
    assert_eq!(
        seconds.sentence().unwrap(),
        "**B is better** by 21 ms (95% CI 5 to 37, n = 503+511). Lower is better here; differences are \
         counted so that + is \
         better."
    );
    assert_eq!(AbReport { higher_is_better: true, ..seconds }.verdict().unwrap(), AbVerdict::BWorse);
    let rate =
        AbReport { scale: AbScale::Rate, margin: 0.07, sd: None, units: "units", ..report(-0.004, 0.09) };
    assert_eq!(
        rate.sentence().unwrap(),
        "**Undecided.** The data fit anything from -0.4 to +9.0 percentage points."
    );
    let small = AbReport { margin: 0.07, ..report(0.001, 0.06) };
    let small = AbReport { scale: AbScale::Rate, ..small }.sentence().unwrap();
    assert!(
        small.contains("3.0 percentage points (95% CI 0.1 to 6.0); you asked for 7.0 percentage points."),
        "{small}"
    );
    // A bound that decides is not shown as 0.
    assert!(report(0.0004, 0.37).sentence().unwrap().contains("CI 0.0004 to 0.37"));
    let missing = AbReport {
        arms: [AbArm { units: 1000, missing: 52 }, AbArm { units: 1000, missing: 49 }],
        ..report(0.1, 0.3)
    };
    assert!(missing.sentence().unwrap().contains("5.1% of the users"));
    let missing = AbReport {
        arms: [AbArm { units: 9999, missing: 501 }, AbArm { units: 9999, missing: 500 }],
        ..missing
    };
    assert!(missing.sentence().unwrap().contains("more than 5% of the users"));
}

#[test]
fn an_anytime_experiment_and_its_harm_guard_speak() {
    let (range, plan) = (ScoreRange { min: 1.0, max: 5.0 }, SequencePlan::for_planned(0.05, 1200));
    let about = AbReport::planned(1200, 0.2);
    let run = |a: f64, b: f64, n: usize| ab_anytime(&vec![a; n], &vec![b; n], (1, 1), range, plan).unwrap();
    let decided = run(2.0, 4.0, 1200);
    let at = decided.stopped_at.unwrap();
    let text = about.anytime_sentence(&decided).unwrap();
    assert!(
        text.starts_with(&format!(
            "**Decided after {at} pairs: B is better** by 2.0 points (interval valid at any"
        )),
        "{text}"
    );
    let worse = AbReport { higher_is_better: false, ..about }.anytime_sentence(&decided).unwrap();
    assert!(worse.starts_with(&format!("**Decided after {at} pairs: B is worse** by 2.0 points")), "{worse}");
    let waiting = about.anytime_sentence(&run(3.0, 3.0, 10)).unwrap();
    assert!(
        waiting.starts_with("**Still collecting: 10 of 1,200 pairs.** The data fit anything from -"),
        "{waiting}"
    );
    let never = about.anytime_sentence(&run(3.0, 3.0, 1200)).unwrap();
    assert!(never.starts_with("**Undecided** after 1,200 pairs."), "{never}");
    assert!(about.anytime_sentence(&run(3.0, 3.0, 0)).unwrap().starts_with("**Still collecting:** no pair"));
    let judged = AbReport { judge_changed: Some("3 May"), ..about }.anytime_sentence(&decided).unwrap();
    assert!(judged.starts_with("**No verdict: the judge changed"), "{judged}");

    let (a, b) = (vec![4.0; 700], vec![4.1; 700]);
    let harm = harm_watch(&a, &b, (1, 1), range, true, HARM_ALPHA, 100).unwrap();
    assert_eq!((harm.stopped_at, harm.sentence()), (None, None));
    let (a, b) = (vec![4.0; 700], vec![2.0; 700]);
    let harm = harm_watch(&a, &b, (1, 1), range, true, HARM_ALPHA, 500).unwrap();
    let at = harm.stopped_at.unwrap();
    assert_eq!(
        harm.sentence().unwrap(),
        format!(
            "**Stopped: B is worse.** After {at} pairs the data rule out \"B is as good as A\" at any stopping time (harm guard, 0.5%)."
        )
    );
}

#[test]
fn a_canary_speaks() {
    let plan = DriftPlan { baseline_runs: 10, ..DriftPlan::default() };
    let mut drift = Drift::new(20, plan).unwrap();
    let about = DriftReport {
        around: "12 March",
        means: (4.1, 3.8),
        items: 20,
        most_affected: &["refund-7", "tone-2"],
        noticed: Some((0.3, 5.0)),
    };
    let run = |n: u32, less: f64| {
        (0..20).map(|i| Some(0.8 - less + 0.01 * f64::from((n * 7 + i) % 5))).collect::<Vec<_>>()
    };
    for n in 0..7 {
        drift.push(&run(n, 0.0)).unwrap();
    }
    assert_eq!(drift.sentence(&about), "Baseline: 7 of 10 runs.");
    for n in 7..51 {
        drift.push(&run(n, 0.0)).unwrap();
    }
    assert_eq!(
        drift.sentence(&about),
        "No sign of change in 41 runs. A drop of 0.3 points would be noticed in about 5 runs."
    );
    for n in 0..9 {
        drift.push(&run(n, 0.3)).unwrap();
    }
    assert_eq!(
        drift.sentence(&about),
        "**The model's answers changed around 12 March.** Mean 4.1→3.8 on 20 canary items; most affected: \
         refund-7, tone-2. \
         Nothing was deployed on your side. Such an alarm appears by chance at most once in 365 runs. Next: full golden-set run."
    );
    assert!(drift.sentence(&DriftReport { means: (4.12, 4.08), ..about }).contains("4.12→4.08"));
}

/// The examples of the documentation that no other test repeats.
#[test]
fn documented_examples() {
    let (a, b) = ([4.0; 80], [2.0; 80]);
    let r = harm_watch(&a, &b, (1, 1), RUBRIC, true, HARM_ALPHA, 100).unwrap();
    assert!(r.stopped_at.is_some() && r.p_value <= Some(0.005));
    assert_eq!(harm_watch(&a, &b, (1, 1), RUBRIC, false, HARM_ALPHA, 100).unwrap().stopped_at, None);
    let together = drift_together(&[0.0, libm::log(729.0)]).unwrap();
    assert!((libm::exp(together) - 365.0).abs() < 1e-9 && drift_together(&[]).is_none());
    let empty = DriftReport { around: "", means: (0.0, 0.0), items: 20, most_affected: &[], noticed: None };
    assert_eq!(Drift::new(20, DriftPlan::default()).unwrap().sentence(&empty), "Baseline: 0 of 20 runs.");
}

/// Values pinned to Python's hashlib: an assignment that changes would move users.
#[test]
fn assignments_are_pinned() {
    let table = AssignmentTable::new(&[50.0, 30.0, 20.0]).unwrap();
    assert_eq!(table.runs(), [(0, 5000), (1, 3000), (2, 2000)]);
    for (unit, bucket, variant) in [("user-1", 4267, 0), ("user-2", 9938, 2)] {
        assert_eq!(assign_bucket("variant", "exp-1", unit, BUCKETS).unwrap(), bucket);
        assert_eq!(table.assign("exp-1", unit).unwrap(), variant);
        assert_eq!((table.variant(bucket), table.lookup()[bucket as usize]), (Some(variant), variant));
    }
    assert!(takes_part("exp-1", "user-1", 2753).unwrap() && !takes_part("exp-1", "user-1", 2752).unwrap());
    for wrong in [
        takes_part("exp-1", "", 5).err(),
        takes_part("exp-1", "u", BUCKETS + 1).err(),
        table.assign("s", "").err(),
    ] {
        assert_eq!(wrong.unwrap().code(), "invalid-argument");
    }
    let (new, moved) = table.with_weights(&[30.0, 30.0, 40.0]).unwrap();
    assert_eq!((moved, new.runs()), (2000, &[(0, 3000), (2, 2000), (1, 3000), (2, 2000)][..]));
    assert_eq!(table.moved_buckets(&new), (3000..5000).collect::<Vec<u32>>());
    // A table that was stored in pieces is the same table.
    assert_eq!(AssignmentTable::from_runs(vec![(0, 1), (0, 4999), (1, 3000), (2, 2000)]).unwrap(), table);
    for counts in [&[u32::MAX, u32::MAX][..], &[0, 0], &[], &[0; 2000]] {
        assert_eq!(AssignmentTable::of_counts(counts).unwrap_err().code(), "invalid-argument");
    }
    for weights in
        [&[][..], &[0.0], &[-1.0, 2.0], &[f64::NAN, 1.0], &[f64::INFINITY, 1.0], &[f64::MAX, f64::MAX]]
    {
        assert_eq!(table.with_weights(weights).unwrap_err().code(), "invalid-argument");
    }
}

fn anything() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => 0.0..=1.0f64,
        1 => prop::num::f64::ANY,
        1 => prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::MAX, -f64::MAX, f64::MIN_POSITIVE, -0.0, 0.0, 1.0]),
    ]
}

fn scores(n: usize) -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(1.0..=5.0f64, 0..n)
}

const RUBRIC: ScoreRange = ScoreRange { min: 1.0, max: 5.0 };

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_harm_guard_is_one_side_of_the_bet(a in scores(60), b in scores(60), n in 1u64..200) {
        let watch = |a: &[f64], b: &[f64], up| harm_watch(a, b, (1, 1), RUBRIC, up, 0.05, n).unwrap();
        let r = watch(&a, &b, true);
        prop_assert_eq!(r.status == Status::Ok, a.len().min(b.len()) > 0);
        prop_assert_eq!(r.stopped_at.is_some(), r.p_value.is_some_and(|p| p <= 0.05));
        // Lower is better: A and B change their roles.
        let (down, swapped) = (watch(&a, &b, false), watch(&b, &a, true));
        prop_assert_eq!(down.stopped_at, swapped.stopped_at);
        if let Some(at) = r.stopped_at {
            prop_assert_eq!(watch(&a[..at], &b[..at], true).stopped_at, Some(at));
            prop_assert!(r.p_value <= Some(0.05) && down.stopped_at.is_none_or(|other| other != at));
        }
    }

    #[test]
    fn an_anytime_result_is_the_sequence_over_its_pairs(a in scores(60), b in scores(60), of_a in 1u64..4, of_b in 1u64..4) {
        let plan = SequencePlan::for_planned(0.05, 40);
        let r = ab_anytime(&a, &b, (of_a, of_b), RUBRIC, plan).unwrap();
        let pairs = pair_units(&a, &b, (of_a, of_b)).unwrap();
        prop_assert_eq!(r.pairs, pairs.len());
        let more = ab_anytime(&a, &b, (of_a * 5, of_b * 5), RUBRIC, plan).unwrap();
        prop_assert_eq!(&more, &r, "lowest terms");
        if r.status == Status::Ok {
            prop_assert!(r.low <= r.low_running && r.high_running <= r.high && r.low >= Some(-4.0) && r.high <= Some(4.0));
            prop_assert_eq!(r.stopped_at.is_some(), r.p_value <= Some(0.05));
        }
    }

    #[test]
    fn the_report_decides_as_the_table_does(
        low in -1.0..1.0f64, width in 0.0..1.0f64, margin in 0.01..0.5f64, n in 1u64..20, missing in 0u64..3,
        broken in any::<bool>(), judge in any::<bool>(), up in any::<bool>(),
    ) {
        let (n_a, n_b) = (n.max(3), 12);
        let missing_share = missing as f64 / (n_a + n_b) as f64;
        let facts = AbFacts {
            ci_low: low, ci_high: low + width, margin, n_planned: 10, n_fewest: n_a.min(n_b),
            srm_p: Some(if broken { 0.0001 } else { 0.5 }), missing_share, judge_changed: judge,
        };
        let estimate = if up {
            AbEstimate { diff: low, ci_low: low, ci_high: low + width }
        } else {
            AbEstimate { diff: -low, ci_low: -(low + width), ci_high: -low }
        };
        let split = AbSplit { planned: &[1.0, 1.0], seen: &[5, 5], p_value: facts.srm_p, mismatch: broken };
        let report = AbReport {
            split: Some(split), judge_changed: judge.then_some("today"), estimate: Some(estimate), higher_is_better: up,
            arms: [AbArm { units: n_a, missing }, AbArm { units: n_b, missing: 0 }], ..AbReport::planned(10, margin)
        };
        let verdict = report.verdict().unwrap();
        prop_assert_eq!(verdict, ab_verdict(facts).unwrap());
        let closed = AbReport { estimate: None, ..report }.verdict().unwrap();
        prop_assert_eq!(closed == verdict, verdict.is_before_the_interval() || verdict == AbVerdict::Undecided);
        let sentence = report.sentence().unwrap();
        prop_assert!(sentence.starts_with("**") && !sentence.contains("-0.00 ") && !sentence.contains("NaN"), "{}", sentence);
    }

    #[test]
    fn largest_remainders_fill_the_table(weights in prop::collection::vec(0u32..1000, 1..40), buckets in 1u32..20_000) {
        let total: u64 = weights.iter().map(|&w| u64::from(w)).sum();
        prop_assume!(total > 0);
        let exact: Vec<f64> = weights.iter().map(|&w| f64::from(w)).collect();
        // In whole numbers: quotients, then one more for the largest remainders, the lower index first.
        let mut want: Vec<u64> = weights.iter().map(|&w| u64::from(w) * u64::from(buckets) / total).collect();
        let mut order: Vec<usize> = (0..weights.len()).collect();
        order.sort_by_key(|&i| std::cmp::Reverse(u64::from(weights[i]) * u64::from(buckets) % total));
        let left = u64::from(buckets) - want.iter().sum::<u64>();
        for &i in order.iter().take(left as usize) {
            want[i] += 1;
        }
        let got: Vec<u64> = bucket_counts(&exact, buckets).unwrap().into_iter().map(u64::from).collect();
        prop_assert_eq!(got, want);
    }

    #[test]
    fn drift_does_not_care_how_its_state_was_kept(
        runs in prop::collection::vec(prop::collection::vec(prop::option::weighted(0.97, 0.0..=1.0f64), 10), 0..30),
        stop in 0usize..30,
    ) {
        let plan = DriftPlan { baseline_runs: 5, alarm_level: 30.0, ..DriftPlan::default() };
        let whole = drift_series(&runs, plan).unwrap();
        let mut drift = Drift::new(10, plan).unwrap();
        for (n, run) in runs.iter().enumerate() {
            if n == stop {
                drift = drift.clone();
            }
            let step = drift.push(run).unwrap();
            prop_assert_eq!(step, whole.steps[n]);
            prop_assert!(step.is_none_or(|s| s.u_mean.is_none_or(|u| u.abs() <= 3.5) && s.m.is_none_or(|m| m > 0.0)));
        }
        prop_assert_eq!(drift.is_alarmed(), whole.alarm_run.is_some());
    }

    #[test]
    fn nothing_panics(
        a in prop::collection::vec(anything(), 0..12),
        b in prop::collection::vec(anything(), 0..12),
        (p, q, alpha, low, high) in (anything(), anything(), anything(), anything(), anything()),
        (n, k) in (any::<u64>(), any::<u64>()),
        counts in prop::collection::vec(any::<u32>(), 0..6),
        unit in ".{0,6}",
    ) {
        for alpha in [alpha, 0.05] {
            let plan = SequencePlan { alpha, n_tune: q, truncation: p };
            if let Ok(r) = betting_sequence(&a, plan) {
                prop_assert!(!r.low.is_nan() && r.low <= r.high && (0.0..=1.0).contains(&r.p_value), "{:?} {:?}", plan, r);
            }
            let _ = betting_stop(&a, p, plan);
            if let Ok(Some((low, high))) = empirical_bernstein(&a, alpha, p) {
                prop_assert!(low >= 0.0 && high <= 1.0 && low <= high, "{} {}", low, high);
            }
            for range in [RUBRIC, ScoreRange { min: low, max: high }] {
                if let Ok(r) = ab_anytime(&a, &b, (n, k), range, plan) {
                    prop_assert!(r.status != Status::Ok || r.low <= r.high);
                }
                let _ = ab_anytime(&a, &b, (n % 30, k % 30), range, SequencePlan::for_planned(alpha, n));
                if let Ok(r) = harm_watch(&a, &b, (1, 1 + k % 3), range, n % 2 == 0, alpha, k) {
                    prop_assert_eq!(r.status == Status::Ok, r.p_value.is_some_and(|p| (0.0..=1.0).contains(&p)));
                    let _ = r.sentence();
                }
            }
            let (x, y) = (ArmMoments { n, mean: p, variance: q }, ArmMoments { n: k, mean: low, variance: high });
            if let Ok(r) = asymptotic_sequence(x, y, alpha, 100.0) {
                prop_assert_eq!(r.status == Status::Ok, r.p_value.is_some_and(|p| (0.0..=1.0).contains(&p)));
                prop_assert!(r.low.is_none_or(|low| !low.is_nan()) && r.high.is_none_or(|high| !high.is_nan()));
            }
        }
        let arms: Vec<usize> = counts.iter().map(|&c| c as usize % 4).collect();
        let _ = lock_cutoff(&arms, (k % 5) as usize, n % 4);
        let _ = lock_cutoff(&arms, usize::MAX, n);
        let runs: Vec<Vec<Option<f64>>> = a.iter().map(|&x| vec![Some(x), b.first().copied()]).collect();
        for plan in [
            DriftPlan { baseline_runs: 3, ..DriftPlan::default() },
            DriftPlan { baseline_runs: (k % 5) as usize, floor: p, clip: q, alarm_level: low },
        ] {
            if let Ok(r) = drift_series(&runs, plan) {
                prop_assert!(r.steps.iter().flatten().all(|s| s.m.is_none_or(|m| !m.is_nan())));
            }
        }
        if let Ok((m, _)) = drift_bernoulli(&[(n % 99, k), (k % 7, 7), (k, k)], p, &b, q) {
            prop_assert!(m.iter().all(|m| !m.is_nan()), "{:?}", m);
        }
        let _ = drift_together(&a);
        let _ = (assign_bucket(&unit, &unit, &unit, counts.first().copied().unwrap_or(0)), takes_part(&unit, &unit, 7));
        if let Ok(table) = bucket_counts(&a, counts.first().map_or(0, |c| c % 2_000_000)) {
            prop_assert!(table.len() == a.len());
        }
        if let Ok(table) = AssignmentTable::of_counts(&counts.iter().map(|c| c % 300).collect::<Vec<_>>()) {
            let _ = (table.reweighted(&counts), table.with_weights(&a), table.assign(&unit, &unit), table.variant(u32::MAX));
        }
        let _ = (AssignmentTable::of_counts(&counts), AssignmentTable::from_runs(counts.iter().map(|&c| (c, c)).collect()));
        let names: [&str; 1] = [&unit];
        let estimates = [None, Some(AbEstimate { diff: p, ci_low: low, ci_high: high })];
        let scales = [AbScale::Points, AbScale::Rate, AbScale::Other(&unit)];
        for (scale, estimate) in scales.into_iter().flat_map(|scale| estimates.map(|estimate| (scale, estimate))) {
            let seen = [n, k];
            let report = AbReport {
                split: Some(AbSplit { planned: &a, seen: &seen, p_value: Some(p), mismatch: k % 2 == 0 }),
                judge_changed: (n % 3 == 0).then_some(unit.as_str()),
                n_planned: n % 1000, arms: [AbArm { units: n, missing: k }, AbArm { units: k, missing: 0 }], estimate,
                higher_is_better: n % 2 == 0, margin: q, alpha, power: 0.8, sd: Some(p), scale, units: &unit,
            };
            let report_of = AbReport { split: None, judge_changed: None, ..report };
            let _ = (report.sentence(), report_of.sentence(), report.missing_share());
            for verdict in [
                AbVerdict::InvalidSrm, AbVerdict::InvalidJudgeChanged, AbVerdict::Collecting, AbVerdict::InvalidMissing,
                AbVerdict::BBetter, AbVerdict::BBetterSmall, AbVerdict::BWorse, AbVerdict::BWorseSmall,
                AbVerdict::NoMeaningfulDifference, AbVerdict::Undecided,
            ] {
                // Also for a verdict that is not the report's own.
                prop_assert!(!verdict.sentence(&report).is_empty() && !verdict.sentence(&report_of).is_empty());
            }
        }
        let drift = Drift::new(1, DriftPlan::default()).unwrap();
        let about = DriftReport { around: &unit, means: (p, q), items: 1, most_affected: &names, noticed: Some((low, high)) };
        let _ = drift.sentence(&about);
        let _ = ab_verdict(AbFacts {
            ci_low: low, ci_high: high, margin: p, n_planned: n, n_fewest: k,
            srm_p: Some(q), missing_share: alpha, judge_changed: false,
        });
    }
}
