"""The SharedKey signature, held against one written down from the documentation."""

from __future__ import annotations

import base64
import binascii
import hashlib
import locale
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keywatch.errors import ConfigurationError
from keywatch.log_analytics.shared_key import SharedKey

WORKSPACE = "11111111-2222-3333-4444-555555555555"
SECRET = bytes(range(64))
KEY = base64.b64encode(SECRET).decode()
MOMENT = datetime(2024, 2, 5, 3, 4, 5, tzinfo=UTC)
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """Compute RFC 2104's HMAC by its definition, for a key of exactly one block."""
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in key) + message).digest()
    return hashlib.sha256(bytes(byte ^ 0x5C for byte in key) + inner).digest()


def authorization(length: int, date: str) -> str:
    """Sign as the documentation says."""
    text = "POST\n" + str(length) + "\napplication/json\nx-ms-date:" + date + "\n/api/logs"
    return f"SharedKey {WORKSPACE}:" + binascii.b2a_base64(hmac_sha256(SECRET, text.encode()), newline=False).decode()


def test_headers_are_those_of_the_documentation() -> None:
    """Signature, date and content type are what the service computes for itself."""
    assert SharedKey(WORKSPACE, KEY).headers(b"[{}]", MOMENT) == {
        "Authorization": authorization(4, "Mon, 05 Feb 2024 03:04:05 GMT"),
        "Content-Type": "application/json",
        "x-ms-date": "Mon, 05 Feb 2024 03:04:05 GMT",
    }


@given(st.text().map(str.encode))
def test_headers_sign_the_length_in_bytes(body: bytes) -> None:
    """Characters of several bytes count as several."""
    signed = SharedKey(WORKSPACE, KEY).headers(body, MOMENT)["Authorization"]

    assert signed == authorization(len(body), "Mon, 05 Feb 2024 03:04:05 GMT")


@pytest.mark.parametrize("other", [b"[{},{}]", b"[]"])
def test_headers_of_another_length_have_another_signature(other: bytes) -> None:
    """A signature is good for its own length only."""
    key = SharedKey(WORKSPACE, KEY)

    assert key.headers(other, MOMENT)["Authorization"] != key.headers(b"[{}]", MOMENT)["Authorization"]


def test_headers_of_another_key_have_another_signature() -> None:
    """A signature is good for its own key only."""
    other = SharedKey(WORKSPACE, base64.b64encode(SECRET[::-1]).decode())

    assert other.headers(b"[]", MOMENT) != SharedKey(WORKSPACE, KEY).headers(b"[]", MOMENT)


@pytest.fixture(params=["C", "de_DE.UTF-8", "fr_FR.UTF-8", "C.UTF-8"])
def any_locale(request: pytest.FixtureRequest) -> Iterator[None]:
    """Set a locale, if the machine has it, for dates and all else."""
    before = locale.setlocale(locale.LC_ALL)
    try:
        locale.setlocale(locale.LC_ALL, request.param)
    except locale.Error:
        locale.setlocale(locale.LC_ALL, "C")
    yield
    locale.setlocale(locale.LC_ALL, before)


@pytest.mark.usefixtures("any_locale")
@pytest.mark.parametrize("month", range(1, 13))
def test_date_is_english_in_any_locale(month: int) -> None:
    """Every day and month has its RFC 1123 name, whatever the locale and the time zone given."""
    zone = timezone(timedelta(hours=-5))
    for day in range(1, 8):
        moment = datetime(2025, month, day, 23, 59, 58, tzinfo=zone)
        utc = moment + timedelta(hours=5)
        expected = f"{DAYS[utc.weekday()]}, {utc.day:02} {MONTHS[utc.month - 1]} 2025 04:59:58 GMT"

        assert SharedKey(WORKSPACE, KEY).headers(b"", moment)["x-ms-date"] == expected


@pytest.mark.parametrize("key", ["not base64!", KEY[:-3], "ключ", KEY + "!"])
def test_key_that_is_not_base64_is_refused_without_showing_it(key: str) -> None:
    """A damaged key says where to copy it again, and neither message nor traceback shows it."""
    with pytest.raises(ConfigurationError, match=r"not base64\. Copy the primary key again") as caught:
        SharedKey(WORKSPACE, key)

    assert key not in str(caught.value)
    assert caught.value.__cause__ is None
    assert KEY[:20] not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("key", ["", "  ", "\n"])
def test_key_that_is_empty_is_refused(key: str) -> None:
    """No key at all has its own words."""
    with pytest.raises(ConfigurationError, match="holds no shared key"):
        SharedKey(WORKSPACE, key)


def test_key_with_blanks_around_it_is_the_key() -> None:
    """A line break from the clipboard does not matter."""
    assert SharedKey(WORKSPACE, f" {KEY}\n").headers(b"", MOMENT) == SharedKey(WORKSPACE, KEY).headers(b"", MOMENT)


def test_key_is_in_no_repr() -> None:
    """A key in a log line shows its workspace and nothing else."""
    assert repr(SharedKey(WORKSPACE, KEY)) == f"SharedKey(workspace_id='{WORKSPACE}')"
