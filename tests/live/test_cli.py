"""The command line as a shell meets it: outputs, exit codes, bad input, signals."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from polyai_diag.report import Report

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMMAND = [sys.executable, "-m", "polyai_diag"]
LIMIT_S = 60


def run(
    *arguments: str, stdin: str = "", env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        input=stdin, capture_output=True, text=True, timeout=LIMIT_S, check=False,
        env={**os.environ, **(env or {})},
    )  # fmt: skip


@contextlib.contextmanager
def started(*arguments: str, env: dict[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """A command that runs on; it is ended by its own process id."""
    with subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, **(env or {})},
    ) as process:  # fmt: skip
        ending = threading.Timer(LIMIT_S, process.kill)
        ending.start()
        try:
            yield process
        finally:
            ending.cancel()
            if process.poll() is None:
                process.kill()


def wait_for(process: subprocess.Popen[str], word: str) -> None:
    """Read standard output until a line holds this word."""
    assert process.stdout is not None
    assert any(word in line for line in process.stdout), f"no line with {word!r}"


TOKEN = "not-to-be-seen-anywhere"
HERE = ("run", "--url", "wss://127.0.0.1:9/x", "--token-env", "TOKEN")

BAD_INPUT = {
    "no URL": (["run", "--token-env", "TOKEN"], "--url"),
    "http": (["run", "--url", "http://host/x", "--token-env", "TOKEN"], "http://host/x"),
    "port is no number": (
        ["run", "--url", "wss://host:x/", "--token-env", "TOKEN"],
        "wss://host:x/",
    ),
    "port out of range": (["run", "--url", "wss://h:99999/", "--token-env", "TOKEN"], "99999"),
    "a login in the URL": (["run", "--url", "wss://u:p@h/", "--token-env", "TOKEN"], "user name"),
    "unknown region": (["run", "--region", "mars-1", "--token-env", "TOKEN"], "mars-1"),
    "no token file": (["run", "--region", "us-1", "--token-file", "/no/such"], "/no/such"),
    "token file is a folder": (["run", "--region", "us-1", "--token-file", "/"], "--token-file /"),
    "no token variable": (["run", "--region", "us-1", "--token-env", "NOT_SET"], "NOT_SET"),
    "no token at all": (["run", "--region", "us-1"], "--token-file"),
    "a TURN URL that is none": ([*HERE, "--ice-server", "turn:"], "turn:"),
    "an ICE server of the web": ([*HERE, "--ice-server", "https://turn"], "https://turn"),
    "a user name before its server": ([*HERE, "--ice-username", "u"], "--ice-server"),
    "unknown step": ([*HERE, "--step", "tokens"], "'tokens'"),
    "unknown complaint": ([*HERE, "--symptom", "sad"], "'sad'"),
    "unknown mode": ([*HERE, "--mode", "fast"], "'fast'"),
    "deadline is no number": ([*HERE, "--deadline", "soon"], "soon"),
    "no such CA file": ([*HERE, "--ca-file", "/no/ca.pem"], "/no/ca.pem"),
    "a CA file without certificates": ([*HERE, "--ca-file", __file__], "test_cli.py"),
    "no such config file": ([*HERE, "--config", "/no/such.toml"], "/no/such.toml"),
    "request into no folder": ([*HERE, "--request", "/no/such/request.json"], "/no/such"),
    "a request of another ending": ([*HERE, "--request", "request.pdf"], "request.pdf"),
    "report into no folder": ([*HERE, "--html", "/no/such/report.html"], "/no/such"),
    "unknown fault": (["demo", "--fault", "gremlins"], "'gremlins'"),
    "a fault of networks only": (["demo", "--fault", "captive-portal"], "only a network"),
    "two proxies": (
        ["sandbox", "--fault", "tls-intercepted", "--fault", "proxy-blocks-websocket"],
        "both set proxy",
    ),
    "unknown command": (["diagnose"], "diagnose"),
    "unknown option": (["run", "--tokn", "x"], "--tokn"),
    "nothing to analyze": (["analyze", "/no/such"], "/no/such"),
    "analyze what is nothing": (["analyze", os.devnull], os.devnull),
    "compare what is no report": (["compare", os.devnull, os.devnull], os.devnull),
}


@pytest.mark.parametrize("name", BAD_INPUT)
def test_bad_input_is_one_line_and_exit_code_2(name: str) -> None:
    arguments, named = BAD_INPUT[name]
    ended = run(*arguments, env={"TOKEN": TOKEN})
    assert ended.returncode == 2, ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1, ended.stderr
    assert named in ended.stderr
    assert TOKEN not in ended.stdout + ended.stderr


def test_a_config_file_gives_options_and_an_unknown_key_is_named(tmp_path: Path) -> None:
    config = tmp_path / "diag.toml"
    config.write_text('url = "wss://127.0.0.1:9/x"\ntoken-env = "TOKEN"\nno-third-party = true\n')
    ended = run("run", "--config", str(config), "--json", "-", env={"TOKEN": TOKEN})
    assert ended.returncode == 1, ended.stderr
    assert json.loads(ended.stdout)["root_causes"] == ["gateway-unreachable"]
    config.write_text('urll = "wss://127.0.0.1:9/x"\n')
    ended = run("run", "--config", str(config))
    assert ended.returncode == 2
    assert "'urll'" in ended.stderr


def test_the_demo_writes_what_was_asked_and_says_json_only(tmp_path: Path) -> None:
    html, markdown = tmp_path / "r.html", tmp_path / "r.md"
    sounds = tmp_path / "sounds"
    ended = run(
        "demo", "--json", "-", "--html", str(html), "--markdown", str(markdown),
        "--save-audio", str(sounds),
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    report = Report.from_json(ended.stdout)
    assert (report.verdict, report.root_causes) == ("healthy", ())
    assert report.record.call.call_sid in ended.stderr
    assert report.record.call.call_sid in html.read_text()
    assert report.record.call.call_sid in markdown.read_text()
    recording = run("analyze", str(sounds / "received.wav"))
    assert "Hz" in recording.stdout


def test_sound_that_cannot_be_written_is_no_fault_of_the_call(tmp_path: Path) -> None:
    (tmp_path / "received.wav").mkdir()
    ended = run("demo", "--save-audio", str(tmp_path), "--json", "-")
    assert ended.returncode == 2
    assert Report.from_json(ended.stdout).verdict == "healthy"
    assert "--save-audio" in ended.stderr.splitlines()[-1]
    assert (tmp_path / "sent.wav").is_file()


def test_warnings_only_is_exit_code_3_and_check_turns_it_to_0() -> None:
    arguments = ["demo", "--fault", "turn-credentials-rejected", "--json", "-"]
    assert run(*arguments).returncode == 3
    checked = run(*arguments, "--check")
    assert checked.returncode == 0
    assert "as it should be" in checked.stderr


def test_check_fails_when_something_else_is_named() -> None:
    arguments = ["demo", "--fault", "opus-rejected", "--fault", "silent-audio", "--check"]
    assert run(*arguments).returncode == 1  # what the first hides is not named


def test_a_report_that_cannot_be_written_is_printed(tmp_path: Path) -> None:
    ended = run("demo", "--fault", "wrong-endpoint", "--json", str(tmp_path))
    assert ended.returncode == 2
    start = ended.stdout.index('{\n  "schema_version"')
    assert Report.from_json(ended.stdout[start:]).root_causes == ("wrong-endpoint",)


def test_steps_can_be_chosen_and_bring_what_they_need() -> None:
    ended = run("demo", "--step", "opus", "--json", "-")
    steps = {step["name"]: step["status"] for step in json.loads(ended.stdout)["steps"]}
    ran = {name for name, status in steps.items() if status == "passed"}
    assert ran == {"gateway", "signaling", "opus"}
    assert ended.returncode == 0


def test_a_deadline_that_is_too_short_is_exit_code_4() -> None:
    ended = run("demo", "--deadline", "3", "--json", "-")
    assert ended.returncode == 4, ended.stderr
    report = Report.from_json(ended.stdout)
    assert report.verdict == "incomplete"
    assert report.step("audio").status == "cancelled"
    assert "deadline" in report.step("audio").reason


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_in_mid_run_leaves_the_partial_report_and_nothing_else(
    number: signal.Signals, code: int, tmp_path: Path
) -> None:
    file = tmp_path / "report.json"
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with started("demo", "--json", str(file), env={"TMPDIR": str(temporary)}) as process:
        wait_for(process, "ICE, DTLS, RTP")
        process.send_signal(number)
        assert process.wait(LIMIT_S) == code
        assert process.stderr is not None
        assert process.stderr.read() == ""
    report = Report.from_json(file.read_bytes())
    assert report.step("call").status == "passed"
    assert report.step("audio").status == "cancelled"
    assert report.step("audio").reason == "interrupted"
    assert list(temporary.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_the_sandbox_serves_another_process_until_it_is_ended(tmp_path: Path) -> None:
    with started("sandbox", "--json") as served:
        assert served.stdout is not None
        described = json.loads(served.stdout.readline())
        assert set(described) == {"signaling_url", "token", "ice_servers", "ca_file"}
        token_file = tmp_path / "token"
        token_file.write_text(described["token"] + "\n")
        credential = described["ice_servers"][1]["credential"]
        ended = run(
            "run", "--url", described["signaling_url"], "--token-file", str(token_file),
            "--ca-file", described["ca_file"], "--no-third-party", "--json", "-", "-v",
            "--ice-server", described["ice_servers"][1]["urls"][0],
            "--ice-username", described["ice_servers"][1]["username"],
            "--ice-credential-env", "TURN_PASSWORD",
            env={"TURN_PASSWORD": credential},
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        assert json.loads(ended.stdout)["verdict"] == "healthy"
        for secret in (described["token"], credential):
            assert secret not in ended.stdout + ended.stderr
        served.send_signal(signal.SIGTERM)
        assert served.wait(10) == 0


@pytest.mark.parametrize(
    "fault", ["token-malformed", "token-expired", "clock-skew", "dns-failure",
              "gateway-unreachable", "tls-intercepted", "proxy-blocks-websocket"]
)  # fmt: skip
def test_a_broken_sandbox_shows_the_same_to_another_process(fault: str, tmp_path: Path) -> None:
    """What it describes is what the customer has set, the proxy and a wrong URL included."""
    with started("sandbox", "--fault", fault, "--json") as served:
        assert served.stdout is not None
        described = json.loads(served.stdout.readline())
        token_file = tmp_path / "token"
        token_file.write_text(described["token"] + "\n")
        ended = run(
            "run", "--url", described["signaling_url"], "--token-file", str(token_file),
            "--ca-file", described["ca_file"], "--no-third-party", "--json", "-",
            env={"HTTPS_PROXY": described.get("proxy", ""), "NO_PROXY": ""},
        )  # fmt: skip
        served.send_signal(signal.SIGTERM)
        served.wait(10)
    assert ended.returncode == 1, ended.stderr
    assert json.loads(ended.stdout)["root_causes"] == [fault]


def test_a_sandbox_tells_people_of_its_proxy() -> None:
    with started("sandbox", "--fault", "proxy-blocks-websocket") as served:
        assert served.stdout is not None
        lines = [served.stdout.readline() for _ in range(6)]
        served.send_signal(signal.SIGTERM)
        served.wait(10)
    assert any(re.match(r"proxy +http://127\.0\.0\.1:\d+ .*HTTPS_PROXY", line) for line in lines)


def test_an_empty_token_is_sent_and_diagnosed(tmp_path: Path) -> None:
    empty = tmp_path / "token"
    empty.write_text("\n")
    with started("sandbox", "--json") as served:
        assert served.stdout is not None
        described = json.loads(served.stdout.readline())
        ended = run(
            "run", "--url", described["signaling_url"], "--token-file", str(empty),
            "--ca-file", described["ca_file"], "--no-third-party", "--json", "-",
        )  # fmt: skip
        assert ended.returncode == 1
        assert json.loads(ended.stdout)["root_causes"] == ["token-missing"]
        served.send_signal(signal.SIGINT)
        served.wait(10)


@pytest.mark.parametrize(
    ("given", "said", "status"),
    [
        (f'Bearer "{TOKEN}"\n', "sent without 'Bearer' before it, quotes around it", "passed"),
        (TOKEN, "", "passed"),
        ("not to be seen", "sent as it is: 3 blanks inside it", "failed"),
    ],
)
def test_a_token_is_mended_where_that_is_asked_and_safe(
    given: str, said: str, status: str, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text(given)
    ended = run(
        "run", "--url", "wss://127.0.0.1:9/x", "--token-file", str(file), "--mend-token",
        "--step", "token", "--json", "-",
    )  # fmt: skip
    assert Report.from_json(ended.stdout).step("token").status == status
    assert said in ended.stderr
    assert TOKEN not in ended.stdout + ended.stderr


def test_anonymize_leaves_no_address(tmp_path: Path) -> None:
    ended = run("demo", "--fault", "turn-credentials-rejected", "--anonymize", "--json", "-")
    assert ended.returncode == 3
    assert "127.0.0.1" not in ended.stdout
    assert Report.from_json(ended.stdout).root_causes == ("turn-credentials-rejected",)


def test_a_frame_is_analyzed_from_standard_input() -> None:
    ended = run("analyze", "-", stdin='{"type": "offer", "sessionId": ""}')
    assert ended.returncode == 1
    assert "$.authToken" in ended.stdout
    assert "token-missing" in ended.stdout


LOG = """\
2026-03-01T12:00:00.100Z open wss://webrtc-gateway.uk-1.platform.polyai.app/api/v1/webrtc/signal
2026-03-01T12:00:00.200Z >>> {"type":"offer","sessionId":"","data":{},"authToken":"Bearer TOKEN"}
2026-03-01T12:00:00.300Z <<< {"type":"error","data":{"code":"UNAUTHORIZED","message":"no TOKEN"}}
""".replace("TOKEN", TOKEN)


def test_a_log_is_analyzed_by_the_rules_of_a_run(tmp_path: Path) -> None:
    file = tmp_path / "customer.log"
    file.write_text(LOG)
    ended = run("analyze", str(file))
    assert ended.returncode == 1
    assert "a log of 2 frames" in ended.stdout
    assert "2026-03-01 12:00:00 UTC (its own time)" in ended.stdout
    assert "line 2 $.data.sdp" in ended.stdout
    assert "The token: 'Bearer' before it (line 2)" in ended.stdout
    as_json = run("analyze", "--json", str(file))
    told = json.loads(as_json.stdout)
    assert (told["source"], told["root_causes"]) == (str(file), ["token-malformed"])
    assert {"kind", "issues", "findings"} < told.keys()
    assert told["findings"][0]["evidence"][0]["step"] == "token"
    assert TOKEN not in ended.stdout + ended.stderr + as_json.stdout


@pytest.mark.parametrize(
    ("pasted", "named", "code"),
    [
        ("Unauthorized", "token-rejected", 1),
        ("net::ERR_TUNNEL_CONNECTION_FAILED", "proxy-blocks-websocket", 1),
        ("invalid auth token", "token-rejected", 3),
        ("closed 1000 and nothing else", "", 2),
        ('{"type":"close","sessionId":"s"}', "a frame, no faults", 0),
        ("v=0\\r\\nm=audio", "encoded twice", 1),
    ],
)
def test_what_else_can_be_pasted(pasted: str, named: str, code: int) -> None:
    ended = run("analyze", "-", stdin=pasted)
    assert ended.returncode == code, ended.stderr
    assert named in ended.stdout


def test_a_saved_report_is_judged_again(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    assert run("demo", "--fault", "wrong-endpoint", "--json", str(file)).returncode == 1
    again = run("analyze", str(file))
    assert again.returncode == 1
    assert "wrong-endpoint" in again.stdout
    compared = run("compare", "-", str(file), stdin=file.read_text())
    assert compared.returncode == 0, compared.stderr
    assert compared.stdout.startswith("As before: ")


@pytest.mark.parametrize(
    "command", ["run", "demo", "sandbox", "causes", "lab", "analyze", "verify", "compare"]
)
def test_help_is_there(command: str) -> None:
    ended = run(command, "--help")
    assert ended.returncode == 0
    assert "--help" in ended.stdout


def test_the_catalogue_is_listed() -> None:
    assert "udp-blocked" in run("causes").stdout
    assert "udp-blocked" in json.loads(run("causes", "--json").stdout)
