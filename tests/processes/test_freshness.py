"""A label moved in one process is what the next `get` in every other one returns: Python, Node and the shell."""

import tempfile
import unittest
from pathlib import Path

from helpers import cli, node_worker, python_worker

ROUNDS = 1000


class Freshness(unittest.TestCase):
    def test_a_move_is_seen_by_the_next_get_everywhere(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "prompts.tp"
            python, node = python_worker(path), node_worker(path)
            try:
                for i in range(1, 4):
                    python.ask(do="publish", name="p", text=f"text {i}")
                moves = 0

                def through_cli(do, to=None):
                    if do == "get":
                        return cli(path, "get", "p@production")["number"]
                    cli(path, "set-label", "p", "production", str(to))
                    return to

                def through(worker):
                    return lambda do, to=None: worker.ask(do=do, name="p", label="production", to=to)

                doors = {"python": through(python), "node": through(node), "cli": through_cli}
                for round_ in range(ROUNDS):
                    for writer, move in doors.items():
                        moves += 1
                        to = 1 + moves % 3
                        move("move", to)
                        for reader, get in doors.items():
                            self.assertEqual(get("get"), to, f"{reader} after {writer}, round {round_}")
                self.assertTrue(cli(path, "verify")["ok"])
                self.assertEqual(len(cli(path, "history", "p", "production")["moves"]), 3 * ROUNDS)
            finally:
                python.close()
                node.close()


if __name__ == "__main__":
    unittest.main()
