"""Which codec of Opus carried what, and that a change of it is not taken for a drift of clocks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from polyai_diag.analysis.audio.carriers import Carriers, silk_khz
from polyai_diag.analysis.audio.loopback import analyze_loopback
from polyai_diag.analysis.audio.signal import probe_signal
from polyai_diag.media.opus import FRAME_SAMPLES, LOOK_AHEAD_SAMPLES, encode, sent_silk_khz
from tests.bench import artefacts as make
from tests.bench.opus_path import SWITCHING, there_and_back

SIGNAL = probe_signal()
SILK, HYBRID, CELT = 9 << 3, 15 << 3, 31 << 3


def test_every_configuration_of_the_table_is_known() -> None:
    khz = [silk_khz(bytes([number << 3 | rest])) for number in range(32) for rest in (0, 7)]
    assert khz == 8 * [8] + 8 * [12] + 8 * [16] + 8 * [16] + 32 * [0]
    assert silk_khz(b"") == -1


def test_what_was_sent_stands_a_look_ahead_earlier_than_in_its_packet() -> None:
    carried = sent_silk_khz([bytes([CELT]), bytes([HYBRID])])
    assert len(carried) == 2 * FRAME_SAMPLES - LOOK_AHEAD_SAMPLES
    assert np.flatnonzero(np.diff(carried)).tolist() == [FRAME_SAMPLES - LOOK_AHEAD_SAMPLES - 1]


@pytest.mark.parametrize(
    ("sent", "received", "late_us"),
    [
        ([0, 0], [0, 0], 0),
        ([16, 16], [0, 0], -40),
        ([16, 16], [16, 16], -80),
        ([0, 0], [8, 8], 82),
        ([0, 16], [0, 0], None),
        ([0, 0], [0, -1], None),
        ([0, 0], [], None),
    ],
)
def test_a_stretch_is_late_by_what_carried_it(
    sent: list[int], received: list[int], late_us: float | None
) -> None:
    carriers = Carriers(np.array(sent, np.int8), np.array(received, np.int8))
    late_s = carriers.delay_s(slice(0, 2), slice(-1, 2))
    assert late_s == (None if late_us is None else pytest.approx(late_us * 1e-6))


def test_a_change_of_mode_is_no_drift_where_the_packets_are_known() -> None:
    arrived = there_and_back(make.tailed(SIGNAL.pcm), SWITCHING)
    assert {0, 16} <= set(arrived.carriers.received.tolist())
    facts = analyze_loopback(SIGNAL, *arrived)
    assert facts.drift_ppm == pytest.approx(0, abs=1)
    assert facts.drift_uncertainty_ppm is not None
    assert facts.drift_uncertainty_ppm < 2
    unknown = analyze_loopback(SIGNAL, arrived.sound)
    assert unknown.drift_ppm is not None
    assert unknown.drift_uncertainty_ppm is not None
    assert 5 < abs(unknown.drift_ppm) < unknown.drift_uncertainty_ppm


def test_a_codec_that_steps_otherwise_than_told_widens_the_interval() -> None:
    arrived = there_and_back(make.tailed(SIGNAL.pcm), SWITCHING)
    told = Carriers(arrived.carriers.sent, np.zeros_like(arrived.carriers.received))
    facts = analyze_loopback(SIGNAL, *arrived._replace(carriers=told))
    assert facts.drift_ppm is not None
    assert facts.drift_uncertainty_ppm is not None
    assert 2 < abs(facts.drift_ppm) < facts.drift_uncertainty_ppm


def test_chirps_that_are_torn_between_modes_tell_no_drift() -> None:
    arrived = there_and_back(make.tailed(SIGNAL.pcm), SWITCHING)
    flipping = np.tile(
        np.repeat(np.array([0, 16], np.int8), FRAME_SAMPLES), len(arrived.sound) // 1920 + 1
    )
    facts = analyze_loopback(
        SIGNAL, *arrived._replace(carriers=replace(arrived.carriers, received=flipping))
    )
    assert facts.drift_ppm is None
    assert "drift_ppm" in facts.not_measured
    assert facts.chirps_found == facts.chirps_sent


@pytest.mark.parametrize("thorough", [False, True])
def test_what_a_call_sends_is_celt_throughout(thorough: bool) -> None:
    """So a gateway that hands packets back undecoded, one pass in all, is told nothing wrong."""
    assert set(sent_silk_khz(encode(probe_signal(thorough=thorough).pcm)).tolist()) == {0}
