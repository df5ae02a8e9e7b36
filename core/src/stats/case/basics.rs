//! Distributions, comparisons of means and rates, quantiles, gates.

use serde_json::{Value, json};

use super::super::dist::{chi2_upper, normal_tails, normal_upper_quantile, t_tails, t_upper_quantile};
use super::super::gate_bound::{Contrast, decide};
use super::super::paired::{differences_equal, largest};
use super::super::*;
use super::inputs::Inputs;
use super::{Group, Output, degrees, maybe, of_interval, of_welch, output, real, unknown, verdict};

pub(super) const GROUP: Group = Group {
    kinds: &[
        "chi2_sf",
        "clopper_pearson",
        "gate_attempt_alpha",
        "gate_mean_bounded",
        "gate_mean_paired",
        "gate_mean_unpaired",
        "gate_rate",
        "gate_zero_variance",
        "n_zero_failures",
        "newcombe_diff",
        "norm_cdf",
        "norm_ppf",
        "paired_cluster",
        "paired_rates",
        "paired_repeats",
        "paired_t",
        "quantile",
        "quantile_ci",
        "t_cdf",
        "t_ppf",
        "welch",
        "welch_summary",
        "wilson",
    ],
    run,
};

fn run(kind: &str, i: &Inputs<'_>) -> Result<Output> {
    match kind {
        "t_cdf" => Ok(tails(t_tails(i.number("t")?, degrees(i)?))),
        "norm_cdf" => Ok(tails(normal_tails(i.number("z")?))),
        "t_ppf" => {
            let (p, df) = (share(i, "p")?, degrees(i)?);
            Ok(output([("x", real(-t_upper_quantile(p, df)))]))
        }
        "norm_ppf" => Ok(output([("x", real(-normal_upper_quantile(share(i, "p")?)))])),
        "chi2_sf" => {
            let x = i.number("x")?;
            if x.is_nan() || x < 0.0 {
                return Err(invalid("x", "a chi-squared statistic is not negative"));
            }
            Ok(output([("sf", real(chi2_upper(x, degrees(i)?)))]))
        }
        "welch" => Ok(of_welch(&welch(&i.list("a")?, &i.list("b")?, i.alpha()?)?)),
        "welch_summary" => {
            let arm = |n, mean, sd| -> Result<Summary> {
                Ok(Summary { n: i.count(n)? as usize, mean: i.number(mean)?, sd: i.number(sd)? })
            };
            let (a, b) = (arm("n_a", "mean_a", "sd_a")?, arm("n_b", "mean_b", "sd_b")?);
            Ok(of_welch(&welch_from_summaries(a, b, i.alpha()?)?))
        }
        "paired_t" => Ok(of_paired(&paired(&i.list("a")?, &i.list("b")?, i.alpha()?)?)),
        "paired_repeats" => {
            let r = paired_repeats(&i.repeats("a")?, &i.repeats("b")?, i.alpha()?)?;
            let mut found = of_paired(&r);
            // A count here, as the reference has it.
            found.insert("df".into(), r.df.map_or(Value::Null, |df| json!(df as u64)));
            Ok(found)
        }
        "paired_cluster" => clustered(i),
        "paired_rates" => {
            let (n, a, b) = (i.count("n")?, i.count("only_a")?, i.count("only_b")?);
            let r = paired_rates(n, a, b, i.alpha_from_conf()?)?;
            Ok(output([
                ("status", json!(r.status.as_str())),
                ("diff", maybe(r.diff)),
                ("ci_low", maybe(r.ci_low)),
                ("ci_high", maybe(r.ci_high)),
                ("p_exact", maybe(r.p_value)),
                ("p_mid", maybe(r.p_mid)),
            ]))
        }
        "wilson" => Ok(of_interval(&wilson(i.count("k")?, i.count("n")?, i.alpha_from_conf()?)?)),
        "clopper_pearson" => {
            let (k, n, alpha) = (i.count("k")?, i.count("n")?, i.alpha_from_conf()?);
            match i.number_or("sides", 2.0)? {
                1.0 => Ok(of_interval(&clopper_pearson_one_sided(k, n, alpha)?)),
                2.0 => Ok(of_interval(&clopper_pearson(k, n, alpha)?)),
                _ => Err(invalid("sides", "an interval has 1 or 2 sides")),
            }
        }
        "newcombe_diff" => {
            let (k_a, n_a) = (i.count("k_a")?, i.count("n_a")?);
            let (k_b, n_b) = (i.count("k_b")?, i.count("n_b")?);
            let r = newcombe(k_a, n_a, k_b, n_b, i.alpha_from_conf()?)?;
            Ok(output([
                ("status", json!(r.status.as_str())),
                ("diff", maybe(r.diff)),
                ("low", maybe(r.low)),
                ("high", maybe(r.high)),
            ]))
        }
        "n_zero_failures" => {
            let limit = Limit::AtLeast(i.number("threshold")?);
            let failures = i.find("failures").map_or(Ok(0), |_| i.count("failures"))?;
            Ok(output([("n", json!(items_without_failure(limit, failures, i.alpha_from_conf()?)?))]))
        }
        "quantile" => {
            let (x, q) = (i.list("x")?, i.number("q")?);
            let found = quantile(&x, q)?;
            let status = match found {
                Some(_) => Status::Ok,
                None if x.is_empty() => Status::InsufficientData,
                None => Status::InvalidInput,
            };
            Ok(output([("status", json!(status.as_str())), ("value", maybe(found))]))
        }
        "quantile_ci" => quantile_ci(i),
        "gate_rate" => gate_rate(i),
        "gate_mean_paired" | "gate_mean_unpaired" => gate_mean(kind, i),
        "gate_mean_bounded" => gate_mean_bounded(i),
        "gate_zero_variance" => {
            let c = i.number("common_difference")?;
            let (n, range) = (i.count("n")?, i.number("score_range")?);
            let r = zero_variance_bound(c, n, range, i.number("tol_abs")?, i.alpha()?)?;
            Ok(output([("bound_low", real(r.lower)), ("verdict", verdict(r.outcome))]))
        }
        "gate_attempt_alpha" => {
            Ok(output([("alpha_k", real(gate_attempt_alpha(i.alpha()?, i.count("attempt")?)?))]))
        }
        _ => Err(unknown(kind)),
    }
}

