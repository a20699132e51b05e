"""The browser check as one page for a customer, and as a snippet for the console of his own page.

No token is baked in; the page asks nobody but the gateway and the ICE servers named.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from polyai_diag import __version__
from polyai_diag.causes import CAUSES
from polyai_diag.causes.browser_advice import ADVICE, DENIALS, EMBEDDED, SITUATIONS
from polyai_diag.target import parse_ice_url

if TYPE_CHECKING:
    from collections.abc import Sequence

    from polyai_diag.model import Json

_MODULE = ("browser_facts.js", "browser_call.js", "browser_check.js")
_VIEW = "browser_view.js"
_EXPORT = re.compile(r"^export (?=const|function|async|class)", re.MULTILINE)
_ANYWHERE = "wss: https:"


def module_source() -> str:
    """Return the check as one ES module without imports."""
    return "\n".join(map(_source, _MODULE))


def view_source() -> str:
    """Return the check and the drawing of it as one ES module without imports."""
    return f"{module_source()}\n{_source(_VIEW)}"


def widget_source() -> str:
    """Return the notebook's widget as one ES module without imports, as anywidget takes it."""
    own = _source("browser_widget.js").replace("__CONFIG__", _as_data(_config("", ())))
    return f"{_EXPORT.sub('', view_source())}\n{own}"


def widget_styles() -> str:
    """Return the styles of the notebook's widget."""
    return f"{_source('browser_view.css')}{_source('browser_widget.css')}"


def render_page(url: str = "", ice_servers: Sequence[str] = (), username: str = "") -> str:
    """Return the page as one HTML file; `url` empty lets the person choose the gateway."""
    script = _script("browser_page.js")
    css = f"{_source('browser_page.css')}{_source('browser_view.css')}"
    old = _source("browser_old.js")
    return (
        _environment()
        .from_string(_source("browser_page.html"))
        .render(
            policy=_policy(url, css, script, old),
            css=css,
            script=script,
            old=old,
            config=_as_data(_config(url, ice_servers)),
            url=url,
            fixed=bool(url),
            servers=list(ice_servers),
            relays=any(parse_ice_url(server).is_turn for server in ice_servers),
            username=username,
        )
    )


def render_snippet(url: str = "", ice_servers: Sequence[str] = ()) -> str:
    """Return the check as text to paste into a browser's console: it offers `polyaiCheck()`."""
    own = _source("browser_snippet.js").replace("__CONFIG__", _as_data(_config(url, ice_servers)))
    body = _EXPORT.sub("", f"{module_source()}\n{own}")
    return f"(() => {{\n{body}\n}})();\n"


def _script(name: str) -> str:
    return _EXPORT.sub("", f"{view_source()}\n{_source(name)}")


def _policy(url: str, css: str, *scripts: str) -> str:
    """Hold the page to what it says: its own script, the gateway, and nobody else."""
    host = urlsplit(url).netloc
    secure = url.startswith("wss:")
    gateway = f"{'wss' if secure else 'ws'}://{host} {'https' if secure else 'http'}://{host}"
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {' '.join(map(_digest, scripts))}",
            f"style-src {_digest(css)}",
            f"connect-src {gateway if host else _ANYWHERE}",
            "img-src data:",
            "media-src blob: mediastream:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _config(url: str, ice_servers: Sequence[str]) -> dict[str, Json]:
    return {
        "tool": f"polyai-diag {__version__}",
        "url": url,
        "servers": list(ice_servers),
        "causes": {c.id: {"title": c.title, "remedy": c.remedy} for c in CAUSES.values()},
        "advice": ADVICE,
        "situations": SITUATIONS,
        "denials": DENIALS,
        "embedded": EMBEDDED,
    }


def _as_data(value: Json) -> str:
    """Write JSON that can end no script element and starts no comment (HTML §4.12.1.3)."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True
    )


@cache
def _source(name: str) -> str:
    return files("polyai_diag.notebook").joinpath(name).read_text(encoding="utf-8")
