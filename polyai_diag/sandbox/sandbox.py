"""The sandbox: gateway, STUN and TURN, a proxy, its own authority, all on this machine."""

from __future__ import annotations

import secrets
import socket
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from polyai_diag.sandbox.certificates import THIS_MACHINE, Authority, self_signed_context
from polyai_diag.sandbox.faults import Fault, FaultError, played
from polyai_diag.sandbox.gateway import SIGNALING_PATH, Gateway, GatewayConfig
from polyai_diag.sandbox.proxy import Proxy, Upstream
from polyai_diag.sandbox.strangers import listening
from polyai_diag.sandbox.tokens import Tokens
from polyai_diag.sandbox.turn import TurnServer
from polyai_diag.target import Target, region_url

if TYPE_CHECKING:
    from collections.abc import Sequence

    from polyai_diag.model import Json
    from polyai_diag.sandbox.settings import ProxyMode

HOST = "127.0.0.1"
IPV6_HOST = "::1"
_CA_FILE = "ca.pem"
_CREDENTIAL_LIFE_S = 24 * 3600


class Sandbox:
    """A whole gateway on this machine, healthy or with faults, for an `async with` block.

    `faults` are ids of FAULTS, or a Fault of the caller's own. `allow_echo=False` refuses the echo
    mode, as production does; `trickle=True` sends the gateway's candidates in frames of their own;
    `ipv6=True` serves all of it on ::1, not on 127.0.0.1; `plain=True` without TLS, for a browser
    that trusts no authority of ours.
    Raises FaultError for a fault that it cannot play, or not so; without IPv6, OSError.
    """

    def __init__(
        self,
        faults: Sequence[str | Fault] = (),
        *,
        allow_echo: bool = True,
        trickle: bool = False,
        ipv6: bool = False,
        plain: bool = False,
    ) -> None:
        self._host = IPV6_HOST if ipv6 else HOST
        self._faults = played(faults)
        self._plain = plain
        if plain and self._faults.needs_tls:
            raise FaultError("a sandbox without TLS cannot play a fault of certificates or proxies")
        self._allow_echo = allow_echo
        self._trickle = trickle
        self._tokens = Tokens()
        self._authority = Authority("polyai-diag sandbox")
        self._gateway: Gateway | None = None
        self._proxy: Proxy | None = None
        self._folder = Path()
        self._url = self._token = ""
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self._folder = self._new_folder(stack)
            turn = await stack.enter_async_context(self._turn_server())
            self._gateway = await stack.enter_async_context(self._new_gateway(turn))
            if self._faults.proxy:
                self._proxy = await stack.enter_async_context(self._new_proxy(self._faults.proxy))
            port = await self._port_called(stack)
            self._url, self._token = self._url_called(port), self._token_sent()
            self._open = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    @property
    def active_calls(self) -> int:
        """How many calls are up."""
        return len(self._running.calls)

    @property
    def allocations(self) -> int:
        """How many relayed addresses the TURN server has given out, and not yet got back."""
        return len(self._running.config.relayed_addresses)

    @property
    def token(self) -> str:
        """The connector token that the gateway takes, whatever the customer sends."""
        return self._tokens.connector

    def studio_token(self, **offsets_s: int) -> str:
        """Sign a Studio JWT that is taken while its dates hold by the gateway's clock.

        `exp`, `nbf` and `iat` are given in seconds from now, by this machine's clock.
        """
        return self._tokens.studio(**offsets_s)

    @property
    def proxy(self) -> Proxy:
        """The proxy between. Raises RuntimeError where no fault brings one."""
        if self._proxy is None:
            raise RuntimeError("this sandbox has no proxy")
        return self._proxy

    @property
    def ca_file(self) -> str:
        """A file with the certificate of the authority behind the gateway and the TURN server."""
        return str(self._folder / _CA_FILE)

    @property
    def ca_file_with_proxy(self) -> str:
        """A file that holds the intercepting proxy's authority as well."""
        file = self._folder / "ca-and-proxy.pem"
        file.write_bytes(self._authority.pem + self.proxy.authority.pem)
        return str(file)

    def target(self, **overrides: Any) -> Target:
        """Return what a diagnosis of this sandbox is aimed at; `overrides` as Target takes them.

        It is what the customer has set, faults included. The ICE servers are left to be fetched
        from the gateway. Raises TargetError.
        """
        told = self.describe()
        given = {
            "url": told["signaling_url"],
            "token": told["token"],
            "ca_file": told["ca_file"],
            "proxy": told.get("proxy"),
            "third_party": False,
        }
        return Target(**{**given, **overrides})

    def describe(self) -> dict[str, Json]:
        """Return all that a client needs, secrets included: URL, token, ICE servers, CA file.

        With `proxy`, where there is one between.
        """
        told: dict[str, Json] = {
            "signaling_url": self._url,
            "token": self._token,
            "ice_servers": self._running.config.ice_servers,
            "ca_file": self.ca_file,
        }
        return {**told, "proxy": self._proxy.url} if self._proxy else told

    @property
    def _running(self) -> Gateway:
        if self._gateway is None:
            raise RuntimeError("the sandbox runs within `async with` only")
        return self._gateway

    # --- what the customer has set ------------------------------------------------------------

    async def _port_called(self, stack: AsyncExitStack) -> int:
        faults = self._faults.target
        if faults.stranger:
            context = self._authority.server_context(*THIS_MACHINE)
            return await stack.enter_async_context(listening(faults.stranger, context, self._host))
        return _closed_port(self._host, stack) if faults.closed_port else self._running.port

    def _url_called(self, port: int) -> str:
        faults = self._faults.target
        if faults.region:
            return region_url(faults.region)
        own = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'ws' if self._plain else 'wss'}://{faults.host or own}:{port}{SIGNALING_PATH}"

    def _token_sent(self) -> str:
        faults = self._faults.target
        dates_s = faults.studio_token_s
        right = self.token if dates_s is None else self.studio_token(**dates_s)
        return faults.pasted.format(token=right)

    def _new_folder(self, stack: AsyncExitStack) -> Path:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="polyai-diag-")))
        (folder / _CA_FILE).write_bytes(self._authority.pem)
        return folder

    # --- servers ------------------------------------------------------------------------------

    def _turn_server(self) -> TurnServer:
        faults = self._faults.turn
        life_s = -faults.expired_ago_s if faults.expired_credentials else _CREDENTIAL_LIFE_S
        self._username = faults.username.format(expires=int(time.time()) + life_s)
        self._credential = secrets.token_urlsafe(24)
        return TurnServer(
            host=self._host,
            users={self._username: self._credential},
            ssl_context=None if self._plain else self._authority.server_context(*THIS_MACHINE),
            faults=faults,
        )

    def _new_gateway(self, turn: TurnServer) -> Gateway:
        stun_url, *turn_urls = turn.urls()
        relay = {"urls": turn_urls, "username": self._username, "credential": self._credential}
        faults = self._faults.gateway
        config = GatewayConfig(
            host=self._host,
            tokens=self._tokens,
            ice_servers=[{"urls": [stun_url]}, *([relay] if turn_urls else [])],
            allow_echo=self._allow_echo,
            trickle=self._trickle,
            faults=faults,
            sound=self._faults.sound,
            path=self._faults.path,
            relayed_addresses=turn.relayed_addresses,
        )
        names, days = faults.certificate_names or THIS_MACHINE, faults.certificate_days
        if self._plain:
            return Gateway(config, None)
        if faults.self_signed:
            return Gateway(config, self_signed_context())
        return Gateway(config, self._authority.server_context(*names, valid_days=days))

    def _new_proxy(self, mode: ProxyMode) -> Proxy:
        upstream = Upstream(self._running.port, self._authority.client_context(), self._host)
        return Proxy(mode, upstream)


def _closed_port(host: str, stack: AsyncExitStack) -> int:
    """Return a port where nothing listens, kept so that nobody else can."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    taken = stack.enter_context(socket.socket(family))
    taken.bind((host, 0))
    port: int = taken.getsockname()[1]
    return port
