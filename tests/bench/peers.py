"""The same small registry on each engine: publish a version, move a label, get by label."""

import json
import sqlite3
import threading
import time


class Ours:
    name = "trialplate"

    def __init__(self, path):
        import trialplate

        self.store = trialplate.open(str(path))

    def publish(self, name, text):
        return self.store.publish(name, text, model="m", params={"temperature": 0.0}).number

    def set_label(self, name, label, version):
        self.store.set_label(name, label, version)

    def publish_and_label(self, name, text, label):
        self.store.publish(name, text, model="m", params={"temperature": 0.0}, labels=[label])

    def get(self, name, label):
        return self.store.get(name, label=label)

    call = "store.get(name, label=label)"

    def names(self):
        return {"store": self.store}

    number = staticmethod(lambda got: got.number)

    def close(self):
        self.store.close()


class Sqlite:
    """CPython's sqlite3 in WAL mode with synchronous=FULL: durable at every commit."""

    name = "SQLite (WAL, FULL)"
    GET = (
        "SELECT v.number, v.text, v.config FROM label l JOIN version v ON v.name = l.name AND v.number = l.number"
        " WHERE l.name = ? AND l.label = ?"
    )

    def __init__(self, path):
        self.db = sqlite3.connect(path, isolation_level=None, timeout=5, check_same_thread=False)
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA synchronous=FULL")
        self.db.execute("CREATE TABLE IF NOT EXISTS version(name, number INT, text, config, PRIMARY KEY(name, number)) WITHOUT ROWID")
        self.db.execute("CREATE TABLE IF NOT EXISTS label(name, label, number INT, PRIMARY KEY(name, label)) WITHOUT ROWID")
        self.lock = threading.Lock()

    def _publish(self, name, text):
        [(number,)] = self.db.execute("SELECT coalesce(max(number), 0) + 1 FROM version WHERE name = ?", (name,))
        self.db.execute("INSERT INTO version VALUES(?, ?, ?, ?)", (name, number, text, '{"model":"m","temperature":0}'))
        return number

    def publish(self, name, text):
        with self.lock:
            self.db.execute("BEGIN IMMEDIATE")
            number = self._publish(name, text)
            self.db.execute("COMMIT")
            return number

    def set_label(self, name, label, version):
        with self.lock:
            self.db.execute("INSERT OR REPLACE INTO label VALUES(?, ?, ?)", (name, label, version))

    def publish_and_label(self, name, text, label):
        with self.lock:
            self.db.execute("BEGIN IMMEDIATE")
            number = self._publish(name, text)
            self.db.execute("INSERT OR REPLACE INTO label VALUES(?, ?, ?)", (name, label, number))
            self.db.execute("COMMIT")

    def fill(self, pairs):
        self.db.execute("BEGIN")
        for name, text in pairs:
            self.db.execute("INSERT INTO version VALUES(?, 1, ?, '{}')", (name, text))
            self.db.execute("INSERT INTO label VALUES(?, 'production', 1)", (name,))
        self.db.execute("COMMIT")

    def get(self, name, label):
        return self.db.execute(self.GET, (name, label)).fetchone()

    call = "run(sql, (name, label)).fetchone()"

    def names(self):
        return {"run": self.db.execute, "sql": self.GET}

    number = staticmethod(lambda got: got[0])

    def close(self):
        self.db.close()


class Lmdb:
    """LMDB with its defaults: an fsync at every commit; a new read transaction at every get, so never stale."""

    name = "LMDB"

    def __init__(self, path):
        import lmdb

        self.env = lmdb.open(str(path), subdir=False, map_size=1 << 32, max_readers=64)

    def publish(self, name, text):
        with self.env.begin(write=True) as tx:
            number = int(tx.get(b"n/" + name.encode(), b"0")) + 1
            tx.put(b"n/" + name.encode(), b"%d" % number)
            tx.put(b"v/%s/%d" % (name.encode(), number), json.dumps({"number": number, "text": text}).encode())
            return number

    def set_label(self, name, label, version):
        with self.env.begin(write=True) as tx:
            tx.put(b"l/%s/%s" % (name.encode(), label.encode()), b"%d" % version)

    def publish_and_label(self, name, text, label):
        with self.env.begin(write=True) as tx:
            number = int(tx.get(b"n/" + name.encode(), b"0")) + 1
            tx.put(b"n/" + name.encode(), b"%d" % number)
            tx.put(b"v/%s/%d" % (name.encode(), number), json.dumps({"number": number, "text": text}).encode())
            tx.put(b"l/%s/%s" % (name.encode(), label.encode()), b"%d" % number)

    def fill(self, pairs):
        with self.env.begin(write=True) as tx:
            for name, text in pairs:
                tx.put(b"n/" + name.encode(), b"1")
                tx.put(b"v/%s/1" % name.encode(), json.dumps({"number": 1, "text": text}).encode())
                tx.put(b"l/%s/production" % name.encode(), b"1")

    def get(self, name, label):
        with self.env.begin() as tx:
            number = tx.get(b"l/%s/%s" % (name.encode(), label.encode()))
            return tx.get(b"v/%s/%s" % (name.encode(), number))

    call = "get(name, label)"

    def names(self):
        return {"get": self.get}

    number = staticmethod(lambda got: json.loads(got)["number"])

    def close(self):
        self.env.close()


class Mlflow:
    """MLflow in process, on its own SQLite file with its own settings; its aliases are cached for 60 s."""

    name = "MLflow"

    def __init__(self, path):
        import logging
        import os
        import warnings

        os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true", MLFLOW_LOGGING_LEVEL="ERROR")
        warnings.filterwarnings("ignore")
        import mlflow

        for logger in ("mlflow", "alembic"):
            logging.getLogger(logger).setLevel(logging.ERROR)
        mlflow.set_tracking_uri(f"sqlite:///{path}")
        self.genai = mlflow.genai

    def publish(self, name, text):
        return self.genai.register_prompt(name, text).version

    def set_label(self, name, label, version):
        self.genai.set_prompt_alias(name, label, version)

    def publish_and_label(self, name, text, label):
        self.set_label(name, label, self.publish(name, text))

    def fill(self, pairs):
        for name, text in pairs:
            self.publish_and_label(name, text, "production")

    def get(self, name, label):
        return self.genai.load_prompt(f"prompts:/{name}@{label}")

    call = "load('prompts:/' + name + '@' + label)"

    def names(self):
        return {"load": self.genai.load_prompt}

    number = staticmethod(lambda got: got.version)

    def close(self):
        pass


class TtlDict:
    """What people write themselves: a dict that forgets after 60 s, and is stale until then."""

    name = "dict with a TTL"

    def __init__(self, pairs):
        self.entries = {(name, "production"): (time.monotonic() + 60_000, text) for name, text in pairs}

    def get(self, name, label):
        until, value = self.entries[(name, label)]
        if time.monotonic() > until:
            raise KeyError(name)
        return value

    call = "get(name, label)"

    def names(self):
        return {"get": self.get}
