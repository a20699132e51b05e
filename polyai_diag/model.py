"""The words of the house: what a run is aimed at, what it saw, and what follows from that.

Plain data without behaviour that could fail. What goes into a report is a `msgspec.Struct`,
so that the JSON, its schema and the reading back are one definition.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from polyai_diag.failures import Failure
from polyai_diag.secret import Secret

SCHEMA_VERSION = 1
STEP_NAMES = ("token", "gateway", "signaling", "stun", "turn", "nat", "opus", "call", "audio")
REGIONS = ("us-1", "uk-1", "euw-1")
MODES = ("end-to-end", "traditional", "echo")
LEGACY_MODES = ("agent", "agent_v1", "agent_v2", "cascaded", "normal", "realtime")

Json = Any
"""A value that JSON can hold: str, int, float, bool, None, list or dict of such."""


class InputError(ValueError):
    """What the user gave cannot be used; the text is one line and says what is accepted."""


class TargetError(InputError):
    """The target cannot be used as given; the text is one line and says what is accepted."""


# --- what a run is aimed at -------------------------------------------------------------------


class IceUrl(NamedTuple):
    """A STUN or TURN URL taken apart (RFC 7064, RFC 7065)."""

    url: str
    scheme: str  # stun, stuns, turn, turns
    host: str  # without brackets
    port: int
    transport: str  # udp, tcp, tls, dtls: what goes over the wire to the server

    @property
    def is_turn(self) -> bool:
        """Whether it asks for a relay."""
        return self.scheme in ("turn", "turns")


_ICE_URL = re.compile(
    r"(?P<scheme>stuns?|turns?):(?P<host>\[[0-9a-fA-F:.]+\]|[^\s:?@/\[\]]+)(?::(?P<port>\d{1,5}))?"
    r"(?:\?transport=(?P<transport>udp|tcp))?",
    re.IGNORECASE | re.ASCII,
)


def parse_ice_url(url: str) -> IceUrl:
    """Take a `stun:`, `stuns:`, `turn:` or `turns:` URL apart (RFC 7064 §3.1, RFC 7065 §3.1).

    Raises TargetError when it is none.
    """
    if "@" in url:
        raise TargetError("an ICE server URL takes no login; give user name and credential apart")
    match = _ICE_URL.fullmatch(url.strip())
    if match is None:
        raise TargetError(
            f"{url!r} is not an ICE server URL: "
            "stun:HOST[:PORT], turn:HOST[:PORT][?transport=udp|tcp] or turns:HOST[:PORT]"
        )
    scheme = match["scheme"].lower()
    secure = scheme in ("stuns", "turns")
    asked = (match["transport"] or ("tcp" if secure else "udp")).lower()
    if match["transport"] and scheme.startswith("stun"):
        raise TargetError(f"{url!r}: a STUN URL takes no ?transport= (RFC 7064 §3.1)")
    port = int(match["port"] or (5349 if secure else 3478))
    if not 0 < port < 65536:
        raise TargetError(f"{url!r}: port {port} is not between 1 and 65535")
    over_tls = {"udp": "dtls", "tcp": "tls"}
    transport = over_tls[asked] if secure else asked
    return IceUrl(url.strip(), scheme, match["host"].strip("[]"), port, transport)


@dataclass(frozen=True)
class IceServer:
    """One entry of `iceServers`, as RTCPeerConnection takes it (W3C WebRTC §4.2.4).

    Raises TargetError for a URL that is none.
    """

    urls: tuple[str, ...]
    username: str | None = None
    credential: Secret | None = None

    def __init__(
        self,
        urls: str | list[str] | tuple[str, ...],
        username: str | None = None,
        credential: str | Secret | None = None,
    ) -> None:
        object.__setattr__(self, "urls", (urls,) if isinstance(urls, str) else tuple(urls))
        object.__setattr__(self, "username", username)
        object.__setattr__(self, "credential", _as_secret(credential))
        for url in self.urls:
            parse_ice_url(url)

    @property
    def parsed(self) -> list[IceUrl]:
        """Its URLs taken apart, in order."""
        return [parse_ice_url(url) for url in self.urls]


@dataclass(frozen=True)
class Target:
    """What to diagnose, and how the call is to be placed.

    `url` is the signaling endpoint (`wss://…`), or a region's name: `us-1`, `uk-1`, `euw-1`.
    `ice_servers` None means: fetch them from the gateway, as clients do. `mode` None means:
    ask for the echo, and take the agent where the gateway refuses it.
    Raises TargetError, one line, for what cannot be used.
    """

    url: str
    token: Secret | None = None
    ice_servers: tuple[IceServer, ...] | None = None
    call_sid: str = field(default_factory=lambda: f"polyai-diag-{uuid.uuid4()}")
    mode: str | None = None
    relay_only: bool = False
    thorough: bool = False
    hold_s: float = 0
    third_party: bool = True
    ca_file: str | None = None

    def __init__(  # noqa: PLR0913 - the public constructor names every option
        self,
        url: str,
        token: str | Secret | None = None,
        *,
        ice_servers: list[IceServer] | tuple[IceServer, ...] | None = None,
        call_sid: str | None = None,
        mode: str | None = None,
        relay_only: bool = False,
        thorough: bool = False,
        hold_s: float = 0,
        third_party: bool = True,
        ca_file: str | None = None,
    ) -> None:
        values = {
            "url": _signaling_url(url),
            "token": _as_secret(token),
            "ice_servers": None if ice_servers is None else tuple(ice_servers),
            "call_sid": call_sid or f"polyai-diag-{uuid.uuid4()}",
            "mode": _mode(mode),
            "relay_only": relay_only,
            "thorough": thorough,
            "hold_s": hold_s,
            "third_party": third_party,
            "ca_file": ca_file,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def host(self) -> str:
        """The gateway's host name."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The gateway's port."""
        parts = urlsplit(self.url)
        return parts.port or (443 if parts.scheme == "wss" else 80)

    @property
    def secure(self) -> bool:
        """Whether signaling runs over TLS."""
        return self.url.startswith("wss://")

    @property
    def region(self) -> str | None:
        """The region that the host name tells, if it is one of PolyAI's."""
        match = re.fullmatch(r"webrtc-gateway\.([a-z0-9-]+)\.platform\.polyai\.app", self.host)
        return match[1] if match else None

    @property
    def http_base(self) -> str:
        """`https://host:port` of the same gateway, for /health and /api/v1/ice-servers."""
        parts = urlsplit(self.url)
        return f"{'https' if self.secure else 'http'}://{parts.netloc}"


