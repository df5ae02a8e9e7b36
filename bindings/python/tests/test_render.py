import collections
import dataclasses
import datetime
import enum
import types

from helpers import StoreTest
from trialplate import InvalidError


class Colour(str, enum.Enum):
    RED = "red"


class Name(str):
    __slots__ = ()


class Number(enum.IntEnum):
    SEVEN = 7


@dataclasses.dataclass
class Party:
    name: str
    share: float


class Model:
    def __init__(self, **members):
        self.members = members

    def model_dump(self, mode="python"):
        return self.members


class Scalar:
    """As NumPy's are."""

    shape = ()

    def item(self):
        return 3


class Text(StoreTest):
    def text(self, template, *args, **values):
        return self.store.publish("t", template).compile(*args, **values)

    def test_values(self):
        for value, text in [
            (None, ""),
            ("", ""),
            ("é🎯\u2028", "é🎯\u2028"),
            (True, "true"),
            (False, "false"),
            (0, "0"),
            (-7, "-7"),
            (1.0, "1"),
            (0.1, "0.1"),
            (1e21, "1e+21"),
            (2**53, "9007199254740992"),
            (2**80, "1.2089258196146292e+24"),
            ([1, "a", None, [True]], '[1,"a",null,[true]]'),
            ((1, 2), "[1,2]"),
            ({"b": 1, "a": {"c": "é"}}, '{"a":{"c":"é"},"b":1}'),
            ({}, "{}"),
            (collections.OrderedDict(a=1), '{"a":1}'),
            (types.MappingProxyType({"a": 1}), '{"a":1}'),
            (Party("Ada", 0.5), '{"name":"Ada","share":0.5}'),
            (Model(a=[1]), '{"a":[1]}'),
            (Colour.RED, "red"),
            (Number.SEVEN, "7"),
            (Scalar(), "3"),
            ({1: "a", None: 2}, '{"1":"a","null":2}'),
        ]:
            with self.subTest(value=value):
                self.assertEqual(self.text("[{{ x }}]", x=value), f"[{text}]")
                self.assertEqual(self.text("[{{ x }}]", {"x": value}), f"[{text}]")

    def test_one_pass(self):
        self.assertEqual(self.text("{{a}}{{b}}", a="{{b}}", b="{{a}}"), "{{b}}{{a}}")
        self.assertEqual(self.text("{{a}} {{ a }} {{a}}", a="x"), "x x x")

    def test_braces_that_are_text(self):
        for text in ("{", "{{", "{{}}", "{{ }}", "{{1a}}", "{{a b}}", '{"a": {"b": 1}}', "{a}", "{{#if x}}"):
            with self.subTest(text=text):
                self.assertEqual(self.text(text), text)
        self.assertEqual(self.text("{{{a}}}", a="x"), "{x}")
        self.assertEqual(self.text("{{a.b-c}}", {"a.b-c": "x"}), "x")

    def test_how_values_are_given(self):
        v = self.store.publish("t", "{{a}}-{{b}}-{{c}}")
        self.assertEqual(v.compile({"a": "1", "b": "2"}, c="3"), "1-2-3")
        self.assertEqual(v.compile({"a": "1", "b": "2", "c": "0"}, c="3"), "1-2-3")
        self.assertEqual(v.compile(c="3", b="2", a="1", unused=object()), "1-2-3")
        self.assertEqual(v.compile(None, a="1", b=2, c="3"), "1-2-3")
        self.assertEqual(v.compile(collections.ChainMap({"a": "1"}, {"b": "2", "c": "3"})), "1-2-3")
        self.assertEqual(self.text("{{name}}", Party("Ada", 1)), "Ada")
        self.assertEqual(self.text("{{name}}", Model(name="Ada")), "Ada")
        # Names that are arguments elsewhere are variables here.
        w = self.store.publish("t", "{{self}}{{variables}}{{mode}}")
        self.assertEqual(w.compile(self="a", variables="b", mode="c"), "abc")
        dynamic = {"".join(["a", "b"]): "x"}
        self.assertEqual(self.text("{{ab}}", **dynamic), "x")
        self.assertEqual(v.compile_partial(**{Name("b"): "x"}), "{{a}}-x-{{c}}")
        for bad in (3, "text", [1]):
            with self.subTest(bad=bad), self.fails("invalid-argument", InvalidError):
                v.compile(bad)
        with self.fails("invalid-argument", InvalidError):
            v.compile({}, {})

    def test_missing(self):
        v = self.store.publish("t", "{{a}} {{b}} {{c}}")
        with self.fails("missing-variable", InvalidError) as caught:
            v.compile(b="x", d="y")
        self.assertIn("a, c", str(caught.exception))
        self.assertIn("d", str(caught.exception))
        self.assertEqual(v.compile_partial(b="x"), "{{a}} x {{c}}")
        self.assertEqual(v.compile_partial(), "{{a}} {{b}} {{c}}")
        self.assertEqual(v.compile_partial({"b": 1}), "{{a}} 1 {{c}}")

    def test_what_is_no_json_is_named(self):
        v = self.store.publish("t", "{{good}} {{bad}}")
        for value in (
            {1, 2},
            object(),
            b"bytes",
            float("nan"),
            float("inf"),
            2**53 + 1,
            2**80 + 1,
            10**400,
            "half \ud800",
            [1, {"a": "\udfff"}],
            {(1, 2): 3},
            datetime.datetime.now(),
            lambda: None,
            Party,
        ):
            with self.subTest(value=value):
                with self.fails("invalid-json", InvalidError) as caught:
                    v.compile(good="x", bad=value)
                self.assertIn("bad", str(caught.exception))
                with self.fails("invalid-json", InvalidError):
                    v.compile_partial({"bad": value})

    def test_an_exception_of_the_value_comes_through(self):
        class Broken(collections.abc.Mapping):
            def __getitem__(self, name):
                raise RuntimeError("broken")

            def __iter__(self):
                return iter(["a"])

            def __len__(self):
                return 1

        with self.assertRaisesRegex(RuntimeError, "broken"):
            self.text("{{x}}", x=Broken())

    def test_long(self):
        names = [f"v{i}" for i in range(200)]
        template = " ".join(f"{{{{{name}}}}}" for name in names)
        values = {name: str(i) * 50 for i, name in enumerate(names)}
        text = " ".join(values[name] for name in names)
        backwards = dict(reversed(list(values.items())))
        self.assertEqual(self.text(template, **values), text)
        self.assertEqual(self.text(template, **backwards), text)
        self.assertEqual(self.text(template, backwards), text)

    def test_modes(self):
        v = self.store.publish("t", "{{a}} {{b}}")
        self.assertEqual(v.compile_as("langfuse", a="x"), "x {{b}}")
        self.assertEqual(v.compile_as("partial", {"a": "x"}), "x {{b}}")
        with self.fails("missing-variable"):
            v.compile_as("strict")
        with self.fails("invalid-argument"):
            v.compile_as("jinja3")


