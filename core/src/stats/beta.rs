//! The regularised incomplete beta function, both tails at once, and its inverse.

use std::f64::consts::TAU;

use super::gamma::{CLOSE, MOST_STEPS, deviance, nonzero, stirling_error};

/// x^a·y^b / B(a,b) with y = 1-x, both given because the small one must not come from a subtraction.
///
/// Loader's saddle point form: a·y - b·x is the only difference, and it is exact enough where it cancels.
pub(crate) fn beta_power(a: f64, b: f64, x: f64, y: f64) -> f64 {
    let n = a + b;
    let d = a * y - b * x;
    let log = stirling_error(n)
        - stirling_error(a)
        - stirling_error(b)
        - deviance(a, n * x, d)
        - deviance(b, n * y, -d);
    libm::sqrt(a * b / (TAU * n)) * libm::exp(log)
}

/// (I_x(a,b), 1 - I_x(a,b)), the small one computed on its own side. NaN outside the domain.
///
/// Source: Didonato and Morris (1992), TOMS 708, BFRAC, with Lentz's algorithm, reflected at the mean.
pub(crate) fn beta_tails(a: f64, b: f64, x: f64, y: f64) -> (f64, f64) {
    if !(a > 0.0 && b > 0.0 && x >= 0.0 && y >= 0.0 && a.is_finite() && b.is_finite()) {
        return (f64::NAN, f64::NAN);
    }
    if x == 0.0 {
        return (0.0, 1.0);
    }
    if y == 0.0 {
        return (1.0, 0.0);
    }
    let power = beta_power(a, b, x, y);
    if x < (a + 1.0) / (a + b + 2.0) {
        let lower = (power * fraction(a, b, x, y)).clamp(0.0, 1.0);
        (lower, 1.0 - lower)
    } else {
        let upper = (power * fraction(b, a, y, x)).clamp(0.0, 1.0);
        (1.0 - upper, upper)
    }
}

/// I_x(a,b) / (x^a y^b / B(a,b)), for x below the mean.
///
/// The even part of DLMF 8.17.22: the plain fraction subtracts nearly equal terms when a is large and x nearly
/// 1 (Student's t with a million degrees of freedom), this one has a·y - b·x in their place.
fn fraction(a: f64, b: f64, x: f64, y: f64) -> f64 {
    let lambda = a * y - b * x;
    let mut c = 1.0 / f64::MIN_POSITIVE;
    let mut d = 1.0 / nonzero(a / (a + 1.0) * (lambda + 1.0));
    let mut h = d;
    for n in 1..MOST_STEPS {
        let n = f64::from(n);
        let middle = a + 2.0 * n - 1.0;
        let common = n * (b - n) * x / middle;
        let above = (a + n - 1.0) / middle * (a + b + n - 1.0) * common * x;
        let below = n + common + (a + n) / (middle + 2.0) * (lambda + 1.0 + n * (1.0 + y));
        d = 1.0 / nonzero(above * d + below);
        c = nonzero(below + above / c);
        let factor = d * c;
        h *= factor;
        if (factor - 1.0).abs() <= CLOSE {
            break;
        }
    }
    h
}

/// The x with I_x(a,b) = p and 1 - I_x(a,b) = q, where p + q = 1 and both are given. NaN outside the domain.
///
/// Newton on the logarithm of the smaller tail against ln x (or ln y, whichever of the two is below ½):
/// that function is concave, so Newton approaches from one side, and the result has full relative precision
/// next to 0.
pub(crate) fn beta_quantile(a: f64, b: f64, p: f64, q: f64) -> f64 {
    if !(a > 0.0 && b > 0.0 && (0.0..=1.0).contains(&p) && (0.0..=1.0).contains(&q)) {
        return f64::NAN;
    }
    if p == 0.0 || q == 0.0 {
        return if p == 0.0 { 0.0 } else { 1.0 };
    }
    let (lower, upper) = beta_tails(a, b, 0.5, 0.5);
    let root_below_half = if p <= q { lower >= p } else { upper <= q };
    if root_below_half { small_root(a, b, p, q) } else { 1.0 - small_root(b, a, q, p) }
}

fn small_root(a: f64, b: f64, p: f64, q: f64) -> f64 {
    let highest = libm::log(0.5);
    let start = libm::log(a / (a + b)).min(highest);
    let u = rising_root(start, -744.0, highest, |u| {
        let x = libm::exp(u);
        let y = 1.0 - x;
        let (lower, upper) = beta_tails(a, b, x, y);
        let density = beta_power(a, b, x, y) / y;
        if p <= q {
            (libm::log(lower / p), density / lower)
        } else {
            (-libm::log(upper / q), density / upper)
        }
    });
    libm::exp(u)
}

/// The root of a rising function that gives its value and slope: Newton, and bisection when that leaves the
/// bracket or meets an underflow.
pub(crate) fn rising_root(start: f64, mut low: f64, mut high: f64, f: impl Fn(f64) -> (f64, f64)) -> f64 {
    let mut u = start;
    for _ in 0..200 {
        let (value, slope) = f(u);
        if value == 0.0 {
            return u;
        }
        if value < 0.0 {
            low = u;
        } else {
            high = u;
        }
        let newton = u - value / slope;
        let inside = newton.is_finite() && slope > 0.0 && newton >= low && newton <= high;
        let next = if inside { newton } else { low + (high - low) / 2.0 };
        let step = (next - u).abs();
        u = next;
        if step <= 1e-15 * u.abs().max(1.0) {
            break;
        }
    }
    u
}
