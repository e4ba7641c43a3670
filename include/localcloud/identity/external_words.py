"""Microsoft Entra External ID's words for what it refuses.

Source: Microsoft Learn, "Microsoft Entra authentication and authorization error codes". Unverified: the codes of
CONTEXT, METHOD, PROMPT, PKCE_MISSING and SCOPE_NOT_GRANTED, and which of OAuth's errors comes with 50076 and 500121.
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
TABLE: Final = {
    Flaw.UNKNOWN_CLIENT: Wording(
        "unauthorized_client", "AADSTS700016", "Application with identifier '{value}' was not found in the directory."
    ),
    Flaw.REDIRECT_URI: Wording(
        REQUEST, "AADSTS50011", "The redirect URI '{value}' does not match those configured for '{expected}'."
    ),
    Flaw.POST_LOGOUT_REDIRECT_URI: Wording(
        REQUEST, "AADSTS50011", "The post logout redirect URI '{value}' is not configured for the application."
    ),
    Flaw.MISSING: Wording(REQUEST, "AADSTS900144", "The request must contain the following parameter: '{value}'."),
    Flaw.DUPLICATE: Wording(REQUEST, "AADSTS9000411", "The parameter '{value}' is duplicated."),
    Flaw.METHOD: Wording(REQUEST, "AADSTS900561", "The endpoint only accepts POST requests, not {value}."),
    Flaw.RESPONSE_TYPE: Wording(
        "unsupported_response_type", "AADSTS700054", "response_type '{value}' is not enabled for the application."
    ),
    Flaw.RESPONSE_MODE: Wording(REQUEST, "AADSTS9002313", "response_mode '{value}' is invalid."),
    Flaw.PROMPT: Wording(REQUEST, "AADSTS90023", "Unsupported 'prompt' value: {value}."),
    Flaw.MAX_AGE: Wording(REQUEST, "AADSTS90023", "max_age '{value}' is not a number of seconds."),
    Flaw.CLAIMS: Wording(REQUEST, "AADSTS9002313", "The parameter 'claims' is malformed."),
    Flaw.CONTEXT: Wording(REQUEST, "AADSTS50234", "The authentication context '{value}' is not one of this tenant's."),
    Flaw.PKCE_METHOD: Wording(REQUEST, "AADSTS501491", "Code_Challenge or its method {value} is not supported: S256."),
    Flaw.PKCE_MISSING: Wording(REQUEST, "AADSTS501491", "The parameter '{value}' is missing."),
    Flaw.SCOPE: Wording(SCOPE, "AADSTS70011", "The scope {value} is not valid: no such scope or resource is known."),
    Flaw.TWO_RESOURCES: Wording(
        SCOPE, "AADSTS28000", "The scope is not valid because it contains more than one resource: {value}."
    ),
    Flaw.LOGIN_REQUIRED: Wording(
        "login_required", "AADSTS50058", "A silent sign-in was sent, but nobody is signed in."
    ),
    Flaw.INTERACTION_REQUIRED: Wording(
        "interaction_required", "AADSTS50076", "You must use multi-factor authentication to access the resource."
    ),
    Flaw.CANCELLED: Wording(DENIED, "AADSTS65004", "User declined to consent to access the app."),
    Flaw.SECOND_FACTOR_CANCELLED: Wording(
        DENIED, "AADSTS500121", "Authentication failed during strong authentication request."
    ),
    Flaw.FORGOTTEN: Wording(DENIED, "AADSTS65004", "User left to reset the password."),
    Flaw.GRANT_TYPE: Wording("unsupported_grant_type", "AADSTS70003", "The grant type '{value}' is not supported."),
    Flaw.CODE: Wording(GRANT, "AADSTS9002313", "The code is malformed or invalid."),
    Flaw.CODE_EXPIRED: Wording(GRANT, "AADSTS70008", "The authorization code has expired. Send a new request."),
    Flaw.CODE_REPLAYED: Wording(
        GRANT, "AADSTS54005", "OAuth2 Authorization code was already redeemed. Retry with a new one."
    ),
    Flaw.REFRESH_TOKEN: Wording(GRANT, "AADSTS9002313", "The refresh token is malformed or invalid."),
    Flaw.REFRESH_EXPIRED: Wording(GRANT, "AADSTS700082", "The refresh token has expired. Sign in again."),
    Flaw.REVOKED: Wording(GRANT, "AADSTS50173", "The grant has been revoked. A fresh sign-in is needed."),
    Flaw.ACCOUNT_GONE: Wording(GRANT, "AADSTS50034", "The user account does not exist in the directory."),
    Flaw.OTHER_POLICY: Wording(GRANT, "AADSTS70000", "The grant was issued for another endpoint."),
    Flaw.OTHER_CLIENT: Wording(GRANT, "AADSTS70000", "The grant was issued for another client."),
    Flaw.OTHER_REDIRECT_URI: Wording(
        GRANT, "AADSTS500112", "The reply address '{value}' is not the one that the authorization code was issued for."
    ),
    Flaw.VERIFIER: Wording(GRANT, "AADSTS501481", "The Code_Verifier does not match the code_challenge."),
    Flaw.SCOPE_NOT_GRANTED: Wording(SCOPE, "AADSTS70011", "The scope {value} was not granted."),
    Flaw.CREDENTIAL_MISSING: Wording(
        CLIENT, "AADSTS7000218", "The request body must contain: 'client_assertion' or 'client_secret'.", 401
    ),
    Flaw.SECRET: Wording(
        CLIENT, "AADSTS7000215", "Invalid client secret provided for app '{value}'; it has none.", 401
    ),
    Flaw.ASSERTION_TYPE: Wording(REQUEST, "AADSTS9002313", "client_assertion_type is missing or unknown."),
}


class ExternalWords(Words):
    """Adds to each text what support asks for."""

    def refusal(self, flaw: Flaw, value: str = "", expected: str = "") -> RefusedError:
        """Word a flaw."""
        plain = super().refusal(flaw, value, expected)
        moment = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}Z"
        ids = f"Trace ID: {uuid.uuid4()} Correlation ID: {uuid.uuid4()}"
        return RefusedError(plain.error, plain.code, f"{plain} {ids} Timestamp: {moment}", plain.status)


WORDS: Final = ExternalWords(TABLE)
