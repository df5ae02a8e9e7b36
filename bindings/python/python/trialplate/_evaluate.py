"""The evaluation loop: a task on every pending item, scored and recorded as it comes back."""

from __future__ import annotations

import inspect
import math
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ._data import Run
from ._errors import InvalidError
from ._native import PromptVersion
from ._results import Pending
from ._specs import Scorer

if TYPE_CHECKING:
    from ._store import Store


@dataclass(frozen=True, slots=True)
class Output:
    """What a task returns if it knows more than the output.

    Attributes:
        output: what the model said; any JSON.
        latency_ms: how long the call took; measured around the task if left out.
        scores: scores that came with it.
    """

    output: Any
    cost_usd: float | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    latency_ms: float | None = None
    scores: dict[str, Any] | None = None


Task = Callable[[Pending], Any]


def evaluate(
    store: Store,
    run: Run,
    task: Callable[..., Any],
    scorers: Sequence[Scorer | str],
    *,
    concurrency: int,
    progress: bool | None,
) -> Run:
    """Records a row for each pending item of the run, and finishes it."""
    if not isinstance(concurrency, int) or concurrency < 1:
        raise InvalidError(f"concurrency is a number of 1 or more, not {concurrency!r}", code="invalid-argument")
    call = _task(task, store.get(run.prompt, version=run.version))
    functions = {s.name: _function(s.fn) for s in scorers if isinstance(s, Scorer) and s.fn is not None}

    def one(item: Pending) -> None:
        start = time.perf_counter()
        try:
            output = call(item)
        except Exception as error:
            run.record(item, error=f"{type(error).__name__}: {error}", latency_ms=_since(start))
            return
        latency = _since(start)
        made = output if isinstance(output, Output) else Output(output)
        scores = dict(made.scores or {})
        for name, score in functions.items():
            scores.setdefault(name, _score(score, made.output, item))
        facts: dict[str, Any] = {
            "latency_ms": latency if made.latency_ms is None else made.latency_ms,
            "cost_usd": made.cost_usd,
            "tokens_in": made.tokens_in,
            "tokens_out": made.tokens_out,
        }
        try:
            run.record(item, output=made.output, scores=scores, **facts)
        except InvalidError as unfit:
            if unfit.code not in ("invalid-json", "too-large"):
                raise
            # The call is paid for: what can't be kept of it is kept as the error it is.
            run.record(item, error=f"the output can't be kept: {unfit}", **facts)

    pending = run.pending()
    pool = ThreadPoolExecutor(concurrency, thread_name_prefix="trialplate-evaluate")
    try:
        futures = [pool.submit(one, item) for item in pending]
        for future in _shown(as_completed(futures), len(futures), run, progress):
            future.result()
    except BaseException:
        # What has begun ends by itself; what has not is pending still, and the run can be resumed.
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
    return run.finish()


def _since(start: float) -> float:
    return (time.perf_counter() - start) * 1000.0


def _positional(function: Callable[..., Any]) -> int | None:
    """How many positional arguments it must be given; None if nobody knows, or if it takes any number.

    One with a default is the function's own affair: it is not given anything.
    """
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return None
    return sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty for p in parameters)


def _keywords(function: Callable[..., Any]) -> set[str] | None:
    """The names of its keyword-only arguments; None if it takes any."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return set()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return {p.name for p in parameters if p.kind is p.KEYWORD_ONLY}


def _task(task: Callable[..., Any], prompt: PromptVersion) -> Task:
    count = _positional(task)
    if count == 0:
        given = {"prompt": prompt}
        names = _keywords(task)
        extra = given if names is None else {name: value for name, value in given.items() if name in names}
        return lambda item: task(item=item, **extra)
    if count is not None and count >= 2:
        return lambda item: task(item, prompt)
    return task


def _function(fn: Callable[..., Any]) -> Callable[[Any, Any, Pending], Any]:
    count = _positional(fn)
    if count == 1:
        return lambda output, expected, item: fn(output)
    if count == 2:
        return lambda output, expected, item: fn(output, expected)
    return fn


def _score(score: Callable[[Any, Any, Pending], Any], output: Any, item: Pending) -> Any:
    """What the function says; missing (None), never 0, if it fails or says no finite number."""
    try:
        said = score(output, item.expected, item)
    except Exception as error:
        warnings.warn(f"a scorer failed, its score is missing: {type(error).__name__}: {error}", stacklevel=2)
        return None
    return None if isinstance(said, float) and not math.isfinite(said) else said


def _shown(done: Iterable[Any], total: int, run: Run, progress: bool | None) -> Iterable[Any]:
    if progress is False:
        return done
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return done
    # None: tqdm itself keeps quiet where nobody looks. In a notebook somebody does.
    hidden = None if progress is None and "ipykernel" not in sys.modules else False
    bar: Iterable[Any] = tqdm(done, total=total, desc=run.name or f"{run.prompt}:{run.version}", disable=hidden)
    return bar
