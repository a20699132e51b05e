"""What a run measures, beside what the cable under it wrote down of the very same packets."""

from __future__ import annotations

import asyncio
import json
import struct
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

from tests.bench.figure import Figure
from tests.real.ice_networks import OVER_UDP, STUN, Row, called
from tests.real.networks import PORT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from polyai_diag import Report

FAULT = {"jitter_ms": 8, "loss_percent": 4, "burst_packets": 3}
ONE_WAY_MS = {"*": 20}

UDP = 17
BINDING_REQUEST, BINDING_RESPONSE = b"\x00\x01", b"\x01\x01"
HEADER_BYTES = 20  # of a STUN message (RFC 8489 §5)
RELAYED_BYTES = 160
KEY_BYTES, MARK_BYTES = 8, 12  # at a relayed packet's head: whose row it is, and its number there
RTP_VERSION = range(128, 192)  # the first byte (RFC 7983 §7)
RTCP_TYPES = range(192, 224)
CLOCK_HZ = 48_000


@dataclass(frozen=True)
class Seen:
    """One datagram as the cable saw it; `left_s` is None where it was lost."""

    leaves_client: bool
    came_s: float
    left_s: float | None
    source_port: int
    destination_port: int
    payload: bytes


@dataclass(frozen=True)
class Facts:
    """What is compared; times in ms."""

    sent: int
    lost: int
    jitter_ms: float  # mean |D|
    rtt_ms: float | None = None  # the median


def figures() -> list[Figure]:
    """Measure them all; needs root and coturn."""
    servers, seen = _run(STUN, OVER_UDP)
    bindings = servers.step("stun").data["servers"][0]
    relayed = next(r for r in servers.step("turn").data["urls"] if r["url"] == OVER_UDP)
    direct, seen_directly = _run(STUN)
    call = direct.step("call").data
    return [
        *_compared("STUN", _told(bindings, bindings["sent"] - bindings["answered"]), stun(seen)),
        *_compared(
            "relay", _told(relayed, relayed["lost"], relayed["rtt_p50_ms"]), through_relay(seen)
        ),
        *_compared("RTP", _told_of_rtp(call), rtp(seen_directly, call["packets_received"])),
    ]


def _run(*urls: str) -> tuple[Report, list[Seen]]:
    """Place a call over the cable; without TURN its packets are RTP as it is."""
    with tempfile.TemporaryDirectory(prefix="polyai-diag-") as folder:
        log = Path(folder, "cable.log")
        cable = {"one_way_ms": ONE_WAY_MS, "fault": FAULT, "log": str(log)}
        row = Row("a cable that keeps a log", urls, cable=cable)
        report = asyncio.run(called(row, Path(folder)))
        return report, list(read(log))


def _told(row: dict[str, Any], lost: int, rtt_ms: float | None = None) -> Facts:
    return Facts(row["sent"], lost, row["jitter_ms"], rtt_ms or row["rtt_ms"])


def _told_of_rtp(call: dict[str, Any]) -> Facts:
    came, share = call["packets_received"], call["loss_percent"] / 100
    sent = round(came / (1 - share))
    return Facts(sent, sent - came, call["jitter_ms"])


def _compared(what: str, told: Facts, true: Facts) -> Iterator[Figure]:
    name = f"{what}, beside the cable's log"
    if told.rtt_ms is not None and true.rtt_ms is not None:
        apart_ms = abs(told.rtt_ms - true.rtt_ms)
        how = f"{told.rtt_ms:.2f} ms told, {true.rtt_ms:.2f} ms logged"
        yield Figure(f"{name}: round trip, apart", apart_ms, 1, "ms", how)
    apart_percent = 100 * abs(told.jitter_ms / true.jitter_ms - 1)
    how = f"{told.jitter_ms:.2f} ms told, {true.jitter_ms:.2f} ms logged"
    yield Figure(f"{name}: mean |D|, apart", apart_percent, 10, "%", how)
    wrong = abs(told.lost - true.lost) + abs(told.sent - true.sent)
    how = f"{told.lost} of {told.sent} told, {true.lost} of {true.sent} logged"
    yield Figure(f"{name}: packets counted wrong", wrong, 0, "", how)


