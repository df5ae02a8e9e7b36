//! Did the model change? A few fixed items, run again and again; an e-detector that needs no exact baseline.

use super::dist::{normal_upper_quantile, t_tails};
use super::sum::{Sum, all_finite, mean, sum, variance};
use super::{Status, invalid};
use crate::error::Result;

/// The bets on a moved mean, and on a moved spread over the items.
pub(super) const MEAN_BETS: [f64; 6] = [-2.0, -1.0, -0.5, 0.5, 1.0, 2.0];
pub(super) const ITEM_BETS: [f64; 3] = [0.5, 1.0, 2.0];
/// The reference needs a spread of the spread: two runs with one, and one more.
const LEAST_BASELINE: usize = 3;
/// A run in which fewer of ten items were scored is not used.
const ENOUGH_OF_TEN: usize = 9;

/// How a canary decides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DriftPlan {
    /// Runs before the detector starts. Three at least; ten or more are recommended, spread over days.
    pub baseline_runs: usize,
    /// The least standard deviation that is believed.
    pub floor: f64,
    /// A run counts for at most so many standard deviations.
    pub clip: f64,
    /// The alarm level A: at most one false alarm in A runs on average.
    pub alarm_level: f64,
}

impl Default for DriftPlan {
    fn default() -> DriftPlan {
        DriftPlan { baseline_runs: 20, floor: 0.0025, clip: 3.5, alarm_level: 365.0 }
    }
}

impl DriftPlan {
    fn check(&self) -> Result<()> {
        if self.baseline_runs < LEAST_BASELINE {
            return Err(invalid("baseline_runs", format!("a baseline has at least {LEAST_BASELINE} runs")));
        }
        let usable = |x: f64| x > 0.0 && x.is_finite();
        if usable(self.floor) && usable(self.clip) {
            return check_level(self.alarm_level);
        }
        Err(invalid("floor", "floor and clip are finite numbers above 0"))
    }
}

fn check_level(alarm_level: f64) -> Result<()> {
    if alarm_level > 1.0 && alarm_level.is_finite() {
        return Ok(());
    }
    Err(invalid("alarm_level", "the alarm level is a finite number above 1"))
}

/// What one run says.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct DriftStep {
    /// The run, from 1, among those that were used.
    pub run: usize,
    /// Its mean over the items.
    pub mean: f64,
    /// Items that had no score and took their earlier mean.
    pub n_missing: usize,
    /// How far the mean lies from the earlier ones, as a standard normal; none within the baseline.
    pub u_mean: Option<f64>,
    /// How far the spread over the items does.
    pub u_items: Option<f64>,
    /// The e-detector; none within the baseline. Infinite beyond the largest double.
    pub m: Option<f64>,
    /// Its logarithm, which is always finite.
    pub log_m: Option<f64>,
    /// Whether it has reached the alarm level, now or before: an alarm stays until a person answers it.
    pub alarm: bool,
}

/// A canary's detector: push run after run.
///
/// # Formula
/// Self-starting T statistics of the run's mean and of its spread over the items, each to a standard normal U by the t
/// distribution; M_λ ← (M_λ + 1)·exp(λU - λ²/2) for λ in ±½, ±1, ±2 on the mean and ½, 1, 2 on the spread;
/// M = ½·mean + ½·mean; alarm when M ≥ A.
///
/// # Assumptions
/// Runs are independent of each other; scores lie in \[0,1\]. Exact for normal run means, the items' half is approximate.
///
/// # Source
/// Shin, Ramdas and Rinaldo (2024), e-detectors; Hawkins (1987), self-starting; statistics.md (h).
///
/// # Examples
/// ```
/// use trialplate::stats::{Drift, DriftPlan};
/// let mut drift = Drift::new(2, DriftPlan { baseline_runs: 3, ..DriftPlan::default() })?;
/// for i in 0..3 {
///     assert!(drift.push(&[Some(0.8 + 0.01 * f64::from(i)), Some(0.6)])?.unwrap().m.is_none());
/// }
/// assert!(drift.push(&[Some(0.81), Some(0.6)])?.unwrap().m.is_some());
/// # Ok::<(), trialplate::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Drift {
    plan: DriftPlan,
    /// The sum of the used runs' scores, by item.
    items: Vec<Sum>,
    means: Vec<f64>,
    spreads: Vec<f64>,
    /// ln M_λ; -∞ before the first step.
    mean_bets: [f64; 6],
    item_bets: [f64; 3],
    alarm: bool,
}

