"""Azure AD B2C's words for what it refuses.

Source: Microsoft Learn, "Error codes: Azure Active Directory B2C". Unverified: which of OAuth's errors comes with a
code, as that page does not say it; what follows AADB2C99027; that a second redemption of a code is called an expired
grant; that a parameter may not come twice; that a grant of another client is told like one of another endpoint.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Final

from localcloud.identity.refusals import Flaw, RefusedError, Wording, Words

REQUEST: Final = "invalid_request"
CLIENT: Final = "invalid_client"
GRANT: Final = "invalid_grant"
SCOPE: Final = "invalid_scope"
DENIED: Final = "access_denied"
ENDPOINT: Final = "The grant belongs to another endpoint. Actual Value : {value} and Expected Value : {expected}"
EXPIRED: Final = "The grant has expired. Sign in again. "
TABLE: Final = {
    Flaw.UNKNOWN_CLIENT: Wording("unauthorized_client", "AADB2C90018", "No client ID '{value}' is registered here."),
    Flaw.REDIRECT_URI: Wording(
        "redirect_uri_mismatch", "AADB2C90006", "The redirect URI '{value}' is not registered for client '{expected}'."
    ),
    Flaw.POST_LOGOUT_REDIRECT_URI: Wording(
        REQUEST, "AADB2C90067", "The post logout redirect URI '{value}' is not https, or not registered."
    ),
    Flaw.MISSING: Wording(REQUEST, "AADB2C90083", "The request is missing required parameter: {value}."),
    Flaw.DUPLICATE: Wording(REQUEST, "AADB2C90122", "The request has parameter '{value}' more than once."),
    Flaw.METHOD: Wording(REQUEST, "AADB2C90226", "Only HTTP POST is supported, not {value}."),
    Flaw.RESPONSE_TYPE: Wording(
        "unsupported_response_type", "AADB2C90013", "Response type '{value}' is not supported."
    ),
    Flaw.RESPONSE_MODE: Wording(REQUEST, "AADB2C90014", "Response mode '{value}' is not supported."),
    Flaw.PROMPT: Wording(REQUEST, "AADB2C90043", "Prompt '{value}': expected none, login, consent or select_account."),
    Flaw.MAX_AGE: Wording(REQUEST, "AADB2C90120", "The max age '{value}' is not a number of seconds."),
    Flaw.PKCE_METHOD: Wording(
        REQUEST, "AADB2C90184", "This code_challenge or its method {value} is not supported: S256."
    ),
    Flaw.PKCE_MISSING: Wording(REQUEST, "AADB2C99059", "The request must present a {value}."),
    Flaw.SCOPE: Wording(SCOPE, "AADB2C90117", "The scope '{value}' is not supported."),
    Flaw.TWO_RESOURCES: Wording(
        REQUEST, "AADB2C90146", "The scope '{value}' names more than one resource for an access token: not supported."
    ),
    Flaw.LOGIN_REQUIRED: Wording("login_required", "AADB2C90077", "There is no session, and the prompt is '{value}'."),
    Flaw.INTERACTION_REQUIRED: Wording(
        "interaction_required", "AADB2C90077", "The session is not enough, and the prompt is '{value}'."
    ),
    Flaw.CANCELLED: Wording(DENIED, "AADB2C90091", "The user has cancelled entering self-asserted information."),
    Flaw.SECOND_FACTOR_CANCELLED: Wording(DENIED, "AADB2C90091", "The user has cancelled the verification."),
    Flaw.FORGOTTEN: Wording(DENIED, "AADB2C90118", "The user has forgotten their password."),
    Flaw.GRANT_TYPE: Wording("unsupported_grant_type", "AADB2C90086", "The grant_type [{value}] is not supported."),
    Flaw.CODE: Wording(GRANT, "AADB2C90090", "The code is none that was issued here."),
    Flaw.CODE_EXPIRED: Wording(GRANT, "AADB2C90080", EXPIRED),
    Flaw.CODE_REPLAYED: Wording(GRANT, "AADB2C90080", f"{EXPIRED}The code was redeemed before."),
    Flaw.REFRESH_TOKEN: Wording(GRANT, "AADB2C90090", "The refresh token is none that was issued here."),
    Flaw.REFRESH_EXPIRED: Wording(GRANT, "AADB2C90080", EXPIRED),
    Flaw.REVOKED: Wording(GRANT, "AADB2C90129", "The grant has been revoked. Sign in again."),
    Flaw.ACCOUNT_GONE: Wording(GRANT, "AADB2C90128", "The account of this grant no longer exists. Sign in again."),
    Flaw.OTHER_POLICY: Wording(GRANT, "AADB2C90088", ENDPOINT),
    Flaw.OTHER_CLIENT: Wording(GRANT, "AADB2C90088", ENDPOINT),
    Flaw.OTHER_REDIRECT_URI: Wording(
        GRANT, "AADB2C90006", "The redirect URI '{value}' is not the one that the code was issued for."
    ),
    Flaw.VERIFIER: Wording(GRANT, "AADB2C90182", "The code_verifier does not match the code_challenge."),
    Flaw.SCOPE_NOT_GRANTED: Wording(SCOPE, "AADB2C90117", "The scope '{value}' was not granted."),
    Flaw.CREDENTIAL_MISSING: Wording(REQUEST, "AADB2C90079", "Clients must send a client_secret for this grant."),
    Flaw.SECRET: Wording(CLIENT, "AADB2C90081", "The client_secret is not this client's. Correct it, and try again."),
    Flaw.ASSERTION: Wording(CLIENT, "AADB2C99027", "Policy '{value}' takes no client_assertion. Send a client_secret."),
}


class B2CWords(Words):
    """Adds to each text what support asks for."""

    def refusal(self, flaw: Flaw, value: str = "", expected: str = "") -> RefusedError:
        """Word a flaw."""
        plain = super().refusal(flaw, value, expected)
        moment = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}Z"
        text = f"{plain}\r\nCorrelation ID: {uuid.uuid4()}\r\nTimestamp: {moment}\r\n"
        return RefusedError(plain.error, plain.code, text, plain.status)


WORDS: Final = B2CWords(TABLE)
