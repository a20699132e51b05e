"""What can be set wrong in the sandbox's servers, in its proxy, and at its customer's.

Nothing here is imported from outside the sandbox: what is diagnosed must show on the wire.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Way(StrEnum):
    """One direction, as a server sees it."""

    SENT = "sent"
    RECEIVED = "received"


class Page(NamedTuple):
    """An HTTP answer in place of the right one; `location` is where it sends the client."""

    status: int
    body: str = ""
    content_type: str = "text/plain; charset=utf-8"
    location: str = ""


@dataclass(frozen=True)
class GatewayFaults:
    """What the gateway does wrong on purpose."""

    reject_tokens: bool = False
    """Every token is wrong, at the ICE servers' endpoint and in the offer."""
    clock_ahead_s: float = 0
    """Its clock is so far ahead of this machine's: in HTTP `Date`, and for a JWT's dates."""
    certificate_days: tuple[float, float] | None = None
    """Its certificate is valid from and until so many days from now."""
    move_signaling: bool = False
    """Signaling is served at another path than the one that clients are told."""
    upgrade: Page | None = None
    """This in place of 101."""
    ice_servers: Page | None = None
    """This in place of the ICE servers."""
    refuse_offers: tuple[str, str] | None = None
    """An offer with a good token is answered with this error: code and message."""
    flat_errors: bool = False
    """Errors carry code and message at the top of the frame, not under `data`."""
    answer_nothing: bool = False
    """An offer is taken, and no frame follows."""
    answer_after_s: float = 0
    """The answer takes so long, and what comes in its place; an error does not."""
    omit_session_id: bool = False
    """The answer has no `sessionId`."""
    close_for_answer: tuple[int, str] | None = None
    """The WebSocket is closed in place of the answer: code and reason (RFC 6455 §7.4).

    As clients see it: 1005 is a close without a code, 1006 an end without a close.
    """
    signaling_lasts_s: float | None = None
    """The WebSocket is closed so long after the answer; the call's media lives on."""
    drop_udp: bool = False
    """UDP between clients and the media port is dropped; the TURN server's relayed UDP passes."""
    drop_media: bool = False
    """All UDP between the media port and anybody is dropped, relayed UDP too."""
    omit_candidates: bool = False
    """The answer offers no candidates."""
    media_lasts_s: float | None = None
    """All UDP of the media port is dropped from so long after the call is connected."""
    hangs_up_after_s: float | None = None
    """`close` is sent so long after the answer, and the call ended."""
    swallow_dtls: bool = False
    """DTLS records vanish, STUN passes (RFC 7983 §7 tells them apart)."""
    reject_audio: bool = False
    """The answer rejects every media section (RFC 3264 §6)."""
    answer_fmtp: str = ""
    """The answer asks for Opus with these parameters (RFC 7587 §6.1)."""
    answer_direction: str = "sendrecv"
    """The answer's direction, and what is done (RFC 3264 §6.1)."""
    send_silence: bool = False
    """What is sent is Opus-coded digital silence."""
    upgrade_after_s: float = 0
    """What answers the upgrade takes so long."""
    ice_servers_after_s: float = 0
    """The ICE servers take so long."""
    certificate_names: tuple[str, ...] = ()
    """Its certificate is made for these hosts, not for its own."""
    self_signed: bool = False
    """No authority has signed its certificate."""
    frames_first: tuple[str | bytes, ...] = ()
    """These messages go before whatever answers an offer, as they stand."""
    frame_for_answer: str | bytes | None = None
    """This message is sent in place of the answer, as it stands."""
    error_after_s: float = 0
    """An error takes so long."""
    error_close: tuple[int, str] | None = None
    """The WebSocket is closed after each error, as with `close_for_answer`."""
    hush_errors: bool = False
    """Errors are not sent: only what `error_close` says."""
    signaling_ends: tuple[int, str] = (1001, "idle for too long")
    """How the WebSocket ends after `signaling_lasts_s`, as with `close_for_answer`."""
    fails_later: tuple[float, str, str] | None = None
    """An error ends the call: so long after the answer, code and message."""
    close_without_offer: tuple[float, int, str] | None = None
    """A WebSocket without an offer is closed after so long, with this code and reason."""
    errors_outlived: tuple[str, ...] = ()
    """Errors of these codes follow the answer, and the call goes on."""
    upgrade_rhythm: str = "x"
    """Which upgrades are refused that way, over and over: `x.` every second, the first of them."""
    ice_servers_rhythm: str = "x"
    """The same, of requests for the ICE servers."""
    reset_rhythm: str = "."
    """Which TCP connections are reset as soon as they are up."""
    answer_rewritten: tuple[tuple[str, str], ...] = ()
    """What matches each pattern in the answer's text is replaced (`re.sub`, line by line)."""
    trickle_after_s: float = 0
    """Candidates that are trickled come so long after the answer."""
    drops_only: Way | None = None
    """UDP, media and DTLS that are dropped are dropped in this direction alone."""
    dtls_passes: int = 0
    """So many DTLS datagrams pass before `swallow_dtls` begins."""
    ends_media_after_s: float | None = None
    """DTLS is closed so long after the call is connected, and no frame says so."""
    silent_after_s: float | None = None
    """No RTP is sent from so long after the call is connected; checks are answered."""