impl Drift {
    /// A detector over so many fixed items.
    ///
    /// # Errors
    /// `invalid-argument` if there are no items, or the plan has a baseline below 3, a floor or clip not above 0, or an alarm
    /// level not above 1.
    pub fn new(items: usize, plan: DriftPlan) -> Result<Drift> {
        plan.check()?;
        if items == 0 {
            return Err(invalid("items", "a canary has at least one item"));
        }
        Ok(Drift {
            plan,
            items: vec![Sum::default(); items],
            means: Vec::new(),
            spreads: Vec::new(),
            mean_bets: [f64::NEG_INFINITY; 6],
            item_bets: [f64::NEG_INFINITY; 3],
            alarm: false,
        })
    }

    /// Adds a run. `None` comes back if fewer than 90 % of the items have a score: such a run is not used.
    ///
    /// # Errors
    /// `invalid-argument` if the run has another number of items, or a score outside \[0,1\].
    pub fn push(&mut self, run: &[Option<f64>]) -> Result<Option<DriftStep>> {
        if run.len() != self.items.len() {
            return Err(invalid("run", format!("the canary has {} items", self.items.len())));
        }
        let known: Vec<f64> = run.iter().flatten().copied().collect();
        if !known.iter().all(|x| (0.0..=1.0).contains(x)) {
            return Err(invalid("run", "a canary's scores lie between 0 and 1"));
        }
        let n_missing = run.len() - known.len();
        let first = self.means.is_empty();
        // The first run has no earlier mean that could stand in for a missing score.
        if known.len() * 10 < run.len() * ENOUGH_OF_TEN || (first && n_missing > 0) {
            return Ok(None);
        }
        let n = self.means.len() as f64;
        let earlier: Vec<f64> =
            self.items.iter().map(|total| if first { 0.0 } else { total.divided_by(n).value() }).collect();
        let scores: Vec<f64> = run.iter().zip(&earlier).map(|(x, earlier)| x.unwrap_or(*earlier)).collect();
        let y = mean(&scores).value();
        let spread = (!first).then(|| {
            let away = scores.iter().zip(&earlier).map(|(x, e)| (x - e) * (x - e) / (1.0 + 1.0 / n));
            libm::sqrt(sum(away) / scores.len() as f64)
        });
        let mut step = DriftStep {
            run: self.means.len() + 1,
            mean: y,
            n_missing,
            u_mean: None,
            u_items: None,
            m: None,
            log_m: None,
            alarm: self.alarm,
        };
        if self.means.len() >= self.plan.baseline_runs {
            let of_mean = self.normal(&self.means, y);
            let of_items = self.normal(&self.spreads, spread.unwrap_or(0.0));
            let log_m = self.bet(of_mean, of_items);
            self.alarm |= log_m >= libm::log(self.plan.alarm_level);
            (step.u_mean, step.u_items) = (Some(of_mean), Some(of_items));
            (step.m, step.log_m) = (Some(libm::exp(log_m)), Some(log_m));
            step.alarm = self.alarm;
        }
        for (item, score) in self.items.iter_mut().zip(&scores) {
            item.add(*score);
        }
        self.means.push(y);
        self.spreads.extend(spread);
        Ok(Some(step))
    }

