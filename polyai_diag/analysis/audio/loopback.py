"""The probe signal out and back: delay, level, spectrum. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.signal import fftconvolve

from polyai_diag.analysis.audio.levels import clipped_runs, level_dbfs
from polyai_diag.analysis.audio.signal import SAMPLE_RATE_HZ, SWEEP_HZ, TONE_HZ

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from polyai_diag.analysis.audio.signal import ProbeSignal

CORRELATION_LEAST = 0.5  # a chirp that resembles less than this is not found
EDGE_S = 0.05
BANDWIDTH_DROP_DB = 12.0
BANDS_PER_OCTAVE = 6
LOWEST_BAND_HZ = 50.0


@dataclass(frozen=True)
class LoopbackFacts:
    """What came back of the probe signal; None where it could not be measured."""

    chirps_sent: int
    chirps_found: int
    offset_samples: float | None  # sound received minus sound sent, on their own timelines
    gain_db: float | None
    level_dbfs: float
    sent_level_dbfs: float
    noise_dbfs: float | None
    thd_n_db: float | None
    bandwidth_hz: float | None
    clipped_runs: int
    frequency_hz: tuple[float, ...] = ()
    sent_dbfs: tuple[float, ...] = ()
    received_dbfs: tuple[float, ...] = ()


def analyze_loopback(signal: ProbeSignal, received: NDArray[np.float32]) -> LoopbackFacts:
    """Find the probe signal in what was received, shape (samples, channels), and compare.

    A signal turned upside down is found as well: it is heard the same.
    """
    sent, mono = signal.pcm[:, 0], received.mean(axis=1)
    offsets = _chirp_offsets(signal, mono)
    sent_tone = _inner(sent, signal.tone, 0)
    if not offsets:
        return LoopbackFacts(
            len(signal.chirp_starts), 0, None, None, level_dbfs(mono), level_dbfs(sent_tone),
            None, None, None, clipped_runs(received),
        )  # fmt: skip
    offset = float(np.median(offsets))
    shift = round(offset)
    tone = _inner(mono, signal.tone, shift)
    frequency_hz, sent_bands = _bands(_part(sent, signal.sweep, 0))
    _, received_bands = _bands(_part(mono, signal.sweep, shift))
    return LoopbackFacts(
        chirps_sent=len(signal.chirp_starts),
        chirps_found=len(offsets),
        offset_samples=offset,
        gain_db=_amplitude_db(tone) - _amplitude_db(sent_tone),
        level_dbfs=level_dbfs(tone),
        sent_level_dbfs=level_dbfs(sent_tone),
        noise_dbfs=level_dbfs(_inner(received, signal.silence, shift)),
        thd_n_db=_thd_n_db(tone),
        bandwidth_hz=_bandwidth_hz(frequency_hz, sent_bands, received_bands),
        clipped_runs=clipped_runs(received),
        frequency_hz=tuple(round(float(f), 1) for f in frequency_hz),
        sent_dbfs=tuple(round(float(b), 2) for b in sent_bands),
        received_dbfs=tuple(round(float(b), 2) for b in received_bands),
    )


def _chirp_offsets(signal: ProbeSignal, mono: NDArray[np.float32]) -> list[float]:
    """Return each found chirp's shift in samples, to a fraction of one.

    The shift that suits all chirps at once is found first, so that none is taken for another.
    """
    correlation = _correlation(mono, signal.chirp)
    last = signal.chirp_starts[-1]
    if len(correlation) == 0:
        return []
    if -correlation.min() > correlation.max():
        correlation = -correlation
    padded = np.concatenate([np.zeros(last), np.maximum(correlation, 0), np.zeros(last)])
    span = len(correlation) + last
    together = sum(padded[start : start + span] for start in signal.chirp_starts)
    shared = int(np.argmax(together)) - last
    found = []
    for start in signal.chirp_starts:
        near = max(0, start + shared - 480)
        window = correlation[near : max(0, start + shared + 480)]
        if len(window) and float(window.max()) >= CORRELATION_LEAST:
            found.append(_peak(correlation, near + int(np.argmax(window))) - start)
    return found


def _correlation(mono: NDArray[np.float32], chirp: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the normalized correlation with the chirp at each start, -1 to 1."""
    if len(mono) < len(chirp):
        return np.zeros(0)
    raw = fftconvolve(mono.astype(np.float64), chirp[::-1].astype(np.float64), mode="valid")
    power = np.cumsum(np.concatenate([[0.0], np.square(mono, dtype=np.float64)]))
    energy = power[len(chirp) :] - power[: -len(chirp)]
    norm = float(np.linalg.norm(chirp))
    # Below -70 dBFS there is nothing to compare with: rounding noise must not pass for a chirp.
    floor = len(chirp) * 10**-7
    return np.where(energy > floor, raw / (norm * np.sqrt(np.maximum(energy, floor))), 0.0)


