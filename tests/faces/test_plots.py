"""Pictures one by one, and frames: of a report, and of a step's result alone."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import msgspec
import pytest

from polyai_diag import Report, lint_frame, lint_sdp, to_frame
from polyai_diag.model import STEP_NAMES
from polyai_diag.notebook.samples import (
    FORGETFUL_OFFER,
    SDP_WITHOUT_OPUS,
    clipped_recording,
)
from polyai_diag.report.plots import NAMES, PlotError, plot
from tests.faces import records
from tests.faces.test_pictures import audio

if TYPE_CHECKING:
    from pathlib import Path


def sounding() -> Report:
    """Return a report with all that can be drawn."""
    healthy = records.healthy()
    step = msgspec.structs.replace(healthy.step("audio"), data=audio())
    steps = tuple(step if s.name == "audio" else s for s in healthy.record.steps)
    return Report(msgspec.structs.replace(healthy.record, steps=steps))


@pytest.mark.parametrize("name", NAMES)
def test_each_is_drawn_of_a_report(name: str) -> None:
    drawn = sounding().plot(name)
    assert (drawn.name, repr(drawn)) == (name, f"<Plot {name}>")
    html = drawn._repr_html_()
    assert drawn.picture.title in html
    assert "--pd-note: light-dark(" in html  # the theme's colours come along


def test_a_steps_result_alone_is_drawn() -> None:
    assert plot(sounding().step("turn"), "relays").name == "relays"
    assert plot(sounding().step("audio"), "spectrum").name == "spectrum"


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_whole_svg_with_colours_of_its_own(name: str, tmp_path: Path) -> None:
    drawn = sounding().plot(name)
    light, dark = (
        drawn.save(tmp_path / f"{shade}.svg", dark=shade == "dark").read_text(encoding="utf-8")
        for shade in ("light", "dark")
    )
    assert light != dark
    for text in (light, dark):
        assert ET.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314 - our own
        assert "var(--pd-" not in text.replace("var(--pd-sans, sans-serif)", "")


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlotError, match=r"must be \.svg"):
        sounding().plot("level").save(tmp_path / "level.png")


def test_what_is_not_there_says_what_is() -> None:
    with pytest.raises(PlotError, match="'jitter' was not measured; there is relays"):
        records.healthy().plot("jitter")
    with pytest.raises(PlotError, match="'volume' is none of relays, spectrum"):
        records.healthy().plot("volume")
    with pytest.raises(PlotError, match="neither relays nor sound"):
        plot(records.healthy().step("token"), "relays")


def test_any_result_is_a_frame() -> None:
    report = records.udp_blocked()
    assert set(to_frame(report)["step"]) <= set(STEP_NAMES)
    stun = report.step("stun").to_frame()
    assert list(stun["operation"]) == ["stun_binding"]
    assert to_frame(report.step("stun")).equals(stun)
    assert list(records.healthy().step("token").to_frame().columns) == list(stun.columns)


def test_issues_and_a_recordings_facts_are_frames() -> None:
    from polyai_diag import analyze_recording

    assert "token-missing" in set(to_frame(lint_frame(FORGETFUL_OFFER))["cause"])
    assert "opus-not-offered" in set(to_frame(lint_sdp(SDP_WITHOUT_OPUS))["cause"])
    assert list(to_frame([]).columns) == ["path", "message", "severity", "cause"]
    facts = to_frame(analyze_recording(clipped_recording())).set_index("measure")["value"]
    assert facts["clipped_runs"] > 100
    assert facts["seconds"] == pytest.approx(2)
