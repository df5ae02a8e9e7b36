"""W5 in batches, and W6: production scores by the million go in, and are summed up by version and metric.

`run.py` calls `batches`. Five scores a call, a call's id is 32 hex digits, ten versions; batches of 1,000 scores, each
durable. The peers store the five columns of a score; ours stores the calls too. Everybody's figures are compared.
"""

import random
import statistics
import time

METRICS = ["quality", "faithfulness", "relevance", "safety", "format"]
VERSIONS = 10
START = 1_717_700_000_000_000
BINS = "least(CAST(floor((value - 1.0) / 0.2) AS INT), 19)"


def calls(n):
    """(id, version, microseconds, five values) of n calls."""
    chance = random.Random(20240607)
    for i in range(n):
        version = 1 + chance.randrange(VERSIONS)
        values = [min(5.0, max(1.0, chance.gauss(3.0 + 0.06 * version + 0.1 * k, 0.8))) for k in range(5)]
        yield f"{chance.getrandbits(128):032x}", version, START + 85_000 * i, values


def rows(batch):
    return [(id, metric, value, version, at) for id, version, at, values in batch for metric, value in zip(METRICS, values)]


class Sqlite:
    name = "SQLite (WAL, FULL)"

    def __init__(self, path):
        import sqlite3

        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA synchronous=FULL")
        self.db.execute("CREATE TABLE IF NOT EXISTS score(trace_id TEXT, metric TEXT, value REAL, version INTEGER, at INTEGER)")

    prepare = staticmethod(rows)

    def put(self, batch):
        self.db.execute("BEGIN")
        self.db.executemany("INSERT INTO score VALUES(?, ?, ?, ?, ?)", batch)
        self.db.execute("COMMIT")

    summed = None

    def close(self):
        self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.db.close()


class Duckdb:
    name = "DuckDB"

    def __init__(self, path):
        import duckdb

        self.db = duckdb.connect(str(path))
        self.db.execute("CREATE TABLE IF NOT EXISTS score(trace_id TEXT, metric TEXT, value DOUBLE, version INTEGER, moment BIGINT)")

    @staticmethod
    def prepare(batch):
        import pyarrow

        return pyarrow.table([list(column) for column in zip(*rows(batch))], names=["trace_id", "metric", "value", "version", "moment"])

    def put(self, batch):
        self.db.execute("INSERT INTO score SELECT * FROM batch")

    def summed(self):
        figures = self.db.execute(
            "SELECT version, metric, count(*), avg(value), quantile_cont(value, [0.1, 0.5, 0.9]) FROM score GROUP BY ALL"
        ).fetchall()
        self.db.execute(f"SELECT version, metric, {BINS} b, count(*) FROM score GROUP BY ALL").fetchall()
        return {(version, metric): (n, mean, *quantiles) for version, metric, n, mean, quantiles in figures}

    def close(self):
        self.db.execute("CHECKPOINT")
        self.db.close()


class Ours:
    name = "trialplate"

    def __init__(self, path):
        import trialplate

        self.store = trialplate.open(str(path))
        for metric in METRICS:
            self.store.metric(metric, min=1, max=5)
        for n in range(VERSIONS):
            self.store.publish("p", f"version {n}")

    @staticmethod
    def prepare(batch):
        from datetime import datetime, timezone

        def moment(at):
            return datetime.fromtimestamp(at / 1e6, timezone.utc).isoformat()

        return [
            {"prompt": "p", "version": version, "trace_id": id, "at": moment(at), "source": "judge", "scores": dict(zip(METRICS, values))}
            for id, version, at, values in batch
        ]

    def put(self, batch):
        self.store.log_many(batch)

    def summed(self):
        return {
            (group.group, summary.metric): (group.n, group.mean, group.p10, group.p50, group.p90)
            for summary in self.store.summary("p", METRICS, by="version")
            for group in summary.groups
        }

    def close(self):
        self.store.close()


def batches(folder, quick, say):
    n, per_batch = (4_000 if quick else 200_000), 200
    data = list(calls(n))
    parts = [data[i : i + per_batch] for i in range(0, n, per_batch)]
    answers = {}
    for cls in (Sqlite, Duckdb, Ours):
        path = folder / f"scores-{cls.__name__}"
        peer = cls(path)
        peer.close()
        empty = path.stat().st_size
        prepared = [cls.prepare(part) for part in parts]
        peer = cls(path)
        start = time.perf_counter()
        for part in prepared:
            peer.put(part)
        spent = time.perf_counter() - start
        peer.close()
        what = f"{5 * n:,} scores, Python, 1,000 a batch, durable"
        say("W5", what, cls.name, 5 * n / spent, "/s", "more")
        say("W5", "bytes a score on disk", cls.name, (path.stat().st_size - empty) / (5 * n), "B", "less")
        if cls.summed is None:
            continue
        times = []
        for _ in range(5):
            peer = cls(path)
            start = time.perf_counter()
            answers[cls.name] = peer.summed()
            times.append(time.perf_counter() - start)
            peer.close()
        what = f"count, mean, p10, p50, p90, histogram of {5 * n:,}"
        say("W6", what, cls.name, 1e3 * statistics.median(times), "ms", "less")
    ours, theirs = answers[Ours.name], answers[Duckdb.name]
    assert ours.keys() == theirs.keys(), (len(ours), len(theirs))
    for key, figures in ours.items():
        assert all(abs(a - b) < 1e-9 for a, b in zip(figures, theirs[key])), (key, figures, theirs[key])
