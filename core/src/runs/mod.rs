//! Runs and their rows; the metrics that scores are declared under.

pub(crate) mod lifecycle;
pub(crate) mod metrics;
pub(crate) mod rows;
