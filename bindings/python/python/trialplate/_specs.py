"""Gates, checks and scorers as a user writes them: JSON for the core, which knows the rules and the defaults."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any


def _given(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


class _Spec:
    __slots__ = ("_data",)

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._data = dict(data)

    def to_dict(self) -> dict[str, Any]:
        """The core's JSON."""
        return dict(self._data)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Spec) and type(other) is type(self) and other._data == self._data

    def __hash__(self) -> int:
        return hash(repr(self._data))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._data!r})"


class Check(_Spec):
    """One check of a gate."""

    __slots__ = ()

    @classmethod
    def item_floor(
        cls, metric: str, at_least: float, allow: int | None = None, uncalibrated: str | None = None
    ) -> Check:
        """Golden-set regression: every item stays at or above a floor, which it may touch; `allow` of them may not.

        `uncalibrated="allow"` (here and in the other checks) lets a judge decide that was not calibrated by people;
        otherwise such a judge reports only.
        """
        return cls(_given(check="item_floor", metric=metric, at_least=at_least, allow=allow, uncalibrated=uncalibrated))

    @classmethod
    def no_regression(
        cls,
        metric: str,
        tolerance: float | None = None,
        mode: str | None = None,
        kind: str | None = None,
        *,
        bound: str | None = None,
        cluster: str | None = None,
        max_severe: int | None = None,
        severe_drop: float | None = None,
        on_error: str | None = None,
        uncalibrated: str | None = None,
    ) -> Check:
        """The mean is not worse than that of the version which holds the label.

        Args:
            tolerance: how much worse it may be; 0.05 if left out.
            mode: `bound` (the default: passes only what the data prove) or `point` (the measured figure alone).
            kind: `relative` (the default: a share of the baseline's score) or `absolute` (points of the metric).
            bound: `auto` (the default), `betting` (holds for every distribution, and is wider) or `t`.
            cluster: the member of the items' metadata that names what belongs together, such as a document.
            max_severe: more items than this with a severe drop fail, whatever the mean says.
            severe_drop: a drop of so many points is severe; 2 if left out.
            on_error: an output that failed counts as `missing` (the default) or as the `worst` score.
        """
        return cls(
            _given(
                check="no_regression",
                metric=metric,
                tolerance=tolerance,
                mode=mode,
                kind=kind,
                bound=bound,
                cluster=cluster,
                max_severe=max_severe,
                severe_drop=severe_drop,
                on_error=on_error,
                uncalibrated=uncalibrated,
            )
        )

    @classmethod
    def mean(cls, metric: str, at_least: float, mode: str | None = None, uncalibrated: str | None = None) -> Check:
        """The mean is at least so much (at most, where lower is better). `mode` is `bound` if left out."""
        return cls(_given(check="mean", metric=metric, at_least=at_least, mode=mode, uncalibrated=uncalibrated))

    @classmethod
    def rate(
        cls,
        metric: str,
        at_least: float | None = None,
        at_most: float | None = None,
        mode: str | None = None,
        uncalibrated: str | None = None,
    ) -> Check:
        """The share of items whose score is true is at least, or at most, so much. `mode` is `point` if left out."""
        return cls(
            _given(
                check="rate",
                metric=metric,
                at_least=at_least,
                at_most=at_most,
                mode=mode,
                uncalibrated=uncalibrated,
            )
        )

    @classmethod
    def format(cls, at_least: float | None = None, mode: str | None = None) -> Check:
        """Enough outputs satisfy the version's `response_schema`: 0.99 of them, as a `point`, if left out."""
        return cls(_given(check="format", at_least=at_least, mode=mode))

    @classmethod
    def not_more_permissive(
        cls, dataset: str, metric: str, max_new_failures: int | None = None, uncalibrated: str | None = None
    ) -> Check:
        """On a dataset of probes no item scores worse than under the baseline; true is a probe that was refused.

        `max_new_failures` of them may do worse.
        """
        return cls(
            _given(
                check="not_more_permissive",
                dataset=str(dataset),
                metric=metric,
                max_new_failures=max_new_failures,
                uncalibrated=uncalibrated,
            )
        )


