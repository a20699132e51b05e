"""When a call ended before its time, and whether it had ended at that second before. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from polyai_diag.analysis.loose import number, rows
from polyai_diag.failures import Failure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from polyai_diag.model import Json, Observation, Record

SAME_SECOND_S = 1.0
"""So far apart at most are two ends that one timer makes, as they are seen from here."""

_WATCHED = ("call_hold", "call_watch")
_ENDS = (Failure.CALL_ENDED, Failure.WEBSOCKET_CLOSED, Failure.CONSENT_LOST)
_SINCE = {"after_answer_s": "the answer", "after_connecting_s": "the media was connected"}


class Ending(NamedTuple):
    """How a call ended: after how many seconds, counted from what, in the run of when."""

    failure: str
    seconds: float
    since: str
    started: str

    def repeats(self, other: Ending) -> bool:
        """Whether both ended alike and at the same second."""
        alike = (self.failure, self.since) == (other.failure, other.since)
        return alike and abs(self.seconds - other.seconds) <= SAME_SECOND_S

    @property
    def data(self) -> dict[str, Json]:
        """As it stands in a report."""
        return self._asdict()


def ending_in(record: Record) -> Ending | None:
    """Return how a run's call ended before its time, None where it did not or nobody knows when."""
    watched = (seen for step in record.steps for seen in step.observations)
    return next((end for seen in watched if (end := ending_seen(seen, record.started))), None)


def ending_seen(seen: Observation, started: str = "") -> Ending | None:
    """Return the ending that an observation tells of."""
    if seen.operation not in _WATCHED or seen.failure not in _ENDS:
        return None
    for note, since in _SINCE.items():
        seconds = number(seen.notes.get(note))
        if seconds is not None:
            return Ending(seen.failure.value, seconds, since, started)
    return None


def earlier_endings(given: Any) -> Iterator[Ending]:
    """Read the endings of earlier runs back out of a report, which anybody may have edited."""
    for row in rows(given):
        seconds = number(row.get("seconds"))
        if seconds is not None:
            words = (str(row.get(key, "")) for key in ("failure", "since", "started"))
            failure, since, started = words
            yield Ending(failure, seconds, since, started)


def repeated(ending: Ending, earlier: Iterable[Ending]) -> str:
    """Say in which earlier runs it was the same second; nothing where in none."""
    same = [f"{other.seconds:.1f} s" for other in earlier if ending.repeats(other)]
    if not same:
        return ""
    runs = "in an earlier run" if len(same) == 1 else f"in {len(same)} earlier runs"
    return f"; at the same second as {runs} ({', '.join(same[:5])}): a timer ends it, not chance"
