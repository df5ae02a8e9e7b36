"""The store: one method per verb of the core.

What is left out crosses as null: the core fills in the defaults, and checks everything.
"""

from __future__ import annotations

import os

from . import _native
from ._errors import InvalidError
from ._lazy import Lazy
from ._native import PromptVersion

# A process that opens a store and gets a prompt imports none of this: it would take longer than the rest.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from types import TracebackType
    from typing import Any, overload

    from typing_extensions import Self

    from . import _canaries as watch
    from . import _data as data
    from . import _exit as at_exit
    from . import _experiments as trials
    from . import _results as records
    from . import _specs as specs
    from ._canaries import Canary, CanaryStatus
    from ._data import Dataset, Run
    from ._experiments import Experiment
    from ._results import (
        Backup,
        Calibration,
        Comparison,
        DatasetVersion,
        Diagnosis,
        Diff,
        Event,
        LabelMove,
        LiveSummary,
        Metric,
        Prompt,
        Pruned,
        RecorderStats,
        Report,
        SpaceUse,
        Trace,
        TracePage,
        Verdict,
    )
    from ._specs import Gate, ScorerLike

    VersionLike = int | str | PromptVersion
    TimeLike = datetime | str | float
else:
    data = Lazy("trialplate._data")
    at_exit = Lazy("trialplate._exit")
    watch = Lazy("trialplate._canaries")
    trials = Lazy("trialplate._experiments")
    records = Lazy("trialplate._results")
    specs = Lazy("trialplate._specs")

    def overload(function: Any) -> Any:
        return function


def _version(version: Any) -> Any:
    """A version as the core reads one: its number, its id, or itself. Anything else the core refuses."""
    if isinstance(version, PromptVersion):
        return {"name": version.name, "number": version.number, "id": version.id}
    return version


def _time(at: Any) -> str:
    from datetime import datetime, timezone

    if isinstance(at, str):
        return at
    if isinstance(at, datetime):
        if at.utcoffset() is None:
            raise InvalidError(
                "a time needs its zone: use datetime.now(timezone.utc), or at.astimezone() for the machine's zone",
                code="invalid-time",
            )
        return at.isoformat()
    if isinstance(at, (int, float)) and not isinstance(at, bool):
        try:
            return datetime.fromtimestamp(at, timezone.utc).isoformat()
        except (OverflowError, ValueError, OSError):
            raise InvalidError(f"there is no such time given=`{at}`", code="invalid-time") from None
    kind = type(at).__name__
    raise InvalidError(f"a time is a datetime, RFC 3339 text or seconds since 1970, not {kind}", code="invalid-time")


def _moment(at: Any) -> str | None:
    return None if at is None else _time(at)


def _prompt_of(version: Any, prompt: str | None) -> str:
    """The prompt's name where a version stands alone."""
    if prompt is None and isinstance(version, PromptVersion):
        return version.name
    if prompt is None:
        raise InvalidError(
            "a number or an id alone names no prompt: give prompt=, or the PromptVersion argument=`prompt`",
            code="invalid-argument",
        )
    return prompt


#: So many calls or scores are sent at once.
_BATCH = 10_000


def _batches(given: Iterable[Any]) -> Iterator[list[Any]]:
    batch: list[Any] = []
    for one in given:
        batch.append(one)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _texts(texts: str | Iterable[str] | None) -> list[str] | None:
    """A list of texts; one text is not a list of letters."""
    return None if texts is None else [texts] if isinstance(texts, str) else list(texts)


