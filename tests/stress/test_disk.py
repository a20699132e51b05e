"""Nothing can be written: one line, exit code 2, and the report printed instead of lost."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from polyai_diag import Report
from polyai_diag.cli import main
from polyai_diag.cli.exits import USAGE
from polyai_diag.media.recording import write_wav
from tests.live.test_cli import COMMAND, LIMIT_S, TOKEN, run, started, wait_for
from tests.stress.places import full_disk, read_only
from tests.stress.whole import read_whole
from tests.unit.records import record

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    Place = Callable[[Path], AbstractContextManager[Path]]

HERE = ("run", "--url", "wss://127.0.0.1:9/x", "--token-env", "TOKEN", "--no-third-party")
ENV = {"TOKEN": TOKEN}
PLACES: dict[str, Place] = {
    "a full disk": full_disk,
    "a disk without a byte left": functools.partial(full_disk, left=0),
    "a read-only folder": read_only,
}
FILES = {
    "--json": "report.json",
    "--html": "report.html",
    "--markdown": "report.md",
    "--request": "request.json",
}


def printed(stdout: str) -> Report:
    """The report that stands in what was printed."""
    return read_whole(stdout[stdout.index('{\n  "schema_version"') :])


def one_line(stderr: str) -> str:
    (line,) = stderr.splitlines()
    return line


@pytest.mark.parametrize(
    ("option", "place"),
    [
        *((option, "a disk without a byte left") for option in FILES),
        *((option, "a read-only folder") for option in FILES),
        ("--json", "a full disk"),
        ("--html", "a full disk"),
    ],
)
def test_a_file_that_cannot_be_written(option: str, place: str, tmp_path: Path) -> None:
    with PLACES[place](tmp_path / "disk") as disk:
        file = disk / FILES[option]
        ended = run(*HERE, option, str(file), env=ENV)
        assert not file.exists(), "half a report reads like a whole one"
    assert ended.returncode == USAGE
    line = one_line(ended.stderr)
    assert line.startswith(f"polyai-diag: {option} {file}: ")
    assert line.endswith("; the report is printed instead")
    assert printed(ended.stdout).root_causes == ("gateway-unreachable",)
    assert TOKEN not in ended.stdout + ended.stderr


def test_all_files_at_once_are_one_line_and_one_report(tmp_path: Path) -> None:
    with full_disk(tmp_path / "disk") as disk:
        files = {option: str(disk / name) for option, name in FILES.items()}
        ended = run(*HERE, *(word for pair in files.items() for word in pair), env=ENV)
    line = one_line(ended.stderr)
    assert ended.returncode == USAGE
    assert f"--json {files['--json']}: No space left on device; --html" in line
    assert ended.stdout.count('"schema_version"') == 1
    assert printed(ended.stdout).verdict == "failed"


def test_what_stands_elsewhere_is_not_printed_again(tmp_path: Path) -> None:
    with full_disk(tmp_path / "disk") as disk:
        written = run(*HERE, "--json", str(tmp_path / "r.json"), "--html", f"{disk}/r", env=ENV)
        asked = run(*HERE, "--json", "-", "--html", f"{disk}/r", env=ENV)
    assert written.returncode == asked.returncode == USAGE
    assert '"schema_version"' not in written.stdout
    assert one_line(written.stderr).endswith("No space left on device")
    assert read_whole((tmp_path / "r.json").read_bytes())
    assert read_whole(asked.stdout), "with - standard output is JSON and nothing else"


def test_a_folder_that_is_gone_after_the_run(tmp_path: Path) -> None:
    folder = tmp_path / "reports"
    folder.mkdir()
    file = folder / "report.json"
    with started("demo", "--no-call", "--json", str(file)) as process:
        wait_for(process, "Reaching the gateway")
        shutil.rmtree(folder)
        stdout, stderr = process.communicate(timeout=LIMIT_S)
    assert process.returncode == USAGE
    assert one_line(stderr) == (
        f"polyai-diag: --json {file}: No such file or directory; the report is printed instead"
    )
    assert printed(stdout).verdict == "healthy"


def test_an_older_report_is_not_left_half_overwritten(tmp_path: Path) -> None:
    with full_disk(tmp_path / "disk") as disk:
        file = disk / "report.json"
        file.write_text("{}")
        assert run(*HERE, "--json", str(file), env=ENV).returncode == USAGE
        assert not file.exists()


def test_a_device_is_not_removed() -> None:
    device = Path("/dev/full")
    if not device.exists():
        pytest.skip("no /dev/full here")
    assert run(*HERE, "--html", str(device), env=ENV).returncode == USAGE
    assert device.is_char_device()


def test_a_script_gets_an_os_error_and_no_half_file(tmp_path: Path) -> None:
    with full_disk(tmp_path / "disk", left=0) as disk:
        for name in ("r.json", "r.html"):
            with pytest.raises(OSError, match="No space left"):
                Report(record()).save(disk / name)
            assert not (disk / name).exists()


# --- sound ------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", PLACES)
def test_a_sound_that_cannot_be_written_leaves_no_half(place: str, tmp_path: Path) -> None:
    second = np.zeros((48_000, 2), np.float32)
    with PLACES[place](tmp_path / "disk") as disk:
        with pytest.raises(OSError, match=r"No space left|Read-only|Permission"):
            write_wav(disk / "sent.wav", second)
        assert not (disk / "sent.wav").exists()


def test_sound_on_a_full_disk_costs_the_sound_alone(tmp_path: Path) -> None:
    with full_disk(tmp_path / "disk") as disk:
        ended = run("demo", "--save-audio", str(disk), "--json", "-")
        assert [file.name for file in disk.iterdir()] == ["other files"]
    assert ended.returncode == USAGE
    assert read_whole(ended.stdout).verdict == "healthy"
    last = ended.stderr.splitlines()[-1]
    assert last.startswith(f"polyai-diag: --save-audio {disk}/")
    assert last.endswith("No space left on device")


# --- standard output --------------------------------------------------------------------------


def run_into(stdout: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it with standard output going there."""
    return subprocess.run(
        [*COMMAND, *arguments], stdout=stdout, stderr=subprocess.PIPE, text=True, check=False,
        timeout=LIMIT_S, env={**os.environ, **ENV},
    )  # fmt: skip


