"""A logger that is killed: logs and scores as fast as it can, and says what is on disk.

Each line on stdout is the number of the last trace that is on disk, by `flush` or by `durable=True`, which waits for those
before it too. The line is written afterwards, so whatever the parent has read must be in the file for ever.
"""

import itertools
import json
import os
import sys

import trialplate


def main():
    path, who = sys.argv[1], sys.argv[2]
    store = trialplate.open(path, busy_timeout=60)
    v = store.get("shared")
    for i in itertools.count():
        id = store.log(v, trace_id=f"{who} {i}", output={"i": i}, durable=i % 50 == 0)
        store.score(id, "quality", i % 5, durable=i % 50 == 0)
        if i % 50 == 0:
            os.write(1, (json.dumps(i) + "\n").encode())
        elif i % 7 == 0:
            store.flush()
            os.write(1, (json.dumps(i) + "\n").encode())


main()
