"""Files: certificate and key from PEM or PKCS#12, the passphrase by reference, and every way to get that wrong."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from hypothesis import given
from hypothesis import strategies as st

from keywatch.credentials.certificate import SigningCertificate
from keywatch.credentials.key_material import read_key_material
from keywatch.credentials.pem import PemFile, resolve_passphrase
from keywatch.errors import CertificateUnavailableError, CertificateUnusableError, ConfigurationError
from tests.keywatch.credentials import made

KEY = made.rsa_key()
CERTIFICATE = made.certificate(KEY)
ISSUER = made.certificate(made.rsa_key(1), name="issuer")


def load(source: PemFile) -> SigningCertificate:
    """Load the one version of a file."""
    (version,) = source.versions()
    return source.load(version)


@pytest.mark.parametrize(
    "content",
    [
        made.key_pem(KEY) + made.pem(CERTIFICATE, ISSUER),
        made.pem(ISSUER, CERTIFICATE) + made.key_pem(KEY),
        b"Bag Attributes\n  friendlyName: worker\n" + made.pem(CERTIFICATE, ISSUER) + made.key_pem(KEY) + b"\n",
    ],
    ids=["key first", "issuer first", "with a bag's attributes"],
)
def test_pem_holds_key_and_certificates_in_any_order(tmp_path: Path, content: bytes) -> None:
    """The certificate is the one that belongs to the key; the others are its chain."""
    file = tmp_path / "worker.pem"
    file.write_bytes(content)

    found = load(PemFile(file))

    assert (found.certificate, found.chain, found.key_id) == (CERTIFICATE, (ISSUER,), str(file))
    assert found.private_key.private_numbers() == KEY.private_numbers()
    assert found.expires == CERTIFICATE.not_valid_after_utc


@pytest.mark.parametrize("kind", ["pem", "pfx"])
def test_encrypted_key_is_opened_by_a_passphrase_in_a_file(tmp_path: Path, kind: str) -> None:
    """The passphrase's file may end with a line break, as editors leave one."""
    content = {
        "pem": made.key_pem(KEY, b"hush") + made.pem(CERTIFICATE),
        "pfx": serialize_key_and_certificates(b"w", KEY, CERTIFICATE, [ISSUER], BestAvailableEncryption(b"hush")),
    }
    (tmp_path / "worker").write_bytes(content[kind])
    (tmp_path / "passphrase").write_bytes(b"hush\r\n")

    assert load(PemFile(tmp_path / "worker", f"file:{tmp_path / 'passphrase'}")).certificate == CERTIFICATE


def test_passphrase_comes_from_the_environment() -> None:
    """`env:` names a variable of the worker."""
    assert resolve_passphrase("env:WORKER", {"WORKER": "hush"}) == b"hush"


@pytest.mark.parametrize("reference", ["hush-hush", "", "env:", "file:", "vault:x", "hush:hush", "ENV:X"])
def test_passphrase_itself_is_refused_and_not_repeated(reference: str) -> None:
    """What is no reference may be the passphrase, so the message does not show it."""
    with pytest.raises(ConfigurationError, match="as a reference") as caught:
        resolve_passphrase(reference, {})

    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("reference", ["env:NOT_THERE", "file:/not/there"])
def test_reference_that_leads_nowhere_is_named(reference: str) -> None:
    """A variable or file that is not there is named, with what to do."""
    with pytest.raises(ConfigurationError, match=reference.partition(":")[2]):
        resolve_passphrase(reference, {})


WRONG = {
    "no file": (None, "cannot be read"),
    "empty": (b"", "no PEM and no PKCS#12"),
    "something else": (b"\x00\x01 nonsense", "no PEM and no PKCS#12"),
    "broken PEM": (made.pem(CERTIFICATE)[:300], "no PEM and no PKCS#12"),
    "without a key": (made.pem(CERTIFICATE), "holds no private key"),
    "without a certificate": (made.key_pem(KEY), "holds no certificate"),
    "key of another": (made.key_pem(made.rsa_key(1)) + made.pem(CERTIFICATE), "belongs to its private key"),
    "encrypted": (made.key_pem(KEY, b"hush") + made.pem(CERTIFICATE), "passphrase"),
}


