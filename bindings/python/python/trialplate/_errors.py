"""What can go wrong: a tree by what a handler would do, each error with an append-only code."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar

    from ._results import Verdict


class TrialplateError(Exception):
    """The base of all errors.

    Match on the class or on `code`, not on the text.

    Attributes:
        code: a name that never changes its meaning and is the same in every language, such as `label-not-found`.
        kind: what a handler would do about it, such as `not-found`.
    """

    default_kind: ClassVar[str] = "storage"

    def __init__(self, message: str, *, code: str = "error", kind: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.kind = kind or self.default_kind

    # KeyError would show its message as a repr, OSError as an errno.
    def __str__(self) -> str:
        return str(self.args[0])

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (type(self), str(self), self.code, self.kind, self._extra())

    def _extra(self) -> dict[str, Any] | None:
        return None


class NotFoundError(TrialplateError, KeyError):
    """What was asked for is not in the store."""

    default_kind = "not-found"


class AlreadyExistsError(TrialplateError):
    """It is there already, and differs or may not be written twice."""

    default_kind = "already-exists"


class ConflictError(TrialplateError):
    """Somebody else changed it first: read again, decide again."""

    default_kind = "conflict"


class InvalidError(TrialplateError, ValueError):
    """The input is wrong; nothing was written."""

    default_kind = "invalid"


class RefusedError(TrialplateError):
    """The input is fine, but a rule of the store forbids it."""

    default_kind = "refused"


class GateRefused(RefusedError):
    """A gate did not let a version pass.

    Attributes:
        verdict: what the gate found, check by check.
    """

    verdict: Verdict | None = None

    def _extra(self) -> dict[str, Any] | None:
        return None if self.verdict is None else self.verdict.to_dict()


class CorruptError(TrialplateError):
    """The file holds something it should not."""

    default_kind = "corrupt"


class IncompatibleError(TrialplateError):
    """The file is not ours, or not ours yet."""

    default_kind = "incompatible"


class BusyError(TrialplateError, TimeoutError):
    """Another process holds the file; try again."""

    default_kind = "busy"


class StorageError(TrialplateError, OSError):
    """The operating system or the disk said no."""

    default_kind = "storage"


_BY_KIND: dict[str, type[TrialplateError]] = {
    cls.default_kind: cls
    for cls in (
        NotFoundError,
        AlreadyExistsError,
        ConflictError,
        InvalidError,
        RefusedError,
        CorruptError,
        IncompatibleError,
        BusyError,
        StorageError,
    )
}


def make(code: str, kind: str, message: str, verdict: str | None) -> TrialplateError:
    """The exception for an error of the core; what the native module calls."""
    cls = GateRefused if code == "gate-refused" else _BY_KIND.get(kind, TrialplateError)
    if verdict is None:
        return _again(cls, message, code, kind, None)
    import json

    return _again(cls, message, code, kind, json.loads(verdict))


def _again(
    cls: type[TrialplateError], message: str, code: str, kind: str, extra: dict[str, Any] | None
) -> TrialplateError:
    error = cls(message, code=code, kind=kind)
    if isinstance(error, GateRefused) and extra is not None:
        from ._results import Verdict

        error.verdict = Verdict.from_dict(extra)
    return error
