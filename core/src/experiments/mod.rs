//! Experiments on traffic: planned and frozen first, decided by what the plan says and by nothing else.
//!
//! Invariants: a plan is an object under its content id and never changes; an assignment is a pure function of the plan's
//! salt, the table of buckets and the unit; a unit is enrolled once, at its first exposure, and enrolments are
//! numbered 1, 2, 3 … without a gap; a result is a pure function of the plan, the enrolments, the traces and the scores
//! that there are, the same in every language; a final result is stored and never changes.

pub(crate) mod assign;
pub(crate) mod check;
mod counts;
pub(crate) mod exposures;
pub(crate) mod judge;
pub(crate) mod lifecycle;
mod observe;
mod pairs;
pub(crate) mod plan;
pub(crate) mod record;
mod report;
mod versus;
mod weigh;
mod window;

pub use report::{
    AnytimeResult, ArmResult, ComparisonResult, ExperimentResult, GuardrailResult, HarmResult,
    QuantileResult, SplitResult, StratumResult,
};
