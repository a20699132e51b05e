"""What a session description says about the way to the media: ICE, DTLS, RTCP, BUNDLE. Pure.

Of passwords and fingerprints nothing is shown but their length.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from polyai_diag.analysis.issues import critical, shown, warning
from polyai_diag.analysis.token_form import is_masked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from polyai_diag.analysis.sdp import Sdp, Section
    from polyai_diag.model import Issue

_SECRETS = {"ice-ufrag": (4, 256), "ice-pwd": (22, 256)}  # characters, RFC 8839 §5.4
_ICE_CHARACTERS = re.compile(r"[A-Za-z0-9+/]*")
_DIGEST_BYTES = {"sha-1": 20, "sha-224": 28, "sha-256": 32, "sha-384": 48, "sha-512": 64}
_BROKEN_DIGESTS = {"md2": 16, "md5": 16}  # RFC 8122 §5 forbids them
_DIGEST = re.compile(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2})*")
_ROLES = ("active", "passive", "actpass", "holdconn")
_MOST_FINGERPRINTS = 16


def transport_issues(sdp: Sdp, section: Section, kind: str, path: str) -> Iterator[Issue]:
    """List what is wrong with the way to one section; `kind` is "offer", "answer" or ""."""
    given = _Given(sdp, section)
    yield from _ice(given, path)
    yield from _fingerprints(given.values("fingerprint"), f"{path}.fingerprint")
    yield from _setup(given.first("setup"), kind, f"{path}.setup")
    if not given.values("rtcp-mux"):
        said = "no a=rtcp-mux: browsers refuse RTCP on a port of its own (RFC 8834 §4.5)"
        yield (critical if kind == "answer" else warning)(f"{path}.rtcp-mux", said)


class _Given:
    """The attributes that a section's transport has.

    They may stand in the section, at the session, or at the first of those that it is bundled
    with (RFC 9143 §7.1.3).
    """

    def __init__(self, sdp: Sdp, section: Section) -> None:
        mid = section.first("mid")
        group = next((g for g in _bundles(sdp) if mid in g), None)
        first = next((s for s in sdp.sections if group and s.first("mid") == group[0]), section)
        self._levels = (section.attributes, first.attributes, sdp.attributes)

    def values(self, name: str) -> tuple[str, ...]:
        return next((level[name] for level in self._levels if name in level), ())

    def first(self, name: str) -> str | None:
        return next(iter(self.values(name)), None)


def setup_role(sdp: Sdp, section: Section) -> str:
    """Return the role in DTLS that a section's side takes, "" where it does not say."""
    return _Given(sdp, section).first("setup") or ""


def bundle_issues(sdp: Sdp, path: str) -> Iterator[Issue]:
    """List what is wrong with the names of the sections and their groups (RFC 9143)."""
    mids = Counter(mid for s in sdp.sections if (mid := s.first("mid")) is not None)
    for mid, count in mids.items():
        if count > 1:
            said = f"{count} sections have the mid {shown(mid)}; each needs its own (RFC 5888 §4)"
            yield warning(f"{path}.mid", said)
            return
    strange = [mid for group in _bundles(sdp) for mid in group if mid not in mids]
    if strange:
        said = f"it names {shown(strange[0])}, which no section is (RFC 9143 §5)"
        yield warning(f"{path}.group", said)


def role_issue(offered: str, answered: str, path: str) -> Iterator[Issue]:
    """Say where both would open DTLS, or neither (RFC 4145 §4.1, RFC 5763 §5)."""
    if offered == answered and offered in ("active", "passive"):
        who = "both sides open" if offered == "active" else "neither side opens"
        yield critical(path, f"offered {offered}, answered {answered}: {who} DTLS (RFC 4145 §4.1)")


def _bundles(sdp: Sdp) -> list[list[str]]:
    groups = (value.split() for value in sdp.attributes.get("group", ()))
    return [group[1:] for group in groups if group[:1] == ["BUNDLE"]]


def _ice(given: _Given, path: str) -> Iterator[Issue]:
    for name, (least, most) in _SECRETS.items():
        value = given.first(name)
        at = f"{path}.{name}"
        if value is None:
            yield critical(at, f"no a={name}: ICE cannot start (RFC 8839 §5.4)")
        elif is_masked(value):
            continue
        elif not least <= len(value) <= most:
            said = f"{len(value)} characters; {least} to {most} are allowed (RFC 8839 §5.4)"
            yield critical(at, said)
        elif not _ICE_CHARACTERS.fullmatch(value):
            said = "holds characters other than letters, digits, + and / (RFC 8839 §5.4)"
            yield warning(at, said)


def _fingerprints(values: tuple[str, ...], at: str) -> Iterator[Issue]:
    if not values:
        yield critical(at, "no a=fingerprint: DTLS cannot be checked (RFC 8122 §5)")
        return
    faults = [_fingerprint_fault(value) for value in values[:_MOST_FINGERPRINTS]]
    usable = "" in faults
    for fault in dict.fromkeys(filter(None, faults)):
        yield (warning if usable else critical)(at, fault)


def _fingerprint_fault(value: str) -> str:
    name, _, digest = value.strip().partition(" ")
    digest = digest.strip()
    length = {**_DIGEST_BYTES, **_BROKEN_DIGESTS}.get(name.lower())
    if is_masked(digest) or is_masked(value):
        return ""
    if length is None:
        return f"{shown(name)} is no hash function known here (RFC 8122 §5)"
    if not _DIGEST.fullmatch(digest):
        return "not bytes in hexadecimal with colons between (RFC 8122 §5)"
    found = digest.count(":") + 1
    if found != length:
        return f"{found} bytes; {name.lower()} has {length} (RFC 8122 §5)"
    if name.lower() in _BROKEN_DIGESTS:
        return f"{name.lower()} must not be used (RFC 8122 §5)"
    return ""


def _setup(role: str | None, kind: str, at: str) -> Iterator[Issue]:
    answering = kind == "answer"
    if role is None:
        said = "no a=setup: who opens DTLS is not said (RFC 8842 §5)"
        yield (critical if answering else warning)(at, said)
    elif role not in _ROLES:
        yield critical(at, f"{shown(role)} is no role: {', '.join(_ROLES[:3])} (RFC 4145 §4)")
    elif role == "holdconn":
        yield critical(at, "holdconn lets nobody open DTLS (RFC 5763 §5)")
    elif answering and role == "actpass":
        said = f"an answer may not say {role}, but active or passive (RFC 5763 §5)"
        yield critical(at, said)
    elif kind == "offer" and role != "actpass":
        yield warning(at, f"an offer says actpass, not {role} (RFC 8842 §5.2)")
