//! How far two runs of one version lie apart.

use serde::Serialize;

use super::column::Column;
use super::table::Table;
use crate::error::{Error, Result};
use crate::model::name::{ItemKey, MetricName};
use crate::model::run::{Row, Run};
use crate::stats;

/// What the difference between two runs of the same version looks like: nothing but noise.
///
/// # Formula
/// sd = √(v⁄n) with v the variance of an item's difference from noise alone (2·σ²_w between runs, σ²_w·(1⁄K_a + 1⁄K_b)
/// from trials), half-width t(1-α⁄2, df)·sd.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct NoiseFloor {
    /// `runs` if more runs of one version were given, `trials` if it is known from the trials within the two.
    pub source: &'static str,
    /// How many runs it was taken from.
    pub runs: u64,
    /// The standard deviation of such a difference.
    pub sd: f64,
    /// Half of the width of its interval.
    pub half_width: f64,
    /// With how many degrees of freedom it is known.
    pub df: u64,
    /// The largest difference between two of the runs that were given, in the mean over the items of both.
    pub largest: Option<f64>,
    /// Whether the difference of the comparison is no larger than the half-width, or than the largest.
    pub within: bool,
}

/// A run that was given for its noise, and what it is compared with.
pub(crate) type NoiseRun = (Run, Table);

/// Refuses runs that say nothing about the noise of these two.
pub(super) fn check(a: &Run, b: &Run, noise: &[NoiseRun]) -> Result<()> {
    for (run, _) in noise {
        let reason = if run.dataset != a.dataset {
            format!("run {} is about the dataset {}, not {}", run.id, run.dataset, a.dataset)
        } else if run.version_id != a.version_id && run.version_id != b.version_id {
            format!("run {} is of neither version that is compared; give more runs of one of them", run.id)
        } else {
            continue;
        };
        return Err(Error::InvalidArgument { argument: "noise".to_owned(), reason });
    }
    Ok(())
}

/// The noise floor of a metric from runs of one version, from trials if there are none, or `None`.
pub(super) fn floor(
    metric: &MetricName,
    complete: &Column<'_>,
    items: &[&ItemKey],
    groups: &[Vec<(&Run, &Table)>],
    diff: Option<f64>,
    alpha: f64,
) -> Result<Option<NoiseFloor>> {
    let Some(diff) = diff else { return Ok(None) };
    let value = |row: &Row| row.scores.get(metric).and_then(|score| score.as_number());
    let n = complete.keys.len() as u64;
    let (mut scored, mut runs, mut largest): (Vec<Vec<f64>>, u64, Option<f64>) = (Vec::new(), 0, None);
    for group in groups {
        let means =
            |key: &ItemKey| group.iter().map(|(_, table)| table.figure(key, value)).collect::<Vec<_>>();
        let of_items: Vec<Vec<Option<f64>>> = items.iter().map(|key| means(key)).collect();
        for (one, two) in pairs_of(group.len()) {
            let both = of_items.iter().filter_map(|of| of[one].zip(of[two]));
            let (x, y): (Vec<f64>, Vec<f64>) = both.unzip();
            let apart = stats::paired(&x, &y, alpha)?.diff.map(f64::abs);
            largest = apart.into_iter().chain(largest).reduce(f64::max);
        }
        scored.extend(of_items.iter().map(|of| of.iter().copied().flatten().collect()));
        runs += group.len() as u64;
    }
    let (source, runs, found) = match stats::repeat_noise(&scored)? {
        Some(noise) => ("runs", runs, Some((2.0 * noise.variance, noise))),
        None => {
            let tried = |arm: &[Vec<f64>]| u64::from(arm.iter().any(|trials| trials.len() > 1));
            (
                "trials",
                tried(&complete.a) + tried(&complete.b),
                stats::repeat_variance(&complete.a, &complete.b)?,
            )
        }
    };
    let Some((variance, noise)) = found.filter(|(variance, _)| n > 0 && variance.is_finite()) else {
        return Ok(None);
    };
    let (sd, half_width) = stats::noise_floor(variance, n, noise.df, alpha)?;
    let within = diff.abs() <= half_width.max(largest.unwrap_or(0.0));
    Ok(Some(NoiseFloor { source, runs, sd, half_width, df: noise.df, largest, within }))
}

fn pairs_of(n: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..n).flat_map(move |one| (one + 1..n).map(move |two| (one, two)))
}

/// The runs of each version that more than one run is of and whose score of the metric comes from one scorer.
pub(super) fn groups<'r>(
    metric: &MetricName,
    (a, b): (&'r NoiseRun, &'r NoiseRun),
    noise: &'r [NoiseRun],
) -> Vec<Vec<(&'r Run, &'r Table)>> {
    let mut groups = Vec::new();
    // Where both are of one version their difference is the noise in question: it must not judge itself.
    let sides: &[&NoiseRun] = if a.0.version_id == b.0.version_id { &[a] } else { &[a, b] };
    for (own, table) in sides {
        let same = |(run, _): &&NoiseRun| {
            run.version_id == own.version_id && run.scorer(metric) == own.scorer(metric)
        };
        let others = noise.iter().filter(same).map(|(run, table)| (run, table));
        let group: Vec<(&Run, &Table)> = std::iter::once((own, table)).chain(others).collect();
        if group.len() > 1 {
            groups.push(group);
        }
    }
    groups
}