# --- the log ----------------------------------------------------------------------------------


def read(log: Path) -> Iterator[Seen]:
    """Read the UDP datagrams of a log of `tests.bench.tun`, each by the moment it came or left."""
    for line in log.read_text().splitlines():
        end, came_s, left_s, packet = json.loads(line)
        raw = bytes.fromhex(packet)
        if raw[0] >> 4 == 4 and raw[9] == UDP:
            datagram = raw[(raw[0] & 15) * 4 :]
            source, destination = struct.unpack_from("!HH", datagram)
            yield Seen(end == "near", came_s, left_s, source, destination, datagram[8:])


def stun(seen: Iterable[Seen]) -> Facts:
    """Follow the longest row of Binding requests from one port, and their answers."""
    asked: dict[int, list[Seen]] = defaultdict(list)
    answers: dict[bytes, Seen] = {}
    for one in seen:
        kind, transaction = one.payload[:2], one.payload[8:HEADER_BYTES]
        if kind == BINDING_REQUEST and one.destination_port == PORT:
            asked[one.source_port].append(one)
        elif kind == BINDING_RESPONSE and one.left_s is not None:
            answers[transaction] = one
    _, row = max(asked.items(), key=lambda item: len(item[1]))
    trips_ms = _trips_ms((one, answers.get(one.payload[8:HEADER_BYTES])) for one in row)
    return _facts(trips_ms)


def through_relay(seen: Iterable[Seen]) -> Facts:
    """Follow the longest row of packets from one relayed address to another."""
    rows: dict[bytes, dict[bytes, Seen]] = defaultdict(dict)
    back: dict[bytes, Seen] = {}
    seen = list(seen)
    for one in seen:
        if one.leaves_client and len(one.payload) == RELAYED_BYTES + 4:  # ChannelData
            mark = one.payload[4 : 4 + MARK_BYTES]
            rows[mark[:KEY_BYTES]][mark] = one
    key, row = max(rows.items(), key=lambda item: len(item[1]))
    for one in seen:
        at = one.payload.find(key)
        if at >= 0 and not one.leaves_client and one.left_s is not None:
            back[one.payload[at : at + MARK_BYTES]] = one
    trips_ms = _trips_ms((row[mark], back.get(mark)) for mark in sorted(row))
    return _facts(trips_ms)


def _trips_ms(row: Iterable[tuple[Seen, Seen | None]]) -> list[float | None]:
    return [
        1000 * (back.left_s - there.came_s) if back and back.left_s is not None else None
        for there, back in row
    ]


def _facts(trips_ms: list[float | None]) -> Facts:
    """D is between neighbours as they were sent, where both came."""
    came_ms = [ms for ms in trips_ms if ms is not None]
    apart_ms = [abs(b - a) for a, b in pairwise(trips_ms) if a is not None and b is not None]
    return Facts(len(trips_ms), trips_ms.count(None), fmean(apart_ms), median(came_ms))


def rtp(seen: Iterable[Seen], came: int) -> Facts:
    """Follow the gateway's first packets of audio, until so many have come."""
    sent = [
        one
        for one in seen
        if not one.leaves_client
        and one.payload[0] in RTP_VERSION
        and one.payload[1] not in RTCP_TYPES
    ]
    arrived = sorted((s.left_s, *_rtp_place(s)) for s in sent if s.left_s is not None)[:came]
    first, last = min(a[1] for a in arrived), max(a[1] for a in arrived)
    lost = [s for s in sent if s.left_s is None and first < _rtp_place(s)[0] < last]
    apart_ms = [
        abs(1000 * (b_s - a_s - (b_ticks - a_ticks) / CLOCK_HZ))
        for (a_s, number, a_ticks), (b_s, next_number, b_ticks) in pairwise(arrived)
        if next_number == number + 1  # the cable keeps their order
    ]
    return Facts(len(arrived) + len(lost), len(lost), fmean(apart_ms))


def _rtp_place(one: Seen) -> tuple[int, int]:
    number, ticks = struct.unpack_from("!HI", one.payload, 2)
    return number, ticks
