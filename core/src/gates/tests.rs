use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::model::gate::{Bound, Check, OnError, ToleranceKind, Uncalibrated};
use crate::model::id::{ContentId, RunId};
use crate::model::name::MetricName;
use crate::model::run::{Row, Run};
use crate::model::score::ScoreValue;
use crate::model::verdict::DatasetRef;
use crate::stats;

const METRICS: [&str; 3] = ["a", "b", "c"];

fn id(n: u8) -> ContentId {
    ContentId::from_bytes([n; 32])
}

/// A run of one trial: of each item its scores of the metrics; NaN stands for one that is missing.
fn run(number: u8, version: u32, items: &[Vec<f64>]) -> (Run, Vec<Row>) {
    let at = Timestamp::from_micros(0);
    let row = |(i, scores): (usize, &Vec<f64>)| Row {
        key: format!("k{i:03}").parse().unwrap(),
        item_id: id(1),
        trial: 1,
        output: Some(json!("x")),
        error: None,
        scores: METRICS
            .iter()
            .zip(scores)
            .map(|(name, &x)| {
                (name.parse().unwrap(), if x.is_nan() { ScoreValue::Missing } else { ScoreValue::Number(x) })
            })
            .collect(),
        latency_ms: None,
        cost_usd: None,
        tokens_in: None,
        tokens_out: None,
        at,
    };
    let rows: Vec<Row> = items.iter().enumerate().map(row).collect();
    let run = Run {
        id: RunId::from_bytes([number; 16]),
        name: None,
        prompt: "p".parse().unwrap(),
        version,
        version_id: id(2),
        dataset: "d".parse().unwrap(),
        dataset_version: 1,
        dataset_root: id(3),
        items: rows.len() as u64,
        trials: 1,
        scorers: Vec::new(),
        started_at: at,
        actor: None,
        finished_at: Some(at),
        rows: Some(rows.len() as u64),
        rows_root: Some(id(4)),
        withdrawn: None,
    };
    (run, rows)
}

fn evidence(old: &[Vec<f64>], new: &[Vec<f64>]) -> Evidence {
    let on = OnDataset {
        dataset: Some(DatasetRef { dataset: "d".parse().unwrap(), version: 1, root: id(3) }),
        items: (0..new.len()).map(|i| format!("k{i:03}").parse().unwrap()).collect(),
        clusters: BTreeMap::new(),
        candidate: Side::new(2, vec![run(2, 2, new)]),
        baseline: Some(Side::new(1, vec![run(1, 1, old)])),
        tried: 2,
    };
    Evidence {
        datasets: BTreeMap::from([("d".parse().unwrap(), on)]),
        configs: BTreeMap::new(),
        judges: BTreeMap::new(),
        response_schema: None,
    }
}

fn no_worse(metric: &str) -> Check {
    Check::NoRegression {
        metric: metric.parse::<MetricName>().unwrap(),
        tolerance: 0.0,
        kind: ToleranceKind::Absolute,
        mode: crate::model::gate::Mode::Bound,
        bound: Bound::T,
        cluster: None,
        max_severe: None,
        severe_drop: None,
        on_error: OnError::Missing,
        uncalibrated: Uncalibrated::Report,
    }
}

fn judged(old: &[Vec<f64>], new: &[Vec<f64>]) -> Verdict {
    let gate = Gate::new("d".parse().unwrap(), METRICS.iter().map(|name| no_worse(name)).collect()).unwrap();
    let key = VerdictKey {
        prompt: "p".parse().unwrap(),
        label: "production".parse().unwrap(),
        version: 2,
        version_id: id(2),
        gate: id(5),
        datasets: Vec::new(),
        scorers: Vec::new(),
        baseline: None,
    };
    judge(&gate, &evidence(old, new), key, Timestamp::from_micros(0)).unwrap()
}

fn column(items: &[Vec<f64>], metric: usize) -> Vec<f64> {
    items.iter().map(|scores| scores[metric]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// The step-down over bounds is Holm's procedure over the p-values, which it never computes.
    #[test]
    fn several_bounds_fail_where_holm_rejects(
        new in prop::collection::vec(prop::collection::vec(-3.0..3.0f64, 3), 8..20),
        shift in prop::collection::vec(-2.0..0.5f64, 3),
    ) {
        let old = vec![vec![0.0; 3]; new.len()];
        let new: Vec<Vec<f64>> = new.iter().map(|x| x.iter().zip(&shift).map(|(x, s)| x + s).collect()).collect();
        let worse: Vec<f64> = (0..3).map(|metric| {
            let found = stats::paired(&column(&old, metric), &column(&new, metric), 0.05).unwrap();
            let p = found.p_value.unwrap();
            if found.diff.unwrap() < 0.0 { p / 2.0 } else { 1.0 - p / 2.0 }
        }).collect();
        // A tie with the level is settled by the last bit.
        prop_assume!(worse.iter().all(|p| [0.05, 0.025, 0.05 / 3.0].iter().all(|level| (p - level).abs() > 1e-9)));
        let expected = stats::holm(&worse, 0.05).unwrap().reject;
        let verdict = judged(&old, &new);
        let failed: Vec<bool> = verdict.checks.iter().map(|check| check.outcome == Outcome::Fail).collect();
        prop_assert_eq!(failed, expected);
    }

    /// Nothing passes for what it lacks.
    #[test]
    fn nothing_passes_for_what_it_lacks(
        new in prop::collection::vec(prop::collection::vec(0.0..1.0f64, 3), 50),
        lacking in prop::collection::vec(0usize..50, 0..3),
    ) {
        let old = vec![vec![0.2; 3]; 50];
        let mut holed = new.clone();
        for &i in &lacking {
            holed[i][0] = f64::NAN;
        }
        let check = &judged(&old, &holed).checks[0];
        let missing = holed.iter().filter(|scores| scores[0].is_nan()).count() as u64;
        prop_assert_eq!(check.n_missing, missing);
        if missing > 0 {
            prop_assert!(check.outcome != Outcome::Pass);
        }
    }
}

#[test]
fn a_withdrawn_run_is_a_try_and_no_evidence() {
    let items = vec![vec![1.0; 3]; 3];
    let (mut gone, rows) = run(1, 2, &items);
    gone.withdrawn = Some(crate::model::run::Withdrawal {
        at: Timestamp::from_micros(0),
        actor: None,
        reason: "rubbish".to_owned(),
    });
    let side = Side::new(2, vec![(gone, rows), run(2, 2, &items)]);
    let metric: MetricName = "a".parse().unwrap();
    assert_eq!((side.runs.len(), side.withdrawn.len()), (1, 1));
    assert_eq!((side.attempts(&metric), side.attempts_in_all()), (2, 2));
    assert_eq!((side.scores_needed(&metric), side.outputs_needed()), (1, 1));
}

#[test]
fn figures_are_not_rounded_to_the_other_side() {
    assert_eq!(words::beside(0.199_6, 0.2, Some(0.1)), "0.1996");
    assert_eq!(words::beside(0.11, 0.2, Some(0.1)), "0.11");
    assert_eq!(words::beside(0.2, 0.2, Some(0.1)), "0.20");
    assert_eq!([0, 999, 1000, 1_234_567].map(words::whole), ["0", "999", "1,000", "1,234,567"]);
}
