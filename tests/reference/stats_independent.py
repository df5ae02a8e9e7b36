"""Every statistical procedure of statistics.md a second time, from its formulas, with mpmath at 50 digits.

No code of the library is used: the formulas are those of the specification and of the papers that it names.
`model(kind, inputs)` takes the inputs of a reference case, exactly as doubles, and gives the fields that the case
expects. `stats_cases_more.py` makes cases of it and holds them against libraries and published figures.
It refuses only what the public `edge` cases need: the statuses of other bad inputs are written down by hand there.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import Any

import mpmath as mp
from scipy import stats

mp.mp.dps = 50

Json = Any
Fields = dict[str, Any]
Real = mp.mpf
HALF, ONE = mp.mpf("0.5"), mp.mpf(1)
MODELS: dict[str, Callable[[Fields], Fields]] = {}


class Refused(Exception):
    """An argument that no procedure accepts."""


def kind(name: str) -> Callable[[Callable[[Fields], Fields]], Callable[[Fields], Fields]]:
    """Names the function that answers cases of one kind."""

    def register(function: Callable[[Fields], Fields]) -> Callable[[Fields], Fields]:
        MODELS[name] = function
        return function

    return register


def model(name: str, inputs: Fields) -> Fields:
    """What must come out of one case, as JSON values."""
    return {field: plain(value) for field, value in MODELS[name](inputs).items()}


def plain(x: Any) -> Json:
    """JSON values: doubles, infinities as texts."""
    if isinstance(x, mp.mpf):
        x = float(x)
    if isinstance(x, float):
        return ("inf" if x > 0 else "-inf") if math.isinf(x) else x + 0.0
    if isinstance(x, dict):
        return {str(key): plain(value) for key, value in x.items()}
    return [plain(value) for value in x] if isinstance(x, (list, tuple)) else x


# ---------------------------------------------------------------------------------------------- inputs


def lcg(seed: int) -> Iterable[float]:
    """The documented generator: step first, then the upper 53 bits."""
    while True:
        seed = (seed * 6364136223846793005 + 1442695040888963407) % 2**64
        yield (seed >> 11) * 2.0**-53


def generated(spec: Fields) -> list[float]:
    """A list from its generator, in doubles and in the documented order of operations."""
    u = iter(lcg(spec["seed"]))
    makers: dict[str, Callable[[], float]] = {
        "uniform": lambda: spec["lo"] + (spec["hi"] - spec["lo"]) * next(u),
        "bernoulli": lambda: 1.0 if next(u) < spec["p"] else 0.0,
        "irwin": lambda: spec["mean"] + spec["sd"] * (sum((next(u) for _ in range(12)), 0.0) - 6.0),
        "likert": lambda: 1.0 + bin_of(next(u), spec["cum"]),
    }
    return [makers[spec["gen"]]() for _ in range(spec["n"])]


def bin_of(u: float, cum: Sequence[float]) -> int:
    """The index of the first bound above u."""
    return next((i for i, c in enumerate(cum) if u < c), len(cum) - 1)


def reals(x: Json) -> list[Real]:
    """The exact values of the doubles of a list or a generator."""
    values = [mp.mpf(float(v)) for v in (generated(x) if isinstance(x, dict) else x)]
    if not all(mp.isfinite(v) for v in values):
        raise Refused("not finite")
    return values


def real(inputs: Fields, name: str, default: float | None = None) -> Real:
    """The exact value of one double."""
    return mp.mpf(float(inputs[name] if default is None else inputs.get(name, default)))


def alpha_of(inputs: Fields) -> Real:
    """The level, given as such or as one minus the confidence."""
    if "conf" in inputs:
        return 1 - real(inputs, "conf")
    return real(inputs, "alpha", 0.05)


# ---------------------------------------------------------------------------------------- distributions


def t_upper(t: Real, df: Real) -> Real:
    """P(T > t) by the regularised incomplete beta function; near the centre with more digits."""
    t, df = mp.mpf(t), mp.mpf(df)
    if t < 0:
        return 1 - t_upper(-t, df)
    if t * t >= df:
        return beta_series(df / 2, HALF, df / (df + t * t)) / 2
    lost = int(float((df + 1) / 2 * mp.log1p(t * t / df)) / math.log(10))
    with mp.workdps(mp.mp.dps + lost + 10):
        return HALF - beta_series(HALF, df / 2, t * t / (df + t * t)) / 2


def beta_series(a: Real, b: Real, x: Real) -> Real:
    """I_x(a, b) = x^a (1-x)^b / (a B(a, b)) 2F1(a+b, 1; a+1; x), a sum of positive terms."""
    if x <= 0:
        return mp.mpf(0)
    with mp.workdps(mp.mp.dps + 20):
        term = total = mp.mpf(1)
        n, small = 0, mp.mpf(10) ** -mp.mp.dps
        while n < 10 or term > total * small:
            term *= (a + b + n) / (a + 1 + n) * x
            total += term
            n += 1
        front = a * mp.log(x) + b * mp.log1p(-x) - mp.log(a)
        return mp.exp(front + mp.loggamma(a + b) - mp.loggamma(a) - mp.loggamma(b)) * total


def beta_lower(a: Real, b: Real, x: Real) -> Real:
    """I_x(a, b), summed on the side where the terms fall fast; not for values near 0 at large x."""
    if x >= 1:
        return mp.mpf(1)
    if x > HALF:
        return 1 - beta_series(b, a, 1 - x)
    return beta_series(a, b, x)


def t_quantile(upper: Real, df: Real) -> Real:
    """The t with P(T > t) = upper: Newton's method on the logarithm of the tail."""
    upper, df = mp.mpf(upper), mp.mpf(df)
    if upper == HALF:
        return mp.mpf(0)
    if upper > HALF:
        return -t_quantile(1 - upper, df)
    t = mp.mpf(float(stats.t.isf(float(upper), float(df))))
    log_c = mp.loggamma((df + 1) / 2) - mp.loggamma(df / 2) - mp.log(df * mp.pi) / 2
    for _ in range(60):
        tail = t_upper(t, df)
        density = mp.exp(log_c - (df + 1) / 2 * mp.log1p(t * t / df))
        step = tail * mp.log(tail / upper) / density
        t += step
        if abs(step) < abs(t) * mp.mpf(10) ** -40:
            break
    return t


def z_upper(z: Real) -> Real:
    """P(Z > z)."""
    return mp.erfc(z / mp.sqrt(2)) / 2


def z_quantile(upper: Real) -> Real:
    """The z with P(Z > z) = upper."""
    upper = mp.mpf(upper)
    if upper > HALF:
        return -z_quantile(1 - upper)
    z = mp.mpf(float(stats.norm.isf(float(upper))))
    for _ in range(60):
        tail = z_upper(z)
        step = tail * mp.log(tail / upper) / mp.npdf(z)
        z += step
        if abs(step) < mp.mpf(10) ** -45:
            break
    return z


def chi2_upper(x: Real, df: Real) -> Real:
    """P(chi-squared > x)."""
    return mp.gammainc(mp.mpf(df) / 2, mp.mpf(x) / 2, mp.inf, regularized=True)


