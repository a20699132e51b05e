"""Certificates that a gateway's TLS cannot be trusted by."""

import datetime as dt
from pathlib import Path

import pytest

from polyai_diag.failures import Failure
from tests.aio import in_loop
from tests.real.foreign import (
    HOST,
    Certified,
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
    assert [o.failure for o in handshakes] == [failure]
