"""The commands: run, demo, sandbox, causes, lab, analyze, page, verify, compare."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polyai_diag.cli.exits import CRITICAL, HEALTHY, USAGE, WARNINGS, exit_code, worst
from polyai_diag.cli.options import seconds
from polyai_diag.cli.outputs import Outputs, check_folders, check_outputs
from polyai_diag.cli.signals import held_signals, on_signals

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from polyai_diag.cli.console import Screen
    from polyai_diag.report import Report
    from polyai_diag.runner import Runner
    from polyai_diag.target import Target


def run(args: argparse.Namespace) -> int:
    """Diagnose a target."""
    from polyai_diag.cli.options import target_from  # noqa: PLC0415

    target = target_from(args)
    check_outputs(args)

    async def diagnose(screen: Screen, started: Callable[[Runner], None]) -> Report:
        return await _diagnose(args, target, screen, started)

    return _run_and_show(args, diagnose)


def demo(args: argparse.Namespace) -> int:
    """Diagnose the sandbox, healthy or broken."""
    from polyai_diag.sandbox import Sandbox  # noqa: PLC0415

    sandbox = Sandbox(faults=args.fault or ())
    check_outputs(args)

    async def diagnose(screen: Screen, started: Callable[[Runner], None]) -> Report:
        async with sandbox:
            overrides = {"relay_only": bool(args.relay_only), "thorough": bool(args.thorough)}
            target = sandbox.target(**overrides, hold_s=seconds("hold", args.hold, 0))
            return await _diagnose(args, target, screen, started)

    if not args.check:
        return _run_and_show(args, diagnose)
    named: list[str] = []
    code = _run_and_show(args, diagnose, named)
    return _checked(code, args.fault or [], named)


def sandbox(args: argparse.Namespace) -> int:
    """Serve the sandbox until a signal comes."""
    from polyai_diag.sandbox import Sandbox  # noqa: PLC0415

    served = Sandbox(faults=args.fault or ())

    async def serve() -> int:
        stopped = asyncio.Event()
        with on_signals(lambda _: stopped.set()):
            async with served:
                _describe_sandbox(served.describe(), as_json=args.json)
                await stopped.wait()
        return HEALTHY

    return asyncio.run(serve())


def causes(args: argparse.Namespace) -> int:
    """List the catalogue."""
    from polyai_diag.causes import CAUSES  # noqa: PLC0415
    from polyai_diag.cli.console import new_console, print_catalogue  # noqa: PLC0415

    if args.json:
        rows = {row.id: {"title": row.title, "remedy": row.remedy} for row in CAUSES.values()}
        print(json.dumps(rows, indent=2))
    else:
        print_catalogue(new_console())
    return HEALTHY


def lab(args: argparse.Namespace) -> int:
    """Open JupyterLab on the notebooks."""
    from polyai_diag.cli.lab import open_lab  # noqa: PLC0415

    return open_lab(args)


def analyze(args: argparse.Namespace) -> int:
    """Judge what a customer sent: a frame, a session description, a report of ours, a recording."""
    from polyai_diag.cli.analyze import analyze_one  # noqa: PLC0415

    return worst(analyze_one(name, as_json=args.json) for name in args.files)


def page(args: argparse.Namespace) -> int:
    """Write the browser check for a customer."""
    from polyai_diag.cli.page import write_page  # noqa: PLC0415

    write_page(args)
    return HEALTHY


def verify(args: argparse.Namespace) -> int:
    """Try a firewall request line by line."""
    from polyai_diag.cli.verify import verify_lines  # noqa: PLC0415

    check_folders(args, ("json", "markdown"))
    return verify_lines(args)


def compare(args: argparse.Namespace) -> int:
    """Set two reports side by side."""
    from polyai_diag.cli.compare import compare_files  # noqa: PLC0415

    check_folders(args, ("json", "markdown", "html"))
    return compare_files(args)


def _checked(code: int, faults: Sequence[str], named: Sequence[str]) -> int:
    """Return 0 when just the faults that were played have been named."""
    if code not in (HEALTHY, CRITICAL, WARNINGS):
        return code
    played, said = ", ".join(sorted(faults)) or "none", ", ".join(sorted(named)) or "none"
    right = set(faults) == set(named)
    print(
        f"faults played: {played}; causes named: {said}: {'as it should be' if right else 'WRONG'}",
        file=sys.stderr,
    )
    return HEALTHY if right else CRITICAL


# --- running ----------------------------------------------------------------------------------

Diagnose = Callable[["Screen", Callable[["Runner"], None]], Awaitable["Report"]]


async def _diagnose(
    args: argparse.Namespace, target: Target, screen: Screen, started: Callable[[Runner], None]
) -> Report:
    from polyai_diag.cli.compare import read_report  # noqa: PLC0415
    from polyai_diag.plan import complaint_steps  # noqa: PLC0415
    from polyai_diag.report import Report  # noqa: PLC0415
    from polyai_diag.runner import DEADLINE_S, Runner  # noqa: PLC0415

    steps: Sequence[str] | None = args.step
    if args.symptom is not None:
        steps = complaint_steps(args.symptom)
    earlier = [read_report(name).record for name in args.earlier or ()]
    runner = Runner(
        target,
        steps=steps,
        deadline_s=seconds("deadline", args.deadline, DEADLINE_S),
        place_call=not args.no_call,
        on_event=screen.on_event,
        audio_folder=Path(args.save_audio) if args.save_audio else None,
        earlier=earlier,
    )
    started(runner)
    if target.all_regions:
        screen.say("Every region is asked at once; no call is placed.")
    elif not args.no_call:
        screen.say(f"At most one call is placed: callSid {target.call_sid}")
    report = Report(await runner.run())
    return report.anonymized() if args.anonymize else report


def _run_and_show(
    args: argparse.Namespace, diagnose: Diagnose, named: list[str] | None = None
) -> int:
    """Run, print, write; `named` takes the root causes' ids."""
    from polyai_diag.cli.console import Screen, print_report  # noqa: PLC0415
    from polyai_diag.cli.tables import print_network  # noqa: PLC0415

    screen = Screen(sys.stderr if args.json == "-" else sys.stdout, verbose=bool(args.verbose))
    with held_signals() as held:

        async def go() -> Report:
            loop = asyncio.get_running_loop()

            def started(runner: Runner) -> None:
                held.stop = partial(loop.call_soon_threadsafe, runner.cancel, "interrupted")
                if held.exit_code is not None:
                    held.stop()

            try:
                with screen:
                    return await diagnose(screen, started)
            finally:
                held.stop = None

        report = asyncio.run(go())
        if named is not None:
            named += report.root_causes

        def show() -> None:
            # Without a terminal each step has been printed when it ended.
            print_report(screen.console, report, steps=screen.console.is_terminal)
            if args.symptom == "ice":
                print_network(screen.console, report)

        if not Outputs(args, report, screen).write(show):
            return USAGE
    return held.exit_code or exit_code(report)


def _describe_sandbox(described: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(described), flush=True)
        return
    print(f"signaling  {described['signaling_url']}\ntoken      {described['token']}")
    for server in described["ice_servers"]:
        print(f"ICE        {', '.join(server['urls'])}")
    print(f"CA file    {described['ca_file']}")
    if "proxy" in described:
        print(f"proxy      {described['proxy']} (give it to clients as HTTPS_PROXY)")
    print("Serving until Ctrl-C.", flush=True)
