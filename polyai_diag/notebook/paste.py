"""The paste box: what a customer has sent, recognised and judged by the rules that judge a run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import ipywidgets as widgets

from polyai_diag.analysis.browser import browser_check_in
from polyai_diag.analysis.paste import Pasted, read_paste
from polyai_diag.model import InputError
from polyai_diag.report import Report

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_CHARACTERS = 4_000_000
ACCEPTED = (
    "a frame or a log of frames, an error message, an SDP, a call's statistics (getStats() as "
    "JSON), what the browser check gave, a report of ours (JSON)"
)


class PasteError(InputError):
    """What was pasted is nothing known here; one line, with what is accepted."""


@dataclass(frozen=True)
class Judged:
    """What a paste was taken for; a `report` where it tells of a whole check or run."""

    kind: str
    report: Report | None = None
    pasted: Pasted | None = None


class PasteBox:
    """A box to paste into, and a button. The box is emptied once it has been read."""

    def __init__(self) -> None:
        self.text = widgets.Textarea(
            description="What the customer sent",
            placeholder="Paste it as it came",
            continuous_update=False,
            rows=8,
        )
        self.button = widgets.Button(description="Judge it", button_style="primary")
        note = widgets.HTML(
            f'<div class="polyai-diag"><p class="pd-soft">Accepted: {ACCEPTED}; up to '
            f"{MOST_CHARACTERS // 1_000_000} million characters. Recordings and larger files: "
            "<code>polyai-diag analyze FILE</code>. Nothing is sent anywhere; the box is emptied "
            "once it is read.</p></div>"
        )
        fields = widgets.Box([self.text])
        fields.add_class("polyai-diag-fields")
        self.text.add_class("polyai-diag-whole")
        buttons = widgets.HBox([self.button])
        buttons.add_class("polyai-diag-buttons")
        self.box = widgets.VBox([fields, note, buttons])

    def take(self) -> str:
        """Return what was pasted and empty the box, whatever it is: it may hold a token."""
        text: str = self.text.value
        self.text.value = ""
        return text

    def lock(self, locked: bool) -> None:
        """Let nothing be changed while it is read."""
        self.text.disabled = self.button.disabled = locked


def judge_paste(text: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Judged:
    """Recognise and judge what was pasted. Raises PasteError, ReportError."""
    if not text.strip():
        raise PasteError("Nothing is pasted. Accepted: " + ACCEPTED)
    if len(text) > MOST_CHARACTERS:
        raise PasteError(
            f"That is {len(text):,} characters, more than {MOST_CHARACTERS:,}: save it to a file, "
            "and run `polyai-diag analyze FILE`"
        )
    if _is_report(text):
        return Judged("a report of ours", report=Report.from_json(text))
    pasted = read_paste(text, now())
    if pasted is None:
        raise PasteError(_not_known(text))
    if pasted.record is not None and browser_check_in(text):
        return Judged(pasted.kind, report=Report(pasted.record))
    return Judged(pasted.kind, pasted=pasted)


def _is_report(text: str) -> bool:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(body, dict) and "schema_version" in body and "steps" in body


def _not_known(text: str) -> str:
    if browser_check_in(text) is not None:
        return (
            "A browser check that is cut off, changed on the way, or of a newer version: "
            "ask for the file that its page saves"
        )
    return f"Nothing known in it. Accepted: {ACCEPTED}"
