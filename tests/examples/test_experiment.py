"""The README's experiment runs as it stands, and says what the README says it does."""

import re
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECTION = (ROOT / "README.md").read_text().split("## An experiment on traffic")[1].split("\n## ")[0]

sys.path.insert(0, str(ROOT / "bindings" / "python" / "python"))

import trialplate  # noqa: E402


class Experiment(unittest.TestCase):
    def test_the_block_runs(self):
        [block] = re.findall(r"^```python\n(.*?)^```", SECTION, re.S | re.M)
        with tempfile.TemporaryDirectory() as folder, trialplate.open(Path(folder) / "prompts.tp") as store:
            store.publish("extraction", "Extract: {{document}}", labels="production")
            store.publish("extraction", "Parties: {{document}}")
            store.metric("quality", min=1, max=5)
            printed = []
            scope = {
                "store": store,
                "users": [f"user-{i}" for i in range(200)],
                "call_model": lambda p, user: (f"{p.number} for {user}", 800 + hash_of(user) % 50),
                "judge": lambda user, variant: 2.5 + (hash_of(user) % 100) / 100 + 0.8 * (variant == "b"),
                "print": printed.append,
            }
            exec(compile(block, "README.md", "exec"), scope)
            plan, verdict = printed
            promised = re.findall(r"# (.*)$", block, re.M)
            self.assertIn(plan, promised)
            self.assertTrue(verdict.startswith("**B is better** by "), verdict)
            self.assertEqual(store.get("extraction").number, 2)
            self.assertTrue(store.verify())


def hash_of(text):
    return sum((i + 1) * ord(letter) for i, letter in enumerate(text))


if __name__ == "__main__":
    unittest.main()
