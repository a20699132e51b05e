"""What stands before the gateway, and the gateway itself, in other disguises."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from polyai_diag import IceServer
from polyai_diag.model import Verdict
from polyai_diag.sandbox.faults import Fault
from polyai_diag.sandbox.settings import Page, ProxyMode, Stranger
from tests.live.cases import NO_ECHO, Case, disguise, gateway, proxy, refusing, trusting_the_proxy

if TYPE_CHECKING:
    from polyai_diag.sandbox import Sandbox

HTML = "text/html; charset=utf-8"
PONG, LATE_CANDIDATE = (
    '{"type": "pong"}',
    ('{"type": "ice-candidate", "sessionId": "s-1", "data": {"candidate": "", "sdpMid": "0"}}'),
)
BLOCKED_PAGE = (
    "<!DOCTYPE html><html><head><title>FortiGuard</title></head><body><h1>Web Page Blocked</h1>"
    "<p>The page is in a category that is not allowed here.</p></body></html>"
)
ELSEWHERE = "https://status.example.com/maintenance"


def stranger(kind: Stranger) -> Fault:
    """Something else in the gateway's place."""
    return Fault("A stranger.", target={"stranger": kind})


def frame(**fields: Any) -> str:
    """A frame as it stands."""
    return json.dumps(fields)


def _url(old: str, new: str) -> Any:
    return lambda sandbox: {"url": sandbox.describe()["signaling_url"].replace(old, new)}


def _by_name_with_turn_elsewhere(sandbox: Sandbox) -> dict[str, Any]:
    """The gateway has a name of its own, and TURN is another company's."""
    elsewhere = IceServer("turns:turn.example.net:443?transport=tcp", "name", "word")
    return {**_url("127.0.0.1", "localhost")(sandbox), "ice_servers": [elsewhere]}


NAMES = [
    disguise(
        "dns-failure, a label that no query can carry",
        "dns-failure",
        Fault("A name.", target={"host": f"{'webrtc-gateway-' * 5}us-1.polyai.invalid"}),
    ),
]

UNREACHABLE = [
    disguise(
        "gateway-unreachable, reset when TLS begins",
        "gateway-unreachable",
        stranger(Stranger.RESET),
    ),
    disguise(
        "gateway-unreachable, silent to TLS", "gateway-unreachable", stranger(Stranger.SILENT)
    ),
    disguise(
        "gateway-unreachable, closed when TLS begins",
        "gateway-unreachable",
        stranger(Stranger.HANG_UP),
    ),
    disguise(
        "gateway-unreachable, IPv6",
        "gateway-unreachable",
        "gateway-unreachable",
        target=_url("127.0.0.1", "[::1]"),
    ),
]

CERTIFICATES = [
    disguise(
        "tls-intercepted, the call goes to another region",
        "tls-intercepted",
        Fault("Opened.", target={"region": "euw-1"}, proxy=ProxyMode.INTERCEPT),
    ),
    disguise(
        "tls-intercepted, by an authority that another vouches for",
        "tls-intercepted",
        Fault("Opened.", target={"region": "uk-1"}, proxy=ProxyMode.INTERCEPT_IN_STEPS),
    ),
    disguise(
        "tls-intercepted, a TURN server elsewhere shows the same hand",
        "tls-intercepted",
        proxy(ProxyMode.INTERCEPT),
        target=_by_name_with_turn_elsewhere,
    ),
    disguise(
        "tls-certificate-invalid, not valid before tomorrow",
        "tls-certificate-invalid",
        gateway(certificate_days=(1, 90)),
    ),
    disguise(
        "tls-certificate-invalid, made for another host",
        "tls-certificate-invalid",
        gateway(certificate_names=("gateway.example.com",)),
    ),
    disguise(
        "tls-certificate-invalid, signed by itself",
        "tls-certificate-invalid",
        gateway(self_signed=True),
    ),
    disguise(
        "tls-certificate-invalid, a private authority",
        "tls-certificate-invalid",
        target=lambda _: {"ca_file": None},
    ),
]

