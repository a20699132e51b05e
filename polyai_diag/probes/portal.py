"""A portal that stands before the internet: plain HTTP to a known page, and who answers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from polyai_diag.failures import Failure
from polyai_diag.probes.dns import look_up
from polyai_diag.probes.http import KNOWN, get, shown_body
from polyai_diag.probes.route import Route

if TYPE_CHECKING:
    from polyai_diag.probes.http import Answer
    from polyai_diag.probes.trace import Seen, Trace
    from polyai_diag.target import Target

PORTAL_TIMEOUT_S = 2.5
KNOWN_PAGE = "http://detectportal.firefox.com/success.txt"
KNOWN_WORD = b"success"
"""Firefox's own page for this question, and what it answers."""


async def look_for_portal(target: Target, trace: Trace) -> None:
    """Ask the gateway's host, and a known page where third parties may be asked, on port 80.

    What merely does not answer is no portal, and is not kept.
    """
    pages = [f"http://{target.host}/health", *([KNOWN_PAGE] if target.third_party else [])]
    await asyncio.gather(*(_ask(page, trace) for page in pages))


async def _ask(page: str, trace: Trace) -> None:
    parts = urlsplit(page)
    host = parts.hostname or ""
    try:
        async with asyncio.timeout(PORTAL_TIMEOUT_S):
            addresses = tuple(await look_up(host, 80))
            async with Route(host, 80, addresses).stream() as stream:
                known_page = page == KNOWN_PAGE
                with trace.observe(
                    "portal_check", page, known=KNOWN, known_page=known_page
                ) as seen:
                    _judge(host, await get(stream, host, parts.path), seen)
    except (OSError, UnicodeError):
        return


def _judge(host: str, answer: Answer, seen: Seen) -> None:
    """511 is a portal's own status (RFC 6585 §6); so is being sent to another host."""
    location = answer.headers.get("location", "")
    seen.note(status=answer.status, location=location or None)
    elsewhere = _host(location)
    if answer.status == 511:
        seen.fail(Failure.HTTP_STATUS, "511: log in to this network first")
        seen.note(body=shown_body(answer.body))
    elif answer.redirects and elsewhere and elsewhere != host:
        seen.fail(Failure.HTTP_REDIRECT, f"sent on to {location}")
    elif seen.notes["known_page"] and answer.status == 200 and KNOWN_WORD not in answer.body:
        seen.fail(Failure.HTTP_MALFORMED, "answered with another page")
        seen.note(body=shown_body(answer.body))


def _host(location: str) -> str | None:
    try:
        return urlsplit(location).hostname
    except ValueError:
        return None
