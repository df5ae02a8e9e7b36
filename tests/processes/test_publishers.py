"""Two processes publish to one prompt at once: no number twice, nothing lost."""

import tempfile
import threading
import unittest
from pathlib import Path

from helpers import cli, node_worker, python_worker

EACH = 150


class Publishers(unittest.TestCase):
    def test_python_and_node_at_once(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "prompts.tp"
            workers = {"python": python_worker(path), "node": node_worker(path), "python-2": python_worker(path)}
            numbers = {who: [] for who in workers}

            def publish(who):
                for i in range(EACH):
                    numbers[who].append(workers[who].ask(do="publish", name="p", text=f"{who} {i}"))

            threads = [threading.Thread(target=publish, args=(who,)) for who in workers]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            for worker in workers.values():
                worker.close()
            given = sorted(n for some in numbers.values() for n in some)
            self.assertEqual(given, list(range(1, EACH * len(workers) + 1)))
            versions = {v["number"]: v["prompt"] for v in cli(path, "versions", "p")["versions"]}
            for who, some in numbers.items():
                for i, number in enumerate(some):
                    self.assertEqual(versions[number], f"{who} {i}")


if __name__ == "__main__":
    unittest.main()
