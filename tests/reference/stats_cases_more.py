#!/usr/bin/env python3
"""Makes stats_cases_more.json: reference cases for every kind, extremes included, without any code of the library.

    python3 -m venv venv
    venv/bin/pip install mpmath==1.4.1 scipy==1.17.1 statsmodels==0.15.0 scikit-learn==1.9.1 numpy==2.4.6 pandas==3.1.1
    venv/bin/python tests/reference/stats_cases_more.py --write         # the same bytes every time
    venv/bin/python tests/reference/stats_cases_more.py --check-public  # the model against the 163 public cases

Expected values come from stats_independent.py: the formulas of statistics.md at 50 digits, from the exact doubles.
Where a library has the procedure, the case is held against it before it is written down; the source names it. Published
figures are asserted to the printed digits. `--check-public` proves that the model reads the inputs of every kind as the
public file does; `--check FILE` holds it against any file of cases.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import mpmath as mp
import numpy as np
import scipy
import sklearn
import statsmodels
import statsmodels.api as sm
from scipy import stats
from sklearn.metrics import cohen_kappa_score
from stats_independent import generated, lcg, model
from statsmodels.stats import contingency_tables, multitest, power, proportion

Json = Any
Fields = dict[str, Any]
HERE = Path(__file__).parent
OUT, PUBLIC = HERE / "stats_cases_more.json", HERE / "stats_cases_public.json"
SCIPY, MODELS, SKLEARN = (
    f"scipy {scipy.__version__}",
    f"statsmodels {statsmodels.__version__}",
    f"sklearn {sklearn.__version__}",
)
NUMPY, MPMATH = f"numpy {np.__version__}", f"mpmath {mp.__version__}, 50 digits"
CASES: list[Fields] = []

TOLERANCES = {
    **dict.fromkeys(("t_cdf", "chi2_sf", "holm", "bh"), (1e-9, 0.0)),
    **dict.fromkeys(("norm_cdf", "norm_ppf"), (1e-10, 0.0)),
    **dict.fromkeys(("power_two_sample", "power_paired", "n_two_sample", "n_paired"), (1e-8, 1e-9)),
    **dict.fromkeys(("betting_cs", "betting_stop", "ab_anytime", "gate_mean_bounded", "srm_sequential"), (1e-9, 1e-9)),
    **dict.fromkeys(("assign_bucket", "bucket_counts", "reweight", "verdict", "plan_n", "edge"), (0, 0)),
    "nct_cdf": (1e-8, 1e-10),
    "mde_two_sample": (1e-8, 1e-12),
    "ks_two_sample": (1e-8, 1e-12),
    "drift_esr": (1e-8, 1e-9),
    "quantile": (1e-12, 1e-15),
    "gate_attempt_alpha": (1e-12, 0.0),
}


def add(
    kind: str,
    inputs: Fields,
    note: str = "",
    printed: Fields | None = None,
    tol: tuple[float, float] | None = None,
    fields: str = "",
) -> None:
    """Writes one case down, after every check there is for it. `printed`: a field's published figure and decimals."""
    expected = model(kind, inputs)
    for name, (figure, decimals) in (printed or {}).items():
        assert abs(expected[name] - figure) <= 0.5000001 * 10.0**-decimals, (kind, note, name, expected[name], figure)
    checked = LIBRARY[kind](inputs, expected) if kind in LIBRARY else None
    source = "; ".join(part for part in (note, MPMATH, checked and f"{checked} agrees") if part)
    record(kind, inputs, {name: expected[name] for name in fields.split() or expected}, source, tol)


def record(kind: str, inputs: Fields, expected: Fields, source: str, tol: tuple[float, float] | None = None) -> None:
    number = 1 + sum(c["kind"] == kind for c in CASES)
    rel, abs_ = tol or TOLERANCES.get(kind, (1e-9, 1e-12))
    CASES.append(
        {
            "id": f"more-{kind}-{number:03d}",
            "kind": kind,
            "inputs": inputs,
            "expected": expected,
            "tolerance": {"rel": rel, "abs": abs_},
            "source": source,
        }
    )


def near(ours: float, theirs: float, rel: float = 1e-7, abs_: float = 1e-12) -> None:
    assert abs(ours - float(theirs)) <= abs_ + rel * abs(ours), (ours, theirs)


# ------------------------------------------------------------------------------------ checks against libraries


def values(x: Json) -> list[float]:
    return generated(x) if isinstance(x, dict) else x


def check_welch(i: Fields, e: Fields) -> str | None:
    a, b = values(i["a"]), values(i["b"])
    # On large numbers scipy's moments lose digits: nothing to be held against.
    if max(map(abs, a + b)) > 1e6:
        return None
    r = stats.ttest_ind(b, a, equal_var=False)
    near(e["t"], r.statistic)
    near(e["p"], r.pvalue, 1e-6, 0)
    near(e["df"], r.df)
    return f"{SCIPY} ttest_ind"


def check_summary(i: Fields, e: Fields) -> str:
    r = stats.ttest_ind_from_stats(i["mean_b"], i["sd_b"], i["n_b"], i["mean_a"], i["sd_a"], i["n_a"], equal_var=False)
    near(e["p"], r.pvalue, 1e-7, 0)
    return f"{SCIPY} ttest_ind_from_stats"


def check_paired(i: Fields, e: Fields) -> str | None:
    a, b = values(i["a"]), values(i["b"])
    if max(map(abs, a + b)) > 1e6:
        return None
    r = stats.ttest_rel(b, a)
    near(e["t"], r.statistic)
    near(e["p"], r.pvalue, 1e-6, 0)
    return f"{SCIPY} ttest_rel"


def check_cluster(i: Fields, e: Fields) -> str | None:
    if i["method"] != "cr1":
        return None
    codes = np.unique([str(c) for c in i["cluster"]], return_inverse=True)[1]
    fit = sm.OLS(i["d"], np.ones(len(i["d"]))).fit(cov_type="cluster", cov_kwds={"groups": codes}, use_t=True)
    near(e["se"], fit.bse[0])
    near(e["p"], fit.pvalues[0])
    return f"{MODELS} OLS with clustered errors"


def check_t(i: Fields, e: Fields) -> str | None:
    theirs = stats.t.sf(i["t"], i["df"])
    if theirs < 1e-290 or abs(i["t"]) < 1e-6:
        return None
    near(e["sf"], theirs, 1e-7, 0)
    return f"{SCIPY} t.sf"


def check_quantile(i: Fields, e: Fields) -> str:
    if i["p"] < 1e-100:
        # scipy 1.17.1 gives half of it: t.sf of its own answer is 8e-200 instead of 1e-200.
        near(i["p"], stats.t.cdf(e["x"], i["df"]), 1e-9, 0)
        return f"{SCIPY} t.cdf of the result (t.ppf is wrong by a factor of 2 here)"
    near(e["x"], stats.t.ppf(i["p"], i["df"]))
    return f"{SCIPY} t.ppf"


def check_tail(function: Callable[[Fields], float], field: str, name: str) -> Callable[[Fields, Fields], str]:
    def check(i: Fields, e: Fields) -> str:
        near(e[field], function(i), 1e-7, 1e-14)
        return f"{SCIPY} {name}"

    return check


