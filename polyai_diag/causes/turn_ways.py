"""Several ways lead to one TURN URL, and some are only tried: which of them count."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from polyai_diag.causes.engine import Facts, Seen


def url_of(seen: Seen) -> str:
    """Return the URL that was asked; of a name lookup its host."""
    return str(seen.note("url") or seen.observation.endpoint)


def is_configured(seen: Seen) -> bool:
    """Whether it belongs to what is configured, not to a transport that was only tried."""
    return seen.note("configured") is not False


def counts(facts: Facts, seen: Seen) -> bool:
    """Whether a failure matters: of something configured, and no other way to its URL works."""
    return is_configured(seen) and url_of(seen) not in working_urls(facts)


def working_urls(facts: Facts) -> set[str]:
    """Return the URLs that gave a relayed address by whatever way."""
    return {url_of(seen) for seen in facts.succeeded("turn_allocate") if _granted(seen)}


def near(seen: Iterable[Seen]) -> Iterator[Seen]:
    """Leave out the second allocation of each way, which is the prober's own wish."""
    return (one for one in seen if not one.note("far_end"))


def _granted(seen: Seen) -> bool:
    return bool(seen.note("relayed_address"))
