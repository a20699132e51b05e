"""Whose root vouches for a certificate, in the words that a record keeps. Pure."""

from __future__ import annotations

SHIPPED, GIVEN, SYSTEM = "the shipped set", "--ca-file", "the system"


def is_foreign(vouched_by: str | None) -> bool:
    """Whether no authority vouches that the public trusts, or that the user has given."""
    return vouched_by not in (SHIPPED, GIVEN)
