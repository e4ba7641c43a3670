"""The OpenID provider's words for what it refuses: OAuth's errors, with no numbers of its own.

Sources: RFC 6749, sections 4.1.2.1 and 5.2; OpenID Connect Core 1.0, section 3.1.2.6.
"""

from __future__ import annotations

from typing import Final

from localcloud.identity.refusals import Flaw, Wording, Words

REQUEST: Final = "invalid_request"
CLIENT: Final = "invalid_client"
GRANT: Final = "invalid_grant"
SCOPE: Final = "invalid_scope"
DENIED: Final = "access_denied"
WORDS: Final = Words(
    {
        Flaw.UNKNOWN_CLIENT: Wording(CLIENT, "", "There is no client {value}. Check client_id.", 401),
        Flaw.REDIRECT_URI: Wording(REQUEST, "", "redirect_uri {value} is not registered for {expected}. Register it."),
        Flaw.POST_LOGOUT_REDIRECT_URI: Wording(REQUEST, "", "post_logout_redirect_uri {value} is not registered."),
        Flaw.MISSING: Wording(REQUEST, "", "Parameter {value} is missing. Send it."),
        Flaw.DUPLICATE: Wording(REQUEST, "", "Parameter {value} is there twice. Send it once."),
        Flaw.METHOD: Wording(REQUEST, "", "Use POST, not {value}.", 405),
        Flaw.RESPONSE_TYPE: Wording("unsupported_response_type", "", "response_type {value} is not supported: code."),
        Flaw.RESPONSE_MODE: Wording(REQUEST, "", "response_mode {value} is not supported: query, fragment, form_post."),
        Flaw.PROMPT: Wording(REQUEST, "", "prompt {value} is not supported, or none is not alone."),
        Flaw.MAX_AGE: Wording(REQUEST, "", "max_age {value} is not a number of seconds."),
        Flaw.PKCE_METHOD: Wording(REQUEST, "", "code_challenge_method {value} is not supported: S256."),
        Flaw.PKCE_MISSING: Wording(REQUEST, "", "{value} is missing. Send one (RFC 7636)."),
        Flaw.SCOPE: Wording(SCOPE, "", "There is no scope {value}."),
        Flaw.TWO_RESOURCES: Wording(SCOPE, "", "The scopes {value} are of more than one resource."),
        Flaw.LOGIN_REQUIRED: Wording("login_required", "", "Nobody is signed in."),
        Flaw.INTERACTION_REQUIRED: Wording("interaction_required", "", "A page has to be shown."),
        Flaw.CANCELLED: Wording(DENIED, "", "The sign-in was cancelled."),
        Flaw.SECOND_FACTOR_CANCELLED: Wording(DENIED, "", "The verification was cancelled."),
        Flaw.GRANT_TYPE: Wording("unsupported_grant_type", "", "grant_type {value} is not supported."),
        Flaw.CODE: Wording(GRANT, "", "The code is not valid."),
        Flaw.CODE_EXPIRED: Wording(GRANT, "", "The code has expired. Sign in again."),
        Flaw.CODE_REPLAYED: Wording(GRANT, "", "The code was redeemed before. Sign in again."),
        Flaw.REFRESH_TOKEN: Wording(GRANT, "", "The refresh token is not valid."),
        Flaw.REFRESH_EXPIRED: Wording(GRANT, "", "The refresh token has expired. Sign in again."),
        Flaw.REVOKED: Wording(GRANT, "", "The grant is revoked. Sign in again."),
        Flaw.ACCOUNT_GONE: Wording(GRANT, "", "The account no longer exists."),
        Flaw.OTHER_POLICY: Wording(GRANT, "", "The grant is of another endpoint."),
        Flaw.OTHER_CLIENT: Wording(GRANT, "", "The grant is another client's."),
        Flaw.OTHER_REDIRECT_URI: Wording(GRANT, "", "redirect_uri {value} is not the one of the request."),
        Flaw.VERIFIER: Wording(GRANT, "", "code_verifier does not match code_challenge."),
        Flaw.SCOPE_NOT_GRANTED: Wording(SCOPE, "", "The scope {value} was not granted."),
        Flaw.CREDENTIAL_MISSING: Wording(CLIENT, "", "The client is to prove itself.", 401),
        Flaw.SECRET: Wording(CLIENT, "", "The client's secret is wrong, or it has none.", 401),
        Flaw.ASSERTION_TYPE: Wording(REQUEST, "", "{value}"),
        Flaw.ASSERTION: Wording(CLIENT, "", "{value}", 401),
    }
)
