//! Looking early, drift, assignment, and what an experiment says.

use serde_json::{Value, json};

use super::super::*;
use super::inputs::Inputs;
use super::{Group, Output, maybe, of_welch, output, real, unknown};

pub(super) const GROUP: Group = Group {
    kinds: &[
        "ab_anytime",
        "assign_bucket",
        "asymptotic_cs",
        "betting_cs",
        "betting_stop",
        "bucket_counts",
        "drift_bernoulli",
        "drift_esr",
        "empbern_cs",
        "lock_cutoff",
        "reweight",
        "verdict",
    ],
    run,
};

fn run(kind: &str, i: &Inputs<'_>) -> Result<Output> {
    match kind {
        "betting_cs" => {
            let r = betting_sequence(&i.list("x")?, plan(i)?)?;
            let told = r.status == Status::Ok;
            let number = |x| maybe(told.then_some(x));
            Ok(output([
                ("status", json!(r.status.as_str())),
                ("low", number(r.low)),
                ("high", number(r.high)),
                ("low_running", number(r.low_running)),
                ("high_running", number(r.high_running)),
                ("log_k_plus_at_half", number(r.log_k_plus_at_half)),
                ("log_k_minus_at_half", number(r.log_k_minus_at_half)),
                ("p", number(r.p_value)),
            ]))
        }
        "betting_stop" => {
            let r = betting_stop(&i.list("x")?, i.number_or("m", 0.5)?, plan(i)?)?;
            let number = |x| maybe((r.status == Status::Ok).then_some(x));
            Ok(output([
                ("status", json!(r.status.as_str())),
                ("stopped_at", json!(r.at)),
                ("low", number(r.low)),
                ("high", number(r.high)),
            ]))
        }
        "empbern_cs" => {
            let r = empirical_bernstein(&i.list("x")?, i.alpha()?, i.number_or("truncation", 0.5)?)?;
            let status = if r.is_some() { Status::Ok } else { Status::InvalidInput };
            Ok(output([
                ("status", json!(status.as_str())),
                ("low", maybe(r.map(|r| r.0))),
                ("high", maybe(r.map(|r| r.1))),
            ]))
        }
        "asymptotic_cs" => {
            let arm = |n, mean, variance| -> Result<ArmMoments> {
                Ok(ArmMoments { n: i.count(n)?, mean: i.number(mean)?, variance: i.number(variance)? })
            };
            let (a, b) = (arm("n_a", "mean_a", "var_a")?, arm("n_b", "mean_b", "var_b")?);
            let r = asymptotic_sequence(a, b, i.alpha()?, i.number("n_tune")?)?;
            Ok(output([
                ("status", json!(r.status.as_str())),
                ("diff", maybe(r.diff)),
                ("half_width", maybe(r.half_width)),
                ("low", maybe(r.low)),
                ("high", maybe(r.high)),
                ("p", maybe(r.p_value)),
            ]))
        }
        "ab_anytime" => anytime(i),
        "lock_cutoff" => lock(i),
        "drift_esr" => drift(i),
        "drift_bernoulli" => bernoulli(i),
        "assign_bucket" => {
            let buckets = i.find("buckets").map_or(Ok(u64::from(BUCKETS)), |_| i.count("buckets"))?;
            let buckets = u32::try_from(buckets).unwrap_or(u32::MAX);
            let purpose = i.text_or("purpose", Purpose::Variant.as_str())?;
            let bucket = assign_bucket(purpose, i.text("salt")?, i.text("unit")?, buckets)?;
            Ok(output([("bucket", json!(bucket))]))
        }
        "bucket_counts" => {
            let total = i.find("total").map_or(Ok(u64::from(BUCKETS)), |_| i.count("total"))?;
            let counts = bucket_counts(&i.list("weights")?, u32::try_from(total).unwrap_or(u32::MAX))?;
            Ok(output([("counts", json!(counts))]))
        }
        "reweight" => {
            let counts = |name| -> Result<Vec<u32>> {
                let small =
                    |n: u64| u32::try_from(n).map_err(|_| invalid(name, "a count of buckets is small"));
                i.counts(name)?.into_iter().map(small).collect()
            };
            let old = AssignmentTable::of_counts(&counts("old_counts")?)?;
            let (table, moved) = old.reweighted(&counts("new_counts")?)?;
            Ok(output([("moved", json!(moved)), ("table_runs", json!(table.runs()))]))
        }
        "verdict" => {
            let interval = match (i.find("ci_low"), i.find("ci_high")) {
                // A result that stays closed has no interval yet.
                (None, None) => None,
                _ => Some((i.number("ci_low")?, i.number("ci_high")?)),
            };
            let (ci_low, ci_high) = interval.unwrap_or((0.0, 0.0));
            let found = ab_verdict(AbFacts {
                ci_low,
                ci_high,
                margin: i.number("margin")?,
                n_planned: i.count("n_planned")?,
                n_fewest: i.count("n_a")?.min(i.count("n_b")?),
                srm_p: i.find("srm_p").map(|_| i.number("srm_p")).transpose()?,
                missing_share: i.number_or("missing_share", 0.0)?,
                judge_changed: i.flag_or("judge_changed", false)?,
            })?;
            if interval.is_none() && !found.is_before_the_interval() {
                return Err(invalid("ci_low", "this verdict is decided by the interval"));
            }
            Ok(output([("verdict", json!(found.code()))]))
        }
        _ => Err(unknown(kind)),
    }
}

