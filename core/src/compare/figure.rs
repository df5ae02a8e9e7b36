//! What rows carry beside their scores, compared: milliseconds, dollars, tokens.

use std::collections::BTreeMap;

use serde::Serialize;

use super::column::Column;
use super::metric::moved;
use super::table::Table;
use crate::error::Result;
use crate::model::name::ItemKey;
use crate::model::run::Row;
use crate::model::score::Direction;
use crate::stats::display::{counted, decimals, number, percent, signed};
use crate::stats::{self, Paired};

/// A quantile in two runs.
///
/// # Assumptions
/// The interval takes the two runs as independent samples (MOVER); on the same items it is too wide rather than too
/// narrow. An end that the data can't bound is null.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct QuantileComparison {
    /// In the first run, over the paired items.
    pub a: Option<f64>,
    /// In the second run.
    pub b: Option<f64>,
    /// The second minus the first.
    pub diff: Option<f64>,
    /// The lower end of the interval of the difference.
    pub ci_low: Option<f64>,
    /// The upper end.
    pub ci_high: Option<f64>,
}

/// One figure in two runs, paired by item; less is better. Not a verdict, and not counted among the metrics.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FigureComparison {
    /// `ok`, or why there is no test.
    pub status: String,
    /// Items that carry it in both runs.
    pub n: u64,
    /// Items that don't.
    pub n_missing: u64,
    /// The mean over the paired items in the first run.
    pub mean_a: Option<f64>,
    /// In the second run.
    pub mean_b: Option<f64>,
    /// The second minus the first.
    pub diff: Option<f64>,
    /// Its standard error.
    pub se: Option<f64>,
    /// Its degrees of freedom.
    pub df: Option<f64>,
    /// The difference over its standard error.
    pub t: Option<f64>,
    /// How often a difference at least so large comes by chance if there is none; not adjusted.
    pub p_value: Option<f64>,
    /// The lower end of the 1-alpha interval of the difference.
    pub ci_low: Option<f64>,
    /// The upper end.
    pub ci_high: Option<f64>,
    /// The medians.
    pub p50: QuantileComparison,
    /// The 90 % quantiles.
    pub p90: QuantileComparison,
    /// Items for which the second run takes less.
    pub improved: u64,
    /// Items for which both take the same.
    pub unchanged: u64,
    /// Items for which the second run takes more.
    pub regressed: u64,
    /// Always `lower`.
    pub direction: Direction,
    /// All that in a sentence.
    pub sentence: String,
}

type Figure = fn(&Row) -> Option<f64>;

/// The figures, by the names that production's have.
const FIGURES: [(&str, Figure); 4] = [
    ("latency_ms", |row| row.latency_ms),
    ("cost_usd", |row| row.cost_usd),
    ("tokens_in", |row| row.tokens_in.map(|n| n as f64)),
    ("tokens_out", |row| row.tokens_out.map(|n| n as f64)),
];

/// Every figure that either run carries.
pub(super) fn compare(
    items: &[(&ItemKey, Option<&String>)],
    tables: (&Table, &Table),
    changed: u64,
    alpha: f64,
) -> Result<BTreeMap<String, FigureComparison>> {
    let mut figures = BTreeMap::new();
    for (name, figure) in FIGURES {
        let column = Column::of(items, tables, figure);
        if column.range().is_some() {
            figures.insert(name.to_owned(), one(&column, changed, alpha)?);
        }
    }
    Ok(figures)
}

fn one(column: &Column<'_>, changed: u64, alpha: f64) -> Result<FigureComparison> {
    let complete = column.complete();
    let pairs = complete.pairs();
    let (test, _) = complete.test(alpha)?;
    let (a, b): (Vec<f64>, Vec<f64>) = pairs.iter().map(|pair| (pair.a, pair.b)).unzip();
    let quantile = |q: f64| -> Result<QuantileComparison> {
        let found = stats::quantile_difference(&a, &b, q, alpha)?;
        Ok(QuantileComparison {
            a: found.a,
            b: found.b,
            diff: found.diff,
            ci_low: found.low,
            ci_high: found.high,
        })
    };
    let moved = moved(&pairs, Direction::Lower);
    Ok(FigureComparison {
        n: pairs.len() as u64,
        n_missing: (column.keys.len() - pairs.len()) as u64 + changed,
        p50: quantile(0.5)?,
        p90: quantile(0.9)?,
        improved: moved.improved,
        unchanged: moved.unchanged,
        regressed: moved.regressed,
        direction: Direction::Lower,
        sentence: sentence(&test, alpha),
        status: test.status.as_str().to_owned(),
        mean_a: test.mean_a,
        mean_b: test.mean_b,
        diff: test.diff,
        se: test.se,
        df: test.df,
        t: test.t,
        p_value: test.p_value,
        ci_low: test.ci_low,
        ci_high: test.ci_high,
    })
}

fn sentence(test: &Paired, alpha: f64) -> String {
    let items = counted(test.n as u64, "item", "items");
    let (Some(diff), Some(a), Some(b)) = (test.diff, test.mean_a, test.mean_b) else {
        return "No item carries it in both runs.".to_owned();
    };
    let (Some(low), Some(high)) = (test.ci_low, test.ci_high) else {
        let places = decimals(diff.abs());
        return format!(
            "On the same {items} the mean went from {} to {}.",
            number(a, places),
            number(b, places)
        );
    };
    let places = decimals((high - low) / 2.0);
    format!(
        "On the same {items} the mean went from {} to {}: {} ({} CI {} to {}). Not a verdict.",
        number(a, places),
        number(b, places),
        signed(diff, places),
        percent(1.0 - alpha),
        signed(low, places),
        signed(high, places)
    )
}