def region_url(region: str) -> str:
    """Return the signaling URL of one of PolyAI's regions."""
    return f"wss://webrtc-gateway.{region}.platform.polyai.app/api/v1/webrtc/signal"


def _as_secret(value: str | Secret | None) -> Secret | None:
    return Secret(value) if isinstance(value, str) else value


def _signaling_url(url: str) -> str:
    if url in REGIONS:
        return region_url(url)
    accepted = f"wss://HOST[:PORT]/PATH (ws:// on this machine), or a region: {', '.join(REGIONS)}"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise TargetError(
            f"{_without_login(url)!r}: the host or port cannot be read; accepted: {accepted}"
        ) from None
    if parts.username is not None:
        raise TargetError("the URL holds a user name or password; leave it out, and give a token")
    if parts.scheme not in ("ws", "wss") or not host or port == 0:
        raise TargetError(f"{_without_login(url)!r} is not a signaling URL; accepted: {accepted}")
    return url


def _without_login(url: str) -> str:
    return url.rpartition("@")[2]


def _mode(mode: str | None) -> str | None:
    if mode is not None and mode not in MODES + LEGACY_MODES:
        raise TargetError(f"mode {mode!r} is unknown; accepted: {', '.join(MODES)}")
    return mode


# --- what was seen ----------------------------------------------------------------------------


class Status(StrEnum):
    """How a step ended."""

    PASSED = "passed"
    FAILED = "failed"  # the network's answer, on any endpoint
    SKIPPED = "skipped"  # with the reason
    ERROR = "error"  # our own bug
    CANCELLED = "cancelled"


NOT_ASKED = "not asked for"
"""The reason of a step that the user left out; any other reason for a skip follows from the run."""


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """One exchange: what was done, with whom, how long it took and how it failed."""

    operation: str
    endpoint: str
    started_ms: float  # since the run started
    duration_ms: float
    failure: Failure | None = None
    notes: dict[str, Json] = {}


class StepResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one step did and saw."""

    name: str
    status: Status
    reason: str = ""
    started_ms: float = 0.0
    duration_ms: float = 0.0
    data: dict[str, Json] = {}
    observations: tuple[Observation, ...] = ()


class CallIds(msgspec.Struct, frozen=True, kw_only=True):
    """What PolyAI's side can search for."""

    call_sid: str
    session_id: str | None = None
    region: str | None = None


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What a run saw, with its time and machine; judged again, it gives the same verdict."""

    schema_version: int = SCHEMA_VERSION
    tool: str
    started: str  # RFC 3339, UTC
    duration_ms: float
    steps: tuple[StepResult, ...]  # all of STEP_NAMES, in order
    call: CallIds
    target: dict[str, Json]
    environment: dict[str, Json]

    def step(self, name: str) -> StepResult:
        """Return the step of that name; raises KeyError."""
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)


# --- what it means ----------------------------------------------------------------------------


class Severity(StrEnum):
    """How much a finding matters to the call."""

    CRITICAL = "critical"  # the call cannot be made or used as configured
    WARNING = "warning"  # it works all the same
    INFO = "info"  # it only explains


class Verdict(StrEnum):
    """The answer in one word."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"  # warnings only
    FAILED = "failed"
    INCOMPLETE = "incomplete"


class Guide(StrEnum):
    """The section of the troubleshooting guide that a finding belongs to."""

    UNAUTHORIZED = "unauthorized"
    NO_AUDIO = "no-audio"
    ICE = "ice"


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What a finding rests on: an observation of a step, by its index, and what it says."""

    step: str
    observation: int | None = None
    text: str


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A root cause that has evidence."""

    id: str
    severity: Severity
    title: str
    summary: str
    evidence: tuple[Evidence, ...]
    remedy: str
    reference: str = ""
    guide: Guide | None = None
    explained_by: tuple[str, ...] = ()


class Issue(msgspec.Struct, frozen=True, kw_only=True):
    """A fault in something pasted: where it stands, what is wrong, which cause it points to."""

    path: str
    message: str
    severity: Severity = Severity.WARNING
    cause: str | None = None


# --- live events ------------------------------------------------------------------------------


@dataclass(frozen=True)
class StepStarted:
    """A step began."""

    name: str


@dataclass(frozen=True)
class Progress:
    """What a step is doing now, in words; `fraction` of the step done, where it is known."""

    name: str
    text: str
    fraction: float | None = None


@dataclass(frozen=True)
class Observed:
    """A step has seen something."""

    name: str
    observation: Observation


@dataclass(frozen=True)
class StepFinished:
    """A step ended, by itself or cut off."""

    result: StepResult


Event = StepStarted | Progress | Observed | StepFinished
