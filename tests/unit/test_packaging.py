"""What is installed by pip and by conda is one list; what the package ships is there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]


def _project() -> dict[str, object]:
    project: dict[str, object] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project


def test_environment_and_extras_name_the_same_needs() -> None:
    project = _project()
    extras = project["optional-dependencies"]
    assert isinstance(extras, dict)
    assert isinstance(project["dependencies"], list)
    wanted = {*project["dependencies"], *extras["lab"], *extras["test"]}
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    pip = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert set(pip) - {"--editable ."} == wanted
    assert f"python{project['requires-python']}" in environment["dependencies"]


def test_the_version_is_one() -> None:
    from polyai_diag import __version__

    assert _project()["version"] == __version__
    assert re.search(rf"^## {re.escape(__version__)}\b", _changelog(), re.MULTILINE)


def _changelog() -> str:
    return (ROOT / "CHANGELOG.md").read_text()


def test_ci_calls_the_test_command_of_the_readme() -> None:
    assert "make test" in (ROOT / ".ci" / "run").read_text()
    readme = (ROOT / "README.md").read_text()
    assert "make demo" in readme
    assert "make test" in readme


def test_types_are_shipped() -> None:
    assert (ROOT / "polyai_diag" / "py.typed").is_file()
