import json
import pickle
import threading
import time

import trialplate
from helpers import StoreTest
from trialplate import (
    AlreadyExistsError,
    Check,
    ConflictError,
    Gate,
    GateRefused,
    InvalidError,
    Item,
    NotFoundError,
    Output,
    RefusedError,
    Scorer,
)


class Datasets(StoreTest):
    def test_pages(self):
        ds = self.store.dataset("golden")
        with self.fails("dataset-not-found", NotFoundError):
            next(ds.iter_items())
        ds.add({"key": f"k{i:03}", "input": {"n": i, "text": "é\n\"" * i}, "expected": i / 7} for i in range(25))
        keys = [f"k{i:03}" for i in range(25)]
        self.assertEqual(ds.keys(), keys)
        self.assertEqual(ds.keys(after="k003", limit=2), ["k004", "k005"])
        self.assertEqual([i.key for i in ds.items(after="k022", limit=9)], ["k023", "k024"])
        for page in (1, 7, 25, 1000):
            found = list(ds.iter_items(page=page))
            self.assertEqual(found, ds.items())
        expected = [({"n": i, "text": "é\n\"" * i}, i / 7) for i in range(25)]
        self.assertEqual([(i.input, i.expected) for i in found], expected)
        # One version from beginning to end, whatever is changed meanwhile.
        half = ds.iter_items(page=10)
        first = [next(half) for _ in range(10)]
        ds.archive(keys[10:])
        ds.add([{"key": "k001x", "input": 1}])
        self.assertEqual([i.key for i in [*first, *half]], keys)
        self.assertEqual([i.key for i in ds.at(1).iter_items(page=4)], keys)
        self.assertEqual(list(ds.at(0).iter_items()), [])
        self.assertEqual(len(list(ds)), 11)

    def test_versions(self):
        ds = self.store.dataset("golden")
        self.assertEqual((ds.version, len(ds), list(ds)), (0, 0, []))
        with self.fails("dataset-not-found", NotFoundError):
            ds.items()
        self.assertTrue(ds)
        made = ds.add(
            [{"key": "a1", "input": {"q": 1}, "expected": {"a": 2}, "stratum": "hard"}, {"key": "b", "input": 1}]
        )
        self.assertEqual((made.version, made.items, made.added, ds.version, len(ds)), (1, 2, 2, 1, 2))
        self.assertEqual(ds.root, made.root)
        item = ds.items()[0]
        self.assertEqual((item.key, item.input, item.expected, item.stratum), ("a1", {"q": 1}, {"a": 2}, "hard"))
        self.assertEqual(item.metadata, None)
        self.assertEqual(ds.add([{"key": "b", "input": 1}]).version, 1, "nothing differs")
        ds.add([{"key": "b", "input": 2}])
        ds.archive(["a1"])
        self.assertEqual([i.key for i in ds], ["b"])
        self.assertEqual([i.key for i in ds.at(1).items()], ["a1", "b"])
        self.assertEqual((ds.at(2).version, len(ds.at(2))), (2, 2))
        self.assertEqual((ds.at(0).version, len(ds.at(0)), ds.at(0).items()), (0, 0, []))
        self.assertEqual(ds.diff(1, 3).to_dict(), {"added": [], "changed": ["b"], "archived": ["a1"]})
        self.assertEqual([v.version for v in ds.versions()], [1, 2, 3])
        self.assertEqual([d.dataset for d in self.store.datasets()], ["golden"])
        with self.fails("dataset-version-not-found", NotFoundError):
            ds.at(9)
        with self.fails("item-not-found", NotFoundError):
            ds.archive(["nobody"])
        self.assertIn("golden", repr(ds))

    def test_items_can_be_carried_over(self):
        a, b = self.store.dataset("a"), self.store.dataset("b")
        a.add([{"key": "x", "input": 1, "expected": [1], "metadata": {"m": None}}])
        b.add(a)
        self.assertEqual(a.root, b.root)
        b.add([Item(input="no key")])
        self.assertEqual(len(b), 2)

    def test_bad_items(self):
        ds = self.store.dataset("golden")
        for code, items in [
            ("duplicate-item", [{"key": "a"}, {"key": "a"}]),
            ("invalid-item", [{"key": "a", "inputs": 1}]),
            ("invalid-item", ["text"]),
            ("invalid-json", [{"input": object()}]),
        ]:
            with self.subTest(code=code), self.fails(code, InvalidError):
                ds.add(items)
        self.assertEqual(ds.version, 0)

    def test_schema(self):
        ds = self.store.dataset("golden")
        ds.schema(input={"type": "object", "required": ["q"]})
        with self.fails("schema-mismatch", InvalidError):
            ds.add([{"key": "a", "input": {}}])
        ds.add([{"key": "a", "input": {"q": 1}}])
        self.assertEqual(ds.schema().input["required"], ["q"])
        with self.fails("schema-mismatch", InvalidError):
            ds.schema(expected={"type": "string"})
        self.assertEqual(ds.schema(input=None).to_dict(), {"input": None, "expected": None})
        ds.add([{"key": "b", "input": {}}])

    def test_metrics(self):
        self.store.metric("quality", min=1, max=5)
        self.store.metric("quality", min=1, max=5)
        self.store.metric("tone", kind="categorical", categories=["warm", "cold"])
        with self.fails("metric-exists", AlreadyExistsError):
            self.store.metric("quality", min=0, max=5)
        metrics = self.store.metrics()
        self.assertEqual((metrics["quality"].max, metrics["tone"].categories), (5.0, ["warm", "cold"]))


