//! The p-value of a split in which some arms expect few units, where chi-squared is wrong.

use super::dist::{binomial_probability, binomial_tails, chi2_upper};
use super::sum::{Sum, sum};

/// An arm that expects fewer units than this is small.
pub(super) const FEW: f64 = 5.0;
/// Two large arms are counted out together if all arms have at most so many outcomes.
const MOST_OUTCOMES: f64 = 200_000.0;
/// So many outcomes are looked at at the most, whatever the counts.
const MOST_STEPS: u32 = 500_000;
/// Outcomes as likely as the one seen must not be lost to rounding (as `scipy.stats.binomtest` has it).
const TIE: f64 = 1e-7;

/// How many units an arm was planned to get, and got.
#[derive(Clone, Copy)]
pub(super) struct Arm {
    pub(super) seen: u64,
    pub(super) share: f64,
}

/// The share of each arm among itself and the arms after it.
fn conditional(arms: &[Arm]) -> Vec<f64> {
    let mut rest = 0.0;
    let mut shares: Vec<f64> = arms
        .iter()
        .rev()
        .map(|arm| {
            rest += arm.share;
            arm.share / rest
        })
        .collect();
    shares.reverse();
    shares
}

/// The probability of all outcomes that are no more likely than the one seen; `None` if there are too many of
/// them.
///
/// The largest arm takes what the others leave. An arm's counts are walked upwards only until what lies above is,
/// all together, no more likely than the outcome seen: then all of it belongs to the p-value, and its sum is a
/// tail of the binomial distribution. So a million units in the large arm cost nothing.
pub(super) fn least_likely(arms: &[Arm]) -> Option<f64> {
    let arms = sorted(arms);
    let n: u64 = arms.iter().map(|arm| arm.seen).sum();
    let shares = conditional(&arms);
    let (mut left, mut seen) = (n, 1.0);
    for (arm, share) in arms.iter().zip(&shares).take(arms.len() - 1) {
        seen *= binomial_probability(arm.seen, left, *share);
        left -= arm.seen;
    }
    let mut walk =
        Walk { shares: &shares[..arms.len() - 1], most: seen * (1.0 + TIE), total: Sum::default(), steps: 0 };
    walk.from(0, n, 1.0)?;
    Some(walk.total.value().min(1.0))
}

struct Walk<'a> {
    shares: &'a [f64],
    /// An outcome at most this likely counts.
    most: f64,
    total: Sum,
    steps: u32,
}

impl Walk<'_> {
    fn from(&mut self, arm: usize, left: u64, before: f64) -> Option<()> {
        let (share, last) = (self.shares[arm], arm + 1 == self.shares.len());
        let mode = ((left as f64 + 1.0) * share) as u64;
        for count in 0..=left {
            self.steps += 1;
            if self.steps > MOST_STEPS {
                return None;
            }
            let p = before * binomial_probability(count, left, share);
            if p <= self.most && count > mode {
                let above = before * above(count, left, share);
                // In the last arm each count beyond the mode is less likely than the one before it.
                if last || above <= self.most {
                    self.total.add(above);
                    return Some(());
                }
            }
            if !last {
                self.from(arm + 1, left - count, p)?;
            } else if p <= self.most {
                self.total.add(p);
            }
        }
        Some(())
    }
}

/// P(X ≥ count)
fn above(count: u64, n: u64, share: f64) -> f64 {
    if count == 0 { 1.0 } else { binomial_tails(count - 1, n, share).1 }
}

fn sorted(arms: &[Arm]) -> Vec<Arm> {
    let mut arms = arms.to_vec();
    arms.sort_by(|a, b| a.share.total_cmp(&b.share).then(a.seen.cmp(&b.seen)));
    arms
}

/// Whether all outcomes can be counted out, large arms among them.
pub(super) fn few_outcomes(arms: usize, n: u64) -> bool {
    let mut outcomes = 1.0;
    for k in 1..arms as u64 {
        outcomes *= (n as f64 + k as f64) / k as f64;
    }
    outcomes <= MOST_OUTCOMES
}

/// The probability of a chi-squared statistic of at least `chi2`, when two or more arms are large and others
/// small.
///
/// The counts of the small arms are gone through one by one with their exact probabilities. Given them, the
/// large arms share the rest, and there the chi-squared distribution holds: with M units left and P the large
/// arms' share of the plan, Σ(O-E)²/E over them is (M/NP)·X² + (M-NP)²/NP, where X² is their own statistic
/// among each other.
pub(super) fn mixed(arms: &[Arm], chi2: f64) -> Option<f64> {
    let arms = sorted(arms);
    let n: u64 = arms.iter().map(|arm| arm.seen).sum();
    let small = arms.iter().take_while(|arm| arm.share * (n as f64) < FEW).count();
    let large = n as f64 * sum(arms[small..].iter().map(|arm| arm.share));
    let mut walk = Mixed {
        shares: &conditional(&arms)[..small],
        expected: &arms[..small].iter().map(|arm| arm.share * n as f64).collect::<Vec<f64>>(),
        large,
        df: (arms.len() - small - 1) as f64,
        chi2: chi2 * (1.0 - 1e-9),
        total: Sum::default(),
        steps: 0,
    };
    walk.from(0, n, 1.0, 0.0)?;
    Some(walk.total.value().min(1.0))
}

struct Mixed<'a> {
    shares: &'a [f64],
    expected: &'a [f64],
    /// What the large arms expect together.
    large: f64,
    df: f64,
    chi2: f64,
    total: Sum,
    steps: u32,
}

impl Mixed<'_> {
    fn from(&mut self, arm: usize, left: u64, before: f64, distance: f64) -> Option<()> {
        self.steps += 1;
        if self.steps > MOST_STEPS {
            return None;
        }
        if arm == self.shares.len() {
            let m = left as f64;
            let rest = self.chi2 - distance - (m - self.large) * (m - self.large) / self.large;
            let p = if rest <= 0.0 { 1.0 } else { chi2_upper(rest * self.large / m, self.df) };
            self.total.add(before * p);
            return Some(());
        }
        let (share, expected) = (self.shares[arm], self.expected[arm]);
        for count in 0..=left {
            let away = count as f64 - expected;
            let distance = distance + away * away / expected;
            if away > 0.0 {
                let above = before * above(count, left, share);
                // Either all of it is far enough, or all of it together is nothing.
                let counts = distance >= self.chi2;
                if counts || above <= 1e-18 * self.total.value() {
                    self.total.add(if counts { above } else { 0.0 });
                    return Some(());
                }
            }
            let p = before * binomial_probability(count, left, share);
            if distance >= self.chi2 {
                self.total.add(p);
            } else {
                self.from(arm + 1, left - count, p, distance)?;
            }
        }
        Some(())
    }
}
