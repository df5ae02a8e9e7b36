"""Hard circumstances: no space, no permission, a file that goes away. Each in a process of its own."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

from helpers import HERE, PACKAGE

LONG = bool(os.environ.get("TRIALPLATE_LONG"))


def may_mount():
    """Whether a process here may have a file system of its own."""
    command = ["unshare", "-Urm", "mount", "-t", "tmpfs", "none", "/mnt"]
    return shutil.which("unshare") is not None and subprocess.run(command, capture_output=True).returncode == 0


class Circumstances(unittest.TestCase):
    def under(self, what, before=()):
        with tempfile.TemporaryDirectory() as folder:
            command = [*before, sys.executable, str(HERE / "circumstances.py"), what, folder]
            env = {**os.environ, "PYTHONPATH": str(PACKAGE)}
            done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=600)
            self.assertEqual(done.returncode, 0, done.stderr[-3000:])

    def test_a_file_that_may_not_grow(self):
        self.under("limited_file")

    @unittest.skipUnless(may_mount(), "a full disk needs a file system of its own; the limit of a file is tested anywhere")
    def test_a_full_disk(self):
        mounted = 'mount -t tmpfs -o size=2m none "$3" && exec "$0" "$@"'
        self.under("small_disk", ["unshare", "-Urm", "sh", "-c", mounted])

    def test_a_read_only_file(self):
        self.under("read_only_file")

    def test_a_read_only_folder(self):
        self.under("read_only_folder")

    def test_a_permission_that_is_lost_while_the_file_is_open(self):
        self.under("permission_lost")

    def test_a_file_that_is_removed_while_it_is_open(self):
        self.under("removed")

    def test_a_file_that_is_replaced_while_it_is_open(self):
        self.under("replaced")

    if LONG:
        # Takes 9 GB of memory.
        def test_a_text_of_more_than_4_gib(self):
            self.under("huge")


if __name__ == "__main__":
    unittest.main()
