//! Canaries: did the model change?
//!
//! What is kept is the series of runs and answers ([`store`]); where a canary stands is a pure function of it
//! ([`watch`]), computed again from the start each time, so that it can't differ between two readers.

pub(crate) mod check;
pub(crate) mod panel;
pub(crate) mod store;
pub(crate) mod verbs;
pub(crate) mod watch;
pub(crate) mod words;

use crate::model::id::{ContentId, RunId};
use crate::model::time::Timestamp;

/// Scores by metric and item, in the orders of their names, in the metrics' own units.
pub(crate) type Scores = Vec<Vec<Option<f64>>>;

/// One entry of a canary's history.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) number: u32,
    pub(crate) at: Timestamp,
    pub(crate) actor: Option<String>,
    pub(crate) what: What,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum What {
    Run(Recorded),
    Confirmed { reason: String },
    Dismissed { reason: String },
}

/// What a run says of the canary.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Recorded {
    pub(crate) run: RunId,
    /// When the run was started.
    pub(crate) at: Timestamp,
    /// What scored each metric.
    pub(crate) scorers: Vec<Option<ContentId>>,
    pub(crate) scores: Scores,
    pub(crate) anchor: Option<Anchor>,
}

/// The stored outputs, judged once more.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Anchor {
    pub(crate) run: RunId,
    pub(crate) scores: Scores,
}

#[cfg(test)]
mod tests;
