"""Packets 20 ms apart, as a call sends them, and when each of them came."""

from __future__ import annotations

import asyncio
import os
import struct
import time
from typing import TYPE_CHECKING

from polyai_diag import stun_message
from polyai_diag.probes.stun_transport import StunRefused
from polyai_diag.probes.waiting import happens_within
from polyai_diag.stun_message import Method, StunMalformed

if TYPE_CHECKING:
    from collections.abc import Callable

    from polyai_diag.probes.stun_transport import StunTransport
    from polyai_diag.probes.turn_allocation import Allocation

SPACING_S = 0.02
LAST_WAIT_S = 1.0
LEAST_WAIT_S = 0.25
_HEAD = struct.Struct("!8sI")  # whose row it is, and the packet's place in it


class Row:
    """One row of packets of one size: `sent_s` in order, `arrived_s` by place, monotonic.

    It ends before its time when `wanted` of them have come; all of them, unless told otherwise.
    """

    def __init__(self, count: int, size_bytes: int, *, wanted: int | None = None) -> None:
        self.size_bytes = size_bytes
        self.sent_s: list[float] = []
        self.arrived_s: dict[int, float] = {}
        self._count = count
        self._wanted = wanted or count
        self._key = os.urandom(8)
        self._rest = os.urandom(size_bytes - _HEAD.size)
        self._enough = asyncio.Event()

    def packet(self, number: int) -> bytes:
        """Return what is sent."""
        return _HEAD.pack(self._key, number) + self._rest

    def take(self, payload: bytes) -> None:
        """Note a packet of this row; whatever else came is none of it."""
        if len(payload) == self.size_bytes and payload.startswith(self._key):
            self.came(_HEAD.unpack_from(payload)[1])

    def came(self, number: int) -> None:
        """Note that a packet of this row has come; the second time is no news."""
        if number < len(self.sent_s):
            self.arrived_s.setdefault(number, time.monotonic())
        if len(self.arrived_s) >= self._wanted:
            self._enough.set()

    async def send(self, send: Callable[[int], None]) -> None:
        """Send the row in time; then wait for the last of it, thrice what the slowest took."""
        started_s = time.monotonic()
        for number in range(self._count):
            pause_s = max(0.0, started_s + number * SPACING_S - time.monotonic())
            if await happens_within(pause_s, self._enough.wait()):
                return
            self.sent_s.append(time.monotonic())
            send(number)
        took_s = (at_s - self.sent_s[number] for number, at_s in self.arrived_s.items())
        wait_s = max(LEAST_WAIT_S, 3 * max(took_s, default=LAST_WAIT_S))
        await happens_within(min(LAST_WAIT_S, wait_s), self._enough.wait())


async def through_relay(row: Row, near: Allocation, far: Allocation) -> None:
    """Send from one relayed address to the other: to the server and back is one round trip."""
    far.on_payload = row.take
    await row.send(lambda number: near.send_on_channel(row.packet(number)))


async def to_server(row: Row, transport: StunTransport) -> None:
    """Ask the server itself, where it will not relay to itself; SOFTWARE makes up the size."""
    asking: set[asyncio.Task[None]] = set()

    async def ask(number: int) -> None:
        request = stun_message.request(Method.BINDING, {"SOFTWARE": "p" * (row.size_bytes - 24)})
        try:
            await transport.ask(request, timeout_s=LAST_WAIT_S, once=True)
        except (OSError, StunMalformed, StunRefused):
            return  # lost, or not answered: what counts is that nothing came
        row.came(number)

    def send(number: int) -> None:
        asking.add(asyncio.create_task(ask(number)))

    try:
        await row.send(send)
    finally:
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
