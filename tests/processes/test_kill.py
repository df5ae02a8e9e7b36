"""kill -9 at random moments, in any process, while writing."""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

import trialplate
from helpers import HERE, PACKAGE, cli

KILLS = 200
LOGGER_KILLS = 40
SEED = 20261123


class Writer:
    """A writer process, and everything that it has had acknowledged."""

    def __init__(self, path, who, acknowledged):
        env = {**os.environ, "PYTHONPATH": str(PACKAGE)}
        command = [sys.executable, str(HERE / "killed.py"), str(path), who]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
        self.count = 0
        self.thread = threading.Thread(target=self.read, args=(acknowledged,))
        self.thread.start()

    def read(self, acknowledged):
        for line in self.process.stdout:
            if line.endswith(b"\n"):
                acknowledged.append(tuple(json.loads(line)))
                self.count += 1

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.thread.join()
        errors = self.process.stderr.read().decode()
        self.process.stdout.close()
        self.process.stderr.close()
        return errors


class Kill(unittest.TestCase):
    def test_every_acknowledged_write_survives(self):
        rng = random.Random(SEED)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "prompts.tp"
            with trialplate.open(path) as store:
                store.publish("shared", "the first")
            env = {**os.environ, "PYTHONPATH": str(PACKAGE)}
            readers = [
                subprocess.Popen(
                    [sys.executable, str(HERE / "reader.py"), str(path), mode],
                    stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=env,
                )
                for mode in ("read-write", "read-only")
            ]
            acknowledged, complaints, productive = [], [], 0
            writers = [Writer(path, who, acknowledged) for who in "ab"]
            for kill in range(KILLS):
                which = rng.randrange(2)
                # Long enough to come to writing, at a random place of it.
                patience = time.monotonic() + 30
                while writers[which].count < 1 + rng.randrange(4) and time.monotonic() < patience:
                    time.sleep(0.001)
                time.sleep(rng.random() * 0.01)
                productive += writers[which].count > 0
                complaints.append(writers[which].kill())
                writers[which] = Writer(path, "ab"[which], acknowledged)
            complaints += [writer.kill() for writer in writers]
            for reader in readers:
                self.assertIsNone(reader.poll(), f"a reader ended: {reader.stderr.read().decode()[-2000:]}"
                                  if reader.poll() is not None else "")
                reader.kill()
                reader.wait()
                reader.stderr.close()
            self.assertEqual([text for text in complaints if text], [])
            self.assertEqual(productive, KILLS, "every killed writer had written")

            with trialplate.open(path) as store:
                there = {v.number: v.id for v in store.versions("shared")}
                lost = [(n, i) for n, i in acknowledged if there.get(n) != i]
                self.assertEqual(lost, [], "acknowledged and gone")
                numbers = [n for n, _ in acknowledged]
                self.assertEqual(len(numbers), len(set(numbers)), "a number was given twice")
                self.assertEqual(sorted(there), list(range(1, len(there) + 1)), "a number is missing")
                report = store.verify()
                self.assertTrue(report.ok, report.broken)
            self.assertTrue(cli(path, "verify")["ok"])

    def test_what_was_flushed_survives_and_no_trace_is_torn(self):
        rng = random.Random(SEED)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "prompts.tp"
            with trialplate.open(path) as store:
                store.publish("shared", "{{x}}", labels="production")
            env = {**os.environ, "PYTHONPATH": str(PACKAGE)}
            for kill in range(LOGGER_KILLS):
                who = f"logger {kill}"
                logger = subprocess.Popen(
                    [sys.executable, str(HERE / "logger.py"), str(path), who], stdout=subprocess.PIPE, env=env
                )
                told = [int(logger.stdout.readline()) for _ in range(1 + rng.randrange(12))]
                time.sleep(rng.random() * 0.01)
                logger.send_signal(signal.SIGKILL)
                told += [int(line) for line in logger.stdout.read().splitlines(keepends=True) if line.endswith(b"\n")]
                logger.wait()
                logger.stdout.close()
                with trialplate.open(path) as store:
                    for i in range(told[-1] + 1):
                        trace = store.trace(f"{who} {i}")
                        self.assertEqual((trace.output, len(trace.scores)), ({"i": i}, 1), f"{who} {i} of {told[-1]}")
            report = cli(path, "verify")
            self.assertTrue(report["ok"], report["broken"])
            # A call takes effect after those before it, so a kill cuts the line of calls and takes nothing out of it.
            self.assertIn(report["traces"] - report["scores"], range(LOGGER_KILLS + 1))


if __name__ == "__main__":
    unittest.main()