class WithRuns(StoreTest):
    def setUp(self):
        super().setUp()
        self.v = self.store.publish("p", "Say {{x}}", labels="production")
        self.w = self.store.publish("p", "Say it: {{x}}")
        self.ds = self.store.dataset("golden")
        self.ds.add(
            [
                {"key": f"k{i:02}", "input": i, "expected": str(i), "stratum": "odd" if i % 2 else "even"}
                for i in range(20)
            ]
        )

    def scored(self, version, score):
        run = self.store.start_run(version, self.ds, scorers=["quality"])
        for item in run.pending():
            run.record(item, output=str(item.input), scores={"quality": score(item.input)})
        return run.finish()


class Runs(WithRuns):
    def test_by_hand(self):
        run = self.store.start_run(self.v, self.ds, scorers=["quality", Scorer.exact()], trials=2, name="n")
        pending = run.pending()
        self.assertEqual(len(pending), 40)
        first = pending[0]
        self.assertEqual(
            (first.key, first.input, first.expected, first.stratum, first.trial), ("k00", 0, "0", "even", 1)
        )
        row = run.record(
            first, output="0", scores={"quality": 4.5}, latency_ms=12.5, cost_usd=0.01, tokens_in=3, tokens_out=4
        )
        self.assertEqual((row.scores, row.latency_ms, row.tokens_in), ({"quality": 4.5, "exact": True}, 12.5, 3))
        run.record(pending[1], error="Timeout")
        run.record("k02", scores={"quality": None})
        run.record("k00", output="x", trial=2)
        self.assertEqual(len(run.pending()), 36)
        with self.fails("row-exists", AlreadyExistsError):
            run.record(first, output="1")
        with self.fails("item-not-found", NotFoundError):
            run.record("nobody", output="1")
        with self.fails("invalid-score", InvalidError):
            run.record("k03", output="1", scores={"quality": float("nan")})
        with self.fails("invalid-score", InvalidError):
            run.record("k03", output="1", scores={"quality": [1]})
        self.assertEqual(
            run.record_all([{"item": i, "output": "7", "scores": {"quality": 1}} for i in run.pending()]), 36
        )
        self.assertIsNone(run.finished_at)
        self.assertIs(run.finish(), run)
        self.assertIsNotNone(run.finished_at)
        self.assertEqual(run.pending(), [])
        with self.fails("run-finished", ConflictError):
            run.record("k03", output="1")
        summary = run.summary()
        self.assertEqual((summary.rows, summary.rows_expected, summary.errors), (40, 40, 1))
        self.assertEqual((summary.metrics["quality"].n, summary.metrics["quality"].n_missing), (20, 0))
        self.assertAlmostEqual(summary.cost_usd_total, 0.01)
        self.assertEqual(len(run.rows()), 40)
        self.assertEqual(self.store.run(run.id), run)
        self.assertEqual(self.store.runs("p"), [run])
        self.assertEqual(self.store.runs("q"), [])
        self.assertEqual(pickle.loads(pickle.dumps(run)).summary(), summary)

    def test_deep_outputs_come_back(self):
        run = self.store.start_run(self.v, self.ds)
        deep = 1
        for _ in range(120):
            deep = {"a": deep}
        run.record("k01", output=deep)
        self.assertEqual({row.key: row.output for row in run.rows()}["k01"], deep)
        for _ in range(100):
            deep = [deep]
        with self.fails("invalid-json", InvalidError):
            run.record("k02", output=deep)

    def test_resume(self):
        run = self.store.start_run(self.v, "golden", name="n")
        run.record("k00", output=None, error="x")
        again = self.store.start_run(self.v, "golden", name="n")
        self.assertEqual((again.id, len(again.pending())), (run.id, 19))
        with self.fails("run-differs", ConflictError):
            self.store.start_run(self.w, "golden", name="n")

    def test_versions_by_number_need_the_prompt(self):
        self.assertEqual(self.store.start_run(2, "golden", prompt="p").version, 2)
        with self.fails("invalid-argument", InvalidError):
            self.store.start_run(2, "golden")
        with self.fails("invalid-argument", InvalidError):
            self.store.start_run(self.v, "golden", scorers=["a", "a"])
        with self.fails("invalid-scorer", InvalidError):
            self.store.start_run(self.v, "golden", scorers=[3])
        self.ds.add([{"key": "new"}])
        self.assertEqual(self.store.start_run(self.v, self.ds.at(1)).items, 20)

    def test_compare(self):
        a = self.scored(self.v, lambda i: 3 + i % 2)
        b = self.scored(self.w, lambda i: 3 + i % 2 + (1 if i % 3 else 0.5))
        c = self.store.compare(a, b)
        m = c.metrics["quality"]
        self.assertEqual((m.n, m.n_missing, m.improved, m.unchanged, m.regressed), (20, 0, 20, 0, 0))
        self.assertAlmostEqual(m.diff, m.mean_b - m.mean_a)
        self.assertLess(m.ci_low, m.diff)
        self.assertEqual((m.verdict, m.df), ("b_better", 19))
        self.assertEqual((len(c.items), set(c.strata)), (20, {"odd", "even"}))
        self.assertEqual(c.strata["odd"].metrics["quality"].n, 10)
        self.assertEqual((c.run_a.id, c.run_b.id, c.scorer_changed, c.dataset_changed), (a.id, b.id, [], False))
        self.assertIn("quality", c.sentence)
        self.assertEqual(self.store.compare(a.id, b.id), c)
        self.assertEqual(c.to_dict()["metrics"]["quality"]["p_value"], m.p_value)
        json.dumps(c.to_dict())

    def test_compare_with_options(self):
        a = self.scored(self.v, lambda i: 3 + i % 2)
        b = self.scored(self.w, lambda i: 3 + i % 2 + (1 if i % 3 else -0.5))
        again = self.scored(self.v, lambda i: 3 + i % 2 + 0.25 * (i % 5 == 0))
        c = self.store.compare(a, b, primary=("quality",), alpha=0.1, margin={"quality": 5}, noise=[again])
        m = c.metrics["quality"]
        self.assertEqual((m.role, m.verdict, m.margin, c.alpha), ("primary", "b_better_small", 5, 0.1))
        self.assertEqual((m.noise_floor.source, m.noise_floor.runs, m.noise_floor.within), ("runs", 2, False))
        self.assertEqual((m.regressed_items[0].diff, len(m.regressed_items)), (-0.5, 7))
        self.assertEqual((c.noise, c.cluster, c.figures, m.mcnemar), ([again.id], None, {}, None))
        self.assertEqual(self.store.compare(a, b, cluster="stratum").metrics["quality"].n_clusters, 2)
        self.assertEqual(c.strata["odd"].metrics["quality"].verdict, "exploratory")
        for wrong in (
            {"alpha": 1},
            {"margin": {"quality": 0}},
            {"primary": ["other"]},
            {"cluster": "x"},
            {"noise": [a]},
        ):
            with self.fails("invalid-argument", InvalidError):
                self.store.compare(a, b, **wrong)


