"""Chromium with a tone for a microphone, on a page served from this machine."""

from __future__ import annotations

import functools
import http.server
import threading
import wave
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from playwright.async_api import async_playwright

from tests.real.needs import need

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from playwright.async_api import Page

PAGE = Path(__file__).parent / "page"
TONE_HZ = 997
SAMPLE_RATE_HZ = 48_000

ARGUMENTS = (
    "--no-sandbox",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",
    "--ignore-certificate-errors",
    # Nothing but this machine is to be asked for anything.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
)


@asynccontextmanager
async def chromium_page(folder: Path) -> AsyncIterator[Page]:
    """Open the client's page; its microphone is a 997 Hz tone at -20 dBFS."""
    program = need("chromium", install="apt-get install chromium")
    microphone = folder / "tone.wav"
    write_tone(microphone)
    with served(PAGE) as url:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=program,
                args=[*ARGUMENTS, f"--use-file-for-fake-audio-capture={microphone}"],
            )
            try:
                page = await browser.new_page(ignore_https_errors=True)
                await page.goto(url)
                yield page
            finally:
                await browser.close()


def write_tone(path: Path) -> None:
    """Write one second, which is a whole number of cycles and so loops without a click."""
    time_s = np.arange(SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    samples = 0.1 * np.sqrt(2) * np.sin(2 * np.pi * TONE_HZ * time_s)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes((samples * 32767).astype("<i2").tobytes())


@contextmanager
def served(folder: Path, headers: Mapping[str, str] | None = None) -> Iterator[str]:
    """Serve a folder on loopback; `localhost` is a secure context, so microphones are allowed."""
    handler = functools.partial(_QuietHandler, headers or {}, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    def __init__(self, headers: Mapping[str, str], *args: Any, **options: Any) -> None:
        self._headers = headers
        super().__init__(*args, **options)

    def end_headers(self) -> None:
        for name, value in self._headers.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class' name
        pass
