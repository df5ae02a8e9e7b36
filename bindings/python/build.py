#!/usr/bin/env python3
"""Builds the native module with cargo alone (no pip, no maturin) and puts it into the package.

`--debug` builds without optimisation. Prints where the module is; `PYTHONPATH=bindings/python/python` finds it.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TARGET = HERE / "python" / "trialplate" / ("_native.pyd" if os.name == "nt" else "_native.abi3.so")


def main():
    command = ["cargo", "build", "-p", "trialplate-python", "--message-format=json-render-diagnostics"]
    if "--debug" not in sys.argv[1:]:
        command.append("--release")
    # With it, symbols of Python are left to the interpreter that loads the module.
    environment = {**os.environ, "PYO3_BUILD_EXTENSION_MODULE": "1", "PYO3_PYTHON": sys.executable}
    cargo = subprocess.run(command, cwd=HERE, env=environment, stdout=subprocess.PIPE, text=True)
    if cargo.returncode:
        return cargo.returncode
    for line in cargo.stdout.splitlines():
        message = json.loads(line)
        if message.get("reason") == "compiler-artifact" and message["target"]["name"] == "_native":
            library = next(f for f in message["filenames"] if f.endswith((".so", ".dylib", ".dll")))
            # A new file: a process that has the old one loaded keeps it.
            fresh = TARGET.with_name(f"{TARGET.name}.{os.getpid()}")
            shutil.copyfile(library, fresh)
            os.replace(fresh, TARGET)
            print(TARGET)
            return 0
    print("cargo built no module", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
