"""The catalogue: public ids, and text that a person can act on."""

from __future__ import annotations

import re

import pytest

from polyai_diag.causes import CAUSES, Cause
from polyai_diag.model import BROWSER as BROWSER_STEP
from polyai_diag.model import STEP_NAMES

# Public and for good: ids are added, never renamed nor used for something else.
UNAUTHORIZED = [
    "token-missing",
    "token-malformed",
    "token-expired",
    "token-not-yet-valid",
    "clock-skew",
    "token-rejected",
    "request-forbidden",
    "request-invalid",
]
GATEWAY = [
    "dns-failure",
    "dns-answer-wrong",
    "captive-portal",
    "gateway-unreachable",
    "tls-intercepted",
    "tls-certificate-invalid",
    "proxy-blocks-websocket",
    "wrong-endpoint",
    "websocket-refused",
    "signaling-timeout",
    "signaling-protocol-violation",
    "signaling-closed",
    "signaling-lost",
    "ice-servers-unavailable",
    "agent-failure",
    "media-bridge-failure",
    "gateway-error",
    "setup-slow",
]
ICE = [
    "udp-blocked",
    "media-ports-blocked",
    "stun-unreachable",
    "turn-unreachable",
    "turn-credentials-rejected",
    "turn-credentials-expired",
    "turn-refused",
    "turn-quota-reached",
    "turn-out-of-capacity",
    "turn-tls-intercepted",
    "turn-peer-refused",
    "turn-relay-blackhole",
    "turn-not-configured",
    "turn-tcp-not-configured",
    "symmetric-nat",
    "ice-no-candidates",
    "ice-failed",
    "ice-disconnected",
    "call-ended-early",
    "ipv6-broken",
    "mtu-blackhole",
    "dtls-failed",
]
NO_AUDIO = [
    "opus-not-offered",
    "opus-rejected",
    "opus-misconfigured",
    "media-direction",
    "no-audio-received",
    "no-audio-sent",
    "no-audio-delivered",
    "silent-audio",
    "audio-too-quiet",
    "audio-clipped",
    "audio-narrowband",
    "audio-distorted",
    "audio-wrong-rate",
    "audio-channel-fault",
    "audio-dropouts",
    "audio-hum",
    "echo-heard",
    "packet-loss",
    "high-latency",
    "high-jitter",
    "clock-drift",
]
BROWSER = [
    "browser-unsupported",
    "insecure-context",
    "microphone-denied",
    "microphone-missing",
    "microphone-busy",
    "microphone-silent",
    "microphone-narrowband",
    "playback-blocked",
    "agent-hears-itself",
    "browser-blocks-webrtc",
    "csp-blocks-gateway",
    "browser-lacks-opus",
]
CATALOGUE = {*UNAUTHORIZED, *GATEWAY, *ICE, *NO_AUDIO, *BROWSER}
GUIDES = {
    None: {*GATEWAY, *BROWSER},
    "unauthorized": set(UNAUTHORIZED),
    "ice": set(ICE),
    "no-audio": set(NO_AUDIO),
}

of_each_cause = pytest.mark.parametrize("row", CAUSES.values(), ids=CAUSES)


def test_every_id_is_one_of_the_public_catalogue() -> None:
    assert set(CAUSES) <= CATALOGUE
    assert all(cause_id == row.id for cause_id, row in CAUSES.items())


@of_each_cause
def test_the_title_names_the_fault_in_words(row: Cause) -> None:
    assert 10 <= len(row.title) <= 90
    assert row.title == row.title.strip()
    assert row.title[0].isupper()
    assert not row.title.endswith((".", "!", ":"))
    assert len(_plain_words(row.title)) >= 3, "no row of abbreviations"
    assert not re.search(r"\b[a-z]+_[a-z]+\b", row.title), "the code's names are not for people"


@of_each_cause
def test_the_remedy_says_what_to_do(row: Cause) -> None:
    assert 30 <= len(row.remedy) <= 300
    assert row.remedy == row.remedy.strip()
    assert row.remedy[0].isupper() or row.remedy[0].isdigit()
    assert row.remedy.endswith((".", "?"))
    assert len(_plain_words(row.remedy)) >= 5
    assert "  " not in row.remedy
    assert row.remedy != row.title


@of_each_cause
def test_what_it_breaks_and_explains_exists(row: Cause) -> None:
    assert row.breaks
    assert set(row.breaks) <= {*STEP_NAMES, BROWSER_STEP}
    assert set(row.explains) <= CATALOGUE - {row.id}
    assert len(set(row.explains)) == len(row.explains)


@of_each_cause
def test_the_guide_is_the_section_that_the_catalogue_has_it_in(row: Cause) -> None:
    assert row.id in GUIDES[row.guide]


@of_each_cause
def test_a_reference_names_its_document(row: Cause) -> None:
    assert row.reference == "" or re.match(r"(RFC \d{3,5}|W3C |ITU-T |AES)", row.reference)


@of_each_cause
def test_the_rule_states_its_condition(row: Cause) -> None:
    assert (row.rule.__doc__ or "").strip().endswith((".", "?"))
    assert row.rule.__name__ == row.id.replace("-", "_")


def test_no_circle_of_causes_explains_itself_away() -> None:
    """In a circle each finding would stand beneath another, and no root be named."""
    for start in CAUSES:
        reached: set[str] = set()
        ahead = {*CAUSES[start].explains}
        while ahead:
            reached |= ahead
            ahead = {e for c in ahead if c in CAUSES for e in CAUSES[c].explains} - reached
        assert start not in reached


def test_titles_and_remedies_are_each_their_own() -> None:
    titles = [row.title for row in CAUSES.values()]
    assert len(set(titles)) == len(titles)


def _plain_words(text: str) -> list[str]:
    return re.findall(r"\b[A-Za-z]?[a-z]{1,}\b", text)
