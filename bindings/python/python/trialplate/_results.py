"""What verbs return: frozen records, read from the core's JSON by one reader.

`to_dict()` gives the core's JSON back. A member that this version of the package does not know yet is still
there: as an attribute, as `record["name"]` and in `to_dict()`.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import json
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, ClassVar, Union, get_args, get_origin, get_type_hints

from . import _html, _native

if TYPE_CHECKING:
    from typing_extensions import Self

    from ._store import Store


def moment(text: str) -> datetime:
    """An aware datetime in UTC from the core's RFC 3339 text."""
    # Before 3.11 `fromisoformat` knows no Z.
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(timezone.utc)


def plain(value: Any) -> Any:
    """What stands for an object in JSON; None if nothing does. What the native module calls."""
    if isinstance(value, Result):
        return value.to_dict()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if callable(dump := getattr(value, "model_dump", None)) and not isinstance(value, type):
        return dump(mode="json")
    if isinstance(value, Mapping):
        return dict(value)
    if callable(to_dict := getattr(value, "to_dict", None)) and type(value).__module__.startswith("trialplate"):
        return to_dict()
    # Scalars of NumPy and its kin, which are numbers to everyone but `isinstance`.
    if getattr(value, "shape", None) == () and callable(item := getattr(value, "item", None)):
        scalar = item()
        return scalar if isinstance(scalar, (bool, int, float, str)) else None
    return None


def members(value: Any) -> dict[str, Any]:
    """The values of a mapping, a dataclass or a model by their names. What `compile` calls."""
    found = value if isinstance(value, dict) else plain(value)
    if not isinstance(found, dict):
        from ._errors import InvalidError

        kind = type(value).__name__
        raise InvalidError(f"values are a mapping, a dataclass or a model, not {kind}", code="invalid-argument")
    return found


Reader = Callable[[Any], Any]


def _reader(hint: Any) -> Reader | None:
    """How a member of that type is read; None if JSON's own value is right."""
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        # A member that is null is never read, so what it is otherwise decides.
        return next(_reader(arg) for arg in get_args(hint) if arg is not type(None))
    if origin in (list, dict):
        inner = _reader(get_args(hint)[-1])
        if inner is None:
            return None
        if origin is list:
            return lambda values: [inner(value) for value in values]
        return lambda values: {name: inner(value) for name, value in values.items()}
    if hint is datetime:
        return moment
    if isinstance(hint, type) and issubclass(hint, Result):
        return hint.from_dict
    return None


@functools.cache
def _triples(cls: type[Any]) -> tuple[tuple[str, str, Reader | None], ...]:
    """As `_members`, with the names of the attributes: for the native half."""
    return tuple(
        (f.name, name, read)
        for f, (_, name, read) in zip(dataclasses.fields(cls), _members(cls), strict=True)  # type: ignore[arg-type]
    )


@functools.cache
def _members(cls: type[Any]) -> tuple[tuple[Callable[[Any, Any], None], str, Reader | None], ...]:
    """For each field: what sets it (a slot, past the frozen `__setattr__`), its JSON name, how it is read."""
    hints = get_type_hints(cls)
    return tuple(
        (getattr(cls, f.name).__set__, f.metadata.get("json", f.name), _reader(hints[f.name]))
        for f in dataclasses.fields(cls)
    )


