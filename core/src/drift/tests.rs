use std::collections::BTreeMap;

use proptest::prelude::*;

use super::watch::Watch;
use super::{Anchor, Entry, Recorded, Scores, What};
use crate::model::canary::{
    Canary, CanaryCause, CanaryMethod, CanaryMetric, CanaryState, CanaryStatus, CanaryStep, SeriesBegan,
};
use crate::model::id::{ContentId, RunId};
use crate::model::name::ItemKey;
use crate::model::time::Timestamp;
use crate::stats::{Drift, DriftPlan, drift_bernoulli};

const DAY: i64 = 86_400_000_000;
const RUBRIC: CanaryMetric = CanaryMetric { min: 1.0, max: 5.0, boolean: false };
const YES_NO: CanaryMetric = CanaryMetric { min: 0.0, max: 1.0, boolean: true };

fn canary(items: u64, metrics: &[(&str, CanaryMetric)]) -> Canary {
    Canary {
        name: "daily".parse().unwrap(),
        prompt: "p".parse().unwrap(),
        version: 1,
        version_id: ContentId::from_bytes([1; 32]),
        dataset: "d".parse().unwrap(),
        dataset_version: 1,
        dataset_root: ContentId::from_bytes([2; 32]),
        items,
        metrics: metrics.iter().map(|(name, metric)| (name.parse().unwrap(), *metric)).collect(),
        scorers: Vec::new(),
        baseline: 10,
        alarm: 365.0,
        floor: 0.0025,
        registered_at: Timestamp::from_micros(0),
        actor: None,
    }
}

fn keys(canary: &Canary) -> Vec<ItemKey> {
    (0..canary.items).map(|i| format!("item-{i:02}").parse().unwrap()).collect()
}

/// A history under construction: one run a day, from 1 March 2026 on.
struct Story {
    entries: Vec<Entry>,
    judge: u8,
    apart: i64,
}

impl Story {
    fn new() -> Story {
        Story { entries: Vec::new(), judge: 1, apart: DAY }
    }

    fn id(number: u32, kind: u8) -> RunId {
        let mut bytes = [kind; 16];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        RunId::from_bytes(bytes)
    }

    fn push(&mut self, what: What) {
        let number = self.entries.len() as u32 + 1;
        let at = Timestamp::from_micros(1_772_323_200_000_000 + i64::from(number) * DAY);
        self.entries.push(Entry { number, at, actor: None, what });
    }

    fn run_with(&mut self, scores: Scores, anchor: Option<Scores>) {
        let number = self.entries.len() as u32 + 1;
        let scorers = vec![Some(ContentId::from_bytes([self.judge; 32])); scores.len()];
        let anchor = anchor.map(|scores| Anchor { run: Story::id(number, 2), scores });
        let at = Timestamp::from_micros(1_772_323_200_000_000 + i64::from(number - 1) * self.apart);
        self.push(What::Run(Recorded { run: Story::id(number, 1), at, scorers, scores, anchor }));
    }

    fn run(&mut self, scores: Scores) {
        self.run_with(scores, None);
    }

    fn dismiss(&mut self) {
        self.push(What::Dismissed { reason: "an outage".to_owned() });
    }

    fn confirm(&mut self) {
        self.push(What::Confirmed { reason: "a new snapshot".to_owned() });
    }

    fn told(&self, canary: &Canary) -> (CanaryStatus, Vec<CanaryStep>) {
        let keys = keys(canary);
        let (watch, steps) = Watch::over(canary, &keys, &self.entries).unwrap();
        (watch.status().unwrap(), steps)
    }
}

