"""What a diagnosis finds where DNS answers wrong, no, or not at all."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from polyai_diag import Report
from tests.aio import in_loop, in_loop_for
from tests.real.dns import SILENCE, Answer
from tests.real.elsewhere import diagnosed
from tests.real.foreign import TOKEN, summary
from tests.real.namespaces import ip, namespace, serving

pytestmark = pytest.mark.root

PUBLIC = "webrtc-gateway.us-1.platform.polyai.app"
HERE = "127.0.0.1"


@contextmanager
def dns(table: dict[str, Answer]) -> Iterator[str]:
    """A namespace whose DNS server answers by the table."""
    with (
        namespace("dns", nameserver=HERE) as inside,
        serving("tests.real.dns", inside, table),
    ):
        yield inside


async def looked_up(host: str, inside: str) -> Report:
    target = {"url": f"wss://{host}/api/v1/webrtc/signal", "token": TOKEN, "ice_servers": []}
    return await diagnosed(target, ("gateway", "signaling"), namespace=inside)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("NXDOMAIN", "no such name"),
        ("SERVFAIL", "the DNS server fails"),
        ("REFUSED", "the DNS server fails"),
        ([], "no address"),
    ],
)
@in_loop
async def test_a_name_without_an_address(answer: Answer, said: str) -> None:
    with dns({PUBLIC: answer}) as inside:
        report = await looked_up(PUBLIC, inside)
    assert report.root_causes == ("dns-failure",)
    assert said in summary(report)
    assert report.record.duration_ms < 2000


@in_loop_for(30)
async def test_silence_is_named_within_five_seconds() -> None:
    """The C library's own patience is ten, and a thread of it must not hold the program up."""
    with dns({PUBLIC: SILENCE}) as inside:
        started_s = time.monotonic()
        await looked_up(HERE, inside)
        asking_s = time.monotonic()
        report = await looked_up(PUBLIC, inside)
        took_s, else_s = time.monotonic() - asking_s, asking_s - started_s
    assert report.root_causes == ("dns-failure",)
    assert "no DNS server answers" in summary(report)
    assert report.record.duration_ms < 5300
    assert took_s - else_s < 8


@in_loop
async def test_nobody_at_the_dns_server_s_port() -> None:
    with namespace("dns", nameserver=HERE) as inside:
        report = await looked_up(PUBLIC, inside)
    assert report.root_causes == ("dns-failure",)
    assert "no DNS server answers" in summary(report)


@pytest.mark.parametrize(
    "answer",
    [["10.1.2.3"], ["192.168.7.1"], [HERE], ["0.0.0.0"], ["::1"], ["fd00::7"]],  # noqa: S104
)
@in_loop
async def test_a_public_name_that_leads_into_a_private_network(answer: list[str]) -> None:
    with dns({PUBLIC: answer}) as inside:
        report = await looked_up(PUBLIC, inside)
    assert report.root_causes == ("dns-answer-wrong",)
    assert answer[0] in summary(report)
    beneath = {f.id for f in report.findings if f.explained_by == ("dns-answer-wrong",)}
    assert beneath == {"gateway-unreachable"}


@pytest.mark.parametrize(
    "name",
    [
        "gateway.corp.internal",
        "gateway",
        "gateway.local",
        "gateway.test",
        "gateway.home.arpa",
    ],
)
@in_loop
async def test_a_private_name_may_lead_there(name: str) -> None:
    with dns({name: ["10.1.2.3"]}) as inside:
        report = await looked_up(name, inside)
    assert report.root_causes == ("gateway-unreachable",)
    assert [finding.id for finding in report.findings] == ["gateway-unreachable"]


@in_loop
async def test_a_public_address_that_is_not_reached_is_no_wrong_answer() -> None:
    with dns({PUBLIC: ["20.42.0.9"]}) as inside:
        ip("-n", inside, "route", "add", "unreachable", "20.42.0.0/24")
        report = await looked_up(PUBLIC, inside)
    assert [finding.id for finding in report.findings] == ["gateway-unreachable"]


@in_loop_for(30)
async def test_a_name_with_hundreds_of_addresses_is_bounded() -> None:
    """DNS is not ours either; over UDP the answer is cut, and comes whole over TCP."""
    many = [f"20.42.{third}.{fourth}" for third in range(2) for fourth in range(1, 250)]
    with dns({PUBLIC: many}) as inside:
        ip("-n", inside, "route", "add", "unreachable", "20.42.0.0/16")
        report = await looked_up(PUBLIC, inside)
    assert report.root_causes == ("gateway-unreachable",)
    assert report.record.duration_ms < 8000
    assert len(report.to_json()) < 100_000