@pytest.fixture
def full() -> int:
    """A device that is always full (Linux)."""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    return os.open("/dev/full", os.O_WRONLY)


@pytest.mark.parametrize("arguments", [(), ("--json", "-"), ("--markdown", "-")])
def test_standard_output_is_full(arguments: tuple[str, ...], full: int) -> None:
    ended = run_into(full, *HERE, *arguments)
    os.close(full)
    assert ended.returncode == USAGE
    *_, line = ended.stderr.splitlines()
    assert line == (
        "polyai-diag: standard output: No space left on device; the report is printed instead"
    )
    report, _ = ended.stderr[ended.stderr.index('{\n  "schema') :].rsplit("polyai-diag:", 1)
    assert read_whole(report).root_causes == ("gateway-unreachable",), "the network is not to blame"


def test_files_are_written_whatever_becomes_of_standard_output(full: int, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    ended = run_into(full, *HERE, "--json", str(file))
    os.close(full)
    assert ended.returncode == USAGE
    assert one_line(ended.stderr) == "polyai-diag: standard output: No space left on device"
    assert read_whole(file.read_bytes()).root_causes == ("gateway-unreachable",)


def test_a_reader_that_goes_away_costs_no_file_and_no_diagnosis(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    reading, writing = os.pipe()
    os.close(reading)
    ended = run_into(writing, "demo", "--no-call", "--json", str(file))
    os.close(writing)
    assert ended.returncode == USAGE
    assert one_line(ended.stderr) == "polyai-diag: standard output: Broken pipe"
    assert read_whole(file.read_bytes()).verdict == "healthy", "no network failed but the terminal"


@pytest.mark.parametrize("arguments", [("causes",), ("causes", "--json"), ("sandbox", "--json")])
def test_any_command_says_it_in_one_line(arguments: tuple[str, ...], full: int) -> None:
    ended = run_into(full, *arguments)
    os.close(full)
    assert ended.returncode == USAGE
    assert one_line(ended.stderr) == "polyai-diag: cannot be written: No space left on device"


# --- other commands that write ----------------------------------------------------------------


def test_a_comparison_and_a_request_tried_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report, request = str(tmp_path / "report.json"), str(tmp_path / "request.json")
    run(*HERE, "--json", report, "--request", request, env=ENV)
    with full_disk(tmp_path / "disk", left=0) as disk:
        for command in (["compare", report, report], ["verify", request]):
            assert main([*command, "--json", f"{disk}/told.json"]) == USAGE
            assert "No space left on device" in one_line(capsys.readouterr().err)
            assert not (disk / "told.json").exists()