class Result:
    """The base of the records."""

    __slots__ = ("_data",)
    _data: dict[str, Any]
    #: The fields that the repr shows; all of them if empty.
    _shown: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Reads a record from the core's JSON."""
        record = cls.__new__(cls)
        object.__setattr__(record, "_data", data)
        for put, name, read in _members(cls):  # type: ignore[arg-type]
            value = data.get(name)
            put(record, value if read is None or value is None else read(value))
        return record

    @classmethod
    def from_dicts(cls, data: list[dict[str, Any]]) -> list[Self]:
        """Reads records from a list of the core's JSON."""
        return _native.records(cls, _triples(cls), data)  # type: ignore[arg-type]

    def __post_init__(self) -> None:
        data = {f.metadata.get("json", f.name): getattr(self, f.name) for f in dataclasses.fields(self)}  # type: ignore[arg-type]
        object.__setattr__(self, "_data", data)

    def to_dict(self) -> dict[str, Any]:
        """The record as the core's JSON has it."""
        return copy.deepcopy(dict(self._data))

    def to_json(self) -> str:
        """The record as JSON text."""
        return json.dumps(self._data, ensure_ascii=False)

    def __getitem__(self, name: str) -> Any:
        """A member by its JSON name."""
        return self._data[name]

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            # Members whose names are Python's words ("from"), and those of a newer core.
            if not name.startswith("_") and name in self._data:
                return self._data[name]
            raise AttributeError(f"{type(self).__name__} has no {name!r}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Result) or type(other) is not type(self):
            return NotImplemented
        return self._data == other._data

    def __hash__(self) -> int:
        return hash(json.dumps(self._data, sort_keys=True, default=str))

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (type(self), self._data)

    def __repr__(self) -> str:
        names = self._shown or [f.name for f in dataclasses.fields(self)]  # type: ignore[arg-type]
        shown = (f"{name}={_html.short(getattr(self, name))}" for name in names)
        return f"{type(self).__name__}({', '.join(shown)})"


def _again(cls: type[Result], data: dict[str, Any]) -> Result:
    return cls.from_dict(data)


class OfStore(Result):
    """The base of the records that call their store: each names a slot `_store`."""

    __slots__ = ()
    if TYPE_CHECKING:
        _store: Store

    @classmethod
    def _of(cls, store: Store, data: Mapping[str, Any]) -> Self:
        record = cls.from_dict(data)
        object.__setattr__(record, "_store", store)
        return record

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self)._of, (self._store, self._data)


# `eq=False, repr=False`: the ones of Result stand.
_record = dataclass(frozen=True, slots=True, eq=False, repr=False)
if TYPE_CHECKING:
    _record = dataclass(frozen=True, eq=False, repr=False)


@_record
class LabelMove(Result):
    """One entry of a label's append-only history.

    Attributes:
        from_version: the version it pointed to before; None if it was not set.
        to_version: the version it points to since; None if it was taken off.
        verdict: the id of the verdict that the move rests on.
        rollback: whether it moved back to where it had been.
        override: whether it moved against its gate's verdict.
        auto: whether nobody asked for it: the version passed the gate of a label that moves by itself.
    """

    _shown = ("prompt", "label", "from_version", "to_version", "actor", "reason", "at")

    prompt: str
    label: str
    seq: int
    at: datetime
    actor: str | None
    from_version: int | None = field(metadata={"json": "from"})
    to_version: int | None = field(metadata={"json": "to"})
    reason: str | None
    verdict: str | None
    rollback: bool
    override: bool
    auto: bool

    @property
    def to(self) -> int | None:
        """The version it points to since."""
        return self.to_version


@_record
class ScorerRef(Result):
    """A scorer as a run knows it: its metric's name and the content id of its configuration."""

    name: str
    id: str


@_record
class Baseline(Result):
    """The version that holds the label, with which a candidate is compared."""

    version: int
    version_id: str


@_record
class DatasetRef(Result):
    """A dataset at the version whose items were judged."""

    dataset: str
    version: int
    root: str


@_record
class VerdictKey(Result):
    """What a verdict is about. If any of it changes, the verdict no longer applies."""

    prompt: str
    label: str
    version: int
    version_id: str
    gate: str
    datasets: list[DatasetRef]
    scorers: list[ScorerRef]
    baseline: Baseline | None


@_record
class ItemNote(Result):
    """An item that a check wants a person to look at, with its scores."""

    key: str
    baseline: float | None
    candidate: float | None


@_record
class Needed(Result):
    """What would settle a check that the data leave open: so many items, or trials of each, with this chance."""

    items: int
    chance: float | None = None
    trials: int | None = None


@_record
class CheckResult(Result):
    """What one check of a gate found.

    Attributes:
        allowed: how much worse it may be, in the metric's own points.
        confidence: how sure the bounds are; it rises with every run of a version.
        rule: what gave the bounds: `t`, `betting`, `zero_variance` or `point`.
        attempt: which run of this version on this dataset it is, from the second on.
        severe: how many items dropped severely.
        open: why it cannot tell: `not-shown`, `invalid-missing`, `no-evidence` or `uncalibrated-judge`.
        needed: what would settle it.
    """

    _shown = ("check", "metric", "outcome", "sentence")

    check: str
    metric: str | None
    outcome: str
    mode: str | None
    sentence: str
    n: int
    n_missing: int
    value: float | None
    baseline: float | None
    lower: float | None
    upper: float | None
    threshold: float | None
    items: list[ItemNote]
    allowed: float | None = None
    confidence: float | None = None
    rule: str | None = None
    attempt: int | None = None
    severe: int | None = None
    open: str | None = None
    needed: Needed | None = None


