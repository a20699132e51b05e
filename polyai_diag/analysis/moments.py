"""Times as logs write them: ISO 8601, the unix clock, or the time of day alone. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from polyai_diag.model import Json

DAY_S = 86_400.0

_MOST_CHARACTERS = 300
_END, _LAST_LINES = 20_000, 20
_ISO = re.compile(
    r"(?<!\d)(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?\s?(Z|[+-]\d\d:?\d\d)?",
    re.ASCII,
)
_UNIX_MS = re.compile(r"(?<![\d.-])1\d{12}(?![\d.])", re.ASCII)
_UNIX_S = re.compile(r"(?<![\d.-])1\d{9}\.\d{1,9}(?!\d)", re.ASCII)
_OF_DAY = re.compile(
    r"(?<![\d:.])([01]?\d|2[0-3]):([0-5]\d):([0-5]\d)(?:[.,](\d{1,9}))?(?![\d:])", re.ASCII
)


class Moment(NamedTuple):
    """Seconds of the unix clock, or since midnight where a log names no day."""

    seconds: float
    of_day: bool = False

    def until(self, later: Moment) -> float | None:
        """Return the seconds between them, over midnight too; None where none can be told."""
        if self.of_day is not later.of_day:
            return None
        span = later.seconds - self.seconds
        return span % DAY_S if self.of_day else span

    @property
    def date(self) -> datetime | None:
        """The moment as a date, None where no day is named or the calendar ends before it."""
        try:
            return None if self.of_day else datetime.fromtimestamp(self.seconds, UTC)
        except (OverflowError, OSError, ValueError):
            return None


def find_moment(text: str) -> Moment | None:
    """Return the first time in a text; one without a zone is taken as UTC."""
    start = text[:_MOST_CHARACTERS]
    if found := _ISO.search(start):
        return _from_iso(found)
    if found := _UNIX_MS.search(start):
        return Moment(int(found[0]) / 1000)
    if found := _UNIX_S.search(start):
        return Moment(float(found[0]))
    if found := _OF_DAY.search(start):
        hours, minutes, seconds = (int(part) for part in found.groups()[:3])
        return Moment(hours * 3600 + minutes * 60 + seconds + _fraction(found[4]), of_day=True)
    return None


def moment_of(value: Json) -> Moment | None:
    """Read a field of a structured log that holds a time: unix seconds, milliseconds or text."""
    if isinstance(value, str):
        return find_moment(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if 1e12 <= value < 2e12:
        return Moment(value / 1000)
    return Moment(float(value)) if 1e9 <= value < 2e9 else None


def last_moment(text: str) -> Moment | None:
    """Return the last time that the end of a log tells."""
    lines = text[-_END:].splitlines()[-_LAST_LINES:]
    found = (find_moment(line[-100:]) or find_moment(line) for line in reversed(lines))
    return next((moment for moment in found if moment), None)


def _from_iso(found: re.Match[str]) -> Moment | None:
    day, time, fraction, zone = found.groups()
    try:
        date = datetime.fromisoformat(f"{day}T{time}{zone or 'Z'}")
        return Moment(date.timestamp() + _fraction(fraction))
    except (ValueError, OverflowError):
        return None


def _fraction(digits: str | None) -> float:
    return float(f"0.{digits}") if digits else 0.0