def check_interval(method: str, name: str) -> Callable[[Fields, Fields], str]:
    def check(i: Fields, e: Fields) -> str:
        alpha = (1 - i["conf"]) * 2 / i.get("sides", 2)
        low, high = proportion.proportion_confint(i["k"], i["n"], alpha, method)
        near(e["low"], low, 1e-5, 1e-9)
        near(e["high"], high, 1e-5, 1e-9)
        return f"{MODELS} proportion_confint('{name}')"

    return check


def check_newcombe(i: Fields, e: Fields) -> str:
    found = proportion.confint_proportions_2indep(
        i["k_b"], i["n_b"], i["k_a"], i["n_a"], method="newcomb", compare="diff", alpha=1 - i["conf"]
    )
    near(e["low"], found[0], 1e-8)
    near(e["high"], found[1], 1e-8)
    return f"{MODELS} confint_proportions_2indep('newcomb')"


def check_mcnemar(i: Fields, e: Fields) -> str | None:
    if i["only_a"] + i["only_b"] == 0:
        return None
    table = [[0, i["only_a"]], [i["only_b"], i["n"] - i["only_a"] - i["only_b"]]]
    near(e["p_exact"], contingency_tables.mcnemar(table, exact=True).pvalue)
    return f"{MODELS} mcnemar(exact=True)"


def check_rate_gate(i: Fields, e: Fields) -> str:
    k, n, alpha = i["successes"], i["n"], i["alpha"]
    near(e["bound_low"], stats.beta.ppf(alpha, k, n - k + 1) if k else 0.0, 1e-8)
    near(e["bound_high"], stats.beta.isf(alpha, k + 1, n - k) if k < n else 1.0, 1e-8)
    return f"{SCIPY} beta.ppf"


def side(i: Fields) -> str:
    return "two-sided" if i.get("sides", 2) == 2 else "larger"


def check_power(i: Fields, e: Fields) -> str | None:
    if i["sd_a"] != i["sd_b"]:
        return None
    found = power.TTestIndPower().power(
        i["delta"] / i["sd_a"], i["n_a"], i["alpha"], i["n_b"] / i["n_a"], alternative=side(i)
    )
    near(e["power"], found, 1e-6)
    return f"{MODELS} TTestIndPower"


def check_power_paired(i: Fields, e: Fields) -> str:
    near(e["power"], power.TTestPower().power(i["delta"] / i["sd_diff"], i["n"], i["alpha"], alternative=side(i)), 1e-6)
    return f"{MODELS} TTestPower"


def check_n(i: Fields, e: Fields) -> str | None:
    if "sd" not in i:
        return None
    r, effect = i.get("ratio_b_to_a", 1), i["delta"] / i["sd"]
    at = [
        power.TTestIndPower().power(effect, n, i["alpha"], math.ceil(r * n) / n, alternative=side(i))
        for n in (e["n_a"] - 1, e["n_a"])
    ]
    assert at[0] < i["power"] <= at[1] + 1e-9, (i, at)
    return f"{MODELS} TTestIndPower at n and n - 1"


def check_n_paired(i: Fields, e: Fields) -> str:
    at = [
        power.TTestPower().power(i["delta"] / i["sd_diff"], n, i["alpha"], alternative=side(i))
        for n in (e["n"] - 1, e["n"])
    ]
    assert at[0] < i["power"] <= at[1] + 1e-9, (i, at)
    return f"{MODELS} TTestPower at n and n - 1"


def check_several(method: str) -> Callable[[Fields, Fields], str | None]:
    def check(i: Fields, e: Fields) -> str | None:
        if not i["p"]:
            return None
        reject, adjusted = multitest.multipletests(i["p"], i["alpha"], method)[:2]
        assert list(map(bool, reject)) == e["reject"]
        for ours, theirs in zip(e["adjusted"], adjusted):
            near(ours, theirs, 1e-12, 0)
        return f"{MODELS} multipletests('{method}')"

    return check


def check_srm(i: Fields, e: Fields) -> str:
    arms = [(n, w) for n, w in zip(i["counts"], i["weights"]) if w > 0]
    n, share = sum(c for c, _ in arms), np.array([w for _, w in arms]) / sum(w for _, w in arms)
    near(e["chi2"], stats.chisquare([c for c, _ in arms], n * share).statistic, 1e-9)
    if min(n * share) >= 5:
        near(e["p"], stats.chisquare([c for c, _ in arms], n * share).pvalue, 1e-8, 0)
        return f"{SCIPY} chisquare"
    if len(arms) == 2:
        near(e["p"], stats.binomtest(arms[0][0], n, share[0]).pvalue, 1e-8, 0)
        return f"{SCIPY} binomtest"
    return f"{SCIPY} chisquare (statistic; p by whole enumeration)"


def check_ks(i: Fields, e: Fields) -> str:
    r = stats.ks_2samp(values(i["a"]), values(i["b"]), method="exact")
    near(e["d"], r.statistic)
    near(e["p_exact"], r.pvalue, 1e-7)
    return f"{SCIPY} ks_2samp(method='exact')"


def check_kappa(i: Fields, e: Fields) -> str:
    weights = None if i["weights"] == "none" else i["weights"]
    near(e["kappa"], cohen_kappa_score(i["human"], i["judge"], labels=i["labels"], weights=weights), 1e-9)
    return f"{SKLEARN} cohen_kappa_score"


def check_cuped(i: Fields, e: Fields) -> str | None:
    if None in i["x_a"] + i["x_b"]:
        return None
    arm = [0.0] * len(i["y_a"]) + [1.0] * len(i["y_b"])
    x = np.array(i["x_a"] + i["x_b"])
    fit = sm.OLS(i["y_a"] + i["y_b"], np.column_stack([np.ones(len(arm)), arm, x - x.mean()])).fit()
    near(e["theta"], fit.params[2], 1e-6)
    near(e["diff"], fit.params[1], 1e-6)
    return f"{MODELS} OLS (ANCOVA: theta and difference)"


LIBRARY: dict[str, Callable[[Fields, Fields], str | None]] = {
    "welch": check_welch,
    "welch_summary": check_summary,
    "paired_t": check_paired,
    "paired_cluster": check_cluster,
    "t_cdf": check_t,
    "t_ppf": check_quantile,
    "norm_cdf": check_tail(lambda i: stats.norm.sf(i["z"]), "sf", "norm.sf"),
    "norm_ppf": check_tail(lambda i: stats.norm.ppf(i["p"]), "x", "norm.ppf"),
    "chi2_sf": check_tail(lambda i: stats.chi2.sf(i["x"], i["df"]), "sf", "chi2.sf"),
    "nct_cdf": check_tail(lambda i: stats.nct.cdf(i["t"], i["df"], i["nc"]), "cdf", "nct.cdf"),
    "wilson": check_interval("wilson", "wilson"),
    "clopper_pearson": check_interval("beta", "beta"),
    "newcombe_diff": check_newcombe,
    "paired_rates": check_mcnemar,
    "gate_rate": check_rate_gate,
    "power_two_sample": check_power,
    "power_paired": check_power_paired,
    "n_two_sample": check_n,
    "n_paired": check_n_paired,
    "holm": check_several("holm"),
    "bh": check_several("fdr_bh"),
    "srm_chi2": check_srm,
    "ks_two_sample": check_ks,
    "kappa": check_kappa,
    "cuped": check_cuped,
    "quantile": lambda i, e: near(e["value"], np.quantile(values(i["x"]), i["q"]), 1e-12) or f"{NUMPY} quantile",
}


