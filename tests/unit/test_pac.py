"""A script that chooses the proxy is found, and said to be not evaluated."""

from pathlib import Path

import pytest

from polyai_diag import Target
from polyai_diag.environment import describe_environment
from polyai_diag.probes.pac import proxy_script

SETTINGS = """#!/bin/sh
case "$3" in mode) echo "'%s'";; *) echo "'%s'";; esac
"""


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("auto_proxy", "AUTO_PROXY"):
        monkeypatch.delenv(name, raising=False)


def gnome(folder: Path, monkeypatch: pytest.MonkeyPatch, mode: str, url: str) -> None:
    """Put a `gsettings` before the system's that answers so."""
    program = folder / "gsettings"
    program.write_text(SETTINGS % (mode, url))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr("sys.platform", "linux")


@pytest.mark.parametrize(
    ("mode", "url", "found"),
    [
        ("none", "http://wpad/wpad.dat", None),
        ("auto", "http://wpad/wpad.dat", "http://wpad/wpad.dat"),
        ("auto", "", "sought by WPAD"),
    ],
)
def test_the_desktop_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, url: str, found: str | None
) -> None:
    gnome(tmp_path, monkeypatch, mode, url)
    assert proxy_script() == found


def test_nothing_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert proxy_script() is None


def test_the_report_says_that_it_is_not_evaluated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("auto_proxy", "http://wpad.corp/proxy.pac")
    described = describe_environment(Target("us-1"))
    assert described["proxy_script"] == "present, not evaluated: http://wpad.corp/proxy.pac"
