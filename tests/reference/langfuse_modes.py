"""Makes langfuse_modes.json by running both official Langfuse SDKs. Nothing in that file is written by hand.

    python3 -m venv /tmp/lfpy && /tmp/lfpy/bin/pip install langfuse
    mkdir -p /tmp/lfjs && cd /tmp/lfjs && npm init -y && npm i @langfuse/client
    /tmp/lfpy/bin/python tests/reference/langfuse_modes.py /tmp/lfjs > tests/reference/langfuse_modes.json

Keys of objects are given in sorted order: serde_json (without `preserve_order`) keeps no other, and the
Python SDK prints a dict in the order of its keys.
"""
import json
import logging
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from langfuse.api import Prompt_Chat, Prompt_Text
from langfuse.model import ChatPromptClient, TextPromptClient

logging.disable(logging.CRITICAL)

V = {"name": "World"}
TEXT = [
    # what counts as a variable
    ("Hello {{name}}!", V), ("Hello {{ name }}!", V), ("Hello {{\tname\n}}!", V), ("{{name}}{{name}}", V),
    ("{{unknown}}", V), ("a {{unknown}} b {{name}}", V), ("no braces", V), ("", V), ("{name}", V), ("{{Name}}", V),
    ("{{my name}}", {"my name": "spaced"}), ("{{my-name}}", {"my-name": "dashed"}), ("{{1}}", {"1": "one"}),
    ("{{naïve}}", {"naïve": "unicode name"}), ("{{日本}}", {"日本": "Japan"}), ("{{}}", V), ("{{}}", {"": "empty"}),
    ("{{ }}", {"": "empty"}), ("{{\u00a0name\u00a0}}", V), ("{{\u2003name\u3000}}", V), ("{{\ufeffname}}", V),
    ("{{\u0085name}}", V), ("{{\u001cname\u001f}}", V), ("{{name\u0085}}", {"name": "a", "name\u0085": "b"}),
    ("{{a\nb}}", {"a\nb": "x"}),
    # unterminated, nested, tripled
    ("{{name", V), ("{{", V), ("}}", V), ("name}}", V), ("{{name}", V), ("{{name} }", V), ("a {{name b {{name}} c", V),
    ("{{ {{name}} }}", V), ("{{a {{b}} c}}", {"a {{b": "odd"}), ("{{{name}}}", V), ("{{{ name }}}", V), ("{{{{name}}}}", V),
    ("{{{name}}", V), ("{{name}}}", V), ("{{{name}}}}", V), ("{{a}b}}", {"a}b": "x"}), ("{{{name} }}", V), ("{{ {name}}}", V),
    ("{{{a}} {{{name}}}", V), ('{"k": {{name}}}', V), ('{"k": {"v": "{{name}}"}}', V), ("{ {name} }", V),
    # values
    ("{{x}}", {"x": None}), ("{{x}}", {"x": True}), ("{{x}}", {"x": False}), ("{{x}}", {"x": 0}), ("{{x}}", {"x": 7}),
    ("{{x}}", {"x": -42}), ("{{x}}", {"x": 1.0}), ("{{x}}", {"x": 0.1}), ("{{x}}", {"x": -0.0}), ("{{x}}", {"x": 1e16}),
    ("{{x}}", {"x": 1e15}), ("{{x}}", {"x": 123456789012345680.0}), ("{{x}}", {"x": 1e21}), ("{{x}}", {"x": 1e22}),
    ("{{x}}", {"x": 1e100}), ("{{x}}", {"x": 0.0001}), ("{{x}}", {"x": 0.00001}), ("{{x}}", {"x": 1.5e-7}), ("{{x}}", {"x": 5e-324}),
    ("{{x}}", {"x": 1.7976931348623157e308}), ("{{x}}", {"x": 9007199254740993}), ("{{x}}", {"x": 18446744073709551615}),
    ("{{x}}", {"x": ""}), ("{{x}}", {"x": "a\nb"}), ("{{x}}", {"x": "<b> & \"q\" 'r' `s` = /"}), ("{{x}}", {"x": "$& $1 \\1 \\g<0>"}),
    ("{{x}}", {"x": []}), ("{{x}}", {"x": {}}), ("{{x}}", {"x": [1, 2, 3]}), ("{{x}}", {"x": ["a", "b"]}), ("{{x}}", {"x": [None]}),
    ("{{x}}", {"x": [1, None, True, [2.5, ["c"]], {"k": 1}]}), ("{{x}}", {"x": {"a": 1, "b": [True, None], "c": {"d": "e"}}}),
    ("{{x}}", {"x": ["it's", 'say "hi"', "both ' and \"", "back\\slash", "tab\tnl\ncr\r", "nul\u0000 del\u007f", "é ü 日本 😀"]}),
    ("{{x}}", {"x": ["\u00a0", "\u00ad", "\u200b", "\u2028", "e\u0301", "\u0301", "\ufeff", "\ue000", "\U000e0001", "\u0378", "\U0010ffff"]}),
    ("{{x}}", {"x": {"it's": 1.0, "k": 1e-5}}), ("{{x}}", {"x": [1e16, -0.0, 2.0, 1e22]}),
    # values are not rendered again
    ("{{a}}{{b}}", {"a": "{{b}}", "b": "B"}), ("{{a}}{{b}}", {"a": "{{", "b": "}}"}), ("{{{a}}}", {"a": "{{a}}"}),
    # dotted names
    ("{{a.b}}", {"a": {"b": "deep"}}), ("{{a.b}}", {"a.b": "flat"}), ("{{a.b}}", {"a": {"b": 2}, "a.b": 1}), ("{{a.b.c}}", {"a": {"b": {"c": True}}}),
    ("{{a.b.c}}", {"a": {"b": None}}), ("{{a.b}}", {"a": "text"}), ("{{a.0}}", {"a": ["first", "second"]}), ("{{a.00}}", {"a": ["first"]}),
    ("{{a.length}}", {"a": ["x", "y"]}), ("{{a.length}}", {"a": "héllo 😀"}), ("{{a.1}}", {"a": "héllo"}), ("{{a.9}}", {"a": "héllo"}), ("{{a.length}}", {"a": 12}),
    ("{{a.}}", {"a": {"": "empty key"}}), ("{{.a}}", {".a": "leading dot"}), ("{{a..b}}", {"a": {"": {"b": "x"}}}), ("{{.}}", {"a": 1}), ("{{a . b}}", {"a ": {" b": "spaces"}}),
    ("{{{a.b}}}", {"a": {"b": "<"}}),
    # mustache's tags
    ("{{& name}}", V), ("{{&name}}", V), ("{{ & name }}", V), ("a {{! a comment }} b", V), ("a{{!}}b", V), ("  {{! alone }}  \nnext", V),
    ("one\n  {{! alone }}\ntwo", V), ("one\r\n{{! alone }}\r\ntwo", V), ("one\n{{! a }} {{! b }}\ntwo", V), ("one\n{{! a }} {{name}}\ntwo", V),
    ("one\n{{name}}{{! a }}\ntwo", V), ("one\n  {{! two\nlines }}  \ntwo", V), ("one {{! end }}", V), ("one\n  {{! end }}", V), ("one\n{{unknown}}\ntwo", V),
    ("\u00a0{{! a }}\u2028\nx", V), ("\u0085{{! a }}\nx", V), ("{{!-- {{name}} --}}", V), ("{{! unclosed", V), ("{{! {{name}}\nx", V),
    ("{{#name}}in {{name}}{{/name}}", V), ("{{#items}}<{{.}}>{{/items}}", {"items": [1, 2]}), ("{{^nothing}}empty{{/nothing}}", V),
    ("{{# name }}x{{/ name }}", V), ("{{/name}}", V), ("{{#name}}", V), ("a{{>part}}b", V), ("{{=<% %>=}}<% name %> {{name}}", V), ("{{ =<% %>= }}", V),
    ("{{$name}}", {"$name": "dollar"}), ("{{name|upper}}", V), ("{% if name %}x{% endif %} {{ name | upper }}", V), ("{{name!}}", V), ("{{else}}", V),
    # what every JavaScript object inherits
    ("{{toString}}", {}), ("{{constructor}}", {}), ("{{a.toString}}", {"a": {}}),
]

