//! The verbs of experiments.

use clap::Args;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{finite, pair};
use crate::fail::{Failure, Result};
use crate::input;
use crate::verbs::flags;

#[derive(Args, Serialize)]
pub(crate) struct Experiment {
    /// The experiment; with nothing else, the one that is there is shown
    name: String,
    /// The prompt
    #[arg(long)]
    prompt: Option<String>,
    /// A variant and its version: its number or b3:...; the first one is the control
    #[arg(long = "variant", value_name = "NAME=VERSION", value_parser = pair)]
    #[serde(skip)]
    variants: Vec<(String, String)>,
    /// A variant's weight: whole numbers (a ratio), or shares that sum to 1 [default: equal]
    #[arg(long = "weight", value_name = "NAME=WEIGHT", value_parser = pair)]
    #[serde(skip)]
    weights: Vec<(String, String)>,
    /// The variant that the others are compared with [default: the first one]
    #[arg(long, value_name = "NAME")]
    control: Option<String>,
    /// The primary metric
    #[arg(long)]
    metric: Option<String>,
    /// Only scores of this source: judge, human, user or code
    #[arg(long)]
    source: Option<String>,
    /// Which way is better: higher or lower [default: what the metric declares]
    #[arg(long)]
    direction: Option<String>,
    /// The smallest difference worth finding, in the metric's unit
    #[arg(long, value_name = "NUMBER", value_parser = finite, allow_negative_numbers = true)]
    min_effect: Option<f64>,
    /// The chance of a false alarm [default: 0.05]
    #[arg(long, value_name = "NUMBER", value_parser = finite, allow_negative_numbers = true)]
    alpha: Option<f64>,
    /// The chance of seeing the smallest difference worth finding [default: 0.8]
    #[arg(long, value_name = "NUMBER", value_parser = finite, allow_negative_numbers = true)]
    power: Option<f64>,
    /// How the users' scores spread [default: from earlier traces, or a guess]
    #[arg(long, value_name = "NUMBER", value_parser = finite, allow_negative_numbers = true)]
    sd: Option<f64>,
    /// The share of the variance that strata or a covariate explain [default: 0]
    #[arg(long, value_name = "NUMBER", value_parser = finite, allow_negative_numbers = true)]
    r2: Option<f64>,
    /// Users per variant [default: what the power analysis asks for]
    #[arg(long, value_name = "N")]
    n_planned: Option<u64>,
    /// Fewer users per variant are not planned [default: 500]
    #[arg(long, value_name = "N")]
    floor: Option<u64>,
    /// When it may be decided: lock or anytime [default: lock]
    #[arg(long)]
    mode: Option<String>,
    /// How the variants are compared: plain, stratified or cuped [default: plain]
    #[arg(long)]
    analysis: Option<String>,
    /// What cuped takes out: history, exposure or stratum [default: history]
    #[arg(long)]
    covariate: Option<String>,
    /// The strata from one end to the other, with commas between them
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    strata: Vec<String>,
    /// A stratum's fixed weight; all of them sum to 1
    #[arg(long = "stratum-weight", value_name = "NAME=WEIGHT", value_parser = pair)]
    #[serde(skip)]
    stratum_weights: Vec<(String, String)>,
    /// A unit's score: unit_mean or response_mean [default: unit_mean]
    #[arg(long)]
    unit_score: Option<String>,
    /// A metric that must not get worse, as JSON: {"metric": "latency_ms", "tolerance": 0.1, "relative": true}
    #[arg(long = "guardrail", value_name = "JSON")]
    #[serde(skip)]
    guardrails: Vec<String>,
    /// The share of all users that takes part [default: 1]
    #[arg(long, value_name = "SHARE", value_parser = finite, allow_negative_numbers = true)]
    coverage: Option<f64>,
    /// Experiments of one layer never share a user
    #[arg(long)]
    layer: Option<String>,
    /// Whether a user that was exposed keeps the variant whatever the weights become [default: true]
    #[arg(long, value_name = "BOOL")]
    sticky: Option<bool>,
    /// Whether a variant that is worse is stopped early [default: true in mode lock]
    #[arg(long, value_name = "BOOL")]
    harm_guard: Option<bool>,
    /// How many hours scores are waited for after the last planned user came [default: 24]
    #[arg(long, value_name = "HOURS", value_parser = finite, allow_negative_numbers = true)]
    grace_hours: Option<f64>,
    /// What tells its assignment from every other one's [default: random]
    #[arg(long)]
    salt: Option<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Whether it begins at once [default: true]
    #[arg(long, value_name = "BOOL")]
    start: Option<bool>,
}

