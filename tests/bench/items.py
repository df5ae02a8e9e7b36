"""W8: a dataset's items go in with one durable call, their keys are listed, and all of them are read.

`run.py` calls `items`. An item is about 500 bytes of JSON. The peers keep what they are given under its key and nothing
else: no version, no id, no hash. Everybody's answer is compared with what went in.
"""

import json
import random
import sqlite3
import statistics
import time

from work import filler, remove

NAME = "golden"


def made(n):
    """(key, input, expected) of n items."""
    chance = random.Random(20261123)
    for i in range(n):
        asked = {"id": i, "question": filler(chance, 210), "lang": chance.choice(["en", "de", "fr"])}
        wanted = {"answer": filler(chance, 170), "label": chance.choice("abc"), "score": round(chance.random(), 3)}
        yield f"{i:06d}", asked, wanted


class Sqlite:
    name = "SQLite (WAL, FULL)"

    def __init__(self, path):
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA synchronous=FULL")
        self.db.execute("CREATE TABLE IF NOT EXISTS item(dataset TEXT, key TEXT, input TEXT, expected TEXT, PRIMARY KEY(dataset, key)) WITHOUT ROWID")

    def add(self, items):
        text = json.dumps
        self.db.execute("BEGIN IMMEDIATE")
        self.db.executemany("INSERT INTO item VALUES(?, ?, ?, ?)", ((NAME, key, text(asked), text(wanted)) for key, asked, wanted in items))
        self.db.execute("COMMIT")

    def keys(self):
        return [key for (key,) in self.db.execute("SELECT key FROM item WHERE dataset = ? ORDER BY key", (NAME,))]

    def read(self):
        value, rows = json.loads, self.db.execute("SELECT key, input, expected FROM item WHERE dataset = ? ORDER BY key", (NAME,))
        return [(key, value(asked), value(wanted)) for key, asked, wanted in rows]

    def close(self):
        self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.db.close()


class Lmdb:
    name = "LMDB"
    PREFIX = NAME.encode() + b"\0"

    def __init__(self, path):
        import lmdb

        self.env = lmdb.open(str(path), subdir=False, map_size=1 << 30)

    def add(self, items):
        with self.env.begin(write=True) as tx:
            for key, asked, wanted in items:
                tx.put(self.PREFIX + key.encode(), json.dumps({"input": asked, "expected": wanted}).encode())

    def keys(self):
        with self.env.begin() as tx, tx.cursor() as cursor:
            cursor.set_range(self.PREFIX)
            return [key[len(self.PREFIX) :].decode() for key in cursor.iternext(values=False)]

    def read(self):
        out = []
        with self.env.begin() as tx, tx.cursor() as cursor:
            cursor.set_range(self.PREFIX)
            for key, value in cursor:
                item = json.loads(value)
                out.append((key[len(self.PREFIX) :].decode(), item["input"], item["expected"]))
        return out

    def close(self):
        self.env.close()


class Ours:
    name = "trialplate"

    def __init__(self, path):
        import trialplate

        self.store = trialplate.open(str(path))
        self.dataset = self.store.dataset(NAME)

    def add(self, items):
        self.dataset.add([{"key": key, "input": asked, "expected": wanted} for key, asked, wanted in items])

    def keys(self):
        return self.dataset.keys()

    def read(self):
        return [(item.key, item.input, item.expected) for item in self.dataset.items()]

    def close(self):
        self.store.close()


def items(folder, quick, say):
    n, repeats = (1_000, 3) if quick else (10_000, 9)
    given = list(made(n))
    spent = {cls: {"add": [], "keys": [], "read": [], "bytes": []} for cls in (Sqlite, Lmdb, Ours)}
    # One after the other in turns, so that a slow minute of the machine is everybody's.
    for i in range(repeats):
        for cls, times in spent.items():
            path = folder / f"items-{cls.__name__}-{i}"
            peer = cls(path)
            peer.close()
            empty, peer = path.stat().st_size, cls(path)
            for what, work in (("add", lambda: peer.add(given)), ("keys", peer.keys), ("read", peer.read)):
                start = time.perf_counter()
                found = work()
                times[what].append(time.perf_counter() - start)
                if what == "keys":
                    assert found == [key for key, _, _ in given]
                if what == "read":
                    assert found == given
                del found
            peer.close()
            times["bytes"].append((path.stat().st_size - empty) / n)
            remove(path)
    for cls, times in spent.items():
        middle = {what: statistics.median(values) for what, values in times.items()}
        say("W8", f"{n:,} items of 500 B, Python: one durable call", cls.name, n / middle["add"], "/s", "more")
        say("W8", f"their {n:,} keys", cls.name, n / middle["keys"], "/s", "more")
        say("W8", "all of them read", cls.name, n / middle["read"], "/s", "more")
        say("W8", "bytes an item on disk", cls.name, middle["bytes"], "B", "less")
