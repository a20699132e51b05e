"""Step `signaling`: an offer out, an answer back; `close` follows when the run ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from websockets.exceptions import ConnectionClosed

from polyai_diag.analysis.sdp import parse_sdp
from polyai_diag.failures import Failure
from polyai_diag.probes import net
from polyai_diag.probes.ice import Call
from polyai_diag.probes.mtu import probe_signaling_mtu
from polyai_diag.probes.signaling import CallClosed, Refused, Signaling
from polyai_diag.probes.waiting import happens_within
from polyai_diag.probes.websocket import KNOWN as KNOWN_WEBSOCKET
from polyai_diag.protocol import Answer, FrameError, offer_frame
from polyai_diag.steps.reach import open_signaling
from polyai_diag.steps.walk import Walk, run_check
from polyai_diag.target import IceServer

if TYPE_CHECKING:
    from polyai_diag.model import StepResult
    from polyai_diag.probes.trace import Known, Trace
    from polyai_diag.target import Target

ANSWER_TIMEOUT_S = 8.0
HANG_UP_WAIT_S = 0.3
LOOPBACK = ("127.0.0.1", "::1")
TRANSPORTS = ("udp", "tcp", "tls")  # the cheapest first, as ICE prefers them

KNOWN: Known = {
    **KNOWN_WEBSOCKET,
    Refused: lambda _: Failure.GATEWAY_ERROR,
    CallClosed: lambda _: Failure.WEBSOCKET_CLOSED,
    FrameError: lambda _: Failure.FRAME_INVALID,
}


async def check_signaling(target: Target) -> StepResult:
    """Send an offer with the token and wait for the answer; then `close`.

    The offer may start a real agent call, so it is always closed.
    """
    return await run_check(signaling, "signaling", target)


async def signaling(walk: Walk, trace: Trace) -> None:
    """Gather candidates, send the offer and take the answer."""
    await open_session(walk, trace)


async def open_session(walk: Walk, trace: Trace) -> bool:
    """Open the session unless it is open; False when there is no answer."""
    if walk.answer is not None:
        return True
    if not await open_signaling(walk, trace):
        return False
    trace.progress("Gathering candidates")
    walk.call = Call(_servers_for_call(walk), relay_only=walk.target.relay_only)
    gathered = await walk.call.gather(
        trace, context=walk.context, host_addresses=_host_addresses(walk)
    )
    if not gathered:
        trace.fail("no local candidates")
        return False
    return await _ask(walk, walk.call, trace)


async def _ask(walk: Walk, call: Call, trace: Trace) -> bool:
    """Ask for the echo unless a mode is set; production gateways refuse it (FORBIDDEN)."""
    mode = walk.target.mode or "echo"
    answer, code = await _offer(walk, call, mode, trace)
    if walk.target.mode is None and code == "FORBIDDEN" and await _still_open(walk, trace):
        mode = "end-to-end"
        answer, _ = await _offer(walk, call, None, trace)
    unanswered = trace.observations[-1].failure is Failure.GENERIC_TIMEOUT
    if walk.route is not None and (unanswered or walk.target.thorough):
        await probe_signaling_mtu(walk.route, trace)  # a large message may be lost for its size
    if answer is None or walk.signaling is None:
        trace.fail("no answer to the offer")
        return False
    walk.answer, walk.echo = answer.sdp, mode == "echo"
    trace.data.update(
        mode=mode,
        session_id=answer.session_id,
        ping_ms=await _ping(walk.signaling, trace),
        other_frames=walk.signaling.others,
    )
    return True


async def _still_open(walk: Walk, trace: Trace) -> bool:
    """Open the WebSocket again where the gateway hangs up with its refusal."""
    if walk.signaling is not None:
        await happens_within(HANG_UP_WAIT_S, walk.signaling.ended.wait())
    return await open_signaling(walk, trace)


async def _offer(
    walk: Walk, call: Call, mode: str | None, trace: Trace
) -> tuple[Answer | None, str | None]:
    """Send one offer; return the answer, or the error's code."""
    target, connection = walk.target, walk.signaling
    if connection is None:
        return None, None
    trace.progress("Offer sent; waiting for the answer")
    token = target.token.reveal() if target.token else None
    walk.learn_description(call.offer)
    offer = offer_frame(call.offer, token=token, call_sid=target.call_sid, mode=mode)
    falls_back = target.mode is None and mode == "echo"
    code = None
    with trace.observe("offer_answer", target.url, known=KNOWN, mode=mode or "default") as seen:
        try:
            answer = await connection.ask(offer, ANSWER_TIMEOUT_S)
            walk.learn_description(answer.sdp)
            _read_sdp(answer)
        except Refused as exc:
            code = exc.code
            seen.note(code=exc.code, message=exc.message)
            if not (falls_back and code == "FORBIDDEN"):
                raise
            seen.note(detail="echo is refused, as production gateways do; the agent is asked")
        except FrameError as exc:
            seen.note(path=exc.path)
            raise
        except CallClosed as exc:
            seen.note(close_reason=str(exc))
            raise
        except ConnectionClosed:
            seen.note(close_code=connection.close_code, close_reason=connection.close_reason)
            raise
        else:
            seen.note(session_id=answer.session_id)
            return answer, None
    return None, code


def _read_sdp(answer: Answer) -> None:
    """Raise FrameError where the answer holds no session description."""
    try:
        parse_sdp(answer.sdp)
    except ValueError as exc:
        raise FrameError("$.data.sdp", f"not a session description: {exc}") from None


async def _ping(connection: Signaling, trace: Trace) -> float | None:
    if connection.ended.is_set():
        return None
    with trace.observe("websocket_ping", "gateway", known=KNOWN_WEBSOCKET) as seen:
        ping_ms = round(await connection.ping(), 2)
        seen.note(rtt_ms=ping_ms)
        return ping_ms
    return None


def _host_addresses(walk: Walk) -> list[str] | None:
    """Gather loopback candidates for a gateway on this very machine, the usual ones elsewhere."""
    addresses = walk.route.addresses if walk.route else ()
    if not addresses:
        return list(LOOPBACK) if net.is_loopback(walk.target.host) else None
    own = [address.host for address in addresses if net.is_loopback(address.host)]
    return [host for host in LOOPBACK if any((":" in host) == (":" in one) for one in own)] or None


def _servers_for_call(walk: Walk) -> list[IceServer]:
    """Choose what aiortc is given: it uses one STUN and one TURN URL, so the ones that work.

    An offer that no call follows needs none: gathering from them would only take time.
    """
    if not walk.media_wanted:
        return []
    servers = []
    if walk.stun_url is not None:
        servers.append(IceServer(walk.stun_url))
    working = {probe.url for probe in walk.turn_probes if probe.ok}
    candidates = [
        (TRANSPORTS.index(url.transport), url.url, server)
        for server in walk.servers
        for url in server.parsed
        if url.is_turn
        and url.transport in TRANSPORTS
        and (url.url in working or not walk.turn_probes)
    ]
    if candidates:
        _, url, server = min(candidates, key=lambda c: c[0])
        servers.append(IceServer(url, server.username, server.credential))
    elif walk.target.relay_only:
        servers += [s for s in walk.servers if any(url.is_turn for url in s.parsed)][:1]
    return servers
