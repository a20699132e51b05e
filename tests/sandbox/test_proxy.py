"""The sandbox's proxy, met by clients that have been told of it."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from contextlib import asynccontextmanager, closing
from typing import TYPE_CHECKING

import httpx
import pytest
from cryptography import x509
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidProxyStatus, InvalidStatus, ProxyError

from polyai_diag.sandbox import Sandbox
from polyai_diag.sandbox.faults import Fault
from polyai_diag.sandbox.settings import ProxyMode
from polyai_diag.secret import Secret
from tests.aio import in_loop
from tests.sandbox.caller import Signaling, caller, client_context, http_base

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from websockets.asyncio.client import ClientConnection

REGION_HOST = "webrtc-gateway.uk-1.platform.polyai.app"


def _behind(mode: ProxyMode) -> Sandbox:
    return Sandbox([Fault("A proxy between.", proxy=mode)])


def _trusting(ca_file: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca_file)


@asynccontextmanager
async def _through(
    sandbox: Sandbox, *, proxy: str | None = None, trust: ssl.SSLContext | None = None
) -> AsyncIterator[ClientConnection]:
    told = sandbox.describe()
    context = trust or client_context(sandbox)
    async with connect(
        told["signaling_url"], ssl=context, proxy=proxy or told["proxy"]
    ) as connected:
        yield connected


def _asked(sandbox: Sandbox, head: bytes) -> bytes:
    """Send these bytes to the proxy, and return all that comes back."""
    host, port = sandbox.describe()["proxy"].removeprefix("http://").split(":")
    with closing(socket.create_connection((host, int(port)), timeout=5)) as plain:
        plain.sendall(head)
        answer = b""
        while data := plain.recv(65536):
            answer += data
    return answer


@in_loop
async def test_a_target_knows_the_proxy() -> None:
    async with Sandbox(["proxy-blocks-websocket"]) as sandbox, Sandbox() as without:
        assert sandbox.target().proxy == Secret(sandbox.describe()["proxy"])
        assert without.target().proxy is None
        assert "proxy" not in without.describe()
        with pytest.raises(RuntimeError, match="no proxy"):
            _ = without.proxy


# --- what passes ------------------------------------------------------------------------------


@in_loop
async def test_a_proxy_that_lets_through_leads_to_the_gateway_itself() -> None:
    async with (
        _behind(ProxyMode.LET_THROUGH) as sandbox,
        _through(sandbox) as connected,
        caller() as me,
    ):
        socket = Signaling(connected, sandbox.token)
        await me.take(await socket.offer(me.sdp, mode="echo"))
        await me.hear(10)


@in_loop
async def test_it_leads_to_this_machine_alone() -> None:
    async with _behind(ProxyMode.LET_THROUGH) as sandbox:
        for host in ("example.org:443", "192.0.2.1:443", "[2001:db8::1]:443", "127.0.0.1:1"):
            answer = await asyncio.to_thread(
                _asked, sandbox, f"CONNECT {host} HTTP/1.1\r\n\r\n".encode()
            )
            assert answer.startswith(b"HTTP/1.1 502 ")


@in_loop
async def test_one_that_wants_a_login_takes_the_right_one() -> None:
    async with _behind(ProxyMode.ASK_LOGIN) as sandbox:
        async with _through(sandbox, proxy=sandbox.proxy.url_with_login):
            pass
        wrong = sandbox.proxy.url.replace("http://", "http://sandbox:wrong@")
        for url in (sandbox.proxy.url, wrong):
            with pytest.raises(InvalidProxyStatus) as caught:
                async with _through(sandbox, proxy=url):
                    pass
            response = caught.value.response
            assert response.status_code == 407
            assert response.headers["Proxy-Authenticate"].startswith("Basic ")


# --- what is refused --------------------------------------------------------------------------


@in_loop
async def test_proxy_blocks_websocket() -> None:
    async with Sandbox(["proxy-blocks-websocket"]) as sandbox:
        with pytest.raises(InvalidProxyStatus) as caught:
            async with _through(sandbox):
                pass
        assert caught.value.response.status_code == 403
        answer = await asyncio.to_thread(_asked, sandbox, b"CONNECT 127.0.0.1:443 HTTP/1.1\r\n\r\n")
        assert b"Content-Type: text/html" in answer
        assert b"<h1>Access denied" in answer


@in_loop
async def test_one_that_wants_a_windows_login_offers_no_other() -> None:
    async with _behind(ProxyMode.ASK_WINDOWS_LOGIN) as sandbox:
        with pytest.raises(InvalidProxyStatus) as caught:
            async with _through(sandbox, proxy=sandbox.proxy.url_with_login):
                pass
        response = caught.value.response
        assert response.status_code == 407
        assert response.headers.get_all("Proxy-Authenticate") == ["Negotiate", "NTLM"]


@pytest.mark.parametrize(
    ("mode", "answer"),
    [
        (ProxyMode.UNAVAILABLE, b"HTTP/1.1 503 "),
        (ProxyMode.HANG_UP, b""),
        (ProxyMode.CUT, b"HTTP/1.1 200 "),
    ],
)
@in_loop
async def test_other_ways_to_let_nothing_through(mode: ProxyMode, answer: bytes) -> None:
    head = b"CONNECT 127.0.0.1:443 HTTP/1.1\r\n\r\nhello"
    async with _behind(mode) as sandbox:
        heard = await asyncio.to_thread(_asked, sandbox, head)
        assert heard.startswith(answer)
        assert heard or not answer


@in_loop
async def test_one_that_takes_everything_and_says_nothing() -> None:
    async with _behind(ProxyMode.SILENT) as sandbox:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3), _through(sandbox):
                pass


@in_loop
async def test_one_that_takes_its_time() -> None:
    async with _behind(ProxyMode.SLOW) as sandbox:
        started_s = time.monotonic()
        async with _through(sandbox):
            assert 2 <= time.monotonic() - started_s < 4


@pytest.mark.parametrize(
    "head",
    [
        b"GET http://example.org/ HTTP/1.1\r\n\r\n",
        b"CONNECT 127.0.0.1:99999 HTTP/1.1\r\n\r\n",
        b"CONNECT 127.0.0.1 HTTP/1.1\r\n\r\n",
        b"\xff\xfe\r\n\r\n",
    ],
)
@in_loop
async def test_what_is_no_connect_is_a_bad_request(head: bytes) -> None:
    async with _behind(ProxyMode.LET_THROUGH) as sandbox:
        assert (await asyncio.to_thread(_asked, sandbox, head)).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("head", [b"", b"CONNECT", b"x" * 40_000])
@in_loop
async def test_half_a_head_or_an_endless_one_ends_with_its_connection(head: bytes) -> None:
    async with _behind(ProxyMode.LET_THROUGH) as sandbox:
        host, port = sandbox.describe()["proxy"].removeprefix("http://").split(":")
        with closing(socket.create_connection((host, int(port)), timeout=5)) as plain:
            plain.sendall(head)
        async with _through(sandbox):
            pass  # it serves on


# --- what is looked into ----------------------------------------------------------------------


def _handshake(sandbox: Sandbox, host: str, context: ssl.SSLContext) -> bytes:
    """Do TLS with a host as the proxy shows it, and return the certificate. Raises SSLError."""
    proxy_host, proxy_port = sandbox.describe()["proxy"].removeprefix("http://").split(":")
    with closing(socket.create_connection((proxy_host, int(proxy_port)), timeout=5)) as plain:
        plain.sendall(f"CONNECT {host}:443 HTTP/1.1\r\n\r\n".encode())
        assert plain.recv(4096).startswith(b"HTTP/1.1 200 ")
        with context.wrap_socket(plain, server_hostname=host) as secured:
            return secured.getpeercert(binary_form=True) or b""


@in_loop
async def test_tls_intercepted() -> None:
    async with Sandbox(["tls-intercepted"]) as sandbox:
        target = sandbox.target()
        assert target.region == "us-1"
        for trust in (_trusting(str(target.ca_file)), ssl.create_default_context()):
            with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
                await asyncio.to_thread(_handshake, sandbox, target.host, trust)


@in_loop
async def test_whoever_trusts_the_intercepting_proxy_reaches_the_gateway() -> None:
    async with Sandbox(["tls-intercepted"]) as sandbox, caller() as me:
        trust = _trusting(sandbox.ca_file_with_proxy)
        async with _through(sandbox, trust=trust) as connected:
            answer = await Signaling(connected, sandbox.token).offer(me.sdp)
            assert answer["type"] == "answer"
        async with httpx.AsyncClient(verify=trust, proxy=sandbox.proxy.url) as http:
            health = await http.get(f"https://{REGION_HOST}/health")
            assert health.json()["status"] == "healthy"
            assert (await http.get(f"{http_base(sandbox)}/health")).status_code == 200


def _issuer(sandbox: Sandbox, host: str) -> tuple[str, list[str]]:
    """Return who signs for this host, and the names signed for, as the proxy shows it."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    certificate = x509.load_der_x509_certificate(_handshake(sandbox, host, context))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return certificate.issuer.rfc4514_string(), [str(name.value) for name in names]


