//! Gates: what must hold before a label may move.

use serde::{Deserialize, Serialize};

use super::name::{DatasetName, MetricName};
use crate::error::{Error, Result};

/// How a check decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// By a confidence bound: it passes only what the data prove.
    Bound,
    /// By the measured figure alone. Not a proof; the verdict shows the bound beside it.
    Point,
}

/// How a tolerance is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ToleranceKind {
    /// As a share of the baseline's score: 0.05 allows 5 % less.
    #[default]
    Relative,
    /// In the metric's own points.
    Absolute,
}

/// Which confidence bound decides a mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bound {
    /// Student's t where the differences are even enough for it, otherwise the betting bound.
    #[default]
    Auto,
    /// The betting bound: holds for every distribution on the metric's range, and is wider.
    Betting,
    /// Student's t. With a few large collapses among many zeros it passes too much.
    T,
}

/// What an output that failed (a row with an error and without a score) counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnError {
    /// As missing.
    #[default]
    Missing,
    /// As the metric's worst score: a prompt on which the model breaks down is a bad prompt.
    Worst,
}

/// What a check does with the scores of a judge that was not calibrated against people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Uncalibrated {
    /// It reports what it saw, and decides nothing.
    #[default]
    Report,
    /// It decides all the same.
    Allow,
}

/// What a gate does where the data leave a check open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Inconclusive {
    /// The label stays.
    #[default]
    Block,
    /// The label may move, if everything was measured and nothing was shown to be worse.
    Allow,
}

/// One check of a gate.
// An option that is left at its default is not written, so that a gate keeps the id it had before there was one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "check", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Check {
    /// Golden-set regression: every item stays at or above a floor.
    ItemFloor {
        /// The metric.
        metric: MetricName,
        /// The floor, which an item may touch.
        at_least: f64,
        /// So many items may lie below it.
        #[serde(default, skip_serializing_if = "is_default")]
        allow: u64,
        /// What to do with a judge that was not calibrated.
        #[serde(default, skip_serializing_if = "is_default")]
        uncalibrated: Uncalibrated,
    },
    /// The mean is not worse than the baseline's, with a tolerance.
    NoRegression {
        /// The metric.
        metric: MetricName,
        /// How much worse it may be.
        #[serde(default = "defaults::tolerance")]
        tolerance: f64,
        /// What the tolerance is a share of, or points.
        #[serde(default)]
        kind: ToleranceKind,
        /// By the bound or by the measured figure.
        #[serde(default = "defaults::bound")]
        mode: Mode,
        /// Which bound.
        #[serde(default, skip_serializing_if = "is_default")]
        bound: Bound,
        /// The member of the items' metadata that names what belongs together (a document, a topic, a user):
        /// such items are not independent.
        #[serde(default, skip_serializing_if = "is_default")]
        cluster: Option<String>,
        /// More items than this with a severe drop fail, whatever the mean says.
        #[serde(default, skip_serializing_if = "is_default")]
        max_severe: Option<u64>,
        /// A drop of so many points is severe; 2 by default.
        #[serde(default, skip_serializing_if = "is_default")]
        severe_drop: Option<f64>,
        /// What an output that failed counts as.
        #[serde(default, skip_serializing_if = "is_default")]
        on_error: OnError,
        /// What to do with a judge that was not calibrated.
        #[serde(default, skip_serializing_if = "is_default")]
        uncalibrated: Uncalibrated,
    },
    /// The mean is at least so much (at most, where lower is better).
    Mean {
        /// The metric.
        metric: MetricName,
        /// The threshold.
        at_least: f64,
        /// By the bound or by the measured figure.
        #[serde(default = "defaults::bound")]
        mode: Mode,
        /// What to do with a judge that was not calibrated.
        #[serde(default, skip_serializing_if = "is_default")]
        uncalibrated: Uncalibrated,
    },
    /// A rate is at least, or at most, so much: the share of items whose score is true (or the mean of a
    /// score between 0 and 1).
    Rate {
        /// The metric.
        metric: MetricName,
        /// The least it may be.
        #[serde(default)]
        at_least: Option<f64>,
        /// The most it may be.
        #[serde(default)]
        at_most: Option<f64>,
        /// By the bound or by the measured figure.
        #[serde(default = "defaults::point")]
        mode: Mode,
        /// What to do with a judge that was not calibrated.
        #[serde(default, skip_serializing_if = "is_default")]
        uncalibrated: Uncalibrated,
    },
    /// Enough of the outputs satisfy the version's `response_schema`.
    Format {
        /// The least share.
        #[serde(default = "defaults::format")]
        at_least: f64,
        /// By the bound or by the measured figure.
        #[serde(default = "defaults::point")]
        mode: Mode,
    },
    /// On a set of probes no item scores worse than it did under the baseline.
    NotMorePermissive {
        /// The dataset of probes.
        dataset: DatasetName,
        /// The metric: true (or more) where the probe was refused.
        metric: MetricName,
        /// So many probes may do worse than before.
        #[serde(default, skip_serializing_if = "is_default")]
        max_new_failures: u64,
        /// What to do with a judge that was not calibrated.
        #[serde(default, skip_serializing_if = "is_default")]
        uncalibrated: Uncalibrated,
    },
}

