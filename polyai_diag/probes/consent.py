"""Whether the media path lives: consent checks of our own (RFC 7675), far denser than aioice's.

aioice checks every 5 s and gives up after half a minute, without a word.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from typing import TYPE_CHECKING

from polyai_diag.media import aiortc_taps as taps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiortc import RTCPeerConnection

    from polyai_diag.media.packets import PacketLog

CHECK_EVERY_S = 0.5
LOOK_EVERY_S = 0.25
RESEND_MS = 500  # aioice's first
RESENDS = 1  # so that a check takes 1.5 s at the most, and a round trip of a second is no loss
SILENT_S = 4.0
"""Neither a check answered nor a packet: browsers call it disconnected by then."""
EXPIRES_S = 30.0
"""No check answered, whatever else arrives (RFC 7675 §5.1)."""
MAX_ROUND_TRIPS = 10_000
PULSE_S, PULSE_LATE_S = 0.05, 0.02
"""How often this program looks whether it is late itself, and what of it is no matter."""


def answered_at_once(checks_ms: Sequence[float | None]) -> list[float | None]:
    """Return the round trips of first requests; None where the answer was to a later one, or none.

    Both carry one transaction id (RFC 8489 §6.2.1): only the time tells them apart, and that of a
    first request may itself be longer than it takes to send again.
    """
    fastest_ms = min((ms for ms in checks_ms if ms is not None), default=0.0)
    return [None if ms is None or ms >= RESEND_MS + fastest_ms else ms for ms in checks_ms]


class Consent:
    """Checks over the nominated pair, from `start()` to `close()`; `lost` is set when they end.

    Times are `time.monotonic()` seconds.
    """

    def __init__(self, pc: RTCPeerConnection, packets: PacketLog) -> None:
        self._pc = pc
        self._packets = packets
        self._tasks: list[asyncio.Task[None]] = []
        self.lost = asyncio.Event()
        self.why_lost = ""
        self.started_s = self.answered_s = 0.0
        self.sent = 0
        self.round_trips_ms: list[float] = []
        self.checks_ms: list[float | None] = []  # None: no answer
        self.set_aside = 0  # checks that nothing can be told from: this machine was busy
        self._late_s, self._due_s = 0.0, math.inf

    def start(self) -> None:
        """Check from now on."""
        self.started_s = self.answered_s = time.monotonic()
        self._tasks = [
            asyncio.create_task(self._check(), name="consent checks"),
            asyncio.create_task(self._look(), name="consent"),
            asyncio.create_task(self._pulse(), name="consent, own lateness"),
        ]

    async def close(self) -> None:
        """Check no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def heard_s(self) -> float:
        """When the path last gave a sign of life: an answer or a packet."""
        return max(self.answered_s, self.packet_s)

    @property
    def lossy(self) -> bool:
        """Whether a check had to be sent again, or was not answered at all."""
        return any(ms is None or ms >= RESEND_MS for ms in self.checks_ms)

    @property
    def packet_s(self) -> float:
        """When the last RTP packet came; when the checks began, where none has."""
        arrivals = self._packets.arrivals
        return arrivals[-1].arrival_s if arrivals else self.started_s

    async def ask(self) -> float | None:
        """Ask once, and keep what came of it. Return the round trip in ms, None without an answer.

        Where this program was so busy that the answer may have lain unread, it is set aside.
        """
        took_ms = None
        asked_s, late_s = time.monotonic(), self._own_lateness_s()
        with contextlib.suppress(OSError):
            self.sent += 1
            took_ms = await taps.check_pair(self._pc, resends=RESENDS) * 1000
            self.answered_s = time.monotonic()
            if len(self.round_trips_ms) < MAX_ROUND_TRIPS:
                self.round_trips_ms.append(took_ms)
        waited_ms = 1000 * (time.monotonic() - asked_s)
        own_ms = 1000 * (self._own_lateness_s() - late_s)
        if waited_ms >= RESEND_MS > waited_ms - own_ms:
            self.set_aside += 1
        elif len(self.checks_ms) < MAX_ROUND_TRIPS:
            self.checks_ms.append(took_ms)
        return took_ms

    async def _check(self) -> None:
        while True:
            await self.ask()
            await asyncio.sleep(CHECK_EVERY_S)

    async def _pulse(self) -> None:
        """Add up how late this program runs: an answer that lay unread proves no loss."""
        while True:
            self._due_s = time.monotonic() + PULSE_S + PULSE_LATE_S
            await asyncio.sleep(PULSE_S)
            self._late_s = self._own_lateness_s()

    def _own_lateness_s(self) -> float:
        """Return the sum until now; the pulse itself may be the last to be woken."""
        return self._late_s + max(0.0, time.monotonic() - self._due_s)

    async def _look(self) -> None:
        """Look at the clock apart from the checks: each of them may wait for its own end."""
        while not self.lost.is_set():
            await asyncio.sleep(LOOK_EVERY_S)
            now = time.monotonic()
            if now - self.heard_s > SILENT_S:
                self._lose(f"no check answered and no packet in {SILENT_S:.0f} s")
            elif now - self.answered_s > EXPIRES_S:
                self._lose(f"no check answered in {EXPIRES_S:.0f} s, though packets came")

    def _lose(self, why: str) -> None:
        self.why_lost = why
        self.lost.set()
