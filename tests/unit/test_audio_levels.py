"""Levels, silence, clipping and bandwidth against values that follow by arithmetic."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.signal import butter, sosfiltfilt

from polyai_diag.analysis.audio.levels import FLOOR_DBFS, clipped_runs, level_dbfs
from polyai_diag.analysis.audio.unreferenced import unreferenced_facts as audio_facts

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE_HZ = 48_000
SINE_DB = 20 * math.log10(1 / math.sqrt(2))


def _sine(amplitude: float, seconds: float = 1.0, hz: float = 1000, rate_hz: int = RATE_HZ) -> Any:
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    return (amplitude * np.sin(2 * np.pi * hz * t)).astype(np.float32)


def _stereo(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.stack([left, right], axis=1)


@pytest.mark.parametrize("amplitude", [1.0, 0.5, 0.01])
def test_a_sine_is_three_decibels_under_its_peak(amplitude: float) -> None:
    tone = _sine(amplitude)
    facts = audio_facts(_stereo(tone, tone))
    peak_dbfs = 20 * math.log10(amplitude)
    assert facts.level_dbfs == pytest.approx(peak_dbfs + SINE_DB, abs=0.01)
    assert facts.active_level_dbfs == pytest.approx(peak_dbfs + SINE_DB, abs=0.01)
    assert facts.peak_dbfs == pytest.approx(peak_dbfs, abs=0.01)
    assert facts.channels_dbfs == pytest.approx((facts.level_dbfs,) * 2)
    assert (facts.seconds, facts.active_share, facts.silent) == (1.0, 1.0, False)


def test_a_square_at_full_scale_is_zero() -> None:
    square = np.sign(_sine(1.0, hz=100.3) + 1e-9).astype(np.float32)
    facts = audio_facts(square[:, None])
    assert facts.level_dbfs == pytest.approx(0, abs=0.01)
    assert facts.peak_dbfs == 0
    assert facts.clipped_runs > 150


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_silence(channels: int) -> None:
    facts = audio_facts(np.zeros((RATE_HZ, channels), np.float32))
    assert facts.silent
    assert facts.level_dbfs == facts.peak_dbfs == FLOOR_DBFS
    assert facts.channels_dbfs == (FLOOR_DBFS,) * channels
    assert (facts.active_share, facts.active_level_dbfs, facts.bandwidth_hz) == (0.0, None, None)


@pytest.mark.parametrize("samples", [0, 1, 959])
def test_next_to_nothing(samples: int) -> None:
    facts = audio_facts(np.full((samples, 2), 0.5, np.float32))
    assert facts.silent
    assert (facts.active_share, facts.clipped_runs, facts.bandwidth_hz) == (0.0, 0, None)
    assert facts.seconds == samples / RATE_HZ


def test_speech_level_counts_the_speech_and_not_the_pauses() -> None:
    sound = np.concatenate([_sine(0.1), np.zeros(3 * RATE_HZ, np.float32)])
    facts = audio_facts(_stereo(sound, sound))
    assert facts.active_share == pytest.approx(0.25)
    assert facts.active_level_dbfs == pytest.approx(-20 + SINE_DB, abs=0.01)
    assert facts.level_dbfs == pytest.approx(-20 + SINE_DB - 6.02, abs=0.01)


def test_one_channel_of_two_is_half_the_power() -> None:
    facts = audio_facts(_stereo(_sine(0.1), np.zeros(RATE_HZ, np.float32)))
    assert facts.channels_dbfs == pytest.approx((-20 + SINE_DB, FLOOR_DBFS), abs=0.01)
    assert facts.level_dbfs == pytest.approx(-20 + SINE_DB - 3.01, abs=0.01)


def test_opposite_phase_is_no_silence() -> None:
    facts = audio_facts(_stereo(_sine(0.1), -_sine(0.1)))
    assert not facts.silent
    assert facts.level_dbfs == pytest.approx(-20 + SINE_DB, abs=0.01)
    assert facts.bandwidth_hz == pytest.approx(1000, abs=50)


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 44_100, 48_000])
def test_any_rate(rate_hz: int) -> None:
    tone = _sine(0.1, seconds=2, hz=997, rate_hz=rate_hz)
    facts = audio_facts(tone[:, None], rate_hz)
    assert (facts.seconds, facts.active_share) == (2.0, 1.0)
    assert facts.bandwidth_hz == pytest.approx(997, abs=50)


@pytest.mark.parametrize("edge_hz", [3400, 7000, 15_000])
def test_the_bandwidth_of_filtered_noise(edge_hz: float) -> None:
    noise = np.random.default_rng(3).normal(0, 0.1, (3 * RATE_HZ, 1))
    low_pass = butter(20, edge_hz, fs=RATE_HZ, output="sos")
    facts = audio_facts(sosfiltfilt(low_pass, noise, axis=0).astype(np.float32))
    assert facts.bandwidth_hz == pytest.approx(edge_hz, abs=300)


def test_a_constant_has_no_bandwidth() -> None:
    facts = audio_facts(np.full((RATE_HZ, 2), 0.25, np.float32))
    assert facts.bandwidth_hz is None
    assert facts.level_dbfs == pytest.approx(-12.04, abs=0.01)


@pytest.mark.parametrize(
    ("sound", "runs"),
    [
        ([0, 1, 1, 1, 0], 1),
        ([0, 1, 1, 0, 1, 1, 0], 0),
        ([1, 1, 1], 1),
        ([-1, -1, -1, -1, 0, 1, 1, 1], 2),
        ([0.9999] * 5, 1),
        ([0.99] * 5, 0),
        ([2.0, 2.0, 2.0], 1),
        ([], 0),
    ],
)
def test_runs_at_full_scale(sound: list[float], runs: int) -> None:
    channel = np.array(sound, np.float32)
    assert clipped_runs(channel[:, None]) == runs
    assert clipped_runs(_stereo(channel, channel)) == 2 * runs


def test_level_of_nothing_is_the_floor() -> None:
    assert level_dbfs(np.zeros(0, np.float32)) == FLOOR_DBFS


@pytest.mark.parametrize("hostile", [np.nan, np.inf, -np.inf, 3e38])
def test_numbers_that_are_no_sound_break_nothing(hostile: float) -> None:
    sound = _stereo(_sine(0.1), _sine(0.1))
    sound[1000:1010] = hostile
    facts = audio_facts(sound)
    assert math.isfinite(facts.level_dbfs)
    assert math.isfinite(facts.peak_dbfs)
    assert audio_facts(np.full((RATE_HZ, 1), hostile, np.float32)).seconds == 1.0


@given(
    arrays.arrays(
        np.float32,
        st.tuples(st.integers(0, 3000), st.integers(1, 3)),
        elements=st.floats(-1, 1, width=32),
    )
)
def test_no_sound_breaks_the_measuring(sound: NDArray[np.float32]) -> None:
    facts = audio_facts(sound)
    assert FLOOR_DBFS <= facts.level_dbfs <= 0.001
    assert facts.level_dbfs <= facts.peak_dbfs + 0.001
    assert 0 <= facts.active_share <= 1
