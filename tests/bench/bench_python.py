#!/usr/bin/env python3
"""What the Python door costs: hot `get` by label (W1) and `compile` (W7), in nanoseconds, medians of repeats.

    PYTHONPATH=bindings/python/python python3 tests/bench/bench_python.py [--quick] [--profile]

`--profile` shows where the time of a `get` goes: an empty loop, an attribute, calls of builtins with the same
arguments, and ours. The peers stand beside us in `run.py`.
"""

import argparse
import random
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import trialplate
from work import prompts, statement, template

LOOKUPS = 1000


def filled(folder, n):
    store = trialplate.open(Path(folder) / f"{n}.tp", busy_timeout=60)
    start = time.perf_counter()
    with ThreadPoolExecutor(64) as pool:
        list(pool.map(lambda pair: store.publish(*pair, labels="production"), prompts(n)))
    print(f"   (published {n} prompts in {time.perf_counter() - start:.1f} s)")
    return store


def row(work, what, seconds, goal):
    ns = seconds * 1e9
    verdict = "" if goal is None else f"   goal {goal:>6} ns   {'ok' if ns <= goal else 'MISSED'}"
    print(f"{work}  {what:<52} {ns:9.0f} ns{verdict}", flush=True)


def hot_get(folder, sizes):
    for n in sizes:
        store = filled(folder, n)
        names = [name for name, _ in prompts(n)]
        name = names[n // 2]
        store.get(name, label="production")
        one = statement("get(name, label='production')", {"get": store.get, "name": name})
        row("W1", f"get, {n} prompts, the same one", one, 150)
        bound = statement("store.get(name, label='production')", {"store": store, "name": name})
        row("W1", f"store.get, {n} prompts, the same one", bound, 150)
        # Each of many names, so that neither the names nor the table are in the nearest cache.
        chosen = random.Random(1).choices(names, k=LOOKUPS)
        for each in chosen:
            store.get(each, label="production")
        loop = statement("for name in names: get(name, label='production')", {"get": store.get, "names": chosen})
        row("W1", f"get, {n} prompts, {LOOKUPS} at random", loop / LOOKUPS, 150)
        store.close()


def render(store):
    for size, variables, goal in ((1024, 5, 1000), (20 * 1024, 50, 5000)):
        text, values = template(size, variables)
        p = store.publish(f"render/{size}", text)
        made = p.compile(**values)
        assert made == p.compile(values) and "{{" not in made
        row("W7", f"compile(**values), {size} B, {variables} variables", statement("c(**v)", {"c": p.compile, "v": values}), goal)
        row("W7", f"compile(values), {size} B, {variables} variables", statement("c(v)", {"c": p.compile, "v": values}), goal)
        mixed = {name: i if i % 2 else value for i, (name, value) in enumerate(values.items())}
        row("W7", f"compile(**values), {size} B, half of them numbers", statement("c(**v)", {"c": p.compile, "v": mixed}), None)


def profile(store):
    store.publish("p", "x", labels="production")
    store.get("p")
    names = {"store": store, "get": store.get, "name": "p", "dict": {("p", "production"): 1}, "f": lambda name, *, label: 1}
    print("\nwhere the time of a get goes:")
    for what, code in [
        ("an empty statement", "pass"),
        ("an attribute: store.get", "store.get"),
        ("a call of a Python function with the same arguments", "f(name, label='production')"),
        ("a dict with a tuple as its key", "dict[name, 'production']"),
        ("get(name): no keyword", "get(name)"),
        ("get(name, label='production')", "get(name, label='production')"),
        ("store.get(name, label='production')", "store.get(name, label='production')"),
    ]:
        print(f"   {what:<55} {statement(code, names) * 1e9:7.1f} ns")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="without the 100,000 prompts")
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    print(f"Python {sys.version.split()[0]}, trialplate {trialplate.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        hot_get(folder, (1, 1000) if arguments.quick else (1, 1000, 100_000))
        with trialplate.open(Path(folder) / "render.tp") as store:
            render(store)
            if arguments.profile:
                profile(store)


if __name__ == "__main__":
    main()
