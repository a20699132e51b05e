"""The browser: what it, its microphone and the page that it shows do to a call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyai_diag.analysis.loose import number, table
from polyai_diag.causes.browser_advice import DENIALS, SITUATIONS, advice
from polyai_diag.causes.engine import Effect, Facts, Layer, Seen, cause, endpoint_host
from polyai_diag.failures import Failure
from polyai_diag.model import BROWSER, Actor, Evidence, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from polyai_diag.causes.engine import Advice

OVERHEARD_RISE_DB, OVERHEARD_CORRELATION = 6.0, 0.6
"""So much louder, and so much in step with the agent: no speaker who talks by himself is."""

TELEPHONE_BAND_HZ = 4000.0

_DENIED_BY = {
    "person": "refused by the person, when asked",
    "blocked": "refused earlier: the browser remembers it, and does not ask again",
    "dismissed": "the question was closed without an answer",
    "system": "refused by the operating system, not by the browser",
    "policy": "refused by the page's Permissions-Policy, or by its frame",
}
_NO_SOUND_OUT = ("no-audio-sent", "silent-audio")


def _unless_it_works(facts: Facts) -> Severity:
    """A call that was connected all the same shows that it can be."""
    works = any(facts.succeeded("dtls_handshake"))
    return Severity.WARNING if works else Severity.CRITICAL


def _always(severity: Severity) -> Effect:
    return lambda _facts: severity


def _on_this(facts: Facts, situation: str) -> str:
    """Advise for the browser and the system that the record names."""
    return advice(situation, table(facts.record.environment.get("browser")))


def _about(cause_id: str) -> Advice:
    return lambda facts: _on_this(facts, SITUATIONS[cause_id])


@cause(
    "browser-unsupported",
    acts=Actor.CUSTOMER,
    layer=Layer.BROWSER,
    title="This browser is older than the gateway supports",
    remedy="Update the browser: Chrome 72, Firefox 60, Safari 14.1, Edge 79 or newer is needed.",
    breaks=(BROWSER,),
    effect=_unless_it_works,
    explains=("browser-blocks-webrtc", "browser-lacks-opus", "opus-not-offered"),
)
def browser_unsupported(facts: Facts) -> Iterator[Evidence | Seen]:
    """Below the version that the gateway's documentation names."""
    for seen in facts.failed("browser_version", failures=[Failure.BROWSER_OUTDATED]):
        yield seen.says(f"{seen.observation.endpoint}: {seen.note('detail')}")


@cause(
    "insecure-context",
    acts=Actor.CUSTOMER,
    layer=Layer.BROWSER,
    title="The page is not served securely, so no microphone can be used",
    remedy="Serve the page by https, or from localhost: elsewhere browsers give out no microphone.",
    reference="W3C Secure Contexts §7.1",
    breaks=(BROWSER,),
    effect=_always(Severity.CRITICAL),
    explains=_NO_SOUND_OUT,
)
def insecure_context(facts: Facts) -> Iterator[Evidence | Seen]:
    """Neither https nor localhost: `navigator.mediaDevices` is not there."""
    for seen in facts.failed("secure_context", failures=[Failure.INSECURE_CONTEXT]):
        there = "is there" if seen.note("media_devices") else "is not there"
        yield seen.says(f"{seen.observation.endpoint} is no secure context: mediaDevices {there}")


# --- microphone -------------------------------------------------------------------------------


def _advise_on_denial(facts: Facts) -> str:
    denied_by = next((s.note("denied_by") for s in _denials(facts)), None)
    return _on_this(facts, DENIALS.get(str(denied_by), DENIALS[""]))


def _denials(facts: Facts) -> Iterator[Seen]:
    return facts.failed("microphone_open", failures=[Failure.PERMISSION_DENIED])


@cause(
    "microphone-denied",
    acts=Actor.CUSTOMER,
    layer=Layer.BROWSER,
    title="The browser may not use the microphone",
    remedy="Allow the microphone for this page, then load the page again.",
    reference="W3C Media Capture and Streams §10.2",
    breaks=(BROWSER,),
    effect=_always(Severity.CRITICAL),
    explains=_NO_SOUND_OUT,
    advice=_advise_on_denial,
)
def microphone_denied(facts: Facts) -> Iterator[Evidence | Seen]:
    """`NotAllowedError`: by the person, by policy, by the system: which, where it can be told."""
    denials = list(_denials(facts))
    for seen in denials:
        by = _DENIED_BY.get(str(seen.note("denied_by")), "refused; by whom cannot be told")
        yield seen.says(f"{seen.note('error')} ({seen.note('detail')}): {by}")
    for seen in facts.failed("permissions_policy", failures=[Failure.POLICY_BLOCKED]):
        yield seen.says(str(seen.note("detail")))
    for seen in facts.seen("frame_policy", "frame_seen", microphone=False) if denials else ():
        allow = seen.note("allow")
        said = "no allow attribute" if allow is None else f'allow="{allow}"'
        yield seen.says(f'The frame has {said}; allow="microphone" is needed')


