"""The pictures of a report: the audio's spectrum, and the relays' round trips side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polyai_diag.report.drawing import FAINT, INK, LINE, STRONG, TEXT, inline_svg, new_figure
from polyai_diag.report.text import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from polyai_diag.report.relays import Bar

_TICKS_HZ = {100: "100", 300: "300", 1000: "1k", 3400: "3.4k", 8000: "8k", 20000: "20k"}
_FLOOR_DBFS = -100.0
_POINTS = 4096


def spectrum_svg(spectrum: dict[str, Any], bandwidth_hz: float | None = None) -> str:
    """Return an inline SVG of sent and received levels in dBFS over Hz; empty without data.

    `spectrum` holds `frequency_hz`, `sent_dbfs` and `received_dbfs`, lists of one length.
    """
    sent, received = (_curve(spectrum, key) for key in ("sent_dbfs", "received_dbfs"))
    if len(sent) < 2 and len(received) < 2:
        return ""
    figure = new_figure(4.8, 3.6)
    axes = figure.add_subplot(facecolor="none")
    _draw(axes, sent, received, bandwidth_hz)
    return inline_svg(figure, _said(bandwidth_hz))


def _curve(spectrum: dict[str, Any], key: str) -> list[tuple[float, float]]:
    frequencies, levels = spectrum.get("frequency_hz"), spectrum.get(key)
    if not isinstance(frequencies, list | tuple) or not isinstance(levels, list | tuple):
        return []
    pairs = zip(map(number, frequencies[:_POINTS]), map(number, levels), strict=False)
    return [(f, max(d, _FLOOR_DBFS)) for f, d in pairs if f and d is not None and 30 <= f <= 24000]


def _draw(
    axes: Axes,
    sent: list[tuple[float, float]],
    received: list[tuple[float, float]],
    bandwidth_hz: float | None,
) -> None:
    axes.set_xscale("log")
    axes.set_xlim(40, 24000)
    axes.set_ylim(_FLOOR_DBFS, 0)
    axes.set_xticks(list(_TICKS_HZ), list(_TICKS_HZ.values()))
    axes.set_xticks([], minor=True)
    axes.set_yticks([0, -30, -60, -90], ["0 dBFS", "−30", "−60", "−90"])
    axes.tick_params(length=0, labelsize=9, colors=TEXT, pad=5)
    axes.spines[:].set_visible(False)
    axes.grid(color=LINE, linewidth=0.7)
    for curve, colour, width, dashes in (
        (received, STRONG, 2.0, "-"),
        (sent, TEXT, 1.2, (0, (4, 2.5))),
    ):
        if curve:
            axes.plot(*zip(*curve, strict=True), color=colour, lw=width, ls=dashes, clip_on=False)
    highest_hz = max((curve[-1][0] for curve in (sent, received) if curve), default=0.0)
    if bandwidth_hz and 100 <= bandwidth_hz < highest_hz:
        axes.axvline(bandwidth_hz, color=FAINT, linewidth=0.8, linestyle=(0, (1.5, 2)))
        left = bandwidth_hz > 2000
        axes.annotate(
            f"band ends at {bandwidth_hz / 1000:.1f} kHz",
            (bandwidth_hz, -3),
            xytext=(-5 if left else 5, 0),
            textcoords="offset points",
            ha="right" if left else "left",
            va="top",
            fontsize=9,
            color=TEXT,
        )


def _said(bandwidth_hz: float | None) -> str:
    ends = (
        f"; the received band ends at {bandwidth_hz / 1000:.1f} kilohertz" if bandwidth_hz else ""
    )
    return f"Spectrum of the audio, sent and received{ends}"


def relays_svg(bars: list[Bar]) -> str:
    """Return an inline SVG: round trip p50 and p95 in ms, a bar a transport, the loss in words."""
    if not bars:
        return ""
    figure = new_figure(4.8, 0.48 * len(bars))
    axes = figure.add_subplot(facecolor="none")
    axes.set_axis_off()
    places = range(len(bars))
    axes.barh(places, [bar.p95_ms for bar in bars], height=0.3, color=LINE)
    axes.barh(places, [bar.p50_ms for bar in bars], height=0.3, color=STRONG)
    axes.set_xlim(0, max(bar.p95_ms for bar in bars) or 1.0)
    axes.set_ylim(len(bars) - 0.75, -0.8)
    for place, bar in enumerate(bars):
        for x, ha, words, colour in ((0, "left", bar.name, INK), (1, "right", bar.words, TEXT)):
            axes.text(
                x, place - 0.28, words, transform=axes.get_yaxis_transform(),
                ha=ha, va="bottom", fontsize=9, color=colour, parse_math=False,
            )  # fmt: skip
    said = "; ".join(f"{bar.name} {bar.words}" for bar in bars)
    return inline_svg(figure, f"Round trip through the relay, median and 95th percentile: {said}")