def nct_lower(t: Real, df: Real, nc: Real) -> Real:
    """P(T' <= t): the integral of Phi(t s - nc) over the density of s = sqrt(chi2/df)."""
    with mp.workdps(25):
        t, df, nc = mp.mpf(t), mp.mpf(df), mp.mpf(nc)
        log_c = mp.log(2) + df / 2 * mp.log(df / 2) - mp.loggamma(df / 2)

        def integrand(s: Real) -> Real:
            if s <= 0:
                return mp.mpf(0)
            return mp.exp(log_c + (df - 1) * mp.log(s) - df / 2 * s * s) * z_upper(nc - t * s)

        width = 1 / mp.sqrt(2 * df)
        marks = {mp.mpf(0), 1 + 60 * width} | {
            max(mp.mpf(0), 1 + k * width) for k in (-30, -12, -6, -3, 0, 3, 6, 12, 30)
        }
        return mp.quad(integrand, sorted(marks))


def binomial_below(k: int, n: int, p: Real) -> Real:
    """P(Bin(n, p) <= k)."""
    if k < 0:
        return mp.mpf(0)
    return mp.mpf(1) if k >= n else beta_lower(mp.mpf(n - k), mp.mpf(k + 1), 1 - p)


def binomial_quantile(level: Real, n: int, p: Real) -> int:
    """The smallest k with P(Bin(n, p) <= k) >= level."""
    k = max(0, int(stats.binom.ppf(float(level), n, float(p))) - 2)
    while binomial_below(k, n, p) < level:
        k += 1
    return k


def beta_quantile(a: int, b: int, lower: Real) -> Real:
    """The x with I_x(a, b) = lower, by the secant method on logarithms."""
    start = mp.mpf(float(stats.beta.ppf(float(lower), a, b)))
    if a == 1:
        return -mp.expm1(mp.log1p(-lower) / b)
    return mp.findroot(
        lambda x: mp.log(beta_lower(mp.mpf(a), mp.mpf(b), x) / lower), (start, start * (1 - mp.mpf("1e-6")))
    )


@kind("t_cdf")
def _(i: Fields) -> Fields:
    t, df = real(i, "t"), real(i, "df")
    return {"cdf": t_upper(-t, df), "sf": t_upper(t, df)}


@kind("t_ppf")
def _(i: Fields) -> Fields:
    return {"x": -t_quantile(real(i, "p"), real(i, "df"))}


@kind("norm_cdf")
def _(i: Fields) -> Fields:
    return {"cdf": z_upper(-real(i, "z")), "sf": z_upper(real(i, "z"))}


@kind("norm_ppf")
def _(i: Fields) -> Fields:
    return {"x": -z_quantile(real(i, "p"))}


@kind("chi2_sf")
def _(i: Fields) -> Fields:
    return {"sf": chi2_upper(real(i, "x"), real(i, "df"))}


@kind("nct_cdf")
def _(i: Fields) -> Fields:
    return {"cdf": nct_lower(real(i, "t"), real(i, "df"), real(i, "nc"))}


# -------------------------------------------------------------------------------------- means, two arms


def mean(x: Sequence[Real]) -> Real:
    return mp.fsum(x) / len(x)


def variance(x: Sequence[Real]) -> Real:
    """With n - 1."""
    m = mean(x)
    return mp.fsum((v - m) ** 2 for v in x) / (len(x) - 1)


def t_test(diff: Real, se: Real, df: Real, alpha: Real) -> Fields:
    """t, p and the two-sided interval."""
    half = t_quantile(alpha / 2, df) * se
    return {
        "diff": diff,
        "se": se,
        "t": diff / se,
        "df": df,
        "p": 2 * t_upper(abs(diff / se), df),
        "ci_low": diff - half,
        "ci_high": diff + half,
    }


def satterthwaite(parts: Sequence[tuple[Real, Real]]) -> Real:
    """Degrees of freedom of a sum of (variance, its degrees of freedom)."""
    return mp.fsum(v for v, _ in parts) ** 2 / mp.fsum(v * v / d for v, d in parts)


def welch(a: Sequence[Real], b: Sequence[Real], alpha: Real) -> Fields:
    if min(len(a), len(b)) < 2:
        return {"status": "insufficient_data"}
    return welch_moments((len(a), mean(a), variance(a)), (len(b), mean(b), variance(b)), alpha)


def welch_moments(a: tuple[int, Real, Real], b: tuple[int, Real, Real], alpha: Real) -> Fields:
    """Welch's test of two (n, mean, variance)."""
    parts = [(v / n, mp.mpf(n - 1)) for n, _, v in (a, b)]
    found = {
        "n_a": a[0],
        "n_b": b[0],
        "mean_a": a[1],
        "mean_b": b[1],
        "sd_a": mp.sqrt(a[2]),
        "sd_b": mp.sqrt(b[2]),
        "diff": b[1] - a[1],
    }
    if a[2] == b[2] == 0:
        return {"status": "zero_variance", **found, "p": None}
    se = mp.sqrt(parts[0][0] + parts[1][0])
    return {"status": "ok", **found, **t_test(b[1] - a[1], se, satterthwaite(parts), alpha)}


@kind("welch")
def _(i: Fields) -> Fields:
    return welch(reals(i["a"]), reals(i["b"]), alpha_of(i))


@kind("welch_summary")
def _(i: Fields) -> Fields:
    arms = [(i[f"n_{arm}"], real(i, f"mean_{arm}"), real(i, f"sd_{arm}") ** 2) for arm in "ab"]
    return welch_moments(arms[0], arms[1], alpha_of(i))


def paired(d: Sequence[Real], alpha: Real) -> Fields:
    """The one-sample t-test of differences."""
    n = len(d)
    if n < 2:
        return {"status": "insufficient_data", "n": n}
    sd = mp.sqrt(variance(d))
    if sd == 0:
        return {"status": "zero_variance", "n": n, "diff": mean(d), "p": None}
    return {"status": "ok", "n": n, "sd_diff": sd, **t_test(mean(d), sd / mp.sqrt(n), mp.mpf(n - 1), alpha)}


@kind("paired_t")
def _(i: Fields) -> Fields:
    a, b = reals(i["a"]), reals(i["b"])
    if len(a) != len(b):
        raise Refused("unequal length")
    return {**paired([y - x for x, y in zip(a, b)], alpha_of(i)), "mean_a": mean(a), "mean_b": mean(b)}


@kind("paired_repeats")
def _(i: Fields) -> Fields:
    arms = [[reals([v for v in item if v is not None]) for item in i[arm]] for arm in "ab"]
    whole = [(x, y) for x, y in zip(*arms) if x and y]
    found = paired([mean(y) - mean(x) for x, y in whole], alpha_of(i))
    return {**found, "n_missing": len(arms[0]) - len(whole), **({"df": int(found["df"])} if "df" in found else {})}


@kind("paired_cluster")
def _(i: Fields) -> Fields:
    """CR2 and Bell-McCaffrey as matrices: y = 1 beta + e, A_g = (I - H_gg)^(-1/2), df from the working covariance I."""
    d, alpha, n = reals(i["d"]), alpha_of(i), len(i["d"])
    members = [[k for k, c in enumerate(i["cluster"]) if c == g] for g in dict.fromkeys(i["cluster"])]
    m, groups = mean(d), len(members)
    sums = [mp.fsum(d[k] - m for k in group) for group in members]
    if i.get("method", "cr2") == "cr1":
        se = mp.sqrt(mp.mpf(groups) / (groups - 1) * mp.fsum(s * s for s in sums)) / n
        df = mp.mpf(groups - 1)
    else:
        sizes = [len(group) for group in members]
        se = mp.sqrt(mp.fsum(s * s / (1 - mp.mpf(size) / n) for s, size in zip(sums, sizes))) / n
        df = bell_mccaffrey(members, n)
    return {"status": "ok", "n": n, "clusters": groups, **t_test(m, se, df, alpha)}


