#!/usr/bin/env python3
"""Computes tests/reference/stats_cases_own.json without any code of the library.

    python3 -m venv venv && venv/bin/pip install scipy==1.17.1 statsmodels==0.15.0 scikit-learn==1.9.1 mpmath==1.4.1
    venv/bin/python tests/reference/stats_cases.py > tests/reference/stats_cases_own.json

The form is that of stats_cases_public.json: a kind, its inputs, what must come out and how exactly. Every case says where its
figures come from: a library's function, a formula evaluated by mpmath with 40 digits, or a published example. Published
figures are checked here against a computation before they are written down.
"""

import hashlib
import itertools
import json
import math
import sys

import mpmath as mp
import numpy as np
import scipy
import sklearn
import sklearn.metrics
import statsmodels
from scipy import optimize, special, stats
from statsmodels.stats import contingency_tables, inter_rater, multitest, power, proportion, weightstats

mp.mp.dps = 40
SCIPY = f"scipy {scipy.__version__}"
STATSMODELS = f"statsmodels {statsmodels.__version__}"
SKLEARN = f"scikit-learn {sklearn.__version__}"
MPMATH = f"mpmath {mp.__version__}, 40 digits"
CASES = []

# Student (1908): hours of sleep gained by ten patients under two drugs.
SLEEP_A = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
SLEEP_B = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
# Dobson (1983): dried weight of plants, control and first treatment.
PLANT_A = [4.17, 5.58, 5.18, 6.11, 4.50, 4.61, 5.17, 4.53, 5.33, 5.14]
PLANT_B = [4.81, 4.17, 4.41, 3.59, 5.87, 3.83, 6.03, 4.89, 4.32, 4.69]


def plain(x):
    """Python numbers; infinities as the texts the file's rule wants."""
    if isinstance(x, (np.generic, mp.mpf)):
        x = x.item() if isinstance(x, np.generic) else float(x)
    if isinstance(x, float) and math.isinf(x):
        return "inf" if x > 0 else "-inf"
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items()}
    if isinstance(x, (list, tuple, np.ndarray)):
        return [plain(v) for v in x]
    return x


def case(kind, inputs, expected, source, rel=1e-9, abs_=1e-12):
    number = 1 + sum(c["kind"] == kind for c in CASES)
    CASES.append({
        "id": f"own-{kind}-{number:03d}", "kind": kind, "inputs": plain(inputs), "expected": plain(expected),
        "tolerance": {"rel": rel, "abs": abs_}, "source": source,
    })


class Lcg:
    """The generator that the public file documents."""

    def __init__(self, seed):
        self.x = seed

    def u(self):
        self.x = (self.x * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.x >> 11) * 2.0**-53

    def likert(self, n, cum=(0.05, 0.15, 0.35, 0.7, 1.0)):
        return [1.0 + next(i for i, c in enumerate(cum) if self.u() < c or i == 4) for _ in range(n)]

    def unit(self, n, digits=3):
        return [round(self.u(), digits) for _ in range(n)]

    def normal(self, n, mean=0.0, sd=1.0, digits=3):
        return [round(mean + sd * (sum(self.u() for _ in range(12)) - 6.0), digits) for _ in range(n)]


def distributions():
    for t, df in [(1e-8, 3), (0.5, 0.5), (2.0, 2.5), (4.0, 29), (-3.0, 7), (12.0, 1e6), (40.0, 30), (-1e3, 4), (1e50, 2)]:
        x = mp.mpf(df) / (df + mp.mpf(t) ** 2)
        tail = mp.betainc(mp.mpf(df) / 2, mp.mpf("0.5"), 0, x, regularized=True) / 2
        upper, lower = (tail, 1 - tail) if t > 0 else (1 - tail, tail)
        case("t_cdf", {"t": t, "df": df}, {"cdf": lower, "sf": upper}, f"{MPMATH}: regularised incomplete beta", 1e-11, 0)
    table = {(0.975, 1): 12.706, (0.975, 10): 2.228, (0.95, 30): 1.697, (0.995, 120): 2.617, (0.90, 5): 1.476}
    for (p, df), printed in table.items():
        exact = mp.findroot(
            lambda t: mp.betainc(mp.mpf(df) / 2, 0.5, 0, df / (df + t * t), regularized=True) / 2 - (1 - mp.mpf(p)), printed)
        assert round(float(exact), 3) == printed
        case("t_ppf", {"p": p, "df": df}, {"x": exact}, f"Student's t table, which prints {printed}; digits by {MPMATH}", 1e-11, 0)
    for z in (-38.0, -5.0, 0.0, 1.0, 8.0):
        case("norm_cdf", {"z": z}, {"cdf": mp.ncdf(z), "sf": mp.ncdf(-z)}, f"{MPMATH}: ncdf", 1e-11, 0)
    for p in (1e-300, 0.025, 0.8, 0.999):
        case("norm_ppf", {"p": p}, {"x": special.ndtri(p)}, f"{SCIPY}: special.ndtri", 1e-11, 1e-14)
    for x, df in [(3.841, 1), (0.5, 7), (300.0, 10), (1e-3, 2)]:
        upper = mp.gammainc(mp.mpf(df) / 2, mp.mpf(x) / 2, mp.inf, regularized=True)
        case("chi2_sf", {"x": x, "df": df}, {"sf": upper}, f"{MPMATH}: gammainc", 1e-10, 0)
    for t, df, nc in [(0.0, 3, 1.0), (2.0, 10, 0.0), (-2.0, 12, 1.5), (5.0, 60, 5.5), (1.66, 98, 6.0), (30.0, 4, 3.0), (2.0, 1e5, 8.0)]:
        case("nct_cdf", {"t": t, "df": df, "nc": nc}, {"cdf": noncentral(t, df, nc)}, f"{MPMATH}: integral over the scale", 1e-8, 1e-13)


def noncentral(t, df, nc):
    """P(T <= t) as the integral of Phi(t s - nc) over the density of s = sqrt(chi2/df)."""
    with mp.workdps(25):
        a = mp.mpf(df) / 2
        log_c = mp.log(2) + a * mp.log(a) - mp.loggamma(a)
        def f(s):
            return mp.exp(log_c + (df - 1) * mp.log(s) - a * s * s) * mp.ncdf(t * s - nc) if s > 0 else mp.mpf(0)
        width = 1 / mp.sqrt(2 * mp.mpf(df))
        marks = sorted({mp.mpf(0), *[max(mp.mpf(0), 1 + k * width) for k in (-30, -12, -6, -3, 0, 3, 6, 12, 30)], 1 + 60 * width})
        return mp.quad(f, marks)


