"""Folders that cannot be written to: on a full disk, or read-only."""

from __future__ import annotations

import contextlib
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZE = 64 * 1024
PAGE = 4 * 1024  # left: a file can be begun, and not be finished


@contextlib.contextmanager
def full_disk(folder: Path, left: int = PAGE) -> Iterator[Path]:
    """A disk of its own, full but for so many bytes. Skips where this user may mount none."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("needs root, to mount a small disk")
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if mounted.returncode:
        pytest.skip(f"cannot mount here: {mounted.stderr.strip()}")
    try:
        (folder / "other files").write_bytes(bytes(SIZE - left))
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[Path]:
    """A folder that takes no new file; root needs a disk for that, others only its mode."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        with full_disk(folder):
            subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
            yield folder
        return
    folder.mkdir()
    folder.chmod(0o500)
    try:
        yield folder
    finally:
        folder.chmod(0o700)
