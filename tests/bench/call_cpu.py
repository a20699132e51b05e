"""What a call costs this process: the sandbox that echoes it is another.

Counted is all that the caller does from connected until the last packet of the sound has left:
it encodes the sound, once, and sends it, protects and takes packets, answers RTCP and the checks
of consent; and aiortc decodes what arrives, which nobody hears. What comes before, and the
analysis after, is not.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time

from polyai_diag import Target
from polyai_diag.analysis.audio.signal import probe_signal
from polyai_diag.media.opus import encode
from polyai_diag.media.tracks import FRAME_S
from polyai_diag.steps.call import connect_call
from polyai_diag.steps.walk import Walk
from tests.bench.figure import Figure
from tests.bench.here import sandbox

RECEIVED_LEAST = 0.98  # of the packets sent: a call that carries nothing costs nothing


async def call_cpu(target: Target) -> tuple[float, float, float]:
    """Return seconds of CPU over the sound, of these to encode it, and how long it lasted.

    Raises RuntimeError when the call does not come about or echoes too little.
    """
    walk = Walk(target)
    try:
        if not await connect_call(walk, walk.trace("audio")) or walk.call is None:
            raise RuntimeError("the sandbox took no call")
        own, begun_s, began_cpu_s = walk.call, time.monotonic(), time.process_time()
        already = len(own.packets.arrivals)
        payloads = await asyncio.to_thread(encode, probe_signal(thorough=True).pcm)
        encoded_cpu_s = time.process_time()
        own.track.play(payloads)
        await own.track.played()
        cpu_s, took_s = time.process_time() - began_cpu_s, time.monotonic() - begun_s
        received = len(own.packets.arrivals) - already
    finally:
        await walk.close()
    if received < RECEIVED_LEAST * took_s / FRAME_S:
        raise RuntimeError(f"only {received} packets came back in {took_s:.1f} s")
    return cpu_s, encoded_cpu_s - began_cpu_s, took_s


def figures() -> list[Figure]:
    """Measure one call of the thorough probe, in a process that does nothing else."""
    with sandbox() as described:
        said = subprocess.run(
            [sys.executable, "-m", "tests.bench.call_cpu"],
            input=json.dumps(described), check=True, capture_output=True, text=True,
        )  # fmt: skip
    cpu_s, encoding_s, took_s = json.loads(said.stdout)
    how = f"{cpu_s:.2f} s in {took_s:.1f} s, of these {encoding_s:.2f} to encode; analysis apart"
    return [Figure("CPU of a call, of one core", 100 * cpu_s / took_s, 4, "%", how)]


def main() -> int:
    """Measure a call to the sandbox that standard input describes."""
    described = json.load(sys.stdin)
    target = Target(
        described["signaling_url"],
        described["token"],
        ca_file=described["ca_file"],
        third_party=False,
    )
    print(json.dumps(asyncio.run(call_cpu(target))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
