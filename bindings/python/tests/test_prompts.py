import datetime
import gc
import pickle
import sys
import time
import weakref
from pathlib import Path

import trialplate
from helpers import StoreTest
from trialplate import ConflictError, InvalidError, NotFoundError, PromptVersion, RefusedError


class Prompts(StoreTest):
    def test_the_walk_through(self):
        store = self.store
        v = store.publish(
            "extraction",
            "Extract the parties from: {{document}}",
            model="claude-sonnet-4-6",
            params={"temperature": 0.0, "max_tokens": 1024},
            message="first",
        )
        self.assertEqual((v.name, v.number, v.type, v.model), ("extraction", 1, "text", "claude-sonnet-4-6"))
        self.assertEqual(v.params, {"temperature": 0.0, "max_tokens": 1024})
        self.assertEqual((v.message, v.author, v.parent, v.tags), ("first", "ada", None, []))
        self.assertEqual((v.variables, v.placeholders, v.tools, v.response_schema), (["document"], [], None, None))
        self.assertEqual(v.created_at.utcoffset(), datetime.timedelta(0))
        self.assertTrue(v.id.startswith("b3:"))
        store.set_label("extraction", "staging", v)
        p = store.get("extraction", label="staging")
        self.assertEqual(p, v)
        self.assertEqual(p.compile(document="A sells to B."), "Extract the parties from: A sells to B.")
        self.assertEqual(store.labels("extraction"), {"staging": 1})
        w = store.publish("extraction", "Name the parties in: {{document}}", model="claude-sonnet-4-6", parent=v)
        self.assertEqual((w.number, w.parent), (2, 1))
        self.assertEqual(store.versions("extraction"), [v, w])
        store.set_label("extraction", "production", 1)
        store.set_label("extraction", "production", w.id, reason="better")
        moves = store.history("extraction", "production")
        self.assertEqual([(m.from_version, m.to_version, m.reason) for m in moves], [(None, 1, None), (1, 2, "better")])
        self.assertEqual((moves[1].to, getattr(moves[1], "from"), moves[1]["from"]), (2, 1, 1))
        self.assertEqual(moves[1].actor, "ada")
        back = store.rollback("extraction", "production", reason="worse after all")
        self.assertEqual((back.to_version, back.rollback, back.override), (1, True, False))
        self.assertEqual(store.get("extraction").number, 1)
        diff = store.diff("extraction", 1, 2)
        self.assertEqual({c.path for c in diff.changes}, {"prompt", "params.max_tokens", "params.temperature"})
        self.assertIn("prompt", str(diff))
        self.assertFalse(store.diff("extraction", v, v))
        store.unset_label("extraction", "staging")
        with self.fails("label-not-found", NotFoundError):
            store.get("extraction", label="staging")
        self.assertTrue(store.verify())

    def test_the_same_content_is_the_same_version(self):
        a = self.store.publish("p", "x", params={"a": 1, "b": 2})
        events = self.store.info()["events"]
        b = self.store.publish("p", "x", params={"b": 2.0, "a": 1}, message="again")
        self.assertEqual((a.id, a.number), (b.id, b.number))
        self.assertEqual(self.store.info()["events"], events)
        self.assertEqual(len({a, b}), 1)

    def test_selectors(self):
        v = self.store.publish("p", "one", labels=["production", "canary"])
        w = self.store.publish("p", "two")
        get = self.store.get
        for found in (get("p", version=1), get("p", version=v), get("p", version=v.id), get("p", id=v.id), get("p")):
            self.assertEqual(found, v)
        self.assertEqual(get("p", id=v.id[:15]), v)
        self.assertEqual(get("p", label="latest"), w)
        with self.fails("version-not-found", NotFoundError):
            get("p", version=3)
        with self.fails("invalid-argument", InvalidError):
            get("p", version=1, label="canary")
        for bad in (True, 1.5, [1], object()):
            with self.subTest(bad=bad), self.assertRaises(InvalidError):
                get("p", version=bad)
        with self.assertRaises(TypeError):
            get()
        with self.assertRaises(TypeError):
            get("p", nonsense=1)
        with self.assertRaises(InvalidError):
            get(3)
        other = self.store.publish("q", "one")
        with self.fails("version-of-another-prompt", InvalidError):
            self.store.set_label("p", "production", other)

    def test_time_travel(self):
        self.store.publish("p", "one", labels="production")
        time.sleep(0.01)
        between = datetime.datetime.now(datetime.timezone.utc)
        time.sleep(0.01)
        self.store.publish("p", "two", labels="production")
        for at in (between, between.isoformat(), between.timestamp()):
            self.assertEqual(self.store.get("p", at=at).number, 1)
        self.assertEqual(self.store.get("p").number, 2)
        with self.fails("invalid-time", InvalidError) as caught:
            self.store.get("p", at=datetime.datetime.now())
        self.assertIn("zone", str(caught.exception))
        for bad in ("yesterday", object(), True, 1e300, float("nan")):
            with self.subTest(bad=bad), self.fails("invalid-time"):
                self.store.get("p", at=bad)

    def test_compare_and_set(self):
        self.store.publish("p", "one")
        self.store.publish("p", "two")
        self.store.set_label("p", "production", 1, expected=0)
        with self.fails("label-moved", ConflictError):
            self.store.set_label("p", "production", 2, expected=0)
        with self.fails("label-moved", ConflictError):
            self.store.set_label("p", "production", 2, expected=2)
        self.store.set_label("p", "production", 2, expected=self.store.get("p"))

    def test_prompts_are_their_names(self):
        self.store.publish("billing/refund", "Refund {{x}}", tags=["money"], labels="production")
        self.store.publish("greeting", "Hello")
        found = self.store.prompts(prefix="billing/")
        self.assertEqual(found, ["billing/refund"])
        prompt = found[0]
        self.assertEqual(
            (prompt.name, prompt.latest, prompt.labels, prompt.tags),
            ("billing/refund", 1, {"production": 1}, ["money"]),
        )
        self.assertEqual(prompt.protected, [])
        self.assertIsNotNone(prompt.updated_at.tzinfo)
        self.assertIs(self.store.get(prompt), self.store.get("billing/refund"))
        self.assertEqual(self.store.prompts(search="HELLO"), ["greeting"])
        self.assertEqual(self.store.prompts(tag="money"), ["billing/refund"])
        self.assertEqual(len(self.store.prompts()), 2)
        self.assertEqual(pickle.loads(pickle.dumps(prompt)).latest, 1)

    def test_names(self):
        for bad in ("", " a", "a ", "a//b", "a\nb", "x" * 256):
            with self.subTest(bad=bad), self.fails("invalid-name", InvalidError):
                self.store.publish(bad, "x")
        self.store.publish("договор/契約 🎯", "x", labels="production")
        self.assertEqual(self.store.get("договор/契約 🎯").number, 1)
        with self.fails("invalid-label", InvalidError):
            self.store.set_label("договор/契約 🎯", "Production", 1)
        with self.fails("invalid-json", InvalidError):
            self.store.publish("half \ud800", "x")
        for call in (self.store.get, self.store.versions):
            with self.fails("invalid-json", InvalidError):
                call("half \ud800")

    def test_bad_content(self):
        for bad in (None, 3, b"x", {"a": 1}):
            with self.subTest(bad=bad), self.assertRaises(InvalidError):
                self.store.publish("p", bad)
        with self.fails("invalid-content"):
            self.store.publish("p", "x", params=[1])
        with self.fails("invalid-content"):
            self.store.publish("p", "x", tools={"a": 1})
        with self.fails("invalid-json") as caught:
            self.store.publish("p", "x", params={"stop": {1, 2}})
        self.assertIn("set", str(caught.exception))
        self.assertIn("params.stop", str(caught.exception))
        with self.fails("invalid-json"):
            self.store.publish("p", "x", params={"a": float("nan")})
        with self.fails("invalid-json"):
            self.store.publish("p", "x", params={"seed": 2**53 + 1})
        with self.fails("invalid-json"):
            self.store.publish("p", "x", params={"seed": 2**80 + 1})
        loop = []
        loop.append(loop)
        with self.fails("invalid-json"):
            self.store.publish("p", "x", params={"a": loop})
        self.assertEqual(self.store.prompts(), [])
        self.store.publish("p", "x", params={"seed": 2**80})
        self.assertEqual(self.store.get("p", version=1).params["seed"], 2.0**80)

    def test_a_version_is_immutable_and_its_members_are_copies(self):
        v = self.store.publish(
            "p", [{"role": "user", "content": "x"}], params={"a": [1]}, tags=["t"], labels="production"
        )
        v.params["a"].append(2)
        v.prompt[0]["content"] = "y"
        v.tags.append("u")
        self.assertEqual((v.params, v.prompt, v.tags), ({"a": [1]}, [{"role": "user", "content": "x"}], ["t"]))
        with self.assertRaises(AttributeError):
            v.name = "q"

    def test_backup_space_and_doctor(self):
        self.store.publish("p", "x", labels="production")
        to = Path(self.store.path).with_name("copy.tp")
        backup = self.store.backup(to)
        self.assertEqual((backup.path, backup.bytes, backup.events), (str(to), to.stat().st_size, 2))
        with self.fails("file-exists", trialplate.AlreadyExistsError):
            self.store.backup(to)
        with trialplate.open(to, read_only=True) as copy:
            self.assertEqual(copy.get("p"), self.store.get("p"))
        self.assertEqual([part.part for part in self.store.space().parts], ["objects", "refs", "log", "rows", "traces"])
        self.assertTrue(trialplate.doctor(to, deep=True))
        to.write_bytes(to.read_bytes()[:5000])
        found = trialplate.doctor(to)
        self.assertFalse(found)
        self.assertIn("damaged", [finding.code for finding in found.findings])
        to.write_text("no store")
        self.assertEqual([finding.code for finding in trialplate.doctor(to).findings], ["not-a-store"])
        with self.fails("store-not-found"):
            trialplate.doctor(to.with_name("nowhere"))

    def test_events_and_verify(self):
        self.store.publish("p", "one", labels="production")
        events = self.store.events()
        self.assertEqual([e.seq for e in events], list(range(1, len(events) + 1)))
        self.assertEqual(events[0].kind, "prompt.published")
        self.assertEqual(events[0].actor, "ada")
        self.assertEqual(self.store.events(after=1, limit=1), events[1:2])
        report = self.store.verify()
        self.assertTrue(report.ok and report)
        self.assertEqual((report.prompts, report.versions, report.labels), (1, 1, 1))


