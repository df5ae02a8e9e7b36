//! The betting bound of a mean: valid for any distribution on [0,1] and any number of values.
//!
//! Source: Waudby-Smith and Ramdas (2024), "Estimating means of bounded random variables by betting".

/// How the bets are sized and cut.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bets {
    /// A bound is crossed when the capital reaches 1/level.
    pub(crate) level: f64,
    /// The number of values the bets are tuned to.
    pub(crate) n_tune: f64,
    /// The largest share of the capital that one bet may risk.
    pub(crate) truncation: f64,
}

/// (lower, upper) bound of the mean of `x` in [0,1], each valid alone at `bets.level`; the best over all
/// prefixes. The order of `x` is part of the result.
pub(crate) fn running_bounds(x: &[f64], bets: Bets) -> (f64, f64) {
    let sizes = sizes(x, bets);
    let lower = highest_reached(x, &sizes, bets);
    // The upper bound is the lower one of the mirrored values: the sizes depend on the spread alone.
    let mirrored: Vec<f64> = x.iter().map(|x| 1.0 - x).collect();
    (lower, 1.0 - highest_reached(&mirrored, &sizes, bets))
}

/// λ_t = √(2 ln(1/level) / (n_tune·σ̂²_{t-1})): a bet knows the past only.
fn sizes(x: &[f64], bets: Bets) -> Vec<f64> {
    let (mut total, mut squares, mut count) = (0.5, 0.25, 1.0);
    x.iter()
        .map(|&x| {
            let variance = squares / count;
            let size = libm::sqrt(-2.0 * libm::log(bets.level) / (bets.n_tune * variance));
            count += 1.0;
            total += x;
            let r = x - total / count;
            squares += r * r;
            size
        })
        .collect()
}

/// sup{m : max over prefixes of Π(1 + min(λ_i, c/m)(x_i - m)) ≥ 1/level}, else 0. The capital falls in m.
fn highest_reached(x: &[f64], sizes: &[f64], bets: Bets) -> f64 {
    let target = -libm::log(bets.level);
    let reaches = |m: f64| {
        let mut capital = 0.0;
        x.iter().zip(sizes).any(|(&x, &size)| {
            capital += libm::log1p(size.min(bets.truncation / m) * (x - m));
            capital >= target
        })
    };
    if !reaches(0.0) {
        return 0.0;
    }
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..100 {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            break;
        }
        if reaches(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}
