//! Sums that lose nothing: the mean as a pair hi+lo, the variance from residuals to that pair.
//!
//! Neither the sum of squares, nor Welford, nor a shift by the first value survives scores around 1e9 that
//! differ by a few units in the last place; this does.

/// A number kept as an unevaluated sum, `|lo|` at most half a unit in the last place of `hi`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pair {
    pub(crate) hi: f64,
    pub(crate) lo: f64,
}

impl Pair {
    pub(crate) fn value(self) -> f64 {
        self.hi + self.lo
    }

    /// `self - other`, high parts first: they cancel exactly when the two are close.
    pub(crate) fn minus(self, other: Pair) -> f64 {
        (self.hi - other.hi) + (self.lo - other.lo)
    }

    pub(crate) fn residual(self, x: f64) -> f64 {
        (x - self.hi) - self.lo
    }

    /// `a + b`, and what rounding takes from it (Knuth's two-sum).
    pub(crate) fn of_sum(a: f64, b: f64) -> Pair {
        let hi = a + b;
        let of_b = hi - a;
        Pair { hi, lo: (a - (hi - of_b)) + (b - of_b) }
    }
}

/// Neumaier's compensated sum. The order of the values is part of the result.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Sum {
    sum: f64,
    lost: f64,
}

impl Sum {
    pub(crate) fn add(&mut self, x: f64) {
        let total = self.sum + x;
        self.lost += if self.sum.abs() >= x.abs() { (self.sum - total) + x } else { (x - total) + self.sum };
        self.sum = total;
    }

    pub(crate) fn value(self) -> f64 {
        self.sum + self.lost
    }

    /// The sum divided by `n`, with the remainder of the division put back into `lo`.
    pub(crate) fn divided_by(self, n: f64) -> Pair {
        let hi = self.sum / n;
        let remainder = libm::fma(-hi, n, self.sum);
        let lo = (remainder + self.lost) / n;
        let value = hi + lo;
        Pair { hi: value, lo: (hi - value) + lo }
    }
}

pub(crate) fn sum(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut total = Sum::default();
    for x in values {
        total.add(x);
    }
    total.value()
}

/// Values from here on are summed in lanes.
const MANY: usize = 1_024;
const LANES: usize = 8;

/// The sums of what `f` makes of many values, in lanes that do not wait for each other: each a compensated sum of its own,
/// and so is the sum of the lanes.
fn in_lanes<const N: usize>(values: &[f64], f: impl Fn(f64) -> [f64; N]) -> [Sum; N] {
    let (mut sums, mut lost) = ([[0.0; LANES]; N], [[0.0; LANES]; N]);
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            let made = f(chunk[lane]);
            for k in 0..N {
                let pair = Pair::of_sum(sums[k][lane], made[k]);
                lost[k][lane] += pair.lo;
                sums[k][lane] = pair.hi;
            }
        }
    }
    let mut totals = one_by_one(rest, f);
    for (total, (sums, lost)) in totals.iter_mut().zip(sums.iter().zip(&lost)) {
        sums.iter().for_each(|&x| total.add(x));
        lost.iter().for_each(|&x| total.lost += x);
    }
    totals
}

fn one_by_one<const N: usize>(values: &[f64], f: impl Fn(f64) -> [f64; N]) -> [Sum; N] {
    let mut totals = [Sum::default(); N];
    for &x in values {
        totals.iter_mut().zip(f(x)).for_each(|(total, x)| total.add(x));
    }
    totals
}

/// The sums of what `f` makes of the values of several lists.
fn totals_of<const N: usize>(lists: &[&[f64]], f: impl Fn(f64) -> [f64; N] + Copy) -> [Sum; N] {
    let mut all: Option<[Sum; N]> = None;
    for list in lists {
        let one = if list.len() >= MANY { in_lanes(list, f) } else { one_by_one(list, f) };
        all = Some(match all {
            None => one,
            Some(mut all) => {
                for (total, one) in all.iter_mut().zip(one) {
                    total.add(one.sum);
                    total.lost += one.lost;
                }
                all
            }
        });
    }
    all.unwrap_or([Sum::default(); N])
}

fn count_of(lists: &[&[f64]]) -> usize {
    lists.iter().map(|list| list.len()).sum()
}