fn clustered(i: &Inputs<'_>) -> Result<Output> {
    // Any JSON value names a cluster; its text keeps 1 and "1" apart.
    let cluster: Vec<String> = i.array("cluster")?.iter().map(Value::to_string).collect();
    let method = match i.text_or("method", "cr2")? {
        "cr2" => ClusterMethod::Cr2,
        "cr1" => ClusterMethod::Cr1,
        _ => return Err(invalid("method", "a method is cr2 or cr1")),
    };
    let r = paired_clustered(&i.list("d")?, &cluster, method, i.alpha()?)?;
    Ok(output([
        ("status", json!(r.status.as_str())),
        ("n", json!(r.n)),
        ("clusters", json!(r.clusters)),
        ("diff", maybe(r.diff)),
        ("se", maybe(r.se)),
        ("t", maybe(r.t)),
        ("df", maybe(r.df)),
        ("p", maybe(r.p_value)),
        ("ci_low", maybe(r.ci_low)),
        ("ci_high", maybe(r.ci_high)),
    ]))
}

fn quantile_ci(i: &Inputs<'_>) -> Result<Output> {
    let r = quantile_interval(&i.list("x")?, i.number("q")?, i.alpha_from_conf()?)?;
    let open = |bound: Option<f64>, text: &str| match bound {
        None if r.status == Status::Ok => json!(text),
        bound => maybe(bound),
    };
    Ok(output([
        ("status", json!(r.status.as_str())),
        ("estimate", maybe(r.estimate)),
        ("rank_low", json!(r.rank_low)),
        ("rank_high", json!(r.rank_high)),
        ("low", open(r.low, "-inf")),
        ("high", open(r.high, "inf")),
    ]))
}

fn gate_rate(i: &Inputs<'_>) -> Result<Output> {
    let threshold = i.number("threshold")?;
    let limit = match i.text_or("direction", "at_least")? {
        "at_least" => Limit::AtLeast(threshold),
        "at_most" => Limit::AtMost(threshold),
        _ => return Err(invalid("direction", "a direction is at_least or at_most")),
    };
    let mode = if point(i)? { RateMode::Point } else { RateMode::Bound };
    let r = rate_gate(i.count("successes")?, i.count("n")?, limit, i.alpha()?, mode)?;
    Ok(output([
        ("status", json!(r.status.as_str())),
        ("rate", maybe(r.rate)),
        ("bound_low", maybe(r.lower)),
        ("bound_high", maybe(r.upper)),
        ("verdict", verdict(r.outcome)),
    ]))
}

