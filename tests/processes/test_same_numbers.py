"""Every reference case of the statistics, through each door: the same doubles to the last bit, and the expected ones."""

import json
import subprocess
import unittest

import trialplate
from helpers import CLI, ROOT

FILES = ["tests/reference/stats_cases_public.json", "tests/reference/stats_cases_own.json", "tests/reference/stats_cases_more.json"]
NODE = """
import { readFileSync } from 'node:fs';
import { stats } from './bindings/node/index.mjs';
for (const line of readFileSync(0, 'utf8').trim().split('\\n')) {
  console.log(JSON.stringify(stats.runCase(JSON.parse(line))));
}
"""


def cases():
    return [case for file in FILES for case in json.loads((ROOT / file).read_text())["cases"]]


def ask(command, lines):
    done = subprocess.run(command, cwd=ROOT, input="\n".join(lines), capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def agrees(got, expected, rel, absolute):
    if isinstance(expected, list):
        return len(got) == len(expected) and all(agrees(g, e, rel, absolute) for g, e in zip(got, expected))
    if isinstance(expected, dict):
        return set(got) == set(expected) and all(agrees(got[k], e, rel, absolute) for k, e in expected.items())
    if isinstance(expected, float):
        return isinstance(got, (int, float)) and abs(got - expected) <= absolute + rel * abs(expected)
    return got == expected


class SameNumbers(unittest.TestCase):
    def test_every_door_gives_the_same_doubles(self):
        wanted = cases()
        self.assertGreaterEqual(len(wanted), 3 * 163)
        lines = [json.dumps({"kind": case["kind"], "inputs": case["inputs"]}) for case in wanted]
        python = [trialplate.stats.run_case(case) for case in wanted]
        node = ask(["node", "--input-type=module", "-e", NODE], lines)
        shell = ask([str(CLI), "stats", "--cases", "-"], lines)
        self.assertEqual(len(node), len(wanted))
        self.assertEqual(len(shell), len(wanted))
        for case, a, b, c in zip(wanted, python, node, shell):
            # A double survives each language's JSON, so equal means to the last bit.
            self.assertEqual(a, b, case["id"])
            self.assertEqual(a, c, case["id"])
            tolerance = case["tolerance"]
            for name, expected in case["expected"].items():
                self.assertTrue(agrees(a[name], expected, tolerance["rel"], tolerance["abs"]), f"{case['id']} {name}")


if __name__ == "__main__":
    unittest.main()
