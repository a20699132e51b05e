"""Sound that is cut out, repeated or spoiled, against what was sent. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.signal import firwin, resample_poly

from polyai_diag.analysis.audio.gaps import Dropout
from polyai_diag.analysis.audio.masking import Heard, runs
from polyai_diag.analysis.audio.signal import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from polyai_diag.analysis.audio.signal import ProbeSignal
    from polyai_diag.analysis.audio.timing import Timing

DECIMATION = 6
BAND_HZ = (200.0, 3000.0)  # where codecs keep the waveform, and every path passes it
RATE_HZ = SAMPLE_RATE_HZ // DECIMATION
WINDOW = RATE_HZ // 50  # 20 ms
HOP = RATE_HZ // 200  # 5 ms
RESEMBLANCE_SHARE = 0.7  # of the median: below it a window is spoiled
RESEMBLANCE_LEAST = 0.7  # in the median; Opus at 16 kb/s keeps 0.85, a telephone 0.77
SHORTEST_MS = 15.0  # what a cut of 20 ms shows at least, in steps of 5
SILENT_DB = -20.0
USUAL = 75  # percentile: most of it may be missing
REPEAT_WITHIN = RATE_HZ // 4
REPEAT_RESEMBLANCE = 0.8
PIECE = RATE_HZ // 100  # 10 ms
EDGE = RATE_HZ // 40  # the noise fades in and out


def find_dropouts(signal: ProbeSignal, heard: Heard, timing: Timing) -> tuple[Dropout, ...] | None:
    """Compare the noise S4 window by window; None where too little of it arrived."""
    sent = _low(signal.pcm[signal.noise, 0])
    before, after = timing.offset_at(signal.noise.start), timing.offset_at(signal.noise.stop + 4800)
    views = [_Compared(signal, sent, heard, offset) for offset in {round(before), round(after)}]
    resemblance = np.max([view.resemblance for view in views], axis=0)
    known = views[0].known
    if known.sum() < len(known) / 4:
        return None
    median = float(np.median(resemblance[known]))
    if median < RESEMBLANCE_LEAST:  # a codec of few bits keeps no waveform: silence alone tells
        spoiled = known & views[0].silent(known)
    else:
        spoiled = known & (resemblance < RESEMBLANCE_SHARE * median)
    gain = views[0].gain(known & ~spoiled)
    found = []
    for first, last in runs(spoiled):
        # A window is spoiled from half of it on: the run is as long as what spoiled it.
        ms = (last - first) * HOP * 1000 / RATE_HZ
        if ms >= SHORTEST_MS:
            middle = slice(
                first * HOP + WINDOW // 2 + EDGE, (last - 1) * HOP + WINDOW // 2 + EDGE + 1
            )
            at_s = signal.noise.start / SAMPLE_RATE_HZ + middle.start / RATE_HZ
            kind = _kind(sent, views[0].received, middle, gain, median)
            found.append(Dropout(round(at_s, 3), round(ms, 1), kind))
    return tuple(found)


class _Compared:
    """The noise sent beside what stands in its place in what was received."""

    def __init__(
        self, signal: ProbeSignal, sent: NDArray[np.float32], heard: Heard, offset: int
    ) -> None:
        part = signal.noise
        sound, good = heard.part(slice(part.start + offset, part.stop + offset))
        self.received = _low(sound)
        self._sent = sent
        self.known = _windows(good[::DECIMATION][: len(sent)].astype(np.float32)).min(axis=1) > 0
        cross = _sums(sent * self.received)
        self.energies = _sums(np.square(sent)), _sums(np.square(self.received))
        norm = np.sqrt(np.maximum(self.energies[0] * self.energies[1], 1e-12))
        self.resemblance = np.abs(cross) / norm

    def silent(self, known: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return the windows in which next to nothing came back of what usually does."""
        sent, received = self.energies
        usual = float(np.percentile(received[known] / np.maximum(sent[known], 1e-12), USUAL))
        whole = received < usual * sent * 10 ** (SILENT_DB / 10)
        # Silent from end to end: those half in it are spoiled too.
        return np.convolve(whole, np.ones(WINDOW // HOP + 1), mode="same") > 0

    def gain(self, healthy: NDArray[np.bool_]) -> float:
        """Return the power gain over healthy windows."""
        sent, received = self.energies
        return float(received[healthy].sum() / max(float(sent[healthy].sum()), 1e-12))


def _kind(
    sent: NDArray[np.float32],
    received: NDArray[np.float32],
    middle: slice,
    gain: float,
    median: float,
) -> str:
    """Tell what stands in the place of the sound."""
    margin = WINDOW // 4 if middle.stop - middle.start > WINDOW else 0
    core = slice(middle.start + margin, max(middle.start + margin + 1, middle.stop - margin))
    there, here = sent[core], received[core]
    expected = gain * float(there @ there)
    if float(here @ here) < expected * 10 ** (SILENT_DB / 10):
        return "silence"
    return "repeat" if _repeats(sent, received, middle, median) else "abrupt"


def _repeats(
    sent: NDArray[np.float32], received: NDArray[np.float32], middle: slice, median: float
) -> bool:
    """Whether 10 ms of it are what was sent up to 250 ms before the stretch began.

    The differences are compared: they lift the high end of speech, without which so short a piece
    resembles much by chance.
    """
    earlier = np.diff(sent[max(0, middle.start - REPEAT_WITHIN) : middle.start + WINDOW // 4])
    if len(earlier) < PIECE:
        return False
    norms = np.sqrt(np.convolve(np.square(earlier), np.ones(PIECE), mode="valid"))
    likest = 0.0
    for first in range(middle.start, middle.stop - PIECE + 1, PIECE // 2):
        piece = np.diff(received[first : first + PIECE + 1])
        cross = np.abs(np.correlate(earlier, piece, mode="valid"))
        norm = np.maximum(norms[: len(cross)] * np.linalg.norm(piece), 1e-9)
        likest = max(likest, float(np.max(cross / norm)))
    return likest > REPEAT_RESEMBLANCE * median


def _windows(values: NDArray[np.float32]) -> NDArray[np.float32]:
    inner = values[EDGE : len(values) - EDGE]
    return sliding_window_view(inner, WINDOW)[::HOP]


def _sums(values: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(_windows(values).sum(axis=1, dtype=np.float64))


def _low(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the band of speech at 8 kHz, without delay."""
    taps = firwin(241, BAND_HZ, pass_zero=False, fs=SAMPLE_RATE_HZ).astype(np.float32)
    return np.asarray(resample_poly(sound, 1, DECIMATION, window=taps), np.float32)