@_record
class EvidenceRef(Result):
    """A run whose rows a verdict rests on."""

    run: str
    version: int
    rows_root: str


@_record
class Verdict(Result):
    """What a gate says about one version, for one label, on one state of the evidence.

    True if it is a pass: `if store.check(…): …`.

    Attributes:
        outcome: `pass`, `fail` or `cannot-tell`.
        withdrawn: the runs that were withdrawn, and say nothing any more; None if there is none.
        allowed: True if the gate's policy lets the version pass although the data leave a check open.
        moved: the label's move, after `check(..., auto=True)`; `held` why it did not move on a pass.
    """

    _shown = ("outcome", "sentence", "id")

    id: str
    outcome: str
    sentence: str
    key: VerdictKey
    checks: list[CheckResult]
    evidence: list[EvidenceRef]
    at: datetime
    withdrawn: list[str] | None = None
    allowed: bool | None = None
    moved: LabelMove | None = None
    held: str | None = None

    def __bool__(self) -> bool:
        return self.outcome == "pass"

    def _repr_html_(self) -> str:
        return _html.verdict_html(self)


@_record
class Withdrawal(Result):
    """That a run was taken out of the evidence, and why."""

    at: datetime
    actor: str | None
    reason: str


@_record
class Agreement(Result):
    """How far a judge and people agree on a part of the labels. Figures to look at, never a verdict.

    Attributes:
        kappa: Cohen's, from `kappa_low` to `kappa_high`; None where only one category was given.
        agreement: the share of labels on which both said the same.
        bias: how much too high the judge is, in the metric's points; None for categories.
    """

    n: int
    kappa: float | None
    kappa_low: float | None
    kappa_high: float | None
    agreement: float | None
    bias: float | None
    bias_low: float | None
    bias_high: float | None


@_record
class Calibration(Agreement):
    """How far one judge agrees with people on one metric. True if a gate may decide by it.

    Attributes:
        scorer: the content id of the judge's configuration.
        units: labelled items or traces; `n` counts labels.
        unlabelled: judged and not labelled.
        weights: `quadratic` on a rubric, `unweighted` on categories and on true and false.
        prevalence: what people gave, each category's share.
        corrected_mean: the mean of everything that was judged, corrected by the labels.
        strata: by difficulty or query type; `lengths` by the length of the output, in thirds.
        level: `usable`, `usable with human spot checks` or `not usable for gates`.
    """

    _shown = ("metric", "level", "sentence")

    metric: str
    scorer: str
    source: str
    units: int
    unlabelled: int
    weights: str
    prevalence: dict[str, float]
    human_mean: float | None
    judge_mean: float | None
    corrected_mean: float | None
    corrected_low: float | None
    corrected_high: float | None
    strata: dict[str, Agreement]
    lengths: dict[str, Agreement]
    level: str
    sentence: str
    at: datetime
    seq: int

    def __bool__(self) -> bool:
        return self.level == "usable"


@_record
class RunInfo(Result):
    """The facts of a run: one version on one dataset version."""

    _shown = ("id", "name", "prompt", "version", "dataset", "dataset_version", "items", "trials", "finished_at")

    id: str
    name: str | None
    prompt: str
    version: int
    version_id: str
    dataset: str
    dataset_version: int
    dataset_root: str
    items: int
    trials: int
    scorers: list[ScorerRef]
    started_at: datetime
    actor: str | None
    finished_at: datetime | None
    row_count: int | None = field(metadata={"json": "rows"})
    rows_root: str | None
    withdrawn: Withdrawal | None


@_record
class MetricSummary(Result):
    """A metric over the items of one run; trials are averaged first."""

    n: int
    n_missing: int
    mean: float | None
    sd: float | None
    se: float | None
    min: float | None
    p10: float | None
    p50: float | None
    p90: float | None
    max: float | None


@_record
class RunSummary(Result):
    """One run at a glance."""

    _shown = ("rows", "rows_expected", "errors", "metrics", "cost_usd_total")

    run: RunInfo
    rows: int
    rows_expected: int
    errors: int
    metrics: dict[str, MetricSummary]
    latency_ms: MetricSummary
    cost_usd: MetricSummary
    cost_usd_total: float
    tokens_in_total: int
    tokens_out_total: int


