"""The names that scripts rely on, and that importing them is cheap."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
import typing

import pytest

import polyai_diag
from polyai_diag.model import STEP_NAMES, StepResult
from polyai_diag.target import Target

CHECKS = [f"check_{name}" for name in STEP_NAMES]
PUBLIC = {
    "Target", "IceServer", "diagnose", "diagnose_sync", "Report",
    "Issue", "Secret", "TargetError", "ReportError",  # what those take, return and raise
    "lint_frame", "lint_sdp", "compare_sdp", "analyze_recording", "to_frame",
    "__version__",
    *CHECKS,
}  # fmt: skip
HEAVY = [
    "numpy", "scipy", "aiortc", "aioice", "av", "websockets", "h11", "OpenSSL", "dns",
    "matplotlib", "pandas",
    "jinja2", "IPython", "ipywidgets", "rich",
]  # fmt: skip


def _loaded_by(statement: str) -> set[str]:
    code = f"import sys, json\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    return set(json.loads(done.stdout))


def test_the_exported_names_are_the_public_ones() -> None:
    assert set(polyai_diag.__all__) == PUBLIC
    assert len(polyai_diag.__all__) == len(PUBLIC)
    assert set(dir(polyai_diag)) == PUBLIC


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_exported_name_can_be_fetched(name: str) -> None:
    assert getattr(polyai_diag, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'diagnoze'"):
        polyai_diag.diagnoze  # noqa: B018 - asking is the test


@pytest.mark.parametrize("names", ["Target, IceServer, diagnose, diagnose_sync, Report", "*"])
def test_importing_loads_nothing_heavy(names: str) -> None:
    if names == "*":
        names = ", ".join(PUBLIC - set(CHECKS))
    loaded = _loaded_by(f"from polyai_diag import {names}")
    assert "polyai_diag.model" in loaded
    assert [name for name in HEAVY if name in loaded] == []


@pytest.mark.parametrize("name", CHECKS)
def test_a_step_takes_a_target_and_returns_its_result(name: str) -> None:
    check = getattr(polyai_diag, name)
    assert inspect.iscoroutinefunction(check)
    first, *others = inspect.signature(check).parameters.values()
    assert first.name == "target"
    assert all(other.default is not inspect.Parameter.empty for other in others)
    room = {**vars(inspect.getmodule(check)), "Target": Target, "StepResult": StepResult}
    hints = typing.get_type_hints(check, globalns=room)
    assert (hints["target"], hints["return"]) == (Target, StepResult)
