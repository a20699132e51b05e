"""STUN bindings sent through a relay: the proof that it carries packets to others (RFC 8656 §11).

A hardened server refuses its own address as a peer, and many clouds carry nothing from a server
to itself: then two allocations on one server prove nothing.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, NamedTuple

from polyai_diag import stun_message
from polyai_diag.failures import Failure
from polyai_diag.probes.stun_transport import StunRefused, mapped_address, shown
from polyai_diag.probes.waiting import happens_within
from polyai_diag.stun_message import Class, Method, StunMalformed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from polyai_diag.probes.stun_transport import Address
    from polyai_diag.probes.trace import Seen
    from polyai_diag.probes.turn_allocation import Allocation

SENT_AT_S = (0.0, 0.1, 0.3, 0.6, 1.0)
LAST_WAIT_S = 0.5
MAX_SERVERS = 3
FORBIDDEN = 403


class Answer(NamedTuple):
    """The first answer that came back through the relay."""

    server: Address
    mapped: Address  # the relay's address as that server sees it
    round_trip_ms: float


async def ask_through(relay: Allocation, servers: Sequence[Address], seen: Seen) -> Answer | None:
    """Ask STUN servers through the relay until one answers; None, and `seen` says why.

    Raises OSError, StunRefused, StunMalformed for what goes wrong between us and the relay.
    """
    permitted, refused = await _permit(relay, servers[:MAX_SERVERS])
    seen.note(servers=[shown(server) for server in permitted])
    if refused:
        seen.note(refused_peers=[shown(server) for server in refused])
    if not permitted:
        seen.fail(Failure.STUN_FORBIDDEN, "the server refuses every STUN server as a peer")
        return None
    asking = _Asking(relay, permitted)
    answer = await asking.run()
    if answer is None:
        seen.fail(Failure.GENERIC_TIMEOUT, f"no answer to {asking.sent} requests through the relay")
        return None
    rtt_ms = round(answer.round_trip_ms, 2)
    seen.note(server=shown(answer.server), mapped_address=shown(answer.mapped), rtt_ms=rtt_ms)
    return answer


async def _permit(
    relay: Allocation, servers: Sequence[Address]
) -> tuple[list[Address], list[Address]]:
    """Ask for each by itself: one that is refused would refuse them all (RFC 8656 §10.2)."""
    said = await asyncio.gather(
        *(relay.permit(server) for server in servers), return_exceptions=True
    )
    for failure in said:
        if isinstance(failure, BaseException) and not _is_refusal(failure):
            raise failure
    refused = [s for s, failure in zip(servers, said, strict=True) if failure is not None]
    return [server for server in servers if server not in refused], refused


def _is_refusal(failure: BaseException) -> bool:
    return isinstance(failure, StunRefused) and failure.code in (FORBIDDEN, 443)


class _Asking:
    def __init__(self, relay: Allocation, servers: Sequence[Address]) -> None:
        self._relay = relay
        self._servers = servers
        self._sent: dict[bytes, tuple[Address, float]] = {}
        self._answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    @property
    def sent(self) -> int:
        return len(self._sent)

    async def run(self) -> Answer | None:
        self._relay.on_payload = self._take
        started_s = time.monotonic()
        for at_s in SENT_AT_S:
            pause_s = max(0.0, started_s + at_s - time.monotonic())
            if await happens_within(pause_s, asyncio.shield(self._answered)):
                return self._answered.result()
            self._send()
        await happens_within(LAST_WAIT_S, asyncio.shield(self._answered))
        return self._answered.result() if self._answered.done() else None

    def _send(self) -> None:
        for server in self._servers:
            request = stun_message.request(Method.BINDING)
            self._sent[request.transaction_id] = (server, time.monotonic())
            self._relay.send_indication(server, bytes(request))

    def _take(self, payload: bytes) -> None:
        try:
            message = stun_message.parse(payload)
            mapped = mapped_address(message)
        except StunMalformed:
            return
        asked = self._sent.get(message.transaction_id)
        if asked and message.message_class is Class.RESPONSE and not self._answered.done():
            server, sent_s = asked
            self._answered.set_result(Answer(server, mapped, (time.monotonic() - sent_s) * 1000))