class HotGet(StoreTest):
    def setUp(self):
        super().setUp()
        self.v = self.store.publish("p", "Hello {{x}}", labels=["production", "staging"])

    def test_the_same_object_comes_back(self):
        first = self.store.get("p")
        self.assertIs(self.store.get("p"), first)
        self.assertIs(self.store.get("p", label="production"), first)
        self.assertIs(self.store.get("".join(["p"]), **{"".join(["la", "bel"]): "produc" + "tion"}), first)
        self.assertEqual(self.store.get("p", label="staging"), first)
        self.assertIs(type(first), PromptVersion)

    def test_nothing_stale(self):
        self.store.get("p")
        self.store.publish("p", "Bye {{x}}", labels="production")
        self.assertEqual(self.store.get("p").number, 2)
        self.store.rollback("p", "production")
        self.assertEqual(self.store.get("p").number, 1)
        self.store.unset_label("p", "production")
        with self.fails("label-not-found"):
            self.store.get("p")

    def test_another_handle_moves_it(self):
        self.store.get("p")
        with trialplate.open(self.path) as other:
            other.publish("p", "Bye", labels="production")
        # Closing one handle leaves the other open.
        self.assertEqual(self.store.get("p").number, 2)

    def test_errors_are_not_kept(self):
        with self.fails("prompt-not-found", NotFoundError):
            self.store.get("q")
        self.store.publish("q", "x", labels="production")
        self.assertEqual(self.store.get("q").number, 1)
        with self.fails("invalid-label"):
            self.store.get("p", label="Not A Label")
        with self.fails("invalid-name"):
            self.store.get("")

    def test_many(self):
        for i in range(300):
            self.store.publish(f"many/{i}", f"text {i}", labels="production")
        for _ in range(2):
            for i in range(300):
                self.assertEqual(self.store.get(f"many/{i}").prompt, f"text {i}")

    def test_strange_texts_do_not_lie(self):
        class Liar(str):
            __slots__ = ()

            def __hash__(self):
                return hash("p")

            def __eq__(self, other):
                return True

        self.store.get("p")
        with self.fails("prompt-not-found"):
            self.store.get(Liar("other"))

    def test_no_references_leak(self):
        p = self.store.get("p")
        before = sys.getrefcount(p)
        kept = [self.store.get("p") for _ in range(100)]
        self.assertEqual(sys.getrefcount(p), before + 100)
        del kept
        name, value = "".join(["x", "y"]), "".join(["v", "w"])
        q = self.store.publish("q", "{{xy}}")
        counts = sys.getrefcount(name), sys.getrefcount(value)
        values = {name: value}
        for _ in range(100):
            q.compile(**values)
            q.compile(values)
            q.compile_partial(values)
            with self.fails("missing-variable"):
                q.compile(other=value)
        del values
        self.assertEqual((sys.getrefcount(name), sys.getrefcount(value)), counts)

    def test_a_closed_store(self):
        self.store.get("p")
        self.assertFalse(self.store.closed)
        self.store.close()
        self.store.close()
        self.assertTrue(self.store.closed)
        self.assertIn("closed", repr(self.store))
        for call in (lambda: self.store.get("p"), lambda: self.store.publish("p", "x"), self.store.prompts):
            with self.fails("closed", InvalidError):
                call()

    def test_a_dropped_store_is_freed(self):
        store = trialplate.open(self.path)
        store.get("p")
        gone = weakref.ref(store)
        del store
        gc.collect()
        self.assertIsNone(gone())


