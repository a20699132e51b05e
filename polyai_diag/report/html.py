"""The report as HTML: a page of its own, a notebook output, or a part of either.

Everything shown came from a network and may be hostile: templates escape all they are given,
and each text is one bounded line, except where a filter says otherwise.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache, lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import msgspec
from jinja2 import PackageLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from polyai_diag.report.compare_forms import (
    HOW_TOLD,
    by_change,
    change_heading,
    side_words,
    steps_apart,
)
from polyai_diag.report.comparison import CHANGE_MARKS, shown_causes
from polyai_diag.report.pictures import Picture, relays_svg, sound_pictures
from polyai_diag.report.proof import how_often
from polyai_diag.report.request import Measured, grouped
from polyai_diag.report.request_forms import moment, request_links, request_markdown
from polyai_diag.report.story import Story
from polyai_diag.report.text import flat, milliseconds, plain
from polyai_diag.report.way import mark_of

if TYPE_CHECKING:
    from polyai_diag.report.comparison import Comparison
    from polyai_diag.report.report import Report
    from polyai_diag.report.request import Request


def render_html(report: Report) -> str:
    """Return one HTML page that asks nothing of the network."""
    script = _source("copy.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest())
    page = _environment().get_template("page.html")
    return page.render(
        _context(report),
        scripted=True,
        script=script,
        digest=digest.decode(),
        page_css=_source("page.css"),
    )


def render_fragment(report: Report) -> str:
    """Return the report as HTML to stand inside a notebook's output: no script, scoped styles."""
    return _environment().get_template("fragment.html").render(_context(report), scripted=False)


def render_comparison(comparison: Comparison) -> str:
    """Return two reports side by side as one HTML page without a script."""
    page = _environment().get_template("compare.html")
    return page.render(
        compared=comparison,
        causes=shown_causes(comparison),
        steps=steps_apart(comparison),
        measured=by_change(comparison.measured),
        heading=change_heading(comparison),
        sides=[(s, side_words(s)) for s in (comparison.a, comparison.b)],
        marks=CHANGE_MARKS,
        how_told=HOW_TOLD,
        css=_source("style.css"),
        page_css=_source("page.css"),
    )


def render_part(name: str, *given: Any) -> Markup:
    """Return one part of the notebook's panel: a macro of `panel.html`, given what it takes."""
    part = getattr(_environment().get_template("panel.html").module, name)
    return Markup('<div class="polyai-diag">{}</div>').format(part(*given))


def render_own(name: str, styles: str, **given: Any) -> str:
    """Return what a template of ours makes of this, with these styles of ours."""
    return _environment().get_template(name).render(given, css=_source(styles))


def panel_styles() -> Markup:
    """Return the styles that the parts need, once a panel."""
    return Markup("<style>{}{}</style>").format(_source("style.css"), _source("panel.css"))


def _context(report: Report) -> dict[str, Any]:
    story = Story(report)
    return {
        "story": story,
        "pictures": drawn_sound(story),
        "relays_svg": drawn_relays(story),
        "asked": Asked(story.firewall),
        "css": _source("style.css"),
    }


class Asked:
    """The firewall request as the templates show it."""

    def __init__(self, request: Request) -> None:
        self.rows = grouped(request.lines)
        self.blocked = sum(row.line.measured is Measured.BLOCKED for row in self.rows)
        self.unknown = sum(row.line.measured is Measured.UNKNOWN for row in self.rows)
        self.markdown = request_markdown(request)
        self.links = request_links(request)


def drawn_sound(story: Story) -> list[Picture]:
    """Return the pictures of the sound, none where none was measured."""
    return list(_drawn_once(msgspec.json.encode(story.data("audio"))))


@lru_cache(maxsize=4)
def _drawn_once(audio: bytes) -> tuple[Picture, ...]:
    """Draw what several forms of one report show: it takes long enough to be noticed."""
    return tuple(
        picture._replace(svg=Markup(picture.svg))  # noqa: S704 - drawn by us, of numbers alone
        for picture in sound_pictures(msgspec.json.decode(audio))
    )


def drawn_relays(story: Story) -> Markup:
    """Return the picture of the relays' round trips, empty unless two can be compared."""
    return Markup(relays_svg(story.relays.bars))  # noqa: S704 - drawn by us, its label escaped


@cache
def _source(name: str) -> Markup:
    text = files("polyai_diag.report").joinpath("templates", name).read_text(encoding="utf-8")
    return Markup(text)  # noqa: S704 - our own file


def _shown(value: Any) -> Any:
    return value if isinstance(value, Markup) else plain(value)


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        loader=PackageLoader("polyai_diag.report"),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        ms=milliseconds,
        mark=mark_of,
        flat=flat,
        moment=moment,
        how_often=how_often,
        whole=Markup.escape,
    )
    return environment
