"""Step `opus`: what was offered, and what the answer made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyai_diag.analysis.sdp import parse_sdp
from polyai_diag.analysis.sdp_compare import compare_sdp, explained, judge_issues
from polyai_diag.steps.signaling import open_session
from polyai_diag.steps.walk import Walk, run_check

if TYPE_CHECKING:
    from polyai_diag.model import StepResult
    from polyai_diag.probes.trace import Trace
    from polyai_diag.target import Target


async def check_opus(target: Target) -> StepResult:
    """Compare offer and answer: Opus 48000/2 and its parameters, transport, direction."""
    return await run_check(opus, "opus", target)


async def opus(walk: Walk, trace: Trace) -> None:
    """Compare the two session descriptions; fail for what keeps the call from being heard."""
    if not await open_session(walk, trace) or walk.call is None or walk.answer is None:
        return
    with trace.observe("sdp_compare", "offer and answer") as seen:
        _note_codecs(walk.call.offer, walk.answer, trace)
        failure, notes = judge_issues(compare_sdp(walk.call.offer, walk.answer))
        seen.note(**notes)
        if failure is not None:
            seen.fail(failure)
            trace.fail(str(notes["detail"]))


def _note_codecs(offer: str, answer: str, trace: Trace) -> None:
    trace.data["explained"] = [*explained(offer, "offer"), *explained(answer, "answer")]
    for name, text in (("offered", offer), ("answered", answer)):
        try:
            audio = parse_sdp(text).audio
        except ValueError:
            continue
        if audio is None or audio.rejected or audio.opus is None:
            continue
        codec = audio.opus
        trace.data[name] = f"{codec.clock_rate}/{codec.channels}"
        if name == "answered":
            trace.data.update(payload_type=codec.payload_type, fmtp=codec.parameters)
            trace.data["direction"] = audio.direction
