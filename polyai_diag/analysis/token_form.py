"""What copying does to a token: what clings to it, what got into it, what stands in its place.

Faults are named by kind and position; a token's own characters are never repeated. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

MAX_TOKEN_CHARACTERS = 16 * 1024
_MOST_FAULTS = 6

_QUOTES = frozenset("\"'`")
_TYPOGRAPHIC_QUOTES = frozenset("‘’‚‛“”„‟‹›«»′″＂＇")
_LINE_ENDS = frozenset("\r\n\v\f\x1c\x1d\x1e\x85\u2028\u2029")
_CLINGS_BEHIND = frozenset(",;")
_PREFIXES = (
    (re.compile(r"(?:proxy-)?authorization\s*[:=]\s*", re.IGNORECASE), "'Authorization:'"),
    (re.compile(r"bearer[\s:]+", re.IGNORECASE), "'Bearer'"),
    (re.compile(r"token\s+", re.IGNORECASE), "'Token'"),
    # A name may end like this by chance, padding too: something else must follow the sign.
    (re.compile(r"(?:[a-z_-]{0,30}token|jwt)[\"']?\s*[:=](?!=)\s*", re.IGNORECASE), "its name"),
)
_URL_ENCODED = re.compile("%[0-9A-Fa-f]{2}")
_PLACEHOLDERS = (
    (r"<[^<>]*>|\[[^\[\]]*\]", "a placeholder in brackets"),
    (r"\$\{[^{}]*\}|\$\w+|\{\{[^{}]*\}\}|\{[^{}]*\}|%\w+%", "a variable that was not filled in"),
    (r"undefined|null|none|nil|nan|true|false|\[object \w*\]", "the name of an empty value"),
    (r"(?:your|my|insert|paste|enter|replace|put|add)[-_ ](?=.*(?:token|key|jwt|here))[\w -]{0,60}",
     "a placeholder's words"),
    (r"changeme|change_me|todo|tbd|(?:auth|access|connector|studio|jwt|api)?[-_ ]?token",
     "a placeholder's words"),
)  # fmt: skip
_PLACEHOLDER = tuple((re.compile(p, re.IGNORECASE), name) for p, name in _PLACEHOLDERS)
_MASK_MARKS = ("…", "...", "**", "••", "··", "██", "xxxxxx")
_HIDING_WORDS = ("redacted", "hidden", "masked", "removed", "censored")
_MASKED = re.compile(r"[\w.…*•·█-]+")


class _Kind(NamedTuple):
    """What a strange character is called, one of it and several."""

    one: str
    several: str


@dataclass(frozen=True, repr=False)
class TokenForm:
    """A token without what clings to it, and what is wrong with its form in words."""

    core: str
    around: tuple[str, ...]
    within: tuple[str, ...]
    placeholder: str = ""


def read_form(token: str) -> TokenForm:
    """Take off what clings to a token, and name what is left inside.

    Longer than MAX_TOKEN_CHARACTERS: only that is said, and nothing is taken off.
    """
    if len(token) > MAX_TOKEN_CHARACTERS:
        said = f"{len(token)} characters: no token is longer than {MAX_TOKEN_CHARACTERS}"
        return TokenForm(token, (), (said,))
    start, clinging, prefixes = _start(token)
    end = _end(token, start)
    core = token[start:end]
    placeholder = placeholder_in(core)
    within = () if placeholder else tuple(_within(core, start))
    around = (*prefixes, *_around(clinging, token[end:]))
    return TokenForm(core, around, within, placeholder)


def is_masked(token: str) -> bool:
    """Whether somebody has hidden this token (`***`, `eyJ…`, `[redacted]`) before it was shown."""
    text = token.strip().lower()
    if text.strip("<[({*>])}") in _HIDING_WORDS:
        return True
    return _MASKED.fullmatch(text) is not None and any(mark in text for mark in _MASK_MARKS)


def placeholder_in(token: str) -> str:
    """Name what stands in a token's place (`<token>`, `${TOKEN}`, `null`…), "" where nothing."""
    fitting = (name for shape, name in _PLACEHOLDER if shape.fullmatch(token))
    return next(fitting, "")


