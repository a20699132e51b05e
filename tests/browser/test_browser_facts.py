"""The pure functions of the browser check pass their own tests, in Node."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from polyai_diag.notebook.browser_page import (
    module_source,
    render_snippet,
    view_source,
    widget_source,
)
from tests.browser.checking import judged, shown_by_the_page
from tests.real.needs import need
from tests.unit.checks import CASES, check

if TYPE_CHECKING:
    from collections.abc import Callable

TESTS = Path(__file__).parent
INSTALL = "apt-get install nodejs"


def _node(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [need("node", install=INSTALL), *arguments],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", ["facts", "view"])
def test_the_pure_functions_in_node(tmp_path: Path, name: str) -> None:
    module = tmp_path / "check.mjs"
    module.write_text(view_source(), encoding="utf-8")
    tests = str(TESTS / f"browser_{name}.test.mjs")
    ran = _node("--test", "--test-reporter=tap", tests, CHECK=module.as_uri())
    assert ran.returncode == 0, ran.stdout
    assert "# fail 0" in ran.stdout
    assert "# pass 0" not in ran.stdout


@pytest.mark.parametrize("source", [module_source, view_source, widget_source])
def test_the_module_imports_nothing(source: Callable[[], str]) -> None:
    lines = source().splitlines()
    assert not [line for line in lines if line.startswith(("import ", "import{"))]
    assert "import(" not in source()


def test_the_widget_is_one_module_that_offers_what_anywidget_takes(tmp_path: Path) -> None:
    module = tmp_path / "widget.mjs"
    module.write_text(widget_source(), encoding="utf-8")
    stands = "globalThis.location = {protocol: 'http:', host: 'localhost'};"
    offered = f"Object.keys((await import('{module.as_uri()}')).default).sort().join()"
    script = f"{stands} console.log({offered})"
    ran = _node("--input-type=module", "-e", script)
    assert ran.stdout.strip() == "initialize,render", ran.stderr


def test_the_snippet_is_one_script_without_a_module(tmp_path: Path) -> None:
    script = tmp_path / "snippet.js"
    script.write_text(render_snippet("wss://gateway.example/signal"), encoding="utf-8")
    assert _node("--check", str(script)).returncode == 0
    assert "\nexport " not in script.read_text(encoding="utf-8")


def test_the_page_shows_what_python_judges(tmp_path: Path) -> None:
    """A note is not shown; of what nobody can name the page speaks for itself."""
    results = [check(*seen) for seen, _ in CASES]
    shown = shown_by_the_page(results, tmp_path)
    for result, causes in zip(results, shown, strict=True):
        assert {*causes} == {*judged(result).root_causes} - {"unexplained"}
