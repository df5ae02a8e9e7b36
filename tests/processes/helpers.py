"""What the process tests share: workers in Python, Node and the shell on one file."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
PACKAGE = ROOT / "bindings" / "python" / "python"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
CLI = TARGET / "debug" / "trialplate"  # built by `cargo test`

if str(PACKAGE) not in sys.path:
    sys.path.insert(0, str(PACKAGE))


class Worker:
    """A process that answers one JSON line per JSON line."""

    def __init__(self, command):
        env = {**os.environ, "PYTHONPATH": str(PACKAGE)}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=env
        )
        assert self.read() == "ready"

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise EOFError(f"the worker ended with {self.process.wait()}")
        return json.loads(line)

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self.read()

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()


def python_worker(path):
    return Worker([sys.executable, str(HERE / "worker.py"), str(path)])


def node_worker(path):
    return Worker(["node", str(HERE / "worker.mjs"), str(path)])


def cli(path, *arguments, check=True):
    done = subprocess.run(
        [str(CLI), "--file", str(path), "--json", *arguments], capture_output=True, text=True, cwd=ROOT
    )
    if check and done.returncode != 0:
        raise AssertionError(f"{arguments}: exit code {done.returncode}: {done.stderr}")
    return json.loads(done.stdout) if done.stdout.strip() else None
