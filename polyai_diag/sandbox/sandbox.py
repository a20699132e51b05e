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

from polyai_diag.model import IceServer, Target
from polyai_diag.sandbox.faults import chosen, gateway_faults
from polyai_diag.sandbox.gateway import HOST, SIGNALING_PATH, Gateway, GatewayConfig

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
        self._stack = AsyncExitStack()
        self._gateway: Gateway | None = None
        self._ice_servers: list[dict[str, Json]] = []
        self._ca_file = ""

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self._ca_file, context = stack.enter_context(_Authority())
            config = GatewayConfig(
                token=self._token,
                ice_servers=self._ice_servers,
                allow_echo=self._allow_echo,
                trickle=self._trickle,
                faults=gateway_faults(self._faults),
            )
            self._gateway = Gateway(config, context)
            stack.push_async_callback(self._gateway.close)
            await self._gateway.start()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()