    /// The detector begins anew; the runs so far stay its reference. For an alarm that a person has dismissed.
    pub fn dismiss(&mut self) {
        self.mean_bets = [f64::NEG_INFINITY; 6];
        self.item_bets = [f64::NEG_INFINITY; 3];
        self.alarm = false;
    }

    /// The plan that this detector follows.
    pub fn plan(&self) -> DriftPlan {
        self.plan
    }

    /// Whether an alarm waits for a person's answer.
    pub fn is_alarmed(&self) -> bool {
        self.alarm
    }

    /// How many runs were used.
    pub fn runs(&self) -> usize {
        self.means.len()
    }

    /// Where `value` lies among the earlier ones, as a standard normal.
    fn normal(&self, earlier: &[f64], value: f64) -> f64 {
        let n = earlier.len() as f64;
        let centre = mean(earlier);
        let spread = libm::sqrt(variance(earlier, centre)).max(self.plan.floor);
        let t = centre.residual(value) / (spread * libm::sqrt(1.0 + 1.0 / n));
        let (below, above) = t_tails(t, n - 1.0);
        let u = if below < above { -normal_upper_quantile(below) } else { normal_upper_quantile(above) };
        u.clamp(-self.plan.clip, self.plan.clip)
    }

    /// ln M after one more run.
    fn bet(&mut self, of_mean: f64, of_items: f64) -> f64 {
        fn half<const N: usize>(bets: [f64; N], capitals: &mut [f64; N], u: f64) -> f64 {
            for (bet, log) in bets.into_iter().zip(capitals.iter_mut()) {
                *log = log_plus_one(*log) + bet * u - bet * bet / 2.0;
            }
            log_mean_exp(capitals)
        }
        let mean = half(MEAN_BETS, &mut self.mean_bets, of_mean);
        let items = half(ITEM_BETS, &mut self.item_bets, of_items);
        log_mean_exp(&[mean, items])
    }
}

/// ln of the mean of e^x: an alarm that nobody answers soon leaves what a double can hold, and its sum
/// would be NaN.
pub(super) fn log_mean_exp(logs: &[f64]) -> f64 {
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if most.is_infinite() {
        return most;
    }
    most + libm::log(sum(logs.iter().map(|log| libm::exp(log - most))) / logs.len() as f64)
}

/// A canary's runs, all at once.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DriftSeries {
    /// `insufficient_data` as long as the baseline is not over.
    pub status: Status,
    /// What each run says; none for a run that was not used.
    pub steps: Vec<Option<DriftStep>>,
    /// The first run with an alarm, from 1, counted with the runs that were not used.
    pub alarm_run: Option<usize>,
}

/// Follows a canary over all its runs: the same as pushing them into a [`Drift`] one by one.
///
/// # Shapes and units
/// One list per run, one score in the unit interval per item, in the same order of items; `None` is a
/// missing score.
///
/// # Errors
/// As [`Drift::new`] and [`Drift::push`]. Without a run there is no error, since there is nothing to see.
///
/// # Source
/// As [`Drift`].
///
/// # Examples
/// ```
/// use trialplate::stats::{DriftPlan, Status, drift_series};
/// let run = |x: f64| vec![Some(x), Some(x)];
/// let mut runs: Vec<_> = [0.80, 0.81, 0.79, 0.80, 0.82, 0.78, 0.80, 0.81, 0.79, 0.80].map(run).to_vec();
/// let plan = DriftPlan { baseline_runs: 10, ..DriftPlan::default() };
/// assert_eq!(drift_series(&runs, plan)?.status, Status::InsufficientData);
/// runs.extend([0.5, 0.5, 0.5, 0.5].map(run));
/// assert_eq!(drift_series(&runs, plan)?.alarm_run, Some(12));
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn drift_series(runs: &[Vec<Option<f64>>], plan: DriftPlan) -> Result<DriftSeries> {
    plan.check()?;
    let mut found = DriftSeries { status: Status::InsufficientData, steps: Vec::new(), alarm_run: None };
    let Some(first) = runs.first() else { return Ok(found) };
    let mut detector = Drift::new(first.len(), plan)?;
    for (before, run) in runs.iter().enumerate() {
        let step = detector.push(run)?;
        if step.is_some_and(|step| step.m.is_some()) {
            found.status = Status::Ok;
        }
        if step.is_some_and(|step| step.alarm) && found.alarm_run.is_none() {
            found.alarm_run = Some(before + 1);
        }
        found.steps.push(step);
    }
    Ok(found)
}

