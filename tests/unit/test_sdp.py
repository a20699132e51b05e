"""Session descriptions of browsers read and judged; no text breaks the reading."""

from __future__ import annotations

import contextlib
import time

import pytest
from aiortc import RTCPeerConnection
from hypothesis import given
from hypothesis import strategies as st

from polyai_diag.analysis.sdp import (
    DIRECTIONS,
    MAX_SDP_CHARACTERS,
    parse_sdp,
)
from polyai_diag.analysis.sdp_compare import compare_sdp
from polyai_diag.analysis.sdp_lint import lint_sdp
from polyai_diag.media.aiortc_taps import close_fully
from polyai_diag.model import Issue, Severity
from tests.aio import in_loop
from tests.speed import cpu_here_s

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


TRANSPORT: dict[str, tuple[str, str, str, str, str]] = {
    # what: (in what kind, what is replaced, by what, path, severity)
    "a short ufrag": ("", "a=ice-ufrag:Xq3Z", "a=ice-ufrag:Xq3", "ice-ufrag", "critical"),
    "a long ufrag": ("", "Xq3Z", "ab1" * 86, "ice-ufrag", "critical"),
    "a ufrag of 256": ("", "Xq3Z", "ab12" * 64, "", ""),
    "a short password": ("", "3kX1dvNQ0a7o8WkM1nqX0pQz", "ab1" * 7, "ice-pwd", "critical"),
    "a password of 22": ("", "3kX1dvNQ0a7o8WkM1nqX0pQz", "ab" * 11, "", ""),
    "a hidden password": ("", "3kX1dvNQ0a7o8WkM1nqX0pQz", "***", "", ""),
    "a password with a dash": ("", "3kX1dv", "3kX-dv", "ice-pwd", "warning"),
    "a fingerprint cut short": ("", FINGERPRINT, FINGERPRINT[:-3], "fingerprint", "critical"),
    "a fingerprint in small letters": ("", FINGERPRINT, FINGERPRINT.lower(), "", ""),
    "no hexadecimal": ("", FINGERPRINT, "sha-256 zz:zz", "fingerprint", "critical"),
    "an unknown hash": ("", "sha-256", "sha-3", "fingerprint", "critical"),
    "a second fingerprint that is bad": (
        "",
        "a=mid:0",
        "a=mid:0\r\na=fingerprint:sha-256 00",
        "fingerprint",
        "warning",
    ),
    "no role": ("", "a=setup:actpass", "a=x", "setup", "warning"),
    "no role in an answer": ("answer", "a=setup:actpass", "a=x", "setup", "critical"),
    "an answer that says actpass": ("answer", "a=mid:0", "a=mid:0", "setup", "critical"),
    "an answer that holds": ("answer", "setup:actpass", "setup:holdconn", "setup", "critical"),
    "an offer that says active": ("offer", "setup:actpass", "setup:active", "setup", "warning"),
    "no such role": ("", "setup:actpass", "setup:server", "setup", "critical"),
    "no rtcp-mux": ("", "a=rtcp-mux\r\n", "", "rtcp-mux", "warning"),
}


@pytest.mark.parametrize("what", TRANSPORT)
def test_transport(what: str) -> None:
    kind, old, new, name, severity = TRANSPORT[what]
    issues = lint_sdp(CHROMIUM.replace(old, new), kind)
    found = [(i.path, i.severity.value, i.cause) for i in issues]
    assert found == ([(f"$.audio.{name}", severity, None)] if name else [])


def test_secrets_are_not_shown() -> None:
    text = CHROMIUM.replace("3kX1dvNQ0a7o8WkM1nqX0pQz", "s-e-c-r-e-t").replace("Xq3Z", "u")
    assert not [i for i in lint_sdp(text) if "s-e-c" in i.message or "'u'" in i.message]


def test_what_is_bundled_has_its_transport_in_the_first_section() -> None:
    shared = ["a=ice-ufrag", "a=ice-pwd", "a=fingerprint", "a=setup", "a=rtcp-mux"]
    lines = [line for line in CHROMIUM.splitlines() if not line.startswith((*shared, "a=rtcp-rs"))]
    video = [line for line in CHROMIUM.splitlines() if line.startswith(tuple(shared))]
    start = next(i for i, line in enumerate(lines) if line.startswith("m="))
    tagged = ["m=video 9 UDP/TLS/RTP/SAVPF 96", "a=mid:v", "a=rtpmap:96 VP8/90000", *video]
    text = _sdp(*lines[:start], *tagged, *lines[start:])
    assert len(lint_sdp(text)) == 5
    assert lint_sdp(text.replace("BUNDLE 0", "BUNDLE v 0")) == []


def test_sections_and_their_names() -> None:
    twice = CHROMIUM + CHROMIUM[CHROMIUM.index("m=") :]
    assert [(i.path, i.severity.value) for i in lint_sdp(twice)] == [
        ("$.mid", "warning"),
        ("$.audio", "info"),
    ]
    strange = CHROMIUM.replace("BUNDLE 0", "BUNDLE 0 1")
    assert [(i.path, i.severity.value) for i in lint_sdp(strange)] == [("$.group", "warning")]


PAYLOAD_TYPES = {
    "taken for RTCP": ("111", "72", "critical", "RTCP"),
    "another codec's": ("111", "18", "warning", "another codec"),
    "not the first": ("SAVPF 111 63 9", "SAVPF 9 111 63", "warning", "G722/8000/1 is preferred"),
    "listed twice": ("SAVPF 111", "SAVPF 111 111", "warning", "more than once"),
    "two codecs": ("a=rtpmap:63 red", "a=rtpmap:111 ISAC", "warning", "not as one codec"),
    "parameters of another": ("a=fmtp:111", "a=fmtp:112", "warning", "Opus has 111"),
}


