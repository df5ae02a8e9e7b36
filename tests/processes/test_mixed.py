"""Eight processes in four languages do everything at once on one file, and one after another is killed with -9.

`TRIALPLATE_LONG=1` makes it a minute. Whatever a worker's journal says was acknowledged is looked for at the end, and every
`get` is held against the moves that had been acknowledged, anywhere, before it began.
"""

import bisect
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import trialplate
from helpers import HERE, PACKAGE, ROOT, TARGET, cli

SECONDS = 60 if os.environ.get("TRIALPLATE_LONG") else 12
SEED = 20261126
DOORS = ["python", "node", "rust", "shell"] * 2
#: Nobody is heard of for so long: the workers have locked each other out.
SILENCE = 60
#: Of the workers' `busy_timeout` of 10 s; wide, since the machine may be busy with other things.
LONGEST = 50


class Worker:
    """A place among the eight; killed, its next incarnation takes it."""

    def __init__(self, number, door, folder):
        self.number, self.door, self.folder, self.incarnation = number, door, folder, 0
        self.journals, self.errors = [], []

    def start(self):
        self.incarnation += 1
        who = f"{self.door}-{self.number}-{self.incarnation}"
        self.journals.append(self.folder / f"{who}.journal")
        self.errors.append(self.folder / f"{who}.errors")
        arguments = [str(self.folder / "store.tp"), str(self.journals[-1]), who]
        command = {
            "python": [sys.executable, str(HERE / "mixed.py"), *arguments, "python"],
            "shell": [sys.executable, str(HERE / "mixed.py"), *arguments, "shell"],
            "node": ["node", str(HERE / "mixed.mjs"), *arguments],
            "rust": [str(TARGET / "debug" / "examples" / "mixed"), *arguments],
        }[self.door]
        with open(self.errors[-1], "w") as errors:
            # A group of its own: the shell's worker is killed with the call that it makes.
            self.process = subprocess.Popen(
                command, stderr=errors, cwd=ROOT, start_new_session=True,
                env={**os.environ, "PYTHONPATH": str(PACKAGE)},
            )

    def kill(self):
        # What does not run any more has ended by itself, and is asked why at the end.
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        return self.process.wait()

    def written(self):
        return self.journals[-1].exists() and self.journals[-1].stat().st_size


def entries(journal):
    """What an incarnation was told; a line that the kill cut was never acknowledged."""
    if not journal.exists():
        return []
    return [json.loads(line) for line in journal.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]


