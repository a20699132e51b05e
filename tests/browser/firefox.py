"""Firefox without a window, spoken to by WebDriver BiDi (W3C) over its own WebSocket.

Firefox serves it itself (`--remote-debugging-port`): no other program stands between.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from websockets.asyncio.client import connect

from tests.real.needs import need

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from websockets.asyncio.client import ClientConnection

STARTED_S = 60
_LISTENS = re.compile(rb"WebDriver BiDi listening on (ws://\S+)")
_PREFERENCES = {
    # Nothing but this machine is to be asked for anything.
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.getAddons.cache.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.prefetch-next": False,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "toolkit.telemetry.reportingpolicy.firstRun": False,
    # A sandbox on loopback, and a microphone that hums.
    "media.navigator.streams.fake": True,
    "media.peerconnection.ice.loopback": True,
    "media.autoplay.default": 0,
}


class BidiError(RuntimeError):
    """The browser has refused a command."""


class Tab:
    """One tab, and what a person does in it."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self.context = ""

    async def command(self, method: str, **parameters: Any) -> Any:
        """Send one command and return its result; events that come between are let pass."""
        number = next(self._ids)
        await self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            said = json.loads(await self._socket.recv())
            if said.get("id") != number:
                continue
            if said["type"] == "error":
                raise BidiError(f"{method}: {said['message']}")
            return said["result"]

    async def open(self, url: str) -> None:
        """Load a page, to its end."""
        await self.command(
            "browsingContext.navigate", context=self.context, url=url, wait="complete"
        )

    async def evaluate(self, expression: str) -> Any:
        """Return what an expression of the page is: a text, a number or a truth."""
        said = await self.command(
            "script.evaluate",
            expression=expression,
            target={"context": self.context},
            awaitPromise=True,
            userActivation=True,
        )
        if said["type"] == "exception":
            raise BidiError(said["exceptionDetails"]["text"])
        return said["result"].get("value")

    async def when(self, expression: str) -> Any:
        """Wait until an expression of the page is something, and return it."""
        return await self.evaluate(
            f"""new Promise((resolve) => {{
                const timer = setInterval(() => {{
                    const found = {expression};
                    if (!found) return;
                    clearInterval(timer);
                    resolve(found);
                }}, 50);
            }})"""
        )


@asynccontextmanager
async def firefox(folder: Path, **preferences: Any) -> AsyncIterator[Tab]:
    """Open Firefox with a profile of its own and these preferences beside ours."""
    program = need("firefox-esr", install="apt-get install firefox-esr")
    profile = folder / "profile"
    profile.mkdir()
    told = {**_PREFERENCES, **preferences}
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in told.items()]
    (profile / "user.js").write_text("\n".join(lines), encoding="utf-8")
    arguments = ("--headless", "--no-remote", "--remote-debugging-port=0", "--profile", profile)
    process = await asyncio.create_subprocess_exec(
        program,
        *map(str, arguments),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={"HOME": str(folder), "PATH": "/usr/bin:/bin", "MOZ_CRASHREPORTER_DISABLE": "1"},
    )
    try:
        url = await asyncio.wait_for(_listening(process), STARTED_S)
        async with connect(f"{url}/session", max_size=None, proxy=None) as socket:
            tab = Tab(socket)
            await tab.command(
                "session.new", capabilities={"alwaysMatch": {"acceptInsecureCerts": True}}
            )
            contexts = (await tab.command("browsingContext.getTree"))["contexts"]
            tab.context = contexts[0]["context"]
            yield tab
            await tab.command("browser.close")
    finally:
        await _ended(process)


async def _listening(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    async for line in process.stderr:
        if found := _LISTENS.search(line):
            return found[1].decode()
    raise RuntimeError("Firefox ended before it listened")


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Let it end by itself; what it still says is read away, so that nothing holds it up."""
    try:
        await asyncio.wait_for(process.communicate(), 20)
    except TimeoutError:
        process.kill()
        await process.communicate()
