//! The lock: an experiment's cut-off depends on who was assigned when, and on no score.

use super::invalid;
use crate::error::Result;

/// The share of units without a score beyond which there is no verdict.
pub(super) const MOST_MISSING: f64 = 0.05;

/// Finds how many of the enrolled units enter the verdict: up to the first moment at which every arm has its planned
/// number. `None` while one has not.
///
/// # Shapes and units
/// `arms` holds the arm of each unit, 0 to `k` - 1, in the order of enrolment. The result is a sequence number from 1.
///
/// # Errors
/// `invalid-argument` if nothing is planned, there are fewer than two arms, or a unit is in none of them.
///
/// # Source
/// statistics.md (d).
///
/// # Examples
/// ```
/// use trialplate::stats::lock_cutoff;
/// assert_eq!(lock_cutoff(&[0, 0, 1, 0, 1, 1], 2, 2)?, Some(5));
/// assert_eq!(lock_cutoff(&[0, 0, 1], 2, 2)?, None);
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn lock_cutoff(arms: &[usize], k: usize, n_planned: u64) -> Result<Option<usize>> {
    if n_planned == 0 {
        return Err(invalid("n_planned", "an experiment plans at least one unit per arm"));
    }
    if !(2..=10_000).contains(&k) || arms.iter().any(|&arm| arm >= k) {
        return Err(invalid("arms", "an experiment has at least two arms, and each unit is in one of them"));
    }
    let (mut counts, mut open) = (vec![0u64; k], k);
    for (before, &arm) in arms.iter().enumerate() {
        counts[arm] += 1;
        if counts[arm] == n_planned {
            open -= 1;
            if open == 0 {
                return Ok(Some(before + 1));
            }
        }
    }
    Ok(None)
}

/// What an experiment says, in the order in which it is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AbVerdict {
    /// The split is broken.
    InvalidSrm,
    /// The judge changed inside the window.
    InvalidJudgeChanged,
    /// An arm has fewer units than planned.
    Collecting,
    /// More than 5 % of the units have no score.
    InvalidMissing,
    /// B is better, perhaps by as much as matters.
    BBetter,
    /// B is better, but by less than matters.
    BBetterSmall,
    /// B is worse, perhaps by as much as matters.
    BWorse,
    /// B is worse, but by less than matters.
    BWorseSmall,
    /// Any difference is smaller than what matters.
    NoMeaningfulDifference,
    /// The data fit too much to say.
    Undecided,
}

impl AbVerdict {
    /// The verdict's name, the same in every language.
    pub fn code(self) -> &'static str {
        match self {
            AbVerdict::InvalidSrm => "invalid_srm",
            AbVerdict::InvalidJudgeChanged => "invalid_judge_changed",
            AbVerdict::Collecting => "collecting",
            AbVerdict::InvalidMissing => "invalid_missing",
            AbVerdict::BBetter => "b_better",
            AbVerdict::BBetterSmall => "b_better_small",
            AbVerdict::BWorse => "b_worse",
            AbVerdict::BWorseSmall => "b_worse_small",
            AbVerdict::NoMeaningfulDifference => "no_meaningful_difference",
            AbVerdict::Undecided => "undecided",
        }
    }

    /// Whether it is decided before anybody looks at the interval: the result stays closed.
    pub fn is_before_the_interval(self) -> bool {
        matches!(
            self,
            AbVerdict::InvalidSrm
                | AbVerdict::InvalidJudgeChanged
                | AbVerdict::Collecting
                | AbVerdict::InvalidMissing
        )
    }
}

/// What an experiment's verdict is decided by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AbFacts {
    /// The lower end of the interval of B - A, in the good direction.
    pub ci_low: f64,
    /// The upper end.
    pub ci_high: f64,
    /// The smallest difference that matters.
    pub margin: f64,
    /// Planned units per arm.
    pub n_planned: u64,
    /// Units in the arm that has the fewest.
    pub n_fewest: u64,
    /// The p-value of the sample ratio; none where it was not tested.
    pub srm_p: Option<f64>,
    /// The share of units without a score.
    pub missing_share: f64,
    /// Whether the judge changed inside the window.
    pub judge_changed: bool,
}

/// Decides an experiment.
///
/// # Formula
/// The table of statistics.md, section 2: the first row that fits.
///
/// # Errors
/// `invalid-argument` if the interval is none, the margin is not above 0, nothing is planned, or a share is none.
///
/// # Source
/// statistics.md, section 2.
///
/// # Examples
/// ```
/// use trialplate::stats::{AbFacts, AbVerdict, ab_verdict};
/// let facts = AbFacts { ci_low: 0.05, ci_high: 0.30, margin: 0.20, n_planned: 500, n_fewest: 500,
///     srm_p: Some(0.4), missing_share: 0.0, judge_changed: false };
/// assert_eq!(ab_verdict(facts)?, AbVerdict::BBetter);
/// assert_eq!(ab_verdict(AbFacts { n_fewest: 499, ..facts })?, AbVerdict::Collecting);
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn ab_verdict(facts: AbFacts) -> Result<AbVerdict> {
    let AbFacts { ci_low: low, ci_high: high, margin, .. } = facts;
    if low.is_nan() || high.is_nan() || low > high {
        return Err(invalid("ci_low", "an interval has a lower end that does not lie above its upper end"));
    }
    if !(margin > 0.0 && margin.is_finite()) {
        return Err(invalid("margin", "the smallest difference that matters is a finite number above 0"));
    }
    if facts.n_planned == 0 {
        return Err(invalid("n_planned", "an experiment plans at least one unit per arm"));
    }
    if !(0.0..=1.0).contains(&facts.missing_share) {
        return Err(invalid("missing_share", "a share lies between 0 and 1"));
    }
    if facts.srm_p.is_some_and(|p| !(0.0..=1.0).contains(&p)) {
        return Err(invalid("srm_p", "a p-value lies between 0 and 1"));
    }
    let broken = facts.srm_p.is_some_and(|p| p < super::SRM_ALPHA);
    let collecting = facts.n_fewest < facts.n_planned;
    let first = before_the_interval(broken, facts.judge_changed, collecting, facts.missing_share);
    Ok(first.unwrap_or_else(|| by_interval(low, high, margin)))
}

/// The rows of the table that come before anybody looks at the interval.
pub(super) fn before_the_interval(
    split_broken: bool,
    judge_changed: bool,
    collecting: bool,
    missing_share: f64,
) -> Option<AbVerdict> {
    if split_broken {
        Some(AbVerdict::InvalidSrm)
    } else if judge_changed {
        Some(AbVerdict::InvalidJudgeChanged)
    } else if collecting {
        Some(AbVerdict::Collecting)
    } else if missing_share > MOST_MISSING {
        Some(AbVerdict::InvalidMissing)
    } else {
        None
    }
}

/// The other rows.
pub(super) fn by_interval(low: f64, high: f64, margin: f64) -> AbVerdict {
    if low > 0.0 {
        if high >= margin { AbVerdict::BBetter } else { AbVerdict::BBetterSmall }
    } else if high < 0.0 {
        if low <= -margin { AbVerdict::BWorse } else { AbVerdict::BWorseSmall }
    } else if -margin < low && high < margin {
        AbVerdict::NoMeaningfulDifference
    } else {
        AbVerdict::Undecided
    }
}
