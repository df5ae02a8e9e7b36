//! When did it begin? The most likely run at which an alarm's bets started to win.

use super::drift::{DriftStep, ITEM_BETS, MEAN_BETS};
use crate::error::Result;

/// Where the evidence of a change begins, and how much there is.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct DriftOnset {
    /// The place in the list that was given, from 0.
    pub at: usize,
    /// ln of the likelihood ratio of the best bet from there to the end.
    pub log_evidence: f64,
}

/// The start k that makes the sum of `gains[k..]` largest; the latest one of equals.
fn best_start(gains: impl DoubleEndedIterator<Item = f64> + ExactSizeIterator) -> Option<DriftOnset> {
    let (mut total, mut best) = (0.0, None::<DriftOnset>);
    for (at, gain) in gains.enumerate().rev() {
        total += gain;
        if best.is_none_or(|best| total > best.log_evidence) {
            best = Some(DriftOnset { at, log_evidence: total });
        }
    }
    best
}

fn strongest(found: impl Iterator<Item = DriftOnset>) -> Option<DriftOnset> {
    found.reduce(|a, b| if b.log_evidence > a.log_evidence { b } else { a })
}

/// The most likely beginning of a change, among the runs up to an alarm.
///
/// # Formula
/// The k and λ that make Σ_{i≥k} (λU_i - λ²/2) largest, over the bets of [`Drift`](super::Drift) on the mean and on the
/// spread.
///
/// # Shapes and units
/// Steps in the order of the runs; those of the baseline, which have no U, are passed over and never chosen. `None`
/// without a step that has one.
///
/// # Source
/// The maximum-likelihood change point of the same bets (Page 1954); statistics.md (h).
///
/// # Examples
/// ```
/// use trialplate::stats::{Drift, DriftPlan, drift_onset};
/// let mut drift = Drift::new(2, DriftPlan { baseline_runs: 3, ..DriftPlan::default() })?;
/// let mut steps = Vec::new();
/// for y in [0.80, 0.81, 0.79, 0.80, 0.81, 0.4, 0.4] {
///     steps.extend(drift.push(&[Some(y), Some(y)])?);
/// }
/// assert_eq!(drift_onset(&steps).unwrap().at, 5);
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn drift_onset(steps: &[DriftStep]) -> Option<DriftOnset> {
    let first = steps.iter().position(|step| step.u_mean.is_some() && step.u_items.is_some())?;
    let steps = &steps[first..];
    let on = |bet: f64, of: fn(&DriftStep) -> Option<f64>| {
        best_start(steps.iter().map(move |step| bet * of(step).unwrap_or(0.0) - bet * bet / 2.0))
    };
    let means = MEAN_BETS.iter().filter_map(|bet| on(*bet, |step| step.u_mean));
    let items = ITEM_BETS.iter().filter_map(|bet| on(*bet, |step| step.u_items));
    strongest(means.chain(items)).map(|onset| DriftOnset { at: onset.at + first, ..onset })
}

/// As [`drift_onset`], for the canary of yes and no.
///
/// # Formula
/// The k and p that make Σ_{i≥k} f_i·ln(p/p₀) + (n_i-f_i)·ln((1-p)/(1-p₀)) largest.
///
/// # Shapes and units
/// As [`drift_bernoulli`](super::drift_bernoulli). `None` without a run.
///
/// # Errors
/// `invalid-argument` if p₀ or a multiple of it is not strictly between 0 and 1, or a run has more failures than items.
///
/// # Source
/// As [`drift_onset`].
///
/// # Examples
/// ```
/// use trialplate::stats::drift_bernoulli_onset;
/// let onset = drift_bernoulli_onset(&[(0, 20), (0, 20), (4, 20), (5, 20)], 0.01, &[2.0, 5.0, 10.0])?;
/// assert_eq!(onset.unwrap().at, 2);
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn drift_bernoulli_onset(
    runs: &[(u64, u64)],
    p0: f64,
    multipliers: &[f64],
) -> Result<Option<DriftOnset>> {
    super::check_open_unit("p0", p0)?;
    for multiplier in multipliers {
        super::check_open_unit("multipliers", multiplier * p0)?;
    }
    for &(failures, n) in runs {
        super::rates::check_count(failures, n)?;
    }
    let on = |multiplier: f64| {
        let passed = libm::log1p(-multiplier * p0) - libm::log1p(-p0);
        let failed = libm::log(multiplier);
        best_start(runs.iter().map(move |&(f, n)| f as f64 * failed + (n - f) as f64 * passed))
    };
    Ok(strongest(multipliers.iter().filter_map(|multiplier| on(*multiplier))))
}
