//! Power of t-tests, and the sample size that it asks for. Exact, by the noncentral t distribution.

use super::dist::t_upper_quantile;
use super::noncentral::noncentral_t_tails;
use super::{check_open_unit, invalid};
use crate::error::Result;

/// More units than anybody will ever have; a plan that needs more has asked for too small an effect.
const MOST_UNITS: u64 = 1 << 40;

/// Whether a test looks at both sides or at one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sides {
    /// Is there a difference?
    #[default]
    Two,
    /// Is it better (or: not worse)? As gates ask.
    One,
}

/// What a test is to be able to see.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    /// The smallest difference worth finding, in score units.
    pub delta: f64,
    /// The chance of a false alarm.
    pub alpha: f64,
    /// The chance of seeing the difference if it is there.
    pub power: f64,
    /// One side or both.
    pub sides: Sides,
}

impl Target {
    /// A two-sided test at 5 % with 80 % power.
    pub fn new(delta: f64) -> Target {
        Target { delta, alpha: 0.05, power: 0.8, sides: Sides::Two }
    }

    fn check(&self) -> Result<()> {
        check_open_unit("alpha", self.alpha)?;
        if !self.delta.is_finite() || self.delta == 0.0 {
            return Err(invalid("delta", "a difference worth finding is a finite number other than 0"));
        }
        if !(self.power > self.alpha && self.power < 1.0) {
            return Err(invalid("power", "power lies between alpha and 1"));
        }
        Ok(())
    }
}

/// A number of units per arm, and the power that it has.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct SampleSize {
    /// Units in A; pairs, where a test is paired.
    pub n_a: u64,
    /// Units in B; as many as A where a test is paired.
    pub n_b: u64,
    /// The power with that many.
    pub power: f64,
}

fn check_sd(argument: &str, sd: f64) -> Result<()> {
    if sd > 0.0 && sd.is_finite() {
        return Ok(());
    }
    Err(invalid(argument, "a standard deviation is a finite number above 0"))
}

/// P(reject) with noncentrality `nc`.
fn power(nc: f64, df: f64, alpha: f64, sides: Sides) -> f64 {
    match sides {
        Sides::One => noncentral_t_tails(t_upper_quantile(alpha, df), df, nc).1,
        Sides::Two => {
            let t = t_upper_quantile(alpha / 2.0, df);
            (noncentral_t_tails(t, df, nc).1 + noncentral_t_tails(-t, df, nc).0).min(1.0)
        }
    }
}

/// The power of a comparison of two independent means.
///
/// # Shapes and units
/// `delta` and the standard deviations in score units; `n_a` and `n_b` count units. One-sided, a positive
/// `delta` lies on the side that is tested.
///
/// # Formula
/// ncp = delta / √(sd_a²/n_a + sd_b²/n_b); df = n_a + n_b - 2 for equal standard deviations, otherwise
/// Welch-Satterthwaite; power = P(T' > t(1-α/2)) + P(T' < -t(1-α/2)).
///
/// # Errors
/// `invalid-argument` for fewer than two units in an arm, a standard deviation that is not above 0, alpha outside (0,1).
///
/// # Source
/// statistics.md (c); reference values from mpmath and `statsmodels.stats.power`.
///
/// # Examples
/// ```
/// use trialplate::stats::{Sides, power_two_sample};
/// let power = power_two_sample(0.2, (1.13, 1.13), (503, 503), 0.05, Sides::Two)?;
/// assert!((power - 0.8007245925259728).abs() < 1e-9);
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn power_two_sample(
    delta: f64,
    (sd_a, sd_b): (f64, f64),
    (n_a, n_b): (u64, u64),
    alpha: f64,
    sides: Sides,
) -> Result<f64> {
    check_open_unit("alpha", alpha)?;
    check_sd("sd_a", sd_a)?;
    check_sd("sd_b", sd_b)?;
    if !delta.is_finite() {
        return Err(invalid("delta", "a difference is a finite number"));
    }
    if n_a < 2 || n_b < 2 {
        return Err(invalid("n", "an arm has at least two units"));
    }
    Ok(two_sample(delta, (sd_a, sd_b), (n_a, n_b), alpha, sides))
}

