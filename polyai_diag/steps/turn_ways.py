"""Which ways to its TURN servers a run tries: what is configured, and what might be."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from polyai_diag.probes.dns import resolve
from polyai_diag.probes.net import Address
from polyai_diag.probes.proxy import proxy_for
from polyai_diag.probes.turn_way import Way
from polyai_diag.target import IceUrl, parse_ice_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from polyai_diag.probes.trace import Trace
    from polyai_diag.steps.walk import Walk
    from polyai_diag.target import IceServer

MAX_URLS = 12
MAX_WAYS = 40
TLS_PORTS = (5349, 443)
_STREAMS = ("tcp", "tls")

Asked = tuple[IceUrl, "IceServer"]


def turn_urls(walk: Walk) -> list[Asked]:
    """Every TURN URL with the server entry that it stands in, each once."""
    pairs = [(url, server) for server in walk.servers for url in server.parsed if url.is_turn]
    return list({url.url: (url, server) for url, server in reversed(pairs)}.values())[::-1]


async def turn_ways(walk: Walk, urls: Sequence[Asked], trace: Trace) -> list[Way]:
    """Return the ways to these URLs: both families of a name, and streams by the proxy as well.

    Then those that nobody has configured, on the same hosts. URLs over DTLS have none.
    """
    urls = [(url, server) for url, server in urls if url.transport != "dtls"]
    hosts = list(dict.fromkeys(url.host for url, _ in urls))
    found = await asyncio.gather(*(resolve(host, 3478, trace) for host in hosts))
    addresses = dict(zip(hosts, found, strict=True))
    proxy = proxy_for(walk.target)
    ways = [way for url, server in urls for way in _ways(url, server, addresses, proxy)]
    for url, server in _not_configured(urls):
        first = _ways(url, server, {url.host: addresses[url.host][:1]}, proxy)
        ways += [way._replace(configured=False) for way in first if way.address or way.proxy]
    return ways[:MAX_WAYS]


def _ways(
    url: IceUrl, server: IceServer, addresses: Mapping[str, Sequence[Address]], proxy: str | None
) -> Iterator[Way]:
    for address in _one_of_each_family(addresses[url.host]):
        yield Way(url, server, Address(address.family, address.host, url.port))
    if not addresses[url.host] and not proxy:
        yield Way(url, server, None)
    if proxy and url.transport in _STREAMS:
        yield Way(url, server, None, proxy)


def _one_of_each_family(addresses: Iterable[Address]) -> Iterable[Address]:
    """Return the first of each, as a browser takes it; IPv4 stands first."""
    by_family = {address.family: address for address in reversed(list(addresses))}
    return sorted(by_family.values(), key=lambda address: ":" in address.host)


def _not_configured(urls: Sequence[Asked]) -> Iterator[Asked]:
    """TCP on the port that is configured, TLS on the usual ones, where no URL names them."""
    known = {(url.host.lower(), url.port, url.transport) for url, _ in urls}
    for url, server in urls:
        port = url.port if url.transport == "udp" else 3478
        for scheme, at in (("turn", port), *(("turns", port) for port in TLS_PORTS)):
            host = f"[{url.host}]" if ":" in url.host else url.host
            other = parse_ice_url(f"{scheme}:{host}:{at}?transport=tcp")
            key = (other.host.lower(), other.port, other.transport)
            if key not in known:
                known.add(key)
                yield other, server
