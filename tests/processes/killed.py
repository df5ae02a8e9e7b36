"""A writer that is killed: publishes and moves a label as fast as it can, and says what was acknowledged.

Each line on stdout is one acknowledged write: [version number, content id, label target]. A line is written to the
pipe after the call returned, so whatever the parent has read must be in the file for ever.
"""

import itertools
import json
import os
import sys

import trialplate


def main():
    path, who = sys.argv[1], sys.argv[2]
    store = trialplate.open(path, busy_timeout=60)
    dataset = store.dataset("golden")
    for i in itertools.count():
        v = store.publish("shared", f"{who} {os.getpid()} {i}", params={"i": i})
        store.set_label("shared", f"at-{who}", v)
        if i % 10 == 0:
            dataset.add([{"key": f"{who}-{os.getpid()}-{i}", "input": i}])
        os.write(1, (json.dumps([v.number, v.id]) + "\n").encode())


main()
