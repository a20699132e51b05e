"""The pictures of a report, as inline SVG that follows light and dark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from polyai_diag.analysis.loose import number, table
from polyai_diag.report.pictures.over_time import delay_svg, jitter_svg, levels_svg, loss_svg
from polyai_diag.report.pictures.relays import relays_svg
from polyai_diag.report.pictures.spectrogram import spectrogram_svg
from polyai_diag.report.pictures.spectrum import is_drawn, spectrum_svg

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Picture", "relays_svg", "sound_pictures", "spectrum_svg"]


class Picture(NamedTuple):
    """A drawing, what it shows, and its legend: how a line looks, and what it is."""

    title: str
    svg: str
    legend: tuple[tuple[str, str], ...] = ()


def sound_pictures(audio: dict[str, Any]) -> list[Picture]:
    """Return what can be drawn of an audio step's data, in the order in which it is looked at."""
    return [picture for picture in _drawn(audio) if picture.svg]


def _drawn(audio: dict[str, Any]) -> Iterator[Picture]:
    spectrum, levels = table(audio.get("spectrum")), table(audio.get("levels"))
    over_time, noise = table(audio.get("timeline")), table(audio.get("noise_bands"))
    beside = "Opus alone" if spectrum.get("opus_dbfs") else "sent"
    quiet = (("faint", "received in silence"),) if is_drawn(noise) else ()
    yield Picture(
        "Spectrum",
        spectrum_svg(spectrum, number(audio.get("bandwidth_hz")), noise),
        (("dashed", beside), ("line", "received"), *quiet),
    )
    yield Picture(
        "Spectrogram of what was received", spectrogram_svg(table(audio.get("spectrogram")))
    )
    sent = (("dashed", "sent"),) if levels.get("sent_dbfs") else ()
    yield Picture("Level", levels_svg(levels), (*sent, ("line", "received")))
    delay_ms = number(audio.get("delay_ms"))
    yield Picture(
        "Delay, out and back" if delay_ms else "Delay beyond the fastest packet",
        delay_svg(over_time, max(0.0, delay_ms or 0.0)),
        (("line", "median"), ("area", "latest packet")),
    )
    yield Picture("Jitter", jitter_svg(over_time))
    yield Picture("Packets lost", loss_svg(over_time))
