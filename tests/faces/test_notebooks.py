"""The notebooks give what they show; and where something is broken, they notice."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from polyai_diag.sandbox import FAULTS
from tests.faces.jupyterlab import NOTEBOOKS, ROOT
from tests.faces.renewal import NOT_KEPT, as_kept, renewed, with_fault

if TYPE_CHECKING:
    from pathlib import Path

ALL = sorted(NOTEBOOKS.glob("*.ipynb"))
CODE = "code"
QUICKEST = NOTEBOOKS / "01-unauthorized.ipynb"

pytestmark = pytest.mark.timeout(240)


def nbval(notebook: Path, folder: Path, first: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Execute a notebook, and compare its outputs with those it holds."""
    options = ("--nbval", "--nbval-current-env", "--nbval-cell-timeout=120", "-vv")
    alone = ("-p", "no:cacheprovider", "-c", os.devnull, f"--rootdir={notebook.parent}")
    path = os.pathsep.join(map(str, dict.fromkeys((first, ROOT))))
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, *alone, str(notebook)],
        cwd=folder,
        env=os.environ
        | {"PYTHONPATH": path, "IPYTHONDIR": str(folder), "JUPYTER_RUNTIME_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=220,
        check=False,
    )


def cells(notebook: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return found


def tags(cell: dict[str, Any]) -> list[str]:
    found: list[str] = cell["metadata"].get("tags", [])
    return found


@pytest.mark.parametrize("notebook", ALL, ids=lambda path: path.stem)
def test_notebook_gives_what_it_shows(notebook: Path, tmp_path: Path) -> None:
    ended = nbval(notebook, tmp_path)
    assert ended.returncode == 0, ended.stdout


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("01-unauthorized", "token-expired"),
        ("02-no-audio", "opus-rejected"),
        ("03-ice-connection-fails", "turn-credentials-rejected"),
    ],
)
def test_a_broken_gateway_is_noticed(name: str, fault: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.ipynb"
    broken.write_text(with_fault(NOTEBOOKS / f"{name}.ipynb", fault), encoding="utf-8")
    ended = nbval(broken, tmp_path)
    assert ended.returncode == 1, ended.stdout
    assert f"Root causes: {fault}" in ended.stdout


def test_a_broken_walk_is_noticed(tmp_path: Path) -> None:
    broken = "from polyai_diag.notebook import walk\nwalk.next_step = lambda *_, **__: 1 / 0\n"
    (tmp_path / "sitecustomize.py").write_text(broken)
    ended = nbval(QUICKEST, tmp_path, first=tmp_path)
    assert ended.returncode == 1, ended.stdout
    assert "ZeroDivisionError" in ended.stdout


# --- what is kept -----------------------------------------------------------------------------


def test_renewing_changes_nothing() -> None:
    assert renewed(QUICKEST) == QUICKEST.read_text(encoding="utf-8")


@pytest.mark.parametrize("notebook", ALL, ids=lambda path: path.stem)
def test_nothing_is_kept_that_differs_from_run_to_run(notebook: Path) -> None:
    """Besides the outputs, which nbval compares: the whole file is as renewing writes it."""
    text = notebook.read_text(encoding="utf-8")
    assert as_kept(json.loads(text)) == text
    for cell in cells(notebook):
        ignored = "nbval-ignore-output" in tags(cell) or "NBVAL_IGNORE" in "".join(cell["source"])
        assert ignored is (NOT_KEPT in tags(cell)), cell["id"]


@pytest.mark.parametrize("notebook", ALL, ids=lambda path: path.stem)
def test_no_address_time_or_token_is_kept(notebook: Path) -> None:
    outputs = json.dumps([c["outputs"] for c in cells(notebook) if c["cell_type"] == CODE])
    assert not re.search(r"127\.0\.0\.1|\b\d+(\.\d+)? ms\b|\b20\d\d-\d\d|eyJ", outputs)
    assert "widget" not in outputs


@pytest.mark.parametrize("notebook", ALL, ids=lambda path: path.stem)
def test_parameters_are_where_to_call_and_what_to_break(notebook: Path) -> None:
    [parameters] = [cell for cell in cells(notebook) if "parameters" in tags(cell)]
    told = ast.parse("".join(parameters["source"])).body
    assert [ast.unparse(line) for line in told] == ["GATEWAY = 'sandbox'", "FAULT = ''"]


@pytest.mark.parametrize("notebook", ALL, ids=lambda path: path.stem)
def test_links_and_faults_named_exist(notebook: Path) -> None:
    text = "".join("".join(c["source"]) for c in cells(notebook) if c["cell_type"] == "markdown")
    linked = set(re.findall(r"\]\(([^)]+)\)", text))
    assert [name for name in linked if not (NOTEBOOKS / name).exists()] == []
    practised = [line for line in text.splitlines() if "Break it on purpose" in line]
    named = {name for line in practised for name in re.findall(r"`([a-z-]+)`", line)}
    assert named <= set(FAULTS)
