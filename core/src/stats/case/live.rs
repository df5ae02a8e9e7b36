//! Live traffic: units, strata, covariates, percentiles, distributions; and the judge against people.

use serde_json::{Map, Value, json};

use super::super::*;
use super::inputs::Inputs;
use super::{Group, Output, maybe, of_welch, output, unknown};

pub(super) const GROUP: Group = Group {
    kinds: &[
        "cuped",
        "kappa",
        "ks_two_sample",
        "post_stratified",
        "ppi_mean",
        "quantile_diff",
        "ratio_metric",
        "rogan_gladen",
        "unit_means",
    ],
    run,
};

fn run(kind: &str, i: &Inputs<'_>) -> Result<Output> {
    match kind {
        "unit_means" | "ratio_metric" => {
            let (a, b) = (users(i, "users_a")?, users(i, "users_b")?);
            let compare = if kind == "unit_means" { unit_means } else { ratio_metric };
            let r = compare(&a, &b, i.alpha()?)?;
            let mut found = of_welch(&r.test);
            found.insert("n_missing_a".into(), json!(r.n_missing_a));
            found.insert("n_missing_b".into(), json!(r.n_missing_b));
            Ok(found)
        }
        "post_stratified" => stratified(i),
        "cuped" => {
            let (y_a, x_a) = (i.list("y_a")?, i.optional("x_a")?);
            let (y_b, x_b) = (i.list("y_b")?, i.optional("x_b")?);
            let r = cuped((&y_a, &x_a), (&y_b, &x_b), i.alpha()?)?;
            let mut found = of_welch(&r.test);
            found.insert("theta".into(), maybe(r.theta));
            found.insert("mean_a_adj".into(), maybe(r.test.mean_a));
            found.insert("mean_b_adj".into(), maybe(r.test.mean_b));
            found.insert("variance_ratio".into(), maybe(r.variance_ratio));
            found.insert("used".into(), json!(r.used));
            Ok(found)
        }
        "quantile_diff" => {
            let r = quantile_difference(&i.list("a")?, &i.list("b")?, i.number("q")?, i.alpha_from_conf()?)?;
            let open = |bound: Option<f64>, text: &str| match bound {
                None if r.status == Status::Ok => json!(text),
                bound => maybe(bound),
            };
            Ok(output([
                ("status", json!(r.status.as_str())),
                ("diff", maybe(r.diff)),
                ("low", open(r.low, "-inf")),
                ("high", open(r.high, "inf")),
            ]))
        }
        "ks_two_sample" => {
            let r = ks_two_sample(&i.list("a")?, &i.list("b")?);
            Ok(output([
                ("status", json!(r.status.as_str())),
                ("d", maybe(r.d)),
                ("p_limit", maybe(r.p_limit)),
                ("p_exact", maybe(r.p_exact)),
            ]))
        }
        "kappa" => agreement(i),
        "ppi_mean" => {
            let (human, judge) = (i.list("human")?, i.list("judge_on_human")?);
            let r = ppi_mean(&human, &judge, &i.list("judge_unlabelled")?, i.alpha_from_conf()?)?;
            Ok(output([
                ("status", json!(r.status.as_str())),
                ("lambda", maybe(r.lambda)),
                ("estimate", maybe(r.estimate)),
                ("se", maybe(r.se)),
                ("ci_low", maybe(r.ci_low)),
                ("ci_high", maybe(r.ci_high)),
                ("judge_bias", maybe(r.judge_bias)),
            ]))
        }
        "rogan_gladen" => {
            let judge = JudgeRates {
                true_pos: i.count("true_pos")?,
                positives: i.count("positives")?,
                true_neg: i.count("true_neg")?,
                negatives: i.count("negatives")?,
            };
            let r = rogan_gladen(i.number("observed_rate")?, i.count("n")?, judge, i.alpha_from_conf()?)?;
            Ok(output([
                ("status", json!(r.status.as_str())),
                ("estimate", maybe(r.estimate)),
                ("se", maybe(r.se)),
                ("ci_low", maybe(r.ci_low)),
                ("ci_high", maybe(r.ci_high)),
            ]))
        }
        _ => Err(unknown(kind)),
    }
}

fn users(i: &Inputs<'_>, name: &str) -> Result<Vec<Vec<f64>>> {
    let users = i.repeats(name)?;
    Ok(users.into_iter().map(|scores| scores.into_iter().flatten().collect()).collect())
}

fn stratified(i: &Inputs<'_>) -> Result<Output> {
    let order = match i.find("order") {
        None => Vec::new(),
        // As `pairs` names them.
        Some(_) => {
            let name = |name: &Value| name.as_str().map_or_else(|| name.to_string(), str::to_owned);
            i.array("order")?.iter().map(name).collect()
        }
    };
    let weights = match i.find("weights") {
        None => None,
        Some(Value::Object(weights)) => {
            let weight = |name: &String| Ok((name.clone(), Inputs(&json!(weights)).number(name)?));
            Some(weights.keys().map(weight).collect::<Result<_>>()?)
        }
        Some(_) => {
            return Err(invalid("weights", "the weights of strata are an object of names and numbers"));
        }
    };
    let plan = StrataPlan { order, weights };
    let r = post_stratified(&i.pairs("a")?, &i.pairs("b")?, &plan, i.alpha()?)?;
    let strata: Map<String, Value> =
        r.strata.iter().map(|stratum| (stratum.strata.join("+"), maybe(stratum.diff))).collect();
    Ok(output([
        ("status", json!(r.status.as_str())),
        ("diff", maybe(r.diff)),
        ("se", maybe(r.se)),
        ("df", maybe(r.df)),
        ("t", maybe(r.t)),
        ("p", maybe(r.p_value)),
        ("ci_low", maybe(r.ci_low)),
        ("ci_high", maybe(r.ci_high)),
        ("per_stratum", Value::Object(strata)),
    ]))
}

fn agreement(i: &Inputs<'_>) -> Result<Output> {
    let labels = i.array("labels")?;
    // 1 and 1.0 are one label.
    let same = |a: &Value, b: &Value| a == b || a.as_f64().zip(b.as_f64()).is_some_and(|(a, b)| a == b);
    let position = |rating: &Value| labels.iter().position(|label| same(label, rating)).unwrap_or(usize::MAX);
    let ratings = |name| Ok(i.array(name)?.iter().map(position).collect::<Vec<usize>>());
    let weights = match i.text_or("weights", "none")? {
        "none" => KappaWeights::Unweighted,
        "linear" => KappaWeights::Linear,
        "quadratic" => KappaWeights::Quadratic,
        _ => return Err(invalid("weights", "weights are none, linear or quadratic")),
    };
    let r = kappa(&ratings("human")?, &ratings("judge")?, labels.len(), weights, i.alpha_from_conf()?)?;
    Ok(output([
        ("status", json!(r.status.as_str())),
        ("kappa", maybe(r.kappa)),
        ("agreement", maybe(r.agreement)),
        ("se", maybe(r.se)),
        ("ci_low", maybe(r.ci_low)),
        ("ci_high", maybe(r.ci_high)),
    ]))
}
