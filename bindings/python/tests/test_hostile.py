"""Hostile values for every public function: an error with a code or of Python's own, or a result; never a crash.

The values are handed over in a process of their own, so that a crash is seen as one.
"""

# ruff: noqa: B023 (each function is called before the loop goes on)

import faulthandler
import inspect
import json
import os
import subprocess
import sys
import tempfile
import unittest

# What Python itself raises for what can't be an argument.
OF_PYTHON = (TypeError, ValueError, OverflowError, RecursionError, AttributeError, LookupError)


def deep(n, value=1):
    for _ in range(n):
        value = [value]
    return value


def deep_members(n, value=1):
    for _ in range(n):
        value = {"a": value}
    return value


def cyclic():
    value = []
    value.append({"a": value})
    return value


class Odd:
    """Has every method that a conversion asks for, and each one fails or lies."""

    def __index__(self):
        raise ValueError("no index")

    def __str__(self):
        raise ValueError("no text")

    __repr__ = __float__ = __len__ = __iter__ = __fspath__ = __bool__ = __hash__ = __str__

    def __eq__(self, other):
        raise ValueError("no comparison")


class Endless:
    def __iter__(self):
        return self

    def __next__(self):
        raise RuntimeError("an iterator that fails")


def values():
    return {
        "none": None,
        "true": True,
        "zero": 0,
        "minus one": -1,
        "2^31": 2**31,
        "2^53+1": 2**53 + 1,
        "2^64": 2**64,
        "huge": 10**400,
        "minus huge": -(10**400),
        "nan": float("nan"),
        "inf": float("inf"),
        "-inf": float("-inf"),
        "minus zero": -0.0,
        "tiny": 5e-324,
        "large": 1.7e308,
        "complex": 1j,
        "empty": "",
        "nul": "a\0b",
        "lone surrogate": "\ud800",
        "lone low": "x\udfffy",
        "astral": "\U0010ffff",
        "long": "x" * 100_000,
        "braces": "{{x}}{{{{",
        "bytes": b"\xff\x00",
        "bytearray": bytearray(b"x"),
        "memoryview": memoryview(b"x"),
        "list": [],
        "strange list": [None, float("nan"), "\ud800", b"x"],
        "dict": {},
        "odd keys": {1: 2, None: 3},
        "surrogate key": {"\ud800": 1},
        "tuple": (1, 2),
        "set": {1},
        "range": range(3),
        "deep": deep(100_000),
        "deep members": deep_members(100_000),
        "deep 200": deep(200),
        "cyclic": cyclic(),
        "type": int,
        "function": len,
        "lambda": lambda *a, **k: 1 / 0,
        "object": object(),
        "odd": Odd(),
        "failing iterator": Endless(),
        "generator": (x for x in "ab"),
        "time": "2026-13-45T99:99:99Z",
        "slice": slice(1, 2),
        "ellipsis": ...,
    }


def honest(folder):
    """Arguments by name that get a call past its first check."""
    return {
        "name": "p",
        "prompt": "p",
        "label": "production",
        "version": 1,
        "a": 1,
        "b": 1,
        "to": "staging",
        "dataset": "d",
        "items": [{"key": "k", "input": 1}],
        "keys": ["k"],
        "metric": "quality",
        "trace_id": "t",
        "value": 1.0,
        "reason": "r",
        "text": "Hi {{x}}",
        "key": "k",
        "unit": "u",
        "path": os.path.join(folder, "other.tp"),
        "kind": "wilson",
        "inputs": {"k": 1, "n": 2},
    }


# They would end the test, or write where they are told to.
LEFT_OUT = {"close", "backup"}


def callables(things):
    for owner, thing in things:
        for name in sorted(dir(thing)):
            if name.startswith("_") or name in LEFT_OUT:
                continue
            if isinstance(inspect.getattr_static(thing, name, None), property):
                continue
            function = getattr(thing, name)
            if callable(function) and not isinstance(function, type):
                yield f"{owner}.{name}", function


def parameters(function):
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None


