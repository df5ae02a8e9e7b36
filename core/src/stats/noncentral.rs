//! The noncentral t distribution, both tails, as the power of a t-test needs it.

use std::f64::consts::{PI, TAU};

use super::dist::normal_tails;
use super::gamma::stirling_error;

/// Beyond this the scale of the t distribution is 1 to the last digit.
const NORMAL_DF: f64 = 1e14;
/// Where the integrand has fallen to this (in logarithms) below its top, the rest is nothing.
const REST: f64 = 46.0;

/// (P(T ≤ t), P(T > t)) for T = (Z + nc) / √(χ²(df) / df).
///
/// P(T ≤ t) = ∫ Φ(t·s - nc) f(s) ds over the scale s = √(χ²/df). In u = ln s the integrand is smooth, has one
/// top and decays on both sides, so that the trapezoidal rule gains digits exponentially; and it is positive,
/// so that a tail of 1e-200 is as exact as one of ½.
pub(crate) fn noncentral_t_tails(t: f64, df: f64, nc: f64) -> (f64, f64) {
    if t.is_nan() || nc.is_nan() || df.is_nan() || df <= 0.0 {
        return (f64::NAN, f64::NAN);
    }
    if t.is_infinite() || nc.is_infinite() {
        let above = t < nc || (t == f64::NEG_INFINITY);
        return if above { (0.0, 1.0) } else { (1.0, 0.0) };
    }
    if df >= NORMAL_DF {
        return normal_tails(t - nc);
    }
    let lower = tail(t, df, nc);
    if lower <= 0.5 {
        return (lower, 1.0 - lower);
    }
    let upper = tail(-t, df, -nc);
    (1.0 - upper, upper)
}

/// P(T ≤ t).
fn tail(t: f64, df: f64, nc: f64) -> f64 {
    // The density of u is 2·√(a/2π)·e^(-stirling_error(a))·exp(df·(u - (e^2u - 1)/2)) with a = df/2.
    let log = |u: f64| df * (u - libm::expm1(2.0 * u) / 2.0) + log_normal_lower(t * libm::exp(u) - nc);
    let top = top_of(log);
    let height = log(top);
    if height == f64::NEG_INFINITY {
        return 0.0;
    }
    let (low, high) = (edge(log, top, height, -1.0), edge(log, top, height, 1.0));
    let a = df / 2.0;
    let scale = 2.0 * libm::sqrt(a / TAU) * libm::exp(height - stirling_error(a));
    let value = |u: f64| libm::exp(log(u) - height);
    // The ends are e^-46 of the top: their halves don't matter.
    let (mut parts, mut total) = (64u32, 0.0);
    let width = high - low;
    for i in 0..=parts {
        total += value(low + width * f64::from(i) / f64::from(parts));
    }
    let mut found = total * width / f64::from(parts);
    while parts < 1 << 16 {
        for i in 0..parts {
            total += value(low + width * (f64::from(i) + 0.5) / f64::from(parts));
        }
        parts *= 2;
        let finer = total * width / f64::from(parts);
        let settled = (finer - found).abs() <= 1e-14 * finer;
        found = finer;
        if settled {
            break;
        }
    }
    (scale * found).clamp(0.0, 1.0)
}

/// Where a function with one top has it: golden section.
fn top_of(f: impl Fn(f64) -> f64) -> f64 {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    let (mut low, mut high) = (-745.0, 40.0);
    let (mut a, mut b) = (high - GOLDEN * (high - low), low + GOLDEN * (high - low));
    let (mut of_a, mut of_b) = (f(a), f(b));
    for _ in 0..120 {
        // On a flat stretch of -inf on the right the top lies to the left.
        if of_a >= of_b {
            (high, b, of_b) = (b, a, of_a);
            a = high - GOLDEN * (high - low);
            of_a = f(a);
        } else {
            (low, a, of_a) = (a, b, of_b);
            b = low + GOLDEN * (high - low);
            of_b = f(b);
        }
    }
    if of_a >= of_b { a } else { b }
}

/// Where the function has fallen by [`REST`], on one side of its top.
fn edge(f: impl Fn(f64) -> f64, top: f64, height: f64, side: f64) -> f64 {
    let fallen = |distance: f64| f(top + side * distance) < height - REST;
    let mut far = 1e-9;
    while !fallen(far) && far < 2000.0 {
        far *= 2.0;
    }
    let mut near = far / 2.0;
    for _ in 0..8 {
        let middle = (near + far) / 2.0;
        if fallen(middle) { far = middle } else { near = middle }
    }
    top + side * far
}

/// ln Φ(z), also where Φ(z) is no number any more.
fn log_normal_lower(z: f64) -> f64 {
    if z > -25.0 {
        return libm::log(normal_tails(z).0);
    }
    // Mills' ratio: Φ(z) = φ(z)/|z| · (1 - 1/z² + 3/z⁴ - 15/z⁶ + 105/z⁸ …), |z| ≥ 25.
    let r = 1.0 / (z * z);
    let series = 1.0 - r * (1.0 - 3.0 * r * (1.0 - 5.0 * r * (1.0 - 7.0 * r * (1.0 - 9.0 * r))));
    -z * z / 2.0 - libm::log(-z) - libm::log(2.0 * PI) / 2.0 + libm::log(series)
}
