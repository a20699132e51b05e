"""Which of Opus' two codecs carried a sound: the TOC byte of each packet says it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CELT = 0
NOTHING = -1  # where no packet arrived

# One pass delays a chirp by so much more than CELT does, with SILK at so many kHz: the resampler's
# delay is made up for in whole samples. So measured with libopus 1.3.1 and 1.6.1, to 2 µs.
DELAY_S = {CELT: 0.0, 16: -40e-6, 12: -36e-6, 8: 82e-6}


def silk_khz(payload: bytes) -> int:
    """Return at how many kHz SILK carries the low band, CELT (0) where it does not.

    In hybrid mode, too, it is SILK, at 16 kHz, up to 8 kHz (RFC 6716 §3.1, table 2).
    """
    if not payload:
        return NOTHING
    configuration = payload[0] >> 3
    return (8, 12, 16, 16)[configuration // 4] if configuration < 16 else CELT


@dataclass(frozen=True)
class Carriers:
    """What carried each sample, by `silk_khz`: of the sound sent, and of the sound received."""

    sent: NDArray[np.int8]
    received: NDArray[np.int8]

    def delay_s(self, sent: slice, received: slice) -> float | None:
        """Return by how much a stretch came later, there and back, than CELT would have brought it.

        None where it did not come, or the codec changed within it.
        """
        there, back = _only(self.sent, sent), _only(self.received, received)
        return None if there is None or back is None else DELAY_S[there] + DELAY_S[back]


def _only(carried: NDArray[np.int8], span: slice) -> int | None:
    kinds = np.unique(carried[max(0, span.start) : max(0, span.stop)])
    return int(kinds[0]) if len(kinds) == 1 and kinds[0] != NOTHING else None
