"""The panel's form: where to call, with what, and what the complaint is."""

from __future__ import annotations

import os
from typing import Any

import ipywidgets as widgets

from polyai_diag.model import Guide
from polyai_diag.plan import COMPLAINTS
from polyai_diag.report.story import GUIDE_SECTIONS
from polyai_diag.sandbox import FAULTS
from polyai_diag.target import REGIONS, IceServer, Target, TargetError

SANDBOX = "sandbox"
OWN_URL = "url"
ALL_REGIONS = "all"

PLACES = {
    "Sandbox on this machine": SANDBOX,
    **{f"PolyAI {region}": region for region in REGIONS},
    "All PolyAI regions": ALL_REGIONS,
    "Another URL": OWN_URL,
}

COMPLAINT_NAMES = {
    "None in particular": "",
    **{GUIDE_SECTIONS[Guide(name)]: name for name in COMPLAINTS},
}


class Form:
    """Fields and what they say. A secret is cleared once it has been read."""

    def __init__(self, where: str, fault: str, complaint: str) -> None:
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
        self.token = widgets.Password(
            description="Connector token", placeholder="cleared once read"
        )
        self.ice = widgets.Dropdown(
            description="ICE servers", options={"from the gateway": False, "typed here": True}
        )
        self.ice_urls = widgets.Textarea(
            description="One URL a line", placeholder="turn:host:3478?transport=udp", rows=3
        )
        self.username = widgets.Text(description="TURN user name")
        self.credential = widgets.Password(
            description="TURN credential", placeholder="cleared once read"
        )
        self.complaint = widgets.Dropdown(
            description="Complaint", options=COMPLAINT_NAMES, value=complaint
        )
        for wide in (self.url, self.ice_urls):
            wide.add_class("polyai-diag-wide")
        self.box = widgets.Box(self._fields())
        self.box.add_class("polyai-diag-fields")
        for chooser in (self.where, self.ice):
            chooser.observe(self._arrange, "value")
        self._arrange()

    @property
    def faults(self) -> tuple[str, ...]:
        """What is to be broken in the sandbox."""
        return (self.fault.value,) if self.fault.value else ()

    @property
    def steps(self) -> tuple[str, ...] | None:
        """Steps that the complaint asks for, None for all; of all regions, what needs no call."""
        if self.where.value == ALL_REGIONS:
            return ("token", "gateway")
        return COMPLAINTS.get(self.complaint.value)

    def read(self) -> Target | None:
        """Return the target, None for the sandbox, and clear the secrets that were read.

        Raises TargetError, and then leaves everything as it was typed.
        """
        if self.where.value == SANDBOX:
            return None
        url = self.url.value.strip() if self.where.value == OWN_URL else self.where.value
        token = self.token.value or os.environ.get("POLYAI_TOKEN")
        target = Target(url, token=token, ice_servers=self._ice_servers())
        self.token.value = self.credential.value = ""
        return target

    def lock(self, locked: bool) -> None:
        """Let nothing be changed while a run reads it."""
        for field in self._fields():
            field.disabled = locked

    def _fields(self) -> list[Any]:
        gateway = [self.url, self.token, self.ice, self.ice_urls, self.username, self.credential]
        return [self.where, self.fault, self.complaint, *gateway]

    def _ice_servers(self) -> list[IceServer] | None:
        if not self.ice.value or self.where.value == ALL_REGIONS:
            return None
        urls = self.ice_urls.value.split()
        if not urls:
            raise TargetError("no ICE server is typed: give one URL a line, or take the gateway's")
        return [IceServer(urls, self.username.value or None, self.credential.value or None)]

    def _arrange(self, _change: object = None) -> None:
        sandbox = self.where.value == SANDBOX
        called = self.where.value != ALL_REGIONS
        typed = self.ice.value and not sandbox and called
        shown = {
            self.url: self.where.value == OWN_URL,
            self.fault: sandbox,
            self.token: not sandbox,
            self.complaint: called,
            self.ice: not sandbox and called,
            self.ice_urls: typed,
            self.username: typed,
            self.credential: typed,
        }
        for field, visible in shown.items():
            field.layout.display = None if visible else "none"
