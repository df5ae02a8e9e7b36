//! What can be no experiment is refused before anything is written.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Error, Result};
use crate::model::experiment::{Analysis, ExperimentMode, Guardrail, NewExperiment, UnitScore, Variant};
use crate::model::name::{MetricName, NAME_RULE, PromptName, foreign_id, plain};
use crate::model::score::{Direction, MetricKind, ScoreConfig};
use crate::model::trace::Figure;
use crate::prompts::versions;
use crate::runs::metrics;
use crate::stats::display::count;
use crate::stats::{self, BUCKETS};
use crate::storage::kv::Read;

const MOST_VARIANTS: usize = 100;
const MOST_GRACE_HOURS: f64 = 24.0 * 366.0;
/// Weights that pairs can be made by are whole numbers up to this.
pub(super) const LARGEST_BLOCK: u64 = 20;

pub(super) fn invalid<T>(reason: impl Into<String>) -> Result<T> {
    Err(Error::InvalidExperiment { reason: reason.into() })
}

/// Whether a metric is known, and what it declares.
pub(super) fn declared(tx: &(impl Read + ?Sized), metric: &MetricName) -> Result<Option<ScoreConfig>> {
    if Figure::of(metric.as_str()).is_some() {
        return Ok(None);
    }
    let config = metrics::read(tx, metric)?;
    if config.as_ref().is_some_and(|config| config.kind == MetricKind::Categorical) {
        return invalid(format!(
            "the scores of {metric} are names, which have no mean; choose a numeric or a yes-or-no metric"
        ));
    }
    Ok(config)
}

/// Which way is better: as was said, or as the metric declares, and lower for what a trace measures itself.
pub(super) fn direction(
    metric: &MetricName,
    config: Option<&ScoreConfig>,
    said: Option<Direction>,
) -> Result<Direction> {
    match (said, config.map(|config| config.direction)) {
        (Some(said), Some(declared)) if said != declared => {
            invalid(format!("the metric {metric} declares which way it is better; leave direction out"))
        }
        (Some(direction), _) | (None, Some(direction)) => Ok(direction),
        (None, None) if Figure::of(metric.as_str()).is_some() => Ok(Direction::Lower),
        (None, None) => Ok(Direction::Higher),
    }
}

fn share(what: &str, x: f64) -> Result<f64> {
    if x > 0.0 && x <= 1.0 { Ok(x) } else { invalid(format!("{what} is a share above 0, up to 1, not {x}")) }
}

/// Weights as shares that sum to 1.
///
/// Whole numbers are a ratio (1:1, 90:10). Anything else must sum to 1, so that a forgotten variant is noticed.
pub(crate) fn shares(given: Option<&[f64]>, variants: usize) -> Result<Vec<f64>> {
    let Some(given) = given else { return Ok(vec![1.0 / variants as f64; variants]) };
    if given.len() != variants {
        return invalid(format!("there are {variants} variants and {} weights; give one each", given.len()));
    }
    if given.iter().any(|w| !w.is_finite() || *w < 0.0) {
        return invalid("a weight is a finite number of 0 or more");
    }
    if given.iter().filter(|w| **w > 0.0).count() < 2 {
        return invalid("at least two variants need a weight above 0");
    }
    let total = stats::sum::sum(given.iter().copied());
    let whole = given.iter().all(|w| w.fract() == 0.0);
    if !whole && (total - 1.0).abs() > 1e-9 {
        return invalid(format!(
            "weights are whole numbers (a ratio such as 9 and 1), or shares that sum to 1; these sum to {total}"
        ));
    }
    let shares: Vec<f64> = given.iter().map(|w| w / total).collect();
    if shares.iter().any(|share| *share > 0.0 && *share < 1.0 / f64::from(BUCKETS)) {
        return invalid(format!(
            "a weight of less than one in {} gets no unit at all",
            count(u64::from(BUCKETS))
        ));
    }
    Ok(shares)
}

/// The coverage in buckets.
pub(crate) fn coverage(given: Option<f64>) -> Result<u32> {
    let buckets = libm::round(share("coverage", given.unwrap_or(1.0))? * f64::from(BUCKETS)) as u32;
    if buckets == 0 {
        return invalid("such a coverage lets nobody in; the smallest is 0.0001");
    }
    Ok(buckets)
}

/// Two weights as whole numbers in lowest terms, if they are small enough to pair units by.
pub(super) fn as_ratio(a: f64, b: f64) -> Option<(u64, u64)> {
    let fits = |&(i, j): &(u64, u64)| ((a * j as f64) - (b * i as f64)).abs() <= 1e-9 * (a + b);
    (1..=LARGEST_BLOCK).flat_map(|i| (1..=LARGEST_BLOCK).map(move |j| (i, j))).find(fits)
}

