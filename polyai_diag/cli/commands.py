"""The commands: run, demo, sandbox, causes, lab, analyze, page, verify, compare."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polyai_diag.cli.exits import CRITICAL, HEALTHY, USAGE, WARNINGS, exit_code, worst
from polyai_diag.cli.options import UsageError, seconds
from polyai_diag.cli.signals import SIGNAL_EXIT, on_signals

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
    _check_outputs(args)

    async def diagnose(screen: Screen, started: Callable[[Runner], None]) -> Report:
        return await _diagnose(args, target, screen, started)

    return _run_and_show(args, diagnose)


def demo(args: argparse.Namespace) -> int:
    """Diagnose the sandbox, healthy or broken."""
    from polyai_diag.sandbox import Sandbox  # noqa: PLC0415

    sandbox = Sandbox(faults=args.fault or ())
    _check_outputs(args)

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
    """Open JupyterLab on a copy of the notebooks."""
    from importlib.util import find_spec  # noqa: PLC0415

    if find_spec("jupyterlab") is None or find_spec("ipywidgets") is None:
        raise UsageError("JupyterLab is not installed: pip install 'polyai-diag[lab]'")
    folder = _notebook_folder()
    command = [sys.executable, "-m", "jupyterlab", "--notebook-dir", str(folder), *args.rest]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # a container's usual user; JupyterLab would refuse
    return subprocess.call(command)  # noqa: S603 - our own interpreter, our own words


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

    _check_folders(args, ("json", "markdown"))
    return verify_lines(args)


def compare(args: argparse.Namespace) -> int:
    """Set two reports side by side."""
    from polyai_diag.cli.compare import compare_files  # noqa: PLC0415

    _check_folders(args, ("json", "markdown", "html"))
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
    from polyai_diag.plan import complaint_steps  # noqa: PLC0415
    from polyai_diag.report import Report  # noqa: PLC0415
    from polyai_diag.runner import DEADLINE_S, Runner  # noqa: PLC0415

    steps: Sequence[str] | None = args.step
    if args.symptom is not None:
        steps = complaint_steps(args.symptom)
    runner = Runner(
        target,
        steps=steps,
        deadline_s=seconds("deadline", args.deadline, DEADLINE_S),
        place_call=not args.no_call,
        on_event=screen.on_event,
        audio_folder=Path(args.save_audio) if args.save_audio else None,
    )
    started(runner)
    if target.all_regions:
        screen.console.print("Every region is asked at once; no call is placed.", markup=False)
    elif not args.no_call:
        screen.console.print(f"At most one call is placed: callSid {target.call_sid}", markup=False)
    report = Report(await runner.run())
    return report.anonymized() if args.anonymize else report


def _run_and_show(
    args: argparse.Namespace, diagnose: Diagnose, named: list[str] | None = None
) -> int:
    """Run, print, write; `named` takes the root causes' ids."""
    from polyai_diag.cli.console import Screen, print_report  # noqa: PLC0415
    from polyai_diag.cli.tables import print_network  # noqa: PLC0415

    stream = sys.stderr if args.json == "-" else sys.stdout
    signals: list[int] = []

    async def go() -> Report:
        runners: list[Runner] = []

        def stop(number: int) -> None:
            signals.append(number)
            for runner in runners:
                runner.cancel("interrupted")

        with Screen(stream, verbose=bool(args.verbose)) as screen, on_signals(stop):
            return await diagnose(screen, runners.append)

    report = asyncio.run(go())
    if named is not None:
        named += report.root_causes
    screen = Screen(stream, verbose=False)
    # Without a terminal each step has been printed when it ended.
    print_report(screen.console, report, steps=screen.console.is_terminal)
    if args.symptom == "ice":
        print_network(screen.console, report)
    written = _write(args, report, screen)
    if not written:
        return USAGE
    return SIGNAL_EXIT[signal.Signals(signals[0])] if signals else exit_code(report)


# --- writing ----------------------------------------------------------------------------------

_FORMS = ("json", "html", "markdown")


def _check_outputs(args: argparse.Namespace) -> None:
    """Say before the run what could not be written after it."""
    from polyai_diag.report.request_forms import ENDINGS  # noqa: PLC0415

    _check_folders(args, (*_FORMS, "request"))
    if args.request is not None and Path(args.request).suffix not in ENDINGS:
        raise UsageError(f"--request {args.request}: the ending must be {', '.join(ENDINGS)}")
    if args.save_audio:
        try:
            Path(args.save_audio).mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise UsageError(f"--save-audio {args.save_audio}: {exc.strerror}") from None


def _check_folders(args: argparse.Namespace, options: Sequence[str]) -> None:
    for option in options:
        name = getattr(args, option)
        if name is not None and name != "-" and not Path(name).absolute().parent.is_dir():
            raise UsageError(f"--{option} {name}: no such folder")


def _write(args: argparse.Namespace, report: Report, screen: Screen) -> bool:
    """Write what was asked for; what cannot be written is printed instead of lost."""
    from polyai_diag.report.firewall import request_of  # noqa: PLC0415
    from polyai_diag.report.request_forms import request_form  # noqa: PLC0415

    renders = dict(zip(_FORMS, (report.to_json, report.to_html, report.to_markdown), strict=True))
    written = True
    for option, render in renders.items():
        name = getattr(args, option)
        if name == "-":
            print(render())
        elif name is not None:
            written &= _write_one(option, name, render(), report, screen)
    if args.request is not None:
        text = request_form(request_of(report), Path(args.request).suffix)
        written &= _write_one("request", args.request, text, report, screen)
    not_saved = report.step("audio").data.get("audio_not_saved")
    if not_saved:
        print(f"polyai-diag: --save-audio {not_saved}", file=sys.stderr)
    return written and not not_saved


def _write_one(option: str, name: str, text: str, report: Report, screen: Screen) -> bool:
    try:
        Path(name).write_text(text, encoding="utf-8")
    except OSError as exc:
        print(report.to_json())
        message = f"polyai-diag: --{option} {name}: {exc.strerror}; the report is printed instead"
        print(message, file=sys.stderr)
        return False
    screen.console.print(f"Written: {name}", markup=False)
    return True


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


def _notebook_folder() -> Path:
    """Return the notebooks beside a checkout, or a copy of the installed ones in this folder."""
    package = Path(__file__).parents[1]
    if (package.parent / "notebooks").is_dir():
        return package.parent / "notebooks"
    folder = Path("polyai-diag-notebooks").absolute()
    folder.mkdir(exist_ok=True)
    for notebook in (package / "notebooks").glob("*.ipynb"):
        copy = folder / notebook.name
        if not copy.exists():
            copy.write_bytes(notebook.read_bytes())
    return folder
