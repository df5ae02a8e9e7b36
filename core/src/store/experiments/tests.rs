use super::*;
use crate::model::content::Content;
use crate::model::experiment::{Analysis, Covariate, ExperimentMode, ExperimentState, Guardrail};
use crate::model::score::{ScoreConfig, ScoreValue};
use crate::model::trace::{NewScore, NewTrace, ScoreSource};

struct World {
    store: Store,
    _dir: tempfile::TempDir,
}

/// Scores that depend on the unit alone, as if drawn from 1 to 5.
fn noise(i: u64) -> f64 {
    let x = (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 11) as f64 / (1u64 << 53) as f64;
    2.5 + 1.5 * x
}

impl World {
    fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path().join("prompts.tp")).unwrap();
        for text in ["Say hello", "Say hello, warmly", "Say hello, coldly"] {
            store.publish("greeting", Content::text(text), Default::default()).unwrap();
        }
        store.set_label("greeting", "production", &1.into(), Default::default()).unwrap();
        let range = ScoreConfig { min: Some(1.0), max: Some(5.0), ..Default::default() };
        store.metric("quality", range).unwrap();
        World { store, _dir: dir }
    }

    fn plan() -> NewExperiment {
        NewExperiment {
            prompt: "greeting".to_owned(),
            variants: vec![("a".to_owned(), 1.into()), ("b".to_owned(), 2.into())],
            metric: "quality".to_owned(),
            min_effect: Some(0.5),
            sd: Some(0.6),
            n_planned: Some(40),
            salt: Some("fixed".to_owned()),
            ..NewExperiment::default()
        }
    }

    /// One call for a user, scored at once; what is good of B comes on top.
    fn call(&self, experiment: &str, user: &str, i: u64, lift: f64) {
        let a = self.store.assign(experiment, user).unwrap();
        let Some(version) = a.version else { return };
        let trace = NewTrace {
            trace_id: Some(format!("{experiment}-{user}-{i}")),
            user: Some(user.to_owned()),
            experiment: Some(experiment.to_owned()),
            latency_ms: Some(100.0 + noise(i + 7)),
            stratum: Some(if i.is_multiple_of(2) { "easy" } else { "hard" }.to_owned()),
            ..NewTrace::default()
        };
        let id = self.store.log("greeting", &version.into(), trace, Durability::Soon).unwrap();
        let value = (noise(i) + if version == 1 { 0.0 } else { lift }).clamp(1.0, 5.0);
        let score = NewScore::new(ScoreValue::Number(value)).from_source(ScoreSource::Judge);
        self.store.score(id.as_str(), "quality", score, Durability::Soon).unwrap();
    }

    fn traffic(&self, experiment: &str, users: std::ops::Range<u64>, lift: f64) {
        for i in users {
            self.call(experiment, &format!("user-{i}"), i, lift);
        }
        self.store.flush().unwrap();
    }
}

#[test]
fn the_result_stays_closed_until_the_cut_off_and_is_the_last_word_then() {
    let world = World::new();
    let store = &world.store;
    let tone = store.experiment("tone", World::plan(), true).unwrap();
    assert_eq!((tone.plan.n_planned, tone.plan.harm_guard), (40, true));
    world.traffic("tone", 0..30, 0.8);
    let early = store.experiment_result("tone").unwrap();
    assert_eq!((early.verdict.as_str(), early.is_final), ("collecting", false));
    assert!(early.sentence.starts_with("**Still collecting:"), "{}", early.sentence);
    assert!(early.comparisons.is_empty() && early.data_hash.is_none());
    assert_eq!(early.arms.iter().map(|arm| arm.scored).sum::<u64>(), 30);
    let conclude = |promote: Option<&str>| {
        let promote = promote.map(str::to_owned);
        store.experiment_conclude("tone", ConcludeOptions { promote, reason: None })
    };
    assert_eq!(conclude(None).unwrap_err().code(), "experiment-not-decided");

    world.traffic("tone", 30..140, 0.8);
    let late = store.experiment_result("tone").unwrap();
    assert_eq!((late.verdict.as_str(), late.is_final), ("b_better", true), "{}", late.sentence);
    assert_eq!(late.winner.as_deref(), Some("b"));
    let cutoff = late.cutoff.unwrap();
    assert!((80..140).contains(&cutoff), "{cutoff}");
    assert_eq!(late.arms.iter().map(|arm| arm.units).sum::<u64>(), cutoff);
    assert_eq!(late.arms.iter().map(|arm| arm.units).min(), Some(40));

    // What comes later is kept, and does not enter.
    world.traffic("tone", 140..200, -3.0);
    assert_eq!(store.experiment_result("tone").unwrap(), late);
    let done = conclude(Some("production")).unwrap();
    assert_eq!(done.experiment.state, ExperimentState::Concluded);
    assert_eq!(done.promoted.as_ref().and_then(|step| step.to), Some(2));
    assert_eq!(store.get("greeting", "production").unwrap().number(), 2);
    assert_eq!(conclude(None).unwrap_err().code(), "experiment-ended");
    assert!(!store.assign("tone", "user-1").unwrap().takes_part);
    let kinds: Vec<String> = store.events(0, 100).unwrap().into_iter().map(|e| e.kind).collect();
    for kind in ["experiment.registered", "experiment.started", "experiment.decided", "experiment.concluded"]
    {
        assert_eq!(kinds.iter().filter(|k| *k == kind).count(), 1, "{kind}");
    }
    let report = store.verify().unwrap();
    assert!(report.ok, "{:?}", report.broken);
    assert_eq!((report.experiments, report.exposures), (1, 200));
}

