"""From the command line and a config file to a Target. Every fault is one line."""

from __future__ import annotations

import argparse
import os
import sys
import tomllib
from datetime import UTC, datetime
from getpass import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polyai_diag.model import InputError
from polyai_diag.secret import Secret
from polyai_diag.target import ALL_REGIONS, MODES, REGIONS, IceServer, Target

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_TOKEN_BYTES = 64 * 1024


class UsageError(InputError):
    """The command cannot be carried out as given; the text is one line."""


class _IceServerAction(argparse.Action):
    """`--ice-server URL`, then its own `--ice-username` and `--ice-credential-env`."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        servers: list[dict[str, str]] = getattr(namespace, "ice_server", None) or []
        if self.dest == "ice_server":
            servers.append({"url": str(values)})
        elif not servers:
            parser.error(f"{option_string} must follow the --ice-server that it belongs to")
        else:
            servers[-1][self.dest.removeprefix("ice_")] = str(values)
        namespace.ice_server = servers


def add_target_options(parser: argparse.ArgumentParser) -> None:
    """Add where to call, and as whom."""
    group = parser.add_argument_group("where to call, and as whom")
    where = group.add_mutually_exclusive_group()
    where.add_argument("--url", help="signaling URL, wss://HOST/PATH")
    where.add_argument(
        "--region",
        metavar="NAME",
        help=f"PolyAI's region: {', '.join(REGIONS)}; all: which answers, which takes the token",
    )
    token = group.add_mutually_exclusive_group()
    token.add_argument("--token-file", metavar="FILE", help="file that holds the token")
    token.add_argument("--token-env", metavar="NAME", help="environment variable that holds it")
    group.add_argument(
        "--mend-token", action="store_true", default=None,
        help="send the token without the blanks, quotes or prefix around it, where that is safe",
    )  # fmt: skip
    group.add_argument(
        "--ice-server", metavar="URL", action=_IceServerAction,
        help="STUN or TURN URL, repeatable; without any, the gateway's are fetched",
    )  # fmt: skip
    group.add_argument(
        "--ice-username", metavar="USER", action=_IceServerAction, default=argparse.SUPPRESS,
        help="user name for the --ice-server before it",
    )  # fmt: skip
    group.add_argument(
        "--ice-credential-env", metavar="NAME", action=_IceServerAction,
        default=argparse.SUPPRESS, help="environment variable with its password",
    )  # fmt: skip
    group.add_argument("--call-sid", metavar="ID", help="default: polyai-diag- and a UUID")
    group.add_argument(
        "--mode", metavar="MODE", help=f"{', '.join(MODES)}; default: echo, else the agent"
    )
    group.add_argument("--ca-file", metavar="FILE", help="trust these authorities too (PEM)")
    group.add_argument("--config", metavar="FILE.toml", help="options from a file")


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add what to do, and for how long."""
    group = parser.add_argument_group("what to do")
    what = group.add_mutually_exclusive_group()
    what.add_argument("--symptom", metavar="NAME", help="unauthorized, no-audio or ice")
    what.add_argument(
        "--step", metavar="NAME", action="append", help="repeatable; see --help below"
    )
    flags = {
        "--no-call": "place no call: token, gateway, STUN, TURN and NAT only",
        "--relay-only": "use TURN alone (iceTransportPolicy: relay)",
        "--thorough": "measure the sound for longer",
        "--no-third-party": "ask no server but those given and the gateway",
    }
    for flag, text in flags.items():
        group.add_argument(flag, action="store_true", default=None, help=text)
    group.add_argument("--hold", metavar="SECONDS", help="keep the call up and watch it")
    group.add_argument(
        "--earlier", metavar="REPORT.json", action="append",
        help="of an earlier run, repeatable: says whether a call ends at the same second again",
    )  # fmt: skip
    group.add_argument("--deadline", metavar="SECONDS", help="end after this long (default 60)")


