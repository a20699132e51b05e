"""The page and the snippet, used as a customer uses them, and what comes back of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from polyai_diag.cli import main
from polyai_diag.notebook import browser_page
from polyai_diag.notebook.browser_page import render_page, render_snippet
from polyai_diag.sandbox import Sandbox
from tests.aio import in_loop_for, until
from tests.browser.checking import FAKE_DEVICE, FAKE_UI, browser_context, judged, use_page
from tests.browser.chromium import served

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Page

pytestmark = pytest.mark.chromium

_CALL = """async ({url, token, iceServers}) => {
    const sound = await navigator.mediaDevices.getUserMedia({audio: true});
    const peer = globalThis.peer = new RTCPeerConnection({iceServers});
    peer.addTrack(sound.getTracks()[0], sound);
    peer.ontrack = ({track}) => {
        const player = document.querySelector("audio");
        player.srcObject = new MediaStream([track]);
        player.play().catch(() => {});
    };
    const gathered = new Promise(done => peer.onicecandidate = event => event.candidate || done());
    await peer.setLocalDescription();
    await gathered;
    const socket = globalThis.socket = new WebSocket(url);
    await new Promise(open => socket.onopen = open);
    const data = {type: "offer", sdp: peer.localDescription.sdp};
    socket.send(JSON.stringify({type: "offer", sessionId: "", data, authToken: token}));
    const answer = await new Promise(came => socket.onmessage = ({data}) => came(JSON.parse(data)));
    await peer.setRemoteDescription(answer.data);
}"""


def _save(folder: Path, url: str, *servers: str) -> Path:
    path = folder / "check.html"
    path.write_text(render_page(url, servers), encoding="utf-8")
    return path


def _watched(page: Page) -> tuple[list[str], list[str]]:
    """Return lists that fill with what goes wrong in the page, and with whom it asks."""
    wrong: list[str] = []
    asked: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("request", lambda request: asked.append(request.url))
    return wrong, asked


@in_loop_for(90)
async def test_from_disk_to_the_file_that_is_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with Sandbox() as sandbox, browser_context(tmp_path) as context:
        told = sandbox.describe()
        page = await context.new_page()
        wrong, asked = _watched(page)
        await page.goto(_save(tmp_path, told["signaling_url"]).as_uri())
        text = await use_page(page, told["token"])
        headline = await page.locator("#headline").inner_text()
        async with page.expect_download() as download:
            await page.get_by_role("button", name="Save the report").click()
        saved = tmp_path / "saved.json"
        await (await download.value).save_as(saved)
        await until(lambda: sandbox.active_calls == 0)
        markup = await page.content()
    assert headline == "This browser is ready for voice calls"
    assert wrong == []
    gateway = told["signaling_url"].removeprefix("wss://").split("/")[0]
    assert {url.split("/")[2] for url in asked if "://" in url} <= {"", gateway}
    assert judged(text).root_causes == ()
    for shown in (text, markup, saved.read_text()):
        assert told["token"] not in shown
    assert main(["analyze", str(saved)]) == 0
    assert "a browser check" in capsys.readouterr().out


@in_loop_for(90)
async def test_from_a_server_with_the_microphone_refused(tmp_path: Path) -> None:
    without = [FAKE_UI]
    async with Sandbox() as sandbox, browser_context(tmp_path, without=without) as context:
        told = sandbox.describe()
        _save(tmp_path, told["signaling_url"])
        page = await context.new_page()
        wrong, _ = _watched(page)
        with served(tmp_path) as url:
            await page.goto(f"{url}check.html")
            text = await use_page(page, told["token"], heard=False)
        todo = await page.locator(".todo").inner_text()
        headline = await page.locator("#headline").inner_text()
    assert wrong == []
    assert headline == "The browser may not use the microphone"
    assert "set Microphone to Allow" in todo
    pasted = judged(text)
    assert pasted.root_causes == ("microphone-denied",)
    assert "set Microphone to Allow" in pasted.findings[0].remedy
    assert {f.id for f in pasted.findings} == {"microphone-denied", "no-audio-sent"}


@pytest.mark.parametrize("from_disk", [True, False])
@in_loop_for(90)
async def test_ice_servers_that_cannot_be_fetched(tmp_path: Path, from_disk: bool) -> None:
    """From disk the page has no origin to be let in: what it may not fetch is no finding."""
    async with Sandbox() as sandbox, browser_context(tmp_path) as context:
        told = sandbox.describe()
        file = _save(tmp_path, told["signaling_url"])
        page = await context.new_page()
        await page.route("**/api/v1/ice-servers*", lambda route: route.abort())
        with served(tmp_path) as url:
            await page.goto(file.as_uri() if from_disk else f"{url}check.html")
            text = await use_page(page, told["token"])
    assert judged(text).root_causes == (() if from_disk else ("ice-servers-unavailable",))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the page listen and call for a shorter time."""
    source = browser_page.module_source()
    assert source.count("listenS: 6, holdS: 8") == 1
    shorter = source.replace("listenS: 6, holdS: 8", "listenS: 2, holdS: 2")
    monkeypatch.setattr(browser_page, "module_source", lambda: shorter)


