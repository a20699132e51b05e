"""Targets, ICE servers and secrets: what is taken, what is refused, and what is never shown."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import pickle
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyai_diag.model import STEP_NAMES, Observation, StepResult
from polyai_diag.secret import Secret
from polyai_diag.target import (
    LEGACY_MODES,
    MODES,
    REGIONS,
    IceServer,
    Target,
    TargetError,
    parse_ice_url,
)
from tests.unit.records import record, step

HIDDEN = "tell-nobody-9f8e7d"


@pytest.mark.parametrize("region", REGIONS)
def test_a_region_stands_for_its_url(region: str) -> None:
    target = Target(region)
    assert target.url == f"wss://webrtc-gateway.{region}.platform.polyai.app/api/v1/webrtc/signal"
    assert (target.region, target.port, target.secure) == (region, 443, True)
    assert target.http_base == f"https://{target.host}"


@pytest.mark.parametrize(
    ("url", "host", "port", "secure", "base"),
    [
        ("wss://h.example/x", "h.example", 443, True, "https://h.example"),
        ("ws://127.0.0.1:8080/x", "127.0.0.1", 8080, False, "http://127.0.0.1:8080"),
        ("ws://h/x", "h", 80, False, "http://h"),
        ("wss://[2001:db8::1]:8443/x?a=b@c", "2001:db8::1", 8443, True,
         "https://[2001:db8::1]:8443"),
    ],
)  # fmt: skip
def test_a_url_is_taken_apart(url: str, host: str, port: int, secure: bool, base: str) -> None:
    target = Target(url)
    assert (target.host, target.port, target.secure, target.http_base) == (host, port, secure, base)
    assert target.region is None


@pytest.mark.parametrize(
    "url",
    ["", "us-2", "host", "https://h/x", "wss://", "wss:///x", "wss://h:0/x", "wss://h:99999/x",
     "wss://h:port/x", "wss://[::1/x", "wss://[zz]/x"],
)  # fmt: skip
def test_other_urls_are_refused_in_one_line(url: str) -> None:
    with pytest.raises(TargetError) as refused:
        Target(url)
    assert "\n" not in str(refused.value)
    assert "accepted: wss://HOST" in str(refused.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Target(f"wss://user:{HIDDEN}@h/x"),
        lambda: Target(f"https://user:{HIDDEN}@h/x"),
        lambda: Target(f"wss://user:{HIDDEN}@h:port/x"),
        lambda: parse_ice_url(f"turn:user:{HIDDEN}@h:3478"),
        lambda: IceServer(f"turn:user:{HIDDEN}@h:3478"),
    ],
)
def test_a_login_in_a_url_is_refused_and_not_repeated(make: Any) -> None:
    with pytest.raises(TargetError) as refused:
        make()
    assert HIDDEN not in str(refused.value)


@pytest.mark.parametrize("mode", [None, *MODES, *LEGACY_MODES])
def test_known_modes_are_taken(mode: str | None) -> None:
    assert Target("us-1", mode=mode).mode == mode


def test_an_unknown_mode_is_refused_with_those_accepted() -> None:
    with pytest.raises(TargetError, match="accepted: end-to-end, traditional, echo"):
        Target("us-1", mode="loud")


def test_every_target_has_a_call_sid_of_its_own() -> None:
    first, second = Target("us-1").call_sid, Target("us-1").call_sid
    assert first != second
    assert first.startswith("polyai-diag-")
    assert Target("us-1", call_sid="mine").call_sid == "mine"


def test_a_target_is_frozen_and_knows_no_servers_from_none() -> None:
    assert Target("us-1").ice_servers is None
    assert Target("us-1", ice_servers=[]).ice_servers == ()
    with pytest.raises(dataclasses.FrozenInstanceError):
        Target("us-1").url = "x"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("url", "host", "port", "transport"),
    [
        ("stun:h", "h", 3478, "udp"),
        ("stun:h:19302", "h", 19302, "udp"),
        ("stuns:h", "h", 5349, "tls"),
        ("turn:h", "h", 3478, "udp"),
        ("turn:h?transport=tcp", "h", 3478, "tcp"),
        ("TURN:h:80?transport=UDP", "h", 80, "udp"),
        ("turns:h", "h", 5349, "tls"),
        ("turns:h:443?transport=tcp", "h", 443, "tls"),
        ("turns:h?transport=udp", "h", 5349, "dtls"),
        ("turn:192.0.2.1:3478", "192.0.2.1", 3478, "udp"),
        ("turn:[2001:db8::1]:3478?transport=tcp", "2001:db8::1", 3478, "tcp"),
        (" stun:h ", "h", 3478, "udp"),
    ],
)
def test_ice_urls(url: str, host: str, port: int, transport: str) -> None:
    parsed = parse_ice_url(url)
    assert (parsed.host, parsed.port, parsed.transport) == (host, port, transport)
    assert parsed.is_turn == url.strip().lower().startswith("turn")


@pytest.mark.parametrize(
    "url",
    ["", "turn:", "turn://h:3478", "http://h", "turn:h:0", "turn:h:65536", "turn:h:123456",
     "turn:h?transport=sctp", "stun:h?transport=udp", "turn:2001:db8::1", "turn:h:3478/x",
     "turn:h h", "ſtun:h", "turn:h:٣٤"],
)  # fmt: skip
def test_what_is_no_ice_url_is_refused_in_one_line(url: str) -> None:
    with pytest.raises(TargetError) as refused:
        IceServer(url)
    assert "\n" not in str(refused.value)


@given(st.text())
def test_any_text_is_an_ice_url_or_a_target_error(text: str) -> None:
    with contextlib.suppress(TargetError):
        assert 0 < parse_ice_url(text).port < 65536
    with contextlib.suppress(TargetError):
        assert Target(text).host


def test_an_ice_server_takes_one_url_or_several() -> None:
    one, several = IceServer("stun:a"), IceServer(["stun:a", "turn:b"], "u", "c")
    assert one.urls == ("stun:a",)
    assert [url.host for url in several.parsed] == ["a", "b"]
    assert several.credential == Secret("c")


# --- secrets ----------------------------------------------------------------------------------


@pytest.mark.parametrize("show", [repr, str, "{}".format, "{!r}".format, "%s".__mod__])
def test_a_secret_does_not_show_itself(show: Any) -> None:
    secret = Secret(HIDDEN)
    holders = (secret, [secret], {"a": secret}, IceServer("turn:h", "u", secret),
               Target("us-1", secret, ice_servers=[IceServer("turn:h", "u", HIDDEN)]))  # fmt: skip
    for holder in holders:
        assert HIDDEN not in show((holder,) if show == "%s".__mod__ else holder)
    assert secret.reveal() == HIDDEN


def test_a_secret_cannot_leave_by_pickle_or_json() -> None:
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(Secret(HIDDEN))
    with pytest.raises(TypeError):
        copy.deepcopy(Secret(HIDDEN))
    with pytest.raises(TypeError):
        msgspec.json.encode(Secret(HIDDEN))


def test_secrets_compare_by_what_they_hold() -> None:
    assert Secret("a") == Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1
    assert Secret("").fingerprint == "e3b0c442"  # SHA-256 of nothing begins so
    assert len(Secret("\udce9").fingerprint) == 8


# --- what was seen ----------------------------------------------------------------------------


def test_a_record_finds_its_steps() -> None:
    made = record(step("call", rtt_ms=5))
    assert made.step("call").data == {"rtt_ms": 5}
    assert [s.name for s in made.steps] == list(STEP_NAMES)
    with pytest.raises(KeyError):
        made.step("tea")


def test_what_is_kept_is_frozen_and_shares_no_defaults() -> None:
    first = Observation(operation="a", endpoint="b", started_ms=0, duration_ms=0)
    second = Observation(operation="a", endpoint="b", started_ms=0, duration_ms=0)
    assert first.notes is not second.notes
    with pytest.raises(AttributeError):
        StepResult(name="a", status="passed").name = "b"  # type: ignore[misc, arg-type]


def test_a_proxy_does_not_show_its_login() -> None:
    target = Target("us-1", proxy=f"http://clerk:{HIDDEN}@proxy.example:3128")
    assert target.proxy is not None
    assert HIDDEN not in repr(target)
    for wrong in (f"ftp://x:{HIDDEN}@h", "http://", f"http://u:{HIDDEN}@h:port"):
        with pytest.raises(TargetError, match="accepted: http, https") as raised:
            Target("us-1", proxy=wrong)
        assert HIDDEN not in str(raised.value)


def test_all_regions() -> None:
    target = Target("all")
    assert (target.all_regions, target.region) == (True, "all")
    assert not Target("uk-1").all_regions