@in_loop
async def test_one_issuer_signs_for_hosts_that_have_nothing_in_common() -> None:
    async with Sandbox(["tls-intercepted"]) as sandbox:
        gateway = sandbox.target().host
        hosts = [gateway, REGION_HOST, "www.example.org", "turn.example.net", "127.0.0.1"]
        shown = [await asyncio.to_thread(_issuer, sandbox, host) for host in hosts]
        assert len({issuer for issuer, _ in shown}) == 1
        assert "inspecting proxy" in shown[0][0]
        assert [names for _, names in shown] == [[host] for host in hosts]


@in_loop
async def test_a_host_that_is_not_here_is_answered_by_the_proxy_itself() -> None:
    async with Sandbox(["tls-intercepted"]) as sandbox:
        trust = _trusting(sandbox.ca_file_with_proxy)
        async with httpx.AsyncClient(verify=trust, proxy=sandbox.proxy.url) as http:
            assert (await http.get("https://www.example.org/")).status_code == 502


@pytest.mark.parametrize("host", ["*", "..", "a" * 300, "\u00df.example"])
@in_loop
async def test_what_is_no_host_name_gets_no_certificate(host: str) -> None:
    async with Sandbox(["tls-intercepted"]) as sandbox:
        head = f"CONNECT {host}:443 HTTP/1.1\r\n\r\n".encode()
        answer = await asyncio.to_thread(_asked, sandbox, head)
        assert answer.startswith(b"HTTP/1.1 400 ")
        async with httpx.AsyncClient(
            verify=_trusting(sandbox.ca_file_with_proxy), proxy=sandbox.proxy.url
        ) as http:
            assert (await http.get(f"https://{REGION_HOST}/health")).status_code == 200


