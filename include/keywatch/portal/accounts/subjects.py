"""Whether a subject can be kept and found."""

from __future__ import annotations

from typing import Final

from keywatch.portal.provider.model import Subject
from keywatch.report.query import is_storable

LONGEST: Final = 512
"""Characters of an issuer; `sub` has 255 at most (OpenID Connect Core 1.0, 2)."""


def is_usable(subject: Subject) -> bool:
    """Tell whether a database takes a subject: what is empty, without end or no text is nobody."""
    return all(0 < len(text) <= LONGEST and is_storable(text) for text in (subject.issuer, subject.value))
