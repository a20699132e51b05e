"""The relays' round trips side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyai_diag.report.pictures.drawing import INK, LINE, STRONG, TEXT, inline_svg, new_figure

if TYPE_CHECKING:
    from polyai_diag.report.relays import Bar


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
