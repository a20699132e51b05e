"""What a run is aimed at: the gateway, the token, the ICE servers, and how the call is placed."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlsplit

from polyai_diag.model import InputError
from polyai_diag.secret import Secret

REGIONS = ("us-1", "uk-1", "euw-1")
ALL_REGIONS = "all"
ICE_SERVERS_PATH = "/api/v1/ice-servers"
MODES = ("end-to-end", "traditional", "echo")
PROXY_SCHEMES = ("http", "https", "socks4", "socks5", "socks5h")
LEGACY_MODES = ("agent", "agent_v1", "agent_v2", "cascaded", "normal", "realtime")


class TargetError(InputError):
    """The target cannot be used as given; the text is one line and says what is accepted."""


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
        credential = _as_secret(credential)  # tracebacks may show variables: from here on, nothing
        object.__setattr__(self, "urls", (urls,) if isinstance(urls, str) else tuple(urls))
        object.__setattr__(self, "username", username)
        object.__setattr__(self, "credential", credential)
        for url in self.urls:
            parse_ice_url(url)

    @property
    def parsed(self) -> list[IceUrl]:
        """Its URLs taken apart, in order."""
        return [parse_ice_url(url) for url in self.urls]


@dataclass(frozen=True)
class Target:
    """What to diagnose, and how the call is to be placed.

    `url` is the signaling endpoint (`wss://…`), or a region's name: `us-1`, `uk-1`, `euw-1`; `all`
    asks every region which answers and takes the token, and places no call.
    `ice_servers` None means: fetch them from the gateway, as clients do. `mode` None means:
    ask for the echo, and take the agent where the gateway refuses it. `proxy` None means: the
    environment's (HTTPS_PROXY, NO_PROXY).
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
    proxy: Secret | None = None  # its URL may hold a login
    all_regions: bool = False

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
        proxy: str | Secret | None = None,
    ) -> None:
        token, proxy = _as_secret(token), _as_secret(proxy)  # a traceback may show variables
        values = {
            "url": _signaling_url(REGIONS[0] if url == ALL_REGIONS else url),
            "token": token,
            "ice_servers": None if ice_servers is None else tuple(ice_servers),
            "call_sid": call_sid or f"polyai-diag-{uuid.uuid4()}",
            "mode": _mode(mode),
            "relay_only": relay_only,
            "thorough": thorough,
            "hold_s": hold_s,
            "third_party": third_party,
            "ca_file": ca_file,
            "proxy": _proxy(proxy),
            "all_regions": url == ALL_REGIONS,
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
        """The region that the host name tells, if it is one of PolyAI's; `all` where all are."""
        if self.all_regions:
            return ALL_REGIONS
        match = re.fullmatch(r"webrtc-gateway\.([a-z0-9-]+)\.platform\.polyai\.app", self.host)
        return match[1] if match else None

    @property
    def http_base(self) -> str:
        """`https://host:port` of the same gateway, for /health and /api/v1/ice-servers."""
        parts = urlsplit(self.url)
        return f"{'https' if self.secure else 'http'}://{parts.netloc}"

    @property
    def ice_servers_url(self) -> str:
        """Where the same gateway gives its ICE servers."""
        return f"{self.http_base}{ICE_SERVERS_PATH}"


def region_url(region: str) -> str:
    """Return the signaling URL of one of PolyAI's regions."""
    return f"wss://webrtc-gateway.{region}.platform.polyai.app/api/v1/webrtc/signal"


def _as_secret(value: str | Secret | None) -> Secret | None:
    return Secret(value) if isinstance(value, str) else value


def _signaling_url(url: str) -> str:
    if url in REGIONS:
        return region_url(url)
    regions = ", ".join((*REGIONS, ALL_REGIONS))
    accepted = f"wss://HOST[:PORT]/PATH (ws:// on this machine), or a region: {regions}"
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


def _proxy(url: Secret | None) -> Secret | None:
    if url is None:
        return None
    try:
        parts = urlsplit(url.reveal())
        right = parts.scheme in PROXY_SCHEMES and parts.hostname and parts.port != 0
    except ValueError:
        right = False
    if not right:
        raise TargetError(
            f"the proxy is no URL such as http://HOST:PORT; accepted: {', '.join(PROXY_SCHEMES)}"
        )
    return url


def _mode(mode: str | None) -> str | None:
    if mode is not None and mode not in MODES + LEGACY_MODES:
        raise TargetError(f"mode {mode!r} is unknown; accepted: {', '.join(MODES)}")
    return mode
