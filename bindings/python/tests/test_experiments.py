import pickle

import trialplate
from helpers import StoreTest
from trialplate import AlreadyExistsError, ConflictError, InvalidError, NotFoundError, RefusedError


class Experiments(StoreTest):
    def setUp(self):
        super().setUp()
        self.a = self.store.publish("p", "Say {{x}}", labels="production")
        self.b = self.store.publish("p", "Say it: {{x}}")
        self.store.metric("quality", min=1, max=5)

    def tone(self, **more):
        plan = {"prompt": "p", "variants": {"b": self.b, "a": 1}, "metric": "quality", "min_effect": 0.5, "sd": 0.6}
        return self.store.experiment("tone", **{**plan, **more})

    def test_the_first_variant_is_the_control(self):
        exp = self.tone(weights={"a": 1, "b": 3})
        self.assertEqual([v.name for v in exp.plan.variants], ["b", "a"])
        self.assertEqual([v.weight for v in exp.plan.variants], [0.75, 0.25])
        self.assertEqual((exp.plan.control, exp.state, str(exp)), (0, "running", "tone"))
        self.assertEqual(self.tone(weights=[3, 1]).plan_id, exp.plan_id)
        again = self.store.experiment("tone")
        self.assertEqual(again.plan_id, exp.plan_id)
        self.assertEqual(self.store.experiments(), [again])
        self.assertIn("n_planned=", repr(exp.plan))
        with self.fails("experiment-exists", AlreadyExistsError):
            self.tone(weights=[1, 1])
        with self.fails("experiment-not-found", NotFoundError):
            self.store.experiment("nope")

    def test_an_assignment_is_its_variant(self):
        exp = self.tone(salt="s")
        assigned = exp.assign("user-42")
        self.assertIn(assigned, ("a", "b"))
        self.assertEqual(assigned, assigned.variant)
        self.assertEqual(assigned.version, {"a": 1, "b": 2}[assigned])
        self.assertEqual(exp.assign("user-42"), assigned)
        self.assertEqual(pickle.loads(pickle.dumps(assigned)).bucket, assigned.bucket)
        exp.stop("enough")
        out = exp.assign("user-42")
        self.assertFalse(out)
        self.assertEqual((out.takes_part, out.variant, out.why), (False, None, "ended"))
        with self.fails("invalid-argument", InvalidError):
            exp.assign("")

    def test_from_traffic_to_the_promotion(self):
        guardrails = [{"metric": "latency_ms", "tolerance": 500}]
        exp = self.tone(n_planned=20, variants={"a": 1, "b": 2}, guardrails=guardrails)
        with self.fails("experiment-not-decided", RefusedError):
            exp.conclude()
        for i in range(100):
            variant = exp.assign(f"u{i}")
            trace = self.store.log(
                variant.version, prompt="p", user=f"u{i}", experiment=exp, latency_ms=100 + i % 7, stratum="easy"
            )
            self.store.score(trace, "quality", 2 + (variant == "b") + (i * 37 % 100) / 100, source="judge")
        result = exp.result()
        self.assertEqual((result.verdict, result.winner, result.is_final), ("b_better", "b", True))
        self.assertTrue(str(result).startswith("**B is better**"))
        (comparison,) = result.comparisons
        self.assertAlmostEqual(comparison.diff, 1, delta=0.3)
        self.assertEqual(result.guardrails[0].outcome, "pass")
        self.assertEqual(self.store.trace(trace).variant, exp.assign("u99"))
        done = exp.conclude(promote="production", reason="the plan said so")
        self.assertEqual((done.experiment.winner, done.promoted.to, exp.state), ("b", 2, "concluded"))
        self.assertEqual(self.store.get("p").number, 2)
        with self.fails("experiment-ended", ConflictError):
            exp.set_weights([1, 3])
        self.assertTrue(self.store.verify())

    def test_weights_and_coverage(self):
        exp = self.tone(salt="s", start=False)
        self.assertEqual(exp.assign("u").why, "not-started")
        self.assertEqual(exp.start().state, "running")
        self.assertEqual(exp.set_weights({"a": 1, "b": 4}), 0.3)
        self.assertEqual(exp.epochs[-1].weights, [0.8, 0.2])
        self.assertEqual(exp.set_coverage(0.25).coverage, 0.25)
        self.assertEqual(exp.refresh().coverage, 0.25)
        before = exp.expose("u-x", stratum="hard", covariate=1.5)
        self.store.flush()
        self.assertEqual(exp.expose("u-x"), before)

    def test_another_handle_sees_a_change_at_once(self):
        exp = self.tone(salt="s")
        with trialplate.open(self.path) as other:
            self.assertTrue(other.experiment("tone").assign("u"))
            exp.stop("enough")
            self.assertFalse(other.experiment("tone").assign("u"))
