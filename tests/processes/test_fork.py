"""Pools of processes: forked and spawned, with the store opened before and after."""

import multiprocessing
import os
import tempfile
import threading
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import helpers  # noqa: F401  (finds the package)
import trialplate

STORE = None
EACH, WORKERS = 25, 4


def publish_inherited(i):
    """Uses the store that the parent opened before it forked."""
    return [STORE.publish("shared", f"{os.getpid()} {i} {j}").number for j in range(EACH)]


def publish_opened(args):
    path, i = args
    with trialplate.open(path) as store:
        return [store.publish("shared", f"{os.getpid()} {i} {j}").number for j in range(EACH)]


def publish_pickled(args):
    store, i = args
    return [store.publish("shared", f"{os.getpid()} {i} {j}").number for j in range(EACH)]


class Pools(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = str(Path(self.folder.name) / "prompts.tp")

    def tearDown(self):
        self.folder.cleanup()

    def check(self, lists, before=0):
        numbers = sorted(n for some in lists for n in some)
        self.assertEqual(numbers, list(range(before + 1, before + 1 + len(numbers))), "lost or given twice")
        with trialplate.open(self.path) as store:
            self.assertEqual(len(store.versions("shared")), numbers[-1])
            report = store.verify()
            self.assertTrue(report.ok, report.broken)

    def test_fork_after_open(self):
        global STORE
        with trialplate.open(self.path) as STORE:
            STORE.publish("shared", "from the parent, before")
            with multiprocessing.get_context("fork").Pool(WORKERS) as pool:
                result = pool.map_async(publish_inherited, range(WORKERS))
                mine = [STORE.publish("shared", f"parent {j}").number for j in range(EACH)]
                lists = result.get(timeout=120)
            STORE.publish("shared", "from the parent, after")
        self.check([*lists, mine, [1 + (WORKERS + 1) * EACH + 1]], before=1)

    def test_fork_while_threads_write(self):
        global STORE
        with trialplate.open(self.path) as STORE:
            stop, written = threading.Event(), []

            def write():
                while not stop.is_set():
                    written.append(STORE.publish("shared", f"thread {threading.get_ident()} {len(written)} {os.urandom(4).hex()}").number)

            with ThreadPoolExecutor(3) as threads:
                futures = [threads.submit(write) for _ in range(3)]
                try:
                    with multiprocessing.get_context("fork").Pool(WORKERS) as pool:
                        lists = pool.map(publish_inherited, range(WORKERS))
                finally:
                    stop.set()
                for future in futures:
                    future.result()
        self.check([*lists, written])

    def test_fork_before_open(self):
        with multiprocessing.get_context("fork").Pool(WORKERS) as pool:
            lists = pool.map(publish_opened, [(self.path, i) for i in range(WORKERS)])
        self.check(lists)

    def test_spawn(self):
        with multiprocessing.get_context("spawn").Pool(WORKERS) as pool:
            lists = pool.map(publish_opened, [(self.path, i) for i in range(WORKERS)])
        self.check(lists)

    def test_spawn_with_a_pickled_store(self):
        with trialplate.open(self.path, actor="ada") as store:
            with multiprocessing.get_context("spawn").Pool(WORKERS) as pool:
                lists = pool.map(publish_pickled, [(store, i) for i in range(WORKERS)])
        self.check(lists)

    def test_a_forked_child_sees_later_moves(self):
        global STORE
        with trialplate.open(self.path) as STORE:
            one, two = STORE.publish("p", "one"), STORE.publish("p", "two")
            STORE.set_label("p", "production", one)
            self.assertEqual(STORE.get("p").number, 1)
            context = multiprocessing.get_context("fork")
            ours, theirs = context.Pipe()
            child = context.Process(target=see, args=(theirs,))
            child.start()
            self.assertEqual(ours.recv(), 1)
            STORE.set_label("p", "production", two)
            ours.send("look")
            self.assertEqual(ours.recv(), 2)
            child.join()


def see(pipe):
    pipe.send(STORE.get("p").number)
    pipe.recv()
    pipe.send(STORE.get("p").number)


if __name__ == "__main__":
    unittest.main()
