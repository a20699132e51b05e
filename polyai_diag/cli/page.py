"""`polyai-diag page`: the browser check as one file to send, or as a snippet for a console."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyai_diag.cli.options import UsageError
from polyai_diag.files import write_whole
from polyai_diag.target import ALL_REGIONS, REGIONS, IceServer, Target

if TYPE_CHECKING:
    import argparse

STANDARD_OUTPUT = "-"


def write_page(args: argparse.Namespace) -> None:
    """Write the page, or the snippet, to a file or to standard output. Raises UsageError."""
    from polyai_diag.notebook.browser_page import render_page, render_snippet  # noqa: PLC0415

    where = args.url or args.region
    if where == ALL_REGIONS:
        raise UsageError(f"--region {where}: a page is for one of {', '.join(REGIONS)}")
    url = Target(where).url if where else ""
    if "?" in url:
        raise UsageError("--url: a page carries no query, where a token may stand")
    servers, username = _servers(args.ice_server or [])
    page = render_snippet(url, servers) if args.snippet else render_page(url, servers, username)
    _write(args.output, page)


def _servers(given: list[dict[str, str]]) -> tuple[list[str], str]:
    """Return the URLs, and the one user name that they share."""
    for entry in given:
        IceServer(entry["url"])
        if "credential_env" in entry:
            raise UsageError("--ice-credential-env: a page carries no password; it is typed in")
    names = sorted({entry["username"] for entry in given if "username" in entry})
    if len(names) > 1:
        raise UsageError("--ice-username: a page asks for one user name, for all TURN servers")
    return [entry["url"] for entry in given], "".join(names)


def _write(name: str, text: str) -> None:
    if name == STANDARD_OUTPUT:
        print(text, end="")
        return
    try:
        write_whole(name, text)
    except OSError as exc:
        raise UsageError(f"-o {name}: {exc.strerror}") from None
    print(f"Written: {name} ({len(text.encode()) / 1000:.0f} kB)")