def is_blank(token: str) -> bool:
    """Whether it holds blanks and invisible characters only, or nothing."""
    if len(token) > MAX_TOKEN_CHARACTERS:
        return token.isspace()
    return all(char.isspace() or _is_invisible(char) for char in token)


def _start(token: str) -> tuple[int, str, list[str]]:
    """Where the token itself begins, what clings before it, and which prefixes stand there."""
    position, clinging, prefixes = 0, "", []
    while position < len(token):
        if _clings(token[position]):
            clinging += token[position]
            position += 1
            continue
        found = next(((m, n) for p, n in _PREFIXES if (m := p.match(token, position))), None)
        if found is None or found[0].end() == len(token):
            break
        position = found[0].end()
        prefixes.append(f"{found[1]} before it")
    return position, clinging, prefixes


def _end(token: str, start: int) -> int:
    end = len(token)
    while end > start and (_clings(token[end - 1]) or token[end - 1] in _CLINGS_BEHIND):
        end -= 1
    return end


def _around(before: str, after: str) -> list[str]:
    """Say what clings to it: `quotes around it`, `a line end after it`."""
    front, back = _kinds(before), _kinds(after)
    both = [kind for kind in front if kind in back]
    words = [f"{kind.several} around it" for kind in both]
    for place, found in (("before", front), ("after", back)):
        words += [f"{_counted(k, n)} {place} it" for k, n in found.items() if k not in both]
    return words[:_MOST_FAULTS]


def _kinds(text: str) -> dict[_Kind, int]:
    return Counter(_kind(char) for char in text.replace("\r\n", "\n"))


def _within(core: str, start: int) -> list[str]:
    """Name the strange characters within; positions count from 1, in the token as given."""
    strange = [(_kind(c), start + at + 1) for at, c in enumerate(core) if _is_strange(c)]
    strange.sort(key=lambda pair: pair[0])
    words = []
    for kind, found in groupby(strange, key=lambda pair: pair[0]):
        positions = [position for _, position in found]
        first = "at" if len(positions) == 1 else "the first at"
        words.append(
            f"{_counted(kind, len(positions))} inside it ({first} character {positions[0]})"
        )
    escape = _URL_ENCODED.search(core)
    if escape:
        position = start + escape.start() + 1
        words.append(f"URL-encoding left in it (a %-escape at character {position})")
    return words[:_MOST_FAULTS]


def _counted(kind: _Kind, count: int) -> str:
    return kind.one if count == 1 else f"{count} {kind.several}"


def _clings(char: str) -> bool:
    return char.isspace() or char in _QUOTES | _TYPOGRAPHIC_QUOTES or _is_invisible(char)


def _is_strange(char: str) -> bool:
    return not "!" <= char <= "~" or char in _QUOTES or char == "\\"


def _is_invisible(char: str) -> bool:
    """Control and format characters, variation selectors, and blanks that are letters."""
    return unicodedata.category(char) in ("Cc", "Cf", "Zs", "Zl", "Zp") or char in _NO_INK


_NO_INK = frozenset("\u115f\u1160\u2800\u3164\uffa0\u034f\ufe0e\ufe0f")


def _kind(char: str) -> _Kind:  # noqa: PLR0911 - one line for each kind
    if char == " ":
        return _Kind("a blank", "blanks")
    if char == "\t":
        return _Kind("a tab", "tabs")
    if char in _LINE_ENDS:
        return _Kind("a line end", "line ends")
    if char in _QUOTES:
        return _Kind("a quote", "quotes")
    if char in _TYPOGRAPHIC_QUOTES:
        return _Kind("a typographic quote", "typographic quotes")
    if char in _CLINGS_BEHIND:
        return _Kind("a comma or semicolon", "commas or semicolons")
    if char == "\\":
        return _Kind("a backslash", "backslashes")
    name = _name(char)
    return _Kind(name, f"times {name}")


def _name(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # Python's surrogateescape
        return f"a byte that is no UTF-8 (0x{code - 0xDC00:02X})"
    if 0xD800 <= code <= 0xDFFF:
        return f"half a surrogate pair (U+{code:04X})"
    if char == "\ufeff":
        return "a byte order mark (U+FEFF)"
    unnamed = "a control character" if unicodedata.category(char) == "Cc" else "a strange character"
    return f"{unicodedata.name(char, unnamed)} (U+{code:04X})"
