"""One of the eight of `test_mixed.py`: does everything in turn, and writes what was acknowledged to its journal.

`mixed.py FILE JOURNAL WHO DOOR`, where the door is `python`, or `shell`: then every call is a process of its own. The journal
is this incarnation's own file of JSON lines; a line is written after the call returned, with the call's begin and end by the
monotonic clock, which all processes of a machine share. The worker goes on until there is a file named `stop` beside the store.
"""

import itertools
import json
import os
import subprocess
import sys
import time
from pathlib import Path

BUSY = 10.0
BATCH = 5


class Python:
    """Every call through the package."""

    gets = 5

    def __init__(self, path):
        import trialplate

        self.store = trialplate.open(path, busy_timeout=BUSY)
        self.busy = trialplate.BusyError

    def publish(self, text):
        return self.store.publish("shared", text).number

    def move(self, number, reason):
        return self.store.set_label("shared", "production", number, reason=reason).seq

    def get(self, label):
        return self.store.get("shared", label=label).number

    def start(self, name):
        self.run = self.store.start_run(1, "items", trials=100, name=name, prompt="shared")
        return self.run.id

    def record(self, key, trial, output):
        self.run.record(key, trial=trial, output=output)

    def trace(self, ids):
        # The last one waits for those before it; the other way is `flush`.
        durable = len(ids[0]) % 2 == 0
        for i, id in enumerate(ids):
            self.store.log(1, prompt="shared", trace_id=id, output=id)
            self.store.score(id, "quality", 0.5, durable=durable and i + 1 == len(ids))
        if not durable:
            self.store.flush()

    def close(self):
        self.store.close()


class Refused(Exception):
    """The shell's `busy`."""


class Shell:
    """Every call a process of its own."""

    gets = 1
    busy = Refused

    def __init__(self, path):
        target = Path(os.environ.get("CARGO_TARGET_DIR", Path(__file__).resolve().parents[2] / "target"))
        binary = target / "debug" / "trialplate"
        self.command = [str(binary), "--file", str(path), "--json", "--busy-timeout", str(BUSY)]

    def call(self, *arguments):
        done = subprocess.run([*self.command, *arguments], capture_output=True, text=True)
        if done.returncode == 0:
            return json.loads(done.stdout) if done.stdout.strip() else None
        if done.stderr.startswith("{") and json.loads(done.stderr)["error"]["code"] == "busy":
            raise Refused
        raise RuntimeError(f"{arguments}: exit code {done.returncode}: {done.stderr}")

    def publish(self, text):
        return self.call("publish", "shared", "--text", text)["number"]

    def move(self, number, reason):
        return self.call("set-label", "shared", "production", str(number), "--reason", reason)["seq"]

    def get(self, label):
        return self.call("get", f"shared@{label}")["number"]

    def start(self, name):
        self.run = self.call("start-run", "shared", "1", "items", "--trials", "100", "--name", name)["id"]
        return self.run

    def record(self, key, trial, output):
        self.call("record", self.run, key, "--trial", str(trial), "--output", output)

    def trace(self, ids):
        for id in ids[:1]:
            self.call("log", "shared", "1", "--trace-id", id, "--output", id)
            self.call("score", id, "quality", "0.5")
        return ids[:1]

    def close(self):
        pass


def main():
    path, journal, who, door = sys.argv[1:]
    out = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    stop = Path(path).with_name("stop")
    store = {"python": Python, "shell": Shell}[door](path)

    def told(do, call, **facts):
        begin = time.monotonic_ns()
        try:
            answer = call()
        except store.busy:
            do, answer = "busy", do
        line = {"do": do, "begin": begin, "end": time.monotonic_ns(), "answer": answer, **facts}
        os.write(out, (json.dumps(line) + "\n").encode())
        return answer if do != "busy" else None

    def gets():
        for _ in range(store.gets):
            told("get", lambda: store.get("production"))
        told("latest", lambda: store.get("latest"))

    run = None
    for i in itertools.count():
        if stop.exists():
            break
        tag = f"{who} {i}"
        number = told("publish", lambda: store.publish(tag), text=tag)
        gets()
        if number is not None:
            told("move", lambda: store.move(number, tag), to=number, reason=tag)
        gets()
        run = run or told("start", lambda: store.start(who))
        if run is not None:
            key, trial = f"k{i % 10}", i // 10 % 100 + 1
            told("record", lambda: store.record(key, trial, tag), run=run, key=key, trial=trial, output=tag)
        gets()
        ids = [f"{tag} {n}" for n in range(BATCH)]
        told("trace", lambda: store.trace(ids) or ids)
        if run is not None and i % 1000 == 999:
            # Every item and trial of it is recorded.
            break
    store.close()


main()