# ------------------------------------------------------------------------------------------------ inputs


class Random:
    """Lists of short decimals from the documented generator."""

    def __init__(self, seed: int) -> None:
        self.u = iter(lcg(seed))

    def unit(self, n: int, low: float = 0.0, high: float = 1.0) -> list[float]:
        return [round(low + (high - low) * next(self.u), 3) for _ in range(n)]

    def rubric(self, n: int, labels: Sequence[Json] = (1.0, 2.0, 3.0, 4.0, 5.0)) -> list[Json]:
        return [labels[int(next(self.u) * len(labels))] for _ in range(n)]

    def bell(self, n: int, mean: float = 0.0, sd: float = 1.0) -> list[float]:
        return [round(mean + sd * (sum(next(self.u) for _ in range(12)) - 6.0), 3) for _ in range(n)]


def gen(name: str, seed: int, n: int, **more: Json) -> Fields:
    return {"gen": name, "seed": seed, "n": n, **more}


RUBRIC = [0.05, 0.13, 0.3, 0.65, 1.0]
SLEEP = ([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0], [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])
PLANTS = (
    [4.17, 5.58, 5.18, 6.11, 4.50, 4.61, 5.17, 4.53, 5.33, 5.14],
    [6.31, 5.12, 5.54, 5.50, 5.37, 5.29, 4.92, 6.15, 5.80, 5.26],
)
SELFED = [17.375, 20.375, 20, 20, 18.375, 18.625, 18.625, 15.25, 16.5, 18, 16.25, 18, 12.75, 15.5, 18]
CROSSED = [23.5, 12, 21, 22, 19.125, 21.5, 22.125, 20.375, 18.25, 21.625, 23.25, 21, 22.125, 23, 12]
MICHELSON = """
850 740 900 1070 930 850 950 980 980 880 1000 980 930 650 760 810 1000 1000 960 960 960 940 960 940 880 800 850 880
900 840 830 790 810 880 880 830 800 790 760 800 880 880 880 860 720 720 620 860 970 950 880 910 850 870 840 840 850
840 840 840 890 810 810 820 800 770 760 740 750 760 910 920 890 860 880 720 840 850 850 780 890 840 780 810 760 810
790 810 820 850 870 870 810 740 810 940 950 800 810 870
"""


# ------------------------------------------------------------------------------------------------- the cases


def distributions() -> None:
    for t, df in [
        (1e-12, 2),
        (3.0, 0.1),
        (0.001, 1e6),
        (1.0, 1),
        (6.0, 6.0),
        (35.0, 1e5),
        (1e40, 5),
        (-1e66, 3),
        (2.5, 1e8),
    ]:
        add("t_cdf", {"t": t, "df": df}, "extremes of t and of the degrees of freedom")
    tables = [
        (0.95, 1, 6.314, 3),
        (0.975, 2, 4.303, 3),
        (0.995, 5, 4.032, 3),
        (0.9995, 10, 4.587, 3),
        (0.975, 60, 2.000, 3),
    ]
    for p, df, figure, decimals in tables:
        add("t_ppf", {"p": p, "df": df}, f"Student's t table prints {figure}", {"x": (figure, decimals)})
    for p, df in [(1e-200, 3), (1e-15, 1), (0.4999, 0.5), (0.001, 4e5)]:
        add("t_ppf", {"p": p, "df": df}, "far tails and odd degrees of freedom", tol=(1e-8, 0.0))
    for z in (-37.5, -30.0, 1e-9, 0.5, 2.575829303548901, 6.0):
        add("norm_cdf", {"z": z}, "both tails")
    for p in (1e-200, 1e-20, 0.005, 0.5, 0.9, 0.975):
        add("norm_ppf", {"p": p}, "both tails", tol=(1e-10, 1e-14))
    for x, df, figure in [
        (3.841, 1, 0.05),
        (5.991, 2, 0.05),
        (11.070, 5, 0.05),
        (16.812, 6, 0.01),
        (124.342, 100, 0.05),
    ]:
        add("chi2_sf", {"x": x, "df": df}, f"chi-squared table: {figure} beyond {x}", {"sf": (figure, 4)})
    for x, df in [(900.0, 4), (1e-8, 1), (1e5, 1e5), (1300.0, 1000)]:
        add("chi2_sf", {"x": x, "df": df}, "far tails and large df")
    for t, df, nc in [
        (0.5, 2, -1.0),
        (-5.0, 3, -4.0),
        (2.0, 30, 2.8),
        (1.96, 20000, 2.8),
        (10.0, 8, 8.0),
        (1.0, 1, 0.0),
    ]:
        add("nct_cdf", {"t": t, "df": df, "nc": nc}, "integral over the scale")


def certified() -> None:
    """NIST StRD, univariate summary statistics: the certified mean and standard deviation."""
    light = [299 + int(v) / 1000 for v in MICHELSON.split()]
    sets = {
        "NumAcc1": ([10000001.0, 10000003.0, 10000002.0], 10000002.0, 1.0, 1e-15),
        "NumAcc2": ([1.2] + [1.1, 1.3] * 500, 1.2, 0.1, 1e-14),
        "NumAcc3": ([1000000.2] + [1000000.1, 1000000.3] * 500, 1000000.2, 0.1, 1e-8),
        "NumAcc4": ([10000000.2] + [10000000.1, 10000000.3] * 500, 10000000.2, 0.1, 1e-7),
        "Michelso": (light, 299.8524, 0.0790105478190518, 1e-11),
    }
    for name, (x, mean, sd, rel) in sets.items():
        e = model("welch", {"a": x, "b": [x[0], x[1]], "alpha": 0.05})
        near(e["mean_a"], mean, 1e-15)
        near(e["sd_a"], sd, rel, 0)
        add(
            "welch",
            {"a": x, "b": [x[0], x[1]], "alpha": 0.05},
            f"NIST StRD {name}: certified mean {mean}, sd {sd} of the decimals; digits of the doubles",
        )