def test_of(t, df):
    return 2 * stats.t.sf(abs(t), df)


def welch_of(a, b, alpha=0.05):
    a, b = [mp.mpf(x) for x in a], [mp.mpf(x) for x in b]
    (ma, va), (mb, vb) = moments(a), moments(b)
    ea, eb = va / len(a), vb / len(b)
    se, df = mp.sqrt(ea + eb), (ea + eb) ** 2 / (ea**2 / (len(a) - 1) + eb**2 / (len(b) - 1))
    half = se * t_quantile(1 - alpha / 2, df)
    d = mb - ma
    return {"n_a": len(a), "n_b": len(b), "mean_a": ma, "mean_b": mb, "diff": d, "se": se, "t": d / se, "df": df,
            "p": 2 * t_upper(abs(d / se), df), "ci_low": d - half, "ci_high": d + half}


def moments(x):
    m = mp.fsum(x) / len(x)
    return m, mp.fsum((v - m) ** 2 for v in x) / (len(x) - 1)


def t_upper(t, df):
    return mp.betainc(df / 2, mp.mpf("0.5"), 0, df / (df + t * t), regularized=True) / 2


def t_quantile(p, df):
    start = stats.t.ppf(float(p), float(df))
    return mp.findroot(lambda t: t_upper(t, df) - (1 - mp.mpf(p)), start)


