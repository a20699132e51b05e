"""Level, delay, jitter and loss over the seconds of the sound."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from polyai_diag.report.pictures.drawing import (
    BAD,
    LINE,
    STRONG,
    TEXT,
    WIDTH_IN,
    inline_svg,
    label_seconds,
    new_axes,
    new_figure,
)
from polyai_diag.report.pictures.reading import Row, row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FLOOR_DBFS = -90.0
_LEAST_MS = 10.0  # a quiet line fills no picture with its microseconds
_LEAST_PERCENT = 10.0


def levels_svg(levels: dict[str, Any]) -> str:
    """Return an inline SVG of the level received, and sent where it is known, in dBFS."""
    received, sent = row(levels, "received_dbfs"), row(levels, "sent_dbfs")
    if len(received.known) < 2:
        return ""
    figure = new_figure(WIDTH_IN, 2.1)
    axes = new_axes(figure)
    for one, colour, width, dashes in (
        (received, STRONG, 1.4, "-"),
        (sent, TEXT, 1.0, (0, (3, 2))),
    ):
        if one.known:
            points = [(at, max(level, _FLOOR_DBFS)) for at, level in one.known]
            axes.plot(*zip(*points, strict=True), color=colour, lw=width, ls=dashes)
    axes.set_ylim(_FLOOR_DBFS, 0)
    axes.set_yticks([0, -30, -60, -90], ["0 dBFS", "−30", "−60", "−90"])
    label_seconds(axes, received.seconds)
    return inline_svg(figure, "Level of the audio over time")


def delay_svg(timeline: dict[str, Any], least_ms: float = 0.0) -> str:
    """Return an inline SVG of the packets' delay: the median of each moment, and the latest.

    `least_ms` is the delay of the fastest, where it is known.
    """
    late, latest = row(timeline, "late_ms"), row(timeline, "latest_ms")
    if len(late.known) < 2:
        return ""
    figure = new_figure(WIDTH_IN, 2.1)
    axes = new_axes(figure)
    worst = _moved(latest, least_ms)
    if len(worst) > 1:
        ends = [(worst[-1][0], least_ms), (worst[0][0], least_ms)]
        axes.fill(*zip(*worst, *ends, strict=True), color=LINE, linewidth=0)
    axes.plot(*zip(*_moved(late, least_ms), strict=True), color=STRONG, lw=1.4)
    top = max((value for _, value in worst or _moved(late, least_ms)), default=0.0)
    _count_up(axes, least_ms, max(top, least_ms + _LEAST_MS), "ms")
    label_seconds(axes, late.seconds)
    return inline_svg(figure, "Delay of the packets over time")


def jitter_svg(timeline: dict[str, Any]) -> str:
    """Return an inline SVG of the jitter of each moment, the mean |D| of RFC 3550, in ms."""
    jitter = row(timeline, "jitter_ms")
    if len(jitter.known) < 2:
        return ""
    figure = new_figure(WIDTH_IN, 1.7)
    axes = new_axes(figure)
    axes.plot(*zip(*jitter.known, strict=True), color=STRONG, lw=1.4)
    _count_up(axes, 0, max(_LEAST_MS, *(value for _, value in jitter.known)), "ms", 3)
    label_seconds(axes, jitter.seconds)
    return inline_svg(figure, "Jitter of the packets over time")


def loss_svg(timeline: dict[str, Any]) -> str:
    """Return an inline SVG of the packets lost at each moment, in percent; empty where none is."""
    lost = row(timeline, "lost_percent")
    gone = [(at, value) for at, value in lost.known if value > 0]
    if not gone:
        return ""
    figure = new_figure(WIDTH_IN, 1.7)
    axes = new_axes(figure)
    across, up = zip(*gone, strict=True)
    axes.bar(across, up, width=max(lost.every_s, lost.seconds / 150), color=BAD)
    _count_up(axes, 0, max(_LEAST_PERCENT, *up), "%", 3)
    label_seconds(axes, lost.seconds)
    return inline_svg(figure, "Packets lost over time")


def _moved(values: Row, by: float) -> list[tuple[float, float]]:
    return [(at, value + by) for at, value in values.known]


def _count_up(axes: Axes, low: float, high: float, unit: str, most: int = 4) -> None:
    """Label the y axis in round steps; the unit stands at the highest."""
    size = 10 ** math.floor(math.log10(max(high - low, 1e-6)))
    steps = (size * k for k in (0.1, 0.2, 0.5, 1, 2, 5, 10))
    step = next(s for s in steps if (high - low) / s <= most)
    first, last = math.floor(low / step), math.ceil(high / step)
    ticks = [step * k for k in range(first, last + 1)]
    axes.set_ylim(ticks[0], ticks[-1])
    words = [f"{tick:g}" for tick in ticks]
    axes.set_yticks(ticks, [*words[:-1], f"{words[-1]} {unit}"])