def two_arms() -> None:
    add(
        "welch",
        {"a": SLEEP[0], "b": SLEEP[1], "alpha": 0.01},
        "Student (1908), sleep",
        {"t": (1.8608, 4), "df": (17.776, 3)},
    )
    add(
        "welch",
        {"a": PLANTS[0], "b": PLANTS[1], "alpha": 0.05},
        "R, PlantGrowth: control and treatment 2",
        {"t": (2.134, 3), "df": (16.786, 3), "p": (0.0479, 4)},
    )
    g = Random(101)
    near_billion = [[1e9 + k * 2.0**-22 for k in steps] for steps in ([0, 1, 2, 3, 5, 8], [2, 3, 5, 7, 11])]
    arms: list[tuple[Json, Json, float, str]] = [
        ([1.0, 2.0], [4.0, 4.5], 0.05, "n = 2 in both arms"),
        ([3.0] * 9, [3.0, 4.0, 5.0, 4.0], 0.1, "one arm is constant: df of the other"),
        ([0.0] * 30 + [1.0], [1.0], 0.05, ""),
        ([0.0] * 99 + [1.0], [0.0] * 40 + [1.0] * 3, 0.05, "rare 0/1 scores"),
        (near_billion[0], near_billion[1], 0.05, "1e9 with steps of 2^-22"),
        ([1e-60, 3e-60, 2e-60], [4e-60, 5e-60, 7e-60], 0.05, "tiny scores"),
        ([1e60, 2e60, 4e60], [3e60, 3e60, 5e60], 0.05, "huge scores"),
        (g.bell(40, 0.0, 0.001), g.bell(35, 1.0, 0.001), 0.05, "far tail"),
        (
            gen("likert", 201, 5000, cum=RUBRIC),
            gen("likert", 202, 700, cum=[0.04, 0.11, 0.26, 0.6, 1.0]),
            0.01,
            "unequal n",
        ),
        (gen("bernoulli", 203, 3000, p=0.02), gen("bernoulli", 204, 3000, p=0.03), 0.05, "rates as scores"),
    ]
    for a, b, alpha, note in arms:
        if len(b) > 1:
            far = "1e9" in note or "tiny" in note or "far" in note
            add("welch", {"a": a, "b": b, "alpha": alpha}, note, tol=(1e-9, 0.0) if far else None)
    for s in [(2, 1.0, 0.1, 2, 1.2, 0.2), (1000000, 0.5, 0.5, 1000000, 0.502, 0.5), (30, 4.0, 0.0, 25, 4.1, 0.6)]:
        names = ("n_a", "mean_a", "sd_a", "n_b", "mean_b", "sd_b")
        add("welch_summary", {**dict(zip(names, s)), "alpha": 0.02})


def pairs() -> None:
    add(
        "paired_t",
        {"a": SLEEP[0], "b": SLEEP[1], "alpha": 0.05},
        "Student (1908), sleep as pairs",
        {"t": (4.0621, 4), "p": (0.002833, 6), "diff": (1.58, 2)},
    )
    add(
        "paired_t",
        {"a": SELFED, "b": CROSSED, "alpha": 0.05},
        "Darwin's maize in Fisher (1935): t = 2.148",
        {"t": (2.148, 3)},
    )
    shifted = [[1e9 + k / 1024 for k in steps] for steps in ([0, 3, 1, 7, 5], [1, 5, 1, 9, 9])]
    add("paired_t", {"a": shifted[0], "b": shifted[1], "alpha": 0.1}, "1e9 with steps of 1/1024", tol=(1e-9, 0.0))
    add(
        "paired_t",
        {"a": gen("irwin", 211, 4000, mean=0.7, sd=0.2), "b": gen("irwin", 212, 4000, mean=0.8, sd=0.2), "alpha": 0.05},
        "many pairs, far tail",
        tol=(1e-9, 0.0),
    )
    repeats = [
        [[4.0, None, 5.0], [1.0], [2.0, 3.0], [None], [5.0, 5.0]],
        [[4.0], [2.0, 2.0, 1.0], [3.0], [4.0], [None, 4.0]],
    ]
    add(
        "paired_repeats",
        {"a": repeats[0], "b": repeats[1], "alpha": 0.05},
        "an item without a score on one side is missing",
    )
    add("paired_repeats", {"a": [[1.0, 2.0], [3.0]], "b": [[2.0], [3.0, 5.0, 4.0]], "alpha": 0.2}, "two items")
    g = Random(103)
    for sizes, method, alpha in [
        ((1, 1, 1, 9), "cr2", 0.05),
        ((5, 5, 5), "cr2", 0.01),
        ((2, 3, 4, 5, 6), "cr1", 0.05),
        ((1, 15), "cr2", 0.05),
        (tuple(range(1, 11)), "cr2", 0.1),
    ]:
        cluster = [f"doc{k}" for k, n in enumerate(sizes) for _ in range(n)]
        add(
            "paired_cluster",
            {"d": g.bell(len(cluster), 0.2), "cluster": cluster, "method": method, "alpha": alpha},
            f"clusters of {sizes}, {method}: the definition as matrices",
        )


def rates() -> None:
    for k, n, conf in [(1, 1, 0.95), (0, 1, 0.9), (500000, 1000000, 0.999), (29, 30, 0.8), (15, 148, 0.95)]:
        add(
            "wilson",
            {"k": k, "n": n, "conf": conf},
            printed={"low": (0.0624, 4), "high": (0.1605, 4)} if n == 148 else None,
            note="Newcombe (1998a), 15/148: 0.0624 to 0.1605" if n == 148 else "",
        )
    for k, n, conf, sides in [
        (0, 1, 0.95, 2),
        (30, 30, 0.99, 1),
        (1, 2, 0.95, 2),
        (8, 10, 0.9, 1),
        (250, 500, 0.95, 2),
    ]:
        add("clopper_pearson", {"k": k, "n": n, "conf": conf, "sides": sides})
    add(
        "clopper_pearson",
        {"k": 81, "n": 263, "conf": 0.95, "sides": 2},
        "Newcombe (1998a), 81/263: 0.2527 to 0.3676",
        {"low": (0.2527, 4), "high": (0.3676, 4)},
    )


def two_rates() -> None:
    published = [(56, 70, 48, 80, 0.0524, 0.3339), (9, 10, 3, 10, 0.1705, 0.8090), (5, 56, 0, 29, -0.0381, 0.1926)]
    for kb, nb, ka, na, low, high in published:
        add(
            "newcombe_diff",
            {"k_a": ka, "n_a": na, "k_b": kb, "n_b": nb, "conf": 0.95},
            f"Newcombe (1998b), method 10, {kb}/{nb} and {ka}/{na}",
            {"low": (low, 4), "high": (high, 4)},
        )
    for ka, na, kb, nb, conf in [(0, 1, 1, 1, 0.95), (20, 20, 50, 50, 0.9), (3, 100000, 9, 100000, 0.99)]:
        add("newcombe_diff", {"k_a": ka, "n_a": na, "k_b": kb, "n_b": nb, "conf": conf})
    for n, b, c, conf in [
        (20, 0, 0, 0.95),
        (20, 5, 5, 0.9),
        (1600, 150, 86, 0.95),
        (5, 0, 5, 0.99),
        (3000, 400, 700, 0.95),
    ]:
        add(
            "paired_rates",
            {"n": n, "only_a": b, "only_b": c, "conf": conf},
            "Agresti: approval of the prime minister, 150 and 86 of 1600" if n == 1600 else "exact fractions",
            tol=(1e-9, 0.0),
        )
    for threshold, failures, conf in [
        (0.95, 0, 0.95),
        (0.9, 3, 0.9),
        (0.99, 2, 0.95),
        (0.5, 1, 0.99),
        (0.98, 10, 0.95),
    ]:
        add(
            "n_zero_failures",
            {"threshold": threshold, "failures": failures, "conf": conf},
            "the smallest n of the binomial tail",
        )


