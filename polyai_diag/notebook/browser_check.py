"""The browser check in a notebook: this browser, its microphone and its network, as a report."""

from __future__ import annotations

import asyncio
import json
import threading
import uuid
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from polyai_diag.analysis.browser import browser_record
from polyai_diag.notebook.browser_page import widget_source, widget_styles
from polyai_diag.notebook.places import SANDBOX
from polyai_diag.redact import Redactor
from polyai_diag.report import Report
from polyai_diag.sandbox import Sandbox
from polyai_diag.secret import Secret
from polyai_diag.target import IceServer, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from polyai_diag.model import Json

ANSWER_LIMIT_S = 10.0


class BrowserCheckError(RuntimeError):
    """The check could not be made; the text says why, and what to do."""


@dataclass(eq=False)
class _Waiting:
    """Somebody in a cell who waits for a check: that it begins, then for its report."""

    loop: asyncio.AbstractEventLoop
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Future[Report] = field(default_factory=asyncio.Future)

    def begin(self) -> None:
        """Tell that a browser has taken it, from whatever thread."""
        self.loop.call_soon_threadsafe(self.begun.set)

    def end(self, outcome: Report | BrowserCheckError) -> None:
        """Tell how it ended, from whatever thread."""
        self.loop.call_soon_threadsafe(self._end, outcome)

    def _end(self, outcome: Report | BrowserCheckError) -> None:
        self.begun.set()
        if self.ended.done():
            return
        if isinstance(outcome, Report):
            self.ended.set_result(outcome)
        else:
            self.ended.set_exception(outcome)


