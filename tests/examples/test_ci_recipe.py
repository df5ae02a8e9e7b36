"""The CI recipe is run: the workflow's own steps, in order, with bash, as a runner would run them."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
RECIPE = ROOT / "examples" / "ci"

#: Baseline is what the folder holds: it gets dates in figures wrong.
BETTER = ("If the sentence", "In figures such as 03/04/2021 the day comes first.\nIf the sentence")
WORSE = (", written as YYYY-MM-DD", "")
UNSURE = ("If the sentence names no date, answer none.\n", "")


def steps(text):
    """The steps of a workflow's only job: enough YAML for this file and no more."""
    found = []
    block = None
    for line in text.split("\n    steps:\n", 1)[1].split("\n"):
        if line.startswith("      - "):
            found.append({})
            line = "        " + line[8:]
        if block and (not line.strip() or line.startswith(" " * 10)):
            found[-1][block] += line[10:] + "\n"
            continue
        block = None
        if match := re.match(r" {8}([a-z-]+):(?: (.*))?$", line):
            key, value = match[1], match[2] or ""
            # `with:` holds members of its own, which are kept as they stand.
            block = key if value in ("|", "") else None
            found[-1][key] = "" if block else value
        elif line.strip():
            raise ValueError(f"this test can't read the line {line!r}")
    return found


def environment(text):
    lines = text.split("\nenv:\n", 1)[1].split("\n\n", 1)[0].split("\n")
    return dict(line.strip().split(": ", 1) for line in lines)


class Repository:
    """A clone of a repository that holds the recipe, after the README's set-up; and a runner."""

    def __init__(self, folder):
        self.folder, self.origin, self.path = folder, folder / "origin.git", folder / "clone"
        self.path.mkdir()
        for file in ("prompts", "dataset.jsonl", "gate.json", "task.py"):
            copy = shutil.copytree if (RECIPE / file).is_dir() else shutil.copy
            copy(RECIPE / file, self.path / file)
        workflow = self.path / ".github" / "workflows" / "trialplate.yml"
        workflow.parent.mkdir(parents=True)
        shutil.copy(RECIPE / "trialplate.yml", workflow)
        self.workflow = workflow.read_text()
        bin_ = folder / "bin"
        bin_.mkdir()
        # Installing is the one step that is not real here; the binary is the one that was built.
        (bin_ / "cargo").write_text('#!/bin/sh\n[ "$*" = "install trialplate-cli" ]\n')
        (bin_ / "cargo").chmod(0o755)
        clean = {n: v for n, v in os.environ.items() if not n.startswith(("TRIALPLATE_", "GITHUB_", "GIT_"))}
        self.env = {
            **clean,
            "PATH": os.pathsep.join([str(bin_), str(TARGET / "debug"), os.environ["PATH"]]),
            "NO_COLOR": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
        }
        self.git("init", "-q", "--bare", "-b", "main", str(self.origin))
        self.git("init", "-q", "-b", "main")
        self.git("remote", "add", "origin", str(self.origin))
        self.bash(re.findall(r"^```sh\n(.*?)^```", (RECIPE / "README.md").read_text(), re.S | re.M)[0])
        self.commit("the recipe")
        self.git("push", "-q", "-u", "origin", "main")

    def git(self, *arguments):
        subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@t", *arguments], cwd=self.path, env=self.env, check=True, capture_output=True)

    def somebody_pushes(self, name):
        other = self.folder / "other"
        self.git("clone", "-q", str(self.origin), str(other))
        (other / name).write_text("while the job runs")
        self.git("-C", str(other), "add", "-A")
        self.git("-C", str(other), "commit", "-q", "-m", name)
        self.git("-C", str(other), "push", "-q")

    def commit(self, message):
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)

    def bash(self, script, env=None):
        command = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script]
        done = subprocess.run(command, cwd=self.path, env=env or self.env, capture_output=True, text=True, check=env is None)
        return done.returncode, done.stdout, done.stderr

    def trialplate(self, *arguments, file="prompts.tp"):
        command = ["trialplate", "--file", str(file), *arguments]
        return subprocess.run(command, cwd=self.path, env=self.env, capture_output=True, text=True)

    def version(self, label):
        return json.loads(self.trialplate("get", f"dates@{label}", "--json").stdout)["number"]

    def edit(self, change):
        file = self.path / "prompts" / "dates.prompt"
        original = (RECIPE / "prompts" / "dates.prompt").read_text()
        assert change[0] in original
        file.write_text(original.replace(*change))
        self.commit("another prompt")

    def job(self, ref):
        """What the workflow comes to: (name, exit code, stdout, stderr) of each step that ran, and what they left."""
        left = Path(tempfile.mkdtemp(dir=self.folder))
        declared = {n: v.replace("${{ github.actor }}", "ada") for n, v in environment(self.workflow).items()}
        env = {
            **self.env,
            **declared,
            "GITHUB_ACTIONS": "true",
            "GITHUB_REF": ref,
            "GITHUB_SHA": "0123abc",
            "GITHUB_STEP_SUMMARY": str(left / "summary.md"),
            "GITHUB_OUTPUT": str(left / "output"),
        }
        ran, uploaded, code = [], None, 0
        for step in steps(self.workflow):
            condition = step.get("if")
            assert condition in (None, "always()", "github.ref == 'refs/heads/main'"), condition
            if (code and condition != "always()") or (condition and "ref" in condition and ref != "refs/heads/main"):
                continue
            if "run" not in step:
                if "upload-artifact" in step["uses"]:
                    uploaded = (self.path / re.search(r"path: (.*)", step["with"])[1]).read_bytes()
                continue
            assert "${{" not in step["run"]
            done = self.bash(step["run"], env)
            ran.append((step["name"], *done))
            code = code or done[0]
        text = {name: (left / name).read_text() if (left / name).exists() else "" for name in ("summary.md", "output")}
        return Job(code, {name: rest for name, *rest in ran}, uploaded, text["summary.md"], text["output"])


