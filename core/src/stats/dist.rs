//! Distribution functions: Student's t, the normal, the binomial, chi-squared. Every tail on its own side.

use super::beta::{beta_power, beta_tails, rising_root};
use super::gamma::{gamma_tails, stirling_error};

use std::f64::consts::{FRAC_1_SQRT_2, LN_2};

/// Beyond this the t distribution is the normal one: they differ by t⁴/4df, less than 1e-9 everywhere.
const NORMAL_DF: f64 = 1e15;

/// (P(T ≤ t), P(T > t)) for Student's t with `df` degrees of freedom, not necessarily whole.
pub(crate) fn t_tails(t: f64, df: f64) -> (f64, f64) {
    if t.is_nan() || df.is_nan() || df <= 0.0 {
        return (f64::NAN, f64::NAN);
    }
    if df >= NORMAL_DF {
        return normal_tails(t);
    }
    let parts = t_parts(t.abs(), df);
    // A value near ½ is built from the centre: 1 - tail would be as good, but not for t = 1e-8.
    let body = if parts.tail < 0.25 { 1.0 - parts.tail } else { 0.5 + parts.centre };
    if t >= 0.0 { (body, parts.tail) } else { (parts.tail, body) }
}

struct TParts {
    /// P(T > t)
    tail: f64,
    /// P(0 < T ≤ t)
    centre: f64,
    /// t times the density at t
    power: f64,
}

fn t_parts(t: f64, df: f64) -> TParts {
    let a = df / 2.0;
    let s = t / libm::sqrt(df);
    let (x, y) = if s <= 1.0 {
        let s2 = s * s;
        (1.0 / (1.0 + s2), s2 / (1.0 + s2))
    } else {
        let r2 = 1.0 / s / s;
        (r2 / (1.0 + r2), 1.0 / (1.0 + r2))
    };
    if x < 1e-290 {
        // I_x(a,½) is its first term, and x itself may have underflowed: stay in logarithms.
        let ln_b = ln_beta_half(a);
        let tail = libm::exp(-df * libm::log(s) - libm::log(a) - ln_b - LN_2);
        return TParts { tail, centre: 0.5 - tail, power: df * tail };
    }
    if y < 1e-290 {
        // s² may have underflowed: I_y(½,a) is its first term, linear in t.
        let centre = s * libm::exp(-ln_beta_half(a));
        return TParts { tail: 0.5 - centre, centre, power: centre };
    }
    let (lower, upper) = beta_tails(a, 0.5, x, y);
    TParts { tail: lower / 2.0, centre: upper / 2.0, power: beta_power(a, 0.5, x, y) }
}

/// ln B(a,½), by Γ(z) = √(2π/z) (z/e)^z e^stirling_error(z), which does not cancel for large a.
fn ln_beta_half(a: f64) -> f64 {
    stirling_error(a) - stirling_error(a + 0.5) + 0.5 + 0.5 * libm::log(std::f64::consts::PI / a)
        - a * libm::log1p(0.5 / a)
}

/// The t with P(T > t) = q, for any q in \[0,1\].
pub(crate) fn t_upper_quantile(q: f64, df: f64) -> f64 {
    if !(0.0..=1.0).contains(&q) || df.is_nan() || df <= 0.0 {
        return f64::NAN;
    }
    if q > 0.5 {
        return -t_upper_quantile(1.0 - q, df);
    }
    if q == 0.5 {
        return 0.0;
    }
    if q == 0.0 {
        return f64::INFINITY;
    }
    let z = normal_upper_quantile(q);
    if df >= NORMAL_DF {
        return z;
    }
    let from_centre = q > 0.25;
    let u = rising_root(libm::log(z), -745.0, 709.0, |u| {
        let parts = t_parts(libm::exp(u), df);
        if from_centre {
            (libm::log(parts.centre / (0.5 - q)), parts.power / parts.centre)
        } else {
            (-libm::log(parts.tail / q), parts.power / parts.tail)
        }
    });
    if u >= 708.9 { f64::INFINITY } else { libm::exp(u) }
}

/// (Φ(z), 1-Φ(z)).
pub(crate) fn normal_tails(z: f64) -> (f64, f64) {
    (libm::erfc(-z * FRAC_1_SQRT_2) / 2.0, libm::erfc(z * FRAC_1_SQRT_2) / 2.0)
}

