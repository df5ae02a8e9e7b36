#!/usr/bin/env python3
"""Runs every scenario through the public Python API."""

import json
import sys
import tempfile
from pathlib import Path

from scenarios import ROOT, Failed, Mismatch, parser, play, report, scenarios

sys.path.insert(0, str(ROOT / "bindings" / "python" / "python"))

import trialplate  # noqa: E402

#: What Python has no method of its own for.
BY_NAME = {"scorer"}


def plain(value):
    """A result as the core's JSON."""
    if isinstance(value, trialplate.PromptVersion):
        return value.to_dict()
    if isinstance(value, dict):
        return {str(name): plain(member) for name, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(element) for element in value]
    return value.to_dict() if hasattr(value, "to_dict") else value


def which(args):
    return {name: args[name] for name in ("label", "version", "id", "at") if name in args}


def compiled(store, args):
    version = store.get(args["name"], **which(args))
    mode, variables = args.get("mode"), args["variables"]
    if mode is None:
        return version.compile(variables)
    return version.compile_partial(variables) if mode == "partial" else version.compile_as(mode, variables)


def dataset(store, args):
    found = store.dataset(args["name"])
    return found if args.get("version") is None else found.at(args["version"])


def start_run(store, args):
    rest = dict(args)
    prompt, version, name, number = rest.pop("prompt"), rest.pop("version"), rest.pop("dataset"), rest.pop("dataset_version", None)
    found = store.dataset(name) if number is None else store.dataset(name).at(number)
    if not isinstance(version, trialplate.PromptVersion) or version.name != prompt:
        rest["prompt"] = prompt
    return store.start_run(version, found, **rest)


def log(store, args):
    rest = dict(args)
    prompt, version = rest.pop("prompt"), rest.pop("version")
    return {"trace_id": store.log(version, prompt=prompt, **rest)}


def finish(store, args):
    run = store.run(args["run"]).finish()
    return {**run.to_dict(), "moves": [move.to_dict() for move in run.moves]}


def page(args):
    return {name: value for name, value in args.items() if name not in ("name", "version")}


def summary(store, args):
    if "run" in args:
        return store.run(args["run"]).summary()
    return method("summary", "prompt", "metric")(store, args)


def of_canary(name, *positional):
    def call(store, args):
        rest = {argument: value for argument, value in args.items() if argument != "name"}
        given = [rest.pop(argument) for argument in positional]
        return getattr(store.canary(args["name"]), name)(*given, **rest)

    return call


def reweigh(store, args):
    experiment = store.experiment(args["name"])
    moved = experiment.set_weights(args["weights"])
    return {"experiment": experiment, "moved": moved}


def of_experiment(name, *positional):
    """Calls a method of the experiment that the step names."""

    def call(store, args):
        rest = {key: value for key, value in args.items() if key != "name"}
        given = [rest.pop(argument) for argument in positional]
        return getattr(store.experiment(args["name"]), name)(*given, **rest)

    return call


def method(name, *positional):
    """Calls `store.name`, with some arguments by position and the rest by keyword."""

    def call(store, args):
        rest = dict(args)
        given = [rest.pop(argument) for argument in positional]
        return getattr(store, name)(*given, **rest)

    return call


def listed(name, call):
    return lambda store, args: {name: call(store, args)}


def nothing(call):
    def wrapped(store, args):
        call(store, args)
        return {}

    return wrapped


