"""Datasets and runs: what a store hands out to work with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ._errors import NotFoundError
from ._results import (
    DatasetDiff,
    DatasetSchemas,
    DatasetVersion,
    Item,
    LabelMove,
    OfStore,
    Pending,
    Row,
    RunInfo,
    RunSummary,
    members,
)

if TYPE_CHECKING:
    from ._results import Trace
    from ._store import Store


class Dataset:
    """A dataset, at its newest version or (`at`) at one of its own.

    Args:
        store: its store.
        name: its name.
        at: the version it stays at; the newest one if left out.
    """

    __slots__ = {"_at": "", "_store": "", "name": "Its name."}

    def __init__(self, store: Store, name: str, at: int | None = None) -> None:
        self._store = store
        self.name = name
        self._at = at

    def info(self) -> DatasetVersion:
        """The facts of its version: number, root hash, how many items.

        Raises:
            NotFoundError: `dataset-not-found` if nothing was ever added.
        """
        return DatasetVersion.from_dict(self._store._call("dataset", name=self.name, version=self._at))

    @property
    def version(self) -> int:
        """The number of its version; 0 if nothing was ever added."""
        if self._at is not None:
            return self._at
        try:
            return self.info().version
        except NotFoundError as error:
            if error.code == "dataset-not-found":
                return 0
            raise

    @property
    def root(self) -> str:
        """The root hash of its version."""
        return self.info().root

    def add(self, items: Iterable[Mapping[str, Any] | Item | Any]) -> DatasetVersion | None:
        """Adds items, or replaces those whose keys are there, as a new version.

        An item has `input`, and (optional) `key`, `expected`, `metadata`, `stratum`, `source_trace`. Without a
        key one is made from its content. If nothing differs from what is there, nothing is written.

        Returns:
            The newest version; None if there is none.

        Raises:
            InvalidError: `duplicate-item`, `invalid-item`, `schema-mismatch`, `invalid-name`.
        """
        given = [items] if isinstance(items, Mapping) else items
        made = self._store._call("dataset_add", name=self.name, items=[_new(item) for item in given])
        return None if made is None else DatasetVersion.from_dict(made)

    def add_from_trace(self, trace_id: str | Trace, expected: Any = None, key: str | None = None) -> DatasetVersion:
        """Adds a production call: its input and its stratum, with `source_trace` set.

        Args:
            expected: what a good output would have been. What came out is no expectation, unless it is given here.
            key: the item's key; the trace's id, if left out, so that the same trace again replaces it.

        Raises:
            NotFoundError: `trace-not-found`.
            InvalidError: `invalid-item`, `schema-mismatch`, `invalid-name`.
        """
        id = getattr(trace_id, "trace_id", trace_id)
        made = self._store._call("dataset_add_from_trace", name=self.name, trace_id=id, expected=expected, key=key)
        return DatasetVersion.from_dict(made)

    def archive(self, keys: Iterable[str]) -> DatasetVersion:
        """Takes items out of the newest version; older versions keep them.

        Raises:
            NotFoundError: `item-not-found`, `dataset-not-found`.
        """
        given = [keys] if isinstance(keys, str) else list(keys)
        return DatasetVersion.from_dict(self._store._call("dataset_archive", name=self.name, keys=given))

    def at(self, version: int) -> Dataset:
        """The dataset as it was at a version; 0 is the empty one.

        Raises:
            NotFoundError: `dataset-version-not-found`.
        """
        pinned = Dataset(self._store, self.name, version)
        if version != 0:
            pinned.info()
        return pinned

    def items(self, *, after: str | None = None, limit: int | None = None) -> list[Item]:
        """Its items, in the order of their keys: all of them, or a page.

        Args:
            after: only items behind this key: the last one of the page before.
            limit: at most so many; an empty page is the end.

        Raises:
            NotFoundError: `dataset-not-found` if nothing was ever added.
            CorruptError: `damaged-record` for an item whose content is not what its id says.
        """
        found = self._store._call("dataset_items", name=self.name, version=self._at, after=after, limit=limit)
        return Item.from_dicts(found["items"])

    def iter_items(self, *, page: int = 1000) -> Iterator[Item]:
        """Its items, in the order of their keys, with never more than a page of them in memory.

        All of them are of one version: the newest when the first one is asked for, unless it stays at another.

        Args:
            page: so many are read at once.

        Raises:
            NotFoundError: `dataset-not-found` if nothing was ever added.
        """
        pinned = Dataset(self._store, self.name, self.info().version if self._at is None else self._at)
        after = None
        while found := pinned.items(after=after, limit=page):
            yield from found
            after = found[-1].key

    def keys(self, *, after: str | None = None, limit: int | None = None) -> list[str]:
        """The keys of its items, in their order: all of them, or a page as `items` has it.

        Raises:
            NotFoundError: `dataset-not-found` if nothing was ever added.
        """
        found = self._store._call("dataset_keys", name=self.name, version=self._at, after=after, limit=limit)
        return list(found["keys"])

    def diff(self, a: int, b: int) -> DatasetDiff:
        """The keys that were added, changed and archived from version `a` to `b`; version 0 is the empty one."""
        return DatasetDiff.from_dict(self._store._call("dataset_diff", name=self.name, a=a, b=b))

    def versions(self) -> list[DatasetVersion]:
        """Its versions, oldest first."""
        found = self._store._call("dataset_versions", name=self.name)
        return [DatasetVersion.from_dict(version) for version in found["versions"]]

    def schema(self, input: Any = ..., expected: Any = ...) -> DatasetSchemas:
        """Declares JSON Schemas that items must satisfy, and returns those that are declared.

        Args:
            input: for every item's `input`; None takes the schema off.
            expected: for every item's `expected`.

        Raises:
            InvalidError: `invalid-schema`; `schema-mismatch` if an item that is there does not satisfy one.
        """
        given = {"name": self.name, "input": input, "expected": expected}
        schemas = self._store.ask("dataset_schema", {key: value for key, value in given.items() if value is not ...})
        return DatasetSchemas.from_dict(schemas)

    def __len__(self) -> int:
        return 0 if self.version == 0 else self.info().items

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[Item]:
        return self.iter_items() if self.version else iter(())

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"Dataset({self.name!r}, version={self.version})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Dataset):
            return NotImplemented
        return (self._store.path, self.name, self._at) == (other._store.path, other.name, other._at)

    def __hash__(self) -> int:
        return hash((self._store.path, self.name, self._at))


def _new(item: Any) -> Any:
    """An item to be added. One that comes from a dataset leaves its id and its trial behind."""
    if isinstance(item, Item):
        own = item.to_dict()
        return {name: value for name, value in own.items() if name not in ("id", "trial") and value is not None}
    return item


class Run(OfStore, RunInfo):
    """A run: the facts of `RunInfo`, and what records and reads its rows."""

    __slots__ = ("_moves", "_store")

    def pending(self) -> list[Pending]:
        """The items and trials that have no row yet, in the order of trial and key; none once it is finished."""
        found = self._store._call("pending", run=self.id)
        return Pending.from_dicts(found["items"])

    def record(
        self,
        item: Item | str,
        output: Any = None,
        error: str | None = None,
        scores: Mapping[str, Any] | None = None,
        latency_ms: float | None = None,
        cost_usd: float | None = None,
        tokens_in: int | None = None,
        tokens_out: int | None = None,
        trial: int | None = None,
    ) -> Row:
        """Records what came out for one item. The row is durable when this returns.

        Built-in scorers of the run score it here. A score of None is missing: it is counted, and never 0.

        Args:
            item: what `pending` yields, or an item's key.
            trial: which trial; the item's own, or the first.

        Raises:
            AlreadyExistsError: `row-exists` if this item and trial are recorded.
            ConflictError: `run-finished`.
            NotFoundError: `item-not-found`.
            InvalidError: `invalid-score`, `score-out-of-range`, `invalid-item`.
        """
        row = {
            "output": output,
            "error": error,
            "scores": scores,
            "latency_ms": latency_ms,
            "cost_usd": cost_usd,
            "tokens_in": tokens_in,
            "tokens_out": tokens_out,
        }
        return Row.from_dict(self._store._call("record", run=self.id, **_keyed(item, trial, row)))

    def record_all(self, rows: Iterable[Mapping[str, Any]]) -> int:
        """Records several rows in one transaction: all of them, or none.

        Args:
            rows: the arguments of `record` by their names; `key` may stand for `item`.

        Returns:
            How many rows were recorded.
        """
        given = []
        for row in rows:
            facts = dict(members(row))
            item = facts.pop("item", None)
            key = facts.pop("key", None)
            given.append(_keyed(key if item is None else item, facts.pop("trial", None), facts))
        return int(self._store._call("record_all", run=self.id, rows=given)["rows"])

    def rows(self) -> list[Row]:
        """Its rows, in the order of key and trial."""
        return Row.from_dicts(self._store._call("rows", run=self.id)["rows"])

    def finish(self) -> Run:
        """Finishes it: it takes no more rows, and becomes evidence for gates. Finishing twice changes nothing.

        A label that moves by itself moves in the same transaction, if its gate lets the version pass: `moves` says
        which did.
        """
        found = self._store._call("finish_run", run=self.id)
        # No fact of the run: the same run read again is equal to this one.
        object.__setattr__(self, "_moves", [LabelMove.from_dict(move) for move in found.pop("moves")])
        return self._renew(found)

    @property
    def moves(self) -> list[LabelMove]:
        """The labels that moved by themselves when `finish`, called on this object, finished it."""
        return list(getattr(self, "_moves", ()))

    def withdraw(self, reason: str) -> Run:
        """Takes a finished run that holds rubbish out of the evidence, for ever. It can still be read.

        It still counts as a run: a gate's bar, which rises with every run, does not come down again.

        Raises:
            RefusedError: `reason-required`, `run-not-finished`.
        """
        return self._renew(self._store._call("withdraw_run", run=self.id, reason=reason))

    def refresh(self) -> Run:
        """Reads its facts again."""
        return self._renew(self._store._call("run", run=self.id))

    def summary(self) -> RunSummary:
        """Each metric's mean, spread and quantiles, errors, latency, cost, tokens."""
        return RunSummary.from_dict(self._store._call("summary", run=self.id))

    def _renew(self, data: Mapping[str, Any]) -> Run:
        # The one object that follows the store: the facts below `id` don't change, `finished_at` does once.
        fresh = RunInfo.from_dict(data)
        object.__setattr__(self, "_data", fresh._data)
        for name in ("finished_at", "row_count", "rows_root", "withdrawn"):
            object.__setattr__(self, name, getattr(fresh, name))
        return self


def _keyed(item: Item | str | Any, trial: int | None, row: Mapping[str, Any]) -> dict[str, Any]:
    key = item.key if isinstance(item, Item) else item
    if trial is None and isinstance(item, Pending):
        trial = item.trial
    given = {name: value for name, value in row.items() if value is not None}
    return {"key": key, "row": given, **({} if trial is None else {"trial": trial})}