@_record
class Row(Result):
    """What a run recorded about one item and trial."""

    key: str
    item_id: str
    trial: int
    output: Any
    error: str | None
    scores: dict[str, Any]
    latency_ms: float | None
    cost_usd: float | None
    tokens_in: int | None
    tokens_out: int | None
    at: datetime


@_record
class RegressedItem(Result):
    """An item that the second run scores worse."""

    key: str
    a: float
    b: float
    diff: float


@_record
class McNemar(Result):
    """A pass/fail metric on the same items: the exact test, and the interval of Bonett and Price.

    Attributes:
        only_a: items that passed in the first run only; `only_b` in the second only.
        p_mid: the p-value with half the probability of what was seen.
    """

    only_a: int
    only_b: int
    diff: float
    p_value: float
    p_mid: float
    ci_low: float
    ci_high: float


@_record
class NoiseFloor(Result):
    """What the difference between two runs of the same version looks like: nothing but noise.

    Attributes:
        source: `runs` if more runs of one version were given, `trials` if it is known from trials within the two.
        sd: the standard deviation of such a difference; `half_width` that of its interval.
        largest: the largest difference between two of the runs that were given.
        within: whether the difference of the comparison is no larger than that.
    """

    source: str
    runs: int
    sd: float
    half_width: float
    df: int
    largest: float | None
    within: bool


@_record
class WorstCase(Result):
    """The comparison as if every missing score of the second run were the worst, and of the first the best.

    Attributes:
        items: items that lack a score in one of the runs.
        holds: whether the verdict stays what it is, several metrics aside.
    """

    items: int
    diff: float
    ci_low: float
    ci_high: float
    p_value: float
    range_low: float
    range_high: float
    range_declared: bool
    holds: bool


@_record
class MetricComparison(Result):
    """One metric in two runs, paired by item.

    Attributes:
        role: `primary` (it decides), `secondary`, or `exploratory` (in strata).
        n: items scored in both runs; `n_missing` the ones that are not, `missing_share` of the comparable ones.
        n_error_a: rows with an error and no score; `n_error_b` in the second run.
        n_clusters: clusters among the items, if they were asked for.
        diff: the second run minus the first; `se` its standard error, `ci_low` and `ci_high` its interval.
        p_holm: the p-value adjusted for the metrics of the same role; a claim needs it at or below alpha.
        p_bh: in strata, the p-value adjusted over the strata (Benjamini-Hochberg).
        effect_size: the difference over the standard deviation of the items' differences.
        mde: the smallest difference that this comparison sees with 80 % power.
        verdict: `b_better`, `b_worse` or `undecided`; with a margin also `b_better_small`, `b_worse_small`,
            `no_meaningful_difference`. `invalid_missing`, `not_comparable`, `exploratory`, or the status.
        improved: items that the second run scores better; `regressed` worse, `unchanged` the same.
        regressed_items: the worst of them, at most 10.
        mcnemar: of a metric that is true or false: the exact test.
        repeat_share: the share of the noise that more trials could remove; `repeat_advice` what helps.
        noise_floor: how far two runs of one version lie apart, if that is known.
        worst_case: if every missing score were the worst; None if nothing is missing.
    """

    _shown = ("n", "mean_a", "mean_b", "diff", "ci_low", "ci_high", "p_value", "verdict", "regressed")

    status: str
    role: str
    n: int
    n_missing: int
    n_missing_a: int
    n_missing_b: int
    missing_share: float | None
    n_error_a: int
    n_error_b: int
    n_clusters: int | None
    mean_a: float | None
    mean_b: float | None
    sd_a: float | None
    sd_b: float | None
    se_a: float | None
    se_b: float | None
    diff: float | None
    sd_diff: float | None
    se: float | None
    df: float | None
    t: float | None
    p_value: float | None
    p_holm: float | None
    p_bh: float | None
    ci_low: float | None
    ci_high: float | None
    margin: float | None
    effect_size: float | None
    mde: float | None
    verdict: str
    improved: int
    unchanged: int
    regressed: int
    regressed_items: list[RegressedItem]
    mcnemar: McNemar | None
    repeat_share: float | None
    repeat_advice: str | None
    noise_floor: NoiseFloor | None
    worst_case: WorstCase | None
    direction: str
    sentence: str