def bell_mccaffrey(members: Sequence[Sequence[int]], n: int) -> Real:
    """(tr B)^2 / tr(B B) with B_gh = p_g' p_h, p_g = (I - H)_g' A_g X_g / n: the definition, without a closed form."""
    residual = [[mp.mpf(int(r == c)) - mp.mpf(1) / n for c in range(n)] for r in range(n)]
    p = []
    for group in members:
        # A_g 1 = 1 / sqrt(1 - n_g/n): the ones are an eigenvector of I - H_gg.
        scale = 1 / mp.sqrt(1 - mp.mpf(len(group)) / n) / n
        p.append([scale * mp.fsum(residual[r][c] for r in group) for c in range(n)])
    products = [[mp.fdot(x, y) for y in p] for x in p]
    trace = mp.fsum(products[g][g] for g in range(len(p)))
    return trace**2 / mp.fsum(v * v for row in products for v in row)


# -------------------------------------------------------------------------------------------------- rates


def wilson(k: int, n: int, alpha: Real) -> tuple[Real, Real]:
    z, p = z_quantile(alpha / 2), mp.mpf(k) / n
    centre, half = p + z * z / (2 * n), z * mp.sqrt(p * (1 - p) / n + z * z / (4 * mp.mpf(n) ** 2))
    low, high = ((centre + sign * half) / (1 + z * z / n) for sign in (-1, 1))
    return (mp.mpf(0) if k == 0 else low), (mp.mpf(1) if k == n else high)


def clopper_pearson(k: int, n: int, level: Real) -> tuple[Real, Real]:
    """Each bound at its own level."""
    low = mp.mpf(0) if k == 0 else 1 - beta_quantile_upper(n - k + 1, k, level)
    high = mp.mpf(1) if k == n else beta_quantile_upper(k + 1, n - k, level)
    return low, high


def beta_quantile_upper(a: int, b: int, upper: Real) -> Real:
    """The x with 1 - I_x(a, b) = upper."""
    return 1 - beta_quantile(b, a, upper)


@kind("wilson")
def _(i: Fields) -> Fields:
    check_counts(i["k"], i["n"])
    low, high = wilson(i["k"], i["n"], alpha_of(i))
    return {"status": "ok", "low": low, "high": high}


def check_counts(k: int, n: int) -> None:
    if not 0 <= k <= n or n == 0:
        raise Refused("k > n")


@kind("clopper_pearson")
def _(i: Fields) -> Fields:
    check_counts(i["k"], i["n"])
    low, high = clopper_pearson(i["k"], i["n"], alpha_of(i) / i.get("sides", 2))
    return {"status": "ok", "low": low, "high": high}


@kind("newcombe_diff")
def _(i: Fields) -> Fields:
    alpha = alpha_of(i)
    (la, ua), (lb, ub) = (wilson(i[f"k_{arm}"], i[f"n_{arm}"], alpha) for arm in "ab")
    pa, pb = (mp.mpf(i[f"k_{arm}"]) / i[f"n_{arm}"] for arm in "ab")
    return {
        "status": "ok",
        "diff": pb - pa,
        "low": pb - pa - mp.hypot(pb - lb, ua - pa),
        "high": pb - pa + mp.hypot(ub - pb, pa - la),
    }


@kind("paired_rates")
def _(i: Fields) -> Fields:
    n, b, c = i["n"], i["only_a"], i["only_b"]
    below = binomial_sum(min(b, c), b + c)
    exact = min(Fraction(1), 2 * below)
    mid = exact_mid(min(b, c), b + c, below)
    p1, p2 = mp.mpf(b + 1) / (n + 2), mp.mpf(c + 1) / (n + 2)
    half = z_quantile(alpha_of(i) / 2) * mp.sqrt((p1 + p2 - (p2 - p1) ** 2) / (n + 2))
    return {
        "status": "ok",
        "diff": mp.mpf(c - b) / n,
        "ci_low": p2 - p1 - half,
        "ci_high": p2 - p1 + half,
        "p_exact": ratio(exact),
        "p_mid": ratio(mid),
    }


def binomial_sum(k: int, n: int) -> Fraction:
    """P(Bin(n, 1/2) <= k), exactly."""
    return Fraction(sum(math.comb(n, j) for j in range(k + 1)), 2**n)


def exact_mid(k: int, n: int, below: Fraction) -> Fraction:
    """McNemar's mid-p: 2 (P(X <= k) - P(X = k)/2)."""
    return min(Fraction(1), 2 * below - Fraction(math.comb(n, k), 2**n)) if n else Fraction(1)


def ratio(x: Fraction) -> Real:
    return mp.mpf(x.numerator) / x.denominator


@kind("n_zero_failures")
def _(i: Fields) -> Fields:
    """The smallest n with P(Bin(n, 1-threshold) <= failures) <= alpha: the bound reaches the threshold."""
    q, f, alpha = 1 - real(i, "threshold"), i.get("failures", 0), alpha_of(i)
    low, high = f, f + 1
    while binomial_below(f, high, q) > alpha:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if binomial_below(f, middle, q) > alpha else (low, middle)
    return {"n": high}


# -------------------------------------------------------------------------------------------------- gates


def verdict_of(low: Real, high: Real, limit: Real) -> str:
    """Equality proves nothing."""
    return "pass" if low > limit else "fail" if high < limit else "inconclusive"


@kind("gate_rate")
def _(i: Fields) -> Fields:
    k, n, threshold = i["successes"], i["n"], real(i, "threshold")
    check_counts(k, n)
    low, high = clopper_pearson(k, n, alpha_of(i))
    rate = mp.mpf(k) / n
    least = i.get("direction", "at_least") == "at_least"
    if i.get("mode", "bound") == "point":
        # The rate is compared as the double it is shown as.
        passed = k / n >= i["threshold"] if least else k / n <= i["threshold"]
        verdict = "pass" if passed else "fail"
    elif least:
        verdict = "pass" if low >= threshold else "fail" if high < threshold else "inconclusive"
    else:
        verdict = "pass" if high <= threshold else "fail" if low > threshold else "inconclusive"
    return {"status": "ok", "rate": rate, "bound_low": low, "bound_high": high, "verdict": verdict}


def tolerance_of(i: Fields) -> tuple[Real, Real]:
    """(the share of the old score that the new one is held against, the limit of the contrast)."""
    if "tol_rel" in i:
        return 1 - real(i, "tol_rel"), mp.mpf(0)
    return mp.mpf(1), -real(i, "tol_abs", 0.0)


def mean_gate(estimate: Real, se: Real, df: Real, i: Fields) -> Fields:
    half, limit = t_quantile(alpha_of(i), df) * se, tolerance_of(i)[1]
    low, high = estimate - half, estimate + half
    verdict = verdict_of(low, high, limit)
    if i.get("mode", "bound") == "point":
        verdict = "pass" if estimate >= limit else "fail"
    return {"status": "ok", "df": df, "estimate": estimate, "bound_low": low, "bound_high": high, "verdict": verdict}