@pytest.mark.parametrize(
    ("without", "silent", "named", "headline"),
    [
        ([FAKE_UI], False, "microphone-denied", "The browser may not use the microphone"),
        ([FAKE_DEVICE], False, "microphone-missing", "No microphone is connected"),
        ([], True, "microphone-silent", "The microphone is allowed and gives no sound"),
    ],
)
@pytest.mark.usefixtures("quick")
@in_loop_for(60)
async def test_from_disk_the_microphone(
    tmp_path: Path, without: list[str], silent: bool, named: str, headline: str
) -> None:
    async with browser_context(tmp_path, without=without, silent=silent) as context:
        page = await context.new_page()
        await page.goto(_save(tmp_path, "wss://127.0.0.1:1/api/v1/webrtc/signal").as_uri())
        text = await use_page(page, "")
        assert (await page.locator("#headline").inner_text()).startswith(headline)
    assert judged(text).root_causes == (named,)


@pytest.mark.usefixtures("quick")
@in_loop_for(60)
async def test_from_disk_a_wrong_turn_password(tmp_path: Path) -> None:
    secret = "wrong-password-typed-in"
    async with Sandbox() as sandbox, browser_context(tmp_path) as context:
        relay = sandbox.describe()["ice_servers"][1]
        page = await context.new_page()
        url = sandbox.describe()["signaling_url"]
        await page.goto(_save(tmp_path, url, *relay["urls"]).as_uri())
        await page.get_by_label("TURN user name").fill(relay["username"])
        await page.get_by_label("TURN password").fill(secret)
        text = await use_page(page, "")
        assert secret not in await page.content()
    pasted = judged(text)
    assert pasted.root_causes == ("turn-credentials-rejected",)
    assert pasted.record is not None
    assert secret not in repr(pasted.record)


@pytest.mark.usefixtures("quick")
@in_loop_for(60)
async def test_from_disk_with_udp_blocked(tmp_path: Path) -> None:
    async with Sandbox(["udp-blocked"]) as sandbox, browser_context(tmp_path) as context:
        told = sandbox.describe()
        page = await context.new_page()
        await page.goto(_save(tmp_path, told["signaling_url"]).as_uri())
        text = await use_page(page, told["token"])
        todo = await page.locator(".todo").inner_text()
    assert judged(text).root_causes == ("udp-blocked",)
    assert "UDP" in todo


@in_loop_for(60)
async def test_cancel_ends_it_at_once_and_what_was_seen_stays(tmp_path: Path) -> None:
    async with Sandbox() as sandbox, browser_context(tmp_path) as context:
        told = sandbox.describe()
        page = await context.new_page()
        await page.goto(_save(tmp_path, told["signaling_url"]).as_uri())
        await page.get_by_label("Token").fill(told["token"])
        await page.get_by_role("button", name="Start the check").click()
        await page.locator(".figures").wait_for()  # the call is up
        before = await page.evaluate("performance.now()")
        await page.get_by_role("button", name="Cancel").click()
        await page.locator("#headline").wait_for()
        took_ms = await page.evaluate("performance.now()") - before
        text = await page.locator("#text").input_value()
        assert await page.get_by_label("Token").input_value() == ""
        await until(lambda: sandbox.active_calls == 0)
    assert took_ms < 1000
    pasted = judged(text)
    assert pasted.record is not None
    assert pasted.record.step("browser").status == "cancelled"
    assert pasted.record.step("signaling").status == "passed"


