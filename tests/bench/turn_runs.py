"""The runs of `tests.bench.turn`, in the client's namespace: prints what was measured, as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from statistics import median
from typing import Any

from polyai_diag import IceServer, Target, check_turn
from polyai_diag.probes.net import literal
from polyai_diag.probes.trace import Trace
from polyai_diag.probes.turn import Round, TurnAttempt
from polyai_diag.probes.turn_allocation import Holdings
from polyai_diag.probes.turn_compare import StartLine
from polyai_diag.probes.turn_way import Way, turn_tls_context
from polyai_diag.target import parse_ice_url

TIMES = 5
READY_S = 5.0
URLS = {
    "udp": "turn:{}:3478?transport=udp",
    "tcp": "turn:{}:3478?transport=tcp",
    "tls": "turns:{}:5349?transport=tcp",
}
USER, PASSWORD = "alice", "s3cret"


async def round_trip_ms(host: str) -> float:
    """Return how long a TCP connection takes; wait for the server to be up before."""
    took_ms: list[float] = []
    until_s = time.monotonic() + READY_S
    while len(took_ms) < TIMES:
        started_s = time.monotonic()
        try:
            _, writer = await asyncio.open_connection(host, 5349)
        except ConnectionRefusedError:
            if started_s > until_s:
                raise
            continue
        took_ms.append((time.monotonic() - started_s) * 1000)
        writer.transport.abort()
    return median(took_ms)


async def check_ms(host: str, transport: str, ca_file: str) -> float:
    """Return how long one URL takes from its first packet to its release, proven on the way."""
    server = IceServer(URLS[transport].format(host), USER, PASSWORD)
    url = parse_ice_url(server.urls[0])
    way = Way(url, server, literal(host, url.port))
    trace = Trace("turn")
    around = Round(turn_tls_context(ca_file), trace, StartLine(1), StartLine(1), seconds=0)
    attempt = TurnAttempt(way, around, Holdings())
    started_s = time.monotonic()
    await attempt.run()
    took_ms = (time.monotonic() - started_s) * 1000
    if attempt.probe.proof != "echo":
        sys.exit(f"{url.url}: {attempt.probe}\n{trace.observations}")
    return took_ms


async def dead_ms(hosts: list[str]) -> float:
    """Return how long the step takes where every transport of every server is dropped."""
    urls = [url.format(host) for host in hosts for url in URLS.values()]
    servers = [IceServer(url, USER, PASSWORD) for url in urls]
    started_s = time.monotonic()
    target = Target("ws://127.0.0.1:1/", ice_servers=servers, third_party=False)
    result = await check_turn(target)
    took_ms = (time.monotonic() - started_s) * 1000
    if result.status != "failed" or any(row["ok"] for row in result.data["urls"]):
        sys.exit(f"the dead servers: {result}")
    return took_ms


async def main() -> None:
    """Measure; the first check of each transport loads the modules."""
    asked = json.loads(sys.argv[1])
    host, ca_file = asked["server"], asked["ca_file"]
    found: dict[str, Any] = {"round_trip_ms": await round_trip_ms(host), "check_ms": {}}
    for transport in URLS:
        times_ms = [await check_ms(host, transport, ca_file) for _ in range(TIMES + 1)]
        found["check_ms"][transport] = median(times_ms[1:])
    found["dead_ms"] = await dead_ms(asked["dead"])
    print(json.dumps(found))


if __name__ == "__main__":
    asyncio.run(main())
