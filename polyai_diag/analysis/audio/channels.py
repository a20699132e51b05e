"""Which channel comes back in which: a sweep on the left alone, then on the right alone. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

PRESENT_DB = -20.0  # against the strongest way; Opus itself lets through -30 dB at most

_CLASSES: dict[
    tuple[bool, ...], str
] = {  # (left to left, left to right, right to left, right to right)
    (True, False, False, True): "both",
    (False, True, True, False): "swapped",
    (True, True, True, True): "mono sum",
    (True, False, True, False): "right dead",
    (True, True, False, False): "right dead",
    (True, False, False, False): "right dead",
    (False, True, False, True): "left dead",
    (False, False, True, True): "left dead",
    (False, False, False, True): "left dead",
    (False, True, False, False): "swapped",
    (False, False, True, False): "swapped",
}
NOT_MEASURED = "not measured"


def channel_class(left_sent: NDArray[np.float32], right_sent: NDArray[np.float32]) -> str:
    """Name what became of the two channels, from what came back of either, (samples, channels).

    Three ways of four are a mono sum with one of them weak.
    """
    if not len(left_sent) or not len(right_sent):
        return NOT_MEASURED
    ways = np.array([_powers(left_sent), _powers(right_sent)]).ravel()
    if ways.max() <= 1e-9:
        return NOT_MEASURED
    present = tuple(bool(way > ways.max() * 10 ** (PRESENT_DB / 10)) for way in ways)
    return _CLASSES.get(present, "mono sum")


def _powers(received: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the mean squares of left and right; one channel is both."""
    powers = np.mean(np.square(received, dtype=np.float64), axis=0)
    return np.repeat(powers, 2) if len(powers) == 1 else powers[:2]
