"""The statistics, by name: what gates, comparisons and experiments are made of."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from . import _native
from ._errors import InvalidError


def _finite(value: Any) -> Any:
    """JSON has no NaN; the cases write it as text."""
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if isinstance(value, Mapping):
        return {name: _finite(member) for name, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(element) for element in value]
    return value


def run_case(case: Mapping[str, Any]) -> dict[str, Any]:
    """Runs one procedure.

    Args:
        case: `kind` (the procedure's name, such as `paired_t`) and `inputs` (a mapping). Other members are ignored.

    Raises:
        InvalidError: `invalid-argument` for an unknown kind, or for inputs that the procedure refuses.
    """
    try:
        kind, inputs = case["kind"], case["inputs"]
    except (KeyError, TypeError):
        raise InvalidError("a case has a kind and inputs", code="invalid-argument") from None
    if not isinstance(kind, str):
        raise InvalidError("a kind is a procedure's name argument=`kind`", code="invalid-argument")
    result: dict[str, Any] = json.loads(_native.run_case(kind, json.dumps(_finite(inputs))))
    return result


__all__ = ["run_case"]