@pytest.mark.parametrize("what", PAYLOAD_TYPES)
def test_payload_types(what: str) -> None:
    old, new, severity, said = PAYLOAD_TYPES[what]
    issue = lint_sdp(CHROMIUM.replace(old, new))[0]
    assert (issue.severity.value, issue.cause) == (severity, "opus-misconfigured")
    assert said in issue.message


def test_opus_that_the_media_line_leaves_out_is_told() -> None:
    (issue,) = lint_sdp(NO_OPUS)
    assert "payload type 111, which m=audio leaves out" in issue.message


@pytest.mark.parametrize("direction", DIRECTIONS[1:])
def test_a_direction_alone_is_a_warning(direction: str) -> None:
    (issue,) = lint_sdp(CHROMIUM.replace("a=sendrecv", f"a={direction}"))
    assert (issue.path, issue.severity.value) == ("$.audio.direction", "warning")
    assert issue.cause == "media-direction"


PAIRS: dict[str, tuple[str, str, str, str, str | None]] = {
    # what: (replaced, by what in the answer, path, severity, cause)
    "another mid": ("a=mid:0", "a=mid:audio", "audio.mid", "warning", None),
    "one section more": (
        "a=ssrc",
        "m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=x",
        "",
        "critical",
        None,
    ),
    "another number": ("111", "112", "audio.rtpmap", "info", "opus-misconfigured"),
    "the number of another": ("111", "110", "audio.rtpmap", "warning", "opus-misconfigured"),
}


@pytest.mark.parametrize("what", PAIRS)
def test_pairs(what: str) -> None:
    old, new, name, severity, cause = PAIRS[what]
    issues = compare_sdp(CHROMIUM, ANSWER.replace(old, new))
    path = f"$.answer.{name}".rstrip(".")
    assert (path, severity, cause) in [(i.path, i.severity.value, i.cause) for i in issues]


@pytest.mark.parametrize("role", ["active", "passive"])
def test_both_open_dtls_or_neither(role: str) -> None:
    offer, answer = (sdp.replace("actpass", role) for sdp in (CHROMIUM, CHROMIUM))
    worst = compare_sdp(offer, answer)[0]
    assert (worst.path, worst.severity.value) == ("$.answer.audio.setup", "critical")
    other = {"active": "passive", "passive": "active"}[role]
    agreed = compare_sdp(offer, CHROMIUM.replace("actpass", other))
    assert [i.severity.value for i in agreed] == ["warning"]  # an offer says actpass


BAD = {
    "empty": "",
    "1 MB": "v=0\r\n" + "a=x\r\n" * 200_000,
    "NULs": CHROMIUM.replace("a=mid:0", "a=mid:0\x00"),
    "one NUL": "\x00",
    "no line": CHROMIUM.replace("a=mid:0", "mid: 0"),
    "a line of 200 000": CHROMIUM + "a=x:" + "y" * 200_000,
    "bad numbers": CHROMIUM.replace("111", "1111111111111"),
    "negative": CHROMIUM.replace("m=audio 9", "m=audio -9"),
    "surrogates": CHROMIUM.replace("a=mid:0", "a=mid:\ud800"),
    "a thousand sections": CHROMIUM + "m=audio 9 X 0\r\n" * 10_000,
    "a thousand names": CHROMIUM.replace("BUNDLE", "BUNDLE" + " x" * 10_000),
    "a thousand fingerprints": CHROMIUM + "a=fingerprint:md5 00\r\n" * 5000,
    "a thousand parameters": CHROMIUM.replace("=10;", "=10;" + "x=1;y=2;z" * 5000),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_gets_a_typed_answer_in_bounded_time(what: str) -> None:
    started_s = time.process_time()
    issues = lint_sdp(BAD[what])
    pairs = [*compare_sdp(BAD[what], ANSWER), *compare_sdp(CHROMIUM, BAD[what])]
    assert time.process_time() - started_s < cpu_here_s(2)
    assert len(issues) <= 50
    assert issues or what == "a line of 200 000"
    assert all(isinstance(i, Issue) and len(i.message) < 400 for i in [*issues, *pairs])
    assert not any("\x00" in i.message or "\n" in i.message for i in issues)


@in_loop
async def test_what_aiortc_says_draws_no_complaint() -> None:
    ours, theirs = RTCPeerConnection(), RTCPeerConnection()
    try:
        ours.addTransceiver("audio", "sendrecv")
        ours.createDataChannel("beside")
        await ours.setLocalDescription(await ours.createOffer())
        theirs.addTransceiver("audio", "sendrecv")
        await theirs.setRemoteDescription(ours.localDescription)
        await theirs.setLocalDescription(await theirs.createAnswer())
        offer, answer = ours.localDescription.sdp, theirs.localDescription.sdp
    finally:
        await close_fully(ours)
        await close_fully(theirs)
    assert lint_sdp(offer, "offer") == lint_sdp(answer, "answer") == []
    assert compare_sdp(offer, answer) == []


LINES = st.sampled_from(CHROMIUM.splitlines() + FIREFOX.splitlines())
PIECES = st.sampled_from(
    ["m=audio", "m=audio 9 X", "a=rtpmap:", "111", "²", "٣", "9" * 5000, "/", " ", "opus", "a=",
     "a=fmtp:111 ", "=;=", "a=setup:", "actpass", "a=fingerprint:", "sha-256 ", "00:11", "a=mid:",
     "a=group:BUNDLE ", "b=AS:", "b=TIAS:", "a=ptime:", "a=ice-ufrag:", "a=ice-pwd:",
     "-1", "1e5", ":", "\x00"]
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
    assert time.process_time() - started_s < cpu_here_s(2), "quadratic would take ten times that"
