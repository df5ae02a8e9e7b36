"""Experiments on traffic: what is planned, who gets what, and what came of it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from ._results import LabelMove, OfStore, Result, _record

if TYPE_CHECKING:
    pass


@_record
class Variant(Result):
    """One variant: the version that its units get, and its share of them at the start."""

    name: str
    version: int
    version_id: str
    weight: float


@_record
class Plan(Result):
    """What was planned before anything was seen. It never changes.

    Attributes:
        control: the position of the variant that the others are compared with.
        min_effect: the smallest difference worth finding, in the metric's unit.
        sd: the standard deviation of the units' scores; `sd_source` says whether it was `given`, comes from earlier
            `traces`, or is a `guess`.
        n_power: units per variant that the power analysis asks for; `n_planned` is what is planned (pairs, in mode
            `anytime`), and `mde` the difference that so many see.
    """

    _shown: ClassVar[tuple[str, ...]] = ("metric", "n_planned", "min_effect", "alpha", "power", "mode", "analysis")

    experiment: str
    prompt: str
    variants: list[Variant]
    control: int
    metric: str
    source: str | None
    direction: str
    range: list[float] | None
    boolean: bool
    min_effect: float
    alpha: float
    power: float
    sd: float
    sd_source: str
    r2: float
    n_power: int
    n_planned: int
    mde: float
    mode: str
    analysis: str
    covariate: str
    strata: list[str]
    stratum_weights: dict[str, float] | None
    unit_score: str
    guardrails: list[dict[str, Any]]
    layer: str | None
    sticky: bool
    harm_guard: bool
    grace_hours: float
    salt: str
    description: str | None
    warnings: list[str]
    sentence: str


@_record
class Epoch(Result):
    """A span in which the weights did not change.

    Attributes:
        table: (variant, how many of the 10,000 buckets), from bucket 0 on.
    """

    since: datetime
    weights: list[float]
    table: list[list[int]]


@_record
class ExperimentInfo(Result):
    """An experiment: its plan, and where it stands.

    Attributes:
        state: `registered`, `running`, `stopped` or `concluded`.
        coverage: the share of all units that takes part now.
        epochs: spans of equal weights; the last one counts now.
        winner: the variant that won, once it is concluded and one did.
    """

    _shown: ClassVar[tuple[str, ...]] = ("name", "state", "plan", "coverage", "winner")

    name: str
    state: str
    plan: Plan
    plan_id: str
    registered_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    reason: str | None
    coverage: float
    epochs: list[Epoch]
    result_id: str | None
    winner: str | None


@_record
class ArmResult(Result):
    """One variant: its units, how many have a score, what its calls took and cost."""

    variant: str
    version: int
    units: int
    scored: int
    missing: int
    in_two_arms: int
    latency_ms_p50: float | None
    cost_usd_mean: float | None


@_record
class SplitResult(Result):
    """Whether units were split as planned.

    Attributes:
        mismatch: p below 0.001: the split is broken, and there is no verdict.
        warning: the sequential test, at which anybody may look every day, says so already.
    """

    expected: list[float]
    seen: list[int]
    p_value: float | None
    mismatch: bool
    log_bf: float | None
    warning: bool
    p_value_scored: float | None


@_record
class StratumResult(Result):
    """A stratum of a comparison. Not a verdict: look here for what to test next."""

    strata: list[str]
    weight: float
    n_a: int
    n_b: int
    mean_a: float | None
    mean_b: float | None
    diff: float | None


@_record
class QuantileResult(Result):
    """A quantile of the units' scores in both arms, and the 95 % interval of its difference."""

    q: float
    a: float | None
    b: float | None
    diff: float | None
    ci_low: float | None
    ci_high: float | None


