"""Asking again: how often, what for, and what is given back."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Any

import pytest

from polyai_diag.failures import Failure
from polyai_diag.probes import again
from polyai_diag.probes.again import ask_again, may_pass
from polyai_diag.probes.dns import resolve
from polyai_diag.probes.trace import Trace
from tests.aio import in_loop, until


class Asked:
    """Answers by a list, and keeps what was asked for and given back."""

    def __init__(self, *answers: str | None, takes_s: float = 0.0) -> None:
        self.attempts: list[int] = []
        self.given_back: list[str] = []
        self._answers = list(answers)
        self._takes_s = takes_s

    async def ask(self, attempt: int) -> str | None:
        self.attempts.append(attempt)
        await asyncio.sleep(self._takes_s)
        return self._answers.pop(0)

    async def give_back(self, found: str | None) -> None:
        self.given_back.append(str(found))


@in_loop
async def test_three_more_are_asked_and_the_first_that_worked_is_kept() -> None:
    asked = Asked(None, "first", "second")
    started_s = time.monotonic()
    assert await ask_again(asked.ask, asked.give_back) == "first"
    assert asked.attempts == [2, 3, 4]
    assert asked.given_back == ["second"]
    assert time.monotonic() - started_s < 1.0


@in_loop
async def test_none_where_none_worked() -> None:
    assert await ask_again(Asked(None, None, None).ask) is None


@in_loop
async def test_an_empty_answer_is_an_answer() -> None:
    asked = Asked("", "later", "later")
    assert await ask_again(asked.ask) == ""


@in_loop
async def test_no_further_attempt_is_begun_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(again, "BEGUN_WITHIN_S", 0.15)
    asked = Asked(None, None, None, takes_s=0.1)
    assert await ask_again(asked.ask) is None
    assert asked.attempts == [2]


@in_loop
async def test_what_was_kept_is_given_back_when_it_is_cut_off() -> None:
    asked = Asked("first", None, None)
    asking = asyncio.create_task(ask_again(asked.ask, asked.give_back))
    await until(lambda: len(asked.attempts) == 2)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert asked.given_back == ["first"]


@pytest.mark.parametrize(
    ("failure", "status", "took_s", "may"),
    [
        (Failure.CONNECTION_REFUSED, None, 0.0, True),
        (Failure.CONNECTION_RESET, None, 0.9, True),
        (Failure.CONNECTION_RESET, None, 1.0, False),
        (Failure.DNS_SERVER_FAILED, None, 0.0, True),
        (Failure.DNS_NXDOMAIN, None, 0.0, False),
        (Failure.GENERIC_TIMEOUT, None, 0.5, False),
        (Failure.TLS_EXPIRED, None, 0.0, True),
        (Failure.HTTP_STATUS, 503, 0.0, True),
        (Failure.HTTP_STATUS, 500, 0.0, True),
        (Failure.HTTP_STATUS, 401, 0.0, False),
        (Failure.HTTP_STATUS, 404, 0.0, False),
        (Failure.HTTP_STATUS, 429, 0.0, False),
        (Failure.HTTP_REDIRECT, 302, 0.0, False),
        (Failure.PROXY_FAILED, 407, 0.0, False),
        (Failure.PROXY_FAILED, 502, 0.0, True),
        (Failure.STUN_FORBIDDEN, None, 0.0, True),
        (Failure.STUN_UNAUTHORIZED, None, 0.0, False),
        (Failure.STUN_QUOTA_REACHED, None, 0.0, False),
        (Failure.STUN_OUT_OF_CAPACITY, None, 0.0, False),
        (Failure.TOKEN_MALFORMED, None, 0.0, False),
        (None, None, 0.0, False),
    ],
)
def test_what_is_final_or_took_long_is_not_asked_again(
    failure: Failure | None, status: int | None, took_s: float, may: bool
) -> None:
    assert may_pass(failure, {"status": status}, took_s) is may


@in_loop
async def test_a_name_is_looked_up_again_where_the_name_server_fails_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = iter([socket.gaierror(socket.EAI_AGAIN, "try again"), "192.0.2.1"] * 2)

    def answered(*_: object, **__: object) -> list[Any]:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (answer, 443))]

    monkeypatch.setattr(socket, "getaddrinfo", answered)
    trace = Trace("gateway")
    found = await resolve("gateway.example", 443, trace)
    assert [address.host for address in found] == ["192.0.2.1"]
    assert [(o.failure, o.notes.get("attempt")) for o in trace.observations] == [
        (Failure.DNS_SERVER_FAILED, None),
        (None, 2),
        (Failure.DNS_SERVER_FAILED, 3),
        (None, 4),
    ]


@in_loop
async def test_a_name_that_does_not_exist_is_looked_up_once() -> None:
    trace = Trace("gateway")
    assert await resolve("a..b", 443, trace) == []
    assert [o.failure for o in trace.observations] == [Failure.DNS_NXDOMAIN]
