"""Secrets planted wherever one can stand, said back by every server, and found nowhere."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import sys
import traceback
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from polyai_diag import IceServer, Report, Target, check_token, diagnose, plan
from polyai_diag.notebook.guide import SECTIONS
from polyai_diag.notebook.walk import Walk as GuideWalk
from polyai_diag.plan import PLAN
from polyai_diag.sandbox import Sandbox
from polyai_diag.sandbox.faults import Fault
from polyai_diag.sandbox.settings import Page, ProxyMode
from polyai_diag.target import TargetError
from tests.aio import in_loop_for
from tests.leaks import forms, leaks, said_back

if TYPE_CHECKING:
    from collections.abc import Iterator

    from polyai_diag.steps.walk import Walk

TOKEN, CREDENTIAL, PASSWORD = (secrets.token_urlsafe(32) for _ in range(3))
PLANTED = (TOKEN, CREDENTIAL, PASSWORD)
ENVIRONMENT = {"ALL_PROXY": f"http://planted:{PASSWORD}@127.0.0.1:9", "NO_PROXY": "127.0.0.1"}
SAID = "; ".join(map(said_back, PLANTED))
ERROR = json.dumps(
    {"type": "error", "data": {"code": "UNAUTHORIZED", "message": SAID, "details": {TOKEN: SAID}}}
)
STRANGE = json.dumps({"type": f"news of {TOKEN}", "data": {"authToken": TOKEN, "said": SAID}})

CARELESS = {
    "an error": Fault("Says it back.", gateway={"frames_first": (STRANGE, ERROR)}),
    "a close": Fault("Says it back.", gateway={"close_for_answer": (1008, CREDENTIAL)}),
    "what is no frame": Fault("Says it back.", gateway={"frame_for_answer": SAID}),
    "a wrong frame": Fault(
        "Says it back.", gateway={"frame_for_answer": json.dumps({"type": "answer", "data": SAID})}
    ),
    "the upgrade": Fault("Says it back.", gateway={"upgrade": Page(403, SAID, "text/html")}),
    "a redirect": Fault(
        "Says it back.", gateway={"upgrade": Page(302, SAID, location=f"/login?then={TOKEN}")}
    ),
    "the ICE servers": Fault("Says it back.", gateway={"ice_servers": Page(500, SAID)}),
    "broken ICE servers": Fault(
        "Says it back.", gateway={"ice_servers": Page(200, SAID, "application/json")}
    ),
}


def test_the_search_finds_what_is_planted() -> None:
    """Or all that follows would prove nothing."""
    for form in (*forms(TOKEN), TOKEN[:12], TOKEN[-12:], TOKEN[9:30]):
        assert leaks(f"so: {form}, it says", PLANTED), form
    assert leaks("nothing of the kind, but `words-and-more-words` and numbers", PLANTED) == []


def _ice_servers(sandbox: Sandbox) -> list[IceServer]:
    """The sandbox's own servers, with a login of ours that they refuse."""
    urls = [url for server in sandbox.describe()["ice_servers"] for url in server["urls"]]
    return [IceServer([url for url in urls if url.startswith("turn")], "planted", CREDENTIAL)]


def _shown(report: Report) -> Iterator[tuple[str, str]]:
    yield "JSON", report.to_json()
    yield "anonymized JSON", report.anonymized().to_json()
    yield "Markdown", report.to_markdown()
    yield "HTML", report.to_html()
    yield "frame", report.to_frame().to_string()
    for section in SECTIONS:
        walk = GuideWalk(section, report)
        yield f"walk {section}", f"{walk} {walk!r} {walk._repr_html_()}"
    yield "repr", f"{report!r} {report} {report.record!r} {report.findings!r}"