class Mixed(unittest.TestCase):
    def test_eight_processes_in_four_languages_and_one_killed_after_another(self):
        rng = random.Random(SEED)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            path = folder / "store.tp"
            with trialplate.open(path) as store:
                store.publish("shared", "the first", labels="production")
                store.dataset("items").add([{"key": f"k{i}", "input": i} for i in range(10)])
            workers = [Worker(i, door, folder) for i, door in enumerate(DOORS)]
            try:
                kills = self.storm(rng, workers, folder)
            finally:
                for worker in workers:
                    worker.kill()
            complaints = [text for w in workers for e in w.errors if (text := e.read_text())]
            self.assertEqual(complaints, [])
            told = [entry for worker in workers for journal in worker.journals for entry in entries(journal)]
            everything = {"publish", "move", "get", "latest", "start", "record", "trace"}
            for door in set(DOORS):
                journals = [journal for w in workers if w.door == door for journal in w.journals]
                done = {entry["do"] for journal in journals for entry in entries(journal)}
                self.assertEqual(done - {"busy"}, everything, door)
            self.assertGreaterEqual(kills, SECONDS)
            self.check(path, told)

    def storm(self, rng, workers, folder):
        """Lets them work, kills one after another, then asks all to end; says how many it killed."""
        for worker in workers:
            worker.start()
        begin, kills = time.monotonic(), 0
        heard = {worker: (0, begin) for worker in workers}
        while (now := time.monotonic()) < begin + SECONDS or kills < SECONDS:
            for worker in workers:
                size, since = heard[worker]
                if (worker.incarnation, worker.written()) != size:
                    heard[worker] = ((worker.incarnation, worker.written()), now)
                self.assertLess(now - heard[worker][1], SILENCE, f"{worker.journals[-1].name} has stopped")
                if worker.process.poll() is not None:
                    # By itself: all is recorded, or it has failed.
                    self.assertEqual(worker.process.returncode, 0, worker.errors[-1].read_text()[-3000:])
                    worker.start()
            victim = rng.choice(workers)
            if victim.written():
                time.sleep(rng.random() * 0.02)
                victim.kill()
                victim.start()
                kills += 1
            time.sleep(rng.random() * 0.4)
        (folder / "stop").touch()
        for worker in workers:
            try:
                code = worker.process.wait(timeout=SILENCE)
            except subprocess.TimeoutExpired:
                self.fail(f"{worker.journals[-1].name} does not end")
            self.assertEqual(code, 0, worker.errors[-1].read_text()[-3000:])
        return kills

    def check(self, path, told):
        by = {}
        for entry in told:
            by.setdefault(entry["do"], []).append(entry)
            took = (entry["end"] - entry["begin"]) / 1e9
            # A batch of traces is several calls.
            self.assertLess(took, LONGEST * (10 if entry["do"] == "trace" else 1), entry)
        for entry in by.get("busy", []):
            self.assertGreater((entry["end"] - entry["begin"]) / 1e9, 9, f"busy before its time: {entry}")
        with trialplate.open(path) as store:
            versions = {v.number: v.prompt for v in store.versions("shared")}
            self.assertEqual(sorted(versions), list(range(1, len(versions) + 1)), "a number is missing")
            self.assertEqual(len(set(versions.values())), len(versions), "a text has two numbers")
            lost = [e for e in by["publish"] if versions.get(e["answer"]) != e["text"]]
            self.assertEqual(lost, [], "published and gone")
            numbers = [e["answer"] for e in by["publish"]]
            self.assertEqual(len(numbers), len(set(numbers)), "a number was given twice")

            history = store.history("shared", "production")
            for before, after in zip(history, history[1:]):
                self.assertEqual(after.from_version, before.to_version, "the history is a chain")
            # Every version was moved to at most once, so its number says which move a `get` saw.
            place = {move.to_version: i for i, move in enumerate(history)}
            self.assertEqual(len(place), len(history))
            moves = {move.reason: (move.to_version, move.seq) for move in history}
            lost = [e for e in by["move"] if moves.get(e["reason"]) != (e["to"], e["answer"])]
            self.assertEqual(lost, [], "moved and gone")
            self.never_old(by["get"], [(e["end"], place[e["to"]]) for e in by["move"]], place)
            self.never_old(by["latest"], [(e["end"], e["answer"]) for e in by["publish"]], {n: n for n in versions})

            rows = {}
            for entry in by["record"]:
                run = entry["run"]
                if run not in rows:
                    rows[run] = {(row.key, row.trial): row.output for row in store.run(run).rows()}
                self.assertEqual(rows[run].get((entry["key"], entry["trial"])), entry["output"], "recorded and gone")
            for id in (id for entry in by["trace"] for id in entry["answer"]):
                trace = store.trace(id)
                self.assertEqual((trace.output, [score.value for score in trace.scores]), (id, [0.5]))
            report = store.verify()
            self.assertTrue(report.ok, report.broken)
        self.assertTrue(cli(path, "verify")["ok"])

    def never_old(self, gets, acknowledged, place):
        """Every get saw at least the newest that had been acknowledged before it began."""
        acknowledged.sort()
        ends, newest = [], []
        for end, at in acknowledged:
            ends.append(end)
            newest.append(max(at, newest[-1] if newest else 0))
        old = []
        for get in gets:
            known = bisect.bisect_left(ends, get["begin"])
            if known and place[get["answer"]] < newest[known - 1]:
                old.append(get)
        self.assertEqual(old[:3], [], f"{len(old)} of {len(gets)} gets saw a past that was over")


if __name__ == "__main__":
    unittest.main()
