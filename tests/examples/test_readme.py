"""The README is checked against its source: the story runs in three languages, the quoted output is real."""

import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
README = (ROOT / "README.md").read_text()
STORY = README.split("## The story, in three languages")[1].split("\n## ")[0]


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.S | re.M)


def words(text):
    return " ".join(text.split())


class Readme(unittest.TestCase):
    def test_the_story_runs(self):
        [python], [js], [sh] = (blocks(STORY, language) for language in ("python", "js", "sh"))
        with tempfile.TemporaryDirectory() as folder:
            modules = Path(folder) / "node_modules"
            modules.mkdir()
            (modules / "trialplate").symlink_to(ROOT / "bindings" / "node")
            env = {
                **os.environ,
                "PYTHONPATH": str(ROOT / "bindings" / "python" / "python"),
                "PATH": f"{TARGET / 'debug'}{os.pathsep}{os.environ['PATH']}",
                "NO_COLOR": "1",
            }

            def run(name, text, command):
                (Path(folder) / name).write_text(text)
                done = subprocess.run([*command, name], cwd=folder, env=env, capture_output=True, text=True)
                self.assertEqual(done.returncode, 0, f"{name}: {done.stdout}{done.stderr}")
                return done.stdout

            run("story.py", python, [sys.executable])
            self.assertEqual(run("story.mjs", js, ["node"]).split("\n")[:2], ["gate-refused fail", "1"])
            shell = run("story.sh", sh, ["bash", "-e"])
            self.assertIn("exit code 1", shell)
            self.assertIn("demo at noon", shell)
            self.assertIn("demo over", shell)

    def test_the_canary_rings(self):
        section = README.split("## Drift: did the model change?")[1].split("\n## ")[0]
        [setup], [cron] = blocks(section, "sh"), blocks(section, "cron")
        # Five fields say when; the rest is the command.
        command = cron.strip().split(" ", 5)[5]
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            env = {**os.environ, "PATH": f"{root}{os.pathsep}{TARGET / 'debug'}{os.pathsep}{os.environ['PATH']}", "NO_COLOR": "1"}
            scripts = {
                "task.sh": '#!/bin/sh\ncat > /dev/null\nprintf \'{"output": "x", "scores": {"quality": %s}}\' "$(cat score)"\n',
                "mail": '#!/bin/sh\n{ echo "$@"; cat; } > mailed\n',
            }
            for name, text in scripts.items():
                (root / name).write_text(text)
                (root / name).chmod(0o755)

            def shell(text):
                self.assertIn("/srv/app", cron)
                done = subprocess.run(["bash", "-ec", text.replace("/srv/app", folder)], cwd=folder, env=env, capture_output=True, text=True)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

            shell("trialplate --file prompts.tp publish extraction --text 'List the parties in: {{document}}' --label production")
            shell(setup)
            for run in range(22):
                (root / "score").write_text(str(4 + (run + 2) % 3 / 10))
                shell(command)
                said = (root / "canary.txt").read_text()
                self.assertIn(f"Baseline: {run + 1} of 20 runs." if run < 20 else "No sign of change", said)
            self.assertFalse((root / "mailed").exists())
            (root / "score").write_text("3")
            for _ in range(5):
                shell(command)
            mailed = (root / "mailed").read_text()
            self.assertIn("-s canary team@example.com", mailed)
            self.assertRegex(mailed, r"The model's answers changed around \d+ \w+ \d{4}\. Mean 4\.1→3\.0 on 20 canary items")
            self.assertIn("Next: full golden-set run.", mailed)
            (root / "mailed").unlink()
            (root / "score").write_text("null")
            shell("trialplate --file prompts.tp canary-dismiss daily --reason 'a test'")
            shell(command)
            self.assertIn("Cannot tell: 0 of 20 canary items", (root / "mailed").read_text())

    def test_the_quoted_output_is_what_the_example_prints(self):
        command = ["cargo", "run", "-q", "--example", "prompt_regression"]
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [*command, "--", str(Path(folder) / "story.tp")], cwd=ROOT, capture_output=True, text=True
            )
        self.assertEqual(done.returncode, 0, done.stderr)
        printed = words(done.stdout)
        quoted = next(block for block in blocks(README, "text") if "win rate" in block)
        # A quoted line may be broken for the page; what follows a line that begins in lower case belongs to it.
        for line in re.split(r"\n(?=version|B is|gate-refused|production)", quoted.strip()):
            self.assertIn(words(line), printed)
        published = {"v1": "15.733506736409938 ± 1.120315865445773", "v2": "9.22712524063354 ± 0.8921752289142333"}
        for figures in published.values():
            self.assertIn(f"win rate {figures} %", printed)


if __name__ == "__main__":
    unittest.main()
