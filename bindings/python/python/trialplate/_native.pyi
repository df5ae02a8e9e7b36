import os
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar, final

from typing_extensions import Self

_T = TypeVar("_T")

__version__: str
VERBS: list[str]

def forked() -> None:
    """A forked child: no store is watched there yet."""

class Store:
    def __new__(
        cls,
        path: str | os.PathLike[str],
        read_only: bool | None = None,
        busy_timeout: float | None = None,
        actor: str | None = None,
        when_full: str | None = None,
        max_queue_size: int | None = None,
        max_queue_bytes: int | None = None,
    ) -> Self: ...
    @property
    def path(self) -> str:
        """The file, as it was named."""

    @property
    def closed(self) -> bool:
        """Whether it was closed."""

    def close(self) -> None:
        """Closes the store, after what `log` and `score` were asked for. Any other call says `closed` from now on.

        Closing twice is fine.

        Raises:
            TrialplateError: what `flush` would raise; the store is closed all the same.
        """

    def call(self, verb: str, arguments: Any) -> str:
        """Calls a verb by its name with its arguments: a mapping, or JSON text. The result is JSON text."""

    def version(self, verb: str, arguments: Any) -> PromptVersion:
        """Calls `publish` or `get`; the result is the version."""

    def ask(self, verb: str, arguments: Any) -> Any:
        """As `call`, with the result as Python values."""

    def get(
        self,
        name: str,
        *,
        label: str | None = None,
        version: int | str | PromptVersion | None = None,
        id: str | None = None,
        at: datetime | str | float | None = None,
    ) -> PromptVersion:
        """Returns the version that a label points to now (by default `production`), or another one.

        A label moved by any process is what the next call returns: there is no time to live and nothing stale.
        While nothing changes, the same object is returned again, in well under a microsecond.

        Args:
            name: the prompt.
            label: a label; `latest` names the newest version.
            version: a number, a content id or a PromptVersion, in place of a label.
            id: a content id or its first digits, in place of a label.
            at: a time; the version that the label pointed to then. An aware datetime, RFC 3339 text, or seconds
                since 1970.

        Raises:
            NotFoundError: `prompt-not-found`, `label-not-found`, `version-not-found`.
            InvalidError: `invalid-name`, `invalid-label`, `invalid-id`, `invalid-argument`, `closed`.
        """

    def versions(self, name: str, *, after: int = 0, limit: int | None = None) -> list[PromptVersion]:
        """Every version of a prompt, oldest first; of many, at most `limit` of those behind number `after`."""

    def log(
        self,
        version: int | str | PromptVersion,
        *,
        trace_id: str | None = None,
        input: Any = None,
        output: Any = None,
        error: str | BaseException | None = None,
        latency_ms: float | None = None,
        cost_usd: float | None = None,
        tokens_in: int | None = None,
        tokens_out: int | None = None,
        user: str | None = None,
        experiment: str | Any | None = None,
        variant: str | None = None,
        stratum: str | None = None,
        metadata: Any = None,
        at: datetime | str | float | None = None,
        durable: bool | None = None,
        prompt: str | None = None,
    ) -> str:
        """Logs one production call of a version.

        It returns at once: the trace is durable within 200 ms, or when `flush` or `close` returns; what is not yet
        when the process is killed is lost, each trace whole. Reads through this store see what it logged. What goes
        wrong later (`trace-exists`, `version-not-found`) is raised by the next `flush` or `close`.

        Args:
            trace_id: yours, such as a request's or a span's id; made, if left out.
            experiment: one that was registered enrols the `user`, and gives the trace its variant.
            stratum: difficulty or query type, set by something that has not seen the output.
            at: when the call was made; now, if left out.
            durable: True waits until the trace is durable, and raises what is wrong.
            prompt: the prompt's name, if the version is a number or an id.

        Returns:
            The trace's id.

        Raises:
            InvalidError: `invalid-trace`, `invalid-name`, `invalid-json`, `invalid-time`, `too-large`.
            AlreadyExistsError: `trace-exists`.
            NotFoundError: `version-not-found`, `prompt-not-found`.
        """

    def score(
        self,
        trace_id: str | Any,
        metric: str,
        value: Any,
        *,
        source: str | None = None,
        comment: str | None = None,
        judge: Any = None,
        durable: bool | None = None,
    ) -> None:
        """Scores a trace. All scores are kept; of one metric and source the newest counts. It returns as `log` does.

        Args:
            value: a number, a bool or a category's name; None if it could not be read: that is counted, and never 0.
            source: `judge`, `human`, `user` or `code` (the default).
            judge: which judge: a Scorer, or a name of yours for its version.
            durable: True waits until the score is durable, and raises what is wrong.

        Raises:
            InvalidError: `invalid-score`, `score-out-of-range`, `invalid-name`.
            NotFoundError: `trace-not-found`.
        """

    def watched(self) -> None:
        """The process's end waits for it: `log` and `score` need not see to that."""