@cause(
    "microphone-missing",
    acts=Actor.CUSTOMER,
    layer=Layer.BROWSER,
    title="No microphone is connected, or none that the browser can see",
    remedy="Connect a microphone or headset, choose it in the system's sound settings, try again.",
    reference="W3C Media Capture and Streams §10.2",
    breaks=(BROWSER,),
    effect=_always(Severity.CRITICAL),
    explains=_NO_SOUND_OUT,
    advice=_about("microphone-missing"),
)
def microphone_missing(facts: Facts) -> Iterator[Evidence | Seen]:
    """`NotFoundError`."""
    for seen in facts.failed("microphone_open", failures=[Failure.DEVICE_MISSING]):
        yield seen.says(f"{seen.note('error')}: {seen.note('detail')}")
        for listed in facts.succeeded("device_list"):
            yield listed.says(f"{listed.note('inputs')} microphones listed")


@cause(
    "microphone-busy",
    acts=Actor.CUSTOMER,
    layer=Layer.BROWSER,
    title="The microphone cannot be opened: another program may hold it",
    remedy="Close other programs and tabs that use the microphone (Teams, Zoom, Meet), try again.",
    reference="W3C Media Capture and Streams §10.2",
    breaks=(BROWSER,),
    effect=_always(Severity.CRITICAL),
    explains=_NO_SOUND_OUT,
    advice=_about("microphone-busy"),
)
def microphone_busy(facts: Facts) -> Iterator[Evidence | Seen]:
    """`NotReadableError`: allowed and present, and it cannot be read."""
    failures = [Failure.DEVICE_BUSY, Failure.DEVICE_FAILED]
    for seen in facts.failed("microphone_open", failures=failures):
        yield seen.says(f"{seen.note('error')}: {seen.note('detail')}")


@cause(
    "microphone-silent",
    acts=Actor.CUSTOMER,
    layer=Layer.BROWSER,
    title="The microphone is allowed and gives no sound",
    remedy=(
        "Look for a mute switch on headset, cable or keyboard; choose the right microphone; raise "
        "its level in the system's sound settings."
    ),
    breaks=(BROWSER,),
    effect=_always(Severity.CRITICAL),
    explains=("silent-audio",),
    advice=_about("microphone-silent"),
)
def microphone_silent(facts: Facts) -> Iterator[Evidence | Seen]:
    """Granted, and muted or all zeros."""
    for seen in facts.failed("microphone_listen", failures=[Failure.SILENCE]):
        yield seen.says(f"{seen.observation.endpoint}: {seen.note('detail')}")


@cause(
    "microphone-narrowband",
    acts=Actor.CUSTOMER,
    layer=Layer.BROWSER,
    title="The microphone carries no more than a telephone's band",
    remedy=(
        "A Bluetooth headset does so while its microphone is in use (hands-free mode): use another "
        "microphone, or a headset by cable or USB."
    ),
    breaks=(BROWSER,),
    effect=lambda facts: Severity.WARNING if _is_telephone(facts) else Severity.INFO,
    explains=("audio-narrowband",),
)
def microphone_narrowband(facts: Facts) -> Iterator[Evidence | Seen]:
    """Nothing over 4 or 8 kHz, with a step there that no voice has."""
    for seen in facts.succeeded("microphone_listen"):
        edge_hz = number(seen.note("band_edge_hz"))
        if edge_hz:
            yield seen.says(
                f"{seen.observation.endpoint}: speech, and nothing over {edge_hz / 1000:.0f} kHz"
            )


def _is_telephone(facts: Facts) -> bool:
    edges = [number(s.note("band_edge_hz")) for s in facts.succeeded("microphone_listen")]
    return any(edge and edge <= TELEPHONE_BAND_HZ for edge in edges)


# --- speaker ----------------------------------------------------------------------------------


