#!/usr/bin/env python3
"""Runs every scenario through the program, one process per step."""

import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from scenarios import ROOT, Failed, Mismatch, parser, play, report, scenarios

#: Lists that are printed as JSON lines.
LINES = {"dataset_items": "items", "pending": "items", "rows": "rows", "events": "events", "log_many": "trace_ids"}
#: A result that says fail or cannot-tell is a result all the same.
RESULTS = {0, 1, 3}


class ByName(Exception):
    """There are no flags for these arguments: the step goes through `call VERB JSON`.

    That is: a version itself (a program is given a number or an id), two ways to name a version at once, empty
    lists, and values that a flag would read as another type.
    """


def text(value):
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def version(value):
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ByName
    return str(value)


def structured(value):
    """JSON in a flag: an object or a list; anything else would be the name of a file."""
    if not isinstance(value, (dict, list)):
        raise ByName
    return json.dumps(value, ensure_ascii=False)


def scorer(value):
    if isinstance(value, str) and value:
        return value
    return structured(value)


def switch(value):
    if value is not True:
        raise ByName


def options(args, **readers):
    """`--name=value` for each argument that is given; all must be known."""
    out = []
    for name, value in args.items():
        flag = name.replace("_", "-")
        if name not in readers or value is None:
            raise ByName
        read = readers[name]
        if isinstance(read, tuple):
            flag, read = read
        if isinstance(read, list):
            if not value:
                raise ByName
            out += [f"--{flag}={read[0](element)}" for element in value]
        else:
            given = read(value)
            out.append(f"--{flag}" if read is switch else f"--{flag}={given}")
    return out


def which(args):
    if len(args) - ("at" in args and "label" in args) > 1 or not isinstance(args.get("version", 1), int):
        raise ByName
    return options(args, label=text, version=text, id=text, at=text)


def take(args, *names):
    rest = dict(args)
    return [rest.pop(name) for name in names], rest


def positional(flags, *values):
    return [*flags, "--", *map(version, values)], None


def publish(args):
    (name, prompt), rest = take(args, "name", "prompt")
    empty = [n for n in ("params", "tools", "tags", "labels") if n in rest and rest[n] in ([], {})]
    if prompt is None or empty:
        raise ByName
    flags = options(rest, model=text, params=structured, tools=structured, response_schema=("schema", structured), message=text,
                    author=text, parent=text, tags=("tag", [text]), labels=("label", [text]))
    if isinstance(prompt, str):
        return [*flags, f"--text={prompt}", "--", name], None
    return [*flags, "--chat=-", "--", name], json.dumps(prompt)


def compile_(args):
    (name, variables), rest = take(args, "name", "variables")
    mode = [f"--mode={rest.pop('mode')}"] if "mode" in rest else []
    return [f"--name={name}", *which(rest), f"--vars={json.dumps(variables, ensure_ascii=False)}", *mode], None


def get(args):
    (name,), rest = take(args, "name")
    return [f"--name={name}", *which(rest)], None


def names(*required, **flags):
    def build(args):
        given, rest = take(args, *required)
        return positional(options(rest, **flags), *given)

    return build


def optional(name, **flags):
    def build(args):
        rest = dict(args)
        given = [rest.pop(name)] if name in rest else []
        return positional(options(rest, **flags), *given)

    return build


def compare(args):
    (a, b), rest = take(args, "a", "b")
    if rest.get("margin") == {}:
        raise ByName
    margin = [f"--margin={metric}={text(points)}" for metric, points in rest.pop("margin", {}).items()]
    flags = options(rest, primary=[text], alpha=text, cluster=text, noise=[text])
    return positional([*margin, *flags], a, b)


def start_run(args):
    (prompt, number, dataset), rest = take(args, "prompt", "version", "dataset")
    flags = options(rest, scorers=("scorer", [scorer]), trials=text, name=text, dataset_version=text)
    return positional(flags, prompt, number, dataset)


def output(value):
    # As JSON text, so that a text that looks like JSON stays a text.
    if not isinstance(value, (str, dict, list)):
        raise ByName
    return json.dumps(value, ensure_ascii=False)


def record(args):
    (run, key), rest = take(args, "run", "key")
    row = dict(rest.pop("row", {}))
    row = {name: value for name, value in row.items() if value is not None}
    scores = row.pop("scores", {})
    if "" in scores or ("output" in row and "error" in row):
        raise ByName
    flags = options({**rest, **row}, trial=text, output=output, error=text, latency_ms=text, cost_usd=text, tokens_in=text, tokens_out=text)
    flags += [f"--score={metric}={json.dumps(score, ensure_ascii=False)}" for metric, score in scores.items()]
    return [*flags, "--", run, key], None


def lines(values):
    return "".join(json.dumps(value) + "\n" for value in values)


def record_all(args):
    return ["--", args["run"], "-"], lines({"key": r["key"], "trial": r["trial"], **r.get("row", {})} for r in args["rows"])