@_record
class QuantileComparison(Result):
    """A quantile in two runs, its difference and the interval of that; an end that can't be bounded is None."""

    a: float | None
    b: float | None
    diff: float | None
    ci_low: float | None
    ci_high: float | None


@_record
class FigureComparison(Result):
    """Milliseconds, dollars or tokens in two runs, paired by item; less is better. Not a verdict."""

    _shown = ("n", "mean_a", "mean_b", "diff", "ci_low", "ci_high")

    status: str
    n: int
    n_missing: int
    mean_a: float | None
    mean_b: float | None
    diff: float | None
    se: float | None
    df: float | None
    t: float | None
    p_value: float | None
    ci_low: float | None
    ci_high: float | None
    p50: QuantileComparison
    p90: QuantileComparison
    improved: int
    unchanged: int
    regressed: int
    direction: str
    sentence: str


@_record
class ItemComparison(Result):
    """One item in two runs: its scores by metric, and the second minus the first."""

    key: str
    stratum: str | None
    a: dict[str, float | None]
    b: dict[str, float | None]
    diff: dict[str, float | None]


@_record
class StratumComparison(Result):
    """One stratum in two runs. Not a verdict: look here for what to test next."""

    metrics: dict[str, MetricComparison]


@_record
class Comparison(Result):
    """Two runs compared, paired by item.

    Attributes:
        dataset_changed: whether the runs saw different versions of the dataset; the `items_changed` that differ are
            not paired.
        scorer_changed: metrics that the two runs took from different scorers: not comparable.
        noise: more runs that the noise floor was taken from.
        figures: `latency_ms`, `cost_usd`, `tokens_in` and `tokens_out`, as far as rows carry them.
    """

    _shown = ("metrics", "sentence")

    run_a: RunInfo
    run_b: RunInfo
    alpha: float
    cluster: str | None
    dataset_changed: bool
    items_changed: int
    scorer_changed: list[str]
    noise: list[str]
    metrics: dict[str, MetricComparison]
    figures: dict[str, FigureComparison]
    items: list[ItemComparison]
    strata: dict[str, StratumComparison]
    sentence: str

    def _repr_html_(self) -> str:
        return _html.comparison_html(self)


@_record
class TraceScore(Result):
    """One score of a trace.

    Attributes:
        value: a number, a bool, a category's name; None if it could not be read.
        source: `judge`, `human`, `user` or `code`.
        judge: which judge, or which version of it.
    """

    metric: str
    value: Any
    source: str
    comment: str | None
    judge: str | None
    at: datetime


@_record
class Trace(Result):
    """One production call.

    Attributes:
        scores: every score it was given, by metric and source, oldest first; the newest of each counts.
    """

    _shown = ("trace_id", "prompt", "version", "at", "output", "error", "scores")

    trace_id: str
    prompt: str
    version: int
    version_id: str
    at: datetime
    input: Any
    output: Any
    error: str | None
    latency_ms: float | None
    cost_usd: float | None
    tokens_in: int | None
    tokens_out: int | None
    user: str | None
    experiment: str | None
    variant: str | None
    stratum: str | None
    metadata: Any
    scores: list[TraceScore]


@_record
class Pruned(Result):
    """What `prune` took away.

    Attributes:
        traces: how many went, and `scores` with them.
        kept: older traces that stayed, by the experiment that has no conclusion yet.
    """

    traces: int
    scores: int
    kept: dict[str, int]


@_record
class TracePage(Result):
    """Traces, newest first or by a ranking: to be looped over and indexed as a list.

    Attributes:
        next: the `cursor` of the next page; None if this is the last one.
    """

    traces: list[Trace]
    next: str | None

    def __iter__(self) -> Iterator[Trace]:
        return iter(self.traces)

    def __len__(self) -> int:
        return len(self.traces)

    def __bool__(self) -> bool:
        return bool(self.traces)

    def __getitem__(self, at: Any) -> Any:
        """A trace by its place; a member by its JSON name."""
        return self._data[at] if isinstance(at, str) else self.traces[at]


@_record
class Histogram(Result):
    """How often values fall into each of 20 bins of equal width; the last one includes its upper end.

    Attributes:
        declared: whether `low` to `high` is what the metric declares; if not, it was observed over all groups.
    """

    low: float
    high: float
    declared: bool
    counts: list[int]


