"""Faults that come and go: which requests fail, and connections that are reset in between."""

from __future__ import annotations

import asyncio
import itertools
import socket
import struct
from typing import Any

FAILS, WORKS = "x", "."
RESET_AFTER_S = 0.02  # when the client has begun to speak
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, for no time


class Rhythm:
    """Which of several in a row fail, over and over: `x.` is every second, the first of them."""

    def __init__(self, pattern: str) -> None:
        self._turns = itertools.cycle(pattern)

    def fails(self) -> bool:
        """Whether the next one does."""
        return next(self._turns) == FAILS


class ResettingSocket(socket.socket):
    """A listening socket that resets some connections, RESET_AFTER_S after it has accepted them.

    Windows' event loop accepts without asking it: there it resets none.
    """

    rhythm = Rhythm(WORKS)

    def accept(self) -> tuple[socket.socket, Any]:
        """Return the next connection. Raises ConnectionAbortedError for one to be reset."""
        connection, address = super().accept()
        if self.rhythm.fails():
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            asyncio.get_running_loop().call_later(RESET_AFTER_S, connection.close)
            raise ConnectionAbortedError
        return connection, address


def listens_at(host: str, port: int, pattern: str) -> dict[str, Any]:
    """Return where a server is to listen, as `create_server` takes it.

    `pattern` tells which connections are reset. Raises OSError for a port that is taken.
    """
    if FAILS not in pattern:
        return {"host": host, "port": port}
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = ResettingSocket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.rhythm = Rhythm(pattern)
    try:
        made.bind((host, port))
    except BaseException:
        made.close()
        raise
    return {"sock": made}
