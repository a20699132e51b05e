"""Loudness against the standard's own calibration, and against pyloudnorm."""

from __future__ import annotations

import numpy as np
import pyloudnorm
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyai_diag.analysis.audio.loudness import Loudness, k_weighting, loudness_lufs
from tests.unit.talk import talk

RATES_HZ = (8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000)
TABLE_AT_48_KHZ = [  # BS.1770-4 annex 1, tables 1 and 2
    [1.53512485958697, -2.69169618940638, 1.19839281085285, 1, -1.69065929318241, 0.73248077421585],
    [1, -2, 1, 1, -1.99004745483398, 0.99007225036621],
]


def test_the_filters_are_the_tables_of_the_standard() -> None:
    assert k_weighting(48_000) == pytest.approx(np.array(TABLE_AT_48_KHZ), abs=1e-7)


@pytest.mark.parametrize("rate_hz", [r for r in RATES_HZ if r >= 16_000])
def test_a_sine_at_full_scale_is_minus_3_01(rate_hz: int) -> None:
    sine = np.sin(2 * np.pi * 997 * np.arange(5 * rate_hz) / rate_hz)
    # At 8 kHz the bilinear transform bends the curve by 0.2 dB at just this frequency.
    found = loudness_lufs(sine[:, None].astype(np.float32), rate_hz)
    assert found == pytest.approx(-3.01, abs=0.06)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("channels", [1, 5])
@pytest.mark.parametrize("kind", ["noise", "talk", "swelling"])
def test_it_agrees_with_pyloudnorm(rate_hz: int, channels: int, kind: str) -> None:
    random = np.random.default_rng(rate_hz + channels)
    step = -(-rate_hz // 10) * 4 if rate_hz == 11_025 else rate_hz // 10
    samples = step * (40 if step < rate_hz // 4 else 10)
    if kind == "talk":
        mono = talk(samples / rate_hz + 0.01, seed=channels, rate_hz=rate_hz)[:samples]
        sound = np.stack([mono * 0.8**n for n in range(channels)], axis=1)
    else:
        sound = random.normal(0, 0.1, (samples, channels))
    if kind == "swelling":  # so that both gates have something to do
        sound *= np.sin(np.arange(samples) / rate_hz * 2)[:, None] ** 8
    theirs = pyloudnorm.Meter(rate_hz).integrated_loudness(sound)
    assert loudness_lufs(sound.astype(np.float32), rate_hz) == pytest.approx(theirs, abs=0.1)


@given(st.lists(st.integers(1, 9_000), min_size=1, max_size=12), st.sampled_from(RATES_HZ))
def test_how_it_is_cut_into_blocks_makes_no_difference(sizes: list[int], rate_hz: int) -> None:
    sound = np.random.default_rng(1).normal(0, 0.1, (2, 40_000)).astype(np.float32)
    whole, cut = Loudness(rate_hz, 2), Loudness(rate_hz, 2)
    whole.take(sound)
    at = 0
    for size in (*sizes, 40_000):
        cut.take(sound[:, at : at + size])
        at += size
    assert whole.lufs is None or cut.lufs == pytest.approx(whole.lufs, abs=1e-6)
    assert (whole.lufs is None) == (cut.lufs is None)


@pytest.mark.parametrize("samples", [0, 1, 19_199])
def test_less_than_a_gating_block_has_no_loudness(samples: int) -> None:
    assert loudness_lufs(np.full((samples, 1), 0.5, np.float32), 48_000) is None


def test_silence_has_no_loudness() -> None:
    assert loudness_lufs(np.zeros((48_000, 2), np.float32), 48_000) is None
