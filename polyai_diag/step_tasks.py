"""Which tasks each step has started: none of them may outlive the run, whoever forgot it."""

from __future__ import annotations

import asyncio
import contextlib
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Tasks = set[asyncio.Task[Any]]

_started: ContextVar[Tasks | None] = ContextVar("started", default=None)


class _Noting:
    """A task factory that notes each new task with the step in whose context it is made."""

    def __init__(self, before: Callable[..., Any] | None) -> None:
        self.before = before
        self.runs = 0

    def __call__(self, loop: asyncio.AbstractEventLoop, coro: Any, **given: Any) -> Any:
        make = self.before or _task
        task = make(loop, coro, **given)
        started = _started.get()
        if started is not None:
            started.add(task)  # also keeps it: the loop alone would let it be collected
            task.add_done_callback(started.discard)
        return task


def _task(loop: asyncio.AbstractEventLoop, coro: Any, **given: Any) -> asyncio.Task[Any]:
    return asyncio.Task(coro, loop=loop, **given)


@contextlib.contextmanager
def tasks_noted() -> Iterator[None]:
    """Let the running loop note tasks; several runs of one loop may overlap."""
    loop = asyncio.get_running_loop()
    now: Any = loop.get_task_factory()
    noting = now if isinstance(now, _Noting) else _Noting(now)
    loop.set_task_factory(noting)
    noting.runs += 1
    try:
        yield
    finally:
        noting.runs -= 1
        if not noting.runs and loop.get_task_factory() is noting:
            loop.set_task_factory(noting.before)


def note_here() -> Tasks:
    """Note what this task starts from now on, and what that starts; return those that still run."""
    tasks: Tasks = set()
    _started.set(tasks)
    return tasks


@contextlib.contextmanager
def not_noted() -> Iterator[None]:
    """Leave tasks out that somebody else's code starts: they are none of the step's."""
    token = _started.set(None)
    try:
        yield
    finally:
        _started.reset(token)
