//! Two independent samples: Welch's t-test, always; no pre-test, never pooled.

use super::paired::TTest;
use super::sum::{Pair, Sum, all_equal, all_finite, mean, variance};
use super::{Status, check_open_unit};
use crate::error::Result;

/// A comparison of two independent samples. `None` is "not defined", never 0.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Welch {
    /// Whether the result can be read.
    pub status: Status,
    /// Units in A.
    pub n_a: usize,
    /// Units in B.
    pub n_b: usize,
    /// Mean of A.
    pub mean_a: Option<f64>,
    /// Mean of B.
    pub mean_b: Option<f64>,
    /// Standard deviation of A.
    pub sd_a: Option<f64>,
    /// Standard deviation of B.
    pub sd_b: Option<f64>,
    /// Mean of B minus mean of A.
    pub diff: Option<f64>,
    /// Standard error of `diff`.
    pub se: Option<f64>,
    /// Welch-Satterthwaite degrees of freedom.
    pub df: Option<f64>,
    /// diff / se.
    pub t: Option<f64>,
    /// Two-sided p-value.
    pub p_value: Option<f64>,
    /// Lower end of the two-sided 1-alpha interval of `diff`.
    pub ci_low: Option<f64>,
    /// Upper end of it.
    pub ci_high: Option<f64>,
}

/// One arm as its summary.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// How many units.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// Their sample standard deviation (divided by n-1).
    pub sd: f64,
}

/// Compares the means of two independent samples.
///
/// The unit is what was randomised: average the scores of one user before calling.
///
/// # Shapes and units
/// One value per unit; the arms may differ in length. `diff` is B - A in score units.
///
/// # Formula
/// se² = s_A²/n_A + s_B²/n_B, df = se⁴ / [(s_A²/n_A)²/(n_A-1) + (s_B²/n_B)²/(n_B-1)],
/// interval diff ± t(1-α/2, df)·se.
///
/// # Assumptions
/// Units are independent; the variances may differ. One constant arm is allowed (df is n-1 of the other).
///
/// # Errors
/// `invalid-argument` if alpha is not strictly between 0 and 1. A value that is not finite gives
/// [`Status::InvalidInput`], fewer than two in an arm [`Status::InsufficientData`], two constant arms
/// [`Status::ZeroVariance`] with the difference and no p-value.
///
/// # Source
/// Welch (1947); reference values from mpmath and `scipy.stats.ttest_ind(equal_var=False)`.
///
/// # Examples
/// ```
/// use trialplate::stats::{Status, welch};
/// let r = welch(&[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0, 8.0], 0.05)?;
/// assert_eq!((r.diff, r.n_b), (Some(3.0), 4));
/// let flat = welch(&[2.0, 2.0], &[3.0, 3.0], 0.05)?;
/// assert_eq!((flat.status, flat.diff, flat.p_value), (Status::ZeroVariance, Some(1.0), None));
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn welch(a: &[f64], b: &[f64], alpha: f64) -> Result<Welch> {
    check_open_unit("alpha", alpha)?;
    Ok(contrast(a, b, 1.0, alpha))
}

/// mean(b) - k·mean(a), the contrast that a relative tolerance needs; `welch` is k = 1.
pub(crate) fn contrast(a: &[f64], b: &[f64], k: f64, alpha: f64) -> Welch {
    let mut found = Welch::empty(a.len(), b.len());
    if !all_finite(a) || !all_finite(b) {
        found.status = Status::InvalidInput;
        return found;
    }
    let (of_a, of_b) = (mean(a), mean(b));
    let diff = if k == 1.0 { of_b.minus(of_a) } else { of_b.value() - k * of_a.value() };
    let report = |n: usize, x: f64| (n > 0).then_some(x);
    (found.mean_a, found.mean_b) = (report(a.len(), of_a.value()), report(b.len(), of_b.value()));
    if a.len() < 2 || b.len() < 2 {
        found.status = Status::InsufficientData;
        return found;
    }
    let exact = |x: &[f64], m| if all_equal(x) { 0.0 } else { variance(x, m) };
    found.finish(exact(a, of_a), exact(b, of_b), diff, k, alpha);
    found
}

