"""Why a provider refuses: each flavour has its own words for the same flaws.

Sources: RFC 6749, sections 4.1.2.1 and 5.2; OpenID Connect Core 1.0, section 3.1.2.6.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, auto
from typing import Final

LONGEST_VALUE: Final = 200
"""Characters of what was sent that a refusal repeats."""


class Flaw(StrEnum):
    """What can be wrong with a request; the texts of a flavour name `value` and `expected` where they are known."""

    UNKNOWN_CLIENT = auto()
    REDIRECT_URI = auto()
    POST_LOGOUT_REDIRECT_URI = auto()
    MISSING = auto()
    DUPLICATE = auto()
    METHOD = auto()
    RESPONSE_TYPE = auto()
    RESPONSE_MODE = auto()
    PROMPT = auto()
    MAX_AGE = auto()
    CLAIMS = auto()
    CONTEXT = auto()
    PKCE_METHOD = auto()
    PKCE_MISSING = auto()
    SCOPE = auto()
    TWO_RESOURCES = auto()
    LOGIN_REQUIRED = auto()
    INTERACTION_REQUIRED = auto()
    CANCELLED = auto()
    SECOND_FACTOR_CANCELLED = auto()
    FORGOTTEN = auto()
    GRANT_TYPE = auto()
    CODE = auto()
    CODE_EXPIRED = auto()
    CODE_REPLAYED = auto()
    REFRESH_TOKEN = auto()
    REFRESH_EXPIRED = auto()
    REVOKED = auto()
    ACCOUNT_GONE = auto()
    OTHER_POLICY = auto()
    OTHER_REDIRECT_URI = auto()
    OTHER_CLIENT = auto()
    VERIFIER = auto()
    SCOPE_NOT_GRANTED = auto()
    CREDENTIAL_MISSING = auto()
    SECRET = auto()
    ASSERTION_TYPE = auto()
    ASSERTION = auto()


@dataclass(frozen=True)
class Wording:
    """How a flavour words a flaw: OAuth's error, its own code if it has any, the text and the HTTP status."""

    error: str
    code: str
    text: str
    status: int = 400


class RefusedError(Exception):
    """A request that a provider refuses.

    Attributes:
        error: OAuth's.
        code: the flavour's own; OAuth's again if it has none.
        status: of HTTP, where no redirect carries it.
    """

    def __init__(self, error: str, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.error = error
        self.code = code or error
        self.status = status


class Words:
    """The words of one flavour."""

    def __init__(self, table: Mapping[Flaw, Wording]) -> None:
        self._table = table

    def refusal(self, flaw: Flaw, value: str = "", expected: str = "") -> RefusedError:
        """Word a flaw; `value` is what was sent, `expected` what was wanted."""
        wording = self._table[flaw]
        text = wording.text.format(value=value[:LONGEST_VALUE], expected=expected)
        return RefusedError(
            wording.error, wording.code, f"{wording.code}: {text}" if wording.code else text, wording.status
        )
