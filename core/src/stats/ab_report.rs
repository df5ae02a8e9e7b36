//! An experiment when it is asked for its verdict: what it knows, and which row of the table that is.

use super::ab_words::Shown;
use super::anytime::Anytime;
use super::display::count;
use super::lock::{AbVerdict, before_the_interval, by_interval};
use super::srm::srm;
use super::{Status, check_open_unit, invalid};
use crate::error::Result;

/// What a difference is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AbScale<'a> {
    /// Points of a score.
    Points,
    /// A rate between 0 and 1, shown in percentage points.
    Rate,
    /// Any other unit, by its name: "ms".
    Other(&'a str),
}

impl AbScale<'_> {
    pub(super) fn factor(self) -> f64 {
        if self == AbScale::Rate { 100.0 } else { 1.0 }
    }

    pub(super) fn name(&self) -> &str {
        match self {
            AbScale::Points => "points",
            AbScale::Rate => "percentage points",
            AbScale::Other(name) => name,
        }
    }
}

/// How the units were split, and whether that is what was planned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AbSplit<'a> {
    /// The planned weights, on any scale.
    pub planned: &'a [f64],
    /// Units seen in each arm.
    pub seen: &'a [u64],
    /// The p-value of the sample ratio; none if no unit has arrived.
    pub p_value: Option<f64>,
    /// Whether the split is broken.
    pub mismatch: bool,
}

impl<'a> AbSplit<'a> {
    /// Tests a split by [`srm`].
    ///
    /// # Errors
    /// `invalid-argument` as for [`srm`].
    pub fn tested(planned: &'a [f64], seen: &'a [u64]) -> Result<AbSplit<'a>> {
        let found = srm(seen, planned)?;
        Ok(AbSplit { planned, seen, p_value: found.p_value, mismatch: found.mismatch })
    }
}

/// One arm up to the cut-off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AbArm {
    /// Units that were enrolled.
    pub units: u64,
    /// Those of them that have no score.
    pub missing: u64,
}

/// B - A as it was measured, whichever way is better.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AbEstimate {
    /// The mean of B minus that of A.
    pub diff: f64,
    /// The lower end of its interval.
    pub ci_low: f64,
    /// The upper end.
    pub ci_high: f64,
}

impl AbEstimate {
    /// The same, counted so that more is better.
    pub(super) fn good(self, higher_is_better: bool) -> AbEstimate {
        if higher_is_better {
            return self;
        }
        AbEstimate { diff: -self.diff, ci_low: -self.ci_high, ci_high: -self.ci_low }
    }
}

/// An experiment of two arms when it is asked for its verdict.
///
/// # Examples
/// ```
/// use trialplate::stats::{AbArm, AbEstimate, AbReport, AbVerdict};
/// let report = AbReport {
///     arms: [AbArm { units: 503, missing: 0 }, AbArm { units: 511, missing: 0 }],
///     estimate: Some(AbEstimate { diff: 0.21, ci_low: 0.05, ci_high: 0.37 }),
///     ..AbReport::planned(503, 0.20)
/// };
/// assert_eq!(report.verdict()?, AbVerdict::BBetter);
/// assert_eq!(report.sentence()?, "**B is better** by 0.21 points (95% CI 0.05 to 0.37, n = 503+511).");
/// # Ok::<(), trialplate::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AbReport<'a> {
    /// The sample ratio; none where it was not tested.
    pub split: Option<AbSplit<'a>>,
    /// The date on which the judge changed inside the window.
    pub judge_changed: Option<&'a str>,
    /// Planned units per arm; planned pairs, in anytime mode.
    pub n_planned: u64,
    /// A and B.
    pub arms: [AbArm; 2],
    /// B - A; none as long as nobody may look, and where no interval exists.
    pub estimate: Option<AbEstimate>,
    /// Which way is better.
    pub higher_is_better: bool,
    /// The smallest difference that matters, in the metric's own unit.
    pub margin: f64,
    /// One minus the interval's confidence.
    pub alpha: f64,
    /// The power that was planned for.
    pub power: f64,
    /// The spread of the scores that was planned with; says how many units half of the margin would need.
    pub sd: Option<f64>,
    /// What a difference is counted in.
    pub scale: AbScale<'a>,
    /// What several units are called: "users", "units".
    pub units: &'a str,
}

