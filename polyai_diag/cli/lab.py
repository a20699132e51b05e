"""lab: the notebooks laid into a folder, never over what somebody has changed; JupyterLab on it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from polyai_diag import __version__
from polyai_diag.analysis.loose import table
from polyai_diag.cli.exits import HEALTHY
from polyai_diag.cli.options import UsageError
from polyai_diag.files import write_whole

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

_PACKAGE = Path(__file__).parents[1]
_DEFAULT_FOLDER = "polyai-diag-notebooks"
_LAID = ".polyai-diag.json"
"""What was laid there and how it was then: by its digest it is known whether it was changed."""


def open_lab(args: argparse.Namespace) -> int:
    """Lay the notebooks out and open JupyterLab on them. Raises UsageError."""
    if not args.no_open and not (find_spec("jupyterlab") and find_spec("ipywidgets")):
        raise UsageError("JupyterLab is not installed: pip install 'polyai-diag[lab]'")
    folder = notebook_folder(args.folder)
    if args.no_open:
        print(f"The notebooks are in {folder}")
        return HEALTHY
    command = [sys.executable, "-m", "jupyterlab", "--notebook-dir", str(folder), *args.rest]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # a container's usual user; JupyterLab would refuse
    return subprocess.call(command)  # noqa: S603 - our own interpreter, our own words


def notebook_folder(wanted: str | None) -> Path:
    """Return the folder to open: a checkout's own notebooks, else a copy. Raises UsageError."""
    source = _PACKAGE.parent / "notebooks"
    in_checkout = source.is_dir() and (_PACKAGE.parent / "pyproject.toml").is_file()
    if in_checkout and wanted is None:
        return source
    folder = Path(wanted or _DEFAULT_FOLDER).absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for said in lay_out(source if in_checkout else _PACKAGE / "notebooks", folder):
            print(said)
    except OSError as exc:
        raise UsageError(f"{folder}: the notebooks cannot be laid there: {exc.strerror}") from None
    return folder


def lay_out(source: Path, folder: Path) -> Iterator[str]:
    """Copy the notebooks of `source`; yield a line for each that stands beside a changed one.

    What was laid by an earlier version and is as it was then is renewed. Raises OSError.
    """
    laid = _laid(folder)
    for notebook in sorted(source.glob("*.ipynb")):
        text = notebook.read_text(encoding="utf-8")
        name = notebook.name
        if _may_be_written(folder / name, laid.get(name)):
            write_whole(folder / name, text)
        elif laid.get(name) != _digest(text) != _digest(_read(folder / name)):
            beside = _free_name(folder, notebook, text)
            write_whole(folder / beside, text)
            yield f"{name}: changed by you, and kept; the new one is {beside}"
        laid[name] = _digest(text)
    write_whole(folder / _LAID, json.dumps(laid, indent=1) + "\n")


def _may_be_written(path: Path, laid: str | None) -> bool:
    return not path.exists() or _digest(_read(path)) == laid


def _free_name(folder: Path, notebook: Path, text: str) -> str:
    """Return a name beside the changed one: a new one, or one that holds the same already."""
    named = f"{notebook.stem}-{__version__}"
    names = (f"{named}-{n}.ipynb" if n else f"{named}.ipynb" for n in count())
    return next(n for n in names if not (folder / n).exists() or _read(folder / n) == text)


def _laid(folder: Path) -> dict[str, str]:
    try:
        told = table(json.loads(_read(folder / _LAID)))
    except (OSError, ValueError, RecursionError):
        return {}
    return {name: str(digest) for name, digest in told.items()}


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