@pytest.mark.parametrize("careless", CARELESS)
@in_loop_for(60)
async def test_what_a_careless_gateway_says_back(
    careless: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    events: list[object] = []
    async with Sandbox([CARELESS[careless]]) as sandbox:
        # What stands behind the token's door is seen with the right one only.
        token = sandbox.token if "close" in careless or "frame" in careless else TOKEN
        target = sandbox.target(token=token, ice_servers=_ice_servers(sandbox))
        report = await diagnose(target, on_event=events.append)
        planted = [token, CREDENTIAL, PASSWORD, *_own_secrets(sandbox)]
    assert any(step.observations for step in report.steps)
    for where, text in _shown(report):
        assert leaks(text, planted) == [], where
    assert leaks(repr(events), planted) == []
    assert leaks(f"{target!r} {target}", planted) == []
    assert leaks(caplog.text, planted) == []


def _own_secrets(sandbox: Sandbox) -> list[str]:
    given = [server.get("credential") for server in sandbox.describe()["ice_servers"]]
    return [secret for secret in (sandbox.token, *given) if secret]


@in_loop_for(60)
async def test_a_call_that_works_shows_none_either(caplog: pytest.LogCaptureFixture) -> None:
    """Where all of them were sent, and taken; the libraries' own logs at their loudest."""
    caplog.set_level(logging.DEBUG)
    async with Sandbox([Fault("A proxy.", proxy=ProxyMode.ASK_LOGIN)]) as sandbox:
        login = sandbox.proxy.url_with_login
        report = await diagnose(sandbox.target(proxy=login))
        planted = [*_own_secrets(sandbox), login.rpartition("@")[0].rpartition(":")[2]]
    assert report.verdict == "healthy"
    for where, text in _shown(report):
        assert leaks(text, planted) == [], where
    assert leaks(caplog.text, planted) == []
    assert "a=ice-pwd:[redacted]" in caplog.text


@in_loop_for(30)
async def test_a_bug_of_ours_tells_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a step raises may hold anything: its type and place are told, not its text."""

    async def breaks(walk: Walk, trace: object) -> None:
        token = walk.target.token
        assert token is not None
        raise ValueError(f"cannot use {token.reveal()} {token}")

    broken = [replace(step, check=breaks) if step.name == "gateway" else step for step in PLAN]
    monkeypatch.setattr(plan, "PLAN", tuple(broken))
    report = await diagnose(Target("ws://127.0.0.1:1/", TOKEN))
    assert report.step("gateway").status == "error"
    for where, text in _shown(report):
        assert leaks(text, PLANTED) == [], where


@in_loop_for(20)
async def test_a_traceback_shows_no_secret() -> None:
    """With its variables, as notebooks show them."""
    target = Target("ws://127.0.0.1:1/", TOKEN, ice_servers=[IceServer("turn:h", "u", CREDENTIAL)])
    try:
        await check_token(target)
        IceServer("turn:no such", "planted", CREDENTIAL)
    except TargetError as exc:
        told = traceback.TracebackException.from_exception(exc, capture_locals=True)
    assert leaks("".join(told.format()), PLANTED) == []


@in_loop_for(60)
async def test_the_command_line_shows_none(tmp_path: Path) -> None:
    """Files, both streams, and the process list while it runs."""
    async with Sandbox([CARELESS["an error"]]) as sandbox:
        told = sandbox.describe()
        urls = [url for server in told["ice_servers"] for url in server["urls"]]
        turn = next(url for url in urls if url.startswith("turn"))
        out = {kind: tmp_path / f"report.{kind}" for kind in ("json", "html", "markdown")}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "polyai_diag", "run", "-v", "--no-third-party"),
            *("--url", told["signaling_url"], "--ca-file", told["ca_file"]),
            *("--token-env", "PLANTED_TOKEN", "--ice-server", turn, "--ice-username", "planted"),
            *("--ice-credential-env", "PLANTED_CREDENTIAL"),
            *(part for kind, path in out.items() for part in (f"--{kind}", str(path))),
            env={
                **os.environ,
                "PLANTED_TOKEN": TOKEN,
                "PLANTED_CREDENTIAL": CREDENTIAL,
                **ENVIRONMENT,
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        arguments = _arguments_of(process.pid)
        streams = await process.communicate()
    assert process.returncode == 1, streams[1].decode()[-500:]
    assert leaks(arguments, PLANTED) == []
    for text in (*map(bytes.decode, streams), *(path.read_text() for path in out.values())):
        assert leaks(text, PLANTED) == []
    assert all(path.stat().st_size > 1000 for path in out.values())


def _arguments_of(pid: int) -> str:
    """What the process list shows of it; empty where there is no such list."""
    listed = Path(f"/proc/{pid}/cmdline")
    return listed.read_text() if listed.exists() else ""
