import inspect
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading

import trialplate
from helpers import StoreTest
from trialplate import PromptVersion
from trialplate._results import Result, Verdict


def number_in_child(store):
    return store.get("p").number


class Shapes(StoreTest):
    def setUp(self):
        super().setUp()
        self.v = self.store.publish(
            "p", "<b>{{x}}</b> & more", model="<m>", params={"a": "<i>"}, labels="production", tags=["<t>"]
        )

    def test_version(self):
        v = self.v
        again = pickle.loads(pickle.dumps(v))
        self.assertEqual((again, hash(again), again.created_at), (v, hash(v), v.created_at))
        self.assertEqual(PromptVersion.from_json(v.to_json()), v)
        self.assertEqual(v.to_dict()["id"], v.id)
        self.assertNotEqual(v, "p")
        self.assertFalse(v == 3)
        match v:
            case PromptVersion(name, number, prompt):
                self.assertEqual((name, number, prompt), ("p", 1, "<b>{{x}}</b> & more"))
        self.assertEqual(v.otel_attributes()["gen_ai.request.model"], "<m>")
        self.assertIn("PromptVersion('p', number=1", repr(v))
        with self.fails("invalid-content"):
            PromptVersion.from_json(v.to_json().replace("more", "less"))
        with self.fails("invalid-content"):
            PromptVersion.from_json("nonsense")
        with self.assertRaises(TypeError):
            PromptVersion()

    def test_html_is_escaped(self):
        chat = self.store.publish("c", [{"role": "user", "content": "<script>alert(1)</script>"}])
        w = self.store.publish("p", "<script>{{x}}</script>")
        diff = self.store.diff("p", self.v, w)
        for shown in (self.v, chat, w, diff):
            html = shown._repr_html_()
            for tag in ("<script>", "<i>", "<m>", "<t>", "<b>{{"):
                self.assertNotIn(tag, html)
            self.assertIn("<table", html)
        self.assertIn("&lt;script&gt;", w._repr_html_())
        self.store.dataset("d").add([{"key": "a"}])
        self.store.protect("p", "production", trialplate.Gate("d", [trialplate.Check.mean("q", 1)]))
        verdict = self.store.check("p", w, "production")
        self.assertIn("cannot-tell", verdict._repr_html_())
        runs = []
        for version in (self.v, w):
            run = self.store.start_run(version, "d", scorers=["q"])
            run.record("a", output="<script>", scores={"q": 1})
            runs.append(run.finish())
        self.assertIn("<table", self.store.compare(*runs)._repr_html_())

    def test_records(self):
        (move,) = self.store.history("p", "production")
        core = self.store.call("history", {"name": "p", "label": "production"})
        import json

        self.assertEqual(move.to_dict(), json.loads(core)["moves"][0])
        self.assertEqual(pickle.loads(pickle.dumps(move)), move)
        self.assertEqual(len({move, pickle.loads(pickle.dumps(move))}), 1)
        self.assertIn("to_version=1", repr(move))
        with self.assertRaises(AttributeError):
            move.label = "x"
        with self.assertRaises(AttributeError):
            move.nonsense  # noqa: B018
        newer = type(move).from_dict({**move.to_dict(), "of_tomorrow": 1})
        self.assertEqual((newer.of_tomorrow, newer["of_tomorrow"], newer.label), (1, 1, "production"))
        older = Verdict.from_dict({"outcome": "pass"})
        self.assertTrue(older)
        self.assertIsNone(older.key)
        self.assertTrue(all(issubclass(c, Result) for c in Result.__subclasses__()))

    def test_documentation(self):
        for thing in (trialplate, trialplate.open, trialplate.Store, PromptVersion):
            self.assertTrue(inspect.getdoc(thing))
        for cls in (trialplate.Store, PromptVersion, trialplate.Dataset, trialplate.Run):
            for name, member in inspect.getmembers(cls):
                if not name.startswith("_") and not (cls is trialplate.Run and inspect.ismemberdescriptor(member)):
                    self.assertTrue(inspect.getdoc(member), f"{cls.__name__}.{name}")
        self.assertEqual(
            list(inspect.signature(trialplate.Store.get).parameters), ["self", "name", "label", "version", "id", "at"]
        )
        inspect.signature(PromptVersion.compile)
        for name in trialplate.__all__:
            getattr(trialplate, name)
        self.assertRegex(trialplate.__version__, r"^\d+\.\d+\.\d+")


class Concurrency(StoreTest):
    def test_threads_publish(self):
        failed = []

        def publish(worker):
            try:
                for i in range(50):
                    self.store.publish("p", f"text {worker} {i}", labels="production")
                    self.store.get("p")
            except Exception as error:
                failed.append(error)

        threads = [threading.Thread(target=publish, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failed, [])
        versions = self.store.versions("p")
        self.assertEqual([v.number for v in versions], list(range(1, 201)))
        self.assertEqual(len({v.id for v in versions}), 200)
        self.assertEqual(self.store.get("p").number, self.store.labels("p")["production"])

    def test_other_processes(self):
        self.store.publish("p", "one", labels="production")
        for method in ("fork", "spawn"):
            if method in multiprocessing.get_all_start_methods():
                with self.subTest(method=method), multiprocessing.get_context(method).Pool(2) as pool:
                    self.assertEqual(pool.map(number_in_child, [self.store] * 4), [1] * 4)

    def test_another_process_moves_the_label(self):
        self.store.publish("p", "one", labels="production")
        self.store.get("p")
        code = "import sys, trialplate; trialplate.open(sys.argv[1]).publish('p', 'two', labels='production')"
        subprocess.run([sys.executable, "-c", code, str(self.path)], check=True, timeout=60)
        self.assertEqual(self.store.get("p").number, 2)

    if hasattr(os, "fork"):

        def test_a_forked_child(self):
            self.store.publish("p", "one", labels="production")
            self.store.get("p")
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    ok = self.store.get("p").number == 1
                    self.store.publish("p", "of the child", labels="production")
                    code = 0 if ok and self.store.get("p").number == 2 else 2
                finally:
                    os._exit(code)
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)
            self.assertEqual(self.store.get("p").prompt, "of the child")
            self.store.publish("p", "three")
            self.assertEqual(len(self.store.versions("p")), 3)
