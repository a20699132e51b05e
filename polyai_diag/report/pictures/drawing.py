"""Pictures as inline SVG that follow light and dark.

Matplotlib draws them, without pyplot and its global state. The colours it is given are
placeholders that become CSS variables, so that the page's theme decides.
"""

from __future__ import annotations

import io
import re
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK = {
    "#010101": "var(--pd-soft, #5b6472)",
    "#020202": "var(--pd-line, #dfe3e8)",
    "#030303": "var(--pd-off, #737b88)",
    "#040404": "var(--pd-note, #2760b5)",
    "#050505": "var(--pd-ink, #1d2129)",
    "#060606": "var(--pd-bad, #c0312b)",
}
TEXT, LINE, FAINT, STRONG, INK, BAD = _INK
WIDTH_IN = 4.8
LABEL_PT = 9


def new_figure(width_in: float, height_in: float) -> Figure:
    """Return a figure without a background."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - heavy, and only needed here

    return Figure(figsize=(width_in, height_in), facecolor="none", layout="constrained")


def new_axes(figure: Figure, *place: int) -> Axes:
    """Return axes in the house's manner: a light grid, no frame, ticks without marks."""
    axes = figure.add_subplot(*place, facecolor="none")
    axes.tick_params(length=0, labelsize=LABEL_PT, colors=TEXT, pad=5)
    axes.spines[:].set_visible(False)
    axes.grid(color=LINE, linewidth=0.7)
    axes.set_axisbelow(True)
    return axes


def label_seconds(axes: Axes, seconds: float) -> None:
    """Let the x axis count seconds from 0, in steps that a person would choose."""
    step = next((s for s in (0.5, 1, 2, 5, 10, 30, 60, 300, 600) if seconds / s <= 6), 1800)
    ticks = [step * number for number in range(int(seconds / step) + 1)]
    axes.set_xlim(0, seconds)
    axes.set_xticks(ticks, [f"{tick:g} s" for tick in ticks])


def inline_svg(figure: Figure, label: str) -> str:
    """Return the figure as a part of a page; `label` is what it says to those who cannot see it."""
    from matplotlib import rc_context  # noqa: PLC0415

    drawn = io.StringIO()
    with rc_context({"svg.fonttype": "none"}):
        figure.savefig(
            drawn, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type"))
        )
    return _inline(drawn.getvalue(), escape(label))


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
