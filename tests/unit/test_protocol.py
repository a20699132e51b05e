"""Every published shape of a frame is taken; every faulty one is named where it is faulty."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyai_diag.analysis.frames import lint_frame
from polyai_diag.model import Severity
from polyai_diag.protocol import (
    ErrorFrame,
    FrameError,
    IceCandidate,
    Offer,
    Other,
    offer_frame,
    read_frame,
)

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "frames.json").read_text())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
)


def _named(kind: str) -> list[Any]:
    return [pytest.param(case, id=case["name"]) for case in VECTORS[kind]]


@pytest.mark.parametrize("case", _named("accepted"))
def test_accepted_frames_are_read_and_draw_no_complaint(case: dict[str, Any]) -> None:
    read_frame(json.dumps(case["frame"]))
    assert [i for i in lint_frame(case["frame"]) if i.severity is not Severity.INFO] == []


@pytest.mark.parametrize("case", _named("faulty"))
def test_faulty_frames_are_named_at_their_paths(case: dict[str, Any]) -> None:
    paths = {
        issue.path for issue in lint_frame(case["frame"]) if issue.severity is not Severity.INFO
    }
    assert set(case["at"]) <= paths
    assert lint_frame(json.dumps(case["frame"])) == lint_frame(case["frame"])


def test_an_error_is_read_with_its_code_in_either_place() -> None:
    inside = read_frame('{"type":"error","data":{"code":"UNAUTHORIZED","message":"m"}}')
    at_top = read_frame('{"type":"error","sessionId":null,"code":"UNAUTHORIZED","message":"m"}')
    assert inside == at_top == ErrorFrame("UNAUTHORIZED", "m", None)


def test_candidates_come_out_in_one_form() -> None:
    bare = read_frame(
        '{"type":"ice-candidate","data":{"candidate":"1 1 udp 1 192.0.2.1 5 typ host"}}'
    )
    assert bare == IceCandidate(None, "candidate:1 1 udp 1 192.0.2.1 5 typ host", None, None)
    end = read_frame('{"type":"ice-candidate","data":{"candidate":null}}')
    assert isinstance(end, IceCandidate)
    assert end.candidate is None


def test_an_unknown_type_is_passed_over() -> None:
    assert read_frame('{"type":"pong"}') == Other("pong")


def test_an_offer_keeps_the_token_out_of_its_repr() -> None:
    frame = read_frame(offer_frame("v=0", token="tell-nobody", call_sid="c"))
    assert isinstance(frame, Offer)
    assert frame.token == "tell-nobody"
    assert "tell-nobody" not in repr(frame)


@given(JSON)
def test_no_json_at_all_breaks_reading_or_linting(value: Any) -> None:
    lint_frame(value)
    with contextlib.suppress(FrameError):
        read_frame(json.dumps(value))


@given(
    st.dictionaries(
        st.sampled_from(["type", "sessionId", "data", "authToken", "mode", "sdp", "code"]), JSON
    )
)
@pytest.mark.parametrize("kind", ["offer", "answer", "ice-candidate", "error", "close"])
def test_no_frame_breaks_reading_or_linting(kind: str, body: dict[str, Any]) -> None:
    frame = {**body, "type": kind}
    issues = lint_frame(frame)
    try:
        read_frame(json.dumps(frame))
    except FrameError:
        assert issues, "what cannot be read must be named by the linter"