@kind("gate_mean_paired")
def _(i: Fields) -> Fields:
    k = tolerance_of(i)[0]
    e = [new - k * old for old, new in zip(reals(i["old"]), reals(i["new"]))]
    return {"n": len(e), **mean_gate(mean(e), mp.sqrt(variance(e) / len(e)), mp.mpf(len(e) - 1), i)}


@kind("gate_mean_unpaired")
def _(i: Fields) -> Fields:
    k, old, new = tolerance_of(i)[0], reals(i["old"]), reals(i["new"])
    parts = [(k * k * variance(old) / len(old), len(old) - 1), (variance(new) / len(new), len(new) - 1)]
    se = mp.sqrt(parts[0][0] + parts[1][0])
    return mean_gate(mean(new) - k * mean(old), se, satterthwaite(parts), i)


@kind("gate_mean_bounded")
def _(i: Fields) -> Fields:
    d, n, alpha = reals(i["differences"]), len(i["differences"]), alpha_of(i)
    m = mean(d)
    m2, m3 = (mp.fsum((v - m) ** power for v in d) / n for power in (2, 3))
    skewness = m3 / m2 ** mp.mpf("1.5")
    method = i.get("bound", "auto")
    if method == "auto":
        method = "t" if n >= 25 * skewness**2 else "betting"
    if method == "t":
        half = t_quantile(alpha, mp.mpf(n - 1)) * mp.sqrt(variance(d) / n)
        low, high = m - half, m + half
    else:
        spread = real(i, "score_max") - real(i, "score_min")
        x = [(v + spread) / (2 * spread) for v in d]
        bounds = betting_bounds(x, bet_sizes(x, alpha, n), alpha, mp.mpf(0.95), running=True)
        low, high = (2 * spread * bound - spread for bound in bounds)
    return {
        "status": "ok",
        "n": n,
        "estimate": m,
        "skewness": skewness,
        "method": method,
        "bound_low": low,
        "bound_high": high,
        "verdict": verdict_of(low, high, -real(i, "tol_abs", 0.0)),
    }


@kind("gate_zero_variance")
def _(i: Fields) -> Fields:
    p0 = 1 - alpha_of(i) ** (mp.mpf(1) / i["n"])
    low = (1 - p0) * real(i, "common_difference") - p0 * real(i, "score_range")
    return {"bound_low": low, "verdict": "pass" if low > -real(i, "tol_abs") else "inconclusive"}


@kind("gate_attempt_alpha")
def _(i: Fields) -> Fields:
    alpha, k = alpha_of(i), i["attempt"]
    return {"alpha_k": alpha if k == 1 else alpha / 5 * 6 / (mp.pi * (k - 1)) ** 2}


# --------------------------------------------------------------------------------------- power, sample size


def power_t(nc: Real, df: Real, alpha: Real, sides: int) -> Real:
    critical = t_quantile(alpha / sides, df)
    above = 1 - nct_lower(critical, df, nc)
    return above if sides == 1 else above + nct_lower(-critical, df, nc)


def two_sample(i: Fields, n_a: int, n_b: int, delta: Real) -> tuple[Real, Real]:
    """(noncentrality, degrees of freedom): pooled if the deviations are equal, else Satterthwaite's."""
    sd_a, sd_b = (real(i, "sd") if "sd" in i else real(i, f"sd_{arm}") for arm in "ab")
    parts = [(sd_a**2 / n_a, n_a - 1), (sd_b**2 / n_b, n_b - 1)]
    df = mp.mpf(n_a + n_b - 2) if sd_a == sd_b else satterthwaite(parts)
    return abs(delta) / mp.sqrt(parts[0][0] + parts[1][0]), df


def smallest(power_at: Callable[[int], Real], rough: Callable[[int], float], target: Real) -> tuple[int, Real]:
    """The smallest n from 2 whose power reaches the target; `rough` finds the place, `power_at` decides."""
    low, high = 1, 2
    while rough(high) < float(target):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if rough(middle) < float(target) else (low, middle)
    n = max(2, high - 1)
    while power_at(n) < target:
        n += 1
    return n, power_at(n)


def rough_power(nc: Real, df: Real, alpha: Real, sides: int) -> float:
    """By scipy, to find the place; from 1,000 degrees of freedom the shifted normal is near enough for that."""
    critical = float(stats.t.isf(float(alpha) / sides, float(df)))
    if df > 1000:
        return float(stats.norm.sf(critical - float(nc)))
    upper = float(stats.nct.sf(critical, float(df), float(nc)))
    return upper if sides == 1 else upper + float(stats.nct.cdf(-critical, float(df), float(nc)))


def n_two_sample(i: Fields, delta: Real, r: Real = ONE) -> Fields:
    alpha, sides, target = alpha_of(i), i.get("sides", 2), real(i, "power", 0.8)
    if delta == 0:
        raise Refused("no sample size detects a zero effect")

    def at(n: int) -> tuple[Real, Real]:
        return two_sample(i, n, int(mp.ceil(r * n)), delta)

    n, power = smallest(lambda n: power_t(*at(n), alpha, sides), lambda n: rough_power(*at(n), alpha, sides), target)
    return {"n_a": n, "n_b": int(mp.ceil(r * n)), "achieved_power": power}


def n_paired(i: Fields, sd: Real) -> Fields:
    alpha, sides, delta = alpha_of(i), i.get("sides", 2), real(i, "delta")

    def at(n: int) -> tuple[Real, Real]:
        return abs(delta) * mp.sqrt(n) / sd, mp.mpf(n - 1)

    n, power = smallest(
        lambda n: power_t(*at(n), alpha, sides), lambda n: rough_power(*at(n), alpha, sides), real(i, "power", 0.8)
    )
    return {"n": n, "achieved_power": power}


@kind("power_two_sample")
def _(i: Fields) -> Fields:
    return {"power": power_t(*two_sample(i, i["n_a"], i["n_b"], real(i, "delta")), alpha_of(i), i.get("sides", 2))}


@kind("power_paired")
def _(i: Fields) -> Fields:
    nc = real(i, "delta") * mp.sqrt(i["n"]) / real(i, "sd_diff")
    return {"power": power_t(nc, mp.mpf(i["n"] - 1), alpha_of(i), i.get("sides", 2))}


@kind("n_two_sample")
def _(i: Fields) -> Fields:
    return n_two_sample(i, real(i, "delta"), real(i, "ratio_b_to_a", 1.0))


@kind("n_paired")
def _(i: Fields) -> Fields:
    return n_paired(i, real(i, "sd_diff"))


@kind("mde_two_sample")
def _(i: Fields) -> Fields:
    n, sd, alpha, target = i["n_per_arm"], real(i, "sd"), alpha_of(i), real(i, "power", 0.8)
    unit = sd * mp.sqrt(mp.mpf(2) / n)
    df = mp.mpf(2 * n - 2)
    start = z_quantile(1 - target) + t_quantile(alpha / 2, df)
    nc = mp.findroot(
        lambda nc: power_t(nc, df, alpha, 2) - target, (start, start * mp.mpf("1.01")), tol=mp.mpf(10) ** -17
    )
    return {"mde": nc * unit}


@kind("plan_n")
def _(i: Fields) -> Fields:
    n = n_two_sample(i, real(i, "min_effect"))["n_a"]
    return {"n_power": n, "n_planned": max(n, i.get("floor", 500))}


