//! The mean gate for items that come in clusters.

use std::collections::BTreeMap;

use super::clustered::{ClusterMethod, paired_clustered};
use super::gate::{MeanGate, RuleUsed, Tolerance, check_range, factor};
use super::gate_bound::{apply_zero_variance, by_bound};
use super::paired::{differences_equal, largest};
use super::sum::{Sum, mean, skewness};
use super::{Status, invalid};
use crate::error::Result;

/// Decides whether the new version is at most a tolerance worse, on items that come in clusters (documents,
/// topics, users) and are independent only between them.
///
/// # Shapes and units
/// As [`non_inferiority_paired`](crate::stats::non_inferiority_paired); `cluster[i]` is what item i belongs to.
///
/// # Formula
/// e as there; the bounds are mean(e) ∓ t(1-alpha, df)·SE with the CR2 standard error and Bell-McCaffrey's degrees
/// of freedom. `skewed` looks at the sums of the clusters. All e equal: the bound for zero variance, with the
/// number of clusters as n.
///
/// # Assumptions
/// Clusters are independent, and their sums roughly symmetric. There is no betting bound for clusters.
///
/// # Errors
/// `invalid-argument` if alpha is not between 0 and ½, or the tolerance or the range is none.
///
/// # Source
/// statistics.md, sections (a) and (e); Bell and McCaffrey (2002).
///
/// # Examples
/// ```
/// use trialplate::stats::{Outcome, Tolerance, non_inferiority_clustered};
/// let (old, new) = ([4.0, 3.0, 4.0, 5.0, 2.0, 4.0], [4.5, 3.0, 4.5, 5.0, 3.0, 4.5]);
/// let gate = |cluster: &[&str]| non_inferiority_clustered(
///     &old, &new, cluster, Tolerance::Absolute(0.2), true, Some((1.0, 5.0)), 0.05);
/// assert_eq!(gate(&["a", "a", "b", "b", "c", "c"])?.outcome, Outcome::Pass);
/// assert_eq!(gate(&["a"; 6])?.outcome, Outcome::CannotTell); // one document shows nothing about others
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn non_inferiority_clustered<K: Ord>(
    old: &[f64],
    new: &[f64],
    cluster: &[K],
    tolerance: Tolerance,
    higher_is_better: bool,
    range: Option<(f64, f64)>,
    alpha: f64,
) -> Result<MeanGate> {
    // A one-sided bound is an end of the two-sided interval of twice the alpha.
    if !(alpha > 0.0 && alpha < 0.5) {
        return Err(invalid("alpha", format!("alpha must lie strictly between 0 and 0.5, not {alpha}")));
    }
    let (k, allowed) = factor(tolerance, higher_is_better)?;
    check_range(range)?;
    let sign = if higher_is_better { 1.0 } else { -1.0 };
    let inside = |x: &f64| x.is_finite() && range.is_none_or(|(low, high)| low <= *x && *x <= high);
    let e: Vec<f64> = old.iter().zip(new).map(|(old, new)| sign * (new - k * old)).collect();
    let d: Vec<f64> = old.iter().zip(new).map(|(old, new)| sign * (new - old)).collect();
    let (of_old, of_new) = (mean(old).value(), mean(new).value());
    let negative = matches!(tolerance, Tolerance::Relative(_)) && of_old < 0.0;
    let usable = old.len() == new.len() && cluster.len() == new.len();
    if !usable || negative || !old.iter().chain(new).all(inside) {
        return Ok(MeanGate::empty(Status::InvalidInput, e.len(), RuleUsed::T));
    }
    let interval = paired_clustered(&e, cluster, ClusterMethod::Cr2, 2.0 * alpha)?;
    let mut found = MeanGate::empty(interval.status, e.len(), RuleUsed::T);
    let Some(estimate) = interval.diff else { return Ok(found) };
    (found.mean_old, found.mean_new, found.contrast) = (Some(of_old), Some(of_new), Some(estimate));
    found.df = interval.df;
    // The spread that independent items would have to have for the same standard error.
    found.sd = interval.se.map(|se| se * libm::sqrt(e.len() as f64));
    (found.contrast_low, found.contrast_high) = (interval.ci_low, interval.ci_high);
    let scale = largest(old).max(largest(new));
    let e_range = range.map(|(low, high)| {
        if higher_is_better { (low - k * high, high - k * low) } else { (k * low - high, k * high - low) }
    });
    found.worst = e_range.map(|(least, _)| least);
    if differences_equal(&e, scale) && interval.clusters > 1 {
        // A cluster that was not seen may be as bad as the range allows, and so many were seen.
        found.n = interval.clusters;
        apply_zero_variance(&mut found, e_range, estimate, alpha);
        found.n = e.len();
    } else {
        let mut sums: BTreeMap<&K, Sum> = BTreeMap::new();
        let centre = mean(&e);
        for (key, &x) in cluster.iter().zip(&e) {
            sums.entry(key).or_default().add(centre.residual(x));
        }
        let sums: Vec<f64> = sums.values().map(|sum| sum.value()).collect();
        found.skewness = skewness(&sums);
        found.skewed = found.skewness.is_none_or(|g| (sums.len() as f64) < 25.0 * g * g);
    }
    found.outcome = by_bound(found.contrast_low, found.contrast_high, allowed);
    found.on_scale_of_differences(mean(&d).value(), tolerance, of_old);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{BoundRule, Outcome, non_inferiority_paired};

    #[test]
    fn every_item_its_own_cluster_is_the_t_bound() {
        let old: Vec<f64> = (0..40).map(|i| 3.0 + f64::from(i % 3) * 0.5).collect();
        let new: Vec<f64> = (0..40).map(|i| 3.1 + f64::from(i % 5) * 0.25).collect();
        let own: Vec<usize> = (0..40).collect();
        for tolerance in [Tolerance::Absolute(0.3), Tolerance::Relative(0.05)] {
            for higher in [true, false] {
                let range = Some((1.0, 5.0));
                let a = non_inferiority_clustered(&old, &new, &own, tolerance, higher, range, 0.05).unwrap();
                let b =
                    non_inferiority_paired(&old, &new, tolerance, higher, range, 0.05, BoundRule::T).unwrap();
                assert_eq!(a.outcome, b.outcome);
                for (x, y) in [(a.lower, b.lower), (a.upper, b.upper), (a.diff, b.diff)] {
                    assert!((x.unwrap() - y.unwrap()).abs() < 1e-12, "{a:?} {b:?}");
                }
            }
        }
    }

    #[test]
    fn clusters_that_never_changed_count_as_clusters() {
        let scores = vec![4.0; 118];
        let gate = |clusters: usize| {
            let of: Vec<usize> = (0..118).map(|i| i % clusters).collect();
            let range = Some((1.0, 5.0));
            non_inferiority_clustered(&scores, &scores, &of, Tolerance::Absolute(0.2), true, range, 0.05)
                .unwrap()
                .outcome
        };
        assert_eq!((gate(59), gate(58)), (Outcome::Pass, Outcome::CannotTell));
    }

    #[test]
    fn bad_input_is_no_number() {
        let gate = |old: &[f64], new: &[f64], cluster: &[u8], alpha| {
            non_inferiority_clustered(old, new, cluster, Tolerance::Absolute(0.1), true, None, alpha)
        };
        assert_eq!(gate(&[1.0], &[1.0], &[0], 0.5).unwrap_err().code(), "invalid-argument");
        for found in [
            gate(&[f64::NAN, 1.0], &[1.0, 1.0], &[0, 1], 0.05),
            gate(&[1.0, 1.0], &[1.0], &[0, 1], 0.05),
            gate(&[1.0], &[1.0], &[], 0.05),
            gate(&[], &[], &[], 0.05),
        ] {
            let found = found.unwrap();
            assert_eq!((found.outcome, found.lower, found.upper), (Outcome::CannotTell, None, None));
        }
    }
}
