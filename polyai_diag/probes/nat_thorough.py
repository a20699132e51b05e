"""What of a NAT takes time to find out: how long a mapping lives, and hairpinning."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from polyai_diag import stun_message
from polyai_diag.analysis.nat import UNKNOWN, Address, lifetime_words
from polyai_diag.probes.stun_transport import (
    KNOWN,
    StunTransport,
    any_local,
    mapped_address,
    open_udp,
    shown,
)
from polyai_diag.probes.waiting import happens_within
from polyai_diag.stun_message import Method

if TYPE_CHECKING:
    from polyai_diag.probes.trace import Trace

TIMEOUT_S = 2.0
PAUSES_S = (0.0, 6.0, 12.0)
"""The first is the control. A call sends something at least every 5 s (RFC 7675 §5.1)."""
HAIRPIN_PACKETS_AT_S = (0.0, 0.1, 0.3, 0.6)
HAIRPIN_WAIT_S = 1.0


async def ask_lifetime(server: Address, trace: Trace) -> str:
    """Find out how long a mapping lives without traffic (RFC 5780 §4.6), in words.

    Each pause has a socket of its own, all at once, so that no test refreshes what another tests.
    `unknown` where the server does not answer to another port (RESPONSE-PORT).
    """
    if not await _lives(server, PAUSES_S[0], trace):
        return UNKNOWN
    pauses_s = PAUSES_S[1:]
    alive = await asyncio.gather(*(_lives(server, pause_s, trace) for pause_s in pauses_s))
    told = {s: lives for s, lives in zip(pauses_s, alive, strict=True) if lives is not None}
    return lifetime_words(told)


async def _lives(server: Address, pause_s: float, trace: Trace) -> bool | None:
    """Open a mapping, be silent, and let the server send to it at another socket's request.

    None where it could not be found out.
    """
    local = any_local(server)
    async with open_udp(local_host=local) as kept, open_udp(local_host=local) as other:
        with trace.observe("nat_lifetime", shown(server), known=KNOWN, pause_s=pause_s) as seen:
            port = (await _mapped(kept, server))[1]
            await asyncio.sleep(pause_s)
            alive = await _reached(kept, other, server, port)
            seen.note(alive=alive)
            return alive
    return None


async def _reached(kept: StunTransport, other: StunTransport, server: Address, port: int) -> bool:
    """Whether the answer to `other` comes to `kept`. Raises StunRefused."""
    request = stun_message.request(Method.BINDING, {"RESPONSE-PORT": port})
    came = asyncio.create_task(kept.expect(request, timeout_s=TIMEOUT_S))
    asked = asyncio.create_task(other.ask(request, timeout_s=TIMEOUT_S, to=server))
    try:
        await asyncio.wait((came, asked), return_when=asyncio.FIRST_COMPLETED)
        return came.done() and came.exception() is None
    finally:
        for task in (came, asked):
            task.cancel()
        await asyncio.gather(came, asked, return_exceptions=True)


async def ask_hairpin(server: Address, trace: Trace) -> bool | None:
    """Whether two sockets here reach each other at their public addresses (RFC 4787 §6).

    None where that cannot be told. Both send: a filter lets in only whom it has seen written to.
    """
    local = any_local(server)
    async with open_udp(local_host=local) as one, open_udp(local_host=local) as two:
        with trace.observe("nat_hairpin", shown(server), known=KNOWN) as seen:
            at_one, at_two = await asyncio.gather(_mapped(one, server), _mapped(two, server))
            came = asyncio.Event()
            one.on_other = two.on_other = lambda _: came.set()
            passed = await happens_within(
                HAIRPIN_WAIT_S, _knock(came, ((one, at_two), (two, at_one)))
            )
            seen.note(passed=passed, mapped_addresses=[shown(at_one), shown(at_two)])
            return passed
    return None


async def _knock(came: asyncio.Event, ways: tuple[tuple[StunTransport, Address], ...]) -> None:
    """Send along both ways, a few times, until something comes."""
    sent_s = 0.0
    for at_s in HAIRPIN_PACKETS_AT_S:
        await asyncio.sleep(at_s - sent_s)
        sent_s = at_s
        for transport, to in ways:
            transport.send(bytes(stun_message.request(Method.BINDING)), to)
    await came.wait()


async def _mapped(transport: StunTransport, server: Address) -> Address:
    request = stun_message.request(Method.BINDING)
    return mapped_address((await transport.ask(request, timeout_s=TIMEOUT_S, to=server)).message)