class Opening(StoreTest):
    def test_read_only(self):
        self.store.publish("p", "x", labels="production")
        with trialplate.open(str(self.path), read_only=True) as store:
            self.assertEqual(store.get("p").prompt, "x")
            with self.fails("read-only", RefusedError):
                store.publish("p", "y")
        with self.fails("store-not-found", NotFoundError):
            trialplate.open(self.path.with_name("none.tp"), read_only=True)

    def test_not_a_store(self):
        other = self.path.with_name("other.tp")
        other.write_bytes(b"hello, I am a text file" * 400)
        with self.fails("not-a-store", trialplate.IncompatibleError):
            trialplate.open(other)
        self.assertEqual(other.read_bytes()[:5], b"hello")

    def test_bad_options(self):
        for bad in (-1.0, float("nan"), float("inf")):
            with self.subTest(bad=bad), self.fails("invalid-argument", InvalidError):
                trialplate.open(self.path, busy_timeout=bad)

    def test_context_manager_and_pickle(self):
        self.store.publish("p", "x", labels="production")
        again = pickle.loads(pickle.dumps(self.store))
        self.assertIsInstance(again, trialplate.Store)
        self.assertEqual(again.get("p").prompt, "x")
        with again as store:
            self.assertIs(store, again)
        self.assertTrue(again.closed)
        self.assertEqual(self.store.path, str(self.path))
        self.assertIn("prompts.tp", repr(self.store))
