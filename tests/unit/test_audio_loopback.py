"""The probe signal against known truth: shifted, attenuated, distorted, filtered, coded."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.signal import butter, resample_poly, sosfiltfilt

from polyai_diag.analysis.audio.levels import FLOOR_DBFS
from polyai_diag.analysis.audio.limits import WIDE_BAND_HZ
from polyai_diag.analysis.audio.loopback import LoopbackFacts, analyze_loopback
from polyai_diag.analysis.audio.signal import (
    SAMPLE_RATE_HZ,
    SWEEP_HZ,
    TONE_HZ,
    ProbeSignal,
    probe_signal,
    swept_share,
)
from polyai_diag.media.opus import LOOK_AHEAD_SAMPLES, decode_all, encode

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIGNAL = probe_signal()
LOOK_AHEAD_MS = 1000 * LOOK_AHEAD_SAMPLES / SAMPLE_RATE_HZ


def _delayed(sound: NDArray[np.float32], delay_ms: float) -> NDArray[np.float32]:
    """Delay a sound by any fraction of a sample, exactly, as a linear phase."""
    samples = delay_ms * SAMPLE_RATE_HZ / 1000
    padded = np.zeros((len(sound) + math.ceil(samples) + 4800, sound.shape[1]))
    padded[: len(sound)] = sound
    phase = np.exp(-2j * np.pi * np.fft.rfftfreq(len(padded)) * samples)
    spectrum = np.fft.rfft(padded, axis=0) * phase[:, None]
    return np.fft.irfft(spectrum, len(padded), axis=0).astype(np.float32)


def _noise(level_dbfs: float, shape: tuple[int, ...]) -> NDArray[np.float32]:
    noise = np.random.default_rng(11).normal(0, 10 ** (level_dbfs / 20), shape)
    return noise.astype(np.float32)


def _delay_ms(facts: LoopbackFacts) -> float:
    assert facts.offset_samples is not None
    return facts.offset_samples * 1000 / SAMPLE_RATE_HZ


@functools.cache
def _coded(bit_rate: int, application: str, passes: int = 1) -> NDArray[np.float32]:
    sound = SIGNAL.pcm
    for _ in range(passes):
        sound = decode_all(encode(sound, bit_rate=bit_rate, application=application))
    return sound


@pytest.mark.parametrize("thorough", [False, True])
def test_the_signal_is_what_it_says(thorough: bool) -> None:
    signal = probe_signal(thorough=thorough)
    assert signal.seconds == pytest.approx(26.9 if thorough else 8.0, abs=0.01)
    assert signal.pcm.shape[1] == 2
    sides = np.zeros(len(signal.pcm), bool)
    sides[signal.left] = sides[signal.right] = True
    assert np.array_equal(signal.pcm[~sides, 0], signal.pcm[~sides, 1])
    assert not signal.pcm[signal.left, 1].any()
    assert not signal.pcm[signal.right, 0].any()
    assert float(np.abs(signal.pcm).max()) < 10 ** (-12 / 20), "Opus overshoots"
    assert not signal.pcm[signal.silence].any()
    for start in signal.chirp_starts:
        assert np.array_equal(signal.pcm[start : start + len(signal.chirp), 0], signal.chirp)


@pytest.mark.parametrize("delay_ms", [0, 0.01, 0.3333, LOOK_AHEAD_MS, 20, 123.4, 1999.987])
def test_delay_to_a_hundredth_of_a_millisecond(delay_ms: float) -> None:
    facts = analyze_loopback(SIGNAL, _delayed(SIGNAL.pcm, delay_ms))
    assert _delay_ms(facts) == pytest.approx(delay_ms, abs=0.01)
    assert facts.chirps_found == facts.chirps_sent == 6
    assert facts.gain_db == pytest.approx(0, abs=0.01)


def test_what_was_cut_off_in_front_is_a_negative_offset() -> None:
    facts = analyze_loopback(SIGNAL, SIGNAL.pcm[30_000:])
    assert facts.offset_samples == pytest.approx(-30_000, abs=0.1)
    assert facts.chirps_found == 6


@pytest.mark.parametrize("gain_db", [-40, -12.3, -6, 3])
def test_gain_to_a_hundredth_of_a_decibel(gain_db: float) -> None:
    facts = analyze_loopback(SIGNAL, SIGNAL.pcm * np.float32(10 ** (gain_db / 20)))
    assert facts.gain_db == pytest.approx(gain_db, abs=0.01)
    assert facts.level_dbfs == pytest.approx(-20 + gain_db, abs=0.01)
    assert facts.sent_level_dbfs == pytest.approx(-20, abs=0.01)


def test_a_sound_turned_over_is_found_as_well() -> None:
    facts = analyze_loopback(SIGNAL, -_delayed(SIGNAL.pcm, 50.02))
    assert _delay_ms(facts) == pytest.approx(50.02, abs=0.01)
    assert facts.gain_db == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("level_dbfs", [-70, -50, -35])
def test_noise_floor_and_what_it_does_to_the_rest(level_dbfs: float) -> None:
    noise = _noise(level_dbfs, SIGNAL.pcm.shape)
    facts = analyze_loopback(SIGNAL, _delayed(SIGNAL.pcm + noise, 10))
    assert facts.noise_dbfs == pytest.approx(level_dbfs, abs=0.2)
    assert _delay_ms(facts) == pytest.approx(10, abs=0.01)
    assert facts.gain_db == pytest.approx(0, abs=0.1)
    in_band = 10 * math.log10(2 * (20_000 - 20) / SAMPLE_RATE_HZ)
    mono = -10 * math.log10(2)  # of two channels' own noise
    assert facts.thd_n_db == pytest.approx(level_dbfs + in_band + mono + 20, abs=1)


@pytest.mark.parametrize("harmonic", [2, 3, 7])
@pytest.mark.parametrize("level_db", [-20, -30, -40, -60])
def test_distortion_of_known_size(harmonic: int, level_db: float) -> None:
    sound = SIGNAL.pcm.copy()
    t = np.arange(SIGNAL.tone.stop - SIGNAL.tone.start) / SAMPLE_RATE_HZ
    added = 0.1 * math.sqrt(2) * 10 ** (level_db / 20) * np.sin(2 * np.pi * harmonic * TONE_HZ * t)
    sound[SIGNAL.tone] += added[:, None].astype(np.float32)
    facts = analyze_loopback(SIGNAL, sound)
    assert facts.thd_n_db == pytest.approx(level_db, abs=0.1)


def test_a_clean_tone_has_next_to_no_distortion() -> None:
    facts = analyze_loopback(SIGNAL, SIGNAL.pcm)
    assert facts.thd_n_db is not None
    assert facts.thd_n_db < -90


@pytest.mark.parametrize("edge_hz", [3400, 7000])
def test_band_limits(edge_hz: float) -> None:
    low_pass = butter(12, edge_hz, fs=SAMPLE_RATE_HZ, output="sos")
    facts = analyze_loopback(SIGNAL, sosfiltfilt(low_pass, SIGNAL.pcm, axis=0).astype(np.float32))
    assert facts.bandwidth_hz == pytest.approx(edge_hz, abs=300)
    assert facts.gain_db == pytest.approx(0, abs=0.1)
    assert _delay_ms(facts) == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("rate_hz", [8000, 16000])
def test_a_leg_of_the_telephone_network_is_told_by_its_band(rate_hz: int) -> None:
    there = resample_poly(SIGNAL.pcm, rate_hz, SAMPLE_RATE_HZ, axis=0)
    back = resample_poly(there, SAMPLE_RATE_HZ, rate_hz, axis=0).astype(np.float32)
    facts = analyze_loopback(SIGNAL, back)
    assert facts.bandwidth_hz == pytest.approx(rate_hz / 2, abs=300)


def test_the_full_band_is_full() -> None:
    facts = analyze_loopback(SIGNAL, SIGNAL.pcm)
    assert facts.bandwidth_hz is not None
    assert facts.bandwidth_hz > 16_000
    assert facts.received_dbfs == facts.sent_dbfs
    assert len(facts.frequency_hz) == len(facts.sent_dbfs)


@pytest.mark.parametrize("passes", [1, 2])
@pytest.mark.parametrize(
    ("bit_rate", "application"),
    [(96_000, "voip"), (64_000, "audio"), (32_000, "voip"), (16_000, "voip")],
)
def test_through_the_codec(bit_rate: int, application: str, passes: int) -> None:
    facts = analyze_loopback(SIGNAL, _coded(bit_rate, application, passes))
    assert facts.chirps_found == 6
    assert _delay_ms(facts) == pytest.approx(passes * LOOK_AHEAD_MS, abs=0.1)
    assert facts.gain_db == pytest.approx(0, abs=0.1)
    assert facts.clipped_runs == 0
    assert facts.thd_n_db is not None
    assert facts.thd_n_db < -35
    assert facts.noise_dbfs is not None
    assert facts.noise_dbfs < -90


def test_the_codec_hides_neither_gain_nor_distortion_nor_band() -> None:
    low_pass = butter(12, 3400, fs=SAMPLE_RATE_HZ, output="sos")
    sound = (SIGNAL.pcm * 0.5).astype(np.float32)
    t = np.arange(SIGNAL.tone.stop - SIGNAL.tone.start) / SAMPLE_RATE_HZ
    third = 0.05 * math.sqrt(2) * 0.1 * np.sin(2 * np.pi * 3 * TONE_HZ * t)
    sound[SIGNAL.tone] += third[:, None].astype(np.float32)
    spoiled = sosfiltfilt(low_pass, sound, axis=0).astype(np.float32)
    facts = analyze_loopback(SIGNAL, decode_all(encode(_delayed(spoiled, 33.3))))
    assert _delay_ms(facts) == pytest.approx(33.3 + LOOK_AHEAD_MS, abs=0.1)
    assert facts.gain_db == pytest.approx(-6.02, abs=0.1)
    assert facts.thd_n_db == pytest.approx(-20, abs=1)
    assert facts.bandwidth_hz == pytest.approx(3400, abs=300)


@pytest.mark.parametrize("gone", [0, 1, 3])
def test_a_chirp_that_was_lost_costs_no_accuracy(gone: int) -> None:
    sound = _delayed(SIGNAL.pcm, 77.7)
    start = SIGNAL.chirp_starts[gone] + round(77.7 * 48)
    sound[start : start + len(SIGNAL.chirp)] = 0
    facts = analyze_loopback(SIGNAL, sound)
    assert facts.chirps_found == 5
    assert _delay_ms(facts) == pytest.approx(77.7, abs=0.01)


@pytest.mark.parametrize("share", [0.02, 0.05])
def test_delay_holds_under_lost_frames(share: float) -> None:
    sound = _delayed(SIGNAL.pcm, 123.4)
    frames = sound[: len(sound) // 960 * 960].reshape(-1, 960, 2)
    frames[np.random.default_rng(5).random(len(frames)) < share] = 0
    facts = analyze_loopback(SIGNAL, sound)
    assert _delay_ms(facts) == pytest.approx(123.4, abs=0.1)


@pytest.mark.parametrize("from_hz", [1000, 5000, 12_000])
def test_a_band_whose_upper_part_was_lost_has_no_end(from_hz: float) -> None:
    """What did not arrive is no proof that nothing was sent."""
    part = SIGNAL.sweep
    share = swept_share(from_hz, SWEEP_HZ)
    lost = np.zeros(len(SIGNAL.pcm), bool)
    lost[part.start + round(share * (part.stop - part.start)) : part.stop] = True
    sound = np.where(lost[:, None], 0, SIGNAL.pcm).astype(np.float32)
    facts = analyze_loopback(SIGNAL, sound, lost=lost)
    assert facts.bandwidth_hz is None
    assert "bandwidth_hz" in facts.not_measured


def test_a_band_whose_end_was_lost_ends_between_what_arrived() -> None:
    low_pass = butter(12, 3500, fs=SAMPLE_RATE_HZ, output="sos")
    sound = sosfiltfilt(low_pass, SIGNAL.pcm, axis=0).astype(np.float32)
    part = SIGNAL.sweep
    first, last = (
        part.start + round(swept_share(hz, SWEEP_HZ) * (part.stop - part.start))
        for hz in (3300, 3800)
    )
    lost = np.zeros(len(sound), bool)
    lost[first:last] = True
    facts = analyze_loopback(SIGNAL, np.where(lost[:, None], 0, sound), lost=lost)
    assert facts.bandwidth_hz is None
    assert facts.bandwidth_between_hz is not None
    low_hz, high_hz = facts.bandwidth_between_hz
    assert 2500 < low_hz < 3500  # nor is the decoder trusted right after a loss
    assert 3800 < high_hz < WIDE_BAND_HZ


UNLIKE = {
    "silence": np.zeros_like(SIGNAL.pcm),
    "white noise": _noise(-20, SIGNAL.pcm.shape),
    "loud noise": _noise(-3, SIGNAL.pcm.shape),
    "the tone alone": np.tile(SIGNAL.pcm[SIGNAL.tone], (4, 1)),
    "rounding noise": _noise(-100, SIGNAL.pcm.shape),
    "nothing": np.zeros((0, 2), np.float32),
    "one sample": np.ones((1, 2), np.float32),
    "less than a chirp": SIGNAL.pcm[38_400:44_400],
    "before the first chirp": SIGNAL.pcm[:36_000],
}


@pytest.mark.parametrize("sound", UNLIKE.values(), ids=UNLIKE)
def test_where_there_is_no_chirp_none_is_found(sound: NDArray[np.float32]) -> None:
    facts = analyze_loopback(SIGNAL, sound)
    assert (facts.chirps_found, facts.chirps_sent) == (0, 6)
    assert facts.offset_samples is facts.gain_db is facts.thd_n_db is facts.bandwidth_hz is None
    assert facts.level_dbfs >= FLOOR_DBFS


@pytest.mark.parametrize("thorough", [False, True])
def test_one_channel_is_enough(thorough: bool) -> None:
    signal: ProbeSignal = probe_signal(thorough=thorough)
    facts = analyze_loopback(signal, signal.pcm[:, :1])
    assert facts.offset_samples == pytest.approx(0, abs=0.01)
    assert facts.gain_db == pytest.approx(0, abs=0.01)


def test_what_ends_early_is_measured_as_far_as_it_goes() -> None:
    cut = SIGNAL.pcm[: SIGNAL.tone.start + 3000]
    facts = analyze_loopback(SIGNAL, cut)
    assert facts.chirps_found == 2
    assert facts.offset_samples == pytest.approx(0, abs=0.1)
    assert facts.thd_n_db is None
    assert {"thd_n_db", "gain_db", "response", "dropouts"} <= facts.not_measured.keys()


def test_clipping_is_counted_and_distorts() -> None:
    facts = analyze_loopback(SIGNAL, np.clip(SIGNAL.pcm * 12, -1, 1))
    assert facts.clipped_runs > 1000
    assert facts.thd_n_db is not None
    assert facts.thd_n_db > -25
