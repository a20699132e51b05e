"""No secret survives, ordinary text does; aliases hide addresses and change no verdict."""

from __future__ import annotations

import base64
import json
import re
import time
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

import msgspec
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from polyai_diag.failures import Failure
from polyai_diag.model import Record, Status
from polyai_diag.redact import HIDDEN, Redactor, anonymize
from polyai_diag.report import Report
from polyai_diag.secret import Secret
from tests.speed import cpu_here_s
from tests.unit.records import GATEWAY, record, saw, step

SECRETS = st.text(min_size=6, max_size=40).filter(lambda s: len(s.strip()) >= 6)
PLANTS = {
    "raw": lambda s: f"before {s} after",
    "alone": lambda s: s,
    "trimmed": lambda s: f"<{s.strip()}>",
    "url-encoded": lambda s: f"GET /a?b={quote(s, errors='surrogatepass')}",
    "form-encoded": lambda s: f"x={quote_plus(s, errors='surrogatepass')}&y=1",
    "lower-case escapes": lambda s: _lower(quote(s, safe="", errors="surrogatepass")),
    "query": lambda s: f"wss://host/x?{urlencode({'a': s}, errors='surrogatepass')}#f",
    "base64": lambda s: f"data {base64.b64encode(_bytes(s)).decode()} end",
    "base64url": lambda s: base64.urlsafe_b64encode(_bytes(s)).decode().rstrip("="),
    "json": lambda s: json.dumps({"type": "offer", "authToken": s}),
    "json, unknown key": lambda s: json.dumps({"anything": [s]}, ensure_ascii=False),
    "sdp": lambda s: f"v=0\r\na=ice-ufrag:x\r\na=ice-pwd:{s}\r\na=mid:0\r\n",
    "header": lambda s: f"Authorization: Bearer {s}\r\nHost: h\r\n",
    "proxy login": lambda s: f"http://user:{quote(s, safe='', errors='surrogatepass')}@proxy:3128",
    "repr": lambda s: f"got {s!r}",
    "repr of bytes": lambda s: f"got {_bytes(s)!r}",
}


def _bytes(secret: str) -> bytes:
    return secret.encode("utf-8", "surrogatepass")


def _lower(text: str) -> str:
    return re.sub("%..", lambda m: m[0].lower(), text)


@pytest.mark.parametrize("plant", PLANTS.values(), ids=PLANTS)
@given(secret=SECRETS)
@example(secret='quo"te\\slash')
@example(secret="a b+c/d?e=f&g%h")
@example(secret="it's secret")
@example(secret="\udce9\udcff surrogates")
@example(secret="  padded\n")
def test_a_known_secret_survives_in_no_form(plant: Any, secret: str) -> None:
    assume(all(form not in HIDDEN for form in (secret, secret.strip())))
    told = plant(secret)
    bare = plant("")
    assume(plant(secret.strip()) not in bare)
    shown = Redactor([Secret(secret)]).text(told)
    assert HIDDEN in shown
    assert plant(secret) not in shown
    for form in (secret.strip(), quote(secret.strip(), safe="", errors="surrogatepass")):
        assert form not in shown.replace(HIDDEN, "") or form in bare


TOKENS = st.text("abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789_-", min_size=20)


@given(secret=TOKENS, cut=st.data())
def test_a_piece_of_a_secret_goes_as_well(secret: str, cut: st.DataObject) -> None:
    """A text that was cut short, a server that shows the beginning of what it refused."""
    start = cut.draw(st.integers(0, len(secret) - 12))
    piece = secret[start : cut.draw(st.integers(start + 12, len(secret)))]
    shown = Redactor([Secret(secret)]).text(f"no such token: {piece}… (try another)")
    assert shown == f"no such token: {HIDDEN}… (try another)"


@given(secret=TOKENS, before=st.binary(max_size=7), after=st.binary(max_size=7))
def test_base64_of_something_with_a_secret_in_it(secret: str, before: bytes, after: bytes) -> None:
    whole = before + secret.encode() + after
    for encoded in (base64.b64encode(whole).decode(), base64.urlsafe_b64encode(whole).decode()):
        shown = Redactor([Secret(secret)]).text(f"Basic login {encoded}")
        left = [shown[i : i + 12] for i in range(len(shown) - 11)]
        assert not [piece for piece in left if piece in base64.b64encode(secret.encode()).decode()]
        assert HIDDEN in shown


