"""What widgets call: on the panel's own loop, and what it raises is said in the panel."""

from __future__ import annotations

import asyncio
import inspect
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from polyai_diag.model import InputError
from polyai_diag.our_bug import our_bug
from polyai_diag.report.text import plain

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterator


class PanelBusyError(RuntimeError):
    """A run is under way already; the text says what to do."""


class Callbacks:
    """Makes callbacks out of actions. JupyterLab loses what a callback prints or raises.

    `say` shows one line. Callbacks may come on any thread; the actions run on the loop that was
    running when this was made, or that `use_this_loop` was called from.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._loop = _running_loop()
        self.tasks: set[asyncio.Task[Any]] = set()  # the loop itself holds them weakly

    def use_this_loop(self) -> None:
        """Run what comes on the loop that is running now."""
        self._loop = asyncio.get_running_loop()

    def on_loop(
        self, action: Callable[[], Coroutine[Any, Any, object] | None]
    ) -> Callable[[object], None]:
        """Return a callback that has the loop run the action, a coroutine's as a task."""

        def called(_: object = None) -> None:
            with self.caught():
                if self._loop is None or self._loop.is_closed():
                    raise InputError("No event loop: run `await panel.run()` in a cell.")
                self._loop.call_soon_threadsafe(self._run, action)

        return called

    def here(self, action: Callable[[], None]) -> Callable[[object], None]:
        """Return a callback that runs the action where it is called."""

        def called(_: object = None) -> None:
            with self.caught():
                action()

        return called

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Say what is raised within, and let nothing pass."""
        try:
            yield
        except Exception as exc:  # noqa: BLE001 - whatever it is, the panel is where it is seen
            self._say(words_of(exc))

    def _run(self, action: Callable[[], Awaitable[object] | None]) -> None:
        with self.caught():
            started = action()
            if inspect.iscoroutine(started):
                task = asyncio.get_running_loop().create_task(started)
                self.tasks.add(task)
                task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (exc := task.exception()) is not None:
            self._say(words_of(exc))


def words_of(exc: BaseException) -> str:
    """Return one line: what was wrong in what was given, or where this tool broke.

    The message of a foreign exception may hold anything, a token too: it is not shown.
    """
    if isinstance(exc, InputError | PanelBusyError):
        return plain(exc)
    if isinstance(exc, OSError) and exc.strerror:
        return f"{type(exc).__name__}: {plain(exc.strerror)}"
    return f"A fault of this tool, please report it: {our_bug(exc)}"


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