def add_output_options(parser: argparse.ArgumentParser) -> None:
    """Add what to write."""
    group = parser.add_argument_group("what to write")
    group.add_argument("--json", metavar="FILE|-", help="report as JSON; - for standard output")
    group.add_argument("--html", metavar="FILE", help="report as one HTML page")
    group.add_argument("--markdown", metavar="FILE", help="report for a ticket")
    group.add_argument(
        "--request", metavar="FILE",
        help="what to ask the network team for: .json (for verify), .csv or .md",
    )  # fmt: skip
    group.add_argument("--save-audio", metavar="DIR", help="sent.wav and received.wav")
    group.add_argument(
        "--anonymize", action="store_true", default=None, help="hide addresses and host names"
    )
    group.add_argument(
        "-v", "--verbose", action="store_true", default=None, help="print every observation"
    )


def add_verify_options(parser: argparse.ArgumentParser) -> None:
    """Add what to try, and what to write."""
    parser.add_argument("request_file", metavar="REQUEST.json", help="from run --request FILE.json")
    parser.add_argument("--ca-file", metavar="FILE", help="trust these authorities too (PEM)")
    parser.add_argument("--json", metavar="FILE|-", help="result as JSON; - for standard output")
    parser.add_argument("--markdown", metavar="FILE", help="result for a ticket")


