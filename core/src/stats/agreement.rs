//! Does a judge agree with people? Cohen's kappa, weighted on rubrics.

use super::dist::normal_upper_quantile;
use super::sum::sum;
use super::{Status, check_open_unit, invalid};
use crate::error::Result;

/// How much a disagreement counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KappaWeights {
    /// Any disagreement counts the same: for classes.
    Unweighted,
    /// By the distance.
    Linear,
    /// By the squared distance: for rubrics.
    Quadratic,
}

/// How far a judge and people agree beyond chance.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Kappa {
    /// `zero_variance` if only one category was ever given, where kappa is not defined.
    pub status: Status,
    /// How many items.
    pub n: usize,
    /// Cohen's kappa.
    pub kappa: Option<f64>,
    /// The share of items on which both gave the same.
    pub agreement: Option<f64>,
    /// The standard error of kappa.
    pub se: Option<f64>,
    /// The lower end of its interval.
    pub ci_low: Option<f64>,
    /// The upper end, at most 1.
    pub ci_high: Option<f64>,
    /// The share of each category in what people gave: kappa collapses where one has nearly all.
    pub prevalence: Vec<f64>,
}

/// Agreement of two raters.
///
/// # Shapes and units
/// Each rating is the position of its category, from 0 to `categories` - 1; the order of the categories is
/// that of the rubric.
///
/// # Formula
/// κ = (p_o - p_e)/(1 - p_e) with agreement weights w = 1, 1 - |i-j|/(k-1) or 1 - (i-j)²/(k-1)². Standard
/// error of Fleiss, Cohen and Everitt; interval κ ± z·se, cut at 1.
///
/// # Errors
/// `invalid-argument` if alpha is not strictly between 0 and 1 or there are fewer than two categories. A
/// rating that is no category, or lists of different length, give `invalid_input`; fewer than two items
/// `insufficient_data`.
///
/// # Source
/// Fleiss, Cohen and Everitt (1969); reference values from `statsmodels.stats.inter_rater.cohens_kappa`.
///
/// # Examples
/// ```
/// use trialplate::stats::{KappaWeights, kappa};
/// let r = kappa(&[0, 0, 1, 1], &[0, 0, 1, 0], 2, KappaWeights::Unweighted, 0.05)?;
/// assert_eq!((r.kappa, r.agreement), (Some(0.5), Some(0.75)));
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn kappa(
    human: &[usize],
    judge: &[usize],
    categories: usize,
    weights: KappaWeights,
    alpha: f64,
) -> Result<Kappa> {
    check_open_unit("alpha", alpha)?;
    if !(2..=1000).contains(&categories) {
        return Err(invalid("labels", "there are 2 to 1,000 categories"));
    }
    let n = human.len();
    let mut found = Kappa {
        status: Status::Ok,
        n,
        kappa: None,
        agreement: None,
        se: None,
        ci_low: None,
        ci_high: None,
        prevalence: Vec::new(),
    };
    if n != judge.len() || human.iter().chain(judge).any(|&c| c >= categories) {
        found.status = Status::InvalidInput;
        return Ok(found);
    }
    if n < 2 {
        found.status = Status::InsufficientData;
        return Ok(found);
    }
    let total = n as f64;
    let mut cells = vec![0.0; categories * categories];
    for (&h, &j) in human.iter().zip(judge) {
        cells[h * categories + j] += 1.0;
    }
    let cell = |i: usize, j: usize| cells[i * categories + j] / total;
    let of_human: Vec<f64> = (0..categories)
        .map(|i| (0..categories).map(|j| cells[i * categories + j]).sum::<f64>() / total)
        .collect();
    let of_judge: Vec<f64> = (0..categories)
        .map(|j| (0..categories).map(|i| cells[i * categories + j]).sum::<f64>() / total)
        .collect();
    let weight = |i: usize, j: usize| {
        let (far, widest) = (i.abs_diff(j) as f64, categories as f64 - 1.0);
        match weights {
            KappaWeights::Unweighted => f64::from(u8::from(i == j)),
            KappaWeights::Linear => 1.0 - far / widest,
            KappaWeights::Quadratic => 1.0 - far * far / (widest * widest),
        }
    };
    let pairs = || (0..categories).flat_map(|i| (0..categories).map(move |j| (i, j)));
    let seen = sum(pairs().map(|(i, j)| weight(i, j) * cell(i, j)));
    let chance = sum(pairs().map(|(i, j)| weight(i, j) * of_human[i] * of_judge[j]));
    found.agreement = Some((0..categories).map(|i| cells[i * categories + i]).sum::<f64>() / total);
    let one_category = of_human.iter().zip(&of_judge).any(|(h, j)| *h == 1.0 && *j == 1.0);
    found.prevalence = of_human.clone();
    if one_category || chance >= 1.0 {
        found.status = Status::ZeroVariance;
        return Ok(found);
    }
    let k = (seen - chance) / (1.0 - chance);
    let row: Vec<f64> =
        (0..categories).map(|i| sum((0..categories).map(|j| of_judge[j] * weight(i, j)))).collect();
    let column: Vec<f64> =
        (0..categories).map(|j| sum((0..categories).map(|i| of_human[i] * weight(i, j)))).collect();
    // Σp·v² - (κ - p_e(1-κ))² of the paper, whose second term is (Σp·v)²: the variance of v over the cells, from
    // the distances, since the difference would leave 1e-8 where the variance is 0.
    let share = |i: usize, j: usize| weight(i, j) - (row[i] + column[j]) * (1.0 - k);
    let centre = sum(pairs().map(|(i, j)| cell(i, j) * share(i, j)));
    let spread = sum(pairs().map(|(i, j)| {
        let away = share(i, j) - centre;
        cell(i, j) * away * away
    }));
    let se = libm::sqrt(spread / total) / (1.0 - chance);
    let half = normal_upper_quantile(alpha / 2.0) * se;
    (found.kappa, found.se) = (Some(k), Some(se));
    (found.ci_low, found.ci_high) = (Some(k - half), Some((k + half).min(1.0)));
    Ok(found)
}