def test_words_that_a_secret_is_made_of_stay() -> None:
    """Whoever pastes a URL in place of the token does not blank out the URL that was called."""
    pasted = Secret("https://studio.polyai.app/account/webrtc-gateway")
    text = "wss://webrtc-gateway.us-1.platform.polyai.app/api/v1/webrtc/signal"
    assert Redactor([pasted]).text(text) == text


@given(
    secret=SECRETS,
    wrap=st.recursive(
        st.just("SECRET"),
        lambda inner: (
            st.lists(inner, min_size=1, max_size=3)
            | st.dictionaries(st.sampled_from("abc"), inner, min_size=1)
        ),
        max_leaves=6,
    ),
)
def test_nested_data_is_cleaned_keys_included(secret: str, wrap: Any) -> None:
    assume(secret not in HIDDEN)

    def fill(value: Any) -> Any:
        if isinstance(value, dict):
            return {f"{key} {secret}": fill(item) for key, item in value.items()}
        return [fill(item) for item in value] if isinstance(value, list) else secret

    def texts(value: Any) -> list[str]:
        if isinstance(value, dict):
            return [*value, *(text for item in value.values() for text in texts(item))]
        return [t for item in value for t in texts(item)] if isinstance(value, list) else [value]

    shown = texts(Redactor([Secret(secret)]).data(fill(wrap)))
    assert shown
    assert not any(secret in text.replace(HIDDEN, "") for text in shown)


UNKNOWN = "Zk3-unk/nown+Xy9="
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "text",
    [
        f"a=ice-pwd:{UNKNOWN}\r\n",
        json.dumps(f"v=0\r\na=ice-pwd:{UNKNOWN}\r\na=mid:0"),
        f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{UNKNOWN}\r\n",
        f"authorization: Basic {UNKNOWN}",
        f"Proxy-Authorization: Basic {UNKNOWN}",
        f"Bearer {UNKNOWN}",
        f"wss://host/path?token={UNKNOWN}",
        f"wss://host/path?a=1&access_token={UNKNOWN}&b=2",
        f"https://host/#access_token={UNKNOWN}",
        json.dumps({"authToken": UNKNOWN}),
        json.dumps({"password": f"it's {UNKNOWN}"}),
        json.dumps({"credential": f'quo"te {UNKNOWN}'}),
        json.dumps({"body": json.dumps({"credential": UNKNOWN})}),
        str({"credential": UNKNOWN}),
        json.dumps({"Proxy-Authorization": f"Basic {UNKNOWN}"}),
        f"http://user:{UNKNOWN.replace('/', '%2F')}@proxy:3128",
        "http://user:with@Zk3-at@proxy:3128",
        "turn:user:Zk3@turn.example.com",
        f"the token {JWT} was refused",
        f"{JWT.rsplit('.', 1)[0]}.",
    ],
)
def test_what_looks_like_a_secret_goes_though_nobody_told(text: str) -> None:
    shown = Redactor().text(text)
    assert HIDDEN in shown
    assert "Zk3" not in shown
    assert "Xy9" not in shown
    assert "eyJ" not in shown


@pytest.mark.parametrize("key", ["authToken", "credential", "password", "Proxy-Authorization"])
def test_a_telling_key_hides_its_value(key: str) -> None:
    assert Redactor().data({"notes": [{key: UNKNOWN, "other": 1}]}) == {
        "notes": [{key: HIDDEN, "other": 1}]
    }


