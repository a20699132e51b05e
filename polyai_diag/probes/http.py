"""HTTP/1.1, bounded in size and time: one GET on a connection that is open (RFC 9112)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import h11

from polyai_diag.failures import Failure

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

    from polyai_diag.probes.route import Stream
    from polyai_diag.probes.trace import Known, Seen

MAX_HEAD_BYTES = 32 * 1024
MAX_BODY_BYTES = 64 * 1024
SHOWN_BODY = 400


def _classify(exc: h11.RemoteProtocolError) -> Failure:
    closed = "closed connection" in str(exc)
    return Failure.CONNECTION_CLOSED if closed else Failure.HTTP_MALFORMED


KNOWN: Known = {h11.RemoteProtocolError: _classify}


@dataclass(frozen=True)
class Answer:
    """An HTTP response: header names in lower case, at most MAX_BODY_BYTES of the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cut: bool  # there is more than that

    @property
    def redirects(self) -> bool:
        """Whether it sends the client elsewhere (RFC 9110 §15.4)."""
        return 300 <= self.status < 400 and "location" in self.headers


async def get(
    stream: Stream, host: str, path: str, headers: Mapping[str, str] | None = None
) -> Answer:
    """Ask for a path, once, on a connection of its own.

    Raises h11.RemoteProtocolError, OSError; the caller sets the limit.
    """
    reader, writer = stream
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)
    sent = {"Host": host, "Accept": "*/*", "Accept-Encoding": "identity", "Connection": "close"}
    request = h11.Request(method="GET", target=path, headers=[*{**sent, **(headers or {})}.items()])
    writer.write((http.send(request) or b"") + (http.send(h11.EndOfMessage()) or b""))
    await writer.drain()
    response = await _next_event(http, reader)
    while not isinstance(response, h11.Response):  # 1xx come before it
        response = await _next_event(http, reader)
    body, whole = b"", False
    while not whole and len(body) <= MAX_BODY_BYTES:
        event = await _next_event(http, reader)
        if isinstance(event, h11.Data):
            body += bytes(event.data)
        else:
            whole = True
    return Answer(response.status_code, _headers(response), body[:MAX_BODY_BYTES], not whole)


async def _next_event(http: h11.Connection, reader: asyncio.StreamReader) -> Any:
    event = http.next_event()
    while event is h11.NEED_DATA:
        data = await reader.read(16 * 1024)
        if not data and http.their_state is h11.SEND_RESPONSE:
            raise h11.RemoteProtocolError("peer closed connection without an answer")
        http.receive_data(data)
        event = http.next_event()
    return event


def _headers(response: h11.Response) -> dict[str, str]:
    return {n.decode("latin-1"): v.decode("latin-1") for n, v in response.headers}


def read_json(answer: Answer, seen: Seen) -> Any:
    """Return the JSON body of a 200; for the rest None, and `seen` says why."""
    seen.note(status=answer.status, date=answer.headers.get("date"))
    if answer.redirects:
        seen.fail(Failure.HTTP_REDIRECT, location=answer.headers["location"])
    elif answer.status != 200:
        seen.fail(Failure.HTTP_STATUS, body=shown_body(answer.body))
    elif answer.cut:
        seen.fail(Failure.HTTP_MALFORMED, f"the answer is longer than {MAX_BODY_BYTES} bytes")
    else:
        try:
            return json.loads(answer.body)
        except (ValueError, RecursionError):
            seen.fail(Failure.HTTP_MALFORMED, "the answer is not JSON")
    return None


def shown_body(body: bytes) -> str:
    """Return how a body begins, as text."""
    return body[:SHOWN_BODY].decode("utf-8", "replace")
