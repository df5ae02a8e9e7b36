use super::*;

fn label(i: usize, human: f64, judge: f64, length: u64) -> Labelled {
    Labelled {
        unit: format!("u{i}"),
        human: ScoreValue::Number(human),
        judge: ScoreValue::Number(judge),
        stratum: None,
        length: Some(length),
    }
}

fn labels(labelled: Vec<Labelled>) -> Labels {
    Labels {
        metric: "q".parse().unwrap(),
        scorer: ContentId::from_bytes([7; 32]),
        source: "run x".to_owned(),
        labelled,
        unlabelled: Vec::new(),
    }
}

#[test]
fn kappa_does_not_depend_on_the_step_of_the_rubric() {
    // The same ratings in steps of 1, 0.5, 0.1 and 0.01 points.
    let ratings: Vec<(u8, u8)> =
        (0..120).map(|i| (i % 5, if i % 8 == 0 { (i % 5) / 2 } else { i % 5 })).collect();
    let kappa = |step: f64| {
        let of = |(i, (h, j)): (usize, &(u8, u8))| label(i, f64::from(*h) * step, f64::from(*j) * step, 1);
        calibrate(&labels(ratings.iter().enumerate().map(of).collect()), None).unwrap().all.kappa.unwrap()
    };
    for step in [0.5, 0.1, 0.01] {
        assert!((kappa(step) - kappa(1.0)).abs() < 1e-12, "{step}");
    }
}

#[test]
fn the_levels_begin_where_they_say() {
    assert_eq!(level(100, Some(0.6)), JudgeLevel::Usable);
    assert_eq!(level(99, Some(0.9)), JudgeLevel::NotUsable);
    assert_eq!(level(100, Some(0.599)), JudgeLevel::UsableWithSpotChecks);
    assert_eq!(level(100, Some(0.4)), JudgeLevel::UsableWithSpotChecks);
    assert_eq!(level(100, Some(0.399)), JudgeLevel::NotUsable);
    assert_eq!(level(100_000, None), JudgeLevel::NotUsable);
}

#[test]
fn several_trials_of_an_item_are_one_unit() {
    let many: Vec<Labelled> =
        (0u8..200).map(|i| label(usize::from(i % 50), f64::from(i % 5), f64::from(i % 5), 1)).collect();
    let found = calibrate(&labels(many), None).unwrap();
    assert_eq!((found.all.n, found.units, found.level), (200, 50, JudgeLevel::NotUsable));
}

#[test]
fn a_judge_that_likes_long_answers_shows_in_the_thirds() {
    let of = |i: u8| {
        let human = f64::from(i % 3) + 1.0;
        label(usize::from(i), human, if i >= 80 { human + 1.0 } else { human }, u64::from(i))
    };
    let found = calibrate(&labels((0u8..120).map(of).collect()), None).unwrap();
    let bias: Vec<f64> = found.lengths.values().map(|part| part.bias.unwrap()).collect();
    assert_eq!(bias, [0.0, 0.0, 1.0]);
    assert_eq!(found.lengths.values().map(|part| part.n).sum::<u64>(), 120);
}
