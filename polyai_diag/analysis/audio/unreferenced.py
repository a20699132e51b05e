"""What a sound tells by itself, in one pass over its blocks: a recording, an agent's voice. Pure.

Memory grows by the power of each 2.5 ms (1.6 kB a second and channel) and nothing else.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from polyai_diag.analysis.audio import limits_unreferenced as limits
from polyai_diag.analysis.audio.clipping import Clipping
from polyai_diag.analysis.audio.crowding import Crowding
from polyai_diag.analysis.audio.facts import AudioFacts
from polyai_diag.analysis.audio.gaps import Dropout, Gaps, dropouts
from polyai_diag.analysis.audio.levels import decibels
from polyai_diag.analysis.audio.loudness import Loudness
from polyai_diag.analysis.audio.mains import Hum, Mains
from polyai_diag.analysis.audio.sides import difference_db, sides
from polyai_diag.analysis.audio.signal import SAMPLE_RATE_HZ
from polyai_diag.analysis.audio.spectra import Spectra, bandwidth_hz, tones
from polyai_diag.analysis.audio.voice import active_power, is_steady, pause_noise

if TYPE_CHECKING:
    from numpy.typing import NDArray

CELL_S = 0.0025
CELLS_A_WINDOW = 8  # 20 ms
WINDOWS_A_BLOCK = 50
OVER_FULL_SCALE = 10.0
LEAST_FOR_BAND = 25  # half a second of sound shows where its band ends
LEAST_FOR_CROWD = 300  # six seconds: a few words alone may well crowd at their top

_NEEDS_REFERENCE = "needs the sound that was sent"
_UNREFERENCED = ("delay", "gain", "echo", "drift", "wrong_rate")


def unreferenced_facts(
    sound: NDArray[np.float32], sample_rate_hz: int = SAMPLE_RATE_HZ
) -> AudioFacts:
    """Measure a sound of shape (samples, channels), full scale ±1.0, without a reference."""
    listener = Listener(sample_rate_hz, sound.shape[1])
    listener.take(sound)
    return listener.facts()


class Listener:
    """Takes a sound in blocks of any size, shape (samples, channels), full scale ±1.0."""

    def __init__(self, sample_rate_hz: int, channels: int) -> None:
        self._rate_hz = sample_rate_hz
        self._cell = max(1, round(CELL_S * sample_rate_hz))
        self._window = CELLS_A_WINDOW * self._cell
        self._room = np.zeros((channels, WINDOWS_A_BLOCK * self._window), np.float32)
        self._filled = 0
        self._samples = self._invalid = 0
        self._peak = 0.0
        self._sum = np.zeros(channels)
        self._products = np.zeros((channels, channels))
        self._cells: list[NDArray[np.float32]] = []
        self._loudness = Loudness(sample_rate_hz, channels)
        self._clipping = Clipping()
        self._crowding = Crowding(sample_rate_hz)
        self._gaps = Gaps(sample_rate_hz, channels)
        self._spectra = Spectra(self._window)
        self._mains = Mains(sample_rate_hz, channels)

    def take(self, sound: NDArray[np.float32]) -> None:
        """Listen to the next samples."""
        size = self._room.shape[1]
        while len(sound):
            part = sound[: size - self._filled]
            self._room[:, self._filled : self._filled + len(part)] = part.T
            self._filled += len(part)
            sound = sound[len(part) :]
            if self._filled == size:
                self._measure(self._room)
                self._filled = 0

    def _measure(self, block: NDArray[np.float32]) -> None:
        block = self._valid(block)
        self._samples += block.shape[1]
        self._sum += block.sum(axis=1, dtype=np.float64)
        self._products += block @ block.T
        self._loudness.take(block)
        self._clipping.take(block)
        self._gaps.take(block)
        # A constant has no sound: it would stand for a level, a band and a hum.
        centred = block - (self._sum / self._samples).astype(np.float32)[:, None]
        self._mains.take(centred)
        whole = centred[:, : block.shape[1] // self._window * self._window]
        if whole.size:
            cells = whole.reshape(len(block), -1, self._cell)
            power = np.einsum("ijk,ijk->ij", cells, cells) / np.float32(self._cell)
            self._cells.append(power)
            frames = whole.reshape(len(block), -1, self._window)
            self._crowding.take(frames, tones(self._spectra.take(frames)))

    def _valid(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the block without what is no number; a float recording may hold anything."""
        peak = max(float(block.max()), -float(block.min()))
        if not peak <= OVER_FULL_SCALE:
            invalid = ~np.isfinite(block)
            self._invalid += int(invalid.sum())
            block = np.where(invalid, 0, block).clip(-OVER_FULL_SCALE, OVER_FULL_SCALE)
            peak = float(np.abs(block).max())
        self._peak = max(self._peak, peak)
        return block

    def facts(self, incomplete: str = "") -> AudioFacts:
        """Return what was heard; `incomplete` says what of it could not be read."""
        self._flush()
        why: dict[str, str] = dict.fromkeys(_UNREFERENCED, _NEEDS_REFERENCE)
        cells = np.concatenate([np.zeros((len(self._room), 0), np.float32), *self._cells], axis=1)
        windows = cells.mean(axis=0).reshape(-1, CELLS_A_WINDOW).mean(axis=1)
        speech, share = active_power(windows)
        if not speech:
            why.update(dict.fromkeys(("active_level", "bandwidth", "hum", "noise"), "silence"))
        loudness = self._loudness.lufs
        if loudness is None:
            why["loudness"] = "shorter than 400 ms, or under -70 LUFS"
        noise_dbfs = pause_noise(windows, speech, why)
        clipped = self._clipping.found
        samples = max(1, self._samples)
        mean, products = self._sum / samples, self._products / samples
        covariance = products - np.outer(mean, mean)
        return AudioFacts(
            seconds=self._samples / self._rate_hz,
            sample_rate_hz=self._rate_hz,
            level_dbfs=decibels(float(np.trace(products)) / len(products)),
            active_level_dbfs=decibels(speech) if speech else None,
            active_share=share,
            silence_share=float(
                (windows < _power(limits.SILENT_DBFS)).sum() / max(1, len(windows))
            ),
            loudness_lufs=loudness,
            peak_dbfs=decibels(self._peak**2),
            clipped_runs=clipped.runs,
            clipped_share=clipped.share,
            clipped_at_dbfs=clipped.ceiling_dbfs,
            crowding=self._crowded(share * len(windows), why),
            dc=float(mean[np.argmax(np.abs(mean))]),
            bandwidth_hz=self._bandwidth_hz(speech, share * len(windows), why),
            dropouts=self._dropouts(cells, speech),
            hum=self._hum(noise_dbfs, why),
            noise_dbfs=noise_dbfs,
            channels=sides(covariance),
            channels_dbfs=tuple(decibels(float(power)) for power in np.diag(products)),
            channel_difference_db=difference_db(covariance),
            steady=is_steady(windows),
            invalid_samples=self._invalid,
            incomplete=incomplete,
            not_measured=MappingProxyType(why),
        )

    def _flush(self) -> None:
        if self._filled:
            self._measure(self._room[:, : self._filled])
            self._filled = 0

    def _bandwidth_hz(self, speech: float, windows: float, why: dict[str, str]) -> float | None:
        if speech and windows < LEAST_FOR_BAND:
            why["bandwidth"] = "less than half a second of sound"
        if "bandwidth" in why:
            return None
        active_dbfs = decibels(speech) - limits.ACTIVE_MARGIN_DB
        return bandwidth_hz(self._spectra.over(active_dbfs), self._rate_hz / self._window)

    def _crowded(self, windows: float, why: dict[str, str]) -> float | None:
        ratio = self._crowding.ratio if windows >= LEAST_FOR_CROWD else None
        if ratio is None:
            why["crowding"] = "less than six seconds of sound, or too coarse a quantizer"
        return ratio

    def _dropouts(self, cells: NDArray[np.float32], speech: float) -> tuple[Dropout, ...]:
        if not speech:
            return ()
        return dropouts(self._gaps, cells, self._cell / self._rate_hz, speech, self._rate_hz)

    def _hum(self, pauses_dbfs: float | None, why: dict[str, str]) -> Hum | None:
        if pauses_dbfs is None:
            why.setdefault("hum", "no pause to hear it in")
            return None
        hum, reason = self._mains.hum(pauses_dbfs)
        if reason:
            why["hum"] = reason
        return hum


def _power(level_dbfs: float) -> float:
    return float(10 ** (level_dbfs / 10))