@kind("n_stratified")
def _(i: Fields) -> Fields:
    if "strata" not in i:
        within = real(i, "sd") * mp.sqrt(1 - real(i, "r2"))
        return {"sd_within": within, "n_per_arm": n_two_sample({**i, "sd": float(within)}, real(i, "delta"))["n_a"]}
    within = mp.sqrt(mp.fsum(real(s, "weight") * real(s, "sd") ** 2 for s in i["strata"]))
    return {"sd_within": within, "n_per_arm": n_two_sample({**i, "sd": float(within)}, real(i, "delta"))["n_a"]}


@kind("n_clustered")
def _(i: Fields) -> Fields:
    m, cv, icc = real(i, "mean_cluster_size"), real(i, "cv_cluster_size", 0.0), real(i, "icc")
    effect = 1 + ((cv * cv + 1) * m - 1) * icc
    n = n_two_sample(i, real(i, "delta"))["n_a"]
    return {"design_effect": effect, "n_responses_independent": n, "n_units_per_arm": int(mp.ceil(n * effect / m))}


@kind("n_repeats")
def _(i: Fields) -> Fields:
    sd = mp.sqrt(real(i, "var_item_change") + 2 * real(i, "var_within") / i["repeats"])
    n = n_paired(i, sd)["n"]
    return {"sd_diff": sd, "n_items": n, "calls_per_version": n * i["repeats"]}


# ----------------------------------------------------------------------------------- several p-values, splits


def adjusted(i: Fields, step: Callable[[list[Real]], list[Real]]) -> Fields:
    p, alpha = reals(i["p"]), alpha_of(i)
    order = sorted(range(len(p)), key=lambda k: p[k])
    found: list[Real] = [mp.mpf(0)] * len(p)
    for k, value in zip(order, step([p[k] for k in order])):
        found[k] = min(mp.mpf(1), value)
    # Claims are read off the doubles that are shown.
    return {"adjusted": found, "reject": [float(value) <= float(alpha) for value in found]}


@kind("holm")
def _(i: Fields) -> Fields:
    return adjusted(i, lambda p: list(itertools.accumulate(((len(p) - k) * v for k, v in enumerate(p)), max)))


@kind("bh")
def _(i: Fields) -> Fields:
    def step(p: list[Real]) -> list[Real]:
        scaled = [mp.mpf(len(p)) / (k + 1) * v for k, v in enumerate(p)]
        return list(itertools.accumulate(reversed(scaled), min))[::-1]

    return adjusted(i, step)


@kind("srm_chi2")
def _(i: Fields) -> Fields:
    weights = reals(i["weights"])
    arms = [(n, w) for n, w in zip(i["counts"], weights) if w > 0]
    total, weight = sum(n for n, _ in arms), mp.fsum(w for _, w in arms)
    expected = [total * w / weight for _, w in arms]
    chi2 = mp.fsum((n - e) ** 2 / e for (n, _), e in zip(arms, expected))
    df = len(arms) - 1
    exact = min(expected) < 5
    p = multinomial_p([n for n, _ in arms], [Fraction(float(w)) for _, w in arms]) if exact else chi2_upper(chi2, df)
    stray = any(n > 0 for n, w in zip(i["counts"], weights) if w == 0)
    return {
        "status": "ok",
        "chi2": chi2,
        "df": df,
        "p": p,
        "exact": exact,
        "mismatch": bool(stray or p < mp.mpf(0.001)),
    }


def multinomial_p(counts: Sequence[int], weights: Sequence[Fraction]) -> Real:
    """The chance of an outcome that is at most as likely as the one seen: exactly, as a fraction."""
    total = sum(weights)
    shares = [w / total for w in weights]

    def chance(outcome: Sequence[int]) -> Fraction:
        ways = math.factorial(sum(outcome))
        for n in outcome:
            ways //= math.factorial(n)
        return ways * math.prod((s**n for s, n in zip(shares, outcome)), start=Fraction(1))

    seen = chance(counts)
    return ratio(sum((c for c in map(chance, compositions(sum(counts), len(counts))) if c <= seen), Fraction(0)))


def compositions(n: int, parts: int) -> Iterable[tuple[int, ...]]:
    """Every way to share n among the parts."""
    if parts == 1:
        yield (n,)
        return
    for first in range(n + 1):
        for rest in compositions(n - first, parts - 1):
            yield (first, *rest)


@kind("srm_sequential")
def _(i: Fields) -> Fields:
    weights, c = reals(i["weights"]), real(i, "concentration", 1000.0)
    shares = [w / mp.fsum(weights) for w in weights]
    sums, logs, ps, most = [0] * len(shares), [], [], mp.mpf(0)
    for period in i["counts_per_period"]:
        sums = [a + b for a, b in zip(sums, period)]
        log = (
            mp.loggamma(c)
            - mp.loggamma(c + sum(sums))
            + mp.fsum(mp.loggamma(c * s + n) - mp.loggamma(c * s) - n * mp.log(s) for s, n in zip(shares, sums))
        )
        most = max(most, log)
        logs.append(log)
        ps.append(mp.exp(-most))
    return {"log_bf": logs, "p": ps}


# ------------------------------------------------------------------------------------- quantiles, distributions


def quantile(x: Sequence[Real], q: Real) -> Real:
    """Type 7 of Hyndman and Fan."""
    x = sorted(x)
    position = q * (len(x) - 1)
    low = min(int(mp.floor(position)), len(x) - 1)
    high = min(low + 1, len(x) - 1)
    return x[low] + (position - low) * (x[high] - x[low])


def quantile_ranks(n: int, q: Real, alpha: Real) -> tuple[int | None, int | None]:
    """1-based ranks; none where there is no bound."""
    low, high = binomial_quantile(alpha / 2, n, q), binomial_quantile(1 - alpha / 2, n, q) + 1
    return low if low >= 1 else None, high if high <= n else None


def quantile_interval(x: Sequence[Real], q: Real, alpha: Real) -> tuple[Real, Real]:
    low, high = quantile_ranks(len(x), q, alpha)
    x = sorted(x)
    return -mp.inf if low is None else x[low - 1], mp.inf if high is None else x[high - 1]


@kind("quantile")
def _(i: Fields) -> Fields:
    q = real(i, "q")
    if not 0 <= q <= 1:
        raise Refused("q")
    return {"status": "ok", "value": quantile(reals(i["x"]), q)} if i["x"] else {"status": "insufficient_data"}


@kind("quantile_ci")
def _(i: Fields) -> Fields:
    x, q, alpha = reals(i["x"]), real(i, "q"), alpha_of(i)
    low, high = quantile_interval(x, q, alpha)
    ranks = quantile_ranks(len(x), q, alpha)
    return {
        "status": "ok",
        "estimate": quantile(x, q),
        "rank_low": ranks[0],
        "rank_high": ranks[1],
        "low": low,
        "high": high,
    }


@kind("quantile_diff")
def _(i: Fields) -> Fields:
    a, b, q, alpha = reals(i["a"]), reals(i["b"]), real(i, "q"), alpha_of(i)
    (la, ua), (lb, ub) = quantile_interval(a, q, alpha), quantile_interval(b, q, alpha)
    qa, qb = quantile(a, q), quantile(b, q)
    return {
        "status": "ok",
        "diff": qb - qa,
        "low": qb - qa - mp.hypot(qb - lb, ua - qa),
        "high": qb - qa + mp.hypot(ub - qb, qa - la),
    }


