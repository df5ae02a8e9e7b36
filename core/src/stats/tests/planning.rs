//! Laws of planning and of live comparisons, values from other libraries where ours were once wrong, hostile
//! numbers.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::*;

fn close(got: f64, want: f64, rel: f64) {
    assert!((got - want).abs() <= rel * want.abs(), "got {got:e}, want {want:e}");
}

fn code<T: std::fmt::Debug>(found: Result<T>) -> &'static str {
    found.unwrap_err().code()
}

#[test]
fn one_more_unit_of_a_can_cost_power() {
    // From n_a = 11 to 18 n_b stays 2 and the degrees of freedom fall: by scipy, 10 reach 95 % and 18 do not.
    let target = Target { delta: 1.0, alpha: 0.01, power: 0.95, sides: Sides::Two };
    let n = n_two_sample(target, (0.2, 0.1), 1.0 / 9.0).unwrap();
    assert_eq!((n.n_a, n.n_b), (10, 2));
    close(n.power, 0.9745962593779951, 1e-8);
    assert!(power_two_sample(1.0, (0.2, 0.1), (18, 2), 0.01, Sides::Two).unwrap() < 0.95);
}

#[test]
fn the_unit_of_the_scores_does_not_matter() {
    for unit in [1e-200, 1e-3, 1e200] {
        let n = n_two_sample(Target::new(0.3 * unit), (1.0 * unit, 1.5 * unit), 2.0).unwrap();
        let plain = n_two_sample(Target::new(0.3), (1.0, 1.5), 2.0).unwrap();
        assert_eq!((n.n_a, n.n_b), (plain.n_a, plain.n_b));
        close(mde_two_sample(500, 1.13 * unit, 0.05, 0.8).unwrap(), 0.200414904220062 * unit, 1e-10);
    }
}

#[test]
fn a_number_that_fits_nowhere_is_an_error() {
    assert_eq!(code(n_two_sample(Target::new(0.5), (1.0, 1.0), 1e300)), "invalid-argument");
    assert_eq!(code(n_clustered(Target::new(0.1), 1.0, 2.0, 1e200, 0.5)), "invalid-argument");
    assert_eq!(code(n_repeats(Target::new(0.1), 0.1, 0.1, u64::MAX)), "invalid-argument");
    assert_eq!(code(mde_two_sample(2, f64::MAX, 0.05, 0.8)), "invalid-argument");
    assert_eq!(code(mde_two_sample(1_000_000_000_000_000, 1.0, 0.05, 0.8)), "invalid-argument");
    assert_eq!(code(sd_explained(f64::NAN, 0.5)), "invalid-argument");
    assert_eq!(code(srm(&[u64::MAX, u64::MAX], &[1.0, 1.0])), "invalid-argument");
    assert_eq!(code(srm(&[5, 5], &[1.0, 5e-324])), "invalid-argument");
    assert_eq!(code(srm_sequence(&[vec![u64::MAX, 1], vec![1, 1]], &[1.0, 1.0], 1000.0)), "invalid-argument");
    assert_eq!(code(srm_sequence(&[vec![1, 1]], &[1.0, 1.0], 5e-324)), "invalid-argument");
    // A million billion units are a plan like any other, and come at once.
    close(power_paired(1e-7, 1.0, 1_000_000_000_000_000, 0.05, Sides::Two).unwrap(), 0.88537, 1e-3);
}

