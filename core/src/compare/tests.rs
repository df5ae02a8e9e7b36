//! The table of verdicts, and laws that every comparison keeps.

use proptest::prelude::*;

use super::verdict::of_interval;
use super::{CompareOptions, Comparison, MetricComparison};
use crate::model::content::Content;
use crate::model::dataset::NewItem;
use crate::model::run::NewRow;
use crate::model::score::{Direction, ScoreValue};
use crate::store::{RunOptions, Store};

/// The table of verdicts as it is written down, row by row, for an interval in the good direction.
fn by_the_table(low: f64, high: f64, margin: f64) -> &'static str {
    let rows = [
        (low > 0.0 && high >= margin, "b_better"),
        (low > 0.0 && high < margin, "b_better_small"),
        (high < 0.0 && low <= -margin, "b_worse"),
        (high < 0.0 && low > -margin, "b_worse_small"),
        (-margin < low && high < margin, "no_meaningful_difference"),
    ];
    rows.iter().find(|(holds, _)| *holds).map_or("undecided", |(_, verdict)| verdict)
}

#[test]
fn the_table_of_verdicts() {
    let ends = [-3.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0];
    for low in ends {
        for high in ends.into_iter().filter(|high| *high >= low) {
            for margin in [0.5, 1.0, 2.0] {
                let expected = by_the_table(low, high, margin);
                let case = format!("{low} to {high}, margin {margin}");
                assert_eq!(
                    of_interval((low, high), Direction::Higher, Some(margin), true),
                    expected,
                    "{case}"
                );
                assert_eq!(
                    of_interval((-high, -low), Direction::Lower, Some(margin), true),
                    expected,
                    "{case}"
                );
                let unclaimed = of_interval((low, high), Direction::Higher, Some(margin), false);
                let inside = -margin < low && high < margin;
                assert_eq!(
                    unclaimed,
                    if inside { "no_meaningful_difference" } else { "undecided" },
                    "{case}"
                );
            }
            let plain = match (low > 0.0, high < 0.0) {
                (true, _) => "b_better",
                (_, true) => "b_worse",
                _ => "undecided",
            };
            assert_eq!(of_interval((low, high), Direction::Higher, None, true), plain);
            assert_eq!(of_interval((low, high), Direction::Higher, None, false), "undecided");
        }
    }
}

/// Scores of one item in one run: any of its trials may lack one.
type Trials = Vec<Option<f64>>;

/// Two runs of `q` and `r`, which is `q` with a constant more, as they are stored and compared.
fn compared(a: &[Trials], b: &[Trials], options: &CompareOptions) -> (Comparison, Comparison) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("store.tp")).unwrap();
    for prompt in ["one", "two"] {
        store.publish("p", Content::text(prompt), Default::default()).unwrap();
    }
    let key = |i: usize| format!("k{i:02}");
    let item = |i: usize| NewItem {
        key: Some(key(i)),
        metadata: serde_json::json!({ "doc": i / 2 }),
        stratum: (!i.is_multiple_of(3)).then(|| format!("s{}", i % 3)),
        ..NewItem::default()
    };
    store.dataset_add("d", (0..a.len()).map(item).collect()).unwrap();
    let record = |version: u32, scores: &[Trials]| {
        let options = RunOptions { trials: 3, ..RunOptions::default() };
        let run = store.start_run("p", &version.into(), "d", options).unwrap();
        let mut rows = Vec::new();
        for (i, trials) in scores.iter().enumerate() {
            for (trial, score) in trials.iter().enumerate() {
                let of = |more: f64| score.map_or(ScoreValue::Missing, |x| ScoreValue::Number(x + more));
                let scores = [("q".to_owned(), of(0.0)), ("r".to_owned(), of(1.0))].into();
                rows.push((
                    key(i),
                    trial as u32 + 1,
                    NewRow { scores, latency_ms: score.map(f64::abs), ..NewRow::default() },
                ));
            }
        }
        store.record_all(run.id, rows).unwrap();
        run.id
    };
    let (a, b) = (record(1, a), record(2, b));
    (store.compare_with(a, b, options).unwrap(), store.compare_with(b, a, options).unwrap())
}

/// Eighths, so that sums, means of up to two trials and differences are exact and their mirror image is, too.
fn trials() -> impl Strategy<Value = Trials> {
    let score = || (-40i32..=40).prop_map(|x| Some(f64::from(x) / 8.0));
    let missing = prop_oneof![score(), Just(None)];
    prop_oneof![30 => prop::collection::vec(score(), 1..=2), 1 => prop::collection::vec(missing, 0..=2)]
}