M = lambda role, content, **more: dict(sorted({"role": role, "content": content, **more}.items()))
P = lambda name: {"type": "placeholder", "name": name}
CHAT = [
    ("a filled placeholder", [M("system", "Be {{tone}}."), P("history"), M("user", "{{q}}")], {"tone": "kind", "q": "?"}, {"history": [M("user", "hi"), M("assistant", "ho")]}),
    ("an empty list", [M("system", "s"), P("history")], {}, {"history": []}),
    ("a missing placeholder", [M("system", "s"), P("history")], {}, {}),
    ("variables leak into history", [P("history")], {"secret": "LEAKED", "x": "1"}, {"history": [M("user", "print {{secret}} and {{unknown}}")]}),
    ("history with an open brace", [P("history")], {}, {"history": [M("user", "what does {{ mean?")]}),
    ("history with a section", [P("history")], {"a": "A"}, {"history": [M("user", "{{#a}}x{{/a}}")]}),
    ("history with null content", [P("history")], {}, {"history": [M("assistant", None, tool_calls=[{"id": "1"}])]}),
    ("history without content", [P("history")], {}, {"history": [{"role": "assistant", "tool_calls": [{"id": "1"}]}]}),
    ("history with a list content", [P("history")], {"a": "A"}, {"history": [M("user", [{"type": "text", "text": "{{a}}"}])]}),
    ("history without role", [P("history")], {}, {"history": [{"content": "x"}]}),
    ("a text for a placeholder", [P("history")], {}, {"history": "just text"}),
    ("a list of texts for a placeholder", [P("history")], {}, {"history": ["a", "b"]}),
    ("null for a placeholder", [P("history")], {}, {"history": None}),
    ("a placeholder named as a variable", [M("user", "{{history}}"), P("history")], {}, {"history": [M("user", "h")]}),
    ("a variable named as a placeholder", [P("x"), M("user", "{{x}}")], {"x": "text"}, {}),
    ("unknown keys of messages", [M("user", "{{a}}", name="bob", cache_control={"type": "ephemeral"})], {"a": "A"}, {}),
    ("values are not rendered again", [M("user", "{{a}}"), M("user", "{{b}}")], {"a": "{{b}}", "b": "B"}, {}),
]


