"""Whether UDP gets out: the verdict from when was asked and when an answer came. Pure.

RFC 8489 §6.2.1 gives a server up after 39.5 s. Requests that are spaced, and a control over TCP
beside them, tell within 4 s.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

ASKED_AT_S = (0.0, 0.05, 0.15, 0.3, 0.5, 0.75, 1.0, 1.3, 1.6, 2.0, 2.4, 2.8)
"""When requests go out. Spacing beats count: a burst of loss is not read as a block."""
FIRST_STAGE = 6
"""So many of them go out before UDP is suspected; in bursts of 200 ms that errs once in 100."""
LEAST_PATIENCE_S = 0.5
MOST_PATIENCE_S = 1.0  # so that the verdict stands within 4 s, however far the server is
ROUND_TRIPS_PATIENT = 3


class Udp(StrEnum):
    """How it stands with UDP towards one server."""

    OPEN = "open"
    WAITING = "waiting"
    SUSPECT = "suspect"
    BLOCKED = "blocked"  # nothing over UDP, while TCP or TLS to the same host works
    REJECTED = "rejected"  # ICMP says so, twice: a port that is closed, or a firewall
    SILENT = "silent"  # nothing over UDP, and no control: server or network may be down


def patience_s(control_round_trip_s: float | None) -> float:
    """Return how long an answer may take: by the control's round trip, where there is one."""
    wanted_s = ROUND_TRIPS_PATIENT * (control_round_trip_s or 0.0)
    return min(MOST_PATIENCE_S, max(LEAST_PATIENCE_S, wanted_s))


def suspected_at_s(control_round_trip_s: float | None) -> float:
    """Return when the first stage ends, in seconds since the first request."""
    return ASKED_AT_S[FIRST_STAGE - 1] + patience_s(control_round_trip_s)


def decided_at_s(control_round_trip_s: float | None) -> float:
    """Return when the second stage ends, in seconds since the first request."""
    return ASKED_AT_S[-1] + patience_s(control_round_trip_s)


def standing(now_s: float, answers_s: Sequence[float], control_round_trip_s: float | None) -> Udp:
    """Say how it stands `now_s` after the first request.

    `answers_s` is when answers came: any of them, however late, means open. Without a control
    (None) nobody can tell a block from a server that is down.
    """
    if any(answer_s <= now_s for answer_s in answers_s):
        return Udp.OPEN
    if now_s < suspected_at_s(control_round_trip_s):
        return Udp.WAITING
    if now_s < decided_at_s(control_round_trip_s):
        return Udp.SUSPECT
    return Udp.SILENT if control_round_trip_s is None else Udp.BLOCKED