#[test]
fn the_verdict_does_not_depend_on_when_somebody_looks() {
    let results: Vec<_> = [1, 7, 200]
        .into_iter()
        .map(|step| {
            let world = World::new();
            world.store.experiment("tone", World::plan(), true).unwrap();
            for first in (0..200).step_by(step as usize) {
                world.traffic("tone", first..(first + step).min(200), 0.3);
                world.store.experiment_result("tone").unwrap();
            }
            let result = world.store.experiment_result("tone").unwrap();
            (result.verdict, result.cutoff, result.comparisons, result.data_hash)
        })
        .collect();
    assert_eq!(results[0], results[1]);
    assert_eq!(results[0], results[2]);
}

#[test]
fn a_variant_that_is_far_worse_is_stopped_before_the_end() {
    let world = World::new();
    let plan = NewExperiment { n_planned: Some(150), ..World::plan() };
    world.store.experiment("tone", plan, true).unwrap();
    world.traffic("tone", 0..200, -1.4);
    let result = world.store.experiment_result("tone").unwrap();
    assert_eq!(result.verdict, "b_worse", "{}", result.sentence);
    assert_eq!(result.stopped_by.as_deref(), Some("harm_guard"));
    assert_eq!(result.state, ExperimentState::Stopped);
    assert!(result.cutoff.is_none() && result.comparisons.is_empty());
    assert!(result.sentence.starts_with("**Stopped: B is worse.**"), "{}", result.sentence);
    let after = world.store.assign("tone", "user-1").unwrap();
    assert_eq!((after.takes_part, after.why), (false, Some("ended")));
    let done = world.store.experiment_conclude("tone", ConcludeOptions::default()).unwrap();
    assert_eq!((done.experiment.winner, done.promoted), (None, None));
}

#[test]
fn anytime_decides_at_the_first_crossing() {
    let world = World::new();
    let plan = NewExperiment { mode: ExperimentMode::Anytime, n_planned: Some(100), ..World::plan() };
    world.store.experiment("tone", plan, true).unwrap();
    world.traffic("tone", 0..20, 1.5);
    let early = world.store.experiment_result("tone").unwrap();
    let seen = early.anytime.clone().unwrap();
    assert!(seen.low.is_some() && seen.stopped_at.is_none() && early.verdict == "collecting", "{early:?}");
    world.traffic("tone", 20..250, 1.5);
    let late = world.store.experiment_result("tone").unwrap();
    let seen = late.anytime.clone().unwrap();
    assert_eq!(late.verdict, "b_better", "{}", late.sentence);
    assert!(seen.stopped_at.unwrap() < 100 && seen.low.unwrap() > 0.0, "{seen:?}");
    assert!(late.is_final && late.winner.as_deref() == Some("b"));
    assert_eq!(world.store.experiment_weights("tone", &[1.0, 3.0]).unwrap_err().code(), "invalid-experiment");
}

