"""Step `token`: what the token tells by itself, without asking anyone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from polyai_diag.analysis.token import read_token
from polyai_diag.steps.walk import Walk, run_check

if TYPE_CHECKING:
    from polyai_diag.model import StepResult
    from polyai_diag.probes.trace import Trace
    from polyai_diag.target import Target


async def check_token(target: Target) -> StepResult:
    """Look the token over offline: form, and a JWT's dates. Its signature is not checked."""
    return await run_check(token, "token", target)


async def token(walk: Walk, trace: Trace) -> None:
    """Look the token over."""
    secret = walk.target.token
    with trace.observe("token_read", "token") as seen:
        facts = read_token(secret.reveal() if secret else None, datetime.now(UTC))
        seen.note(**facts.notes)
        if facts.failure is not None:
            seen.fail(facts.failure, facts.detail)
            trace.fail(facts.detail)
    trace.data.update(kind=facts.kind, length=facts.length)
    trace.data.update(dates=list(facts.dates), mended_by=list(facts.mended_by))
    if secret and secret.reveal():
        trace.data["sha256"] = secret.fingerprint
    if facts.expires is not None:
        trace.data["expires"] = facts.expires.isoformat()