class Store(_native.Store):
    """One file of versioned prompts, datasets, runs, traces, scores and gates. Made by `trialplate.open`.

    Safe from threads, in forked children and beside any number of other processes. A context manager. It can be
    pickled: the other process opens the file for itself.
    """

    _options: tuple[Any, ...] = (False, None, None, {})
    _flush_on_signal: bool

    def __new__(
        cls,
        path: str | os.PathLike[str],
        read_only: bool = False,
        busy_timeout: float | None = None,
        actor: str | None = None,
        recorder: Mapping[str, Any] | None = None,
    ) -> Self:
        given = dict(recorder or {})
        flush_on_signal = given.pop("flush_on_signal", True)
        store = super().__new__(cls, os.fspath(path), read_only, busy_timeout, actor, **given)
        store._options = (read_only, busy_timeout, actor, recorder)
        store._flush_on_signal = flush_on_signal
        return store

    def _call(self, verb: str, /, **arguments: Any) -> Any:
        return self.ask(verb, arguments)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (os.path.abspath(self.path), *self._options)

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r}{', closed' if self.closed else ''})"

    # ---- prompts

    def publish(
        self,
        name: str,
        prompt: str | Iterable[Mapping[str, Any]],
        *,
        model: str | None = None,
        params: Mapping[str, Any] | None = None,
        tools: Iterable[Any] | None = None,
        response_schema: Any = None,
        message: str | None = None,
        author: str | None = None,
        parent: int | PromptVersion | None = None,
        labels: str | Iterable[str] | None = None,
        tags: str | Iterable[str] | None = None,
    ) -> PromptVersion:
        """Publishes a content as the next version of a prompt.

        The same content again gives the version that is there, and writes nothing.

        Args:
            prompt: the text, or a list of messages and placeholders (`{"type": "placeholder", "name": …}`).
            params: temperature, max_tokens, … any JSON.
            response_schema: the JSON Schema that an output must satisfy; a pydantic model class will do.
            message: why.
            author: who; by default the store's `actor`.
            parent: the version it was derived from.
            labels: labels to move to it in the same transaction.

        Raises:
            InvalidError: `invalid-name`, `invalid-content`, `invalid-json`, `invalid-schema`, `too-large`.
            RefusedError: `label-protected` for a label that only `promote` may move.
        """
        if isinstance(response_schema, type) and hasattr(response_schema, "model_json_schema"):
            response_schema = response_schema.model_json_schema()
        return self.version(
            "publish",
            {
                "name": name,
                "prompt": _listed(prompt),
                "model": model,
                "params": params,
                "tools": _listed(tools),
                "response_schema": response_schema,
                "message": message,
                "author": author,
                "parent": parent.number if isinstance(parent, PromptVersion) else parent,
                "labels": _texts(labels),
                "tags": _texts(tags),
            },
        )

    def _get(
        self,
        name: str,
        *,
        label: str | None = None,
        version: VersionLike | None = None,
        id: str | None = None,
        at: TimeLike | None = None,
    ) -> PromptVersion:
        # What the native `get` calls for everything but a label.
        given = {
            "name": name,
            "label": label,
            "version": _version(version),
            "id": id,
            "at": _moment(at),
        }
        return self.version("get", given)

    _get.__qualname__ = "Store.get"

    def prompts(self, prefix: str | None = None, *, search: str | None = None, tag: str | None = None) -> list[Prompt]:
        """The prompts that fit, in the order of their names.

        Args:
            prefix: only names that begin so, such as a folder (`billing/`).
            search: only prompts whose name, newest text, message or tags contain this, whatever the case.
            tag: only prompts whose newest version carries this tag.
        """
        return [
            records.Prompt.from_dict(p) for p in self._call("prompts", prefix=prefix, search=search, tag=tag)["prompts"]
        ]

    def diff(self, name: str, a: VersionLike, b: VersionLike) -> Diff:
        """What differs from version `a` to `b`: members of the content, and words of the text."""
        return records.Diff.from_dict(self._call("diff", name=name, a=_version(a), b=_version(b)))

    # ---- labels

    def set_label(
        self,
        name: str,
        label: str,
        version: VersionLike,
        *,
        expected: VersionLike | None = None,
        reason: str | None = None,
    ) -> LabelMove:
        """Points a label at a version: one durable transaction, one entry of the history.

        Args:
            expected: compare-and-set: where the label must be found; 0 if it must not be set yet.

        Raises:
            RefusedError: `label-protected` if a gate guards it; use `promote`.
            ConflictError: `label-moved` if it is not where `expected` says.
            NotFoundError: `version-not-found`, `prompt-not-found`.
            InvalidError: `invalid-label`, `version-of-another-prompt`.
        """
        moved = self._call(
            "set_label", name=name, label=label, version=_version(version), expected=_version(expected), reason=reason
        )
        return records.LabelMove.from_dict(moved)

    def unset_label(self, name: str, label: str, *, reason: str | None = None) -> LabelMove:
        """Takes a label off.

        Raises:
            RefusedError: `label-protected`.
            NotFoundError: `label-not-found`.
        """
        return records.LabelMove.from_dict(self._call("unset_label", name=name, label=label, reason=reason))

    def labels(self, name: str) -> dict[str, int]:
        """The labels of a prompt and the versions they point to; `latest` is not among them."""
        return dict(self._call("labels", name=name)["labels"])

    def history(self, name: str, label: str) -> list[LabelMove]:
        """Every move of a label, oldest first."""
        return [records.LabelMove.from_dict(move) for move in self._call("history", name=name, label=label)["moves"]]

    def rollback(self, name: str, label: str, *, to: VersionLike | None = None, reason: str | None = None) -> LabelMove:
        """Moves a label back to the version it pointed to before, or to an earlier one. Always allowed.

        Raises:
            RefusedError: `nothing-to-roll-back`.
        """
        return records.LabelMove.from_dict(
            self._call("rollback", name=name, label=label, to=_version(to), reason=reason)
        )

    # ---- gates

    def protect(self, name: str, label: str, gate: Gate | Mapping[str, Any], *, auto: bool = False) -> str:
        """Binds a gate to a label: from now on only `promote` and `rollback` move it.

        Args:
            auto: the label moves by itself when a run on the gate's dataset is finished and its version passes, is
                newer than the one that holds the label, and was never rolled back. Protecting it again without it ends
                that.

        Returns:
            The gate's content id.

        Raises:
            InvalidError: `invalid-gate`.
        """
        given = dict(gate.to_dict() if isinstance(gate, specs.Gate) else gate)
        # What `gate` says beside the gate itself.
        given.pop("id", None)
        given.pop("auto", None)
        return str(self._call("protect", name=name, label=label, gate=given, auto=auto)["gate"])

    def unprotect(self, name: str, label: str, *, reason: str) -> None:
        """Takes the gate off a label. The log keeps who did it, and why."""
        self._call("unprotect", name=name, label=label, reason=reason)

    def gate(self, name: str, label: str) -> Gate:
        """The gate that protects a label.

        Raises:
            NotFoundError: `gate-not-found` if there is none.
        """
        return specs.Gate.from_dict(self._call("gate", name=name, label=label))

    def check(self, name: str, version: VersionLike, label: str, *, auto: bool = False) -> Verdict:
        """Judges a version by the gate of a label, and stores the verdict. Nothing moves.

        Args:
            auto: the label moves in the same transaction if the verdict is a pass and the version is newer than the one
                that holds the label and was never rolled back: the verdict's `moved`, or `held`, says what came of it.
        """
        found = self._call("check", name=name, version=_version(version), label=label, auto=auto)
        return records.Verdict.from_dict(found)

    def promote(
        self,
        name: str,
        version: VersionLike,
        to: str,
        *,
        override: str | None = None,
        reason: str | None = None,
        expected: VersionLike | None = None,
        auto: bool = False,
    ) -> LabelMove:
        """Moves a label to a version if its gate lets it. One transaction: judged and moved, or neither.

        Args:
            to: the label.
            override: moves it against the verdict, for this reason, which stays in the log for ever.
            auto: nobody asked for it, and the history says so; only on a pass, only to a newer version than the one
                that holds the label, and never to one that was rolled back.

        Raises:
            GateRefused: `gate-refused`; its `verdict` says why.
            RefusedError: `reason-required` for an empty override; `auto-refused`.
            ConflictError: `label-moved`.
        """
        moved = self._call(
            "promote",
            name=name,
            version=_version(version),
            to=to,
            override=override,
            reason=reason,
            expected=_version(expected),
            auto=auto,
        )
        return records.LabelMove.from_dict(moved)

    def verdicts(self, name: str, label: str) -> list[Verdict]:
        """Every verdict on the versions of a prompt for a label, oldest first."""
        return [
            records.Verdict.from_dict(verdict) for verdict in self._call("verdicts", name=name, label=label)["verdicts"]
        ]

    # ---- datasets and metrics

    def dataset(self, name: str) -> Dataset:
        """A dataset by its name. Nothing is read or written yet: `add` makes it."""
        return data.Dataset(self, name)

    def datasets(self) -> list[DatasetVersion]:
        """The newest version of every dataset, in the order of their names."""
        return [records.DatasetVersion.from_dict(dataset) for dataset in self._call("datasets")["datasets"]]

    def metric(
        self,
        name: str,
        kind: str | None = None,
        min: float | None = None,
        max: float | None = None,
        categories: Iterable[str] | None = None,
        direction: str | None = None,
    ) -> None:
        """Declares what the scores of a metric may be. Declaring the same again is fine.

        Args:
            kind: `numeric` (the default), `boolean` or `categorical`.
            categories: the names that a categorical score can have.
            direction: `higher` (the default) or `lower` is better.

        Raises:
            AlreadyExistsError: `metric-exists` if it is declared otherwise already.
            InvalidError: `invalid-score`, `invalid-name`.
        """
        names = _texts(categories)
        self._call("metric", name=name, kind=kind, min=min, max=max, categories=names, direction=direction)

    def metrics(self) -> dict[str, Metric]:
        """Every declared metric."""
        return {name: records.Metric.from_dict(metric) for name, metric in self._call("metrics")["metrics"].items()}

    # ---- runs

    def start_run(
        self,
        version: VersionLike,
        dataset: Dataset | str,
        *,
        scorers: Iterable[ScorerLike] | None = None,
        trials: int | None = None,
        name: str | None = None,
        prompt: str | None = None,
    ) -> Run:
        """Starts a run of a version on a dataset, or resumes the unfinished one of the same name.

        Args:
            dataset: a dataset (pinned by `at` or at its newest version), or its name.
            scorers: what scores the outputs: a Scorer, a function of yours, or the name of one.
            trials: how often each item is tried; once if left out.
            prompt: the prompt's name, if the version is a number or an id.

        Raises:
            ConflictError: `run-differs` if the unfinished run of that name is about something else.
            NotFoundError: `dataset-not-found`, `version-not-found`.
        """
        started = self._call(
            "start_run",
            prompt=_prompt_of(version, prompt),
            version=_version(version),
            dataset=dataset.name if isinstance(dataset, data.Dataset) else dataset,
            dataset_version=dataset._at if isinstance(dataset, data.Dataset) else None,
            scorers=None if scorers is None else [specs.scorer(s) for s in scorers],
            trials=trials,
            name=name,
        )
        return data.Run._of(self, started)

    def run(self, id: str) -> Run:
        """A run by its id."""
        return data.Run._of(self, self._call("run", run=id))

    def runs(self, prompt: str | None = None) -> list[Run]:
        """The runs, oldest first; of one prompt, if one is named."""
        return [data.Run._of(self, run) for run in self._call("runs", prompt=prompt)["runs"]]

    def evaluate(
        self,
        version: VersionLike,
        dataset: Dataset | str,
        task: Callable[..., Any],
        scorers: Iterable[ScorerLike] | None = None,
        *,
        trials: int | None = None,
        concurrency: int = 8,
        name: str | None = None,
        prompt: str | None = None,
        progress: bool | None = None,
    ) -> Run:
        """Runs a task on every item, scores what comes out, and finishes the run.

        An unfinished run of the same `name` is resumed: what is recorded is not done again. An exception of the
        task becomes an error row; Ctrl-C leaves the run unfinished.

        Args:
            task: called as `task(item)`, `task(item, prompt)` or by keyword (`item`, `prompt`); returns the output,
                or a `trialplate.Output` with its cost and tokens.
            scorers: a Scorer, a function of `(output)`, `(output, expected)` or `(output, expected, item)`, or a name.
            concurrency: how many calls run at once.
            progress: False for no progress bar; by default one where somebody looks, if tqdm is installed.
        """
        from ._evaluate import evaluate

        given = None if scorers is None else [specs.scorer(s) for s in scorers]
        run = self.start_run(version, dataset, scorers=given, trials=trials, name=name, prompt=prompt)
        return evaluate(self, run, task, given or [], concurrency=concurrency, progress=progress)

    def compare(
        self,
        a: Run | str,
        b: Run | str,
        *,
        primary: Sequence[str] | None = None,
        alpha: float | None = None,
        margin: Mapping[str, float] | None = None,
        cluster: str | None = None,
        noise: Sequence[Run | str] | None = None,
    ) -> Comparison:
        """Two runs, paired by item: per metric the difference, its interval, a verdict, and what got worse.

        Args:
            primary: the metrics that decide, adjusted together (Holm); all of them by default. The others are
                secondary then, and adjusted among themselves.
            alpha: the chance of a false alarm, 0.05 by default; intervals are 1-alpha intervals.
            margin: the smallest difference that matters, by metric.
            cluster: the member of the items' metadata that says which of them belong together (document, topic).
            noise: more runs of either version on the same dataset: how far they lie apart is the noise floor.

        Raises:
            NotFoundError: `run-not-found`.
            InvalidError: `invalid-argument` if they are about different datasets; if a metric is scored in neither or
                named twice, an alpha or a margin makes no sense, no item names a cluster, or a noise run is of
                another version or dataset, or there already.
            RefusedError: `run-withdrawn`.
        """
        found = self._call(
            "compare",
            a=getattr(a, "id", a),
            b=getattr(b, "id", b),
            primary=primary,
            alpha=alpha,
            margin=margin,
            cluster=cluster,
            noise=None if noise is None else [getattr(run, "id", run) for run in noise],
        )
        return records.Comparison.from_dict(found)

    def withdraw_run(self, run: Run | str, reason: str) -> Run:
        """Takes a finished run that holds rubbish out of the evidence, for ever. It can still be read.

        It still counts as a run: a gate's bar, which rises with every run, does not come down again.

        Raises:
            RefusedError: `reason-required`, `run-not-finished`.
        """
        return data.Run._of(self, self._call("withdraw_run", run=getattr(run, "id", run), reason=reason))

    def calibrate(
        self,
        metric: str,
        *,
        run: Run | str | None = None,
        human: str | None = None,
        prompt: str | None = None,
        version: VersionLike | None = None,
        since: TimeLike | None = None,
        until: TimeLike | None = None,
        judge: ScorerLike | None = None,
    ) -> Calibration:
        """Holds a judge's scores of a metric against those of people, and keeps what is found.

        A gate decides by a judge only if the newest calibration says "usable". The labels are in the rows of a run,
        under another metric, or on the traces of a prompt, where scores of source `human` stand beside those of source
        `judge`.

        Args:
            run: whose rows hold both; `human` is the metric that holds what people said.
            prompt: whose traces hold both; `version`, `since` and `until` say which.
            judge: on traces: the scorer, or its id, if several scored them.

        Raises:
            InvalidError: `invalid-argument` if nothing has both scores, nobody knows which judge it is, or the scores
                are no rubric.
        """
        found = self._call(
            "calibrate",
            metric=metric,
            run=getattr(run, "id", run),
            human=human,
            prompt=prompt,
            version=_version(version),
            since=_moment(since),
            until=_moment(until),
            judge=judge if judge is None or isinstance(judge, str) else specs.scorer(judge),
        )
        return records.Calibration.from_dict(found)

    def calibrations(self, metric: str | None = None) -> list[Calibration]:
        """What is known of every judge, by metric; of one metric, if one is named."""
        found = self._call("calibrations", metric=metric)["calibrations"]
        return [records.Calibration.from_dict(calibration) for calibration in found]

    # ---- production

    def _log(
        self,
        version: VersionLike,
        *,
        trace_id: str | None = None,
        input: Any = None,
        output: Any = None,
        error: str | BaseException | None = None,
        latency_ms: float | None = None,
        cost_usd: float | None = None,
        tokens_in: int | None = None,
        tokens_out: int | None = None,
        user: str | None = None,
        experiment: str | Experiment | None = None,
        variant: str | None = None,
        stratum: str | None = None,
        metadata: Any = None,
        at: TimeLike | None = None,
        durable: bool | None = None,
        prompt: str | None = None,
    ) -> str:
        """`log` with any arguments: the native method handles the usual ones."""
        if durable is not True:
            at_exit.watch(self)
        logged = self._call(
            "log",
            prompt=_prompt_of(version, prompt),
            version=_version(version),
            trace_id=trace_id,
            input=input,
            output=output,
            error=f"{type(error).__name__}: {error}" if isinstance(error, BaseException) else error,
            latency_ms=latency_ms,
            cost_usd=cost_usd,
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            user=user,
            experiment=getattr(experiment, "name", experiment),
            variant=variant,
            stratum=stratum,
            metadata=metadata,
            at=_moment(at),
            durable=durable,
        )
        return str(logged["trace_id"])

    def _score(
        self,
        trace_id: str | Trace,
        metric: str,
        value: Any,
        *,
        source: str | None = None,
        comment: str | None = None,
        judge: Any = None,
        durable: bool | None = None,
    ) -> None:
        """`score` with any arguments: the native method handles the usual ones."""
        if durable is not True:
            at_exit.watch(self)
        self._call(
            "score",
            trace_id=getattr(trace_id, "trace_id", trace_id),
            metric=metric,
            value=value,
            source=source,
            comment=comment,
            judge=judge if judge is None or isinstance(judge, str) else specs.scorer(judge),
            durable=durable,
        )

    def log_many(
        self,
        calls: Iterable[Mapping[str, Any]],
        *,
        version: VersionLike | None = None,
        prompt: str | None = None,
        source: str | None = None,
    ) -> list[str]:
        """Logs many production calls, with the scores that they have from the beginning. Durable when it returns.

        They are sent in batches of 10,000, so `calls` may be a generator. Each batch is all or nothing: what is wrong
        in a later one leaves the batches before it in the store.

        Args:
            calls: the arguments of `log` by their names; and `scores`, a mapping of metrics to values, with their
                `source`.
            version: of all calls that name none.
            prompt: of all calls that name none, if their version is a number or an id.
            source: of the scores of all calls that name none.

        Returns:
            The traces' ids, in the order of the calls.

        Raises:
            InvalidError, AlreadyExistsError, NotFoundError: as `log` and `score`, at once; the message says which of
                the calls it is, counted from 0.
        """

        def fields(call: Mapping[str, Any]) -> dict[str, Any]:
            given = dict(call)
            own = given.get("version")
            own = version if own is None else own
            name = given.get("prompt")
            error = given.get("error")
            # A version that says which prompt it is of is not overruled by what is said for all calls.
            name = prompt if name is None and not isinstance(own, PromptVersion) else name
            given["prompt"] = _prompt_of(own, name)
            given["version"] = _version(own)
            if isinstance(error, BaseException):
                given["error"] = f"{type(error).__name__}: {error}"
            if "experiment" in given:
                given["experiment"] = getattr(given["experiment"], "name", given["experiment"])
            if "at" in given:
                given["at"] = _moment(given["at"])
            if given.get("source") is None and source is not None:
                given["source"] = source
            return given

        ids: list[str] = []
        for batch in _batches(calls):
            made = _native.log_many(self, batch, version, prompt, source)
            if made is not None:
                ids += made
                continue
            ids += self._call("log_many", calls=[fields(call) for call in batch], first=len(ids))["trace_ids"]
        return ids

    def score_many(self, scores: Iterable[Mapping[str, Any]]) -> int:
        """Scores many traces. Durable when it returns.

        They are sent in batches of 10,000, so `scores` may be a generator. Each batch is all or nothing: what is wrong
        in a later one leaves the batches before it in the store.

        Args:
            scores: the arguments of `score` by their names.

        Returns:
            How many scores there were.

        Raises:
            InvalidError, NotFoundError: as `score`, at once; the message says which of the scores it is, counted
                from 0.
        """

        def fields(score: Mapping[str, Any]) -> dict[str, Any]:
            given = dict(score)
            given["trace_id"] = getattr(given.get("trace_id"), "trace_id", given.get("trace_id"))
            judge = given.get("judge")
            if judge is not None and not isinstance(judge, str):
                given["judge"] = specs.scorer(judge)
            return given

        count = 0
        for batch in _batches(scores):
            count += self._call("score_many", scores=[fields(score) for score in batch], first=count)["scores"]
        return count

    def prune(self, before: TimeLike, prompt: str | None = None) -> Pruned:
        """Removes the production calls that were made before a moment, with their texts and scores.

        Prompts, labels, datasets (with the items that were made of traces), runs, verdicts and exposures stay, and so
        do traces of an experiment that has no conclusion yet. The event log says what went.

        Args:
            prompt: only of this prompt; of all of them, if left out.

        Raises:
            NotFoundError: `prompt-not-found`.
            InvalidError: `invalid-name`, `invalid-time`.
        """
        return records.Pruned.from_dict(self._call("prune", before=_moment(before), prompt=prompt))

    def flush(self) -> None:
        """Waits until everything that `log` and `score` were asked for is durable.

        Raises:
            TrialplateError: the first error that was found after a call had returned, with how many failed. Once.
        """
        self._call("flush")

    def recorder(self) -> RecorderStats:
        """What became of the `log` and `score` calls of this store in this process: waiting, durable, dropped, failed.

        It waits for nothing. A forked child counts from 0.
        """
        return records.RecorderStats.from_dict(self._call("recorder"))

    def trace(self, trace_id: str) -> Trace:
        """A trace with its scores.

        Raises:
            NotFoundError: `trace-not-found`.
        """
        return records.Trace.from_dict(self._call("trace", trace_id=trace_id))

    def traces(
        self,
        prompt: str | None = None,
        *,
        version: VersionLike | None = None,
        label: str | None = None,
        user: str | None = None,
        experiment: str | None = None,
        since: TimeLike | None = None,
        until: TimeLike | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        order: str | None = None,
        metric: str | None = None,
    ) -> TracePage:
        """Traces, newest first, or those with the highest or lowest values of a metric: a page of them.

        Args:
            label: only of the version that this label of the prompt points to now.
            since: from this moment on; `until` before that one.
            limit: at most so many: 100 if left out, and never more than 1,000.
            cursor: the `next` of the page before.
            order: `newest` (the default), `highest` or `lowest`. A ranking is of one prompt and has one page.
            metric: what `highest` and `lowest` are of: a score, or `latency_ms`, `cost_usd`, `tokens_in`, `tokens_out`.

        Raises:
            NotFoundError: `prompt-not-found`, `version-not-found`, `label-not-found`.
            InvalidError: `invalid-argument`, `invalid-time`.
        """
        found = self._call(
            "traces",
            prompt=version.name if prompt is None and isinstance(version, PromptVersion) else prompt,
            version=_version(version),
            label=label,
            user=user,
            experiment=experiment,
            since=_moment(since),
            until=_moment(until),
            limit=limit,
            cursor=cursor,
            order=order,
            metric=metric,
        )
        return records.TracePage.from_dict(found)

    def iter_traces(
        self,
        prompt: str | None = None,
        *,
        version: VersionLike | None = None,
        label: str | None = None,
        user: str | None = None,
        experiment: str | None = None,
        since: TimeLike | None = None,
        until: TimeLike | None = None,
    ) -> Iterator[Trace]:
        """All traces that `traces` finds, newest first, with never more than a page of them in memory.

        Raises:
            NotFoundError, InvalidError: as `traces`, when the first one is asked for.
        """
        cursor = None
        while True:
            page = self.traces(
                prompt,
                version=version,
                label=label,
                user=user,
                experiment=experiment,
                since=since,
                until=until,
                limit=1000,
                cursor=cursor,
            )
            yield from page.traces
            cursor = page.next
            if cursor is None:
                return

    @overload
    def summary(
        self,
        prompt: str,
        metric: str,
        *,
        by: str | list[str] | tuple[str, ...] | None = None,
        version: VersionLike | None = None,
        experiment: str | None = None,
        since: TimeLike | None = None,
        until: TimeLike | None = None,
        source: str | None = None,
    ) -> LiveSummary: ...

    @overload
    def summary(  # noqa: F811, the one above is its overload
        self,
        prompt: str,
        metric: list[str] | tuple[str, ...],
        *,
        by: str | list[str] | tuple[str, ...] | None = None,
        version: VersionLike | None = None,
        experiment: str | None = None,
        since: TimeLike | None = None,
        until: TimeLike | None = None,
        source: str | None = None,
    ) -> list[LiveSummary]: ...

    def summary(  # noqa: F811, those above are its overloads
        self,
        prompt: str,
        metric: str | list[str] | tuple[str, ...],
        *,
        by: str | list[str] | tuple[str, ...] | None = None,
        version: VersionLike | None = None,
        experiment: str | None = None,
        since: TimeLike | None = None,
        until: TimeLike | None = None,
        source: str | None = None,
    ) -> LiveSummary | list[LiveSummary]:
        """One metric of a prompt in production: how many, mean, spread, quantiles, histogram, a 95 % interval.

        The unit is the trace: each source's newest score counts, and several sources are averaged, unless one is named.

        Args:
            metric: what traces were scored under; or `latency_ms`, `cost_usd`, `tokens_in`, `tokens_out`. A list of
                them gives a list of summaries, read in one state of the store.
            by: `version`, `day` (UTC), `label` (what it points to NOW), `variant`, `stratum` or `source`. A list of
                them groups by all of them at once, and a group is a list of as many names.
            since: from this moment on; `until` before that one.
            source: only scores of this source.

        Raises:
            NotFoundError: `prompt-not-found`, `version-not-found`; `metric-not-found` if it is neither declared nor
                scored.
            InvalidError: `invalid-argument`, also for the same grouping twice; `invalid-time`.
        """
        which = {
            "by": by,
            "version": _version(version),
            "experiment": experiment,
            "since": _moment(since),
            "until": _moment(until),
            "source": source,
        }
        if isinstance(metric, str):
            return records.LiveSummary.from_dict(self._call("summary", prompt=prompt, metric=metric, **which))
        found = self._call("summaries", prompt=prompt, metrics=list(metric), **which)["summaries"]
        return [records.LiveSummary.from_dict(summary) for summary in found]

    # ---- drift

    def canary(
        self,
        name: str,
        prompt: str | None = None,
        *,
        version: VersionLike | None = None,
        label: str | None = None,
        dataset: Dataset | str | None = None,
        dataset_version: int | None = None,
        metrics: str | Iterable[str] | None = None,
        scorers: Iterable[ScorerLike] | None = None,
        baseline: int | None = None,
        alarm: float | None = None,
        floor: float | None = None,
    ) -> Canary:
        """Registers a canary, a few fixed items that tell whether the model changed; or looks one up by its name.

        It never changes; the same again is the one that is there.

        Args:
            version: the version, fixed; without it the one that `label` (by default `production`) points to now.
            dataset: the fixed items, 10 at least, best 20 to 50: a dataset (pinned by `at`, or at its newest version
                now), or its name.
            metrics: what is watched; each declared boolean, or with min and max.
            scorers: what its runs must be scored by; if left out, the first run says so.
            baseline: runs before the detector starts, spread over days: 20 if left out, 10 at least.
            alarm: at most one false alarm in so many runs on average: 365 if left out.
            floor: the least standard deviation that is believed, as a share of the metric's range.

        Raises:
            NotFoundError: `canary-not-found` if only a name is given; `prompt-not-found`, `version-not-found`,
                `label-not-found`, `dataset-not-found`, `dataset-version-not-found`, `metric-not-found`.
            AlreadyExistsError: `canary-exists` if one of that name differs.
            InvalidError: `invalid-argument`.
        """
        pinned = dataset._at if isinstance(dataset, data.Dataset) else None
        found = self._call(
            "canary",
            name=name,
            prompt=version.name if prompt is None and isinstance(version, PromptVersion) else prompt,
            version=_version(version),
            label=label,
            dataset=dataset.name if isinstance(dataset, data.Dataset) else dataset,
            dataset_version=pinned if dataset_version is None else dataset_version,
            metrics=_texts(metrics),
            scorers=None if scorers is None else [specs.scorer(s) for s in scorers],
            baseline=baseline,
            alarm=alarm,
            floor=floor,
        )
        return watch.Canary._of(self, found)

    def canaries(self) -> list[CanaryStatus]:
        """Where every canary stands, in the order of their names."""
        return [watch.CanaryStatus.from_dict(status) for status in self._call("canaries")["canaries"]]

    # ---- experiments

    def experiment(
        self,
        name: str,
        *,
        prompt: str | None = None,
        variants: Mapping[str, VersionLike] | Iterable[Mapping[str, Any]] | None = None,
        weights: Mapping[str, float] | Iterable[float] | None = None,
        metric: str | None = None,
        min_effect: float | None = None,
        control: str | None = None,
        source: str | None = None,
        direction: str | None = None,
        alpha: float | None = None,
        power: float | None = None,
        sd: float | None = None,
        r2: float | None = None,
        n_planned: int | None = None,
        floor: int | None = None,
        mode: str | None = None,
        analysis: str | None = None,
        covariate: str | None = None,
        strata: Iterable[str] | None = None,
        stratum_weights: Mapping[str, float] | None = None,
        unit_score: str | None = None,
        guardrails: Iterable[Mapping[str, Any]] | None = None,
        coverage: float | None = None,
        layer: str | None = None,
        sticky: bool | None = None,
        harm_guard: bool | None = None,
        grace_hours: float | None = None,
        salt: str | None = None,
        description: str | None = None,
        start: bool | None = None,
    ) -> Experiment:
        """Registers an A/B test on traffic and starts it; with the name alone, the one that is there.

        The plan, with its power analysis, is stored and frozen. The same question again gives the same experiment.

        Args:
            variants: names and their versions; the first one is the control.
            weights: whole numbers (a ratio), or shares that sum to 1; equal if left out.
            min_effect: the smallest difference worth finding, in the metric's unit.
            sd: how the users' scores spread; from earlier traces if left out, and a guess where there are none.
            r2: the share of the variance that strata or a covariate explain.
            n_planned: users per variant in place of what the power analysis asks for (at least `floor`, which is 500).
            mode: `lock` (the default): decided at the planned number, and closed until then; or `anytime`: decided at
                the first moment at which the confidence sequence leaves 0.
            analysis: `plain` (the default), `stratified` or `cuped`.
            covariate: of `cuped`: `history` (the default), `exposure` or `stratum`.
            unit_score: `unit_mean` (the default: every user counts the same) or `response_mean`.
            guardrails: metrics that must not get worse: `{"metric": …, "tolerance": …, "relative": True}`.
            coverage: the share of all users that takes part.
            layer: experiments of one layer never share a user.
            start: False only registers it.

        Raises:
            InvalidError: `invalid-experiment`.
            AlreadyExistsError: `experiment-exists` if one of this name was planned differently.
            ConflictError: `layer-full`.
            NotFoundError: `experiment-not-found`, `prompt-not-found`, `version-not-found`.
        """
        given = {
            "prompt": prompt,
            "variants": trials.variants(_listed(variants)),
            "weights": _listed(weights),
            "metric": metric,
            "min_effect": min_effect,
            "control": control,
            "source": source,
            "direction": direction,
            "alpha": alpha,
            "power": power,
            "sd": sd,
            "r2": r2,
            "n_planned": n_planned,
            "floor": floor,
            "mode": mode,
            "analysis": analysis,
            "covariate": covariate,
            "strata": _texts(strata),
            "stratum_weights": stratum_weights,
            "unit_score": unit_score,
            "guardrails": None if guardrails is None else [dict(guardrail) for guardrail in guardrails],
            "coverage": coverage,
            "layer": layer,
            "sticky": sticky,
            "harm_guard": harm_guard,
            "grace_hours": grace_hours,
            "salt": salt,
            "description": description,
            "start": start,
        }
        said = {name: value for name, value in given.items() if value is not None}
        return trials.Experiment._of(self, self._call("experiment", name=name, **said))

    def experiments(self) -> list[Experiment]:
        """Every experiment, in the order of the names."""
        return [trials.Experiment._of(self, found) for found in self._call("experiments")["experiments"]]

    # ---- the whole store

    def events(self, after: int | None = None, limit: int | None = None) -> list[Event]:
        """The log, oldest first: what lies behind position `after`, at most `limit` entries."""
        given = {} if after is None else {"after": after}
        return [records.Event.from_dict(event) for event in self._call("events", limit=limit, **given)["events"]]

    def verify(self) -> Report:
        """Checks every hash and every link: log, labels, verdicts, runs, datasets, versions, canaries, traces."""
        return records.Report.from_dict(self._call("verify"))

    def backup(self, to: str | os.PathLike[str]) -> Backup:
        """Copies the store as it is now into a new file, while others read and write, and verifies the copy.

        Args:
            to: a path that is free; nothing is ever replaced.

        Raises:
            AlreadyExistsError: `file-exists`.
            CorruptError: `damaged` if the copy does not verify, which means that this store does not either.
            StorageError.
        """
        return records.Backup.from_dict(self._call("backup", to=os.fspath(to)))

    def space(self) -> SpaceUse:
        """What takes the space: the parts of the store, and the largest runs. Reads every entry once."""
        return records.SpaceUse.from_dict(self._call("space"))

    def compact(self) -> dict[str, int]:
        """Makes the file as small as it can be: `bytes_before` and `bytes`. Others may have it open; their calls wait.

        Raises:
            BusyError: if anybody is reading or writing at this moment.
            RefusedError: `read-only`.
            StorageError.
        """
        return dict(self._call("compact"))

    def info(self) -> dict[str, Any]:
        """The path, how many events there are, when the last one was."""
        return dict(self._call("info"))


