//! Pass rates: one rate, two rates, and two rates on the same items.

use super::dist::{binomial_probability, binomial_tails, normal_upper_quantile};
use super::{Status, beta::beta_quantile, check_open_unit, invalid};
use crate::error::Result;

/// A rate with its interval. Without items the status is `insufficient_data` and the numbers are `None`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Interval {
    /// Whether the result can be read.
    pub status: Status,
    /// Items that passed.
    pub k: u64,
    /// Items.
    pub n: u64,
    /// k/n.
    pub rate: Option<f64>,
    /// Lower bound; exactly 0 for k = 0.
    pub low: Option<f64>,
    /// Upper bound; exactly 1 for k = n.
    pub high: Option<f64>,
}

fn interval(k: u64, n: u64, alpha: f64, bounds: impl Fn() -> (f64, f64)) -> Result<Interval> {
    check_open_unit("alpha", alpha)?;
    check_count(k, n)?;
    if n == 0 {
        let status = Status::InsufficientData;
        return Ok(Interval { status, k, n, rate: None, low: None, high: None });
    }
    let (low, high) = bounds();
    let rate = Some(k as f64 / n as f64);
    Ok(Interval { status: Status::Ok, k, n, rate, low: Some(low), high: Some(high) })
}

pub(crate) fn check_count(k: u64, n: u64) -> Result<()> {
    if k <= n {
        return Ok(());
    }
    Err(invalid("k", format!("{k} of {n} items cannot have passed; k must not be larger than n")))
}

/// Returns the Wilson interval of a rate, for display.
///
/// # Formula
/// (k + z²/2 ± z√(k(n-k)/n + z²/4)) / (n + z²), z the normal quantile of 1-alpha/2; the smaller root comes from
/// the product of the two, k²/(n(n+z²)).
///
/// # Assumptions
/// Independent items. It covers 1-alpha on average over rates, not at each of them: decisions use
/// [`clopper_pearson_one_sided`].
///
/// # Errors
/// `invalid-argument` if k > n or alpha is not strictly between 0 and 1.
///
/// # Source
/// Wilson (1927); reference values from mpmath and `statsmodels.proportion_confint`.
///
/// # Examples
/// ```
/// use trialplate::stats::wilson;
/// let r = wilson(0, 10, 0.05)?;
/// assert_eq!(r.low, Some(0.0));
/// assert!((r.high.unwrap() - 0.27753279986).abs() < 1e-10);
/// assert_eq!(wilson(11, 10, 0.05).unwrap_err().code(), "invalid-argument");
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn wilson(k: u64, n: u64, alpha: f64) -> Result<Interval> {
    interval(k, n, alpha, || wilson_bounds(k, n, alpha))
}

fn wilson_bounds(k: u64, n: u64, alpha: f64) -> (f64, f64) {
    let z = normal_upper_quantile(alpha / 2.0);
    let (kf, nf, failed, z2) = (k as f64, n as f64, (n - k) as f64, z * z);
    let half = z * libm::sqrt(kf * failed / nf + z2 / 4.0);
    let high = (kf + z2 / 2.0 + half) / (nf + z2);
    let low = kf * (kf / (nf * (nf + z2) * high));
    (if k == 0 { 0.0 } else { low }, if k == n { 1.0 } else { high.min(1.0) })
}

/// Returns the two-sided Clopper-Pearson interval of a rate: alpha/2 on each side, never under 1-alpha.
///
/// # Formula
/// low = the alpha/2 quantile of Beta(k, n-k+1), high = the 1-alpha/2 quantile of Beta(k+1, n-k);
/// in closed form (alpha/2)^(1/n) for k = n, and mirrored for k = 0.
///
/// # Errors
/// `invalid-argument` if k > n or alpha is not strictly between 0 and 1.
///
/// # Source
/// Clopper and Pearson (1934); reference values from mpmath.
///
/// # Examples
/// ```
/// let r = trialplate::stats::clopper_pearson(0, 10, 0.05)?;
/// assert!((r.high.unwrap() - 0.3084971078).abs() < 1e-10);
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn clopper_pearson(k: u64, n: u64, alpha: f64) -> Result<Interval> {
    interval(k, n, alpha, || exact_bounds(k, n, alpha / 2.0))
}

/// Returns the two one-sided Clopper-Pearson bounds of a rate, each valid alone at level 1-alpha.
///
/// # Errors
/// `invalid-argument` if k > n or alpha is not strictly between 0 and 1.
///
/// # Source
/// As [`clopper_pearson`].
///
/// # Examples
/// ```
/// let r = trialplate::stats::clopper_pearson_one_sided(50, 50, 0.05)?;
/// assert!((r.low.unwrap() - 0.9418449209).abs() < 1e-10); // 50 of 50 show 94.2%, not 99%
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn clopper_pearson_one_sided(k: u64, n: u64, alpha: f64) -> Result<Interval> {
    interval(k, n, alpha, || exact_bounds(k, n, alpha))
}

fn exact_bounds(k: u64, n: u64, alpha: f64) -> (f64, f64) {
    let (kf, failed, root) = (k as f64, (n - k) as f64, libm::log(alpha) / n as f64);
    let low = match k {
        0 => 0.0,
        k if k == n => libm::exp(root),
        _ => beta_quantile(kf, failed + 1.0, alpha, 1.0 - alpha),
    };
    let high = match k {
        k if k == n => 1.0,
        0 => -libm::expm1(root),
        _ => beta_quantile(kf + 1.0, failed, 1.0 - alpha, alpha),
    };
    (low, high)
}

