#!/usr/bin/env python3
"""Builds everything and passes every test in every language: the second of the README's two commands.

Needs cargo, python3 and node; nothing else is installed. `--only STEP [STEP ...]` runs some of the steps.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON_PACKAGE = ROOT / "bindings" / "python" / "python"
NODE = ROOT / "bindings" / "node"


def steps():
    """(name, command, extra environment), in the order in which they run."""
    python = sys.executable
    with_package = {"PYTHONPATH": str(PYTHON_PACKAGE)}
    return [
        ("rust", ["cargo", "test"], {}),
        ("threads", ["cargo", "test", "--manifest-path", "tests/threads/Cargo.toml"], {}),
        ("python-build", [python, "bindings/python/build.py"], {}),
        ("python", [python, "-m", "unittest", "discover", "-s", "bindings/python/tests", "-t", "bindings/python/tests"], with_package),
        ("node-build", ["node", "bindings/node/build.mjs"], {}),
        ("node", ["node", "--test", *node_tests()], {}),
        ("conformance-python", [python, "tests/conformance/run_python.py"], with_package),
        ("conformance-node", ["node", "tests/conformance/run_node.mjs"], {}),
        ("conformance-cli", [python, "tests/conformance/run_cli.py"], {}),
        ("processes", [python, "-m", "unittest", "discover", "-s", "tests/processes", "-t", "tests/processes"], with_package),
        ("examples", [python, "-m", "unittest", "discover", "-s", "tests/examples", "-t", "tests/examples"], with_package),
    ]


def node_tests():
    return sorted(str(p.relative_to(ROOT)) for p in (NODE / "test").glob("*.test.mjs"))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    names = [name for name, _, _ in steps()]
    parser.add_argument("--only", nargs="+", choices=names, metavar="STEP", help=", ".join(names))
    only = parser.parse_args().only
    passed, failed = [], []
    for name, command, extra in steps():
        if only and name not in only:
            continue
        print(f"\n== {name}: {' '.join(command)}", flush=True)
        start = time.monotonic()
        code = subprocess.run(command, cwd=ROOT, env={**os.environ, **extra}).returncode
        print(f"== {name}: {'ok' if code == 0 else f'exit code {code}'} after {time.monotonic() - start:.0f} s", flush=True)
        (failed if code else passed).append(name)
        if code and name.endswith("-build"):
            break
    if failed:
        print(f"\nfailed: {', '.join(failed)}")
    print(f"\n{len(passed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
