"""A firewall request as it is handed on: Markdown for a ticket, CSV for a sheet, JSON to verify."""

from __future__ import annotations

import base64
import csv
import io
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from polyai_diag.model import InputError
from polyai_diag.report.markdown_text import code, marked, table, text
from polyai_diag.report.request import Line, Request, grouped
from polyai_diag.report.text import plain, visible

if TYPE_CHECKING:
    from collections.abc import Iterator

ENDINGS = (".json", ".csv", ".md")
COLUMNS = (
    *("protocol", "host", "address", "port"),
    *("why", "measured", "detail", "resolved_at"),
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a sheet would take for one, at a cell's start


class Link(NamedTuple):
    """A file to be saved by the browser: it holds its content itself."""

    label: str
    name: str
    href: str


def request_form(request: Request, ending: str) -> str:
    """Return the request in the form that a file's ending asks for. Raises InputError."""
    forms = {".json": request_json, ".csv": request_csv, ".md": request_markdown}
    if ending not in forms:
        raise InputError(f"a firewall request ends in {', '.join(ENDINGS)}, not in {ending!r}")
    return forms[ending](request)


def request_json(request: Request) -> str:
    """Return the request as `polyai-diag verify` reads it."""
    return visible(msgspec.json.format(msgspec.json.encode(request), indent=2).decode()) + "\n"


def request_csv(request: Request) -> str:
    """Return a line an address (RFC 4180); no cell can be taken for a formula."""
    written = io.StringIO()
    sheet = csv.writer(written)
    sheet.writerow(COLUMNS)
    for line in request.lines:
        cells = ("" if (value := getattr(line, name)) is None else value for name in COLUMNS)
        sheet.writerow([_harmless(plain(cell, 300)) for cell in cells])
    return written.getvalue()


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def request_markdown(request: Request) -> str:
    """Return the request as text to be sent as it is: a sentence and a table."""
    title = "**Firewall request: voice calls to PolyAI**"
    return "\n".join([title, "", *request_body(request)]) + "\n"


def request_body(request: Request) -> Iterator[str]:
    """Return what is asked, and the lines."""
    yield (
        "Please allow, outbound, by name where there is one, and without TLS inspection. "
        f"Measured {text(moment(request.started))}; “least” is what calls need in any case."
    )
    yield ""
    header = ("", "protocol", "host", "addresses", "port", "why", "measured", "resolved")
    yield from table(header, (_cells(*row) for row in grouped(request.lines)))


def _cells(line: Line, addresses: tuple[str, ...]) -> tuple[str, ...]:
    detail = f": {text(line.detail)}" if line.detail else ""
    return (
        "least" if line.least else "",
        line.protocol,
        code(line.host),
        ", ".join(map(code, addresses)) or "–",
        str(line.port),
        text(line.why),
        f"{marked(line.measured.mark)}{detail}",
        text(moment(line.resolved_at)) if line.resolved_at else "–",
    )


def moment(rfc3339: str) -> str:
    """Return a UTC time to the second without its letters; any other text as it is."""
    shown = plain(rfc3339, 40)
    return (
        f"{shown[:10]} {shown[11:19]} UTC" if shown[10:11] == "T" and shown.endswith("Z") else shown
    )


def request_links(request: Request) -> list[Link]:
    """Return the files to save: for a sheet, and for `polyai-diag verify`."""
    return [
        data_link("CSV", "text/csv", "firewall-request.csv", request_csv(request)),
        data_link("JSON", "application/json", "request.json", request_json(request)),
    ]


def data_link(label: str, mime: str, name: str, content: str) -> Link:
    """Return a link that holds the file itself: nothing is asked of the network."""
    data = base64.b64encode(content.encode()).decode()
    return Link(label, name, f"data:{mime};charset=utf-8;base64,{data}")
