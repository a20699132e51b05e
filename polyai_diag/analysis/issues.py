"""Issues and the names in them: how faults of pasted things are worded. Pure."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from polyai_diag.model import Issue, Json, Severity
from polyai_diag.protocol import kind_of

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST_SHOWN = 60


def critical(path: str, message: str, cause: str | None = None) -> Issue:
    """Say that it cannot be taken."""
    return Issue(path=path, message=message, severity=Severity.CRITICAL, cause=cause)


def warning(path: str, message: str, cause: str | None = None) -> Issue:
    """Say that a reader may refuse it."""
    return Issue(path=path, message=message, severity=Severity.WARNING, cause=cause)


def info(path: str, message: str, cause: str | None = None) -> Issue:
    """Say that it is odd, and harmless."""
    return Issue(path=path, message=message, severity=Severity.INFO, cause=cause)


def near(given: str, known: Iterable[str]) -> str:
    """Return the known name that a strange one stands for, "" for none."""
    by_bare = {bare(name): name for name in known}
    close = difflib.get_close_matches(bare(given[:_MOST_SHOWN]), by_bare, n=1, cutoff=0.85)
    return by_bare[close[0]] if close else ""


def bare(name: str) -> str:
    """Return a name without what spellings differ in: case, `_`, `-`, blanks."""
    return name.replace("_", "").replace("-", "").strip().lower()


def named(key: str) -> str:
    """Return a key as it stands in a path, bounded."""
    return key if len(key) <= _MOST_SHOWN else f"{key[:_MOST_SHOWN]}…"


def shown(value: Json) -> str:
    """Return a text in quotes, bounded; the kind of anything else."""
    if not isinstance(value, str):
        return kind_of(value)
    return repr(value) if len(value) <= _MOST_SHOWN else f"{value[:_MOST_SHOWN]!r}…"