def dataset_archive(args):
    if not args["keys"]:
        raise ByName
    return ["--", args["name"], *args["keys"]], None


def metric(args):
    (name,), rest = take(args, "name")
    categories = rest.pop("categories", None)
    if categories == []:
        raise ByName
    flags = options(rest, kind=text, min=text, max=text, direction=text)
    return [*flags, *([f"--categories={','.join(categories)}"] if categories else []), "--", name], None


def log(args):
    (prompt, number), rest = take(args, "prompt", "version")
    rest.pop("durable", None)  # It always is.
    flags = options(rest, trace_id=text, at=text, input=output, output=output, error=text, latency_ms=text, cost_usd=text, tokens_in=text,
                    tokens_out=text, user=text, experiment=text, variant=text, stratum=text, metadata=structured)
    return positional(flags, prompt, number)


def score(args):
    (trace, metric_, value), rest = take(args, "trace_id", "metric", "value")
    rest.pop("durable", None)
    flags = options(rest, source=text, comment=text, judge=scorer)
    return [*flags, "--", trace, metric_, json.dumps(value, ensure_ascii=False)], None


def canary(args):
    (name,), rest = take(args, "name")
    if "label" in rest and "version" not in rest:
        rest["version"] = f"@{rest.pop('label')}"
    flags = options(rest, prompt=text, version=version, dataset=text, dataset_version=text, metrics=("metric", [text]),
                    scorers=("scorer", [scorer]), baseline=text, alarm=text, floor=text)
    return positional(flags, name)


def groupings(by):
    return ",".join(by) if isinstance(by, list) else text(by)


def summary(args):
    if "run" in args:
        return names("run")(args)
    return names("prompt", "metric", by=groupings, version=version, experiment=text, since=text, until=text, source=text)(args)


def summaries(args):
    (prompt, metrics), rest = take(args, "prompt", "metrics")
    if not metrics:
        raise ByName
    flags = options(rest, by=groupings, version=version, experiment=text, since=text, until=text, source=text)
    return positional(flags, prompt, *metrics)


def experiment(args):
    (name,), rest = take(args, "name")
    if rest.get("n_planned", 0) < 0:
        raise ByName  # No flag can say that.
    many = {}
    for group in ("variants", "weights", "guardrails", "strata", "stratum_weights"):
        if group in rest:
            many[group] = rest.pop(group)
    flags = options(rest, **dict.fromkeys(("prompt", "control", "metric", "source", "direction", "min_effect", "alpha", "power", "sd", "r2",
                    "n_planned", "floor", "mode", "analysis", "covariate", "unit_score", "coverage", "layer", "sticky", "harm_guard", "grace_hours",
                    "salt", "description", "start"), text))
    for group, flag in (("variants", "variant"), ("weights", "weight"), ("stratum_weights", "stratum-weight")):
        if group in many:
            if not isinstance(many[group], dict) or not many[group]:
                raise ByName
            flags += [f"--{flag}={key}={version(value) if group == 'variants' else text(value)}" for key, value in many[group].items()]
    flags += [f"--guardrail={json.dumps(guardrail)}" for guardrail in many.get("guardrails", [])]
    if "strata" in many:
        flags.append(f"--strata={','.join(many['strata'])}")
    return [*flags, "--", name], None


def experiment_weights(args):
    if not isinstance(args["weights"], dict) or not args["weights"]:
        raise ByName
    return ["--", args["name"], *(f"{name}={text(weight)}" for name, weight in args["weights"].items())], None


def expose(args):
    (name, unit), rest = take(args, "name", "unit")
    rest.pop("durable", None)  # It always is.
    return [*options(rest, stratum=text, covariate=text), "--", name, unit], None


