"""The end of a process: what `log` and `score` were asked for is waited for, once one of them was called.

- The interpreter ends (also by `sys.exit` or an exception): `atexit`. A forked child of `multiprocessing` ends without
  that, by `os._exit`, but runs its finalizers.
- SIGTERM, where nobody handles it: Python would be killed with all it has in memory. What was there is put back and
  the signal raised again, so that the process ends as it would have. Servers have their own handlers (gunicorn,
  uvicorn, celery's main process) and end through `atexit`; theirs are never touched, before or after.
- `os._exit` and SIGKILL end a process at once. What was logged in the last milliseconds is lost then.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import traceback
import weakref
from typing import Any

from . import _native

#: By their ids. A dict, because it can be copied while another thread adds to it.
_watched: dict[int, weakref.ref[Any]] = {}
#: The process that has arranged its end.
_arranged: int | None = None


def watch(store: Any) -> None:
    """Sees to it that the end of this process waits for what `store` was asked for."""
    global _arranged
    key = id(store)
    _watched[key] = weakref.ref(store, lambda _: _watched.pop(key, None))
    if _arranged != os.getpid():
        if _arranged is None:
            atexit.register(flush_all)
            if hasattr(os, "register_at_fork"):
                os.register_at_fork(after_in_child=_native.forked)
        finalizers = sys.modules.get("multiprocessing.util")
        if finalizers is not None:
            # After those of users, which may log.
            finalizers.Finalize(None, flush_all, exitpriority=-1)
        _arranged = os.getpid()
    main = threading.current_thread() is threading.main_thread()
    if store._flush_on_signal and main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _terminated)
    store.watched()


def flush_all() -> None:
    """Waits for every store; raises the first error, and prints the others."""
    errors = []
    for reference in list(_watched.values()):
        store = reference()
        try:
            if store is not None and not store.closed:
                store.flush()
        except Exception as error:
            errors.append(error)
    for other in errors[1:]:
        traceback.print_exception(type(other), other, other.__traceback__)
    if errors:
        raise errors[0]


def _terminated(number: int, frame: Any) -> None:
    # First of all: a second SIGTERM waits for nothing.
    signal.signal(number, signal.SIG_DFL)
    try:
        flush_all()
    except Exception:
        traceback.print_exc()
    finally:
        signal.raise_signal(number)
