//! What if the scores that are missing were the worst ones?

use serde::Serialize;

use super::column::Column;
use super::verdict;
use crate::error::Result;
use crate::model::score::Direction;

/// The comparison as it would be if every missing score of the second run were the worst that there is, and every
/// missing one of the first run the best.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct WorstCase {
    /// Items that lack a score in one of the runs.
    pub items: u64,
    /// The second minus the first.
    pub diff: f64,
    /// The lower end of its interval.
    pub ci_low: f64,
    /// The upper end.
    pub ci_high: f64,
    /// Its p-value, unadjusted.
    pub p_value: f64,
    /// The least score that was taken as possible.
    pub range_low: f64,
    /// The most.
    pub range_high: f64,
    /// Whether the metric declares that range. If not, it is what was observed in the two runs.
    pub range_declared: bool,
    /// Whether the verdict stays what it is, several metrics aside.
    pub holds: bool,
}

/// `None` if nothing is missing, or no range and so no worst score is known, or there is no test.
pub(super) fn worst_case(
    column: &Column<'_>,
    declared: Option<(f64, f64)>,
    direction: Direction,
    margin: Option<f64>,
    alpha: f64,
    seen: Option<(f64, f64)>,
) -> Result<Option<WorstCase>> {
    let items = column.a.iter().zip(&column.b).filter(|(a, b)| a.is_empty() || b.is_empty()).count() as u64;
    let Some((low, high)) = declared.or_else(|| column.range()) else { return Ok(None) };
    if items == 0 {
        return Ok(None);
    }
    let (best, worst) = if direction == Direction::Higher { (high, low) } else { (low, high) };
    let fill = |arm: &[Vec<f64>], with: f64| -> Vec<Vec<f64>> {
        arm.iter().map(|trials| if trials.is_empty() { vec![with] } else { trials.clone() }).collect()
    };
    let filled = Column {
        keys: column.keys.clone(),
        a: fill(&column.a, best),
        b: fill(&column.b, worst),
        clusters: column.clusters.clone(),
    };
    let (test, _) = filled.test(alpha)?;
    let (Some(diff), Some(ci_low), Some(ci_high), Some(p_value)) =
        (test.diff, test.ci_low, test.ci_high, test.p_value)
    else {
        return Ok(None);
    };
    let says = |interval| verdict::of_interval(interval, direction, margin, true);
    Ok(Some(WorstCase {
        items,
        diff,
        ci_low,
        ci_high,
        p_value,
        range_low: low,
        range_high: high,
        range_declared: declared.is_some(),
        holds: seen.is_some_and(|seen| says(seen) == says((ci_low, ci_high))),
    }))
}