#[test]
fn new_weights_move_the_fewest_and_keep_the_exposed() {
    let world = World::new();
    let store = &world.store;
    store.experiment("tone", World::plan(), true).unwrap();
    world.traffic("tone", 0..60, 0.0);
    let unit = |i: u64| format!("user-{i}");
    let before: Vec<_> = (0..2_000).map(|i| store.assign("tone", &unit(i)).unwrap().variant).collect();
    let (changed, moved) = store.experiment_weights("tone", &[0.2, 0.8]).unwrap();
    assert_eq!((changed.epochs.len(), moved), (2, 0.3));
    let after: Vec<_> = (0..2_000).map(|i| store.assign("tone", &unit(i)).unwrap().variant).collect();
    assert_eq!(before[..60], after[..60], "the exposed keep their variant");
    let differ = before.iter().zip(&after).skip(60).filter(|(a, b)| a != b).count();
    assert!((450..700).contains(&differ), "{differ} of 1,940 moved");
    assert!(before.iter().zip(&after).all(|(a, b)| a == b || b.as_deref() == Some("b")));

    world.traffic("tone", 60..400, 0.9);
    let result = store.experiment_result("tone").unwrap();
    assert!(result.is_final, "{}", result.sentence);
    assert_eq!(result.comparisons[0].analysis, "epochs");
    assert_eq!(result.comparisons[0].strata.len(), 2);
    assert!(!result.split.mismatch && result.warnings.iter().any(|w| w.contains("weights were changed")));
}

#[test]
fn a_broken_split_withholds_the_verdict() {
    let world = World::new();
    world.store.experiment("tone", World::plan(), true).unwrap();
    for i in 0..600u64 {
        let user = format!("user-{i}");
        // Half of B's users never get as far as the log.
        let b = world.store.assign("tone", &user).unwrap().variant.as_deref() == Some("b");
        if !(b && i.is_multiple_of(2)) {
            world.call("tone", &user, i, 3.0);
        }
    }
    let result = world.store.experiment_result("tone").unwrap();
    assert_eq!(result.verdict, "invalid_srm", "{}", result.sentence);
    assert!(result.comparisons.is_empty() && result.winner.is_none());
    assert!(result.sentence.contains("the split is broken"), "{}", result.sentence);
}

#[test]
fn another_judge_withholds_the_verdict_until_all_is_scored_by_one() {
    // Within the window what is scored again just counts; after it, it has to be said.
    judged_again(24.0, false);
    judged_again(0.0, true);
}

fn judged_again(grace_hours: f64, said: bool) {
    let world = World::new();
    let store = &world.store;
    let plan = NewExperiment { grace_hours: Some(grace_hours), ..World::plan() };
    store.experiment("tone", plan, true).unwrap();
    let judged = |i: u64, judge: &str, value: f64| {
        let score = NewScore {
            judge: Some(judge.to_owned()),
            ..NewScore::new(ScoreValue::Number(value)).from_source(ScoreSource::Judge)
        };
        store.score(&format!("t{i}"), "quality", score, Durability::Now).unwrap();
    };
    let values: Vec<f64> = (0..120)
        .map(|i| {
            let user = format!("user-{i}");
            let version = store.assign("tone", &user).unwrap().version.unwrap();
            let trace = NewTrace {
                trace_id: Some(format!("t{i}")),
                user: Some(user),
                experiment: Some("tone".to_owned()),
                ..NewTrace::default()
            };
            store.log("greeting", &version.into(), trace, Durability::Now).unwrap();
            let value = noise(i) + if version == 2 { 1.0 } else { 0.0 };
            judged(i, if i < 50 { "judge-1" } else { "judge-2" }, value);
            value
        })
        .collect();
    let result = store.experiment_result("tone").unwrap();
    assert_eq!((result.verdict.as_str(), result.is_final), ("invalid_judge_changed", false));
    assert!(result.judge_changed.is_some() && result.comparisons.is_empty());
    for (i, value) in values.iter().enumerate().take(50) {
        judged(i as u64, "judge-2", *value);
    }
    let result = store.experiment_result("tone").unwrap();
    assert_eq!(result.verdict, "b_better", "{}", result.sentence);
    assert_eq!(result.warnings.iter().any(|w| w.contains("given again")), said);
}

