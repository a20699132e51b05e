"""What the path does to each frequency: the sweep's impulse response, gated. Pure.

Farina's exponential sweep (AES convention 108, 2000): what the path distorts arrives before the
direct sound, a late echo behind it, and a gate around it leaves the path itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq
from scipy.signal.windows import tukey

from polyai_diag.analysis.audio.signal import SAMPLE_RATE_HZ, SWEEP_HZ, sweep_at
from polyai_diag.analysis.audio.spectra import power_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from polyai_diag.analysis.audio.masking import Heard
    from polyai_diag.analysis.audio.signal import ProbeSignal
    from polyai_diag.analysis.audio.timing import Timing

AHEAD = 2400  # 50 ms: distortion of low order arrives before the direct sound
GATE = 1200  # 25 ms on either side
GRID = 4800  # a spectrum every 10 Hz
BANDS_PER_OCTAVE = 6
LOWEST_BAND_HZ = 50.0
REFERENCE_HZ = (800.0, 1250.0)
MIDDLE_HZ = (300.0, 3000.0)
BANDWIDTH_DROP_DB = 12.0
EDGE_SMOOTHING_HZ = 150.0
BANDWIDTH_STEP_HZ = 25.0
MEASURED_SHARE = 0.9  # of a frequency's sweep must have arrived


@dataclass(frozen=True)
class Response:
    """Deviation from the level around 1 kHz; None where lost packets carried the frequency."""

    frequency_hz: tuple[float, ...]
    deviation_db: tuple[float | None, ...]


class SweepResponse:
    """The received sweep against the sent one, with what was lost left out of both."""

    def __init__(self, signal: ProbeSignal, heard: Heard, timing: Timing) -> None:
        part = signal.sweep
        length = part.stop - part.start
        offset = timing.offset_at(part.start)
        first = part.start + int(np.floor(offset)) - AHEAD
        received, good = heard.part(slice(first, first + AHEAD + length + signal.sweep_tail))
        pace = 1 + (timing.drift_ppm or 0.0) * 1e-6
        late = part.start + offset - first
        t = (np.arange(len(received)) - late) / pace / SAMPLE_RATE_HZ
        sent = sweep_at(t, length / SAMPLE_RATE_HZ)
        self._size = next_fast_len(len(sent) + signal.sweep_tail, real=True)
        self._frequency_hz = rfftfreq(self._size, 1 / SAMPLE_RATE_HZ)
        inside = (self._frequency_hz >= SWEEP_HZ[0]) & (self._frequency_hz <= SWEEP_HZ[1])
        weight = np.where(inside, self._frequency_hz, 0.0)
        heard_sent = rfft(sent * good, self._size)
        heard_received = rfft(received * good, self._size)
        self._cross = heard_received * np.conj(heard_sent) * weight
        self._received = power_of(heard_received) * weight
        self._own = power_of(heard_sent) * weight
        self._all = self._own if good.all() else power_of(rfft(sent, self._size)) * weight
        self.spectrum = self._gated()

    def _gated(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return frequencies and decibels; not a number where too little has arrived."""
        cross, own, whole = (np.abs(self._smooth(x)) for x in (self._cross, self._own, self._all))
        with np.errstate(divide="ignore", invalid="ignore"):
            decibels = 20 * np.log10(np.maximum(cross / own, 1e-6))
        decibels[own < MEASURED_SHARE * whole] = np.nan
        frequency_hz = rfftfreq(GRID, 1 / SAMPLE_RATE_HZ)
        decibels[(frequency_hz < SWEEP_HZ[0]) | (frequency_hz > SWEEP_HZ[1])] = np.nan
        return frequency_hz, decibels

    def _smooth(self, spectrum: NDArray[np.complex128]) -> NDArray[np.complex128]:
        """Gate in time, which smooths the spectrum."""
        impulse = irfft(spectrum, self._size)
        around = np.concatenate([impulse[-GATE:], impulse[: GATE + 1]]) * tukey(2 * GATE + 1, 0.5)
        turned = np.zeros(GRID)
        turned[: GATE + 1], turned[-GATE:] = around[GATE:], around[:GATE]
        return np.asarray(rfft(turned))

    def response(self, gain_db: float | None) -> Response | None:
        """Return the response in sixths of octaves.

        Where 1 kHz itself was lost, the tone's gain stands for it; None where that is not known.
        """
        frequency_hz, decibels = self.spectrum
        reference = _mean(decibels, frequency_hz, REFERENCE_HZ)
        if reference is None:
            reference = gain_db
        if reference is None:
            return None
        half = 2 ** (0.5 / BANDS_PER_OCTAVE)
        bands = [_mean(decibels, frequency_hz, (c / half, c * half)) for c in band_centres()]
        return Response(
            tuple(round(float(c), 1) for c in band_centres()),
            tuple(None if band is None else round(band - reference, 2) for band in bands),
        )

    def band_end_hz(self) -> tuple[float, float] | None:
        """Return between what the band ends: where, for good, it falls 12 dB under its middle.

        Both are the same where that edge was heard; lost packets may have carried it. None where
        nothing above it arrived, which proves nothing. Powers are compared, out against in: a codec
        makes up the high end, and does not keep its waveform.
        """
        frequency_hz, loss_db, swept = self._fallen()
        passed = np.flatnonzero(loss_db < BANDWIDTH_DROP_DB)
        if not len(passed):
            return None
        last = int(passed[-1])
        if last == int(np.flatnonzero(swept)[-1]):
            return float(frequency_hz[last]), float(frequency_hz[last])
        above = last + 1 + np.flatnonzero(~np.isnan(loss_db[last + 1 :]))
        if not len(above):
            return None
        if above[0] > last + 1:
            return float(frequency_hz[last]), float(frequency_hz[above[0]])
        way = (BANDWIDTH_DROP_DB - loss_db[last]) / (loss_db[last + 1] - loss_db[last])
        edge_hz = float(frequency_hz[last] + way * BANDWIDTH_STEP_HZ)
        return edge_hz, edge_hz

    def _fallen(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
        """Return frequencies, how far each is under the middle in decibels, and which were swept.

        Not a number where lost packets carried it.
        """
        out, own, whole = (self._evened(x) for x in (self._received, self._own, self._all))
        frequency_hz = np.arange(len(out), dtype=np.float64) * BANDWIDTH_STEP_HZ
        with np.errstate(divide="ignore", invalid="ignore"):
            decibels = 10 * np.log10(np.maximum(out / own, 1e-12))
        decibels[own < MEASURED_SHARE * whole] = np.nan
        swept = (frequency_hz >= MIDDLE_HZ[0]) & (frequency_hz <= SWEEP_HZ[1] - 500)
        decibels[~swept] = np.nan
        middle = decibels[(frequency_hz <= MIDDLE_HZ[1]) & ~np.isnan(decibels)]
        reference_db = float(np.median(middle)) if len(middle) else np.nan
        return frequency_hz, reference_db - decibels, swept

    def _evened(self, power: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the power in steps of 25 Hz, each over 150."""
        edges_hz = np.arange(0, SAMPLE_RATE_HZ / 2, BANDWIDTH_STEP_HZ)
        sums = np.concatenate([[0.0], np.cumsum(power)])
        half = EDGE_SMOOTHING_HZ / 2
        first, last = np.searchsorted(self._frequency_hz, [edges_hz - half, edges_hz + half])
        return np.asarray(sums[last] - sums[first])


def band_centres() -> NDArray[np.float64]:
    """Return the centres of sixths of octaves from 50 Hz to the audible end, 20 kHz the last."""
    bands = int(np.log2(20_000 / LOWEST_BAND_HZ) * BANDS_PER_OCTAVE)
    return np.asarray(20_000 * 2 ** (np.arange(-bands, 1) / BANDS_PER_OCTAVE))


def _mean(
    decibels: NDArray[np.float64], frequency_hz: NDArray[np.float64], band_hz: tuple[float, float]
) -> float | None:
    """Return the mean of a band; None where a part of it was lost."""
    middle = float(np.sqrt(band_hz[0] * band_hz[1]))
    inside = (frequency_hz >= band_hz[0]) & (frequency_hz <= band_hz[1])
    inside[int(np.argmin(np.abs(frequency_hz - middle)))] = True
    value = float(np.mean(decibels[inside]))
    return None if np.isnan(value) else value
