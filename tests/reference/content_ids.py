#!/usr/bin/env python3
"""Computes the ids in tests/conformance/content_ids.json without any code of the library.

    python3 -m venv venv && venv/bin/pip install blake3==1.0.11 rfc8785==0.1.4
    venv/bin/python tests/reference/content_ids.py > tests/conformance/content_ids.json

Recorded with CPython 3.11.7, blake3 1.0.11, rfc8785 0.1.4. An id is BLAKE3 of the canonical JSON (RFC 8785)
behind a domain tag, written `b3:` and 64 hex digits:

    content   trialplate:content:v1\\n  {"model", "params", "prompt", "response_schema", "tools"}
    item      trialplate:item:v1\\n     {"expected", "input", "metadata", "source_trace", "stratum"}
    scorer    trialplate:scorer:v1\\n   {"name", "kind", its settings with their defaults}
    gate      trialplate:gate:v1\\n     {"dataset", "checks" with their defaults}
    dataset   trialplate:dataset:v1\\n  for each key in the order of their UTF-8 bytes: its length (4 bytes,
                                        big-endian), the key, the 32 bytes of the item's id

These are laws: if a line of the output changes, every store ever written means something else.
"""

import json
import sys

import rfc8785
from blake3 import blake3


def doubles(value):
    """rfc8785 refuses integers from 2^53 on, also those that a double holds; as a float it writes them."""
    if isinstance(value, dict):
        return {name: doubles(member) for name, member in value.items()}
    if isinstance(value, list):
        return [doubles(element) for element in value]
    if isinstance(value, int) and abs(value) >= 2**53:
        assert int(float(value)) == value
        return float(value)
    return value


def digest(domain, value):
    return blake3(f"trialplate:{domain}:v1\n".encode() + rfc8785.dumps(doubles(value))).digest()


def text(raw):
    return "b3:" + raw.hex()


def content_id(prompt, model=None, params=None, tools=None, response_schema=None):
    # Absent and empty are one: both mean nothing to a model.
    return text(digest("content", {
        "model": model, "params": params or {}, "prompt": prompt,
        "response_schema": response_schema, "tools": tools or None,
    }))


def item_digest(item):
    members = ("expected", "input", "metadata", "source_trace", "stratum")
    return digest("item", {name: item.get(name) for name in members})


def root(items):
    out = blake3(b"trialplate:dataset:v1\n")
    for key, item in sorted(((i["key"].encode(), i) for i in items), key=lambda pair: pair[0]):
        out.update(len(key).to_bytes(4, "big") + key + item_digest(item))
    return text(out.digest())


def chat(*messages):
    return [{"role": role, "content": content} for role, content in messages]