@_record
class LiveFigures(Result):
    """One metric over some traces. The unit is the trace.

    Attributes:
        traces: how many there are, with a value and without; those never scored are `traces - n - missing`.
        n: traces with a value.
        missing: traces whose score could not be read; of a figure such as `latency_ms`, those that don't carry it.
        ci_low: `ci_low` to `ci_high` is the 95 % interval of the mean.
        categories: of a categorical metric, how many scores each category has.
    """

    _shown: ClassVar[tuple[str, ...]] = ("traces", "n", "missing", "mean", "ci_low", "ci_high", "p10", "p50", "p90")

    traces: int
    n: int
    missing: int
    mean: float | None
    sd: float | None
    se: float | None
    ci_low: float | None
    ci_high: float | None
    min: float | None
    p10: float | None
    p50: float | None
    p90: float | None
    max: float | None
    histogram: Histogram | None
    categories: dict[str, int]


@_record
class LiveGroup(LiveFigures):
    """One metric over the traces of one group.

    Attributes:
        group: a version's number, a day, a label, a variant, a stratum or a source; None for traces without one.
            By several at once, a list with one of these for each.
    """

    _shown = ("group", *LiveFigures._shown)

    group: int | str | list[int | str | None] | None


@_record
class LiveSummary(LiveFigures):
    """One metric of a prompt in production, over all the traces that were asked for.

    Attributes:
        groups: the same by group, in their order; empty if none were asked for.
    """

    _shown = ("prompt", "metric", "by", *LiveFigures._shown, "groups")

    prompt: str
    metric: str
    direction: str | None
    source: str | None
    by: str | list[str] | None
    groups: list[LiveGroup]


@_record
class DatasetVersion(Result):
    """One immutable version of a dataset.

    Attributes:
        root: the hash over (key, item id) of every item, in the order of the keys.
        items: how many items it holds; `added`, `changed` and `archived` against the version before.
    """

    dataset: str
    version: int
    root: str
    items: int
    added: int
    changed: int
    archived: int
    at: datetime
    actor: str | None


@_record
class DatasetDiff(Result):
    """The keys of the items that lie between two versions of a dataset."""

    added: list[str]
    changed: list[str]
    archived: list[str]


@_record
class Item(Result):
    """One item of a dataset: what goes in, and what should come out."""

    key: str | None = None
    id: str | None = None
    input: Any = None
    expected: Any = None
    metadata: Any = None
    stratum: str | None = None
    source_trace: str | None = None


@_record
class Pending(Item):
    """An item and a trial that a run has no row for yet."""

    trial: int = 1


@_record
class Change(Result):
    """One difference between two contents.

    Attributes:
        path: where, such as `params.temperature` or `messages[1].content`.
        kind: `added`, `removed` or `changed`.
        from_value: the first content's value; `to_value` the second's.
    """

    path: str
    kind: str
    from_value: Any = field(metadata={"json": "from"})
    to_value: Any = field(metadata={"json": "to"})

    @property
    def to(self) -> Any:
        """The second content's value."""
        return self.to_value


@_record
class Piece(Result):
    """A run of words that are all equal (`equal`), inserted (`insert`) or deleted (`delete`)."""

    tag: str
    text: str


@_record
class TextDiff(Result):
    """The word diff of one changed text."""

    path: str
    hunks: list[Piece]


@_record
class Diff(Result):
    """Every difference between two versions. True if there is one; as text a unified diff."""

    _shown = ("changes",)

    changes: list[Change]
    text: list[TextDiff]
    unified: str

    def __bool__(self) -> bool:
        return bool(self.changes)

    def __str__(self) -> str:
        return self.unified

    def _repr_html_(self) -> str:
        return _html.diff_html(self)


@_record
class Event(Result):
    """One entry of the store's hash-chained log."""

    _shown = ("seq", "at", "actor", "kind", "data")

    seq: int
    at: datetime
    actor: str | None
    kind: str
    data: dict[str, Any]
    prev: str
    hash: str


@_record
class Report(Result):
    """What `verify` found. True if every hash and every link holds.

    Attributes:
        broken: the first one that does not, in words.
    """

    ok: bool
    broken: str | None
    events: int
    objects: int
    prompts: int
    versions: int
    labels: int
    verdicts: int
    dataset_versions: int
    runs: int
    canaries: int
    calibrations: int
    traces: int
    scores: int
    experiments: int
    exposures: int

    def __bool__(self) -> bool:
        return self.ok


