"""What a step sees is timed, classified, redacted and bounded; our own bugs pass."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from typing import Any

import pytest

from polyai_diag.failures import Failure
from polyai_diag.model import Event, Observed, Progress, Status
from polyai_diag.probes.bounds import MAX_ITEMS, MAX_TEXT
from polyai_diag.probes.trace import MAX_OBSERVATIONS, Trace
from polyai_diag.redact import HIDDEN, Redactor
from polyai_diag.secret import Secret
from tests.aio import in_loop


class LibraryError(Exception):
    """What a wrapped library raises."""


class NarrowError(LibraryError):
    """A kind of it."""


@pytest.mark.parametrize(
    ("exc", "failure", "detail"),
    [
        (OSError(errno.EHOSTUNREACH, "none"), "host_unreachable", os.strerror(errno.EHOSTUNREACH)),
        (ConnectionResetError("gone"), "connection_reset", "gone"),
        (TimeoutError(), "generic_timeout", None),
        (TimeoutError("of 3 s"), "generic_timeout", None),
        (NarrowError("said no"), "proxy_failed", "said no"),
        (OSError("what is this"), "unknown_failure", "what is this"),
    ],
)
def test_failures_of_the_network_are_kept_and_not_raised(
    exc: Exception, failure: str, detail: str | None
) -> None:
    trace = Trace("gateway")
    with trace.observe(
        "do", "h:1", known={LibraryError: lambda _: Failure.PROXY_FAILED}, tried=1
    ) as seen:
        raise exc
    (kept,) = trace.observations
    assert not seen.ok
    assert (kept.failure, kept.notes.get("detail"), kept.notes["tried"]) == (failure, detail, 1)
    assert trace.result().status is Status.PASSED, "whether the step fails is the step's to say"


@pytest.mark.parametrize("exc", [KeyError("bug"), ValueError("bug"), LibraryError("not known")])
def test_anything_else_passes_and_leaves_what_was_seen(exc: Exception) -> None:
    trace = Trace("gateway")
    with pytest.raises(type(exc)), trace.observe("do", "h:1", a=1):
        raise exc
    (kept,) = trace.observations
    assert (kept.failure, kept.notes) == (Failure.INTERRUPTED, {"a": 1})


def test_a_failure_already_told_stays() -> None:
    trace = Trace("gateway")
    seen = trace.observe("do", "h:1")
    seen.fail(Failure.HTTP_STATUS, "418", status=418)
    with pytest.raises(KeyError), seen:
        raise KeyError
    assert trace.observations[0].failure is Failure.HTTP_STATUS
    assert trace.observations[0].notes == {"status": 418, "detail": "418"}


@in_loop
async def test_a_cancelled_exchange_is_interrupted_and_goes_on_being_cancelled() -> None:
    trace, begun = Trace("gateway"), asyncio.Event()

    async def hang() -> None:
        with trace.observe("do", "h:1") as seen:
            seen.note(half=True)
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hang())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (kept,) = trace.observations
    assert (kept.failure, kept.notes) == (Failure.INTERRUPTED, {"half": True})


@in_loop
async def test_its_own_limit_inside_is_a_timeout_of_the_network() -> None:
    trace = Trace("gateway")
    with trace.observe("do", "h:1"):
        async with asyncio.timeout(0.01):
            await asyncio.Event().wait()
    assert trace.observations[0].failure is Failure.GENERIC_TIMEOUT


def test_times_count_from_the_start_of_the_run() -> None:
    trace = Trace("gateway", run_started_s=time.monotonic() - 5)
    with trace.observe("do", "h:1"):
        pass
    (kept,) = trace.observations
    assert 5000 <= kept.started_ms < 6000
    assert 0 <= kept.duration_ms < 1000
    assert kept.failure is None
    assert 5000 <= trace.result().started_ms <= kept.started_ms


def test_a_flood_is_cut_and_counted() -> None:
    trace = Trace("gateway")
    for _ in range(MAX_OBSERVATIONS + 7):
        with trace.observe("do", "h:1"):
            pass
    result = trace.result()
    assert len(result.observations) == MAX_OBSERVATIONS
    assert result.data["observations_dropped"] == 7


def test_long_texts_and_lists_are_cut_wherever_they_stand() -> None:
    trace = Trace("gateway")
    long: Any = "x" * 100_000
    with trace.observe("do", long, a=long, b=[long] * 2, c={long: (long,)}) as seen:
        seen.note(many=list(range(100_000)), keys={str(n): n for n in range(100_000)})
    trace.data["a"] = long
    trace.fail(long)
    result, (kept,) = trace.result(), trace.observations
    texts = [kept.endpoint, kept.notes["a"], *kept.notes["b"], *kept.notes["c"],
             result.data["a"], result.reason]  # fmt: skip
    assert {len(text) for text in texts} == {MAX_TEXT + 1}
    assert {text[-1] for text in texts} == {"…"}
    assert len(kept.notes["many"]) == len(kept.notes["keys"]) == MAX_ITEMS


@pytest.mark.parametrize("before", [0, MAX_TEXT - 12, MAX_TEXT - 3, MAX_TEXT + 50])
def test_secrets_go_before_the_cut_that_could_halve_them(before: int) -> None:
    secret = "tell-nobody-1234567890"
    events: list[Event] = []
    trace = Trace("gateway", redactor=Redactor([Secret(secret)]), on_event=events.append)
    text = "." * before + secret + "." * 40
    trace.progress(text)
    with trace.observe("do", text, a=text, b=[text]) as seen:
        seen.fail(Failure.GATEWAY_ERROR, text)
    trace.data["deep"] = {"text": text}
    trace.fail(text)
    shown = repr((trace.result(), events))
    assert HIDDEN[:3] in shown or before > MAX_TEXT
    assert not [n for n in range(5, len(secret)) if secret[:n] in shown]


def test_events_tell_what_goes_on() -> None:
    events: list[Event] = []
    trace = Trace("turn", on_event=events.append)
    trace.progress("Asking", 0.5)
    with trace.observe("do", "h:1"):
        pass
    assert events == [Progress("turn", "Asking", 0.5), Observed("turn", trace.observations[0])]


def test_the_first_failure_gives_the_reason_and_an_end_is_an_end() -> None:
    trace = Trace("turn")
    trace.fail("first")
    trace.fail("second")
    assert (trace.result().status, trace.result().reason) == (Status.FAILED, "first")
    trace.end(Status.CANCELLED, "cut off")
    trace.fail("too late")
    assert (trace.result().status, trace.result().reason) == (Status.CANCELLED, "cut off")
