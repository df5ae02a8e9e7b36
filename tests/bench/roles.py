"""The other process of W4 and W9, and the new process of W2. usage: roles.py ROLE PEER PATH [SECONDS]"""

import json
import sys
import time

import peers

CLASSES = {"ours": peers.Ours, "sqlite": peers.Sqlite, "lmdb": peers.Lmdb}


def wait_for_move(registry):
    """W4: polls `get` until it returns what the parent is about to set, and says when."""
    print("ready", flush=True)
    for line in sys.stdin:
        wanted = int(line)
        print("armed", flush=True)
        while registry.number(registry.get("shared", "production")) != wanted:
            pass
        print(time.monotonic_ns(), flush=True)


def read_all_the_time(registry, seconds):
    """W9: reads for some seconds; counts, and says if it ever went back."""
    registry.get("shared", "production")
    print("ready", flush=True)
    sys.stdin.readline()
    end, n, last, back, errors = time.perf_counter() + seconds, 0, 0, 0, 0
    while time.perf_counter() < end:
        for _ in range(100):
            try:
                number = registry.number(registry.get("shared", "production"))
            except Exception:
                errors += 1
                continue
            back += number < last
            last, n = number, n + 1
    print(json.dumps({"n": n, "back": back, "errors": errors}), flush=True)


def main():
    role, peer, path = sys.argv[1:4]
    registry = CLASSES[peer](path)
    if role == "w4":
        wait_for_move(registry)
    else:
        read_all_the_time(registry, float(sys.argv[4]))


main()