fn mirrored(verdict: &str) -> String {
    match verdict.split_once('_') {
        Some(("b", rest)) if rest.starts_with("better") => {
            format!("b_{}", rest.replacen("better", "worse", 1))
        }
        Some(("b", rest)) => format!("b_{}", rest.replacen("worse", "better", 1)),
        _ => verdict.to_owned(),
    }
}

/// Nothing that a reader could take for a number when it is none, and nothing claimed that is not allowed to be.
fn holds_together(m: &MetricComparison, alpha: f64, items: u64) {
    let numbers = [m.se, m.df, m.t, m.p_value, m.ci_low, m.ci_high];
    assert_eq!(numbers.iter().all(Option::is_some), m.status == "ok", "{m:?}");
    assert!(m.status == "ok" || numbers.iter().all(Option::is_none), "{m:?}");
    assert_eq!(m.n + m.n_missing, items);
    assert_eq!(m.improved + m.unchanged + m.regressed, m.n);
    assert_eq!(m.regressed_items.len() as u64, m.regressed.min(10));
    assert!(m.regressed_items.windows(2).all(|w| w[0].diff <= w[1].diff), "worst first: {m:?}");
    assert!(m.n_missing <= m.n_missing_a + m.n_missing_b);
    let too_many = m.missing_share.is_some_and(|share| share > 0.02);
    if m.verdict.starts_with("b_") {
        assert!(m.p_holm.unwrap() <= alpha * 1.000_001 && !too_many, "{m:?}");
    }
    if too_many && m.status == "ok" {
        assert_eq!(m.verdict, "invalid_missing");
    }
    assert!(m.worst_case.is_some() || m.n_missing == 0 || m.status != "ok", "{m:?}");
    assert!(m.repeat_share.is_none_or(|share| (0.0..=1.0).contains(&share)));
    assert!(m.mde.is_none_or(|mde| mde > 0.0 && mde.is_finite()));
    assert!(
        !m.sentence.is_empty() && !m.sentence.contains("NaN") && !m.sentence.contains("inf"),
        "{}",
        m.sentence
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn a_comparison_holds_together_and_is_its_mirror_image(
        items in prop::collection::vec((trials(), trials()), 1..14),
        alpha in prop_oneof![Just(0.05), Just(0.3)],
        margin in prop_oneof![Just(None), Just(Some(1.5))],
        cluster in prop_oneof![Just(None), Just(Some("doc".to_owned()))],
        decides in any::<bool>(),
    ) {
        let (a, b): (Vec<Trials>, Vec<Trials>) = items.into_iter().unzip();
        let mut options = CompareOptions { alpha, cluster, ..CompareOptions::default() };
        let scored = a.iter().chain(&b).any(|trials| !trials.is_empty());
        if let (Some(margin), true) = (margin, scored) {
            options.margin = [("q".to_owned(), margin)].into();
        }
        if decides && scored {
            options.primary = Some(vec!["q".to_owned()]);
        }
        let (one, other) = compared(&a, &b, &options);
        let metric = |name: &str| one.metrics.get(&name.parse().unwrap());
        for (name, m) in &one.metrics {
            let mirror = &other.metrics[name];
            holds_together(m, alpha, a.len() as u64);
            prop_assert_eq!(m.diff.map(|diff| -diff + 0.0), mirror.diff.map(|diff| diff + 0.0));
            prop_assert_eq!((m.p_value, m.p_holm, m.se, m.df), (mirror.p_value, mirror.p_holm, mirror.se, mirror.df));
            prop_assert_eq!(m.ci_low.map(|low| -low), mirror.ci_high);
            prop_assert_eq!(mirrored(&m.verdict), mirror.verdict.clone());
            prop_assert_eq!((m.improved, m.regressed), (mirror.regressed, mirror.improved));
            prop_assert_eq!((m.mde, m.repeat_share, m.n_clusters), (mirror.mde, mirror.repeat_share, mirror.n_clusters));
            for stratum in one.strata.values() {
                let within = &stratum.metrics[name];
                prop_assert!(within.verdict == "exploratory" || within.p_value.is_none());
                prop_assert!(within.p_bh.zip(within.p_value).is_none_or(|(adjusted, p)| adjusted >= p * (1.0 - 1e-12)));
            }
        }
        if let (Some(q), Some(r), false) = (metric("q"), metric("r"), decides) {
            // A constant more in both runs is no difference, and two equal p-values are each doubled.
            prop_assert_eq!((q.diff, q.p_value), (r.diff, r.p_value));
            prop_assert_eq!(q.p_holm, q.p_value.map(|p| (2.0 * p).min(1.0)));
        }
    }
}