def gates() -> None:
    for k, n, threshold, direction, mode, alpha in [
        (298, 300, 0.99, "at_least", "bound", 0.05),
        (299, 299, 0.99, "at_least", "bound", 0.05),
        (0, 200, 0.02, "at_most", "bound", 0.05),
        (20, 200, 0.02, "at_most", "bound", 0.01),
        (10, 50, 0.9, "at_least", "bound", 0.1),
        (5, 200, 0.02, "at_most", "point", 0.05),
    ]:
        add(
            "gate_rate",
            {"successes": k, "n": n, "threshold": threshold, "direction": direction, "alpha": alpha, "mode": mode},
        )
    g = Random(107)
    old, new = g.rubric(30), g.rubric(30)
    for more in ({"tol_abs": 0.2}, {"tol_abs": 2.0}, {"tol_rel": 0.1}, {"tol_abs": 0.0, "mode": "point"}):
        inputs = {"old": old, "new": new, "alpha": 0.05, "mode": "bound", **more}
        add("gate_mean_paired", inputs)
        add("gate_mean_unpaired", {**inputs, "new": new[:17], "alpha": 0.1})
    worse = [max(1.0, v - 1.0) for v in old]
    add(
        "gate_mean_paired",
        {"old": old, "new": worse, "alpha": 0.05, "mode": "bound", "tol_abs": 0.2},
        "a point worse: fail",
    )
    spiked = [0.0] * 20 + [-4.0] + [0.0] * 19
    mixed = [round(v - 0.5, 1) for v in g.unit(60)]
    for d, bound, tol in [
        (spiked, "auto", 0.3),
        (spiked, "t", 0.3),
        (mixed, "auto", 0.2),
        (mixed, "betting", 1.0),
        ([-2.0, -3.0, -4.0, -1.0] * 15, "betting", 0.5),
    ]:
        add(
            "gate_mean_bounded",
            {"differences": d, "score_min": 1, "score_max": 5, "tol_abs": tol, "alpha": 0.05, "bound": bound},
        )
    for c, n, spread, tol in [(0.0, 59, 4.0, 0.2), (0.0, 58, 4.0, 0.2), (0.5, 20, 1.0, 0.0), (0.0, 1000, 10.0, 0.1)]:
        add(
            "gate_zero_variance",
            {"common_difference": c, "n": n, "score_range": spread, "tol_abs": tol, "alpha": 0.05},
            "statistics (e): 59 unchanged items support 0.20, 58 do not" if spread == 4.0 else "",
        )
    for alpha, attempt in [(0.05, 3), (0.1, 20), (0.01, 1), (0.05, 1000)]:
        add("gate_attempt_alpha", {"alpha": alpha, "attempt": attempt})


def planning() -> None:
    two = [
        (0.5, 1.0, 1.0, 64, 64, 0.05, 2),
        (0.3, 1.0, 2.0, 50, 100, 0.01, 2),
        (0.0, 1.0, 1.0, 30, 30, 0.05, 2),
        (1.0, 1.0, 1.0, 3, 2, 0.2, 1),
        (0.1, 1.0, 1.0, 4000, 4000, 0.05, 1),
    ]
    for delta, sa, sb, na, nb, alpha, sides in two:
        add(
            "power_two_sample",
            {"delta": delta, "sd_a": sa, "sd_b": sb, "n_a": na, "n_b": nb, "alpha": alpha, "sides": sides},
        )
    for delta, sd, n, alpha, sides in [(0.5, 1.0, 34, 0.05, 2), (0.1, 0.5, 400, 0.01, 1), (3.0, 1.0, 3, 0.05, 2)]:
        add("power_paired", {"delta": delta, "sd_diff": sd, "n": n, "alpha": alpha, "sides": sides})


def sample_sizes() -> None:
    for d, n in [(0.5, 64), (0.8, 26)]:
        add(
            "n_two_sample",
            {"delta": d, "sd": 1.0, "alpha": 0.05, "power": 0.8, "ratio_b_to_a": 1, "sides": 2},
            f"Cohen (1988, 1992), d = {d}: {n} in each group",
            {"n_a": (n, 0)},
        )
    for delta, alpha, target, r, sides in [
        (0.5, 0.05, 0.9, 2, 2),
        (0.4, 0.01, 0.8, 0.5, 2),
        (0.25, 0.1, 0.95, 1.5, 1),
        (3.0, 0.05, 0.8, 1, 2),
    ]:
        add(
            "n_two_sample",
            {"delta": delta, "sd": 1.0, "alpha": alpha, "power": target, "ratio_b_to_a": r, "sides": sides},
        )
    for d, n in [(0.2, 199), (0.5, 34), (0.8, 15)]:
        add(
            "n_paired",
            {"delta": d, "sd_diff": 1.0, "alpha": 0.05, "power": 0.8, "sides": 2},
            f"G*Power, matched pairs, dz = {d}: {n}",
            {"n": (n, 0)},
        )
    add(
        "n_paired",
        {"delta": 0.2, "sd_diff": 0.6, "alpha": 0.05, "power": 0.9, "sides": 1},
        "table of statistics (c): 79",
        {"n": (79, 0)},
    )


def plans() -> None:
    for n, sd, alpha, target in [(5000, 1.13, 0.05, 0.8), (10, 1.0, 0.05, 0.9), (2, 1.0, 0.1, 0.8)]:
        add("mde_two_sample", {"n_per_arm": n, "sd": sd, "alpha": alpha, "power": target})
    for effect, floor, target in [(0.3, 500, 0.8), (0.3, 0, 0.8), (0.2, 100, 0.9)]:
        add("plan_n", {"min_effect": effect, "sd": 1.13, "alpha": 0.05, "power": target, "floor": floor})
    strata = [[(0.2, 0.4), (0.5, 0.8), (0.3, 1.2)], [(1.0, 1.13)], [(0.9, 0.3), (0.1, 2.0)]]
    for parts in strata:
        add(
            "n_stratified",
            {
                "delta": 0.2,
                "strata": [{"weight": w, "sd": s} for w, s in parts],
                "alpha": 0.05,
                "power": 0.8,
                "allocation": "proportional",
            },
        )
    for m, cv, icc in [(1.0, 0.0, 0.5), (10.0, 1.2, 0.02), (4.0, 0.0, 1.0)]:
        add(
            "n_clustered",
            {
                "delta": 0.2,
                "sd": 1.0,
                "mean_cluster_size": m,
                "cv_cluster_size": cv,
                "icc": icc,
                "alpha": 0.05,
                "power": 0.9,
            },
            "Eldridge (2006)",
        )
    for k, n, calls in [(1, 230, 230), (3, 99, 297), (10, 53, 530)]:
        add(
            "n_repeats",
            {"delta": 0.2, "var_item_change": 0.16, "var_within": 0.5, "repeats": k, "alpha": 0.05, "power": 0.8},
            "example of statistics (c)",
            {"n_items": (n, 0), "calls_per_version": (calls, 0)},
        )


def several() -> None:
    bh = [
        0.0001,
        0.0004,
        0.0019,
        0.0095,
        0.0201,
        0.0278,
        0.0298,
        0.0344,
        0.0459,
        0.3240,
        0.4262,
        0.5719,
        0.6528,
        0.7590,
        1.0,
    ]
    lists = [
        (bh, 0.05),
        ([0.01, 0.04, 0.03, 0.005], 0.05),
        ([1e-310, 1e-200, 1.0, 0.0], 0.01),
        ([0.5], 0.1),
        ([], 0.05),
        (Random(109).unit(40), 0.2),
    ]
    for p, alpha in lists:
        for kind, claims in (("holm", 3), ("bh", 4)):
            note = f"Benjamini and Hochberg (1995), 15 p-values: {claims} claims" if p is bh else ""
            assert p is not bh or sum(model(kind, {"p": p, "alpha": alpha})["reject"]) == claims
            # A subnormal p has fewer digits than a double.
            add(kind, {"p": p, "alpha": alpha}, note, tol=(1e-9, 1e-320))