@cause(
    "playback-blocked",
    acts=Actor.CUSTOMER,
    layer=Layer.BROWSER,
    title="The browser does not play the agent's sound",
    remedy=(
        "In the page's code call play() and resume() from a click. In the browser allow sound for "
        "this page."
    ),
    breaks=(BROWSER,),
    effect=_always(Severity.CRITICAL),
    explains=("silent-audio",),  # what is not played is not counted as heard either
    advice=_about("playback-blocked"),
)
def playback_blocked(facts: Facts) -> Iterator[Evidence | Seen]:
    """Packets and level arrive; `play()` is refused, or the audio context is suspended."""
    for seen in facts.failed("playback", "speaker_test", failures=[Failure.PLAYBACK_BLOCKED]):
        packets = seen.note("packets")
        arrived = f"{packets} packets have arrived; " if packets else ""
        yield seen.says(f"{seen.observation.endpoint}: {arrived}{seen.note('detail')}")


@cause(
    "agent-hears-itself",
    acts=Actor.CUSTOMER,
    layer=Layer.BROWSER,
    title="The microphone picks up the agent's voice from the speaker",
    remedy=(
        "Use a headset, or turn the speaker down; leave echoCancellation on in getUserMedia. The "
        "agent takes its own voice for the caller's, and interrupts itself."
    ),
    breaks=(BROWSER,),
    effect=_always(Severity.WARNING),
    explains=("echo-heard",),
)
def agent_hears_itself(facts: Facts) -> Iterator[Evidence | Seen]:
    """The microphone rises while the agent speaks, in step with it."""
    for seen in facts.succeeded("overhearing"):
        rise_db, in_step = number(seen.note("rise_db")), number(seen.note("correlation"))
        if rise_db is None or in_step is None:
            continue
        if rise_db >= OVERHEARD_RISE_DB and in_step >= OVERHEARD_CORRELATION:
            yield seen.says(
                f"The microphone is {rise_db:.0f} dB louder while the agent speaks "
                f"({seen.note('speaking_s')} s of speech, correlation {in_step:.2f})"
            )


# --- what the page and the browser's rules forbid ---------------------------------------------


@cause(
    "browser-blocks-webrtc",
    acts=Actor.CUSTOMER,
    layer=Layer.BROWSER,
    title="The browser, or an extension in it, blocks WebRTC",
    remedy=(
        "Try a private window without extensions. If that works, take out the extension (privacy, "
        "ad or VPN); if not, ask the browser's administrator for its WebRTC policy."
    ),
    reference="RFC 8828 §5.2",
    breaks=(BROWSER,),
    effect=_unless_it_works,
    explains=("ice-no-candidates", "ice-failed", "stun-unreachable", "turn-unreachable"),
)
def browser_blocks_webrtc(facts: Facts) -> Iterator[Evidence | Seen]:
    """No candidates at all, or `RTCPeerConnection` missing or overridden."""
    for seen in facts.failed("webrtc_support"):
        changed = "; RTCPeerConnection is not the browser's own" * bool(seen.note("overridden"))
        yield seen.says(f"{seen.note('detail')}{changed}")


@cause(
    "csp-blocks-gateway",
    acts=Actor.CUSTOMER,
    layer=Layer.BROWSER,
    title="The page's own security policy (CSP) forbids the gateway",
    remedy=(
        "Add the gateway to the page's Content-Security-Policy: its wss:// and https:// origin "
        "under connect-src; take webrtc 'block' out."
    ),
    reference="W3C Content Security Policy Level 3 §6.1.2",
    breaks=(BROWSER, "gateway"),
    effect=_unless_it_works,
    explains=("gateway-unreachable", "websocket-refused", "ice-servers-unavailable"),
)
def csp_blocks_gateway(facts: Facts) -> Iterator[Evidence | Seen]:
    """A `securitypolicyviolation` names the gateway, or WebRTC as such."""
    gateway = endpoint_host(str(facts.record.target.get("url") or ""))
    for seen in facts.failed("csp_violation", failures=[Failure.POLICY_BLOCKED]):
        directive = str(seen.note("directive"))
        if directive == "webrtc" or (gateway and seen.host == gateway):
            yield seen.says(f"{directive} forbids {seen.observation.endpoint}")


@cause(
    "browser-lacks-opus",
    acts=Actor.CUSTOMER,
    layer=Layer.BROWSER,
    title="This browser cannot do Opus",
    remedy="Use a current Chrome, Edge, Firefox or Safari: each of them has Opus built in.",
    reference="RFC 7874 §3",
    breaks=(BROWSER,),
    effect=_unless_it_works,
    explains=("opus-not-offered", "opus-rejected"),
)
def browser_lacks_opus(facts: Facts) -> Iterator[Evidence | Seen]:
    """`getCapabilities('audio')` has no Opus."""
    for seen in facts.failed("opus_support", failures=[Failure.OPUS_MISSING]):
        yield seen.says(f"RTCRtpReceiver.getCapabilities: {seen.note('detail')}")
