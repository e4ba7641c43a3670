"""Entra's error codes: each says what to do, and none brings a token into a log."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keywatch.credentials.aadsts import WHAT_TO_DO, TokenRequest, token_error
from keywatch.errors import (
    CertificateNotRegisteredError,
    CertificateUnusableError,
    KeywatchError,
    PermanentError,
    ServiceUnavailableError,
    TokenRefusedError,
)

REQUEST = TokenRequest(
    tenant_id="contoso.com",
    client_id="11111111-1111-1111-1111-111111111111",
    scope="https://example.com/.default",
    certificate="Certificate audit in contoso.vault.azure.net",
    thumbprint="AB" * 20,
)
DOCUMENTED = (
    700027,
    700024,
    7000214,
    1000502,
    7000274,
    50012,
    50013,
    50048,
    700030,
    700016,
    90002,
    7000215,
    7000222,
    7000218,
    70021,
    5002738,
)
TRACE = "0f7dcf6e-34a9-4b1c-8b6a-000000000000"


def answer(*codes: int, error: str = "invalid_client", description: str | None = None) -> dict[str, object]:
    """Make the body of a refusal."""
    text = description or f"AADSTS{codes[0]}: Something is wrong. Trace ID: {TRACE} Timestamp: now"
    return {"error": error, "error_description": text, "error_codes": list(codes), "trace_id": TRACE}


@pytest.mark.parametrize("code", DOCUMENTED)
def test_documented_code_says_what_to_do(code: int) -> None:
    """Every documented code has words of ours, the code itself and the trace, and no open placeholder."""
    message = str(token_error(answer(code), REQUEST))

    assert f"AADSTS{code}" in message
    assert TRACE in message
    assert "Something is wrong" not in message
    assert "{" not in message
    assert ": " in WHAT_TO_DO[code]


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (700027, CertificateNotRegisteredError),
        (1000502, CertificateUnusableError),
        (7000214, CertificateUnusableError),
        (5002738, CertificateUnusableError),
        (700016, TokenRefusedError),
        (90033, ServiceUnavailableError),
    ],
)
def test_code_decides_on_the_error(code: int, error: type[KeywatchError]) -> None:
    """What the certificate's owner must do, what the connection's must, and what passes are told apart."""
    assert type(token_error(answer(code), REQUEST)) is error


def test_unknown_code_keeps_entras_own_words() -> None:
    """A code without words of ours is shown with the first sentence of Entra's."""
    error = token_error(answer(123456), REQUEST)

    assert "Something is wrong (AADSTS123456" in str(error)
    assert isinstance(error, TokenRefusedError)
    assert error.code == 123456


def test_known_code_among_several_decides() -> None:
    """Of several codes the one with words of ours counts."""
    assert "AADSTS700016" in str(token_error(answer(123456, 700016), REQUEST))


def test_temporarily_unavailable_is_worth_a_retry() -> None:
    """OAuth's own word for it counts without a code."""
    assert isinstance(token_error({"error": "temporarily_unavailable"}, REQUEST), ServiceUnavailableError)


@given(
    st.dictionaries(
        st.sampled_from(["error", "error_description", "error_codes", "trace_id"]),
        st.none() | st.text() | st.integers() | st.lists(st.text() | st.integers()),
    )
)
def test_whatever_entra_answers_is_an_error_of_ours(body: dict[str, object]) -> None:
    """No answer, however odd, raises anything else, and no message has more than one line."""
    error = token_error(body, REQUEST)

    assert isinstance(error, (PermanentError, ServiceUnavailableError))
    assert "\n" not in str(error)


def test_description_that_repeats_a_token_is_not_repeated() -> None:
    """Whatever looks like a token is left out of the message."""
    token = "eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2ln"

    message = str(token_error(answer(123456, description=f"AADSTS123456: Bad {token} here. More"), REQUEST))

    assert "eyJ" not in message
