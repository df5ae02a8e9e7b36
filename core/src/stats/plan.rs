//! How many units an experiment or a golden set needs, under the designs that save or cost units.

use super::power::{MOST_UNITS, SampleSize, Target, check_sd, n_paired, n_two_sample};
use super::{Sides, invalid};
use crate::error::Result;

/// An experiment of fewer units per variant is not planned, whatever the power analysis says.
pub const FLOOR_OF_UNITS: u64 = 500;

/// What an experiment needs per variant.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct PlannedN {
    /// What the power analysis asks for.
    pub n_power: u64,
    /// What is planned: that, or the floor.
    pub n_planned: u64,
}

/// Plans an experiment of two equal arms.
///
/// # Errors
/// `invalid-argument` as for [`n_two_sample`].
///
/// # Source
/// statistics.md (c).
///
/// # Examples
/// ```
/// use trialplate::stats::{FLOOR_OF_UNITS, Target, plan_n};
/// assert_eq!(plan_n(Target::new(0.1), 1.13, FLOOR_OF_UNITS)?.n_planned, 2006);
/// assert_eq!(plan_n(Target::new(0.5), 1.13, FLOOR_OF_UNITS)?.n_planned, 500);
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn plan_n(target: Target, sd: f64, floor: u64) -> Result<PlannedN> {
    let n_power = n_two_sample(target, (sd, sd), 1.0)?.n_a;
    Ok(PlannedN { n_power, n_planned: n_power.max(floor) })
}

/// One stratum of a plan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlannedStratum {
    /// Its share of the traffic or of the set; all of them sum to 1.
    pub weight: f64,
    /// The standard deviation within it.
    pub sd: f64,
}

/// How units are spread over the strata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allocation {
    /// As they come: n_h ∝ W_h.
    Proportional,
    /// n_h ∝ W_h·σ_h, which a golden set is free to do.
    Neyman,
}

/// A stratified sample.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StratifiedN {
    /// The standard deviation that is left within the strata.
    pub sd_within: f64,
    /// Units per arm.
    pub n_per_arm: u64,
    /// Of those, each stratum's units, rounded up.
    pub n_per_stratum: Vec<u64>,
}

/// The sample of a comparison that is stratified.
///
/// # Formula
/// sd_within = √ΣW_hσ_h² as units come, ΣW_hσ_h under Neyman's allocation; then as [`n_two_sample`].
///
/// # Errors
/// `invalid-argument` if the weights do not sum to 1, one is negative, no stratum varies, or as for
/// [`n_two_sample`].
///
/// # Source
/// statistics.md (c).
///
/// # Examples
/// ```
/// use trialplate::stats::{Allocation, PlannedStratum, Target, n_stratified};
/// let strata = [PlannedStratum { weight: 0.6, sd: 0.5 }, PlannedStratum { weight: 0.4, sd: 1.0 }];
/// assert_eq!(n_stratified(Target::new(0.15), &strata, Allocation::Proportional)?.n_per_arm, 385);
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn n_stratified(
    target: Target,
    strata: &[PlannedStratum],
    allocation: Allocation,
) -> Result<StratifiedN> {
    let usable =
        |s: &PlannedStratum| s.weight >= 0.0 && s.sd >= 0.0 && s.weight.is_finite() && s.sd.is_finite();
    if !strata.iter().all(usable) {
        let reason = "a stratum has a weight and a standard deviation, both finite and not below 0";
        return Err(invalid("strata", reason));
    }
    let total = super::sum::sum(strata.iter().map(|s| s.weight));
    if (total - 1.0).abs() > 1e-9 {
        return Err(invalid("strata", format!("the weights of the strata must sum to 1, not to {total}")));
    }
    let sd_within = match allocation {
        Allocation::Proportional => {
            libm::sqrt(super::sum::sum(strata.iter().map(|s| s.weight * s.sd * s.sd)))
        }
        Allocation::Neyman => super::sum::sum(strata.iter().map(|s| s.weight * s.sd)),
    };
    let n_per_arm = n_two_sample(target, (sd_within, sd_within), 1.0)?.n_a;
    let share = |s: &PlannedStratum| match allocation {
        Allocation::Proportional => s.weight,
        Allocation::Neyman => s.weight * s.sd / sd_within,
    };
    let n_per_stratum = strata.iter().map(|s| libm::ceil(share(s) * n_per_arm as f64) as u64).collect();
    Ok(StratifiedN { sd_within, n_per_arm, n_per_stratum })
}

/// The standard deviation that is left when a covariate or the strata explain the share `r2` of the variance.
///
/// # Errors
/// `invalid-argument` if `r2` is not from 0 to below 1, or the standard deviation not a finite number above 0.
///
/// # Examples
/// ```
/// assert!((trialplate::stats::sd_explained(1.13, 0.5)? - 0.799).abs() < 1e-3);
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn sd_explained(sd: f64, r2: f64) -> Result<f64> {
    check_sd("sd", sd)?;
    if !(0.0..1.0).contains(&r2) {
        return Err(invalid("r2", "the share of the variance that is explained lies from 0 to below 1"));
    }
    Ok(sd * libm::sqrt(1.0 - r2))
}

