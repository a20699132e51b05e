"""The pictures of a report one by one: shown in a notebook, saved as SVG."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from polyai_diag.analysis.loose import table
from polyai_diag.files import write_whole
from polyai_diag.model import InputError, StepResult
from polyai_diag.report.html import render_own
from polyai_diag.report.pictures import Picture, relays_svg, sound_pictures
from polyai_diag.report.relays import Relays

if TYPE_CHECKING:
    from polyai_diag.report import Report

RELAYS = "relays"
_NAMES = {
    "Spectrum": "spectrum",
    "Spectrogram of what was received": "spectrogram",
    "Level": "level",
    "Delay, out and back": "delay",
    "Delay beyond the fastest packet": "delay",
    "Jitter": "jitter",
    "Packets lost": "loss",
}
NAMES = (RELAYS, *dict.fromkeys(_NAMES.values()))
"""What can be drawn, where it was measured."""

_DARK = {
    "--pd-soft": "#a4adba",
    "--pd-line": "#363c46",
    "--pd-off": "#8a93a1",
    "--pd-note": "#79b0ff",
    "--pd-ink": "#e6e9ee",
    "--pd-bad": "#ff7b72",
}
_VARIABLE = re.compile(r"var\((--pd-[a-z]+), ([^)]+)\)")


class PlotError(InputError):
    """There is no such picture here; the text is one line and says which there are."""


@dataclass(frozen=True)
class Plot:
    """A picture. A notebook shows it in its own theme; `save` writes it as an SVG file."""

    name: str
    picture: Picture

    def svg(self, *, dark: bool = False) -> str:
        """Return the picture as an SVG file, in colours for a light or a dark background."""

        def colour(found: re.Match[str]) -> str:
            return _DARK.get(found[1], found[2]) if dark else found[2]

        drawn = _VARIABLE.sub(colour, self.picture.svg)
        return drawn.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" '
                             'xmlns:xlink="http://www.w3.org/1999/xlink" ', 1)  # fmt: skip

    def save(self, path: str | Path, *, dark: bool = False) -> Path:
        """Write it. Raises PlotError for another ending than .svg, OSError if it cannot be."""
        path = Path(path)
        if path.suffix != ".svg":
            raise PlotError(f"{path.name}: the ending must be .svg")
        write_whole(path, self.svg(dark=dark))
        return path

    def __repr__(self) -> str:
        return f"<Plot {self.name}>"

    def _repr_html_(self) -> str:
        svg = Markup(self.picture.svg)  # noqa: S704 - drawn by us, its label escaped
        return render_own("plot.html", "style.css", picture=self.picture._replace(svg=svg))


def plot(result: Report | StepResult, name: str) -> Plot:
    """Draw one of NAMES of a report, or of what `check_turn` or `check_audio` has returned.

    Raises PlotError where it was not measured.
    """
    steps = (result,) if isinstance(result, StepResult) else result.steps
    drawn = {plot.name: plot for step in steps for plot in _plots(step)}
    if name not in drawn:
        there = ", ".join(drawn) or "none: neither relays nor sound were measured"
        what = "was not measured" if name in NAMES else f"is none of {', '.join(NAMES)}"
        raise PlotError(f"plot {name!r} {what}; there is {there}")
    return drawn[name]


def _plots(step: StepResult) -> list[Plot]:
    data = table(step.data)
    if step.name == "turn":
        svg = relays_svg(Relays(data).bars)
        return [Plot(RELAYS, Picture("Round trip through the relay", svg, _BARS))] if svg else []
    if step.name == "audio":
        return [Plot(_NAMES[picture.title], picture) for picture in sound_pictures(data)]
    return []


_BARS = (("line", "median"), ("area", "95th percentile"))