@pytest.mark.parametrize(("content", "words"), WRONG.values(), ids=WRONG.keys())
def test_file_that_is_not_usable_says_why(tmp_path: Path, content: bytes | None, words: str) -> None:
    """Each way in which a file is wrong has its own message, with the file's name."""
    file = tmp_path / "worker.pem"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(CertificateUnavailableError, match=words) as caught:
        PemFile(file).versions()

    assert str(file) in str(caught.value)


def test_wrong_passphrase_is_not_shown(tmp_path: Path) -> None:
    """A passphrase that does not open the file stays out of the message."""
    (tmp_path / "worker.pem").write_bytes(made.key_pem(KEY, b"hush") + made.pem(CERTIFICATE))
    (tmp_path / "passphrase").write_bytes(b"wrong-one")

    with pytest.raises(CertificateUnavailableError) as caught:
        PemFile(tmp_path / "worker.pem", f"file:{tmp_path / 'passphrase'}").versions()

    assert "wrong-one" not in str(caught.value)


@pytest.mark.parametrize("with_key", [True, False])
def test_elliptic_curve_is_refused(tmp_path: Path, with_key: bool) -> None:  # noqa: FBT001 - a case of the test
    """A key that Entra refuses is refused when the file is read, with the reason."""
    own = made.certificate(made.ec_key())
    (tmp_path / "worker.pem").write_bytes((made.key_pem(made.ec_key()) if with_key else b"") + made.pem(own))

    with pytest.raises(CertificateUnusableError, match="AADSTS5002738"):
        PemFile(tmp_path / "worker.pem").versions()


def test_file_that_was_renewed_is_read_anew(tmp_path: Path) -> None:
    """A renewed certificate is seen without a restart, as a version of its own."""
    file = tmp_path / "worker.pem"
    file.write_bytes(made.key_pem(KEY) + made.pem(CERTIFICATE))
    (before,) = PemFile(file).versions()
    renewed = made.certificate(KEY, days=200)
    file.write_bytes(made.key_pem(KEY) + made.pem(renewed))

    (after,) = PemFile(file).versions()

    assert before.version != after.version == f"{renewed.serial_number:x}"


@given(st.binary(max_size=400))
def test_whatever_bytes_are_read_the_error_is_ours(data: bytes) -> None:
    """No content of a file or a secret raises anything but our errors."""
    with pytest.raises((CertificateUnavailableError, CertificateUnusableError)):
        read_key_material(data, None, "Test", "Nothing to do.")


@given(st.integers(0, 2000), st.binary(min_size=1, max_size=4))
def test_whatever_is_altered_the_error_is_ours(position: int, noise: bytes) -> None:
    """A PEM with altered bytes is read as what it is, or refused with our error."""
    whole = made.key_pem(KEY) + made.pem(CERTIFICATE)
    altered = whole[:position] + noise + whole[position + len(noise) :]

    try:
        found = read_key_material(altered, None, "Test", "Nothing to do.")
    except (CertificateUnavailableError, CertificateUnusableError):
        return
    assert found.certificate.public_key() == found.private_key.public_key()


def test_certificate_with_a_key_of_an_unknown_kind_is_refused() -> None:
    """A certificate that reads well, and names an algorithm of keys that nobody knows, is refused with our error."""
    der = CERTIFICATE.public_bytes(Encoding.DER)
    rsa, unknown = bytes.fromhex("2a864886f70d0101010500"), bytes.fromhex("2a864886f70d01017f0500")
    assert der.count(rsa) == 1
    damaged = base64.encodebytes(der.replace(rsa, unknown)).decode("ascii")
    pem = f"-----BEGIN CERTIFICATE-----\n{damaged}-----END CERTIFICATE-----\n".encode()

    with pytest.raises(CertificateUnavailableError, match="Correct the file"):
        read_key_material(made.key_pem(KEY) + pem, None, "Test", "Nothing to do.")


def test_certificate_says_what_protocols_want_of_it() -> None:
    """Thumbprints and chain are in the forms of RFC 7515 and of the portal."""
    signing = made.signing(chain=(ISSUER,))

    assert len(signing.thumbprint) == 40
    assert len(signing.x5t_s256) == 43
    assert len(signing.x5c) == 2
    assert signing.not_before == signing.certificate.not_valid_before_utc
    assert signing.certificate.public_bytes(Encoding.DER)
