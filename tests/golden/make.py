#!/usr/bin/env python3
"""Makes the golden file of this format version: one of everything that a store of that format can hold.

A golden file is made once and then only read: it is what users of that version have on their disks. When the format
number grows, make a new file beside the old one, and never touch the old one again.

    PYTHONPATH=bindings/python/python python3 tests/golden/make.py tests/golden/format-1.tp
"""

import json
import sys
from pathlib import Path

import trialplate
from trialplate import Check, Gate, Scorer


def main(path):
    with trialplate.open(path, actor="ada") as store:
        schema = {"type": "object", "required": ["party"]}
        v1 = store.publish("legal/extraction", "Extract: {{document}}", model="m-1", params={"temperature": 0.5}, message="first")
        v2 = store.publish("legal/extraction", "Parties of {{ document }} as JSON", model="m-1", response_schema=schema,
                           tools=[{"name": "search"}], tags=["json"], parent=1)
        store.publish("chat", [{"role": "system", "content": "Grüße, {{name}} 😀"}, {"type": "placeholder", "name": "history"}])
        store.set_label("legal/extraction", "production", v1, reason="launch")
        store.set_label("legal/extraction", "staging", v2, expected=0)
        store.metric("quality", min=1, max=5)
        store.metric("tone", kind="categorical", categories=["warm", "cold"])
        golden = store.dataset("golden")
        golden.add([{"key": f"k{i}", "input": {"document": i}, "expected": str(i), "stratum": "hard" if i % 2 else "easy"} for i in range(12)])
        golden.add([{"key": "k0", "input": "changed"}])
        golden.archive(["k11"])
        for version, quality in ((v1, 4.0), (v2, 2.0)):
            run = store.start_run(version, golden, scorers=[Scorer.exact(), "quality", "tone"], trials=2, name=f"nightly-{version.number}")
            for n, item in enumerate(run.pending()):
                if n % 7 == 3:
                    run.record(item, error="TimeoutError: no answer", scores={"quality": 1.0, "tone": None})
                else:
                    run.record(item, output=item.expected, scores={"quality": quality + n % 3 / 10, "tone": "warm"},
                               latency_ms=12.5, cost_usd=0.001, tokens_in=100, tokens_out=n)
            run.finish()
        store.start_run(v2, golden, name="unfinished").record("k1", output={"party": "Bob"})
        store.protect("legal/extraction", "production", Gate(dataset="golden", checks=[
            Check.no_regression("quality"), Check.item_floor("quality", 1), Check.mean("quality", 3), Check.format(),
            Check.rate("exact", at_least=0.1), Check.not_more_permissive(dataset="golden", metric="exact")]))
        try:
            store.promote("legal/extraction", v2, to="production")
        except trialplate.GateRefused:
            pass
        store.promote("legal/extraction", v2, to="production", override="to see it once")
        store.rollback("legal/extraction", "production", reason="seen")
        store.unset_label("legal/extraction", "staging")
        facts = {
            "events": [[e.seq, e.kind, e.hash] for e in store.events()],
            "versions": {name: [v.id for v in store.versions(name)] for name in map(str, store.prompts())},
            "labels": {name: store.labels(name) for name in map(str, store.prompts())},
            "roots": [v.root for v in golden.versions()],
            "verdicts": [v.id for v in store.verdicts("legal/extraction", "production")],
            "runs": {run.name: run.rows_root for run in store.runs()},
        }
    Path(path).with_suffix(".json").write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n")


main(sys.argv[1])
