"""verify: a firewall request tried line by line, each turning green as it works."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
from rich.live import Live

from polyai_diag.cli.console import new_console
from polyai_diag.cli.exits import CRITICAL, HEALTHY, INCOMPLETE, USAGE
from polyai_diag.cli.signals import SIGNAL_EXIT, on_signals
from polyai_diag.cli.tables import result_words, results_table
from polyai_diag.files import write_whole
from polyai_diag.report.markdown_text import code, marked, table, text
from polyai_diag.report.request import Measured
from polyai_diag.report.request_forms import moment
from polyai_diag.report.text import visible
from polyai_diag.verify import LineResult, read_request, unfinished, verify_request

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from polyai_diag.report.request import Request


def verify_lines(args: argparse.Namespace) -> int:
    """Try the request; 0 all works, 1 something is blocked, 4 nothing could be measured."""
    request = read_request(args.request_file)
    screen = _Screen(request, to_stderr=args.json == "-")
    stopped: list[int] = []
    asyncio.run(_try_all(request, args.ca_file, screen, stopped))
    results = screen.all_results()
    screen.end(results)
    if not _write(args, request, results):
        return USAGE
    return SIGNAL_EXIT[signal.Signals(stopped[0])] if stopped else _exit_code(results)


async def _try_all(
    request: Request, ca_file: str | None, screen: _Screen, stopped: list[int]
) -> None:
    trying = asyncio.ensure_future(
        verify_request(request, ca_file=ca_file, on_result=screen.on_result)
    )

    def stop(number: int) -> None:
        stopped.append(number)
        trying.cancel()

    with on_signals(stop), screen.live(), contextlib.suppress(asyncio.CancelledError):
        await trying


class _Screen:
    """The lines as they are tried: a live table, or a line each where there is no terminal."""

    def __init__(self, request: Request, *, to_stderr: bool) -> None:
        self._request = request
        self._results: dict[int, LineResult] = {}
        self._console = new_console(sys.stderr if to_stderr else sys.stdout)
        self._live = Live(console=self._console, auto_refresh=False)

    @contextlib.contextmanager
    def live(self) -> Any:
        """Show it while the block runs."""
        if not self._console.is_terminal:
            yield
            return
        with self._live:
            self._draw()
            yield

    def on_result(self, number: int, result: LineResult) -> None:
        """Take one line's result."""
        self._results[number] = result
        if self._console.is_terminal:
            self._draw()
        else:
            self._console.print(result_words(result))

    def all_results(self) -> list[LineResult]:
        """Return a result for every line, in order; `interrupted` for those cut off."""
        return [
            self._results.get(number) or unfinished(line)
            for number, line in enumerate(self._request.lines)
        ]

    def end(self, results: Sequence[LineResult]) -> None:
        """Say how it ended, in one line."""
        self._console.print(_summary(results), markup=False)

    def _draw(self) -> None:
        self._live.update(results_table(self._request.lines, self._results), refresh=True)


def _exit_code(results: Sequence[LineResult]) -> int:
    states = {result.now for result in results}
    if Measured.BLOCKED in states:
        return CRITICAL
    return HEALTHY if Measured.WORKS in states else INCOMPLETE


def _summary(results: Sequence[LineResult]) -> str:
    counted = {state: sum(r.now is state for r in results) for state in Measured}
    words = {Measured.WORKS: "working"}
    said = ", ".join(f"{n} {words.get(state, state.value)}" for state, n in counted.items() if n)
    return f"{len(results)} line{'' if len(results) == 1 else 's'}: {said}"


# --- what to attach ---------------------------------------------------------------------------


def _write(args: argparse.Namespace, request: Request, results: Sequence[LineResult]) -> bool:
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    forms = {"json": _json(request, results, now), "markdown": _markdown(request, results, now)}
    written = True
    for option, content in forms.items():
        name = getattr(args, option)
        if name == "-":
            print(content)
        elif name is not None:
            try:
                write_whole(name, content + "\n")
            except OSError as exc:
                print(content)
                said = f"--{option} {name}: {exc.strerror}; the result is printed instead"
                print(f"polyai-diag: {said}", file=sys.stderr)
                written = False
    return written


def _json(request: Request, results: Sequence[LineResult], now: str) -> str:
    document = {**msgspec.to_builtins(request), "verified": now}
    document["lines"] = [msgspec.to_builtins(result) for result in results]
    return visible(json.dumps(document, indent=2, ensure_ascii=False))


def _markdown(request: Request, results: Sequence[LineResult], now: str) -> str:
    header = ("now", "protocol", "host", "address", "port", "detail", "before")
    rows = (
        (
            marked(result.now.mark),
            result.protocol,
            code(result.host),
            code(result.address or ""),
            str(result.port),
            text(result.now_detail),
            marked(result.measured.mark),
        )
        for result in results
    )
    said = f"Tried {moment(now)}; asked after the run of {text(moment(request.started))}."
    title = "**Firewall request, tried again: voice calls to PolyAI**"
    return "\n".join([title, "", f"{said} {_summary(results)}.", "", *table(header, rows)])
