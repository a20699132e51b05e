"""Steps and measured figures of two reports, side by side. All of it may be absent, or hostile.

A figure has changed only where the intervals of both runs do not overlap. Where a run measured no
interval, a margin stands for it, so wide that a healthy line's ups and downs stay inside; where
not even that is known, nobody can tell. Half a millisecond more, however sure, is no change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from polyai_diag.analysis.loose import number, rows, table
from polyai_diag.model import NOT_ASKED, Status, StepResult
from polyai_diag.report.comparison import Change, Row
from polyai_diag.report.measured import NO_NOISE_DBFS
from polyai_diag.report.text import milliseconds, plain, quantity
from polyai_diag.report.way import STAGES, mark_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Steps = dict[str, StepResult]
Interval = tuple[float, float]

MOST_SERVERS = 8
_TOLD = (Status.PASSED, Status.FAILED)


class Margin(NamedTuple):
    """How far off a figure without an interval may be: so much, and such a share of it."""

    absolute: float
    share: float = 0.0


SETUP = Margin(100, 0.33)  # one try each: a name server's cache alone makes such a difference
ROUND_TRIP = Margin(10, 0.2)
DELAY = Margin(25, 0.1)
LEVEL = Margin(1.5)
COUNT = Margin(0.4)
LEAST_MS, LEAST_PERCENT, LEAST_PPM = 5.0, 0.5, 5.0


class Figure(NamedTuple):
    """What one run says of a figure."""

    value: float | None
    interval: Interval | None = None


class Asked(NamedTuple):
    """A figure to compare: its name, its unit, which way is better, how far off it may be."""

    name: str
    unit: str
    better: int  # -1 less, +1 more, 0 neither
    margin: Margin | None
    read: Callable[[Steps], Figure]
    least: float = 0.0  # a smaller difference matters to no call, however sure it is


def step_rows(a: Steps, b: Steps) -> tuple[Row, ...]:
    """Return each step's end in both runs."""
    names = [*a, *(name for name in b if name not in a)]
    return tuple(_step(name, a.get(name), b.get(name)) for name in names)


def figure_rows(a: Steps, b: Steps) -> tuple[Row, ...]:
    """Return what either run measured; without what neither did."""
    found = [_figure(asked, a, b) for asked in (*_SETUP, *_network(a, b))]
    found += [*_words(a, b), _transports(a, b)]
    alike = _data(a, "audio").get("mode") == _data(b, "audio").get("mode")
    for asked in _AUDIO:
        row = _figure(asked, a, b)
        if row is not None and not alike:
            row = msgspec.structs.replace(row, change=Change.UNKNOWN)
        found.append(row)
    return tuple(row for row in found if row is not None)


def _step(name: str, a: StepResult | None, b: StepResult | None) -> Row:
    ends = [plain(mark_of(step).word) if step else "–" for step in (a, b)]
    change = Change.SAME if ends[0] == ends[1] else Change.CHANGED
    if a is None or b is None or NOT_ASKED in (a.reason, b.reason):
        change = Change.SAME if ends[0] == ends[1] else Change.UNKNOWN
    elif a.status is not b.status and {a.status, b.status} == set(_TOLD):
        change = Change.BETTER if b.status is Status.PASSED else Change.WORSE
    return Row(name=plain(name, 20), a=ends[0], b=ends[1], change=change)


# --- figures ----------------------------------------------------------------------------------


def _figure(asked: Asked, a: Steps, b: Steps) -> Row | None:
    first, second = asked.read(a), asked.read(b)
    if first.value is None and second.value is None:
        return None
    return Row(
        name=asked.name,
        a=_said(first, asked.unit),
        b=_said(second, asked.unit),
        change=_change(asked, first, second),
        unit=asked.unit,
        a_value=first.value,
        b_value=second.value,
        a_interval=first.interval,
        b_interval=second.interval,
    )


def _change(asked: Asked, a: Figure, b: Figure) -> Change:
    first, second = _within(a, asked.margin), _within(b, asked.margin)
    if first is None or second is None:
        return Change.UNKNOWN
    if a.value is None or b.value is None or abs(a.value - b.value) < asked.least:
        return Change.SAME
    if first[1] >= second[0] and second[1] >= first[0]:
        return Change.SAME
    if not asked.better:
        return Change.CHANGED
    rose = second[0] > first[1]
    return Change.BETTER if rose == (asked.better > 0) else Change.WORSE


def _within(figure: Figure, margin: Margin | None) -> Interval | None:
    if figure.value is None or figure.interval is not None:
        return figure.interval
    if margin is None:
        return None
    off = margin.absolute + margin.share * abs(figure.value)
    return figure.value - off, figure.value + off


def _said(figure: Figure, unit: str) -> str:
    digits = 0 if unit in ("", "Hz") else 1
    said = quantity(figure.value, unit, digits).strip()
    if unit == "ms":
        said = milliseconds(figure.value)
    if figure.interval is None:
        return said
    low, high = (f"{round(end, 1) + 0.0:.1f}".replace("-", "−") for end in figure.interval)
    return f"{said} ({low} to {high})"