class BrowserCheck(anywidget.AnyWidget):
    """Check the browser that shows this notebook: `check` shows it, its button starts it.

    `url` is a region or a signaling URL; without one no call is placed. `ice_servers` None means:
    the gateway's. `token` goes to the browser when a check starts, and is kept in no widget state
    and no notebook; without one the browser asks for it, and tells it to nobody but the gateway.
    Raises TargetError for what cannot be called.
    """

    _esm = widget_source()
    _css = widget_styles()
    shown = traitlets.Dict({"phase": "ready"}).tag(sync=True)
    """What the views draw: how far it is, and how it ended. The browser that runs it writes it."""
    key = traitlets.Unicode().tag(sync=True)
    """By which a tab knows this check from another."""
    asked = traitlets.Dict().tag(sync=True)
    """What is going to be done, in words for the views; no secret is in it."""

    def __init__(
        self,
        url: str = "",
        ice_servers: Sequence[IceServer] | None = None,
        token: str | Secret | None = None,
    ) -> None:
        self.report: Report | None = None
        self._lock = threading.RLock()  # messages may come on another thread (subshells)
        self._run = ""  # the check under way
        self._waiting: list[_Waiting] = []
        self._callbacks: list[Callable[[Report], object]] = []
        self._open = AsyncExitStack()
        super().__init__(key=uuid.uuid4().hex)
        self.aim(url, ice_servers, token)
        self.on_msg(self._take)

    def aim(
        self,
        url: str = "",
        ice_servers: Sequence[IceServer] | None = None,
        token: str | Secret | None = None,
    ) -> None:
        """Set what the next check is aimed at, as the constructor takes it. Raises TargetError."""
        target = Target(url, token, ice_servers=_listed(ice_servers)) if url else None
        self._url = target.url if target else ""
        self._servers = _listed(ice_servers)
        self._token = Secret(token) if isinstance(token, str) else token
        where = (target.region or target.host) if target else ""
        self.asked = {"where": where, "has_token": self._token is not None}

    def on_report(self, callback: Callable[[Report], object]) -> None:
        """Call this with each report; it may be called on another thread than the cell's."""
        self._callbacks.append(callback)

    async def run(self) -> Report:
        """Do what the Start button does, and return the report.

        Raises BrowserCheckError where no browser answers or the check is lost.
        """
        waiting = _Waiting(asyncio.get_running_loop())
        self._waiting.append(waiting)
        try:
            self.send({"type": "who"})
            await self._answered(waiting)
            return await waiting.ended
        except asyncio.CancelledError:
            self.cancel()
            raise
        finally:
            self._waiting.remove(waiting)

    def cancel(self) -> None:
        """Stop the check under way; what it has seen becomes the report."""
        self.send({"type": "stop"})

    @property
    def status(self) -> str:
        """How it stands, in a line."""
        if self._run:
            return "The check runs in the browser."
        if self.report is None:
            return "Ready: press “Start the check”."
        return f"Done: {self.report.verdict.value}."

    async def leave(self) -> None:
        """Stop the sandbox that `open_check` has started."""
        await self._open.aclose()

    async def _answered(self, waiting: _Waiting) -> None:
        try:
            async with asyncio.timeout(ANSWER_LIMIT_S):
                await waiting.begun.wait()
        except TimeoutError:
            raise BrowserCheckError(
                "No browser has answered. Show the check in a cell of its own, then press its "
                "“Start the check” button: that works in every notebook."
            ) from None

    # --- what the browser says, on whatever thread ---

    def _take(self, _widget: object, message: Json, _buffers: object) -> None:
        told = message if isinstance(message, dict) else {}
        match told.get("type"):
            case "here":
                self._here(told)
            case "result":
                self._came(told)
            case "failed":
                self._failed(told)
            case "cancel":
                self.cancel()

    def _here(self, told: dict[str, Json]) -> None:
        """Let a tab run the check: its button was pressed, or it has heard our question."""
        with self._lock:
            asked = any(not waiting.begun.is_set() for waiting in self._waiting)
            if not told.get("pressed") and (self._run or not asked):
                return
            self._run = uuid.uuid4().hex
        for waiting in self._waiting:
            waiting.begin()
        self.send(
            {"type": "go", "tab": told.get("tab"), "run": self._run, "options": self._options()}
        )

    def _came(self, told: dict[str, Json]) -> None:
        if not self._ends(told):
            return
        result = Redactor(self._secrets()).data(told.get("result"))
        record = browser_record(json.dumps(result), datetime.now(UTC))
        if record is None:
            self._lost("The browser's result cannot be read: load the page again, and start it.")
            return
        self.report = report = Report(record)
        for waiting in self._waiting:
            waiting.end(report)
        for callback in self._callbacks:
            callback(report)

    def _failed(self, told: dict[str, Json]) -> None:
        if self._ends(told):
            self._lost(f"The check has not come to its end: {str(told.get('said'))[:200]}.")

    def _ends(self, told: dict[str, Json]) -> bool:
        """Whether this is about the check under way, which then is over."""
        with self._lock:
            current = bool(self._run) and told.get("run") == self._run
            if current:
                self._run = ""
            return current

    def _lost(self, said: str) -> None:
        self.shown = {"phase": "failed", "said": said}
        for waiting in self._waiting:
            waiting.end(BrowserCheckError(said))

    def _options(self) -> dict[str, Json]:
        """Return what the module's `runCheck` takes, secrets included: for a message alone."""
        servers = None if self._servers is None else [_as_browsers_take(s) for s in self._servers]
        if not self._url and servers is None:
            servers = []
        token = self._token.reveal() if self._token else ""
        return {"url": self._url, "token": token, "iceServers": servers}

    def _secrets(self) -> list[Secret | None]:
        return [self._token, *(server.credential for server in self._servers or ())]

    def __repr__(self) -> str:
        return "<BrowserCheck>"


async def open_check(where: str = SANDBOX, fault: str = "") -> BrowserCheck:
    """Return the check for `where`: "sandbox", a region or a signaling URL.

    A sandbox is started for it on the kernel's machine, with this fault or none, and serves until
    `await check.leave()` or the kernel's end. Raises FaultError, TargetError.
    """
    if where != SANDBOX:
        return BrowserCheck(where)
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(Sandbox([fault] if fault else [], plain=True))
        told = sandbox.describe()
        check = BrowserCheck(told["signaling_url"], token=told["token"])
        check.asked = {**check.asked, "where": "the sandbox on the kernel's machine"}
        check._open = stack.pop_all()  # noqa: SLF001 - its own
    return check


def _listed(servers: Sequence[IceServer] | None) -> tuple[IceServer, ...] | None:
    return None if servers is None else tuple(servers)


def _as_browsers_take(server: IceServer) -> dict[str, Json]:
    given: dict[str, Any] = {"urls": list(server.urls)}
    if server.username is not None:
        given["username"] = server.username
    if server.credential is not None:
        given["credential"] = server.credential.reveal()
    return given
