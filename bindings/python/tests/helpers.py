"""What the tests share: a store in a folder of its own."""

import contextlib
import tempfile
import unittest
from pathlib import Path

import trialplate


class StoreTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "prompts.tp"
        self.store = trialplate.open(self.path, actor="ada")
        self.addCleanup(self.store.close)

    @contextlib.contextmanager
    def fails(self, code, cls=trialplate.TrialplateError):
        """The block raises an error of that class with that code."""
        with self.assertRaises(cls) as caught:
            yield caught
        self.assertEqual(caught.exception.code, code, str(caught.exception))
