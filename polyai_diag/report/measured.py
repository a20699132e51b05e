"""What a call measured, in words: the media's packets, the sound."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from polyai_diag.analysis.loose import number, rows, table
from polyai_diag.report.pictures.reading import curve
from polyai_diag.report.text import flat, loss_words, milliseconds, plain, quantity

MOST_MISSING = 20
MOST_PARAMETERS = 30
NO_NOISE_DBFS = -110.0  # digital silence

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
        ("losses come", _losses(packets)),
        ("packets sent / received", _pair(packets, "packets_sent", "packets_received")),
        ("UDP", _word(data("stun").get("udp"))),
        ("NAT mapping", _word(nat.get("mapping"))),
        ("NAT filtering", _word(nat.get("filtering"))),
    )


def heard(data: Data) -> list[tuple[str, str]]:
    """Return what was measured of the sound. Only what there is."""
    audio = data("audio")
    return _present(
        ("audio came from", _source(audio.get("mode"))),
        ("first audio after", milliseconds(audio.get("first_audio_ms"))),
        ("answer to our words after", milliseconds(audio.get("answer_ms"))),
        ("audio delay, out and back", milliseconds(audio.get("delay_ms"))),
        ("jumps of the delay", _jumps(audio)),
        ("clock drift", _drift(audio)),
        ("gain", quantity(audio.get("gain_db"), "dB", 1)),
        ("level sent", quantity(audio.get("sent_level_dbfs"), "dBFS", 1)),
        ("level received", _level(audio)),
        ("loudness", quantity(audio.get("loudness_lufs"), "LUFS", 1)),
        ("noise", _noise(audio.get("noise_dbfs"))),
        ("hum", _hum(audio)),
        ("distortion and noise (THD+N)", _beside_opus(audio, "thd_n_db", "dB", 1)),
        ("response, 200 to 7000 Hz", _response(table(audio.get("response")))),
        ("bandwidth", _kilohertz(audio.get("bandwidth_hz"))),
        ("channels", _word(audio.get("channels"))),
        ("cuts that no lost packet explains", _count(audio.get("dropouts"))),
        ("echo", _echo(audio)),
        ("quality, an estimate (E-model)", _quality(table(audio.get("quality")))),
        ("Opus", _opus(data("opus"))),
        *_parameters(data("opus")),
        ("not measured", _missing(audio.get("not_measured"))),
    )


_SOURCES = {
    "echo": "the gateway's echo",
    "agent": "the agent: the gateway refuses its echo",
    "relay": "a TURN server, without the gateway",
    "opus": "Opus in this process",
}


def _source(mode: Any) -> str:
    return _SOURCES.get(mode, _word(mode)) if isinstance(mode, str) else _word(mode)


def _jumps(audio: dict[str, Any]) -> str:
    if "delay_jumps" not in audio:
        return "–"
    sizes = [number(jump.get("by_ms")) for jump in rows(audio["delay_jumps"])]
    known = [size for size in sizes if size is not None]
    if not known:
        return "none"
    return f"{len(known)}, by up to {quantity(max(known, key=abs), 'ms', 1)}"


def _drift(audio: dict[str, Any]) -> str:
    drift, within = number(audio.get("drift_ppm")), number(audio.get("drift_uncertainty_ppm"))
    if drift is None:
        return "–"
    return f"{quantity(drift, '', 1).strip()} ± {max(within or 0.0, 0.1):.1f} ppm"


def _level(audio: dict[str, Any]) -> str:
    active = audio.get("active_level_dbfs")
    return quantity(audio.get("level_dbfs") if active is None else active, "dBFS", 1)


def _noise(value: Any) -> str:
    found = number(value)
    return "none" if found is not None and found <= NO_NOISE_DBFS else quantity(value, "dBFS", 1)


def _hum(audio: dict[str, Any]) -> str:
    if "hum" not in audio or "hum" in table(audio.get("not_measured")):
        return "–"
    hum = table(audio["hum"])
    at = quantity(hum.get("level_dbfs"), "dBFS")
    return f"{quantity(hum.get('mains_hz'), 'Hz')} at {at}" if hum else "none"


def _beside_opus(audio: dict[str, Any], key: str, unit: str, digits: int) -> str:
    found = quantity(audio.get(key), unit, digits)
    alone = quantity(table(audio.get("opus_alone")).get(key), unit, digits)
    return found if "–" in (found, alone) else f"{found} (Opus alone {alone})"


def _response(response: dict[str, Any]) -> str:
    points = curve(response, "frequency_hz", "deviation_db", -100.0)
    speech = [abs(deviation) for frequency_hz, deviation in points if 200 <= frequency_hz <= 7000]
    return f"within {max(speech):.1f} dB" if speech else "–"


def _count(value: Any) -> str:
    if not isinstance(value, list | tuple):
        return "–"
    return str(len(value)) if value else "none"


def _echo(audio: dict[str, Any]) -> str:
    if "echo" not in audio or "echo" in table(audio.get("not_measured")):
        return "–"
    echo = table(audio["echo"])
    if not echo:
        return "none"
    return f"{quantity(echo.get('level_db'), 'dB')} after {milliseconds(echo.get('delay_ms'))}"


def _quality(quality: dict[str, Any]) -> str:
    mos, rating = number(quality.get("mos")), number(quality.get("r"))
    if mos is None:
        return "–"
    inputs = [
        f"R {rating:.0f}, {_word(quality.get('band'))} band" if rating is not None else "–",
        f"{milliseconds(quality.get('one_way_ms'))} from mouth to ear",
        f"{quantity(quality.get('loss_percent'), '%', 1)} lost",
        f"burst ratio {quantity(quality.get('burst_ratio'), '', 1).strip()}",
    ]
    known = "; ".join(said for said in inputs if "–" not in said)
    return f"{mos:.1f} of 5 ({known})" if known else f"{mos:.1f} of 5"


def _missing(reasons: Any) -> str:
    named = list(table(reasons))[:MOST_MISSING]
    return ", ".join(plain(name, 40).replace("_", " ") for name in named) or "–"


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


def _losses(packets: dict[str, Any]) -> str:
    """Return whether packets are lost singly or in bursts."""
    kind, mean = _word(packets.get("loss_kind")), number(packets.get("mean_burst"))
    return kind if kind != "bursts" or mean is None else f"in bursts of {mean:.1f}"


def _word(value: Any) -> str:
    return plain(value, 120) if value else "–"


def _parameters(opus: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what each parameter of Opus asks for, and of whom."""
    return [
        (
            f"Opus, {_word(row.get('side'))}: {_word(row.get('parameter'))}",
            f"{plain(row.get('value'), 40)}: {_word(row.get('meaning'))}",
        )
        for row in rows(opus.get("explained"))[:MOST_PARAMETERS]
    ]


def _opus(data: dict[str, Any]) -> str:
    parameters = flat(data.get("fmtp")).replace("–", "")
    found = [data.get("answered"), parameters]
    return ", ".join(plain(value, 80) for value in found if value) or "–"


def _kilohertz(value: Any) -> str:
    found = number(value)
    return "–" if found is None else f"{found / 1000:.1f} kHz"
