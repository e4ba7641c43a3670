"""Requests for a change that must not be carried out, by what is wrong with them."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.keywatch.credentials.made import rsa_key
from tests.keywatch.portal.api.world import NOW, SUB, WEB, World
from tests.keywatch.portal.tokens.issuer import KID, b64, encode, header, public_jwk, sign, sign_parts

YEAR: Final = 365 * 86_400
EVIL: Final = "https://evil.example"


@dataclass(frozen=True)
class Forged:
    """One forged request.

    Attributes:
        make: Makes its token.
        status: Of the answer.
        error: What the answer calls it; None for nothing.
        headers: Makes its headers; None for the token as it should come.
        query: Makes its query.
    """

    make: Callable[[World], str]
    status: int = 401
    error: str | None = "invalid_token"
    headers: Callable[[str], list[tuple[str, str]]] | None = None
    query: Callable[[str], str] = field(default=lambda _: "")

    def headers_of(self, token: str) -> list[tuple[str, str]]:
        """Return the headers that bring a token."""
        return self.headers(token) if self.headers else [("Authorization", f"Bearer {token}")]


def _claims(**changes: Any) -> Callable[[World], str]:  # noqa: ANN401 - forged ones have any value
    return lambda world: world.token(**changes)


def _header(**members: object) -> Callable[[World], str]:
    return lambda world: sign(world.claims(), header(**members))


def _raw_header(written: str) -> Callable[[World], str]:
    return lambda world: sign(world.claims(), written.encode())


def _more_claims(written: str) -> Callable[[World], str]:
    """Write further members behind the claims, as no JSON writer would."""
    return lambda world: sign(encode(world.claims())[:-1] + b"," + written.encode() + b"}", header())


def _changed(change: Callable[[str], str]) -> Callable[[World], str]:
    return lambda world: change(world.token())


def _part(place: int, change: Callable[[str], str]) -> Callable[[World], str]:
    def make(world: World) -> str:
        parts = world.token().split(".")
        parts[place] = change(parts[place])
        return ".".join(parts)

    return make


def _unsigned(algorithm: str, signature: str = "") -> Callable[[World], str]:
    return lambda world: f"{b64(encode(header(alg=algorithm)))}.{b64(encode(world.claims()))}.{signature}"


def _signed_otherwise(algorithm: str, sign_bytes: Callable[[bytes], bytes]) -> Callable[[World], str]:
    def make(world: World) -> str:
        signed = f"{b64(encode(header(alg=algorithm)))}.{b64(encode(world.claims()))}"
        return f"{signed}.{b64(sign_bytes(signed.encode()))}"

    return make


def _hmac_by(form: Callable[[], bytes]) -> Callable[[bytes], bytes]:
    return lambda signed: hmac.digest(form(), signed, hashlib.sha256)


def _pem() -> bytes:
    return rsa_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _pss(signed: bytes) -> bytes:
    return rsa_key().sign(signed, padding.PSS(padding.MGF1(SHA256()), 32), SHA256())


def _with_own_key(name: str, value: object) -> Callable[[World], str]:
    """Sign with the forger's key, and say in the header where to find it."""
    return lambda world: sign(world.claims(), header(**{name: value}), rsa_key(9))


def _padded(part: str) -> str:
    return part + "=" * (-len(part) % 4 or 4)


