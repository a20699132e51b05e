"""What is installed by pip and by conda is one list; what the package ships is there."""

from __future__ import annotations

import ast
import re
import sys
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


DISTRIBUTIONS = {
    "jwt": "pyjwt",
    "python_socks": "python-socks",
    "IPython": "ipython",
    "OpenSSL": "pyopenssl",
    "dns": "dnspython",
    "visqol": "visqol-python",
}


def test_what_is_imported_is_declared_and_nothing_else() -> None:
    """A package that only another one brings along may be gone with its next version."""
    project = _project()
    extras = project["optional-dependencies"]
    assert isinstance(project["dependencies"], list)
    assert isinstance(extras, dict)
    names = {re.split(r"[\[<>=]", need)[0] for need in project["dependencies"]}
    optional = [*extras["lab"], *extras["perceptual"]]
    in_extras = {re.split(r"[\[<>=]", need)[0] for need in optional}
    imported = {DISTRIBUTIONS.get(name, name) for name in _third_party()}
    assert imported - in_extras == names
    assert imported <= names | in_extras


def _third_party() -> set[str]:
    found = set()
    for path in (ROOT / "polyai_diag").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.split(".")[0])
    return found - sys.stdlib_module_names - {"polyai_diag"}
