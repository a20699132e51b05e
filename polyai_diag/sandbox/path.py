"""The network between the media port and the client: it loses, delays and jitters."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from polyai_diag.sandbox.settings import PathFaults

_RTP_FIRST_BYTES = range(128, 192)  # RFC 7983 §7
_RTCP_SECOND_BYTES = range(192, 224)  # RFC 5761 §4


class Path:
    """One call's way through the network. What it loses is the same in every run."""

    def __init__(self, faults: PathFaults) -> None:
        self._faults = faults
        self._draw = random.Random(7).random  # noqa: S311 - a network, not a secret
        self._losing = False

    def holds_s(self, data: bytes, sent: bool) -> float | None:
        """Return how long a datagram is on its way, `sent` by the gateway or to it; None: lost."""
        if is_rtp(data) and self._loses(sent):
            return None
        held_ms = self._faults.delay_ms
        if sent:
            held_ms += self._faults.jitter_ms * self._draw()
        return held_ms / 1000

    def _loses(self, sent: bool) -> bool:
        faults = self._faults
        if not sent:
            return faults.drop_received_rtp
        return faults.drop_sent_rtp or (faults.loss_percent > 0 and self._loses_next())

    def _loses_next(self) -> bool:
        """Go on in a chain of two states (Gilbert, 1960)."""
        share, burst = self._faults.loss_percent / 100, self._faults.loss_burst
        beginning = share / (1 - share) / burst
        if burst == 1:
            self._losing = self._draw() < share
        else:
            self._losing = self._draw() >= 1 / burst if self._losing else self._draw() < beginning
        return self._losing


def is_rtp(data: bytes) -> bool:
    """Whether a datagram is RTP, neither RTCP nor STUN nor DTLS."""
    return len(data) > 1 and data[0] in _RTP_FIRST_BYTES and data[1] not in _RTCP_SECOND_BYTES
