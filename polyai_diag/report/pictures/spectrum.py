"""What came back at each frequency, beside what Opus alone would have brought back."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from polyai_diag.report.pictures.drawing import (
    FAINT,
    LABEL_PT,
    STRONG,
    TEXT,
    WIDTH_IN,
    inline_svg,
    new_axes,
    new_figure,
)
from polyai_diag.report.pictures.reading import curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from polyai_diag.report.pictures.reading import Curve

TICKS_HZ = {50: "50", 100: "100", 300: "300", 1000: "1k", 3400: "3.4k", 8000: "8k", 20000: "20 kHz"}
RANGE_HZ = (40, 24_000)
_FLOOR_DBFS = -100.0
_DASHES = (0, (4, 2.5))


def spectrum_svg(
    spectrum: dict[str, Any],
    bandwidth_hz: float | None = None,
    noise: dict[str, Any] | None = None,
) -> str:
    """Return an inline SVG of levels in dBFS over Hz; empty without data.

    `spectrum` holds `frequency_hz`, `received_dbfs`, and `opus_dbfs` or `sent_dbfs`, lists of one
    length; `noise` holds `frequency_hz` and `level_dbfs`, what was heard while nothing was sent.
    """
    received = _levels(spectrum, "received_dbfs")
    beside = _levels(spectrum, "opus_dbfs") or _levels(spectrum, "sent_dbfs")
    if len(received) < 2 and len(beside) < 2:
        return ""
    figure = new_figure(WIDTH_IN, 3.3)
    axes = new_axes(figure)
    _scale(axes)
    quiet = _quiet(noise or {})
    for points, colour, width, dashes in (
        (quiet, FAINT, 1.0, "-"),
        (received, STRONG, 2.0, "-"),
        (beside, TEXT, 1.2, _DASHES),
    ):
        if len(points) > 1:
            steps = "steps-mid" if points is quiet else "default"  # third octaves
            seen = _above_floor(points)
            axes.plot(*zip(*seen, strict=True), color=colour, lw=width, ls=dashes, ds=steps)
    highest_hz = max((points[-1][0] for points in (beside, received) if points), default=0.0)
    if bandwidth_hz and 100 <= bandwidth_hz < highest_hz:
        _mark_edge(axes, bandwidth_hz)
    return inline_svg(figure, _said(bandwidth_hz, alone=bool(spectrum.get("opus_dbfs"))))


def is_drawn(noise: dict[str, Any]) -> bool:
    """Whether noise in silence is loud enough to be seen."""
    return len(_quiet(noise)) > 1


def _quiet(noise: dict[str, Any]) -> Curve:
    points = curve(noise, "frequency_hz", "level_dbfs", _FLOOR_DBFS)
    audible = any(_shown(f) and level > _FLOOR_DBFS for f, level in points)
    return [(f, level) for f, level in points if _shown(f)] if audible else []


def _above_floor(points: Curve) -> Curve:
    """Break the line where it would run along the floor."""
    levels = [level for _, level in points]
    highest = [max(levels[max(0, place - 1) : place + 2]) for place in range(len(levels))]
    return [
        (f, level if high > _FLOOR_DBFS else math.nan)
        for (f, level), high in zip(points, highest, strict=True)
    ]


def _levels(spectrum: dict[str, Any], key: str) -> Curve:
    return [(f, d) for f, d in curve(spectrum, "frequency_hz", key, _FLOOR_DBFS) if _shown(f)]


def _shown(frequency_hz: float) -> bool:
    return RANGE_HZ[0] <= frequency_hz <= RANGE_HZ[1]


def _scale(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.set_xlim(*RANGE_HZ)
    axes.set_ylim(_FLOOR_DBFS, 0)
    axes.set_xticks(list(TICKS_HZ), list(TICKS_HZ.values()))
    axes.set_xticks([], minor=True)
    axes.set_yticks([0, -20, -40, -60, -80, -100], ["0 dBFS", "−20", "−40", "−60", "−80", "−100"])


def _mark_edge(axes: Axes, bandwidth_hz: float) -> None:
    axes.axvline(bandwidth_hz, color=FAINT, linewidth=0.8, linestyle=(0, (1.5, 2)))
    left = bandwidth_hz > 2000
    axes.annotate(
        f"band ends at {bandwidth_hz / 1000:.1f} kHz",
        (bandwidth_hz, -3),
        xytext=(-5 if left else 5, 0),
        textcoords="offset points",
        ha="right" if left else "left",
        va="top",
        fontsize=LABEL_PT,
        color=TEXT,
    )


def _said(bandwidth_hz: float | None, *, alone: bool) -> str:
    beside = "received, and what Opus alone leaves" if alone else "sent and received"
    ends = (
        f"; the received band ends at {bandwidth_hz / 1000:.1f} kilohertz" if bandwidth_hz else ""
    )
    return f"Spectrum of the audio, {beside}{ends}"
