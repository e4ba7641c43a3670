"""E-mail addresses, compared as ASCII without letter case: an address with any other difference is another person's."""

from __future__ import annotations

import re
from typing import Final

from keywatch.errors import InvitationError
from keywatch.report.ascii_case import lower_ascii

LONGEST: Final = 254
"""Characters (RFC 5321, 4.5.3.1.3, without the angle brackets of a path)."""

LABEL: Final = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
ADDRESS: Final = re.compile(rf"[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~.-]{{1,64}}@{LABEL}(\.{LABEL})*")
"""A local part without quotation marks, and a domain of letters, digits and hyphens (RFC 5321, 4.1.2)."""


def fold_address(text: str) -> str:
    """Write an address in the form in which two of one person are the same.

    Raises:
        InvitationError: It is no plain ASCII address.
    """
    if len(text) > LONGEST or not ADDRESS.fullmatch(text):
        raise InvitationError(
            f"{text[:80]!a} is no e-mail address that can be compared safely. Give it as local@domain, in ASCII, "
            f"without spaces, with at most {LONGEST} characters; of an internationalised domain, the form xn--."
        )
    return lower_ascii(text)


def same_address(one: str | None, other: str | None) -> bool:
    """Tell whether two addresses are one person's. What is no plain ASCII address is never the same as anything."""
    try:
        return one is not None and other is not None and fold_address(one) == fold_address(other)
    except InvitationError:
        return False
