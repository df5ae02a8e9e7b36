//! The plan of an experiment: checked, and its size worked out, before anything is seen.

use super::check::{
    LARGEST_BLOCK, as_ratio, declared, direction, fits_together, guardrails, invalid, strata, variants,
};
use super::observe::{Asked, means_by_user, old_values};
use crate::error::Result;
use crate::model::experiment::{Analysis, ExperimentMode, NewExperiment, Plan, SdSource, Variant};
use crate::model::name::{ExperimentName, MetricName, PromptName};
use crate::model::score::{MetricKind, ScoreConfig};
use crate::model::time::Timestamp;
use crate::model::trace::Figure;
use crate::stats::display::{chosen, count, decimals, percent};
use crate::stats::{self, FLOOR_OF_UNITS, Sides, Target};
use crate::storage::kv::Read;

/// A guess of the standard deviation, as a share of the range (statistics, section (c)).
const GUESSED_SD: f64 = 0.28;
/// An experiment that may be decided at any time plans so much more.
const ANYTIME_FACTOR: f64 = 1.4;
/// Fewer old units than this tell nothing of the spread.
const OLD_UNITS: usize = 30;
/// Below this many units per variant a plan says that more is safer.
const SAFER: u64 = 1_000;

/// What is wanted of the power analysis.
struct Size {
    alpha: f64,
    power: f64,
    sd: f64,
    /// For each comparison, the larger weight over the smaller one.
    ratios: Vec<f64>,
}

impl Size {
    /// Units in the smallest variant.
    fn units(&self, delta: f64) -> Result<u64> {
        let target = Target { delta, alpha: self.alpha, power: self.power, sides: Sides::Two };
        let n = |ratio: &f64| Ok(stats::n_two_sample(target, (self.sd, self.sd), *ratio)?.n_a);
        self.ratios.iter().map(n).try_fold(2, |most, n: Result<u64>| Ok(most.max(n?)))
    }
}

/// The spread that earlier units of the control had.
fn old_sd(
    tx: &(impl Read + ?Sized),
    prompt: &PromptName,
    version: u32,
    now: Timestamp,
    asked: &Asked,
) -> Result<Option<f64>> {
    let values = old_values(tx, prompt, now, asked, |facts| facts.version == version)?;
    let means: Vec<f64> = means_by_user(&values).into_values().collect();
    if means.len() < OLD_UNITS {
        return Ok(None);
    }
    Ok(stats::mean_sd(&means).and_then(|moments| moments.sd).filter(|sd| *sd > 0.0))
}

