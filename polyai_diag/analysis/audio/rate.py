"""Sound that comes back at another pitch: a sample rate taken for another. Pure."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from scipy.signal import resample_poly

from polyai_diag.analysis.audio.signal import SAMPLE_RATE_HZ, TONE_HZ
from polyai_diag.analysis.audio.spectra import power_of
from polyai_diag.analysis.audio.tone import measure_tone

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from polyai_diag.analysis.audio.masking import Heard

FRAME = 4800  # 0.1 s
TONALITY_LEAST = 0.8  # the share of a frame's power within the window's main lobe
STEADY = 0.004  # frames whose peaks differ by less hold one tone
FRAMES_LEAST = 5
FINEST_DENOMINATOR = 480


def tone_ratio(heard: Heard) -> float | None:
    """Return the received tone's frequency over the sent one's; None where no tone stands.

    The probe holds one steady tone. Whatever its pitch has become, it is the longest there is.
    """
    frames = heard.sound[: len(heard.sound) // FRAME * FRAME].reshape(-1, FRAME)
    if not len(frames):
        return None
    power = power_of(np.fft.rfft(frames * np.hanning(FRAME).astype(np.float32), axis=1))
    power[:, :3] = 0  # a constant is no tone
    top = np.argmax(power, axis=1)
    within = np.clip(top[:, None] + np.arange(-2, 3), 0, power.shape[1] - 1)
    lobe = np.take_along_axis(power, within, axis=1).sum(axis=1)
    whole = power.sum(axis=1)
    tonal = (lobe > TONALITY_LEAST * whole) & (whole > FRAME**2 * 1e-7)
    first, last = _longest(np.where(tonal, top, 0))
    if last - first < FRAMES_LEAST:
        return None
    about_hz = float(np.median(top[first:last])) * SAMPLE_RATE_HZ / FRAME
    span = slice((first * FRAME), last * FRAME)
    pieces = [heard.sound[piece] for piece in heard.stretches(span, 2 * FRAME)]
    tone = measure_tone(pieces, about_hz)
    return None if tone is None else tone.frequency_hz / TONE_HZ


def undone(
    received: NDArray[np.float32], lost: NDArray[np.bool_] | None, ratio: float
) -> tuple[NDArray[np.float32], NDArray[np.bool_] | None]:
    """Return the sound, and what of it was lost, at the pitch and pace at which it was sent."""
    step = Fraction(ratio).limit_denominator(FINEST_DENOMINATOR)
    sound = resample_poly(received, step.numerator, step.denominator, axis=0)
    if lost is None:
        return np.asarray(sound, np.float32), None
    at = np.minimum(np.arange(len(sound)) / float(step), len(lost) - 1).astype(int)
    return np.asarray(sound, np.float32), lost[at]


def _longest(tops: NDArray[np.intp]) -> tuple[int, int]:
    """Return the longest run of frames whose peak stays where it is."""
    best, first = (0, 0), 0
    for last in range(1, len(tops) + 1):
        steady = last < len(tops) and abs(tops[last] - tops[first]) <= max(1, STEADY * tops[first])
        if not (tops[first] and steady):
            if tops[first] and last - first > best[1] - best[0]:
                best = (first, last)
            first = last
    return best
