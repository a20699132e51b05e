"""Text from outside, as Markdown (GitHub's) that stays text, and stays in its cell."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from polyai_diag.report.text import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from polyai_diag.report.way import Mark


def text(value: Any) -> str:
    """Escape prose: no markup, HTML or link that it holds takes effect (CommonMark §2.4)."""
    line = plain(value)
    line = re.sub(r"([\\`*\[\]|~@])", r"\\\1", line)
    line = re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", line)
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = re.sub(r"(?i)\b(www)\.", r"\1\\.", line.replace("://", r"\://"))
    return re.sub(r"^(\d*)([.)](?=\s|$)|(?<!\d)[#=+-])", r"\1\\\2", line)


def code(value: Any) -> str:
    """Return a code span that the text cannot leave (CommonMark §6.1), pipes kept in their cell."""
    line = plain(value, 160).replace("|", r"\|")
    if not line:
        return "–"
    fence = "`" * (max((len(run) for run in re.findall("`+", line)), default=0) + 1)
    pad = " " if "`" in line else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def fenced(block: str) -> list[str]:
    """Return lines of text as a code block that they cannot leave (CommonMark §4.5)."""
    longest = max((len(run) for run in re.findall("`+", block)), default=0)
    fence = "`" * max(longest + 1, 3)
    return [f"{fence}text", *block.splitlines(), fence]


def table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """Return the lines of a table, its cells as they are."""
    yield f"| {' | '.join(header)} |"
    yield "|" + " --- |" * len(header)
    for row in rows:
        yield f"| {' | '.join(row)} |"


def section(title: str) -> list[str]:
    """Return the lines of a heading."""
    return ["", f"## {title}", ""]


def marked(mark: Mark) -> str:
    """Return a state: its glyph and its word."""
    return f"{mark.glyph} {text(mark.word)}"