def splits() -> None:
    add(
        "srm_chi2",
        {"counts": [315, 108, 101, 32], "weights": [9, 3, 3, 1]},
        "Mendel's peas in Pearson's test: 0.470 with 3 df",
        {"chi2": (0.470, 3)},
        fields="chi2 df p mismatch",
    )
    for counts, weights in [
        ([5200, 4800], [1, 1]),
        ([900, 1000, 1100], [1, 1, 1]),
        ([1000, 0, 1010], [1, 0, 1]),
        ([7, 3], [1, 1]),
        ([100, 90, 110, 95, 105], [1, 1, 1, 1, 1]),
        ([500000, 0], [1, 1]),
    ]:
        add("srm_chi2", {"counts": counts, "weights": weights}, fields="chi2 df p mismatch")
    for counts, weights in [
        ([9, 0], [1, 1]),
        ([4, 0], [1, 3]),
        ([0, 4, 6], [1, 1, 1]),
        ([1, 2, 9], [0.5, 0.25, 0.25]),
        ([3, 8], [1, 9]),
    ]:
        add(
            "srm_chi2",
            {"counts": counts, "weights": weights},
            "an expected count below 5: exact, outcomes at most as likely",
            fields="p mismatch",
        )
    for periods, weights, c in [
        ([[10, 12]] * 6, [1, 1], 1000),
        ([[50, 50], [40, 60], [30, 70], [55, 45]], [1, 1], 50),
        ([[3, 3, 4, 0], [0, 2, 3, 5]], [1, 1, 1, 2], 10),
        ([[46000, 50000]], [1, 1], 1000),
    ]:
        add(
            "srm_sequential", {"counts_per_period": periods, "weights": weights, "concentration": c}, "Lindon and Malek"
        )


def quantiles() -> None:
    g = Random(113)
    x, ties = g.bell(53), g.rubric(45)
    for values_, q in [
        (x, 0.25),
        (ties, 0.9),
        ([7.5], 0.3),
        ([1e9, 1e9 + 1, 1e9 + 4], 0.6),
        (gen("irwin", 221, 5000, mean=3.0, sd=1.0), 0.1),
    ]:
        add("quantile", {"x": values_, "q": q})
    for values_, q, conf in [
        (ties, 0.1, 0.9),
        (x, 0.9, 0.99),
        (g.unit(35), 0.1, 0.95),
        (g.unit(36), 0.1, 0.95),
        (x[:5], 0.5, 0.95),
        (gen("likert", 222, 3000, cum=RUBRIC), 0.5, 0.95),
    ]:
        add("quantile_ci", {"x": values_, "q": q, "conf": conf}, "order statistics by the binomial")
    for a, b, q, conf in [
        (x, g.bell(61, 0.5), 0.5, 0.9),
        (g.unit(120), g.unit(90), 0.1, 0.95),
        (ties, g.rubric(60), 0.5, 0.95),
    ]:
        add("quantile_diff", {"a": a, "b": b, "q": q, "conf": conf}, "MOVER")
    for a, b in [
        (ties, g.rubric(13)),
        (x, g.bell(29, 0.8)),
        ([1.0], [2.0]),
        (g.unit(11), g.unit(7)),
        ([1.0, 2.0], [3.0] * 40),
        (g.unit(60), [v + 2.0 for v in g.unit(60)]),
    ]:
        add("ks_two_sample", {"a": a, "b": b}, "lattice paths, counted in whole numbers")


def live() -> None:
    g = Random(127)
    for n, m in [(2, 2), (12, 30), (40, 25)]:
        users = [[g.rubric(1 + int(next(g.u) * 5)) for _ in range(k)] for k in (n, m)]
        for kind in ("unit_means", "ratio_metric"):
            if n > 2 or kind == "ratio_metric":
                add(kind, {"users_a": users[0], "users_b": users[1], "alpha": 0.05})
    add(
        "unit_means",
        {"users_a": [[1.0], [2.0, 4.0]], "users_b": [[5.0, 5.0, 4.0], [3.0]], "alpha": 0.1},
        "two users in each arm",
    )
    for names, n, m, weights in [("abc", 40, 30, None), ("ab", 25, 60, {"a": 0.7, "b": 0.3}), ("pqrst", 80, 90, None)]:
        arms = [[[name, v] for name, v in zip(itertools.cycle(names), g.rubric(k))] for k in (n, m)]
        extra = {} if weights is None else {"weights": weights}
        add(
            "post_stratified",
            {"a": arms[0], "b": arms[1], "alpha": 0.05, **extra},
            "weights of the plan" if weights else "",
        )
    for n, m, slope, offset in [(30, 30, 0.8, 0.0), (60, 35, -0.5, 0.0), (40, 40, 1e-3, 1.8e12)]:
        xs = [[v + offset for v in g.bell(k, 3.0)] for k in (n, m)]
        ys = [[round(slope * (v - offset) + e, 3) for v, e in zip(x, g.bell(len(x), 3.0, 0.4))] for x in xs]
        add(
            "cuped",
            {"y_a": ys[0], "x_a": xs[0], "y_b": ys[1], "x_b": xs[1], "alpha": 0.05},
            "a covariate of 1.8e12, as timestamps are" if offset else "",
        )


def judges() -> None:
    table = [[106, 10, 4], [22, 28, 10], [2, 12, 6]]
    rated = [(a, b) for a, b in itertools.product(range(3), range(3)) for _ in range(table[a][b])]
    for weights in ("none", "linear", "quadratic"):
        note = (
            "Fleiss, Cohen and Everitt (1969), n = 200: kappa 0.429"
            if weights == "none"
            else "the same ratings, weighted"
        )
        add(
            "kappa",
            {"human": [a for a, _ in rated], "judge": [b for _, b in rated], "labels": [0, 1, 2], "weights": weights},
            note,
            {"kappa": (0.429, 3)} if weights == "none" else None,
        )
    g = Random(131)
    for k, n, weights in [(2, 60, "none"), (4, 90, "linear"), (5, 40, "quadratic"), (7, 150, "quadratic")]:
        labels = list(range(1, k + 1))
        human = g.rubric(n, labels)
        judge = [h if next(g.u) < 0.6 else min(k, h + 1) for h in human]
        add("kappa", {"human": human, "judge": judge, "labels": labels, "weights": weights})
    for n, big, noise, conf in [(20, 50, 0.5, 0.95), (40, 20, 0.2, 0.9), (30, 90, 3.0, 0.99)]:
        human = g.rubric(n)
        judge = [round(h + noise * (next(g.u) - 0.3), 2) for h in human]
        add("ppi_mean", {"human": human, "judge_on_human": judge, "judge_unlabelled": g.rubric(big), "conf": conf})
    human = g.rubric(15)
    against = [6.0 - h for h in human]
    add(
        "ppi_mean",
        {"human": human, "judge_on_human": against, "judge_unlabelled": g.rubric(40), "conf": 0.95},
        "lambda is cut at 0",
    )
    for rate, n, tp, p, tn, neg, conf in [
        (0.4, 1000, 90, 100, 160, 200, 0.95),
        (0.25, 80, 30, 30, 50, 50, 0.9),
        (0.95, 300, 96, 100, 19, 20, 0.95),
    ]:
        add(
            "rogan_gladen",
            {
                "observed_rate": rate,
                "n": n,
                "true_pos": tp,
                "positives": p,
                "true_neg": tn,
                "negatives": neg,
                "conf": conf,
            },
            "delta method",
        )


