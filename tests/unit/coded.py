"""Sounds through real codecs and into real files, by PyAV."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

OWN_RATE_HZ = {"libopus": 48_000, "pcm_mulaw": 8_000, "pcm_alaw": 8_000, "g722": 16_000}


def encoded(
    sound: NDArray[np.floating], rate_hz: int, codec: str, form: str, bit_rate: int = 0
) -> bytes:
    """Return a file of this codec and container; `sound` is (samples, channels), ±1.0."""
    file = io.BytesIO()
    layout = {1: "mono", 2: "stereo", 5: "5.0", 6: "5.1"}[sound.shape[1]]
    own_hz = OWN_RATE_HZ.get(codec, rate_hz)
    with av.open(file, "w", format=form) as container:
        stream = container.add_stream(codec, rate=own_hz)
        assert isinstance(stream, av.AudioStream)
        stream.layout = layout
        if bit_rate:
            stream.bit_rate = bit_rate
        planar = np.ascontiguousarray(sound.T.astype(np.float32))
        frame = av.AudioFrame.from_ndarray(planar, format="fltp", layout=layout)
        frame.sample_rate, frame.time_base = rate_hz, Fraction(1, rate_hz)
        resampler = av.AudioResampler(format=stream.format.name, layout=layout, rate=own_hz)
        fifo, done = av.AudioFifo(), 0
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            part.pts = None
            fifo.write(part)
        while (due := fifo.read(stream.frame_size or 4096, partial=True)) is not None:
            due.pts, due.time_base = done, Fraction(1, own_hz)
            done += due.samples
            container.mux(stream.encode(due))
        container.mux(stream.encode(None))
    return file.getvalue()


def coded(
    sound: NDArray[np.floating], rate_hz: int, codec: str, form: str, bit_rate: int = 0
) -> tuple[NDArray[np.float32], int]:
    """Return the sound after a codec, and its rate."""
    file = io.BytesIO(encoded(sound, rate_hz, codec, form, bit_rate))
    with av.open(file, "r", format=form if form == "g722" else None) as container:
        stream = container.streams.audio[0]
        resampler = av.AudioResampler(format="fltp", rate=stream.rate)
        blocks = [
            part.to_ndarray()
            for frame in container.decode(stream)
            for part in resampler.resample(frame)
        ]
        return np.concatenate(blocks, axis=1).T.astype(np.float32), stream.rate
