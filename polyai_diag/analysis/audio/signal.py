"""The probe signal: chirps for time, a tone for level, a sweep for the spectrum. Pure.

All of it stays well under full scale: Opus makes a sweep overshoot by up to 8 dB.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.signal import chirp as scipy_chirp
from scipy.signal.windows import tukey

if TYPE_CHECKING:
    from numpy.typing import NDArray

SAMPLE_RATE_HZ = 48_000
TONE_HZ = 997.0
TONE_DBFS = -20.0  # RMS, against a full-scale sine's peak
CHIRP_HZ = (200.0, 7000.0)
CHIRP_S = 0.25
SWEEP_HZ = (40.0, 20_000.0)
PEAK_DBFS = -14.0


@dataclass(frozen=True)
class ProbeSignal:
    """The sound to send, shape (samples, 2), and where its parts stand, in samples."""

    pcm: NDArray[np.float32]
    chirp: NDArray[np.float32]
    chirp_starts: tuple[int, ...]
    silence: slice
    tone: slice
    sweep: slice

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.pcm) / SAMPLE_RATE_HZ


def probe_signal(*, thorough: bool = False) -> ProbeSignal:
    """Build the probe signal: about 6 s, or 14 s with more of each part."""
    chirps, tone_s, sweep_s = (9, 3.0, 4.0) if thorough else (3, 1.5, 1.5)
    chirp = _swept(CHIRP_HZ, CHIRP_S, 0.2)
    mono = np.zeros(_samples(0.5 + chirps * 0.5 + tone_s + 0.1 + sweep_s + 0.1 + 0.8), np.float32)
    starts = [_samples(0.5 + 0.5 * number) for number in range(chirps)]
    tone_at = _samples(0.5 + chirps * 0.5)
    tone = _tone(tone_s)
    sweep = _swept(SWEEP_HZ, sweep_s, 0.02)
    sweep_at = tone_at + len(tone) + _samples(0.1)
    starts.append(sweep_at + len(sweep) + _samples(0.1))
    for start, part in [(tone_at, tone), (sweep_at, sweep), *((s, chirp) for s in starts)]:
        mono[start : start + len(part)] = part
    return ProbeSignal(
        pcm=np.stack([mono, mono], axis=1),
        chirp=chirp,
        chirp_starts=tuple(starts),
        silence=slice(_samples(0.1), _samples(0.45)),
        tone=slice(tone_at, tone_at + len(tone)),
        sweep=slice(sweep_at, sweep_at + len(sweep)),
    )


def _swept(band_hz: tuple[float, float], seconds: float, edge: float) -> NDArray[np.float32]:
    """Return a logarithmic sweep; `edge` is the share that fades in and out."""
    t = np.arange(_samples(seconds)) / SAMPLE_RATE_HZ
    sound = scipy_chirp(t, band_hz[0], seconds, band_hz[1], method="logarithmic", phi=-90)
    faded = sound * tukey(len(t), edge) * 10 ** (PEAK_DBFS / 20)
    return np.asarray(faded, np.float32)


def _tone(seconds: float) -> NDArray[np.float32]:
    t = np.arange(_samples(seconds)) / SAMPLE_RATE_HZ
    amplitude = 10 ** (TONE_DBFS / 20) * np.sqrt(2)
    faded = amplitude * np.sin(2 * np.pi * TONE_HZ * t) * tukey(len(t), 0.02)
    return np.asarray(faded, np.float32)


def _samples(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE_HZ)
