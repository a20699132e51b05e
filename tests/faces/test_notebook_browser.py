"""Notebook 04 notices when the check or the sandbox behind it is broken."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.faces.jupyterlab import NOTEBOOKS, ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.timeout(180)

NOTEBOOK = NOTEBOOKS / "04-browser-check.ipynb"


def _without_its_module(package: Path) -> None:
    (package / "notebook" / "browser_call.js").unlink()


def _with_a_sandbox_that_does_not_serve(package: Path) -> None:
    file = package / "sandbox" / "gateway.py"
    file.write_text(file.read_text().replace("await serve(", "await server_that_is_not(", 1))


@pytest.mark.parametrize("spoil", [_without_its_module, _with_a_sandbox_that_does_not_serve])
def test_what_is_broken_is_noticed(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    package = tmp_path / "broken" / "polyai_diag"
    shutil.copytree(ROOT / "polyai_diag", package, ignore=shutil.ignore_patterns("__pycache__"))
    spoil(package)
    options = ("--nbval", "--nbval-current-env", "--nbval-cell-timeout=90", "-q")
    alone = ("-p", "no:cacheprovider", "-c", os.devnull, f"--rootdir={NOTEBOOKS}")
    folders = {"IPYTHONDIR": str(tmp_path), "JUPYTER_RUNTIME_DIR": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *alone, str(NOTEBOOK)],
        cwd=tmp_path,
        env={**os.environ, **folders, "PYTHONPATH": str(package.parent)},
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert ended.returncode == 1, ended.stdout
    assert str(package) in ended.stdout  # it ran the broken one


def test_it_takes_papermills_parameters_and_no_token() -> None:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    (parameters,) = [c for c in cells if "parameters" in c["metadata"].get("tags", [])]
    source = "".join(parameters["source"])
    assert [line.split(" = ")[0] for line in source.splitlines()] == ["GATEWAY", "FAULT"]
    assert "TOKEN" not in source.upper()