def _listed(values: Any) -> Any:
    """A list of what an iterator yields; anything else as it is, for the core to judge."""
    return list(values) if hasattr(values, "__next__") else values


def doctor(
    path: str | os.PathLike[str],
    deep: bool = False,
    salvage: str | os.PathLike[str] | None = None,
    busy_timeout: float = 5.0,
) -> Diagnosis:
    """What is wrong with a file, and what of it can be saved.

    Works on files that no longer open, and writes nothing to them. Others can read meanwhile, and their writes wait.

    Args:
        path: the file.
        deep: also checks every link as `verify` does, and names every entry that can't be read.
        salvage: copies what can be read into a new file of this name.
        busy_timeout: how many seconds to wait for a process that is writing.

    Raises:
        NotFoundError: `store-not-found`.
        BusyError: if a writer does not finish in time.
        AlreadyExistsError: `file-exists`, of the file to salvage into.
        StorageError.
    """
    import json

    given = {
        "deep": deep,
        "salvage": None if salvage is None else os.fspath(salvage),
        "busy_timeout": busy_timeout,
    }
    return records.Diagnosis.from_dict(json.loads(_native.doctor(path, json.dumps(given))))


def open(
    path: str | os.PathLike[str],
    read_only: bool = False,
    busy_timeout: float = 5.0,
    actor: str | None = None,
    *,
    when_full: str | None = None,
    max_queue_size: int | None = None,
    max_queue_bytes: int | None = None,
    flush_on_signal: bool = True,
) -> Store:
    """Opens a store; makes the file if it is missing.

    Args:
        path: the file.
        read_only: refuses every write, and a file that is not there.
        busy_timeout: how many seconds a write waits for another process before it gives up with `busy`.
        actor: who is written down as the author of what is done through this handle.
        when_full: what becomes of a `log` or `score` that finds the queue of those on their way full: `block` (the
            default) makes it wait, `drop` drops it, which `recorder()` counts and which is no error.
        max_queue_size: how many calls the queue holds; 10,000, if left out.
        max_queue_bytes: how many bytes of their texts; 64 MiB, if left out. A single call may have more.
        flush_on_signal: whether SIGTERM, if nobody handles it when the first `log` or `score` comes from the main
            thread, waits for what they were asked for before it ends the process as it does without.

    Raises:
        InvalidError: `invalid-argument`.
        IncompatibleError: `not-a-store`, `newer-format`, `locks-unsupported`.
        NotFoundError: `store-not-found` if it is opened read-only and is not there.
        CorruptError, BusyError, StorageError.
    """
    recorder = {
        "when_full": when_full,
        "max_queue_size": max_queue_size,
        "max_queue_bytes": max_queue_bytes,
        "flush_on_signal": flush_on_signal,
    }
    return Store(path, read_only, busy_timeout, actor, recorder)
