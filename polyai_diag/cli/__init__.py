"""The command line: polyai-diag."""

from __future__ import annotations

import argparse
import contextlib
import sys
from typing import TYPE_CHECKING, NoReturn

from polyai_diag import __version__
from polyai_diag.cli import options
from polyai_diag.cli.signals import ended_by_sigterm
from polyai_diag.cli.streams import UNWRITABLE, complain, give_up_standard_output
from polyai_diag.model import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

_DESCRIPTION = "Tells why a voice call to the PolyAI WebRTC gateway does not work, and what to do."
_EXIT_CODES = """\
exit codes: 0 healthy · 3 warnings only · 1 a critical cause · 4 incomplete (deadline, or a step or
rule broke) · 2 bad usage, or output that cannot be written · 130 interrupted, 143 terminated"""
_RUN_EXAMPLES = f"""\
steps: token gateway signaling stun turn nat opus call audio (a step brings what it needs)

examples:
  polyai-diag run --region us-1 --token-file token.txt --html report.html
  polyai-diag run --url wss://host/api/v1/webrtc/signal --token-env POLYAI_TOKEN --symptom ice
  polyai-diag run --region uk-1 --token-env POLYAI_TOKEN --no-call --json - | jq .verdict
  polyai-diag run --region us-1 --token-file token.txt \\
      --ice-server 'turn:turn.example.net:3478?transport=tcp' \\
      --ice-username user --ice-credential-env TURN_PASSWORD --relay-only

{_EXIT_CODES}"""
_DEMO_EXAMPLES = f"""\
examples:
  polyai-diag demo
  polyai-diag demo --fault udp-blocked --html report.html

{_EXIT_CODES}"""
_VERIFY_EXAMPLES = """\
examples:
  polyai-diag run --region us-1 --token-file token.txt --symptom ice --request request.json
  polyai-diag verify request.json --markdown result.md

exit codes: 0 all that can be tried works · 1 something is blocked · 4 nothing could be measured
· 2 bad usage, or output that cannot be written · 130 interrupted, 143 terminated"""

_LAB_EXAMPLES = """\
Other options are passed on to JupyterLab. A notebook that you have changed is never written over:
a newer one is laid beside it, and one line says so.

examples:
  polyai-diag lab
  polyai-diag lab --folder tickets/4711 --no-browser --port 8890
  polyai-diag lab --folder tickets/4711 --no-open       # only lay the notebooks there"""

_PAGE_EXAMPLES = """\
examples:
  polyai-diag page --region us-1 -o check.html          # send it, or put it on any web server
  polyai-diag page --url wss://host/api/v1/webrtc/signal \\
      --ice-server 'turn:turn.example.net:3478?transport=tcp' -o check.html
  polyai-diag page --region us-1 --snippet -o check.js  # for the console of the customer's own page
  polyai-diag analyze browser-check.json                # what comes back: the file, or its text

The page holds no token and no password: they are typed in, used and forgotten. From disk browsers
may refuse to fetch ICE servers for it: then name them here, or host the page.

exit codes: 0 written · 2 bad usage, or output that cannot be written"""

_COMPARE_EXAMPLES = """\
examples:
  polyai-diag run --region us-1 --token-file token.txt --json before.json
  polyai-diag compare before.json after.json                      # after the firewall was changed
  polyai-diag compare support.json customer.json --vantage --markdown - > ticket.md
  polyai-diag compare before.json after.json --json - | jq -r .conclusion

Machines of one name are one machine before and after; others are two vantage points. What fails
from one alone lies on that side; what fails from both, on the gateway's or in the configuration.

exit codes: 0 B is no worse · 1 B is worse: a root cause that A lacks, a graver one or a graver
verdict (figures alone do not count) · 2 bad usage, a file that is no report, or output that
cannot be written"""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return the exit code."""
    parser = _parser()
    args, rest = parser.parse_known_args(argv)
    if rest and args.command != "lab":
        parser.error(f"unknown: {' '.join(rest)}")
    args.rest = rest
    try:
        # JupyterLab is another process: it is told by itself.
        with contextlib.nullcontext() if args.command == "lab" else ended_by_sigterm():
            return _dispatch(args)
    except InputError as exc:
        complain(str(exc))
    except KeyboardInterrupt:
        return 130
    except OSError as exc:  # a terminal or a disk that takes no more; else it is our own bug
        if exc.errno not in UNWRITABLE:
            raise
        give_up_standard_output()
        complain(f"cannot be written: {exc.strerror}")
    return 2


def _dispatch(args: argparse.Namespace) -> int:
    from polyai_diag.cli import commands  # noqa: PLC0415 - --help needs none of it

    if "config" in args:
        skipped = {"command", "config", "rest", "verbose"}
        options.merge_config(args, set(vars(args)) - skipped)
    code: int = getattr(commands, args.command)(args)
    sys.stdout.flush()
    return code


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="polyai-diag",
        description=_DESCRIPTION,
        epilog="polyai-diag COMMAND --help shows each command's options, with examples.",
    )
    parser.add_argument("--version", action="version", version=f"polyai-diag {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, text: str, epilog: str = "") -> argparse.ArgumentParser:
        return commands.add_parser(
            name,
            help=text,
            description=text,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    run = add("run", "diagnose a gateway with one real call", _RUN_EXAMPLES)
    options.add_target_options(run)
    options.add_run_options(run)
    options.add_output_options(run)

    demo = add("demo", "diagnose a sandbox on this machine, healthy or broken", _DEMO_EXAMPLES)
    demo.add_argument("--fault", metavar="ID", action="append", help="break it so; repeatable")
    demo.add_argument(
        "--check", action="store_true", help="exit 0 if just the faults played are named, else 1"
    )
    options.add_run_options(demo)
    options.add_output_options(demo)

    sandbox = add("sandbox", "serve a sandbox gateway until Ctrl-C")
    sandbox.add_argument("--fault", metavar="ID", action="append", help="break it so; repeatable")
    sandbox.add_argument("--json", action="store_true", help="first line: all a client needs")

    causes = add("causes", "list the root causes that can be named")
    causes.add_argument("--json", action="store_true", help="as JSON")

    lab = add("lab", "open JupyterLab on the notebooks", _LAB_EXAMPLES)
    options.add_lab_options(lab)

    analyze = add(
        "analyze", "judge a pasted frame, log, error message, SDP, browser check, report, recording"
    )
    analyze.add_argument("files", metavar="FILE|-", nargs="+", help="- reads standard input")
    analyze.add_argument("--json", action="store_true", help="as JSON")

    page = add("page", "write the browser check as one page, for a customer", _PAGE_EXAMPLES)
    options.add_page_options(page)

    verify = add("verify", "try a firewall request line by line", _VERIFY_EXAMPLES)
    options.add_verify_options(verify)

    compare = add("compare", "set two reports side by side", _COMPARE_EXAMPLES)
    options.add_compare_options(compare)
    return parser
