"""The JSON in which the vault hands out certificates, keys and secrets; of a key, only the public part.

Source: the Key Vault REST API reference: CertificateBundle, KeyBundle, SecretBundle and their items.
"""

from __future__ import annotations

import base64
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

from localcloud.azure.vault import CURVES, Attributes, Certificate, PlainSecret
from localcloud.json_web_token import public_jwk, to_base64url

Json = dict[str, Any]


def certificate_item(url: str, each: Certificate) -> Json:
    """Describe a version in a list of certificates."""
    thumbprint = to_base64url(each.certificate.fingerprint(hashes.SHA1()))  # noqa: S303 - what x5t is defined as
    return {"id": _id(url, "certificates", each), "x5t": thumbprint, "attributes": _attributes(each.attributes)}


def certificate_bundle(url: str, each: Certificate) -> Json:
    """Give a version of a certificate with its policy."""
    return certificate_item(url, each) | {
        "kid": _id(url, "keys", each),
        "sid": _id(url, "secrets", each),
        "cer": base64.b64encode(each.der).decode("ascii"),
        "contentType": each.content_type,
        "policy": policy(url, each),
    }


def policy(url: str, each: Certificate) -> Json:
    """Give the policy that a version was made by."""
    made = each.policy
    key: Json = {"exportable": made.exportable, "kty": made.key_type, "key_size": made.key_size, "reuse_key": False}
    if not made.is_rsa:
        key["crv"] = CURVES[made.key_size][0]
    return {
        "id": f"{url}/certificates/{each.name}/policy",
        "key_props": key,
        "secret_props": {"contentType": made.content_type},
        "x509_props": {
            "subject": each.certificate.subject.rfc4514_string(),
            "key_usage": ["digitalSignature", *(["keyEncipherment"] if made.is_rsa else [])],
            "validity_months": 12,
        },
        "lifetime_actions": [],
        "issuer": {"name": "LocalCloud"},
        "attributes": {"enabled": True, "created": each.attributes.created, "updated": each.attributes.updated},
    }


def key_item(url: str, each: Certificate) -> Json:
    """Describe a version in a list of keys."""
    return {"kid": _id(url, "keys", each), "attributes": _attributes(each.attributes), "managed": True}


def key_bundle(url: str, each: Certificate) -> Json:
    """Give the public part of a version's key."""
    key: Json = {"kid": _id(url, "keys", each), "kty": each.policy.key_type, "key_ops": list(key_operations(each))}
    return {"key": key | _public(each), "attributes": _attributes(each.attributes), "managed": True}


def key_operations(each: Certificate) -> tuple[str, ...]:
    """Tell what a key may be used for."""
    return (
        ("sign", "verify", "wrapKey", "unwrapKey", "encrypt", "decrypt") if each.policy.is_rsa else ("sign", "verify")
    )


def secret_item(url: str, each: Certificate | PlainSecret) -> Json:
    """Describe a version in a list of secrets."""
    item: Json = {"id": _id(url, "secrets", each), "attributes": _attributes(each.attributes)}
    if each.content_type is not None:
        item["contentType"] = each.content_type
    if isinstance(each, Certificate):
        item["managed"] = True
    return item


def secret_bundle(url: str, each: Certificate | PlainSecret) -> Json:
    """Give a version of a secret with its value."""
    bundle = secret_item(url, each) | {"value": each.value}
    if isinstance(each, Certificate):
        bundle["kid"] = _id(url, "keys", each)
    return bundle


def without_version(item: Json) -> Json:
    """Name the object itself instead of its version, as lists of all objects do."""
    return {name: value.rpartition("/")[0] if name in ("id", "kid") else value for name, value in item.items()}


def _id(url: str, kind: str, each: Certificate | PlainSecret) -> str:
    return f"{url}/{kind}/{each.name}/{each.version}"


def _attributes(attributes: Attributes) -> Json:
    values: Json = {
        "enabled": attributes.enabled,
        "created": attributes.created,
        "updated": attributes.updated,
        "recoveryLevel": "Recoverable+Purgeable",
        "recoverableDays": 90,
    }
    if attributes.not_before is not None:
        values["nbf"] = attributes.not_before
    if attributes.expires is not None:
        values["exp"] = attributes.expires
    return values


def _public(each: Certificate) -> dict[str, str]:
    key = each.key.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        jwk = public_jwk(key)
        return {"n": jwk["n"], "e": jwk["e"]}
    size, point = (key.key_size + 7) // 8, key.public_numbers()
    x, y = (to_base64url(number.to_bytes(size, "big")) for number in (point.x, point.y))
    return {"crv": CURVES[key.key_size][0], "x": x, "y": y}
