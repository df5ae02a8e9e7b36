//! The reference cases, and the laws that hold for every input.

mod laws;
mod looking;
mod planning;

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;

use super::beta::{beta_quantile, beta_tails};
use super::dist::{binomial_tails, normal_tails, normal_upper_quantile, t_tails, t_upper_quantile};
use super::*;

const CASES: &str = include_str!("../../../tests/reference/stats_cases_public.json");
/// Made by `tests/reference/stats_cases.py` with other libraries, from published examples, by hand.
const OWN_CASES: &str = include_str!("../../../tests/reference/stats_cases_own.json");

/// The file's own rule: |got - expected| ≤ abs + rel·|expected|, anything else exactly.
fn agrees(got: &Value, expected: &Value, rel: f64, abs: f64) -> bool {
    match (got, expected) {
        (Value::Array(got), Value::Array(expected)) => {
            got.len() == expected.len() && got.iter().zip(expected).all(|(g, e)| agrees(g, e, rel, abs))
        }
        (Value::Object(got), Value::Object(expected)) => {
            got.len() == expected.len()
                && expected.iter().all(|(k, e)| got.get(k).is_some_and(|g| agrees(g, e, rel, abs)))
        }
        (_, Value::Number(e)) if e.is_f64() => {
            let e = e.as_f64().unwrap();
            got.as_f64().is_some_and(|got| (got - e).abs() <= abs + rel * e.abs())
        }
        _ => got == expected,
    }
}

/// Made by `tests/reference/stats_cases_more.py` with an implementation of every procedure in mpmath.
const MORE_CASES: &str = include_str!("../../../tests/reference/stats_cases_more.json");