fn plan(i: &Inputs<'_>) -> Result<SequencePlan> {
    let (n_tune, truncation) = (i.number("n_tune")?, i.number_or("truncation", CS_TRUNCATION)?);
    Ok(SequencePlan { alpha: i.alpha()?, n_tune, truncation })
}

/// The scores of the arms "A" and "B" in the order of the events, and the arm of each event.
fn arms(i: &Inputs<'_>) -> Result<([Vec<f64>; 2], Vec<usize>)> {
    let (mut scores, mut order) = ([Vec::new(), Vec::new()], Vec::new());
    for (arm, score) in i.pairs("events")? {
        let arm = match arm.as_str() {
            "A" => 0,
            "B" => 1,
            _ => return Err(invalid("events", format!("an arm is A or B, not {arm}"))),
        };
        scores[arm].push(score);
        order.push(arm);
    }
    Ok((scores, order))
}

fn anytime(i: &Inputs<'_>) -> Result<Output> {
    let ([a, b], _) = arms(i)?;
    let weights = match i.find("weights") {
        None => (1, 1),
        Some(_) => match i.counts("weights")?[..] {
            [a, b] => (a, b),
            _ => return Err(invalid("weights", "there are two weights, one for each arm")),
        },
    };
    let range = ScoreRange { min: i.number("score_min")?, max: i.number("score_max")? };
    let r = ab_anytime(&a, &b, weights, range, plan(i)?)?;
    Ok(output([
        ("status", json!(r.status.as_str())),
        ("pairs", json!(r.pairs)),
        ("stopped_at_pair", json!(r.stopped_at)),
        ("diff", maybe(r.diff)),
        ("low", maybe(r.low)),
        ("high", maybe(r.high)),
        ("low_running", maybe(r.low_running)),
        ("high_running", maybe(r.high_running)),
        ("p", maybe(r.p_value)),
    ]))
}

fn lock(i: &Inputs<'_>) -> Result<Output> {
    let ([a, b], order) = arms(i)?;
    check_open_unit("alpha", i.alpha()?)?;
    let Some(cutoff) = lock_cutoff(&order, 2, i.count("n_planned")?)? else {
        return Ok(output([
            ("status", json!(AbVerdict::Collecting.code())),
            ("n_a", json!(a.len())),
            ("n_b", json!(b.len())),
            ("cutoff", Value::Null),
        ]));
    };
    let entered = |arm| order[..cutoff].iter().filter(|&&of| of == arm).count();
    let mut found = of_welch(&welch(&a[..entered(0)], &b[..entered(1)], i.alpha()?)?);
    found.insert("cutoff".into(), json!(cutoff));
    Ok(found)
}

fn drift(i: &Inputs<'_>) -> Result<Output> {
    let runs = i.repeats("runs")?;
    let default = DriftPlan::default();
    let plan = DriftPlan {
        baseline_runs: match i.find("baseline_runs") {
            None => default.baseline_runs,
            Some(_) => i.count("baseline_runs")? as usize,
        },
        floor: i.number_or("floor", default.floor)?,
        clip: i.number_or("clip", default.clip)?,
        alarm_level: i.number_or("alarm_level", default.alarm_level)?,
    };
    let r = drift_series(&runs, plan)?;
    let each = |field: fn(&DriftStep) -> Option<f64>| {
        Value::Array(r.steps.iter().flatten().filter_map(field).map(real).collect())
    };
    Ok(output([
        ("status", json!(r.status.as_str())),
        ("u_mean", each(|step| step.u_mean)),
        ("u_items", each(|step| step.u_items)),
        ("m", each(|step| step.m)),
        ("alarm_run", json!(r.alarm_run)),
    ]))
}

fn bernoulli(i: &Inputs<'_>) -> Result<Output> {
    let run = |row: Vec<u64>| match row[..] {
        [failures, n] => Ok((failures, n)),
        _ => Err(invalid("failures_per_run", "a run is its failures and its items")),
    };
    let runs = i.count_rows("failures_per_run")?.into_iter().map(run).collect::<Result<Vec<_>>>()?;
    let level = i.number_or("alarm_level", DriftPlan::default().alarm_level)?;
    let (m, alarm) = drift_bernoulli(&runs, i.number("p0")?, &i.list("multipliers")?, level)?;
    Ok(output([("m", Value::Array(m.into_iter().map(real).collect())), ("alarm_run", json!(alarm))]))
}