def _of(data: dict[str, Any], key: str, interval_key: str = "") -> Figure:
    value, ends = number(data.get(key)), data.get(interval_key)
    if value is None or not isinstance(ends, list | tuple) or len(ends) != 2:
        return Figure(value)
    low, high = (number(end) for end in ends)
    if low is None or high is None:
        return Figure(value)
    return Figure(value, (min(low, high), max(low, high)))


def _data(steps: Steps, name: str) -> dict[str, Any]:
    return table(steps[name].data) if name in steps else {}


def _plain_figure(step: str, key: str, interval_key: str = "") -> Callable[[Steps], Figure]:
    return lambda steps: _of(_data(steps, step), key, interval_key)


def _took(step: str) -> Callable[[Steps], Figure]:
    """Read how long a step took that passed: how long one needs to fail says little."""

    def read(steps: Steps) -> Figure:
        passed = step in steps and steps[step].status is Status.PASSED
        return Figure(number(steps[step].duration_ms) if passed else None)

    return read


def _stage(name: str) -> Callable[[Steps], Figure]:
    """Read one stage of the way to the gateway; of several tries the last that worked."""

    def read(steps: Steps) -> Figure:
        passed = [
            number(row.get("ms"))
            for row in rows(_data(steps, "gateway").get("stages"))
            if row.get("name") == name and row.get("ok") is not False
        ]
        return Figure(passed[-1] if passed else None)

    return read


_SETUP = (
    *(Asked(f"gateway: {name}", "ms", -1, SETUP, _stage(name)) for name in STAGES),
    Asked("offer to answer", "ms", -1, SETUP, _took("signaling")),
    Asked("ICE", "ms", -1, SETUP, _plain_figure("call", "ice_ms")),
    Asked("DTLS", "ms", -1, SETUP, _plain_figure("call", "dtls_ms")),
    Asked("first audio after", "ms", -1, SETUP, _plain_figure("audio", "first_audio_ms")),
)


# --- the network ------------------------------------------------------------------------------


def _network(a: Steps, b: Steps) -> Iterator[Asked]:
    """Name the figures of the network: the call's own, then each server that both runs asked."""
    step = _longest_count(a, b)
    trip, jitter = _round_trip(step), _plain_figure(step, "jitter_ms", "jitter_interval_ms")
    yield Asked("round trip of the call", "ms", -1, ROUND_TRIP, trip, LEAST_MS)
    yield Asked("jitter", "ms", -1, None, jitter, LEAST_MS)
    for name, key in (("loss, received", "loss"), ("loss, sent", "sent_loss")):
        read = _plain_figure(step, f"{key}_percent", f"{key}_interval_percent")
        yield Asked(name, "%", -1, None, read, LEAST_PERCENT)
    for url in _shared(a, b, "stun", "servers"):
        read = _server("stun", "servers", url, "rtt_ms", "rtt_interval_ms")
        yield Asked(f"round trip to {plain(url, 80)}", "ms", -1, ROUND_TRIP, read, LEAST_MS)
    for url in _shared(a, b, "turn", "urls"):
        relay = plain(url, 80)
        setup = _server("turn", "urls", url, "setup_ms")
        read = _server("turn", "urls", url, "rtt_p50_ms")
        lost = _server("turn", "urls", url, "loss_percent", "loss_interval_percent")
        yield Asked(f"set-up of {relay}", "ms", -1, SETUP, setup)
        yield Asked(f"round trip through {relay}", "ms", -1, ROUND_TRIP, read, LEAST_MS)
        yield Asked(f"loss through {relay}", "%", -1, None, lost, LEAST_PERCENT)


def _longest_count(a: Steps, b: Steps) -> str:
    """Return the step that counted packets for longest in both runs."""
    both = all("packets_received" in _data(steps, "audio") for steps in (a, b))
    return "audio" if both else "call"


def _round_trip(step: str) -> Callable[[Steps], Figure]:
    def read(steps: Steps) -> Figure:
        checks = _of(table(_data(steps, step).get("checks")), "rtt_ms", "rtt_interval_ms")
        return checks if checks.value is not None else _of(_data(steps, "call"), "rtt_ms")

    return read


def _shared(a: Steps, b: Steps, step: str, key: str) -> list[str]:
    urls = [[row.get("url") for row in rows(_data(steps, step).get(key))] for steps in (a, b)]
    named = dict.fromkeys(url for url in urls[0] if isinstance(url, str) and url in urls[1])
    return list(named)[:MOST_SERVERS]


def _server(step: str, key: str, url: str, *keys: str) -> Callable[[Steps], Figure]:
    def read(steps: Steps) -> Figure:
        asked = [row for row in rows(_data(steps, step).get(key)) if row.get("url") == url]
        told = [figure for row in asked if (figure := _of(row, *keys)).value is not None]
        return told[0] if told else Figure(None)

    return read


