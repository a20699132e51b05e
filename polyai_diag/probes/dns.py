"""Names: what the system answers, as every client asks it, and what each resolver says."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Any

from polyai_diag.analysis.addresses import is_public_name, kind_of
from polyai_diag.failures import Failure
from polyai_diag.probes.again import ask_again, may_pass
from polyai_diag.probes.net import Address, literal

if TYPE_CHECKING:
    from polyai_diag.probes.trace import Known, Seen, Trace

DNS_TIMEOUT_S = 4.0
RESOLVER_TIMEOUT_S = 2.0
MAX_RESOLVERS = 3
MAX_ADDRESSES = 16

# A name that no query can carry (RFC 1035 §2.3.4): an empty label, or one over 63 characters.
KNOWN: Known = {UnicodeError: lambda _: Failure.DNS_NXDOMAIN}


async def resolve(host: str, port: int, trace: Trace, **notes: Any) -> list[Address]:
    """Look a host name up; what the trace keeps is every address, in the system's order.

    Asked again where the name servers fail at once.
    An address given as such is returned without asking anyone. Empty when there is none.
    """
    written = literal(host, port)
    if written is not None:
        return [written]

    def observed(**attempt: int) -> Seen:
        return trace.observe("dns_lookup", host, known=KNOWN, **notes, **attempt)

    seen = observed()
    found = await _resolve(host, port, seen)
    if found is None and may_pass(seen.failure, seen.notes, seen.took_s):
        found = await ask_again(lambda attempt: _resolve(host, port, observed(attempt=attempt)))
    return found or []


async def _resolve(host: str, port: int, seen: Seen) -> list[Address] | None:
    with seen:
        async with asyncio.timeout(DNS_TIMEOUT_S):
            addresses = await look_up(host, port)
        seen.note(
            addresses=[address.host for address in addresses],
            a=[a.host for a in addresses if a.family == socket.AF_INET],
            aaaa=[a.host for a in addresses if a.family == socket.AF_INET6],
            kinds=[kind_of(address.host) for address in addresses],
            public_name=is_public_name(host),
        )
        if not addresses:
            seen.fail(Failure.DNS_NO_ANSWER)
        return addresses or None
    return None


async def look_up(host: str, port: int) -> list[Address]:
    """Ask the system. Raises OSError (socket.gaierror), UnicodeError.

    The thread is one that nobody waits for: getaddrinfo cannot be cut off, and a silent resolver
    holds it for half a minute.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[Address]] = loop.create_future()

    def take(found: list[Address] | Exception) -> None:
        if answer.done():
            return
        if isinstance(found, Exception):
            answer.set_exception(found)
        else:
            answer.set_result(found)

    def ask() -> None:
        found: list[Address] | Exception
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found = [Address(family, *sockaddr[:2]) for family, _, _, _, sockaddr in rows]
        except (OSError, UnicodeError) as exc:
            found = exc
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(take, found)

    threading.Thread(target=ask, name=f"look up {host}", daemon=True).start()
    return (await answer)[:MAX_ADDRESSES]


async def ask_resolvers(host: str, trace: Trace) -> None:
    """Ask each configured resolver for A and AAAA by itself: which one fails, and how."""
    from dns.exception import DNSException  # noqa: PLC0415 - only where there is a name to ask for
    from dns.resolver import Resolver  # noqa: PLC0415

    try:
        servers = [str(server) for server in Resolver().nameservers[:MAX_RESOLVERS]]
    except (DNSException, OSError):
        return  # none is configured here; the system's own answer stands
    await asyncio.gather(
        *(_ask(server, host, kind, trace) for server in servers for kind in ("A", "AAAA"))
    )


async def _ask(server: str, host: str, kind: str, trace: Trace) -> None:
    import dns.asyncquery  # noqa: PLC0415
    import dns.message  # noqa: PLC0415
    from dns.exception import DNSException, Timeout  # noqa: PLC0415

    known: Known = {
        Timeout: lambda _: Failure.GENERIC_TIMEOUT,
        DNSException: lambda _: Failure.DNS_SERVER_FAILED,
        UnicodeError: lambda _: Failure.DNS_NXDOMAIN,
    }
    with trace.observe("dns_query", server, known=known, name=host, type=kind) as seen:
        query = dns.message.make_query(f"{host.rstrip('.')}.", kind)
        reply, _ = await dns.asyncquery.udp_with_fallback(query, server, RESOLVER_TIMEOUT_S)
        _note_reply(reply, seen)


def _note_reply(reply: Any, seen: Seen) -> None:
    import dns.rcode  # noqa: PLC0415

    rcode = dns.rcode.to_text(reply.rcode())
    texts = [str(item) for rrset in reply.answer for item in rrset if item.rdtype in (1, 28)]
    seen.note(rcode=rcode, addresses=texts[:MAX_ADDRESSES])
    if rcode == "NXDOMAIN":
        seen.fail(Failure.DNS_NXDOMAIN)
    elif rcode != "NOERROR":
        seen.fail(Failure.DNS_SERVER_FAILED)
