//! What a judge's scores say about the truth, once people have labelled some of them.

use super::dist::{normal_upper_quantile, t_upper_quantile};
use super::paired::{differences_equal, largest};
use super::sum::{all_finite, mean, sum, variance};
use super::{Status, check_open_unit, invalid};
use crate::error::Result;

/// A mean of judge scores, corrected by human labels.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CorrectedMean {
    /// `insufficient_data` below two labelled items; `zero_variance` where nothing varies, with the estimate
    /// and without an interval.
    pub status: Status,
    /// How much of the judge is used, 0 to 1: 0 is the human mean alone.
    pub lambda: Option<f64>,
    /// The corrected mean.
    pub estimate: Option<f64>,
    /// Its standard error.
    pub se: Option<f64>,
    /// The lower end of its interval.
    pub ci_low: Option<f64>,
    /// The upper end.
    pub ci_high: Option<f64>,
    /// mean(judge - human) on the labelled items: how much too kind the judge is.
    pub judge_bias: Option<f64>,
}

/// Corrects the mean of a judge's scores by the human labels of some of them (PPI++).
///
/// # Shapes and units
/// `human` and `judge` hold the labelled items, in the same order; `unlabelled` the judge's scores of all others.
///
/// # Formula
/// λ = clip(Cov_n(Y,F) / ((1 + n/N)·Var(F of all)), 0, 1); θ = λ·mean_N(F) + mean_n(Y - λF);
/// se² = λ²·s²_F/N + s²_(Y-λF)/n; interval θ ± t(n-1)·se.
///
/// # Assumptions
/// The labelled items were drawn at random from what the judge scores.
///
/// # Errors
/// `invalid-argument` if alpha is not strictly between 0 and 1. Lists of different length or a value that is
/// not finite give `invalid_input`.
///
/// # Source
/// Angelopoulos, Duchi and Zrnic (2023), "PPI++"; reference values from `ppi_py` and mpmath.
///
/// # Examples
/// ```
/// use trialplate::stats::ppi_mean;
/// let r = ppi_mean(&[3.0, 4.0, 5.0, 2.0], &[3.5, 4.0, 5.0, 3.0], &[4.0, 5.0, 3.0, 4.0, 5.0, 4.0], 0.05)?;
/// assert_eq!(r.judge_bias, Some(0.375));
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn ppi_mean(human: &[f64], judge: &[f64], unlabelled: &[f64], alpha: f64) -> Result<CorrectedMean> {
    check_open_unit("alpha", alpha)?;
    let none = |status| CorrectedMean {
        status,
        lambda: None,
        estimate: None,
        se: None,
        ci_low: None,
        ci_high: None,
        judge_bias: None,
    };
    if human.len() != judge.len() || ![human, judge, unlabelled].into_iter().all(all_finite) {
        return Ok(none(Status::InvalidInput));
    }
    if human.len() < 2 {
        return Ok(none(Status::InsufficientData));
    }
    let (n, others) = (human.len() as f64, unlabelled.len() as f64);
    let (of_human, of_judge) = (mean(human), mean(judge));
    let lambda = if unlabelled.len() < 2 {
        // The judge adds nothing where it has scored nothing else.
        0.0
    } else {
        let products = human.iter().zip(judge).map(|(&y, &f)| of_human.residual(y) * of_judge.residual(f));
        let covariance = sum(products) / (n - 1.0);
        let all = [judge, unlabelled].concat();
        let spread = (1.0 + n / others) * variance(&all, mean(&all));
        if spread > 0.0 { (covariance / spread).clamp(0.0, 1.0) } else { 0.0 }
    };
    // From residuals: Y - λF of scores around 1e9 would lose the digits that the variance is made of.
    let rest: Vec<f64> = human
        .iter()
        .zip(judge)
        .map(|(&y, &f)| of_human.residual(y) - lambda * of_judge.residual(f))
        .collect();
    let scale = largest(human).max(lambda * largest(judge));
    let constant = differences_equal(&rest, scale);
    let mut square = if constant { 0.0 } else { variance(&rest, mean(&rest)) / n };
    let mut estimate = of_human.value();
    if lambda > 0.0 {
        let of_others = mean(unlabelled);
        estimate += lambda * of_others.minus(of_judge);
        square += lambda * lambda * variance(unlabelled, of_others) / others;
    }
    let bias: Vec<f64> = human.iter().zip(judge).map(|(y, f)| f - y).collect();
    let bias = mean(&bias).value();
    let se = libm::sqrt(square);
    if ![lambda, estimate, bias, se].iter().all(|x| x.is_finite()) {
        return Ok(none(Status::InvalidInput));
    }
    let mut found = none(Status::ZeroVariance);
    (found.lambda, found.estimate, found.judge_bias) = (Some(lambda), Some(estimate), Some(bias));
    if se > 0.0 {
        let half = t_upper_quantile(alpha / 2.0, n - 1.0) * se;
        (found.status, found.se) = (Status::Ok, Some(se));
        (found.ci_low, found.ci_high) = (Some(estimate - half), Some(estimate + half));
    }
    Ok(found)
}