/// Runs every case of a file; how many ran of each kind.
pub(super) fn run_file(text: &str) -> BTreeMap<String, u32> {
    let file: Value = serde_json::from_str(text).unwrap();
    let mut ran: BTreeMap<String, u32> = BTreeMap::new();
    let mut wrong = Vec::new();
    for case in file["cases"].as_array().unwrap() {
        let (id, kind, inputs) = (&case["id"], case["kind"].as_str().unwrap(), &case["inputs"]);
        *ran.entry(kind.to_owned()).or_default() += 1;
        let got = match run_case(kind, inputs) {
            Ok(got) => got,
            Err(e) => {
                wrong.push(format!("{id}: {e}"));
                continue;
            }
        };
        let (rel, abs) =
            (case["tolerance"]["rel"].as_f64().unwrap(), case["tolerance"]["abs"].as_f64().unwrap());
        for (name, expected) in case["expected"].as_object().unwrap() {
            if !agrees(&got[name], expected, rel, abs) {
                wrong.push(format!("{id}.{name}: got {} expected {expected}", got[name]));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(u64::from(ran.values().sum::<u32>()), file["count"].as_u64().unwrap());
    ran
}

#[test]
fn public_reference_cases() {
    let ran = run_file(CASES);
    assert_eq!(ran.values().sum::<u32>(), 163);
    assert!(kinds().all(|kind| ran.contains_key(kind)) && ran.len() == kinds().count());
}

#[test]
fn own_reference_cases() {
    let ran = run_file(OWN_CASES);
    assert!(ran.values().sum::<u32>() >= 163);
    // `empbern_cs` has no second implementation to be held against.
    assert!(kinds().all(|kind| kind == "empbern_cs" || ran.contains_key(kind)));
}

#[test]
fn more_reference_cases() {
    let ran = run_file(MORE_CASES);
    assert!(ran.values().sum::<u32>() >= 163);
    assert!(kinds().all(|kind| ran.contains_key(kind)));
}

/// The heads of generated lists are in the file: the generator is the documented one.
#[test]
fn generators_give_the_documented_heads() {
    let file: Value = serde_json::from_str(CASES).unwrap();
    let mut checked = 0;
    for case in file["cases"].as_array().unwrap() {
        let inputs = &case["inputs"];
        for name in ["a", "b", "x"] {
            if let Some(head) = inputs[format!("{name}_head")].as_array() {
                let list = case::inputs::Inputs(inputs).list(name).unwrap();
                for (got, want) in list.iter().zip(head) {
                    assert_eq!(*got, want.as_f64().unwrap(), "{}", case["id"]);
                }
                checked += 1;
            }
        }
    }
    assert!(checked >= 7, "{checked}");
}

fn close(got: f64, want: f64, rel: f64) {
    assert!((got - want).abs() <= rel * want.abs(), "got {got:e}, want {want:e}");
}

#[test]
fn tails_are_numbers_down_to_1e_300() {
    // df = 1: P(T > t) = atan(1/t)/π; df = 2: (1 - t/√(2+t²))/2 = 1/(√(2+t²)(√(2+t²)+t)).
    for t in [1e-8, 0.3, 1.0, 7.0, 1e3, 1e8, 1e100, 1e150, 1e200, 1e299] {
        close(t_tails(t, 1.0).1, libm::atan(1.0 / t) / std::f64::consts::PI, 1e-13);
        let root = libm::hypot(std::f64::consts::SQRT_2, t);
        close(t_tails(t, 2.0).1, 1.0 / root / (root + t), 1e-12);
        close(t_tails(-t, 1.0).0, t_tails(t, 1.0).1, 0.0);
    }
    // Large df, from mpmath with 400 digits: the plain continued fraction is off by 6e-6 in the first.
    close(t_tails(1.96, 1e11).1, 0.02499789514960688, 1e-12);
    close(t_tails(36.9, 1e6).1, 3.673811886179915e-298, 1e-12);
    close(normal_tails(37.0).1, 5.725571222524577e-300, 1e-10);
    close(t_tails(1e-200, 5.0).0, 0.5, 0.0);
}

#[test]
fn quantiles_stay_exact_in_both_tails() {
    for df in [0.5, 1.0, 2.0, 3.5, 30.0, 998.3, 1e6, 1e9, 1e16] {
        for q in [1e-300, 1e-100, 1e-12, 0.001, 0.2, 0.3, 0.49, 0.5, 0.6, 0.999] {
            let t = t_upper_quantile(q, df);
            if t.is_finite() {
                close(t_tails(t, df).1, q, 1e-10);
            }
        }
    }
    for q in [1e-300, 1e-17, 0.074, 0.076, 0.3, 0.5, 0.7, 0.95, 0.999] {
        close(normal_tails(normal_upper_quantile(q)).1, q, 1e-12);
    }
    for (a, b) in [(0.5, 0.5), (1.0, 100_000.0), (99_999.0, 2.0), (50_000.0, 50_000.0), (3.0, 4.0)] {
        for p in [1e-300, 1e-9, 0.025, 0.5] {
            let x = beta_quantile(a, b, p, 1.0 - p);
            if x < 0.5 && x > 1e-290 {
                close(beta_tails(a, b, x, 1.0 - x).0, p, 1e-9);
            }
        }
    }
}

#[test]
fn binomial_tails_are_the_sums() {
    let (n, p) = (17_u64, 0.3);
    let mut below = 0.0;
    for k in 0..n {
        below += dist::binomial_probability(k, n, p);
        close(binomial_tails(k, n, p).0, below, 1e-13);
    }
    close(below + dist::binomial_probability(n, n, p), 1.0, 1e-13);
}

#[test]
fn rounding_of_decimals_is_no_variance() {
    // 0.3-0.1, 0.4-0.2 and 0.9-0.7 are three different f64.
    let r = paired(&[0.1, 0.2, 0.7], &[0.3, 0.4, 0.9], 0.05).unwrap();
    assert_eq!((r.status, r.p_value), (Status::ZeroVariance, None));
    // One item really changed: that is variance, however small.
    let r = paired(&[1e9, 1e9, 1e9], &[1e9, 1e9, 1e9 + 2f64.powi(-20)], 0.05).unwrap();
    assert_eq!(r.status, Status::Ok);
}

#[test]
fn wrong_data_has_a_status_and_a_wrong_question_a_code() {
    assert_eq!(paired(&[1.0], &[2.0], 0.05).unwrap().status, Status::InsufficientData);
    assert_eq!(paired(&[1.0, 2.0], &[2.0], 0.05).unwrap().status, Status::InvalidInput);
    assert_eq!(paired(&[f64::MAX, f64::MAX], &[-f64::MAX, 1.0], 0.05).unwrap().status, Status::InvalidInput);
    assert_eq!(welch(&[], &[1.0, 2.0], 0.05).unwrap().status, Status::InsufficientData);
    let r = welch(&[2.0, 2.0, 2.0], &[1.0, 2.0, 3.0, 4.0], 0.05).unwrap();
    assert_eq!((r.status, r.df), (Status::Ok, Some(3.0)));
    assert_eq!(wilson(0, 0, 0.05).unwrap().status, Status::InsufficientData);
    for alpha in [0.0, 1.0, -1.0, f64::NAN] {
        assert_eq!(paired(&[], &[], alpha).unwrap_err().code(), "invalid-argument");
        assert_eq!(wilson(1, 2, alpha).unwrap_err().code(), "invalid-argument");
    }
    assert_eq!(quantile(&[1.0], 1.5).unwrap_err().code(), "invalid-argument");
}

#[test]
fn a_relative_tolerance_does_not_pass_on_a_handful_of_unchanged_items() {
    let old = [3.0, 4.0, 5.0, 4.0, 3.0];
    let gate = |old: &[f64]| {
        let (relative, range) = (Tolerance::Relative(0.05), Some((1.0, 5.0)));
        non_inferiority_paired(old, old, relative, true, range, 0.05, BoundRule::Auto).unwrap()
    };
    assert_eq!((gate(&old).outcome, gate(&old).rule), (Outcome::CannotTell, RuleUsed::ZeroVariance));
    assert_eq!(gate(&old.repeat(20)).outcome, Outcome::Pass);
}

#[test]
fn lower_is_better_mirrors() {
    let old = [1.0, 2.0, 3.0, 2.5, 1.5, 2.0];
    let new = [1.2, 2.1, 3.3, 2.4, 1.9, 2.0];
    let minus = |x: &[f64]| x.iter().map(|x| -x).collect::<Vec<f64>>();
    for bound in [BoundRule::T, BoundRule::Betting, BoundRule::Point] {
        let tolerance = Tolerance::Absolute(0.5);
        let up = non_inferiority_paired(
            &minus(&old),
            &minus(&new),
            tolerance,
            true,
            Some((-5.0, 0.0)),
            0.05,
            bound,
        )
        .unwrap();
        let down =
            non_inferiority_paired(&old, &new, tolerance, false, Some((0.0, 5.0)), 0.05, bound).unwrap();
        assert_eq!((up.outcome, up.diff, up.lower), (down.outcome, down.diff, down.lower));
        assert!(down.diff < Some(0.0), "it got worse");
    }
    // Relative: 10% more is allowed. On the scale of differences the decision is the same.
    let r = non_inferiority_paired(&old, &new, Tolerance::Relative(0.1), false, None, 0.05, BoundRule::T)
        .unwrap();
    close(r.margin_used, 0.2, 1e-12);
    assert_eq!(r.outcome == Outcome::Pass, r.lower.unwrap() > -r.margin_used);
    close(r.lower.unwrap() + r.margin_used, r.contrast_low.unwrap(), 1e-9);
}

fn scores() -> impl Strategy<Value = Vec<(f64, f64)>> {
    prop::collection::vec((0.0..5.0f64, 0.0..5.0f64), 3..40)
}

fn anything() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => 0.0..5.0f64,
        1 => prop::num::f64::ANY,
        1 => prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::MAX, f64::MIN_POSITIVE, -0.0]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn t_cdf_rises(t in -50.0..50.0f64, step in 0.0..5.0f64, df in 0.3..3000.0f64) {
        let (low, high) = (t_tails(t, df), t_tails(t + step, df));
        prop_assert!(low.0 <= high.0 * (1.0 + 1e-12) && high.1 <= low.1 * (1.0 + 1e-12));
        prop_assert!((low.0 + low.1 - 1.0).abs() < 1e-14);
    }

    #[test]
    fn t_ppf_inverts_cdf(exponent in 0.01..300.0f64, df in 0.7..1e5f64) {
        let q = libm::exp10(-exponent);
        let t = t_upper_quantile(q, df);
        prop_assume!(t.is_finite());
        let back = t_tails(t, df).1;
        prop_assert!((back / q - 1.0).abs() < 1e-10, "q {} t {} back {}", q, t, back);
    }

    #[test]
    fn beta_ppf_inverts_cdf(a in 0.5..5000.0f64, b in 0.5..5000.0f64, p in 1e-12..0.999f64) {
        let x = beta_quantile(a, b, p, 1.0 - p);
        let (lower, upper) = beta_tails(a, b, x, 1.0 - x);
        prop_assert!((lower / p - 1.0).abs() < 1e-8 && (upper / (1.0 - p) - 1.0).abs() < 1e-8);
    }

    #[test]
    fn intervals_contain_the_estimate(pairs in scores(), k in 0u64..50, more in 1u64..50) {
        let (a, b): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        let r = paired(&a, &b, 0.05).unwrap();
        prop_assert!(r.ci_low < r.diff && r.diff < r.ci_high);
        let w = welch(&a, &b, 0.05).unwrap();
        prop_assert!(w.ci_low < w.diff && w.diff < w.ci_high);
        for r in [wilson(k, k + more, 0.05), clopper_pearson(k, k + more, 0.05)] {
            let r = r.unwrap();
            prop_assert!(r.low <= r.rate && r.rate <= r.high);
        }
        // Not the betting bound: it is the best of all prefixes, and scores that changed on the way may lie beyond.
        let g = mean_gate(&a, Limit::AtLeast(2.0), Some((0.0, 5.0)), 0.05, BoundRule::T).unwrap();
        prop_assert!(g.lower <= g.diff && g.diff <= g.upper, "{:?}", g);
    }

    #[test]
    fn paired_t_follows_shift_and_scale(pairs in scores(), shift in -1e3..1e3f64, scale in 0.01..100.0f64) {
        let (a, b): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        let moved = |x: &[f64]| x.iter().map(|x| x * scale + shift).collect::<Vec<f64>>();
        let (r, s) = (paired(&a, &b, 0.05).unwrap(), paired(&moved(&a), &moved(&b), 0.05).unwrap());
        let swapped = paired(&b, &a, 0.05).unwrap();
        prop_assert!((s.diff.unwrap() - r.diff.unwrap() * scale).abs() < 1e-10);
        prop_assert!((s.p_value.unwrap() - r.p_value.unwrap()).abs() < 1e-6);
        prop_assert_eq!(swapped.p_value, r.p_value);
        prop_assert_eq!(swapped.diff, r.diff.map(|d| -d));
    }

    #[test]
    fn clusters_of_one_are_the_paired_test(pairs in scores()) {
        let d: Vec<f64> = pairs.iter().map(|(a, b)| b - a).collect();
        let names: Vec<usize> = (0..d.len()).collect();
        let (a, b): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        let r = paired(&a, &b, 0.05).unwrap();
        let c = paired_clustered(&d, &names, ClusterMethod::Cr2, 0.05).unwrap();
        prop_assert!((c.se.unwrap() - r.se.unwrap()).abs() < 1e-12 && c.df == r.df);
    }

    #[test]
    fn nothing_panics(
        a in prop::collection::vec(anything(), 0..12),
        b in prop::collection::vec(anything(), 0..12),
        alpha in anything(),
        q in anything(),
        k in 0u64..9,
        n in 0u64..9,
    ) {
        let _ = (mean_sd(&a), quantile(&a, q), quantile_interval(&a, q, alpha));
        let _ = (wilson(k, n, alpha), clopper_pearson(k, n, alpha), newcombe(k, n, n, k, alpha));
        let _ = (paired_rates(n, k, k, alpha), items_without_failure(Limit::AtMost(q), k, alpha));
        let _ = rate_gate(k, n, Limit::AtLeast(q), alpha, RateMode::Bound);
        let _ = (zero_variance_bound(q, n, 4.0, 0.1, alpha), gate_attempt_alpha(alpha, k));
        for alpha in [alpha, 0.05] {
            if let Ok(r) = paired(&a, &b, alpha) {
                prop_assert_eq!(r.status == Status::Ok, r.p_value.is_some_and(|p| (0.0..=1.0).contains(&p)));
                let _ = r.one_sided(alpha);
            }
            if let Ok(r) = welch(&a, &b, alpha) {
                prop_assert_eq!(r.status == Status::Ok, r.p_value.is_some_and(|p| (0.0..=1.0).contains(&p)));
            }
            let _ = paired_clustered(&a, &b.iter().map(|x| x.to_bits() % 3).collect::<Vec<_>>(), ClusterMethod::Cr2, alpha);
            for bound in [BoundRule::T, BoundRule::Auto, BoundRule::Betting, BoundRule::Point] {
                for tolerance in [Tolerance::Absolute(q), Tolerance::Relative(0.05)] {
                    for range in [None, Some((0.0, 5.0))] {
                        let _ = non_inferiority_paired(&a, &b, tolerance, k % 2 == 0, range, alpha, bound);
                        let _ = mean_gate(&a, Limit::AtMost(q), range, alpha, bound);
                    }
                    let _ = non_inferiority_unpaired(&a, &b, tolerance, true, alpha, bound);
                }
            }
        }
        for kind in kinds() {
            for inputs in [Value::Null, serde_json::json!({}), serde_json::json!({"a": a, "b": b, "alpha": 0.05})] {
                let _ = run_case(kind, &inputs);
            }
        }
    }
}