/// The z with 1-Φ(z) = q.
///
/// Source: Wichura (1988), AS 241, PPND16 (about 1e-16 relative).
pub(crate) fn normal_upper_quantile(q: f64) -> f64 {
    if !(0.0..=1.0).contains(&q) {
        return f64::NAN;
    }
    if q == 0.0 || q == 1.0 {
        return if q == 0.0 { f64::INFINITY } else { f64::NEG_INFINITY };
    }
    let centred = 0.5 - q;
    if centred.abs() <= 0.425 {
        let r = 0.180625 - centred * centred;
        return centred * ratio(r, &CENTRE);
    }
    let tail = if centred > 0.0 { q } else { 1.0 - q };
    let r = libm::sqrt(-libm::log(tail));
    let z = if r <= 5.0 { ratio(r - 1.6, &MIDDLE) } else { ratio(r - 5.0, &FAR) };
    if centred > 0.0 { z } else { -z }
}

type Rational = ([f64; 8], [f64; 8]);

fn ratio(r: f64, (above, below): &Rational) -> f64 {
    let polynomial = |c: &[f64; 8]| c.iter().rev().fold(0.0, |total, &c| total * r + c);
    polynomial(above) / polynomial(below)
}

const CENTRE: Rational = (
    [
        3.387_132_872_796_366_5,
        133.141_667_891_784_38,
        1_971.590_950_306_551_3,
        13_731.693_765_509_46,
        45_921.953_931_549_87,
        67_265.770_927_008_7,
        33_430.575_583_588_13,
        2_509.080_928_730_122_7,
    ],
    [
        1.0,
        42.313_330_701_600_91,
        687.187_007_492_057_9,
        5_394.196_021_424_751,
        21_213.794_301_586_597,
        39_307.895_800_092_71,
        28_729.085_735_721_943,
        5_226.495_278_852_854,
    ],
);
const MIDDLE: Rational = (
    [
        1.423_437_110_749_683_5,
        4.630_337_846_156_546,
        5.769_497_221_460_691,
        3.647_848_324_763_204_5,
        1.270_458_252_452_368_4,
        0.241_780_725_177_450_6,
        0.022_723_844_989_269_184,
        7.745_450_142_783_414e-4,
    ],
    [
        1.0,
        2.053_191_626_637_759,
        1.676_384_830_183_803_8,
        0.689_767_334_985_1,
        0.148_103_976_427_480_08,
        0.015_198_666_563_616_457,
        5.475_938_084_995_345e-4,
        1.050_750_071_644_416_9e-9,
    ],
);
const FAR: Rational = (
    [
        6.657_904_643_501_103,
        5.463_784_911_164_114,
        1.784_826_539_917_291_3,
        0.296_560_571_828_504_87,
        0.026_532_189_526_576_124,
        0.001_242_660_947_388_078_4,
        2.711_555_568_743_487_6e-5,
        2.010_334_399_292_288_1e-7,
    ],
    [
        1.0,
        0.599_832_206_555_888,
        0.136_929_880_922_735_8,
        0.014_875_361_290_850_615,
        7.868_691_311_456_133e-4,
        1.846_318_317_510_054_7e-5,
        1.421_511_758_316_446e-7,
        2.044_263_103_389_939_8e-15,
    ],
);

/// (P(X ≤ k), P(X > k)) for a binomial count of `n` draws with probability `p`.
pub(crate) fn binomial_tails(k: u64, n: u64, p: f64) -> (f64, f64) {
    if !(0.0..=1.0).contains(&p) {
        return (f64::NAN, f64::NAN);
    }
    if k >= n {
        return (1.0, 0.0);
    }
    let (above, below) = beta_tails((k + 1) as f64, (n - k) as f64, p, 1.0 - p);
    (below, above)
}

/// P(X = k) for a binomial count.
pub(crate) fn binomial_probability(k: u64, n: u64, p: f64) -> f64 {
    if k > n {
        return 0.0;
    }
    if k == 0 || k == n || p <= 0.0 || p >= 1.0 {
        let all = |count: u64, p: f64| {
            if count == 0 { 1.0 } else { libm::exp(count as f64 * libm::log(p)) }
        };
        return all(k, p) * all(n - k, 1.0 - p);
    }
    // C(n,k) p^k q^(n-k) = (p^k q^(n-k) / B(k,n-k)) · n / (k(n-k))
    let (a, b) = (k as f64, (n - k) as f64);
    beta_power(a, b, p, 1.0 - p) * (n as f64) / a / b
}

/// The smallest k with P(X ≤ k) ≥ `level`.
pub(crate) fn binomial_quantile(level: f64, n: u64, p: f64) -> u64 {
    // 64 units in the last place of slack: an exact tie (level ¼, n = 2, p = ½) must not move by one.
    let level = level * (1.0 - 64.0 * f64::EPSILON);
    let (mut low, mut high) = (0, n);
    while low < high {
        let middle = low + (high - low) / 2;
        if binomial_tails(middle, n, p).0 >= level {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

/// P(χ² > x) with `df` degrees of freedom.
pub(crate) fn chi2_upper(x: f64, df: f64) -> f64 {
    gamma_tails(df / 2.0, x / 2.0).1
}