class Evaluating(WithRuns):
    def test_the_loop(self):
        def short(output):
            return len(output) < 3

        def close(output, expected):
            return abs(int(output) - int(expected))

        def odd(output, expected, item):
            if item.stratum == "even":
                raise ValueError("no idea")
            return True

        run = self.store.evaluate(
            self.v,
            self.ds,
            task=lambda item: Output(str(item.input), cost_usd=0.5, tokens_in=2),
            scorers=[short, close, odd, Scorer.exact(), Scorer.function("len", len, version="2")],
            concurrency=4,
            progress=False,
        )
        self.assertIsNotNone(run.finished_at)
        rows = {row.key: row for row in run.rows()}
        self.assertEqual(len(rows), 20)
        self.assertEqual(rows["k01"].scores, {"short": True, "close": 0, "odd": True, "exact": True, "len": 1})
        self.assertEqual(rows["k02"].scores["odd"], None)
        self.assertEqual((rows["k01"].cost_usd, rows["k01"].tokens_in), (0.5, 2))
        self.assertGreaterEqual(rows["k01"].latency_ms, 0)
        self.assertEqual(run.summary().metrics["odd"].n_missing, 10)

    def test_shapes_of_tasks(self):
        def positional(item, prompt):
            return prompt.compile(x=item.input)

        def keyword(*, item, **_):
            return item.key

        def both(*, item, prompt):
            return prompt.number

        for task, output in [(positional, "Say 0"), (keyword, "k00"), (both, 1), (str, None)]:
            run = self.store.evaluate(self.v, self.ds, task, progress=False)
            if output is not None:
                self.assertEqual(run.rows()[0].output, output)

    def test_errors_become_rows(self):
        def task(item):
            if item.input == 3:
                raise ConnectionError("no model")
            return item.input

        run = self.store.evaluate(self.v, self.ds, task, progress=False)
        rows = {row.key: row for row in run.rows()}
        self.assertEqual((rows["k03"].error, rows["k03"].output), ("ConnectionError: no model", None))
        self.assertEqual(run.summary().errors, 1)

    def test_an_interrupt_leaves_a_run_to_resume(self):
        done = []

        def task(item):
            done.append(item.key)
            if len(done) == 8:
                raise KeyboardInterrupt
            return "x"

        with self.assertRaises(KeyboardInterrupt):
            self.store.evaluate(self.v, self.ds, task, concurrency=1, name="n", progress=False)
        (run,) = self.store.runs()
        self.assertIsNone(run.finished_at)
        time.sleep(0.2)
        left = len(run.pending())
        self.assertGreaterEqual(left, 1)
        done[:] = ["x"] * 100
        again = self.store.evaluate(self.v, self.ds, task, name="n", progress=False)
        self.assertEqual((again.id, len(done) - 100, len(again.rows())), (run.id, left, 20))

    def test_it_is_concurrent(self):
        barrier = threading.Barrier(4)
        self.store.evaluate(self.v, self.ds, lambda item: barrier.wait(10), concurrency=4, progress=False)
        with self.fails("invalid-argument", InvalidError):
            self.store.evaluate(self.v, self.ds, str, concurrency=0)


