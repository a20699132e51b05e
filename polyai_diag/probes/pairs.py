"""Candidate pairs: which were tried, how each ended, and whether any works past the relay."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from polyai_diag.analysis.candidates import CandidateFacts, obstacle
from polyai_diag.failures import Failure
from polyai_diag.media import aiortc_taps as taps

if TYPE_CHECKING:
    from collections.abc import Sequence

    import aioice.ice
    from aiortc import RTCPeerConnection

    from polyai_diag.media.aiortc_taps import PairFacts
    from polyai_diag.model import Json
    from polyai_diag.probes.trace import Trace

MAX_PAIRS = 100
MAX_DIRECT_PAIRS = 8
ASKED_AT_S = (0.0, 0.1, 0.3, 0.6, 1.0, 1.4)
"""When each pair is asked again, with an id of its own: a burst of loss is no block."""
RESENDS = 1  # each once more after 0.5 s, and given up after 1 s more

_ENDED = {
    "succeeded": "answered",
    "failed": "refused, or answered from elsewhere",
    "in_progress": "no answer",
    "waiting": "not checked",
    "frozen": "not checked",
}


def pair_rows(pairs: Sequence[PairFacts]) -> list[dict[str, Json]]:
    """Describe pairs, a row each: how the check ended, and why it could not have worked."""
    return [
        {
            **pair._asdict(),
            "ended": "nominated" if pair.nominated else _ENDED[pair.state],
            "obstacle": _obstacle(pair),
        }
        for pair in pairs[:MAX_PAIRS]
    ]


async def check_directly(pc: RTCPeerConnection, trace: Trace) -> None:
    """Ask every candidate of the gateway from our own sockets, until one answers or 3 s are over.

    For a call that goes through a relay: its pair may only have been the quickest.
    """
    pairs = [pair for pair in taps.direct_pairs(pc) if _obstacle(taps.pair_facts(pair)) is None][
        :MAX_DIRECT_PAIRS
    ]
    if not pairs:
        return
    with trace.observe("direct_check", "gateway") as seen:
        answered = await _first_to_answer(pc, pairs)
        asked = sorted({taps.pair_facts(pair).remote_address for pair in pairs})
        seen.note(asked=asked, checks=len(pairs) * len(ASKED_AT_S))
        if answered is None:
            seen.fail(Failure.GENERIC_TIMEOUT, "no answer past the relay")
        else:
            seen.note(answered=taps.pair_facts(answered).remote_address)


async def _first_to_answer(
    pc: RTCPeerConnection, pairs: Sequence[aioice.ice.CandidatePair]
) -> aioice.ice.CandidatePair | None:
    asking = [asyncio.create_task(_ask(pc, pair, at_s)) for pair in pairs for at_s in ASKED_AT_S]
    try:
        for done in asyncio.as_completed(asking):
            pair = await done
            if pair is not None:
                return pair
    finally:
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
    return None


async def _ask(
    pc: RTCPeerConnection, pair: aioice.ice.CandidatePair, at_s: float
) -> aioice.ice.CandidatePair | None:
    await asyncio.sleep(at_s)
    try:
        await taps.check_pair(pc, pair, resends=RESENDS)
    except OSError:
        return None
    return pair


def _obstacle(pair: PairFacts) -> str | None:
    return obstacle(
        _facts(pair.local_type, pair.local_address), _facts(pair.remote_type, pair.remote_address)
    )


def _facts(candidate_type: str, endpoint: str) -> CandidateFacts:
    host, _, port = endpoint.rpartition(":")
    return CandidateFacts(candidate_type, "udp", host.strip("[]"), int(port))
