"""What the troubleshooting guide says, section by section, and which causes belong to what."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple

from polyai_diag.causes import CAUSES
from polyai_diag.causes.engine import Layer
from polyai_diag.model import BROWSER, Guide

if TYPE_CHECKING:
    from polyai_diag.model import Finding

EVERYTHING = ""
"""The section that stands for all of them."""

NOTEBOOKS = {
    EVERYTHING: "00-start-here",
    Guide.UNAUTHORIZED.value: "01-unauthorized",
    Guide.NO_AUDIO.value: "02-no-audio",
    Guide.ICE.value: "03-ice-connection-fails",
    BROWSER: "04-browser-check",
    "scripts": "05-in-scripts",
}


class Topic(Enum):
    """What a cause is about, as the guide divides it."""

    TOKEN = auto()
    OFFER = auto()
    REACH = auto()
    ANSWER = auto()
    UDP = auto()
    RELAY = auto()
    RELAY_OVER_TCP = auto()
    PATH = auto()
    OPUS = auto()
    SOUND = auto()
    DEVICE = auto()


_BY_LAYER = {
    Layer.BROWSER: Topic.DEVICE,
    Layer.TOKEN: Topic.TOKEN,
    Layer.NETWORK: Topic.REACH,
    Layer.HTTP: Topic.REACH,
    Layer.SIGNALING: Topic.ANSWER,
    Layer.UDP: Topic.UDP,
    Layer.TURN: Topic.RELAY,
    Layer.NAT: Topic.RELAY,
    Layer.ICE: Topic.PATH,
    Layer.DTLS: Topic.PATH,
    Layer.SDP: Topic.OPUS,
    Layer.RTP: Topic.SOUND,
    Layer.AUDIO: Topic.SOUND,
}
_BY_CAUSE = {
    "token-missing": Topic.OFFER,
    "request-invalid": Topic.OFFER,
    "request-forbidden": Topic.TOKEN,
    "ice-servers-unavailable": Topic.RELAY,
    "turn-tcp-not-configured": Topic.RELAY_OVER_TCP,
    "turn-tls-intercepted": Topic.RELAY_OVER_TCP,
    "ipv6-broken": Topic.PATH,
    "mtu-blackhole": Topic.PATH,
}
_BY_STEP = {
    "token": Topic.TOKEN,
    "gateway": Topic.REACH,
    "signaling": Topic.ANSWER,
    "stun": Topic.UDP,
    "turn": Topic.RELAY,
    "nat": Topic.UDP,
    "opus": Topic.OPUS,
    "call": Topic.PATH,
    "audio": Topic.SOUND,
    BROWSER: Topic.DEVICE,
}


def topic_of(finding: Finding) -> Topic:
    """Return what a finding is about; one that is in no catalogue, by the step that it rests on."""
    if finding.id in _BY_CAUSE:
        return _BY_CAUSE[finding.id]
    layer = CAUSES[finding.id].layer if finding.id in CAUSES else Layer.ANY
    by_step = _BY_STEP.get(finding.evidence[0].step if finding.evidence else "", Topic.ANSWER)
    return _BY_LAYER.get(layer, by_step)


def home_of(finding: Finding) -> str | None:
    """Return the section whose notebook a finding belongs to; None where any will do."""
    if topic_of(finding) is Topic.DEVICE:
        return BROWSER
    return finding.guide.value if finding.guide else None


class Row(NamedTuple):
    """One thing that is to be true, and where a report tells of it."""

    says: str  # the guide, or what comes before it or after it
    checked: str
    looks: tuple[str, ...]  # stops of the way, or steps
    topics: frozenset[Topic]
    proof: str  # what has shown that it is true
    fine: str  # what that means


_BEFORE = frozenset({Topic.TOKEN, Topic.OFFER, Topic.REACH, Topic.ANSWER})
_MEDIA = frozenset({Topic.UDP, Topic.RELAY, Topic.RELAY_OVER_TCP, Topic.PATH})
OVER_TCP = "TURN over TCP"
MICROPHONE = "Microphone"

_REACHED = Row(
    "First of all: the gateway is reached, and it answers.",
    "Name, connection, encryption, WebSocket; then an offer, and the answer to it.",
    ("gateway", "signaling"),
    _BEFORE,
    "The gateway answered the offer.",
    "The way to the gateway is open, and it takes the call.",
)
_MICROPHONE = Row(
    "The microphone may be used.",
    "Nothing yet: this notebook's kernel has no microphone. 04-browser-check asks the browser.",
    (MICROPHONE,),
    frozenset({Topic.DEVICE}),
    "The browser check has heard it.",
    "The browser may use the microphone, and it hears something.",
)

SECTIONS: dict[str, tuple[Row, ...]] = {
    EVERYTHING: (
        Row(
            "“Unauthorized”: the token is valid, and the offer carries it.",
            "The token by itself, then what the gateway says to it.",
            ("token", "signaling"),
            frozenset({Topic.TOKEN, Topic.OFFER}),
            "The gateway answered an offer that carries it.",
            "The gateway takes this token.",
        ),
        _REACHED._replace(topics=frozenset({Topic.REACH, Topic.ANSWER})),
        Row(
            "“ICE connection fails”: UDP is allowed, or TURN gets around it.",
            "STUN and TURN servers over UDP, TCP and TLS; then the call's own way.",
            ("STUN", "TURN", "ICE", "DTLS"),
            _MEDIA,
            "STUN and TURN answered; ICE and DTLS are done.",
            "The sound has a way between this machine and the gateway.",
        ),
        Row(
            "“No audio”: Opus is negotiated, and sound comes back.",
            "Offer and answer compared; sound sent, and what came back measured.",
            ("opus", "audio"),
            frozenset({Topic.OPUS, Topic.SOUND}),
            "Opus stands in offer and answer; what came back is what was sent.",
            "The network and the gateway carry sound well.",
        ),
        _MICROPHONE,
    ),
    Guide.UNAUTHORIZED.value: (
        Row(
            "The token is valid.",
            "The token by itself: its form, its dates. Then what the gateway says to it.",
            ("token", "signaling"),
            frozenset({Topic.TOKEN}),
            "The gateway answered an offer that carries it.",
            "The gateway takes this token.",
        ),
        Row(
            "The token is included in the offer message.",
            "The offer as it is sent: one frame, with the token as authToken.",
            ("signaling",),
            frozenset({Topic.OFFER}),
            "The gateway answered, and found no fault with the offer.",
            "Sent like this, the token arrives.",
        ),
        Row(
            "Not in the guide: the gateway is reached.",
            "Name, connection, encryption, WebSocket.",
            ("gateway",),
            frozenset({Topic.REACH}),
            "The WebSocket to the gateway is open.",
            "No firewall, proxy or certificate is in the way.",
        ),
        Row(
            "Not in the guide: the gateway answers the offer.",
            "The offer is sent, and the answer to it is read.",
            ("signaling",),
            frozenset({Topic.ANSWER, Topic.OPUS, Topic.SOUND, Topic.DEVICE}) | _MEDIA,
            "The answer came.",
            "The call is taken: what fails after this is not about the token.",
        ),
    ),
    Guide.NO_AUDIO.value: (
        _MICROPHONE._replace(says="Microphone permission is granted."),
        Row(
            "Opus is negotiated.",
            "Offer and answer compared: Opus in both, in one form, in both directions.",
            ("opus",),
            frozenset({Topic.OPUS}),
            "Opus stands in the offer and in the answer.",
            "Both sides send and receive sound that the other can play.",
        ),
        Row(
            "Not in the guide: the call is connected at all.",
            "The gateway's answer, then a way for the sound, and its encryption.",
            ("gateway", "signaling", "ICE", "DTLS"),
            _BEFORE | _MEDIA,
            "The gateway answered; ICE and DTLS are done.",
            "The call stands: if there is no sound, the connection is not why.",
        ),
        Row(
            "Not in the guide: sound gets there and back.",
            "8 s of sound sent. What came back, compared: level, band, cuts, echo, delay.",
            ("audio",),
            frozenset({Topic.SOUND}),
            "What came back is what was sent, but for what Opus always leaves out.",
            "The network and the gateway carry sound well.",
        ),
    ),
    Guide.ICE.value: (
        _REACHED,
        Row(
            "UDP must be allowed.",
            "STUN servers asked over UDP. If silent: does anything else reach the same host?",
            ("STUN",),
            frozenset({Topic.UDP}),
            "STUN answered over UDP.",
            "UDP gets out and back: no firewall blocks it here.",
        ),
        Row(
            "Corporate firewalls may require TURN.",
            "A relay is asked for, and data is sent through it.",
            ("TURN",),
            frozenset({Topic.RELAY}),
            "Every TURN URL gave a relay, over each transport.",
            "Where no direct way is open, a call can go through the relay.",
        ),
        Row(
            "Configure TURN over TCP if needed.",
            "The same relay over TCP and over TLS.",
            (OVER_TCP,),
            frozenset({Topic.RELAY_OVER_TCP}),
            "",  # of what the relays say
            "Where UDP is blocked, a call can go by the relay over TCP or TLS.",
        ),
        Row(
            "Then ICE finds a way, and the call is encrypted.",
            "Candidates of both sides tried in pairs; then DTLS over the one that works.",
            ("ICE", "DTLS"),
            frozenset({Topic.PATH, Topic.OPUS, Topic.SOUND, Topic.DEVICE}),
            "One pair of candidates works, and DTLS is done over it.",
            "The call connects from here.",
        ),
    ),
}
"""By section: what must be true, in the order in which a call meets it."""
