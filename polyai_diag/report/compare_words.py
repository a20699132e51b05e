"""The conclusion of a comparison: one sentence. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyai_diag.causes import CAUSES
from polyai_diag.model import Actor, Verdict
from polyai_diag.report.comparison import CauseRow, Change, Kind, Row, Side, Where

if TYPE_CHECKING:
    from collections.abc import Sequence

_LAYERS = {
    "TOKEN": "the token",
    "NETWORK": "names, addresses and TLS",
    "HTTP": "HTTP and the WebSocket upgrade",
    "SIGNALING": "signaling",
    "UDP": "UDP",
    "TURN": "TURN",
    "NAT": "the NAT",
    "ICE": "ICE",
    "DTLS": "DTLS",
    "SDP": "the session descriptions (SDP)",
    "RTP": "the media's packets (RTP)",
    "AUDIO": "the sound",
}
_IN_BOTH = {
    Actor.GATEWAY: "so it is the gateway's side",
    Actor.CUSTOMER: "so it is the configuration that both use",
    Actor.NETWORK: "so it is the gateway's side or the configuration, unless both networks "
    "have the same fault",
}
_FINISHED = (Verdict.HEALTHY, Verdict.DEGRADED)


def conclude(
    kind: Kind,
    sides: tuple[Side, Side],
    causes: Sequence[CauseRow],
    measured: Sequence[Row],
    *,
    same_token: bool | None,
) -> str:
    """Say in one sentence what the two reports show together."""
    if kind is Kind.VANTAGES:
        said = _vantages(sides, causes, same_token=same_token)
    else:
        said = _before_after(sides, causes)
    return f"{said or _nothing_named(kind, sides, measured)}."


# --- before and after -------------------------------------------------------------------------


def _before_after(sides: tuple[Side, Side], causes: Sequence[CauseRow]) -> str:
    came = [row for row in causes if row.where is Where.B]
    gone = [row for row in causes if row.where is Where.A and row.looked_at]
    hidden = [row for row in causes if row.where is Where.A and not row.looked_at]
    stays = [row for row in causes if row.where is Where.BOTH]
    if came:
        return _came(came, gone, stays)
    if hidden:
        solved = f"{_titles(gone)} gone, but the" if gone else "Not told: the"
        return f"{solved} second run did not come as far as what showed {_quoted(hidden)}"
    if gone and stays:
        return f"Partly solved: {_titles(gone)} gone, {_verb(stays, 'stays', 'stay')}"
    if gone and sides[1].verdict is Verdict.INCOMPLETE:
        return f"{_titles(gone)} not seen any more, but the second run did not finish"
    if gone:
        return f"Solved: {_titles(gone)} gone"
    return _stays(stays) if stays else ""


def _came(came: list[CauseRow], gone: list[CauseRow], stays: list[CauseRow]) -> str:
    unseen = not any(row.looked_at for row in came)
    if unseen and gone:
        return (
            f"Further than before, and not there yet: {_titles(gone)} gone, and now "
            f"{_verb(came, 'shows', 'show')}, which the first run could not see"
        )
    if unseen:
        return (
            f"{_verb(came, 'shows', 'show')} now, and the first run did not come as far: whether "
            "it is new, nobody can tell"
        )
    also = f", while {_titles(gone)} gone" if gone else ""
    also += f"; {_verb(stays, 'stays', 'stay')}" if stays else ""
    return f"{'Something else' if gone else 'Worse'}: {_titles(came)} new{also}"


def _stays(stays: list[CauseRow]) -> str:
    graver = [row for row in stays if row.change is Change.WORSE]
    milder = [row for row in stays if row.change is Change.BETTER]
    if graver:
        return f"Worse: {_titles(graver)} critical now"
    if len(milder) == len(stays):
        return f"Better, not solved: {_titles(milder)} only a warning now"
    return f"As before: {_verb(stays, 'stays', 'stay')}"


def _nothing_named(kind: Kind, sides: tuple[Side, Side], measured: Sequence[Row]) -> str:
    """Say what follows where neither report names a cause."""
    unfinished = [side for side in sides if side.verdict not in _FINISHED]
    vantages = kind is Kind.VANTAGES
    if unfinished:
        who = " and ".join(side.name if vantages else f"the run {side.name}" for side in unfinished)
        return f"Not told: {who} did not finish, and no cause is named"
    called = all(side.called for side in sides)
    where = "from both" if vantages else "before and after"
    said = f"Works {where}" if called else f"Nothing wrong {where}, in what was measured"
    worse = [row.name for row in measured if row.change is Change.WORSE]
    if not worse:
        return said
    figures = ", ".join(worse[:3]) + (f" and {len(worse) - 3} more" if len(worse) > 3 else "")
    return f"{said}; measured worse {f'from {sides[1].name}' if vantages else 'now'}: {figures}"


# --- two vantage points -----------------------------------------------------------------------


def _vantages(
    sides: tuple[Side, Side], causes: Sequence[CauseRow], *, same_token: bool | None
) -> str:
    both = [row for row in causes if row.where is Where.BOTH]
    only_a = [row for row in causes if row.where is Where.A]
    only_b = [row for row in causes if row.where is Where.B]
    if both:
        return _from_both(both, (only_a, only_b), sides)
    if only_a and only_b:
        first, second = (
            f"{side.name}: {_quoted(only)}" for side, only in _pairs(sides, only_a, only_b)
        )
        return f"Each has a fault of its own: {first}; {second}"
    if only_a or only_b:
        there, other = sides if only_a else sides[::-1]
        return _from_one(only_a or only_b, there, other, same_token=same_token)
    return ""


def _pairs(
    sides: tuple[Side, Side], only_a: list[CauseRow], only_b: list[CauseRow]
) -> list[tuple[Side, list[CauseRow]]]:
    return [(sides[0], only_a), (sides[1], only_b)]


def _from_both(
    both: list[CauseRow],
    only: tuple[list[CauseRow], list[CauseRow]],
    sides: tuple[Side, Side],
) -> str:
    lead = both[0]
    said = f"From both: {_quoted(both)}, {_IN_BOTH[_actor(lead)]} ({_layer(lead)})"
    for side, causes in _pairs(sides, *only):
        said += f"; only from {side.name}: {_quoted(causes)}" if causes else ""
    return said


def _from_one(causes: list[CauseRow], there: Side, other: Side, *, same_token: bool | None) -> str:
    lead = causes[0]
    said = f"Only from {there.name}: {_quoted(causes)}"
    if not lead.looked_at:
        return f"{said}; the run of {other.name} did not come as far, so run the same steps in both"
    called = other.verdict in _FINISHED and other.called
    works = f"it {'works' if called else 'does not show'} from {other.name}"
    if lead.layer == "TOKEN" and same_token is not True:
        another = "another token" if same_token is False else "its token"
        return f"{said}; {works} with {another}, so compare the tokens first"
    if _actor(lead) is Actor.GATEWAY:
        return (
            f"{said}; {works}, so it is not the gateway as a whole: look at what "
            f"{there.name} sends, to which region and when ({_layer(lead)})"
        )
    return f"{said}; {works}, so it lies on the side of {there.name} ({_layer(lead)})"


# --- words ------------------------------------------------------------------------------------


def _actor(row: CauseRow) -> Actor:
    return CAUSES[row.id].acts if row.id in CAUSES else Actor.GATEWAY


def _layer(row: CauseRow) -> str:
    return f"layer: {_LAYERS.get(row.layer, 'not known')}"


def _quoted(causes: Sequence[CauseRow]) -> str:
    said = " and ".join(f"“{row.title}”" for row in causes[:2])
    return f"{said} and {len(causes) - 2} more" if len(causes) > 2 else said


def _titles(causes: Sequence[CauseRow]) -> str:
    return f"{_quoted(causes)} {'is' if len(causes) == 1 else 'are'}"


def _verb(causes: Sequence[CauseRow], one: str, several: str) -> str:
    return f"{_quoted(causes)} {one if len(causes) == 1 else several}"