/// A sample whose units give several responses each.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct ClusteredN {
    /// How many times the responses one needs more because they come in units.
    pub design_effect: f64,
    /// The responses per arm that independent ones would be.
    pub n_responses_independent: u64,
    /// Units per arm.
    pub n_units_per_arm: u64,
}

/// The sample of a comparison whose responses come in units, such as users.
///
/// # Shapes and units
/// `mean_size` responses per unit with coefficient of variation `cv`; `icc` is the intraclass correlation.
///
/// # Formula
/// deff = 1 + ((cv² + 1)·m̄ - 1)·ICC; units = ⌈n·deff / m̄⌉.
///
/// # Errors
/// `invalid-argument` if `mean_size` is below 1, `cv` negative, `icc` outside \[0,1\], or as for [`n_two_sample`].
///
/// # Source
/// Eldridge, Ashby and Kerry (2006); statistics.md (c).
///
/// # Examples
/// ```
/// use trialplate::stats::{Target, n_clustered};
/// assert_eq!(n_clustered(Target::new(0.1), 1.0, 2.5, 0.5, 0.05)?.n_units_per_arm, 696);
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn n_clustered(target: Target, sd: f64, mean_size: f64, cv: f64, icc: f64) -> Result<ClusteredN> {
    if !(mean_size >= 1.0 && mean_size.is_finite()) {
        return Err(invalid("mean_cluster_size", "a unit gives at least one response"));
    }
    if !(cv >= 0.0 && cv.is_finite()) {
        return Err(invalid("cv_cluster_size", "a coefficient of variation is a finite number from 0"));
    }
    if !(0.0..=1.0).contains(&icc) {
        return Err(invalid("icc", "an intraclass correlation lies between 0 and 1"));
    }
    let design_effect = 1.0 + ((cv * cv + 1.0) * mean_size - 1.0) * icc;
    let n = n_two_sample(target, (sd, sd), 1.0)?.n_a;
    let units = libm::ceil(n as f64 * design_effect / mean_size);
    if units.is_nan() || units > MOST_UNITS as f64 {
        return Err(invalid("cv_cluster_size", "the units differ so much in size that no sample would do"));
    }
    Ok(ClusteredN { design_effect, n_responses_independent: n, n_units_per_arm: units as u64 })
}

/// A golden set whose items are tried several times.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct RepeatedN {
    /// The standard deviation of an item's difference.
    pub sd_diff: f64,
    /// Items.
    pub n_items: u64,
    /// Calls of the model per version.
    pub calls_per_version: u64,
}

/// The items that a paired comparison needs when each is tried `repeats` times.
///
/// # Shapes and units
/// `var_item_change`: the variance of the true differences between items; `var_within`: the variance of one item's
/// scores between trials. Both in squared score units.
///
/// # Formula
/// sd_diff² = var_item_change + 2·var_within / repeats; then as [`n_paired`].
///
/// # Errors
/// `invalid-argument` for a negative variance, no repeats, or as for [`n_paired`].
///
/// # Source
/// statistics.md (c).
///
/// # Examples
/// ```
/// use trialplate::stats::{Target, n_repeats};
/// let n = n_repeats(Target::new(0.2), 0.16, 0.5, 10)?;
/// assert_eq!((n.n_items, n.calls_per_version), (53, 530));
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn n_repeats(target: Target, var_item_change: f64, var_within: f64, repeats: u64) -> Result<RepeatedN> {
    for (name, variance) in [("var_item_change", var_item_change), ("var_within", var_within)] {
        if !(variance >= 0.0 && variance.is_finite()) {
            return Err(invalid(name, "a variance is a finite number from 0"));
        }
    }
    if repeats == 0 {
        return Err(invalid("repeats", "an item is tried at least once"));
    }
    let sd_diff = libm::sqrt(var_item_change + 2.0 * var_within / repeats as f64);
    let SampleSize { n_a, .. } = n_paired(target, sd_diff)?;
    let Some(calls_per_version) = n_a.checked_mul(repeats) else {
        return Err(invalid("repeats", "that many calls cannot be counted"));
    };
    Ok(RepeatedN { sd_diff, n_items: n_a, calls_per_version })
}

/// The items with which a gate that allows `tolerance` passes a version that has not changed, with that
/// probability.
///
/// # Formula
/// One-sided [`n_paired`] with the tolerance as the difference.
///
/// # Errors
/// `invalid-argument` as for [`n_paired`].
///
/// # Source
/// statistics.md (c), second table.
///
/// # Examples
/// ```
/// assert_eq!(trialplate::stats::n_for_gate(0.2, 0.8, 0.05, 0.9)?, 139);
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn n_for_gate(tolerance: f64, sd_diff: f64, alpha: f64, power: f64) -> Result<u64> {
    let target = Target { delta: tolerance, alpha, power, sides: Sides::One };
    Ok(n_paired(target, sd_diff)?.n_a)
}
