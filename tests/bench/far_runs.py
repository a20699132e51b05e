"""The runs of `tests.bench.far`, in the client's namespace: prints what was measured, as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from statistics import median

from polyai_diag import Report, Target, diagnose
from polyai_diag.target import REGIONS, region_url

TIMES = 5
ALONE = ("token", "gateway")
TO_THE_OFFER = (*ALONE, "signaling")
TOKEN = "0123456789abcdef-connector"


async def round_trip_ms(host: str) -> float:
    """Return how long a TCP connection to the host's address takes, name lookup apart."""
    loop = asyncio.get_running_loop()
    address = str((await loop.getaddrinfo(host, 443))[0][4][0])
    took_ms = []
    for _ in range(TIMES):
        started_s = time.monotonic()
        _, writer = await asyncio.open_connection(address, 443)
        took_ms.append((time.monotonic() - started_s) * 1000)
        writer.transport.abort()
    return median(took_ms)


async def timed(target: Target, steps: tuple[str, ...], *causes: str) -> float:
    """Return how long the diagnosis took, in ms; it must name these causes and no other."""
    started_s = time.monotonic()
    report: Report = await diagnose(target, steps=steps)
    took_ms = (time.monotonic() - started_s) * 1000
    if report.root_causes != causes:
        sys.exit(f"{target.url}: {report.root_causes} in place of {causes}\n{report.to_json()}")
    return took_ms


async def main() -> None:
    """Measure; the first run, on another gateway, loads the modules."""
    asked = json.loads(sys.argv[1])
    refused = "token-rejected"

    def target(url: str) -> Target:
        return Target(url, TOKEN, ca_file=asked["ca_file"])

    async def usual_ms(url: str, steps: tuple[str, ...]) -> float:
        return median([await timed(target(url), steps, refused) for _ in range(TIMES)])

    await timed(target("euw-1"), TO_THE_OFFER, refused)
    us_1 = target("us-1").host
    found = {
        "round_trip_ms": await round_trip_ms(us_1),
        "rejected_ms": await usual_ms("us-1", TO_THE_OFFER),
        "alone_ms": {region: await usual_ms(region, ALONE) for region in REGIONS},
        "all_ms": await usual_ms("all", ALONE),
        "black_hole_ms": await timed(
            target(region_url("us-1").replace(us_1, asked["black_hole"])),
            TO_THE_OFFER,
            "gateway-unreachable",
        ),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    asyncio.run(main())