class Gate:
    """A list of checks on a dataset, to be bound to a label with `store.protect`.

    Attributes:
        dataset: the dataset on whose newest version candidates are judged.
        checks: its checks.
        inconclusive: what to do where the data leave a check open: `block` (the default), or `allow`: the label may
            move if everything was measured and nothing was shown to be worse.
        id: its content id, if it comes from a store.
        auto: whether its label moves by itself, if it comes from a store.
    """

    __slots__ = ("auto", "checks", "dataset", "id", "inconclusive")

    def __init__(
        self,
        dataset: str,
        checks: Iterable[Check | Mapping[str, Any]],
        id: str | None = None,
        *,
        inconclusive: str | None = None,
        auto: bool | None = None,
    ) -> None:
        self.dataset = str(dataset)
        self.checks = [check if isinstance(check, Check) else Check(check) for check in checks]
        self.inconclusive = inconclusive
        self.id = id
        self.auto = auto

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Gate:
        """Reads it from the core's JSON."""
        return cls(
            data["dataset"],
            data["checks"],
            data.get("id"),
            inconclusive=data.get("inconclusive"),
            auto=data.get("auto"),
        )

    def to_dict(self) -> dict[str, Any]:
        """The core's JSON."""
        checks = [check.to_dict() for check in self.checks]
        known = _given(inconclusive=self.inconclusive, id=self.id, auto=self.auto)
        return {"dataset": self.dataset, "checks": checks, **known}

    def _asked(self) -> tuple[Any, ...]:
        # Left out is "block".
        return self.dataset, tuple(self.checks), self.inconclusive or "block"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Gate) and self._asked() == other._asked()

    def __hash__(self) -> int:
        return hash(self._asked())

    def __repr__(self) -> str:
        policy = f", inconclusive={self.inconclusive!r}" if self.inconclusive else ""
        return f"Gate(dataset={self.dataset!r}, checks={self.checks!r}{policy})"


ScorerFunction = Callable[..., Any]


class Scorer(_Spec):
    """What turns an output into a score; its name is the metric.

    The core runs the built-in ones when a row is recorded. A `function` or a `judge` runs where you run it:
    `evaluate` calls it with `(output)`, `(output, expected)` or `(output, expected, item)`.
    """

    __slots__ = ("fn",)

    def __init__(self, data: Mapping[str, Any], fn: ScorerFunction | None = None) -> None:
        super().__init__(data)
        self.fn = fn

    @property
    def name(self) -> str:
        """The metric it gives."""
        return str(self._data.get("name") or self._data.get("kind"))

    @classmethod
    def exact(cls, name: str | None = None, *, field: str | None = None, ignore_case: bool | None = None) -> Scorer:
        """True if the output equals `expected`, or one member of it does."""
        return cls(_given(kind="exact", name=name, field=field, ignore_case=ignore_case))

    @classmethod
    def contains(cls, name: str | None = None, *, text: str | None = None, ignore_case: bool | None = None) -> Scorer:
        """True if the output contains the text; `expected` (or every text of it) if none is given."""
        return cls(_given(kind="contains", name=name, text=text, ignore_case=ignore_case))

    @classmethod
    def regex(cls, pattern: str, name: str | None = None) -> Scorer:
        """True if the output matches the expression somewhere. Linear time: no look-around."""
        return cls(_given(kind="regex", name=name, pattern=pattern))

    @classmethod
    def numeric(
        cls,
        name: str | None = None,
        *,
        field: str | None = None,
        absolute: float | None = None,
        relative: float | None = None,
    ) -> Scorer:
        """True if the output is a number within `absolute + relative · |expected|` of `expected`."""
        return cls(_given(kind="numeric", name=name, field=field, absolute=absolute, relative=relative))

    @classmethod
    def levenshtein(cls, name: str | None = None) -> Scorer:
        """1 − edit distance ⁄ length of the longer text: between 0 and 1."""
        return cls(_given(kind="levenshtein", name=name))

    @classmethod
    def json_valid(cls, name: str | None = None) -> Scorer:
        """True if the output is JSON."""
        return cls(_given(kind="json_valid", name=name))

    @classmethod
    def json_schema(cls, schema: Any = None, name: str | None = None) -> Scorer:
        """True if the output satisfies the JSON Schema; the version's `response_schema` if none is given."""
        return cls(_given(kind="json_schema", name=name, schema=schema))

    @classmethod
    def length(cls, name: str | None = None, *, min: int | None = None, max: int | None = None) -> Scorer:
        """True if the output has at least `min` and at most `max` characters."""
        return cls(_given(kind="length", name=name, min=min, max=max))

    @classmethod
    def function(cls, name: str, fn: ScorerFunction | None = None, version: str | None = None) -> Scorer:
        """A named function of yours. Change `version` when the function changes: it is another scorer then."""
        return cls(_given(kind="function", name=name, version=version), fn)

    @classmethod
    def judge(cls, name: str, config: Any, fn: ScorerFunction | None = None) -> Scorer:
        """A judge: whatever decides its scores (rubric, model, parameters) is its identity."""
        return cls(_given(kind="judge", name=name, config=config), fn)


ScorerLike = Scorer | str | Mapping[str, Any] | ScorerFunction


def scorer(given: ScorerLike) -> Scorer | str:
    """A scorer as the core takes it: a plain name stays one, a plain function gives its own name."""
    if isinstance(given, (Scorer, str)):
        return given
    if isinstance(given, Mapping):
        return Scorer(given)
    if callable(given):
        return Scorer.function(getattr(given, "__name__", type(given).__name__), given)
    from ._errors import InvalidError

    kind = type(given).__name__
    raise InvalidError(f"a scorer is a Scorer, a name or a function, not {kind}", code="invalid-scorer")
