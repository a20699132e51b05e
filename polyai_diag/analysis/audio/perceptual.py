"""How alike two sounds are to the ear, by ViSQOL: the optional extra `perceptual`. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.signal import resample_poly

from polyai_diag.model import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPEECH_RATE_HZ = 16_000
LEAST_S = 1.0


class PerceptualError(InputError):
    """The comparison cannot be made here; the text is one line."""


def visqol_mos(
    sent: NDArray[np.float32], received: NDArray[np.float32], sample_rate_hz: int
) -> float:
    """Return ViSQOL's MOS-LQO (1 to 5) of speech, shape (samples, channels), in its speech mode.

    It takes the sounds down to mono and 16 kHz, so it hears nothing over 8 kHz, and it finds the
    delay between them by itself. Raises PerceptualError where `visqol-python` is not installed, or
    where a sound is too short or silent.
    """
    try:
        from visqol import VisqolApi  # noqa: PLC0415 - optional
    except ImportError:
        raise PerceptualError(
            "ViSQOL is not installed: pip install 'polyai-diag[perceptual]'"
        ) from None
    if min(len(sent), len(received)) < LEAST_S * sample_rate_hz:
        raise PerceptualError(f"ViSQOL needs {LEAST_S:.0f} s of sound and more")
    if not (np.any(sent) and np.any(received)):
        raise PerceptualError("ViSQOL cannot compare with silence")
    judge = VisqolApi()
    # The polynomial is what runs everywhere; the other mapper needs one more package.
    judge.create(mode="speech", use_lattice_model=False)
    pair = (_mono(sent, sample_rate_hz), _mono(received, sample_rate_hz))
    try:
        return float(judge.measure_from_arrays(*pair, SPEECH_RATE_HZ).moslqo)
    except (ValueError, IndexError, RuntimeError) as exc:
        raise PerceptualError(f"ViSQOL cannot compare these sounds: {exc}") from None


def _mono(sound: NDArray[np.float32], sample_rate_hz: int) -> NDArray[np.float64]:
    divisor = int(np.gcd(sample_rate_hz, SPEECH_RATE_HZ))
    mono = sound.mean(axis=1, dtype=np.float64)
    low: NDArray[np.float64] = resample_poly(
        mono, SPEECH_RATE_HZ // divisor, sample_rate_hz // divisor
    )
    return low
