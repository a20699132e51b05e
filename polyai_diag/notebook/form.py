"""The panel's form: where to call, with what, and what the complaint is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from polyai_diag.model import Guide
from polyai_diag.notebook.places import SANDBOX, TOKEN_VARIABLE
from polyai_diag.notebook.progress import usual_s
from polyai_diag.notebook.servers import KEPT, Servers
from polyai_diag.plan import ALL_REGIONS_STEPS, COMPLAINTS, chosen
from polyai_diag.report.story import GUIDE_SECTIONS
from polyai_diag.report.text import time_span
from polyai_diag.sandbox import FAULTS
from polyai_diag.secret import Secret
from polyai_diag.target import ALL_REGIONS, REGIONS, IceServer, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OWN_URL = "url"
MOST_HOLD_S = 3600

PLACES = {
    "Sandbox, to practise": SANDBOX,
    **{f"PolyAI {region}": region for region in REGIONS},
    "All PolyAI regions": ALL_REGIONS,
    "Another URL": OWN_URL,
}

COMPLAINT_NAMES = {
    "None in particular": "",
    **{GUIDE_SECTIONS[Guide(name)]: name for name in COMPLAINTS},
}


class Form:
    """Fields and what they say. A secret is cleared once it has been read.

    `guard` makes a callback of an action. What was read is kept in the kernel's memory alone, for
    the next run to the same place.
    """

    def __init__(
        self,
        where: str,
        fault: str,
        complaint: str,
        guard: Callable[[Callable[[], None]], Callable[[object], None]],
    ) -> None:
        own = where not in PLACES.values()
        self.where = widgets.Dropdown(
            description="Where to", options=PLACES, value=OWN_URL if own else where
        )
        self.url = widgets.Text(
            description="Signaling URL", placeholder="wss://host/path", value=where if own else ""
        )
        self.fault = widgets.Dropdown(
            description="Break it on purpose",
            options={"nothing, all works": "", **{name: name for name in FAULTS}},
            value=fault,
        )
        self.token = widgets.Password(description="Connector token")
        self.complaint = widgets.Dropdown(
            description="Complaint", options=COMPLAINT_NAMES, value=complaint
        )
        self.depth = widgets.Dropdown(description="How thorough", options={"quick": False})
        self.ice = widgets.Dropdown(
            description="ICE servers", options={"from the gateway": False, "typed here": True}
        )
        self.servers = Servers(guard)
        self.hold_s = widgets.BoundedIntText(
            description="Hold the call, seconds", min=0, max=MOST_HOLD_S
        )
        self.relay_only = widgets.Checkbox(description="Through a relay only", indent=False)
        self.more_button = widgets.Button()
        self._kept: tuple[tuple[str, str], Secret] | None = None
        self._open = self._locked = False
        self.box, self.more = self._laid_out()
        for field in (self.where, self.url, self.complaint, self.ice, self.relay_only, self.hold_s):
            field.observe(guard(self._arrange), "value")
        self.more_button.on_click(guard(self._unfold))
        self._arrange()

    @property
    def faults(self) -> tuple[str, ...]:
        """What is to be broken in the sandbox."""
        return (self.fault.value,) if self.fault.value else ()

    @property
    def steps(self) -> tuple[str, ...] | None:
        """Steps that the complaint asks for, None for all; of all regions, what needs no call."""
        if self.where.value == ALL_REGIONS:
            return ALL_REGIONS_STEPS
        return COMPLAINTS.get(self.complaint.value)

    @property
    def options(self) -> dict[str, Any]:
        """How the call is to be placed, as Target takes it."""
        return {
            "thorough": self.depth.value,
            "relay_only": self.relay_only.value,
            "hold_s": self.hold_s.value,
        }

    def read(self) -> Target | None:
        """Return the target, None for the sandbox, and clear the secrets that were read.

        Raises TargetError, and then leaves everything as it was typed.
        """
        if self.where.value == SANDBOX:
            return None
        token = self._token()
        target = Target(self._place[1], token, ice_servers=self._ice_servers(), **self.options)
        if token is not None:
            self._kept = (self._place, token)
        self.token.value = ""
        self.servers.clear_secrets()
        self._arrange()
        return target

    def lock(self, locked: bool) -> None:
        """Let nothing be changed while a run reads it."""
        self._locked = locked
        for field in self._fields():
            field.disabled = locked
        self.servers.lock(locked)

    @property
    def _place(self) -> tuple[str, str]:
        """Where the token goes: nowhere else is it sent."""
        where = self.where.value
        return where, self.url.value.strip() if where == OWN_URL else where

    def _token(self) -> Secret | None:
        """Return what is typed, else what was read for this place, else the environment's."""
        if self.token.value:
            return Secret(self.token.value)
        if self._kept and self._kept[0] == self._place:
            return self._kept[1]
        given = os.environ.get(TOKEN_VARIABLE)
        return Secret(given) if given else None

    @property
    def _empty_token(self) -> str:
        return (
            f"{TOKEN_VARIABLE} is used" if os.environ.get(TOKEN_VARIABLE) else "cleared once read"
        )

    def _ice_servers(self) -> list[IceServer] | None:
        if not self.ice.value or self.where.value == ALL_REGIONS:
            return None
        return self.servers.read()

    # --- how it is shown ---

    def _fields(self) -> list[Any]:
        first = [self.where, self.url, self.fault, self.token, self.complaint, self.depth]
        return [*first, self.ice, self.hold_s, self.relay_only]

    def _laid_out(self) -> tuple[widgets.Box, widgets.Box]:
        *first, ice, hold_s, relay_only = self._fields()
        self.url.add_class("polyai-diag-wide")
        box, settings = widgets.Box(first), widgets.Box([ice, hold_s, relay_only])
        for fields in (box, settings):
            fields.add_class("polyai-diag-fields")
        more = widgets.VBox([settings, self.servers.box])
        more.add_class("polyai-diag-more")
        return box, more

    def _unfold(self) -> None:
        self._open = not self._open
        self._arrange()

    def _arrange(self) -> None:
        """Show what goes with what is chosen."""
        sandbox = self.where.value == SANDBOX
        called = self.where.value != ALL_REGIONS
        shown = {
            self.url: self.where.value == OWN_URL,
            self.fault: sandbox,
            self.token: not sandbox,
            self.complaint: called,
            self.depth: called,
            self.ice: not sandbox,
            self.servers.box: self.ice.value and not sandbox,
            self.more: self._open and called,
            self.more_button: called,
        }
        for field, visible in shown.items():
            field.layout.display = None if visible else "none"
        if self._kept and self._kept[0] != self._place:
            self._kept = None
        self.token.placeholder = KEPT if self._kept else self._empty_token
        self.more_button.description = "Fewer options" if self._open else self._more_words()
        self._estimate()

    def _more_words(self) -> str:
        """Say of what is folded how it differs from what is usual."""
        changed = (
            ("ICE servers typed", self.ice.value and self.where.value != SANDBOX),
            ("relay only", self.relay_only.value),
            (f"held {self.hold_s.value} s", self.hold_s.value),
        )
        named = ", ".join(words for words, holds in changed if holds)
        return f"More options ({named})" if named else "More options"

    def _estimate(self) -> None:
        """Say how long each depth takes, for what is chosen."""
        thorough, options = bool(self.depth.value), dict(self._depths())
        if options != dict(self.depth.options):
            self.depth.options = options
            self.depth.value = thorough

    def _depths(self) -> Iterator[tuple[str, bool]]:
        plan = chosen(self.steps)
        for name, thorough in (("quick", False), ("thorough", True)):
            seconds = usual_s(plan, thorough=thorough, hold_s=self.hold_s.value)
            yield f"{name}, about {time_span(max(round(seconds), 1)).replace('.0', '')}", thorough
