"""Words of others, made fit for a message or a log."""

from __future__ import annotations

import re
from typing import Final

LONGEST: Final = 300
UNFIT: Final = re.compile(r"\bey[A-Za-z0-9_-]{10,}[A-Za-z0-9_.-]*|[A-Za-z0-9_+=-]{41,}|[^\x20-\x7e]")
"""Anything that looks like a token, a signature or a key (a thumbprint has 40 characters), and control characters."""


def printable(text: object) -> str:
    """Return what somebody else said without anything that may be a secret, on one line, and not too long."""
    return UNFIT.sub("…", str(text))[:LONGEST]
