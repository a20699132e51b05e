"""Certificates that a gateway's TLS cannot be trusted by."""

import asyncio
import datetime as dt
from pathlib import Path

import pytest

from polyai_diag import Report
from polyai_diag.failures import Failure
from polyai_diag.probes.again import ATTEMPTS
from tests.aio import in_loop
from tests.real.certificates import Issued, chain, issued, serving, trusting
from tests.real.foreign import (
    HOST,
    Certified,
    answering,
    http,
    judged,
    signaling_url,
    silent,
    summary,
    tcp_server,
)

A_DAY = dt.timedelta(days=1)


@pytest.mark.parametrize(
    ("names", "valid", "trusted", "failure", "said"),
    [
        ((HOST,), None, False, Failure.TLS_UNTRUSTED, "an authority that is not known here"),
        ((HOST,), (-2, -1), True, Failure.TLS_EXPIRED, "expired"),
        ((HOST,), (1, 2), True, Failure.TLS_NOT_YET_VALID, "not valid yet"),
        (("gateway.example",), None, True, Failure.TLS_WRONG_HOST, "made for another host"),
    ],
)
@in_loop
async def test_certificates(
    tmp_path: Path,
    names: tuple[str, ...],
    valid: tuple[int, int] | None,
    trusted: bool,
    failure: Failure,
    said: str,
) -> None:
    now = dt.datetime.now(dt.UTC)
    dates = {}
    if valid is not None:
        dates = {"not_before": now + valid[0] * A_DAY, "not_after": now + valid[1] * A_DAY}
    certified = Certified(tmp_path, *names, **dates)
    async with tcp_server(silent, tls=certified.context) as port:
        url = signaling_url(port, scheme="wss")
        report = await judged(url, ca_file=certified.ca_file if trusted else None)
    assert report.root_causes == ("tls-certificate-invalid",)
    assert said in summary(report)
    handshakes = [o for o in report.step("gateway").observations if o.operation == "tls_handshake"]
    assert {o.failure for o in handshakes} == {failure}
    assert 1 < len(handshakes) <= ATTEMPTS  # one of several servers may be bad


@in_loop
async def test_a_certificate_that_is_signed_by_itself(tmp_path: Path) -> None:
    report = await shown(tmp_path, [issued("gateway", authority=False)])
    assert report.root_causes == ("tls-certificate-invalid",)
    assert "signed by itself" in evidence(report)


@pytest.mark.parametrize("trusted", [True, False])
@in_loop
async def test_a_chain_whose_middle_is_not_sent(tmp_path: Path, trusted: bool) -> None:
    """Browsers often have it from elsewhere, so that it works there and nowhere else."""
    leaf, _, root = chain(3)
    report = await shown(tmp_path, [leaf], trusting(tmp_path, root) if trusted else None)
    assert report.root_causes == ("tls-certificate-invalid",)
    assert "does not send" in evidence(report)


@in_loop
async def test_a_chain_with_its_middle_is_well(tmp_path: Path) -> None:
    leaf, middle, root = chain(3)
    report = await shown(tmp_path, [leaf, middle], trusting(tmp_path, root))
    assert report.root_causes == ("wrong-endpoint",)  # TLS is fine; behind it is no gateway
    data = report.step("gateway").data["tls"]
    assert data["vouched_by"] == "--ca-file"
    assert [one["subject"] for one in data["chain"]] == ["CN=leaf", "CN=authority 1"]


@pytest.mark.parametrize("length", [50, 120])
@in_loop
async def test_a_chain_without_end(tmp_path: Path, length: int) -> None:
    """OpenSSL reads up to 100 kB of certificates, and walks a hundred of them."""
    async with asyncio.timeout(8):
        report = await shown(tmp_path, chain(length)[:-1])
    assert report.root_causes == ("tls-certificate-invalid",)
    assert len(report.to_json()) < 40_000
    assert len(report.to_html()) < 400_000


async def shown(folder: Path, certificates: list[Issued], ca_file: str | None = None) -> Report:
    """Diagnose a server that shows these certificates."""
    context = serving(folder, certificates)
    async with tcp_server(answering(http("200 OK", "hello")), tls=context) as port:
        return await judged(signaling_url(port, scheme="wss"), ca_file=ca_file)


def evidence(report: Report) -> str:
    """All that the findings rest on."""
    return "\n".join(one.text for finding in report.findings for one in finding.evidence)