@dataclass(frozen=True)
class SoundFaults:
    """What the gateway does to the sound that it sends: decoded, altered, encoded again."""

    gain_db: float = 0
    """Louder or quieter; what goes past full scale is clipped."""
    lowpass_hz: float | None = None
    """Nothing above this passes."""
    saturates_at: float | None = None
    """It bends towards this share of full scale, and never reaches it."""
    dead_channel: int | None = None
    """This channel is silent: 0 left, 1 right."""
    swaps_channels: bool = False
    """Left is right."""
    speed: float = 1.0
    """It runs so much faster than it should, pitch and all: a clock that is off, or a wrong rate.

    Its timestamps follow that clock, so that no packet is missing.
    """
    cut_ms: float = 0
    """So much is silenced every `cut_every_ms`."""
    hum_dbfs: float | None = None
    """The mains at this level (RMS), and its harmonics."""
    echo: tuple[float, float] | None = None
    """It comes a second time: so many ms later, at so many dB."""
    bit_rate: int = 64_000
    """Of the Opus that is sent, b/s."""
    mono: bool = False
    """Both channels are summed, and Opus is sent in mono."""
    application: str = "audio"
    """What Opus is tuned for: `audio`, or `voip` as browsers have it."""
    fec_percent: int = 0
    """Opus' error correction (FEC) reckons with so much loss."""
    clips_at: float = 1.0
    """What is louder than this share of full scale is cut off flat."""
    dead_zone: float | None = None
    """What is quieter than this share of full scale is not passed: a crossover."""
    bits: int | None = None
    """It is rounded to so many bits a sample."""
    g711: bool = False
    """It goes through a telephone: 300 to 3400 Hz, 8 kHz, 8 bits by the µ-law (ITU-T G.711)."""
    noise_dbfs: float | None = None
    """White noise of this level (RMS) is added."""
    idle_noise_dbfs: float | None = None
    """And this much behind all that amplifies and bends."""
    hum_hz: float = 50
    """The mains' frequency."""
    hum_harmonics: tuple[tuple[int, float], ...] = ((1, 1.0), (2, 0.5), (3, 0.4), (5, 0.2))
    """Which are in the hum, and how strong beside the first."""
    channel_gains: tuple[float, float] = (1.0, 1.0)
    """Left and right are this much louder; below zero they are turned upside down."""
    cut_every_ms: float = 370
    """How often it is cut."""
    repeats_cut: bool = False
    """What was heard just before stands where it is cut, in place of silence."""
    leaves_out_every: int | None = None
    """Each so-manieth packet is not sent, and leaves no gap in the sequence."""
    conceals_loss: bool = False
    """What did not arrive is made up from what came before, as jitter buffers do: no gap is left.
    """
    begins_s: float = 0
    """All but speed and coding is altered from so long after the first packet."""
    comes_and_goes_s: float = 0
    """From then on it is altered for this long, and left alone for as long, in turn; 0: always."""


@dataclass(frozen=True)
class PathFaults:
    """What the network does between the media port and the client."""

    drop_sent_rtp: bool = False
    """No RTP reaches the client; RTCP, STUN and DTLS do."""
    drop_received_rtp: bool = False
    """No RTP reaches the gateway; RTCP, STUN and DTLS do. An echo of nothing is silence."""
    loss_percent: float = 0
    """So much of the RTP to the client is lost."""
    loss_burst: float = 1
    """Packets lost one after the other, in the mean; 1: each for itself."""
    delay_ms: float = 0
    """Each datagram is so long on its way, in either direction."""
    jitter_ms: float = 0
    """Each datagram to the client takes longer by anything up to this."""
    received_loss_percent: float = 0
    """So much of the RTP to the gateway is lost."""
    drop_rtcp: bool = False
    """No RTCP passes, either way."""
    loses_everything: bool = False
    """It is not RTP alone that is lost: so are checks, DTLS and RTCP."""
    more_delay_ms: float = 0
    """Each datagram is so much longer on its way while the path is at its worst."""
    begins_s: float = 0
    """What is lost, jittered or late by more is so from so long after the first packet."""
    comes_and_goes_s: float = 0
    """From then on it is so for this long, and well for as long, in turn; 0: always."""
    seed: int = 7
    """Of what is drawn."""


class StreamMode(StrEnum):
    """What meets who has connected to the TURN server by TCP or TLS."""

    SERVE = "serve"
    SILENT = "silent"
    """Nothing is answered."""
    HANG_UP = "hang-up"
    """The connection ends at the first bytes, as a middlebox does that knows no STUN."""
    WEB = "web"
    """A web server answers."""


