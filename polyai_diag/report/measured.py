"""What a call measured, in words: the media's packets, the sound."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from polyai_diag.report.text import (
    flat,
    loss_words,
    milliseconds,
    number,
    plain,
    quantity,
    table,
)

Data = Callable[[str], dict[str, Any]]
"""Gives what the step of that name put down."""


def carried(data: Data) -> list[tuple[str, str]]:
    """Return what was measured of the network and the media's packets. Only what there is."""
    call, audio, nat = data("call"), data("audio"), data("nat")
    packets = audio if "packets_received" in audio else call  # the longer the better
    return _present(
        ("path of the media", _path(table(call.get("nominated")))),
        ("round trip", milliseconds(call.get("rtt_ms"))),
        ("jitter", milliseconds(packets.get("jitter_ms"))),
        ("loss (95 %)", loss_words(packets)),
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


def _path(nominated: dict[str, Any]) -> str:
    if not nominated:
        return "–"
    local, remote = (plain(nominated.get(f"{s}_type", "?"), 12) for s in ("local", "remote"))
    relay = nominated.get("relay_transport")
    return f"{local} → {remote}" + (f", relay over {plain(relay, 8).upper()}" if relay else "")


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