def _peak(values: NDArray[np.float64], index: int) -> float:
    """Refine a maximum by the parabola through its neighbours."""
    if not 0 < index < len(values) - 1:
        return float(index)
    left, top, right = values[index - 1 : index + 2]
    bend = left - 2 * top + right
    return index + (0.5 * (left - right) / bend if bend else 0.0)


def _part(mono: NDArray[np.float32], part: slice, shift: int) -> NDArray[np.float32]:
    return mono[max(0, part.start + shift) : max(0, part.stop + shift)]


def _inner(mono: NDArray[np.float32], part: slice, shift: int) -> NDArray[np.float32]:
    edge = round(EDGE_S * SAMPLE_RATE_HZ)
    return _part(mono, slice(part.start + edge, part.stop - edge), shift)


def _amplitude_db(tone: NDArray[np.float32]) -> float:
    """Return the level of the 997 Hz component alone."""
    if not len(tone):
        return -120.0
    t = np.arange(len(tone)) / SAMPLE_RATE_HZ
    window = np.hanning(len(tone))
    phasor = np.sum(tone * window * np.exp(-2j * np.pi * TONE_HZ * t)) / np.sum(window)
    return float(20 * np.log10(max(2 * abs(phasor), 1e-6)))


def _thd_n_db(tone: NDArray[np.float32]) -> float | None:
    """Return what is not the tone, against the tone, from 20 Hz to 20 kHz (AES17 §6.3's idea)."""
    if len(tone) < 4800:
        return None
    power = np.square(np.abs(np.fft.rfft(tone * np.blackman(len(tone)))))
    frequency_hz = np.fft.rfftfreq(len(tone), 1 / SAMPLE_RATE_HZ)
    audible = (frequency_hz >= 20) & (frequency_hz <= 20_000)
    near = np.abs(frequency_hz - TONE_HZ) < max(20.0, 4 * SAMPLE_RATE_HZ / len(tone))
    carried = float(power[audible & near].sum())
    rest = float(power[audible & ~near].sum())
    return 10 * float(np.log10(max(rest, 1e-20) / carried)) if carried > 0 else None


def _bands(sound: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return sixth-octave centre frequencies, the sweep's end the last, and each level in dBFS."""
    bands = int(np.log2(SWEEP_HZ[1] / LOWEST_BAND_HZ) * BANDS_PER_OCTAVE)
    centres = SWEEP_HZ[1] * 2 ** (np.arange(-bands, 1) / BANDS_PER_OCTAVE)
    if len(sound) < 4800:
        return centres, np.full(len(centres), -120.0)
    power = np.square(np.abs(np.fft.rfft(sound))) * 2 / len(sound) ** 2
    frequency_hz = np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE_HZ)
    half = 2 ** (0.5 / BANDS_PER_OCTAVE)
    sums = [power[(frequency_hz >= c / half) & (frequency_hz < c * half)].sum() for c in centres]
    return centres, 10 * np.log10(np.maximum(sums, 1e-12))


def _bandwidth_hz(
    frequency_hz: NDArray[np.float64], sent: NDArray[np.float64], received: NDArray[np.float64]
) -> float | None:
    """Return the highest band that comes back less than 12 dB weaker than the middle ones."""
    loss_db = sent - received
    middle = float(np.median(loss_db[(frequency_hz > 300) & (frequency_hz < 3000)]))
    passed = frequency_hz[loss_db - middle < BANDWIDTH_DROP_DB]
    return float(passed.max()) if len(passed) else None
