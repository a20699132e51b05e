"""An offer and its answer side by side: what the answer makes of the offer. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from polyai_diag.analysis.issues import critical, info, warning
from polyai_diag.analysis.opus_parameters import MISCONFIGURED, explain_parameters
from polyai_diag.analysis.sdp import parse_sdp
from polyai_diag.analysis.sdp_lint import OPUS_CAUSES, own_issues, worst_first
from polyai_diag.analysis.sdp_transport import role_issue, setup_role
from polyai_diag.failures import Failure
from polyai_diag.model import Issue, Json, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from polyai_diag.analysis.sdp import Sdp, Section

_VIOLATION = "signaling-protocol-violation"
_FAILURES = {
    "opus-rejected": Failure.OPUS_MISSING,
    "opus-not-offered": Failure.OPUS_MISSING,
    "media-direction": Failure.MEDIA_DIRECTION,
}


def compare_sdp(offer: str, answer: str) -> list[Issue]:
    """List what is wrong with an offer, with its answer and between them, the worst first.

    Paths begin with `$.offer` or `$.answer`. An offer without Opus, or an answer that takes it
    away, is told alone: nothing else matters then.
    """
    read = []
    for kind, text in (("offer", offer), ("answer", answer)):
        try:
            read.append(parse_sdp(text))
        except ValueError as exc:
            return [critical(f"$.{kind}", f"not a session description: {exc}")]
    offered, answered = read
    own = [
        *own_issues(offered, "offer", "$.offer"),
        *own_issues(answered, "answer", "$.answer"),
    ]
    lacking = [issue for issue in own if issue.cause in ("opus-not-offered", "opus-rejected")]
    return lacking[:1] or worst_first([*own, *_between(offered, answered)])


def pair_issues(offer: str, answer: str) -> list[Issue]:
    """List what is wrong between an offer and its answer alone, `compare_sdp` without the rest."""
    try:
        offered, answered = parse_sdp(offer), parse_sdp(answer)
    except ValueError:
        return []
    return worst_first(list(_between(offered, answered)))


def judge_issues(issues: Iterable[Issue]) -> tuple[Failure | None, dict[str, Json]]:
    """Return how an observation of these ends, and its notes.

    It fails for what is critical to Opus, or wrong in the answer; the rest is evidence.
    """
    found = [_with_cause(issue) for issue in issues]
    rows = [msgspec.to_builtins(issue) for issue in found]
    notes: dict[str, Json] = {"issues": rows}
    graves = [i for i in found if i.severity is Severity.CRITICAL]
    worst = next((i for i in graves if i.cause in (*OPUS_CAUSES, _VIOLATION)), None)
    if worst is None:
        return None, notes
    notes.update(detail=f"{worst.path}: {worst.message}", cause=worst.cause)
    return _FAILURES.get(worst.cause or "", Failure.SDP_REJECTED), notes


def explained(text: str, side: str) -> list[dict[str, Json]]:
    """Say what each parameter of Opus in a description means; `side` is "offer" or "answer"."""
    try:
        audio = parse_sdp(text).audio
    except ValueError:
        return []
    if audio is None or audio.rejected or audio.opus is None:
        return []
    rows = explain_parameters(audio.opus, audio)
    return [{"side": side, **row._asdict()} for row in rows]


def _with_cause(issue: Issue) -> Issue:
    """Blame the gateway for what is wrong in its answer."""
    if issue.cause is None and issue.path.startswith("$.answer"):
        return msgspec.structs.replace(issue, cause=_VIOLATION)
    return issue


def _between(offered: Sdp, answered: Sdp) -> Iterator[Issue]:
    audio, reply = offered.audio, answered.audio
    if audio is None or audio.opus is None or reply is None or reply.opus is None:
        return
    if audio.rejected or reply.rejected:
        return
    yield from _same_sections(offered, answered)
    yield from _directions(audio, reply)
    roles = setup_role(offered, audio), setup_role(answered, reply)
    yield from role_issue(*roles, "$.answer.audio.setup")
    yield from _codecs(audio, reply)
    mids = audio.first("mid"), reply.first("mid")
    if None not in mids and mids[0] != mids[1]:
        said = "the audio section has another mid than in the offer (RFC 9143 §7.3)"
        yield warning("$.answer.audio.mid", said)


def _same_sections(offered: Sdp, answered: Sdp) -> Iterator[Issue]:
    kinds = [[section.kind for section in sdp.sections] for sdp in (offered, answered)]
    if kinds[0] != kinds[1]:
        named = [", ".join(re.sub(r"\W", "?", k[:20]) for k in sdp[:6]) for sdp in kinds]
        said = f"offered {named[0]}, answered {named[1]}"
        rule = "each section is answered, in the same order (RFC 3264 §6)"
        yield critical("$.answer", f"{said}: {rule}")


def _directions(offered: Section, answered: Section) -> Iterator[Issue]:
    out = "send" in offered.direction and "recv" in answered.direction
    back = "recv" in offered.direction and "send" in answered.direction
    if out and back:
        return
    silent = {(False, True): "to the gateway", (True, False): "from the gateway"}
    way = silent.get((out, back), "either way")
    said = f"offered {offered.direction}, answered {answered.direction}: no audio goes {way}"
    yield critical("$.answer.audio.direction", said, "media-direction")


def _codecs(offered: Section, answered: Section) -> Iterator[Issue]:
    """Compare the payload types: an answer keeps the offer's numbers (RFC 3264 §6.1)."""
    ours, theirs = offered.opus, answered.opus
    if ours is None or theirs is None:
        return
    names = {codec.payload_type: codec.name.lower() for codec in offered.codecs}
    number = theirs.payload_type
    if names.get(number, "opus") != "opus":
        said = f"Opus is given payload type {number}, which the offer has for {names[number][:20]}"
        yield warning("$.answer.audio.rtpmap", f"{said} (RFC 3264 §6.1)", MISCONFIGURED)
    elif number not in names:
        said = f"Opus is payload type {number}, offered as {ours.payload_type}"
        rule = "allowed, and some clients mix them up (RFC 3264 §6.1)"
        yield info("$.answer.audio.rtpmap", f"{said}: {rule}", MISCONFIGURED)
