"""RTP packets as they arrived: counted, timed, and decoded at the place that their clock names."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from polyai_diag.analysis.audio.carriers import NOTHING, silk_khz
from polyai_diag.analysis.quality import timestamp_difference
from polyai_diag.analysis.streams import main_stream
from polyai_diag.media.opus import FRAME_SAMPLES, SAMPLE_RATE_HZ, Decoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from polyai_diag.media.aiortc_taps import RtpArrival

MAX_PACKETS = 200_000  # over an hour at 20 ms
PACKET_S = 0.12  # the most that one Opus packet holds (RFC 6716 §2.1.4)


class PacketLog:
    """Keeps what a tap hands over, bounded."""

    def __init__(self) -> None:
        self.arrivals: list[RtpArrival] = []
        self.begun = asyncio.Event()

    def keep(self, arrival: RtpArrival) -> None:
        """Keep one packet."""
        if len(self.arrivals) < MAX_PACKETS:
            self.arrivals.append(arrival)
            self.begun.set()


class Placed(NamedTuple):
    """Sound laid out by its clock: shape (samples, 2), full scale ±1.0, 48 kHz.

    `lost` marks the samples of packets that never came, `unsent` those for which the sender had
    none: its clock goes on and its numbers do not skip. That is a pause of an agent's, and in an
    echo what was lost on the way there.
    `silk_khz` is at how many kHz SILK carried each sample, 0 for CELT, -1 where no packet lies.
    `start_s` is when sample 0 would have arrived had every packet been as fast as the fastest
    (`time.monotonic()` seconds).
    """

    sound: NDArray[np.float32]
    start_s: float
    lost: NDArray[np.bool_]
    unsent: NDArray[np.bool_]
    silk_khz: NDArray[np.int8]


def place(arrivals: Sequence[RtpArrival]) -> Placed:
    """Decode packets and lay each where its RTP timestamp says; gaps stay silent.

    Of several senders (SSRC) the one with most packets is heard. A timestamp that lies further
    off than packets and time passed account for is forged or broken, and its packet left out.
    """
    if not arrivals:
        nothing = np.zeros(0, bool)
        return Placed(np.zeros((0, 2), np.float32), 0.0, nothing, nothing, np.zeros(0, np.int8))
    ordered = _plausible(arrivals)
    origin = ordered[0].timestamp
    starts = [timestamp_difference(a.timestamp, origin) for a in ordered]
    sound = np.zeros((starts[-1] + 6 * FRAME_SAMPLES, 2), np.float32)
    lost, unsent = np.zeros(len(sound), bool), np.zeros(len(sound), bool)
    carried = np.full(len(sound), NOTHING, np.int8)
    decoder = Decoder()
    ends = []
    for arrival, start in zip(ordered, starts, strict=True):
        block = decoder.decode(arrival.payload)
        room = sound[start : start + len(block)]
        room[:] = block[: len(room)]
        carried[start : start + len(room)] = silk_khz(arrival.payload)
        ends.append(start + len(room))
    for end, start, (one, next_one) in zip(ends, starts[1:], pairwise(ordered), strict=False):
        skipped = (next_one.sequence_number - one.sequence_number) % 2**16 > 1
        (lost if skipped else unsent)[end:start] = True
    start_s = min(
        a.arrival_s - start / SAMPLE_RATE_HZ for a, start in zip(ordered, starts, strict=True)
    )
    return Placed(sound, start_s, lost, unsent, carried)


def _plausible(arrivals: Sequence[RtpArrival]) -> list[RtpArrival]:
    """Return one sender's packets in the order of their timestamps, each once."""
    packets = list({a.timestamp: a for a in reversed(main_stream(arrivals))}.values())
    reference = packets[0].timestamp
    packets.sort(key=lambda a: timestamp_difference(a.timestamp, reference))
    middle = packets[len(packets) // 2].timestamp
    passed_s = max(a.arrival_s for a in packets) - min(a.arrival_s for a in packets)
    most = (passed_s + len(packets) * PACKET_S) * SAMPLE_RATE_HZ
    near = [a for a in packets if abs(timestamp_difference(a.timestamp, middle)) <= most]
    return sorted(near, key=lambda a: timestamp_difference(a.timestamp, middle))
