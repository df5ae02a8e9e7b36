"""The usual `log` and `score`, which take a short way, are what the general ones are; and the recorder's options."""

import enum
import gc
import pickle
import threading
import weakref
from collections import OrderedDict
from dataclasses import dataclass

import trialplate
from helpers import StoreTest


class Text(str):
    pass


class Level(enum.IntEnum):
    HIGH = 3


@dataclass
class Point:
    x: int = 1


class Usual(StoreTest):
    def setUp(self):
        super().setUp()
        self.v = self.store.publish("p", "Say {{x}}", labels="production")
        self.store.log(self.v)  # From now on the short way is taken where it can be.
        self.count = 0

    def both(self, **facts):
        """Logs it by both ways; what is said back, or the error's code."""
        answers = []
        for way in (self.store.log, self.store._log):
            self.count += 1
            try:
                id = way(self.v, **{"trace_id": f"t{self.count}", **facts})
                self.store.flush()
                trace = self.store.trace(id).to_dict()
                answers.append({name: value for name, value in trace.items() if name not in ("trace_id", "at")})
            except trialplate.TrialplateError as error:
                answers.append((type(error), error.code))
            except TypeError:
                answers.append(TypeError)
        self.assertEqual(answers[0], answers[1], facts)
        return answers[0]

    def test_the_same_traces(self):
        for facts in (
            {},
            {"input": "Übergröße 😀", "output": {"b": [1, 2.5, None, True, "x", (1, 2)], "a": {}}, "metadata": []},
            {"latency_ms": 1, "cost_usd": 0.0, "tokens_in": 0, "tokens_out": 2**53, "error": "e"},
            {"latency_ms": -0.0, "output": -0.0, "input": 0, "metadata": False},
            {"user": "u", "experiment": "x", "variant": "y", "stratum": "z"},
            {"input": None, "output": None, "user": None, "latency_ms": None, "durable": False},
            {"input": Text("t"), "user": Text("u"), "tokens_in": Level.HIGH, "output": Level.HIGH},
            {"input": OrderedDict(a=1), "output": Point(), "metadata": {1: 2, None: 3}},
            {"output": 2**60, "input": 1e300},
            {"error": ValueError("mine")},
        ):
            self.assertIsInstance(self.both(**facts), dict, facts)

    def test_the_same_errors(self):
        deep = []
        for _ in range(300):
            deep = [deep]
        for facts in (
            {"latency_ms": float("nan")},
            {"latency_ms": -1},
            {"latency_ms": "1"},
            {"latency_ms": True},
            {"tokens_in": -1},
            {"tokens_in": 1.5},
            {"tokens_out": 2**53 + 2},
            {"tokens_out": 2**70},
            {"output": float("inf")},
            {"output": 2**53 + 1},
            {"output": {"a": {1, 2}}},
            {"output": deep},
            {"input": "\ud83d"},
            {"user": "\ud83d"},
            {"user": ""},
            {"user": 7},
            {"stratum": " z"},
            {"trace_id": ""},
            {"nonsense": 1},
            {"source": "judge"},
            {"experiment": 7},
            {"output": "x" * (9 << 20)},
        ):
            answer = self.both(**facts)
            self.assertNotIsInstance(answer, dict, facts)

    def test_the_same_scores(self):
        answers = []
        for id, way in (("a", self.store.score), ("b", self.store._score)):
            self.store.log(self.v, trace_id=id)
            told = []
            for value in (1, 4.5, -0.0, True, "warm", None, 2**53 + 1, float("nan"), [1], Text("x"), Level.HIGH, {}):
                for more in (
                    {},
                    {"source": "judge", "comment": "Größe", "judge": "j"},
                    {"source": "x"},
                    {"source": 1},
                    {"nonsense": 1},
                ):
                    try:
                        way(id, "tone" if isinstance(value, str) else "q", value, **more)
                        told.append(None)
                    except trialplate.TrialplateError as error:
                        told.append(error.code)
                    except TypeError:
                        told.append(TypeError)
            for metric in ("", " q", "latency_ms"):
                with self.assertRaises(trialplate.InvalidError) as caught:
                    way(id, metric, 1)
                told.append(caught.exception.code)
            self.store.flush()
            scores = [{**score.to_dict(), "at": None} for score in self.store.trace(id).scores]
            answers.append((told, scores))
        self.assertEqual(answers[0], answers[1])
        self.assertGreater(len(answers[0][1]), 10)

    def test_it_takes_what_it_took(self):
        self.assertEqual(self.store.log(self.v, trace_id="a"), "a")
        self.assertEqual(self.store.log(1, prompt="p", trace_id="b"), "b")
        self.store.score(trace_id="a", metric="q", value=1)
        self.store.score(self.store.trace("a"), "q", 2)
        for call in (lambda: self.store.log(), lambda: self.store.log(self.v, "a"), lambda: self.store.score("a", "q")):
            self.assertRaises(TypeError, call)
        self.assertRegex(
            self.store.log(self.v), "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
        )
        self.store.close()
        for call in (lambda: self.store.log(self.v), lambda: self.store.score("a", "q", 1)):
            with self.fails("closed"):
                call()

    def test_an_experiment_goes_by_its_name(self):
        w = self.store.publish("p", "Say it: {{x}}")
        exp = self.store.experiment(
            "e", prompt="p", variants={"a": self.v, "b": w}, metric="q", min_effect=0.5, n_planned=50, sd=1.0
        )
        self.store.log(self.v, trace_id="t", user="u", experiment=exp)
        self.assertEqual(self.store.trace("t").experiment, "e")

    def test_a_read_only_store_refuses_at_once(self):
        with trialplate.open(self.path, read_only=True) as store:
            for _ in range(2):
                with self.fails("read-only"):
                    store.log(self.v)


class Options(StoreTest):
    def test_a_full_queue_drops_and_counts(self):
        v = self.store.publish("p", "x", labels="production")
        with trialplate.open(self.path, when_full="drop", max_queue_size=2) as store:
            for _ in range(2_000):
                store.log(v)
            store.flush()
            stats = store.recorder()
            self.assertEqual((stats.recorded + stats.dropped, stats.failed, stats.waiting), (2_000, 0, 0))
            self.assertGreater(stats.dropped, 0)
            self.assertEqual(self.store.verify().traces, stats.recorded)
            self.assertEqual(self.store.recorder().recorded, 0, "each store counts its own")
            again = pickle.loads(pickle.dumps(store))
            self.assertEqual(again._options, store._options)
            again.close()

    def test_a_full_queue_blocks_without_holding_other_threads_up(self):
        v = self.store.publish("p", "x", labels="production")
        with trialplate.open(self.path, max_queue_size=1) as store:
            threads = [
                threading.Thread(target=lambda: [store.log(v, output="o") for _ in range(200)]) for _ in range(4)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
            store.flush()
            self.assertEqual((store.recorder().recorded, store.recorder().dropped), (800, 0))

    def test_wrong_options(self):
        for options in ({"when_full": "drown"}, {"max_queue_size": 0}, {"max_queue_bytes": 0}):
            with self.fails("invalid-argument"):
                trialplate.open(self.path, **options)

    def test_a_store_that_logged_is_collected(self):
        v = self.store.publish("p", "x", labels="production")
        store = trialplate.open(self.path)
        store.log(v, trace_id="t")
        there = weakref.ref(store)
        del store
        gc.collect()
        self.assertIsNone(there())
        self.store.recorder()