@final
class PromptVersion:
    """One immutable version of a prompt.

    It is what `Store.publish` and `Store.get` return. Its content (prompt, model, params, tools, response_schema)
    is what `id` names; the rest is said about it. Two versions are equal if they are the same version.
    """

    __match_args__ = ("name", "number", "prompt")
    @property
    def name(self) -> str:
        """The prompt's name."""

    @property
    def number(self) -> int:
        """1, 2, 3 … within the prompt; never reused."""

    @property
    def id(self) -> str:
        """The content id: the same content has the same id in every language, on every machine."""

    @property
    def type(self) -> str:
        """`text` or `chat`."""

    @property
    def prompt(self) -> Any:
        """The text (a str), or a new list of the messages and placeholders (dicts)."""

    @property
    def model(self) -> str | None:
        """The model's name."""

    @property
    def params(self) -> dict[str, Any]:
        """The parameters, as a new dict."""

    @property
    def tools(self) -> list[Any] | None:
        """The tools, as a new list, if there are any."""

    @property
    def response_schema(self) -> Any:
        """The JSON Schema that an output must satisfy, if there is one."""

    @property
    def variables(self) -> list[str]:
        """The names of the variables, in the order of their first appearance."""

    @property
    def placeholders(self) -> list[str]:
        """The names of a chat prompt's placeholders, in order."""

    @property
    def message(self) -> str | None:
        """Why it was published."""

    @property
    def author(self) -> str | None:
        """Who published it."""

    @property
    def created_at(self) -> datetime:
        """When it was published: an aware datetime in UTC."""

    @property
    def parent(self) -> int | None:
        """The number of the version it was derived from."""

    @property
    def tags(self) -> list[str]:
        """The tags it was published with."""

    def compile(self, variables: Mapping[str, Any] | Any = None, /, **values: Any) -> Any:
        """Renders the prompt: a str for a text prompt, a list of messages for a chat prompt.

        One pass: a value is never rendered again, and the messages put in for a placeholder are never rendered.
        None becomes the empty text, text stays as it is, anything else becomes its canonical JSON. Values that
        the template does not ask for are left out.

        Args:
            variables: the values by name: a mapping, a dataclass or a pydantic model.
            values: the values as keyword arguments; they win over `variables`.

        Raises:
            InvalidError: `missing-variable` names every variable and placeholder without a value;
                `invalid-placeholder`; `invalid-json` for a value that is no JSON.
        """

    def compile_partial(self, variables: Mapping[str, Any] | Any = None, /, **values: Any) -> Any:
        """Renders what has a value, and keeps the rest as it stands in the template. Otherwise as `compile`."""

    def compile_as(self, mode: str, variables: Mapping[str, Any] | Any = None, /, **values: Any) -> Any:
        """Renders by the rules of another tool: `strict` (ours), `partial`, `langfuse` or `langfuse-js`.

        Raises:
            InvalidError: `missing-variable`, `unsupported-template`, `invalid-argument` for an unknown mode.
        """

    def otel_attributes(self) -> dict[str, Any]:
        """The attributes to put on a span of a call that is made with this version (OpenTelemetry GenAI)."""

    def to_dict(self) -> dict[str, Any]:
        """Everything about it, as its JSON has it."""

    def to_json(self) -> str:
        """Everything about it, as JSON text."""

    @staticmethod
    def from_json(text: str) -> PromptVersion:
        """Reads a version back from its JSON text. No store is needed.

        Raises:
            InvalidError: `invalid-content` if it is no version, or its content is not the one that its id names.
        """

    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def _repr_html_(self) -> str: ...

def version_from_json(text: str) -> PromptVersion: ...
def doctor(path: str | os.PathLike[str], arguments: str) -> str: ...
def log_many(store: Store, calls: list[Any], version: Any, prompt: str | None, source: str | None) -> list[str] | None:
    """Logs calls that are as usual; `None`, and nothing is done, where one is not."""

def records(cls: type[_T], members: tuple[tuple[str, str, Any], ...], dicts: list[Any]) -> list[_T]: ...
def run_case(kind: str, inputs: str) -> str: ...