CONTENTS = [
    ("text alone", dict(prompt="Extract the parties from: {{document}}")),
    ("the empty text", dict(prompt="")),
    ("text with model and params", dict(prompt="Extract the parties from: {{document}}", model="claude-sonnet-4-6",
                                        params={"temperature": 0.0, "max_tokens": 1024})),
    ("a float that is whole is the integer", dict(prompt="n", params={"n": 1.0})),
    ("the integer", dict(prompt="n", params={"n": 1})),
    ("minus zero is zero", dict(prompt="n", params={"n": -0.0})),
    ("zero", dict(prompt="n", params={"n": 0})),
    ("true is not 1", dict(prompt="n", params={"n": True})),
    ("text is not a number", dict(prompt="n", params={"n": "1"})),
    ("null is not absent within params", dict(prompt="n", params={"n": None})),
    ("a tenth", dict(prompt="n", params={"temperature": 0.1})),
    ("0.1 + 0.2", dict(prompt="n", params={"temperature": 0.30000000000000004})),
    ("a large whole float", dict(prompt="n", params={"n": 1e20})),
    ("where exponents begin", dict(prompt="n", params={"n": 1e21})),
    ("a small float", dict(prompt="n", params={"n": 1e-7})),
    ("the smallest and the largest double", dict(prompt="n", params={"a": 5e-324, "b": 1.7976931348623157e308})),
    ("2 to the 53rd", dict(prompt="n", params={"seed": 9007199254740992})),
    ("2 to the 62nd as a float", dict(prompt="n", params={"seed": float(2**62)})),
    ("negative numbers", dict(prompt="n", params={"a": -1, "b": -1.5, "c": -9007199254740992})),
    ("keys in one order", dict(prompt="k", params={"b": 1, "a": {"d": 2, "c": 3}})),
    ("keys in another order", dict(prompt="k", params={"a": {"c": 3, "d": 2}, "b": 1})),
    ("keys are sorted as UTF-16, not as UTF-8", dict(prompt="k", params={"\ufb33": 1, "\U0001f600": 2, "\u20ac": 3, "1": 4})),
    ("empty params are absent params", dict(prompt="e", params={})),
    ("an empty list of tools is none", dict(prompt="e", tools=[])),
    ("all absent", dict(prompt="e")),
    ("an empty schema is a schema", dict(prompt="e", response_schema={})),
    ("unicode text", dict(prompt="Grüße, 世界 😀 \u05d0\u0301")),
    ("composed", dict(prompt="\u00e9")),
    ("decomposed is another text", dict(prompt="e\u0301")),
    ("line ends are kept", dict(prompt="a\r\nb\nc\rd")),
    ("control characters and quotes", dict(prompt="\u0000\u0001\b\t\n\f\r\u001f\"\\/\u007f\u0080\u2028")),
    ("braces that are no variables", dict(prompt="{ {{ }} {{}} {{1}} {{{a}}}")),
    ("a chat", dict(prompt=chat(("system", "Be {{tone}}."), ("user", "{{question}}")))),
    ("the same chat in another order", dict(prompt=chat(("user", "{{question}}"), ("system", "Be {{tone}}.")))),
    ("a chat with a placeholder", dict(prompt=[{"role": "system", "content": "Be brief."},
                                               {"type": "placeholder", "name": "history"}])),
    ("a chat with null content and tool calls", dict(prompt=[
        {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "7"}])),
    ("a chat with a list content", dict(prompt=[{"role": "user", "content": [
        {"type": "text", "text": "What is {{what}}?"}, {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}]}])),
    ("text that looks like a chat", dict(prompt='[{"role":"user","content":"x"}]')),
    ("tools", dict(prompt="t", tools=[{"name": "search", "input_schema": {"type": "object", "properties": {"q": {"type": "string"}}}}])),
    ("a response schema", dict(prompt="s", response_schema={"type": "object", "required": ["parties"],
                                                            "properties": {"parties": {"type": "array"}}})),
    ("everything", dict(prompt=chat(("system", "Ünï {{a}}"), ("user", "{{b}}")), model="gpt-x",
                        params={"temperature": 0.7, "stop_sequences": ["\n\n", "END"], "logit_bias": {"50256": -100}},
                        tools=[{"name": "a"}, {"name": "b"}], response_schema={"type": "string"})),
]

ITEMS = [
    {"key": "a1"},
    {"key": "a2", "input": {"document": "Alice sells to Bob."}, "expected": {"parties": ["Alice", "Bob"]}, "stratum": "hard"},
    {"key": "a10", "input": {"document": "Alice sells to Bob."}, "expected": {"parties": ["Alice", "Bob"]}, "stratum": "easy"},
    {"key": "é", "input": "text", "expected": 1.5, "metadata": {"source": "web", "n": 3}},
    {"key": "z/ü 😀", "input": [1, 2.0, None], "source_trace": "t-1"},
    {"key": "\ufb33", "input": 1e21},
]

SCORERS = [
    ({"name": "style", "kind": "function"}, {"name": "style", "kind": "function", "version": None}),
    ({"name": "style", "kind": "function", "version": "2"}, None),
    ({"name": "exact", "kind": "exact"}, {"name": "exact", "kind": "exact", "field": None, "ignore_case": False}),
    ({"name": "near", "kind": "numeric", "absolute": 0.5}, {"name": "near", "kind": "numeric", "absolute": 0.5, "field": None, "relative": 0}),
    ({"name": "quality", "kind": "judge", "config": {"model": "m", "rubric": "1 to 5", "temperature": 0}}, None),
    ({"name": "json", "kind": "json_valid"}, None),
    ({"name": "short", "kind": "length", "max": 10}, {"name": "short", "kind": "length", "min": None, "max": 10}),
]

GATES = [
    ({"dataset": "golden", "checks": [{"check": "no_regression", "metric": "quality"}]},
     {"dataset": "golden", "checks": [{"check": "no_regression", "metric": "quality", "tolerance": 0.05, "kind": "relative", "mode": "bound"}]}),
    ({"dataset": "golden", "checks": [{"check": "item_floor", "metric": "quality", "at_least": 3},
                                      {"check": "format"}, {"check": "rate", "metric": "faithful", "at_least": 0.9},
                                      {"check": "mean", "metric": "quality", "at_least": 4.25, "mode": "point"},
                                      {"check": "not_more_permissive", "dataset": "probes", "metric": "refused"}]},
     {"dataset": "golden", "checks": [{"check": "item_floor", "metric": "quality", "at_least": 3.0},
                                      {"check": "format", "at_least": 0.99, "mode": "point"},
                                      {"check": "rate", "metric": "faithful", "at_least": 0.9, "at_most": None, "mode": "point"},
                                      {"check": "mean", "metric": "quality", "at_least": 4.25, "mode": "point"},
                                      {"check": "not_more_permissive", "dataset": "probes", "metric": "refused"}]}),
]


