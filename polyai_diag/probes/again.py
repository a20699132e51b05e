"""Asking again what failed at once: a fault that stays is told from one that comes and goes.

Only what is cheap and harmless to repeat; never an offer. What took a second is not asked again,
nor what is plainly final. Further attempts note `attempt`, from 2.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, TypeVar

from polyai_diag.failures import Failure

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from polyai_diag.model import Json

_T = TypeVar("_T")

ATTEMPTS = 4
PAUSE_S = 0.1
BEGUN_WITHIN_S = 0.6
"""No further attempt is begun later than this after the first has failed."""
AT_ONCE_S = 1.0

_MAY_PASS = frozenset(
    {
        Failure.CONNECTION_REFUSED,
        Failure.CONNECTION_RESET,
        Failure.CONNECTION_CLOSED,
        Failure.DNS_SERVER_FAILED,
        Failure.TLS_UNTRUSTED,  # one of the servers behind a name has another certificate
        Failure.TLS_EXPIRED,
        Failure.TLS_NOT_YET_VALID,
        Failure.TLS_WRONG_HOST,
        Failure.TLS_FAILED,
        Failure.STUN_FORBIDDEN,
        Failure.STUN_ERROR,
    }
)
"""Not what a full TURN server says: to ask it more often is what keeps it full."""
_STATUS_MAY_PASS = (408, 425, 500, 502, 503, 504)  # RFC 9110 §15, RFC 8470 §5.2


def may_pass(failure: Failure | None, notes: Mapping[str, Json], took_s: float) -> bool:
    """Whether another attempt might go otherwise, and this one did not keep us waiting."""
    if failure is None or took_s >= AT_ONCE_S:
        return False
    if failure in (Failure.HTTP_STATUS, Failure.PROXY_FAILED):
        return notes.get("status") in _STATUS_MAY_PASS
    return failure in _MAY_PASS


async def ask_again(
    ask: Callable[[int], Awaitable[_T | None]],
    give_back: Callable[[_T], Awaitable[Any]] | None = None,
) -> _T | None:
    """Ask three times more, and return the first that worked; None where none did.

    All three are asked, so that how often it fails can be told. `ask` is given the attempt's
    number; `give_back` takes what is not needed.
    """
    until_s = time.monotonic() + BEGUN_WITHIN_S
    kept: _T | None = None
    try:
        for attempt in range(2, ATTEMPTS + 1):
            await asyncio.sleep(PAUSE_S)
            if time.monotonic() > until_s:
                break
            found = await ask(attempt)
            if kept is None:
                kept = found
            elif found is not None and give_back is not None:
                await give_back(found)
    except BaseException:
        if kept is not None and give_back is not None:
            await give_back(kept)
        raise
    return kept