#[test]
fn a_small_arm_is_counted_out_whatever_stands_beside_it() {
    let found = |counts: &[u64], weights: &[f64]| {
        let r = srm(counts, weights).unwrap();
        (r.p_value.unwrap(), r.method)
    };
    // scipy.stats.binomtest, and the Poisson limit of the second.
    let (p, method) = found(&[999_990, 10], &[1.0, 1e-6]);
    close(p, 1.1142040955255596e-07, 1e-8);
    assert_eq!(method, SrmMethod::Exact);
    let (p, _) =
        found(&[999_999_977, 18, 5], &[0.9999999937306012, 4.36385936664654e-9, 1.905539414086689e-9]);
    close(p, 3.24082873699413e-07, 1e-6);
    // By all 4.5 million outcomes in the order of chi-squared: 9.098e-7, 0.5382, 0.0435. Chi-squared itself
    // says 9e-12 to the first.
    for (counts, want) in [([1450, 1540, 10], 9.098e-7), ([1500, 1497, 3], 0.5382), ([1560, 1440, 0], 0.0435)]
    {
        let (p, method) = found(&counts, &[1.0, 1.0, 0.001]);
        close(p, want, 0.03);
        assert_eq!(method, SrmMethod::Mixed);
    }
    // Nothing explodes: many small arms, and a small arm that is full.
    let many = [vec![1_000_000, 1_000_000], vec![2; 12]].concat();
    let weights = [vec![1.0, 1.0], vec![1e-6; 12]].concat();
    assert_eq!(found(&many, &weights).1, SrmMethod::ChiSquared);
    let full = [1 << 50, 1 << 50, 1000, 1000, 1000];
    assert!(found(&full, &[1.0, 1.0, 1e-15, 1e-15, 1e-15]).0 < 1e-300);
    let stray = srm(&[10, 0, 9], &[1.0, 1.0, 0.0]).unwrap();
    assert!(stray.mismatch && srm(&[0, 0, 9], &[1.0, 1.0, 0.0]).unwrap().mismatch);
}

#[test]
fn scores_around_a_billion_keep_their_digits() {
    // Steps of 2⁻²⁰ are 8 units in the last place; exact as whole numbers without the billion.
    let far = |x: &[f64]| x.iter().map(|k| 1e9 + k / 1_048_576.0).collect::<Vec<f64>>();
    let near = |x: &[f64]| x.iter().map(|k| k / 1_048_576.0).collect::<Vec<f64>>();
    let users = |shift: &dyn Fn(&[f64]) -> Vec<f64>| {
        (
            [&[3.0, 19.0, 7.0][..], &[11.0], &[2.0, 2.0, 36.0, 5.0]].map(shift).to_vec(),
            [&[23.0][..], &[30.0, 1.0, 13.0], &[8.0, 17.0]].map(shift).to_vec(),
        )
    };
    let ((a, b), (c, d)) = (users(&far), users(&near));
    let (a, b, c, d) = (&a, &b, &c, &d);
    for (got, want) in [
        (unit_means(a, b, 0.05).unwrap(), unit_means(c, d, 0.05).unwrap()),
        (ratio_metric(a, b, 0.05).unwrap(), ratio_metric(c, d, 0.05).unwrap()),
    ] {
        close(got.test.diff.unwrap(), want.test.diff.unwrap(), 1e-7);
        close(got.test.p_value.unwrap(), want.test.p_value.unwrap(), 1e-7);
    }
    let (h, j, u) =
        ([3.0, 19.0, 7.0, 11.0, 30.0], [5.0, 16.0, 9.0, 15.0, 29.0], [8.0, 2.0, 36.0, 5.0, 17.0, 23.0]);
    let got = ppi_mean(&far(&h), &far(&j), &far(&u), 0.05).unwrap();
    close(got.se.unwrap(), ppi_mean(&near(&h), &near(&j), &near(&u), 0.05).unwrap().se.unwrap(), 1e-7);
    let x: Vec<Option<f64>> = [1.0, 4.0, 2.0, 3.0, 9.0].map(Some).to_vec();
    let got = cuped((&far(&h), &x), (&far(&j), &x), 0.05).unwrap();
    let want = cuped((&near(&h), &x), (&near(&j), &x), 0.05).unwrap();
    close(got.test.p_value.unwrap(), want.test.p_value.unwrap(), 1e-7);
}

