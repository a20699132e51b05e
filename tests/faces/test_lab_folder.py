"""The notebooks laid into a folder: never over what somebody has changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from polyai_diag import __version__
from polyai_diag.cli import main
from polyai_diag.cli.lab import lay_out, notebook_folder

BESIDE = f"walk-{__version__}.ipynb"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "walk.ipynb").write_text("first")
    (folder / "notes.txt").write_text("no notebook")
    return folder


@pytest.fixture
def folder(tmp_path: Path, source: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    assert list(lay_out(source, folder)) == []
    return folder


def held(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.glob("*.ipynb"))}


def test_notebooks_are_laid_there_and_again_is_no_change(source: Path, folder: Path) -> None:
    assert held(folder) == {"walk.ipynb": "first"}
    assert list(lay_out(source, folder)) == []
    assert held(folder) == {"walk.ipynb": "first"}


def test_an_old_one_that_nobody_changed_is_renewed(source: Path, folder: Path) -> None:
    (source / "walk.ipynb").write_text("second")
    assert list(lay_out(source, folder)) == []
    assert held(folder) == {"walk.ipynb": "second"}


def test_a_changed_one_is_kept_and_a_newer_one_stands_beside(source: Path, folder: Path) -> None:
    (folder / "walk.ipynb").write_text("my ticket")
    assert list(lay_out(source, folder)) == []  # nothing newer is there
    (source / "walk.ipynb").write_text("second")
    [said] = lay_out(source, folder)
    assert said == f"walk.ipynb: changed by you, and kept; the new one is {BESIDE}"
    assert held(folder) == {"walk.ipynb": "my ticket", BESIDE: "second"}
    assert list(lay_out(source, folder)) == []  # said once


def test_neither_is_one_written_over_that_stands_beside(source: Path, folder: Path) -> None:
    (folder / "walk.ipynb").write_text("my ticket")
    (folder / BESIDE).write_text("my other ticket")
    (source / "walk.ipynb").write_text("second")
    assert len(list(lay_out(source, folder))) == 1
    again = f"walk-{__version__}-1.ipynb"
    assert held(folder) == {
        "walk.ipynb": "my ticket", BESIDE: "my other ticket", again: "second",
    }  # fmt: skip


@pytest.mark.parametrize("memory", ["", "{", "[]", '{"walk.ipynb": 7}', None])
def test_without_a_memory_all_that_differs_counts_as_changed(
    source: Path, folder: Path, memory: str | None
) -> None:
    kept = folder / ".polyai-diag.json"
    kept.unlink() if memory is None else kept.write_text(memory)
    (source / "walk.ipynb").write_text("second")
    assert len(list(lay_out(source, folder))) == 1
    assert held(folder)["walk.ipynb"] == "first"
    assert set(json.loads(kept.read_text())) == {"walk.ipynb"}


def test_a_checkout_opens_its_own_and_lays_a_copy_where_asked(tmp_path: Path) -> None:
    own = notebook_folder(None)
    assert own == Path(__file__).parents[2] / "notebooks"
    copy = notebook_folder(str(tmp_path / "tickets" / "4711"))
    assert held(copy) == held(own)


def test_the_command_lays_out_and_opens_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lab", "--folder", str(tmp_path / "new"), "--no-open"]) == 0
    assert str(tmp_path / "new") in capsys.readouterr().out
    assert (tmp_path / "new" / "00-start-here.ipynb").is_file()


def test_a_folder_that_cannot_be_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["lab", "--folder", str(tmp_path / "file"), "--no-open"]) == 2
    assert "cannot be laid there" in capsys.readouterr().err


def test_other_options_are_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[list[str]] = []

    def call(command: list[str]) -> int:
        called.append(command)
        return 0

    monkeypatch.setattr("polyai_diag.cli.lab.subprocess.call", call)
    assert main(["lab", "--folder", str(tmp_path), "--no-browser", "--port", "8890"]) == 0
    [command] = called
    assert command[1:5] == ["-m", "jupyterlab", "--notebook-dir", str(tmp_path)]
    assert command[5:8] == ["--no-browser", "--port", "8890"]
