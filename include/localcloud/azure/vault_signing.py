"""What a key of the vault signs: digests that were made elsewhere, with the algorithms of its type.

Source: the Key Vault REST API reference, "Sign"; "About keys".
"""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature

from localcloud.azure.certificate_authority import PrivateKey
from localcloud.azure.rest import RefusedError
from localcloud.json_web_token import HASHES, rsa_padding

RSA_ALGORITHMS: Final = ("PS256", "PS384", "PS512", "RS256", "RS384", "RS512")
EC_ALGORITHMS: Final = {256: "ES256", 384: "ES384", 521: "ES512"}
"""The one algorithm of each curve, by its size."""


def sign(key: PrivateKey, key_type: str, algorithm: str, digest: bytes) -> bytes:
    """Sign a digest; a signature of an elliptic curve is r and s, one after the other.

    Raises:
        RefusedError: the key does not go with the algorithm, or the digest's length does not.
    """
    fitting = (EC_ALGORITHMS[key.key_size],) if isinstance(key, ec.EllipticCurvePrivateKey) else RSA_ALGORITHMS
    if algorithm not in fitting:
        raise RefusedError(
            400,
            "BadParameter",
            f"Key and signing algorithm are incompatible. Key of type '{key_type}' signs with {', '.join(fitting)}, "
            f"not '{algorithm[:20]}'.",
        )
    used = HASHES[algorithm[2:]]
    if len(digest) != used.digest_size:
        raise RefusedError(
            400,
            "BadParameter",
            f"Invalid length of 'value': {len(digest)} bytes. {algorithm} requires {used.digest_size} bytes, encoded "
            "with base64url.",
        )
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return _sign_with_curve(key, used, digest)
    return key.sign(digest, rsa_padding(algorithm), Prehashed(used))


def _sign_with_curve(key: ec.EllipticCurvePrivateKey, used: hashes.HashAlgorithm, digest: bytes) -> bytes:
    size = (key.key_size + 7) // 8
    numbers = decode_dss_signature(key.sign(digest, ec.ECDSA(Prehashed(used))))
    return b"".join(number.to_bytes(size, "big") for number in numbers)
