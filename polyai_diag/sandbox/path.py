"""The network between the media port and the client: it loses, delays and jitters."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from polyai_diag.sandbox.settings import PathFaults

_RTP_FIRST_BYTES = range(128, 192)  # RFC 7983 §7
_RTCP_SECOND_BYTES = range(192, 224)  # RFC 5761 §4


class Path:
    """One call's way through the network. Of one `seed` it loses the same in every run."""

    def __init__(self, faults: PathFaults) -> None:
        self._faults = faults
        self._draw = random.Random(faults.seed).random  # noqa: S311 - a network, not a secret
        self._losing = {True: False, False: False}  # by the direction: `sent` or not
        self._begun_s: float | None = None

    def holds_s(self, data: bytes, sent: bool) -> float | None:
        """Return how long a datagram is on its way, `sent` by the gateway or to it; None: lost."""
        faults, sounds = self._faults, is_rtp(data)
        held_ms = faults.delay_ms
        if self._is_at_fault(sounds):
            dropped = faults.drop_sent_rtp if sent else faults.drop_received_rtp
            if (sounds and dropped) or (faults.drop_rtcp and _is_rtcp(data)):
                return None
            if (sounds or faults.loses_everything) and self._loses_next(sent):
                return None
            held_ms += faults.more_delay_ms
            if sent:
                held_ms += faults.jitter_ms * self._draw()
        return held_ms / 1000

    def _is_at_fault(self, sounds: bool) -> bool:
        """Whether it is bad just now, counted from the first packet of sound."""
        now_s = time.monotonic()
        if sounds and self._begun_s is None:
            self._begun_s = now_s
        passed_s = 0.0 if self._begun_s is None else now_s - self._begun_s
        return is_on(passed_s, self._faults.begins_s, self._faults.comes_and_goes_s)

    def _loses_next(self, sent: bool) -> bool:
        """Go on in a chain of two states (Gilbert, 1960)."""
        faults = self._faults
        percent = faults.loss_percent if sent else faults.received_loss_percent
        if percent <= 0:
            return False
        share, burst = percent / 100, faults.loss_burst
        beginning = share / (1 - share) / burst
        if burst == 1:
            losing = self._draw() < share
        else:
            losing = self._draw() >= 1 / burst if self._losing[sent] else self._draw() < beginning
        self._losing[sent] = losing
        return losing


def is_on(passed_s: float, begins_s: float, comes_and_goes_s: float) -> bool:
    """Whether what begins then, and stays and stays away for so long in turn, is there."""
    since_s = passed_s - begins_s
    return since_s >= 0 and not (comes_and_goes_s and int(since_s / comes_and_goes_s) % 2)


def is_rtp(data: bytes) -> bool:
    """Whether a datagram is RTP, neither RTCP nor STUN nor DTLS."""
    return len(data) > 1 and data[0] in _RTP_FIRST_BYTES and data[1] not in _RTCP_SECOND_BYTES


def _is_rtcp(data: bytes) -> bool:
    return len(data) > 1 and data[0] in _RTP_FIRST_BYTES and data[1] in _RTCP_SECOND_BYTES