def _transports(a: Steps, b: Steps) -> Row | None:
    """Return the TURN transports that work in either run."""
    first, second = _working(a), _working(b)
    if first is None and second is None:
        return None
    return Row(
        name="TURN works over",
        a=_named(first),
        b=_named(second),
        change=_lost_or_won(first, second),
    )


_TRANSPORTS = ("UDP", "TCP", "TLS")


def _working(steps: Steps) -> set[str] | None:
    """Return what carries, of the URLs that are configured; None where none was tried."""
    asked = rows(_data(steps, "turn").get("urls"))
    tried = [row for row in asked if row.get("configured") is not False]
    if not tried:
        return None
    return {plain(row.get("transport", "?"), 8).upper() for row in tried if row.get("ok") is True}


def _named(transports: set[str] | None) -> str:
    if transports is None:
        return "–"
    usual = [name for name in _TRANSPORTS if name in transports]
    return ", ".join([*usual, *sorted(transports - {*usual})]) or "none"


def _lost_or_won(a: set[str] | None, b: set[str] | None) -> Change:
    if a is None or b is None:
        return Change.UNKNOWN
    if a == b:
        return Change.SAME
    if a < b:
        return Change.BETTER
    return Change.WORSE if b < a else Change.CHANGED


# --- words ------------------------------------------------------------------------------------

_UDP_OPEN = "open"
_WORDS = (
    ("UDP", "stun", "udp"),
    ("NAT mapping", "nat", "mapping"),
    ("NAT filtering", "nat", "filtering"),
    ("Opus answered", "opus", "answered"),
    ("audio came from", "audio", "mode"),
    ("channels", "audio", "channels"),
)


def _words(a: Steps, b: Steps) -> Iterator[Row]:
    pairs = [("path of the media", _path(a), _path(b))]
    pairs += [
        (name, _word(_data(a, step).get(key)), _word(_data(b, step).get(key)))
        for name, step, key in _WORDS
    ]
    for name, first, second in pairs:
        if first or second:
            yield Row(name=name, a=first or "–", b=second or "–", change=_differ(first, second))


def _differ(a: str, b: str) -> Change:
    if not a or not b:
        return Change.UNKNOWN
    if a == b:
        return Change.SAME
    if _UDP_OPEN in (a, b):
        return Change.BETTER if b == _UDP_OPEN else Change.WORSE
    return Change.CHANGED


def _word(value: Any) -> str:
    return plain(value, 80) if isinstance(value, str) else ""


def _path(steps: Steps) -> str:
    nominated = table(_data(steps, "call").get("nominated"))
    if not nominated:
        return ""
    ends = " → ".join(_word(nominated.get(f"{side}_type")) or "?" for side in ("local", "remote"))
    relay = _word(nominated.get("relay_transport"))
    return f"{ends}, relay over {relay.upper()}" if relay else ends


# --- sound ------------------------------------------------------------------------------------


def _level(steps: Steps) -> Figure:
    audio = _data(steps, "audio")
    active = _of(audio, "active_level_dbfs")
    return active if active.value is not None else _of(audio, "level_dbfs")


def _noise(steps: Steps) -> Figure:
    noise = number(_data(steps, "audio").get("noise_dbfs"))
    return Figure(None if noise is None else max(noise, NO_NOISE_DBFS))


def _drift(steps: Steps) -> Figure:
    audio = _data(steps, "audio")
    drift, off = number(audio.get("drift_ppm")), number(audio.get("drift_uncertainty_ppm"))
    if drift is None or off is None:
        return Figure(drift)
    return Figure(drift, (drift - abs(off), drift + abs(off)))


def _mos(steps: Steps) -> Figure:
    return _of(table(_data(steps, "audio").get("quality")), "mos")


def _counted(key: str) -> Callable[[Steps], Figure]:
    def read(steps: Steps) -> Figure:
        found = _data(steps, "audio").get(key)
        return Figure(float(len(found)) if isinstance(found, list | tuple) else None)

    return read


_AUDIO = (
    Asked("audio delay, out and back", "ms", -1, DELAY, _plain_figure("audio", "delay_ms")),
    Asked("level received", "dBFS", 0, LEVEL, _level),
    Asked("gain", "dB", 0, LEVEL, _plain_figure("audio", "gain_db")),
    Asked("noise", "dBFS", -1, Margin(3), _noise),
    Asked("distortion and noise (THD+N)", "dB", -1, Margin(3), _plain_figure("audio", "thd_n_db")),
    Asked("bandwidth", "Hz", 1, Margin(200, 0.05), _plain_figure("audio", "bandwidth_hz")),
    Asked("clock drift", "ppm", 0, None, _drift, LEAST_PPM),
    Asked("cuts that no lost packet explains", "", -1, COUNT, _counted("dropouts")),
    Asked("jumps of the delay", "", -1, COUNT, _counted("delay_jumps")),
    Asked("quality, an estimate (MOS)", "of 5", 1, Margin(0.1), _mos),
)
