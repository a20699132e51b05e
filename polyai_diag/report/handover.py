"""For whom to act: a text for each of the three parties, fit to be sent as it is.

Plain text, short, each line bounded and on one line whatever a network said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from polyai_diag.analysis.loose import rows
from polyai_diag.causes import CAUSES
from polyai_diag.failures import Failure
from polyai_diag.model import BROWSER, Actor, Guide, Observation, Verdict
from polyai_diag.report.proof import least_proof
from polyai_diag.report.request import Kind, Row, grouped
from polyai_diag.report.text import failure_words, plain
from polyai_diag.report.way import OK, Mark
from polyai_diag.target import TargetError, parse_ice_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from polyai_diag.report.story import Root, Story

_LINE = 300
_WRAPPED_AT = 90  # characters, in a box as wide as a notebook's output
_PROOF_LINES = 4
_ITEMS = 6  # of one kind on a line
_REQUEST = (
    "The firewall request that comes with this lists every line with its addresses. "
    "After the change, “polyai-diag verify request.json” tries each."
)
_MEDIA = {"stun", "turn", "nat", "call"}  # steps whose evidence speaks of UDP and relays

NAMES = {
    Actor.CUSTOMER: "the customer",
    Actor.NETWORK: "the network team",
    Actor.GATEWAY: "PolyAI's gateway team",
}
_NOTHING = Mark("off", "–", "nothing to do")


class Handover(msgspec.Struct, frozen=True, kw_only=True):
    """A text for each of the parties that can act, or that are told that they need not."""

    customer: str
    network: str
    gateway: str


class Letter(NamedTuple):
    """The text for one party."""

    actor: Actor
    to: str
    mark: Mark
    acts: bool
    text: str

    @property
    def rows(self) -> int:
        """Lines that it fills, long ones wrapped."""
        return sum(1 + len(line) // _WRAPPED_AT for line in self.text.split("\n"))


def letters(story: Story) -> list[Letter]:
    """Return the three texts, first the one for whoever has to act first."""
    acting = list(dict.fromkeys(_actor(root) for root in story.roots))
    return [_letter(story, actor, acting) for actor in sorted(Actor, key=_by(acting))]


def handover(story: Story) -> Handover:
    """Return the three texts by the party's name."""
    return Handover(**{letter.actor.value: letter.text for letter in letters(story)})


def _by(acting: list[Actor]) -> Any:
    return lambda actor: acting.index(actor) if actor in acting else len(acting)


def _actor(root: Root) -> Actor:
    """Return who acts on a root cause; what nobody knows goes to PolyAI."""
    row = CAUSES.get(root.finding.id)
    return row.acts if row else Actor.GATEWAY


def _letter(story: Story, actor: Actor, acting: list[Actor]) -> Letter:
    mine = [root for root in story.roots if _actor(root) == actor]
    lines = _asking(story, actor, mine) if mine else _informing(story, actor)
    text = "\n".join(plain(line, _LINE) for line in lines)
    order = "acts first" if acting[:1] == [actor] else "acts as well"
    mark = mine[0].mark._replace(word=order) if mine else _NOTHING
    return Letter(actor, NAMES[actor], mark, bool(mine), text)


# --- to whoever has to act --------------------------------------------------------------------


def _asking(story: Story, actor: Actor, mine: list[Root]) -> Iterator[str]:
    yield _address(actor)
    yield _tested(story)
    yield ""
    yield f"What is wrong: {_few([root.title for root in mine], 2)}."
    yield from _to_do(story, actor, mine)
    yield ""
    yield "What the test saw:"
    seen = _evidence(actor, mine)
    yield from (f"- {line}" for line in (*seen, *_facts(story, actor, mine, seen)))
    yield ""
    yield f"Please send back: {_wanted(story, actor)}"


def _address(actor: Actor) -> str:
    return f"For {NAMES[actor]}"


def _tested(story: Story) -> str:
    host, addresses = story.machine
    source = f"{plain(host, 80)} ({plain(addresses, 120) or 'address unknown'})"
    beside = f", and in {plain(story.browser.machine[0], 80)}" if story.browser else ""
    return f"Test of voice calls to PolyAI, {plain(story.started, 40)}, from {source}{beside}"


def _to_do(story: Story, actor: Actor, mine: list[Root]) -> Iterator[str]:
    """Say what helps. A remedy is written for support: PolyAI is told of it, not told to."""
    word = "What helps"
    if actor is Actor.GATEWAY:
        yield "Please look this call up in the gateway's log:"
        yield _searched_for(story)
        word = "What we advise meanwhile"
    yield from (f"{word}: {root.finding.remedy}" for root in mine[:2])
    if actor is Actor.NETWORK:
        yield from _passing(story, mine)


