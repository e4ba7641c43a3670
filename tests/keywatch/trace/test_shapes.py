"""What looks like a secret is one, whatever stands around it; what does not is left alone."""

from __future__ import annotations

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keywatch.trace.known import REMOVED
from keywatch.trace.shapes import remove_shapes
from tests.keywatch.trace.made import (
    ACCESS_KEY_ID,
    PEM,
    SECRET_KEY,
    SESSION_TOKEN,
    SHARED_KEY,
    SHORTENED,
    SIGNATURE,
    token,
)

SECRETS = {
    "token": (token(), token()),
    "token without a signature": (token(signature=""), token(signature="")),
    "JSON in Base64": ("eyJrZXkiOiJ2YWx1ZSIsIm90aGVyIjoxMjM0NX0=", "eyJrZXkiOiJ2YWx1ZSI"),
    "private key": (PEM, "MIIEvQIBADANBgkqhkiG9w0BAQ"),
    "private key in JSON": (PEM.replace("\n", "\\n"), "MIIEvQIBADANBgkqhkiG9w0BAQ"),
    "private key that is cut": (PEM[:50], "MIIEvQIBADANBgkqhkiG9w"),
    "RSA key in a form": ("-----BEGIN+RSA+PRIVATE+KEY-----%0AMIIEvQ%0A-----END+RSA+PRIVATE+KEY-----", "MIIEvQ"),
    "private key in Base64": (base64.b64encode(PEM.encode()).decode(), "LS0tLS1CRUdJTi"),
    "session token": (SESSION_TOKEN, SESSION_TOKEN),
    "bearer": ("Authorization: Bearer abcdefghijklmnop12345", "abcdefghijklmnop12345"),
    "basic": ("Basic dXNlcjpwYXNzd29yZA==", "dXNlcjpwYXNzd29yZA"),
    "shared key": (f"SharedKey 0d93b254-31e5-4556:{SHARED_KEY[:44]}", SHARED_KEY[:44]),
    "signature of AWS's": (f"SignedHeaders=host;x-amz-date, Signature={SIGNATURE}", SIGNATURE),
    "storage key": (SHARED_KEY, SHARED_KEY),
    "client secret": ("abc8Q~defghijklmnopqrstuvwxyzABCDEFGHI", "defghijklmnopqrstuvwxyz"),
    "URL with a password": ("http://me:hunter2@proxy.example:8080", "hunter2"),
    "URL with a SAS": ("https://a.example/b?sv=2022&sig=a%2Fb%2Bc%3D&se=2026", "a%2Fb%2Bc%3D"),
    "URL with a code": ("https://a.example/?code=0.AXoA-BcD&state=1", "0.AXoA-BcD"),
    "connection string": ("AccountName=a;AccountKey=c2VjcmV0;EndpointSuffix=b", "c2VjcmV0"),
    "JSON in JSON": ('{"message":"{\\"client_secret\\":\\"tell no-one\\"}"}', "tell no-one"),
    "a quote in quotes": ('"password" : "tell\\"no-one"', "no-one"),
    "a quote in quotes in quotes": ('{"a":"{\\"password\\":\\"tell\\\\\\"no-one\\"}"}', "no-one"),
    "XML in JSON": ('{"a":"<SessionToken>FQ-odd</SessionToken>"}', "FQ-odd"),
    "escaped XML": ("&lt;SecretAccessKey&gt;FQ-odd&lt;/SecretAccessKey&gt;", "FQ-odd"),
    "text": (f"secret_access_key = {SECRET_KEY}", SECRET_KEY),
    "beside a letter of two": ("İ client_secret=a1b2c3d4", "a1b2c3d4"),
    "name in capitals": ("CLIENT_SECRET: a1b2c3d4", "a1b2c3d4"),
}