#[test]
fn what_does_not_vary_has_no_p_value() {
    let r = ppi_mean(&[4.0; 3], &[4.0; 3], &[4.0; 9], 0.05).unwrap();
    assert_eq!((r.status, r.estimate, r.se, r.ci_low), (Status::ZeroVariance, Some(4.0), None, None));
    // Explained to the last digit, of decimals.
    let x: Vec<Option<f64>> = [1.0, 2.0, 3.0, 4.0].map(Some).to_vec();
    let r = cuped((&[0.2, 0.4, 0.6, 0.8], &x), (&[0.3, 0.5, 0.7, 0.9], &x), 0.05).unwrap();
    assert_eq!((r.test.status, r.test.p_value, r.variance_ratio), (Status::ZeroVariance, None, Some(0.0)));
    // The mean of 0.1, 0.2 and 0.3 is not the f64 0.2.
    let (a, b) = ([vec![0.1, 0.2, 0.3], vec![0.2]], [vec![0.3], vec![0.3, 0.3]]);
    assert_eq!(unit_means(&a, &b, 0.05).unwrap().test.status, Status::ZeroVariance);
    // One judge that only ever says 0: kappa is 0 for certain.
    let human = [vec![0; 36], vec![1]].concat();
    let r = kappa(&human, &[0; 37], 2, KappaWeights::Unweighted, 0.05).unwrap();
    assert!(r.kappa.unwrap().abs() < 1e-15 && r.se.unwrap() < 1e-15, "{r:?}");
}

#[test]
fn a_covariate_that_says_nothing_is_not_used() {
    let y = ([1.0, 2.0, 3.0], [2.0, 2.0, 4.0]);
    let plain = welch(&y.0, &y.1, 0.05).unwrap();
    for x in [[Some(5.0); 3], [None, None, Some(5.0)], [None; 3]] {
        let r = cuped((&y.0, &x), (&y.1, &x), 0.05).unwrap();
        assert_eq!((r.theta, r.used, &r.test), (Some(0.0), false, &plain));
    }
}

#[test]
fn a_planned_stratum_without_units_is_not_a_smaller_difference() {
    let (a, b) = ([("x", 1.0), ("x", 2.0), ("x", 4.0)], [("x", 3.0), ("x", 4.0), ("x", 4.0)]);
    let weights = [("x", 0.5), ("y", 0.5)].map(|(name, w)| (name.to_owned(), w)).into();
    let mut plan = StrataPlan { order: Vec::new(), weights: Some(weights) };
    let r = post_stratified(&a, &b, &plan, 0.05).unwrap();
    assert_eq!((r.status, r.diff), (Status::InsufficientData, None));
    plan.order = ["x", "y"].map(str::to_owned).to_vec();
    let r = post_stratified(&a, &b, &plan, 0.05).unwrap();
    assert_eq!((r.status, r.strata[0].weight), (Status::Ok, 1.0));
    close(r.diff.unwrap(), 4.0 / 3.0, 1e-14);
}

#[test]
fn a_judge_as_good_as_a_coin_is_refused_whatever_the_rounding() {
    for (hits, of) in [(7, 10), (49, 100), (1, 3), (333, 1000), (10, 10)] {
        let judge = JudgeRates { true_pos: hits, positives: of, true_neg: of - hits, negatives: of };
        assert_eq!(
            rogan_gladen(0.3, 100, judge, 0.05).unwrap().status,
            Status::InvalidInput,
            "{hits} of {of}"
        );
    }
}

#[test]
fn a_user_in_two_arms_and_a_response_twice_are_refused() {
    let response = |unit, arm, id| Response { unit, arm, id, score: Some(1.0) };
    assert_eq!(code(units_by_arm(&[response("u", 0, "1"), response("u", 1, "2")], 2)), "invalid-argument");
    assert_eq!(code(units_by_arm(&[response("u", 0, "1"), response("u", 0, "1")], 2)), "invalid-argument");
    assert_eq!(code(units_by_arm(&[response("u", 2, "1")], 2)), "invalid-argument");
    assert_eq!(code(units_by_arm(&[], usize::MAX)), "invalid-argument");
    let scored = |unit, arm, id, score| Response { unit, arm, id, score };
    let seen =
        [scored("u1", 0, "q1", Some(4.0)), scored("u2", 1, "q1", None), scored("u1", 0, "q2", Some(2.0))];
    assert_eq!(units_by_arm(&seen, 2).unwrap(), [vec![vec![4.0, 2.0]], vec![vec![]]]);
    assert_eq!(units_by_arm(&[], 2).unwrap(), [vec![], Vec::<Vec<f64>>::new()]);
}

