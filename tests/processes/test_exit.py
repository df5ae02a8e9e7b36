"""How processes end that have just logged: nothing that `log` and `score` were asked for is lost, and the end is what it was."""

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import unittest
from pathlib import Path

import trialplate
from helpers import PACKAGE

CALLS = 300

BEGIN = """
import atexit, multiprocessing, os, signal, sys, threading, time
import trialplate
def logged(store, prefix, calls=%d):
    v = store.get("p")
    for i in range(calls):
        store.log(v, trace_id=f"{prefix} {i}", output="o" * 200)
def ready():
    os.write(1, b"ready\\n")
def wait():
    # In short sleeps: a signal just before a sleep begins is handled after it, in any Python.
    for _ in range(6000):
        time.sleep(0.01)
# As an interpreter has it that was not started in the background, whose children ignore the signal.
signal.signal(signal.SIGINT, signal.default_int_handler)
PATH = sys.argv[1]
"""


class Exit(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = str(Path(self.folder.name) / "prompts.tp")
        with trialplate.open(self.path) as store:
            store.publish("p", "{{x}}", labels="production")

    def tearDown(self):
        self.folder.cleanup()

    def begin(self, body):
        script = (BEGIN % CALLS) + textwrap.dedent(body)
        env = {**os.environ, "PYTHONPATH": str(PACKAGE)}
        command = [sys.executable, "-c", script, self.path]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)

    def end(self, process):
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def there(self, prefix):
        with trialplate.open(self.path, read_only=True) as store:
            found, cursor = 0, None
            while True:
                page = store.traces("p", limit=1000, cursor=cursor)
                found += sum(trace.trace_id.startswith(prefix + " ") for trace in page.traces)
                if page.next is None:
                    return found
                cursor = page.next

    def check(self, body, code, prefix="a", calls=CALLS):
        got, out, err = self.end(self.begin(body))
        self.assertEqual((got, self.there(prefix)), (code, calls), err)
        return err

    def test_the_end_of_the_script(self):
        self.check("store = trialplate.open(PATH); logged(store, 'a')", 0)

    def test_a_store_that_is_dropped_without_close(self):
        self.check("store = trialplate.open(PATH); logged(store, 'a'); del store", 0)

    def test_with(self):
        self.check("with trialplate.open(PATH) as store: logged(store, 'a')", 0)

    def test_with_and_an_exception(self):
        err = self.check("with trialplate.open(PATH) as store:\n    logged(store, 'a')\n    raise KeyError('mine')", 1)
        self.assertIn("KeyError: 'mine'", err)

    def test_sys_exit(self):
        self.check("store = trialplate.open(PATH); logged(store, 'a'); sys.exit(7)", 7)

    def test_an_unhandled_exception(self):
        self.assertIn("mine", self.check("store = trialplate.open(PATH); logged(store, 'a'); raise ValueError('mine')", 1))

    def test_from_a_thread(self):
        body = """
            store = trialplate.open(PATH)
            threading.Thread(target=logged, args=(store, 'a')).start()
        """
        self.check(body, 0)

    def test_what_failed_is_said_and_spoils_no_other_store(self):
        body = """
            one, two = trialplate.open(PATH), trialplate.open(PATH)
            v = one.get("p")
            one.score("nobody", "q", 1)
            two.score("nobody", "q", 1)
            logged(two, 'a')
        """
        err = self.check(body, 0)
        self.assertEqual(err.count("NotFoundError: there is no such trace"), 2, err)

    def terminated(self, body, prefix="a", calls=CALLS, number=signal.SIGTERM):
        process = self.begin(body)
        self.assertEqual(process.stdout.readline(), "ready\n")
        process.send_signal(number)
        code, out, err = self.end(process)
        self.assertEqual(self.there(prefix), calls, err)
        return code, out, err

    def test_sigterm_kills_as_it_would_and_loses_nothing(self):
        body = "store = trialplate.open(PATH); logged(store, 'a'); ready(); wait()"
        self.assertEqual(self.terminated(body)[0], -signal.SIGTERM)

    def test_sigterm_while_a_thread_logs(self):
        body = """
            store = trialplate.open(PATH)
            logged(store, 'a')
            threading.Thread(target=lambda: [logged(store, f'other {i}') for i in range(10**6)], daemon=True).start()
            ready()
            wait()
        """
        self.assertEqual(self.terminated(body)[0], -signal.SIGTERM)

    def test_sigint_is_a_keyboard_interrupt_as_ever(self):
        body = "store = trialplate.open(PATH); logged(store, 'a'); ready(); wait()"
        code, _, err = self.terminated(body, number=signal.SIGINT)
        self.assertEqual((code, "KeyboardInterrupt" in err), (-signal.SIGINT, True))

    def test_handlers_of_others_stay(self):
        def body(place):
            places = ["signal.signal(signal.SIGTERM, mine)" if place == here else "" for here in range(3)]
            return """
                def mine(number, frame):
                    print("mine", flush=True)
                    sys.exit(3)
                %s
                store = trialplate.open(PATH)
                %s
                logged(store, 'at {place}')
                %s
                ready()
                wait()
            """.replace("{place}", str(place)) % tuple(places)

        for place in range(3):
            code, out, _ = self.terminated(body(place), f"at {place}")
            self.assertEqual((code, out), (3, "mine\n"), f"set at {place}")

    def test_an_ignored_sigterm_stays_ignored(self):
        body = """
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            store = trialplate.open(PATH)
            logged(store, 'a')
            ready()
            time.sleep(0.5)
            sys.exit(5)
        """
        self.assertEqual(self.terminated(body)[0], 5)

    def test_a_server_that_puts_handlers_back_and_raises_again(self):
        # As uvicorn does: its handler for as long as it serves, then what was there, and the signal once more.
        body = """
            store = trialplate.open(PATH)
            logged(store, 'a', 1)
            asked = []
            before = signal.signal(signal.SIGTERM, lambda number, frame: asked.append(number))
            ready()
            while not asked:
                time.sleep(0.01)
            logged(store, 'b')
            signal.signal(signal.SIGTERM, before)
            signal.raise_signal(signal.SIGTERM)
        """
        self.assertEqual(self.terminated(body, "b")[0], -signal.SIGTERM)

    def test_no_handler_where_it_was_not_wanted_or_nothing_was_logged(self):
        body = """
            store = trialplate.open(PATH, flush_on_signal=False)
            logged(store, 'a')
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
            other = trialplate.open(PATH)
            other.get("p")
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
            thread = threading.Thread(target=logged, args=(other, 'b', 1))
            thread.start()
            thread.join()
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        """
        self.check(body, 0)

    def test_a_second_sigterm_waits_for_nothing(self):
        process = self.begin(
            """
            store = trialplate.open(PATH)
            logged(store, 'a', 1)
            def slow(self):
                ready()
                wait()
            trialplate.Store.flush = slow
            ready()
            wait()
            """
        )
        self.assertEqual(process.stdout.readline(), "ready\n")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.stdout.readline(), "ready\n", "it flushes")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(self.end(process)[0], -signal.SIGTERM)

    def test_forks_begin_with_an_empty_queue_and_their_own_end(self):
        body = """
            store = trialplate.open(PATH)
            logged(store, 'a')
            child = os.fork()
            if child == 0:
                stats = store.recorder()
                assert (stats.waiting, stats.recorded) == (0, 0), stats
                logged(store, 'child')
                sys.exit(4)
            logged(store, 'b')
            _, status = os.waitpid(child, 0)
            sys.exit(os.waitstatus_to_exitcode(status))
        """
        err = self.check(body, 4)
        self.assertEqual((self.there("child"), self.there("b")), (CALLS, CALLS), err)

    def test_a_forked_child_is_terminated(self):
        body = """
            store = trialplate.open(PATH)
            logged(store, 'parent', 1)
            has_logged, tell = os.pipe()
            child = os.fork()
            if child == 0:
                logged(store, 'a')
                os.write(tell, b".")
                wait()
            os.read(has_logged, 1)
            os.kill(child, signal.SIGTERM)
            _, status = os.waitpid(child, 0)
            sys.exit(0 if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGTERM else 1)
        """
        self.check(body, 0)

    def test_processes_and_pools_of_multiprocessing(self):
        body = """
            store = trialplate.open(PATH)
            def work(i):
                for n in range(25):
                    store.log(store.get("p"), trace_id=f"a {os.getpid()} {i} {n}")
            context = multiprocessing.get_context("fork")
            child = context.Process(target=work, args=(99,))
            child.start()
            child.join()
            assert child.exitcode == 0
            pool = context.Pool(3)
            pool.map(work, range(5))
            pool.close()
            pool.join()
            # Its end terminates the workers.
            with context.Pool(3) as pool:
                pool.map(work, range(6))
        """
        self.check(body, 0, calls=25 * 12)

    def test_prefork_as_gunicorn_does_it(self):
        # A master that has the application loaded, and workers whose handler of SIGTERM ends in sys.exit.
        body = """
            store = trialplate.open(PATH)
            store.log(store.get("p"), trace_id="master")
            workers, (has_logged, tell) = [], os.pipe()
            for worker in range(3):
                pid = os.fork()
                if pid:
                    workers.append(pid)
                    continue
                signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
                for n in range(100):
                    store.log(store.get("p"), trace_id=f"a {worker} {n}")
                os.write(tell, b".")
                wait()
            def stop(number, frame):
                for pid in workers:
                    os.kill(pid, signal.SIGTERM)
                codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in workers]
                sys.exit(max(codes))
            signal.signal(signal.SIGTERM, stop)
            for _ in workers:
                os.read(has_logged, 1)
            ready()
            wait()
        """
        self.assertEqual(self.terminated(body)[0], 0)

    def test_os_exit_and_sigkill_lose_calls_whole(self):
        body = "store = trialplate.open(PATH); logged(store, 'a'); os._exit(0)"
        code, _, err = self.end(self.begin(body))
        self.assertEqual(code, 0, err)
        found = self.there("a")
        self.assertIn(found, range(CALLS + 1))
        with trialplate.open(self.path) as store:
            self.assertTrue(store.verify().ok)
            # What is there is the beginning.
            for i in range(found):
                store.trace(f"a {i}")

    def test_a_call_is_durable_without_another_one(self):
        process = self.begin("store = trialplate.open(PATH); logged(store, 'a', 1); ready(); wait()")
        self.assertEqual(process.stdout.readline(), "ready\n")
        patience = time.monotonic() + 20
        while self.there("a") == 0 and time.monotonic() < patience:
            time.sleep(0.01)
        process.kill()
        self.end(process)
        self.assertEqual(self.there("a"), 1)

    def test_those_who_wait_share_commits(self):
        with trialplate.open(self.path) as store:
            v, before = store.get("p"), store.recorder().commits

            def work():
                for _ in range(25):
                    store.log(v, durable=True)

            threads = [threading.Thread(target=work) for _ in range(16)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            stats = store.recorder()
            self.assertLess(stats.commits - before, 16 * 25)
            self.assertEqual(store.verify().traces, 16 * 25)
            self.assertEqual(stats.recorded, 0, "somebody waited for each")


if __name__ == "__main__":
    unittest.main()
