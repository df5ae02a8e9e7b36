//! The arguments of the experiments' verbs as the hall takes them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::args::Version;
use super::{arguments, result};
use crate::error::{Error, Result};
use crate::model::experiment::{Analysis, Covariate, ExperimentMode, Guardrail, NewExperiment, UnitScore};
use crate::model::score::Direction;
use crate::store::{ConcludeOptions, Durability, ExposeOptions, Store};

/// An experiment as other languages ask for one; with nothing but the name, the one that is there.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Register {
    name: String,
    prompt: Option<String>,
    variants: Option<Value>,
    weights: Option<Value>,
    control: Option<String>,
    metric: Option<String>,
    source: Option<String>,
    direction: Option<Direction>,
    min_effect: Option<f64>,
    alpha: Option<f64>,
    power: Option<f64>,
    sd: Option<f64>,
    r2: Option<f64>,
    n_planned: Option<u64>,
    floor: Option<u64>,
    mode: Option<ExperimentMode>,
    analysis: Option<Analysis>,
    covariate: Option<Covariate>,
    strata: Option<Vec<String>>,
    stratum_weights: Option<BTreeMap<String, f64>>,
    unit_score: Option<UnitScore>,
    guardrails: Option<Vec<Guardrail>>,
    coverage: Option<f64>,
    layer: Option<String>,
    sticky: Option<bool>,
    harm_guard: Option<bool>,
    grace_hours: Option<f64>,
    salt: Option<String>,
    description: Option<String>,
    start: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Name {
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Assign {
    name: String,
    unit: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expose {
    name: String,
    unit: String,
    stratum: Option<String>,
    covariate: Option<f64>,
    durable: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Weights {
    name: String,
    weights: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Coverage {
    name: String,
    coverage: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Conclude {
    name: String,
    promote: Option<String>,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stop {
    name: String,
    reason: String,
}

fn invalid<T>(reason: impl Into<String>) -> Result<T> {
    Err(Error::InvalidExperiment { reason: reason.into() })
}

/// One variant in a list, where the order is the one of the list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    name: String,
    version: Version,
    weight: Option<f64>,
}

type Named = Vec<(String, Version)>;

/// `{"a": 1, "b": 2}`, or a list of `{"name": "a", "version": 1, "weight": 0.5}`.
fn variants(given: Value) -> Result<(Named, Option<Vec<f64>>)> {
    let shape = "variants are names with their versions, such as {\"a\": 1, \"b\": 2}";
    match given {
        Value::Object(members) => {
            let read = |(name, version)| {
                serde_json::from_value(version).map(|version| (name, version)).or_else(|_| invalid(shape))
            };
            Ok((members.into_iter().map(read).collect::<Result<_>>()?, None))
        }
        Value::Array(members) => {
            let read = |member| serde_json::from_value::<Listed>(member).or_else(|_| invalid(shape));
            let members: Vec<Listed> = members.into_iter().map(read).collect::<Result<_>>()?;
            let weights: Option<Vec<f64>> = members.iter().map(|member| member.weight).collect();
            if weights.is_none() && members.iter().any(|member| member.weight.is_some()) {
                return invalid("give every variant a weight, or none");
            }
            Ok((members.into_iter().map(|member| (member.name, member.version)).collect(), weights))
        }
        _ => invalid(shape),
    }
}

/// A list in the order of the variants, or an object by their names.
fn weights(given: Value, names: &[&str]) -> Result<Vec<f64>> {
    let shape = "weights are a list of numbers in the order of the variants, or an object such as {\"a\": 9, \"b\": 1}";
    let number = |value: &Value| value.as_f64().map_or_else(|| invalid(shape), Ok);
    match given {
        Value::Array(members) => members.iter().map(number).collect(),
        Value::Object(members) => {
            if let Some(name) = members.keys().find(|name| !names.contains(&name.as_str())) {
                return invalid(format!("{name} has a weight, but is none of the variants"));
            }
            let of = |name: &&str| match members.get(*name) {
                Some(value) => number(value),
                None => invalid(format!("the variant {name} has no weight; give 0 if nobody is to get it")),
            };
            names.iter().map(of).collect()
        }
        _ => invalid(shape),
    }
}

pub(super) fn register(store: &Store, a: Value) -> Result<Value> {
    if a.as_object().is_some_and(|members| members.keys().all(|key| key == "name")) {
        return result(store.find_experiment(&arguments::<Name>(a)?.name)?);
    }
    let a: Register = arguments(a)?;
    let needed = |what: &str| Error::InvalidExperiment {
        reason: format!("{what} is needed to register an experiment; the name alone gives one that is there"),
    };
    let (named, in_list) = variants(a.variants.ok_or_else(|| needed("variants"))?)?;
    let names: Vec<&str> = named.iter().map(|(name, _)| name.as_str()).collect();
    let weights = match (a.weights, in_list) {
        (Some(_), Some(_)) => return invalid("give the weights once: beside the variants, or in them"),
        (None, in_list) => in_list,
        (Some(given), None) => Some(weights(given, &names)?),
    };
    let variants = named.iter().map(|(name, version)| Ok((name.clone(), version.reference()?)));
    let new = NewExperiment {
        variants: variants.collect::<Result<_>>()?,
        weights,
        prompt: a.prompt.ok_or_else(|| needed("prompt"))?,
        metric: a.metric.ok_or_else(|| needed("metric"))?,
        control: a.control,
        source: a.source.as_deref().map(str::parse).transpose()?,
        direction: a.direction,
        min_effect: a.min_effect,
        alpha: a.alpha,
        power: a.power,
        sd: a.sd,
        r2: a.r2,
        n_planned: a.n_planned,
        floor: a.floor,
        mode: a.mode.unwrap_or_default(),
        analysis: a.analysis.unwrap_or_default(),
        covariate: a.covariate.unwrap_or_default(),
        strata: a.strata.unwrap_or_default(),
        stratum_weights: a.stratum_weights,
        unit_score: a.unit_score.unwrap_or_default(),
        guardrails: a.guardrails.unwrap_or_default(),
        coverage: a.coverage,
        layer: a.layer,
        sticky: a.sticky,
        harm_guard: a.harm_guard,
        grace_hours: a.grace_hours,
        salt: a.salt,
        description: a.description,
    };
    result(store.experiment(&a.name, new, a.start.unwrap_or(true))?)
}

pub(super) fn start(store: &Store, a: Value) -> Result<Value> {
    result(store.experiment_start(&arguments::<Name>(a)?.name)?)
}

pub(super) fn assign(store: &Store, a: Value) -> Result<Value> {
    let a: Assign = arguments(a)?;
    result(store.assign(&a.name, &a.unit)?)
}

pub(super) fn expose(store: &Store, a: Value) -> Result<Value> {
    let a: Expose = arguments(a)?;
    let durability = if a.durable == Some(true) { Durability::Now } else { Durability::Soon };
    let options = ExposeOptions { stratum: a.stratum, covariate: a.covariate };
    result(store.expose(&a.name, &a.unit, options, durability)?)
}

pub(super) fn reweight(store: &Store, a: Value) -> Result<Value> {
    let a: Weights = arguments(a)?;
    let there = store.find_experiment(&a.name)?;
    let names: Vec<&str> = there.plan.variants.iter().map(|v| v.name.as_str()).collect();
    let (experiment, moved) = store.experiment_weights(&a.name, &weights(a.weights, &names)?)?;
    Ok(json!({"experiment": result(experiment)?, "moved": moved}))
}

pub(super) fn cover(store: &Store, a: Value) -> Result<Value> {
    let a: Coverage = arguments(a)?;
    result(store.experiment_coverage(&a.name, a.coverage)?)
}

pub(super) fn ask(store: &Store, a: Value) -> Result<Value> {
    result(store.experiment_result(&arguments::<Name>(a)?.name)?)
}

pub(super) fn conclude(store: &Store, a: Value) -> Result<Value> {
    let a: Conclude = arguments(a)?;
    let options = ConcludeOptions { promote: a.promote, reason: a.reason };
    result(store.experiment_conclude(&a.name, options)?)
}

pub(super) fn stop(store: &Store, a: Value) -> Result<Value> {
    let a: Stop = arguments(a)?;
    result(store.experiment_stop(&a.name, &a.reason)?)
}