PROXIES = [
    disguise(
        "a proxy that wants a login",
        "proxy-blocks-websocket",
        proxy(ProxyMode.ASK_LOGIN),
    ),
    Case(
        "a proxy that wants a Windows login: not measured",
        (proxy(ProxyMode.ASK_WINDOWS_LOGIN),),
        verdict=Verdict.INCOMPLETE,
    ),
    disguise(
        "a trusted proxy that strips the upgrade",
        "proxy-blocks-websocket",
        proxy(ProxyMode.STRIP_UPGRADE),
        target=trusting_the_proxy,
    ),
    disguise(
        "proxy-blocks-websocket, 503 to CONNECT",
        "proxy-blocks-websocket",
        proxy(ProxyMode.UNAVAILABLE),
    ),
    disguise(
        "proxy-blocks-websocket, cut when TLS begins",
        "proxy-blocks-websocket",
        proxy(ProxyMode.CUT),
    ),
    disguise("proxy-blocks-websocket, silent", "proxy-blocks-websocket", proxy(ProxyMode.SILENT)),
    disguise(
        "proxy-blocks-websocket, hangs up", "proxy-blocks-websocket", proxy(ProxyMode.HANG_UP)
    ),
    disguise(
        "proxy-blocks-websocket, a trusted one shows its page with 200",
        "proxy-blocks-websocket",
        proxy(ProxyMode.BLOCK_PAGE),
        target=trusting_the_proxy,
    ),
    disguise(
        "proxy-blocks-websocket, a filter's page with 403, and no proxy set",
        "proxy-blocks-websocket",
        gateway(upgrade=Page(403, BLOCKED_PAGE, HTML)),
    ),
]

ENDPOINTS = [
    disguise(
        "wrong-endpoint, a web site",
        "wrong-endpoint",
        gateway(upgrade=Page(200, "<!DOCTYPE html><html><title>Welcome</title></html>", HTML)),
    ),
    disguise(
        "wrong-endpoint, redirected",
        "wrong-endpoint",
        gateway(upgrade=Page(302, location=ELSEWHERE)),
    ),
    disguise(
        "wrong-endpoint, 404 in JSON", "wrong-endpoint", target=_url("/signal", "/signalling")
    ),
    disguise("wrong-endpoint, SSH behind TLS", "wrong-endpoint", stranger(Stranger.SHELL)),
    disguise("wrong-endpoint, a web server without TLS", "wrong-endpoint", stranger(Stranger.WEB)),
    disguise(
        "wrong-endpoint, TLS that agrees to nothing", "wrong-endpoint", stranger(Stranger.ALERT)
    ),
    disguise("wrong-endpoint, ws in place of wss", "wrong-endpoint", target=_url("wss:", "ws:")),
]

UPGRADES = [
    *(
        disguise(
            f"HTTP {status} in place of 101",
            "websocket-refused",
            gateway(upgrade=Page(status)),
        )
        for status in (403, 429, 502)
    ),
    disguise(
        "websocket-refused, 403 in JSON",
        "websocket-refused",
        gateway(upgrade=Page(403, '{"error": "account suspended"}', "application/json")),
    ),
    disguise(
        "websocket-refused, a load balancer's page with 502",
        "websocket-refused",
        gateway(
            upgrade=Page(502, "<html><center><h1>502 Bad Gateway</h1></center></html>", HTML),
            upgrade_after_s=1,
        ),
    ),
    disguise(
        "websocket-refused, silent to the upgrade",
        "websocket-refused",
        gateway(upgrade_after_s=8),
    ),
    disguise(
        "websocket-refused, TLS that is then cut", "websocket-refused", stranger(Stranger.CUT)
    ),
]

