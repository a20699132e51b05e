"""What tests against real programs do when a program is missing."""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest


def need(program: str, *, install: str, also_in: tuple[Path, ...] = ()) -> Path:
    """Return the program's path; `install` says how to get it, `also_in` where to look first.

    Where it is missing the test is skipped. Under CI=true it fails: a machine that is set up to
    run everything must not leave something out in silence.
    """
    folders = [*map(str, also_in), os.environ.get("PATH", os.defpath)]
    found = shutil.which(program, path=os.pathsep.join(folders))
    if found is None:
        do_without(f"{program} is missing: {install}")
    return Path(found)


def need_root() -> None:
    """Skip the test, or fail it under CI=true, where network namespaces cannot be made."""
    if os.geteuid() != 0:
        do_without("network namespaces need root")


def do_without(missing: str) -> NoReturn:
    """Skip the test; fail it under CI=true."""
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)