/// A drop of so many points is severe, if the check does not say.
pub(crate) const SEVERE_DROP: f64 = 2.0;

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

mod defaults {
    use super::Mode;

    pub(super) fn tolerance() -> f64 {
        0.05
    }
    pub(super) fn format() -> f64 {
        0.99
    }
    pub(super) fn bound() -> Mode {
        Mode::Bound
    }
    pub(super) fn point() -> Mode {
        Mode::Point
    }
}

impl Check {
    /// Every item of the metric stays at or above `at_least`.
    pub fn item_floor(metric: MetricName, at_least: f64) -> Check {
        Check::ItemFloor { metric, at_least, allow: 0, uncalibrated: Uncalibrated::Report }
    }

    /// The metric's mean is at most 5 % worse than the baseline's, by the 95 % one-sided bound.
    pub fn no_regression(metric: MetricName) -> Check {
        Check::NoRegression {
            metric,
            tolerance: defaults::tolerance(),
            kind: ToleranceKind::Relative,
            mode: defaults::bound(),
            bound: Bound::Auto,
            cluster: None,
            max_severe: None,
            severe_drop: None,
            on_error: OnError::Missing,
            uncalibrated: Uncalibrated::Report,
        }
    }

    /// The same check, which also decides by a judge that was not calibrated against people.
    #[must_use]
    pub fn allowing_uncalibrated(mut self) -> Check {
        match &mut self {
            Check::ItemFloor { uncalibrated, .. }
            | Check::NoRegression { uncalibrated, .. }
            | Check::Mean { uncalibrated, .. }
            | Check::Rate { uncalibrated, .. }
            | Check::NotMorePermissive { uncalibrated, .. } => *uncalibrated = Uncalibrated::Allow,
            Check::Format { .. } => {}
        }
        self
    }

    /// The check's name, as it is written in a gate.
    pub fn name(&self) -> &'static str {
        match self {
            Check::ItemFloor { .. } => "item_floor",
            Check::NoRegression { .. } => "no_regression",
            Check::Mean { .. } => "mean",
            Check::Rate { .. } => "rate",
            Check::Format { .. } => "format",
            Check::NotMorePermissive { .. } => "not_more_permissive",
        }
    }

    /// The metric it looks at; the format check looks at outputs.
    pub fn metric(&self) -> Option<&MetricName> {
        match self {
            Check::ItemFloor { metric, .. }
            | Check::NoRegression { metric, .. }
            | Check::Mean { metric, .. }
            | Check::Rate { metric, .. }
            | Check::NotMorePermissive { metric, .. } => Some(metric),
            Check::Format { .. } => None,
        }
    }

    /// What it does with a judge that was not calibrated; the format check has no judge.
    pub(crate) fn uncalibrated(&self) -> Uncalibrated {
        match self {
            Check::ItemFloor { uncalibrated, .. }
            | Check::NoRegression { uncalibrated, .. }
            | Check::Mean { uncalibrated, .. }
            | Check::Rate { uncalibrated, .. }
            | Check::NotMorePermissive { uncalibrated, .. } => *uncalibrated,
            Check::Format { .. } => Uncalibrated::Allow,
        }
    }

    /// Whether a confidence bound decides it.
    pub(crate) fn by_bound(&self) -> bool {
        match self {
            Check::NoRegression { mode, .. }
            | Check::Mean { mode, .. }
            | Check::Rate { mode, .. }
            | Check::Format { mode, .. } => *mode == Mode::Bound,
            Check::ItemFloor { .. } | Check::NotMorePermissive { .. } => false,
        }
    }

    /// The member of the metadata that names an item's cluster.
    pub(crate) fn cluster(&self) -> Option<&str> {
        match self {
            Check::NoRegression { cluster, .. } => cluster.as_deref(),
            _ => None,
        }
    }

    /// Whether it compares with the version that holds the label now.
    pub(crate) fn needs_baseline(&self) -> bool {
        matches!(self, Check::NoRegression { .. } | Check::NotMorePermissive { .. })
    }

    fn validate(&self) -> Result<()> {
        let refuse =
            |reason: String| Err(Error::InvalidGate { reason: format!("{}: {reason}", self.name()) });
        let share = |what: &str, x: f64| {
            if (0.0..=1.0).contains(&x) { Ok(()) } else { refuse(format!("{what} must lie between 0 and 1")) }
        };
        if let Check::NoRegression { mode, bound, cluster, max_severe, severe_drop, .. } = self {
            if cluster.as_deref().is_some_and(|name| name.trim().is_empty()) {
                return refuse("cluster is the name of a member of the items' metadata".to_owned());
            }
            if cluster.is_some() && *bound == Bound::Betting {
                return refuse(
                    "the betting bound needs independent items; leave out cluster, or bound".to_owned(),
                );
            }
            if *mode == Mode::Point && (*bound != Bound::Auto || cluster.is_some()) {
                return refuse("in point mode no bound decides; leave out bound and cluster".to_owned());
            }
            if severe_drop.is_some_and(|points| !points.is_finite() || points <= 0.0) {
                return refuse("severe_drop is a number of points above 0".to_owned());
            }
            if severe_drop.is_some() && max_severe.is_none() {
                return refuse("severe_drop says what max_severe counts; give both".to_owned());
            }
        }
        match *self {
            Check::ItemFloor { at_least, .. } | Check::Mean { at_least, .. } if !at_least.is_finite() => {
                refuse("at_least must be a finite number".to_owned())
            }
            Check::NoRegression { tolerance, .. } if !tolerance.is_finite() || tolerance < 0.0 => {
                refuse("tolerance must be 0 or more".to_owned())
            }
            Check::NoRegression { tolerance, kind: ToleranceKind::Relative, .. } if tolerance >= 1.0 => {
                refuse("a relative tolerance must lie below 1; 0.05 means 5 %".to_owned())
            }
            Check::Rate { at_least, at_most, .. } => match (at_least, at_most) {
                (Some(x), None) => share("at_least", x),
                (None, Some(x)) => share("at_most", x),
                _ => refuse("give either at_least or at_most".to_owned()),
            },
            Check::Format { at_least, .. } => share("at_least", at_least),
            _ => Ok(()),
        }
    }
}