/// Checks what was asked for, and plans it.
pub(crate) fn make(
    tx: &(impl Read + ?Sized),
    now: Timestamp,
    name: ExperimentName,
    new: &NewExperiment,
    salt: String,
) -> Result<Plan> {
    let prompt: PromptName = new.prompt.parse()?;
    let metric: MetricName = new.metric.parse()?;
    let (variants, control) = variants(tx, &prompt, new)?;
    fits_together(new)?;
    strata(new)?;
    let figure = Figure::of(metric.as_str()).is_some();
    if figure && new.source.is_some() {
        return invalid(format!("{metric} is measured, not judged: it has no source"));
    }
    let config = declared(tx, &metric)?;
    let direction = direction(&metric, config.as_ref(), new.direction)?;
    let range = config.as_ref().and_then(ScoreConfig::range);
    let boolean = config.as_ref().is_some_and(|config| config.kind == MetricKind::Boolean);
    let alpha = new.alpha.unwrap_or(0.05);
    let power = new.power.unwrap_or(0.8);
    if !(alpha > 0.0 && alpha < 0.5 && power > alpha && power < 1.0) {
        return invalid(format!(
            "alpha lies between 0 and 0.5, and power between alpha and 1; not {alpha} and {power}"
        ));
    }
    let asked = Asked { metric: metric.clone(), source: new.source };
    let mut warnings = Vec::new();

    let (sd, sd_source) = match new.sd {
        Some(sd) if sd > 0.0 && sd.is_finite() => (sd, SdSource::Given),
        Some(sd) => return invalid(format!("sd is a finite number above 0, not {sd}")),
        None => match (old_sd(tx, &prompt, variants[control].version, now, &asked)?, range) {
            (Some(sd), _) => (sd, SdSource::Traces),
            (None, Some((low, high))) => {
                let sd = GUESSED_SD * (high - low);
                let shown = chosen(sd, decimals(sd));
                warnings.push(format!(
                    "The spread of the scores is a guess (sd {shown}): no {OLD_UNITS} earlier users of the control were scored."
                ));
                (sd, SdSource::Guess)
            }
            (None, None) => {
                return invalid(format!(
                    "how many units are needed depends on how the scores of {metric} spread: give sd, declare the metric's range, or score {OLD_UNITS} users first"
                ));
            }
        },
    };
    let r2 = new.r2.unwrap_or(0.0);
    let compared = variants.iter().enumerate().filter(|(i, v)| *i != control && v.weight > 0.0);
    let ratio = |v: &Variant| {
        let (a, b) = (variants[control].weight, v.weight);
        a.max(b) / a.min(b)
    };
    let ratios: Vec<f64> = compared.map(|(_, v)| ratio(v)).collect();
    // Of several comparisons each must be able to stand the correction.
    let each = alpha / ratios.len() as f64;
    let sized = |sd| Size { alpha: each, power, sd, ratios: ratios.clone() };
    let size = sized(stats::sd_explained(sd, r2)?);
    let floor = new.floor.unwrap_or(FLOOR_OF_UNITS);
    if floor < 2 || new.n_planned.is_some_and(|n| n < 2) {
        return invalid(
            "at least 2 units per variant are planned: give a floor and an n_planned of 2 or more",
        );
    }
    let min_effect = match (new.min_effect, new.n_planned) {
        (Some(delta), _) if delta > 0.0 && delta.is_finite() => delta,
        (Some(delta), _) => return invalid(format!("min_effect is a finite number above 0, not {delta}")),
        (None, Some(n)) => stats::mde_two_sample(n, size.sd, each, power)?,
        (None, None) => {
            return invalid(
                "give min_effect, the smallest difference worth finding: it decides how many units are needed",
            );
        }
    };
    if range.is_some_and(|(low, high)| min_effect >= high - low) {
        return invalid(format!("min_effect {min_effect} is as wide as the metric's whole range"));
    }
    let fixed = size.units(min_effect)?;
    let n_power = match new.mode {
        ExperimentMode::Lock => fixed,
        ExperimentMode::Anytime => libm::ceil(ANYTIME_FACTOR * fixed as f64) as u64,
    };
    let n_planned = new.n_planned.unwrap_or_else(|| n_power.max(floor));
    let mde = stats::mde_two_sample(n_planned, size.sd, each, power)?;

    if n_planned < n_power {
        let (n, planned) = (count(n_power), count(n_planned));
        warnings.push(format!(
            "{planned} units per variant are fewer than the {n} that {} power needs.",
            percent(power)
        ));
    } else if n_planned < SAFER {
        warnings.push(format!("{} units per variant are planned; 1,000 is safer.", count(n_planned)));
    }
    let pairs = |v: &Variant| as_ratio(variants[control].weight, v.weight).is_some();
    let pairable = variants.iter().filter(|v| v.weight > 0.0).all(pairs);
    if new.mode == ExperimentMode::Anytime {
        if ratios.len() != 1 || variants.len() != 2 {
            return invalid("mode `anytime` compares two variants; use mode `lock` for more");
        }
        if !pairable {
            return invalid(format!(
                "mode `anytime` pairs units by their weights: whole numbers up to {LARGEST_BLOCK} in lowest terms"
            ));
        }
        if range.is_none() {
            warnings.push(format!("{metric} declares no range: the interval is approximate, and none before 100 units per variant."));
        }
    }
    let guardable = range.is_some() && pairable;
    if new.harm_guard == Some(true) && !guardable {
        return invalid(format!(
            "the harm guard needs the range of {metric} (declare it), and weights that are whole numbers up to {LARGEST_BLOCK} in lowest terms"
        ));
    }
    let harm_guard = new.mode == ExperimentMode::Lock && guardable && new.harm_guard != Some(false);
    if new.mode == ExperimentMode::Lock && !guardable {
        warnings
            .push("There is no harm guard: it needs the metric's range, and weights that pair.".to_owned());
    }
    let guardrails = guardrails(tx, &metric, new)?;
    let unit = if figure { metric.as_str() } else { "points" };
    let plain = sized(sd).units(min_effect)?;
    let sentence = sentence(min_effect, unit, plain, (r2 > 0.0).then_some(fixed), new, n_planned);
    Ok(Plan {
        experiment: name,
        prompt,
        variants,
        control,
        metric,
        source: new.source,
        direction,
        range,
        boolean,
        min_effect,
        alpha,
        power,
        sd,
        sd_source,
        r2,
        n_power,
        n_planned,
        mde,
        mode: new.mode,
        analysis: new.analysis,
        covariate: new.covariate,
        strata: new.strata.clone(),
        stratum_weights: new.stratum_weights.clone(),
        unit_score: new.unit_score,
        guardrails,
        layer: new.layer.clone(),
        sticky: new.sticky.unwrap_or(true),
        harm_guard,
        grace_hours: new.grace_hours.unwrap_or(24.0),
        salt,
        description: new.description.clone(),
        warnings,
        sentence,
    })
}

/// "To see a difference of 0.20 points you need 503 users per variant (252 if stratified by difficulty)."
fn sentence(
    min_effect: f64,
    unit: &str,
    plain: u64,
    explained: Option<u64>,
    new: &NewExperiment,
    n_planned: u64,
) -> String {
    let how = match new.analysis {
        Analysis::Stratified => "if stratified by difficulty",
        Analysis::Cuped | Analysis::Plain => "with the covariate",
    };
    let less = explained.map_or_else(String::new, |n| format!(" ({} {how})", count(n)));
    let anytime = match new.mode {
        ExperimentMode::Lock => String::new(),
        ExperimentMode::Anytime => " Deciding at any time costs 1.4 times as many.".to_owned(),
    };
    format!(
        "To see a difference of {} {unit} you need {} users per variant{less}.{anytime} {} are planned.",
        chosen(min_effect, decimals(min_effect / 2.0)),
        count(plain),
        count(n_planned),
    )
}