@in_loop_for(60)
async def test_with_the_keyboard_alone_and_without_a_token(tmp_path: Path) -> None:
    async with browser_context(tmp_path) as context:
        page = await context.new_page()
        await page.goto(_save(tmp_path, "").as_uri())
        await page.keyboard.press("Tab")
        await page.keyboard.type("wss://127.0.0.1:1/api/v1/webrtc/signal")
        for _ in range(3):
            await page.keyboard.press("Tab")  # token, servers, the button
        await page.keyboard.press("Enter")
        await page.get_by_role("button", name="Yes, I heard it").wait_for()
        await page.keyboard.press("Enter")  # the question has the focus
        await page.locator("#headline").wait_for()
        focused = await page.evaluate("document.activeElement.id")
        headline = await page.locator("#headline").inner_text()
        text = await page.locator("#text").input_value()
    assert focused == "headline"
    assert headline == "Nothing wrong was found; no call was placed"
    assert judged(text).findings == ()


@in_loop_for(90)
async def test_the_snippet_sees_what_the_page_it_runs_in_does(tmp_path: Path) -> None:
    """A page that never plays what it receives, with an iframe that may not use the microphone."""
    page_text = """<!doctype html><title>A customer's page</title><audio></audio>
        <iframe src="about:blank"></iframe>"""
    (tmp_path / "index.html").write_text(page_text, encoding="utf-8")
    refuse = """HTMLMediaElement.prototype.play = async () => {
        throw new DOMException("play() failed because of autoplay", "NotAllowedError");
    }"""
    async with Sandbox() as sandbox, browser_context(tmp_path) as context:
        await context.add_init_script(refuse)
        told = sandbox.describe()
        page = await context.new_page()
        with served(tmp_path) as url:
            await page.goto(url)
            await page.evaluate(render_snippet(told["signaling_url"]))
            run = "() => { globalThis.checked = polyaiCheck({listenS: 1, watchS: 20}); }"
            await page.evaluate(run)
            options = {"url": told["signaling_url"], "token": told["token"], "iceServers": []}
            await page.evaluate(_CALL, options)
            await page.evaluate("() => checked")
            text = await page.evaluate("() => polyaiCheckResult")
    pasted = judged(text)
    assert pasted.root_causes == ("playback-blocked",)
    assert told["token"] not in json.dumps(text)
    assert pasted.record is not None
    seen: list[Any] = [o.operation for o in pasted.record.step("browser").observations]
    assert "frame_seen" in seen
    assert pasted.record.step("audio").data["packets_received"] > 50  # of the page's own call


@in_loop_for(60)
async def test_the_snippet_sees_a_policy_that_forbids_the_gateway(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<!doctype html><title>A page</title>", encoding="utf-8")
    policy = {"Content-Security-Policy": "connect-src 'self'"}
    async with browser_context(tmp_path) as context:
        page = await context.new_page()
        with served(tmp_path, policy) as url:
            await page.goto(url)
            await page.evaluate(render_snippet("wss://gateway.example/api/v1/webrtc/signal"))
            await page.evaluate("() => polyaiCheck({listenS: 1, watchS: 0})")
            text = await page.evaluate("() => polyaiCheckResult")
    assert judged(text).root_causes == ("csp-blocks-gateway",)


@in_loop_for(60)
async def test_a_browser_that_cannot_read_the_check_says_so(tmp_path: Path) -> None:
    """What it cannot parse it does not run: the page's other script is in older language."""
    agent = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/70.0.0.0 Safari/537.36"
    page_text = render_page("wss://gateway.example/signal")
    (tmp_path / "check.html").write_text(page_text.replace("const page =", "const page ??="))
    async with browser_context(tmp_path, user_agent=agent, bypass_csp=True) as context:
        page = await context.new_page()
        await page.goto((tmp_path / "check.html").as_uri())
        await page.get_by_text("This browser is too old for the check").wait_for()
        text = await page.locator("#old-text").input_value()
    assert judged(text).root_causes == ("browser-unsupported",)