/// The mean as a pair; NaN for no values.
pub(crate) fn mean(values: &[f64]) -> Pair {
    mean_of(&[values])
}

fn mean_of(lists: &[&[f64]]) -> Pair {
    let [total] = totals_of(lists, |x| [x]);
    total.divided_by(count_of(lists) as f64)
}

/// The sample variance (n-1) around `mean`; NaN below two values, infinite if no number holds it.
///
/// `(Σr² - (Σr)²/n) / (n-1)` with `r = (x - hi) - lo`: the second term repairs what rounding left in Σr.
pub(crate) fn variance(values: &[f64], mean: Pair) -> f64 {
    variance_of(&[values], mean)
}

fn variance_of(lists: &[&[f64]], mean: Pair) -> f64 {
    let n = count_of(lists);
    if n < 2 {
        return f64::NAN;
    }
    let n = n as f64;
    let sums = totals_of(lists, |x| {
        let residual = mean.residual(x);
        [residual * residual, residual]
    });
    let [squares, rest] = sums.map(Sum::value);
    let variance = (squares - rest * rest / n) / (n - 1.0);
    // Squares past the largest number: no spread at all would be the opposite of what there is.
    if variance.is_nan() { f64::INFINITY } else { variance.max(0.0) }
}

/// g₁ = m₃ / m₂^1.5, the skewness without a correction for n; `None` for constant values.
pub(crate) fn skewness(values: &[f64]) -> Option<f64> {
    let (n, mean) = (values.len() as f64, mean(values));
    let m2 = sum(values.iter().map(|&x| mean.residual(x) * mean.residual(x))) / n;
    let m3 = sum(values.iter().map(|&x| {
        let r = mean.residual(x);
        r * r * r
    })) / n;
    let g1 = m3 / (m2 * libm::sqrt(m2));
    (m2 > 0.0 && g1.is_finite()).then_some(g1)
}

pub(crate) fn all_finite(values: &[f64]) -> bool {
    values.iter().all(|x| x.is_finite())
}

pub(crate) fn all_equal(values: &[f64]) -> bool {
    values.windows(2).all(|w| w[0] == w[1])
}

/// How many values, their mean, their spread.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct MeanSd {
    /// How many values.
    pub n: usize,
    /// Their arithmetic mean.
    pub mean: f64,
    /// The sample standard deviation (divided by n-1); `None` below two values.
    pub sd: Option<f64>,
    /// The standard error of the mean, sd/√n; `None` below two values.
    pub se: Option<f64>,
}

/// Returns the mean, standard deviation and standard error of some scores.
///
/// `None` for no scores, for a score that is not finite, and when the sum overflows.
///
/// # Formula
/// mean = Σx/n kept as hi+lo; sd² = (Σr² - (Σr)²/n)/(n-1) with r = (x-hi)-lo; se = sd/√n.
///
/// # Source
/// Neumaier (1974) for the sum; Chan, Golub and LeVeque (1983) for the corrected two-pass variance.
///
/// # Examples
/// ```
/// let m = trialplate::stats::mean_sd(&[4.0, 5.0, 3.0]).unwrap();
/// assert_eq!((m.n, m.mean, m.sd), (3, 4.0, Some(1.0)));
/// assert_eq!(trialplate::stats::mean_sd(&[4.0]).unwrap().sd, None);
/// assert!(trialplate::stats::mean_sd(&[]).is_none());
/// ```
pub fn mean_sd(values: &[f64]) -> Option<MeanSd> {
    mean_sd_of(&[values])
}

/// The same of several lists as of one.
pub(crate) fn mean_sd_of(lists: &[&[f64]]) -> Option<MeanSd> {
    let n = count_of(lists);
    if n == 0 || !lists.iter().all(|list| all_finite(list)) {
        return None;
    }
    let pair = mean_of(lists);
    let sd = (n >= 2).then(|| libm::sqrt(variance_of(lists, pair)));
    let found = MeanSd { n, mean: pair.value(), sd, se: sd.map(|sd| sd / libm::sqrt(n as f64)) };
    (found.mean.is_finite() && found.sd.is_none_or(f64::is_finite)).then_some(found)
}
