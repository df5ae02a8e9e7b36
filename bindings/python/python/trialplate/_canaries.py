"""Canaries: a few fixed items that are run again and again, and whether the model changed since."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ._results import OfStore, Result, ScorerRef, _record

if TYPE_CHECKING:
    from ._data import Run
    from ._specs import ScorerLike


@_record
class CanaryMetric(Result):
    """What is watched: the metric's range, which becomes 0 to 1."""

    min: float
    max: float
    boolean: bool


@_record
class CanaryFigures(Result):
    """One metric of a canary now.

    Attributes:
        method: `scores`, by the run's mean and spread; or `rare-events`, counted since it was hardly ever true.
        m: its e-detector; None within the baseline.
        u_mean: how far the last run's mean lies from the earlier ones, as a standard normal.
        u_items: how far its spread over the items does.
        mean_before: the mean before the change, or of all runs before the last one.
        mean_now: the mean since the change, or of the last run.
    """

    metric: str
    method: str
    m: float | None
    u_mean: float | None
    u_items: float | None
    mean_before: float | None
    mean_now: float | None


@_record
class AffectedItem(Result):
    """An item and how much it moved, in the unit of the metric that moved most."""

    key: str
    before: float
    now: float


@_record
class CanaryOnset(Result):
    """Around which run a change began."""

    number: int
    run: str
    at: datetime


@_record
class AnchorFigures(Result):
    """The stored outputs that are judged again and again: if they move, the judge did."""

    runs: int
    m: float | None
    alarm: bool


@_record
class CanaryStatus(Result):
    """What a canary says now. False if there is an alarm or it cannot tell.

    Attributes:
        state: `baseline`, `quiet`, `alarm` or `cannot-tell`.
        cause: whose change the alarm is about: `model` or `judge`.
        series: the series, from 1; each has a baseline of its own.
        began: why the series began: `registered`, `confirmed` or `judge-moved`.
        runs: its runs that count; `unreadable` those that could not be read.
        n_missing: scores that were missing and took their item's earlier mean.
        m: all metrics' e-detectors together, against `threshold`; held at an alarm until a person answers.
        moved_most: the metric that moved most, and `most_affected` its items that did.
        onset: around which run the change began.
        sentence: all of it in words.
    """

    _shown = ("canary", "state", "runs", "m", "sentence")

    canary: str
    state: str
    cause: str | None
    series: int
    began: str
    runs: int
    unreadable: int
    n_missing: int
    baseline: int
    m: float | None
    threshold: float
    last_run: str | None
    metrics: list[CanaryFigures]
    moved_most: str | None
    most_affected: list[AffectedItem]
    onset: CanaryOnset | None
    anchor: AnchorFigures | None
    warnings: list[str]
    sentence: str

    @property
    def alarm(self) -> bool:
        """Whether an alarm waits for a person's answer."""
        return self.state == "alarm"

    def __bool__(self) -> bool:
        return self.state in ("baseline", "quiet")

    def __str__(self) -> str:
        return self.sentence


@_record
class CanaryStep(Result):
    """One entry of a canary's history, and where the canary stood after it.

    Attributes:
        kind: `run`, `confirmed` or `dismissed`.
        used: whether the run counts; one that can't be read does not.
        means: the run's mean of each metric.
    """

    _shown = ("number", "kind", "used", "means", "m", "state")

    number: int
    kind: str
    at: datetime
    actor: str | None
    reason: str | None
    run: str | None
    anchor: str | None
    series: int
    used: bool
    n_missing: int
    means: dict[str, float]
    m: float | None
    state: str


@_record
class CanaryInfo(Result):
    """A registered canary: it never changes.

    Attributes:
        metrics: what is watched.
        scorers: what its runs are expected to be scored by; empty if the first run says so.
        baseline: runs before the detector starts.
        alarm: the alarm level: at most one false alarm in so many runs on average.
        floor: the least standard deviation that is believed, as a share of the metric's range.
    """

    _shown = ("name", "prompt", "version", "dataset", "dataset_version", "metrics")

    name: str
    prompt: str
    version: int
    version_id: str
    dataset: str
    dataset_version: int
    dataset_root: str
    items: int
    metrics: dict[str, CanaryMetric]
    scorers: list[ScorerRef]
    baseline: int
    alarm: float
    floor: float
    registered_at: datetime
    actor: str | None
    warnings: list[str]


class Canary(OfStore, CanaryInfo):
    """A canary: the facts of `CanaryInfo`, and what records its runs and answers its alarms."""

    __slots__ = ("_store",)

    def status(self) -> CanaryStatus:
        """Where it stands."""
        return CanaryStatus.from_dict(self._store._call("canary_status", name=self.name))

    def record(self, run: Run | str, *, anchor: Run | str | None = None) -> CanaryStatus:
        """Takes a finished run as the next one, and says where the canary stands. The same run again changes nothing.

        Args:
            run: a run of the canary's version on its dataset version, with one trial. One with other scorers than
                before begins a new baseline, and is no alarm about the model.
            anchor: a run in which stored outputs, the same each time, were judged again: if those move, the judge did.

        Raises:
            NotFoundError: `run-not-found`.
            InvalidError: `invalid-argument` for a run that is not finished, or not the canary's.
        """
        ids = {"run": getattr(run, "id", run), "anchor": getattr(anchor, "id", anchor)}
        return CanaryStatus.from_dict(self._store._call("canary_record", name=self.name, **ids))

    def evaluate(
        self,
        task: Callable[..., Any],
        scorers: Iterable[ScorerLike] | None = None,
        *,
        anchor: Run | str | None = None,
        concurrency: int = 8,
        name: str | None = None,
        progress: bool | None = None,
    ) -> CanaryStatus:
        """Runs a task on every item, as `Store.evaluate` does, and records the run."""
        dataset = self._store.dataset(self.dataset).at(self.dataset_version)
        run = self._store.evaluate(
            self.version,
            dataset,
            task,
            scorers,
            prompt=self.prompt,
            concurrency=concurrency,
            name=name,
            progress=progress,
        )
        return self.record(run, anchor=anchor)

    def history(self) -> list[CanaryStep]:
        """Every run and answer, oldest first, and where it stood after each."""
        found = self._store._call("canary_history", name=self.name)
        return [CanaryStep.from_dict(step) for step in found["steps"]]

    def confirm(self, reason: str) -> CanaryStatus:
        """Says that the alarm is real: a new baseline begins.

        Raises:
            RefusedError: `no-alarm` if there is none; `reason-required`.
        """
        return CanaryStatus.from_dict(self._store._call("canary_confirm", name=self.name, reason=reason))

    def dismiss(self, reason: str) -> CanaryStatus:
        """Says that the alarm is none: the detector begins anew, and keeps its reference.

        Raises:
            RefusedError: `no-alarm` if there is none; `reason-required`.
        """
        return CanaryStatus.from_dict(self._store._call("canary_dismiss", name=self.name, reason=reason))
