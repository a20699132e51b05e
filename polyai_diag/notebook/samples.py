"""Things to practise on, where no customer has sent any."""

from __future__ import annotations

from pathlib import Path
from tempfile import mkdtemp

import numpy as np

from polyai_diag.media.recording import write_wav

FORGETFUL_OFFER = '{"type": "offer", "callSid": "CA-1", "data": {"type": "offer", "sdp": "v=0"}}'
"""An offer as a client has sent it that forgot the token."""

SDP_WITHOUT_OPUS = """v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
m=audio 9 UDP/TLS/RTP/SAVPF 0
c=IN IP4 0.0.0.0
a=mid:0
a=recvonly
a=rtcp-mux
a=rtpmap:0 PCMU/8000
"""
"""A session description of a client that offers a telephone's codec, and only listens."""

_RATE_HZ = 48_000
_SECONDS = 2
_GAIN = 2.0


def clipped_recording() -> Path:
    """Write two seconds of a tone that is too loud by 6 dB; return the file."""
    at_s = np.arange(_SECONDS * _RATE_HZ) / _RATE_HZ
    tone = np.clip(_GAIN * np.sin(2 * np.pi * 440 * at_s), -1, 1).astype(np.float32)
    path = Path(mkdtemp(prefix="polyai-diag-"), "too-loud.wav")
    write_wav(path, np.repeat(tone[:, None], 2, axis=1))
    return path
