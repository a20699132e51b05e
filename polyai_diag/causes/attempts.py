"""What was asked several times: how it ended, how it failed, and how often.

A probe that asks again notes `attempt` (2 and up) on what it sees. A series is what was seen of
one operation on one way: an endpoint, or of a STUN or TURN URL an address or proxy too. The far
end of a TURN check is a second attempt on the same way. Where attempts of a series fail and
others work, it comes and goes.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from polyai_diag.failures import Failure
from polyai_diag.model import Flaky

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from polyai_diag.model import Observation, Record

Place = tuple[str, int]
"""Where an observation stands in the record: its step and position."""

_Way = tuple[str, ...]


class _Series:
    """What was seen of one operation on one way."""

    def __init__(self) -> None:
        self.seen: dict[Place, Observation] = {}

    @property
    def failed(self) -> list[Place]:
        return [place for place, seen in self.seen.items() if seen.failure is not None]

    @property
    def worked(self) -> list[Place]:
        return [place for place, seen in self.seen.items() if seen.failure is None]

    @property
    def asked_again(self) -> bool:
        return any(seen.notes.get("attempt") for seen in self.seen.values())

    @property
    def comes_and_goes(self) -> bool:
        """A far end that fails alone proves nothing: a server may grant one address at a time."""
        near_failed = any(not self.seen[place].notes.get("far_end") for place in self.failed)
        again = self.asked_again or any(s.notes.get("far_end") for s in self.seen.values())
        return near_failed and bool(self.worked) and again

    @property
    def told_before(self) -> Iterator[Place]:
        """Failures of further attempts that failed as one before them did."""
        told = set()
        for place in self.failed:
            seen = self.seen[place]
            how = (seen.failure, str(seen.notes.get("status")))
            if how in told and seen.notes.get("attempt"):
                yield place
            told.add(how)


class Attempts:
    """All that was asked several times, as one record has it."""

    def __init__(self, record: Record) -> None:
        self._series: defaultdict[tuple[_Way, str], _Series] = defaultdict(_Series)
        for step in record.steps:
            for position, seen in enumerate(step.observations):
                if seen.failure is not Failure.INTERRUPTED and not seen.notes.get("excused"):
                    key = (_way(step.name, seen), seen.operation)
                    self._series[key].seen[step.name, position] = seen
        self._coming_and_going = {k: s for k, s in self._series.items() if s.comes_and_goes}

    def __bool__(self) -> bool:
        """Whether anything comes and goes."""
        return bool(self._coming_and_going)

    @property
    def overcome(self) -> frozenset[Place]:
        """What to leave out to see how it ended: failures of what worked at another attempt.

        And what only says again what a first attempt has said.
        """
        failed = {p for series in self._coming_and_going.values() for p in series.failed}
        return frozenset(failed | self._told_before())

    @property
    def lucky(self) -> frozenset[Place]:
        """What to leave out to see how it failed: whatever worked on the ways that come and go."""
        ways = {way for way, _ in self._coming_and_going}
        worked = {p for (way, _), s in self._series.items() if way in ways for p in s.worked}
        return frozenset(worked | self._told_before())

    def how_often(self, places: Iterable[Place]) -> Flaky | None:
        """Say how often that failed which failed at these places; None where it stays."""
        failed = asked = 0
        for series in self._met(places):
            failed += len(series.failed)
            asked += len(series.seen)
        return Flaky(failed=failed, asked=asked) if failed else None

    def one_that_worked(self, places: Iterable[Place]) -> Place:
        """Return an attempt that worked where these failed. Raises StopIteration for none."""
        return next(place for series in self._met(places) for place in series.worked)

    def _met(self, places: Iterable[Place]) -> list[_Series]:
        wanted = set(places)
        return [s for s in self._coming_and_going.values() if wanted.intersection(s.failed)]

    def _told_before(self) -> set[Place]:
        return {place for series in self._series.values() for place in series.told_before}


def _way(step: str, seen: Observation) -> _Way:
    notes = seen.notes
    if notes.get("url"):
        return (step, *(str(notes.get(name)) for name in ("url", "server", "through")))
    told = (str(notes.get(name)) for name in ("through", "mended", "by", "name", "type"))
    return (step, seen.operation, seen.endpoint, *told)
