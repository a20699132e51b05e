"""Opus' format parameters: what each means, what it may be, and what is odd in it. Pure.

RFC 7587 §6.1 has them all but `minptime`, which browsers took from a draft of it and kept.
Every one says what its own side wants to receive; those named `sprop-` what it will send.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from polyai_diag.analysis.issues import info, named, near, shown, warning
from polyai_diag.analysis.sdp import numbered, read_parameters, whole_number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from polyai_diag.analysis.sdp import Codec, Section
    from polyai_diag.model import Issue

MISCONFIGURED = "opus-misconfigured"

# RFC 7587 §3.1.1 recommends 8 to 12 kb/s for narrowband speech, 16 to 20 for wideband.
NARROWBAND_BIT_S = 12_000
WIDEBAND_BIT_S = 16_000
WIDEBAND_HZ = 16_000  # the sampling rate of wideband; half of it is heard

_LONG_PACKET_MS = 60  # the longest frame; a longer packet holds several
_MOST_EXPLAINED = 24
_MOST_NUMBER = 10**9


class Explained(NamedTuple):
    """One parameter in words."""

    parameter: str
    value: str
    meaning: str


class _Number(NamedTuple):
    """A parameter that is a number: its range, and its meaning with the value in it."""

    least: int
    most: int
    meaning: str


_FLAGS = {
    "stereo": ("mono is preferred; stereo is played too", "stereo is preferred"),
    "sprop-stereo": ("what is sent is mono, most likely", "what is sent is stereo, most likely"),
    "cbr": ("the bit rate may follow the sound", "the bit rate is to be constant"),
    "useinbandfec": (
        "no use is made of a second, coarse copy (FEC) of a packet that was lost",
        "each packet may bring a coarse copy (FEC) of the one before, in case that was lost",
    ),
    "usedtx": (
        "packets come in silence too",
        "silence may be left unsent (DTX): a gap in the timestamps is then no loss",
    ),
}
_NUMBERS = {
    "maxplaybackrate": _Number(
        8000, 48_000, "it plays sound of up to {} Hz sampling rate; more need not be sent"
    ),
    "sprop-maxcapturerate": _Number(
        8000, 48_000, "what it sends was captured at up to {} Hz sampling rate"
    ),
    "maxaveragebitrate": _Number(6000, 510_000, "it wants no more than {} b/s on average"),
    "minptime": _Number(3, 120, "a packet is to hold at least {} ms; not in RFC 7587, harmless"),
}
_PACKETS = {
    "ptime": _Number(3, 120, "packets of {} ms are preferred (by default 20)"),
    "maxptime": _Number(3, 500, "a packet may hold {} ms at most (by default 120)"),
}
_KNOWN = (*_FLAGS, *_NUMBERS, *_PACKETS)


def explain_parameters(opus: Codec, section: Section) -> list[Explained]:
    """Say what each parameter of Opus means, `a=ptime` and `a=maxptime` among them."""
    found = [*opus.parameters.items(), *_packet_times(section).items()]
    return [
        Explained(named(name), value[:60], _meaning(name, value))
        for name, value in found[:_MOST_EXPLAINED]
    ]


def parameter_issues(opus: Codec, section: Section, path: str) -> Iterator[Issue]:
    """List what is odd in the parameters of Opus; `path` is that of its section."""
    given = dict(numbered(section.attributes.get("fmtp", ()))).get(opus.payload_type, "")
    for name, count in Counter(name for name, _ in read_parameters(given)).items():
        if count > 1:
            said = f"given {count} times; the last is taken here, others may take the first"
            yield warning(f"{path}.fmtp.{named(name)}", said, MISCONFIGURED)
    for name, value in opus.parameters.items():
        yield from _parameter(name, value, f"{path}.fmtp.{named(name)}")
    yield from _lengths(opus, section, path)


def bit_rate_issue(bit_s: int, path: str, said: str) -> Iterator[Issue]:
    """Say what a cap on the bit rate does to speech, if anything."""
    if bit_s < NARROWBAND_BIT_S:
        effect = "too little for speech that is heard well"
        yield warning(path, f"{said}: {effect} (RFC 7587 §3.1.1)", MISCONFIGURED)
    elif bit_s < WIDEBAND_BIT_S:
        effect = "little for wideband speech, which is recommended 16 000 and more"
        yield info(path, f"{said}: {effect} (RFC 7587 §3.1.1)", MISCONFIGURED)


def _meaning(name: str, value: str) -> str:
    known = {**_NUMBERS, **_PACKETS}.get(name)
    if name in _FLAGS and value in ("0", "1"):
        return _FLAGS[name][int(value)]
    length = _milliseconds(value) if name in _PACKETS else None
    if known is not None and _in_range(value if length is None else str(length), known) is not None:
        return known.meaning.format(value)
    if name in _KNOWN:
        return f"not valid ({_range(name)}), so passed over"
    return "not known for Opus, so passed over"


def _parameter(name: str, value: str, path: str) -> Iterator[Issue]:
    if name in _PACKETS:
        said = f"belongs on a line of its own, a={name} (RFC 7587 §7)"
        yield info(path, said, MISCONFIGURED)
    if name not in _KNOWN:
        yield _unknown(name, path)
    elif name in _FLAGS:
        if value not in ("0", "1"):
            yield _invalid(name, value, path)
    elif (number := _in_range(value, {**_NUMBERS, **_PACKETS}[name])) is None:
        yield _invalid(name, value, path)
    elif name == "maxaveragebitrate":
        yield from bit_rate_issue(number, path, f"no more than {number} b/s are wanted")
    elif name in ("maxplaybackrate", "sprop-maxcapturerate"):
        yield from _band(name, number, path)
    if (name, value) in _ODD:
        yield info(path, _ODD[name, value], MISCONFIGURED)


_ODD = {
    ("useinbandfec", "0"): "FEC is declined: packets lost are heard more",
    ("usedtx", "1"): "silence may be left unsent (DTX): no packets then are no loss",
    ("cbr", "1"): "a constant bit rate spends as much on silence as on speech",
}


def _band(name: str, rate_hz: int, path: str) -> Iterator[Issue]:
    ends = f"speech ends at {rate_hz // 2} Hz"
    does = "asks for sound" if name == "maxplaybackrate" else "sends sound captured"
    said = f"{does} at {rate_hz} Hz: {ends}"
    if rate_hz < WIDEBAND_HZ:
        yield warning(path, f"{said}, as on an old telephone", MISCONFIGURED)
    elif rate_hz < 24_000:
        yield info(path, f"{said}: wideband, and no more", MISCONFIGURED)


def _unknown(name: str, path: str) -> Issue:
    if meant := near(name, _KNOWN):
        return warning(path, f"{shown(name)} is not known; {meant!r} is meant", MISCONFIGURED)
    return info(path, "not known for Opus: it is passed over (RFC 7587 §6.1)", MISCONFIGURED)


def _invalid(name: str, value: str, path: str) -> Issue:
    said = f"is {shown(value)}, must be {_range(name)}: it is passed over (RFC 7587 §6.1)"
    return warning(path, said, MISCONFIGURED)


def _range(name: str) -> str:
    if name in _FLAGS:
        return "0 or 1"
    number = {**_NUMBERS, **_PACKETS}[name]
    return f"a whole number from {number.least} to {number.most}"


def _in_range(value: str, number: _Number) -> int | None:
    found = whole_number(value, number.most)
    return found if found is not None and found >= number.least else None


# --- how long a packet is ---------------------------------------------------------------------


def _packet_times(section: Section) -> dict[str, str]:
    return {name: value.strip() for name in _PACKETS if (value := section.first(name)) is not None}


def _lengths(opus: Codec, section: Section, path: str) -> Iterator[Issue]:
    lengths: dict[str, int] = {}
    for name, value in _packet_times(section).items():
        length = _milliseconds(value)
        if length is None:
            yield warning(f"{path}.{name}", f"is {shown(value)}, not a number", MISCONFIGURED)
        elif not 3 <= length <= 120:
            said = f"{value[:20]} ms: an Opus packet holds 2.5 to 120 ms (RFC 7587 §4.2)"
            yield warning(f"{path}.{name}", said, MISCONFIGURED)
        else:
            lengths[name] = length
    least = whole_number(opus.parameters.get("minptime", ""), 120)
    most = lengths.get("maxptime")
    if most is not None:
        for name, asked in (("ptime", lengths.get("ptime")), ("minptime", least)):
            if asked is not None and asked > most:
                said = f"{most} ms at most, and {name} asks for {asked}"
                yield warning(f"{path}.maxptime", said, MISCONFIGURED)
    if lengths.get("ptime", 0) > _LONG_PACKET_MS:
        said = f"{lengths['ptime']} ms in one packet: what is said is heard that much later"
        yield info(f"{path}.ptime", said, MISCONFIGURED)


def _milliseconds(value: str) -> int | None:
    """Read a packet's length, rounded up: 2.5 ms stand as 3 (RFC 7587 §6.1, RFC 8866 §6.4)."""
    whole, _, fraction = value.partition(".")
    if fraction and not (fraction.isascii() and fraction.isdigit()):
        return None
    length = whole_number(whole, _MOST_NUMBER)
    return length if length is None else length + bool(fraction.strip("0"))
