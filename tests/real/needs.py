"""What tests against real programs do when a program is missing."""

import os
import shutil
from pathlib import Path

import pytest


def need(program: str, *, install: str) -> Path:
    """Return the program's path; `install` says how to get it.

    Where it is missing the test is skipped. Under CI=true it fails: a machine that is set up to
    run everything must not leave something out in silence.
    """
    found = shutil.which(program)
    if found is not None:
        return Path(found)
    missing = f"{program} is missing: {install}"
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)
