"""The pure functions of the browser check pass their own tests, in Node."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from polyai_diag.notebook.browser_page import module_source, render_snippet
from tests.browser.checking import judged, shown_by_the_page
from tests.real.needs import need
from tests.unit.checks import CASES, check

TESTS = Path(__file__).parent / "browser_facts.test.mjs"
INSTALL = "apt-get install nodejs"


def _node(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [need("node", install=INSTALL), *arguments],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_pure_functions_in_node(tmp_path: Path) -> None:
    module = tmp_path / "check.mjs"
    module.write_text(module_source(), encoding="utf-8")
    ran = _node("--test", "--test-reporter=tap", str(TESTS), CHECK=module.as_uri())
    assert ran.returncode == 0, ran.stdout
    assert "# fail 0" in ran.stdout
    assert "# pass 0" not in ran.stdout


def test_the_module_imports_nothing() -> None:
    lines = module_source().splitlines()
    assert not [line for line in lines if line.startswith(("import ", "import{"))]
    assert "import(" not in module_source()


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