@pytest.mark.parametrize(
    "text",
    [
        "The bearer token is missing",
        "it begins with 'Bearer '; give the token alone",
        "Copy the token again, alone: no blanks, quotes, line ends, nor the word Bearer.",
        "36 characters, sha256 1a2b3c4d…",
        "turn:turn.example.com:3478?transport=tcp",
        "wss://webrtc-gateway.us-1.platform.polyai.app:443/api/v1/webrtc/signal?mode=echo",
        "a=ice-ufrag:abcd",
        "candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host",
        "401 Unauthorized (realm example.org)",
        "Invalid credential",
        '{"type": "error", "data": {"code": "UNAUTHORIZED", "message": "Invalid token"}}',
        "mary@example.org wrote: see https://example.org/a:b",
        "key=value; monkey=banana",
    ],
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert Redactor([Secret("a-secret-token"), None]).text(text) == text


@given(st.text(alphabet="abcdefgh ij-_.:/\n", max_size=200))
def test_text_without_a_secret_is_left_alone(text: str) -> None:
    assume("bearer" not in text.lower())
    assert Redactor([Secret("XYZ-123-SECRET")]).text(text) == text


def test_other_values_pass_unchanged() -> None:
    value: dict[str, Any] = {"a": None, "b": True, "c": 1, "d": 1.5, "e": []}
    assert Redactor([Secret("None"), Secret("True")]).data(value) == value


def test_secrets_too_short_to_tell_from_words_are_not_searched_for() -> None:
    redactor = Redactor([Secret("a"), Secret("  \n"), Secret("")])
    assert redactor.text("a b c") == "a b c"


@pytest.mark.parametrize(
    "piece",
    ["eyJ-", "eyJaaaa", "turn:", "turn:a:", "://a:", "\\", '"token":"', "bearer ", "::", "1.",
     "a=ice-pwd:", "authorization ", "?token", "commonName=a.", "a."],
)  # fmt: skip
def test_hostile_text_costs_no_more_than_its_length(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    started_s = time.process_time()
    Redactor([Secret("some-known-secret")]).text(text)
    anonymize(msgspec.to_builtins(record(step("token", saw("token_read", text)))))
    assert time.process_time() - started_s < cpu_here_s(3), "quadratic would take minutes"


# --- addresses and host names -----------------------------------------------------------------

TURN_6 = "turn:[2001:db8::5]:3478"
TRACED = record(
    step(
        "gateway",
        saw("dns_lookup", GATEWAY, addresses=["203.0.113.9", "2001:db8::9"]),
        saw("tcp_connect", "203.0.113.9:443", Failure.GENERIC_TIMEOUT, local_address="10.1.2.3"),
        saw("tcp_connect", "[2001:DB8:0::9]:443"),
        saw("tls_handshake", f"{GATEWAY}:443", Failure.TLS_UNTRUSTED,
            subject="commonName=*.inspect.corp.example",
            issuer="organizationName=Corp, commonName=ca.corp.example"),
        saw("proxy_connect", "http://proxy:3128", through=f"{GATEWAY}:443"),
        saw("websocket_upgrade", f"wss://{GATEWAY}/x", Failure.HTTP_REDIRECT,
            status=302, location="https://login.portal.example/?from=10.1.2.3"),
        reason=f"marys-laptop cannot reach {GATEWAY.upper()} (203.0.113.9).",
    ),
    step(
        "turn",
        saw("turn_challenge", TURN_6, Failure.GENERIC_TIMEOUT, server="[2001:db8::5]:3478"),
        saw("turn_challenge", "turn:192.0.2.1:3478?transport=udp", Failure.GENERIC_TIMEOUT),
        saw("turn_allocate", "turns:relay.example.net:443", relayed_address="198.51.100.7:50000",
            detail="mapped ::ffff:198.51.100.8, see fe80::1%eth0"),
        urls=[{"url": TURN_6}],
        by_address={"192.0.2.1": "as a key"},
    ),
    step("call", saw("ice_connect", "gateway", remote_candidates=[
        "host 192.0.2.1:5000", "srflx [2001:db8:1:2:3:4:5:6]:5000",
        "host f81d4fae-7dec-11d0-a765-00a0c91e6bf6.local:9"])),
    ice_urls=[TURN_6, "turn:192.0.2.1:3478?transport=udp", "turns:relay.example.net:443"],
)  # fmt: skip
HIDES = [
    "203.0.113.9", "2001:db8", "2001:DB8", "192.0.2.1", "198.51.100", "10.1.2.3", "ffff", "fe80",
    "platform.polyai", "corp.example", "portal.example", "marys-laptop", "relay.example", "proxy:3",
    "f81d4fae",
]  # fmt: skip


def _hidden() -> tuple[str, Record]:
    builtins = anonymize(msgspec.to_builtins(TRACED))
    return json.dumps(builtins), msgspec.convert(builtins, Record)


def test_no_address_and_no_host_name_is_left() -> None:
    text, _ = _hidden()
    assert [name for name in HIDES if name.lower() in text.lower()] == []


def test_the_same_address_has_the_same_alias_everywhere() -> None:
    _, hidden = _hidden()
    gateway, turn, call = (hidden.step(name) for name in ("gateway", "turn", "call"))
    looked_up, first, second, tls, proxy, _ = gateway.observations
    assert first.endpoint == f"{looked_up.notes['addresses'][0]}:443"
    assert second.endpoint == f"{looked_up.notes['addresses'][1]}:443"
    assert tls.endpoint == proxy.notes["through"] == f"{looked_up.endpoint}:443"
    assert looked_up.endpoint in gateway.reason
    assert hidden.target["url"] == f"wss://{looked_up.endpoint}/api/v1/webrtc/signal"
    assert first.notes["local_address"] == hidden.environment["addresses"][0]
    assert hidden.environment["hostname"] in gateway.reason
    ipv6, ipv4, _ = turn.observations
    assert ipv6.endpoint == f"turn:{ipv6.notes['server']}" == turn.data["urls"][0]["url"]
    address = ipv4.endpoint.removeprefix("turn:").split(":")[0]
    assert call.observations[0].notes["remote_candidates"][0] == f"host {address}:5000"
    assert turn.data["by_address"] == {address: "as a key"}
    aliases = [looked_up.endpoint, *looked_up.notes["addresses"], address]
    assert len(set(aliases)) == len(aliases)


def test_the_hidden_record_is_judged_as_the_open_one() -> None:
    shown, hidden = Report(TRACED), Report(TRACED).anonymized()
    assert hidden.root_causes == shown.root_causes
    assert hidden.verdict == shown.verdict
    assert shown.root_causes == ("tls-certificate-invalid", "wrong-endpoint", "udp-blocked")
    facts = [[(f.id, f.severity, f.explained_by, len(f.evidence)) for f in r.findings]
             for r in (shown, hidden)]  # fmt: skip
    assert facts[0] == facts[1]


@pytest.mark.parametrize("name", ["gateway", "turn", "python", "call", "failed", "localhost"])
def test_a_machine_with_an_awkward_name_breaks_nothing(name: str) -> None:
    named = msgspec.structs.replace(TRACED, environment={"hostname": name, "python": "3.11.4"})
    hidden = Report(named).anonymized()
    assert [s.name for s in hidden.steps] == [s.name for s in TRACED.steps]
    assert [s.status for s in hidden.steps] == [s.status for s in TRACED.steps]
    assert hidden.root_causes == Report(TRACED).root_causes
    assert hidden.record.environment["python"] == "3.11.4"


@pytest.mark.parametrize(
    "text",
    [
        "sha-256 " + ":".join(["AB"] * 32),
        "12:34:56.789",
        "2026-03-01T12:00:00.000Z",
        "Linux-6.8.0-45-generic-x86_64-with-glibc2.39",
        "polyai-diag 0.1.0",
        "TLSv1.3",
        "http/1.1",
        "16.0.1",
        "999.1.2.3",
        "polyai-diag-0f7c9e1a-0000-4000-8000-1234567890ab",
        "no such thing: a note, of text",
    ],
)
def test_what_is_no_address_stays(text: str) -> None:
    hidden = anonymize(msgspec.to_builtins(record(step("call", dtls=text))))
    assert hidden["steps"][7]["data"]["dtls"] == text


@given(st.ip_addresses(), st.integers(1, 65535))
def test_any_address_goes_in_any_company(address: Any, port: int) -> None:
    bracketed = f"[{address}]" if address.version == 6 else str(address)
    texts = [
        str(address), f"{bracketed}:{port}", f"turn:{bracketed}:{port}?transport=udp",
        f"https://{bracketed}:{port}/p", f"(from {address})", f"to {address}.", f"a,{address};b",
        f"candidate:1 1 udp 2130706431 {address} {port} typ host",
    ]  # fmt: skip
    hidden = anonymize(msgspec.to_builtins(record(step("call", texts=texts))))
    shown = hidden["steps"][7]["data"]["texts"]
    alias = shown[0]
    assert re.fullmatch(r"ip-\d+", alias)
    assert [s.replace(alias, "X", 1) for s in shown] == [
        t.replace(bracketed, "X", 1).replace(str(address), "X", 1) for t in texts
    ]


def test_statuses_and_failures_stay() -> None:
    _, hidden = _hidden()
    assert [o.failure for s in hidden.steps for o in s.observations] == [
        o.failure for s in TRACED.steps for o in s.observations
    ]
    assert hidden.step("token").status is Status.SKIPPED
    assert hidden.call.call_sid == "polyai-diag-1"
