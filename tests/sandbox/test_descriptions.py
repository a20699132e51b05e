"""What the gateway changes in descriptions, by text alone."""

from __future__ import annotations

import pytest

from polyai_diag.analysis.sdp import parse_sdp
from polyai_diag.sandbox.descriptions import (
    candidates_of,
    reachable_candidate,
    with_media_rejected,
    with_reachable_candidates,
    without_candidates,
)

HOST = "candidate:1 1 udp 2130706431 127.0.0.1 50000 typ host"
SDP = "\r\n".join(
    [
        "v=0",
        "o=- 1 1 IN IP4 0.0.0.0",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE a b",
        "m=audio 50000 UDP/TLS/RTP/SAVPF 111 96",
        "c=IN IP4 127.0.0.1",
        f"a={HOST}",
        "a=candidate:2 1 udp 2130706430 f00d.local 50001 typ host",
        "a=end-of-candidates",
        "a=mid:a",
        "a=rtpmap:111 opus/48000/2",
        "m=application 50000 UDP/DTLS/SCTP webrtc-datachannel",
        "c=IN IP4 127.0.0.1",
        "a=mid:b",
        "",
    ]
)


@pytest.mark.parametrize(
    ("candidate", "reachable"),
    [
        (HOST, True),
        (HOST.replace("udp", "UDP"), True),
        (HOST.replace("127.0.0.1", "127.0.0.9"), True),
        (HOST.replace("udp", "tcp"), False),
        (HOST.replace("127.0.0.1", "192.0.2.1"), False),
        (HOST.replace("127.0.0.1", "::1"), False),
        (HOST.replace("127.0.0.1", "f00d.local"), False),
        (HOST.replace("1 1 udp", "1 2 udp"), False),
        (HOST.replace("50000", "70000"), False),
        (HOST.replace("50000", "0"), False),
        (HOST.replace("50000", "x"), False),
        ("candidate:1", False),
    ],
)
def test_media_goes_to_loopback_alone(candidate: str, reachable: bool) -> None:
    assert reachable_candidate(candidate, "127.0.0.1") is reachable


def test_only_reachable_candidates_are_left() -> None:
    left = with_reachable_candidates(SDP, "127.0.0.1")
    assert candidates_of(left) == ("a", [HOST])
    assert "end-of-candidates" not in left


def test_candidates_taken_out_leave_no_address() -> None:
    bare = without_candidates(SDP)
    assert candidates_of(bare) == ("a", [])
    assert "127.0.0.1" not in bare
    assert "m=audio 9 UDP/TLS/RTP/SAVPF 111 96\r\n" in bare


def test_every_section_is_rejected_with_its_formats() -> None:
    rejected = with_media_rejected(SDP)
    assert rejected.split("\r\n") == [
        "v=0",
        "o=- 1 1 IN IP4 0.0.0.0",
        "s=-",
        "t=0 0",
        "m=audio 0 UDP/TLS/RTP/SAVPF 111 96",
        "c=IN IP4 0.0.0.0",
        "a=inactive",
        "a=mid:a",
        "m=application 0 UDP/DTLS/SCTP webrtc-datachannel",
        "c=IN IP4 0.0.0.0",
        "a=inactive",
        "a=mid:b",
        "",
    ]
    assert all(section.rejected for section in parse_sdp(rejected).sections)
