"""What a run writes: files and standard output. What cannot be written is printed, not lost."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from polyai_diag.cli.options import UsageError
from polyai_diag.cli.streams import complain, give_up_standard_output
from polyai_diag.files import write_whole

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from polyai_diag.cli.console import Screen
    from polyai_diag.report import Report

FORMS = ("json", "html", "markdown")


def check_outputs(args: argparse.Namespace) -> None:
    """Say before the run what could not be written after it. Raises UsageError."""
    from polyai_diag.report.request_forms import ENDINGS  # noqa: PLC0415

    check_folders(args, (*FORMS, "request"))
    if args.request is not None and Path(args.request).suffix not in ENDINGS:
        raise UsageError(f"--request {args.request}: the ending must be {', '.join(ENDINGS)}")
    if args.save_audio:
        try:
            Path(args.save_audio).mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise UsageError(f"--save-audio {args.save_audio}: {exc.strerror}") from None


def check_folders(args: argparse.Namespace, options: Sequence[str]) -> None:
    """Say which output has no folder to stand in. Raises UsageError."""
    for option in options:
        name = getattr(args, option)
        if name is not None and name != "-" and not Path(name).absolute().parent.is_dir():
            raise UsageError(f"--{option} {name}: no such folder")


class Outputs:
    """Writes what was asked for, and says in one line what could not be written."""

    def __init__(self, args: argparse.Namespace, report: Report, screen: Screen) -> None:
        self._report = report
        self._screen = screen
        forms: dict[str, Callable[[], str]] = {
            "json": report.to_json,
            "html": report.to_html,
            "markdown": report.to_markdown,
            "request": lambda: _request(report, args.request),
        }
        asked = [(option, getattr(args, option), form) for option, form in forms.items()]
        self._files = [one for one in asked if one[1] not in (None, "-")]
        self._printed = [one for one in asked if one[1] == "-"]
        self._lost: dict[str, str] = {}  # what, and why
        self._wanted = False  # whether somebody is still waiting for something that is lost
        self._there = False  # whether the report, as JSON, stands somewhere

    def write(self, show: Callable[[], None]) -> bool:
        """Write the files, then show and print the rest; False when something is missing.

        The files come first: whatever becomes of the terminal, they are there.
        """
        written = self._write_files()
        self._screen.show(show)
        for name in written:
            self._screen.say(f"Written: {name}")
        if self._screen.stream is sys.stdout and self._screen.broken is not None:
            self._lose_standard_output(self._screen.broken)
        self._print_forms()
        return self._end()

    def _write_files(self) -> list[str]:
        written = []
        for option, name, form in self._files:
            try:
                write_whole(name, form())
            except OSError as exc:
                self._lost[f"--{option} {name}"] = str(exc.strerror)
                self._wanted = True
            else:
                self._there |= option == "json"
                written.append(name)
        return written

    def _print_forms(self) -> None:
        for option, _, form in self._printed:
            self._there |= self._print(form()) and option == "json"

    def _print(self, text: str) -> bool:
        try:
            print(text, flush=True)
        except OSError as exc:
            self._lose_standard_output(exc)
            return False
        return True

    def _lose_standard_output(self, exc: OSError) -> None:
        self._lost["standard output"] = str(exc.strerror)
        self._wanted |= not isinstance(exc, BrokenPipeError)  # that reader has read enough
        give_up_standard_output()

    def _end(self) -> bool:
        instead = self._wanted and not self._there
        if instead:
            self._print_instead(self._report.to_json())
        said = [f"{what}: {why}" for what, why in self._lost.items()]
        said += ["the report is printed instead"] if instead else []
        not_saved = self._report.step("audio").data.get("audio_not_saved")
        said += [f"--save-audio {not_saved}"] if not_saved else []
        if said:
            complain("; ".join(said))
        return not said

    def _print_instead(self, text: str) -> None:
        if "standard output" in self._lost or not self._print(text):
            with contextlib.suppress(OSError):
                print(text, file=sys.stderr, flush=True)


def _request(report: Report, name: str) -> str:
    from polyai_diag.report.firewall import request_of  # noqa: PLC0415
    from polyai_diag.report.request_forms import request_form  # noqa: PLC0415

    return request_form(request_of(report), Path(name).suffix)