/// Noise that is the same everywhere: a run's scores around `mean`, in points of the rubric.
fn noisy(run: usize, items: u64, mean: f64) -> Vec<Option<f64>> {
    let noise = |i: u64| {
        let mut x = (run as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
            ^ (i + 1).wrapping_mul(0xD1B5_4A32_D192_ED03);
        x ^= x >> 31;
        x = x.wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^= x >> 29;
        (x % 1_000) as f64 / 1_000.0 - 0.5
    };
    (0..items).map(|i| Some(mean + 0.4 * noise(i))).collect()
}

fn scaled(run: &[Option<f64>]) -> Vec<Option<f64>> {
    run.iter().map(|x| x.map(|x| (x - 1.0) / 4.0)).collect()
}

#[test]
fn fallen_scores_ring_once_and_the_alarm_is_held() {
    let canary = canary(20, &[("quality", RUBRIC)]);
    let (mut story, mut model) =
        (Story::new(), Drift::new(20, DriftPlan { baseline_runs: 10, ..DriftPlan::default() }).unwrap());
    let mut rang = None;
    for run in 0..30 {
        let scores = noisy(run, 20, if run < 18 { 4.0 } else { 3.6 });
        let step = model.push(&scaled(&scores)).unwrap().unwrap();
        story.run(vec![scores]);
        let (status, steps) = story.told(&canary);
        let last = steps.last().unwrap();
        assert_eq!(last.m, status.m);
        match rang {
            None => assert_eq!(status.m, step.m, "run {run}: the room adds nothing to the detector"),
            Some(m) => assert_eq!((status.m, status.state), (Some(m), CanaryState::Alarm), "held"),
        }
        let expected = match (run, step.alarm) {
            (0..10, _) => CanaryState::Baseline,
            (_, false) => CanaryState::Quiet,
            (_, true) => CanaryState::Alarm,
        };
        assert_eq!(status.state, expected, "run {run}");
        if status.state == CanaryState::Alarm && rang.is_none() {
            rang = status.m;
            assert!((18..22).contains(&run), "{run}");
        }
    }
    let (status, steps) = story.told(&canary);
    assert!(rang.unwrap() >= 365.0);
    assert_eq!((status.runs, status.cause), (30, Some(CanaryCause::Model)));
    let onset = status.onset.unwrap();
    assert_eq!((onset.number, onset.run), (19, Story::id(19, 1)));
    let figures = &status.metrics[0];
    assert!((figures.mean_before.unwrap() - 4.0).abs() < 0.05, "{figures:?}");
    assert!((figures.mean_now.unwrap() - 3.6).abs() < 0.05, "{figures:?}");
    assert_eq!(status.most_affected.len(), 3);
    let names: Vec<&str> = status.most_affected.iter().map(|item| item.key.as_str()).collect();
    assert_eq!(
        status.sentence,
        format!(
            "**The model's answers changed around 19 March 2026.** Mean 4.0→3.6 on 20 canary items; most affected: {}. \
             Nothing was deployed on your side. Such an alarm appears by chance at most once in 365 runs. \
             Next: full golden-set run.",
            names.join(", ")
        )
    );
    assert_eq!(status.warnings, [""; 0]);
    let first = steps.iter().position(|step| step.state == CanaryState::Alarm).unwrap();
    assert!(steps[first..].iter().all(|step| step.state == CanaryState::Alarm && step.m == rang));
}

#[test]
fn a_quiet_canary_says_what_it_would_notice() {
    let canary = canary(20, &[("quality", RUBRIC)]);
    let mut story = Story::new();
    (0..40).for_each(|run| story.run(vec![noisy(run, 20, 4.0)]));
    let (status, _) = story.told(&canary);
    assert_eq!((status.state, status.onset, status.moved_most), (CanaryState::Quiet, None, None));
    assert_eq!(
        status.sentence,
        "No sign of change in 30 runs. A drop of 0.4 points would be noticed in about 2 runs."
    );
}

#[test]
fn a_dismissal_starts_the_bets_anew_and_keeps_the_reference() {
    let canary = canary(20, &[("quality", RUBRIC)]);
    let mut story = Story::new();
    (0..12).for_each(|run| story.run(vec![noisy(run, 20, 4.0)]));
    while story.told(&canary).0.state != CanaryState::Alarm {
        story.run(vec![noisy(story.entries.len(), 20, 3.0)]);
    }
    let runs = story.told(&canary).0.runs;
    story.dismiss();
    let (status, steps) = story.told(&canary);
    assert_eq!(
        (status.state, status.m, status.series, status.runs),
        (CanaryState::Quiet, Some(0.0), 1, runs)
    );
    assert_eq!(steps.last().unwrap().reason.as_deref(), Some("an outage"));
    story.run(vec![noisy(99, 20, 4.0)]);
    assert_eq!(story.told(&canary).0.runs, runs + 1);
}

#[test]
fn a_confirmation_begins_a_new_baseline() {
    let canary = canary(20, &[("quality", RUBRIC)]);
    let mut story = Story::new();
    (0..12).for_each(|run| story.run(vec![noisy(run, 20, 4.0)]));
    while story.told(&canary).0.state != CanaryState::Alarm {
        story.run(vec![noisy(story.entries.len(), 20, 3.0)]);
    }
    story.confirm();
    let (status, _) = story.told(&canary);
    assert_eq!((status.state, status.series, status.runs, status.m), (CanaryState::Baseline, 2, 0, None));
    assert_eq!((status.began, status.sentence.as_str()), (SeriesBegan::Confirmed, "Baseline: 0 of 10 runs."));
    // What was an alarm before is the normal now.
    (50..70).for_each(|run| story.run(vec![noisy(run, 20, 3.0)]));
    assert_eq!(story.told(&canary).0.state, CanaryState::Quiet);
}

#[test]
fn other_scorers_begin_a_new_baseline_and_ring_nothing() {
    let canary = canary(20, &[("quality", RUBRIC)]);
    let mut story = Story::new();
    (0..15).for_each(|run| story.run(vec![noisy(run, 20, 4.0)]));
    story.judge = 2;
    story.run(vec![noisy(15, 20, 2.0)]);
    let (status, _) = story.told(&canary);
    assert_eq!((status.state, status.series, status.runs), (CanaryState::Baseline, 2, 1));
    assert_eq!(status.began, SeriesBegan::JudgeMoved);
    assert_eq!(
        status.sentence,
        "Baseline: 1 of 10 runs. The judge moved: from entry 16 on, other scorers give quality, so a new baseline \
         began. That says nothing about the model."
    );
}

#[test]
fn an_alarm_outlives_a_change_of_the_judge() {
    let canary = canary(20, &[("quality", RUBRIC)]);
    let mut story = Story::new();
    (0..12).for_each(|run| story.run(vec![noisy(run, 20, 4.0)]));
    while story.told(&canary).0.state != CanaryState::Alarm {
        story.run(vec![noisy(story.entries.len(), 20, 3.0)]);
    }
    let before = story.told(&canary).0;
    story.judge = 2;
    story.run(vec![noisy(50, 20, 2.0)]);
    let (status, steps) = story.told(&canary);
    assert_eq!((status.state, status.cause, status.m), (CanaryState::Alarm, before.cause, before.m));
    assert!(status.sentence.contains("changed around") && status.sentence.contains("The judge moved"));
    assert_eq!(steps.last().unwrap().series, 2);
    story.dismiss();
    let (status, _) = story.told(&canary);
    assert_eq!((status.state, status.series, status.runs), (CanaryState::Baseline, 2, 1));
}

#[test]
fn stored_outputs_that_move_are_the_judge() {
    let canary = canary(20, &[("quality", RUBRIC)]);
    let mut story = Story::new();
    for run in 0..12 {
        story.run_with(vec![noisy(run, 20, 4.0)], Some(vec![noisy(run + 100, 20, 3.5)]));
    }
    let (status, _) = story.told(&canary);
    let anchor = status.anchor.unwrap();
    assert_eq!((status.state, anchor.runs, anchor.alarm), (CanaryState::Quiet, 12, false));
    while story.told(&canary).0.cause != Some(CanaryCause::Judge) {
        let run = story.entries.len();
        story.run_with(vec![noisy(run, 20, 3.4)], Some(vec![noisy(run + 100, 20, 2.9)]));
        assert!(story.entries.len() < 20);
    }
    let (status, _) = story.told(&canary);
    assert_eq!(status.state, CanaryState::Alarm);
    assert!(status.anchor.unwrap().m.unwrap() >= 365.0);
    assert!(
        status.sentence.starts_with(
            "**The judge's scores changed around 13 March 2026, so this says nothing about the model.** Mean 3.5→2.9 on \
             the same stored outputs of 20 canary items; most affected: "
        ),
        "{}",
        status.sentence
    );
    assert!(
        status.sentence.contains("Next: check the judge against human labels, then full golden-set run.")
    );
}

#[test]
fn stored_outputs_that_stay_are_said_to_stay() {
    let canary = canary(20, &[("quality", RUBRIC)]);
    let (mut told, mut too_few) = (Story::new(), Story::new());
    for run in 0..20 {
        let scores = vec![noisy(run, 20, if run < 12 { 4.0 } else { 3.4 })];
        let anchor = Some(vec![noisy(run + 100, 20, 3.5)]);
        too_few.run_with(scores.clone(), anchor.clone().filter(|_| run > 10));
        told.run_with(scores, anchor);
    }
    let (status, _) = told.told(&canary);
    assert_eq!(status.cause, Some(CanaryCause::Model));
    assert!(
        status
            .sentence
            .ends_with("The same stored outputs, judged again 20 times, show no sign of a moved judge."),
        "{}",
        status.sentence
    );
    let (status, _) = too_few.told(&canary);
    assert!(
        status.sentence.ends_with(
            "Whether the judge moved is not known yet: it has judged the stored outputs 9 times, and their baseline takes 10."
        ),
        "{}",
        status.sentence
    );
}

#[test]
fn missing_scores_take_the_earlier_mean_or_make_the_run_unreadable() {
    let canary = canary(20, &[("quality", RUBRIC)]);
    let with = |run, missing: usize| {
        let mut scores = noisy(run, 20, 4.0);
        scores[..missing].fill(None);
        vec![scores]
    };
    let mut story = Story::new();
    story.run(with(0, 1));
    let (status, steps) = story.told(&canary);
    assert_eq!((status.state, status.runs, steps[0].used), (CanaryState::CannotTell, 0, false));
    assert_eq!(
        status.sentence,
        "Cannot tell: 19 of 20 canary items have a score in the last run, and the first run of a baseline needs them all. \
         It is not used."
    );
    story.run(with(1, 0));
    story.run(with(2, 2));
    let (status, _) = story.told(&canary);
    assert_eq!((status.state, status.runs, status.n_missing), (CanaryState::Baseline, 2, 2));
    assert_eq!(status.sentence, "Baseline: 2 of 10 runs. 2 scores were missing and took an earlier mean.");
    (3..15).for_each(|run| story.run(with(run, 0)));
    story.run(with(15, 3));
    let (status, steps) = story.told(&canary);
    assert_eq!((status.state, status.runs, status.unreadable), (CanaryState::CannotTell, 14, 2));
    assert_eq!(
        status.sentence,
        "Cannot tell: 17 of 20 canary items have a score in the last run, and 90% are needed. It is not used."
    );
    assert_eq!(steps.last().unwrap().means, BTreeMap::new());
    story.run(with(16, 0));
    assert_eq!(story.told(&canary).0.state, CanaryState::Quiet);
}

#[test]
fn a_run_that_can_not_be_read_does_not_hide_an_alarm() {
    let canary = canary(20, &[("quality", RUBRIC)]);
    let mut story = Story::new();
    (0..12).for_each(|run| story.run(vec![noisy(run, 20, 4.0)]));
    (12..16).for_each(|run| story.run(vec![noisy(run, 20, 3.0)]));
    story.run(vec![vec![None; 20]]);
    let (status, _) = story.told(&canary);
    assert_eq!((status.state, status.unreadable), (CanaryState::Alarm, 1));
    story.dismiss();
    assert_eq!(story.told(&canary).0.state, CanaryState::CannotTell);
}

#[test]
fn a_baseline_of_one_hour_is_said_to_be_one() {
    let canary = canary(20, &[("quality", RUBRIC)]);
    let mut story = Story { apart: 400_000_000, ..Story::new() };
    (0..9).for_each(|run| story.run(vec![noisy(run, 20, 4.0)]));
    assert_eq!(story.told(&canary).0.sentence, "Baseline: 9 of 10 runs.");
    story.run(vec![noisy(9, 20, 4.0)]);
    let (status, _) = story.told(&canary);
    let burst = "All 10 baseline runs lie within one hour, so the noise from day to day is not in them.";
    assert_eq!(
        (status.sentence, status.warnings),
        (format!("Baseline: 10 of 10 runs. {burst}"), vec![burst.to_owned()])
    );
    let mut slower = Story { apart: 401_000_000, ..Story::new() };
    (0..10).for_each(|run| slower.run(vec![noisy(run, 20, 4.0)]));
    assert_eq!(slower.told(&canary).0.warnings, [""; 0]);
}

#[test]
fn several_metrics_are_averaged() {
    let canary = canary(20, &[("quality", RUBRIC), ("tone", RUBRIC)]);
    let mut story = Story::new();
    for run in 0..14 {
        story.run(vec![noisy(run, 20, 4.0), noisy(run + 200, 20, if run < 12 { 4.0 } else { 3.7 })]);
    }
    let (status, _) = story.told(&canary);
    let each: Vec<f64> = status.metrics.iter().map(|figures| figures.m.unwrap()).collect();
    let mean = (each[0] + each[1]) / 2.0;
    assert!((status.m.unwrap() / mean - 1.0).abs() < 1e-12, "{status:?}");
    assert_eq!(status.moved_most.as_ref().map(|metric| metric.as_str()), Some("tone"));
    assert!(status.sentence.ends_with("The metric that moved most is tone."), "{}", status.sentence);
}

#[test]
fn what_is_hardly_ever_true_is_counted() {
    let canary = canary(20, &[("refused", YES_NO)]);
    let mut story = Story::new();
    let run = |refused: usize| vec![(0..20).map(|i| Some(f64::from(u8::from(i < refused)))).collect()];
    (0..12).for_each(|_| story.run(run(0)));
    let (status, _) = story.told(&canary);
    assert_eq!((status.state, status.metrics[0].method), (CanaryState::Quiet, CanaryMethod::RareEvents));
    // 0 of 200 in the baseline: the rate lies below 1 - 0.05^(1/200), with 95% confidence.
    let p0 = -libm::expm1(libm::log(0.05) / 200.0);
    let m =
        |runs: &[(u64, u64)]| *drift_bernoulli(runs, p0, &[2.0, 5.0, 10.0], 365.0).unwrap().0.last().unwrap();
    let near = |a: f64, b: f64| (a / b - 1.0).abs() < 1e-9;
    assert!(near(status.m.unwrap(), m(&[(0, 20), (0, 20)])));
    story.run(run(3));
    story.run(run(4));
    let (status, _) = story.told(&canary);
    assert!(near(status.m.unwrap(), m(&[(0, 20), (0, 20), (3, 20), (4, 20)])), "{status:?}");
    assert_eq!((status.state, status.onset.unwrap().number), (CanaryState::Alarm, 13));
    story.dismiss();
    story.run(run(0));
    assert!(near(story.told(&canary).0.m.unwrap(), m(&[(0, 20)])));

    let mut often = Story::new();
    (0..12).for_each(|i| often.run(run(i % 3)));
    assert_eq!(often.told(&canary).0.metrics[0].method, CanaryMethod::Scores);
}

#[test]
fn items_are_few_or_many() {
    let words = |items| canary(items, &[("quality", RUBRIC)]).warnings();
    assert_eq!(
        (words(10).len(), words(19).len(), words(20).len(), words(50).len(), words(51).len()),
        (1, 1, 0, 0, 1)
    );
}

/// What can happen to a canary.
#[derive(Debug, Clone)]
enum Happening {
    Run { mean: f64, missing: usize, judge: u8, anchor: bool },
    Confirm,
    Dismiss,
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let run = (2.0..4.0f64, 0usize..12, 0u8..40, any::<bool>()).prop_map(|(mean, missing, judge, anchor)| {
        // Mostly whole runs by one judge.
        Happening::Run { mean, missing: missing.saturating_sub(8), judge: u8::from(judge == 0), anchor }
    });
    let step = prop_oneof![40 => run, 1 => Just(Happening::Confirm), 2 => Just(Happening::Dismiss)];
    prop::collection::vec(step, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// From the start or step by step: one state. And a plain model of the rules knows it.
    #[test]
    fn replayed_is_followed(story in happenings()) {
        let canary = canary(20, &[("quality", RUBRIC)]);
        let keys = keys(&canary);
        let plan = DriftPlan { baseline_runs: 10, ..DriftPlan::default() };
        let mut told = Story::new();
        let mut watch = Watch::new(&canary, &keys).unwrap();
        let mut steps = Vec::new();
        // The plain model: a detector, whether it rings, the last judge, whether the last run was read.
        let new = || Drift::new(20, plan).unwrap();
        let (mut drift, mut anchors) = (new(), new());
        let (mut rings, mut judge, mut unread, mut runs) = (false, None, false, 0u64);
        for (i, happening) in story.into_iter().enumerate() {
            match happening {
                Happening::Run { mean, missing, judge: by, anchor } => {
                    let mut scores = noisy(i, 20, mean);
                    scores[..missing].fill(None);
                    let anchor = anchor.then(|| noisy(i + 1_000, 20, 3.0));
                    if judge.is_some_and(|judge| judge != by) {
                        (drift, anchors, runs) = (new(), new(), 0);
                    }
                    judge = Some(by);
                    let step = drift.push(&scaled(&scores)).unwrap();
                    (unread, runs) = (step.is_none(), runs + u64::from(step.is_some()));
                    if let Some(scores) = &anchor {
                        let step = anchors.push(&scaled(scores)).unwrap();
                        rings |= step.is_some_and(|step| step.alarm);
                    }
                    rings |= step.is_some_and(|step| step.alarm);
                    told.judge = by;
                    told.run_with(vec![scores], anchor.map(|scores| vec![scores]));
                }
                Happening::Confirm => {
                    (drift, anchors, rings, judge, unread, runs) = (new(), new(), false, None, false, 0);
                    told.confirm();
                }
                Happening::Dismiss => {
                    drift.dismiss();
                    anchors.dismiss();
                    rings = false;
                    told.dismiss();
                }
            }
            steps.push(watch.apply(told.entries.last().unwrap()).unwrap());
            let (again, all) = Watch::over(&canary, &keys, &told.entries).unwrap();
            prop_assert_eq!(&again, &watch);
            prop_assert_eq!(&all, &steps);
            let status = watch.status().unwrap();
            prop_assert_eq!(&status, &again.status().unwrap());
            let expected = if rings {
                CanaryState::Alarm
            } else if unread {
                CanaryState::CannotTell
            } else if runs <= 10 {
                CanaryState::Baseline
            } else {
                CanaryState::Quiet
            };
            prop_assert_eq!(status.state, expected, "{:?}", status);
            prop_assert!(status.m.is_none_or(f64::is_finite));
            if !rings {
                prop_assert_eq!(status.runs, runs);
            }
        }
    }
}