/// [`welch`] from each arm's n, mean and standard deviation.
///
/// # Errors
/// As [`welch`]; a negative standard deviation gives [`Status::InvalidInput`].
///
/// # Source
/// As [`welch`]; reference values from `scipy.stats.ttest_ind_from_stats`.
///
/// # Examples
/// ```
/// use trialplate::stats::{Summary, welch_from_summaries};
/// let old = Summary { n: 500, mean: 3.87, sd: 1.13 };
/// let new = Summary { n: 500, mean: 4.02, sd: 1.08 };
/// let p = welch_from_summaries(old, new, 0.05)?.p_value.unwrap();
/// assert!((p - 0.03213063873145347).abs() < 1e-11);
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn welch_from_summaries(a: Summary, b: Summary, alpha: f64) -> Result<Welch> {
    check_open_unit("alpha", alpha)?;
    let mut found = Welch::empty(a.n, b.n);
    let usable = |s: &Summary| s.mean.is_finite() && s.sd.is_finite() && s.sd >= 0.0;
    if !usable(&a) || !usable(&b) {
        found.status = Status::InvalidInput;
        return Ok(found);
    }
    (found.mean_a, found.mean_b) = (Some(a.mean), Some(b.mean));
    if a.n < 2 || b.n < 2 {
        found.status = Status::InsufficientData;
        return Ok(found);
    }
    found.finish(a.sd * a.sd, b.sd * b.sd, b.mean - a.mean, 1.0, alpha);
    Ok(found)
}

impl Welch {
    fn empty(n_a: usize, n_b: usize) -> Welch {
        Welch {
            status: Status::Ok,
            n_a,
            n_b,
            mean_a: None,
            mean_b: None,
            sd_a: None,
            sd_b: None,
            diff: None,
            se: None,
            df: None,
            t: None,
            p_value: None,
            ci_low: None,
            ci_high: None,
        }
    }

    fn finish(&mut self, var_a: f64, var_b: f64, diff: f64, k: f64, alpha: f64) {
        let (n_a, n_b) = (self.n_a as f64, self.n_b as f64);
        let (v_a, v_b) = (k * k * var_a / n_a, var_b / n_b);
        let se = libm::sqrt(v_a + v_b);
        if !(se.is_finite() && diff.is_finite()) {
            *self = Welch { status: Status::InvalidInput, ..Welch::empty(self.n_a, self.n_b) };
            return;
        }
        self.diff = Some(diff);
        (self.sd_a, self.sd_b) = (Some(libm::sqrt(var_a)), Some(libm::sqrt(var_b)));
        if se == 0.0 {
            self.status = Status::ZeroVariance;
            return;
        }
        // Shares instead of se⁴, which would under- or overflow; exact when one arm is constant.
        let (share_a, share_b) = (v_a / (v_a + v_b), v_b / (v_a + v_b));
        let df = if v_a == 0.0 {
            n_b - 1.0
        } else if v_b == 0.0 {
            n_a - 1.0
        } else {
            1.0 / (share_a * share_a / (n_a - 1.0) + share_b * share_b / (n_b - 1.0))
        };
        let test = TTest::new(diff, se, df, alpha);
        (self.se, self.df, self.t) = (Some(test.se), Some(test.df), Some(test.t));
        (self.p_value, self.ci_low, self.ci_high) =
            (Some(test.p_value), Some(test.ci_low), Some(test.ci_high));
    }
}

/// What Welch's test needs of one arm whose values are known to more digits than one number holds: means of users,
/// scores less what a covariate explains. Rounded to one number each, values around 1e9 would lose their
/// differences.
pub(crate) struct Moments {
    pub(crate) n: usize,
    pub(crate) mean: Pair,
    pub(crate) variance: f64,
}

impl Moments {
    /// Values that lie within `slack` of each other are the same value.
    pub(crate) fn of(values: &[Pair], slack: f64) -> Moments {
        let mut total = Sum::default();
        for value in values {
            total.add(value.hi);
            total.add(value.lo);
        }
        let (n, count) = (values.len(), values.len() as f64);
        let mean = total.divided_by(count);
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        let (mut squares, mut rest) = (Sum::default(), Sum::default());
        for value in values {
            let away = value.minus(mean);
            (low, high) = (low.min(away), high.max(away));
            squares.add(away * away);
            rest.add(away);
        }
        let same = high - low <= slack || values.windows(2).all(|w| w[0] == w[1]);
        let spread = squares.value() - rest.value() * rest.value() / count;
        let variance = if same { 0.0 } else { spread.max(0.0) / (count - 1.0) };
        let variance = if squares.value().is_finite() { variance } else { f64::NAN };
        Moments { n, mean, variance }
    }
}

/// [`welch`] from the moments of each arm.
pub(crate) fn welch_from_moments(a: &Moments, b: &Moments, alpha: f64) -> Welch {
    let mut found = Welch::empty(a.n, b.n);
    let usable = |m: &Moments| m.n == 0 || m.mean.value().is_finite() && (m.n < 2 || m.variance.is_finite());
    if !usable(a) || !usable(b) {
        found.status = Status::InvalidInput;
        return found;
    }
    let report = |m: &Moments| (m.n > 0).then(|| m.mean.value());
    (found.mean_a, found.mean_b) = (report(a), report(b));
    if a.n < 2 || b.n < 2 {
        found.status = Status::InsufficientData;
        return found;
    }
    found.finish(a.variance, b.variance, b.mean.minus(a.mean), 1.0, alpha);
    found
}