@_record
class ComparisonResult(Result):
    """One variant (B) against the control (A).

    Attributes:
        analysis: `plain`, `stratified`, `cuped`; `epochs` where weights were changed on the way.
        diff: B minus A, adjusted as the plan says, with its interval `ci_low` to `ci_high`.
        p_holm: corrected for the number of variants.
    """

    _shown: ClassVar[tuple[str, ...]] = ("variant", "control", "verdict", "diff", "ci_low", "ci_high", "p_value")

    variant: str
    control: str
    status: str
    analysis: str
    n_a: int
    n_b: int
    mean_a: float | None
    mean_b: float | None
    sd_a: float | None
    sd_b: float | None
    diff: float | None
    se: float | None
    df: float | None
    t: float | None
    p_value: float | None
    p_holm: float | None
    ci_low: float | None
    ci_high: float | None
    relative: float | None
    variance_explained: float | None
    quantiles: list[QuantileResult]
    strata: list[StratumResult]
    verdict: str
    sentence: str


@_record
class AnytimeResult(Result):
    """The confidence sequence, at which anybody may look at any time."""

    status: str
    pairs: int
    stopped_at: int | None
    diff: float | None
    low: float | None
    high: float | None
    p_value: float | None
    approximate: bool


@_record
class HarmResult(Result):
    """Whether the harm guard stopped a variant."""

    variant: str
    pairs: int
    stopped_at: int | None
    alpha: float


@_record
class GuardrailResult(Result):
    """A guardrail of the variant that is better: `pass`, `fail` or `cannot-tell`."""

    metric: str
    direction: str
    tolerance: float
    relative: bool
    outcome: str
    n_a: int
    n_b: int
    mean_a: float | None
    mean_b: float | None
    lower: float | None
    upper: float | None
    sentence: str


@_record
class ExperimentResult(Result):
    """What an experiment says now. As long as it is closed there are counts and the split, and no differences.

    Attributes:
        verdict: `collecting`, `invalid_srm`, `invalid_judge_changed`, `invalid_missing`, `b_better`,
            `b_better_small`, `b_worse`, `b_worse_small`, `no_meaningful_difference` or `undecided`.
        is_final: whether that is the last word.
        winner: the variant that won: better, and within every guardrail.
        comparisons: each variant against the control; empty while the result is closed.
    """

    _shown: ClassVar[tuple[str, ...]] = ("experiment", "state", "verdict", "is_final", "winner", "sentence")

    experiment: str
    state: str
    plan_id: str
    mode: str
    analysis: str
    metric: str
    direction: str
    min_effect: float
    n_planned: int
    verdict: str
    is_final: bool
    sentence: str
    winner: str | None
    stopped_by: str | None
    cutoff: int | None
    window_end: datetime | None
    arms: list[ArmResult]
    missing_share: float
    split: SplitResult
    judge_changed: datetime | None
    comparisons: list[ComparisonResult]
    anytime: AnytimeResult | None
    harm: list[HarmResult]
    guardrails: list[GuardrailResult]
    strays: int
    warnings: list[str]
    data_hash: str | None

    def __str__(self) -> str:
        return self.sentence


@_record
class Conclusion(Result):
    """An experiment at its end, and the move of the label if there was one."""

    experiment: ExperimentInfo
    result: ExperimentResult
    promoted: LabelMove | None


class Assignment(str):
    """The variant that a unit gets. It is the variant's name, and the empty text if the unit takes no part.

    Attributes:
        variant: the name, or None.
        version: the number of the version to call, or None.
        takes_part: whether the unit takes part. If not, give it what everybody gets.
        bucket: the unit's bucket among the variants, 0 to 9,999.
        why: why it takes no part: `not-started`, `ended`, `coverage`, `layer`.
    """

    experiment: str
    unit: str
    takes_part: bool
    variant: str | None
    version: int | None
    bucket: int
    why: str | None
    _data: dict[str, Any]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Assignment:
        """Reads it from the core's JSON."""
        assignment = cls(data["variant"] or "")
        assignment._data = dict(data)
        for name, value in data.items():
            setattr(assignment, name, value)
        return assignment

    def to_dict(self) -> dict[str, Any]:
        """It as the core's JSON has it."""
        return copy.deepcopy(self._data)

    def __reduce__(self) -> tuple[Any, ...]:
        return Assignment.from_dict, (self._data,)

    def __repr__(self) -> str:
        if not self.takes_part:
            return f"Assignment(unit={self.unit!r}, takes_part=False, why={self.why!r})"
        return f"Assignment(unit={self.unit!r}, variant={self.variant!r}, version={self.version})"