pub(super) fn variants(
    tx: &(impl Read + ?Sized),
    prompt: &PromptName,
    new: &NewExperiment,
) -> Result<(Vec<Variant>, usize)> {
    if !(2..=MOST_VARIANTS).contains(&new.variants.len()) {
        return invalid(format!(
            "an experiment has 2 to {MOST_VARIANTS} variants, not {}",
            new.variants.len()
        ));
    }
    let weights = shares(new.weights.as_deref(), new.variants.len())?;
    let mut names = BTreeSet::new();
    let mut made = Vec::with_capacity(weights.len());
    for ((name, version), weight) in new.variants.iter().zip(weights) {
        if !plain(name) {
            return invalid(format!("a variant's name is {NAME_RULE}"));
        }
        if !names.insert(name) {
            return invalid(format!("the variant {name} is there twice"));
        }
        let number = versions::resolve(tx, prompt, version)?;
        let version_id = versions::id_of(tx, prompt, number)?;
        made.push(Variant { name: name.clone(), version: number, version_id, weight });
    }
    let control = match &new.control {
        None => 0,
        Some(name) => match made.iter().position(|variant| variant.name == *name) {
            Some(position) => position,
            None => return invalid(format!("the control {name} is none of the variants")),
        },
    };
    if made[control].weight == 0.0 {
        return invalid("the control needs a weight above 0: the others are compared with it");
    }
    Ok((made, control))
}

pub(super) fn strata(new: &NewExperiment) -> Result<()> {
    if new.strata.iter().any(|name| !plain(name))
        || new.strata.iter().collect::<BTreeSet<_>>().len() < new.strata.len()
    {
        return invalid(format!("the strata are different names, each {NAME_RULE}"));
    }
    let Some(weights) = &new.stratum_weights else { return Ok(()) };
    let total = stats::sum::sum(weights.values().copied());
    if weights.values().any(|w| !w.is_finite() || *w < 0.0) || (total - 1.0).abs() > 1e-9 {
        return invalid(format!(
            "the weights of the strata are not negative and sum to 1; these sum to {total}"
        ));
    }
    match weights.keys().find(|name| !new.strata.is_empty() && !new.strata.contains(name)) {
        Some(name) => invalid(format!("the stratum {name} has a weight, but is not among the strata")),
        None => Ok(()),
    }
}

pub(super) fn fits_together(new: &NewExperiment) -> Result<()> {
    if new.analysis != Analysis::Stratified && (!new.strata.is_empty() || new.stratum_weights.is_some()) {
        return invalid("strata are for analysis `stratified`");
    }
    if new.analysis != Analysis::Plain && new.unit_score == UnitScore::ResponseMean {
        return invalid("unit_score `response_mean` is for analysis `plain`; use `unit_mean`");
    }
    if new.mode == ExperimentMode::Anytime && new.analysis != Analysis::Plain {
        return invalid("mode `anytime` compares pairs as they come: use analysis `plain`, or mode `lock`");
    }
    if new.mode == ExperimentMode::Anytime && new.harm_guard == Some(true) {
        return invalid("mode `anytime` needs no harm guard: it stops at harm by itself");
    }
    let grace = new.grace_hours.unwrap_or(24.0);
    if !(0.0..=MOST_GRACE_HOURS).contains(&grace) {
        return invalid(format!("grace_hours lies between 0 and {MOST_GRACE_HOURS}, not {grace}"));
    }
    if new.salt.as_deref().is_some_and(|salt| !foreign_id(salt)) {
        return invalid("a salt is 1 to 255 characters without control characters");
    }
    if new.layer.as_deref().is_some_and(|layer| !plain(layer)) {
        return invalid(format!("a layer's name is {NAME_RULE}"));
    }
    if new.r2.is_some_and(|r2| !(0.0..1.0).contains(&r2)) {
        return invalid("r2 is the share of the variance that is explained: from 0 to below 1");
    }
    if new.r2.is_some_and(|r2| r2 > 0.0) && new.analysis == Analysis::Plain {
        return invalid("r2 is what strata or a covariate explain: use analysis `stratified` or `cuped`");
    }
    Ok(())
}

pub(super) fn guardrails(
    tx: &(impl Read + ?Sized),
    primary: &MetricName,
    new: &NewExperiment,
) -> Result<Vec<Guardrail>> {
    let mut known = BTreeMap::new();
    for guardrail in &new.guardrails {
        let (metric, tolerance) = (&guardrail.metric, guardrail.tolerance);
        if metric == primary {
            return invalid(format!("{metric} is the primary metric, and can't guard itself"));
        }
        let most = if guardrail.relative { 1.0 } else { f64::MAX };
        if !(tolerance >= 0.0 && tolerance <= most) {
            return invalid(format!(
                "the tolerance of {metric} is a finite number of 0 or more (a share up to 1, if relative), not {tolerance}"
            ));
        }
        let direction = direction(metric, declared(tx, metric)?.as_ref(), guardrail.direction)?;
        let mut made = guardrail.clone();
        made.direction = Some(direction);
        if known.insert(metric.clone(), made).is_some() {
            return invalid(format!("the guardrail {metric} is there twice"));
        }
    }
    Ok(new.guardrails.iter().filter_map(|guardrail| known.remove(&guardrail.metric)).collect())
}
