"""Guide section 2: what offer and answer make of Opus and of the direction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from polyai_diag.causes.engine import Effect, Facts, Layer, Seen, cause
from polyai_diag.model import Actor, Evidence, Guide, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOLD = (Severity.CRITICAL.value, Severity.WARNING.value)  # what is odd and harmless is no cause

_CAPS = ("maxplaybackrate", "sprop-maxcapturerate", "maxaveragebitrate", "bandwidth")


def _issues(facts: Facts, cause_id: str) -> Iterator[tuple[Seen, dict[str, str]]]:
    """What was found wrong with the descriptions: with both (`sdp_compare`) or one of them."""
    for seen in facts.seen("sdp_compare", "sdp_read"):
        listed = seen.note("issues")
        for issue in listed if isinstance(listed, list | tuple) else ():
            if not isinstance(issue, Mapping) or issue.get("cause") != cause_id:
                continue
            told = {key: str(issue.get(key, "")) for key in ("path", "message", "severity")}
            if told["severity"] in _TOLD:
                yield seen, told


def _evidence(facts: Facts, cause_id: str) -> Iterator[Evidence]:
    for seen, issue in _issues(facts, cause_id):
        where = issue["path"].removeprefix("$").removeprefix(".")
        yield seen.says(f"{where or 'SDP'}: {issue['message']}")


def _as_grave_as_its_issues(cause_id: str) -> Effect:
    def effect(facts: Facts) -> Severity:
        graves = {issue["severity"] for _, issue in _issues(facts, cause_id)}
        return Severity.CRITICAL if Severity.CRITICAL.value in graves else Severity.WARNING

    return effect


def _caps_the_sound(facts: Facts, _explained: str) -> bool:
    found = _issues(facts, "opus-misconfigured")
    return any(issue["path"].endswith(_CAPS) for _, issue in found)


@cause(
    "opus-not-offered",
    acts=Actor.CUSTOMER,
    layer=Layer.SDP,
    guide=Guide.NO_AUDIO,
    title="The offer has no Opus",
    remedy=(
        "Offer opus/48000/2 in an audio section: look for code that rewrites the SDP, for "
        "setCodecPreferences, and for a client built without Opus."
    ),
    reference="RFC 7587 §7, RFC 7874 §3",
    breaks=("opus",),
    effect=_as_grave_as_its_issues("opus-not-offered"),
)
def opus_not_offered(facts: Facts) -> Iterator[Evidence | Seen]:
    """No audio section, or one without Opus."""
    yield from _evidence(facts, "opus-not-offered")


@cause(
    "opus-rejected",
    acts=Actor.GATEWAY,
    layer=Layer.SDP,
    guide=Guide.NO_AUDIO,
    title="The answer has no Opus audio",
    remedy="Offer opus/48000/2 in an audio section; if it was offered, send PolyAI this report.",
    reference="RFC 7587 §7, RFC 3264 §6",
    breaks=("opus",),
    effect=_as_grave_as_its_issues("opus-rejected"),
)
def opus_rejected(facts: Facts) -> Iterator[Evidence | Seen]:
    """The audio section is rejected, or answered without Opus."""
    yield from _evidence(facts, "opus-rejected")


@cause(
    "opus-misconfigured",
    acts=Actor.CUSTOMER,
    layer=Layer.SDP,
    guide=Guide.NO_AUDIO,
    title="Opus is agreed in a form that breaks or spoils the audio",
    remedy=(
        "Have the side that is named change it: opus/48000/2 with a payload type of its own, "
        "maxplaybackrate and bit rate caps left out. What is under answer is the gateway's: send "
        "PolyAI this report."
    ),
    reference="RFC 7587 §6.1, §7",
    breaks=("opus",),
    effect=_as_grave_as_its_issues("opus-misconfigured"),
    explains=("audio-narrowband",),
    explains_if=_caps_the_sound,
)
def opus_misconfigured(facts: Facts) -> Iterator[Evidence | Seen]:
    """Another form than opus/48000/2, a payload type that does not fit, a cap on the sound."""
    yield from _evidence(facts, "opus-misconfigured")


@cause(
    "media-direction",
    acts=Actor.CUSTOMER,
    layer=Layer.SDP,
    guide=Guide.NO_AUDIO,
    title="One side does not send, or does not receive",
    remedy="Offer and answer the audio as sendrecv.",
    reference="RFC 3264 §6.1",
    breaks=("opus",),
    effect=_as_grave_as_its_issues("media-direction"),
    explains=("no-audio-received", "no-audio-sent", "no-audio-delivered"),
)
def media_direction(facts: Facts) -> Iterator[Evidence | Seen]:
    """The direction agreed carries audio one way at most."""
    yield from _evidence(facts, "media-direction")
