"""What `test_circumstances.py` does in a process of its own: `circumstances.py WHAT FOLDER`.

Each function has the folder to itself, and fails as any test does. The ones about permissions give up root's rights first, for
whom there are none.
"""

import os
import resource
import shutil
import sys
from pathlib import Path

import trialplate


def code(call, *arguments, **options):
    """What a call says, or `fine`."""
    try:
        call(*arguments, **options)
    except trialplate.TrialplateError as error:
        return error.code
    return "fine"


def as_nobody(folder):
    os.chmod(folder, 0o777)
    # Imported while it may still be: an interpreter may lie where only root reads.
    with trialplate.open(folder / "warm.tp") as store:
        store.publish("p", "text", labels="production")
        store.prompts()
        store.verify()
    (folder / "warm.tp").unlink()
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    os.umask(0o022)


def made(folder):
    path = folder / "store.tp"
    with trialplate.open(path) as store:
        store.publish("p", "the first", labels="production")
    return path


def fill(store, most):
    """Publishes until it is refused; how many were acknowledged, and the error."""
    for i in range(most):
        try:
            store.publish("p", f"text {i} " + os.urandom(20_000).hex())
        except trialplate.StorageError as error:
            return i, error
    raise AssertionError(f"{most} versions went onto a full disk")


def full(path, words, give_space):
    store = trialplate.open(path)
    reader = trialplate.open(path, read_only=True)
    done, error = fill(store, 2_000)
    assert error.code == "storage" and words in str(error), error
    assert done > 0
    # What was refused is nowhere, what was acknowledged is, and reading goes on.
    for one in (store, reader, trialplate.open(path, read_only=True)):
        assert one.get("p").prompt == "the first"
        assert one.get("p", label="latest").number == done + 1
        assert len(one.versions("p")) == done + 1
    again, error = fill(store, 2_000)
    assert again < done and error.code == "storage", (again, error)
    store.log(1, prompt="p", trace_id="t", output=os.urandom(1 << 20).hex())
    try:
        store.flush()
        raise AssertionError("a trace went onto a full disk")
    except trialplate.StorageError as error:
        assert words in str(error), error
    give_space()
    v = store.publish("p", "there is space again " + os.urandom(60_000).hex())
    assert v.number == done + again + 2, v
    assert reader.get("p", label="latest").number == v.number
    assert code(store.trace, "t") == "trace-not-found"
    assert store.verify().ok
    store.close()
    reader.close()
    with trialplate.open(path) as store:
        assert store.get("p", label="latest") == v
        assert store.verify().ok


def limited_file(folder):
    """The file may not grow any more."""
    path = made(folder)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 300_000, before[1]))
    full(path, "too large", lambda: resource.setrlimit(resource.RLIMIT_FSIZE, before))


def small_disk(folder):
    """A file system of two megabytes, with a file on it that is taken away again."""
    ballast = folder / "ballast"
    ballast.write_bytes(bytes(1 << 20))
    full(made(folder), "No space left", ballast.unlink)


def read_only_file(folder):
    path = made(folder)
    as_nobody(folder)
    mine = folder / "mine.tp"
    shutil.copyfile(path, mine)
    os.chmod(mine, 0o444)
    before = mine.read_bytes()
    assert code(trialplate.open, mine) == "storage"
    with trialplate.open(mine, read_only=True) as store:
        assert store.get("p").prompt == "the first"
        assert code(store.publish, "p", "another") == "read-only"
        assert store.verify().ok
    assert mine.read_bytes() == before


def read_only_folder(folder):
    as_nobody(folder)
    inner = folder / "inner"
    inner.mkdir()
    path = made(inner)
    os.chmod(inner, 0o555)
    with trialplate.open(path) as store:
        assert store.publish("p", "the second", labels="production").number == 2
    with trialplate.open(path, read_only=True) as store:
        assert store.get("p").number == 2
    assert code(trialplate.open, inner / "another.tp") == "storage"
    assert [p.name for p in inner.iterdir()] == ["store.tp"]
    os.chmod(inner, 0o755)


