#!/usr/bin/env python3
"""What a store takes of memory, over time: steady work on one file, and an open store that idles on a large one.

    python3 tests/bench/memory.py                  the short form: half a minute, and its bounds must hold
    python3 tests/bench/memory.py --seconds 3600   an hour; prints a line every hundredth of it
    python3 tests/bench/memory.py --megabytes 200  how large the file is that the idle store has open [200]

The bounds are wide, and about growth: what is taken at the end of the second half against its beginning. Needs the Python
module (bindings/python/build.py) on PYTHONPATH, and /proc. The last line is `ok`, or says what does not hold.
"""

import argparse
import gc
import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "bindings" / "python" / "python"))
import trialplate  # noqa: E402

PAGE = os.sysconf("SC_PAGE_SIZE")
# The engine's cache may hold 64 MiB, and fills as the file grows; allocators keep some of what they were given.
GROWTH = 96 << 20
IDLE = 10 << 20


def resident(pid="self"):
    """Bytes of memory that are this process's own: without the mapped pages of files."""
    fields = Path(f"/proc/{pid}/statm").read_text().split()
    return (int(fields[1]) - int(fields[2])) * PAGE


def mib(n):
    return f"{n / (1 << 20):.1f} MiB"


class Work:
    """What an application does all day, on three prompts, a dataset of 20 items, and traces."""

    def __init__(self, path):
        self.path = path
        self.round = 0
        with trialplate.open(path) as store:
            store.metric("quality", kind="numeric", min=0, max=5)
            for prompt in "abc":
                store.publish(prompt, "Answer {{question}}.", labels=["production"])
            store.dataset("d").add([{"key": f"k{i}", "input": {"question": i}} for i in range(20)])
            self.runs = [self.run(store, version=1) for _ in range(2)]

    def run(self, store, version):
        run = store.start_run(version, "d", prompt="a")
        run.record_all({"key": f"k{i}", "trial": 1, "output": "x", "scores": {"quality": i % 6}} for i in range(20))
        return run.finish().id

    def step(self, store):
        self.round += 1
        for prompt in "abc":
            store.get(prompt).compile(question="why")
        if self.round % 10 == 0:
            # The same few texts again and again: in steady state nothing new is stored.
            store.publish("abc"[self.round % 3], f"Answer {{{{question}}}} in {self.round // 10 % 5} words.")
        trace = store.log(1, prompt="b", input={"n": self.round}, output="an answer " * 5)
        store.score(trace, "quality", self.round % 6)
        if self.round % 200 == 0:
            store.flush()
            store.summary("b", "quality")
            store.traces(limit=50)
            store.compare(*self.runs)
            store.events(after=0)


def steady(folder, seconds, say):
    work = Work(os.path.join(folder, "steady.tp"))
    points, began, next_point = [], time.monotonic(), 0.0
    store = trialplate.open(work.path)
    while (now := time.monotonic() - began) < seconds:
        work.step(store)
        if work.round % 500 == 0:
            # Open and close as a short program does.
            store.close()
            store = trialplate.open(work.path)
        if now >= next_point:
            next_point += seconds / 100
            points.append(resident())
            say(f"{now:8.1f} s  {work.round:9} rounds  {mib(points[-1])}  file {mib(os.path.getsize(work.path))}")
    store.close()
    half = points[len(points) // 2 :]
    growth = max(half[-5:]) - max(half[:5])
    print(f"steady: {work.round} rounds, from {mib(points[0])} over {mib(half[0])} to {mib(half[-1])}; growth of the second half {mib(growth)}")
    return None if growth < GROWTH and work.round > 100 else f"the second half grew by {mib(growth)}"


def idle(folder, megabytes):
    path = os.path.join(folder, "large.tp")
    # By a process of its own, so that what writing takes isn't counted here.
    pid = os.fork()
    if pid == 0:
        with trialplate.open(path) as store:
            text, number = "x" * 1_000_000, 0
            while os.path.getsize(path) < megabytes << 20:
                number += 1
                store.publish("large", f"{number} {text}")
        os._exit(0)
    if os.waitpid(pid, 0)[1]:
        return "the large file could not be made"
    gc.collect()
    before = resident()
    store = trialplate.open(path)
    opened = resident() - before
    store.get("large", version=1)
    time.sleep(0.5)
    after = resident() - before
    print(f"idle: a file of {mib(os.path.getsize(path))} open takes {mib(opened)}, after one get {mib(after)}")
    store.close()
    return None if max(opened, after) < IDLE else f"an idle store takes {mib(max(opened, after))}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--megabytes", type=int, default=200)
    given = parser.parse_args()
    say = print if given.seconds > 60 else (lambda line: None)
    with tempfile.TemporaryDirectory() as folder:
        # The idle one first: it counts against a process that has done nothing yet.
        faults = [idle(folder, given.megabytes), steady(folder, given.seconds, say)]
    faults = [fault for fault in faults if fault]
    print("ok" if not faults else "; ".join(faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