/// `NAME=NUMBER` pairs as an object.
fn numbers(flag: &str, pairs: &[(String, String)]) -> Result<Value> {
    let mut members = Map::new();
    for (name, value) in pairs {
        let number = finite(value).map_err(|e| Failure::usage(format!("{flag} {name}={value}: {e}")))?;
        members.insert(name.clone(), number.into());
    }
    Ok(members.into())
}

impl Experiment {
    /// Whether it only asks for one that is there.
    pub(crate) fn reads(&self) -> bool {
        self.prompt.is_none() && self.variants.is_empty() && self.metric.is_none()
    }

    pub(crate) fn arguments(self) -> Result<Value> {
        // A number is a number; anything else is an id.
        let version = |text: &str| text.parse::<u32>().map_or_else(|_| json!(text), |number| json!(number));
        let variants: Vec<Value> =
            self.variants.iter().map(|(name, v)| json!({"name": name, "version": version(v)})).collect();
        let guardrails = self.guardrails.iter().map(|given| input::json("--guardrail", given));
        let guardrails: Vec<Value> = guardrails.collect::<Result<_>>()?;
        let weights = numbers("--weight", &self.weights)?;
        let stratum_weights = numbers("--stratum-weight", &self.stratum_weights)?;
        let lists = [
            ("variants", !variants.is_empty(), variants.into()),
            ("weights", !self.weights.is_empty(), weights),
            ("stratum_weights", !self.stratum_weights.is_empty(), stratum_weights),
            ("guardrails", !guardrails.is_empty(), guardrails.into()),
        ];
        let mut arguments = flags(&self)?;
        for (name, _, value) in lists.into_iter().filter(|(_, given, _)| *given) {
            arguments[name] = value;
        }
        Ok(arguments)
    }
}

#[derive(Args, Serialize)]
pub(crate) struct Name {
    /// The experiment
    name: String,
}

#[derive(Args, Serialize)]
pub(crate) struct Assign {
    /// The experiment
    name: String,
    /// Whom you randomise, such as a user's id
    unit: String,
}

#[derive(Args, Serialize)]
pub(crate) struct Expose {
    /// The experiment
    name: String,
    /// Whom you randomise, such as a user's id
    unit: String,
    /// Difficulty or query type, set by something that has not seen the output
    #[arg(long)]
    stratum: Option<String>,
    /// A number that says something of the user's score, known before it saw anything
    #[arg(long, value_name = "NUMBER", value_parser = finite, allow_negative_numbers = true)]
    covariate: Option<f64>,
    /// The process ends with the call.
    #[arg(skip = Some(true))]
    durable: Option<bool>,
}

#[derive(Args)]
pub(crate) struct Weights {
    /// The experiment
    name: String,
    /// Every variant's weight: whole numbers (a ratio), or shares that sum to 1
    #[arg(required = true, value_name = "NAME=WEIGHT", value_parser = pair)]
    weights: Vec<(String, String)>,
}

impl Weights {
    pub(crate) fn arguments(self) -> Result<Value> {
        Ok(json!({"name": self.name, "weights": numbers("weight", &self.weights)?}))
    }
}

#[derive(Args, Serialize)]
pub(crate) struct Coverage {
    /// The experiment
    name: String,
    /// The share of all users that takes part, above 0 and up to 1
    #[arg(value_parser = finite, allow_negative_numbers = true)]
    coverage: f64,
}

#[derive(Args, Serialize)]
pub(crate) struct Conclude {
    /// The experiment
    name: String,
    /// The label to move to the winner, through its gate; without a winner nothing moves
    #[arg(long, value_name = "LABEL")]
    promote: Option<String>,
    /// Why, in the log
    #[arg(long)]
    reason: Option<String>,
}

#[derive(Args, Serialize)]
pub(crate) struct Stop {
    /// The experiment
    name: String,
    /// Why; the log keeps it
    #[arg(long)]
    reason: String,
}
