"""Every parameter of Opus in words; what is odd in it is said, what is usual draws no word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyai_diag.analysis.opus_parameters import explain_parameters
from polyai_diag.analysis.sdp import parse_sdp
from polyai_diag.analysis.sdp_compare import explained
from polyai_diag.analysis.sdp_lint import lint_sdp
from polyai_diag.model import Issue
from tests.unit.test_sdp import CHROMIUM

NAMES = (
    "maxaveragebitrate", "maxplaybackrate", "sprop-maxcapturerate", "stereo", "sprop-stereo",
    "cbr", "useinbandfec", "usedtx", "minptime", "ptime", "maxptime",
)  # fmt: skip


def _sdp(parameters: str, *lines: str) -> str:
    added = "".join(f"{line}\r\n" for line in (f"a=fmtp:111 {parameters}", *lines))
    return CHROMIUM.replace("a=fmtp:111 minptime=10;useinbandfec=1\r\n", added)


def _found(parameters: str, *lines: str) -> list[tuple[str, str]]:
    issues = lint_sdp(_sdp(parameters, *lines))
    assert {issue.cause for issue in issues} <= {"opus-misconfigured"}
    return [(issue.path.removeprefix("$.audio."), issue.severity.value) for issue in issues]


@pytest.mark.parametrize(
    "usual",
    [
        "minptime=10;useinbandfec=1",  # Chromium, Safari
        "maxplaybackrate=48000;stereo=1;useinbandfec=1",  # Firefox
        "maxplaybackrate=48000; sprop-maxcapturerate=48000; maxaveragebitrate=510000; cbr=0",
        "MinPTime=10;USEINBANDFEC=1;sprop-stereo=1;usedtx=0;",
        "maxaveragebitrate=24000",
        "",
    ],
)
def test_what_is_usual_draws_no_complaint(usual: str) -> None:
    assert _found(usual, "a=ptime:20", "a=maxptime:60") == []


ODD = {
    "maxaveragebitrate=6000": "warning",
    "maxaveragebitrate=14000": "info",
    "maxaveragebitrate=5999": "warning",
    "maxaveragebitrate=510001": "warning",
    "maxaveragebitrate=-1": "warning",
    "maxplaybackrate=8000": "warning",
    "maxplaybackrate=12000": "warning",
    "maxplaybackrate=16000": "info",
    "maxplaybackrate=96000": "warning",
    "sprop-maxcapturerate=8000": "warning",
    "sprop-maxcapturerate=44100.0": "warning",
    "stereo=2": "warning",
    "sprop-stereo=yes": "warning",
    "cbr=1": "info",
    "cbr=": "warning",
    "useinbandfec=0": "info",
    "usedtx=1": "info",
    "usedtx=true": "warning",
    "minptime=2": "warning",
    "minptime=²": "warning",
    "ptime=20": "info",  # it has a line of its own
    "useinbandfecc=1": "warning",  # misspelt
    "x-vendor=1": "info",
}


@pytest.mark.parametrize(("parameter", "severity"), ODD.items())
def test_what_is_odd_is_named_where_it_is(parameter: str, severity: str) -> None:
    assert _found(parameter) == [(f"fmtp.{parameter.partition('=')[0]}", severity)]


def test_parameters_parted_by_commas_or_given_twice() -> None:
    assert _found("minptime=10,useinbandfec=1") == [("fmtp.minptime", "warning")]
    assert _found("stereo=1;stereo=0") == [("fmtp.stereo", "warning")]
    assert _found("stereo=1", "a=fmtp:111 stereo=1") == [("fmtp", "warning")]


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (["a=ptime:10"], []),
        (["a=ptime:2.5"], []),
        (["a=ptime:0"], [("ptime", "warning")]),
        (["a=ptime:121"], [("ptime", "warning")]),
        (["a=ptime:soon"], [("ptime", "warning")]),
        (["a=ptime:" + "9" * 5000], [("ptime", "warning")]),
        (["a=ptime:120"], [("ptime", "info")]),
        (["a=ptime:60", "a=maxptime:20"], [("maxptime", "warning")]),
        (["a=maxptime:5"], [("maxptime", "warning")]),  # minptime is 10
    ],
)
def test_lengths_of_packets(lines: list[str], found: list[tuple[str, str]]) -> None:
    assert _found("minptime=10", *lines) == found


@pytest.mark.parametrize(
    ("line", "severity"),
    [
        ("AS:64", None),
        ("AS:40", None),
        ("AS:30", "info"),  # 16 of them are headers
        ("AS:16", "warning"),
        ("AS:0", "warning"),
        ("TIAS:32000", None),
        ("TIAS:8000", "warning"),
        ("CT:8", None),
        ("RR:0", None),
        ("AS:many", "warning"),
    ],
)
@pytest.mark.parametrize("above", ["a=rtcp:9 IN IP4 0.0.0.0", "t=0 0"], ids=["audio", "session"])
def test_bandwidth_lines(line: str, severity: str | None, above: str) -> None:
    issues = lint_sdp(CHROMIUM.replace(above, f"b={line}\r\n{above}"))
    assert [i.path for i in issues] == ["$.audio.bandwidth"] * (severity is not None)
    assert [i.severity.value for i in issues] == [severity] * (severity is not None)


def test_the_cap_that_cripples_is_named_with_its_number() -> None:
    issues = lint_sdp(_sdp("maxplaybackrate=8000;maxaveragebitrate=6000"))
    said = " ".join(issue.message for issue in issues)
    assert "speech ends at 4000 Hz" in said
    assert "6000 b/s" in said


def test_every_parameter_is_explained() -> None:
    values = "stereo=1;sprop-stereo=1;cbr=0;useinbandfec=1;usedtx=0;minptime=10"
    rates = "maxaveragebitrate=32000;maxplaybackrate=48000;sprop-maxcapturerate=16000"
    sdp = _sdp(f"{values};{rates}", "a=ptime:20", "a=maxptime:60")
    rows = explained(sdp, "offer")
    assert {row["parameter"] for row in rows} == set(NAMES)
    assert {row["side"] for row in rows} == {"offer"}
    assert not [row for row in rows if "passed over" in row["meaning"]]
    assert "32000 b/s" in next(r["meaning"] for r in rows if r["parameter"] == "maxaveragebitrate")


@pytest.mark.parametrize("value", ["", "2", "-1", "9" * 400, "1e5", "٣", "\x00"])
@pytest.mark.parametrize("name", NAMES)
def test_a_value_that_is_not_valid_is_explained_as_that(name: str, value: str) -> None:
    audio = parse_sdp(_sdp(f"{name}={value}")).audio
    assert audio is not None
    assert audio.opus is not None
    (row,) = explain_parameters(audio.opus, audio)
    assert "not valid" in row.meaning
    assert len(row.value) <= 60


PARTS = st.sampled_from([*NAMES, "=", ";", ",", " ", "0", "1", "8000", "9" * 99, "²", "-", "\x00"])


@given(st.lists(PARTS, max_size=30).map("".join) | st.text(max_size=60))
def test_no_parameters_break_the_reading(parameters: str) -> None:
    sdp = _sdp(parameters)
    assert all(isinstance(issue, Issue) for issue in lint_sdp(sdp))
    assert all(row["meaning"] for row in explained(sdp, "answer"))
