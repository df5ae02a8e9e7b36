//! Scores as categories: the steps of a rubric, or names.

use std::collections::{BTreeMap, BTreeSet};

use super::{ALPHA, Agreement, Labelled, invalid};
use crate::error::Result;
use crate::model::score::{MetricKind, ScoreConfig, ScoreValue};
use crate::stats::{self, KappaWeights, Status};

/// The steps that a rubric may have; the first that every score fits is taken. Kappa does not depend on it: it looks
/// at the ratio of distances.
const STEPS: [f64; 8] = [1.0, 0.5, 0.25, 0.2, 0.1, 0.05, 0.02, 0.01];
const MOST_CATEGORIES: f64 = 1000.0;

/// What the categories of a metric are.
pub(super) enum Scale {
    /// Names, of which none is nearer to another.
    Names(Vec<String>),
    /// true and false.
    YesNo,
    /// `low`, `low + step`, … in order.
    Rubric { low: f64, step: f64, categories: usize },
}

impl Scale {
    pub(super) fn of(labels: &[Labelled], config: Option<&ScoreConfig>) -> Result<Scale> {
        let values = || labels.iter().flat_map(|label| [&label.human, &label.judge]);
        let is_name = |value: &ScoreValue| matches!(value, ScoreValue::Category(_));
        let kind = config.map(|config| config.kind);
        if kind == Some(MetricKind::Categorical) || values().any(is_name) {
            if !values().all(is_name) {
                return Err(invalid(
                    "a judge and people must use the same scale; some scores are names, some numbers",
                ));
            }
            let mut names = config.and_then(|config| config.categories.clone()).unwrap_or_default();
            let given: BTreeSet<String> = values().filter_map(name_of).collect();
            let more: Vec<String> = given.into_iter().filter(|name| !names.contains(name)).collect();
            names.extend(more);
            return Ok(Scale::Names(names));
        }
        let numbers: Vec<f64> = values().filter_map(ScoreValue::as_number).collect();
        let yes_or_no = numbers.iter().all(|&x| x == 0.0 || x == 1.0);
        if yes_or_no
            && (kind == Some(MetricKind::Boolean) || values().all(|v| matches!(v, ScoreValue::Bool(_))))
        {
            return Ok(Scale::YesNo);
        }
        let seen = numbers.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &x| (l.min(x), h.max(x)));
        let (low, high) = config.and_then(ScoreConfig::range).unwrap_or(seen);
        let (low, high) = (low.min(seen.0), high.max(seen.1));
        let fits = |step: &f64| {
            let steps = |x: f64| (x - low) / step;
            let whole = |x: f64| (steps(x) - steps(x).round()).abs() < 1e-6;
            steps(high) < MOST_CATEGORIES && numbers.iter().all(|&x| whole(x))
        };
        let step = STEPS.into_iter().find(|step| fits(step)).ok_or_else(|| {
            invalid("agreement needs a rubric: scores on a scale of equal steps of 0.01 or more, and at most 1,000 of them; round the scores")
        })?;
        Ok(Scale::Rubric { low, step, categories: 1 + ((high - low) / step).round() as usize })
    }

    pub(super) fn is_classes(&self) -> bool {
        matches!(self, Scale::Names(_))
    }

    fn weights(&self) -> KappaWeights {
        match self {
            Scale::Rubric { .. } => KappaWeights::Quadratic,
            Scale::Names(_) | Scale::YesNo => KappaWeights::Unweighted,
        }
    }

    pub(super) fn weights_name(&self) -> &'static str {
        if self.weights() == KappaWeights::Quadratic { "quadratic" } else { "unweighted" }
    }

    fn position(&self, value: &ScoreValue) -> Option<usize> {
        match self {
            Scale::Names(names) => {
                let name = name_of(value)?;
                names.iter().position(|known| *known == name)
            }
            Scale::YesNo => value.as_number().map(|x| usize::from(x == 1.0)),
            Scale::Rubric { low, step, .. } => value.as_number().map(|x| ((x - low) / step).round() as usize),
        }
    }

    fn name(&self, position: usize) -> String {
        match self {
            Scale::Names(names) => names.get(position).cloned().unwrap_or_default(),
            Scale::YesNo => if position == 1 { "true" } else { "false" }.to_owned(),
            Scale::Rubric { low, step, .. } => {
                // 1 + 7·0.1 is 1.7000000000000002; two decimals are all that a step has.
                let text = format!("{:.2}", low + step * position as f64);
                text.trim_end_matches('0').trim_end_matches('.').to_owned()
            }
        }
    }

    fn categories(&self) -> usize {
        match self {
            Scale::Names(names) => names.len(),
            Scale::YesNo => 2,
            Scale::Rubric { categories, .. } => *categories,
        }
    }

    /// How far both agree on some labels, and what people gave.
    pub(super) fn agreement(&self, labels: &[&Labelled]) -> Result<(Agreement, BTreeMap<String, f64>)> {
        let positions = |of: fn(&Labelled) -> &ScoreValue| -> Vec<usize> {
            labels.iter().filter_map(|label| self.position(of(label))).collect()
        };
        let (human, judge) = (positions(|l| &l.human), positions(|l| &l.judge));
        // Kappa is about two categories or more; with one that was ever given it is not defined anyway.
        let kappa = stats::kappa(&human, &judge, self.categories().max(2), self.weights(), ALPHA)?;
        let shares = kappa.prevalence.iter().enumerate().filter(|(_, share)| **share > 0.0);
        let prevalence = shares.map(|(i, share)| (self.name(i), *share)).collect();
        let numbers = |of: fn(&Labelled) -> &ScoreValue| -> Vec<f64> {
            labels.iter().filter_map(|label| of(label).as_number()).collect()
        };
        let bias = match self {
            Scale::Names(_) => None,
            _ => Some(stats::paired(&numbers(|l| &l.human), &numbers(|l| &l.judge), ALPHA)?),
        };
        let bias = bias.filter(|b| b.status != Status::InvalidInput);
        Ok((
            Agreement {
                n: labels.len() as u64,
                kappa: kappa.kappa,
                kappa_low: kappa.ci_low,
                kappa_high: kappa.ci_high,
                agreement: kappa.agreement,
                bias: bias.as_ref().and_then(|b| b.diff),
                bias_low: bias.as_ref().and_then(|b| b.ci_low),
                bias_high: bias.as_ref().and_then(|b| b.ci_high),
            },
            prevalence,
        ))
    }
}

fn name_of(value: &ScoreValue) -> Option<String> {
    match value {
        ScoreValue::Category(name) => Some(name.clone()),
        _ => None,
    }
}
