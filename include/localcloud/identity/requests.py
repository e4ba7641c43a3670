"""An authorization request, as far as all providers read it alike.

Sources: RFC 6749, section 4.1.1; RFC 7636, section 4.3 (PKCE); OpenID Connect Core 1.0, section 3.1.2.1.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from localcloud.identity.grants import Session
from localcloud.identity.refusals import Flaw, Words
from localcloud.identity.scopes import Wanted

CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
MODES: Final = ("query", "fragment", "form_post")
PROMPTS: Final = frozenset({"none", "login", "consent", "select_account"})
ASKING: Final = frozenset({"login", "select_account"})
"""Prompts that a session does not answer."""


@dataclass(frozen=True)
class Client:
    """An application that is registered with a provider.

    Attributes:
        client_id: its id.
        redirect_uris: where codes may go, compared as they are (RFC 9700, section 2.1).
        post_logout_redirect_uris: where a browser may go after signing out.
        secret: None if it proves itself by a certificate.
    """

    client_id: str
    redirect_uris: tuple[str, ...]
    post_logout_redirect_uris: tuple[str, ...]
    secret: str | None = field(default=None, repr=False)


class Purpose(StrEnum):
    """What people come for."""

    SIGN_IN = "sign in"
    EDIT_PROFILE = "edit profile"
    RESET_PASSWORD = "reset password"  # noqa: S105 - no password


@dataclass(frozen=True)
class Demand:
    """What a flavour reads out of a request beyond what all read.

    Attributes:
        purpose: what for.
        second_factor: whether a code is wanted after the password.
        acr: the authentication context class that the tokens will have.
        contexts: authentication contexts that the access token will have.
        capabilities: the client's (`xms_cc`).
    """

    purpose: Purpose = Purpose.SIGN_IN
    second_factor: bool = False
    acr: str = ""
    contexts: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reply:
    """Where an answer goes, and how."""

    redirect_uri: str
    mode: str
    state: str | None


@dataclass(frozen=True)
class AuthorizationRequest:
    """A request that nothing is wrong with."""

    client: Client
    policy: str
    reply: Reply
    wanted: Wanted
    demand: Demand
    nonce: str | None = None
    challenge: str | None = None
    prompts: frozenset[str] = frozenset()
    max_age: int | None = None
    login_hint: str = ""

    def is_answered_by(self, session: Session) -> bool:
        """Tell whether a session spares the password."""
        if self.prompts & ASKING:
            return False
        return self.max_age is None or time.time() - session.auth_time <= self.max_age


def reply_of(values: Mapping[str, str], redirect_uri: str) -> Reply:
    """Read where the answer goes; an error goes in the query if the mode is none."""
    mode = values.get("response_mode", "query")
    return Reply(redirect_uri, mode if mode in MODES else "query", values.get("state"))


def check_response(values: Mapping[str, str], words: Words) -> None:
    """Check what is to be answered: a code, in one of three ways.

    Raises:
        RefusedError: something else is asked for.
    """
    if "response_type" not in values:
        raise words.refusal(Flaw.MISSING, "response_type")
    if values["response_type"] != "code":
        raise words.refusal(Flaw.RESPONSE_TYPE, values["response_type"])
    if values.get("response_mode", "query") not in MODES:
        raise words.refusal(Flaw.RESPONSE_MODE, values["response_mode"])


def challenge_of(values: Mapping[str, str], words: Words, *, required: bool) -> str | None:
    """Read the PKCE challenge; S256 alone is taken.

    Raises:
        RefusedError: there is none though it is required, or it is not one.
    """
    challenge = values.get("code_challenge")
    if challenge is None:
        if required or "code_challenge_method" in values:
            raise words.refusal(Flaw.PKCE_MISSING, "code_challenge")
        return None
    if values.get("code_challenge_method") != "S256" or not CHALLENGE.fullmatch(challenge):
        raise words.refusal(Flaw.PKCE_METHOD, values.get("code_challenge_method", "plain"))
    return challenge


def prompts_of(values: Mapping[str, str], words: Words) -> frozenset[str]:
    """Read the prompts; `none` stands alone.

    Raises:
        RefusedError: there is no such prompt.
    """
    text = values.get("prompt", "")
    prompts = frozenset(text.split())
    if prompts - PROMPTS or ("none" in prompts and len(prompts) > 1):
        raise words.refusal(Flaw.PROMPT, text)
    return prompts


def max_age_of(values: Mapping[str, str], words: Words) -> int | None:
    """Read how many seconds ago the password may have been typed in.

    Raises:
        RefusedError: it is no number.
    """
    text = values.get("max_age")
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise words.refusal(Flaw.MAX_AGE, text)
    return int(text)