#[test]
fn nothing_to_adjust_is_nothing_and_equal_p_values_keep_their_order() {
    assert_eq!(holm(&[], 0.05).unwrap(), benjamini_hochberg(&[], 0.05).unwrap());
    assert_eq!(holm(&[0.05 / 3.0; 3], 0.05).unwrap().reject, [true; 3]);
    for p in [f64::NAN, -1e-300, 1.0 + f64::EPSILON] {
        assert_eq!(
            (code(holm(&[p], 0.05)), code(benjamini_hochberg(&[p], 0.05))),
            ("invalid-argument", "invalid-argument")
        );
    }
}

#[test]
fn scores_past_what_squares_hold_are_no_result_that_lies() {
    let (max, small) = (f64::MAX, [2.2618292621786766, 1.488547566795642]);
    // The squares of what lies around the mean are past the largest number: that is not "no spread".
    assert!(mean_sd(&[max, 0.0]).is_none_or(|found| found.sd.is_some_and(|sd| sd > 0.0)));
    for (kind, inputs) in [
        ("cuped", json!({"y_a": [max, 0.0], "x_a": [null, null], "y_b": small, "x_b": [null, null]})),
        (
            "post_stratified",
            json!({"a": [[0, max / 4.0], [1, max / 4.0]], "b": [[0, small[0]], [1, small[1]]], "order": [0, 1]}),
        ),
        (
            "post_stratified",
            json!({"a": [[0, max / 4.0], [0, max / 4.0]], "b": [[0, small[0]], [0, small[1]]], "order": [0, 1]}),
        ),
    ] {
        let found = run_case(kind, &inputs).unwrap();
        readable(kind, &found);
    }
}

/// `null`, NaN and infinity are never what a result that is `ok` says in a field that a verdict is read from.
fn readable(kind: &str, found: &Value) {
    if found["status"] != "ok" {
        return;
    }
    for name in [
        "p", "se", "t", "df", "ci_low", "ci_high", "diff", "estimate", "d", "p_limit", "kappa", "chi2",
        "theta",
    ] {
        if let Some(value) = found.get(name) {
            assert!(value.as_f64().is_some_and(f64::is_finite), "{kind}: {name} is {value} in {found}");
        }
    }
    if let Some(p) = found.get("p").and_then(Value::as_f64) {
        assert!((0.0..=1.0).contains(&p), "{kind}: p = {p}");
    }
}

const EXTREMES: [f64; 8] =
    [f64::NAN, f64::INFINITY, f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324, -0.0, 1e15];

fn anything() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => 0.0..5.0f64,
        1 => prop::num::f64::ANY,
        1 => prop::sample::select(EXTREMES.to_vec()),
    ]
}

