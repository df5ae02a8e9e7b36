//! The gamma function's part: Stirling's error, the deviance, the regularised incomplete gamma function.
//!
//! Loader's forms are used because a difference of log-gammas loses nine digits at n = 1,000,000.

use std::f64::consts::TAU;

const LN_SQRT_TAU: f64 = 0.918_938_533_204_672_8;
/// One unit in the last place of 1, and a little: no continued fraction gets closer.
pub(crate) const CLOSE: f64 = 3e-16;
pub(crate) const MOST_STEPS: u32 = 20_000_000;

/// ln Γ(z+1) - (z+½) ln z + z - ln √(2π), for z > 0.
///
/// Source: Loader (2000), "Fast and accurate computation of binomial probabilities".
pub(crate) fn stirling_error(z: f64) -> f64 {
    if z <= 15.0 {
        return libm::lgamma(z + 1.0) - (z + 0.5) * libm::log(z) + z - LN_SQRT_TAU;
    }
    const S: [f64; 7] =
        [1.0 / 12.0, 1.0 / 360.0, 1.0 / 1260.0, 1.0 / 1680.0, 1.0 / 1188.0, 691.0 / 360_360.0, 1.0 / 156.0];
    let w = 1.0 / (z * z);
    (S[0] - w * (S[1] - w * (S[2] - w * (S[3] - w * (S[4] - w * (S[5] - w * S[6])))))) / z
}

/// x·ln(x/m) + m - x, given `d = x - m` from where it is known best.
pub(crate) fn deviance(x: f64, m: f64, d: f64) -> f64 {
    if d.abs() >= 0.1 * (x + m) {
        return x * libm::log(x / m) - d;
    }
    let v = d / (x + m);
    let (mut total, mut term) = (d * v, 2.0 * x * v);
    let v2 = v * v;
    let mut j = 1.0;
    loop {
        term *= v2;
        let next = total + term / (2.0 * j + 1.0);
        if next == total || !next.is_finite() {
            return next;
        }
        (total, j) = (next, j + 1.0);
    }
}

/// (P(a,x), Q(a,x)), the two tails of the regularised incomplete gamma function, each computed directly
/// where it is the small one. NaN outside a > 0, x ≥ 0.
///
/// Source: series and continued fraction, DLMF 8.11.4 and 8.9.2 (Lentz).
pub(crate) fn gamma_tails(a: f64, x: f64) -> (f64, f64) {
    // `!(…)`, here and below, so that NaN is refused too.
    if !(a > 0.0 && x >= 0.0 && a.is_finite()) {
        return (f64::NAN, f64::NAN);
    }
    if x == 0.0 {
        return (0.0, 1.0);
    }
    if x == f64::INFINITY {
        return (1.0, 0.0);
    }
    // x^a e^-x / Γ(a+1)
    let density = libm::exp(-stirling_error(a) - deviance(a, x, a - x)) / libm::sqrt(TAU * a);
    if x < a + 1.0 {
        let (mut total, mut term, mut k) = (1.0, 1.0, a);
        for _ in 0..MOST_STEPS {
            k += 1.0;
            term *= x / k;
            total += term;
            if term < total * 1e-17 {
                break;
            }
        }
        let lower = (density * total).min(1.0);
        return (lower, 1.0 - lower);
    }
    let mut b = x + 1.0 - a;
    let mut c = 1.0 / f64::MIN_POSITIVE;
    let mut d = 1.0 / b;
    let mut h = d;
    for i in 1..MOST_STEPS {
        let i = f64::from(i);
        let an = -i * (i - a);
        b += 2.0;
        d = 1.0 / nonzero(an * d + b);
        c = nonzero(b + an / c);
        let factor = d * c;
        h *= factor;
        if (factor - 1.0).abs() <= CLOSE {
            break;
        }
    }
    let upper = (density * a * h).min(1.0);
    (1.0 - upper, upper)
}

/// Lentz's guard: a denominator is never exactly 0.
pub(crate) fn nonzero(x: f64) -> f64 {
    if x.abs() < 1e-300 { 1e-300 } else { x }
}