@dataclass(frozen=True)
class TurnFaults:
    """What the STUN and TURN server does wrong on purpose, or the network before it."""

    drop_udp: bool = False
    """The network swallows every UDP datagram to and from clients; TCP and TLS work."""
    reject_credentials: bool = False
    """The signed retry is answered 401 again, right as its credentials may be."""
    expired_credentials: bool = False
    """The user name that is given out holds until an hour ago, and the server looks at it."""
    allocate_error: int | None = None
    """A signed Allocate gets this error (RFC 8656 §19)."""
    refuse_peers: bool = False
    """403 for every peer (RFC 8656 §9.2)."""
    drop_relayed: bool = False
    """What comes to and goes from relayed addresses is swallowed; all requests are granted."""
    dead_urls: bool = False
    """The TURN URLs lead to a port that is closed over TCP and silent over UDP; STUN works."""
    transports: tuple[str, ...] = ("udp", "tcp", "tls")
    """The TURN URLs that are given out; the server serves all of them."""
    allocate_rhythm: str = "x"
    """Which of the signed Allocates of a transport get that error (see GatewayFaults)."""
    ignore_rhythm: str = "."
    """Which of the signed Allocates of a transport get no answer."""
    tls_reset_rhythm: str = "."
    """Which connections for TLS are reset as soon as they are up."""
    rejection_code: int = 401
    """What credentials are refused with: some servers say 400, or 441."""
    error_reason: str = ""
    """What its error responses say beside their code."""
    refuse_unsigned: bool = False
    """`allocate_error` comes in place of the challenge."""
    username: str = "{expires}:sandbox"
    """The form of the user name that is given out."""
    expired_ago_s: int = 3600
    """How long ago `expired_credentials` have expired."""
    refused_requests: tuple[str, ...] = ("permission", "channel")
    """The requests that `refuse_peers` refuses."""
    drops_only: Way | None = None
    """What is relayed is dropped in this direction alone: sent to peers, or received from them."""
    streams: StreamMode = StreamMode.SERVE
    """What becomes of TCP and TLS connections."""
    dead_stun_url: bool = False
    """The STUN URL leads to a port that is silent; TURN URLs work."""
    binding_error: int | None = None
    """A Binding gets this error (RFC 8489 §14.8)."""


class ProxyMode(StrEnum):
    """What the HTTP proxy does with a CONNECT (RFC 9110 §9.3.6)."""

    LET_THROUGH = "let-through"
    REFUSE = "refuse"
    """403, and a page that says so."""
    ASK_LOGIN = "ask-login"
    """407 until the right Basic login is given."""
    ASK_WINDOWS_LOGIN = "ask-windows-login"
    """407 that offers Negotiate and NTLM alone."""
    INTERCEPT = "intercept"
    """It ends TLS itself, with certificates of its own authority."""
    STRIP_UPGRADE = "strip-upgrade"
    """It intercepts, and asks the server without the Upgrade header."""
    UNAVAILABLE = "unavailable"
    """503: it does not reach the host."""
    SILENT = "silent"
    """It takes what is asked, and does not answer."""
    HANG_UP = "hang-up"
    """It closes the connection in place of an answer."""
    BLOCK_PAGE = "block-page"
    """It intercepts, and answers whatever is asked for with a page of its own."""
    INTERCEPT_IN_STEPS = "intercept-in-steps"
    """It intercepts, by an authority that another one vouches for."""
    CUT = "cut"
    """It says that it is connected, and closes when something is sent."""
    SLOW = "slow"
    """It lets through, two seconds later."""


class Stranger(StrEnum):
    """What listens in the gateway's place."""

    RESET = "reset"
    """TCP that is reset when the first bytes come."""
    SILENT = "silent"
    """TCP that takes everything, and says nothing."""
    HANG_UP = "hang-up"
    """TCP that is closed when the first bytes come."""
    WEB = "web"
    """A web server without TLS."""
    ALERT = "alert"
    """TLS that agrees to nothing: a fatal alert (RFC 8446 §6.2)."""
    SHELL = "shell"
    """TLS, and SSH within (RFC 4253 §4.2)."""
    HUSH = "hush"
    """TLS, and silence within."""
    CUT = "cut"
    """TLS, closed when something is asked."""


@dataclass(frozen=True)
class TargetFaults:
    """What the customer has set: right, unless a fault says otherwise."""

    pasted: str = "{token}"
    """How the token stands where it was pasted."""
    studio_token_s: Mapping[str, int] | None = None
    """A Studio JWT is used, its dates so many seconds from now by this machine's clock."""
    region: str | None = None
    """PolyAI's own URL of this region is called, not the sandbox's."""
    host: str | None = None
    """This host is called."""
    closed_port: bool = False
    """A port is called where nothing listens."""
    stranger: Stranger | None = None
    """A port is called where this listens."""
