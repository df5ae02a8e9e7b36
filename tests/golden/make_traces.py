#!/usr/bin/env python3
"""Makes the golden file of production traces as format 1 had them: in rows, before there were columns.

Made once, with the version of that format; later versions only read it.

    PYTHONPATH=bindings/python/python python3 tests/golden/make_traces.py tests/golden/format-1-traces.db
"""

import json
import sys
from pathlib import Path

import trialplate


def main(path):
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
        facts = {
            "traces": store._call("traces", limit=1000)["traces"],
            "summary": store._call("summary", prompt="billing/answer", metric="quality", by="version"),
        }
    Path(path).with_suffix(".json").write_text(json.dumps(facts, indent=1, sort_keys=True, default=str) + "\n")


main(sys.argv[1])
