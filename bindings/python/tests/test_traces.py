import json
import os
import pickle
import statistics
import subprocess
import sys
import threading
from datetime import datetime, timedelta, timezone

import trialplate
from helpers import StoreTest
from trialplate import AlreadyExistsError, InvalidError, NotFoundError, Scorer, _native

NOON = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)


class Traces(StoreTest):
    def setUp(self):
        super().setUp()
        self.v = self.store.publish("p", "Say {{x}}", labels="production")
        self.w = self.store.publish("p", "Say it: {{x}}")

    def test_a_call(self):
        id = self.store.log(
            self.v,
            trace_id="t1",
            input={"x": 1},
            output="out",
            error=TimeoutError("slow"),
            latency_ms=12.5,
            cost_usd=0.1,
            tokens_in=3,
            tokens_out=4,
            user="u1",
            experiment="e",
            variant="a",
            stratum="hard",
            metadata={"m": [1]},
            at=NOON,
        )
        self.assertEqual(id, "t1")
        judge = Scorer.judge("quality", {"rubric": "r"})
        self.store.score(id, "quality", 4, source="judge", comment="good", judge=judge)
        t = self.store.trace(id)
        self.assertEqual((t.prompt, t.version, t.version_id, t.at), ("p", 1, self.v.id, NOON))
        self.assertEqual((t.input, t.output, t.error), ({"x": 1}, "out", "TimeoutError: slow"))
        self.assertEqual((t.latency_ms, t.cost_usd, t.tokens_in, t.tokens_out), (12.5, 0.1, 3, 4))
        self.assertEqual((t.user, t.experiment, t.variant, t.stratum), ("u1", "e", "a", "hard"))
        (score,) = t.scores
        self.assertEqual((score.metric, score.value, score.source, score.comment), ("quality", 4, "judge", "good"))
        self.assertTrue(score.judge.startswith("b3:"))
        self.assertIsNotNone(score.at.utcoffset())
        self.assertEqual(pickle.loads(pickle.dumps(t)), t)
        with self.assertRaises(AttributeError):
            t.output = "x"
        self.store.score(t, "quality", True, judge="v2")
        self.assertEqual(len(self.store.trace(id).scores), 2)
        self.assertIn("trace_id='t1'", repr(t))

    def test_errors(self):
        self.store.log(self.v, trace_id="t1")
        self.store.log(self.v, trace_id="t1")
        with self.fails("trace-exists", AlreadyExistsError) as caught:
            self.store.flush()
        self.assertIn("failed_calls=`1`", str(caught.exception))
        self.store.flush()
        with self.fails("trace-exists"):
            self.store.log(self.v, trace_id="t1", durable=True)
        with self.fails("trace-not-found", NotFoundError):
            self.store.score("t2", "quality", 1, durable=True)
        with self.fails("trace-not-found"):
            self.store.trace("t2")
        with self.fails("invalid-score", InvalidError):
            self.store.score("t1", "quality", float("nan"))
        with self.fails("invalid-trace"):
            self.store.log(self.v, latency_ms=-1)
        with self.fails("invalid-argument"):
            self.store.log(1)
        with self.fails("invalid-time"):
            self.store.log(self.v, at=datetime(2026, 1, 1))
        with self.assertRaises(TypeError):
            self.store.log(self.v, outputs="x")
        self.assertEqual(self.store.log(2, prompt="p", trace_id="t3"), "t3")
        self.assertEqual(self.store.trace("t3").version, 2)
        self.store.score("nobody", "quality", 1)
        with self.fails("trace-not-found"):
            self.store.close()
        self.assertTrue(self.store.closed)

    def test_pages(self):
        for i in range(5):
            version = self.v if i % 2 else self.w
            self.store.log(version, trace_id=f"t{i}", user=f"u{i % 2}", at=NOON + timedelta(hours=i))
        page = self.store.traces(limit=3)
        self.assertEqual(([t.trace_id for t in page], len(page)), (["t4", "t3", "t2"], 3))
        self.assertEqual((page[0].trace_id, page[-1].trace_id, page["next"]), ("t4", "t2", page.next))
        rest = self.store.traces(limit=3, cursor=page.next)
        self.assertEqual(([t.trace_id for t in rest], rest.next), (["t1", "t0"], None))
        self.assertEqual([t.trace_id for t in self.store.traces(version=self.v)], ["t3", "t1"])
        self.assertEqual(len(self.store.traces("p", label="production")), 2)
        self.assertFalse(self.store.traces(user="nobody"))
        self.assertEqual([t.trace_id for t in self.store.traces(since=NOON, until=NOON + timedelta(hours=1))], ["t0"])

    def test_summary(self):
        self.store.metric("quality", min=1, max=5)
        for i in range(10):
            version = self.v if i % 2 else self.w
            self.store.log(version, trace_id=f"t{i}", latency_ms=100 + i, at=NOON + timedelta(days=i))
            self.store.score(f"t{i}", "quality", None if i == 9 else 3 + i % 2, source="judge")
        s = self.store.summary("p", "quality")
        self.assertEqual((s.traces, s.n, s.missing, s.direction, s.groups), (10, 9, 1, "higher", []))
        self.assertLess(s.ci_low, s.mean)
        self.assertEqual((s.p50, s.min, s.max), (3, 3, 4))
        self.assertEqual((s.histogram.low, s.histogram.declared, sum(s.histogram.counts)), (1, True, 9))
        s = self.store.summary("p", "quality", by="version", source="judge")
        self.assertEqual([(g.group, g.n, g.missing, g.mean) for g in s.groups], [(1, 4, 1, 4), (2, 5, 0, 3)])
        days = self.store.summary("p", "latency_ms", by="day", since=NOON + timedelta(days=8))
        self.assertEqual([g.group for g in days.groups], ["2026-11-28", "2026-11-29"])
        self.assertIn("group=1", repr(s.groups[0]))
        json.dumps(s.to_dict())
        with self.fails("metric-not-found", NotFoundError):
            self.store.summary("p", "qualty")

    def test_a_dataset_from_traces(self):
        self.store.log(self.v, trace_id="t1", input={"x": 1}, output="bad")
        ds = self.store.dataset("golden")
        made = ds.add_from_trace("t1", expected="good")
        self.assertEqual((made.version, made.added), (1, 1))
        (item,) = ds
        self.assertEqual((item.key, item.input, item.expected, item.source_trace), ("t1", {"x": 1}, "good", "t1"))
        ds.add_from_trace(self.store.trace("t1"), key="k")
        self.assertEqual([i.expected for i in ds], [None, "good"])

    def test_threads(self):
        def log(n):
            for i in range(200):
                self.store.score(self.store.log(self.v, trace_id=f"{n}-{i}"), "quality", i % 5)

        threads = [threading.Thread(target=log, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(self.store.summary("p", "quality").n, 800)
        report = self.store.verify()
        self.assertEqual((report.ok, report.traces, report.scores), (True, 800, 800))

    def test_the_end_of_a_process_loses_nothing(self):
        code = (
            "import sys, trialplate\n"
            "store = trialplate.open(sys.argv[1])\n"
            "keep = [store]; keep.append(keep)\n"
            "for i in range(500): store.log(1, prompt='p', trace_id=str(i))\n"
        )
        subprocess.run([sys.executable, "-c", code, str(self.path)], check=True, timeout=60)
        self.assertEqual(self.store.verify().traces, 500)

    if hasattr(os, "fork"):

        def test_a_child_has_its_own_queue(self):
            self.store.log(self.v, trace_id="parent")
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    self.store.log(self.v, trace_id="child")
                    self.store.flush()
                    code = 0
                finally:
                    os._exit(code)
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)
            self.store.flush()
            self.assertEqual({t.trace_id for t in self.store.traces()}, {"parent", "child"})


class Names(StoreTest):
    def test_they_are_exported(self):
        for name in ("Trace", "TraceScore", "TracePage", "LiveSummary", "LiveGroup", "Histogram"):
            self.assertIn(name, trialplate.__all__)


class Many(StoreTest):
    """Batches large enough for the columns, and single rows on top of them."""

    def check(self, values):
        s = self.store.summary("p", "quality")
        self.assertEqual((s.traces, s.n, s.missing), (len(values), len(values), 0))
        self.assertAlmostEqual(s.mean, statistics.fmean(values.values()), places=9)
        ordered = sorted(values.values())
        for share, found in ((0.1, s.p10), (0.5, s.p50), (0.9, s.p90)):
            at = share * (len(ordered) - 1)
            low = int(at)
            high = min(low + 1, len(ordered) - 1)
            self.assertAlmostEqual(found, ordered[low] + (at - low) * (ordered[high] - ordered[low]), places=9)
        self.assertEqual([t.trace_id for t in self.store.iter_traces("p")], list(values)[::-1])

    def test_many_and_few(self):
        v = self.store.publish("p", "Say {{x}}")
        values = {f"t{i:04}": (i * 7919) % 1000 / 100 for i in range(3000)}
        calls = (
            {"trace_id": id, "at": NOON + timedelta(seconds=i), "scores": {"quality": value}}
            for i, (id, value) in enumerate(values.items())
        )
        self.assertEqual(self.store.log_many(calls, version=v, source="judge"), list(values))
        self.check(values)
        # The newest score of a source counts.
        values = {id: 10 - value for id, value in values.items()}
        scores = [{"trace_id": id, "metric": "quality", "value": x, "source": "judge"} for id, x in values.items()]
        self.assertEqual(self.store.score_many(scores), 3000)
        self.check(values)
        for i in range(3000, 3010):
            self.store.log(v, trace_id=f"t{i}", at=NOON + timedelta(seconds=i))
            self.store.score(f"t{i}", "quality", i / 1000)
            values[f"t{i}"] = i / 1000
        self.store.score("t0000", "quality", 3.25, source="judge")
        values["t0000"] = 3.25
        self.check(values)
        page = self.store.traces("p", order="lowest", metric="quality", limit=5)
        self.assertEqual([values[t.trace_id] for t in page], sorted(values.values())[:5])
        gone = self.store.prune(NOON + timedelta(seconds=1500), "p")
        self.assertEqual((gone.traces, gone.scores, gone.kept), (1500, 3001, {}))
        self.check(dict(list(values.items())[1500:]))
        self.assertTrue(self.store.verify())

    def test_defaults_for_all(self):
        v = self.store.publish("p", "Say {{x}}")
        w = self.store.publish("p", "Say it: {{x}}")
        calls = [{"error": TimeoutError("slow")}, {"version": v, "latency_ms": 5}, {"version": v.id, "prompt": "p"}]
        ids = self.store.log_many(calls, version=2, prompt="p")
        found = [self.store.trace(id) for id in ids]
        self.assertEqual([t.version for t in found], [w.number, 1, 1])
        self.assertEqual(found[0].error, "TimeoutError: slow")
        a, b = self.store.summary("p", ["latency_ms", "cost_usd"])
        self.assertEqual((a.metric, a.n, b.metric, b.n), ("latency_ms", 1, "cost_usd", 0))
        with self.assertRaises(InvalidError):
            self.store.log_many([{}])

    def test_the_quick_way_is_the_general_way(self):
        class Unusual(dict):
            """No plain dict: this one goes as JSON."""

        v = self.store.publish("p", "Say {{x}}")
        calls = [
            {},
            {"version": 1, "prompt": "p", "at": NOON, "output": {"a": [1, 2.5, None, True, "ü\x00"]}},
            {"version": v, "at": NOON.isoformat(), "input": "in", "latency_ms": 12, "cost_usd": 0.5, "user": "u"},
            {"at": NOON.astimezone(timezone(timedelta(hours=-5))), "tokens_in": 3, "tokens_out": 0, "stratum": "hard"},
            {"metadata": {"k": "v"}, "error": "slow", "variant": "a", "output": None, "user": None, "scores": None},
            {"scores": {"quality": 1, "grade": "good", "fine": True, "lost": None, "exact": 0.1}, "source": "human"},
            {"scores": {"quality": 2.5}, "version": None, "prompt": None, "source": None},
        ]
        unusual = [Unusual(call) for call in calls]
        given = {"version": v, "source": "judge"}
        quick = _native.log_many(self.store, calls, v, None, "judge")
        self.assertIsNotNone(quick)
        self.assertIsNone(_native.log_many(self.store, unusual, v, None, "judge"))
        sides = []
        for ids in (quick, self.store.log_many(calls, **given), self.store.log_many(unusual, **given)):
            found = [self.store.trace(id).to_dict() for id in ids]
            for trace, call in zip(found, calls, strict=True):
                del trace["trace_id"]
                if "at" not in call:
                    del trace["at"]
                for score in trace["scores"]:
                    del score["at"]
            sides.append(found)
        self.assertEqual(sides[0], sides[1])
        self.assertEqual(sides[1], sides[2])
        self.assertEqual(len(sides[0][5]["scores"]), 5)
        wrong = [{"no": 1}, {"no": None}, {"at": NOON.replace(tzinfo=None)}, {"tokens_in": -1}, {"scores": [1]}, {1: 2}]
        wrong += [5, {"user": 5}, {"scores": {"m": object()}}, {"scores": {"m": float("nan")}}, {"source": "nobody"}]
        for call in wrong:
            self.assertIsNone(_native.log_many(self.store, [{}, call], v, None, None), call)
        self.assertEqual(sum(1 for _ in self.store.iter_traces()), 3 * len(calls))

    def test_a_wrong_batch_leaves_those_before_it(self):
        v = self.store.publish("p", "Say {{x}}")
        with self.assertRaises(AlreadyExistsError):
            self.store.log_many(({"trace_id": f"t{min(i, 10_000)}"} for i in range(10_002)), version=v)
        self.assertEqual(sum(1 for _ in self.store.iter_traces()), 10_000)

    def test_what_is_wrong_in_a_batch_is_named(self):
        v = self.store.publish("p", "Say {{x}}")
        with self.assertRaisesRegex(AlreadyExistsError, r"in=`calls\[2\]`$"):
            self.store.log_many(({"trace_id": id} for id in ["a", "b", "a"]), version=v)
        # Counted on over the batches that are sent.
        with self.assertRaisesRegex(AlreadyExistsError, r"in=`calls\[10001\]`$"):
            self.store.log_many(({"trace_id": f"t{min(i, 10_000)}"} for i in range(10_003)), version=v)
        scores = ({"trace_id": f"t{i}", "metric": "quality", "value": 1} for i in range(10_001))
        with self.assertRaisesRegex(NotFoundError, r"in=`scores\[10000\]`$"):
            self.store.score_many(scores)
        with self.assertRaisesRegex(InvalidError, r"in=`scores\[1\]`$"):
            self.store.score_many([{"trace_id": "t1", "metric": "m", "value": 1}, {"trace_id": "t1"}])

    def test_by_several(self):
        v = self.store.publish("p", "Say {{x}}")
        for i in range(4):
            at = NOON + timedelta(days=i // 2)
            self.store.log(v, trace_id=f"t{i}", at=at, latency_ms=i, variant="ab"[i % 2])
        found = self.store.summary("p", "latency_ms", by=["variant", "version"])
        groups = [(group.group, group.mean) for group in found.groups]
        self.assertEqual((found.by, groups), (["variant", "version"], [(["a", 1], 1), (["b", 1], 2)]))
        same = self.store.summary("p", "latency_ms", by=("version",))
        self.assertEqual(same, self.store.summary("p", "latency_ms", by="version"))
        with self.assertRaises(InvalidError):
            self.store.summary("p", "latency_ms", by=["day", "day"])
