"""What a call measured, in words: the relays, the media's packets, the sound."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from polyai_diag.report.text import (
    failure_words,
    flat,
    milliseconds,
    number,
    plain,
    quantity,
    rows,
    table,
)
from polyai_diag.report.way import FAILS, OK, Mark

Data = Callable[[str], dict[str, Any]]
"""Gives what the step of that name put down."""


class Relay(NamedTuple):
    """One TURN URL over one transport."""

    url: str
    transport: str
    mark: Mark
    setup: str
    round_trip: str
    loss: str


def relays(turn: dict[str, Any]) -> list[Relay]:
    """Return TURN, URL by URL."""
    return [_relay(row) for row in rows(turn.get("urls"))]


def carried(data: Data) -> list[tuple[str, str]]:
    """Return what was measured of the network and the media's packets. Only what there is."""
    call, audio, nat = data("call"), data("audio"), data("nat")
    packets = audio if "packets_received" in audio else call  # the longer the better
    return _present(
        ("path of the media", _path(table(call.get("nominated")))),
        ("round trip", milliseconds(call.get("rtt_ms"))),
        ("jitter", milliseconds(packets.get("jitter_ms"))),
        ("loss (95 %)", _loss(packets)),
        ("packets sent / received", _pair(packets, "packets_sent", "packets_received")),
        ("UDP", _word(data("stun").get("udp"))),
        ("NAT mapping", _word(nat.get("mapping"))),
        ("NAT filtering", _word(nat.get("filtering"))),
    )


def heard(data: Data) -> list[tuple[str, str]]:
    """Return what was measured of the sound. Only what there is."""
    audio = data("audio")
    return _present(
        ("audio came from", _word(audio.get("mode"))),
        ("first audio after", milliseconds(audio.get("first_audio_ms"))),
        ("audio delay", milliseconds(audio.get("delay_ms"))),
        ("gain", quantity(audio.get("gain_db"), "dB", 1)),
        ("level sent", quantity(audio.get("sent_level_dbfs"), "dBFS", 1)),
        ("level received", quantity(audio.get("level_dbfs"), "dBFS", 1)),
        ("noise", quantity(audio.get("noise_dbfs"), "dBFS", 1)),
        ("distortion and noise (THD+N)", quantity(audio.get("thd_n_db"), "dB", 1)),
        ("bandwidth", _kilohertz(audio.get("bandwidth_hz"))),
        ("Opus", _opus(data("opus"))),
    )


def _present(*found: tuple[str, str]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in found if value != "–"]


def _relay(row: dict[str, Any]) -> Relay:
    reached = plain(row.get("stage", "?"), 40).replace("_", " ")
    if row.get("ok") is True:
        mark = Mark(OK.tone, OK.glyph, reached)
    else:
        why = failure_words(row.get("failure") or "failed")
        mark = Mark(FAILS.tone, FAILS.glyph, f"{reached}: {why}")
    p50, p95 = milliseconds(row.get("rtt_p50_ms")), milliseconds(row.get("rtt_p95_ms"))
    round_trip = "–" if p50 == "–" else f"{p50.removesuffix(' ms')} / {p95}"
    return Relay(
        plain(row.get("url", "?"), 120),
        plain(row.get("transport", "?"), 12).upper(),
        mark,
        milliseconds(row.get("setup_ms")),
        round_trip,
        _pair(row, "lost", "sent") if row.get("sent") else "–",
    )


def _path(nominated: dict[str, Any]) -> str:
    if not nominated:
        return "–"
    local, remote = (plain(nominated.get(f"{s}_type", "?"), 12) for s in ("local", "remote"))
    relay = nominated.get("relay_transport")
    return f"{local} → {remote}" + (f", relay over {plain(relay, 8).upper()}" if relay else "")


def _loss(packets: dict[str, Any]) -> str:
    """Return the rate with its interval: 0 of 50 packets proves no more than "under 7 %"."""
    rate, interval = (
        quantity(packets.get("loss_percent"), "%", 1),
        packets.get("loss_interval_percent"),
    )
    if not isinstance(interval, list | tuple) or len(interval) != 2:
        return rate
    low, high = (number(end) for end in interval)
    return rate if low is None or high is None else f"{rate} ({low:.1f}–{high:.1f})"


def _pair(row: dict[str, Any], first: str, second: str) -> str:
    values = [number(row.get(key)) for key in (first, second)]
    if None in values:
        return "–"
    return f"{values[0]:.0f} / {values[1]:.0f}"


def _word(value: Any) -> str:
    return plain(value, 120) if value else "–"


def _opus(data: dict[str, Any]) -> str:
    parameters = flat(data.get("fmtp")).replace("–", "")
    found = [data.get("answered"), parameters]
    return ", ".join(plain(value, 80) for value in found if value) or "–"


def _kilohertz(value: Any) -> str:
    found = number(value)
    return "–" if found is None else f"{found / 1000:.1f} kHz"