def twins():
    """The first two texts `text N` whose ids share their first eight digits."""
    seen = {}
    n = 0
    while True:
        name = f"text {n}"
        start = content_id(name)[:11]
        if start in seen:
            return seen[start], name, start
        seen[start] = name
        n += 1


def scenarios():
    for name, content in CONTENTS:
        yield f"content: {name}", [
            {"call": "publish", "args": {"name": "p", **content}, "expect": {"id": content_id(**content), "number": 1}},
            {"call": "get", "args": {"name": "p", "id": content_id(**content)}, "expect": {"number": 1}}]
    for item in ITEMS:
        yield f"item: {item['key']}", [
            {"call": "dataset_add", "args": {"name": "d", "items": [item]}, "expect": {"root": root([item])}},
            {"call": "dataset_items", "args": {"name": "d"}, "expect": {"items": [{"key": item["key"], "id": text(item_digest(item))}]}}]
    yield "dataset: the root covers keys and items in the order of the keys", [
        {"call": "dataset_add", "args": {"name": "d", "items": ITEMS[:3]}, "expect": {"root": root(ITEMS[:3])}},
        {"call": "dataset_add", "args": {"name": "d", "items": ITEMS[3:]}, "expect": {"root": root(ITEMS)}},
        {"call": "dataset_add", "args": {"name": "backwards", "items": ITEMS[::-1]}, "expect": {"root": root(ITEMS)}},
        {"call": "dataset_archive", "args": {"name": "d", "keys": [i["key"] for i in ITEMS]}, "expect": {"root": root([])}}]
    for given, whole in SCORERS:
        label = json.dumps(given, ensure_ascii=False)
        yield f"scorer: {label}", [{"call": "scorer", "args": given, "expect": {"id": text(digest("scorer", whole or given))}}]
    for given, whole in GATES:
        yield f"gate: {len(given['checks'])} checks, defaults filled in", [
            {"call": "publish", "args": {"name": "p", "prompt": "x"}},
            {"call": "protect", "args": {"name": "p", "label": "production", "gate": given}, "expect": {"gate": text(digest("gate", whole))}},
            {"call": "gate", "args": {"name": "p", "label": "production"}, "expect": {"id": text(digest("gate", whole)), **whole}}]
    first, second, start = twins()
    yield "the first digits of an id name it as long as they name one", [
        {"call": "publish", "args": {"name": "p", "prompt": first}, "expect": {"id": content_id(first)}},
        {"call": "get", "args": {"name": "p", "id": start}, "expect": {"prompt": first}},
        {"call": "get", "args": {"name": "p", "id": start[3:].upper()}, "expect": {"prompt": first}},
        {"call": "publish", "args": {"name": "p", "prompt": second}, "expect": {"id": content_id(second)}},
        {"call": "get", "args": {"name": "p", "id": start}, "error": "ambiguous-id"},
        {"call": "set_label", "args": {"name": "p", "label": "a", "version": start}, "error": "ambiguous-id"},
        {"call": "get", "args": {"name": "p", "id": content_id(second)}, "expect": {"prompt": second}},
        {"call": "publish", "args": {"name": "q", "prompt": first}},
        {"call": "get", "args": {"name": "q", "id": start}, "expect": {"prompt": first}}]


def main():
    about = "Ids pinned for ever, computed by tests/reference/content_ids.py with other libraries than the core's."
    out = ["{", f' "about": {json.dumps(about)},', ' "scenarios": [']
    blocks = []
    for name, steps in scenarios():
        skip = ' "skip": {"cli": "no argument can hold a NUL"},' if "control" in name else ""
        lines = ",\n".join("   " + json.dumps(step, ensure_ascii=False) for step in steps)
        blocks.append(f'  {{"name": {json.dumps(name, ensure_ascii=False)},{skip} "steps": [\n{lines}\n  ]}}')
    out.append(",\n".join(blocks))
    out += [" ]", "}"]
    sys.stdout.buffer.write(("\n".join(out) + "\n").encode())


if __name__ == "__main__":
    main()
