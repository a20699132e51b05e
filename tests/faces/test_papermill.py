"""A notebook run by papermill, with other parameters: for a monitor, or a ticket's folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from polyai_diag.notebook.panel import Panel
from polyai_diag.notebook.places import calling
from tests.aio import in_loop
from tests.faces.jupyterlab import NOTEBOOKS, ROOT

if TYPE_CHECKING:
    from pathlib import Path

URL = "wss://gateway.invalid/api/v1/webrtc/signal"


@pytest.mark.timeout(240)
def test_papermill_breaks_udp_and_reads_what_is_next(tmp_path: Path) -> None:
    done = tmp_path / "done.ipynb"
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "papermill", "--no-progress-bar", "-p", "FAULT", "udp-blocked"),
            *(str(NOTEBOOKS / "03-ice-connection-fails.ipynb"), str(done)),
        ],
        env=os.environ
        | {
            "PYTHONPATH": str(ROOT),
            "IPYTHONDIR": str(tmp_path),
            "JUPYTER_RUNTIME_DIR": str(tmp_path),
        },
        capture_output=True,
        text=True,
        timeout=220,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    kept = json.loads(done.read_text(encoding="utf-8"))
    outputs = {c["id"]: c["outputs"] for c in kept["cells"] if c["cell_type"] == "code"}
    [walk] = outputs["walk"]
    text = "".join(walk["data"]["text/plain"])
    assert "Next: UDP is blocked" in text
    assert text.endswith("Verdict: degraded. Root causes: udp-blocked.")


def test_a_real_gateways_token_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYAI_TOKEN", "from-the-environment")
    target = Panel(URL)._form.read()
    assert target is not None
    assert target.token is not None
    assert target.token.reveal() == "from-the-environment"
    assert "from-the-environment" not in repr(target)


@in_loop
async def test_so_does_that_of_the_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYAI_TOKEN", "from-the-environment")
    async with calling(URL) as called:
        assert called.token is not None
        assert called.token.reveal() == "from-the-environment"


def test_a_token_typed_in_goes_before_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYAI_TOKEN", "from-the-environment")
    form = Panel(URL)._form
    form.token.value = "typed"
    target = form.read()
    assert target is not None
    assert target.token is not None
    assert target.token.reveal() == "typed"