TIMEOUTS = [
    disguise(
        "signaling-timeout, pongs in place of the answer",
        "signaling-timeout",
        gateway(answer_nothing=True, frames_first=(PONG, PONG)),
    ),
    disguise(
        "signaling-timeout, candidates and no answer",
        "signaling-timeout",
        gateway(answer_nothing=True, frames_first=(LATE_CANDIDATE,)),
    ),
    disguise(
        "signaling-timeout, an answer that takes ten seconds",
        "signaling-timeout",
        gateway(answer_after_s=10),
    ),
    disguise(
        "signaling-timeout, the agent does not answer",
        "signaling-timeout",
        gateway(answer_after_s=10),
        sandbox=NO_ECHO,
    ),
    disguise(
        "signaling-timeout, an error that takes ten seconds",
        "signaling-timeout",
        refusing("HANDLER_ERROR", "Internal error", error_after_s=10),
    ),
]

_IN_PLACE: list[tuple[str, str | bytes, dict[str, Any]]] = [
    ("not JSON", "OK", {}),
    ("an array", "[1, 2]", {"answer_after_s": 2}),
    ("a binary frame", b"\x80\x81\x82", {}),
    ("cut in its middle", '{"type": "answer", "sessionId": "s-1", "da', {}),
    ("an error without a code", frame(type="error", data={"message": "no"}), {}),
    ("no data", frame(type="answer", sessionId="s-1"), {}),
    ("a session that is a number", frame(type="answer", sessionId=7, data={"sdp": "v=0"}), {}),
    (
        "no session description",
        frame(type="answer", sessionId="s-1", data={"type": "answer", "sdp": "hello"}),
        {"frames_first": (PONG,)},
    ),
]
VIOLATIONS = [
    disguise(
        f"signaling-protocol-violation, {how}",
        "signaling-protocol-violation",
        gateway(frame_for_answer=text, **settings),
    )
    for how, text, settings in _IN_PLACE
]

CLOSES = [
    disguise(
        "closed for a matter of policy",
        "signaling-closed",
        gateway(close_for_answer=(1008, "no more calls today")),
    ),
    disguise(
        "signaling-closed, without a code",
        "signaling-closed",
        gateway(close_for_answer=(1005, "")),
    ),
    disguise("signaling-closed, cut", "signaling-closed", gateway(close_for_answer=(1006, ""))),
    disguise(
        "signaling-closed, three seconds later, to restart",
        "signaling-closed",
        gateway(close_for_answer=(1012, ""), answer_after_s=3),
    ),
    disguise(
        "signaling-closed, a code of its own, to the agent's offer",
        "signaling-closed",
        gateway(close_for_answer=(4000, "draining")),
        sandbox=NO_ECHO,
    ),
    disguise(
        "signaling-closed, before the offer, each time",
        "signaling-closed",
        gateway(close_without_offer=(0, 1008, "origin not allowed")),
    ),
    Case(
        "an idle WebSocket is closed, and opened again",
        (gateway(close_without_offer=(0.5, 4408, "no offer")),),
    ),
    Case(
        "echo is refused, and the WebSocket closed for it",
        (gateway(error_close=(1008, "")),),
        sandbox=NO_ECHO,
    ),
    Case(
        "errors that the call outlives",
        (gateway(errors_outlived=("INVALID_MESSAGE", "HANDLER_ERROR")),),
    ),
    disguise(
        "signaling-closed, a close frame in place of the answer",
        "signaling-closed",
        gateway(frame_for_answer=frame(type="close", sessionId=None)),
    ),
    disguise(
        "signaling-lost, cut",
        "signaling-lost",
        gateway(signaling_lasts_s=1, signaling_ends=(1006, "")),
    ),
    disguise(
        "signaling-lost, without a code, in the agent's call",
        "signaling-lost",
        gateway(signaling_lasts_s=1.5, signaling_ends=(1005, "")),
        sandbox=NO_ECHO,
    ),
    disguise(
        "signaling-lost, three seconds later, to restart",
        "signaling-lost",
        gateway(signaling_lasts_s=3, signaling_ends=(1012, "restart")),
    ),
    disguise(
        "signaling-lost, while the call is held",
        "signaling-lost",
        gateway(signaling_lasts_s=8, signaling_ends=(1000, "")),
        target=lambda _: {"hold_s": 12},
    ),
    disguise(
        "signaling-lost, relay only",
        "signaling-lost",
        gateway(signaling_lasts_s=1, signaling_ends=(1011, "keepalive ping timeout")),
        target=lambda _: {"relay_only": True},
    ),
]

