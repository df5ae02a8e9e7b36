import json
import os
import pickle
import subprocess
import sys
import threading
from datetime import datetime, timedelta, timezone

import trialplate
from helpers import StoreTest
from trialplate import AlreadyExistsError, InvalidError, NotFoundError, Scorer

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
