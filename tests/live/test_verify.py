"""A firewall request tried again: in Python and by the shell, against a sandbox of the test."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
from typing import TYPE_CHECKING, Any

import pytest

from polyai_diag.model import InputError
from polyai_diag.plan import complaint_steps
from polyai_diag.report import Report
from polyai_diag.report.firewall import request_of
from polyai_diag.report.request import Kind, Measured, Request
from polyai_diag.runner import Runner
from polyai_diag.sandbox import Sandbox
from polyai_diag.verify import LINE_S, LineResult, read_request, verify_request
from tests.aio import in_loop
from tests.live.test_cli import run, started, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HERE = "127.0.0.1"


def line(port: int, protocol: str = "TCP", **given: Any) -> dict[str, Any]:
    """What the contract of a line asks for, and no more."""
    values = {"protocol": protocol, "host": HERE, "address": HERE, "port": port, "why": "a test"}
    return values | {"measured": "blocked", "resolved_at": None} | given


def asked(*lines: dict[str, Any]) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "tool": "polyai-diag 0.1.0",
        "started": "2026-11-23T14:02:11Z",
        "lines": list(lines),
    }


@contextlib.contextmanager
def listening() -> Iterator[int]:
    """A TCP port that takes connections."""
    with socket.create_server((HERE, 0)) as server:
        yield server.getsockname()[1]


@contextlib.contextmanager
def silent() -> Iterator[int]:
    """A UDP port where nobody answers, and no ICMP says so."""
    with socket.socket(type=socket.SOCK_DGRAM) as server:
        server.bind((HERE, 0))
        yield server.getsockname()[1]


def by_kind(results: list[LineResult]) -> dict[tuple[Kind | None, str, bool], Measured]:
    return {(result.kind, result.protocol, result.tls): result.now for result in results}


async def request_of_a_run(sandbox: Sandbox) -> Request:
    report = Report(await Runner(sandbox.target(), steps=complaint_steps("ice")).run())
    assert report.root_causes == ()
    return request_of(report)


@in_loop
async def test_every_line_of_a_run_works_while_the_servers_stand_and_none_after() -> None:
    async with Sandbox() as sandbox:
        request = await request_of_a_run(sandbox)
        told: dict[int, LineResult] = {}
        results = await verify_request(request, ca_file=sandbox.ca_file, on_result=told.__setitem__)
        foreign = await verify_request(request)
    assert [told[number] for number in range(len(results))] == results
    assert by_kind(results) == {
        (Kind.RELAY, "UDP", False): Measured.WORKS,
        (Kind.RELAY, "TCP", False): Measured.WORKS,
        (Kind.RELAY, "TCP", True): Measured.WORKS,
        (Kind.SIGNALING, "TCP", True): Measured.WORKS,
        (Kind.MEDIA, "UDP", False): Measured.UNKNOWN,
    }
    for result in foreign:  # an authority that nobody knows: as where TLS is opened on the way
        assert (result.now is Measured.BLOCKED) == result.tls
        assert not result.tls or "polyai-diag sandbox" in str(result.signed_by)
    after = by_kind(await verify_request(request))
    assert after.pop((Kind.MEDIA, "UDP", False)) is Measured.UNKNOWN
    assert set(after.values()) == {Measured.BLOCKED}


@in_loop
async def test_silence_over_udp_ends_within_the_limit_of_a_line() -> None:
    with silent() as port:
        (result,) = await verify_request(asked(line(port, "UDP")))
        (dtls,) = await verify_request(asked(line(port, "UDP", tls=True, kind="relay")))
    assert result.now is Measured.BLOCKED
    assert result.took_ms < LINE_S * 1000 + 200
    assert dtls.now is Measured.UNKNOWN


@in_loop
async def test_a_name_is_tried_where_it_leads_now() -> None:
    with listening() as port:
        moved, same, nowhere = await verify_request(
            asked(
                line(port, host="localhost", address="203.0.113.9"),
                line(port, host="localhost", address=HERE),
                line(port, host="no-such-name.invalid", address=None),
            )
        )
    assert moved.now is same.now is Measured.WORKS
    assert "leads to" in moved.now_detail
    assert "leads to" not in same.now_detail
    assert nowhere.now is Measured.BLOCKED
    assert "leads nowhere" in nowhere.now_detail


@in_loop
async def test_a_port_that_speaks_no_tls_is_no_tls() -> None:
    with listening() as port:
        (result,) = await verify_request(asked(line(port, tls=True)))
    assert result.now is Measured.BLOCKED


@in_loop
async def test_where_nothing_else_leads_there_the_proxy_is_asked_and_who_signs_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line_to_nowhere = line(443, host="gateway.invalid", address=None)
    monkeypatch.setenv("NO_PROXY", "")
    async with Sandbox(faults=("tls-intercepted",)) as sandbox:
        monkeypatch.setenv("HTTPS_PROXY", sandbox.proxy.url)
        (opened,) = await verify_request(asked(line_to_nowhere))
        ca_file = sandbox.ca_file_with_proxy
        (vouched,) = await verify_request(asked(line_to_nowhere), ca_file=ca_file)
    async with Sandbox(faults=("proxy-blocks-websocket",)) as sandbox:
        monkeypatch.setenv("HTTPS_PROXY", sandbox.proxy.url)
        (refused,) = await verify_request(asked(line_to_nowhere))
    assert opened.now is refused.now is Measured.BLOCKED
    assert opened.signed_by is not None
    assert opened.signed_by in opened.now_detail
    assert "403" in refused.now_detail
    assert vouched.now is Measured.WORKS
    assert "through the proxy http://127.0.0.1:" in vouched.now_detail


BAD = {
    "no JSON": "{",
    "a report": json.dumps({"schema_version": 1, "steps": []}),
    "no lines": json.dumps(asked()),
    "101 lines": json.dumps(asked(*[line(1)] * 101)),
    "another protocol": json.dumps(asked(line(1, "SCTP"))),
    "port 0": json.dumps(asked(line(0))),
    "port 70000": json.dumps(asked(line(70000))),
    "a host that is none": json.dumps(asked(line(1, host="a b\n"))),
    "a newer schema": json.dumps(asked(line(1)) | {"schema_version": 99}),
    "nested too deep": "[" * 100_000,
    "bytes": "\udcff",
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_request_is_said_in_one_line(name: str, tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    file.write_text(BAD[name], encoding="utf-8", errors="surrogateescape")
    with pytest.raises(InputError) as said:
        read_request(file)
    assert "\n" not in str(said.value)
    assert len(str(said.value)) < 500


@pytest.mark.parametrize(
    "arguments",
    [["/no/such.json"], [os.devnull], ["/"], [__file__], [__file__, "--json", "/no/such/f"]],
)
def test_bad_input_is_exit_code_2(arguments: list[str]) -> None:
    ended = run("verify", *arguments)
    assert ended.returncode == 2
    assert len(ended.stderr.strip().splitlines()) == 1, ended.stderr


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_request_goes_from_one_run_to_the_next(tmp_path: Path) -> None:
    """`run --request`, then `verify` while the sandbox serves, and after it has ended."""
    file, token = tmp_path / "request.json", tmp_path / "token"
    with started("sandbox", "--json") as served:
        assert served.stdout is not None
        described = json.loads(served.stdout.readline())
        token.write_text(described["token"])
        ended = run(
            "run", "--url", described["signaling_url"], "--token-file", str(token),
            "--ca-file", described["ca_file"], "--no-third-party",
            "--symptom", "ice", "--request", str(file),
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        assert "TURN: UDP, TCP and TLS side by side" in ended.stdout
        assert "What to ask the network team for" in ended.stdout
        assert read_request(file).lines
        assert described["token"] not in file.read_text()
        ca_file = ("--ca-file", described["ca_file"])
        works = run("verify", str(file), *ca_file, "--json", "-", "--markdown", f"{file}.md")
        served.send_signal(signal.SIGTERM)
        served.wait(10)
    assert works.returncode == 0, works.stderr
    told = json.loads(works.stdout)
    assert {row["now"] for row in told["lines"]} == {"works", "not measured"}
    assert "✓ works" in (tmp_path / "request.json.md").read_text(encoding="utf-8")
    assert "1 not measured" in works.stderr
    blocked = run("verify", str(file))
    assert blocked.returncode == 1
    assert "✕ UDP" in blocked.stdout


@pytest.mark.parametrize("ending", ["csv", "md"])
def test_the_request_is_written_as_its_ending_says(ending: str, tmp_path: Path) -> None:
    file = tmp_path / f"request.{ending}"
    ended = run("demo", "--step", "gateway", "--request", str(file))
    assert ended.returncode == 0, ended.stderr
    assert "WebSocket over TLS" in file.read_text()
    assert run("demo", "--request", "request.txt").returncode == 2


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_keeps_what_was_tried(tmp_path: Path) -> None:
    file, result = tmp_path / "request.json", tmp_path / "result.json"
    with listening() as open_port, silent() as silent_port:
        file.write_text(json.dumps(asked(line(open_port), line(silent_port, "UDP"))))
        with started("verify", str(file), "--json", str(result)) as process:
            wait_for(process, "works")
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 130
            assert process.stderr is not None
            assert process.stderr.read() == ""
    told = [(row["now"], row["now_detail"]) for row in json.loads(result.read_text())["lines"]]
    assert told[0][0] == "works"
    assert told[1] == ("not measured", "interrupted")
