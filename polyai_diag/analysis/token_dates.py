"""A JWT's dates against a clock (RFC 7519 §4.1). Pure, and light: every judgement reads them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from polyai_diag.failures import Failure

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

CLOCK_LEEWAY_S = 30
DATE_CLAIMS = ("exp", "nbf", "iat")


def date_fault(dates: Mapping[str, float | None], now: datetime) -> Failure | None:
    """Judge `exp`, `nbf` and `iat` (unix seconds) by a clock; 30 s of difference are forgiven.

    What is missing, or no number, says nothing (RFC 7519 §4.1.4 to §4.1.6).
    """
    exp, nbf, iat = (seconds_of(dates.get(name)) for name in DATE_CLAIMS)
    now_s = now.timestamp()
    if exp is not None and now_s - exp > CLOCK_LEEWAY_S:
        return Failure.TOKEN_EXPIRED
    if any(begin is not None and begin - now_s > CLOCK_LEEWAY_S for begin in (nbf, iat)):
        return Failure.TOKEN_NOT_YET_VALID
    return None


def seconds_of(value: Any) -> float | None:
    """Return a finite number; None for all else, a claim may hold anything."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