@in_loop
async def test_an_authority_that_another_vouches_for() -> None:
    async with _behind(ProxyMode.INTERCEPT_IN_STEPS) as sandbox:
        trust = _trusting(sandbox.ca_file_with_proxy)
        async with _through(sandbox, trust=trust):
            pass
        issuer, _ = await asyncio.to_thread(_issuer, sandbox, REGION_HOST)
        root = x509.load_pem_x509_certificate(sandbox.proxy.authority.pem)
        assert issuer != root.subject.rfc4514_string()


@in_loop
async def test_a_page_in_place_of_whatever_was_asked_for() -> None:
    async with _behind(ProxyMode.BLOCK_PAGE) as sandbox:
        trust = _trusting(sandbox.ca_file_with_proxy)
        async with httpx.AsyncClient(verify=trust, proxy=sandbox.proxy.url) as http:
            shown = await http.get(f"{http_base(sandbox)}/health")
            assert shown.status_code == 200
            assert "blocked" in shown.text


@in_loop
async def test_a_stripped_upgrade_is_an_upgrade_that_nobody_asked_for() -> None:
    async with _behind(ProxyMode.STRIP_UPGRADE) as sandbox:
        trust = _trusting(sandbox.ca_file_with_proxy)
        with pytest.raises(InvalidStatus) as caught:
            async with _through(sandbox, trust=trust):
                pass
        assert caught.value.response.status_code == 426
        async with httpx.AsyncClient(verify=trust, proxy=sandbox.proxy.url) as http:
            assert (await http.get(f"{http_base(sandbox)}/health")).status_code == 200


@in_loop
async def test_a_sandbox_that_ends_takes_its_proxy_along() -> None:
    sandbox = _behind(ProxyMode.LET_THROUGH)
    await sandbox.__aenter__()
    url = sandbox.proxy.url
    told = sandbox.describe()["signaling_url"]
    context = client_context(sandbox)
    async with connect(told, ssl=context, proxy=url) as connected:
        await sandbox.__aexit__()
        await connected.wait_closed()
    with pytest.raises((OSError, ProxyError)):
        await connect(told, ssl=context, proxy=url)
