//! The two-sample Kolmogorov-Smirnov test: do two distributions differ anywhere?

use super::Status;
use super::sum::all_finite;

/// The exact p-value walks over that many cells at the most.
const MOST_CELLS: u64 = 200_000_000;

/// Two samples compared by their distribution functions.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct KolmogorovSmirnov {
    /// Whether the result can be read.
    pub status: Status,
    /// The largest distance between the two distribution functions.
    pub d: Option<f64>,
    /// The p-value of Kolmogorov's limit.
    pub p_limit: Option<f64>,
    /// The exact p-value; `None` where the samples are so large (n·m > 200 million) that the limit is as good.
    pub p_exact: Option<f64>,
}

/// Compares two samples by the largest distance between their distribution functions.
///
/// # Formula
/// `p_limit` = 2·Σ(-1)^(k-1)·exp(-2k²x²) with x = d·√(nm/(n+m)); `p_exact` = the share of the orders of the
/// n+m values whose distance is at least d.
///
/// # Assumptions
/// Units are independent. With ties both p-values are conservative.
///
/// # Errors
/// None: a value that is not finite gives `invalid_input`, an empty sample `insufficient_data`.
///
/// # Source
/// Hodges (1958); reference values from mpmath and `scipy.stats.ks_2samp`.
///
/// # Examples
/// ```
/// use trialplate::stats::ks_two_sample;
/// let r = ks_two_sample(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]);
/// assert_eq!((r.d, r.p_exact), (Some(1.0), Some(0.1)));
/// ```
pub fn ks_two_sample(a: &[f64], b: &[f64]) -> KolmogorovSmirnov {
    let empty = |status| KolmogorovSmirnov { status, d: None, p_limit: None, p_exact: None };
    if !all_finite(a) || !all_finite(b) {
        return empty(Status::InvalidInput);
    }
    if a.is_empty() || b.is_empty() {
        return empty(Status::InsufficientData);
    }
    let (n, m) = (a.len() as u64, b.len() as u64);
    let steps = distance(a, b);
    let d = steps as f64 / (n as f64 * m as f64);
    let x = d * libm::sqrt(n as f64 * m as f64 / (n as f64 + m as f64));
    let exact = n.checked_mul(m).is_some_and(|cells| cells <= MOST_CELLS);
    KolmogorovSmirnov {
        status: Status::Ok,
        d: Some(d),
        p_limit: Some(kolmogorov_upper(x)),
        p_exact: exact.then(|| exact_upper(n, m, steps)),
    }
}

/// max |i·m - j·n| over the values, i and j counting those up to a value: the distance in units of 1/nm.
fn distance(a: &[f64], b: &[f64]) -> u64 {
    let sorted = |x: &[f64]| {
        let mut x = x.to_vec();
        x.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
        x
    };
    let (a, b) = (sorted(a), sorted(b));
    let (n, m) = (a.len() as u64, b.len() as u64);
    let (mut i, mut j, mut most) = (0, 0, 0);
    while i < a.len() && j < b.len() {
        let value = a[i].min(b[j]);
        while i < a.len() && a[i] <= value {
            i += 1;
        }
        while j < b.len() && b[j] <= value {
            j += 1;
        }
        most = most.max((i as u64 * m).abs_diff(j as u64 * n));
    }
    most
}

/// P(K > x) for Kolmogorov's distribution.
fn kolmogorov_upper(x: f64) -> f64 {
    if x < 1.0 {
        // At least 0.27, so nothing cancels.
        return 1.0 - kolmogorov_lower(x);
    }
    let (mut total, mut sign) = (0.0, 1.0);
    for k in 1..=100 {
        let k = f64::from(k);
        let term = libm::exp(-2.0 * k * k * x * x);
        total += sign * term;
        sign = -sign;
        if term < 1e-17 * total {
            break;
        }
    }
    (2.0 * total).clamp(0.0, 1.0)
}

/// P(K ≤ x) = √(2π)/x · Σ exp(-(2k-1)²π²/8x²): quick where the other series is slow.
fn kolmogorov_lower(x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    let pi = std::f64::consts::PI;
    let mut total = 0.0;
    for k in 1..=20 {
        let odd = f64::from(2 * k - 1);
        total += libm::exp(-odd * odd * pi * pi / (8.0 * x * x));
    }
    (libm::sqrt(2.0 * pi) / x * total).clamp(0.0, 1.0)
}

/// The share of the orders of n + m values whose distance reaches `steps`: a walk over the lattice that sums
/// what leaves the corridor, so that a small p-value is not what is left of 1.
fn exact_upper(n: u64, m: u64, steps: u64) -> f64 {
    if steps == 0 {
        return 1.0;
    }
    let outside = |i: u64, j: u64| (i * m).abs_diff(j * n) >= steps;
    // inside[j]: the probability of being at (i, j) without ever having left.
    let mut inside = vec![0.0; m as usize + 1];
    let mut left = super::sum::Sum::default();
    inside[0] = 1.0;
    for i in 0..=n {
        for j in 0..=m {
            let here = inside[j as usize];
            if here == 0.0 {
                continue;
            }
            let (of_a, of_b) = ((n - i) as f64, (m - j) as f64);
            inside[j as usize] = 0.0;
            let (to_a, to_b) = (here * of_a / (of_a + of_b), here * of_b / (of_a + of_b));
            if i < n {
                if outside(i + 1, j) { left.add(to_a) } else { inside[j as usize] = to_a }
            }
            if j < m {
                if outside(i, j + 1) { left.add(to_b) } else { inside[j as usize + 1] += to_b }
            }
        }
    }
    left.value().min(1.0)
}