fn as_json(x: f64) -> Value {
    if x.is_nan() {
        json!("nan")
    } else if x.is_infinite() {
        json!(if x > 0.0 { "inf" } else { "-inf" })
    } else {
        json!(x)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_sample_size_is_the_first_that_reaches(
        (delta, b) in (0.3..3.0f64, 0.05..4.0f64),
        (power, ratio) in (0.3..0.97f64, 0.05..4.0f64),
        one in any::<bool>(),
    ) {
        let sides = if one { Sides::One } else { Sides::Two };
        let found = n_two_sample(Target { delta, alpha: 0.05, power, sides }, (1.0, b), ratio).unwrap();
        let other = |n: u64| libm::ceil(ratio * n as f64) as u64;
        prop_assert_eq!(found.n_b, other(found.n_a));
        prop_assert!(found.power >= power);
        for n in (2..found.n_a).rev().take(60).filter(|&n| other(n) >= 2) {
            let less = power_two_sample(delta, (1.0, b), (n, other(n)), 0.05, sides).unwrap();
            prop_assert!(less < power, "{} of {:?}", n, found);
        }
    }

    #[test]
    fn the_smallest_effect_has_the_power(n in 2u64..3000, sd in 0.01..9.0f64, power in 0.1..0.99f64) {
        let delta = mde_two_sample(n, sd, 0.05, power).unwrap();
        prop_assert!((power_two_sample(delta, (sd, sd), (n, n), 0.05, Sides::Two).unwrap() - power).abs() < 1e-9);
    }

    #[test]
    fn the_arms_are_interchangeable(
        a in prop::collection::vec(prop::collection::vec(0.0..5.0f64, 1..4), 2..12),
        b in prop::collection::vec(prop::collection::vec(0.0..5.0f64, 1..4), 2..12),
    ) {
        for compare in [unit_means::<Vec<f64>>, ratio_metric::<Vec<f64>>] {
            let (r, s) = (compare(&a, &b, 0.05).unwrap().test, compare(&b, &a, 0.05).unwrap().test);
            prop_assert_eq!((r.p_value, r.diff, r.n_a), (s.p_value, s.diff.map(|d| -d), s.n_b));
        }
        let flat = |arm: &[Vec<f64>]| arm.concat();
        let (r, s) = (ks_two_sample(&flat(&a), &flat(&b)), ks_two_sample(&flat(&b), &flat(&a)));
        prop_assert!(r.d == s.d && (r.p_exact.unwrap() - s.p_exact.unwrap()).abs() < 1e-12);
        // One response each: the mean of users is the mean.
        let single = |arm: &[Vec<f64>]| arm.iter().map(|u| vec![u[0]]).collect::<Vec<_>>();
        let (x, y) = (single(&a), single(&b));
        let want = welch(&x.concat(), &y.concat(), 0.05).unwrap();
        for r in [unit_means(&x, &y, 0.05).unwrap().test, ratio_metric(&x, &y, 0.05).unwrap().test] {
            prop_assert!((r.p_value.unwrap() - want.p_value.unwrap()).abs() < 1e-12);
            prop_assert!((r.diff.unwrap() - want.diff.unwrap()).abs() < 1e-14);
        }
    }

    #[test]
    fn one_stratum_is_welch_and_a_useless_covariate_too(
        a in prop::collection::vec(0.0..5.0f64, 2..20), b in prop::collection::vec(0.0..5.0f64, 2..20),
    ) {
        let want = welch(&a, &b, 0.05).unwrap();
        let of = |arm: &[f64]| arm.iter().map(|&y| ("all", y)).collect::<Vec<_>>();
        let r = post_stratified(&of(&a), &of(&b), &StrataPlan::default(), 0.05).unwrap();
        prop_assert!((r.p_value.unwrap() - want.p_value.unwrap()).abs() < 1e-12);
        let r = cuped((&a, &vec![Some(1.0); a.len()]), (&b, &vec![Some(1.0); b.len()]), 0.05).unwrap();
        prop_assert_eq!(r.test, want);
    }

    #[test]
    fn an_exact_split_is_the_sum_of_its_unlikely_outcomes(k in 0u64..40, n in 1u64..40, w in 0.01..0.12f64) {
        prop_assume!(k <= n);
        let r = srm(&[n - k, k], &[1.0 - w, w]).unwrap();
        prop_assume!(r.method == SrmMethod::Exact);
        let share = w / ((1.0 - w) + w);
        let p = |k| dist::binomial_probability(k, n, share);
        let want: f64 = (0..=n).map(p).filter(|&x| x <= p(k) * (1.0 + 1e-7)).sum();
        prop_assert!((r.p_value.unwrap() - want.min(1.0)).abs() <= 1e-9 * want, "{:?} {}", r, want);
    }

}

proptest! {
    // Each case asks every function several times.
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn nothing_panics_and_what_is_ok_can_be_read(
        a in prop::collection::vec(anything(), 0..9),
        b in prop::collection::vec(anything(), 0..9),
        x in prop::collection::vec(prop::option::of(anything()), 9),
        (q, r, s) in (anything(), anything(), anything()),
        counts in prop::collection::vec(prop_oneof![0u64..50, any::<u64>()], 0..5),
        (n, m) in (prop_oneof![0u64..50, any::<u64>()], 0u64..50),
    ) {
        for alpha in [0.05, q] {
            for sides in [Sides::One, Sides::Two] {
                for power in [0.8, r] {
                    let target = Target { delta: s, alpha, power, sides };
                    let strata = [PlannedStratum { weight: q, sd: r }, PlannedStratum { weight: 1.0 - q, sd: s }];
                    let _ = (n_two_sample(target, (q, r), s), n_paired(target, q), plan_n(target, r, n));
                    let _ = (n_clustered(target, 1.0, q, r, s), n_repeats(target, q, r, n));
                    let _ = n_for_gate(q, r, alpha, power);
                    let _ = (n_stratified(target, &strata, Allocation::Neyman), sd_explained(q, r));
                    let _ = (mde_two_sample(n, q, alpha, power), mde_paired(n, q, alpha, power));
                }
                let two = power_two_sample(q, (r, s), (n, m), alpha, sides);
                for power in [two, power_paired(q, r, n, alpha, sides)] {
                    prop_assert!(power.is_err() || power.is_ok_and(|p| (0.0..=1.0).contains(&p)));
                }
            }
            let _ = (holm(&a, alpha), benjamini_hochberg(&a, alpha), quantile_difference(&a, &b, r, alpha));
            let judge = JudgeRates { true_pos: n, positives: m, true_neg: m, negatives: n };
            let _ = (rogan_gladen(q, n, judge, alpha), srm(&counts, &a));
            let _ = srm_sequence(std::slice::from_ref(&counts), &b, q);
            let ratings: Vec<usize> = counts.iter().map(|&c| c as usize).collect();
            let _ = kappa(&ratings, &ratings, n as usize, KappaWeights::Linear, alpha);
        }
        let list = |x: &[f64]| x.iter().map(|&x| as_json(x)).collect::<Vec<Value>>();
        let (of_a, of_b, both) = (list(&a), list(&b), a.len().min(b.len()));
        let some = |n: usize| x.iter().take(n).map(|x| x.map_or(Value::Null, as_json)).collect::<Vec<Value>>();
        let users = |of: &[Value]| of.chunks(2).map(<[Value]>::to_vec).collect::<Vec<_>>();
        let strata = |of: &[Value]| of.iter().enumerate().map(|(i, y)| json!([i % 2, y])).collect::<Vec<_>>();
        for (kind, inputs) in [
            ("unit_means", json!({"users_a": users(&of_a), "users_b": users(&of_b)})),
            ("ratio_metric", json!({"users_a": users(&of_a), "users_b": users(&of_b)})),
            ("cuped", json!({"y_a": of_a, "x_a": some(a.len()), "y_b": of_b, "x_b": some(b.len())})),
            ("post_stratified", json!({"a": strata(&of_a), "b": strata(&of_b), "order": [0, 1]})),
            ("ks_two_sample", json!({"a": of_a, "b": of_b})),
            ("quantile_diff", json!({"a": of_a, "b": of_b, "q": 0.5})),
            ("ppi_mean", json!({"human": of_a[..both], "judge_on_human": of_b[..both], "judge_unlabelled": some(3)})),
            ("srm_chi2", json!({"counts": counts, "weights": of_a})),
            (
                "rogan_gladen",
                json!({"observed_rate": as_json(q), "n": n, "true_pos": m, "positives": m,
                    "true_neg": m, "negatives": n}),
            ),
        ] {
            if let Ok(found) = run_case(kind, &inputs) {
                readable(kind, &found);
            }
        }
    }
}
