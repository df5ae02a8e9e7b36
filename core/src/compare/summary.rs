//! One run at a glance.

use std::collections::BTreeMap;

use serde::Serialize;

use super::table::Table;
use crate::error::Result;
use crate::model::name::MetricName;
use crate::model::run::{Row, Run};
use crate::stats;

/// A metric over the items of one run.
///
/// # Shapes and units
/// The metric's own points; `n` counts items, whose trials are averaged first.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct MetricSummary {
    /// Items with a score.
    pub n: u64,
    /// Items without one.
    pub n_missing: u64,
    /// The mean.
    pub mean: Option<f64>,
    /// The standard deviation between items; none below two.
    pub sd: Option<f64>,
    /// The standard error of the mean: sd ⁄ √n.
    pub se: Option<f64>,
    /// The smallest.
    pub min: Option<f64>,
    /// The 10 % quantile (type 7).
    pub p10: Option<f64>,
    /// The median.
    pub p50: Option<f64>,
    /// The 90 % quantile.
    pub p90: Option<f64>,
    /// The largest.
    pub max: Option<f64>,
}

impl MetricSummary {
    fn of(mut values: Vec<f64>, n_missing: u64) -> Result<MetricSummary> {
        let moments = stats::mean_sd(&values);
        values.sort_by(f64::total_cmp);
        let quantile = |q: f64| stats::quantile(&values, q);
        Ok(MetricSummary {
            n: values.len() as u64,
            n_missing,
            mean: moments.as_ref().map(|m| m.mean),
            sd: moments.as_ref().and_then(|m| m.sd),
            se: moments.as_ref().and_then(|m| m.se),
            min: values.first().copied(),
            p10: quantile(0.1)?,
            p50: quantile(0.5)?,
            p90: quantile(0.9)?,
            max: values.last().copied(),
        })
    }
}

/// One run at a glance.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RunSummary {
    /// The run.
    pub run: Run,
    /// Rows that are recorded.
    pub rows: u64,
    /// Rows that a whole run has: items times trials.
    pub rows_expected: u64,
    /// Rows that hold an error in place of an output.
    pub errors: u64,
    /// Every numeric or boolean metric.
    pub metrics: BTreeMap<MetricName, MetricSummary>,
    /// Milliseconds per call.
    pub latency_ms: MetricSummary,
    /// US dollars per call.
    pub cost_usd: MetricSummary,
    /// US dollars in all.
    pub cost_usd_total: f64,
    /// Tokens sent in all.
    pub tokens_in_total: u64,
    /// Tokens received in all.
    pub tokens_out_total: u64,
}

/// Summarises a run.
pub(crate) fn summarise(run: Run, rows: Vec<Row>) -> Result<RunSummary> {
    let table = Table::new(rows);
    let items = run.items;
    let column = |values: Vec<f64>| {
        let missing = items.saturating_sub(values.len() as u64);
        MetricSummary::of(values, missing)
    };
    let mut metrics = BTreeMap::new();
    for metric in table.metrics() {
        let values = table.keys().filter_map(|key| table.score(key, &metric)).collect();
        metrics.insert(metric.clone(), column(values)?);
    }
    let figure =
        |f: fn(&Row) -> Option<f64>| column(table.keys().filter_map(|key| table.figure(key, f)).collect());
    Ok(RunSummary {
        rows: table.rows().count() as u64,
        rows_expected: items * u64::from(run.trials),
        errors: table.rows().filter(|row| row.error.is_some()).count() as u64,
        latency_ms: figure(|row| row.latency_ms)?,
        cost_usd: figure(|row| row.cost_usd)?,
        cost_usd_total: stats::sum::sum(table.rows().filter_map(|row| row.cost_usd)),
        tokens_in_total: table.rows().filter_map(|row| row.tokens_in).sum(),
        tokens_out_total: table.rows().filter_map(|row| row.tokens_out).sum(),
        metrics,
        run,
    })
}
