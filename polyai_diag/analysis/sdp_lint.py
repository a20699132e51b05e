"""A session description looked over: every fault of it, with its path. Pure.

Critical: no call can come of it. Warning: a reader may refuse it, or the call is worse for it.
Info: odd, and harmless.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from polyai_diag.analysis.issues import critical, info, shown, warning
from polyai_diag.analysis.opus_parameters import MISCONFIGURED, bit_rate_issue, parameter_issues
from polyai_diag.analysis.sdp import DIRECTIONS, numbered, parse_sdp, whole_number
from polyai_diag.analysis.sdp_transport import bundle_issues, transport_issues

if TYPE_CHECKING:
    from collections.abc import Iterator

    from polyai_diag.analysis.sdp import Codec, Sdp, Section
    from polyai_diag.model import Issue

OPUS_CAUSES = ("opus-not-offered", "opus-rejected", MISCONFIGURED, "media-direction")

_MOST_ISSUES = 50
_STRANGE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_TAKEN_FOR_RTCP = range(64, 96)  # payload types, with rtcp-mux (RFC 5761 §4)
_DYNAMIC = (*range(96, 128), *range(35, 64))  # RFC 3551 §6
_BESIDE_THE_SOUND = ("red", "cn", "telephone-event", "rtx", "ulpfec", "flexfec-03")
# 50 packets a second, each with 40 bytes of IPv4, UDP and RTP, count in b=AS and not in b=TIAS.
_HEADERS_BIT_S = 50 * 40 * 8


def lint_sdp(text: str, kind: str = "") -> list[Issue]:
    """List what is wrong with a session description on its own, the worst first.

    `kind` is "offer" or "answer" where it is known: some things are wrong in one of them alone.
    Paths begin with `$`, and name the section and the attribute.
    """
    bare = "\n" not in text and "\r" not in text
    if bare and "\\n" in text:
        restored = text.replace("\\r", "\r").replace("\\n", "\n")
        message = "the line ends are written out as \\r\\n: the text was encoded twice"
        return [critical("$", message), *lint_sdp(restored, kind)]
    if bare and (" m=" in text or (text.lstrip().startswith("v=0") and "m=" in text)):
        message = "the line ends are lost: every SDP line must end with CRLF (\\r\\n)"
        return [critical("$", message)]
    try:
        sdp = parse_sdp(text)
    except ValueError as exc:
        return [critical("$", f"not a session description: {exc}")]
    issues = [*_form(text), *_description(sdp, kind)]
    if sdp.audio is not None and not sdp.audio.rejected:
        issues += _one_way(sdp.audio)
    return worst_first(issues)


def own_issues(sdp: Sdp, kind: str, path: str) -> list[Issue]:
    """List what is wrong with an offer or an answer, but for its direction: that takes two."""
    return list(_description(sdp, kind, path))


def worst_first(issues: list[Issue]) -> list[Issue]:
    """Sort by severity, and keep the worst of a flood."""
    order = ("critical", "warning", "info")
    return sorted(issues, key=lambda issue: order.index(issue.severity.value))[:_MOST_ISSUES]


def _form(text: str) -> Iterator[Issue]:
    """Look at the lines themselves: each is a letter, `=` and text (RFC 8866 §5)."""
    lines = re.split(r"\r\n|\r|\n", text)
    if not any(re.match(r"\s*s=", line) for line in lines):
        yield critical("$", "no s= line: browsers refuse such a description (RFC 8866 §5.3)")
    for number, line in enumerate(lines, 1):
        if found := _STRANGE.search(line):
            said = f"line {number} holds a control character ({ord(found[0]):#04x})"
            yield warning("$", f"{said}; SDP is text (RFC 8866 §9)")
            return
        if line.strip() and not re.match(r"\s*[a-z]=", line):
            said = f"line {number} is no SDP line: {shown(line.strip())}"
            yield warning("$", f"{said}; browsers refuse such a description (RFC 8866 §5)")
            return


def _description(sdp: Sdp, kind: str, path: str = "$") -> Iterator[Issue]:
    audio, at = sdp.audio, f"{path}.audio"
    lacking = "opus-rejected" if kind == "answer" else "opus-not-offered"
    if audio is None:
        at = at if kind else path
        who = "the answer has " if kind == "answer" else ""
        yield critical(at, f"{who}no audio section, no m=audio", lacking)
        return
    if audio.rejected:
        who = "the answer rejects the audio section" if kind == "answer" else _REJECTED
        yield critical(at, f"{who} (port 0)", "opus-rejected")
        return
    yield from transport_issues(sdp, audio, kind, at)
    yield from bundle_issues(sdp, path)
    yield from _sections(sdp, at)
    if audio.opus is None:
        yield critical(at, _no_opus(audio, kind), lacking)
    else:
        yield from _opus(sdp, audio, audio.opus, at)


_REJECTED = "the audio section is rejected"


def _no_opus(audio: Section, kind: str) -> str:
    named = ", ".join(str(codec) for codec in audio.codecs[:6]) or "no codec"
    who = {"answer": "the answer", "offer": "the offer"}.get(kind, "the description")
    said = f"{who} has no Opus, but {named}"
    for number, encoding in numbered(audio.attributes.get("rtpmap", ())):
        if encoding.lower().startswith("opus/") and number not in audio.payload_types:
            return f"{said}; Opus is described as payload type {number}, which m=audio leaves out"
    return said


def _sections(sdp: Sdp, at: str) -> Iterator[Issue]:
    live = [s for s in sdp.sections if s.kind == "audio" and not s.rejected]
    if len(live) > 1:
        said = f"{len(live)} audio sections: the first is the one that counts here"
        yield info(at, said)


# --- Opus -------------------------------------------------------------------------------------


def _opus(sdp: Sdp, audio: Section, opus: Codec, at: str) -> Iterator[Issue]:
    if (opus.clock_rate, opus.channels) != (48_000, 2):
        said = f"{opus}: RFC 7587 §7 asks for opus/48000/2"
        yield critical(f"{at}.rtpmap", said, MISCONFIGURED)
    yield from _payload_types(audio, opus, at)
    yield from _strayed_parameters(audio, opus, at)
    yield from parameter_issues(opus, audio, at)
    for line in dict.fromkeys((*audio.bandwidth, *sdp.bandwidth)):
        yield from _bandwidth(line, f"{at}.bandwidth")


def _payload_types(audio: Section, opus: Codec, at: str) -> Iterator[Issue]:
    number = opus.payload_type
    if number in _TAKEN_FOR_RTCP:
        said = f"Opus has payload type {number}: its packets are taken for RTCP (RFC 5761 §4)"
        yield critical(f"{at}.rtpmap", said, MISCONFIGURED)
    elif number not in _DYNAMIC:
        said = f"Opus has payload type {number}, which is another codec's (RFC 3551 §6)"
        yield warning(f"{at}.rtpmap", said, MISCONFIGURED)
    meanings = {name.lower() for n, name in _rtpmaps(audio) if n == number}
    if len(meanings) > 1:
        said = f"payload type {number} is described more than once, and not as one codec"
        yield warning(f"{at}.rtpmap", said, MISCONFIGURED)
    if audio.payload_types.count(number) > 1:
        yield warning(at, f"payload type {number} is listed more than once", MISCONFIGURED)
    sounds = [c for c in audio.codecs if c.name.lower() not in _BESIDE_THE_SOUND]
    if not sounds[0].is_opus:
        said = f"{sounds[0]} is preferred to Opus: it stands first in m=audio (RFC 3264 §5.1)"
        yield warning(at, said, MISCONFIGURED)


def _rtpmaps(audio: Section) -> list[tuple[int, str]]:
    return numbered(audio.attributes.get("rtpmap", ()))


def _strayed_parameters(audio: Section, opus: Codec, at: str) -> Iterator[Issue]:
    """Opus' own parameters given for a payload type that is not Opus: they have no effect."""
    known = {n for n, name in _rtpmaps(audio) if name.lower().startswith("opus/")}
    for number, given in numbered(audio.attributes.get("fmtp", ())):
        of_opus = re.search(r"\b(?:useinbandfec|maxplaybackrate|sprop-stereo|usedtx)=", given)
        if of_opus and number not in known:
            said = f"parameters of Opus for payload type {number}; Opus has {opus.payload_type}"
            yield warning(f"{at}.fmtp", f"{said}: they have no effect", MISCONFIGURED)
    lines = Counter(n for n, _ in numbered(audio.attributes.get("fmtp", ())))
    if lines[opus.payload_type] > 1:
        said = f"{lines[opus.payload_type]} a=fmtp lines for Opus: only one of them counts"
        yield warning(f"{at}.fmtp", said, MISCONFIGURED)