/// The difference of two rates with its interval.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RateDifference {
    /// Whether the result can be read; `insufficient_data` if an arm is empty.
    pub status: Status,
    /// Rate of B minus rate of A.
    pub diff: Option<f64>,
    /// Lower end of the 1-alpha interval.
    pub low: Option<f64>,
    /// Upper end of it.
    pub high: Option<f64>,
}

/// Returns the difference of two independent rates, B - A, with Newcombe's interval.
///
/// # Formula
/// d - √((p_B-l_B)²+(u_A-p_A)²) to d + √((u_B-p_B)²+(p_A-l_A)²), l and u the Wilson bounds.
///
/// # Errors
/// `invalid-argument` if k > n in an arm or alpha is not strictly between 0 and 1.
///
/// # Source
/// Newcombe (1998), method 10; reference values from `statsmodels.confint_proportions_2indep`.
///
/// # Examples
/// ```
/// let r = trialplate::stats::newcombe(0, 20, 10, 30, 0.05)?;
/// assert!((r.low.unwrap() - 0.119206472).abs() < 1e-9);
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn newcombe(k_a: u64, n_a: u64, k_b: u64, n_b: u64, alpha: f64) -> Result<RateDifference> {
    check_open_unit("alpha", alpha)?;
    check_count(k_a, n_a)?;
    check_count(k_b, n_b)?;
    if n_a == 0 || n_b == 0 {
        let status = Status::InsufficientData;
        return Ok(RateDifference { status, diff: None, low: None, high: None });
    }
    let (p_a, p_b) = (k_a as f64 / n_a as f64, k_b as f64 / n_b as f64);
    let ((l_a, u_a), (l_b, u_b)) = (wilson_bounds(k_a, n_a, alpha), wilson_bounds(k_b, n_b, alpha));
    let diff = p_b - p_a;
    let low = diff - libm::sqrt((p_b - l_b) * (p_b - l_b) + (u_a - p_a) * (u_a - p_a));
    let high = diff + libm::sqrt((u_b - p_b) * (u_b - p_b) + (p_a - l_a) * (p_a - l_a));
    Ok(RateDifference { status: Status::Ok, diff: Some(diff), low: Some(low), high: Some(high) })
}

/// Pass/fail of A and B on the same items.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PairedRates {
    /// Whether the result can be read; `insufficient_data` without items.
    pub status: Status,
    /// Items.
    pub n: u64,
    /// Items that only A passed.
    pub only_a: u64,
    /// Items that only B passed.
    pub only_b: u64,
    /// Rate of B minus rate of A.
    pub diff: Option<f64>,
    /// Exact two-sided McNemar p-value; 1 if no item changed.
    pub p_value: Option<f64>,
    /// The same with half the probability of the observed split (mid-p).
    pub p_mid: Option<f64>,
    /// Lower end of the 1-alpha interval of `diff`.
    pub ci_low: Option<f64>,
    /// Upper end of it.
    pub ci_high: Option<f64>,
}

/// Compares two pass rates on the same items.
///
/// # Formula
/// diff = (c-b)/n with b = `only_a`, c = `only_b`; p = min(1, 2·P(Bin(b+c,½) ≤ min(b,c)));
/// p̃₁=(b+1)/(n+2), p̃₂=(c+1)/(n+2), d̃=p̃₂-p̃₁, interval d̃ ± z√((p̃₁+p̃₂-d̃²)/(n+2)).
///
/// # Errors
/// `invalid-argument` if `only_a` + `only_b` > n or alpha is not strictly between 0 and 1.
///
/// # Source
/// McNemar (1947), exact form; Bonett and Price (2012) for the interval.
///
/// # Examples
/// ```
/// let r = trialplate::stats::paired_rates(100, 0, 4, 0.05)?;
/// assert_eq!(r.diff, Some(0.04));
/// assert!((r.p_value.unwrap() - 0.125).abs() < 1e-12);
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn paired_rates(n: u64, only_a: u64, only_b: u64, alpha: f64) -> Result<PairedRates> {
    check_open_unit("alpha", alpha)?;
    let changed = only_a.saturating_add(only_b);
    check_count(changed, n)?;
    let mut found = PairedRates {
        status: Status::InsufficientData,
        n,
        only_a,
        only_b,
        diff: None,
        p_value: None,
        p_mid: None,
        ci_low: None,
        ci_high: None,
    };
    if n == 0 {
        return Ok(found);
    }
    let (b, c, nf) = (only_a as f64, only_b as f64, n as f64);
    let fewer = only_a.min(only_b);
    let tail = binomial_tails(fewer, changed, 0.5).0;
    found.p_value = Some((2.0 * tail).min(1.0));
    found.p_mid = Some((2.0 * tail - binomial_probability(fewer, changed, 0.5)).min(1.0));
    let (p1, p2) = ((b + 1.0) / (nf + 2.0), (c + 1.0) / (nf + 2.0));
    let centre = (c - b) / (nf + 2.0);
    let half =
        normal_upper_quantile(alpha / 2.0) * libm::sqrt((p1 + p2 - centre * centre).max(0.0) / (nf + 2.0));
    found.status = Status::Ok;
    found.diff = Some((c - b) / nf);
    (found.ci_low, found.ci_high) = (Some(centre - half), Some(centre + half));
    Ok(found)
}
