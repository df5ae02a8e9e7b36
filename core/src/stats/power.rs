//! Power of t-tests, and the sample size that it asks for. Exact, by the noncentral t distribution.

use super::dist::t_upper_quantile;
use super::noncentral::noncentral_t_tails;
use super::{check_open_unit, invalid};
use crate::error::Result;

/// More units than anybody will ever have; a plan that needs more has asked for too small an effect.
pub(super) const MOST_UNITS: u64 = 1 << 40;

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

pub(super) fn check_sd(argument: &str, sd: f64) -> Result<()> {
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
/// `invalid-argument` for fewer than two units in an arm, a standard deviation that is not above 0, alpha
/// outside (0,1).
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

fn two_sample(delta: f64, sd: (f64, f64), n: (u64, u64), alpha: f64, sides: Sides) -> f64 {
    let (n_a, n_b) = (n.0 as f64, n.1 as f64);
    let errors = (sd.0 / libm::sqrt(n_a), sd.1 / libm::sqrt(n_b));
    // `hypot`, and shares instead of se⁴: neither under- nor overflows, whatever the unit of the scores.
    let se = libm::hypot(errors.0, errors.1);
    let df = if sd.0 == sd.1 {
        n_a + n_b - 2.0
    } else {
        let (share_a, share_b) = (square(errors.0 / se), square(errors.1 / se));
        1.0 / (square(share_a) / (n_a - 1.0) + square(share_b) / (n_b - 1.0))
    };
    power(delta / se, df, alpha, sides)
}

fn square(x: f64) -> f64 {
    x * x
}

/// No plan with `n_a` from `low.0` to `high.0` and `n_b` from `low.1` to `high.1` has more power than this.
///
/// It has the noncentrality of the largest plan, and more degrees of freedom than any of them: with unequal
/// standard deviations those can fall while a sample grows, and the power with them.
fn at_most(delta: f64, sd: (f64, f64), low: (u64, u64), high: (u64, u64), alpha: f64, sides: Sides) -> f64 {
    let largest = (sd.0 / libm::sqrt(high.0 as f64), sd.1 / libm::sqrt(high.1 as f64));
    let smallest = (sd.0 / libm::sqrt(low.0.max(1) as f64), sd.1 / libm::sqrt(low.1.max(1) as f64));
    let (n_a, n_b) = (high.0 as f64, high.1 as f64);
    let mut df = n_a + n_b - 2.0;
    if sd.0 != sd.1 {
        let least = |of: f64, other: f64| square(of / libm::hypot(of, other));
        let (share_a, share_b) = (least(largest.0, smallest.1), least(largest.1, smallest.0));
        df = df.min(1.0 / (square(share_a) / (n_a - 1.0) + square(share_b) / (n_b - 1.0)));
    }
    power(delta / libm::hypot(largest.0, largest.1), df, alpha, sides)
}

/// The smallest sample with which two independent means are told apart.
///
/// # Shapes and units
/// `ratio` is n_b / n_a; n_b is rounded up. `sd` holds the standard deviation of each arm.
///
/// # Formula
/// The smallest n_a with [`power_two_sample`] of n_a and ⌈ratio·n_a⌉ at or above the wanted power. With
/// unequal standard deviations and a ratio below 1, one more unit of A can cost power: it is the smallest n_a
/// that reaches it, not the smallest from which on all do.
///
/// # Errors
/// `invalid-argument` if delta is 0 or not finite, a standard deviation is not above 0, power is not between
/// alpha and 1, the ratio is not above 0, or the sample would have more than 2⁴⁰ units.
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
    let Target { delta, alpha, power, sides } = target;
    let delta = delta.abs();
    let other = |n_a: u64| libm::ceil(ratio * n_a as f64) as u64;
    let reached = |n_a: u64| {
        let n = (n_a, other(n_a));
        if n.0 < 2 || n.1 < 2 { 0.0 } else { two_sample(delta, sd, n, alpha, sides) }
    };
    let bound = |low: u64, high: u64| {
        if other(high) < 2 {
            return 0.0;
        }
        at_most(delta, sd, (low, other(low)), (high, other(high)), alpha, sides)
    };
    let most = if ratio > 1.0 { (MOST_UNITS as f64 / ratio) as u64 } else { MOST_UNITS };
    let n_a = smallest(power, most, reached, bound)?;
    Ok(SampleSize { n_a, n_b: other(n_a), power: reached(n_a) })
}

/// The smallest n from 2 to `most` that reaches the power.
///
/// `bound(low, high)` is at least the power of every n from `low` to `high`: the power of `high` where it
/// grows with n.
fn smallest(
    power: f64,
    most: u64,
    reached: impl Fn(u64) -> f64,
    bound: impl Fn(u64, u64) -> f64,
) -> Result<u64> {
    let none =
        || invalid("delta", "the difference is so small against the spread that no sample would show it");
    if most < 2 || bound(2, most) < power {
        return Err(none());
    }
    let mut high = 2;
    while high < most && reached(high) < power {
        high = high.saturating_mul(2).min(most);
    }
    first(power, 2, high, &reached, &bound).ok_or_else(none)
}

/// The first n from `low` to `high` that reaches the power: halves in which none can are left out unseen.
fn first(
    power: f64,
    low: u64,
    high: u64,
    reached: &impl Fn(u64) -> f64,
    bound: &impl Fn(u64, u64) -> f64,
) -> Option<u64> {
    if low > high || (low < high && bound(low, high) < power) {
        return None;
    }
    if low == high {
        return (reached(low) >= power).then_some(low);
    }
    let middle = low + (high - low) / 2;
    first(power, low, middle, reached, bound).or_else(|| first(power, middle + 1, high, reached, bound))
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
    let reached = |n: u64| of_pairs(target.delta.abs(), sd_diff, n, target.alpha, target.sides);
    let n = smallest(target.power, MOST_UNITS, reached, |_, high| reached(high))?;
    Ok(SampleSize { n_a: n, n_b: n, power: reached(n) })
}

/// The smallest difference that a comparison of two arms of `n` units sees with the given power.
///
/// # Errors
/// `invalid-argument` for fewer than two units, a standard deviation that is not above 0, power not between
/// alpha and 1.
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
    in_scores("sd", se * detectable(2.0 * n as f64 - 2.0, alpha, power, Sides::Two))
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
    mde_of_test(sd_diff / libm::sqrt(n as f64), n as f64 - 1.0, alpha, power)
}

/// The smallest difference that a t-test with this standard error and these degrees of freedom sees with the given
/// power: for a test whose units are clusters.
///
/// # Errors
/// `invalid-argument` as for [`mde_paired`].
pub fn mde_of_test(se: f64, df: f64, alpha: f64, power: f64) -> Result<f64> {
    Target { delta: 1.0, alpha, power, sides: Sides::Two }.check()?;
    check_sd("se", se)?;
    check_sd("df", df)?;
    in_scores("se", se * detectable(df, alpha, power, Sides::Two))
}

/// A difference in score units, unless no number holds it.
fn in_scores(argument: &str, delta: f64) -> Result<f64> {
    if delta.is_finite() && delta > 0.0 {
        Ok(delta)
    } else {
        Err(invalid(argument, "no number is that large or small"))
    }
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