fn two_sample(delta: f64, (sd_a, sd_b): (f64, f64), (n_a, n_b): (u64, u64), alpha: f64, sides: Sides) -> f64 {
    let (n_a, n_b) = (n_a as f64, n_b as f64);
    let (v_a, v_b) = (sd_a * sd_a / n_a, sd_b * sd_b / n_b);
    let df = if sd_a == sd_b {
        n_a + n_b - 2.0
    } else {
        let (share_a, share_b) = (v_a / (v_a + v_b), v_b / (v_a + v_b));
        1.0 / (share_a * share_a / (n_a - 1.0) + share_b * share_b / (n_b - 1.0))
    };
    power(delta / libm::sqrt(v_a + v_b), df, alpha, sides)
}

/// The smallest sample with which two independent means are told apart.
///
/// # Shapes and units
/// `ratio` is n_b / n_a; n_b is rounded up. `sd` holds the standard deviation of each arm.
///
/// # Errors
/// `invalid-argument` if delta is 0 or not finite, a standard deviation is not above 0, power is not between alpha and
/// 1, the ratio is not above 0, or the sample would have more than 2⁴⁰ units.
///
/// # Source
/// statistics.md (c); reference values from mpmath and `statsmodels.stats.power`.
///
/// # Examples
/// ```
/// use trialplate::stats::{Target, n_two_sample};
/// assert_eq!(n_two_sample(Target::new(0.2), (1.13, 1.13), 1.0)?.n_a, 503);
/// assert!(n_two_sample(Target::new(0.0), (1.13, 1.13), 1.0).is_err());
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn n_two_sample(target: Target, sd: (f64, f64), ratio: f64) -> Result<SampleSize> {
    target.check()?;
    check_sd("sd_a", sd.0)?;
    check_sd("sd_b", sd.1)?;
    if !(ratio > 0.0 && ratio.is_finite()) {
        return Err(invalid("ratio_b_to_a", "a ratio is a finite number above 0"));
    }
    let other = |n_a: u64| libm::ceil(ratio * n_a as f64);
    let reached = |n_a: u64| {
        let n_b = other(n_a);
        if n_a < 2 || n_b < 2.0 {
            return 0.0;
        }
        two_sample(target.delta.abs(), sd, (n_a, n_b as u64), target.alpha, target.sides)
    };
    let fits = |n_a: u64| n_a.max(other(n_a) as u64) <= MOST_UNITS;
    let n_a = smallest(target.power, reached, fits)?;
    Ok(SampleSize { n_a, n_b: other(n_a) as u64, power: reached(n_a) })
}

/// The smallest n that reaches the power, which grows with n.
fn smallest(power: f64, reached: impl Fn(u64) -> f64, fits: impl Fn(u64) -> bool) -> Result<u64> {
    let (mut low, mut high) = (1, 2);
    while reached(high) < power {
        if !fits(high * 2) {
            let reason = "the difference is so small against the spread that no sample would show it";
            return Err(invalid("delta", reason));
        }
        (low, high) = (high, high * 2);
    }
    while low + 1 < high {
        let middle = low + (high - low) / 2;
        if reached(middle) < power { low = middle } else { high = middle }
    }
    Ok(high)
}

/// The power of a paired comparison.
///
/// # Formula
/// ncp = delta·√n / sd_diff, df = n - 1.
///
/// # Errors
/// `invalid-argument` as for [`power_two_sample`].
///
/// # Source
/// statistics.md (c); reference values from mpmath.
///
/// # Examples
/// ```
/// use trialplate::stats::{Sides, power_paired};
/// let power = power_paired(0.2, 0.8, 50, 0.05, Sides::One)?;
/// assert!((power - 0.5392054459212423).abs() < 1e-9);
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn power_paired(delta: f64, sd_diff: f64, n: u64, alpha: f64, sides: Sides) -> Result<f64> {
    check_open_unit("alpha", alpha)?;
    check_sd("sd_diff", sd_diff)?;
    if !delta.is_finite() {
        return Err(invalid("delta", "a difference is a finite number"));
    }
    if n < 2 {
        return Err(invalid("n", "a paired comparison has at least two pairs"));
    }
    Ok(of_pairs(delta, sd_diff, n, alpha, sides))
}

