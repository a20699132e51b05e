"""All regions at once: which answers, and which takes the token. No call is placed."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING

from polyai_diag.probes.proxy import proxy_for, proxy_name
from polyai_diag.steps.reach import STAGES, Reach
from polyai_diag.target import REGIONS, Target

if TYPE_CHECKING:
    from polyai_diag.model import Json, Observation
    from polyai_diag.probes.trace import Trace
    from polyai_diag.steps.walk import Walk


async def ask_regions(walk: Walk, trace: Trace) -> None:
    """Reach every region's gateway, each by itself, all at the same time."""
    given = walk.target
    targets = [
        Target(
            region,
            given.token,
            ice_servers=given.ice_servers,
            third_party=given.third_party,
            ca_file=given.ca_file,
            proxy=given.proxy,
        )
        for region in REGIONS
    ]
    rows = await asyncio.gather(*(_ask(target, walk, trace) for target in targets))
    trace.data["regions"] = list(rows)
    if (proxy := proxy_for(targets[0])) is not None:
        trace.data["proxy"] = proxy_name(proxy)
    if not any(row["reached"] for row in rows):
        trace.fail("no region is reached")
    elif given.token is not None and {row["token"] for row in rows} == {"refused"}:
        trace.fail("every region refuses the token")


async def _ask(target: Target, walk: Walk, trace: Trace) -> dict[str, Json]:
    own = walk.for_target(target)
    part = trace.part()
    try:
        reach = Reach(own, part)
        reached = await reach.run()
    finally:
        await own.close()
    broken = next((o for o in part.observations if _broke(o)), None)
    return {
        "region": target.region,
        "host": target.host,
        "reached": reached,
        "ms": reach.opened_after_ms,
        "stage": "" if reached or broken is None else STAGES[broken.operation],
        "token": _token(part.observations),
        "detail": "" if reached or broken is None else str(broken.failure),
    }


def _broke(seen: Observation) -> bool:
    return seen.operation in STAGES and seen.failure is not None


def _token(observations: list[Observation]) -> str:
    asked = [seen for seen in observations if seen.operation == "ice_servers_fetch"]
    if any(seen.failure is None for seen in asked):
        return "taken"
    refused = any(seen.notes.get("status") == HTTPStatus.UNAUTHORIZED for seen in asked)
    return "refused" if refused else "unknown"
