import pickle

import trialplate
from helpers import StoreTest
from trialplate import AlreadyExistsError, Canary, CanaryStatus, InvalidError, NotFoundError, RefusedError, Scorer


class Canaries(StoreTest):
    def setUp(self):
        super().setUp()
        self.v = self.store.publish("p", "Answer: {{q}}", labels="production")
        self.items = self.store.dataset("daily")
        self.items.add([{"key": f"q{i}", "input": {"q": i}} for i in range(10, 30)])
        self.store.metric("quality", min=0, max=100)
        self.c = self.store.canary("c", version=self.v, dataset=self.items, metrics="quality", baseline=10)

    def run_of(self, score):
        return self.c.evaluate(
            lambda item: trialplate.Output("x", scores={"quality": score}), ["quality"], progress=False
        )

    def test_registered_once(self):
        self.assertEqual((self.c.prompt, self.c.version, self.c.items), ("p", 1, 20))
        self.assertEqual(self.c.metrics["quality"].max, 100)
        self.assertIsInstance(self.store.canary("c"), Canary)
        self.assertEqual(self.store.canary("c"), self.c)
        same = self.store.canary("c", "p", label="production", dataset="daily", metrics=["quality"], baseline=10)
        self.assertEqual(same.registered_at, self.c.registered_at)
        pinned = self.store.canary("c", "p", version=1, dataset=self.items.at(1), metrics=["quality"], baseline=10)
        self.assertEqual(pinned, self.c)
        with self.fails("canary-exists", AlreadyExistsError):
            self.store.canary("c", "p", version=1, dataset="daily", metrics=["quality"])
        with self.fails("canary-not-found", NotFoundError):
            self.store.canary("nope")
        with self.fails("invalid-argument", InvalidError):
            self.store.canary("d", "p", dataset="daily")

    def test_the_life_of_one(self):
        for i in range(12):
            status = self.run_of(80 + i % 3)
            self.assertEqual(status.state, "baseline" if i < 10 else "quiet")
            self.assertTrue(status)
            self.assertFalse(status.alarm)
        while not status.alarm:
            status = self.run_of(60)
            self.assertLess(status.runs, 20)
        self.assertFalse(status)
        self.assertIsInstance(status, CanaryStatus)
        self.assertEqual((status.cause, status.moved_most, status.onset.number), ("model", "quality", 13))
        self.assertIn("**The model's answers changed around", str(status))
        self.assertEqual(self.store.canaries(), [status])
        self.assertEqual(pickle.loads(pickle.dumps(status)), status)
        with self.fails("reason-required", RefusedError):
            self.c.dismiss(" ")
        self.assertEqual(self.c.dismiss("an outage").state, "quiet")
        with self.fails("no-alarm", RefusedError):
            self.c.confirm("again")
        kinds = [step.kind for step in self.c.history()]
        self.assertEqual((kinds[0], kinds[-1], len(kinds)), ("run", "dismissed", status.runs + 1))
        self.assertEqual(self.c.history()[0].means, {"quality": 80})
        self.assertTrue(self.store.verify())
        self.assertEqual(self.store.verify().canaries, 1)

    def test_a_run_and_its_anchor(self):
        def finished(score):
            run = self.store.start_run(self.v, self.items, scorers=[Scorer.judge("quality", {"v": 1})])
            rows = [{"item": item, "output": "stored", "scores": {"quality": score}} for item in run.pending()]
            run.record_all(rows)
            return run.finish()

        run, anchor = finished(80), finished(50)
        status = self.c.record(run, anchor=anchor)
        self.assertEqual((status.runs, status.anchor.runs), (1, 1))
        self.assertEqual(self.c.record(run.id, anchor=anchor.id), status)
        with self.fails("invalid-argument", InvalidError):
            self.c.record(run)
        with self.fails("run-not-found", NotFoundError):
            self.c.record("nope")

    def test_in_another_process(self):
        again = pickle.loads(pickle.dumps(self.c))
        self.addCleanup(again._store.close)
        self.assertEqual(again.status().sentence, "Baseline: 0 of 10 runs.")