@kind("ks_two_sample")
def _(i: Fields) -> Fields:
    a, b = reals(i["a"]), reals(i["b"])
    n, m = len(a), len(b)
    points = sorted(set(a + b))
    # n m D is a whole number: the rest is counting lattice paths.
    d = max(abs(sum(v <= p for v in a) * m - sum(v <= p for v in b) * n) for p in points)
    inside = lattice_paths(n, m, d)
    x = mp.sqrt(mp.mpf(n) * m / (n + m)) * d / (n * m)
    return {
        "status": "ok",
        "d": mp.mpf(d) / (n * m),
        "p_limit": kolmogorov(x),
        "p_exact": ratio(1 - Fraction(inside, math.comb(n + m, n))),
    }


def lattice_paths(n: int, m: int, d: int) -> int:
    """Paths from (0, 0) to (n, m) on which |i m - j n| stays below d."""
    row = [0] * (m + 1)
    for i in range(n + 1):
        for j in range(m + 1):
            if abs(i * m - j * n) >= d:
                row[j] = 0
            elif i == j == 0:
                row[j] = 1
            else:
                row[j] = (row[j] if i else 0) + (row[j - 1] if j else 0)
    return row[m]


def kolmogorov(x: Real) -> Real:
    """P(K > x) of Kolmogorov's distribution."""
    if x < mp.mpf("0.05"):
        return mp.mpf(1)
    return 2 * mp.nsum(lambda k: (-1) ** (int(k) - 1) * mp.exp(-2 * k * k * x * x), [1, 60 + int(12 / x)])


# ----------------------------------------------------------------------------------------------- live traffic


@kind("unit_means")
def _(i: Fields) -> Fields:
    return welch(*([mean(reals(u)) for u in i[f"users_{arm}"]] for arm in "ab"), alpha_of(i))


@kind("ratio_metric")
def _(i: Fields) -> Fields:
    arms = []
    for arm in "ab":
        users = [reals(u) for u in i[f"users_{arm}"]]
        n = sum(len(u) for u in users)
        rate = mp.fsum(v for u in users for v in u) / n
        z = [(mp.fsum(u) - rate * len(u)) / (mp.mpf(n) / len(users)) for u in users]
        arms.append((len(users), rate, variance(z)))
    return welch_moments(arms[0], arms[1], alpha_of(i))


@kind("post_stratified")
def _(i: Fields) -> Fields:
    arms = [[(str(name), mp.mpf(v)) for name, v in i[arm]] for arm in "ab"]
    names = sorted({name for arm in arms for name, _ in arm})
    scores = {name: [[v for s, v in arm if s == name] for arm in arms] for name in names}
    share = {name: mp.mpf(sum(map(len, scores[name]))) for name in names}
    if "weights" in i:
        share = {name: real(i["weights"], name) for name in names}
    total = mp.fsum(share.values())
    diffs = {name: mean(b) - mean(a) for name, (a, b) in scores.items()}
    parts = [
        ((share[name] / total) ** 2 * variance(x) / len(x), mp.mpf(len(x) - 1)) for name in names for x in scores[name]
    ]
    diff = mp.fsum(share[name] / total * diffs[name] for name in names)
    se = mp.sqrt(mp.fsum(v for v, _ in parts))
    return {"status": "ok", **t_test(diff, se, satterthwaite(parts), alpha_of(i)), "per_stratum": diffs}


@kind("cuped")
def _(i: Fields) -> Fields:
    y = [reals(i["y_a"]), reals(i["y_b"])]
    given = [[None if v is None else mp.mpf(v) for v in i[f"x_{arm}"]] for arm in "ab"]
    centre = mean([v for arm in given for v in arm if v is not None])
    x = [[centre if v is None else v for v in arm] for arm in given]
    sxy = mp.fsum(mp.fsum((v - mean(xs)) * (w - mean(ys)) for v, w in zip(xs, ys)) for xs, ys in zip(x, y))
    sxx = mp.fsum(variance(xs) * (len(xs) - 1) for xs in x)
    theta = sxy / sxx if sxx else mp.mpf(0)
    all_x = mean(x[0] + x[1])
    moved = [[w - theta * (v - all_x) for v, w in zip(xs, ys)] for xs, ys in zip(x, y)]
    before, after = (welch(*arms, alpha_of(i)) for arms in (y, moved))
    return {
        **after,
        "theta": theta,
        "mean_a_adj": after["mean_a"],
        "mean_b_adj": after["mean_b"],
        "variance_ratio": (after["se"] / before["se"]) ** 2,
    }


# ----------------------------------------------------------------------------------------- judge against people


@kind("kappa")
def _(i: Fields) -> Fields:
    labels, n = i["labels"], len(i["human"])
    k = len(labels)
    table = [[mp.mpf(0)] * k for _ in labels]
    for h, j in zip(i["human"], i["judge"]):
        table[labels.index(h)][labels.index(j)] += mp.mpf(1) / n
    return kappa_of(table, n, i.get("weights", "none"), z_quantile(alpha_of(i) / 2))


def kappa_of(p: list[list[Real]], n: int, weights: str, z: Real) -> Fields:
    """Weighted kappa and its standard error by Fleiss, Cohen and Everitt (1969)."""
    k = range(len(p))
    top = max(len(p) - 1, 1)
    power = {"none": 0, "linear": 1, "quadratic": 2}[weights]

    def weight(a: int, b: int) -> Real:
        return mp.mpf(int(a == b)) if power == 0 else 1 - (mp.mpf(abs(a - b)) / top) ** power

    w = [[weight(a, b) for b in k] for a in k]
    rows, columns = [mp.fsum(r) for r in p], [mp.fsum(p[a][b] for a in k) for b in k]
    seen = mp.fsum(w[a][b] * p[a][b] for a in k for b in k)
    chance = mp.fsum(w[a][b] * rows[a] * columns[b] for a in k for b in k)
    # The mean weight of a row over the columns' margin, and of a column over the rows' margin.
    of_row = [mp.fsum(columns[b] * w[a][b] for b in k) for a in k]
    of_column = [mp.fsum(rows[a] * w[a][b] for a in k) for b in k]
    spread = mp.fsum(
        p[a][b] * (w[a][b] * (1 - chance) - (of_row[a] + of_column[b]) * (1 - seen)) ** 2 for a in k for b in k
    )
    var = (spread - (seen * chance - 2 * chance + seen) ** 2) / (n * (1 - chance) ** 4)
    kappa, se = (seen - chance) / (1 - chance), mp.sqrt(max(var, mp.mpf(0)))
    return {
        "status": "ok",
        "kappa": kappa,
        "agreement": mp.fsum(p[a][a] for a in k),
        "se": se,
        "ci_low": kappa - z * se,
        "ci_high": min(mp.mpf(1), kappa + z * se),
    }


@kind("ppi_mean")
def _(i: Fields) -> Fields:
    y, f, free = reals(i["human"]), reals(i["judge_on_human"]), reals(i["judge_unlabelled"])
    n, big = len(y), len(free)
    cov = mp.fsum((a - mean(y)) * (b - mean(f)) for a, b in zip(y, f)) / (n - 1)
    lam = min(mp.mpf(1), max(mp.mpf(0), cov / ((1 + mp.mpf(n) / big) * variance(f + free))))
    rest = [a - lam * b for a, b in zip(y, f)]
    estimate = lam * mean(free) + mean(rest)
    se = mp.sqrt(lam**2 * variance(free) / big + variance(rest) / n)
    half = t_quantile(alpha_of(i) / 2, mp.mpf(n - 1)) * se
    return {
        "status": "ok",
        "lambda": lam,
        "estimate": estimate,
        "se": se,
        "ci_low": estimate - half,
        "ci_high": estimate + half,
        "judge_bias": mean([b - a for a, b in zip(y, f)]),
    }