def _evidence(actor: Actor, mine: list[Root]) -> list[str]:
    """Return what was seen; for the network team less of it, since the facts follow."""
    if actor is Actor.NETWORK:
        each = 2 if len(mine) == 1 else 1
        seen = [text for root in mine[:2] for text in least_proof(root.finding, each)]
    else:
        each = _PROOF_LINES if len(mine) == 1 else 2
        seen = [item.text for root in mine for item in root.finding.evidence[:each]]
    return list(dict.fromkeys(seen))[:_PROOF_LINES]


def _facts(story: Story, actor: Actor, mine: list[Root], seen: list[str]) -> Iterator[str]:
    if actor is Actor.NETWORK:
        yield from _network_facts(story, mine)
    elif actor is Actor.GATEWAY:
        yield from _gateway_facts(story, seen)
    elif any(root.finding.guide is Guide.UNAUTHORIZED for root in mine):
        yield from _token_facts(story)


def _wanted(story: Story, actor: Actor) -> str:
    if actor is Actor.CUSTOMER:
        return (
            "whether a call works after the change; if not, its callSid and time (UTC). "
            "Never send the token itself."
        )
    if actor is Actor.NETWORK:
        return f"what you changed, or what firewall and proxy logged at {plain(story.started, 40)}."
    return "what the gateway logged for this callSid and time, and what to tell the customer."


# --- what a customer can act on ---------------------------------------------------------------


def _token_facts(story: Story) -> Iterator[str]:
    told = {fact.name: fact.value for fact in story.reach.facts}
    about = [told[name] for name in ("token", "its dates") if name in told]
    if "mending" in told:
        about.append(f"mending it {told['mending']}")
    if about:
        yield f"The token sent: {'; '.join(about)}"
    yield from _regions(story)


def _regions(story: Story) -> Iterator[str]:
    told = [f"{r.name} {r.mark.word}, token {r.token.word}" for r in story.reach.regions]
    if told:
        yield f"Regions: {_few(told)}"


# --- what a network team can act on -----------------------------------------------------------


def _passing(story: Story, mine: list[Root]) -> Iterator[str]:
    """Name hosts, protocols and ports that calls need: those that are blocked, where any is."""
    if _cited(mine) <= {BROWSER}:
        return  # what this machine has met says nothing of the network that the browser is in
    blocked = grouped(story.firewall.blocked)
    if blocked:
        yield f"To let through: {_few([_line(row) for row in blocked], 3)}"
        yield _REQUEST
        return
    asked = {Kind.SIGNALING, *((Kind.RELAY,) if _cited(mine) & _MEDIA else ())}
    least = [line for line in story.firewall.lines if line.least and line.kind in asked]
    if least:
        yield f"To let through: {_few([_line(row) for row in grouped(least)], 3)}"


def _line(row: Row) -> str:
    line, addresses = row
    where = f" [{', '.join(addresses[:3])}]" if addresses else ""
    return f"{line.protocol} {line.port} to {plain(line.host, 80)}{where}: {line.why}"


def _network_facts(story: Story, mine: list[Root]) -> Iterator[str]:
    if "gateway" in _cited(mine):
        yield from _on_the_way(story)
    if story.reach.proxy:
        yield f"Proxy: {_proxy(story)}"
    if _cited(mine) & _MEDIA and (asked := _ice_urls(story)):
        yield f"STUN and TURN: {_few([f'{server}: {said}' for server, said in asked.items()])}"


def _cited(mine: list[Root]) -> set[str]:
    """Return the steps that the evidence stems from."""
    return {item.step for root in mine for item in root.finding.evidence}


def _on_the_way(story: Story) -> Iterator[str]:
    reach = story.reach
    if reach.addresses:
        tried = [
            f"{a.address} {f'works, {a.took}' if a.mark.tone == OK.tone else a.mark.word}"
            for a in reach.addresses
        ]
        yield f"Addresses tried: {_few(tried)}"
    if reach.answers:
        said = [f"{a.server} {a.kind}: {a.answer}" for a in reach.answers]
        yield f"DNS answers: {_few(said)}"
    if reach.issuer:
        yield f"Certificate shown is signed by: {reach.issuer}"
    for seen in reach.seen("gateway", "websocket_upgrade"):
        if seen.failure is not None and seen.notes.get("status"):
            yield f"HTTP answer: {_http(seen)}"