def add_page_options(parser: argparse.ArgumentParser) -> None:
    """Add what the page is for, and where it goes."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--url", help="signaling URL; without one the person types it in")
    where.add_argument("--region", metavar="NAME", help=f"PolyAI's region: {', '.join(REGIONS)}")
    parser.add_argument(
        "--ice-server", metavar="URL", action=_IceServerAction,
        help="STUN or TURN URL, repeatable; without any, the gateway's are fetched",
    )  # fmt: skip
    parser.add_argument(
        "--ice-username", metavar="USER", action=_IceServerAction, default=argparse.SUPPRESS,
        help="user name for the TURN servers; the password is typed in",
    )  # fmt: skip
    parser.add_argument(
        "--snippet", action="store_true", help="in place of a page, text for a browser's console"
    )
    parser.add_argument("-o", "--output", metavar="FILE|-", default="-", help="default: -")


def add_lab_options(parser: argparse.ArgumentParser) -> None:
    """Add where the notebooks go."""
    parser.add_argument(
        "--folder", metavar="DIR",
        help="lay the notebooks there and open it; default: a checkout's own, else "
        "./polyai-diag-notebooks",
    )  # fmt: skip
    parser.add_argument(
        "--no-open", action="store_true", help="lay the notebooks out, and open nothing"
    )


def add_compare_options(parser: argparse.ArgumentParser) -> None:
    """Add what to compare, as what, and what to write."""
    parser.add_argument("a", metavar="A", help="the first report (JSON); - reads standard input")
    parser.add_argument("b", metavar="B", help="the second: later, or from elsewhere")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument(
        "--vantage", action="store_true", help="two vantage points: support's run, the customer's"
    )
    kind.add_argument(
        "--before-after", action="store_true", help="one machine twice; default: by machine name"
    )
    parser.add_argument("--json", metavar="FILE|-", help="comparison as JSON")
    parser.add_argument("--markdown", metavar="FILE|-", help="comparison for a ticket")
    parser.add_argument("--html", metavar="FILE", help="comparison as one HTML page")


def merge_config(args: argparse.Namespace, accepted: set[str]) -> None:
    """Fill what the command line leaves open from `--config`. Raises UsageError."""
    if args.config is None:
        return
    for key, value in _read_config(args.config).items():
        name = key.replace("-", "_")
        if name not in accepted:
            names = ", ".join(sorted(n.replace("_", "-") for n in accepted))
            raise UsageError(f"{args.config}: unknown key {key!r}; accepted: {names}")
        if getattr(args, name) is None:
            setattr(args, name, _config_value(args.config, key, value))


def target_from(args: argparse.Namespace) -> Target:
    """Make the target. Raises InputError."""
    regions = (*REGIONS, ALL_REGIONS)
    if args.region is not None and args.region not in regions:
        raise UsageError(f"no region is called {args.region!r}; accepted: {', '.join(regions)}")
    url = args.url or args.region
    if url is None:
        raise UsageError("where to? give --url wss://… or --region NAME")
    Target(url)  # a bad URL is said before a token is asked for
    token = read_token(args.token_file, args.token_env)
    return Target(
        url,
        _mended(token) if args.mend_token else token,
        ice_servers=_ice_servers(args.ice_server),
        call_sid=args.call_sid,
        mode=args.mode,
        relay_only=bool(args.relay_only),
        thorough=bool(args.thorough),
        hold_s=seconds("hold", args.hold, 0),
        third_party=not args.no_third_party,
        ca_file=args.ca_file,
    )


def read_token(file: str | None, variable: str | None) -> Secret:
    """Read the token; one final line end is removed, and nothing else. Raises UsageError."""
    if file is not None:
        return Secret(_without_line_end(_read_text("--token-file", file)))
    if variable is not None:
        return Secret(_environment("--token-env", variable))
    if not sys.stdin.isatty():
        raise UsageError("no token: give --token-file FILE or --token-env NAME")
    return Secret(getpass("Token: "))


def _mended(token: Secret) -> Secret:
    """Return the token without what clings to it, where that is safe, and say so."""
    from polyai_diag.analysis import token as analysis  # noqa: PLC0415 - only needed here

    facts = analysis.read_token(token.reveal(), datetime.now(UTC))
    if facts.mended is None:
        if facts.failure is not None:
            print(f"polyai-diag: the token is sent as it is: {facts.detail}", file=sys.stderr)
        return token
    said = ", ".join(facts.mended_by)
    print(f"polyai-diag: the token is sent without {said}", file=sys.stderr)
    return facts.mended


def seconds(name: str, given: str | float | None, default: float) -> float:
    """Read a number of seconds. Raises UsageError."""
    if given is None:
        return default
    try:
        value = float(given)
    except ValueError:
        value = -1
    if not 0 <= value <= 86_400:
        raise UsageError(f"--{name} {given!r}: a number of seconds is wanted, 0 to 86400")
    return value


def _ice_servers(given: Sequence[Mapping[str, str]] | None) -> list[IceServer] | None:
    if not given:
        return None
    return [
        IceServer(
            entry["url"],
            entry.get("username"),
            _environment("--ice-credential-env", entry["credential_env"])
            if "credential_env" in entry
            else None,
        )
        for entry in given
    ]


def _environment(option: str, variable: str) -> str:
    if variable not in os.environ:
        raise UsageError(f"{option} {variable}: no such environment variable")
    return os.environ[variable]


def _without_line_end(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r")


def _read_text(option: str, file: str) -> str:
    try:
        data = Path(file).read_bytes()
    except OSError as exc:
        raise UsageError(f"{option} {file}: {exc.strerror}") from None
    if len(data) > MAX_TOKEN_BYTES:
        raise UsageError(f"{option} {file}: {len(data)} bytes; that is no token")
    return data.decode("utf-8", "surrogateescape")


def _read_config(file: str) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(file).read_text(encoding="utf-8"))
    except OSError as exc:
        raise UsageError(f"--config {file}: {exc.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise UsageError(f"--config {file}: {exc}") from None


def _config_value(file: str, key: str, value: Any) -> Any:
    if key == "ice-server":
        return _config_servers(file, value)
    if key in ("step", "earlier"):
        return [value] if isinstance(value, str) else value
    if not isinstance(value, str | bool | int | float):
        raise UsageError(f"{file}: {key}: a text, number or true/false is wanted")
    return value


def _config_servers(file: str, value: Any) -> list[dict[str, str]]:
    entries = value if isinstance(value, list) else [value]
    servers = [{"url": e} if isinstance(e, str) else e for e in entries]
    keys = {"url", "username", "credential-env"}
    for entry in servers:
        if not isinstance(entry, dict) or "url" not in entry or set(entry) - keys:
            raise UsageError(f"{file}: ice-server: accepted are {', '.join(sorted(keys))}")
    return [{k.replace("-", "_"): str(v) for k, v in entry.items()} for entry in servers]