fn of_pairs(delta: f64, sd_diff: f64, n: u64, alpha: f64, sides: Sides) -> f64 {
    power(delta * libm::sqrt(n as f64) / sd_diff, n as f64 - 1.0, alpha, sides)
}

/// The smallest number of pairs with which a difference is seen.
///
/// # Errors
/// `invalid-argument` as for [`n_two_sample`].
///
/// # Source
/// statistics.md (c); reference values from mpmath and `statsmodels.stats.power`.
///
/// # Examples
/// ```
/// use trialplate::stats::{Target, n_paired};
/// assert_eq!(n_paired(Target::new(1.0), 0.8)?.n_a, 8);
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn n_paired(target: Target, sd_diff: f64) -> Result<SampleSize> {
    target.check()?;
    check_sd("sd_diff", sd_diff)?;
    let reached = |n: u64| {
        if n < 2 { 0.0 } else { of_pairs(target.delta.abs(), sd_diff, n, target.alpha, target.sides) }
    };
    let n = smallest(target.power, reached, |n| n <= MOST_UNITS)?;
    Ok(SampleSize { n_a: n, n_b: n, power: reached(n) })
}

/// The smallest difference that a comparison of two arms of `n` units sees with the given power.
///
/// # Errors
/// `invalid-argument` for fewer than two units, a standard deviation that is not above 0, power not between alpha and 1.
///
/// # Source
/// statistics.md (c); reference values from mpmath (statsmodels is off by 1.7e-6 here).
///
/// # Examples
/// ```
/// use trialplate::stats::mde_two_sample;
/// assert!((mde_two_sample(500, 1.13, 0.05, 0.8)? - 0.200414904220062).abs() < 1e-10);
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn mde_two_sample(n: u64, sd: f64, alpha: f64, power: f64) -> Result<f64> {
    Target { delta: 1.0, alpha, power, sides: Sides::Two }.check()?;
    check_sd("sd", sd)?;
    if !(2..=MOST_UNITS).contains(&n) {
        return Err(invalid("n_per_arm", "an arm has at least two units, and at most 2⁴⁰"));
    }
    // In units of the standard error, where the answer is a number of one digit.
    let se = sd * libm::sqrt(2.0 / n as f64);
    Ok(se * detectable(2.0 * n as f64 - 2.0, alpha, power, Sides::Two))
}

/// The smallest difference that a paired comparison of `n` pairs sees with the given power.
///
/// # Errors
/// `invalid-argument` as for [`mde_two_sample`].
///
/// # Source
/// statistics.md (c).
///
/// # Examples
/// ```
/// use trialplate::stats::{Sides, mde_paired, power_paired};
/// let delta = mde_paired(120, 0.8, 0.05, 0.8)?;
/// assert!((power_paired(delta, 0.8, 120, 0.05, Sides::Two)? - 0.8).abs() < 1e-9);
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn mde_paired(n: u64, sd_diff: f64, alpha: f64, power: f64) -> Result<f64> {
    Target { delta: 1.0, alpha, power, sides: Sides::Two }.check()?;
    check_sd("sd_diff", sd_diff)?;
    if !(2..=MOST_UNITS).contains(&n) {
        return Err(invalid("n", "a paired comparison has at least two pairs, and at most 2⁴⁰"));
    }
    Ok(sd_diff / libm::sqrt(n as f64) * detectable(n as f64 - 1.0, alpha, power, Sides::Two))
}

/// The noncentrality that has this power.
fn detectable(df: f64, alpha: f64, wanted: f64, sides: Sides) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while power(high, df, alpha, sides) < wanted && high < 1e12 {
        (low, high) = (high, high * 2.0);
    }
    for _ in 0..100 {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            break;
        }
        if power(middle, df, alpha, sides) < wanted { low = middle } else { high = middle }
    }
    high
}
