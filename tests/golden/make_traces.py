#!/usr/bin/env python3
"""Makes a golden file of production traces, with the version of its format; later versions only read it.

Format 1 had them in rows. Since format 2 many together are batches, segments and runs of an index, so `many` logs so many
that there are some of each, and prunes some.

    PYTHONPATH=bindings/python/python python3 tests/golden/make_traces.py tests/golden/format-1-traces.db
    PYTHONPATH=bindings/python/python python3 tests/golden/make_traces.py tests/golden/format-2-traces.db many
"""

import json
import sys
from pathlib import Path

import trialplate


def calls_of(batch, versions):
    for n in range(batch * 9, batch * 9 + 9):
        scores = {"quality": None if n % 17 == 0 else 1 + n % 9 / 2}
        if n % 6 == 0:
            scores["tone"] = ("warm", "cold")[n % 4 == 0]
        yield {
            "version": versions[n % 2],
            "trace_id": f"{n:032x}" if n % 3 else f"many-{n}",
            "at": f"2026-12-{1 + n % 28:02}T{n % 24:02}:30:00Z",
            "output": f"answer {n % 7} " * (n % 50) if n % 4 == 0 else None,
            "latency_ms": 90 + n % 13 if n % 5 else None,
            "user": f"u{n % 31}" if n % 2 else None,
            "stratum": ("easy", "hard")[n % 2],
            "tokens_out": n % 100,
            "scores": scores,
            "source": "judge",
        }


def log_many(store, versions):
    for batch in range(140):
        store.log_many(calls_of(batch, versions))
    late = range(3, 900, 30)
    store.score_many({"trace_id": f"many-{n}", "metric": "quality", "value": 5, "source": "human", "comment": "Gut" if n % 2 else None} for n in late)
    # The oldest go, three batches come behind them, and some calls wait that are in none.
    store.prune("2026-12-03T00:00:00Z")
    for batch in range(140, 143):
        store.log_many(calls_of(batch, versions))
    for n in range(5):
        store.log(versions[0], trace_id=f"last-{n}", at="2026-12-30T00:00:00Z", output={"n": n}, durable=True)
    store.score("last-1", "quality", 4, durable=True)


def facts_of(store):
    """Of many traces every tenth."""
    traces = [trace.to_dict() for trace in store.iter_traces()]
    summary = {"prompt": "billing/answer", "metric": "quality"}
    return {
        "traces": traces[:: 1 if len(traces) < 100 else 10],
        "summary": store._call("summary", **summary, by="version"),
        "days": store._call("summary", **summary, by=["day", "stratum"]),
    }


def main(path, many=False):
    with trialplate.open(path, actor="ada") as store:
        versions = [store.publish("billing/answer", f"Answer {n}: {{{{question}}}}") for n in (1, 2)]
        store.publish("other", "Say hello")
        store.metric("quality", min=1, max=5)
        for n in range(40):
            trace = f"req-{n:02}" if n % 4 else None
            logged = store.log(
                versions[n % 2] if n % 5 else store.get("other", version=1),
                trace_id=trace, at=f"2026-11-{1 + n % 20:02}T12:00:00Z",
                input={"question": "why? " * (n % 3 * 40 + 1)}, output=["because", n] if n % 6 else None,
                error="TimeoutError" if n % 6 == 0 else None, latency_ms=100.5 + n, cost_usd=0.001 * n if n % 7 else None,
                tokens_in=n, user=f"u{n % 6}" if n % 9 else None, variant="ab"[n % 2] if n % 3 else None,
                stratum="hard" if n % 2 else None, metadata={"region": "eu"} if n % 8 == 0 else None, durable=True)
            for k in range(n % 4):
                store.score(logged, "quality", None if n % 11 == 10 else 1 + (n + k) % 5, source=("judge", "human")[k % 2],
                            comment="Grüße" if n == 7 else None, judge="gpt-j" if k == 0 else None, durable=True)
            if n % 10 == 3:
                store.score(logged, "tone", "warm", durable=True)
        if many:
            log_many(store, versions)
        facts = facts_of(store)
        store.compact()
    Path(path).with_suffix(".json").write_text(json.dumps(facts, indent=1, sort_keys=True, default=str) + "\n")


main(sys.argv[1], sys.argv[2:] == ["many"])