@kind("rogan_gladen")
def _(i: Fields) -> Fields:
    p, n = real(i, "observed_rate"), i["n"]
    se, sp = mp.mpf(i["true_pos"]) / i["positives"], mp.mpf(i["true_neg"]) / i["negatives"]
    if se + sp <= 1:
        raise Refused("no better than a coin")
    j = se + sp - 1
    rate = (p + sp - 1) / j
    var = p * (1 - p) / n + rate**2 * se * (1 - se) / i["positives"] + (1 - rate) ** 2 * sp * (1 - sp) / i["negatives"]
    error = mp.sqrt(var) / j
    half = z_quantile(alpha_of(i) / 2) * error
    return {
        "status": "ok",
        "estimate": rate,
        "se": error,
        "ci_low": max(mp.mpf(0), rate - half),
        "ci_high": min(mp.mpf(1), rate + half),
    }


# -------------------------------------------------------------------------------------------------- looking early


def bet_sizes(x: Sequence[Real], level: Real, n_tune: Real) -> list[Real]:
    """sqrt(2 ln(1/level) / (n_tune s2)), s2 from the values before."""
    total, squares, sizes = HALF, mp.mpf("0.25"), []
    for t, v in enumerate(x, 1):
        sizes.append(mp.sqrt(-2 * mp.log(level) / (n_tune * squares / t)))
        total += v
        squares += (v - total / (t + 1)) ** 2
    return sizes


def capital(x: Sequence[Real], sizes: Sequence[Real], m: Real, c: Real) -> list[Real]:
    """ln of the capital that bets on a mean above m, after every value."""
    cap = c / m if m else mp.inf
    return list(itertools.accumulate(mp.log1p(min(s, cap) * (v - m)) for v, s in zip(x, sizes)))


def lower_bound(x: Sequence[Real], sizes: Sequence[Real], level: Real, c: Real, running: bool) -> Real:
    """The largest m at which the capital has reached 1/level, by bisection."""
    target = -mp.log(level)

    def reached(m: Real) -> bool:
        logs = capital(x, sizes, m, c)
        return (max(logs) if running else logs[-1]) >= target

    if not reached(mp.mpf(0)):
        return mp.mpf(0)
    low, high = mp.mpf(0), mp.mpf(1)
    for _ in range(48):
        middle = (low + high) / 2
        low, high = (middle, high) if reached(middle) else (low, middle)
    return low


def betting_bounds(
    x: Sequence[Real], sizes: Sequence[Real], level: Real, c: Real, running: bool = False
) -> tuple[Real, Real]:
    """Both bounds, each at the level: the upper one is the lower one of the mirrored values."""
    with mp.workdps(25):
        mirrored = [1 - v for v in x]
        return lower_bound(x, sizes, level, c, running), 1 - lower_bound(mirrored, sizes, level, c, running)


@kind("betting_cs")
def _(i: Fields) -> Fields:
    x, level, c = reals(i["x"]), alpha_of(i) / 2, real(i, "truncation", 0.5)
    if not all(0 <= v <= 1 for v in x):
        raise Refused("outside [0,1]")
    sizes = bet_sizes(x, level, real(i, "n_tune"))
    plus, minus = capital(x, sizes, HALF, c), capital([1 - v for v in x], sizes, HALF, c)
    low, high = betting_bounds(x, sizes, level, c)
    low_running, high_running = betting_bounds(x, sizes, level, c, running=True)
    return {
        "status": "ok",
        "low": low,
        "high": high,
        "low_running": low_running,
        "high_running": high_running,
        "log_k_plus_at_half": plus[-1],
        "log_k_minus_at_half": minus[-1],
        "p": min(mp.mpf(1), 2 * mp.exp(-max(plus + minus))),
    }


def betting_stop(x: list[Real], m: Real, level: Real, n_tune: Real, c: Real) -> tuple[int | None, Real, Real]:
    """(the first crossing, the interval then or at the end)."""
    sizes = bet_sizes(x, level, n_tune)
    plus, minus = capital(x, sizes, m, c), capital([1 - v for v in x], sizes, 1 - m, c)
    target = -mp.log(level)
    stop = next((t for t, logs in enumerate(zip(plus, minus), 1) if max(logs) >= target), None)
    return stop, *betting_bounds(x[:stop], sizes[:stop], level, c)


@kind("betting_stop")
def _(i: Fields) -> Fields:
    stop, low, high = betting_stop(
        reals(i["x"]), real(i, "m", 0.5), alpha_of(i) / 2, real(i, "n_tune"), real(i, "truncation", 0.5)
    )
    return {"status": "ok", "stopped_at": stop, "low": low, "high": high}


