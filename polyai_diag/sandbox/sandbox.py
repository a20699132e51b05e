"""The sandbox: gateway, STUN and TURN, its own certificate authority, all on this machine."""

from __future__ import annotations

import secrets
import ssl
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import trustme

from polyai_diag.sandbox.faults import chosen, gateway_faults, turn_faults
from polyai_diag.sandbox.gateway import HOST, SIGNALING_PATH, Gateway, GatewayConfig
from polyai_diag.sandbox.turn import TurnServer
from polyai_diag.target import Target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from polyai_diag.model import Json

_CREDENTIAL_LIFE_S = 24 * 3600


class Sandbox:
    """A whole gateway on 127.0.0.1, healthy or with faults, for an `async with` block.

    `faults` are ids of FAULTS. `allow_echo=False` refuses the echo mode, as production does;
    `trickle=True` sends the gateway's candidates in frames of their own.
    Raises FaultError for a fault that it cannot play.
    """

    def __init__(
        self, faults: Sequence[str] = (), *, allow_echo: bool = True, trickle: bool = False
    ) -> None:
        self._faults = chosen(faults)
        self._allow_echo = allow_echo
        self._trickle = trickle
        self._token = f"sandbox-{secrets.token_urlsafe(24)}"
        self._ice_servers: list[dict[str, Json]] = []
        self._ca_file = ""
        self._gateway: Gateway | None = None
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="polyai-diag-"))
            self._ca_file = str(Path(folder, "ca.pem"))
            context = _server_context(self._ca_file)
            turn = await stack.enter_async_context(self._turn_server(context))
            self._gateway = await stack.enter_async_context(self._new_gateway(turn, context))
            self._open = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    @property
    def active_calls(self) -> int:
        """How many calls are up."""
        return len(self._running.calls)

    def target(self, **overrides: Any) -> Target:
        """Return what a diagnosis of this sandbox is aimed at; `overrides` as Target takes them.

        The ICE servers are left to be fetched from the gateway. Raises TargetError.
        """
        given = {
            "url": self._signaling_url,
            "token": self._token,
            "ca_file": self._ca_file,
            "third_party": False,
        }
        return Target(**{**given, **overrides})

    def describe(self) -> dict[str, Json]:
        """Return all that a client needs, secrets included: URL, token, ICE servers, CA file."""
        return {
            "signaling_url": self._signaling_url,
            "token": self._token,
            "ice_servers": self._ice_servers,
            "ca_file": self._ca_file,
        }

    @property
    def _running(self) -> Gateway:
        if self._gateway is None:
            raise RuntimeError("the sandbox runs within `async with` only")
        return self._gateway

    @property
    def _signaling_url(self) -> str:
        return f"wss://{HOST}:{self._running.port}{SIGNALING_PATH}"

    def _turn_server(self, context: ssl.SSLContext) -> TurnServer:
        expires = int(time.time()) + _CREDENTIAL_LIFE_S
        self._username, self._credential = f"{expires}:sandbox", secrets.token_urlsafe(24)
        return TurnServer(
            users={self._username: self._credential},
            ssl_context=context,
            faults=turn_faults(self._faults),
        )

    def _new_gateway(self, turn: TurnServer, context: ssl.SSLContext) -> Gateway:
        stun_url, *turn_urls = turn.urls()
        relay = {"urls": turn_urls, "username": self._username, "credential": self._credential}
        self._ice_servers = [{"urls": [stun_url]}, relay]
        config = GatewayConfig(
            token=self._token,
            ice_servers=self._ice_servers,
            allow_echo=self._allow_echo,
            trickle=self._trickle,
            faults=gateway_faults(self._faults),
            relayed_addresses=turn.relayed_addresses,
        )
        return Gateway(config, context)


def _server_context(ca_file: str) -> ssl.SSLContext:
    """Return a context with a certificate for this machine's names, its CA's written to a file."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(ca_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1", "::1").configure_cert(context)
    return context
