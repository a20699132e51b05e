"""A browser's statistics of a call (`getStats()`, W3C webrtc-stats), retold as a record. Pure.

What they do not tell is not in the record: how unevenly packets left the other side, say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polyai_diag.analysis.loose import number
from polyai_diag.analysis.observed import observation, retold_record
from polyai_diag.analysis.quality import rounded
from polyai_diag.analysis.streams import reported_loss_percent
from polyai_diag.failures import Failure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from polyai_diag.model import Json, Observation, Record

_MOST = 5000
_OF_A_CALL = ("outbound-rtp", "inbound-rtp", "remote-inbound-rtp")
_SENT = ("outbound-rtp", "packetsSent")
_RECEIVED, _LOST = ("inbound-rtp", "packetsReceived"), ("inbound-rtp", "packetsLost")
_PACKETS_LEAST = 50
"""A second of a call: before that, nothing may have come yet."""
_SILENT_LEAST_S = 15.0
"""An agent may take its time before it speaks."""

Stats = dict[str, Any]


def statistics_in(body: Json) -> list[Stats]:
    """Return the statistics that a paste is: a list of them, or an object by id; empty for none."""
    held: Iterable[Json] = ()
    if isinstance(body, dict):
        held = body.values()
    elif isinstance(body, list):  # of `[...report]` each one is a pair, id and statistics
        held = (one[-1] if isinstance(one, list) and len(one) == 2 else one for one in body)
    dicts = [one for one in list(held)[:_MOST] if isinstance(one, dict)]
    return dicts if any(one.get("type") in _OF_A_CALL for one in dicts) else []


def statistics_record(stats: list[Stats], judged_at: datetime) -> Record:
    """Retell them as a call that was looked at; `judged_at` stands for its time."""
    seen, data = call_seen(stats)
    return retold_record(seen, judged_at, data={"call": data}, target={"url": "the gateway"})


def call_seen(stats: list[Stats]) -> tuple[dict[str, list[Observation]], dict[str, Json]]:
    """Return what they show of a call, by step, and the counts of its packets."""
    data = _packets(stats)
    return {"call": [_flow(data)], "audio": list(_sound(stats))}, data


def _flow(data: dict[str, Json]) -> Observation:
    """Say whether packets go both ways, of a call that is up."""
    sent, received = data["packets_sent"], data["packets_received"]
    if sent == 0:
        return _seen("rtp_send", Failure.NO_RTP, "packetsSent is 0")
    if received == 0 and (sent or 0) >= _PACKETS_LEAST:
        return _seen("rtp_receive", Failure.NO_RTP, f"packetsReceived is 0, packetsSent {sent}")
    return _seen("rtp_receive", None, "")


def _sound(stats: list[Stats]) -> Iterator[Observation]:
    """Say of packets that arrive whether they carry anything."""
    energy = _sum(stats, "inbound-rtp", "totalAudioEnergy")
    lasted_s = _sum(stats, "inbound-rtp", "totalSamplesDuration") or 0.0
    if energy == 0 and lasted_s >= _SILENT_LEAST_S and _count(stats, *_RECEIVED):
        detail = f"totalAudioEnergy is 0 after {lasted_s:.0f} s of sound"
        yield _seen("audio_listen", Failure.SILENCE, detail)


def _seen(operation: str, failure: Failure | None, detail: str) -> Observation:
    notes: dict[str, Json] = {"detail": detail} if detail else {}
    return observation(operation, "the browser's statistics", failure, notes)


def _packets(stats: list[Stats]) -> dict[str, Json]:
    """Return the call's counts under the names that a run gives them (steps/packets.py)."""
    if not _is_connected(stats):
        return {"packets_sent": None, "packets_received": None}
    sent, received, lost = (_count(stats, *key) for key in (_SENT, _RECEIVED, _LOST))
    lost_there = _count(stats, "remote-inbound-rtp", "packetsLost")
    due = None if lost is None else (received or 0) + max(0, lost)
    reported = None if lost_there is None else {"packets_lost": lost_there, "packets_counted": sent}
    return {
        "packets_sent": sent,
        "packets_received": received or 0,
        "packets_due": due,
        "packets_lost": lost,
        "loss_percent": round(100 * max(0, lost) / due, 2) if lost is not None and due else None,
        "loss_interval_percent": _interval(lost, due),
        "gateway_packets_sent": _count(stats, "remote-outbound-rtp", "packetsSent"),
        "gateway_reports": reported,
        "sent_loss_interval_percent": _interval(lost_there, sent),
    }


def _interval(lost: int | None, of: int | None) -> Json:
    if lost is None or not of or not 0 <= lost <= of:
        return None
    _, low, high = reported_loss_percent(lost, of)
    return rounded((low, high))


def _is_connected(stats: list[Stats]) -> bool:
    pairs = any(s.get("state") == "succeeded" for s in stats if s.get("type") == "candidate-pair")
    return pairs or any(s.get("dtlsState") == "connected" for s in stats)


def _count(stats: list[Stats], kind: str, key: str) -> int | None:
    total = _sum(stats, kind, key)
    return None if total is None else int(total)


def _sum(stats: list[Stats], kind: str, key: str) -> float | None:
    """Add up what all audio streams of a kind say; None where none says anything."""
    told = [number(one.get(key)) for one in stats if one.get("type") == kind and _is_audio(one)]
    known = [value for value in told if value is not None]
    return sum(known) if known else None


def _is_audio(one: Stats) -> bool:
    return one.get("kind", one.get("mediaType", "audio")) == "audio"