VERBS = {
    "experiment": method("experiment", "name"),
    "experiments": listed("experiments", method("experiments")),
    "experiment_start": of_experiment("start"),
    "assign": of_experiment("assign", "unit"),
    "expose": of_experiment("expose", "unit"),
    "experiment_weights": reweigh,
    "experiment_coverage": of_experiment("set_coverage", "coverage"),
    "experiment_result": of_experiment("result"),
    "experiment_conclude": of_experiment("conclude"),
    "experiment_stop": of_experiment("stop", "reason"),
    "publish": method("publish", "name", "prompt"),
    "get": method("get", "name"),
    "compile": listed("prompt", compiled),
    "otel_attributes": lambda store, a: store.get(a["name"], **which(a)).otel_attributes(),
    "versions": listed("versions", method("versions", "name")),
    "prompts": listed("prompts", method("prompts")),
    "diff": method("diff", "name", "a", "b"),
    "set_label": method("set_label", "name", "label", "version"),
    "unset_label": method("unset_label", "name", "label"),
    "labels": listed("labels", method("labels", "name")),
    "history": listed("moves", method("history", "name", "label")),
    "rollback": method("rollback", "name", "label"),
    "protect": listed("gate", method("protect", "name", "label", "gate")),
    "unprotect": nothing(method("unprotect", "name", "label")),
    "gate": method("gate", "name", "label"),
    "check": method("check", "name", "version", "label"),
    "promote": method("promote", "name", "version"),
    "verdicts": listed("verdicts", method("verdicts", "name", "label")),
    "datasets": listed("datasets", method("datasets")),
    "dataset": lambda store, a: dataset(store, a).info(),
    "dataset_versions": listed("versions", lambda store, a: store.dataset(a["name"]).versions()),
    "dataset_add": lambda store, a: store.dataset(a["name"]).add(a["items"]),
    "dataset_archive": lambda store, a: store.dataset(a["name"]).archive(a["keys"]),
    "dataset_items": listed("items", lambda store, a: dataset(store, a).items(**page(a))),
    "dataset_keys": lambda store, a: {"keys": dataset(store, a).keys(**page(a))},
    "dataset_diff": lambda store, a: store.dataset(a["name"]).diff(a["a"], a["b"]),
    "dataset_schema": lambda store, a: store.dataset(a["name"]).schema(**{k: v for k, v in a.items() if k != "name"}),
    "metric": nothing(method("metric", "name")),
    "metrics": listed("metrics", method("metrics")),
    "start_run": start_run,
    "run": method("run", "run"),
    "runs": listed("runs", method("runs")),
    "pending": listed("items", lambda store, a: store.run(a["run"]).pending()),
    "record": lambda store, a: store.run(a["run"]).record(a["key"], trial=a["trial"], **a.get("row", {})),
    "record_all": listed(
        "rows",
        lambda store, a: store.run(a["run"]).record_all([{"key": r["key"], "trial": r["trial"], **r.get("row", {})} for r in a["rows"]]),
    ),
    "finish_run": finish,
    "withdraw_run": method("withdraw_run", "run", "reason"),
    "calibrate": method("calibrate", "metric"),
    "calibrations": listed("calibrations", method("calibrations")),
    "rows": listed("rows", lambda store, a: store.run(a["run"]).rows()),
    "summary": summary,
    "compare": method("compare", "a", "b"),
    "log": log,
    "score": nothing(method("score", "trace_id", "metric", "value")),
    "log_many": lambda store, a: {"trace_ids": store.log_many(a["calls"])},
    "score_many": lambda store, a: {"scores": store.score_many(a["scores"])},
    "prune": method("prune", "before"),
    "summaries": listed("summaries", method("summary", "prompt", "metrics")),
    "flush": nothing(method("flush")),
    "recorder": method("recorder"),
    "trace": method("trace", "trace_id"),
    "traces": method("traces"),
    "dataset_add_from_trace": lambda store, a: store.dataset(a["name"]).add_from_trace(**{k: v for k, v in a.items() if k != "name"}),
    "canary": method("canary", "name"),
    "canaries": listed("canaries", method("canaries")),
    "canary_record": of_canary("record", "run"),
    "canary_status": of_canary("status"),
    "canary_history": listed("steps", of_canary("history")),
    "canary_confirm": of_canary("confirm", "reason"),
    "canary_dismiss": of_canary("dismiss", "reason"),
    "events": listed("events", method("events")),
    "verify": method("verify"),
    "backup": method("backup", "to"),
    "space": method("space"),
    "compact": method("compact"),
    "doctor": lambda store, a: trialplate.doctor(store.path, **a),
    "info": method("info"),
}


def one(steps):
    with tempfile.TemporaryDirectory() as folder, trialplate.open(Path(folder) / "store.tp") as store:

        def call(verb, args):
            try:
                if verb in BY_NAME:
                    result = json.loads(store.call(verb, args))
                else:
                    result = VERBS[verb](store, args)
            except trialplate.TrialplateError as error:
                verdict = getattr(error, "verdict", None)
                raise Failed(error.code, str(error), plain(verdict) if verdict is not None else None) from None
            return json.loads(json.dumps(plain(result))), result

        play(steps, call, folder)
        if not store.verify().ok:
            raise Mismatch("verify says that the store is broken")


def main():
    only = parser(__doc__).parse_args().only
    results = []
    for name, steps in scenarios("python", only):
        try:
            one(steps)
            results.append((name, None))
        except Mismatch as error:
            results.append((name, str(error)))
        except Exception as error:  # A binding that is wrong may raise anything: it is this scenario's failure.
            results.append((name, f"{type(error).__name__}: {error}"))
    return report(results)


if __name__ == "__main__":
    sys.exit(main())
