"""Whether the TURN server would relay to the gateway's media, asked once ICE has failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyai_diag.analysis.addresses import best_reached
from polyai_diag.probes.trace import Trace
from polyai_diag.probes.turn import Round, TurnAttempt
from polyai_diag.probes.turn_allocation import Holdings
from polyai_diag.probes.turn_compare import StartLine
from polyai_diag.probes.turn_way import turn_tls_context

if TYPE_CHECKING:
    from collections.abc import Iterable

    from polyai_diag.probes.stun_transport import Address
    from polyai_diag.steps.walk import Walk

MAX_PEERS = 3


async def ask_for_peers(walk: Walk, peers: Iterable[Address], trace: Trace) -> None:
    """Ask the first TURN server that works for permissions to send there (RFC 8656 §9).

    A server may refuse its own address, and no harm done; these are the ones that a call needs.
    """
    working = next((probe.way for probe in walk.turn_probes if probe.ok), None)
    by_host = dict(peers)
    needed = [(host, by_host[host]) for host in best_reached(by_host)[:MAX_PEERS]]
    if working is None or not needed:
        return
    tls = turn_tls_context(walk.target.ca_file)
    beside = Round(tls, Trace("beside"), StartLine(1), StartLine(0), seconds=0)
    attempt = TurnAttempt(working, beside, Holdings())
    await attempt.ask_for(needed, trace)