def attempt(name, call, seen):
    import trialplate

    try:
        call()
        seen["results"] += 1
    except trialplate.TrialplateError as error:
        if not error.code or "the engine stopped" in str(error):
            seen["wrong"].append(f"{name}: {error!r}")
        seen["coded"] += 1
    except OF_PYTHON:
        seen["python"] += 1
    except RuntimeError as error:
        # Its own iterator's, passed on.
        if "an iterator that fails" not in str(error):
            seen["wrong"].append(f"{name}: {error!r}")
    except ZeroDivisionError:
        seen["python"] += 1
    except BaseException as error:  # a panic of Rust is no Exception
        seen["wrong"].append(f"{name}: {type(error).__name__}: {str(error)[:200]}")


def child(folder):
    import trialplate

    faulthandler.dump_traceback_later(240, exit=True)
    os.chdir(folder)
    store = trialplate.open("store.tp", busy_timeout=1.0)
    store.publish("p", "Hi {{x}}", labels=["production"])
    store.metric("quality", kind="numeric")
    data = store.dataset("d")
    data.add([{"key": "k", "input": 1}])
    store.log(1, prompt="p", trace_id="t", output="x", durable=True)
    things = [
        ("trialplate", trialplate),
        ("store", store),
        ("prompt", store.get("p")),
        ("dataset", data),
        ("stats", trialplate.stats),
    ]
    seen = {"calls": 0, "functions": 0, "coded": 0, "python": 0, "results": 0, "wrong": []}
    good = honest(folder)
    for name, function in callables(things):
        seen["functions"] += 1
        known = parameters(function)
        if known is None:
            for text, value in values().items():
                seen["calls"] += 1
                attempt(f"{name}({text})", lambda v=value: function(v), seen)
            continue
        named = [p for p in known if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
        needed = {p.name: good.get(p.name, "p") for p in named if p.default is p.empty}
        for p in named:
            for text, value in values().items():
                seen["calls"] += 1
                attempt(f"{name}({p.name}={text})", lambda: function(**{**needed, p.name: value}), seen)
        for text, value in values().items():
            seen["calls"] += 1
            attempt(f"{name}(everything={text})", lambda: function(**{p.name: value for p in named}), seen)
    # After all that it is whole.
    seen["whole"] = bool(store.verify().ok)
    seen["wrong"] = seen["wrong"][:20]
    print(json.dumps(seen))


class Hostile(unittest.TestCase):
    def test_no_value_ends_the_process(self):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [sys.executable, __file__, folder], capture_output=True, text=True, errors="replace", timeout=280
            )
        self.assertEqual(done.returncode, 0, done.stderr[-4000:])
        seen = json.loads(done.stdout.splitlines()[-1])
        self.assertEqual(seen["wrong"], [])
        self.assertTrue(seen["whole"])
        self.assertGreater(seen["functions"], 50)
        self.assertGreater(seen["calls"], 5000)
        self.assertGreater(seen["coded"], 500)
        self.assertGreater(seen["results"], 100)

    def test_nothing_is_printed_about_a_damaged_file(self):
        """The engine panics on some pages; each is caught and is an error, and none is printed as well."""
        code = (
            "import sys, trialplate\n"
            "path = sys.argv[1] + '/s.tp'\n"
            "store = trialplate.open(path)\n"
            "for i in range(40): store.publish('p', f'{i} ' + 'x' * 400)\n"
            "store.close()\n"
            "whole = open(path, 'rb').read()\n"
            "bad = 0\n"
            "for page in range(1, len(whole) // 4096):\n"
            "    noise = bytes((page * 7 + i * 31) % 251 for i in range(4096))\n"
            "    open(path, 'wb').write(whole[:page * 4096] + noise + whole[page * 4096 + 4096:])\n"
            "    bad += not trialplate.doctor(path, deep=True)\n"
            "assert bad > 5, bad\n"
        )
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))


if __name__ == "__main__":
    if len(sys.argv) == 2 and os.path.isdir(sys.argv[1]):
        child(sys.argv[1])
    else:
        unittest.main()