class Experiment(OfStore, ExperimentInfo):
    """An experiment: the facts of `ExperimentInfo`, and what runs it."""

    __slots__ = ("_store",)

    def __str__(self) -> str:
        return self.name

    def assign(self, unit: str) -> Assignment:
        """Which variant a unit gets: a pure function of the experiment and the unit. Nothing is written."""
        return Assignment.from_dict(self._store._call("assign", name=self.name, unit=unit))

    def expose(
        self,
        unit: str,
        *,
        stratum: str | None = None,
        covariate: float | None = None,
        durable: bool | None = None,
    ) -> Assignment:
        """Assigns a unit and enrols it. Logging a trace with `experiment` and `user` does the same.

        Args:
            stratum: difficulty or query type, set by something that has not seen the output.
            covariate: a number that says something of its score, known before it saw anything.
            durable: True waits until the exposure is durable.
        """
        from . import _exit

        if durable is not True:
            _exit.watch(self._store)
        given = {"stratum": stratum, "covariate": covariate, "durable": durable}
        return Assignment.from_dict(self._store._call("expose", name=self.name, unit=unit, **given))

    def start(self) -> Experiment:
        """Starts it, if it was only registered.

        Raises:
            RefusedError: `assignment-skewed` if its salt does not split the users that there are as the weights say.
        """
        return self._renew(self._store._call("experiment_start", name=self.name))

    def set_weights(self, weights: Mapping[str, float] | list[float]) -> float:
        """Changes the weights: only the units that must change their variant do, and exposed ones keep theirs.

        Returns:
            The share of all units that moved.
        """
        given = dict(weights) if isinstance(weights, Mapping) else list(weights)
        changed = self._store._call("experiment_weights", name=self.name, weights=given)
        self._renew(changed["experiment"])
        return float(changed["moved"])

    def set_coverage(self, coverage: float) -> Experiment:
        """Changes the share of all units that takes part. No unit changes its variant by that."""
        return self._renew(self._store._call("experiment_coverage", name=self.name, coverage=coverage))

    def result(self) -> ExperimentResult:
        """What it says now. Ask as often as you like: nothing that could tempt is shown before the cut-off."""
        return ExperimentResult.from_dict(self._store._call("experiment_result", name=self.name))

    def conclude(self, promote: str | None = None, *, reason: str | None = None) -> Conclusion:
        """Ends it with its verdict, in one transaction.

        Args:
            promote: the label to move to the winner, through its gate. Without a winner nothing moves.

        Raises:
            RefusedError: `experiment-not-decided` while it has no last word.
            GateRefused: `gate-refused`; the experiment goes on.
        """
        found = self._store._call("experiment_conclude", name=self.name, promote=promote, reason=reason)
        self._renew(found["experiment"])
        return Conclusion.from_dict(found)

    def stop(self, reason: str) -> Experiment:
        """Ends it without a verdict, for a reason that stays in the log."""
        return self._renew(self._store._call("experiment_stop", name=self.name, reason=reason))

    def refresh(self) -> Experiment:
        """Reads its facts again."""
        return self._renew(self._store._call("experiment", name=self.name))

    def _renew(self, data: Mapping[str, Any]) -> Experiment:
        fresh = ExperimentInfo.from_dict(data)
        object.__setattr__(self, "_data", fresh._data)
        for name in ("state", "started_at", "ended_at", "reason", "coverage", "epochs", "result_id", "winner"):
            object.__setattr__(self, name, getattr(fresh, name))
        return self


def variants(given: Any) -> Any:
    """The variants in the order in which they were given; the first one is the control."""
    if not isinstance(given, Mapping):
        return given
    from ._store import _version

    return [{"name": name, "version": _version(version)} for name, version in given.items()]
