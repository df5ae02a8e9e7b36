"""What the Python and the shell runner share: reading scenarios, filling in what was saved, comparing."""

import argparse
import json
import re
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent.parent


class Mismatch(Exception):
    """A step did not do what its scenario says."""


class Failed(Exception):
    """A call that failed, with the error's code and the verdict that it may carry."""

    def __init__(self, code, message, verdict=None):
        super().__init__(f"{code}: {message}")
        self.code, self.verdict = code, verdict


def scenarios(language, only):
    for path in sorted(FOLDER.glob("*.json")):
        for scenario in json.loads(path.read_text(encoding="utf-8"))["scenarios"]:
            name = f"{path.name}: {scenario['name']}"
            if language not in scenario.get("skip", {}) and (only is None or only in name):
                yield name, scenario["steps"]


def fill(value, saved):
    if isinstance(value, dict):
        if list(value) == ["$"]:
            return saved[value["$"]]
        if "$repeat" in value:
            return value["$repeat"] * value["times"]
        return {name: fill(member, saved) for name, member in value.items()}
    if isinstance(value, list):
        return [fill(element, saved) for element in value]
    return value


def member(value, path):
    for step in path.split(".") if path else ():
        value = value[int(step)] if isinstance(value, list) else value[step]
    return value


def number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


TYPES = {
    "string": lambda v: isinstance(v, str),
    "number": number,
    "object": lambda v: isinstance(v, dict),
    "list": lambda v: isinstance(v, list),
    "id": lambda v: isinstance(v, str) and bool(re.fullmatch(r"b3:[0-9a-f]{64}|[0-9a-f-]{36}", v)),
    "time": lambda v: isinstance(v, str) and bool(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", v)),
}


def fits(expected, actual, at):
    """Whether `actual` is what `expected` describes; raises Mismatch with the place if it is not."""

    def need(yes):
        if not yes:
            raise Mismatch(f"{at}: expected {json.dumps(expected)[:300]}, found {json.dumps(actual)[:300]}")

    if isinstance(expected, dict):
        if "$type" in expected:
            return need(TYPES[expected["$type"]](actual))
        if "$near" in expected:
            wanted = expected["$near"]
            return need(number(actual) and abs(actual - wanted) <= expected["rel"] * abs(wanted))
        if "$length" in expected:
            return need(isinstance(actual, (list, dict, str)) and len(actual) == expected["$length"])
        if "$not" in expected:
            try:
                fits(expected["$not"], actual, at)
            except Mismatch:
                return None
            return need(False)
        need(isinstance(actual, dict))
        for name, value in expected.items():
            if name not in actual:
                raise Mismatch(f"{at}.{name}: expected {json.dumps(value)[:300]}, but there is no such member")
            fits(value, actual[name], f"{at}.{name}")
    elif isinstance(expected, list):
        need(isinstance(actual, list) and len(actual) == len(expected))
        for i, (a, b) in enumerate(zip(expected, actual)):
            fits(a, b, f"{at}[{i}]")
    elif number(expected):
        need(number(actual) and float(expected) == float(actual))
    else:
        need(type(expected) is type(actual) and expected == actual)
    return None


def play(steps, call, folder):
    """Runs the steps, with a folder for files. `call(verb, args)` gives (result as plain JSON, what to keep if it is saved whole)."""
    # A path that is free.
    plain = {"copy": str(Path(folder) / "copy.tp")}
    values = dict(plain)
    for position, step in enumerate(steps, 1):
        at = f"step {position} ({step['call']})"
        code = step.get("error")
        try:
            result, whole = call(step["call"], fill(step.get("args", {}), values))
        except Failed as failure:
            if failure.code != code:
                raise Mismatch(f"{at}: expected {f'the error {code}' if code else 'a result'}, found {failure}") from None
            if "verdict" in step:
                fits(fill(step["verdict"], plain), failure.verdict, f"{at}: verdict")
            continue
        if code:
            raise Mismatch(f"{at}: expected the error {code}, found {json.dumps(result)[:300]}")
        if "expect" in step:
            fits(fill(step["expect"], plain), result, at)
        for name, path in step.get("save", {}).items():
            plain[name] = member(result, path)
            values[name] = plain[name] if path else whole


def report(results):
    """Prints the failures and the counts; the exit code."""
    failures = [(name, error) for name, error in results if error]
    for name, error in failures:
        print(f"FAILED {name}\n    {error}")
    print(f"{len(results) - len(failures)} passed, {len(failures)} failed")
    return 1 if failures or not results else 0


def parser(description):
    out = argparse.ArgumentParser(description=description)
    out.add_argument("--only", metavar="TEXT", help="only scenarios whose file or name contains it")
    return out


if __name__ == "__main__":
    sys.exit("this is a module: run run_python.py or run_cli.py")