class Gates(WithRuns):
    def test_the_flow(self):
        gate = Gate(dataset="golden", checks=[Check.no_regression("quality"), Check.item_floor("quality", 2)])
        self.assertTrue(self.store.protect("p", "production", gate).startswith("b3:"))
        bound = self.store.gate("p", "production")
        self.assertEqual(bound.dataset, "golden")
        self.assertEqual(bound.checks[0].to_dict()["tolerance"], 0.05)
        self.assertEqual(self.store.prompts()[0].protected, ["production"])
        with self.fails("label-protected", RefusedError):
            self.store.set_label("p", "production", 2)
        verdict = self.store.check("p", self.w, "production")
        self.assertEqual((verdict.outcome, bool(verdict)), ("cannot-tell", False))
        self.scored(self.v, lambda i: 3 + i % 2)
        self.scored(self.w, lambda i: 1 + i % 2)
        with self.fails("gate-refused", GateRefused) as caught:
            self.store.promote("p", self.w, to="production")
        verdict = caught.exception.verdict
        self.assertEqual((verdict.outcome, len(verdict.checks)), ("fail", 2))
        self.assertEqual([c.check for c in verdict.checks], ["no_regression", "item_floor"])
        self.assertEqual((verdict.key.version, verdict.key.label), (2, "production"))
        self.assertEqual(len(verdict.evidence), 2)
        again = pickle.loads(pickle.dumps(caught.exception))
        self.assertEqual((again.verdict, again.code, str(again)), (verdict, "gate-refused", str(caught.exception)))
        self.assertEqual(self.store.get("p").number, 1)
        with self.fails("reason-required", RefusedError):
            self.store.promote("p", self.w, to="production", override=" ")
        move = self.store.promote("p", self.w, to="production", override="the judge is wrong")
        self.assertEqual((move.override, move.verdict, move.reason), (True, verdict.id, "the judge is wrong"))
        self.assertEqual(self.store.get("p").number, 2)
        self.assertIn(verdict, self.store.verdicts("p", "production"))
        self.store.rollback("p", "production")
        better = self.store.publish("p", "Say it well: {{x}}")
        self.scored(better, lambda i: 4 + i % 2)
        self.assertTrue(self.store.check("p", better, "production"))
        move = self.store.promote("p", better, to="production", expected=1)
        self.assertEqual((move.to_version, move.override), (3, False))
        with self.fails("reason-required"):
            self.store.unprotect("p", "production", reason="")
        self.store.unprotect("p", "production", reason="done")
        with self.fails("gate-not-found", NotFoundError):
            self.store.gate("p", "production")
        self.assertTrue(self.store.verify())

    def test_every_check_is_known_to_the_core(self):
        gate = Gate(
            dataset="golden",
            checks=[
                Check.item_floor("quality", at_least=2),
                Check.no_regression("quality", tolerance=0.1, mode="point", kind="absolute"),
                Check.mean("quality", 3, mode="point"),
                Check.rate("faithful", at_most=0.1),
                Check.rate("faithful", at_least=0.9, mode="bound"),
                Check.format(),
                Check.not_more_permissive(dataset="golden", metric="refused"),
            ],
        )
        id = self.store.protect("p", "production", gate)
        bound = self.store.gate("p", "production")
        self.assertEqual((bound.id, len(bound.checks)), (id, 7))
        self.assertEqual(self.store.protect("p", "staging", bound), id)
        for bad in ({"dataset": "golden", "checks": [{"check": "nonsense"}]}, Gate("golden", [Check.rate("x")])):
            with self.subTest(bad=bad), self.fails("invalid-gate", InvalidError):
                self.store.protect("p", "production", bad)

    def test_every_scorer_is_known_to_the_core(self):
        scorers = [
            Scorer.exact(field="a", ignore_case=True),
            Scorer.contains("mentions", text="x"),
            Scorer.regex("^a+$"),
            Scorer.numeric(absolute=0.1, relative=0.01),
            Scorer.levenshtein(),
            Scorer.json_valid(),
            Scorer.json_schema({"type": "object"}),
            Scorer.length(min=1, max=10),
            Scorer.function("mine", version="2"),
            Scorer.judge("judge", {"model": "m", "rubric": "r"}),
            "plain",
            {"kind": "exact", "name": "as_dict"},
        ]
        run = self.store.start_run(self.v, self.ds, scorers=scorers)
        self.assertEqual(len(run.scorers), len(scorers))
        self.assertEqual(run.record("k00", output="aaa").scores["regex"], True)
        with self.fails("invalid-scorer", InvalidError):
            self.store.start_run(self.v, self.ds, scorers=[Scorer.regex("(")])


class Statistics(StoreTest):
    def test_run_case(self):
        result = trialplate.stats.run_case({"kind": "wilson", "inputs": {"k": 0, "n": 10, "conf": 0.95}, "id": 1})
        self.assertEqual(result["low"], 0)
        nan = float("nan")
        result = trialplate.stats.run_case(
            {"kind": "paired_t", "inputs": {"a": [1, 2, nan, 4], "b": [2, 2, 3, 5], "alpha": 0.05}}
        )
        self.assertIn("status", result)
        for bad in (
            {"kind": "tea_leaves", "inputs": {}},
            {"kind": "wilson", "inputs": {}},
            {},
            {"kind": 3, "inputs": {}},
            None,
        ):
            with self.subTest(bad=bad), self.fails("invalid-argument", InvalidError):
                trialplate.stats.run_case(bad)
