"""The pictures of the sound: what is there is drawn, hostile data is not, and it is bounded."""

from __future__ import annotations

import math
import re
from typing import Any

import msgspec
import numpy as np
import pytest

from polyai_diag.analysis.audio.pictures import levels_over_time, spectrogram
from polyai_diag.analysis.timeline import timeline
from polyai_diag.report import Report
from polyai_diag.report.pictures import sound_pictures
from polyai_diag.steps.pictures import as_json
from tests.faces import records

MOST_BYTES = 80_000
MOST_PAGE_BYTES = 1_500_000
JUNK: tuple[Any, ...] = (None, "<script>", -1, math.nan, 1e300, [], {}, ["<b>", math.nan], True)


def audio() -> dict[str, Any]:
    sound = 0.1 * np.random.default_rng(3).standard_normal((8 * 48_000, 2)).astype(np.float32)
    every_s, levels = levels_over_time(sound)
    packets = [(0.02 * n + 0.003 * (n % 3), 960 * n, n) for n in range(400) if n % 50]
    spectrum = {
        "frequency_hz": [50 * 1.1**n for n in range(64)],
        "received_dbfs": [-35.0] * 60 + [None] * 4,
        "opus_dbfs": [-35.5] * 64,
    }
    return {
        "delay_ms": 80.0,
        "bandwidth_hz": 7200.0,
        "spectrum": spectrum,
        "noise_bands": {"frequency_hz": [50.0, 63.0, 80.0], "level_dbfs": [-40.0, -90.0, -120.0]},
        "levels": {"every_s": every_s, "received_dbfs": levels, "sent_dbfs": levels},
        "spectrogram": as_json(spectrogram(sound)),
        "timeline": as_json(timeline(packets)),
    }


def test_each_is_drawn_in_its_order_with_its_units() -> None:
    drawn = sound_pictures(audio())
    titles = [picture.title for picture in drawn]
    assert titles == [
        "Spectrum",
        "Spectrogram of what was received",
        "Level",
        "Delay, out and back",
        "Jitter",
        "Packets lost",
    ]
    units = ["dBFS", "kHz", "dBFS", "ms", "ms", "%"]
    for picture, unit in zip(drawn, units, strict=True):
        assert unit in " ".join(re.findall(r">([^<]+)</text>", picture.svg)), picture.title
        assert len(picture.svg) < MOST_BYTES
        assert 'role="img"' in picture.svg
        assert "aria-label" in picture.svg


def test_nothing_is_asked_of_the_network_but_a_picture_within() -> None:
    for picture in sound_pictures(audio()):
        links = re.findall(r'href="([^"]{0,40})', picture.svg)
        assert all(link.startswith("data:image/png;base64,") for link in links)
        assert bool(links) is (picture.title.startswith("Spectrogram"))
        assert "url(" not in picture.svg


def test_colours_are_the_pages_own() -> None:
    """But for the spectrogram's, which stand out from light and dark."""
    for picture in sound_pictures(audio()):
        drawn = re.sub(r'href="[^"]*"', "", picture.svg)
        assert re.findall(r"(?:fill|stroke): #\w+", drawn) == [], picture.title
        assert "var(--pd-" in drawn


def test_an_agent_has_what_needs_no_reference() -> None:
    data = audio()
    del data["spectrum"], data["delay_ms"]
    del data["levels"]["sent_dbfs"]
    drawn = {picture.title: picture for picture in sound_pictures(data)}
    assert "Spectrum" not in drawn
    assert drawn["Level"].legend == (("line", "received"),)
    assert "Delay beyond the fastest packet" in drawn


def test_without_data_nothing_is_drawn() -> None:
    assert sound_pictures({}) == []


def test_a_page_with_all_of_them_is_bounded_and_may_show_them() -> None:
    healthy = records.healthy()
    step = msgspec.structs.replace(healthy.step("audio"), data=audio())
    steps = tuple(step if s.name == "audio" else s for s in healthy.record.steps)
    html = Report(msgspec.structs.replace(healthy.record, steps=steps)).to_html()
    assert html.count("<svg") == 1 + len(sound_pictures(audio()))
    assert len(html.encode()) < MOST_PAGE_BYTES
    assert "img-src data:;" in html
    assert html.count('href="data:image/png;base64,') == 2  # the spectrogram and its scale


@pytest.mark.parametrize("key", list(audio()))
def test_junk_is_drawn_as_nothing_and_breaks_nothing(key: str) -> None:
    whole = audio()[key]
    inner = whole if isinstance(whole, dict) else {}
    changed = [{**inner, name: junk} for name in inner for junk in JUNK]
    for data in [*JUNK, *changed]:
        for picture in sound_pictures({key: data}):
            assert "<script" not in picture.svg
            assert "nan" not in re.sub(r'href="[^"]*"', "", picture.svg)
