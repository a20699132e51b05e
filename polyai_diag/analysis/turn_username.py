"""The time that a TURN user name carries, where it is one of the REST kind. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

SECONDS_DIGITS = 10  # unix time, from 2001 to 2286


def expires_at(username: str | None) -> datetime | None:
    """Return until when `time`, `time:user` or `user:time` holds; None where it carries no time.

    draft-uberti-behave-turn-rest §2.2 puts the time first; servers in the field take it last, too.
    """
    parts = (username or "").split(":")
    for part in (parts[0], parts[-1]):
        if part.isascii() and part.isdigit() and len(part) == SECONDS_DIGITS:
            return datetime.fromtimestamp(int(part), UTC)
    return None
