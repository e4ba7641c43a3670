"""The check and the watch: what works, what is missing, and which step failed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from keywatch.credentials.check import check_certificate
from keywatch.credentials.watch import Registration, VersionState, watch_versions
from keywatch.errors import (
    CertificateNotRegisteredError,
    CertificateUnavailableError,
    KeywatchError,
    VaultForbiddenError,
)
from localcloud import LocalCloud
from tests.keywatch.credentials.reach import ARM, AUDIT, credential, exported, hsm, signed


def watched(cloud: LocalCloud, name: str = AUDIT) -> list[VersionState]:
    """Watch a certificate on the HSM."""
    source = hsm(cloud, name)
    return list(watch_versions(credential(cloud, source), source, ARM, datetime.now(UTC)))


def test_check_signs_and_fetches_a_token(cloud: LocalCloud) -> None:
    """The check names certificate, thumbprint and expiry, and has really signed."""
    source = hsm(cloud)
    (version,) = cloud.certificate_versions(AUDIT)

    seen = check_certificate(credential(cloud, source), source, ARM)

    assert version.thumbprint_sha1.upper() in seen
    assert version.expires[:10] in seen
    assert signed(cloud) == 2


def test_check_says_which_step_failed(cloud: LocalCloud) -> None:
    """Each of the four steps is named when it is the one that fails."""

    def fail(name: str, error: type[KeywatchError]) -> str:
        source = hsm(cloud, name)
        with pytest.raises(error) as caught:
            check_certificate(credential(cloud, source), source, ARM)
        return str(caught.value)

    assert "Step 1 of 4, find the certificate" in fail("nothing", CertificateUnavailableError)
    cloud.unregister("keywatch", cloud.certificate_versions(AUDIT)[0])
    assert "Step 4 of 4, get a token" in fail(AUDIT, CertificateNotRegisteredError)
    cloud.revoke("airflow-worker", "Key Vault Crypto User", "/vault")
    assert "Step 3 of 4, sign" in fail(AUDIT, VaultForbiddenError)


def test_check_of_an_unexportable_certificate_fails_at_the_second_step(cloud: LocalCloud) -> None:
    """A key that cannot be had is a matter of fetching."""
    cloud.grant("certificate-reader", "Key Vault Secrets User", "/vault/secrets/keywatch-audit")
    source = exported(cloud, AUDIT)

    with pytest.raises(CertificateUnavailableError, match=r"Step 2 of 4, fetch"):
        check_certificate(credential(cloud, source), source, ARM)


def test_watch_tells_a_version_that_works(cloud: LocalCloud) -> None:
    """One version, registered: it gives tokens, and lasts as long as its certificate."""
    (state,) = watched(cloud)

    left = datetime.fromisoformat(cloud.certificate_versions(AUDIT)[0].expires) - datetime.now(UTC)
    assert (state.newest, state.registration, state.problem) == (True, Registration.REGISTERED, None)
    assert state.days_to_expiry == left.days


def test_watch_tells_a_version_that_is_not_registered(cloud: LocalCloud) -> None:
    """A new version that Entra does not know is missing; the old one goes on."""
    new = cloud.create_certificate(AUDIT)

    newest, old = watched(cloud)

    assert (newest.version.version, newest.registration) == (new.version, Registration.MISSING)
    assert new.thumbprint_sha1.upper() in (newest.problem or "")
    assert (old.newest, old.registration, old.gives_tokens) == (False, Registration.REGISTERED, True)


def test_watch_tells_versions_that_cannot_be_tried(cloud: LocalCloud) -> None:
    """Disabled and not yet valid versions are told without being tried; expired ones only if nothing is newer."""
    cloud.create_certificate("many", valid_from_days=-20, valid_days=10)
    disabled = cloud.create_certificate("many", enabled=False)
    early = cloud.create_certificate("many", valid_from_days=3)

    states = {state.version.version: state for state in watched(cloud, "many")}

    assert set(states) == {disabled.version, early.version}
    assert "disabled" in (states[disabled.version].problem or "")
    assert "not valid before" in (states[early.version].problem or "")
    assert {state.registration for state in states.values()} == {Registration.UNKNOWN}
    assert signed(cloud) == 0


def test_watch_tells_an_expired_certificate(cloud: LocalCloud) -> None:
    """The newest version is told of even when it has expired, with the days since."""
    cloud.create_certificate("old", valid_from_days=-20, valid_days=10)

    (state,) = watched(cloud, "old")

    assert state.days_to_expiry in (-11, -10)
    assert "expired on" in (state.problem or "")


def test_days_are_whole_and_rounded_down(cloud: LocalCloud) -> None:
    """A certificate that ends in 36 hours has one day left."""
    cloud.create_certificate("soon", valid_days=1 + 1.5)

    (state,) = watched(cloud, "soon")

    assert state.days_to_expiry == timedelta(hours=36).days
