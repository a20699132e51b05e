"""A sound that fades, stops or changes on its way, moment by moment; no codec in between."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from polyai_diag.analysis.audio.loopback import FADED, analyze_loopback
from polyai_diag.analysis.audio.signal import SAMPLE_RATE_HZ, probe_signal

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIGNAL = probe_signal()
SECONDS = SIGNAL.seconds


def _faded(gain_db: float, *spans_s: tuple[float, float]) -> NDArray[np.float32]:
    sound = SIGNAL.pcm.copy()
    for begins_s, ends_s in spans_s:
        sound[round(begins_s * SAMPLE_RATE_HZ) : round(ends_s * SAMPLE_RATE_HZ)] *= 10 ** (
            gain_db / 20
        )
    return sound


def test_what_stays_as_loud_as_it_was_sent_is_nowhere_weak() -> None:
    facts = analyze_loopback(SIGNAL, SIGNAL.pcm)
    assert facts.weak == ()
    assert facts.bandwidth_hz is not None


@pytest.mark.parametrize("gain_db", [-25.0, -35.0])
def test_a_sound_that_fades_for_good(gain_db: float) -> None:
    (weak,) = analyze_loopback(SIGNAL, _faded(gain_db, (3.4, SECONDS))).weak
    assert weak.at_s == pytest.approx(3.4, abs=0.06)
    assert weak.until_s > SECONDS - 0.2
    assert weak.gain_db == pytest.approx(gain_db, abs=0.5)
    assert (weak.stopped, weak.to_end) == (False, True)


def test_a_sound_that_stops_for_good() -> None:
    (weak,) = analyze_loopback(SIGNAL, _faded(-120, (2.0, SECONDS))).weak
    assert weak.at_s == pytest.approx(2.0, abs=0.06)
    assert (weak.stopped, weak.to_end) == (True, True)


def test_what_comes_and_goes_is_told_piece_by_piece() -> None:
    facts = analyze_loopback(SIGNAL, _faded(-30, (1.4, 2.0), (7.3, 7.8)))
    assert [w.at_s for w in facts.weak] == pytest.approx([1.4, 7.35], abs=0.06)
    assert [w.to_end for w in facts.weak] == [False, False]


@pytest.mark.parametrize("ms", [60, 200])
def test_a_cut_is_not_called_weak(ms: int) -> None:
    assert analyze_loopback(SIGNAL, _faded(-120, (1.6, 1.6 + ms / 1000))).weak == ()


def test_noise_may_be_suppressed() -> None:
    noise_s = SIGNAL.noise.start / SAMPLE_RATE_HZ, SIGNAL.noise.stop / SAMPLE_RATE_HZ
    assert analyze_loopback(SIGNAL, _faded(-40, noise_s)).weak == ()


def test_a_band_is_not_measured_while_the_level_changes() -> None:
    """Half of the sweep at another level looks like the end of a band."""
    sweep_s = SIGNAL.sweep.start / SAMPLE_RATE_HZ
    facts = analyze_loopback(SIGNAL, _faded(-30, (sweep_s + 0.9, SECONDS)))
    assert facts.bandwidth_hz is None
    assert facts.response is None
    assert facts.not_measured["bandwidth_hz"] == FADED
    assert analyze_loopback(SIGNAL, _faded(-30, (0, SECONDS))).bandwidth_hz is not None


def test_what_was_lost_is_not_weak() -> None:
    lost = np.zeros(len(SIGNAL.pcm), bool)
    lost[SIGNAL.tone] = True
    received = np.where(lost[:, None], np.float32(0), SIGNAL.pcm)
    assert analyze_loopback(SIGNAL, received, lost).weak == ()
    assert len(analyze_loopback(SIGNAL, received).weak) == 1
