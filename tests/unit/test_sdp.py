"""Session descriptions of browsers read and judged; no text breaks the reading."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyai_diag.analysis.sdp import (
    DIRECTIONS,
    MAX_SDP_CHARACTERS,
    parse_sdp,
)
from polyai_diag.analysis.sdp_compare import compare_sdp
from polyai_diag.analysis.sdp_lint import lint_sdp
from polyai_diag.model import Severity

FINGERPRINT = "sha-256 " + ":".join(["0A"] * 32)


def _sdp(*lines: str) -> str:
    return "".join(f"{line}\r\n" for line in lines)


CHROMIUM = _sdp(
    "v=0", "o=- 4611731400430051336 2 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0",
    "a=extmap-allow-mixed", "a=msid-semantic: WMS 7e0b",
    "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126", "c=IN IP4 0.0.0.0",
    "a=rtcp:9 IN IP4 0.0.0.0", "a=ice-ufrag:Xq3Z", "a=ice-pwd:3kX1dvNQ0a7o8WkM1nqX0pQz",
    "a=ice-options:trickle", f"a=fingerprint:{FINGERPRINT}", "a=setup:actpass", "a=mid:0",
    "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level", "a=sendrecv", "a=msid:7e0b 1f2c",
    "a=rtcp-mux", "a=rtcp-rsize", "a=rtpmap:111 opus/48000/2", "a=rtcp-fb:111 transport-cc",
    "a=fmtp:111 minptime=10;useinbandfec=1", "a=rtpmap:63 red/48000/2", "a=fmtp:63 111/111",
    "a=rtpmap:9 G722/8000", "a=rtpmap:0 PCMU/8000", "a=rtpmap:8 PCMA/8000", "a=rtpmap:13 CN/8000",
    "a=rtpmap:110 telephone-event/48000", "a=rtpmap:126 telephone-event/8000",
    "a=ssrc:2734 cname:Qx", "a=candidate:1 1 udp 2122260223 192.0.2.10 54400 typ host generation 0",
)  # fmt: skip
FIREFOX = _sdp(
    "v=0", "o=mozilla...THIS_IS_SDPARTA-99.0 5 0 IN IP4 0.0.0.0", "s=-", "t=0 0", "a=sendrecv",
    f"a=fingerprint:{FINGERPRINT}", "a=group:BUNDLE 0 1", "a=ice-options:trickle",
    "m=audio 9 UDP/TLS/RTP/SAVPF 109 9 0 8 101", "c=IN IP4 0.0.0.0", "a=sendrecv",
    "a=fmtp:109 maxplaybackrate=48000;stereo=1;useinbandfec=1", "a=fmtp:101 0-15",
    "a=ice-pwd:0123456789abcdef0123456789abcdef", "a=ice-ufrag:1a2b3c4d", "a=mid:0", "a=rtcp-mux",
    "a=rtpmap:109 opus/48000/2", "a=rtpmap:9 G722/8000/1", "a=rtpmap:0 PCMU/8000",
    "a=rtpmap:8 PCMA/8000", "a=rtpmap:101 telephone-event/8000/1", "a=setup:actpass",
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "c=IN IP4 0.0.0.0", "a=mid:1",
    "a=sctp-port:5000",
)  # fmt: skip
ANSWER = CHROMIUM.replace("a=setup:actpass", "a=setup:active")


def _answer_to(offer: str) -> str:
    return offer.replace("a=setup:actpass", "a=setup:active")


NO_OPUS = ANSWER.replace("SAVPF 111 63 9", "SAVPF 9")


def test_chromium_is_read() -> None:
    audio = parse_sdp(CHROMIUM).audio
    assert audio is not None
    assert audio.payload_types == (111, 63, 9, 0, 8, 13, 110, 126)
    assert (audio.direction, audio.port, audio.rejected) == ("sendrecv", 9, False)
    assert str(audio.opus) == "opus/48000/2"
    assert audio.opus is not None
    assert audio.opus.parameters == {"minptime": "10", "useinbandfec": "1"}
    assert [str(codec) for codec in audio.codecs][2:4] == ["G722/8000/1", "PCMU/8000/1"]
    assert audio.first("ice-ufrag") == "Xq3Z"
    assert audio.first("nothing") is None
    assert parse_sdp(CHROMIUM).candidates == (
        "candidate:1 1 udp 2122260223 192.0.2.10 54400 typ host generation 0",
    )


def test_firefox_is_read_with_what_stands_at_the_session() -> None:
    sdp = parse_sdp(FIREFOX)
    assert sdp.fingerprints == (FINGERPRINT,)
    assert [section.kind for section in sdp.sections] == ["audio", "application"]
    assert sdp.sections[1].payload_types == ()
    assert sdp.audio is not None
    assert sdp.audio.opus is not None
    assert sdp.audio.opus.parameters["stereo"] == "1"


@pytest.mark.parametrize("sdp", [CHROMIUM, FIREFOX], ids=["Chromium", "Firefox"])
@pytest.mark.parametrize("ends", ["\r\n", "\n", "\r"])
def test_browsers_draw_no_complaint(sdp: str, ends: str) -> None:
    assert lint_sdp(sdp.replace("\r\n", ends)) == []
    answer = _answer_to(sdp)
    assert lint_sdp(sdp, "offer") == lint_sdp(answer, "answer") == []
    assert compare_sdp(sdp, answer) == []


@pytest.mark.parametrize(
    ("sdp", "path", "cause"),
    [
        ("", "$", None),
        ("hello", "$", None),
        (CHROMIUM.replace("\r\n", " "), "$", None),
        ("v=0\r\nm=audio\r\n", "$", None),
        ("v=0\r\nm=audio ² RTP/SAVPF 0\r\n", "$", None),
        ("v=0\r\nm=audio 65536 RTP/SAVPF 0\r\n", "$", None),
        ("v=0\r\n" + "a=x\r\n" * MAX_SDP_CHARACTERS, "$", None),
        (FIREFOX.replace("m=audio", "m=video"), "$", "opus-not-offered"),
        (NO_OPUS, "$.audio", "opus-not-offered"),
        (CHROMIUM.replace("m=audio 9", "m=audio 0"), "$.audio", "opus-rejected"),
        (CHROMIUM.replace("opus/48000/2", "opus/48000"), "$.audio.rtpmap", "opus-misconfigured"),
        (CHROMIUM.replace("opus/48000/2", "opus/16000/1"), "$.audio.rtpmap", "opus-misconfigured"),
        (CHROMIUM.replace(" 111 63", " 96 63"), "$.audio", "opus-not-offered"),
        (CHROMIUM.replace("a=ice-ufrag", "a=x"), "$.audio.ice-ufrag", None),
        (CHROMIUM.replace("a=ice-pwd", "a=x"), "$.audio.ice-pwd", None),
        (CHROMIUM.replace("a=fingerprint", "a=x"), "$.audio.fingerprint", None),
    ],
)
def test_what_is_wrong_is_named_where_it_is(sdp: str, path: str, cause: str | None) -> None:
    (issue,) = lint_sdp(sdp)
    assert (issue.path, issue.cause, issue.severity) == (path, cause, Severity.CRITICAL)
    assert "\n" not in issue.message


def test_opus_is_known_by_any_case() -> None:
    assert lint_sdp(CHROMIUM.replace("opus/48000/2", "OPUS/48000/2")) == []


@pytest.mark.parametrize(
    ("answer", "cause", "said"),
    [
        (ANSWER.replace("m=audio 9", "m=audio 0"), "opus-rejected", "port 0"),
        ("v=0\r\n", "opus-rejected", "no m=audio"),
        (NO_OPUS, "opus-rejected", "G722/8000/1, PCMU/8000/1"),
        (ANSWER.replace("opus/48000/2", "opus/8000/1"), "opus-misconfigured", "opus/8000/1"),
        ("junk", None, "not a session description"),
    ],
)
def test_what_an_answer_takes_away(answer: str, cause: str | None, said: str) -> None:
    (issue,) = compare_sdp(CHROMIUM, answer)
    assert issue.cause == cause
    assert said in issue.message


def test_an_offer_without_opus_is_the_offers_fault() -> None:
    (issue,) = compare_sdp(NO_OPUS, ANSWER)
    assert (issue.path, issue.cause) == ("$.offer.audio", "opus-not-offered")


WAYS = {
    ("sendrecv", "sendrecv"): None,
    ("sendrecv", "recvonly"): "from the gateway",
    ("sendrecv", "sendonly"): "to the gateway",
    ("sendrecv", "inactive"): "either way",
    ("sendonly", "recvonly"): "from the gateway",
    ("recvonly", "sendonly"): "to the gateway",
    ("sendonly", "sendonly"): "either way",
    ("inactive", "inactive"): "either way",
}


@pytest.mark.parametrize(("directions", "way"), WAYS.items())
def test_directions(directions: tuple[str, str], way: str | None) -> None:
    offer, answer = (
        sdp.replace("a=sendrecv", f"a={d}")
        for sdp, d in zip((CHROMIUM, ANSWER), directions, strict=True)
    )
    issues = compare_sdp(offer, answer)
    assert [issue.cause for issue in issues] == ([] if way is None else ["media-direction"])
    assert all(issue.message.endswith(f"no audio goes {way}") for issue in issues)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_direction_may_stand_at_the_session_and_the_section_overrides_it(direction: str) -> None:
    bare = CHROMIUM.replace("a=sendrecv\r\n", "")
    at_session = bare.replace("t=0 0\r\n", f"t=0 0\r\na={direction}\r\n")
    overridden = at_session.replace("a=mid:0\r\n", "a=mid:0\r\na=recvonly\r\n")
    found = [parse_sdp(sdp).audio for sdp in (bare, at_session, overridden)]
    assert [a.direction for a in found if a] == ["sendrecv", direction, "recvonly"]


LINES = st.sampled_from(CHROMIUM.splitlines() + FIREFOX.splitlines())
PIECES = st.sampled_from(
    ["m=audio", "m=audio 9 X", "a=rtpmap:", "111", "²", "٣", "9" * 5000, "/", " ", "opus", "a=",
     "a=fmtp:111 ", "=;=", "-1", "1e5", ":", "\x00"]
)  # fmt: skip


@given(
    st.lists(LINES | st.lists(PIECES, max_size=6).map("".join) | st.text(max_size=30), max_size=25)
)
def test_no_lines_break_the_reading(lines: list[str]) -> None:
    text = _sdp("v=0", *lines)
    with contextlib.suppress(ValueError):
        assert all(0 <= section.port <= 65535 for section in parse_sdp(text).sections)
    lint_sdp(text)
    compare_sdp(CHROMIUM, text)
    compare_sdp(text, ANSWER)


@given(st.text())
def test_any_text_is_a_description_or_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="v=0"):
        parse_sdp(text)


@pytest.mark.parametrize("line", ["a=x", "a=candidate:1", "m=audio 9 X 0", "a=rtpmap:0 a/1"])
def test_reading_takes_time_by_length(line: str) -> None:
    text = _sdp("v=0", "m=audio 9 X 0", *[line] * (MAX_SDP_CHARACTERS // (len(line) + 3)))
    started_s = time.process_time()
    parse_sdp(text)
    assert time.process_time() - started_s < 2, "quadratic would take ten times that"
