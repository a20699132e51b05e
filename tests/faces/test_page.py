"""`polyai-diag page`: one small file, closed to all but the gateway, with no secret in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from polyai_diag.cli import main
from polyai_diag.notebook.browser_page import render_page, render_snippet

if TYPE_CHECKING:
    from pathlib import Path

URL = "wss://webrtc-gateway.us-1.platform.polyai.app/api/v1/webrtc/signal"
MOST_BYTES = 150_000


def _policy(page: str) -> str:
    found = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    assert found is not None
    return found[1].replace("&#39;", "'")


def test_the_page_is_small_and_asks_nobody_for_its_parts() -> None:
    page = render_page(URL, ["turn:turn.example.net:3478?transport=tcp"])
    assert len(page.encode()) < MOST_BYTES
    assert not re.search(r"<(?:link|img|iframe|script|source)[^>]+(?:src|href)=\"(?!data:,)", page)
    assert "@import" not in page
    assert "url(" not in page


def test_its_language_is_what_browsers_of_2020_read() -> None:
    """Chrome 80, Firefox 74, Safari 13.1: from before `??=`, `at()`, `replaceAll()`."""
    newer = r"\?\?=|\|\|=|\.at\(|replaceAll|\(\?<[=!]|light-dark|structuredClone|randomUUID"
    assert not re.findall(newer, render_page(URL))


def test_its_policy_lets_it_speak_to_the_gateway_alone() -> None:
    host = "webrtc-gateway.us-1.platform.polyai.app"
    policy = _policy(render_page(URL))
    assert f"connect-src wss://{host} https://{host};" in policy
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert "connect-src wss: https:;" in _policy(render_page())


def test_what_is_given_cannot_break_out_of_the_page() -> None:
    evil = 'wss://x/"><script>alert(1)</script>'
    page = render_page(evil, username='"><img src=x onerror=alert(1)>')
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "</script>alert" not in render_snippet(evil)


def test_a_page_by_region_with_servers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "check.html"
    servers = ["--ice-server", "turn:turn.example.net", "--ice-username", "anna"]
    assert main(["page", "--region", "us-1", *servers, "-o", str(file)]) == 0
    page = file.read_text(encoding="utf-8")
    assert f'value="{URL}" readonly' in page
    assert "turn:turn.example.net" in page
    assert 'value="anna"' in page
    assert "Written: " in capsys.readouterr().out


def test_to_standard_output_comes_the_page_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["page", "--snippet", "--region", "uk-1"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("(() => {")
    assert "webrtc-gateway.uk-1" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--url", "https://x/y"], "is not a signaling URL"),
        (["--url", f"{URL}?token=s3cret"], "carries no query"),
        (["--region", "all"], "a page is for one of us-1, uk-1, euw-1"),
        (["--region", "mars-1"], "mars-1"),
        (["--ice-server", "http://x"], "is not an ICE server URL"),
        (
            ["--ice-server", "turn:x", "--ice-credential-env", "HOME"],
            "--ice-credential-env",
        ),
        (
            [
                *("--ice-server", "turn:x", "--ice-username", "a"),
                *("--ice-server", "turn:y", "--ice-username", "b"),
            ],
            "one user name",
        ),
        (["-o", "/no/such/folder/check.html"], "No such file"),
    ],
)
def test_what_it_refuses_it_refuses_in_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(["page", *arguments])
    except SystemExit as exc:  # the parser's own refusal
        code = int(exc.code or 0)
    err = capsys.readouterr().err
    assert code == 2
    assert said in err
    assert err.count("\n") == 1
    assert "s3cret" not in err