#[test]
fn units_without_a_score_are_waited_for_and_then_counted() {
    let world = World::new();
    let plan = NewExperiment { grace_hours: Some(0.0), ..World::plan() };
    world.store.experiment("tone", plan, true).unwrap();
    let waiting = NewExperiment { ..World::plan() };
    world.store.experiment("wait", waiting, true).unwrap();
    for i in 0..120u64 {
        let user = format!("user-{i}");
        for name in ["tone", "wait"] {
            if i.is_multiple_of(4) {
                world.store.expose(name, &user, ExposeOptions::default(), Durability::Now).unwrap();
            } else {
                world.call(name, &user, i, 1.0);
            }
        }
    }
    world.store.flush().unwrap();
    let over = world.store.experiment_result("tone").unwrap();
    assert_eq!(over.verdict, "invalid_missing", "{}", over.sentence);
    assert!(over.missing_share > 0.2 && over.winner.is_none());
    let waiting = world.store.experiment_result("wait").unwrap();
    assert_eq!((waiting.verdict.as_str(), waiting.is_final), ("collecting", false));
    assert!(waiting.sentence.starts_with("**Still scoring:"), "{}", waiting.sentence);
    assert!(waiting.comparisons.is_empty());
}

#[test]
fn a_unit_in_two_arms_is_left_out_and_counted() {
    let world = World::new();
    world.store.experiment("tone", World::plan(), true).unwrap();
    world.traffic("tone", 0..140, 0.8);
    let crossed = world.store.assign("tone", "user-3").unwrap();
    let other = if crossed.version == Some(1) { 2 } else { 1 };
    let trace = NewTrace {
        user: Some("user-3".to_owned()),
        experiment: Some("tone".to_owned()),
        ..NewTrace::default()
    };
    world.store.log("greeting", &other.into(), trace, Durability::Now).unwrap();
    let result = world.store.experiment_result("tone").unwrap();
    assert_eq!(result.arms.iter().map(|arm| arm.in_two_arms).sum::<u64>(), 1);
    let used: u64 = result.comparisons.iter().map(|c| c.n_a + c.n_b).sum();
    assert_eq!(used + 1, result.cutoff.unwrap());
    assert!(result.warnings.iter().any(|w| w.starts_with("1 users are left out")), "{:?}", result.warnings);
}

#[test]
fn strata_and_covariates_take_the_noise_out() {
    for analysis in [Analysis::Stratified, Analysis::Cuped] {
        let world = World::new();
        let store = &world.store;
        let plan = NewExperiment {
            analysis,
            covariate: Covariate::Exposure,
            r2: Some(0.5),
            n_planned: Some(60),
            ..World::plan()
        };
        store.experiment("tone", plan, true).unwrap();
        for i in 0..220u64 {
            let user = format!("user-{i}");
            let hard = noise(i.wrapping_mul(31)) > 3.25;
            let options = ExposeOptions {
                stratum: Some(if hard { "hard" } else { "easy" }.to_owned()),
                covariate: Some(if hard { 1.0 } else { 0.0 }),
            };
            let version = store.expose("tone", &user, options, Durability::Soon).unwrap().version.unwrap();
            let trace = NewTrace {
                trace_id: Some(user.clone()),
                user: Some(user.clone()),
                experiment: Some("tone".to_owned()),
                ..NewTrace::default()
            };
            store.log("greeting", &version.into(), trace, Durability::Soon).unwrap();
            let value = noise(i) / 4.0 + if hard { 1.0 } else { 3.0 } + if version == 2 { 0.2 } else { 0.0 };
            store
                .score(&user, "quality", NewScore::new(ScoreValue::Number(value)), Durability::Soon)
                .unwrap();
        }
        store.flush().unwrap();
        let result = store.experiment_result("tone").unwrap();
        let c = &result.comparisons[0];
        assert!(c.variance_explained.unwrap() > 0.9, "{c:?}");
        assert_eq!(result.verdict, "b_better_small", "{}", result.sentence);
        assert_eq!(c.strata.len(), if analysis == Analysis::Stratified { 2 } else { 0 });
    }
}

#[test]
fn a_guardrail_keeps_a_variant_from_winning() {
    for (tolerance, winner) in [(0.5, Some("b")), (0.000_1, None)] {
        let world = World::new();
        let guardrail =
            Guardrail { metric: "latency_ms".parse().unwrap(), tolerance, relative: true, direction: None };
        let plan = NewExperiment { guardrails: vec![guardrail], ..World::plan() };
        world.store.experiment("tone", plan, true).unwrap();
        world.traffic("tone", 0..140, 1.0);
        let result = world.store.experiment_result("tone").unwrap();
        assert_eq!(result.verdict, "b_better");
        assert_eq!(result.winner.as_deref(), winner, "{}", result.sentence);
        assert_eq!(result.guardrails.len(), 1);
        assert!(result.sentence.contains("latency_ms"), "{}", result.sentence);
    }
}