def looking() -> None:
    g = Random(137)
    binary = [1.0 if u < 0.8 else 0.0 for u in g.unit(60)]
    for x, n_tune, alpha, c in [
        (binary, 40, 0.05, 0.5),
        ([0.0] * 30, 30, 0.05, 0.5),
        ([0.5] * 40, 60, 0.1, 0.5),
        (g.unit(25), 1, 0.01, 0.9),
        ([0.3], 10, 0.05, 0.5),
        (gen("bernoulli", 231, 400, p=0.02), 300, 0.05, 0.5),
    ]:
        inputs = {"x": x, "alpha": alpha, "n_tune": n_tune, "truncation": c}
        add("betting_cs", inputs, "Waudby-Smith and Ramdas (2024), by bisection")
        add("empbern_cs", {"x": x, "alpha": alpha, "truncation": c}, "Waudby-Smith and Ramdas (2024), theorem 2")


def stopping() -> None:
    g = Random(149)
    binary = [1.0 if u < 0.8 else 0.0 for u in g.unit(60)]
    for x, m, n_tune in [(binary, 0.5, 45), (binary, 0.8, 45), (g.unit(80, 0.0, 0.6), 0.5, 60)]:
        add("betting_stop", {"x": x, "m": m, "alpha": 0.05, "n_tune": n_tune, "truncation": 0.5})
    for n, shift, weights in [(120, 1.0, None), (100, 0.0, None), (150, -1.0, [2, 1])]:
        arms = g.rubric(n, "AB")
        scores = [min(5.0, max(1.0, v + (shift if arm == "B" else 0.0))) for arm, v in zip(arms, g.rubric(n))]
        extra = {} if weights is None else {"weights": weights}
        add(
            "ab_anytime",
            {
                "events": [list(e) for e in zip(arms, scores)],
                "score_min": 1,
                "score_max": 5,
                "alpha": 0.05,
                "n_tune": 50,
                **extra,
            },
        )
        if weights is None:
            add("lock_cutoff", {"events": [list(e) for e in zip(arms, scores)], "n_planned": 30, "alpha": 0.05})
    add(
        "lock_cutoff",
        {"events": [["A", 1.0], ["B", 2.0], ["B", 3.0]], "n_planned": 2, "alpha": 0.05},
        "B is there, A is not",
    )
    for na, nb, d, var, alpha in [
        (200, 300, 50.0, 90000.0, 0.05),
        (100, 100, 3.0, 1.0, 0.01),
        (5000, 5000, 0.0, 2.0, 0.05),
    ]:
        add(
            "asymptotic_cs",
            {
                "n_a": na,
                "mean_a": 800.0,
                "var_a": var,
                "n_b": nb,
                "mean_b": 800.0 + d,
                "var_b": 2 * var,
                "alpha": alpha,
                "n_tune": 1000,
            },
            "Waudby-Smith et al. (2021), equations 9, 155, 161",
            tol=(1e-9, 0.0),
        )


def drifting() -> None:
    g = Random(139)
    truth = g.unit(10, 0.25, 0.75)

    def runs(n: int, shift: float = 0.0, noise: float = 0.1) -> list[list[float]]:
        return [[round(t - shift + noise * (next(g.u) - 0.5), 3) for t in truth] for _ in range(n)]

    still = [truth] * 10
    for series, base, level, note in [
        (runs(18), 10, 365, "quiet"),
        (runs(13) + runs(8, 0.1), 10, 365, "a drop"),
        (runs(12) + runs(6, -0.08), 8, 100, "a rise"),
        (still + runs(6, 0.0, 0.01), 10, 365, "an unmoving baseline: the floor holds"),
        (runs(7) + runs(6, 0.0, 0.4), 5, 1000, "items spread"),
    ]:
        add(
            "drift_esr",
            {"runs": series, "baseline_runs": base, "floor": 0.0025, "clip": 3.5, "alarm_level": level},
            note,
        )
    for series, p0, multipliers in [
        ([[0, 20]] * 15, 0.02, [2, 5, 10]),
        ([[0, 30], [2, 30], [3, 28], [6, 30]], 0.01, [2, 5]),
        ([[5, 5], [0, 5]], 0.1, [2]),
    ]:
        add("drift_bernoulli", {"failures_per_run": series, "p0": p0, "multipliers": multipliers, "alarm_level": 365})


def assignment() -> None:
    units = ["0", "1", "user-000001", "Zoë", "Zoe\u0308", "用户", "😀", " u", "u ", "a\nb", "x" * 1000]
    for k, unit in enumerate(units):
        salt, purpose, buckets = ("exp", "exp-é", "")[k % 3], ("variant", "exposure")[k % 2], (10000, 100, 2)[k % 3]
        record(
            "assign_bucket",
            inputs := {"salt": salt, "unit": unit, "purpose": purpose, "buckets": buckets},
            model("assign_bucket", inputs),
            "hashlib.sha256 (FIPS 180-4) over length-prefixed UTF-8",
        )
    for weights, total in [
        ([1, 2, 3], 10000),
        ([0.1, 0.2, 0.3, 0.4], 10000),
        ([1] * 6, 100),
        ([99, 1, 0], 10000),
        ([1, 1, 1, 1], 10),
        ([1e-9, 1], 10000),
    ]:
        record(
            "bucket_counts",
            inputs := {"weights": weights, "total": total},
            model("bucket_counts", inputs),
            "largest remainder in exact fractions, ties to the lower index",
        )
    for old, new in [
        ([6000, 4000], [4000, 6000]),
        ([5000, 5000], [3334, 3333, 3333]),
        ([2500] * 4, [1000, 2000, 3000, 4000]),
        ([2000] * 5, [4000, 0, 3000, 0, 3000]),
        ([1, 9999], [9999, 1]),
    ]:
        record(
            "reweight", inputs := {"old_counts": old, "new_counts": new}, model("reweight", inputs), "bucket by bucket"
        )


