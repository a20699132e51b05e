"""What a call costs this process: the sandbox that echoes it is another.

Counted is all that the caller does from connected until the last packet of the sound has left:
it encodes the sound, once, and sends it, protects and takes packets, answers RTCP and the checks
of consent. What comes before, and the analysis after, is not.

Beside it, in the same run, an ordinary call of aiortc's: it is given frames, encodes each when its
time has come, and decodes what arrives. The figure promised is 4 % of a core, where an ordinary
call costs 6 to 8; on a slower machine both cost more, so their ratio is what is judged.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from polyai_diag import Target
from polyai_diag.analysis.audio.signal import SAMPLE_RATE_HZ, probe_signal
from polyai_diag.media import aiortc_taps
from polyai_diag.media.opus import FRAME_SAMPLES, TIME_BASE, encode
from polyai_diag.media.tracks import FRAME_S
from polyai_diag.steps.call import connect_call
from polyai_diag.steps.walk import Walk
from tests.bench.figure import Figure
from tests.bench.here import sandbox

if TYPE_CHECKING:
    from polyai_diag.probes.ice import Call

PROMISED_PERCENT, ORDINARY_PERCENT = 4.0, 7.0
RECEIVED_LEAST = 0.98  # of the packets sent: a call that carries nothing costs nothing


class Frames(MediaStreamTrack):
    """Plays the probe's sound as frames, in real time."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        sound = np.rint(probe_signal(thorough=True).pcm * 32767).astype(np.int16)
        whole = sound[: len(sound) // FRAME_SAMPLES * FRAME_SAMPLES]
        self._frames = whole.reshape(-1, 1, 2 * FRAME_SAMPLES)
        self._number, self._start_s = 0, time.monotonic()
        self.played = asyncio.Event()

    async def recv(self) -> av.AudioFrame:
        due_s = self._start_s + self._number * FRAME_S
        await asyncio.sleep(max(0.0, due_s - time.monotonic()))
        if self._number == len(self._frames):
            self.played.set()
            raise MediaStreamError
        frame = av.AudioFrame.from_ndarray(self._frames[self._number], "s16", "stereo")
        frame.sample_rate, frame.time_base = SAMPLE_RATE_HZ, TIME_BASE
        frame.pts = self._number * FRAME_SAMPLES
        self._number += 1
        return frame


async def _ours(own: Call) -> float:
    """Play the probe as the product does; return the seconds of CPU to encode it."""
    began_cpu_s = time.process_time()
    payloads = await asyncio.to_thread(encode, probe_signal(thorough=True).pcm)
    encoding_s = time.process_time() - began_cpu_s
    own.track.play(payloads)
    await own.track.played()
    return encoding_s


async def _ordinary(own: Call) -> float:
    """Play it as frames, and take what is decoded; what encoding takes of it is not told."""
    track = Frames()

    async def take() -> None:
        while True:
            await own.pc.getReceivers()[0].track.recv()

    taking = asyncio.create_task(take())
    own.pc.getSenders()[0].replaceTrack(track)
    await track.played.wait()
    taking.cancel()
    await asyncio.gather(taking, return_exceptions=True)
    return 0.0


async def call_cpu(target: Target, *, ordinary: bool = False) -> tuple[float, float, float]:
    """Return seconds of CPU over the sound, of these to encode it, and how long it lasted.

    Raises RuntimeError when the call does not come about or echoes too little.
    """
    if ordinary:
        aiortc_taps.spare_decoding = lambda _: None  # type: ignore[assignment]
    walk = Walk(target)
    try:
        if not await connect_call(walk, walk.trace("audio")) or walk.call is None:
            raise RuntimeError("the sandbox took no call")
        own, begun_s, began_cpu_s = walk.call, time.monotonic(), time.process_time()
        already = len(own.packets.arrivals)
        encoding_s = await (_ordinary if ordinary else _ours)(own)
        cpu_s, took_s = time.process_time() - began_cpu_s, time.monotonic() - begun_s
        received = len(own.packets.arrivals) - already
    finally:
        await walk.close()
    if received < RECEIVED_LEAST * took_s / FRAME_S:
        raise RuntimeError(f"only {received} packets came back in {took_s:.1f} s")
    return cpu_s, encoding_s, took_s


def _measured(described: dict[str, Any], *more: str) -> tuple[float, float, float]:
    """Measure one call of the thorough probe, in a process that does nothing else."""
    said = subprocess.run(
        [sys.executable, "-m", "tests.bench.call_cpu", *more],
        input=json.dumps(described), check=True, capture_output=True, text=True,
    )  # fmt: skip
    cpu_s, encoding_s, took_s = json.loads(said.stdout)
    return cpu_s, encoding_s, took_s


def figures() -> list[Figure]:
    """Measure a call of ours and an ordinary one."""
    with sandbox() as described:
        cpu_s, encoding_s, took_s = _measured(described)
        ordinary_s, _, its_s = _measured(described, "ordinary")
    percent, ordinary_percent = 100 * cpu_s / took_s, 100 * ordinary_s / its_s
    how = (
        f"{percent:.1f} % of a core here, an ordinary call {ordinary_percent:.1f} %; "
        f"{cpu_s:.2f} s in {took_s:.1f} s, of these {encoding_s:.2f} to encode; analysis apart"
    )
    share, most = 100 * percent / ordinary_percent, 100 * PROMISED_PERCENT / ORDINARY_PERCENT
    return [Figure("CPU of a call, of an ordinary one of aiortc's", share, most, "%", how)]


def main() -> int:
    """Measure a call to the sandbox that standard input describes."""
    described = json.load(sys.stdin)
    target = Target(
        described["signaling_url"],
        described["token"],
        ca_file=described["ca_file"],
        third_party=False,
    )
    print(json.dumps(asyncio.run(call_cpu(target, ordinary="ordinary" in sys.argv[1:]))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
