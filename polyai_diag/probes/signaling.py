"""Signaling over one WebSocket: offers out; answers, candidates and errors in."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from websockets.exceptions import ConnectionClosed

from polyai_diag.protocol import (
    Answer,
    Close,
    ErrorFrame,
    Frame,
    FrameError,
    IceCandidate,
    Other,
    close_frame,
    read_frame,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from websockets.asyncio.client import ClientConnection

PING_TIMEOUT_S = 2.0
MAX_FRAMES_KEPT = 200
FLOOD_FRAMES = 200


class Refused(Exception):  # noqa: N818 - the gateway's no is an answer, not an error of ours
    """The gateway answered with an error frame."""

    def __init__(self, frame: ErrorFrame) -> None:
        super().__init__(f"{frame.code}: {frame.message}" if frame.message else frame.code)
        self.code = frame.code
        self.message = frame.message


class CallClosed(Exception):  # noqa: N818 - the gateway's word, not an error of ours
    """The gateway answered with a close frame."""


class Signaling:
    """Frames over one WebSocket: offers out, answers, candidates and errors in.

    Reading starts at once and goes on until `close()`. Candidates that arrive early are held
    until someone asks for them.
    """

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._answers: asyncio.Queue[Answer | Exception] = asyncio.Queue(MAX_FRAMES_KEPT)
        self._candidates: list[IceCandidate] = []
        self._on_candidate: Callable[[IceCandidate], None] | None = None
        self.session_id: str | None = None
        self.others: list[str] = []
        self.error: Refused | None = None  # the last, since the offer; also after its answer
        self.error_s = 0.0
        self.ended = asyncio.Event()
        self.closed_by_gateway = False
        self.close_code: int | None = None
        self.close_reason = ""
        self.answered_s = self.ended_s = 0.0  # time.monotonic()
        self._counted_second = self._counted = 0
        self._reader = asyncio.create_task(self._read(), name="signaling reader")

    async def ask(self, offer: str, timeout_s: float) -> Answer:
        """Send an offer and wait for its answer.

        Raises Refused for an error frame, CallClosed for a close frame, FrameError for an answer
        that cannot be read, ConnectionClosed when the gateway hangs up, TimeoutError when nothing
        comes back.
        """
        while not self._answers.empty():
            self._answers.get_nowait()
        self.error = None
        await self._connection.send(offer)
        try:
            async with asyncio.timeout(timeout_s):
                answer = await self._answers.get()
        except TimeoutError:
            if self._answers.empty():
                raise
            answer = self._answers.get_nowait()  # it came in time: this program was busy
        if isinstance(answer, Exception):
            raise answer
        self.session_id = answer.session_id
        self.answered_s = time.monotonic()
        return answer

    def on_candidate(self, take: Callable[[IceCandidate], None]) -> None:
        """Hand over the candidates held so far, and each new one."""
        self._on_candidate = take
        for candidate in self._candidates:
            take(candidate)

    async def ping(self) -> float:
        """Return the round trip of a WebSocket ping in ms. Raises TimeoutError."""
        started = time.monotonic()
        async with asyncio.timeout(PING_TIMEOUT_S):  # behind a flood of frames no pong is seen
            await (await self._connection.ping())
        return (time.monotonic() - started) * 1000

    async def close(self) -> None:
        """Say `close` for the session that is open, and hang up.

        Without a session there is nobody to wait for: a refused call ends at once.
        """
        with contextlib.suppress(ConnectionClosed, OSError):
            if self.session_id is not None and not self.ended.is_set():
                await self._connection.send(close_frame(self.session_id))
        if self.session_id is not None:
            await self._connection.close()
        else:
            self._connection.transport.abort()  # a TLS goodbye would cost a round trip
        await self._reader

    async def _read(self) -> None:
        try:
            async for text in self._connection:
                if self._is_flooded():
                    said = f"more than {FLOOD_FRAMES} frames in a second; we hung up"
                    self._answer(FrameError("$", said))
                    self._connection.transport.abort()
                    break
                self._take(text)
            self._end(None)
        except ConnectionClosed as exc:
            self._end(exc)

    def _is_flooded(self) -> bool:
        """Count frames second by second: to go on reading a flood would starve all the rest."""
        second = int(time.monotonic())
        if second != self._counted_second:
            self._counted_second, self._counted = second, 0
        self._counted += 1
        return self._counted > FLOOD_FRAMES

    def _end(self, exc: ConnectionClosed | None) -> None:
        if exc is not None and exc.rcvd is None and exc.sent is not None:
            self._answer(FrameError("$", f"we hung up: {exc.sent}"))
        code = self._connection.close_code
        self.close_code = None if code is None else int(code)
        self.close_reason = self._connection.close_reason or ""
        self._note_end()
        self._answer(exc or ConnectionClosed(self._connection.protocol.close_rcvd, None))

    def _note_end(self) -> None:
        if not self.ended.is_set():
            self.ended_s = time.monotonic()
            self.ended.set()

    def _take(self, text: str | bytes) -> None:
        try:
            frame = read_frame(text if isinstance(text, str) else text.decode())
        except UnicodeDecodeError:
            self._answer(FrameError("$", "a binary frame that is not text"))
            return
        except FrameError as exc:
            self._answer(exc)
            return
        self._take_frame(frame)

    def _take_frame(self, frame: Frame) -> None:
        match frame:
            case Answer():
                self._answer(frame)
            case IceCandidate():
                self._hold(frame)
            case ErrorFrame():
                self.error, self.error_s = Refused(frame), time.monotonic()
                self._answer(self.error)
            case Close():
                self.closed_by_gateway = True
                self._note_end()
                self._answer(CallClosed("a close frame in place of the answer"))
            case Other() if len(self.others) < MAX_FRAMES_KEPT:
                self.others.append(frame.type)

    def _hold(self, candidate: IceCandidate) -> None:
        if len(self._candidates) < MAX_FRAMES_KEPT:
            self._candidates.append(candidate)
            if self._on_candidate is not None:
                self._on_candidate(candidate)

    def _answer(self, answer: Answer | Exception) -> None:
        with contextlib.suppress(asyncio.QueueFull):
            self._answers.put_nowait(answer)
