#!/usr/bin/env python3
"""Measures W1 to W9 with the peers beside us, in one run, and prints the ratios.

    python3 tests/bench/run.py [--quick] [--write-readme] [W1 W3 ...]

Needs the built packages (`python3 tests/run_all.py` builds them). The peers are installed into `target/bench`.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BENCH = ROOT / "target" / "bench"
PACKAGE = ROOT / "bindings" / "python" / "python"
PYTHON_PEERS = ["lmdb", "langfuse", "jinja2", "duckdb", "pyarrow", "mlflow"]
NODE_PEERS = ["@langfuse/client", "@langfuse/core", "@opentelemetry/api", "mustache", "lmdb"]
ROWS = []


def enter_environment():
    """Runs this script again with the peers installed."""
    if os.environ.get("TRIALPLATE_BENCH") == "1":
        return
    python = BENCH / "venv" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(BENCH / "venv")], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PYTHON_PEERS], check=True)
    if not (BENCH / "node_modules").exists():
        (BENCH / "package.json").write_text('{"private": true}')
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", *NODE_PEERS], cwd=BENCH, check=True)
    env = {**os.environ, "TRIALPLATE_BENCH": "1", "PYTHONPATH": str(PACKAGE)}
    sys.exit(subprocess.run([str(python), __file__, *sys.argv[1:]], env=env).returncode)


def row(work, what, who, figure, unit, better="less"):
    ROWS.append({"work": work, "what": what, "who": who, "figure": figure, "unit": unit, "better": better})
    print(f"{work:<3} {what:<46} {who:<28} {human(figure):>10} {unit}", flush=True)


def human(x):
    return f"{x:,.0f}" if x >= 100 else f"{x:.3g}"


def langfuse_stub(pairs):
    file = tempfile.NamedTemporaryFile("w", suffix=".json", delete=False)
    json.dump(dict(pairs), file)
    file.close()
    process = subprocess.Popen([sys.executable, str(HERE / "stub_langfuse.py"), file.name], stdout=subprocess.PIPE, text=True)
    return process, f"http://127.0.0.1:{int(process.stdout.readline())}"


def ours_filled(path, pairs):
    import peers

    registry = peers.Ours(path)
    # Published by a few threads at once: they share commits.
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(32) as pool:
        list(pool.map(lambda pair: registry.publish_and_label(*pair, "production"), pairs))
    return registry


def w1(folder, quick):
    import peers
    from work import prompts, remove, statement

    # One client for all sizes: the SDK keeps one per key in a process.
    process, url = langfuse_stub(prompts(1000))
    os.environ.update(LANGFUSE_PUBLIC_KEY="pk", LANGFUSE_SECRET_KEY="sk", LANGFUSE_TRACING_ENABLED="false")
    from langfuse import Langfuse

    client = Langfuse(base_url=url)

    class Cached:
        call = "get(name, label=label)"
        get = staticmethod(lambda name, label: client.get_prompt(name, label=label))
        names = staticmethod(lambda: {"get": client.get_prompt})

    for n in (1, 1000) if quick else (1, 1000, 100_000):
        what, pairs = f"hot get, Python, {n:,} prompts", prompts(n)
        loop = [pairs[i % n][0] for i in random.Random(1).sample(range(max(n, 1000)), 1000)]
        per_call = "for name in loop: " + "{}"

        def measure(who, registry):
            names = {**registry.names(), "loop": loop, "label": "production"}
            for name in loop:
                registry.get(name, "production")
            row("W1", what, who, 1e9 * statement(per_call.format(registry.call), names) / len(loop), "ns")

        measure("dict with a TTL", peers.TtlDict(pairs))
        # MLflow registers ten prompts a second.
        for cls in (peers.Lmdb, peers.Sqlite, *([peers.Mlflow] if n == 1 else [])):
            path = folder / f"w1-{cls.__name__}-{n}"
            registry = cls(path)
            registry.fill(pairs)
            measure(cls.name, registry)
            registry.close()
            remove(path)
        if n <= 1000:
            measure("Langfuse SDK, cache hit", Cached)
        path = folder / f"w1-ours-{n}.tp"
        registry = ours_filled(path, pairs)
        measure("trialplate", registry)
        registry.close()
    process.kill()
    node_bench(["w1"], folder, quick)


def w2(folder, quick):
    from work import prompts

    n = 1000 if quick else 100_000
    path = folder / f"w2-{n}.tp"
    existing = folder / f"w1-ours-{n}.tp"
    if existing.exists():
        path = existing
    else:
        ours_filled(path, prompts(n)).close()
    import peers

    sqlite_path = folder / "w2.sqlite"
    registry = peers.Sqlite(sqlite_path)
    registry.fill(prompts(n))
    registry.close()
    duckdb_path, mlflow_path = folder / "w2.duckdb", folder / "w2-mlflow.db"
    import duckdb

    with duckdb.connect(str(duckdb_path)) as db:
        db.execute("CREATE TABLE version(name TEXT, number INT, text TEXT)")
        db.execute("CREATE TABLE label(name TEXT, label TEXT, number INT)")
        # A thousand of them: it inserts row by row at 300/s, and a get in a new process doesn't get slower with more.
        rows = prompts(min(n, 1000))
        db.executemany("INSERT INTO version VALUES (?, 1, ?)", rows)
        db.executemany("INSERT INTO label VALUES (?, 'production', 1)", [(name,) for name, _ in rows])
    peers.Mlflow(mlflow_path).fill(prompts(1))
    process, url = langfuse_stub(prompts(1))
    programs = {
        "python -c pass": "pass",
        "SQLite (sqlite3)": f"import sqlite3; d = sqlite3.connect({str(sqlite_path)!r})\n"
        f"d.execute({peers.Sqlite.GET!r}, ('prompt-000000', 'production')).fetchone()",
        "DuckDB (1,000 prompts)": f"import duckdb; d = duckdb.connect({str(duckdb_path)!r}, read_only=True)\n"
        "d.execute('SELECT v.text FROM label l JOIN version v USING (name, number) WHERE l.name = ? AND l.label = ?',"
        " ['prompt-000000', 'production']).fetchone()",
        "Langfuse SDK (1 prompt)": f"from langfuse import Langfuse\n"
        f"Langfuse(public_key='pk', secret_key='sk', base_url={url!r}, tracing_enabled=False).get_prompt('prompt-000000')",
        "MLflow (1 prompt)": "import os; os.environ['MLFLOW_DISABLE_TELEMETRY'] = 'true'\nimport mlflow\n"
        f"mlflow.set_tracking_uri('sqlite:///{mlflow_path}')\n"
        "mlflow.genai.load_prompt('prompts:/prompt-000000@production')",
        "trialplate": f"import trialplate; trialplate.open({str(path)!r}).get('prompt-000000')",
    }
    for who, program in programs.items():
        times = []
        for _ in range(3 if quick or who.startswith("MLflow") else 21):
            start = time.perf_counter()
            subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True)
            times.append(time.perf_counter() - start)
        row("W2", f"new process: import, open, get ({n:,} prompts)", who, 1e3 * statistics.median(times), "ms")
    process.kill()


def w3(folder, quick):
    import peers
    from work import per_second, prompts, remove

    seconds, text = (0.3 if quick else 1.0), prompts(1)[0][1]
    for cls in (peers.Sqlite, peers.Lmdb, peers.Mlflow, peers.Ours):
        path = folder / f"w3-{cls.__name__}"
        registry = cls(path)
        fresh = lambda i: f"{i:08d} {time.monotonic_ns()} {text}"
        versions = [registry.publish("p", fresh(0)), registry.publish("p", fresh(1))]
        calls = {
            "publish, durable, one client": lambda i: registry.publish("p", fresh(i)),
            "move a label, durable": lambda i: registry.set_label("p", "production", versions[i & 1]),
            "publish and label at once": lambda i: registry.publish_and_label("p", fresh(i), "production"),
        }
        for what, call in calls.items():
            row("W3", what, registry.name, per_second(call, seconds), "/s", "more")
        if cls is peers.Mlflow:
            continue
        counts, stop = [0] * 16, threading.Event()

        def client(k):
            i = 0
            while not stop.is_set():
                registry.publish(f"p{k}", fresh(i))
                counts[k] += 1
                i += 1

        threads = [threading.Thread(target=client, args=(k,)) for k in range(16)]
        start = time.perf_counter()
        for thread in threads:
            thread.start()
        time.sleep(5 * seconds)
        stop.set()
        for thread in threads:
            thread.join()
        per_sec = sum(counts) / (time.perf_counter() - start)
        row("W3", "publish, durable, 16 threads", registry.name, per_sec, "/s", "more")
        registry.close()
        remove(path)


def w4(folder, quick):
    import peers
    from work import prompts, remove

    for key, cls in (("sqlite", peers.Sqlite), ("lmdb", peers.Lmdb), ("ours", peers.Ours)):
        path = folder / f"w4-{key}"
        registry = cls(path)
        versions = [registry.publish("shared", f"{i} {prompts(1)[0][1]}") for i in range(2)]
        registry.set_label("shared", "production", versions[0])
        child = role("w4", key, path)
        after = []
        for i in range(30 if quick else 200):
            wanted = versions[(i + 1) & 1]
            child.stdin.write(f"{wanted}\n")
            child.stdin.flush()
            child.stdout.readline()
            time.sleep(0.005)
            registry.set_label("shared", "production", wanted)
            done = time.monotonic_ns()
            after.append(max(0, int(child.stdout.readline()) - done) / 1e3)
        child.stdin.close()
        child.wait()
        registry.close()
        remove(path)
        row("W4", "label moved in A, seen by B's next get", registry.name, statistics.median(after), "us after the commit returned")
    row("W4", "label moved in A, seen by B's next get", "Langfuse SDK (TTL)", 60e6, "us after the commit returned")


def role(name, key, path, *more):
    command = [sys.executable, str(HERE / "roles.py"), name, key, str(path), *map(str, more)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline().strip() == "ready"
    return child


def w5(folder, quick):
    import record

    def say(what, who, figure, unit):
        row("W5", what, who, figure, unit)

    for work in (record.calls, record.node, record.durable):
        work(folder, quick, say)


def w6(folder, quick):
    """Also W5 in batches: the scores that it sums up have to go in first."""
    import scores

    scores.batches(folder, quick, row)


def w7(folder, quick):
    import jinja2
    import trialplate
    from langfuse.model import Prompt_Text, TextPromptClient
    from work import rate, template

    store = trialplate.open(str(folder / "w7.tp"))
    for size, variables, label in ((1024, 5, "1 KiB, 5 variables"), (20480, 50, "20 KiB, 50 variables")):
        text, values = template(size, variables)
        ours = store.publish("p", text)
        langfuse = TextPromptClient(Prompt_Text(type="text", prompt=text, name="p", version=1, config={}, labels=[], tags=[]))
        jinja = jinja2.Template(text)
        expected = ours.compile(**values)
        assert langfuse.compile(**values) == expected == jinja.render(**values)
        what = f"render, Python, {label}"
        row("W7", what, "Langfuse SDK", 1e9 * rate(lambda: langfuse.compile(**values)), "ns")
        row("W7", what, "Jinja2, precompiled", 1e9 * rate(lambda: jinja.render(**values)), "ns")
        row("W7", what, "trialplate", 1e9 * rate(lambda: ours.compile(**values)), "ns")
    store.close()
    node_bench(["w7"], folder, quick)


def w8(folder, quick):
    import items

    items.items(folder, quick, row)


def w9(folder, quick):
    import peers
    from work import prompts, remove

    seconds = 2 if quick else 10
    for key, cls in (("sqlite", peers.Sqlite), ("lmdb", peers.Lmdb), ("ours", peers.Ours)):
        path = folder / f"w9-{key}"
        registry = cls(path)
        versions = [registry.publish("shared", f"{i:06d} {prompts(1)[0][1]}") for i in range(20 * seconds + 1)]
        registry.set_label("shared", "production", versions[0])
        readers = [role("w9", key, path, seconds) for _ in range(4)]
        for reader in readers:
            reader.stdin.write("go\n")
            reader.stdin.flush()
        start, moves = time.perf_counter(), []
        for i, version in enumerate(versions[1:]):
            time.sleep(max(0.0, start + i / 20 - time.perf_counter()))
            before = time.perf_counter()
            registry.set_label("shared", "production", version)
            moves.append(time.perf_counter() - before)
        results = [json.loads(reader.stdout.readline()) for reader in readers]
        for reader in readers:
            reader.stdin.close()
            reader.wait()
        registry.close()
        remove(path)
        assert not any(r["back"] or r["errors"] for r in results), results
        what = "4 processes read by label, 1 moves it 20 x/s"
        row("W9", what, registry.name, sum(r["n"] for r in results) / seconds, "reads/s", "more")
        row("W9", "the mover's p99 meanwhile", registry.name, 1e3 * sorted(moves)[int(0.99 * len(moves))], "ms")


def node_bench(works, folder, quick):
    env = {**os.environ, "NODE_PATH": str(BENCH / "node_modules"), "BENCH_MODULES": str(BENCH / "node_modules")}
    command = ["node", str(HERE / "bench.mjs"), str(folder), "quick" if quick else "full", *works]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
    for line in process.stdout:
        row(**json.loads(line))
    if process.wait() != 0:
        raise SystemExit("the Node benchmark failed")


def table():
    lines = ["| work | trialplate | peers in the same run (how many times we are better) |", "| --- | --- | --- |"]
    seen = dict.fromkeys((r["work"], r["what"]) for r in ROWS)
    for work, what in seen:
        rows = [r for r in ROWS if (r["work"], r["what"]) == (work, what)]
        ours = next((r for r in rows if r["who"] == "trialplate"), None)
        if ours is None:
            continue
        peers = []
        for r in rows:
            if r is ours:
                continue
            over, under = (r, ours) if ours["better"] == "less" else (ours, r)
            # 0: the other process had seen it before the call returned. Nothing is so many times quicker than that.
            ratio = f" ({human(over['figure'] / under['figure'])}×)" if under["figure"] else ""
            peers.append(f"{r['who']} {human(r['figure'])}{ratio}")
        lines.append(f"| {work} {what} | **{human(ours['figure'])} {ours['unit']}** | {', '.join(peers)} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small sizes, not for quoting")
    parser.add_argument("--write-readme", action="store_true", help="put the table into the README")
    parser.add_argument("works", nargs="*", metavar="W")
    options = parser.parse_args()
    enter_environment()
    sys.path.insert(0, str(HERE))
    works = {"W1": w1, "W2": w2, "W3": w3, "W4": w4, "W5": w5, "W6": w6, "W7": w7, "W8": w8, "W9": w9}
    with tempfile.TemporaryDirectory(dir=BENCH) as folder:
        for name, measure in works.items():
            if not options.works or name in options.works:
                measure(Path(folder), options.quick)
    print(f"\n{table()}")
    if options.write_readme:
        readme = ROOT / "README.md"
        head, rest = readme.read_text().split("<!-- bench:start -->")
        _, tail = rest.split("<!-- bench:end -->")
        readme.write_text(f"{head}<!-- bench:start -->\n{table()}\n<!-- bench:end -->{tail}")


if __name__ == "__main__":
    main()
