//! The statistics of a comparison: pure mathematics, slices in, named structs out.
//!
//! Every result is a function of the ordered data alone, and the same on every platform: sums are
//! compensated and in order, and exp, log, sqrt and gamma come from one pure-Rust library. A tail
//! probability is computed on its own side, so that p = 1e-300 is a number and not 0.
//!
//! What is wrong with the data (too few, not finite, no variance) is a [`Status`] of the result; what is wrong
//! with the question (alpha outside (0,1), a negative tolerance) is [`Error::InvalidArgument`].
//!
//! [`Error::InvalidArgument`]: crate::Error::InvalidArgument

mod ab_report;
mod ab_words;
mod agreement;
mod anytime;
mod assign;
mod beta;
mod betting;
mod case;
mod clustered;
mod cuped;
pub(crate) mod display;
mod dist;
mod drift;
mod drift_onset;
mod drift_report;
mod gamma;
mod gate;
mod gate_bound;
mod gate_clustered;
mod gate_needed;
mod gate_rate;
mod harm;
mod ks;
mod lock;
mod multiplicity;
mod noncentral;
mod paired;
mod plan;
mod power;
mod ppi;
mod quantile;
mod rates;
mod repeats;
mod sort;
mod srm;
mod srm_exact;
mod stratified;
pub(crate) mod sum;
#[cfg(test)]
mod tests;
mod units;
mod welch;

pub use ab_report::{AbArm, AbEstimate, AbReport, AbScale, AbSplit};
pub use agreement::{Kappa, KappaWeights, kappa};
pub use anytime::{
    ASYMPTOTIC_UNITS, Anytime, ArmMoments, AsymptoticSequence, ScoreRange, ab_anytime, asymptotic_sequence,
    empirical_bernstein, pair_units,
};
pub use assign::{AssignmentTable, BUCKETS, Purpose, assign_bucket, bucket_counts, takes_part};
pub use betting::{
    CS_TRUNCATION, ConfidenceSequence, HARM_ALPHA, SequencePlan, Stopped, betting_sequence, betting_stop,
    harm_guard,
};
pub use case::{kinds, run_case};
pub use clustered::{ClusterMethod, Clustered, paired_clustered};
pub use cuped::{CUPED_UNITS, Cuped, cuped};
pub use drift::{Drift, DriftPlan, DriftSeries, DriftStep, drift_bernoulli, drift_series, drift_together};
pub use drift_onset::{DriftOnset, drift_bernoulli_onset, drift_onset};
pub use drift_report::{DriftPhase, DriftReport};
pub use gate::{
    BoundRule, MeanGate, Outcome, RuleUsed, Tolerance, mean_at_least, mean_gate, non_inferiority_paired,
    non_inferiority_unpaired,
};
pub use gate_bound::{ZeroVarianceBound, gate_attempt_alpha, zero_variance_bound};
pub use gate_clustered::non_inferiority_clustered;
pub use gate_needed::{Settling, items_to_settle, trials_to_settle, variance_within};
pub use gate_rate::{Limit, RateGate, RateMode, items_without_failure, rate_gate};
pub use harm::{HarmWatch, harm_watch};
pub use ks::{KolmogorovSmirnov, ks_two_sample};
pub use lock::{AbFacts, AbVerdict, ab_verdict, lock_cutoff};
pub use multiplicity::{Adjusted, benjamini_hochberg, holm};
pub(crate) use paired::mean_interval;
pub use paired::{Paired, mean_of_repeats, paired, paired_repeats};
pub use plan::{
    Allocation, ClusteredN, FLOOR_OF_UNITS, PlannedN, PlannedStratum, RepeatedN, StratifiedN, n_clustered,
    n_for_gate, n_repeats, n_stratified, plan_n, sd_explained,
};
pub use power::{
    SampleSize, Sides, Target, mde_of_test, mde_paired, mde_two_sample, n_paired, n_two_sample, power_paired,
    power_two_sample,
};
pub use ppi::{CorrectedMean, CorrectedRate, JudgeRates, ppi_mean, rogan_gladen};
pub(crate) use quantile::quantile_of_sorted;
pub use quantile::{QuantileDifference, QuantileInterval, quantile, quantile_difference, quantile_interval};
pub use rates::{
    Interval, PairedRates, RateDifference, clopper_pearson, clopper_pearson_one_sided, newcombe,
    paired_rates, wilson,
};
pub use repeats::{RepeatNoise, noise_floor, repeat_noise, repeat_variance};
pub(crate) use sort::{sort, wider};
pub use srm::{SRM_ALPHA, SRM_CONCENTRATION, SRM_WARNING, Srm, SrmMethod, SrmSequence, srm, srm_sequence};
pub use stratified::{PostStratified, StrataPlan, StratumDifference, post_stratified};
pub(crate) use sum::mean_sd_of;
pub use sum::{MeanSd, mean_sd};
pub use units::{Response, UnitComparison, ratio_metric, unit_means, units_by_arm};
pub use welch::{Summary, Welch, welch, welch_from_summaries};

use crate::error::{Error, Result};

/// Whether a result can be read.
///
/// Only [`Status::Ok`] has a p-value, an interval and a verdict. The others leave `None` in every field that
/// could be misread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Status {
    /// The result is complete.
    Ok,
    /// Fewer than two units; n and means are reported.
    InsufficientData,
    /// Nothing varies, so no test exists: n, means and the difference are reported, and no p-value.
    ZeroVariance,
    /// A score is not finite or out of range, or the lengths differ.
    InvalidInput,
}

impl Status {
    /// The status's name, the same in every language.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::InsufficientData => "insufficient_data",
            Status::ZeroVariance => "zero_variance",
            Status::InvalidInput => "invalid_input",
        }
    }
}

pub(crate) fn invalid(argument: &str, reason: impl Into<String>) -> Error {
    Error::InvalidArgument { argument: argument.to_owned(), reason: reason.into() }
}

/// `Err` unless `value` lies strictly between 0 and 1.
fn check_open_unit(argument: &'static str, value: f64) -> Result<()> {
    if value > 0.0 && value < 1.0 {
        return Ok(());
    }
    Err(invalid(argument, format!("{argument} must lie strictly between 0 and 1, not {value}")))
}