_UNAVAILABLE: dict[str, dict[str, Any]] = {
    "404": {"ice_servers": Page(404)},
    "503 after a second": {"ice_servers": Page(503), "ice_servers_after_s": 1},
    "silent": {"ice_servers_after_s": 8},
    "not JSON": {"ice_servers": Page(200, "<html>hello</html>", HTML)},
    "no list": {"ice_servers": Page(200, '{"iceServers": null}', "application/json")},
    "401 for a token that is good": {
        "ice_servers": Page(401, '{"error": "invalid auth token"}', "application/json")
    },
    "redirected": {"ice_servers": Page(302, location=ELSEWHERE)},
}
ICE_SERVERS = [
    disguise(f"ice-servers-unavailable, {how}", "ice-servers-unavailable", gateway(**settings))
    for how, settings in _UNAVAILABLE.items()
]

_HOW: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("at the top of its frame", {"flat_errors": True}, {}),
    ("after four seconds", {"error_after_s": 4}, {}),
    ("and the WebSocket closed", {"error_close": (1011, "internal error")}, {}),
    ("to the agent's offer, and cut", {"error_close": (1006, "")}, NO_ECHO),
]
ERRORS = [
    disguise(f"{cause}, {how}", cause, refusing(code, message, **settings), sandbox=sandbox)
    for cause, code, message in (
        ("agent-failure", "AGENT_FAILURE", ""),
        ("media-bridge-failure", "MEDIA_BRIDGE_FAILURE", "Bridge setup failed: context deadline"),
        ("gateway-error", "HANDLER_ERROR", "failed to create session: rpc error"),
    )
    for how, settings, sandbox in _HOW
]

_LATER: list[tuple[str, float, dict[str, Any], dict[str, Any]]] = [
    ("three seconds into the call", 3, {}, {}),
    ("a moment after the answer", 0, {"error_close": (1011, "")}, NO_ECHO),
]
LATE_ERRORS = [
    disguise(
        f"{cause}, {how}",
        cause,
        gateway(fails_later=(after_s, code, "gone"), **settings),
        sandbox=sandbox,
    )
    for cause, code in (
        ("agent-failure", "AGENT_FAILURE"),
        ("media-bridge-failure", "MEDIA_BRIDGE_FAILURE"),
        ("gateway-error", "HANDLER_ERROR"),
    )
    for how, after_s, settings, sandbox in _LATER
]

UNKNOWN_ERRORS = [
    disguise(
        "an error that nobody knows",
        "gateway-error",
        refusing("OUT_OF_CAPACITY", "Come back later"),
    ),
    disguise(
        "gateway-error, an unknown code in the agent's call",
        "gateway-error",
        gateway(fails_later=(2, "SESSION_LIMIT", "Calls end after two seconds")),
        sandbox=NO_ECHO,
    ),
]

_STAGES: list[tuple[str, tuple[Fault, ...], dict[str, Any]]] = [
    ("the agent's answer", (gateway(answer_after_s=6),), NO_ECHO),
    ("upgrade and answer", (gateway(upgrade_after_s=3, answer_after_s=3),), {}),
    ("the ICE servers and the answer", (gateway(ice_servers_after_s=4, answer_after_s=2),), {}),
    ("the proxy and the answer", (proxy(ProxyMode.SLOW), gateway(answer_after_s=4)), {}),
]
SLOW = [
    disguise(
        f"setup-slow, {how}", "setup-slow", *settings, sandbox=sandbox, verdict=Verdict.DEGRADED
    )
    for how, settings, sandbox in _STAGES
]

REACHING_THE_GATEWAY = [
    *NAMES,
    *UNREACHABLE,
    *CERTIFICATES,
    *PROXIES,
    *ENDPOINTS,
    *UPGRADES,
    *TIMEOUTS,
    *VIOLATIONS,
    *CLOSES,
    *ICE_SERVERS,
    *ERRORS,
    *LATE_ERRORS,
    *UNKNOWN_ERRORS,
    *SLOW,
]