HARMLESS = [
    'Bearer authorization="https://login.microsoftonline.com/common", resource="https://vault.azure.net"',
    'Bearer authorization_uri="https://login.microsoftonline.com/common"',
    'Basic realm="proxy"',
    "Basic authentication is required",
    "The security token included in the request is invalid",
    "AADSTS700027: The certificate is not registered. Thumbprint of key used by client: 'ABCDEF'",
    '{"token_type":"Bearer","expires_in":3599,"token_endpoint":"https://login.microsoftonline.com/x"}',
    "<PasswordLastUsed>2026-11-25T10:28:09Z</PasswordLastUsed><Key>owner</Key><Value>somebody</Value>",
    '{"NextToken":"page-2","password":null}',
    "invalid_token: The access token expired",
    "assigned=1&design=2&x-ms-request-id=94bab2d8-eb32-11f1-ab7e-02fc00000001",
    "arn:aws:iam::123456789012:user/AROA-like-name",
    "https://management.azure.com/subscriptions?api-version=2022-12-01",
    SIGNATURE,
]


def without(text: str) -> str:
    """Give a text without what looks like a secret."""
    return remove_shapes(text, lambda _: None)[0]


@pytest.mark.parametrize(("text", "secret"), SECRETS.values(), ids=SECRETS.keys())
def test_secret_is_known_by_its_looks(text: str, secret: str) -> None:
    """What is in the text of a secret is not in what is left."""
    learnt: list[str] = []
    left, found = remove_shapes(f"before {text} after", learnt.append)

    assert secret not in left
    assert REMOVED in left
    assert left.startswith("before ")
    assert found.total() >= 1
    assert any(secret in each for each in learnt)


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_stays(text: str) -> None:
    """What only tells something about a secret, or looks a little like one, is left as it is."""
    assert without(text) == text


@pytest.mark.parametrize("prefix", ["AKIA", "ASIA", "ABIA", "ACCA"])
def test_access_key_ids_are_shortened(prefix: str) -> None:
    """Of a full access key id, the first and the last four characters stay, as everywhere in Keywatch."""
    text = f"key {prefix}{ACCESS_KEY_ID[4:]}, {prefix}{ACCESS_KEY_ID[4:]}/20261125/us-east-1"

    left, found = remove_shapes(text, lambda _: None)

    assert left == f"key {prefix}...UPAB, {prefix}...UPAB/20261125/us-east-1"
    assert found == {"access key id": 2}


def test_what_is_shortened_stays_so() -> None:
    """Nothing is done twice."""
    text = f"{SHORTENED} token={REMOVED} Bearer {REMOVED} {REMOVED}"

    assert remove_shapes(text, lambda _: None) == (text, {})


@given(st.text(max_size=300))
def test_nothing_is_found_in_what_is_left(text: str) -> None:
    """What has been looked through once is clean."""
    left = without(text)

    assert without(left) == left


@given(
    st.lists(st.sampled_from([*(text for text, _ in SECRETS.values()), *HARMLESS]), max_size=8),
    st.sampled_from(' ,;\n"&'),
)
def test_secrets_side_by_side_are_all_found(texts: list[str], between: str) -> None:
    """No secret hides another one."""
    left = without(between.join(texts))

    for secret in (token(), SESSION_TOKEN, SECRET_KEY, SHARED_KEY, "hunter2", "MIIEvQIBADANBgkqhkiG9w0BAQ"):
        assert secret not in left


BUSY = {
    **dict.fromkeys(("eyJ", "ASIA", "://a", "&lt;", "x", "%3D"), 30000),
    **dict.fromkeys(("token", "token=", "-----BEGIN ", 'key":"', "secret\\", "Bearer ", "AccountKey"), 15000),
}


@pytest.mark.parametrize("text", BUSY)
def test_no_text_takes_long(text: str) -> None:
    """A text that is made to keep a pattern busy takes time in proportion to its length."""
    began = time.perf_counter()
    without(text * BUSY[text])

    assert time.perf_counter() - began < 2
