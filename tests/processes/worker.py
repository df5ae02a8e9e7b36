"""Answers requests on stdin with a store that stays open: move, get, publish."""

import json
import sys

import trialplate


def main():
    store = trialplate.open(sys.argv[1])
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "move":
            store.set_label(request["name"], request["label"], request["to"])
            answer = request["to"]
        elif request["do"] == "get":
            answer = store.get(request["name"], label=request["label"]).number
        else:
            answer = store.publish(request["name"], request["text"]).number
        print(json.dumps(answer), flush=True)
    store.close()


main()
