"""What an account says of a person, as it may be written: free text in any script, without tricks."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Final, Literal

from keywatch.errors import BadQueryError

LONGEST: Final[Mapping[str, int]] = {"policynumber": 64, "beneficiary": 256, "owner": 256}
"""Characters."""

REFUSED: Final = ("Cc", "Cs", "Zl", "Zp")
"""Categories of Unicode: control characters, halves of a character, and what ends a line or a paragraph."""

TURNING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters by which a text looks like another (Unicode Bidirectional Algorithm, 2)."""


def clean(name: Literal["policynumber", "beneficiary", "owner"], text: str | None) -> str | None:
    """Return a text as it is kept: without white space around it; None if nothing is left.

    Args:
        name: What it is, for the message.
        text: As somebody entered it.

    Raises:
        BadQueryError: It is too long, or holds a character that it must not.
    """
    stripped = (text or "").strip()
    if len(stripped) > LONGEST[name]:
        raise BadQueryError(f"The {name} has {len(stripped):,} characters. Shorten it to {LONGEST[name]}.")
    if any(unicodedata.category(each) in REFUSED or each in TURNING for each in stripped):
        raise BadQueryError(f"The {name} holds a control character. Write it on one line, as plain text.")
    return stripped or None