#[test]
fn several_variants_are_corrected_for() {
    let world = World::new();
    let mut plan = World::plan();
    plan.variants.push(("c".to_owned(), 3.into()));
    world.store.experiment("tone", plan, true).unwrap();
    world.traffic("tone", 0..220, 0.9);
    let result = world.store.experiment_result("tone").unwrap();
    assert_eq!(result.comparisons.len(), 2);
    for c in &result.comparisons {
        assert!(c.p_holm >= c.p_value, "{c:?}");
        assert_eq!(c.control, "a");
    }
    assert!(result.winner.is_some());
    assert!(
        result.sentence.contains("b (B) against a (A)") || result.sentence.contains("c (B) against a (A)")
    );
}

#[test]
fn experiments_of_a_layer_share_no_unit() {
    let world = World::new();
    let store = &world.store;
    let layered = |coverage: f64| NewExperiment {
        layer: Some("checkout".to_owned()),
        coverage: Some(coverage),
        salt: None,
        ..World::plan()
    };
    store.experiment("one", layered(0.4), true).unwrap();
    store.experiment("two", layered(0.5), true).unwrap();
    assert_eq!(store.experiment("three", layered(0.2), true).unwrap_err().code(), "layer-full");
    let (mut one, mut two) = (0, 0);
    for i in 0..4_000 {
        let unit = format!("u{i}");
        let (a, b) = (store.assign("one", &unit).unwrap(), store.assign("two", &unit).unwrap());
        assert!(!(a.takes_part && b.takes_part), "{unit}");
        one += u32::from(a.takes_part);
        two += u32::from(b.takes_part);
    }
    assert!((1_450..1_750).contains(&one) && (1_850..2_150).contains(&two), "{one} {two}");
    store.experiment_stop("one", "enough").unwrap();
    store.experiment("three", layered(0.5), true).unwrap();
    assert_eq!(store.experiment_coverage("two", 0.6).unwrap_err().code(), "layer-full");
    store.experiment_coverage("three", 0.1).unwrap();
    store.experiment_coverage("two", 0.6).unwrap();
}

#[test]
fn a_higher_coverage_moves_nobody() {
    let world = World::new();
    let store = &world.store;
    store.experiment("tone", NewExperiment { coverage: Some(0.1), ..World::plan() }, true).unwrap();
    let all = || (0..1_000).map(|i| store.assign("tone", &format!("u{i}")).unwrap()).collect::<Vec<_>>();
    let before = all();
    store.experiment_coverage("tone", 0.5).unwrap();
    let after = all();
    assert!(before.iter().filter(|a| a.takes_part).count() < 150);
    for (b, a) in before.iter().zip(&after).filter(|(b, _)| b.takes_part) {
        assert_eq!(a, b);
    }
    assert!((420..580).contains(&after.iter().filter(|a| a.takes_part).count()));
}

#[test]
fn a_gate_may_refuse_the_winner_and_the_experiment_goes_on() {
    let world = World::new();
    let store = &world.store;
    let gate = serde_json::from_value(serde_json::json!(
        {"dataset": "golden", "checks": [{"check": "mean", "metric": "quality", "at_least": 3.0}]}
    ))
    .unwrap();
    store.protect("greeting", "production", gate).unwrap();
    store.experiment("tone", World::plan(), true).unwrap();
    world.traffic("tone", 0..140, 1.0);
    let promote = ConcludeOptions { promote: Some("production".to_owned()), reason: None };
    assert_eq!(store.experiment_conclude("tone", promote).unwrap_err().code(), "gate-refused");
    assert_eq!(store.get("greeting", "production").unwrap().number(), 1);
    assert_eq!(store.find_experiment("tone").unwrap().state, ExperimentState::Running);
    let done = store.experiment_conclude("tone", ConcludeOptions::default()).unwrap();
    assert_eq!(done.experiment.winner.as_deref(), Some("b"));
}

#[test]
fn the_same_question_is_the_same_experiment() {
    let world = World::new();
    let store = &world.store;
    let random = NewExperiment { salt: None, ..World::plan() };
    let first = store.experiment("tone", random.clone(), true).unwrap();
    assert_eq!(store.experiment("tone", random.clone(), true).unwrap(), first);
    let other = NewExperiment { alpha: Some(0.01), ..random };
    assert_eq!(store.experiment("tone", other, true).unwrap_err().code(), "experiment-exists");
    assert_eq!(store.find_experiment("nope").unwrap_err().code(), "experiment-not-found");
    assert_eq!(store.experiments().unwrap(), [first]);
}
