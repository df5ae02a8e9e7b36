"""SQLite for LLMOps: prompts as versioned artifacts in one local file.

    import trialplate

    store = trialplate.open("prompts.tp")
    v = store.publish("extraction", "Extract the parties from: {{document}}", model="claude-sonnet-4-6")
    store.set_label("extraction", "production", v)
    store.get("extraction").compile(document="Alice sells to Bob.")

A label that any process moves is what the next `get` in every other one returns.
"""

from __future__ import annotations

from ._errors import (
    AlreadyExistsError,
    BusyError,
    ConflictError,
    CorruptError,
    GateRefused,
    IncompatibleError,
    InvalidError,
    NotFoundError,
    RefusedError,
    StorageError,
    TrialplateError,
)
from ._native import PromptVersion, __version__
from ._store import Store, doctor, open

# The rest is imported when it is used: a process that opens a store and gets a prompt needs none of it.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from . import stats
    from ._canaries import (
        AffectedItem,
        AnchorFigures,
        Canary,
        CanaryFigures,
        CanaryInfo,
        CanaryMetric,
        CanaryOnset,
        CanaryStatus,
        CanaryStep,
    )
    from ._data import Dataset, Run
    from ._evaluate import Output
    from ._experiments import (
        Assignment,
        Conclusion,
        Experiment,
        ExperimentResult,
        Plan,
    )
    from ._results import (
        Agreement,
        Backup,
        Calibration,
        Change,
        CheckResult,
        Comparison,
        DatasetDiff,
        DatasetSchemas,
        DatasetVersion,
        Diagnosis,
        Diff,
        Event,
        FigureComparison,
        Finding,
        Histogram,
        Item,
        ItemComparison,
        LabelMove,
        Left,
        LiveFigures,
        LiveGroup,
        LiveSummary,
        McNemar,
        Metric,
        MetricComparison,
        MetricSummary,
        Needed,
        NoiseFloor,
        PartUse,
        Pending,
        Prompt,
        Pruned,
        QuantileComparison,
        RecorderStats,
        RegressedItem,
        Report,
        Row,
        RunInfo,
        RunSummary,
        RunUse,
        Salvaged,
        SpaceUse,
        StratumComparison,
        Trace,
        TracePage,
        TraceScore,
        Verdict,
        VerdictKey,
        Withdrawal,
        WorstCase,
    )
    from ._specs import Check, Gate, Scorer

_HOMES = {
    "_canaries": (
        "AffectedItem",
        "AnchorFigures",
        "Canary",
        "CanaryFigures",
        "CanaryInfo",
        "CanaryMetric",
        "CanaryOnset",
        "CanaryStatus",
        "CanaryStep",
    ),
    "_data": ("Dataset", "Run"),
    "_evaluate": ("Output",),
    "_experiments": ("Assignment", "Conclusion", "Experiment", "ExperimentResult", "Plan"),
    "_specs": ("Check", "Gate", "Scorer"),
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name == "stats":
        return import_module("trialplate.stats")
    if name not in __all__:
        raise AttributeError(f"module 'trialplate' has no attribute {name!r}")
    home = next((home for home, names in _HOMES.items() if name in names), "_results")
    found = globals()[name] = getattr(import_module(f"trialplate.{home}"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__all__ = [
    "AffectedItem",
    "Agreement",
    "AlreadyExistsError",
    "AnchorFigures",
    "Assignment",
    "Backup",
    "BusyError",
    "Calibration",
    "Canary",
    "CanaryFigures",
    "CanaryInfo",
    "CanaryMetric",
    "CanaryOnset",
    "CanaryStatus",
    "CanaryStep",
    "Change",
    "Check",
    "CheckResult",
    "Comparison",
    "Conclusion",
    "ConflictError",
    "CorruptError",
    "Dataset",
    "DatasetDiff",
    "DatasetSchemas",
    "DatasetVersion",
    "Diagnosis",
    "Diff",
    "Event",
    "Experiment",
    "ExperimentResult",
    "FigureComparison",
    "Finding",
    "Gate",
    "GateRefused",
    "Histogram",
    "IncompatibleError",
    "InvalidError",
    "Item",
    "ItemComparison",
    "LabelMove",
    "Left",
    "LiveFigures",
    "LiveGroup",
    "LiveSummary",
    "McNemar",
    "Metric",
    "MetricComparison",
    "MetricSummary",
    "Needed",
    "NoiseFloor",
    "NotFoundError",
    "Output",
    "PartUse",
    "Pending",
    "Plan",
    "Prompt",
    "PromptVersion",
    "Pruned",
    "QuantileComparison",
    "RecorderStats",
    "RefusedError",
    "RegressedItem",
    "Report",
    "Row",
    "Run",
    "RunInfo",
    "RunSummary",
    "RunUse",
    "Salvaged",
    "Scorer",
    "SpaceUse",
    "StorageError",
    "Store",
    "StratumComparison",
    "Trace",
    "TracePage",
    "TraceScore",
    "TrialplateError",
    "Verdict",
    "VerdictKey",
    "Withdrawal",
    "WorstCase",
    "__version__",
    "doctor",
    "open",
    "stats",
]
