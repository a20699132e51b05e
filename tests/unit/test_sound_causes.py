"""The limits of sound: what a saved report says is judged again the same, and junk says nothing."""

from __future__ import annotations

import math
from typing import Any

import pytest

from polyai_diag.causes import judge
from polyai_diag.failures import Failure
from polyai_diag.model import Observation, Severity, Status, StepResult
from tests.unit.records import record

HEALTHY: dict[str, Any] = {
    "mode": "echo",
    "gain_db": 0.1,
    "clipped_runs": 0,
    "bandwidth_hz": 20_000.0,
    "thd_n_db": -38.0,
    "rate_ratio": 1.0,
    "channels": "mono sum",
    "dropouts": [],
    "hum": None,
    "echo": None,
    "weak": [],
    "left_out": 0,
    "typical_thd_n_db": None,
    "drift_ppm": 3.0,
    "drift_uncertainty_ppm": 5.0,
}
AGENT: dict[str, Any] = {
    "mode": "agent",
    "silent": False,
    "active_level_dbfs": -26.0,
    "peak_dbfs": -9.0,
    "clipped_runs": 0,
    "clipped_share": 0.0,
    "crowding": 2.4,
    "sample_rate_hz": 48_000,
    "bandwidth_hz": 7200.0,
    "channels": "identical",
    "dropouts": [],
    "hum": None,
}


def _observed(operation: str, failure: Failure | None = None, **notes: Any) -> Observation:
    return Observation(
        operation=operation,
        endpoint="gateway",
        started_ms=0,
        duration_ms=8000,
        failure=failure,
        notes=notes,
    )


def _named(operation: str, data: dict[str, Any], opus: dict[str, Any] | None = None) -> list[str]:
    notes = data if operation == "audio_recording" else {}
    audio = StepResult(
        name="audio",
        status=Status.PASSED,
        data=data,
        observations=(_observed(operation, **notes),),
    )
    steps = [audio, StepResult(name="opus", status=Status.PASSED, data=opus or {})]
    found = judge(record(*steps))
    assert {finding.severity for finding in found} <= {Severity.WARNING}
    return [finding.id for finding in found if not finding.explained_by]


@pytest.mark.parametrize(
    ("operation", "data"),
    [
        ("audio_loopback", HEALTHY),
        ("audio_listen", AGENT),
        ("audio_recording", {**AGENT, "crowding": 1.1}),
    ],
)
def test_a_healthy_sound_names_nothing(operation: str, data: dict[str, Any]) -> None:
    assert _named(operation, data) == []


@pytest.mark.parametrize(
    ("cause", "change"),
    [
        ("audio-too-quiet", {"gain_db": -20.0}),
        ("audio-clipped", {"clipped_runs": 80, "thd_n_db": -12.0}),
        ("audio-narrowband", {"bandwidth_hz": 3500.0}),
        ("audio-narrowband", {"bandwidth_hz": 7200.0}),
        ("audio-narrowband", {"bandwidth_hz": None, "bandwidth_between_hz": [3200.0, 6500.0]}),
        ("audio-distorted", {"thd_n_db": -16.0}),
        ("audio-wrong-rate", {"rate_ratio": 48_000 / 44_100, "drift_ppm": None}),
        ("audio-channel-fault", {"channels": "left dead"}),
        ("audio-channel-fault", {"channels": "swapped"}),
        ("audio-dropouts", {"dropouts": [{"at_s": 5.1, "ms": 60.0, "kind": "silence"}]}),
        ("audio-hum", {"hum": {"mains_hz": 60.0, "level_dbfs": -40.0}, "thd_n_db": -18.0}),
        ("echo-heard", {"echo": {"delay_ms": 120.0, "level_db": -20.0}}),
        ("clock-drift", {"drift_ppm": -300.0}),
    ],
)
def test_out_and_back_each_is_named_alone(cause: str, change: dict[str, Any]) -> None:
    assert _named("audio_loopback", {**HEALTHY, **change}) == [cause]


@pytest.mark.parametrize(
    ("cause", "change"),
    [
        ("audio-too-quiet", {"active_level_dbfs": -50.0}),
        ("audio-clipped", {"clipped_runs": 300, "clipped_share": 0.001}),
        ("audio-narrowband", {"bandwidth_hz": 3400.0}),
        ("audio-channel-fault", {"channels": "right dead"}),
        ("audio-hum", {"hum": {"mains_hz": 50.0, "level_dbfs": -38.0}}),
        (
            "audio-dropouts",
            {"dropouts": [{"at_s": t, "ms": 40.0, "kind": "silence"} for t in (1, 2)]},
        ),
    ],
)
@pytest.mark.parametrize("operation", ["audio_listen", "audio_recording"])
def test_by_itself_each_is_named_alone(operation: str, cause: str, change: dict[str, Any]) -> None:
    assert _named(operation, {**AGENT, "crowding": 1.1, **change}) == [cause]


def test_clipping_behind_a_codec_shows_in_a_level_or_in_a_crowd() -> None:
    loud = {**AGENT, "active_level_dbfs": -6.0, "peak_dbfs": 0.0}
    assert _named("audio_listen", loud) == ["audio-clipped"]
    assert _named("audio_recording", {**AGENT, "crowding": 2.4}) == ["audio-clipped"]


@pytest.mark.parametrize(
    "change",
    [
        {"drift_ppm": 110.0, "drift_uncertainty_ppm": 20.0},  # the interval reaches below the limit
        {"dropouts": [{"at_s": 5.1, "ms": 10.0, "kind": "abrupt"}]},
        {"echo": {"delay_ms": 4.0, "level_db": -10.0}},
        {"echo": {"delay_ms": 120.0, "level_db": -50.0}},
        {"hum": {"mains_hz": 50.0, "level_dbfs": -70.0}},
        {"clipped_runs": 2},
        {"gain_db": -6.0},
    ],
)
def test_what_stays_within_its_limit_is_no_finding(change: dict[str, Any]) -> None:
    assert _named("audio_loopback", {**HEALTHY, **change}) == []


