//! Items that come in clusters: CR2 standard errors with Bell-McCaffrey degrees of freedom.

use std::collections::BTreeMap;

use super::paired::{TTest, largest};
use super::sum::{Sum, all_finite, mean, sum, variance};
use super::{Status, check_open_unit};
use crate::error::Result;

/// How the standard error of clustered items is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ClusterMethod {
    /// CR2 with Bell-McCaffrey degrees of freedom: 5.0 to 5.3% false positives with unequal clusters.
    #[default]
    Cr2,
    /// CR1 with G-1 degrees of freedom: 9 to 14% false positives with unequal clusters. For comparison only.
    Cr1,
}

/// A mean difference whose items come in clusters.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Clustered {
    /// Whether the result can be read.
    pub status: Status,
    /// Items.
    pub n: usize,
    /// Clusters.
    pub clusters: usize,
    /// Mean difference; items weigh equally.
    pub diff: Option<f64>,
    /// Its standard error.
    pub se: Option<f64>,
    /// Degrees of freedom; a fraction when clusters are unequal.
    pub df: Option<f64>,
    /// diff / se.
    pub t: Option<f64>,
    /// Two-sided p-value.
    pub p_value: Option<f64>,
    /// Lower end of the two-sided 1-alpha interval of `diff`.
    pub ci_low: Option<f64>,
    /// Upper end of it.
    pub ci_high: Option<f64>,
}

/// Tests the mean of differences `d` whose items belong to clusters (documents, topics, users).
///
/// With every item its own cluster this is the paired t-test.
///
/// # Formula
/// w_g = n_g/n, e_g = Σ_g(dᵢ-D), V = Σ e_g²/(1-w_g) / n², SE = √V,
/// df = 1 / Σ_gΣ_h (w_g·1{g=h} - w_g·w_h)² / ((1-w_g)(1-w_h)).
/// CR1: V = G/(G-1) · Σ e_g² / n², df = G-1.
///
/// # Assumptions
/// Clusters are independent; items within one need not be.
///
/// # Errors
/// `invalid-argument` if alpha is not strictly between 0 and 1. Unequal lengths and differences that are not
/// finite give [`Status::InvalidInput`], fewer than two clusters [`Status::InsufficientData`].
///
/// # Source
/// Bell and McCaffrey (2002); Imbens and Kolesár (2016), intercept only.
///
/// # Examples
/// ```
/// use trialplate::stats::{ClusterMethod, paired_clustered};
/// let r = paired_clustered(&[0.5, -0.25, 1.0, 0.75], &["a", "a", "b", "b"], ClusterMethod::Cr2, 0.05)?;
/// assert_eq!((r.clusters, r.diff, r.se, r.df), (2, Some(0.5), Some(0.375), Some(1.0)));
/// # Ok::<(), trialplate::Error>(())
/// ```
pub fn paired_clustered<K: Ord>(
    d: &[f64],
    cluster: &[K],
    method: ClusterMethod,
    alpha: f64,
) -> Result<Clustered> {
    check_open_unit("alpha", alpha)?;
    let mut found = Clustered {
        status: Status::Ok,
        n: d.len().min(cluster.len()),
        clusters: 0,
        diff: None,
        se: None,
        df: None,
        t: None,
        p_value: None,
        ci_low: None,
        ci_high: None,
    };
    if d.len() != cluster.len() || !all_finite(d) {
        found.status = Status::InvalidInput;
        return Ok(found);
    }
    // Numbered in the order of first appearance: the sums below are in the order of the data.
    let mut numbers: BTreeMap<&K, usize> = BTreeMap::new();
    let (n, centre) = (d.len() as f64, mean(d));
    let mut groups: Vec<(Sum, f64)> = Vec::new();
    for (&x, key) in d.iter().zip(cluster) {
        let number = *numbers.entry(key).or_insert(groups.len());
        if number == groups.len() {
            groups.push((Sum::default(), 0.0));
        }
        if let Some((residuals, size)) = groups.get_mut(number) {
            residuals.add(centre.residual(x));
            *size += 1.0;
        }
    }
    found.clusters = groups.len();
    found.diff = (!d.is_empty()).then(|| centre.value());
    if groups.len() < 2 {
        found.status = Status::InsufficientData;
        return Ok(found);
    }
    let scale = largest(d);
    let flat = |(e, size): &(Sum, f64)| e.value().abs() <= 4.0 * f64::EPSILON * size * scale;
    if groups.iter().all(flat) {
        found.status = Status::ZeroVariance;
        return Ok(found);
    }
    let (se, df) = if groups.len() == d.len() {
        (libm::sqrt(variance(d, centre) / n), n - 1.0)
    } else {
        let v = cluster_variance(&groups, n, method);
        (libm::sqrt(v), cluster_df(&groups, n, method))
    };
    if !(se.is_finite() && centre.value().is_finite()) {
        (found.status, found.diff) = (Status::InvalidInput, None);
        return Ok(found);
    }
    let test = TTest::new(centre.value(), se, df, alpha);
    (found.se, found.df, found.t) = (Some(test.se), Some(test.df), Some(test.t));
    (found.p_value, found.ci_low, found.ci_high) =
        (Some(test.p_value), Some(test.ci_low), Some(test.ci_high));
    Ok(found)
}

fn cluster_variance(groups: &[(Sum, f64)], n: f64, method: ClusterMethod) -> f64 {
    let g = groups.len() as f64;
    sum(groups.iter().map(|(e, size)| {
        let e = e.value() / n;
        match method {
            ClusterMethod::Cr2 => e * e * n / (n - size),
            ClusterMethod::Cr1 => e * e * g / (g - 1.0),
        }
    }))
}

fn cluster_df(groups: &[(Sum, f64)], n: f64, method: ClusterMethod) -> f64 {
    let sizes_equal = groups.windows(2).all(|w| w[0].1 == w[1].1);
    if sizes_equal || method == ClusterMethod::Cr1 {
        return groups.len() as f64 - 1.0;
    }
    // The double sum in one pass: its diagonal is Σw², the rest 2·Σ_{g<h} q_g·q_h with q = w²/(1-w).
    let (mut total, mut before) = (0.0, 0.0);
    for (_, size) in groups {
        let w = size / n;
        let q = w * size / (n - size);
        total += w * w + 2.0 * q * before;
        before += q;
    }
    1.0 / total
}
