//! What a comparison is asked: which metrics decide, how sure it must be, what difference matters.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Error, Result};
use crate::model::id::RunId;
use crate::model::name::MetricName;

/// Two-sided: is there a difference?
const ALPHA: f64 = 0.05;

/// How two runs are compared.
///
/// # Examples
/// ```
/// use trialplate::CompareOptions;
/// let mut options = CompareOptions::default();
/// options.margin.insert("quality".to_owned(), 0.2); // less than 0.2 points don't matter
/// assert_eq!(options.alpha, 0.05);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CompareOptions {
    /// The metrics that decide, over which p-values are adjusted (Holm). All scored metrics by default; the others
    /// are secondary then, and adjusted among themselves.
    pub primary: Option<Vec<String>>,
    /// The chance of a false alarm, two-sided; intervals are 1-alpha intervals. 0.05 by default.
    pub alpha: f64,
    /// The smallest difference that matters, in a metric's own points.
    pub margin: BTreeMap<String, f64>,
    /// The member of the items' metadata that says which of them belong together (document, topic, user); `stratum`
    /// and `source_trace` are the item's own if its metadata has no such member. An item without it stands alone.
    pub cluster: Option<String>,
    /// More runs of either version on the same dataset: how far they lie apart is the noise floor.
    pub noise: Vec<RunId>,
}

impl Default for CompareOptions {
    fn default() -> CompareOptions {
        CompareOptions {
            primary: None,
            alpha: ALPHA,
            margin: BTreeMap::new(),
            cluster: None,
            noise: Vec::new(),
        }
    }
}

/// The question, once it is known to make sense.
pub(super) struct Question {
    pub(super) primary: BTreeSet<MetricName>,
    pub(super) alpha: f64,
    pub(super) margin: BTreeMap<MetricName, f64>,
}

fn invalid(argument: &str, reason: String) -> Error {
    Error::InvalidArgument { argument: argument.to_owned(), reason }
}

/// Refuses what can be refused without knowing the runs.
pub(crate) fn check(options: &CompareOptions, a: RunId, b: RunId) -> Result<()> {
    if !(options.alpha > 0.0 && options.alpha < 1.0) {
        return Err(invalid(
            "alpha",
            format!("alpha must lie strictly between 0 and 1, not {}", options.alpha),
        ));
    }
    if options.cluster.as_ref().is_some_and(String::is_empty) {
        return Err(invalid(
            "cluster",
            "name the member of the items' metadata that says the cluster".to_owned(),
        ));
    }
    let mut seen = BTreeSet::from([a, b]);
    match options.noise.iter().find(|run| !seen.insert(**run)) {
        Some(run) => Err(invalid("noise", format!("run {run} is there already; each run counts once"))),
        None => Ok(()),
    }
}

/// Reads the options against the metrics that are scored in either run.
pub(super) fn question(options: &CompareOptions, scored: &BTreeSet<MetricName>) -> Result<Question> {
    let known = |argument: &str, name: &str| -> Result<MetricName> {
        let metric: MetricName = name.parse()?;
        if scored.contains(&metric) {
            return Ok(metric);
        }
        let names = scored.iter().map(MetricName::as_str).collect::<Vec<_>>().join(", ");
        let there = if names.is_empty() { "none is".to_owned() } else { format!("there is {names}") };
        Err(invalid(argument, format!("neither run scores a metric `{name}` with numbers; {there}")))
    };
    let mut primary = BTreeSet::new();
    for name in options.primary.iter().flatten() {
        if !primary.insert(known("primary", name)?) {
            return Err(invalid("primary", format!("`{name}` is named twice")));
        }
    }
    if options.primary.as_ref().is_some_and(Vec::is_empty) {
        return Err(invalid("primary", "name at least one metric, or leave it out to mean all".to_owned()));
    }
    if options.primary.is_none() {
        primary.clone_from(scored);
    }
    let mut margin = BTreeMap::new();
    for (name, points) in &options.margin {
        if !points.is_finite() || *points <= 0.0 {
            let reason = format!(
                "the smallest difference in `{name}` that matters is a finite number above 0, not {points}"
            );
            return Err(invalid("margin", reason));
        }
        margin.insert(known("margin", name)?, *points);
    }
    Ok(Question { primary, alpha: options.alpha, margin })
}
