"""What a diagnosis finds behind real mitmproxy: passing, inspecting, refusing, wanting a login."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from polyai_diag import Report, Target, diagnose
from polyai_diag.failures import Failure
from polyai_diag.sandbox import Sandbox
from tests.aio import in_loop, in_loop_for
from tests.real.elsewhere import diagnosed
from tests.real.foreign import TOKEN, put_together, summary
from tests.real.mitm import (
    INSPECTS,
    PASSES,
    REFUSES,
    WANTS_A_WINDOWS_LOGIN,
    Mitmproxy,
    running_mitmproxy,
)

REACHING = ("gateway", "signaling")
LOGIN = "clerk:pr0xy-pass"
BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")


@contextmanager
def company_proxy(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    sandbox: Sandbox,
    *options: str,
    mode: str = "regular",
    login: str = "",
) -> Iterator[Mitmproxy]:
    """Run mitmproxy, and let the environment name it as the proxy for all there is."""
    upstream = f"ssl_verify_upstream_trusted_ca={sandbox.describe()['ca_file']}"
    with running_mitmproxy(folder, *options, upstream, mode=mode) as proxy:
        scheme = "socks5" if mode == "socks5" else "http"
        for name in ("HTTPS_PROXY", "HTTP_PROXY"):
            monkeypatch.setenv(name, proxy.url(scheme=scheme, login=login))
        monkeypatch.delenv("NO_PROXY", raising=False)
        yield proxy


def went_through(report: Report) -> list[Failure | None]:
    """How the proxy's own exchanges ended."""
    seen = report.step("gateway").observations
    return [o.failure for o in seen if o.operation == "proxy_connect"]


# --- a proxy that lets everything through -------------------------------------------------------


@pytest.mark.parametrize("mode", ["regular", "socks5"])
@in_loop_for(40)
async def test_through_a_proxy_that_passes_all_is_healthy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    async with Sandbox() as sandbox:
        with company_proxy(monkeypatch, tmp_path, sandbox, *PASSES, mode=mode):
            report = await diagnose(sandbox.target())
    assert report.findings == ()
    assert report.verdict == "healthy"
    assert went_through(report)[0] is None


@in_loop_for(30)
async def test_no_proxy_leaves_it_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Sandbox() as sandbox:
        with company_proxy(monkeypatch, tmp_path, sandbox, *REFUSES):
            monkeypatch.setenv("NO_PROXY", "127.0.0.1,elsewhere.example")
            report = await diagnose(sandbox.target(), steps=REACHING)
    assert report.findings == ()
    assert went_through(report) == []


# --- a proxy that inspects ----------------------------------------------------------------------


@in_loop
async def test_an_unknown_authority_at_the_gateway_alone_proves_no_inspection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Sandbox() as sandbox:
        with company_proxy(monkeypatch, tmp_path, sandbox, *INSPECTS):
            report = await diagnose(sandbox.target(), steps=REACHING)
    assert report.root_causes == ("tls-certificate-invalid",)
    assert "mitmproxy" in report.to_json()  # the issuer is named


@in_loop_for(30)
async def test_one_authority_for_unrelated_hosts_is_inspection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It mints for hosts that it does not reach: what is asked stays on this machine."""
    async with Sandbox() as sandbox:
        with company_proxy(monkeypatch, tmp_path, sandbox, *INSPECTS):
            report = await diagnose(Target("us-1", TOKEN), steps=REACHING)
    assert report.root_causes == ("tls-intercepted",)
    assert "mitmproxy" in summary(report)


@in_loop_for(30)
async def test_an_authority_that_was_given_never_intercepts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Sandbox() as sandbox:
        with company_proxy(monkeypatch, tmp_path, sandbox, *INSPECTS) as proxy:
            target = sandbox.target(ca_file=proxy.ca_file, third_party=True)
            report = await diagnose(target, steps=REACHING)
    assert report.findings == ()
    assert report.verdict == "healthy"


@in_loop_for(50)
async def test_an_authority_that_the_system_trusts_is_a_note_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Sandbox() as sandbox:
        known = sandbox.describe()
        with company_proxy(monkeypatch, tmp_path, sandbox, *INSPECTS) as proxy:
            trusted = put_together(tmp_path, known["ca_file"], proxy.ca_file, *BUNDLES)
            target = {"url": known["signaling_url"], "token": known["token"], "third_party": True}
            report = await diagnosed(target, ["call"], environment={"SSL_CERT_FILE": trusted})
    assert [finding.id for finding in report.findings if finding.severity != "info"] == []
    assert {finding.id for finding in report.findings} <= {"tls-intercepted"}
    assert report.verdict == "healthy"
    assert report.step("call").status == "passed"


# --- a proxy that says no -----------------------------------------------------------------------


async def through(
    monkeypatch: pytest.MonkeyPatch, folder: Path, *options: str, **how: Any
) -> Report:
    async with Sandbox() as sandbox:
        with company_proxy(monkeypatch, folder, sandbox, *options, **how):
            return await diagnose(sandbox.target(), steps=REACHING)


@in_loop
async def test_connect_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = await through(monkeypatch, tmp_path, *REFUSES)
    assert report.root_causes == ("proxy-blocks-websocket",)
    assert "403" in summary(report)
    refused = report.step("gateway").observations[0]
    assert refused.notes["status"] == 403
    assert "policy blocks this" in refused.notes["body"]


@pytest.mark.parametrize("login", ["", "clerk:wr0ng-pass"])
@in_loop
async def test_no_login_and_a_wrong_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, login: str
) -> None:
    report = await through(monkeypatch, tmp_path, *PASSES, f"proxyauth={LOGIN}", login=login)
    assert report.root_causes == ("proxy-blocks-websocket",)
    assert "407" in summary(report)
    for word in filter(None, login.split(":")):
        assert word not in report.to_json()


@pytest.mark.parametrize("mode", ["regular", "socks5"])
@in_loop
async def test_the_right_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    options = (*PASSES, f"proxyauth={LOGIN}")
    report = await through(monkeypatch, tmp_path, *options, mode=mode, login=LOGIN)
    assert report.findings == ()
    assert report.step("signaling").status == "passed"
    for word in LOGIN.split(":"):
        assert word not in report.to_json()


@in_loop
async def test_a_windows_login_is_not_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = await through(monkeypatch, tmp_path, *WANTS_A_WINDOWS_LOGIN)
    gateway = report.step("gateway")
    assert gateway.status == "skipped"
    assert gateway.reason.startswith("not measured")
    assert "Negotiate" in gateway.reason
    assert report.root_causes == ()
    assert report.verdict == "incomplete"
