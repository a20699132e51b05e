"""Renew the notebooks' outputs: `make notebooks`. Twice in a row it changes nothing.

What differs from run to run is not kept: widgets' ids, times, and the outputs of cells
tagged `names-the-machine`.
"""

from __future__ import annotations

import json
import sys
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from nbclient import NotebookClient

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDGET = "application/vnd.jupyter.widget-view+json"
NOT_KEPT = "names-the-machine"
_METADATA = {
    "kernelspec": {
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "name": "python3",
    },
    "language_info": {"name": "python"},
}


def renewed(path: Path) -> str:
    """Execute a notebook, and return it as it is kept."""
    notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)  # type: ignore[no-untyped-call]
    client = NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        store_widget_state=False,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.execute()
    return as_kept(json.loads(nbformat.writes(notebook)))  # type: ignore[no-untyped-call]


def as_kept(notebook: dict[str, Any]) -> str:
    """Return the text of a notebook without what differs from run to run."""
    counter = count(1)
    cells = [_cell(cell, counter) for cell in notebook["cells"]]
    kept = {**notebook, "cells": cells, "metadata": _METADATA}
    return json.dumps(kept, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def with_fault(path: Path, fault: str) -> str:
    """Return a notebook with this fault in its parameters."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    told = next(c for c in notebook["cells"] if "parameters" in c["metadata"].get("tags", []))
    told["source"] = f'GATEWAY = "sandbox"\nFAULT = "{fault}"'
    return json.dumps(notebook)


def _cell(cell: dict[str, Any], counter: Iterator[int]) -> dict[str, Any]:
    tags = cell["metadata"].get("tags", [])
    cell = {**cell, "metadata": {"tags": tags} if tags else {}}
    if cell["cell_type"] == "code":
        number = next(counter)
        kept = [] if NOT_KEPT in tags else [_output(o, number) for o in cell["outputs"]]
        cell |= {"execution_count": number, "outputs": kept}
    return cell


def _output(output: dict[str, Any], number: int) -> dict[str, Any]:
    if "data" in output:
        data = {mime: shown for mime, shown in output["data"].items() if mime != WIDGET}
        output = {**output, "data": data, "metadata": {}}
    return {**output, "execution_count": number} if "execution_count" in output else output


if __name__ == "__main__":
    for name in sys.argv[1:]:
        Path(name).write_text(renewed(Path(name)), encoding="utf-8")