impl<'a> AbReport<'a> {
    /// A report on a plan with the defaults: users, points, 95 %, 80 % power, higher is better, and
    /// nothing seen yet.
    pub fn planned(n_planned: u64, margin: f64) -> AbReport<'a> {
        AbReport {
            split: None,
            judge_changed: None,
            n_planned,
            arms: [AbArm::default(); 2],
            estimate: None,
            higher_is_better: true,
            margin,
            alpha: 0.05,
            power: 0.8,
            sd: None,
            scale: AbScale::Points,
            units: "users",
        }
    }

    fn check(&self) -> Result<()> {
        check_open_unit("alpha", self.alpha)?;
        check_open_unit("power", self.power)?;
        if !(self.margin > 0.0 && self.margin.is_finite()) {
            return Err(invalid("margin", "the smallest difference that matters is a finite number above 0"));
        }
        if self.n_planned == 0 {
            return Err(invalid("n_planned", "an experiment plans at least one unit per arm"));
        }
        if self.arms.iter().any(|arm| arm.missing > arm.units) {
            return Err(invalid("missing", "no more units can be without a score than there are"));
        }
        if self.estimate.is_some_and(|e| !(e.ci_low <= e.ci_high && e.diff.is_finite())) {
            return Err(invalid(
                "estimate",
                "an interval has a lower end that does not lie above its upper end",
            ));
        }
        Ok(())
    }

    /// The share of all units that have no score.
    pub fn missing_share(&self) -> f64 {
        let total = |of: fn(&AbArm) -> u64| self.arms.iter().map(|arm| of(arm) as f64).sum::<f64>();
        let units = total(|arm| arm.units);
        if units > 0.0 { total(|arm| arm.missing) / units } else { 0.0 }
    }

    pub(super) fn fewest(&self) -> u64 {
        let [a, b] = self.arms;
        a.units.min(b.units)
    }

    /// The verdict: the first row of the table that fits. Without an interval where one is due it is `undecided`.
    ///
    /// # Errors
    /// `invalid-argument` if alpha or power is not strictly between 0 and 1, the margin is not above 0,
    /// nothing is planned, an
    /// arm misses more units than it has, or the interval is none.
    ///
    /// # Source
    /// statistics.md, section 2.
    pub fn verdict(&self) -> Result<AbVerdict> {
        self.check()?;
        if let Some(first) = self.broken(self.fewest() < self.n_planned) {
            return Ok(first);
        }
        let decided = self.estimate.map(|estimate| {
            let e = estimate.good(self.higher_is_better);
            by_interval(e.ci_low, e.ci_high, self.margin)
        });
        Ok(decided.unwrap_or(AbVerdict::Undecided))
    }

    fn broken(&self, collecting: bool) -> Option<AbVerdict> {
        let mismatch = self.split.is_some_and(|split| split.mismatch);
        before_the_interval(mismatch, self.judge_changed.is_some(), collecting, self.missing_share())
    }

    /// What a person reads of [`AbReport::verdict`].
    ///
    /// # Errors
    /// As [`AbReport::verdict`].
    ///
    /// # Source
    /// statistics.md, section 2; numbers as its section 0 wants them.
    pub fn sentence(&self) -> Result<String> {
        Ok(self.verdict()?.sentence(self))
    }

    /// The verdict in anytime mode: what breaks one in any mode, then what the sequence decided, and
    /// `undecided` once all planned pairs are there.
    ///
    /// # Errors
    /// As [`AbReport::verdict`].
    ///
    /// # Source
    /// statistics.md, sections 2 and (d).
    ///
    /// # Examples
    /// ```
    /// use trialplate::stats::{AbReport, AbVerdict, ScoreRange, SequencePlan, ab_anytime};
    /// let (report, range) = (AbReport::planned(100, 0.2), ScoreRange { min: 1.0, max: 5.0 });
    /// let of = |b: &[f64]| ab_anytime(&vec![2.0; b.len()], b, (1, 1), range, SequencePlan::for_planned(0.05, 100));
    /// assert_eq!(report.anytime_verdict(&of(&[4.0; 60])?)?, AbVerdict::BBetter);
    /// assert_eq!(report.anytime_verdict(&of(&[1.0; 60])?)?, AbVerdict::BWorse);
    /// assert_eq!(report.anytime_verdict(&of(&[2.0; 60])?)?, AbVerdict::Collecting);
    /// assert_eq!(report.anytime_verdict(&of(&[2.0; 100])?)?, AbVerdict::Undecided);
    /// # Ok::<(), trialplate::Error>(())
    /// ```
    pub fn anytime_verdict(&self, found: &Anytime) -> Result<AbVerdict> {
        self.check()?;
        if let Some(broken) = self.broken(false) {
            return Ok(broken);
        }
        Ok(match (found.stopped_at, found.diff, found.low, found.high) {
            (Some(_), Some(diff), Some(ci_low), Some(ci_high)) => {
                let e = AbEstimate { diff, ci_low, ci_high }.good(self.higher_is_better);
                by_interval(e.ci_low, e.ci_high, self.margin)
            }
            _ if found.pairs as u64 >= self.n_planned => AbVerdict::Undecided,
            _ => AbVerdict::Collecting,
        })
    }

    /// What a person reads of an experiment in anytime mode. What breaks a verdict in any mode comes
    /// first here too.
    ///
    /// # Errors
    /// As [`AbReport::verdict`].
    ///
    /// # Source
    /// statistics.md, sections 2 and (d).
    pub fn anytime_sentence(&self, found: &Anytime) -> Result<String> {
        self.check()?;
        if let Some(broken) = self.broken(false) {
            return Ok(broken.sentence(self));
        }
        let estimate = match (found.diff, found.low, found.high) {
            (Some(diff), Some(ci_low), Some(ci_high)) => AbEstimate { diff, ci_low, ci_high },
            _ if found.status == Status::InvalidInput => {
                return Ok("**No verdict:** a score lies outside the metric's range.".to_owned());
            }
            _ => {
                let planned = count(self.n_planned);
                return Ok(format!("**Still collecting:** no pair yet, {planned} are planned."));
            }
        };
        let shown = Shown::new(self, estimate);
        let range = "interval valid at any stopping time";
        let sentence = if let Some(at) = found.stopped_at {
            // 0 lies at or beyond one end.
            let is_worse = shown.e.ci_low + shown.e.ci_high < 0.0;
            let (better, by) = if is_worse { ("worse", shown.worse()) } else { ("better", shown.better()) };
            let (by, low, high) = by;
            let pairs = count(at as u64);
            format!(
                "**Decided after {pairs} pairs: B is {better}** by {by} {} ({range} {low} to {high}).",
                shown.unit
            )
        } else if (found.pairs as u64) < self.n_planned {
            let (pairs, planned) = (count(found.pairs as u64), count(self.n_planned));
            format!("**Still collecting: {pairs} of {planned} pairs.** {} ({range}).", shown.anything())
        } else {
            let pairs = count(found.pairs as u64);
            format!("**Undecided** after {pairs} pairs. {} ({range}).", shown.anything())
        };
        Ok(sentence + self.mirrored())
    }
}