CUTS = [{"at_s": 5.1, "ms": 40.0, "kind": "abrupt"}, {"at_s": 5.6, "ms": 20.0, "kind": "silence"}]


def _lost_there(lost: int) -> dict[str, Any]:
    reports = {"packets_lost": lost, "packets_counted": 400}
    return {"packets_sent": 420, "compared_s": 1.1, "gateway_reports": reports}


@pytest.mark.parametrize(("lost", "named"), [(0, True), (1, True), (8, False), (30, False)])
def test_cuts_that_loss_on_the_way_there_accounts_for(lost: int, named: bool) -> None:
    found = _named("audio_loopback", {**HEALTHY, "dropouts": CUTS, **_lost_there(lost)})
    assert (found == ["audio-dropouts"]) is named


def test_more_cuts_than_were_lost_on_the_way_there() -> None:
    many = [{"at_s": 5 + n / 3, "ms": 60.0, "kind": "silence"} for n in range(4)]
    found = _named("audio_loopback", {**HEALTHY, "dropouts": many, **_lost_there(4)})
    assert found == ["audio-dropouts"]


@pytest.mark.parametrize(
    ("left_out", "lost", "named"), [(4, 0, False), (12, 12, False), (40, 2, True), (40, 0, True)]
)
def test_an_echo_that_leaves_out_more_than_was_lost(left_out: int, lost: int, named: bool) -> None:
    found = _named("audio_loopback", {**HEALTHY, "left_out": left_out, **_lost_there(lost)})
    assert (found == ["audio-dropouts"]) is named


def test_an_echo_leaves_out_what_nobody_reports_on() -> None:
    assert _named("audio_loopback", {**HEALTHY, "left_out": 40}) == []


def _weak(at_s: float, until_s: float, gain_db: float = -35.0, **more: Any) -> dict[str, Any]:
    both = {"stopped": gain_db < -45, "to_end": False}
    return {"at_s": at_s, "until_s": until_s, "gain_db": gain_db, **both, **more}


def test_a_sound_that_fades_is_too_quiet_and_not_cut() -> None:
    fading = {"weak": [_weak(2.0, 2.5), _weak(6.0, 6.4)], "dropouts": CUTS}
    assert _named("audio_loopback", {**HEALTHY, **fading}) == ["audio-too-quiet"]
    assert _named("audio_loopback", {**HEALTHY, "weak": [_weak(2.0, 2.3)]}) == []


def test_a_sound_that_stops_and_comes_back_is_cut() -> None:
    assert _named("audio_loopback", {**HEALTHY, "weak": [_weak(2.0, 2.5, -80.0)]}) == [
        "audio-dropouts"
    ]


def test_a_click_in_the_tone_is_no_distortion() -> None:
    assert _named("audio_loopback", {**HEALTHY, "thd_n_db": -15.0, "typical_thd_n_db": -38.0}) == []


@pytest.mark.parametrize(("level_db", "named"), [(-31.0, []), (-8.0, ["echo-heard"])])
def test_what_is_distorted_resembles_itself_late(level_db: float, named: list[str]) -> None:
    bent = {"thd_n_db": -11.0, "echo": {"delay_ms": 163.0, "level_db": level_db}}
    assert _named("audio_loopback", {**HEALTHY, **bent}) == ["audio-distorted", *named]


def test_what_is_repeated_is_no_echo() -> None:
    echo = {"echo": {"delay_ms": 40.0, "level_db": -13.0}}
    cuts = [{"at_s": 5.1, "ms": 50.0, "kind": "repeat"}]
    assert _named("audio_loopback", {**HEALTHY, **echo, "dropouts": cuts}) == ["audio-dropouts"]
    cuts[0]["kind"] = "silence"
    found = _named("audio_loopback", {**HEALTHY, **echo, "dropouts": cuts})
    assert found == ["audio-dropouts", "echo-heard"]


def test_hum_is_turned_up_with_what_is_too_quiet() -> None:
    quiet = {"gain_db": -35.0, "hum": {"mains_hz": 50.0, "level_dbfs": -75.0}}
    assert _named("audio_loopback", {**HEALTHY, **quiet}) == ["audio-too-quiet", "audio-hum"]


def test_a_mono_sum_is_a_fault_only_where_stereo_was_agreed() -> None:
    stereo = {"offered_fmtp": {"stereo": "1"}, "fmtp": {"stereo": "1"}}
    assert _named("audio_loopback", HEALTHY, stereo) == ["audio-channel-fault"]
    assert _named("audio_loopback", HEALTHY, {"fmtp": {"stereo": "1"}}) == []


@pytest.mark.parametrize(
    "junk", [None, "x", [1], {"x": []}, True, math.nan, math.inf, [{}], [None]]
)
@pytest.mark.parametrize("operation", ["audio_loopback", "audio_listen", "audio_recording"])
def test_junk_is_no_measure(operation: str, junk: Any) -> None:
    for key in {**HEALTHY, **AGENT}:
        _named(operation, {key: junk})


def test_silence_is_critical_where_a_call_brought_it() -> None:
    silent = _observed("audio_listen", Failure.SILENCE, detail="no speech from the agent in 15 s")
    audio = StepResult(name="audio", status=Status.FAILED, observations=(silent,))
    (finding,) = judge(record(audio))
    assert (finding.id, finding.severity) == ("silent-audio", Severity.CRITICAL)
