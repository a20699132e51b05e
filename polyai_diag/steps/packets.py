"""The packets of a call, as step data: what came, what the gateway says of ours, the checks."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from polyai_diag.analysis.quality import (
    differences_ms,
    jitter_of,
    median_interval,
    percentile,
    rounded,
)
from polyai_diag.analysis.streams import reported_loss_percent, stream_facts
from polyai_diag.media.tracks import FRAME_S
from polyai_diag.probes.consent import answered_at_once

if TYPE_CHECKING:
    from collections.abc import Sequence

    from polyai_diag.analysis.quality import JitterFacts
    from polyai_diag.analysis.streams import StreamFacts
    from polyai_diag.model import Json
    from polyai_diag.probes.ice import Call

LEAST_LATE, LEAST_FOR_MEDIAN = 7, 6
"""Checks; with fewer no interval of their median reaches 95 %."""


async def packet_facts(own: Call) -> dict[str, Json]:
    """Judge all packets of the call so far, and all checks of its path.

    `loss_…` is of what came from the gateway, `sent_loss_…` of what went there, by its own RTCP
    reports; `checks` went there and back.
    """
    facts = stream_facts(own.packets.arrivals)
    sent, reports = await own.packets_sent(), await own.reported()
    return {
        "packets_sent": sent,
        **_received(facts),
        **_jitter(facts.jitter),
        "own_jitter_ms": _own_jitter_ms(own.track.sent_s),
        "one_way": _one_way(sent, facts.received),
        "gateway_reports": reports,
        "gateway_packets_sent": await own.gateway_sent(),
        "rtcp_rtt_ms": reports["rtt_ms"] if reports else None,
        **_delivered(reports),
        "checks": check_facts(own.consent.checks_ms, own.consent.set_aside),
    }


def _received(facts: StreamFacts) -> dict[str, Json]:
    lost = facts.loss
    return {
        "packets_received": facts.received,
        "packets_due": lost.expected,
        "packets_lost": lost.lost,
        "loss_percent": round(lost.percent, 2),
        "loss_interval_percent": rounded((lost.low_percent, lost.high_percent)),
        "lost_bursts": lost.bursts,
        "mean_burst": round(lost.mean_burst, 2),
        "loss_kind": facts.loss_kind,
        "reordered": facts.reordered,
        "duplicates": facts.duplicates,
        "gaps": [asdict(gap) for gap in facts.gaps],
        "ssrc_changes": facts.ssrc_changes,
        "payload_types": list(facts.payload_types),
    }


def _jitter(jitter: JitterFacts | None) -> dict[str, Json]:
    if jitter is None:
        return {"jitter_ms": None}
    return {
        "jitter_ms": round(jitter.mean_ms, 2),
        "jitter_interval_ms": rounded((jitter.low_ms, jitter.high_ms)),
        "jitter_rfc3550_ms": round(jitter.rfc3550_ms, 2),
        "jitter_p50_ms": round(jitter.p50_ms, 2),
        "jitter_p95_ms": round(jitter.p95_ms, 2),
        "jitter_p99_ms": round(jitter.p99_ms, 2),
    }


def _own_jitter_ms(sent_s: Sequence[float]) -> float | None:
    """Return how unevenly this machine itself hands packets over, mean |D|: it may be busy."""
    late_ms = [1000 * (at_s - number * FRAME_S) for number, at_s in enumerate(sent_s)]
    own = jitter_of(differences_ms(late_ms))
    return None if own is None else round(own.mean_ms, 2)


def _one_way(sent: int, received: int) -> str | None:
    """Say which way alone carries packets; None where both do, or neither."""
    if bool(sent) == bool(received):
        return None
    return "only sent" if sent else "only received"


def _delivered(reports: dict[str, float | int | None] | None) -> dict[str, Json]:
    if reports is None or not reports["packets_counted"]:
        return {"sent_loss_percent": None}
    lost, counted = int(reports["packets_lost"] or 0), int(reports["packets_counted"])
    percent, low, high = reported_loss_percent(lost, counted)
    return {
        "sent_loss_percent": round(percent, 2),
        "sent_loss_interval_percent": rounded((low, high)),
    }


def check_facts(checks_ms: Sequence[float | None], set_aside: int = 0) -> dict[str, Json] | None:
    """Judge the checks of the path: round trips, their spread, how many first requests were lost.

    Those that had to be sent again count as lost, and for nothing else. `spread_ms` is the mean |D|
    of neighbours, `rtt_late_…` of the last third alone: a way may get long. `set_aside` more of
    them tell nothing, for this machine was too busy to read their answers.
    """
    if not checks_ms and not set_aside:
        return None
    at_once = answered_at_once(checks_ms)
    ordered = sorted(ms for ms in at_once if ms is not None)
    found: dict[str, Json] = {"sent": len(checks_ms), "lost": at_once.count(None)}
    if set_aside:
        found["set_aside"] = set_aside
    if ordered:
        found["rtt_ms"] = round(percentile(ordered, 0.5), 2)
        found["rtt_p95_ms"] = round(percentile(ordered, 0.95), 2)
        found["rtt_interval_ms"] = rounded(median_interval(ordered))
    last = at_once[-max(LEAST_LATE, len(at_once) // 3) :]
    late = sorted(ms for ms in last if ms is not None)
    if len(at_once) >= 2 * LEAST_LATE and len(late) >= LEAST_FOR_MEDIAN:
        found["rtt_late_ms"] = round(percentile(late, 0.5), 2)
        found["rtt_late_interval_ms"] = rounded(median_interval(late))
    spread = jitter_of(differences_ms(at_once))
    if spread is not None:
        found["spread_ms"] = round(spread.mean_ms, 2)
    return found