fn gate_mean(kind: &str, i: &Inputs<'_>) -> Result<Output> {
    let (old, new, alpha) = (i.list("old")?, i.list("new")?, i.alpha()?);
    let tolerance = match (i.find("tol_abs"), i.find("tol_rel")) {
        (Some(_), Some(_)) => {
            return Err(invalid("tol_rel", "a tolerance is absolute or relative, not both"));
        }
        (_, Some(_)) => Tolerance::Relative(i.number("tol_rel")?),
        _ => Tolerance::Absolute(i.number_or("tol_abs", 0.0)?),
    };
    let bound = if point(i)? { BoundRule::Point } else { BoundRule::T };
    let r = if kind == "gate_mean_paired" {
        non_inferiority_paired(&old, &new, tolerance, true, None, alpha, bound)?
    } else {
        non_inferiority_unpaired(&old, &new, tolerance, true, alpha, bound)?
    };
    let mut found = of_gate(&r);
    found.insert("df".into(), maybe(r.df));
    Ok(found)
}

fn gate_mean_bounded(i: &Inputs<'_>) -> Result<Output> {
    let (e, low, high) = (i.list("differences")?, i.number("score_min")?, i.number("score_max")?);
    let tolerance = i.number_or("tol_abs", 0.0)?;
    gate::check_range(Some((low, high)))?;
    if !(tolerance >= 0.0 && tolerance.is_finite()) {
        return Err(invalid("tol_abs", "a tolerance is a finite number from 0"));
    }
    let bound = match i.text_or("bound", "auto")? {
        "auto" => BoundRule::Auto,
        "t" => BoundRule::T,
        "betting" => BoundRule::Betting,
        "point" => BoundRule::Point,
        _ => return Err(invalid("bound", "a bound is auto, t, betting or point")),
    };
    let range = Some((low - high, high - low));
    let scale = largest(&e).max(low.abs()).max(high.abs());
    let nothing_changed = differences_equal(&e, scale);
    let r = decide(&Contrast { e: &e, range, tolerance, scale, nothing_changed }, i.alpha()?, bound)?;
    let mut found = of_gate(&r);
    found.insert("skewness".into(), maybe(r.skewness));
    found.insert("method".into(), json!(r.rule.as_str()));
    Ok(found)
}

fn point(i: &Inputs<'_>) -> Result<bool> {
    match i.text_or("mode", "bound")? {
        "point" => Ok(true),
        "bound" => Ok(false),
        _ => Err(invalid("mode", "a mode is bound or point")),
    }
}

fn share(i: &Inputs<'_>, name: &str) -> Result<f64> {
    let p = i.number(name)?;
    if (0.0..=1.0).contains(&p) { Ok(p) } else { Err(invalid(name, "a probability lies between 0 and 1")) }
}

fn tails((cdf, sf): (f64, f64)) -> Output {
    output([("cdf", real(cdf)), ("sf", real(sf))])
}

fn of_gate(r: &MeanGate) -> Output {
    output([
        ("status", json!(r.status.as_str())),
        ("n", json!(r.n)),
        ("estimate", maybe(r.contrast)),
        ("bound_low", maybe(r.contrast_low)),
        ("bound_high", maybe(r.contrast_high)),
        ("verdict", verdict(r.outcome)),
    ])
}

fn of_paired(r: &Paired) -> Output {
    output([
        ("status", json!(r.status.as_str())),
        ("n", json!(r.n)),
        ("n_missing", json!(r.n_missing)),
        ("mean_a", maybe(r.mean_a)),
        ("mean_b", maybe(r.mean_b)),
        ("diff", maybe(r.diff)),
        ("sd_diff", maybe(r.sd_diff)),
        ("se", maybe(r.se)),
        ("t", maybe(r.t)),
        ("df", maybe(r.df)),
        ("p", maybe(r.p_value)),
        ("ci_low", maybe(r.ci_low)),
        ("ci_high", maybe(r.ci_high)),
    ])
}
