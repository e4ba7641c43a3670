"""Signing keys over TLS: when they are read, and what serves meanwhile."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from keywatch.errors import ServiceUnavailableError, TransientError
from keywatch.portal.tokens.signing_keys import (
    FIRST_PAUSE_SECONDS,
    FRESH_SECONDS,
    KEPT_SECONDS,
    LARGEST_ANSWER,
    PAUSE_SECONDS,
    SigningKeys,
)
from keywatch.transport import Transport
from tests.keywatch.credentials.made import rsa_key
from tests.keywatch.portal.tokens.issuer import JWKS, KID, METADATA, Issuer, public_jwk


@dataclass
class Seconds:
    """A clock that is set."""

    now: float = 1_000.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


@pytest.fixture
def clock() -> Seconds:
    """Give a clock."""
    return Seconds()


@pytest.fixture
def keys(issuer: Issuer, clock: Seconds) -> SigningKeys:
    """Give the keys of the provider, as yet unread."""
    return SigningKeys(issuer, issuer.transport, clock)


def test_keys_are_read_once_for_a_day(issuer: Issuer, keys: SigningKeys, clock: Seconds) -> None:
    """The discovery document leads to the keys, which serve for a day and are read again after it."""
    found = keys.find(KID)
    clock.now += FRESH_SECONDS
    again = keys.find(KID)

    assert found is not None
    assert found.public_numbers() == rsa_key().public_key().public_numbers()
    assert again is found
    assert issuer.answers.asked == [METADATA, JWKS]

    clock.now += 1

    assert keys.find(KID) is not None
    assert issuer.answers.asked == [METADATA, JWKS] * 2


def test_nothing_is_read_before_it_is_needed(issuer: Issuer, keys: SigningKeys) -> None:
    """A provider that is away keeps nothing from starting."""
    del keys

    assert issuer.answers.asked == []


def test_new_key_is_found_at_once(issuer: Issuer, keys: SigningKeys, clock: Seconds) -> None:
    """A name that is not known has the keys read again, and the ones that have gone are gone."""
    keys.find(KID)
    issuer.answers.keys = [public_jwk("key-2", rsa_key(1))]
    clock.now += PAUSE_SECONDS

    assert keys.find("key-2") is not None
    assert keys.find(KID) is None
    assert issuer.key_sets_asked == 2


def test_retired_key_is_not_used_when_the_day_is_over(issuer: Issuer, keys: SigningKeys, clock: Seconds) -> None:
    """The very token that has the keys read again meets the new ones."""
    keys.find(KID)
    issuer.answers.keys = [public_jwk("key-2", rsa_key(1))]
    clock.now += FRESH_SECONDS + 1

    assert keys.find(KID) is None


def test_unknown_names_have_keys_read_once_a_minute(issuer: Issuer, keys: SigningKeys, clock: Seconds) -> None:
    """Whatever names tokens make up, the provider is asked no more than once a minute."""
    keys.find(KID)
    clock.now += PAUSE_SECONDS
    for number in range(100):
        assert keys.find(f"unknown-{number}") is None

    assert issuer.key_sets_asked == 2

    clock.now += PAUSE_SECONDS
    keys.find("unknown")

    assert issuer.key_sets_asked == 3


def test_storm_of_unknown_names_costs_one_reading(issuer: Issuer, keys: SigningKeys, clock: Seconds) -> None:
    """A thousand names in sixteen threads have the keys read once, and known keys do not wait for it."""
    keys.find(KID)
    clock.now += PAUSE_SECONDS
    issuer.answers.gate.clear()

    def ask(number: int) -> bool:
        try:
            return keys.find(f"unknown-{number}") is None
        except ServiceUnavailableError as error:
            return "just being read" in str(error)

    with ThreadPoolExecutor(16) as pool:
        asked = pool.map(ask, range(1_000))
        while issuer.answers.asked.count(METADATA) < 2:
            pass
        known = keys.find(KID)
        issuer.answers.gate.set()
        answers = list(asked)

    assert known is not None
    assert all(answers)
    assert issuer.key_sets_asked == 2


def test_first_tokens_wait_for_the_first_keys(issuer: Issuer, keys: SigningKeys) -> None:
    """Sixteen threads that come at once have the keys read once, and each has its key."""
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: keys.find(KID), range(16)))

    assert all(found)
    assert issuer.key_sets_asked == 1


def test_first_tokens_do_not_wait_without_end(
    issuer: Issuer, keys: SigningKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a provider is silent, only one thread waits for it for long."""
    monkeypatch.setattr("keywatch.portal.tokens.signing_keys.WAIT_SECONDS", 0.05)
    issuer.answers.gate.clear()
    first = threading.Thread(target=keys.find, args=(KID,))
    first.start()
    while not issuer.answers.asked:
        pass

    with pytest.raises(TransientError, match="has not answered yet"):
        keys.find(KID)

    issuer.answers.gate.set()
    first.join()
    assert keys.find(KID) is not None


