"""A browser's statistics, pasted: the causes of packets that they show, and nothing more."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyai_diag.analysis.paste import read_paste
from polyai_diag.analysis.statistics import statistics_in, statistics_record
from polyai_diag.causes import judge
from polyai_diag.model import Severity

NOW = datetime(2026, 3, 1, tzinfo=UTC)
CRITICAL, WARNING = Severity.CRITICAL, Severity.WARNING


def call(
    *, sent: int = 1000, received: int = 1000, lost: int = 0, lost_there: int = 0, **heard: float
) -> list[dict[str, Any]]:
    """What `[...(await pc.getStats()).values()]` has of a call, in part."""
    return [
        {"type": "outbound-rtp", "kind": "audio", "packetsSent": sent},
        {"type": "inbound-rtp", "kind": "audio", "packetsReceived": received, "packetsLost": lost,
         **heard},
        {"type": "inbound-rtp", "kind": "video", "packetsReceived": 9, "packetsLost": 9000},
        {"type": "remote-inbound-rtp", "kind": "audio", "packetsLost": lost_there},
        {"type": "candidate-pair", "state": "succeeded"},
        {"type": "codec", "mimeType": "audio/opus"},
    ]  # fmt: skip


def named(stats: Any) -> dict[str, Severity]:
    pasted = read_paste(json.dumps(stats), NOW)
    assert pasted is not None
    assert pasted.kind == "a call's statistics (getStats)"
    return {finding.id: finding.severity for finding in pasted.findings}


@pytest.mark.parametrize(
    ("stats", "causes"),
    [
        (call(), {}),
        (call(sent=0), {"no-audio-sent": CRITICAL}),
        (call(received=0), {"no-audio-received": CRITICAL}),
        (call(sent=20, received=0), {}),  # it has just begun
        (call(lost=120), {"packet-loss": CRITICAL}),
        (call(lost_there=120), {"packet-loss": CRITICAL}),
        (call(lost=4), {}),
        (call(totalAudioEnergy=0, totalSamplesDuration=20), {"silent-audio": CRITICAL}),
        (call(totalAudioEnergy=0, totalSamplesDuration=9), {}),
        (call(totalAudioEnergy=0.2, totalSamplesDuration=20), {}),
    ],
)
def test_what_is_named(stats: list[dict[str, Any]], causes: dict[str, Severity]) -> None:
    assert named(stats) == causes


def test_every_way_to_print_them_is_read() -> None:
    stats = call(sent=0)
    for printed in (stats, {s["type"]: s for s in stats}, [[s["type"], s] for s in stats]):
        assert named(printed) == {"no-audio-sent": CRITICAL}


def test_a_call_that_is_not_connected_has_sent_nothing_yet() -> None:
    stats = [s for s in call(sent=0, received=0) if s["type"] != "candidate-pair"]
    assert named(stats) == {}


@pytest.mark.parametrize("body", [None, 3, "x", [], {}, [1, [2]], {"a": 1}, [{"type": 7}]])
def test_what_is_none(body: Any) -> None:
    assert statistics_in(body) == []


JUNK = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(st.data())
def test_any_junk_in_them_is_judged(data: st.DataObject) -> None:
    stats = call()
    for one in stats:
        for key in data.draw(st.sets(st.sampled_from(sorted(one)))):
            one[key] = data.draw(JUNK)
    judge(statistics_record(statistics_in(stats), NOW))