def _http(seen: Observation) -> str:
    noted = {key: plain(seen.notes.get(key) or "", 80) for key in ("server", "via", "location")}
    named = [f"{key} {value}" for key, value in noted.items() if value]
    status = f"{plain(seen.notes.get('status'), 8)} where 101 was due"
    return ", ".join([status, *named])


def _proxy(story: Story) -> str:
    found = [story.reach.proxy]
    for seen in story.reach.seen("gateway", "proxy_connect"):
        status, offers = seen.notes.get("status"), seen.notes.get("offers")
        if seen.failure is not None:
            found.append(f"answered {plain(status, 8)}" if status else failure_words(seen.failure))
        if isinstance(offers, list | tuple) and offers:
            found.append(f"asks for a login by {' or '.join(plain(o, 20) for o in offers[:4])}")
    return ", ".join(found)


def _ice_urls(story: Story) -> dict[str, str]:
    """Return each server's protocol, port and host, and how it answered."""
    asked = {}
    for row in rows(story.data("stun").get("servers")):
        asked[_ice_endpoint(row.get("url"))] = "works" if row.get("answered") else "no answer"
    for row in rows(story.data("turn").get("urls")):
        if row.get("configured") is False and row.get("ok") is not True:
            continue  # nobody has said that it is there
        failed = failure_words(row.get("failure") or "failed")
        asked[_ice_endpoint(row.get("url"))] = "works" if row.get("ok") is True else failed
    return asked


def _ice_endpoint(url: Any) -> str:
    try:
        server = parse_ice_url(str(url)[:300])
    except TargetError:
        return plain(url, 80)
    return f"{server.transport.upper()} {server.port} to {plain(server.host, 80)}"


# --- what PolyAI's gateway team can search for ------------------------------------------------


def _gateway_facts(story: Story, told: list[str]) -> Iterator[str]:
    for seen in story.reach.seen(None, "offer_answer", "websocket_upgrade", "call_hold"):
        said, word = _said(seen)
        if seen.failure is not None and said and not any(word in text for text in told):
            yield said
            break
    yield from _regions(story)
    if story.reach.clients_then:
        yield f"ICE servers: {story.reach.ice_said}. {story.reach.clients_then}"


def _searched_for(story: Story) -> str:
    also = f"; in the browser: {_searched_for(story.browser)}" if story.browser else ""
    call = story.record.call
    return (
        f"callSid {plain(call.call_sid, 80)}, sessionId {plain(call.session_id or 'none', 60)}, "
        f"region {plain(story.region or 'none', 40)}, {plain(story.started, 40)}{also}"
    )


def _said(seen: Observation) -> tuple[str, str]:
    """Return what the gateway said, and the word of it that tells whether it stands there yet."""
    notes = seen.notes
    match seen.failure:
        case Failure.GATEWAY_ERROR:
            code = plain(notes.get("code"), 40)
            return f"Error {code}: {plain(notes.get('message'), 160)}", code
        case Failure.WEBSOCKET_CLOSED:
            code = plain(notes.get("close_code") or "none", 12)
            reason = plain(notes.get("close_reason") or "no reason given", 120)
            return f"WebSocket closed, code {code}: {reason}", f"code {code}"
        case Failure.FRAME_INVALID:
            detail = plain(notes.get("detail"), 160)
            return f"Frame at {plain(notes.get('path') or '$', 60)}: {detail}", detail
        case Failure.HTTP_STATUS:
            return f"HTTP {_http(seen)}", f"HTTP {_http(seen)}"
        case _:
            return "", ""


# --- to whoever need not act ------------------------------------------------------------------


def _informing(story: Story, actor: Actor) -> Iterator[str]:
    yield _address(actor)
    yield f"Nothing to do on your side{_why_not(story)}"
    yield f"{_tested(story)}."
    if actor is Actor.GATEWAY:
        yield _searched_for(story)


def _why_not(story: Story) -> str:
    headline = plain(story.headline, 120)
    if story.roots:
        return f": “{headline}” is with {NAMES[_actor(story.roots[0])]}."
    if story.report.verdict is Verdict.INCOMPLETE:
        return f" yet. {headline}. It will be run again."
    return f". {headline}."


def _few(items: list[str], most: int = _ITEMS) -> str:
    shown = "; ".join(items[:most])
    return f"{shown}; and {len(items) - most} more" if len(items) > most else shown
