"""How things look in a notebook and in a prompt: small tables, styled in place, everything escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._native import PromptVersion
    from ._results import Comparison, Diff, Verdict

_CELL = "padding:2px 10px;text-align:left;vertical-align:top;border-bottom:1px solid rgba(128,128,128,.3)"
_COLOURS = {"pass": "#1a7f37", "fail": "#cf222e", "cannot-tell": "#9a6700", "b_better": "#1a7f37", "b_worse": "#cf222e"}
_COLOURS |= {"b_better_small": "#1a7f37", "b_worse_small": "#cf222e", "invalid_missing": "#9a6700"}


class _Html(str):
    """Text that is HTML already."""


def short(value: Any, limit: int = 60) -> str:
    """A repr that never fills the screen."""
    text = value.isoformat() if isinstance(value, datetime) else repr(value)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def version_text(version: PromptVersion) -> str:
    """The repr of a version."""
    parts = [repr(version.name), f"number={version.number}", f"id={version.id[:15] + '…'!r}"]
    if version.model is not None:
        parts.append(f"model={version.model!r}")
    parts += [f"prompt={short(version.prompt)}", f"variables={short(version.variables)}"]
    if version.placeholders:
        parts.append(f"placeholders={short(version.placeholders)}")
    return f"PromptVersion({', '.join(parts)})"


def version_html(version: PromptVersion) -> str:
    """A version as a table: what is said about it, and its text or its messages."""
    facts: list[tuple[str, Any]] = [
        ("id", version.id),
        ("model", version.model),
        ("params", version.params or None),
        ("variables", ", ".join(version.variables) or None),
        ("placeholders", ", ".join(version.placeholders) or None),
        ("tools", version.tools),
        ("response_schema", version.response_schema),
        ("message", version.message),
        ("author", version.author),
        ("created_at", version.created_at.isoformat()),
        ("parent", version.parent),
        ("tags", ", ".join(version.tags) or None),
    ]
    rows: list[Sequence[Any]] = [(name, value) for name, value in facts if value is not None]
    if isinstance(version.prompt, str):
        rows.append(("prompt", _pre(version.prompt)))
    else:
        for message in version.prompt:
            content = message.get("content", message.get("name"))
            rows.append((message.get("role", message.get("type", "")), _pre(content)))
    return _titled(f"{version.name} version {version.number}", _table((), rows))


def verdict_html(verdict: Verdict) -> str:
    """A verdict as a table: a row per check."""
    rows = [
        (check.check, check.metric, _coloured(check.outcome), _number(check.value), check.n, check.sentence)
        for check in verdict.checks
    ]
    table = _table(("check", "metric", "outcome", "value", "n", "why"), rows)
    return _titled(_Html(f"{_coloured(verdict.outcome)} {escape(verdict.sentence)}"), table)


def comparison_html(comparison: Comparison) -> str:
    """A comparison as a table: a row per metric."""
    rows = []
    for name, m in comparison.metrics.items():
        interval = "" if m.ci_low is None else f"{_number(m.ci_low)} to {_number(m.ci_high)}"
        figures = (m.n, _number(m.mean_a), _number(m.mean_b), _number(m.diff), interval, _number(m.p_holm))
        rows.append((name, *figures, _coloured(m.verdict), f"{m.improved} / {m.unchanged} / {m.regressed}"))
    head = ("metric", "n", "mean a", "mean b", "b − a", "interval", "p (Holm)", "verdict", "better / same / worse")
    a, b = comparison.run_a, comparison.run_b
    return _titled(f"{a.prompt} version {a.version} and {b.prompt} version {b.version}", _table(head, rows))


def diff_html(diff: Diff) -> str:
    """A diff as a table: a row per change, texts with their words marked."""
    texts = {text.path: text.hunks for text in diff.text}
    styles = {
        "insert": ("ins", "background:rgba(46,160,67,.25);text-decoration:none"),
        "delete": ("del", "background:rgba(248,81,73,.25)"),
    }
    rows = []
    for change in diff.changes:
        if change.path in texts:
            pieces = []
            for piece in texts[change.path]:
                tag, style = styles.get(piece.tag, ("span", ""))
                pieces.append(f'<{tag} style="{style}">{escape(piece.text)}</{tag}>')
            what = _Html(f'<div style="white-space:pre-wrap">{"".join(pieces)}</div>')
        else:
            before, after = ("" if value is None else repr(value) for value in (change.from_value, change.to_value))
            what = _Html(f"{escape(before)} → {escape(after)}")
        rows.append((change.path, change.kind, what))
    return _table(("where", "what", "change"), rows) if rows else "<div>no difference</div>"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _coloured(word: str) -> _Html:
    return _Html(f'<b style="color:{_COLOURS.get(word, "inherit")}">{escape(word)}</b>')


def _pre(value: Any) -> _Html:
    text = value if isinstance(value, str) else "" if value is None else repr(value)
    return _Html(f'<div style="white-space:pre-wrap;font-family:monospace">{escape(text)}</div>')


def _titled(title: str, table: str) -> str:
    shown = title if isinstance(title, _Html) else f"<b>{escape(title)}</b>"
    return f"<div>{shown}{table}</div>"


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    def cell(value: Any, tag: str) -> str:
        text = value if isinstance(value, _Html) else "" if value is None else escape(str(value))
        return f'<{tag} style="{_CELL}">{text}</{tag}>'

    lines = ["".join(cell(name, "th") for name in head)] if head else []
    lines += ["".join(cell(value, "th" if i == 0 else "td") for i, value in enumerate(row)) for row in rows]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<table style="border-collapse:collapse;font-size:90%">{body}</table>'
