"""One file asked through each door: an experiment's result is worked out anew by each, and is the same to the last bit."""

import json
import random
import subprocess
import tempfile
import unittest
from pathlib import Path

import trialplate
from helpers import CLI, ROOT

NODE = """
import { open } from './bindings/node/index.mjs';
const store = open(process.argv[1], { readOnly: true });
const names = store.experiments().map((e) => e.name);
console.log(JSON.stringify(names.map((name) => store.experiment(name).result())));
store.close();
"""
PLANS = {
    "plain": {},
    "strata": {"analysis": "stratified", "strata": ["easy", "hard"], "r2": 0.3},
    "cuped": {"analysis": "cuped", "covariate": "exposure", "guardrails": [{"metric": "latency_ms", "tolerance": 30}]},
    "anytime": {"mode": "anytime"},
}


def build(file):
    draw = random.Random(7)
    with trialplate.open(file) as store:
        for text in ("Say hello", "Say hello, warmly"):
            store.publish("greeting", text)
        store.metric("quality", min=1, max=5)
        for name, more in PLANS.items():
            exp = store.experiment(
                name, prompt="greeting", variants={"a": 1, "b": 2}, metric="quality", min_effect=0.5, sd=0.8, n_planned=60,
                salt=name, harm_guard=None, **more,
            )  # fmt: skip
            for i in range(180):
                user, hard = f"u{i}", draw.random() < 0.4
                variant = exp.expose(user, stratum="hard" if hard else "easy", covariate=float(hard))
                ms = 800 + draw.gauss(0, 50)
                trace = store.log(variant.version, prompt="greeting", user=user, experiment=exp, latency_ms=ms)
                value = draw.gauss(2.5 if hard else 3.5, 0.5) + 0.3 * (variant == "b")
                store.score(trace, "quality", min(5.0, max(1.0, value)), source="judge")


def figures(value):
    """Every leaf in the order of the members' names, whatever the language calls them; not when somebody asked."""
    if isinstance(value, dict):
        named = {name.replace("_", "").lower(): member for name, member in value.items()}
        return [(name, figures(member)) for name, member in sorted(named.items()) if name != "windowend"]
    return [figures(member) for member in value] if isinstance(value, list) else value


class SameVerdicts(unittest.TestCase):
    def test_every_door_says_the_same(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "prompts.tp"
            build(file)
            # Nobody may write, so nobody reads what another one has worked out.
            with trialplate.open(file, read_only=True) as store:
                python = [exp.result().to_dict() for exp in store.experiments()]
            command = ["node", "--input-type=module", "-e", NODE, str(file)]
            node = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
            cli = []
            for name in sorted(PLANS):
                command = [CLI, f"--file={file}", "--read-only", "--json", "experiment-result", name]
                cli.append(json.loads(subprocess.run(command, capture_output=True, text=True).stdout))
        self.assertEqual([result["experiment"] for result in python], sorted(PLANS))
        self.assertEqual(figures(python), figures(node))
        self.assertEqual(figures(python), figures(cli))
        self.assertTrue(all(result["is_final"] for result in python), [result["sentence"] for result in python])
        decided = {result["experiment"]: result["comparisons"] for result in python}
        self.assertEqual({name: len(found) for name, found in decided.items()}, {**dict.fromkeys(PLANS, 1), "anytime": 0})


if __name__ == "__main__":
    unittest.main()
