"""What a test needs of the machine: skip where it is missing, fail where it must be there."""

from __future__ import annotations

import os
import shutil

import pytest


def require(program: str) -> str:
    """Return the program's path; without it, skip the test, and fail it under CI=true."""
    found = shutil.which(program)
    if found is None:
        missing = f"{program} is not installed"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    return found