def permission_lost(folder):
    as_nobody(folder)
    inner = folder / "inner"
    inner.mkdir()
    path = made(inner)
    reading, writing = trialplate.open(path), trialplate.open(path)
    writing.publish("p", "the second")
    os.chmod(path, 0)
    # What is open stays open; who comes now is told.
    assert reading.get("p").prompt == "the first"
    assert len(reading.versions("p")) == 2
    assert writing.publish("p", "the third").number == 3
    assert code(trialplate.open, path, read_only=True) in ("storage", "fine")
    other = os.fork()
    if other == 0:
        # Nothing that this process has open helps the next one.
        os._exit(0 if code(trialplate.open, path) == code(trialplate.open, path, read_only=True) == "storage" else 1)
    assert os.waitpid(other, 0)[1] == 0
    os.chmod(inner, 0)
    assert code(reading.versions, "p") == "storage"
    assert code(writing.publish, "p", "never") == "storage"
    os.chmod(inner, 0o755)
    os.chmod(path, 0o644)
    assert len(reading.versions("p")) == 3
    assert writing.publish("p", "the fourth").number == 4
    assert reading.verify().ok
    reading.close()
    writing.close()

    # Lost before the first write, which opens the file once more.
    store = trialplate.open(path)
    assert store.get("p").number == 1
    os.chmod(path, 0o444)
    assert code(store.publish, "p", "the fifth") == "storage"
    assert store.get("p", label="latest").number == 4
    os.chmod(path, 0o644)
    assert store.publish("p", "the fifth").number == 5
    assert store.verify().ok
    store.close()


def removed(folder):
    path = made(folder)
    store = trialplate.open(path)
    assert store.get("p").number == 1
    aside = folder / "aside.tp"
    for write_first in (False, True):
        if write_first:
            store.publish("p", "the second")
        os.rename(path, aside)
        assert code(store.versions, "p") == "storage"
        assert code(store.publish, "p", "never") == "storage"
        store.log(1, prompt="p", trace_id="never")
        assert code(store.flush) == "storage"
        assert not path.exists(), "nobody makes it again behind its owner's back"
        os.rename(aside, path)
        assert len(store.versions("p")) == 1 + write_first
        assert code(store.trace, "never") == "trace-not-found"
        assert store.verify().ok
    os.unlink(path)
    assert code(store.publish, "p", "never") == "storage"
    store.close()
    with trialplate.open(path) as store:
        assert store.prompts() == []


def replaced(folder):
    path = made(folder)
    other = folder / "other.tp"
    with trialplate.open(other) as store:
        store.publish("p", "of the other", labels="production")
    for write_first in (False, True):
        store = trialplate.open(path)
        if write_first:
            store.publish("p", "the second")
        old, new = folder / "old.tp", folder / "new.tp"
        os.link(path, old)
        shutil.copyfile(other, new)
        os.rename(new, path)
        assert store.publish("p", "after").number == 2
        assert [v.prompt for v in store.versions("p")] == ["of the other", "after"]
        assert store.get("p").prompt == "of the other"
        assert store.verify().ok
        store.close()
        with trialplate.open(old) as store:
            assert [v.prompt for v in store.versions("p")] == ["the first", "the second"][: 1 + write_first]
            assert store.verify().ok
        os.rename(old, path)


def huge(folder):
    """A text of more than 4 GiB, which no 32-bit length can say."""
    path = made(folder)
    text = "x" * ((1 << 32) + 1)
    with trialplate.open(path) as store:
        size = path.stat().st_size
        for call in (
            lambda: store.publish("p", text),
            lambda: store.dataset("d").add([{"key": "k", "input": text}]),
            lambda: store.log(1, prompt="p", output=text, durable=True),
        ):
            assert code(call) == "too-large"
        assert path.stat().st_size == size
        assert len(store.versions("p")) == 1 and store.verify().ok


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]))
