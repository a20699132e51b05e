"""Faults that come and go: which requests fail, and connections that are reset in between."""

from __future__ import annotations

import itertools
import socket
import struct

FAILS, WORKS = "x", "."
ALWAYS, NEVER = FAILS, WORKS
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, for no time


class Rhythm:
    """Which of several in a row fail, over and over: `x.` is every second, the first of them."""

    def __init__(self, pattern: str) -> None:
        self._turns = itertools.cycle(pattern)

    def fails(self) -> bool:
        """Whether the next one does."""
        return next(self._turns) == FAILS


class ResettingSocket(socket.socket):
    """A listening socket that resets some connections as soon as it has accepted them.

    Windows' event loop accepts without asking it: there it resets none.
    """

    rhythm = Rhythm(NEVER)

    def accept(self) -> tuple[socket.socket, object]:
        """Return the next connection. Raises ConnectionAbortedError for one that was reset."""
        connection, address = super().accept()
        if self.rhythm.fails():
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            connection.close()
            raise ConnectionAbortedError
        return connection, address


def listening_socket(host: str, port: int, pattern: str) -> socket.socket:
    """Bind a TCP socket to listen with; `pattern` tells which connections are reset.

    Raises OSError when a port that was asked for is taken.
    """
    made = ResettingSocket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.rhythm = Rhythm(pattern)
    try:
        made.setblocking(False)
        made.bind((host, port))
    except BaseException:
        made.close()
        raise
    return made