def _other_bits(signature: str) -> str:
    """Change the bits at the end of base64url that mean nothing: 256 bytes leave four of them."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return signature[:-1] + alphabet[alphabet.index(signature[-1]) + 1]


def _standard(part: str) -> str:
    return base64.b64encode(base64.urlsafe_b64decode(part + "==")).decode().rstrip("=")


def _flipped(signature: str) -> str:
    return ("A" if signature[0] != "A" else "B") + signature[1:]


def _no_step_up(**changes: Any) -> Forged:  # noqa: ANN401 - forged ones have any value
    return Forged(_claims(**changes), 401, "insufficient_user_authentication")


def _no_scope(**changes: Any) -> Forged:  # noqa: ANN401 - forged ones have any value
    return Forged(_claims(**changes), 403, "insufficient_scope")


def _as_sent(headers: Callable[[str], list[tuple[str, str]]], status: int, error: str | None) -> Forged:
    return Forged(lambda world: world.token(), status, error, headers)


OWN_JWK: Final = public_jwk(KID, rsa_key(9))
DEEP: Final = "[" * 9_000

SIGNATURES: Final[dict[str, Forged]] = {
    "alg none": Forged(_unsigned("none", "AA")),
    "alg None": Forged(_unsigned("None", "AA")),
    "alg NONE": Forged(_unsigned("NONE", "AA")),
    "alg nOnE": Forged(_unsigned("nOnE", "AA")),
    "alg none without a signature": Forged(_unsigned("none")),
    "alg none with the signature of RS256": Forged(_header(alg="none")),
    "alg empty": Forged(_header(alg="")),
    "alg missing": Forged(_header(alg=None)),
    "alg rs256": Forged(_header(alg="rs256")),
    "alg a list": Forged(_header(alg=["RS256"])),
    "alg RS256 with a space": Forged(_header(alg="RS256 ")),
    "alg HS256 by the public key as PEM": Forged(_signed_otherwise("HS256", _hmac_by(_pem))),
    "alg HS256 by the public key as JWK": Forged(
        _signed_otherwise("HS256", _hmac_by(lambda: encode(public_jwk(KID, rsa_key()))))
    ),
    "alg RS256 signed as HS256": Forged(_signed_otherwise("RS256", _hmac_by(_pem))),
    "alg RS384": Forged(
        _signed_otherwise("RS384", lambda signed: rsa_key().sign(signed, padding.PKCS1v15(), SHA384()))
    ),
    "alg PS256": Forged(_signed_otherwise("PS256", _pss)),
    "alg RS256 signed as PS256": Forged(_signed_otherwise("RS256", _pss)),
    "alg ES256": Forged(
        _signed_otherwise(
            "ES256", lambda signed: ec.generate_private_key(ec.SECP256R1()).sign(signed, ec.ECDSA(SHA256()))
        )
    ),
    "alg RSA-OAEP": Forged(_header(alg="RSA-OAEP")),
    "signature of another token": Forged(
        lambda world: ".".join([*world.token().split(".")[:2], world.token(sub="other").split(".")[2]])
    ),
    "signature with another bit": Forged(_part(2, _flipped)),
    "signature cut short": Forged(_part(2, lambda part: part[:-4])),
    "signature without end": Forged(_part(2, lambda part: part * 20)),
    "signature empty": Forged(_part(2, lambda _: "")),
    "claims changed after the signature": Forged(
        lambda world: ".".join([*_split(world, 0), b64(encode(world.claims(sub="other"))), *_split(world, 2)])
    ),
    "other key of the same name": Forged(lambda world: world.token(key=rsa_key(9))),
    "key unknown": Forged(_header(kid="unknown")),
    "key missing": Forged(_header(kid=None)),
    "key empty": Forged(_header(kid="")),
    "key a number": Forged(_header(kid=1)),
    "key a list": Forged(_header(kid=[KID])),
    "key a path": Forged(_header(kid="../../../../dev/null")),
    "key an address": Forged(_header(kid=f"{EVIL}/keys")),
    "key an SQL statement": Forged(_header(kid="x' UNION SELECT 'key'; --")),
    "key with a line break": Forged(_header(kid=f"{KID}\n")),
    "key in another letter case": Forged(_header(kid=KID.upper())),
    "key without end": Forged(_header(kid="k" * 5_000)),
    "jku": Forged(_with_own_key("jku", f"{EVIL}/keys")),
    "jwk": Forged(_with_own_key("jwk", OWN_JWK)),
    "x5u": Forged(_with_own_key("x5u", f"{EVIL}/certificate")),
    "x5c": Forged(_with_own_key("x5c", [base64.b64encode(b"certificate").decode()])),
    "jku with the provider's signature": Forged(_header(jku=f"{EVIL}/keys")),
    "jwk with the provider's signature": Forged(_header(jwk=OWN_JWK)),
    "crit": Forged(_header(crit=["exp"])),
    "crit empty": Forged(_header(crit=[])),
    "b64 false": Forged(_header(b64=False, crit=["b64"])),
    "b64 false without crit": Forged(_header(b64=False)),
    "zip": Forged(_header(zip="DEF")),
    "token in a token": Forged(_header(cty="JWT")),
    "typ of a logout token": Forged(_header(typ="logout+jwt")),
    "typ of a proof": Forged(_header(typ="dpop+jwt")),
    "typ a number": Forged(_header(typ=1)),
    "header has a name twice": Forged(_raw_header('{"alg":"none","alg":"RS256","kid":"key-1"}')),
    "header is a list": Forged(_raw_header('["RS256"]')),
    "header is no JSON": Forged(_raw_header("alg=RS256")),
    "header nested deep": Forged(_raw_header('{"alg":"RS256","kid":"key-1","x":' + DEEP)),
}


def _split(world: World, place: int) -> list[str]:
    return [world.token().split(".")[place]]


FORMS: Final[dict[str, Forged]] = {
    "payload has scp twice": Forged(_more_claims('"scp":"Accounts.Read Accounts.Write"')),
    "payload has tfp twice": Forged(_more_claims('"tfp":"B2C_1_signupsignin1_mfa"')),
    "payload has aud twice": Forged(_more_claims('"aud":"other"')),
    "payload has a name twice inside": Forged(_more_claims('"x":[{"y":1,"y":2}]')),
    "payload has NaN": Forged(_more_claims('"x":NaN')),
    "payload nested deep": Forged(lambda world: sign(encode(world.claims())[:-1] + b',"x":' + DEEP.encode(), header())),
    "payload is a list": Forged(lambda world: sign(encode([world.claims()]), header())),
    "payload is no JSON": Forged(lambda _: sign(b"\xff\xfe", header())),
    "payload padded": Forged(
        lambda world: sign_parts(b64(encode(header())), _padded(b64(encode(world.claims(x="x" * 8))))),
        400,
        "invalid_request",
    ),
    "signature not as base64url is written": Forged(_part(2, _other_bits)),
    "signature in the other alphabet": Forged(_part(2, _standard)),
    "dot at the end": Forged(_changed(lambda token: f"{token}.")),
    "two parts": Forged(_changed(lambda token: token.rpartition(".")[0])),
    "five parts": Forged(_changed(lambda token: f"{token}.{token.split('.')[1]}.{token.split('.')[2]}")),
    "no part": Forged(lambda _: "do-not-repeat-me"),
    "too large": Forged(_claims(x="x" * 16_000)),
}

CLAIMS: Final[dict[str, Forged]] = {
    "aud of an ID token": Forged(_claims(aud=WEB)),
    "aud of another API": Forged(_claims(aud=EVIL)),
    "aud of two": Forged(lambda world: world.token(aud=[world.provider.access_token.audience, EVIL])),
    "aud missing": Forged(_claims(aud=...)),
    "aud null": Forged(_claims(aud=None)),
    "iss of another": Forged(_claims(iss=EVIL)),
    "iss without its slash": Forged(lambda world: world.token(iss=world.provider.access_token.issuer.rstrip("/"))),
    "iss of another tenant": Forged(
        lambda world: world.token(iss=world.provider.access_token.issuer.replace("000000000001", "000000000009"))
    ),
    "iss with the policy": Forged(
        lambda world: world.token(
            iss=world.provider.access_token.issuer.replace(".com/", ".com/tfp/").replace(
                "/v2.0/", "/b2c_1_signupsignin1_mfa/v2.0/"
            )
        )
    ),
    "iss missing": Forged(_claims(iss=...)),
    "policy of profile editing": Forged(_claims(tfp="B2C_1_profileediting1")),
    "policy of password reset": Forged(_claims(tfp="B2C_1_passwordreset1")),
    "policy unknown": Forged(_claims(tfp="B2C_1_evil")),
    "policy a list": Forged(_claims(tfp=["B2C_1_signupsignin1_mfa"])),
    "policy missing": Forged(_claims(tfp=...)),
    "policy null": Forged(_claims(tfp=None)),
    "policy in acr": Forged(_claims(tfp=..., acr="B2C_1_signupsignin1_mfa")),
    "policy with more behind it": Forged(_claims(tfp="B2C_1_signupsignin1_mfa2")),
    "expired": Forged(_claims(iat=NOW - 3_700, nbf=NOW - 3_700, exp=NOW - 61)),
    "not valid yet": Forged(_claims(nbf=NOW + 61)),
    "issued later than now": Forged(_claims(iat=NOW + 61)),
    "exp text": Forged(_claims(exp=str(NOW + 600))),
    "exp true": Forged(_claims(exp=True)),
    "exp after all years": Forged(_claims(exp=10**300)),
    "exp without end": Forged(lambda world: sign(encode(world.claims(exp=...))[:-1] + b',"exp":1e999}', header())),
    "exp NaN": Forged(lambda world: sign(encode(world.claims(exp=...))[:-1] + b',"exp":NaN}', header())),
    "exp missing": Forged(_claims(exp=...)),
    "iat missing": Forged(_claims(iat=...)),
    "lifetime of a year": Forged(_claims(exp=NOW + YEAR)),
    "issued a year ago": Forged(_claims(iat=NOW - YEAR, nbf=NOW - YEAR)),
    "sub missing": Forged(_claims(sub=...)),
    "sub empty": Forged(_claims(sub="")),
    "sub a list": Forged(_claims(sub=[SUB])),
    "sub without end": Forged(_claims(sub="s" * 257)),
    "sub of nobody": Forged(_claims(sub="22222222-2222-2222-2222-222222222222"), 404, None),
    "sub in another letter case": Forged(_claims(sub=SUB.upper()), 404, None),
    "sub with a NUL": Forged(_claims(sub=f"{SUB}\0"), 404, None),
    "sub with a wildcard": Forged(_claims(sub="%"), 404, None),
}

SCOPES: Final[dict[str, Forged]] = {
    "no scope": _no_scope(scp=...),
    "scope empty": _no_scope(scp=""),
    "scope to read only": _no_scope(scp="Accounts.Read"),
    "scope in roles": _no_scope(scp="Accounts.Read", roles=["Accounts.Write"]),
    "scope in scope": _no_scope(scp="Accounts.Read", scope="Accounts.Write"),
    "scope a list": _no_scope(scp=["Accounts.Read", "Accounts.Write"]),
    "scope a prefix": _no_scope(scp="Accounts.Writ"),
    "scope with more behind it": _no_scope(scp="Accounts.Write.All"),
    "scope with more before it": _no_scope(scp="My.Accounts.Write"),
    "scope in another letter case": _no_scope(scp="accounts.write"),
    "scopes divided by commas": _no_scope(scp="Accounts.Read,Accounts.Write"),
    "scopes divided by a tabulator": _no_scope(scp="Accounts.Read\tAccounts.Write"),
    "scopes divided by two spaces": _no_scope(scp="Accounts.Read  Accounts.Write"),
    "scope of another API": _no_scope(scp=f"{EVIL}/Accounts.Write"),
}

STEP_UPS: Final[dict[str, Forged]] = {
    "no step-up": _no_step_up(tfp="B2C_1_signupsignin1"),
    "step-up in another claim": _no_step_up(tfp="B2C_1_signupsignin1", acr="B2C_1_signupsignin1_mfa", amr=["mfa"]),
    "step-up over": _no_step_up(auth_time=NOW - 301),
    "step-up over, token refreshed": _no_step_up(auth_time=NOW - 3_600, iat=NOW, nbf=NOW, exp=NOW + 3_600),
    "sign-in later than now": _no_step_up(auth_time=NOW + 61),
    "sign-in a text": _no_step_up(auth_time=str(NOW)),
    "sign-in true": _no_step_up(auth_time=True),
    "sign-in missing": _no_step_up(auth_time=...),
    "sign-in after all years": _no_step_up(auth_time=10**300),
}

REQUESTS: Final[dict[str, Forged]] = {
    "no header": _as_sent(lambda _: [], 401, None),
    "empty header": _as_sent(lambda _: [("Authorization", "")], 401, None),
    "scheme Basic": _as_sent(lambda token: [("Authorization", f"Basic {token}")], 401, None),
    "scheme DPoP": _as_sent(lambda token: [("Authorization", f"DPoP {token}")], 401, None),
    "no scheme": _as_sent(lambda token: [("Authorization", token)], 401, None),
    "scheme alone": _as_sent(lambda _: [("Authorization", "Bearer")], 400, "invalid_request"),
    "scheme and a colon": _as_sent(lambda token: [("Authorization", f"Bearer: {token}")], 400, "invalid_request"),
    "tabulator for a space": _as_sent(lambda token: [("Authorization", f"Bearer\t{token}")], 400, "invalid_request"),
    "token with a space in it": _as_sent(
        lambda token: [("Authorization", f"Bearer {token[:9]} {token[9:]}")], 400, "invalid_request"
    ),
    "token in quotes": _as_sent(lambda token: [("Authorization", f'Bearer "{token}"')], 400, "invalid_request"),
    "token twice": _as_sent(
        lambda token: [("Authorization", f"Bearer {token}, Bearer {token}")], 400, "invalid_request"
    ),
    "two headers": _as_sent(lambda token: [("Authorization", f"Bearer {token}")] * 2, 400, "invalid_request"),
    "two headers of two schemes": _as_sent(
        lambda token: [("Authorization", "Basic eA=="), ("authorization", f"Bearer {token}")], 400, "invalid_request"
    ),
    "token in a cookie": _as_sent(lambda token: [("Cookie", f"access_token={token}")], 401, None),
    "token in another header": _as_sent(lambda token: [("X-Access-Token", token)], 401, None),
    "token in the query": Forged(
        lambda world: world.token(), 400, "invalid_request", lambda _: [], lambda token: f"?access_token={token}"
    ),
    "token in the query and in the header": Forged(
        lambda world: world.token(), 400, "invalid_request", None, lambda token: f"?a=b&access%5Ftoken={token}"
    ),
}

FORGED: Final = SIGNATURES | FORMS | CLAIMS | SCOPES | STEP_UPS | REQUESTS
