"""A reader that lives through it all: what it sees only ever moves forward, and is always whole."""

import sys

import trialplate


def main():
    store = trialplate.open(sys.argv[1], read_only=len(sys.argv) > 2 and sys.argv[2] == "read-only")
    last, reads = 0, 0
    print("ready", flush=True)
    while True:
        newest = store.get("shared", label="latest")
        assert newest.number >= last, f"went back from {last} to {newest.number}"
        assert newest.prompt, "a version without its text"
        last, reads = newest.number, reads + 1
        if reads % 2000 == 0:
            print(reads, flush=True)


main()