@_record
class Backup(Result):
    """A copy of the store that was made.

    Attributes:
        path: where it is.
        bytes: the size of the file.
        entries: entries that were copied.
        events: events in its log.
    """

    path: str
    bytes: int
    entries: int
    events: int


@_record
class PartUse(Result):
    """What one part of a store takes: `objects`, `refs`, `log`, `rows` or `traces`."""

    part: str
    entries: int
    key_bytes: int
    value_bytes: int


@_record
class RunUse(Result):
    """What the rows of a run take."""

    run: str
    rows: int
    bytes: int


@_record
class SpaceUse(Result):
    """What takes the space of a store.

    Attributes:
        file_bytes: the size of the file.
        entries: entries in all.
        bytes: bytes of all keys and values.
        parts: the parts of the store.
        largest_runs: at most ten, the largest first.
    """

    file_bytes: int
    entries: int
    bytes: int
    parts: list[PartUse]
    largest_runs: list[RunUse]


@_record
class RecorderStats(Result):
    """What became of the `log` and `score` calls of a store that nobody waited for, in this process.

    Attributes:
        waiting: calls on their way.
        waiting_bytes: bytes of their texts.
        recorded: calls that are durable.
        dropped: calls that were dropped, because the queue was full and the store was opened with `when_full="drop"`.
        failed: calls that failed after they had returned; the next `flush` raises the first of them.
        commits: transactions that this process has committed to the file, of this store and others, for any verb.
    """

    waiting: int
    waiting_bytes: int
    recorded: int
    dropped: int
    failed: int
    commits: int


@_record
class Finding(Result):
    """One thing that is wrong with a file, by a code and in words."""

    code: str
    text: str


@_record
class Left(Result):
    """Something that could not be saved: an entry, or the stretch from the key to `until`."""

    part: str
    what: str | None
    key: str
    until: str | None
    reason: str


@_record
class Salvaged(Result):
    """A file into which everything readable was copied.

    Attributes:
        ok: whether the new file verifies; if not it opens all the same.
        broken: what is broken in it, in words.
        left: what was left behind.
        lost: what the new file lacks by name, as far as anything that was saved names it.
    """

    path: str
    bytes: int
    entries: int
    ok: bool
    broken: str | None
    left: list[Left]
    lost: list[str]


@_record
class Diagnosis(Result):
    """What `doctor` found. True if nothing is wrong.

    Attributes:
        bytes: the size of the file.
        events: events whose hash chain holds.
        report: what `verify` says; only with `deep`.
        salvaged: what was saved; only if it was asked for.
    """

    ok: bool
    path: str
    bytes: int
    events: int
    findings: list[Finding]
    report: Report | None
    salvaged: Salvaged | None

    def __bool__(self) -> bool:
        return self.ok


@_record
class Metric(Result):
    """What a metric declares about its scores."""

    kind: str
    min: float | None
    max: float | None
    categories: list[str] | None
    direction: str


@_record
class DatasetSchemas(Result):
    """The JSON Schemas that the items of a dataset satisfy."""

    input: Any = None
    expected: Any = None


class Prompt(str):
    """A prompt at a glance. It is its name: give it wherever a name goes.

    Attributes:
        name: its name, as a plain str.
        latest: the number of its newest version.
        labels: its labels and the versions they point to.
        protected: the labels that a gate protects.
        tags: the tags of its newest version.
        updated_at: when its newest version was published.
    """

    name: str
    latest: int
    labels: dict[str, int]
    protected: list[str]
    tags: list[str]
    updated_at: datetime
    _data: dict[str, Any]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Prompt:
        """Reads it from the core's JSON."""
        prompt = cls(data["name"])
        prompt._data = dict(data)
        prompt.name = data["name"]
        prompt.latest = data["latest"]
        prompt.labels = data["labels"]
        prompt.protected = data["protected"]
        prompt.tags = data["tags"]
        prompt.updated_at = moment(data["updated_at"])
        return prompt

    def to_dict(self) -> dict[str, Any]:
        """It as the core's JSON has it."""
        return copy.deepcopy(self._data)

    def __reduce__(self) -> tuple[Any, ...]:
        return Prompt.from_dict, (self._data,)

    def __repr__(self) -> str:
        return f"Prompt({str(self)!r}, latest={self.latest}, labels={self.labels!r})"
