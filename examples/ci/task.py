"""Answers one item: JSON on stdin, the answer on stdout. This is the one file of the recipe that is yours to write.

`model` below stands in for the call of a model, so that the recipe runs without a key and gives the same answers every
time. It is no table of answers: it reads the prompt, follows the instructions that it finds there, and makes the
mistakes of a model where an instruction is missing. With a real model it is a call such as

    answer = client.messages.create(model=item["model"], messages=[{"role": "user", "content": item["prompt"]}], **item["params"])
"""

import json
import re
import sys

MONTHS = "january february march april may june july august september october november december".split()
MONTH = "|".join(MONTHS)


def model(prompt, params):
    """<<< YOUR MODEL CALL GOES HERE >>>"""
    instructions, _, sentence = prompt.rpartition("Sentence:")
    found = find(sentence, day_first="day comes first" in instructions)
    if found is None:
        # Asked for a date and told of no way out, a model makes one up.
        return "none" if "answer none" in instructions else "1970-01-01"
    text, year, month, day = found
    return f"{year:04}-{month:02}-{day:02}" if "YYYY-MM-DD" in instructions else text


def find(sentence, day_first):
    """The first date of the sentence: as it stands there, and as year, month and day."""
    if m := re.search(rf"(\d{{1,2}})(?:st|nd|rd|th)?(?: of)? ({MONTH}) (\d{{4}})", sentence, re.I):
        return m[0], int(m[3]), 1 + MONTHS.index(m[2].lower()), int(m[1])
    if m := re.search(rf"({MONTH}) (\d{{1,2}}), (\d{{4}})", sentence, re.I):
        return m[0], int(m[3]), 1 + MONTHS.index(m[1].lower()), int(m[2])
    if m := re.search(r"(\d\d)/(\d\d)/(\d{4})", sentence):
        first, second = int(m[1]), int(m[2])
        # What can be a month is read as one, unless it was told otherwise.
        month, day = (second, first) if day_first or first > 12 else (first, second)
        return m[0], int(m[3]), month, day
    return None


item = json.load(sys.stdin)
answer = model(item["prompt"], item["params"])
# Tokens, costs and scores of your own may stand beside the output; a plain `print(answer)` would do as well.
json.dump({"output": answer, "tokens_in": len(item["prompt"].split()), "tokens_out": 1}, sys.stdout)