class Chat(StoreTest):
    def setUp(self):
        super().setUp()
        self.v = self.store.publish(
            "chat",
            [
                {"role": "system", "content": "You are {{who}}.", "name": "s"},
                {"type": "placeholder", "name": "history"},
                {"role": "user", "content": "{{question}}"},
            ],
        )

    def test_messages(self):
        history = [{"role": "user", "content": "{{who}}"}, {"role": "assistant", "content": None, "x": 1}]
        self.assertEqual(
            (self.v.type, self.v.variables, self.v.placeholders), ("chat", ["who", "question"], ["history"])
        )
        messages = self.v.compile(who="Ada", question="{{who}}?", history=history)
        self.assertEqual(
            messages,
            [
                {"role": "system", "content": "You are Ada.", "name": "s"},
                *history,
                {"role": "user", "content": "{{who}}?"},
            ],
        )
        self.assertEqual(self.v.compile({"who": "Ada", "question": 3, "history": []})[1]["content"], "3")

    def test_missing(self):
        with self.fails("missing-variable", InvalidError) as caught:
            self.v.compile(who="Ada")
        self.assertIn("question", str(caught.exception))
        self.assertIn("history", str(caught.exception))
        part = self.v.compile_partial(who="Ada")
        self.assertEqual(part[0]["content"], "You are Ada.")
        self.assertEqual(part[1], {"type": "placeholder", "name": "history"})

    def test_bad_placeholders(self):
        for bad in ("text", [1], [{"content": "no role"}], None):
            with self.subTest(bad=bad), self.fails("invalid-placeholder", InvalidError):
                self.v.compile(who="a", question="b", history=bad)