def means():
    published = stats.ttest_ind(SLEEP_B, SLEEP_A, equal_var=False)
    assert abs(published.statistic - 1.8608) < 5e-5 and abs(published.pvalue - 0.07939) < 5e-6
    sources = {
        "Student (1908), sleep: t = 1.8608, df = 17.776, p = 0.07939 as R prints it": (SLEEP_A, SLEEP_B),
        "Dobson (1983), PlantGrowth, control against treatment 1": (PLANT_A, PLANT_B),
    }
    for source, (a, b) in sources.items():
        case("welch", {"a": a, "b": b, "alpha": 0.05}, welch_of(a, b), f"{source}; digits by {MPMATH}")
    g = Lcg(1)
    for n, m, alpha in [(2, 2, 0.05), (3, 40, 0.01), (60, 45, 0.1)]:
        a, b = g.likert(n), g.likert(m, (0.02, 0.1, 0.25, 0.6, 1.0))
        if len(set(a)) > 1 or len(set(b)) > 1:
            case("welch", {"a": a, "b": b, "alpha": alpha}, welch_of(a, b, alpha), MPMATH)
    shifted = [[1e9 + x for x in arm] for arm in ([1.0, 2.0, 4.0], [3.0, 5.0, 5.0, 6.0])]
    case("welch", {"a": shifted[0], "b": shifted[1], "alpha": 0.05}, welch_of(*shifted), f"{MPMATH}: a billion added to every score")
    for s in [(10, 1.0, 0.5, 12, 1.4, 0.9), (500, 3.87, 1.13, 480, 3.99, 1.2), (2, 0.0, 1.0, 2000, 0.5, 0.01)]:
        r = stats.ttest_ind_from_stats(s[4], s[5], s[3], s[1], s[2], s[0], equal_var=False)
        names = ["n_a", "mean_a", "sd_a", "n_b", "mean_b", "sd_b"]
        case("welch_summary", {**dict(zip(names, s)), "alpha": 0.05}, {"t": r.statistic, "p": r.pvalue},
             f"{SCIPY}: ttest_ind_from_stats")
    for a, b, source in [(SLEEP_A, SLEEP_B, "Student (1908), sleep as pairs: t = 4.0621, p = 0.002833"), (g.likert(25), g.likert(25), "")]:
        r = stats.ttest_rel(b, a)
        low, high = r.confidence_interval(0.95)
        case("paired_t", {"a": a, "b": b, "alpha": 0.05},
             {"t": r.statistic, "df": float(len(a) - 1), "p": r.pvalue, "ci_low": low, "ci_high": high}, f"{source} {SCIPY}: ttest_rel".strip())
    d = g.normal(40, 0.1)
    for size in (1, 4):
        r = weightstats.DescrStatsW(np.array(d).reshape(-1, size).mean(axis=1))
        t, p, df = r.ttest_mean(0)
        expected = {"t": t, "p": p} if size == 1 else {"t": t, "p": p, "df": df}
        cluster = [i // size for i in range(len(d))]
        case("paired_cluster", {"d": d, "cluster": cluster, "method": "cr2", "alpha": 0.05}, expected,
             f"{STATSMODELS}: with equal clusters CR2 is the t-test of their means", 1e-8)
    trials = ([[4, 5], [3, 3, 4], [2], [5, 5]], [[4, 4], [4, 5], [3, 2], [5]])
    r = stats.ttest_rel([np.mean(x) for x in trials[1]], [np.mean(x) for x in trials[0]])
    case("paired_repeats", {"a": trials[0], "b": trials[1], "alpha": 0.05}, {"t": r.statistic, "p": r.pvalue, "df": 3},
         f"{SCIPY}: ttest_rel of the items' means")
    q = g.unit(37)
    for share in (0.0, 0.1, 0.5, 0.9, 1.0):
        case("quantile", {"x": q, "q": share}, {"value": np.quantile(q, share)}, f"numpy {np.__version__}: quantile, linear", 1e-12)
    for n, share in [(36, 0.1), (50, 0.5), (200, 0.9)]:
        x = sorted(g.unit(n))
        low = int(stats.binom.ppf(0.025, n, share))
        high = int(stats.binom.ppf(0.975, n, share)) + 1
        case("quantile_ci", {"x": x, "q": share, "conf": 0.95}, {"rank_low": low, "rank_high": high, "low": x[low - 1], "high": x[high - 1]},
             f"{SCIPY}: binom.ppf", 1e-12)
    a, b = g.unit(80), g.unit(70)
    case("quantile_diff", {"a": a, "b": b, "q": 0.5, "conf": 0.95}, mover(a, b, 0.5), f"{SCIPY} and numpy: the formula of MOVER")


def mover(a, b, q):
    def one(x):
        x, n = sorted(x), len(x)
        return np.quantile(x, q), x[int(stats.binom.ppf(0.025, n, q)) - 1], x[int(stats.binom.ppf(0.975, n, q))]
    (qa, la, ua), (qb, lb, ub) = one(a), one(b)
    return {"diff": qb - qa, "low": qb - qa - math.hypot(qb - lb, ua - qa), "high": qb - qa + math.hypot(ub - qb, qa - la)}


def rates():
    for k, n in [(0, 20), (1, 1), (7, 148), (81, 263), (15, 148), (0, 1000000)]:
        low, high = proportion.proportion_confint(k, n, 0.05, "wilson")
        if (k, n) == (81, 263):
            assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
        case("wilson", {"k": k, "n": n, "conf": 0.95}, {"low": max(low, 0.0), "high": high}, f"{STATSMODELS}: proportion_confint; Newcombe (1998a) prints 81/263", 1e-9, 1e-15)
        lower = 0.0 if k == 0 else mp.findroot(lambda p: upper_binomial(k, n, p) - mp.mpf("0.025"), float(stats.beta.ppf(0.025, k, n - k + 1)))
        upper = 1.0 if k == n else mp.findroot(lambda p: lower_binomial(k, n, p) - mp.mpf("0.025"), float(stats.beta.ppf(0.975, k + 1, n - k)))
        case("clopper_pearson", {"k": k, "n": n, "conf": 0.95, "sides": 2}, {"low": lower, "high": upper}, f"{MPMATH}: tails of the binomial", 1e-9)
    newcombe = {(56, 70, 48, 80): (0.0524, 0.3339), (9, 10, 3, 10): (0.1705, 0.8090), (6, 7, 2, 7): (0.0582, 0.8062),
                (5, 56, 0, 29): (-0.0381, 0.1926), (0, 10, 0, 20): (-0.1611, 0.2775), (10, 10, 0, 20): (0.6791, 1.0)}
    for (kb, nb, ka, na), printed in newcombe.items():
        low, high = proportion.confint_proportions_2indep(kb, nb, ka, na, method="newcomb", compare="diff")
        assert all(abs(x - y) < 1e-4 for x, y in zip((low, high), printed)), (low, high, printed)
        case("newcombe_diff", {"k_a": ka, "n_a": na, "k_b": kb, "n_b": nb, "conf": 0.95}, {"diff": kb / nb - ka / na, "low": low, "high": high},
             f"Newcombe (1998b), method 10, table II prints {printed}; digits by {STATSMODELS}", 1e-9, 1e-12)
    for n, only_a, only_b in [(100, 0, 0), (60, 3, 12), (500, 40, 22)]:
        r = contingency_tables.mcnemar([[0, only_a], [only_b, 0]], exact=True)
        p = 1.0 if only_a + only_b == 0 else r.pvalue
        case("paired_rates", {"n": n, "only_a": only_a, "only_b": only_b, "conf": 0.95}, {"p_exact": p, "diff": (only_b - only_a) / n},
             f"{STATSMODELS}: mcnemar(exact=True)")
    for threshold, failures, n in [(0.99, 0, 299), (0.99, 1, 473), (0.99, 2, 628), (0.95, 0, 59), (0.999, 0, 2995)]:
        assert stats.beta.ppf(0.05, n - failures, failures + 1) >= threshold > stats.beta.ppf(0.05, n - 1 - failures, failures + 1)
        case("n_zero_failures", {"threshold": threshold, "failures": failures, "conf": 0.95}, {"n": n},
             f"table of statistics (c), checked by {SCIPY}: beta.ppf", 0, 0)
    for k, n, threshold, direction in [(50, 50, 0.99, "at_least"), (299, 299, 0.99, "at_least"), (3, 100, 0.02, "at_most"), (40, 50, 0.99, "at_least")]:
        low = 0.0 if k == 0 else stats.beta.ppf(0.05, k, n - k + 1)
        high = 1.0 if k == n else stats.beta.ppf(0.95, k + 1, n - k)
        good = low >= threshold if direction == "at_least" else high <= threshold
        bad = high < threshold if direction == "at_least" else low > threshold
        verdict = "pass" if good else "fail" if bad else "inconclusive"
        case("gate_rate", {"successes": k, "n": n, "threshold": threshold, "direction": direction, "alpha": 0.05, "mode": "bound"},
             {"bound_low": low, "bound_high": high, "verdict": verdict}, f"{SCIPY}: beta.ppf", 1e-8)
    for alpha, k in [(0.05, 1), (0.05, 2), (0.05, 5), (0.01, 3)]:
        expected = alpha if k == 1 else alpha / 5 * 6 / (math.pi**2 * (k - 1) ** 2)
        case("gate_attempt_alpha", {"alpha": alpha, "attempt": k}, {"alpha_k": expected}, "the formula of statistics (e)", 1e-12)
    for n, c in [(58, 0.0), (59, 0.0), (30, 0.5)]:
        p0 = 1 - 0.05 ** (1 / n)
        low = (1 - p0) * c - p0 * 4.0
        case("gate_zero_variance", {"n": n, "common_difference": c, "score_range": 4.0, "tol_abs": 0.2, "alpha": 0.05},
             {"bound_low": low, "verdict": "pass" if low > -0.2 else "inconclusive"}, "the formula of statistics (e); 59 items support 0.20, 58 do not", 1e-9)
    g = Lcg(3)
    old = g.likert(50)
    new = [min(5.0, max(1.0, x + [0, 0, 0, -1, 1][int(g.u() * 5)])) for x in old]
    r = weightstats.DescrStatsW(np.array(new) - np.array(old))
    low, high = r.tconfint_mean(0.1)
    verdict = "pass" if low > -0.3 else "fail" if high < -0.3 else "inconclusive"
    case("gate_mean_paired", {"old": old, "new": new, "tol_abs": 0.3, "alpha": 0.05}, {"bound_low": low, "bound_high": high, "verdict": verdict},
         f"{STATSMODELS}: tconfint_mean at 90 %")
    r = weightstats.CompareMeans(weightstats.DescrStatsW(new), weightstats.DescrStatsW(old)).tconfint_diff(0.1, usevar="unequal")
    case("gate_mean_unpaired", {"old": old, "new": new, "tol_abs": 0.3, "alpha": 0.05}, {"bound_low": r[0], "bound_high": r[1]},
         f"{STATSMODELS}: tconfint_diff(usevar='unequal') at 90 %")
    d = [b - a for a, b in zip(old, new)]
    case("gate_mean_bounded", {"differences": d, "score_min": 1, "score_max": 5, "tol_abs": 0.3, "alpha": 0.05, "bound": "t"},
         {"bound_low": low, "bound_high": high, "verdict": verdict, "skewness": stats.skew(d)}, f"{STATSMODELS}, {SCIPY}: skew", 1e-8, 1e-10)


def upper_binomial(k, n, p):
    return mp.betainc(k, n - k + 1, 0, p, regularized=True)


def lower_binomial(k, n, p):
    return mp.betainc(n - k, k + 1, 0, 1 - p, regularized=True)


def planning():
    solver = power.TTestIndPower()
    for d, n_a, ratio, alpha in [(0.5, 64, 1, 0.05), (0.2, 394, 1, 0.05), (0.8, 26, 1, 0.05), (0.3, 100, 2, 0.01), (1.5, 3, 1, 0.05)]:
        p = solver.power(d, n_a, alpha, ratio=ratio)
        case("power_two_sample", {"delta": d, "sd_a": 1.0, "sd_b": 1.0, "n_a": n_a, "n_b": n_a * ratio, "alpha": alpha, "sides": 2}, {"power": p},
             f"{STATSMODELS}: TTestIndPower.power", 1e-7, 1e-9)
    cohen = {0.2: 393, 0.5: 64, 0.8: 26}
    for d, printed in cohen.items():
        n = next(n for n in itertools.count(max(2, printed - 5)) if solver.power(d, n, 0.05) >= 0.8)
        assert abs(n - printed) <= 1, (d, n)
        case("n_two_sample", {"delta": d, "sd": 1.0, "alpha": 0.05, "power": 0.8, "ratio_b_to_a": 1, "sides": 2}, {"n_a": n, "n_b": n},
             f"Cohen (1988), table 2.4.1 prints {printed}; exact by {STATSMODELS}", 0, 0)
    for ratio in (0.5, 3.0):
        n = next(n for n in itertools.count(3) if solver.power(0.4, n, 0.05, ratio=math.ceil(ratio * n) / n, alternative="two-sided") >= 0.9)
        case("n_two_sample", {"delta": 0.8, "sd": 2.0, "alpha": 0.05, "power": 0.9, "ratio_b_to_a": ratio, "sides": 2},
             {"n_a": n, "n_b": math.ceil(ratio * n)}, f"{STATSMODELS}: TTestIndPower.power, counted up", 0, 0)
    paired = power.TTestPower()
    for d, sides in [(0.3, 2), (0.25, 1), (1.2, 2)]:
        alternative = "two-sided" if sides == 2 else "larger"
        n = next(n for n in itertools.count(2) if paired.power(d, n, 0.05, alternative=alternative) >= 0.8)
        case("n_paired", {"delta": d, "sd_diff": 1.0, "alpha": 0.05, "power": 0.8, "sides": sides}, {"n": n}, f"{STATSMODELS}: TTestPower.power, counted up", 0, 0)
        case("power_paired", {"delta": d, "sd_diff": 1.0, "n": n, "alpha": 0.05, "sides": sides}, {"power": paired.power(d, n, 0.05, alternative=alternative)},
             f"{STATSMODELS}: TTestPower.power", 1e-7, 1e-9)
    for n in (20, 200, 5000):
        d = optimize.brentq(lambda d: solver.power(d, n, 0.05) - 0.8, 1e-3, 6 / math.sqrt(n), xtol=1e-14)
        case("mde_two_sample", {"n_per_arm": n, "sd": 2.0, "alpha": 0.05, "power": 0.8}, {"mde": 2.0 * d}, f"{STATSMODELS}: power, solved by brentq", 1e-7)
    for effect, n in [(0.15, 892), (0.2, 503), (0.3, 224)]:
        case("plan_n", {"min_effect": effect, "sd": 1.13, "alpha": 0.05, "power": 0.8, "floor": 500}, {"n_power": n, "n_planned": max(500, n)},
             "table of statistics (c)", 0, 0)
    sd = math.sqrt(0.5 * 0.36 + 0.3 * 0.81 + 0.2 * 1.44)
    n = next(n for n in itertools.count(100) if solver.power(0.2 / sd, n, 0.05) >= 0.8)
    strata = [{"weight": 0.5, "sd": 0.6}, {"weight": 0.3, "sd": 0.9}, {"weight": 0.2, "sd": 1.2}]
    case("n_stratified", {"delta": 0.2, "strata": strata, "alpha": 0.05, "power": 0.8, "allocation": "proportional"}, {"sd_within": sd, "n_per_arm": n}, STATSMODELS)
    deff = 1 + ((0.8**2 + 1) * 4 - 1) * 0.1
    n = next(n for n in itertools.count(100) if solver.power(0.2, n, 0.05) >= 0.8)
    case("n_clustered", {"delta": 0.2, "sd": 1.0, "mean_cluster_size": 4, "cv_cluster_size": 0.8, "icc": 0.1, "alpha": 0.05, "power": 0.8},
         {"design_effect": deff, "n_responses_independent": n, "n_units_per_arm": math.ceil(n * deff / 4)}, f"Eldridge, Ashby and Kerry (2006); {STATSMODELS}")
    for repeats, items in [(1, 230), (3, 99)]:
        case("n_repeats", {"delta": 0.2, "var_item_change": 0.16, "var_within": 0.5, "repeats": repeats, "alpha": 0.05, "power": 0.8},
             {"n_items": items, "calls_per_version": items * repeats, "sd_diff": math.sqrt(0.16 + 1 / repeats)}, "example of statistics (c)")


def several():
    # Benjamini and Hochberg (1995), section 3.2: fifteen endpoints of the myocardial infarction study.
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    g = Lcg(5)
    lists = [p, g.unit(8), [0.01, 0.01, 0.05], [1.0], []]
    for values in lists:
        for kind, method in (("holm", "holm"), ("bh", "fdr_bh")):
            reject, adjusted = ([], []) if not values else multitest.multipletests(values, 0.05, method)[:2]
            if values is p:
                assert sum(reject) == (4 if kind == "bh" else 3)
            case(kind, {"p": values, "alpha": 0.05}, {"adjusted": list(adjusted), "reject": [bool(r) for r in reject]},
                 f"{STATSMODELS}: multipletests; the first list is Benjamini and Hochberg (1995), section 3.2, which claims 4 (Bonferroni 3)")


def splits():
    for counts, weights in [([5200, 4800], [1, 1]), ([520, 480], [1, 1]), ([810, 190], [80, 20]), ([300, 330, 370], [1, 1, 1])]:
        n = sum(counts)
        r = stats.chisquare(counts, [n * w / sum(weights) for w in weights])
        case("srm_chi2", {"counts": counts, "weights": weights}, {"chi2": r.statistic, "df": len(counts) - 1, "p": r.pvalue, "mismatch": bool(r.pvalue < 0.001)},
             f"{SCIPY}: chisquare")
    for counts in ([8, 1], [0, 8], [3, 4]):
        p = stats.binomtest(counts[0], sum(counts), 0.5).pvalue
        case("srm_chi2", {"counts": counts, "weights": [1, 1]}, {"p": p, "mismatch": bool(p < 0.001)}, f"{SCIPY}: binomtest, since an expected count is below 5")
    counts, weights = [3, 1, 0], [0.5, 0.3, 0.2]
    seen = stats.multinomial.pmf(counts, 4, weights)
    p = sum(x for i in range(5) for j in range(5 - i) if (x := stats.multinomial.pmf([i, j, 4 - i - j], 4, weights)) <= seen * (1 + 1e-7))
    case("srm_chi2", {"counts": counts, "weights": weights}, {"p": p, "mismatch": False}, f"{SCIPY}: multinomial.pmf, summed")
    for periods, weights, c in [([[10, 12], [500, 430], [10000, 9000]], [1, 1], 1000), ([[1000000, 1003000]], [1, 1], 1000), ([[5, 0, 3]], [2, 1, 1], 10)]:
        log_bf, p, least, total = [], [], mp.mpf(1), [0] * len(weights)
        for period in periods:
            total = [a + b for a, b in zip(total, period)]
            w = [mp.mpf(x) / sum(weights) for x in weights]
            bf = mp.loggamma(c) - mp.loggamma(c + sum(total)) + sum(
                mp.loggamma(c * q + n) - mp.loggamma(c * q) - n * mp.log(q) for q, n in zip(w, total))
            least = min(least, mp.exp(-bf))
            log_bf.append(bf)
            p.append(least)
        case("srm_sequential", {"counts_per_period": periods, "weights": weights, "concentration": c}, {"log_bf": log_bf, "p": p}, MPMATH, 1e-9, 1e-9)


def agreement():
    # Fleiss, Cohen and Everitt (1969), table 1 and 2: two clinicians, three diagnoses, 200 patients.
    table = [[106, 10, 4], [22, 28, 10], [2, 12, 6]]
    human = [i for i, row in enumerate(table) for j, n in enumerate(row) for _ in range(n)]
    judge = [j for i, row in enumerate(table) for j, n in enumerate(row) for _ in range(n)]
    r = inter_rater.cohens_kappa(np.array(table))
    assert round(r.kappa, 3) == 0.429
    case("kappa", {"human": human, "judge": judge, "labels": [0, 1, 2], "weights": "none"},
         {"kappa": r.kappa, "se": r.std_kappa, "agreement": 140 / 200, "ci_low": r.kappa_low, "ci_high": r.kappa_upp},
         f"Fleiss, Cohen and Everitt (1969), whose table it is; digits by {STATSMODELS}: cohens_kappa", 1e-9)
    g = Lcg(7)
    for k, weights, wt in [(5, "quadratic", "quadratic"), (4, "linear", "linear"), (7, "quadratic", "quadratic"), (2, "none", None)]:
        a = [int(g.u() * k) for _ in range(80)]
        b = [min(k - 1, max(0, x + [-1, 0, 0, 0, 1][int(g.u() * 5)])) for x in a]
        counts = np.zeros((k, k))
        for x, y in zip(a, b):
            counts[x, y] += 1
        r = inter_rater.cohens_kappa(counts, wt=wt) if wt else inter_rater.cohens_kappa(counts)
        assert abs(r.kappa - sklearn.metrics.cohen_kappa_score(a, b, weights=wt, labels=list(range(k)))) < 1e-12
        case("kappa", {"human": a, "judge": b, "labels": list(range(k)), "weights": weights},
             {"kappa": r.kappa, "se": r.std_kappa, "ci_low": r.kappa_low, "ci_high": min(1.0, r.kappa_upp)},
             f"{STATSMODELS}: cohens_kappa; {SKLEARN}: cohen_kappa_score", 1e-9)
    for n, m in [(20, 30), (7, 5), (100, 80)]:
        a, b = g.unit(n), [round(x * 0.9 + 0.08, 3) for x in g.unit(m)]
        exact = stats.ks_2samp(a, b, method="exact")
        x = exact.statistic * math.sqrt(n * m / (n + m))
        case("ks_two_sample", {"a": a, "b": b}, {"d": exact.statistic, "p_exact": exact.pvalue, "p_limit": special.kolmogorov(x)},
             f"{SCIPY}: ks_2samp(method='exact'), special.kolmogorov", 1e-8)
    human, judged, rest = g.likert(40), None, g.likert(150)
    judged = [min(5.0, max(1.0, x + [0, 0, 1][int(g.u() * 3)])) for x in human]
    case("ppi_mean", {"human": human, "judge_on_human": judged, "judge_unlabelled": rest, "conf": 0.95}, ppi(human, judged, rest), f"numpy: the formulas of PPI++; {SCIPY}: t.ppf")
    for p, n, tp, pos, tn, neg in [(0.4, 1000, 90, 100, 85, 100), (0.9, 200, 50, 50, 30, 40)]:
        se, sp = tp / pos, tn / neg
        est = (p + sp - 1) / (se + sp - 1)
        var = (p * (1 - p) / n + est**2 * se * (1 - se) / pos + (1 - est) ** 2 * sp * (1 - sp) / neg) / (se + sp - 1) ** 2
        half = stats.norm.ppf(0.975) * math.sqrt(var)
        case("rogan_gladen", {"observed_rate": p, "n": n, "true_pos": tp, "positives": pos, "true_neg": tn, "negatives": neg, "conf": 0.95},
             {"estimate": est, "se": math.sqrt(var), "ci_low": max(0, est - half), "ci_high": min(1, est + half)}, "Rogan and Gladen (1978), by hand")


def ppi(y, f, rest):
    y, f, rest = map(np.array, (y, f, rest))
    n, m = len(y), len(rest)
    lam = float(np.clip(np.cov(y, f)[0, 1] / ((1 + n / m) * np.concatenate([f, rest]).var(ddof=1)), 0, 1))
    est = lam * rest.mean() + (y - lam * f).mean()
    se = math.sqrt(lam**2 * rest.var(ddof=1) / m + (y - lam * f).var(ddof=1) / n)
    half = stats.t.ppf(0.975, n - 1) * se
    return {"lambda": lam, "estimate": est, "se": se, "ci_low": est - half, "ci_high": est + half, "judge_bias": (f - y).mean()}


def live():
    g = Lcg(11)
    for n, m in [(30, 25), (12, 60)]:
        users = [[g.likert(1 + int(g.u() * 4)) for _ in range(k)] for k in (n, m)]
        a, b = ([float(np.mean(u)) for u in arm] for arm in users)
        r = stats.ttest_ind(b, a, equal_var=False)
        case("unit_means", {"users_a": users[0], "users_b": users[1], "alpha": 0.05}, {"t": r.statistic, "df": r.df, "p": r.pvalue}, f"{SCIPY}: ttest_ind of the users' means")
        z = []
        for arm in users:
            s, c = np.array([sum(u) for u in arm]), np.array([len(u) for u in arm])
            ratio = s.sum() / c.sum()
            z.append((ratio, ((s - ratio * c) / c.mean()).std(ddof=1), len(arm)))
        r = stats.ttest_ind_from_stats(*z[1], *z[0], equal_var=False)
        case("ratio_metric", {"users_a": users[0], "users_b": users[1], "alpha": 0.05}, {"diff": z[1][0] - z[0][0], "p": r.pvalue},
             f"delta method by numpy; {SCIPY}: ttest_ind_from_stats")
    arms = [[(["easy", "medium", "hard"][int(g.u() * 3)], x) for x in g.likert(n)] for n in (60, 50)]
    case("post_stratified", {"a": arms[0], "b": arms[1], "alpha": 0.05}, stratified(*arms), f"numpy: the formula of statistics (b); {SCIPY}: t")
    x = [g.normal(n, 3.0) for n in (50, 45)]
    y = [[round(0.7 * v + 1 + e + 0.2 * arm, 3) for v, e in zip(xs, g.normal(len(xs), 0, 0.5))] for arm, xs in enumerate(x)]
    sxy = sum(np.sum((np.array(a) - np.mean(a)) * (np.array(b) - np.mean(b))) for a, b in zip(x, y))
    theta = sxy / sum(np.sum((np.array(a) - np.mean(a)) ** 2) for a in x)
    centre = np.mean(x[0] + x[1])
    adjusted = [np.array(b) - theta * (np.array(a) - centre) for a, b in zip(x, y)]
    r, plain_ = stats.ttest_ind(adjusted[1], adjusted[0], equal_var=False), stats.ttest_ind(y[1], y[0], equal_var=False)
    se = (adjusted[1].mean() - adjusted[0].mean()) / r.statistic
    se0 = (np.mean(y[1]) - np.mean(y[0])) / plain_.statistic
    case("cuped", {"y_a": y[0], "x_a": x[0], "y_b": y[1], "x_b": x[1], "alpha": 0.05},
         {"theta": theta, "t": r.statistic, "df": r.df, "p": r.pvalue, "variance_ratio": (se / se0) ** 2}, f"numpy; {SCIPY}: ttest_ind of the adjusted scores", 1e-8)


def stratified(a, b):
    parts, diffs, n = [], {}, len(a) + len(b)
    for name in sorted({s for s, _ in a + b}):
        x, y = ([v for s, v in arm if s == name] for arm in (a, b))
        w = (len(x) + len(y)) / n
        diffs[name] = (w, np.mean(y) - np.mean(x))
        parts += [(w**2 * np.var(v, ddof=1) / len(v), len(v) - 1) for v in (x, y)]
    var = sum(v for v, _ in parts)
    df = var**2 / sum(v**2 / d for v, d in parts)
    diff = sum(w * d for w, d in diffs.values())
    half = stats.t.ppf(0.975, df) * math.sqrt(var)
    return {"diff": diff, "se": math.sqrt(var), "df": df, "p": test_of(diff / math.sqrt(var), df), "ci_low": diff - half, "ci_high": diff + half,
            "per_stratum": {k: d for k, (_, d) in diffs.items()}}


def capital(x, sizes, m, c):
    return mp.fsum(mp.log1p(min(s, c / m if m else mp.inf) * (v - m)) for v, s in zip(x, sizes))


def bets(x, level, n_tune):
    total, squares, count, out = mp.mpf("0.5"), mp.mpf("0.25"), 1, []
    for v in x:
        out.append(mp.sqrt(-2 * mp.log(level) / (n_tune * squares / count)))
        count, total = count + 1, total + v
        squares += (v - total / count) ** 2
    return out


def bound(x, sizes, level, c):
    target = -mp.log(level)
    if capital(x, sizes, mp.mpf(0), c) < target:
        return mp.mpf(0)
    low, high = mp.mpf(0), mp.mpf(1)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if capital(x, sizes, middle, c) >= target else (low, middle)
    return low


def looking():
    mp.mp.dps = 25
    g, half = Lcg(13), mp.mpf("0.5")
    for x, n_tune in [(g.unit(60), 60), ([0.0, 1.0] * 20, 75), ([round(0.3 + 0.4 * u, 3) for u in g.unit(50)], 150), ([0.7], 10)]:
        sizes, level = bets(x, mp.mpf("0.025"), n_tune), mp.mpf("0.025")
        mirrored = [1 - mp.mpf(v) for v in x]
        expected = {"low": bound(x, sizes, level, half), "high": 1 - bound(mirrored, sizes, level, half),
                    "log_k_plus_at_half": capital(x, sizes, half, half), "log_k_minus_at_half": capital(mirrored, sizes, half, half)}
        case("betting_cs", {"x": x, "alpha": 0.05, "n_tune": n_tune, "truncation": 0.5}, expected, "mpmath, 25 digits, by bisection", 1e-9, 1e-9)
        stop = next((t for t in range(1, len(x) + 1) if max(capital(x[:t], sizes, half, half), capital(mirrored[:t], sizes, half, half)) >= -mp.log(level)), None)
        until = stop or len(x)
        case("betting_stop", {"x": x, "m": 0.5, "alpha": 0.05, "n_tune": n_tune, "truncation": 0.5},
             {"stopped_at": stop, "low": bound(x[:until], sizes, level, half), "high": 1 - bound(mirrored[:until], sizes, level, half)}, "mpmath, 25 digits", 1e-9, 1e-9)
    events = [["AB"[int(g.u() * 2)], s] for s in g.likert(120)]
    events = [[arm, min(5.0, s + (arm == "B"))] for arm, s in events]
    a, b = ([s for arm, s in events if arm == which] for which in "AB")
    pairs = list(zip(a, b))
    x = [mp.mpf((y - 1) / 4 - (v - 1) / 4 + 1) / 2 for v, y in pairs]
    sizes, level, mirrored = bets(x, mp.mpf("0.025"), 50), mp.mpf("0.025"), [1 - v for v in x]
    stop = next((t for t in range(1, len(x) + 1) if max(capital(x[:t], sizes, half, half), capital(mirrored[:t], sizes, half, half)) >= -mp.log(level)), None)
    until = stop or len(x)
    case("ab_anytime", {"events": events, "score_min": 1, "score_max": 5, "alpha": 0.05, "n_tune": 50},
         {"pairs": len(pairs), "stopped_at_pair": stop, "diff": float(np.mean([y - v for v, y in pairs[:until]])),
          "low": (2 * bound(x[:until], sizes, level, half) - 1) * 4, "high": (1 - 2 * bound(mirrored[:until], sizes, level, half)) * 4}, "mpmath, 25 digits", 1e-9, 1e-9)
    for n, ma, mb, v, n_tune in [(200, 800.0, 760.0, 90000.0, 500), (5000, 1.0, 1.1, 0.5, 2000)]:
        rho2 = (-2 * math.log(0.05) + math.log(-2 * math.log(0.05) + 1)) / n_tune
        total, s2 = 2 * n, 2 * n * (2 * v / n)
        width = math.sqrt(s2 * 2 * (total * rho2 + 1) / (total**2 * rho2) * math.log(math.sqrt(total * rho2 + 1) / 0.05))
        e = rho2 * (total * (mb - ma)) ** 2 / s2 / (2 * (total * rho2 + 1)) - math.log(total * rho2 + 1) / 2
        case("asymptotic_cs", {"n_a": n, "mean_a": ma, "var_a": v, "n_b": n, "mean_b": mb, "var_b": v, "alpha": 0.05, "n_tune": n_tune},
             {"diff": mb - ma, "half_width": width, "p": min(1.0, math.exp(-e))}, "Waudby-Smith et al. (2021), equations 9, 155, 161, by hand", 1e-9)
    for events, n, expected in [
        ([["A", 1], ["B", 2], ["A", 3], ["B", 3], ["A", 4], ["B", 9]], 2, {"cutoff": 4, "n_a": 2, "n_b": 2, "mean_a": 2.0, "mean_b": 2.5}),
        ([["A", 1], ["A", 2], ["B", 2]], 2, {"status": "collecting", "cutoff": None, "n_a": 2, "n_b": 1}),
    ]:
        case("lock_cutoff", {"events": events, "n_planned": n, "alpha": 0.05}, expected, "counted by hand")
    mp.mp.dps = 40


def assigned(salt, unit, purpose="variant", buckets=10000):
    message = b"".join(len(p.encode()).to_bytes(4, "big") + p.encode() for p in (purpose, salt, unit))
    return int.from_bytes(hashlib.sha256(message).digest()[:8], "big") * buckets >> 64


def assignment():
    assert hashlib.sha256(b"abc").hexdigest().startswith("ba7816bf8f01cfea")  # FIPS 180-4
    for salt, unit, purpose, buckets in [("ab", "c", "variant", 10000), ("a", "bc", "variant", 10000), ("s", "Zoë 😀", "exposure", 10000),
                                         ("s", " ", "variant", 10000), ("", "u", "variant", 7), ("s", "0", "variant", 1), ("s", "\x00", "variant", 1000000)]:
        case("assign_bucket", {"salt": salt, "unit": unit, "purpose": purpose, "buckets": buckets}, {"bucket": assigned(salt, unit, purpose, buckets)},
             "hashlib.sha256", 0, 0)
    for weights, counts in [([0.2, 0.7, 0.1], [2000, 7000, 1000]), ([1, 0, 1], [5000, 0, 5000]), ([1] * 7, [1429] * 4 + [1428] * 3), ([3], [10000])]:
        case("bucket_counts", {"weights": weights, "total": 10000}, {"counts": counts}, "largest remainder, by hand", 0, 0)
    for old, new in [([5000, 3000, 2000], [3000, 3000, 4000]), ([5000, 5000], [5000, 5000]), ([4000, 3000, 3000], [2000, 3000, 2000, 3000]), ([0, 10000], [10000, 0])]:
        moved, runs = reweight(old, new)
        case("reweight", {"old_counts": old, "new_counts": new}, {"moved": moved, "table_runs": runs}, "bucket by bucket, in Python", 0, 0)


def reweight(old, new):
    table = [v for v, n in enumerate(old) for _ in range(n)]
    k = max(len(old), len(new))
    old, new = (x + [0] * (k - len(x)) for x in (old, new))
    freed = sorted(b for v in range(k) for b in [i for i, t in enumerate(table) if t == v][::-1][:max(0, old[v] - new[v])])
    moved = len(freed)
    for v in range(k):
        for _ in range(max(0, new[v] - old[v])):
            table[freed.pop(0)] = v
    return moved, [[v, len(list(run))] for v, run in itertools.groupby(table)]


def drifting():
    g = Lcg(17)
    truth = g.unit(12, 2)
    def runs(n, shift=0.0):
        return [[min(1.0, max(0.0, round(t - shift + 0.1 * (g.u() - 0.5), 3))) for t in truth] for _ in range(n)]
    for later, note in [(runs(10), "quiet"), (runs(3) + runs(9, 0.08), "all items fall by 0.08 after three runs")]:
        base = runs(10)
        expected = detector(base + later, 10)
        case("drift_esr", {"runs": base + later, "baseline_runs": 10, "floor": 0.0025, "clip": 3.5, "alarm_level": 365}, expected,
             f"the formulas of statistics (h) by {SCIPY}: t.cdf, norm.ppf; {note}", 1e-6, 1e-7)
    series = [[0, 50], [1, 50], [4, 50], [6, 50], [9, 50]]
    s, m, alarm = [0.0, 0.0], [], None
    for t, (f, n) in enumerate(series, 1):
        s = [(v + 1) * k**f * ((1 - k * 0.02) / 0.98) ** (n - f) for v, k in zip(s, (2, 5))]
        m.append(sum(s) / 2)
        alarm = alarm or (t if m[-1] >= 365 else None)
    case("drift_bernoulli", {"failures_per_run": series, "p0": 0.02, "multipliers": [2, 5], "alarm_level": 365}, {"m": m, "alarm_run": alarm}, "plain arithmetic")


def detector(runs, baseline):
    x, us, vs, ms, alarm = np.array(runs), [], [], [], None
    means, spreads, mean_bets, item_bets = [], [], [0.0] * 6, [0.0] * 3
    def u_of(earlier, value):
        n = len(earlier)
        t = (value - np.mean(earlier)) / (max(np.std(earlier, ddof=1), 0.0025) * math.sqrt(1 + 1 / n))
        u = -stats.norm.ppf(stats.t.sf(t, n - 1)) if t > 0 else stats.norm.ppf(stats.t.cdf(t, n - 1))
        return float(np.clip(u, -3.5, 3.5))
    for t, row in enumerate(x):
        y = row.mean()
        v = math.sqrt(np.mean((row - x[:t].mean(axis=0)) ** 2) / (1 + 1 / t)) if t else None
        if t >= baseline:
            u, w = u_of(means, y), u_of(spreads, v)
            mean_bets = [(m + 1) * math.exp(b * u - b * b / 2) for m, b in zip(mean_bets, (-2, -1, -0.5, 0.5, 1, 2))]
            item_bets = [(m + 1) * math.exp(b * w - b * b / 2) for m, b in zip(item_bets, (0.5, 1, 2))]
            m = np.mean(mean_bets) / 2 + np.mean(item_bets) / 2
            us.append(u)
            vs.append(w)
            ms.append(m)
            alarm = alarm or (t + 1 if m >= 365 else None)
        means.append(y)
        if t:
            spreads.append(v)
    return {"u_mean": us, "u_items": vs, "m": ms, "alarm_run": alarm}


def verdicts():
    facts = {"margin": 0.2, "n_planned": 500, "n_a": 500, "n_b": 505, "srm_p": 0.4, "missing_share": 0.0, "judge_changed": False}
    rows = [
        ((0.01, 0.1), {}, "b_better_small"), ((0.01, 0.2), {}, "b_better"), ((-0.3, -0.05), {}, "b_worse"), ((-0.1, -0.05), {}, "b_worse_small"),
        ((-0.05, 0.08), {}, "no_meaningful_difference"), ((-0.2, 0.1), {}, "undecided"), ((0.0, 0.1), {}, "no_meaningful_difference"),
        ((0.1, 0.3), {"srm_p": 0.0009, "judge_changed": True}, "invalid_srm"), ((0.1, 0.3), {"judge_changed": True, "n_a": 1}, "invalid_judge_changed"),
        ((0.1, 0.3), {"missing_share": 0.05}, "b_better"), ((0.1, 0.3), {"missing_share": 0.051, "n_b": 499}, "collecting"),
    ]
    for (low, high), changed, code in rows:
        case("verdict", {**facts, **changed, "ci_low": low, "ci_high": high}, {"verdict": code}, "the table of statistics, section 2, read by hand", 0, 0)


def edges():
    wrong = [
        ("welch", {"a": [], "b": [1, 2], "alpha": 0.05}, "insufficient_data"), ("welch", {"a": [1, 2], "b": [1, 2], "alpha": 1.5}, "invalid_input"),
        ("paired_t", {"a": [1], "b": [2], "alpha": 0.05}, "insufficient_data"), ("n_paired", {"delta": 0.1, "sd_diff": 0, "alpha": 0.05, "power": 0.8}, "invalid_input"),
        ("n_two_sample", {"delta": 0.1, "sd": 1, "alpha": 0.05, "power": 0.04}, "invalid_input"), ("holm", {"p": ["nan"], "alpha": 0.05}, "invalid_input"),
        ("n_stratified", {"delta": 0.1, "strata": [{"weight": 0.5, "sd": 1}], "alpha": 0.05, "power": 0.8}, "invalid_input"),
        ("betting_cs", {"x": [1.2], "alpha": 0.05, "n_tune": 10}, "invalid_input"), ("betting_cs", {"x": [0.2], "alpha": 0.5, "n_tune": 10}, "invalid_input"),
        ("betting_cs", {"x": [0.2], "alpha": 0.05, "n_tune": 0.5}, "invalid_input"), ("srm_chi2", {"counts": [1, 2], "weights": [1, -1]}, "invalid_input"),
        ("srm_chi2", {"counts": [0, 0], "weights": [1, 1]}, "insufficient_data"), ("kappa", {"human": [1, 9], "judge": [1, 1], "labels": [1, 2], "weights": "none"}, "invalid_input"),
        ("rogan_gladen", {"observed_rate": 0.5, "n": 10, "true_pos": 1, "positives": 10, "true_neg": 1, "negatives": 10}, "invalid_input"),
        ("assign_bucket", {"salt": "s", "unit": ""}, "invalid_input"), ("bucket_counts", {"weights": [0, 0]}, "invalid_input"),
        ("reweight", {"old_counts": [10], "new_counts": [9]}, "invalid_input"), ("lock_cutoff", {"events": [["A", 1]], "n_planned": 0, "alpha": 0.05}, "invalid_input"),
        ("lock_cutoff", {"events": [["C", 1]], "n_planned": 1, "alpha": 0.05}, "invalid_input"), ("drift_esr", {"runs": [[0.5, 1.5]]}, "invalid_input"),
        ("wilson", {"k": 3, "n": 2}, "invalid_input"), ("wilson", {"k": -1, "n": 2}, "invalid_input"), ("quantile", {"x": [1, "inf"], "q": 0.5}, "invalid_input"),
        ("ks_two_sample", {"a": [], "b": [1]}, "insufficient_data"), ("post_stratified", {"a": [["x", 1], ["x", 2]], "b": [["y", 1], ["y", 2]], "alpha": 0.05}, "insufficient_data"),
    ]
    for procedure, inputs, status in wrong:
        case("edge", {"procedure": procedure, **inputs}, {"status": status}, "statistics, section 0", 0, 0)


def main():
    for part in (distributions, means, rates, planning, several, splits, agreement, live, looking, assignment, drifting, verdicts, edges):
        part()
    head = {
        "format": 1, "count": len(CASES), "made_by": "tests/reference/stats_cases.py",
        "rule": "pass if |got-expected| <= abs + rel*|expected|; strings, integers, booleans and null exactly; 'inf'/'-inf' as strings",
    }
    lines = ",\n".join(json.dumps(c, sort_keys=True, ensure_ascii=False) for c in CASES)
    sys.stdout.write(json.dumps(head)[:-1] + ', "cases": [\n' + lines + "\n]}\n")


main()
