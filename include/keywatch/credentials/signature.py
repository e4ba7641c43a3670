"""What every signature has in common, whatever it is for: how it fails, and that it is checked before it is used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from azure.core.exceptions import AzureError
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import AsymmetricPadding
from cryptography.hazmat.primitives.hashes import SHA256

from keywatch.credentials.certificate import SigningCertificate, rsa_public_key
from keywatch.credentials.vault_errors import Operation, vault_error
from keywatch.errors import CertificateUnusableError, ServiceUnavailableError
from keywatch.transport.azure_core import scrubbed


@contextmanager
def signing_errors(signing: SigningCertificate) -> Iterator[None]:
    """Turn what a private key raises while it signs into the error that says what to do.

    Raises:
        ServiceUnavailableError: What answered for the vault gave no signature.
        KeywatchError: The vault cannot be asked, or refuses to sign.
    """
    try:
        yield
    except AzureError as error:
        raise vault_error(error, *_place(signing.key_id)) from scrubbed(error)
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise ServiceUnavailableError(
            f"{signing.key_id} gave no signature, but something that no vault says ({type(error).__name__})."
        ) from None  # the cause may repeat what was said


def check_signature(signing: SigningCertificate, signature: bytes, signed: bytes, padding: AsymmetricPadding) -> None:
    """Hold a signature over SHA-256 against the certificate.

    Raises:
        CertificateUnusableError: It is not of the certificate's key.
    """
    try:
        rsa_public_key(signing.certificate, signing.key_id).verify(signature, signed, padding, SHA256())
    except InvalidSignature as error:
        raise CertificateUnusableError(
            f"The signature made with {signing.key_id} does not fit the certificate {signing.thumbprint}, so it was "
            "thrown away: key and certificate are not of one version. Issue a new version in the vault."
        ) from error


def _place(key_id: str) -> tuple[str, Operation, str]:
    """Return host, operation and name of a key in a vault."""
    host, _, path = key_id.removeprefix("https://").partition("/")
    return host, Operation.SIGN, path.split("/")[1]