VERBS = {
    "experiment": experiment,
    "experiments": names(),
    "experiment_start": names("name"),
    "assign": names("name", "unit"),
    "expose": expose,
    "experiment_weights": experiment_weights,
    "experiment_coverage": lambda args: (["--", args["name"], text(args["coverage"])], None),
    "experiment_result": names("name"),
    "experiment_conclude": names("name", promote=text, reason=text),
    "experiment_stop": names("name", reason=text),
    "publish": publish,
    "get": get,
    "compile": compile_,
    "otel_attributes": get,
    "versions": names("name", after=text, limit=text),
    "prompts": optional("prefix", search=text, tag=text),
    "diff": names("name", "a", "b"),
    "set_label": names("name", "label", "version", expected=version, reason=text),
    "unset_label": names("name", "label", reason=text),
    "labels": names("name"),
    "history": names("name", "label"),
    "rollback": names("name", "label", to=version, reason=text),
    "protect": names("name", "label", gate=structured, auto=switch),
    "unprotect": names("name", "label", reason=text),
    "gate": names("name", "label"),
    "check": names("name", "version", "label", auto=switch),
    "promote": names("name", "version", to=text, override=text, reason=text, expected=version, auto=switch),
    "verdicts": names("name", "label"),
    "datasets": names(),
    "dataset": names("name", version=text),
    "dataset_versions": names("name"),
    "dataset_add": lambda args: (["--", args["name"], "-"], lines(args["items"])),
    "dataset_archive": dataset_archive,
    "dataset_items": names("name", version=text, after=text, limit=text),
    "dataset_keys": names("name", version=text, after=text, limit=text),
    "dataset_diff": names("name", "a", "b"),
    "dataset_schema": names("name", input=structured, expected=structured),
    "metric": metric,
    "metrics": names(),
    "scorer": lambda args: (["--", json.dumps(args, ensure_ascii=False)], None),
    "start_run": start_run,
    "run": names("run"),
    "runs": optional("prompt"),
    "pending": names("run"),
    "record": record,
    "record_all": record_all,
    "finish_run": names("run"),
    "withdraw_run": names("run", reason=text),
    "calibrate": names("metric", run=text, human=text, prompt=text, version=version, since=text, until=text, judge=scorer),
    "calibrations": optional("metric"),
    "rows": names("run"),
    "summary": summary,
    "compare": compare,
    "log": log,
    "score": score,
    "flush": names(),
    "recorder": names(),
    "trace": names("trace_id"),
    "traces": optional("prompt", version=version, label=text, user=text, experiment=text, since=text, until=text, limit=text, cursor=text,
                       order=text, metric=text),
    "log_many": lambda args: ([], lines(args["calls"])),
    "score_many": lambda args: ([], lines(args["scores"])),
    "prune": names(before=text, prompt=text),
    "summaries": summaries,
    "dataset_add_from_trace": names("name", "trace_id", expected=output, key=text),
    "canary": canary,
    "canaries": names(),
    "canary_record": names("name", "run", anchor=text),
    "canary_status": names("name"),
    "canary_history": names("name"),
    "canary_confirm": names("name", reason=text),
    "canary_dismiss": names("name", reason=text),
    "events": names(after=text, limit=text),
    "verify": names(),
    "backup": names("to"),
    "space": names(),
    "compact": names(),
    "doctor": names(deep=switch, salvage=text, busy_timeout=text),
    "info": names(),
}


class Program:
    def __init__(self, path):
        self.path = path
        self.environment = {n: v for n, v in os.environ.items() if n != "USER" and not n.startswith("TRIALPLATE_")}
        self.by_name = 0
        self.steps = 0

    def run(self, file, arguments, stdin=None):
        command = [self.path, f"--file={file}", "--json", *arguments]
        done = subprocess.run(command, input=(stdin or "").encode(), capture_output=True, env=self.environment, timeout=60)
        out, err = done.stdout.decode(), done.stderr.decode()
        if done.returncode in RESULTS and not err.strip().startswith('{"error"'):
            return out
        try:
            error = json.loads(err.strip().split("\n")[-1])["error"]
        except (ValueError, IndexError, KeyError):
            raise Mismatch(f"exit code {done.returncode}: {err.strip()[:300]}") from None
        raise Failed(error["code"], error["message"], error.get("verdict"))

    def call(self, file, verb, args):
        self.steps += 1
        try:
            arguments, stdin = VERBS[verb](args)
            out = self.run(file, [verb.replace("_", "-"), *arguments], stdin)
            if verb in LINES:
                return {LINES[verb]: [json.loads(line) for line in out.split("\n") if line]}
        except ByName:
            self.by_name += 1
            out = self.run(file, ["call", verb, "-"], json.dumps(args))
        return json.loads(out)

    def play(self, steps):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "store.tp"
            # A verb that reads makes no file; adding nothing does.
            self.run(file, ["call", "dataset_add", "-"], '{"name": "d", "items": []}')

            def call(verb, args):
                result = self.call(file, verb, args)
                return result, result

            play(steps, call, folder)


def found():
    for kind in ("release", "debug"):
        path = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / kind / "trialplate"
        if path.exists():
            return path
    sys.exit("build the program first: cargo build --release -p trialplate-cli")


def main():
    arguments = parser(__doc__)
    arguments.add_argument("--program", metavar="PATH", help="which program; the one that cargo built by default")
    arguments.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N", help="scenarios at once")
    given = arguments.parse_args()
    program = Program(given.program or found())

    def one(scenario):
        name, steps = scenario
        try:
            program.play(steps)
            return name, None
        except Mismatch as error:
            return name, str(error)
        except Exception as error:  # Whatever it is, it is this scenario's failure.
            return name, f"{type(error).__name__}: {error}"

    with ThreadPoolExecutor(given.jobs) as pool:
        results = list(pool.map(one, scenarios("cli", given.only)))
    print(f"{program.by_name} of {program.steps} steps went through `call`")
    return report(results)


if __name__ == "__main__":
    sys.exit(main())
