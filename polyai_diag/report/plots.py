"""The spectrum of what was sent and what came back, as SVG that follows light and dark.

Matplotlib draws it, without pyplot and its global state. The colours it is given are
placeholders that become CSS variables, so that the page's theme decides.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

from polyai_diag.report.text import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INK = {
    "#010101": "var(--pd-soft, #5b6472)",
    "#020202": "var(--pd-line, #dfe3e8)",
    "#030303": "var(--pd-off, #737b88)",
    "#040404": "var(--pd-note, #2760b5)",
}
_TEXT, _LINE, _SENT, _RECEIVED = _INK
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
    from matplotlib import rc_context  # noqa: PLC0415 - heavy, and only needed here
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(4.8, 3.6), facecolor="none", layout="constrained")
    axes = figure.add_subplot(facecolor="none")
    _draw(axes, sent, received, bandwidth_hz)
    drawn = io.StringIO()
    with rc_context({"svg.fonttype": "none"}):
        figure.savefig(
            drawn, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type"))
        )
    return _inline(drawn.getvalue(), _said(bandwidth_hz))


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
    axes.tick_params(length=0, labelsize=9, colors=_TEXT, pad=5)
    axes.spines[:].set_visible(False)
    axes.grid(color=_LINE, linewidth=0.7)
    for curve, colour, width, dashes in (
        (received, _RECEIVED, 2.0, "-"),
        (sent, _TEXT, 1.2, (0, (4, 2.5))),
    ):
        if curve:
            axes.plot(*zip(*curve, strict=True), color=colour, lw=width, ls=dashes, clip_on=False)
    highest_hz = max((curve[-1][0] for curve in (sent, received) if curve), default=0.0)
    if bandwidth_hz and 100 <= bandwidth_hz < highest_hz:
        axes.axvline(bandwidth_hz, color=_SENT, linewidth=0.8, linestyle=(0, (1.5, 2)))
        left = bandwidth_hz > 2000
        axes.annotate(
            f"band ends at {bandwidth_hz / 1000:.1f} kHz",
            (bandwidth_hz, -3),
            xytext=(-5 if left else 5, 0),
            textcoords="offset points",
            ha="right" if left else "left",
            va="top",
            fontsize=9,
            color=_TEXT,
        )


def _said(bandwidth_hz: float | None) -> str:
    ends = (
        f"; the received band ends at {bandwidth_hz / 1000:.1f} kilohertz" if bandwidth_hz else ""
    )
    return f"Spectrum of the audio, sent and received{ends}"


def _inline(svg: str, label: str) -> str:
    """Make a document of its own a part of a page: no prolog, ids, styles or fonts of its own."""
    svg = svg[svg.index("<svg") :]
    box = re.search(r'viewBox="[\d. ]+"', svg)
    svg = re.sub(
        r"<svg[^>]*>",
        f'<svg class="pd-plot" {box[0] if box else ""} role="img" aria-label="{label}">',
        svg,
        count=1,
    )
    svg = re.sub(r"<defs>.*?</defs>|<metadata>.*?</metadata>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r' (?:id|clip-path)="[^"]*"', "", svg)
    svg = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font: \1 var(--pd-sans, sans-serif)", svg)
    for placeholder, colour in _INK.items():
        svg = svg.replace(placeholder, colour)
    return re.sub(r"\s*\n\s*", " ", svg)
