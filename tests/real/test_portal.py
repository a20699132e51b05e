"""What a diagnosis finds behind a captive portal."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.aio import in_loop_for
from tests.real.elsewhere import diagnosed
from tests.real.foreign import TOKEN, Certified, summary
from tests.real.namespaces import ip, namespace, serving
from tests.real.portal import LOGIN_PAGE

pytestmark = pytest.mark.root

PRIVATE, PUBLIC = "10.9.0.1", "20.42.0.80"  # in a namespace that nothing leaves
SAME_HAND = {"tls-certificate-invalid", "tls-intercepted"}  # it answers for the control, too
WRONG = "dns-answer-wrong"


@pytest.mark.parametrize(
    ("address", "shows_certificate", "beneath"),
    [
        (PRIVATE, False, {WRONG, "gateway-unreachable"}),
        (PRIVATE, True, {WRONG, *SAME_HAND}),
        (PUBLIC, False, {"gateway-unreachable"}),
        (PUBLIC, True, SAME_HAND),
    ],
)
@in_loop_for(30)
async def test_a_portal_that_answers_for_every_name(
    tmp_path: Path, address: str, shows_certificate: bool, beneath: set[str]
) -> None:
    certified = Certified(tmp_path, "login.portal.example")
    files = {"certificate": certified.certificate_file, "key": certified.key_file}
    with ExitStack() as stack:
        inside = stack.enter_context(namespace("portal", nameserver="127.0.0.1"))
        ip("-n", inside, "address", "add", f"{address}/32", "dev", "lo")
        stack.enter_context(serving("tests.real.dns", inside, {"*": [address]}))
        settings = files if shows_certificate else None
        stack.enter_context(serving("tests.real.portal", inside, settings))
        target = {"url": "us-1", "token": TOKEN, "third_party": True}
        report = await diagnosed(target, ("gateway", "signaling"), namespace=inside)
    assert report.root_causes == ("captive-portal",)
    assert LOGIN_PAGE in report.to_json()
    assert "login.portal.example" in summary(report)
    assert {f.id for f in report.findings if f.explained_by} == beneath
    assert report.record.duration_ms < 8000
