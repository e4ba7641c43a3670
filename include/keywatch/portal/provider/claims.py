"""Claims for display, read without trust in their types."""

from __future__ import annotations

from keywatch.portal.tokens.rules import Claims


def text(claims: Claims, name: str) -> str:
    """Return a claim that is text; the empty string for anything else."""
    value = claims.get(name)
    return value if isinstance(value, str) else ""


def first_text(claims: Claims, name: str) -> str:
    """Return the first text of a claim that is a list; the empty string if there is none."""
    values = claims.get(name)
    return values[0] if isinstance(values, list) and values and isinstance(values[0], str) else ""