/// A content-addressed list of checks over one dataset, bound to labels with `protect`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// The dataset whose newest version the evidence must come from.
    pub dataset: DatasetName,
    /// All of them must pass.
    pub checks: Vec<Check>,
    /// What to do where the data leave a check open.
    #[serde(default, skip_serializing_if = "is_default")]
    pub inconclusive: Inconclusive,
}

impl Gate {
    /// A gate.
    ///
    /// # Errors
    /// `invalid-gate` if there is no check, or one of them makes no sense.
    pub fn new(dataset: DatasetName, checks: Vec<Check>) -> Result<Gate> {
        Gate { dataset, checks, inconclusive: Inconclusive::Block }.validated()
    }

    pub(crate) fn validated(self) -> Result<Gate> {
        if self.checks.is_empty() {
            return Err(Error::InvalidGate { reason: "a gate needs at least one check".to_owned() });
        }
        self.checks.iter().try_for_each(Check::validate)?;
        Ok(self)
    }

    /// The dataset that a check looks at.
    pub(crate) fn dataset_of<'a>(&'a self, check: &'a Check) -> &'a DatasetName {
        match check {
            Check::NotMorePermissive { dataset, .. } => dataset,
            _ => &self.dataset,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn defaults_are_the_contract() {
        let check: Check = serde_json::from_value(json!({"check": "no_regression", "metric": "q"})).unwrap();
        assert_eq!(check, Check::no_regression("q".parse().unwrap()));
        let rate: Check =
            serde_json::from_value(json!({"check": "rate", "metric": "q", "at_least": 0.9})).unwrap();
        assert!(matches!(rate, Check::Rate { mode: Mode::Point, .. }));
        let format: Check = serde_json::from_value(json!({"check": "format"})).unwrap();
        assert!(matches!(format, Check::Format { at_least: 0.99, mode: Mode::Point }));
    }

    #[test]
    fn senseless_gates_are_refused() {
        for checks in [
            json!([]),
            json!([{"check": "no_regression", "metric": "q", "tolerance": -0.1}]),
            json!([{"check": "no_regression", "metric": "q", "tolerance": 5}]),
            json!([{"check": "rate", "metric": "q"}]),
            json!([{"check": "rate", "metric": "q", "at_least": 0.5, "at_most": 0.6}]),
            json!([{"check": "format", "at_least": 99}]),
        ] {
            let gate: Gate = serde_json::from_value(json!({"dataset": "golden", "checks": checks})).unwrap();
            assert_eq!(gate.validated().unwrap_err().code(), "invalid-gate", "{checks}");
        }
    }
}