@kind("ab_anytime")
def _(i: Fields) -> Fields:
    least, most = real(i, "score_min"), real(i, "score_max")
    wa, wb = i.get("weights", [1, 1])
    wa, wb = wa // math.gcd(wa, wb), wb // math.gcd(wa, wb)
    a, b = ([mp.mpf(v) for arm, v in i["events"] if arm == which] for which in "AB")
    count = min(len(a) // wa, len(b) // wb)
    pairs = [(mean(a[k * wa : (k + 1) * wa]), mean(b[k * wb : (k + 1) * wb])) for k in range(count)]
    x = [((vb - va) / (most - least) + 1) / 2 for va, vb in pairs]
    stop, low, high = betting_stop(x, HALF, alpha_of(i) / 2, real(i, "n_tune"), real(i, "truncation", 0.5))
    return {
        "status": "ok",
        "pairs": count,
        "stopped_at_pair": stop,
        "diff": mean([vb - va for va, vb in pairs[:stop]]),
        "low": (2 * low - 1) * (most - least),
        "high": (2 * high - 1) * (most - least),
    }


@kind("empbern_cs")
def _(i: Fields) -> Fields:
    x, level, c = reals(i["x"]), alpha_of(i) / 2, real(i, "truncation", 0.5)
    return {
        "status": "ok",
        "low": empirical_bernstein(x, level, c),
        "high": 1 - empirical_bernstein([1 - v for v in x], level, c),
    }


def empirical_bernstein(x: Sequence[Real], level: Real, c: Real) -> Real:
    """Waudby-Smith and Ramdas (2024), theorem 2, predictable plug-in: the lower bound after the last value."""
    log = -mp.log(level)
    sizes, penalty, total = [], mp.mpf(0), mp.mpf(0)
    squares = s2 = mp.mpf("0.25")
    for t, v in enumerate(x, 1):
        size = min(c, mp.sqrt(2 * log / (s2 * t * mp.log1p(t))))
        sizes.append(size)
        # The first value is held against 0, as in the authors' package.
        penalty += (v - (total / (t - 1) if t > 1 else 0)) ** 2 * (-mp.log1p(-size) - size)
        total += v
        squares += (v - (HALF + total) / (t + 1)) ** 2
        s2 = squares / (t + 1)
    return max(mp.mpf(0), (mp.fdot(sizes, x) - log - penalty) / mp.fsum(sizes))


@kind("asymptotic_cs")
def _(i: Fields) -> Fields:
    alpha, n, diff = alpha_of(i), i["n_a"] + i["n_b"], real(i, "mean_b") - real(i, "mean_a")
    s2 = n * (real(i, "var_a") / i["n_a"] + real(i, "var_b") / i["n_b"])
    log = -2 * mp.log(alpha)
    rho2 = (log + mp.log(log + 1)) / real(i, "n_tune")
    grown = n * rho2 + 1
    half = mp.sqrt(s2 * 2 * grown / (mp.mpf(n) ** 2 * rho2) * mp.log(mp.sqrt(grown) / alpha))
    log_e = rho2 * (n * diff) ** 2 / s2 / (2 * grown) - mp.log(grown) / 2
    return {
        "status": "ok",
        "diff": diff,
        "half_width": half,
        "low": diff - half,
        "high": diff + half,
        "p": min(mp.mpf(1), mp.exp(-log_e)),
    }


@kind("lock_cutoff")
def _(i: Fields) -> Fields:
    order = [arm for arm, _ in i["events"]]
    need = i["n_planned"]
    cutoff = next(
        (t for t in range(1, len(order) + 1) if min(order[:t].count("A"), order[:t].count("B")) >= need), None
    )
    a, b = ([v for arm, v in i["events"][:cutoff] if arm == which] for which in "AB")
    if cutoff is None:
        return {"status": "collecting", "n_a": len(a), "n_b": len(b), "cutoff": None}
    return {**welch(reals(a), reals(b), alpha_of(i)), "cutoff": cutoff}


# --------------------------------------------------------------------------------------------------------- drift


def studentised(earlier: Sequence[Real], value: Real, floor: Real, clip: Real) -> Real:
    """The normal score of a value among the earlier ones."""
    n = len(earlier)
    t = (value - mean(earlier)) / (max(mp.sqrt(variance(earlier)), floor) * mp.sqrt(1 + mp.mpf(1) / n))
    u = z_quantile(t_upper(abs(t), mp.mpf(n - 1)))
    return max(-clip, min(clip, u if t > 0 else -u))


@kind("drift_esr")
def _(i: Fields) -> Fields:
    runs = [reals(run) for run in i["runs"]]
    base, floor, clip = i.get("baseline_runs", 20), real(i, "floor", 0.0025), real(i, "clip", 3.5)
    ys = [mean(run) for run in runs]
    vs: list[Real] = []
    for t in range(1, len(runs)):
        apart = [v - mean([run[k] for run in runs[:t]]) for k, v in enumerate(runs[t])]
        vs.append(mp.sqrt(mean([a * a for a in apart]) / (1 + mp.mpf(1) / t)))
    u_mean = [studentised(ys[:t], ys[t], floor, clip) for t in range(base, len(runs))]
    u_items = [studentised(vs[: t - 1], vs[t - 1], floor, clip) for t in range(base, len(runs))]
    two, one = [mp.mpf(0)] * 6, [mp.mpf(0)] * 3
    ms = []
    for u, v in zip(u_mean, u_items):
        two = [(m + 1) * mp.exp(b * u - b * b / 2) for m, b in zip(two, (-2, -1, -HALF, HALF, 1, 2))]
        one = [(m + 1) * mp.exp(b * v - b * b / 2) for m, b in zip(one, (HALF, 1, 2))]
        ms.append((mean(two) + mean(one)) / 2)
    alarm = next((base + t for t, m in enumerate(ms, 1) if m >= real(i, "alarm_level", 365.0)), None)
    return {"u_mean": u_mean, "u_items": u_items, "m": ms, "alarm_run": alarm}


@kind("drift_bernoulli")
def _(i: Fields) -> Fields:
    p0 = real(i, "p0")
    sums, ms = [mp.mpf(0)] * len(i["multipliers"]), []
    for failures, n in i["failures_per_run"]:
        ratios = [mp.mpf(k) ** failures * ((1 - mp.mpf(k) * p0) / (1 - p0)) ** (n - failures) for k in i["multipliers"]]
        sums = [(s + 1) * r for s, r in zip(sums, ratios)]
        ms.append(mean(sums))
    alarm = next((t for t, m in enumerate(ms, 1) if m >= real(i, "alarm_level", 365.0)), None)
    return {"m": ms, "alarm_run": alarm}


# ---------------------------------------------------------------------------------------- assignment, verdicts


@kind("assign_bucket")
def _(i: Fields) -> Fields:
    if not i["unit"]:
        raise Refused("empty id")
    texts = [text.encode() for text in (i.get("purpose", "variant"), i["salt"], i["unit"])]
    message = b"".join(len(text).to_bytes(4, "big") + text for text in texts)
    first = int.from_bytes(hashlib.sha256(message).digest()[:8], "big")
    return {"bucket": first * i.get("buckets", 10000) // 2**64}


@kind("bucket_counts")
def _(i: Fields) -> Fields:
    """Largest remainder in fractions of the exact doubles; ties to the lower index."""
    weights, total = [Fraction(float(w)) for w in i["weights"]], i.get("total", 10000)
    shares = [w * total / sum(weights) for w in weights]
    counts = [int(s) for s in shares]
    order = sorted(range(len(shares)), key=lambda k: (-(shares[k] - counts[k]), k))
    for k in order[: total - sum(counts)]:
        counts[k] += 1
    return {"counts": counts}


@kind("reweight")
def _(i: Fields) -> Fields:
    """Bucket by bucket: shrinking variants give up their highest, growing ones take them in ascending order."""
    table = [v for v, n in enumerate(i["old_counts"]) for _ in range(n)]
    variants = max(len(i["old_counts"]), len(i["new_counts"]))
    old, new = (list(i[name]) + [0] * (variants - len(i[name])) for name in ("old_counts", "new_counts"))
    kept = dict.fromkeys(range(variants), 0)
    free: list[int] = []
    for bucket, v in enumerate(table):
        kept[v] += 1
        if kept[v] > new[v]:
            free.append(bucket)
    moved = len(free)
    for v in range(variants):
        for bucket in [free.pop(0) for _ in range(max(0, new[v] - old[v]))]:
            table[bucket] = v
    return {"moved": moved, "table_runs": [[v, len(list(run))] for v, run in itertools.groupby(table)]}


@kind("verdict")
def _(i: Fields) -> Fields:
    low, high, margin = i["ci_low"], i["ci_high"], i["margin"]
    rows = [
        (i["srm_p"] < 0.001, "invalid_srm"),
        (i["judge_changed"], "invalid_judge_changed"),
        (min(i["n_a"], i["n_b"]) < i["n_planned"], "collecting"),
        (i["missing_share"] > 0.05, "invalid_missing"),
        (low > 0 and high >= margin, "b_better"),
        (low > 0 and high < margin, "b_better_small"),
        (high < 0 and low <= -margin, "b_worse"),
        (high < 0 and low > -margin, "b_worse_small"),
        (-margin < low and high < margin, "no_meaningful_difference"),
    ]
    return {"verdict": next((code for met, code in rows if met), "undecided")}


@kind("edge")
def _(i: Fields) -> Fields:
    try:
        found = MODELS[i["procedure"]](i)
    except Refused:
        return {"status": "invalid_input"}
    return {"status": found.get("status", "ok")}