class Job:
    def __init__(self, code, ran, report, summary, output):
        self.code, self.ran, self.summary = code, ran, summary
        self.report = ElementTree.fromstring(report) if report else None
        self.output = dict(line.split("=", 1) for line in output.split("\n") if line)
        self.annotations = re.findall(r"^::(\w+) title=([^:]*)::(.*)$", "\n".join(r[2] for r in ran.values()), re.M)

    def __repr__(self):
        return f"exit code {self.code}\n" + "\n".join(f"== {n}: {c}\n{o}{e}" for n, (c, o, e) in self.ran.items())


class Recipe(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.repository = Repository(Path(folder.name))

    def judged(self, change, ref="refs/pull/7/merge"):
        self.repository.edit(change)
        return self.repository.job(ref)

    def test_a_better_version_passes_and_goes_live_on_main(self):
        job = self.judged(BETTER)
        self.assertEqual(job.code, 0, job)
        self.assertNotIn("Promote", job.ran)
        self.assertEqual((job.report.get("tests"), job.report.get("failures"), job.report.get("errors")), ("2", "0", "0"))
        cases = [case.get("name") for case in job.report.iter("testcase")]
        self.assertEqual(cases, ["dates@production no_regression(exact)", "dates@production mean(exact)"])
        self.assertIn("### Gate passed: dates version 2 for production", job.summary)
        self.assertIn("| pass | no\\_regression(exact) | 60 |", job.summary)
        self.assertEqual(job.output["outcome"], "pass")
        self.assertRegex(job.output["verdict"], "^b3:[0-9a-f]{64}$")
        self.assertEqual([(kind, title) for kind, title, _ in job.annotations], [("notice", "Gate passed%3A dates version 2 for production")])
        self.assertEqual(self.repository.version("production"), 1)

        self.repository.git("checkout", "-q", "prompts.tp")
        self.repository.somebody_pushes("notes.txt")
        main = self.repository.job("refs/heads/main")
        self.assertEqual(main.code, 0, main)
        self.assertIn("moved from version 1 to 2", main.ran["Promote"][1])
        self.assertIn("production moved from version 1 to version 2.", main.summary)
        fresh = self.repository.folder / "fresh"
        self.repository.git("clone", "-q", str(self.repository.origin), str(fresh))
        shown = self.repository.trialplate("history", "dates", "production", "--json", file=fresh / "prompts.tp")
        last = json.loads(shown.stdout)["moves"][-1]
        self.assertEqual((last["to"], last["reason"], last["actor"], last["verdict"]), (2, "0123abc", "ada", main.output["verdict"]))

        # A revert is the old version again, whose runs are there: nothing is called.
        back = self.judged(("", ""))
        self.assertEqual(self.repository.version("candidate"), 1)
        for name in ("Evaluate the version that is live", "Evaluate the version that might come"):
            self.assertIn("nothing is called", back.ran[name][2])
        self.assertNotEqual(back.code, 0, back)

    def test_a_worse_version_fails_and_moves_nothing(self):
        for ref in ("refs/pull/7/merge", "refs/heads/main"):
            with self.subTest(ref):
                job = self.judged(WORSE, ref) if ref != "refs/heads/main" else self.repository.job(ref)
                self.assertEqual(job.code, 1, job)
                self.assertEqual(job.ran["Judge"][0], 1)
                self.assertNotIn("Promote", job.ran)
                self.assertEqual(job.output["outcome"], "fail")
                self.assertEqual((job.report.get("failures"), job.report.get("errors")), ("2", "0"))
                failure = job.report.find(".//failure")
                self.assertEqual(failure.get("type"), "no_regression")
                for part in ("dates version 2 for production", "version 2 against version 1 on golden version 1", "apollo-11 1 -> 0", "stays on version 1"):
                    self.assertIn(part, failure.text)
                kinds = [kind for kind, _, _ in job.annotations]
                self.assertEqual(kinds, ["error", "error", "error"])
                self.assertIn("points (95 %25 one-sided bound), allowed", job.annotations[0][2])
                self.assertIn("worst items: apollo-11 1 -> 0", job.annotations[0][2])
                self.assertIn("| **FAIL** | no\\_regression(exact) |", job.summary)
                self.assertIn("apollo-11 1 -&gt; 0", job.summary)
                self.assertEqual(self.repository.version("production"), 1)
        said = self.repository.trialplate("promote", "dates", "@candidate", "--to", "production")
        self.assertEqual(said.returncode, 1, said)
        self.assertEqual(self.repository.version("production"), 1)

    def test_what_the_data_do_not_settle_cannot_be_told(self):
        job = self.judged(UNSURE, "refs/heads/main")
        self.assertEqual(job.code, 3, job)
        self.assertNotIn("Promote", job.ran)
        self.assertEqual(job.output["outcome"], "cannot-tell")
        self.assertEqual(job.report.get("failures"), "0")
        self.assertEqual({error.get("type") for error in job.report.iter("error")}, {"cannot-tell"})
        self.assertEqual({kind for kind, _, _ in job.annotations}, {"warning"})
        self.assertIn("Gate cannot tell: dates version 2 for production", job.summary)
        self.assertEqual(self.repository.version("production"), 1)
        # The README's way to let it through on a pull request.
        code, _, _ = self.repository.bash("trialplate --file prompts.tp check dates @candidate production || [ $? -eq 3 ]")
        self.assertEqual(code, 0)

    def test_a_model_that_is_down_is_no_pass(self):
        (self.repository.path / "task.py").write_text("raise ConnectionError('the model is down')\n")
        job = self.judged(BETTER)
        self.assertEqual(job.code, 3, job)
        self.assertIn("exit code 1: ConnectionError: the model is down", job.ran["Evaluate the version that might come"][2])
        self.assertIn("60 of 60 rows, 60 errors", job.ran["Evaluate the version that might come"][1])

    def test_the_pre_commit_hook(self):
        hook = dict(re.findall(r"^[ -] ([a-z_]+): (.*)$", (ROOT / ".pre-commit-hooks.yaml").read_text(), re.M))
        self.assertEqual(hook["language"], "system")
        command = f"export TRIALPLATE_FILE=prompts.tp; {hook['entry']} {hook['args'].strip('[]')}"
        self.assertEqual(self.repository.bash(command)[0], 0)
        self.repository.edit(BETTER)
        code, out, err = self.repository.bash(command, self.repository.env)
        self.assertEqual((code, out.split("\n")[-2]), (1, "1 would be created, 0 unchanged"), err)
        self.assertIn("trialplate apply prompts/", err)


class Data(unittest.TestCase):
    def test_every_item_is_well_formed(self):
        items = [json.loads(line) for line in (RECIPE / "dataset.jsonl").read_text().splitlines()]
        self.assertGreaterEqual(len(items), 40)
        self.assertEqual(len({item["key"] for item in items}), len(items))
        for item in items:
            self.assertRegex(item["expected"], r"^(\d{4}-\d\d-\d\d|none)$")


if __name__ == "__main__":
    unittest.main()