def test_old_keys_serve_while_new_ones_cannot_be_read(
    issuer: Issuer, keys: SigningKeys, clock: Seconds, caplog: pytest.LogCaptureFixture
) -> None:
    """For a week, known keys are good enough, and it is written down once; after it, they are not."""
    caplog.set_level(logging.INFO, "keywatch")
    keys.find(KID)
    issuer.answers.status = 500
    clock.now += FRESH_SECONDS + 1
    for _ in range(10):
        assert keys.find(KID) is not None
        clock.now += PAUSE_SECONDS

    assert issuer.answers.asked.count(METADATA) == 11
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "HTTP 500" in caplog.text

    clock.now += KEPT_SECONDS
    with pytest.raises(TransientError, match="HTTP 500"):
        keys.find(KID)

    issuer.answers.status = 200
    clock.now += PAUSE_SECONDS

    assert keys.find(KID) is not None
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_unknown_name_is_not_called_forged_while_keys_cannot_be_read(
    issuer: Issuer, keys: SigningKeys, clock: Seconds
) -> None:
    """The key may be a new one, so whoever brings it is to try again."""
    keys.find(KID)
    issuer.answers.status = 503
    clock.now += PAUSE_SECONDS
    for _ in range(2):
        with pytest.raises(TransientError, match="HTTP 503"):
            keys.find("key-2")

    assert issuer.answers.asked.count(METADATA) == 2


def test_failed_first_reading_is_tried_again_soon(issuer: Issuer, keys: SigningKeys, clock: Seconds) -> None:
    """Without any keys, the provider is asked every five seconds at most."""
    issuer.answers.status = 500
    for _ in range(10):
        with pytest.raises(TransientError, match="HTTP 500"):
            keys.find(KID)
    issuer.answers.status = 200
    clock.now += FIRST_PAUSE_SECONDS

    assert keys.find(KID) is not None
    assert issuer.answers.asked == [METADATA, METADATA, JWKS]


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"metadata": b"<html>"}, "The discovery document of localhost is not usable: it is no JSON"),
        ({"metadata": b"{}"}, "does not say where the keys are"),
        ({"jwks_uri": 5}, "does not say where the keys are"),
        ({"jwks_uri": "https://keys.evil.example/keys"}, "is not a host of the provider on loopback"),
        ({"jwks_uri": "http://localhost/keys"}, "is not HTTPS"),
        ({"jwks_uri": "file:///etc/passwd"}, "is not HTTPS"),
        ({"jwks": b'{"keys":[]}'}, "has no key that can be used"),
        ({"metadata": b" " * (LARGEST_ANSWER + 1)}, "answered with too much"),
        ({"jwks": b" " * (LARGEST_ANSWER + 1)}, "answered with too much"),
        ({"status": 302}, "HTTP 302"),
        ({"status": 404}, "HTTP 404"),
    ],
    ids=lambda value: None if isinstance(value, str) else "-".join(f"{each!s:.30}" for each in value.values()),
)
def test_answer_that_is_no_key_set_is_a_failure(
    issuer: Issuer, keys: SigningKeys, answers: dict[str, object], words: str
) -> None:
    """What is too large, elsewhere or nothing of the kind gives no key, and the message says what it was."""
    for name, value in answers.items():
        setattr(issuer.answers, name, value)

    with pytest.raises(TransientError, match=words):
        keys.find(KID)


def test_provider_that_is_not_trusted_gives_no_keys(issuer: Issuer) -> None:
    """Keys come over TLS from the provider alone."""
    keys = SigningKeys(issuer, Transport(proxy="direct"))

    with pytest.raises(TransientError, match="certificate"):
        keys.find(KID)

    assert issuer.answers.asked == []