/// ln M of several metrics of one canary together: their average, which false-alarms no more often than
/// each alone.
///
/// `None` without a metric.
///
/// # Formula
/// ln of the mean of e^x over each metric's [`DriftStep::log_m`].
///
/// # Source
/// statistics.md (h).
///
/// # Examples
/// ```
/// use trialplate::stats::drift_together;
/// let together = drift_together(&[0.0, libm::log(729.0)]).unwrap();
/// assert!((libm::exp(together) - 365.0).abs() < 1e-9);
/// assert_eq!(drift_together(&[]), None);
/// ```
pub fn drift_together(log_m: &[f64]) -> Option<f64> {
    (!log_m.is_empty()).then(|| log_mean_exp(log_m))
}

/// ln(e^x + 1).
fn log_plus_one(x: f64) -> f64 {
    if x > 0.0 { x + libm::log1p(libm::exp(-x)) } else { libm::log1p(libm::exp(x)) }
}

/// A canary of yes and no: failures of a kind that is almost never seen.
///
/// # Formula
/// S_p ← (S_p + 1)·(p/p₀)^f·((1-p)/(1-p₀))^(n-f) for p = multiplier·p₀; M = the mean over the multipliers, after each run.
///
/// # Shapes and units
/// `runs` holds (failures, items) of each run; the result is M after each, and the first run (from 1) with M ≥ `alarm_level`.
///
/// # Errors
/// `invalid-argument` if p₀ or a multiple of it is not strictly between 0 and 1, there is no multiplier, a run has more
/// failures than items, or the alarm level is not above 1.
///
/// # Source
/// statistics.md (h).
///
/// # Examples
/// ```
/// use trialplate::stats::drift_bernoulli;
/// let (m, alarm) = drift_bernoulli(&[(0, 20), (5, 20)], 0.01, &[2.0, 5.0, 10.0], 365.0)?;
/// assert!(m[1] > 365.0 && alarm == Some(2));
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn drift_bernoulli(
    runs: &[(u64, u64)],
    p0: f64,
    multipliers: &[f64],
    alarm_level: f64,
) -> Result<(Vec<f64>, Option<usize>)> {
    super::check_open_unit("p0", p0)?;
    if multipliers.is_empty() || !all_finite(multipliers) {
        return Err(invalid("multipliers", "there is at least one multiplier, and each is a finite number"));
    }
    for multiplier in multipliers {
        super::check_open_unit("multipliers", multiplier * p0)?;
    }
    check_level(alarm_level)?;
    let mut logs = vec![f64::NEG_INFINITY; multipliers.len()];
    let (mut found, mut alarm) = (Vec::with_capacity(runs.len()), None);
    for (before, &(failures, n)) in runs.iter().enumerate() {
        super::rates::check_count(failures, n)?;
        for (log, multiplier) in logs.iter_mut().zip(multipliers) {
            let p = multiplier * p0;
            let passed = libm::log1p(-p) - libm::log1p(-p0);
            *log = log_plus_one(*log)
                + failures as f64 * libm::log(*multiplier)
                + (n - failures) as f64 * passed;
        }
        let log_m = log_mean_exp(&logs);
        if log_m >= libm::log(alarm_level) && alarm.is_none() {
            alarm = Some(before + 1);
        }
        found.push(libm::exp(log_m));
    }
    Ok((found, alarm))
}
