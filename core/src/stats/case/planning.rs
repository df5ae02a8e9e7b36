//! Power and sample sizes; several p-values; does the split hold?

use serde_json::{Value, json};

use super::super::noncentral::noncentral_t_tails;
use super::super::*;
use super::inputs::Inputs;
use super::{Group, Output, degrees, maybe, output, real, unknown};

pub(super) const GROUP: Group = Group {
    kinds: &[
        "bh",
        "holm",
        "mde_two_sample",
        "n_clustered",
        "n_paired",
        "n_repeats",
        "n_stratified",
        "n_two_sample",
        "nct_cdf",
        "plan_n",
        "power_paired",
        "power_two_sample",
        "srm_chi2",
        "srm_sequential",
    ],
    run,
};

fn run(kind: &str, i: &Inputs<'_>) -> Result<Output> {
    match kind {
        "nct_cdf" => {
            let (t, nc) = (i.number("t")?, i.number("nc")?);
            if t.is_nan() || nc.is_nan() {
                return Err(invalid("t", "t and the noncentrality are numbers"));
            }
            let (cdf, sf) = noncentral_t_tails(t, degrees(i)?, nc);
            Ok(output([("cdf", real(cdf)), ("sf", real(sf))]))
        }
        "power_two_sample" => {
            let n = (i.count("n_a")?, i.count("n_b")?);
            let power = power_two_sample(i.number("delta")?, sds(i)?, n, i.alpha()?, sides(i)?)?;
            Ok(output([("power", real(power))]))
        }
        "power_paired" => {
            let (delta, sd, n) = (i.number("delta")?, i.number("sd_diff")?, i.count("n")?);
            Ok(output([("power", real(power_paired(delta, sd, n, i.alpha()?, sides(i)?)?))]))
        }
        "n_two_sample" => {
            let r = n_two_sample(target(i, "delta")?, sds(i)?, i.number_or("ratio_b_to_a", 1.0)?)?;
            Ok(output([("n_a", json!(r.n_a)), ("n_b", json!(r.n_b)), ("achieved_power", real(r.power))]))
        }
        "n_paired" => {
            let r = n_paired(target(i, "delta")?, i.number("sd_diff")?)?;
            Ok(output([("n", json!(r.n_a)), ("achieved_power", real(r.power))]))
        }
        "mde_two_sample" => {
            let power = i.number_or("power", 0.8)?;
            let mde = mde_two_sample(i.count("n_per_arm")?, i.number("sd")?, i.alpha()?, power)?;
            Ok(output([("mde", real(mde))]))
        }
        "plan_n" => {
            let floor = i.find("floor").map_or(Ok(FLOOR_OF_UNITS), |_| i.count("floor"))?;
            let r = plan_n(target(i, "min_effect")?, i.number("sd")?, floor)?;
            Ok(output([("n_power", json!(r.n_power)), ("n_planned", json!(r.n_planned))]))
        }
        "n_stratified" => stratified(i),
        "n_clustered" => {
            let (m, cv) = (i.number("mean_cluster_size")?, i.number_or("cv_cluster_size", 0.0)?);
            let r = n_clustered(target(i, "delta")?, i.number("sd")?, m, cv, i.number("icc")?)?;
            Ok(output([
                ("design_effect", real(r.design_effect)),
                ("n_responses_independent", json!(r.n_responses_independent)),
                ("n_units_per_arm", json!(r.n_units_per_arm)),
            ]))
        }
        "n_repeats" => {
            let (change, within) = (i.number("var_item_change")?, i.number("var_within")?);
            let r = n_repeats(target(i, "delta")?, change, within, i.count("repeats")?)?;
            Ok(output([
                ("sd_diff", real(r.sd_diff)),
                ("n_items", json!(r.n_items)),
                ("calls_per_version", json!(r.calls_per_version)),
            ]))
        }
        "holm" => Ok(adjusted(&holm(&i.list("p")?, i.alpha()?)?)),
        "bh" => Ok(adjusted(&benjamini_hochberg(&i.list("p")?, i.alpha()?)?)),
        "srm_chi2" => {
            let r = srm(&i.counts("counts")?, &i.list("weights")?)?;
            Ok(output([
                ("status", json!(r.status.as_str())),
                ("chi2", maybe(r.chi2)),
                ("df", json!(r.df)),
                ("p", maybe(r.p_value)),
                ("exact", json!(r.method == SrmMethod::Exact)),
                ("mismatch", json!(r.mismatch)),
            ]))
        }
        "srm_sequential" => {
            let concentration = i.number_or("concentration", SRM_CONCENTRATION)?;
            let r = srm_sequence(&i.count_rows("counts_per_period")?, &i.list("weights")?, concentration)?;
            let list = |x: Vec<f64>| Value::Array(x.into_iter().map(real).collect());
            Ok(output([("log_bf", list(r.log_bf)), ("p", list(r.p_value))]))
        }
        _ => Err(unknown(kind)),
    }
}

fn sides(i: &Inputs<'_>) -> Result<Sides> {
    match i.number_or("sides", 2.0)? {
        1.0 => Ok(Sides::One),
        2.0 => Ok(Sides::Two),
        _ => Err(invalid("sides", "a test has 1 or 2 sides")),
    }
}

fn target(i: &Inputs<'_>, delta: &str) -> Result<Target> {
    let (delta, power) = (i.number(delta)?, i.number_or("power", 0.8)?);
    Ok(Target { delta, alpha: i.alpha()?, power, sides: sides(i)? })
}

/// One standard deviation for both arms, or one for each.
fn sds(i: &Inputs<'_>) -> Result<(f64, f64)> {
    match i.find("sd_a") {
        Some(_) => Ok((i.number("sd_a")?, i.number("sd_b")?)),
        None => i.number("sd").map(|sd| (sd, sd)),
    }
}

fn stratified(i: &Inputs<'_>) -> Result<Output> {
    let target = target(i, "delta")?;
    let Some(_) = i.find("strata") else {
        // What strata or a covariate explain, as a share of the variance.
        let sd_within = sd_explained(i.number("sd")?, i.number("r2")?)?;
        let n = n_two_sample(target, (sd_within, sd_within), 1.0)?.n_a;
        return Ok(output([("sd_within", real(sd_within)), ("n_per_arm", json!(n))]));
    };
    let strata = i.array("strata")?.iter().map(|stratum| {
        let stratum = Inputs(stratum);
        Ok(PlannedStratum { weight: stratum.number("weight")?, sd: stratum.number("sd")? })
    });
    let strata = strata.collect::<Result<Vec<_>>>()?;
    let allocation = match i.text_or("allocation", "proportional")? {
        "proportional" => Allocation::Proportional,
        "neyman" | "optimal" => Allocation::Neyman,
        _ => return Err(invalid("allocation", "an allocation is proportional or neyman")),
    };
    let r = n_stratified(target, &strata, allocation)?;
    Ok(output([
        ("sd_within", real(r.sd_within)),
        ("n_per_arm", json!(r.n_per_arm)),
        ("n_per_stratum", json!(r.n_per_stratum)),
    ]))
}

fn adjusted(r: &Adjusted) -> Output {
    let p = r.p.iter().map(|&p| real(p)).collect();
    output([("adjusted", Value::Array(p)), ("reject", json!(r.reject))])
}
