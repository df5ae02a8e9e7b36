"""The work that every peer does, and how it is timed. Times are medians of repeats, in seconds."""

import os
import random
import statistics
import time
import timeit

WORDS = (
    "extract the following fields from the document and return strict json only when a value is present otherwise null "
    "never invent facts cite the source span keep the order of keys use metric units dates in iso format"
).split()


def filler(rng, size):
    words, length = [], 0
    while length < size + 16:
        word = rng.choice(WORDS)
        words.append(word)
        length += len(word) + 1
    return " ".join(words)[:size]


def template(size, variables, seed=20261123):
    """A template of exactly `size` bytes with that many variables, and the values for them (32 bytes each)."""
    rng = random.Random(seed)
    marks = ["{{var_%d}}" % i for i in range(variables)]
    room = size - sum(map(len, marks))
    share = room // (variables + 1)
    parts = []
    for mark in marks:
        parts += [filler(rng, share), mark]
    text = "".join(parts)
    text += filler(rng, size - len(text))
    values = {f"var_{i}": filler(rng, 32) for i in range(variables)}
    assert len(text) == size
    return text, values


def prompts(n):
    """`n` names and texts of 1 KiB with five variables; every text differs."""
    body, _ = template(1000, 5)
    return [("prompt-%06d" % i, ("Prompt %08d v1. " % i).ljust(24) + body) for i in range(n)]


def rate(function, minimum=0.2, repeats=7):
    """Seconds a call, median of the repeats."""
    timer = timeit.Timer(function)
    number, _ = timer.autorange()
    number = max(1, int(number * minimum / 0.2))
    return statistics.median(timer.repeat(repeats, number)) / number


def statement(text, names, minimum=0.2, repeats=7):
    timer = timeit.Timer(text, globals=names)
    number, _ = timer.autorange()
    return statistics.median(timer.repeat(repeats, number)) / number


def per_second(function, seconds=1.0, repeats=5):
    """Calls a second, median of the repeats; `function` gets a counter."""
    rates, i = [], 0
    for _ in range(repeats):
        start, done = time.perf_counter(), 0
        while (now := time.perf_counter()) - start < seconds:
            function(i)
            i, done = i + 1, done + 1
        rates.append(done / (now - start))
    return statistics.median(rates)


def remove(path):
    for suffix in ("", "-wal", "-shm", "-lock"):
        try:
            os.unlink(str(path) + suffix)
        except FileNotFoundError:
            pass
