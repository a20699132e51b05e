"""Level over time and the spectrogram, against sounds whose levels are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from polyai_diag.analysis.audio.pictures import (
    BANDS,
    COLUMNS,
    MOST_POINTS,
    STEP_DB,
    levels_over_time,
    spectrogram,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _tone(seconds: float, hz: float, dbfs: float = -20) -> NDArray[np.float32]:
    t = np.arange(round(seconds * 48_000)) / 48_000
    mono = 10 ** (dbfs / 20) * np.sqrt(2) * np.sin(2 * np.pi * hz * t)
    return np.stack([mono, mono], axis=1).astype(np.float32)


def test_levels_of_a_tone_and_of_silence() -> None:
    every_s, levels = levels_over_time(np.concatenate([_tone(1, 997), 0 * _tone(1, 997)]))
    assert every_s == pytest.approx(0.02)
    assert levels == pytest.approx([-20.0] * 50 + [-120.0] * 50, abs=0.2)


@pytest.mark.parametrize("seconds", [0, 0.01, 8, 27, 600])
def test_levels_are_bounded(seconds: float) -> None:
    _, levels = levels_over_time(np.zeros((round(seconds * 48_000), 2), np.float32))
    assert len(levels) <= MOST_POINTS


def _levels(sound: NDArray[np.float32]) -> NDArray[np.float64]:
    found = spectrogram(sound)
    assert found is not None
    steps = [np.frombuffer(bytes.fromhex(one), np.uint8) for one in found.rows]
    return -STEP_DB * np.array(steps, np.float64)


@pytest.mark.parametrize("hz", [63.0, 250.0, 997.0, 7000.0, 18_000.0])
def test_a_tone_stands_in_its_band_at_its_level(hz: float) -> None:
    levels = _levels(_tone(2, hz))
    middle = levels[:, levels.shape[1] // 2]
    edges = np.geomspace(50, 22_000, BANDS + 1)
    loudest = int(np.argmax(middle))
    assert edges[max(0, loudest - 1)] <= hz <= edges[min(BANDS, loudest + 2)]
    assert 10 * np.log10(np.sum(10 ** (middle / 10))) == pytest.approx(-20, abs=1)


def test_it_lasts_as_long_as_the_sound() -> None:
    found = spectrogram(_tone(27, 997))
    assert found is not None
    columns = len(found.rows[0]) // 2
    assert columns <= COLUMNS
    assert 2 * found.begins_s + columns * found.every_s == pytest.approx(27, abs=0.2)
    assert len(found.rows) == BANDS
    assert max(map(len, found.rows)) < 500  # as much of a text as a step's data keeps


def test_too_short_a_sound_has_none() -> None:
    assert spectrogram(_tone(0.05, 997)) is None