def _bandwidth(line: str, at: str) -> Iterator[Issue]:
    kind, _, value = line.partition(":")
    if kind not in ("AS", "TIAS"):
        return
    number = whole_number(value.strip(), 10**9)
    if number is None:
        yield warning(at, f"b={shown(line)[1:-1]}: not a whole number (RFC 8866 §5.8)")
        return
    bit_s = number if kind == "TIAS" else max(number * 1000 - _HEADERS_BIT_S, 0)
    beside = " beside the headers" if kind == "AS" else ""
    yield from bit_rate_issue(bit_s, at, f"b={kind}:{number} leaves {bit_s} b/s{beside}")


# --- direction --------------------------------------------------------------------------------


def _one_way(audio: Section) -> Iterator[Issue]:
    given = [name for name in DIRECTIONS if name in audio.attributes]
    if len(given) > 1:
        said = f"more than one direction ({', '.join(given)}): readers differ in which counts"
        yield warning("$.audio.direction", said, "media-direction")
    if audio.direction != "sendrecv":
        does = {
            "sendonly": "it sends, and does not receive",
            "recvonly": "it receives, and does not send",
            "inactive": "it neither sends nor receives",
        }[audio.direction]
        said = f"{audio.direction}: {does} (RFC 3264 §5.1)"
        yield warning("$.audio.direction", said, "media-direction")
