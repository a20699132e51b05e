"""ICE servers typed by hand: a row a server, each with a login of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from polyai_diag.secret import Secret
from polyai_diag.target import IceServer, TargetError

if TYPE_CHECKING:
    from collections.abc import Callable

MOST = 12
KEPT = "read and kept: leave empty to use it again"


class Servers:
    """Rows of URL, user name and credential; `guard` makes callbacks of actions."""

    def __init__(self, guard: Callable[[Callable[[], None]], Callable[[object], None]]) -> None:
        self._guard = guard
        self._locked = False
        self.rows: list[Row] = []
        self._listed = widgets.VBox()
        self.add_button = widgets.Button(description="Add a server")
        self.add_button.on_click(guard(self.add))
        self.box = widgets.VBox([self._listed, self.add_button])
        self.box.add_class("polyai-diag-servers")
        self.add()

    def add(self) -> None:
        """Add an empty row."""
        row = Row()
        row.remove_button.on_click(self._guard(lambda: self._remove(row)))
        self.rows.append(row)
        self._arrange()

    def read(self) -> list[IceServer]:
        """Return what is typed. Raises TargetError, and leaves everything as it was typed."""
        servers = [server for row in self.rows if (server := row.server())]
        if not servers:
            raise TargetError("no ICE server is typed: give a URL, or take the gateway's")
        return servers

    def clear_secrets(self) -> None:
        """Empty the boxes that hold secrets; what was read is kept in the kernel alone."""
        for row in self.rows:
            row.keep_credential()

    def lock(self, locked: bool) -> None:
        """Let nothing be changed while a run reads it."""
        self._locked = locked
        self._arrange()

    def _remove(self, row: Row) -> None:
        self.rows.remove(row)
        self._arrange()

    def _arrange(self) -> None:
        for number, row in enumerate(self.rows, 1):
            row.call(number)
            for field in row.box.children:
                field.disabled = self._locked
            row.remove_button.layout.display = None if len(self.rows) > 1 else "none"
        self._listed.children = [row.box for row in self.rows]
        self.add_button.disabled = self._locked or len(self.rows) >= MOST


class Row:
    """One server. Its credential is kept as long as URL and user name stay the same."""

    def __init__(self) -> None:
        self.url = widgets.Text(placeholder="turn:host:3478?transport=udp")
        self.username = widgets.Text()
        self.credential = widgets.Password(placeholder="cleared once read")
        self.remove_button = widgets.Button(description="Remove")
        self.box = widgets.HBox([self.url, self.username, self.credential, self.remove_button])
        self.box.add_class("polyai-diag-fields")
        self._kept: tuple[tuple[str, str], Secret] | None = None
        for field in (self.url, self.username):
            field.observe(self._forget, "value")

    def call(self, number: int) -> None:
        """Name the fields, so that each label is said once."""
        self.url.description = f"ICE server {number}"
        self.username.description = f"User name {number}"
        self.credential.description = f"Credential {number}"
        self.remove_button.tooltip = f"Remove ICE server {number}"

    def server(self) -> IceServer | None:
        """Return what is typed, None for an empty row. Raises TargetError."""
        urls = self.url.value.split()
        if not urls:
            return None
        return IceServer(urls, self.username.value or None, self._credential())

    def keep_credential(self) -> None:
        """Take the credential out of the box; the kernel keeps it."""
        if secret := self._credential():
            self._kept = (self._login, secret)
            self.credential.placeholder = KEPT
        self.credential.value = ""

    @property
    def _login(self) -> tuple[str, str]:
        return self.url.value, self.username.value

    def _credential(self) -> Secret | None:
        if self.credential.value:
            return Secret(self.credential.value)
        return self._kept[1] if self._kept and self._kept[0] == self._login else None

    def _forget(self, _change: Any) -> None:
        if self._kept and self._kept[0] != self._login:
            self._kept = None
            self.credential.placeholder = "cleared once read"
