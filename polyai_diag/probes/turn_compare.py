"""UDP against TCP against TLS, side by side: the same packets over each way in the same second."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from polyai_diag.analysis.relayed import RelayedFacts, relayed_facts, throughput_kbps
from polyai_diag.probes.turn_row import SPACING_S, Row, through_relay, to_server
from polyai_diag.probes.waiting import happens_within

if TYPE_CHECKING:
    from polyai_diag.probes.stun_transport import StunTransport
    from polyai_diag.probes.turn_allocation import Allocation

OPUS_BYTES = 160
USUAL_S, THOROUGH_S = 1.0, 3.0
LATE_S = 1.0
"""Those that are ready wait so long for the others; who comes later is measured after."""

FAST_BYTES = 500
FAST_PACKETS = 25
OFFERED_KBPS = 8 * FAST_BYTES / SPACING_S / 1000  # twice what a call needs
HELD_BACK = 0.9
"""Below this share of what was offered the others may have been in the way: asked again alone."""


class StartLine:
    """Where the ways that work wait for each other, so that all are measured at once."""

    def __init__(self, runners: int) -> None:
        self._missing = runners
        self._open = asyncio.Event()
        self.alone = asyncio.Lock()

    def leave(self) -> None:
        """One fewer is to be waited for: it is here, or it will not come."""
        self._missing -= 1
        if self._missing <= 0:
            self._open.set()

    async def wait(self, at_most_s: float = LATE_S) -> None:
        """Wait for the others, a while."""
        await happens_within(at_most_s, self._open.wait())


class Measured:
    """What one way was measured to do; `relayed` tells whether the packets went by the relay."""

    def __init__(self, facts: RelayedFacts, *, relayed: bool) -> None:
        self.facts = facts
        self.relayed = relayed
        self.throughput_kbps: float | None = None


async def measure(
    transport: StunTransport,
    near: Allocation,
    far: Allocation | None,
    line: StartLine,
    *,
    seconds: float,
) -> Measured:
    """Send a call's packets for a while, then twice as much as a call's for half a second.

    Between two relayed addresses; without a second one, to the server itself and back.
    """

    async def run(row: Row) -> None:
        await (through_relay(row, near, far) if far else to_server(row, transport))

    row = Row(round(seconds / SPACING_S), OPUS_BYTES)
    await run(row)
    measured = Measured(relayed_facts(row.sent_s, row.arrived_s), relayed=far is not None)
    if far is not None and row.arrived_s:
        measured.throughput_kbps = await _throughput_kbps(near, far)
        if measured.throughput_kbps < HELD_BACK * OFFERED_KBPS:
            async with line.alone:
                again_kbps = await _throughput_kbps(near, far)
            measured.throughput_kbps = max(measured.throughput_kbps, again_kbps)
    return measured


async def _throughput_kbps(near: Allocation, far: Allocation) -> float:
    row = Row(FAST_PACKETS, FAST_BYTES)
    await through_relay(row, near, far)
    return throughput_kbps(FAST_BYTES, row.arrived_s, OFFERED_KBPS)
