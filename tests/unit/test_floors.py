"""The floors of the house: imports point downward, never up.

Imports under `if TYPE_CHECKING:` count as well: a signature that names a type from upstairs
depends on it as surely as a call does, and nobody here needs the exception.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(__file__).parents[2] / "polyai_diag"
MAX_LINES = 400

FLOORS = {
    0: ("model", "target", "failures", "secret", "our_bug"),
    1: ("protocol", "analysis", "causes", "redact", "stun_message"),
    2: ("probes", "media", "files"),
    3: ("steps",),
    4: ("environment", "plan", "runner", "step_tasks"),
    5: ("__init__", "__main__", "api", "cli", "notebook", "report", "verify"),
}
FLOOR_OF = {room: floor for floor, rooms in FLOORS.items() for room in rooms}
DOES_IO = {
    "asyncio", "socket", "ssl", "selectors", "select", "subprocess", "threading", "multiprocessing",
    "urllib.request", "http", "h11", "dns", "OpenSSL",
    "websockets", "aiortc", "aioice", "av", "pathlib", "os",
    "io", "tempfile", "shutil", "time", "random", "secrets", "signal", "concurrent",
}  # fmt: skip
FAILURES_MAY = {"socket", "ssl"}  # for their exception classes
MESSAGES_MAY = {"aioice.stun"}  # its encoder: bytes to words, and nothing sent
UNDER_SANDBOX = {0, 1}


def _modules() -> list[str]:
    paths = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
    return [".".join(path.with_suffix("").parts) for path in paths]


MODULES = _modules()


def _source(module: str) -> str:
    return (PACKAGE / module.replace(".", "/")).with_suffix(".py").read_text(encoding="utf-8")


def _imports(module: str) -> Iterator[str]:
    """Yield what a module imports, in full; a name taken from our package with its room."""
    for node in ast.walk(ast.parse(_source(module))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            assert node.module is not None
            if node.module in ("polyai_diag", "aioice"):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
            else:
                yield node.module


def _ours(module: str) -> Iterator[str]:
    """Yield the modules of this package that a module imports; the version is no room."""
    for name in _imports(module):
        inner = name.removeprefix("polyai_diag").lstrip(".")
        if name.split(".")[0] == "polyai_diag" and inner != "__version__":
            yield inner or "__init__"


def _room(module: str) -> str:
    return module.split(".", maxsplit=1)[0]


def _named(imported: str, names: set[str]) -> bool:
    return any(imported == name or imported.startswith(f"{name}.") for name in names)


def test_every_room_stands_on_a_floor() -> None:
    assert {_room(module) for module in MODULES} == {*FLOOR_OF, "sandbox"}


@pytest.mark.parametrize("module", [m for m in MODULES if _room(m) != "sandbox"])
def test_imports_point_downward(module: str) -> None:
    floor = FLOOR_OF[_room(module)]
    above = [other for other in _ours(module) if FLOOR_OF.get(_room(other), 9) > floor]
    if floor == 5:
        above = [other for other in above if _room(other) != "sandbox"]
    assert above == []


@pytest.mark.parametrize("module", [m for m in MODULES if FLOOR_OF.get(_room(m), 9) <= 1])
def test_the_lower_floors_do_no_input_or_output(module: str) -> None:
    allowed = {"failures": FAILURES_MAY, "stun_message": MESSAGES_MAY}.get(module, set())
    named = {name for name in _imports(module) if _named(name, DOES_IO)}
    assert named - allowed == set()
    calls = [node for node in ast.walk(ast.parse(_source(module))) if isinstance(node, ast.Call)]
    called = {node.func.id for node in calls if isinstance(node.func, ast.Name)}
    assert called & {"open", "print", "input", "exec", "eval"} == set()


def test_failures_takes_exception_classes_and_constants_of_the_socket_modules_only() -> None:
    tree = ast.parse(_source("failures"))
    taken = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in FAILURES_MAY
    }
    strange = {n for n in taken if not n.startswith("EAI_") and not n.lower().endswith("error")}
    assert taken
    assert strange == set()


@pytest.mark.parametrize("module", [m for m in MODULES if _room(m) == "sandbox"])
def test_the_sandbox_stands_on_the_lower_floors_and_the_media(module: str) -> None:
    strange = [
        other
        for other in _ours(module)
        if FLOOR_OF.get(_room(other)) not in UNDER_SANDBOX
        and _room(other) not in ("sandbox", "media")
    ]
    assert strange == []


def test_only_faces_start_a_sandbox() -> None:
    users = {_room(m) for m in MODULES for other in _ours(m) if _room(other) == "sandbox"}
    assert {FLOOR_OF.get(room, 5) for room in users} <= {5}


@pytest.mark.parametrize("module", [m for m in MODULES if m != "media.aiortc_taps"])
def test_private_parts_of_the_media_stack_are_touched_in_one_room(module: str) -> None:
    tree = ast.parse(_source(module))
    private = [
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and _named(node.module, _MEDIA_STACK)
        for name in (*node.module.split("."), *(alias.name for alias in node.names))
        if name.startswith("_")
    ]
    foreign = [
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and not node.attr.endswith("__")
        and node.attr not in _NAMED_TUPLE
        and not _own(node.value)
        and any(_named(name, _MEDIA_STACK) for name in _imports(module))
    ]
    assert private + foreign == []


_MEDIA_STACK = {"aiortc", "aioice"}
_NAMED_TUPLE = {"_asdict", "_replace", "_fields", "_make"}  # public, whatever they look like


def _own(value: ast.expr) -> bool:
    """Whether it is this very object, or one of its own kind, whose private part is taken."""
    return isinstance(value, ast.Name) and value.id in ("self", "cls", "other")


@pytest.mark.parametrize("module", MODULES)
def test_no_module_outgrows_its_room(module: str) -> None:
    assert len(_source(module).splitlines()) <= MAX_LINES