/// What is known of a judge that says yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JudgeRates {
    /// Items that people call positive, and the judge too.
    pub true_pos: u64,
    /// Items that people call positive.
    pub positives: u64,
    /// Items that people call negative, and the judge too.
    pub true_neg: u64,
    /// Items that people call negative.
    pub negatives: u64,
}

/// A rate that a judge saw, corrected by how often it errs.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CorrectedRate {
    /// `invalid_input` where the judge is no better than a coin; `insufficient_data` without labels of both kinds.
    pub status: Status,
    /// The corrected rate. It may fall outside 0 to 1 by chance; the interval does not.
    pub estimate: Option<f64>,
    /// Its standard error.
    pub se: Option<f64>,
    /// The lower end of its interval.
    pub ci_low: Option<f64>,
    /// The upper end.
    pub ci_high: Option<f64>,
}

/// Corrects a rate by the judge's sensitivity and specificity (Rogan and Gladen).
///
/// # Formula
/// θ = (p + sp - 1)/(se + sp - 1); variance by the delta method from all three rates; interval θ ± z·se, cut
/// to 0..1.
///
/// # Errors
/// `invalid-argument` if alpha or the rate is out of its bounds, or more items are right than there are.
///
/// # Source
/// Rogan and Gladen (1978); statistics.md (i).
///
/// # Examples
/// ```
/// use trialplate::stats::{JudgeRates, rogan_gladen};
/// let judge = JudgeRates { true_pos: 38, positives: 40, true_neg: 98, negatives: 100 };
/// assert!((rogan_gladen(0.03, 500, judge, 0.05)?.estimate.unwrap() - 0.0107527).abs() < 1e-6);
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn rogan_gladen(observed: f64, n: u64, judge: JudgeRates, alpha: f64) -> Result<CorrectedRate> {
    check_open_unit("alpha", alpha)?;
    if !(0.0..=1.0).contains(&observed) {
        return Err(invalid("observed_rate", "a rate lies between 0 and 1"));
    }
    super::rates::check_count(judge.true_pos, judge.positives)?;
    super::rates::check_count(judge.true_neg, judge.negatives)?;
    let none = |status| CorrectedRate { status, estimate: None, se: None, ci_low: None, ci_high: None };
    if n == 0 || judge.positives == 0 || judge.negatives == 0 {
        return Ok(none(Status::InsufficientData));
    }
    // In whole numbers: 0.7 + 0.3 must be no better than a coin, whatever the rounding.
    let [tp, pos, tn, neg] =
        [judge.true_pos, judge.positives, judge.true_neg, judge.negatives].map(u128::from);
    // se + sp - 1 = (tp·neg - (neg - tn)·pos) / (pos·neg)
    let (right, by_chance) = (tp * neg, (neg - tn) * pos);
    if right <= by_chance {
        return Ok(none(Status::InvalidInput));
    }
    let (positives, negatives) = (judge.positives as f64, judge.negatives as f64);
    let (se, sp) = (judge.true_pos as f64 / positives, judge.true_neg as f64 / negatives);
    let skill = (right - by_chance) as f64 / positives / negatives;
    let estimate = (observed - (neg - tn) as f64 / negatives) / skill;
    let square = observed * (1.0 - observed) / n as f64
        + estimate * estimate * se * (1.0 - se) / positives
        + (1.0 - estimate) * (1.0 - estimate) * sp * (1.0 - sp) / negatives;
    let error = libm::sqrt(square) / skill;
    let half = normal_upper_quantile(alpha / 2.0) * error;
    Ok(CorrectedRate {
        status: Status::Ok,
        estimate: Some(estimate),
        se: Some(error),
        ci_low: Some((estimate - half).clamp(0.0, 1.0)),
        ci_high: Some((estimate + half).clamp(0.0, 1.0)),
    })
}
