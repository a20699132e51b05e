"""Try a firewall request line by line, after the firewall was changed."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from polyai_diag.model import SCHEMA_VERSION, InputError
from polyai_diag.probes import net
from polyai_diag.probes.chain import read_chain
from polyai_diag.probes.dns import resolve
from polyai_diag.probes.proxy import proxy_for, proxy_name
from polyai_diag.probes.route import Route
from polyai_diag.probes.stun import ask_bindings
from polyai_diag.probes.tls import tls_context
from polyai_diag.probes.trace import Trace
from polyai_diag.report.request import Kind, Line, Measured, Request
from polyai_diag.report.text import failure_words, milliseconds, plain
from polyai_diag.target import Target, TargetError, parse_ice_url

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

LINE_S = 5.0
AT_ONCE = 8
MAX_BYTES = 1_000_000
DIRECT_S = 2.5  # where a proxy is left to try; a lost SYN is sent again after 1 s
TLS_PORTS = (443, 5349)

ACCEPTED = "accepted is the request.json that `polyai-diag run --request request.json` writes"
ONLY_A_CALL = "only a call can tell: this address was that call's own"


class LineResult(Line, frozen=True, kw_only=True):
    """A line as it was asked for, and how it fares now."""

    now: Measured
    now_detail: str = ""
    signed_by: str | None = None  # whose certificate stands behind the port, where TLS does
    took_ms: float = 0.0


def read_request(given: str | Path | Mapping[str, Any]) -> Request:
    """Read a firewall request. Raises InputError, one line."""
    try:
        if isinstance(given, str | Path):
            request = msgspec.json.decode(_text(Path(given)), type=Request)
        else:
            request = msgspec.convert(given, Request)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeError, RecursionError) as exc:
        raise InputError(f"this is no firewall request: {plain(exc, 200)}; {ACCEPTED}") from None
    if request.schema_version > SCHEMA_VERSION:
        raise InputError(
            f"the request's schema_version is {request.schema_version}, this version reads up to "
            f"{SCHEMA_VERSION}: install a newer polyai-diag"
        )
    if not request.lines:
        raise InputError(f"this firewall request has no lines; {ACCEPTED}")
    return request


def _text(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
    except OSError as exc:
        raise InputError(f"{path}: {exc.strerror}") from None
    if len(text) > MAX_BYTES:
        raise InputError(f"{path}: over {MAX_BYTES:,} bytes; {ACCEPTED}")
    return text


async def verify_request(
    request: str | Path | Mapping[str, Any] | Request,
    *,
    ca_file: str | None = None,
    on_result: Callable[[int, LineResult], None] | None = None,
) -> list[LineResult]:
    """Try every line, 8 at once, 5 s each; `on_result` is told a line's index when it is done.

    TCP lines are connected to, and with TLS behind the port, who signs is read; UDP lines are
    asked for a STUN binding. Raises InputError for what is no request, TargetError for a
    `ca_file` that cannot be read.
    """
    asked = request if isinstance(request, Request) else read_request(request)
    context = tls_context(ca_file)
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(number: int, line: Line) -> LineResult:
        async with slots:
            result = await _Attempt(line, ca_file, context).run()
        if on_result is not None:
            on_result(number, result)
        return result

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(*numbered)) for numbered in enumerate(asked.lines)]
    return [task.result() for task in tasks]


def unfinished(line: Line) -> LineResult:
    """Return the result of a line that was not tried to its end."""
    return _result(line, Measured.UNKNOWN, "interrupted")


def _result(line: Line, now: Measured, detail: str, **more: Any) -> LineResult:
    return LineResult(
        **msgspec.structs.asdict(line), now=now, now_detail=plain(detail, 200), **more
    )


class _Attempt:
    """One line, tried once."""

    def __init__(self, line: Line, ca_file: str | None, context: ssl.SSLContext) -> None:
        self._line = line
        self._ca_file = ca_file
        self._context = context
        self._trace = Trace("verify")
        self._signed_by: str | None = None

    async def run(self) -> LineResult:
        started_s = time.monotonic()
        try:
            async with asyncio.timeout(LINE_S):
                now, detail = await self._try()
        except TimeoutError:
            now, detail = Measured.BLOCKED, f"no answer in {LINE_S:.0f} s"
        took_ms = round((time.monotonic() - started_s) * 1000, 1)
        return _result(self._line, now, detail, signed_by=self._signed_by, took_ms=took_ms)

    async def _try(self) -> tuple[Measured, str]:
        line = self._line
        if line.kind is Kind.MEDIA:
            return Measured.UNKNOWN, ONLY_A_CALL
        address, moved = await self._address()
        if line.protocol == "UDP":
            now, detail = await self._udp(address)
        else:
            now, detail = await self._tcp(address)
        return now, f"{detail}; {moved}" if moved else detail

    async def _address(self) -> tuple[net.Address | None, str]:
        """Return the address to try: the one asked for, while the name still leads there."""
        line = self._line
        written = net.literal(line.address or line.host, line.port)
        if line.host == line.address or net.literal(line.host, line.port) is not None:
            return written, ""
        found = await resolve(line.host, line.port, self._trace)
        if not found or any(address.host == line.address for address in found):
            return (written if found else None), ""
        first = net.for_udp(found) if line.protocol == "UDP" else found[0]
        return first, f"the name leads to {first.host} now" if line.address else ""

    def _failure(self) -> str:
        """Say how the last exchange failed."""
        seen = next((o for o in reversed(self._trace.observations) if o.failure), None)
        if seen is None or seen.failure is None:
            return "no answer"
        return plain(seen.notes.get("detail") or failure_words(seen.failure), 120)

    # --- UDP ----------------------------------------------------------------------------------

    async def _udp(self, address: net.Address | None) -> tuple[Measured, str]:
        """Ask for a STUN binding: STUN and TURN servers answer one."""
        if address is None:
            return Measured.BLOCKED, f"the name leads nowhere: {self._failure()}"
        url = parse_ice_url(f"stun:{address}")
        asked = await ask_bindings(url, address, self._context, self._trace, train=1)
        if asked.answered:
            return Measured.WORKS, f"answers in {milliseconds(min(asked.answered_ms, default=0))}"
        if self._line.tls:
            return Measured.UNKNOWN, "a DTLS port need not answer STUN: only a call can tell"
        return Measured.BLOCKED, self._failure()

    # --- TCP ----------------------------------------------------------------------------------

    async def _tcp(self, address: net.Address | None) -> tuple[Measured, str]:
        """Connect, and where that fails, through the environment's proxy, as browsers do."""
        line, proxy = self._line, self._proxy()
        started_s = time.monotonic()
        route = Route(line.host, line.port, (address,) if address else ())
        sock = None
        if address is not None:
            limit_s = net.CONNECT_TIMEOUT_S if proxy is None else DIRECT_S
            sock = await net.connect_tcp(address, self._trace, timeout_s=limit_s)
        if sock is None and proxy is not None:
            route = Route(line.host, line.port, proxy=proxy)
            sock = await route.open(self._trace)
        if sock is None:
            nowhere = "" if address or proxy else "the name leads nowhere: "
            return Measured.BLOCKED, f"{nowhere}{self._failure()}"
        sock.close()
        through = f", through the proxy {proxy_name(route.proxy)}" if route.proxy else ""
        if line.tls or (line.kind is None and line.port in TLS_PORTS):
            return await self._tls(route, through)
        took = milliseconds((time.monotonic() - started_s) * 1000)
        return Measured.WORKS, f"opens in {took}{through}"

    def _proxy(self) -> str | None:
        """Return the environment's proxy for this host, None where there is none."""
        host = f"[{self._line.host}]" if ":" in self._line.host else self._line.host
        try:
            return proxy_for(Target(f"wss://{host}:{self._line.port}/"))
        except TargetError:
            return None

    async def _tls(self, route: Route, through: str) -> tuple[Measured, str]:
        """Read who signs: what nobody vouches for is opened on the way, or needs --ca-file."""
        chain = await read_chain(route, self._trace, ca_file=self._ca_file)
        if chain is None:
            return Measured.BLOCKED, f"TCP opens{through}, TLS fails: {self._failure()}"
        self._signed_by = plain(chain.signer, 160)
        if chain.foreign:
            return Measured.BLOCKED, (
                f"TLS is opened on the way, or the authority is the server's own (--ca-file): "
                f"signed by {self._signed_by}{through}"
            )
        return Measured.WORKS, f"TLS, signed by {self._signed_by}{through}"