def verdicts() -> None:
    facts = {
        "margin": 0.1,
        "n_planned": 300,
        "n_a": 300,
        "n_b": 300,
        "srm_p": 0.5,
        "missing_share": 0.01,
        "judge_changed": False,
    }
    rows: list[tuple[float, float, Fields, str]] = [
        (0.02, 0.1, {}, "b_better"),
        (0.02, 0.0999, {}, "b_better_small"),
        (-0.1, -0.02, {}, "b_worse"),
        (-0.0999, -0.02, {}, "b_worse_small"),
        (-0.1, 0.05, {}, "undecided"),
        (-0.05, 0.1, {}, "undecided"),
        (-0.09, 0.09, {}, "no_meaningful_difference"),
        (0.0, 0.3, {}, "undecided"),
        (-0.3, 0.0, {}, "undecided"),
        (0.1, 0.3, {"srm_p": 0.001}, "b_better"),
        (0.1, 0.3, {"srm_p": 0.0, "n_a": 0}, "invalid_srm"),
        (0.1, 0.3, {"judge_changed": True, "missing_share": 0.9}, "invalid_judge_changed"),
        (0.1, 0.3, {"missing_share": 0.0501}, "invalid_missing"),
        (0.1, 0.3, {"n_b": 299, "missing_share": 0.2}, "collecting"),
    ]
    for low, high, changed, code in rows:
        inputs = {**facts, **changed, "ci_low": low, "ci_high": high}
        assert model("verdict", inputs) == {"verdict": code}
        record("verdict", inputs, {"verdict": code}, "statistics.md, section 2, the table read by hand")


def edges() -> None:
    arm, plan = {"a": [1.0, 2.0], "alpha": 0.05}, {"delta": 0.2, "sd": 1.0, "alpha": 0.05, "power": 0.8}
    bets = {"alpha": 0.05, "n_tune": 10, "truncation": 0.5}
    rows: list[tuple[str, Fields, str]] = [
        ("welch", {**arm, "b": []}, "insufficient_data"),
        ("welch", {**arm, "b": ["-inf", 1.0]}, "invalid_input"),
        ("welch", {"a": [3.0] * 4, "b": [3.0] * 2, "alpha": 0.05}, "zero_variance"),
        ("welch", {**arm, "b": [5.0, 5.0]}, "ok"),
        ("paired_t", {**arm, "b": [2.0, 3.0]}, "zero_variance"),
        ("paired_t", {"a": [1.0], "b": [3.0], "alpha": 0.05}, "insufficient_data"),
        ("paired_t", {**arm, "b": [1.0, "nan"]}, "invalid_input"),
        (
            "paired_cluster",
            {"d": [1.0, 2.0, 4.0], "cluster": ["a"] * 3, "method": "cr2", "alpha": 0.05},
            "insufficient_data",
        ),
        ("unit_means", {"users_a": [[1.0, 2.0]], "users_b": [[3.0], [4.0]], "alpha": 0.05}, "insufficient_data"),
        ("clopper_pearson", {"k": 11, "n": 10, "conf": 0.95, "sides": 2}, "invalid_input"),
        ("newcombe_diff", {"k_a": 3, "n_a": 2, "k_b": 1, "n_b": 2, "conf": 0.95}, "invalid_input"),
        ("quantile", {"x": [1.0, 2.0], "q": 1.5}, "invalid_input"),
        ("quantile", {"x": [1.0, 2.0], "q": -0.1}, "invalid_input"),
        ("n_two_sample", {**plan, "sd": 0.0}, "invalid_input"),
        ("n_two_sample", {**plan, "power": 1.0}, "invalid_input"),
        ("n_two_sample", {**plan, "sd": -1.0}, "invalid_input"),
        ("bh", {"p": [0.1, "nan"], "alpha": 0.05}, "invalid_input"),
        ("n_paired", {"delta": 0.0, "sd_diff": 1.0, "alpha": 0.05, "power": 0.8}, "invalid_input"),
        ("betting_cs", {**bets, "x": [0.5, -0.1]}, "invalid_input"),
        ("betting_cs", {**bets, "x": [0.5], "alpha": 0.0}, "invalid_input"),
        (
            "rogan_gladen",
            {
                "observed_rate": 0.3,
                "n": 50,
                "true_pos": 5,
                "positives": 10,
                "true_neg": 5,
                "negatives": 10,
                "conf": 0.95,
            },
            "invalid_input",
        ),
        ("assign_bucket", {"salt": "s", "unit": "", "purpose": "exposure", "buckets": 10000}, "invalid_input"),
    ]
    for procedure, inputs, status in rows:
        record(
            "edge",
            {"procedure": procedure, **inputs},
            {"status": status},
            "statistics.md, section 0 and the section's own rules, by hand",
        )


# ------------------------------------------------------------------------------------------------ the command


def agrees(got: Json, want: Json, rel: float, abs_: float) -> bool:
    """The public file's rule."""
    if isinstance(want, list):
        return (
            isinstance(got, list) and len(got) == len(want) and all(agrees(g, w, rel, abs_) for g, w in zip(got, want))
        )
    if isinstance(want, dict):
        return (
            isinstance(got, dict)
            and got.keys() == want.keys()
            and all(agrees(got[k], want[k], rel, abs_) for k in want)
        )
    if isinstance(want, float):
        return isinstance(got, (int, float)) and abs(got - want) <= abs_ + rel * abs(want)
    return type(got) is type(want) and got == want


def check(path: Path) -> bool:
    """Holds the model against every case of a file."""
    wrong, cases = [], json.loads(path.read_text())["cases"]
    for case in cases:
        tol = case["tolerance"]
        try:
            got = model(case["kind"], case["inputs"])
        except (ArithmeticError, ValueError) as e:
            got = {"status": f"the model does not judge it: {e!r}"}
        wrong += [
            f"{case['id']}.{name}: {got.get(name)} is not {want}"
            for name, want in case["expected"].items()
            if name not in got or not agrees(got[name], want, tol["rel"], tol["abs"])
        ]
    print("\n".join([*wrong, f"{path.name}: {len(cases)} cases, {len(wrong)} fields disagree"]))
    return not wrong


def text() -> str:
    """The whole file."""
    CASES.clear()
    # scipy warns of arms that are constant; it still agrees there.
    warnings.simplefilter("ignore", RuntimeWarning)
    for part in (
        distributions,
        certified,
        two_arms,
        pairs,
        rates,
        two_rates,
        gates,
        planning,
        sample_sizes,
        plans,
        several,
        splits,
        quantiles,
        live,
        judges,
        looking,
        stopping,
        drifting,
        assignment,
        verdicts,
        edges,
    ):
        part()
    public = json.loads(PUBLIC.read_text())
    head = {
        "format": 1,
        "made_by": "tests/reference/stats_cases_more.py",
        "rule": public["rule"],
        "generators": public["generators"],
        "count": len(CASES),
    }
    lines = ",\n".join(json.dumps(case, sort_keys=True, ensure_ascii=False, allow_nan=False) for case in CASES)
    return json.dumps(head)[:-1] + ', "cases": [\n' + lines + "\n]}\n"


def main() -> int:
    parser = argparse.ArgumentParser(description="Reference cases of our own.")
    parser.add_argument("--check-public", action="store_true", help="hold the model against stats_cases_public.json")
    parser.add_argument("--check", type=Path, metavar="FILE", help="hold the model against another file of cases")
    parser.add_argument("--write", action="store_true", help="write stats_cases_more.json; without it, compare with it")
    options = parser.parse_args()
    if options.check_public:
        return 0 if check(PUBLIC) else 1
    if options.check:
        return 0 if check(options.check) else 1
    made = text()
    if options.write:
        OUT.write_text(made)
    same = OUT.read_text() == made
    print(f"{OUT.name}: {len(CASES)} cases, {'as written' if same else 'DIFFERENT'}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
