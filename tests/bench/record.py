"""W5: what one `log` and one `score` cost the caller, and when they are durable as another process sees it.

    PYTHONPATH=bindings/python/python python3 tests/bench/record.py [--quick] [calls] [durable]

`run.py` calls `calls` and `durable`; by itself this prints what they find. A burst stays below the size of the queue and
is flushed outside of the clock: it is the price that a request handler pays. "With its flush" is the whole of it.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

OUTPUT = "The parties are Alice Sells of Springfield and Bob Buys of Shelbyville; no date is given, so it is null. " * 2
QUESTION = "Extract the parties from: Alice sells to Bob."
BURST, BURSTS = 4_000, 15


class Rows:
    """SQLite as people use it for this: one table of calls, one of scores, durable at every call (WAL, FULL)."""

    name = "SQLite (WAL, FULL)"

    def __init__(self, path):
        import sqlite3

        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA synchronous=FULL")
        self.db.execute("CREATE TABLE call(id TEXT PRIMARY KEY, at REAL, version INT, input, output, latency_ms REAL, user)")
        self.db.execute("CREATE TABLE score(call TEXT, metric TEXT, source TEXT, value REAL)")

    def log(self, i):
        id = f"{i:032x}"
        row = (id, time.time(), 1, QUESTION, OUTPUT, 812.0, "user-17")
        self.db.execute("INSERT INTO call VALUES(?, ?, ?, ?, ?, ?, ?)", row)
        return id

    def score(self, id):
        self.db.execute("INSERT INTO score VALUES(?, 'quality', 'judge', ?)", (id, 4.0))


def calls(folder, quick, say):
    """`say(what, who, figure, unit)`: nanoseconds of a call that returns at once, in bursts."""
    import trialplate

    burst, bursts = (1_000, 3) if quick else (BURST, BURSTS)
    store = trialplate.open(str(folder / "w5-python.tp"))
    v = store.publish("extraction", "Extract the parties from: {{document}}")
    log, score, flush, clock, own = store.log, store.score, store.flush, time.perf_counter_ns, time.thread_time_ns
    figures = {"log": [], "score": [], "log, with its flush": [], "score, with its flush": []}
    # Of the caller's thread: says more than the clock where other work is going on.
    figures |= {"log, processor time": [], "score, processor time": []}
    log(v)
    for _ in range(bursts):
        start, own_start = clock(), own()
        ids = [log(v, input=QUESTION, output=OUTPUT, latency_ms=812.0, user="user-17") for _ in range(burst)]
        over, own_over = clock(), own()
        flush()
        figures["log, processor time"].append((own_over - own_start) / burst)
        figures["log"].append((over - start) / burst)
        figures["log, with its flush"].append((clock() - start) / burst)
        start, own_start = clock(), own()
        for id in ids:
            score(id, "quality", 4.0, source="judge")
        over, own_over = clock(), own()
        flush()
        figures["score, processor time"].append((own_over - own_start) / burst)
        figures["score"].append((over - start) / burst)
        figures["score, with its flush"].append((clock() - start) / burst)
    # One at a time, as in a server: each finds the writer asleep.
    alone = []
    for _ in range(200 if quick else 1_000):
        time.sleep(0.001)
        start = clock()
        log(v, input=QUESTION, output=OUTPUT, latency_ms=812.0, user="user-17")
        alone.append(clock() - start)
    figures["log, one each 1 ms"] = alone
    store.close()
    for what, found in figures.items():
        say(f"one {what}, Python", "trialplate", statistics.median(found), "ns")
    rows, times = Rows(folder / "w5.sqlite"), {"log": [], "score": []}
    for i in range(100 if quick else 1_000):
        start = clock()
        id = rows.log(i)
        times["log"].append(clock() - start)
        start = clock()
        rows.score(id)
        times["score"].append(clock() - start)
    for what, found in times.items():
        say(f"one {what}, Python", Rows.name, statistics.median(found), "ns")


def durable(folder, quick, say):
    """`say(what, who, figure, unit)`: from the call to another process's sight of it; nothing else is called here."""
    import trialplate

    path = folder / "w5-durable.tp"
    store = trialplate.open(str(path))
    v = store.publish("extraction", "Extract the parties from: {{document}}")
    child = subprocess.Popen(
        [sys.executable, __file__, "--watch", str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout.readline() == "ready\n"

    def measure(what, rounds):
        took = []
        for i in range(rounds):
            id = f"{what} {i}"
            child.stdin.write(id + "\n")
            child.stdin.flush()
            assert child.stdout.readline() == "armed\n"
            time.sleep(0.003)
            start = time.monotonic_ns()
            store.log(v, trace_id=id, input=QUESTION, output=OUTPUT, latency_ms=812.0, user="user-17")
            took.append((int(child.stdout.readline()) - start) / 1e6)
        took.sort()
        for name, at in (("p50", 0.5), ("p99", 0.99)):
            say(f"log until another process sees it, {what}, {name}", "trialplate", took[int(at * len(took))], "ms")

    measure("alone", 50 if quick else 300)
    stop = threading.Event()

    def load():
        while not stop.is_set():
            for _ in range(20):
                store.score(store.log(v, output=OUTPUT, latency_ms=812.0), "quality", 4.0)
            time.sleep(0.01)

    thread = threading.Thread(target=load)
    thread.start()
    measure("beside 2,000 calls/s", 50 if quick else 300)
    stop.set()
    thread.join()
    child.stdin.close()
    child.wait()
    store.close()


def watch(path):
    import trialplate

    store = trialplate.open(path, read_only=True)
    print("ready", flush=True)
    for line in sys.stdin:
        wanted = line.rstrip("\n")
        print("armed", flush=True)
        while True:
            try:
                store.trace(wanted)
                break
            except trialplate.NotFoundError:
                time.sleep(0.0001)
        print(time.monotonic_ns(), flush=True)


def node(folder, quick, say):
    script = Path(__file__).with_name("record.mjs")
    ran = subprocess.run(["node", str(script), str(folder), "quick" if quick else "full"], stdout=subprocess.PIPE, check=True)
    for line in ran.stdout.splitlines():
        say(**json.loads(line))


def main():
    if sys.argv[1:2] == ["--watch"]:
        return watch(sys.argv[2])
    chosen = [name for name in sys.argv[1:] if not name.startswith("-")]
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        for work in (calls, node, durable):
            if not chosen or work.__name__ in chosen:
                work(
                    Path(folder),
                    "--quick" in sys.argv,
                    lambda what, who, figure, unit: print(f"{what:<62} {who:<20} {figure:>12,.3f} {unit}", flush=True),
                )


if __name__ == "__main__":
    main()
