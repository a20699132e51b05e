"""Values out of a report's data, which has no schema and may have been edited. Pure."""

from __future__ import annotations

from typing import Any


def number(value: Any) -> float | None:
    """Return a finite number, None for all else: what stands in a report may be anything."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e15 else None


def rows(value: Any, limit: int | None = 40) -> list[dict[str, Any]]:
    """Return the first dicts of what should be a list of dicts; all of them without a limit."""
    found = value if isinstance(value, list | tuple) else []
    return [row for row in found[:limit] if isinstance(row, dict)]


def table(value: Any) -> dict[str, Any]:
    """Return a dict, an empty one for all else."""
    return value if isinstance(value, dict) else {}
