"""The notebooks give what they show; and where the gateway is broken, they notice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.faces.jupyterlab import NOTEBOOKS, ROOT

if TYPE_CHECKING:
    from pathlib import Path

ALL = sorted(NOTEBOOKS.glob("*.ipynb"))

pytestmark = pytest.mark.timeout(180)


def nbval(notebook: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Execute a notebook, and compare its outputs with those it holds."""
    options = ("--nbval", "--nbval-current-env", "--nbval-cell-timeout=90", "-q")
    alone = ("-p", "no:cacheprovider", "-c", os.devnull, f"--rootdir={notebook.parent}")
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, *alone, str(notebook)],
        cwd=folder,
        env=os.environ
        | {"PYTHONPATH": str(ROOT), "IPYTHONDIR": str(folder), "JUPYTER_RUNTIME_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )


@pytest.mark.parametrize("notebook", ALL, ids=lambda path: path.stem)
def test_notebook_gives_what_it_shows(notebook: Path, tmp_path: Path) -> None:
    ended = nbval(notebook, tmp_path)
    assert ended.returncode == 0, ended.stdout


def test_a_broken_gateway_is_noticed(tmp_path: Path) -> None:
    notebook = json.loads((NOTEBOOKS / "00-start-here.ipynb").read_text(encoding="utf-8"))
    cells = notebook["cells"]
    parameters = next(c for c in cells if "parameters" in c["metadata"].get("tags", []))
    parameters["source"] = 'where = "sandbox"\nfault = "udp-blocked"'
    broken = tmp_path / "broken.ipynb"
    broken.write_text(json.dumps(notebook), encoding="utf-8")
    ended = nbval(broken, tmp_path)
    assert ended.returncode == 1, ended.stdout
    assert "degraded ['udp-blocked']" in ended.stdout


@pytest.mark.parametrize("notebook", ALL, ids=lambda path: path.stem)
def test_notebook_holds_no_widget_state_and_names_no_machine(notebook: Path) -> None:
    kept = json.loads(notebook.read_text(encoding="utf-8"))
    assert "widgets" not in kept["metadata"]
    naming = [c for c in kept["cells"] if "names-the-machine" in c["metadata"].get("tags", [])]
    assert [cell["outputs"] for cell in naming] == [[] for _ in naming]