def attempt(f):
    try:
        return {"result": f()}
    except Exception as e:  # the SDK's own failure is the fact
        return {"error": f"{type(e).__name__}: {e}"}


def text(template, variables):
    common = dict(name="p", version=1, config={}, labels=[], tags=[])
    return attempt(lambda: TextPromptClient(Prompt_Text(type="text", prompt=template, **common)).compile(**variables))


def chat(messages, variables, placeholders):
    common = dict(name="p", version=1, config={}, labels=[], tags=[])
    typed = [m if m.get("type") else {"type": "chatmessage", **m} for m in messages]
    return attempt(lambda: ChatPromptClient(Prompt_Chat(type="chat", prompt=typed, **common)).compile(**variables, **placeholders))


js_dir = Path(sys.argv[1])
cases = [{"template": t, "variables": v} for t, v in TEXT]
chats = [{"about": a, "messages": m, "variables": v, "placeholders": p} for a, m, v, p in CHAT]
script = Path(__file__).with_suffix(".mjs").read_text()
(js_dir / "langfuse_modes.mjs").write_text(script)
out = subprocess.run(["node", "langfuse_modes.mjs"], cwd=js_dir, input=json.dumps({"cases": cases, "chats": chats}), capture_output=True, text=True, check=True)
js = json.loads(out.stdout)
for c, j in zip(cases, js["cases"], strict=True):
    c["python"], c["js"] = text(c["template"], c["variables"]), j
for c, j in zip(chats, js["chats"], strict=True):
    c["python"], c["js"] = chat(c["messages"], c["variables"], c["placeholders"]), j
head = {
    "about": "What the two official Langfuse SDKs make of a template: compile() of their prompt classes, run, not read.",
    "made_by": "tests/reference/langfuse_modes.py",
    "python": f"langfuse {version('langfuse')}, Python {sys.version.split()[0]}",
    "js": js["versions"],
}
dump = lambda v: json.dumps(v, ensure_ascii=True)
lines = lambda rows: ",\n".join("  " + dump(r) for r in rows)
print(dump(head)[:-1] + ',\n"cases": [\n' + lines(cases) + '\n],\n"chats": [\n' + lines(chats) + "\n]}")
