"""Rotation: a new version in the vault, registered before, after or never, fails no request."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keywatch.credentials.certificate import CertificateVersion, SigningCertificate
from keywatch.credentials.rotation import LISTED_FOR, REFUSED_FOR, Rotation
from keywatch.errors import CertificateNotRegisteredError, CertificateUnusableError, UnreachableError
from localcloud import Fault, FaultKind, LocalCloud
from tests.keywatch.credentials import made
from tests.keywatch.credentials.reach import ARM, AUDIT, MONITOR, VAULT, asked, credential, exported, hsm, signed


class Versions:
    """A source of versions that a test changes at will.

    Attributes:
        listed: What it lists, newest first.
        error: Raised instead, if given.
        lists: How often it was asked.
    """

    name = "Certificate of a test"

    def __init__(self, *versions: CertificateVersion) -> None:
        self.listed: Sequence[CertificateVersion] = versions
        self.error: Exception | None = None
        self.lists = 0

    def versions(self) -> tuple[CertificateVersion, ...]:
        """List them, or fail."""
        self.lists += 1
        if self.error:
            raise self.error
        return tuple(self.listed)

    def load(self, version: CertificateVersion) -> SigningCertificate:
        """Make one."""
        return made.signing(version=version.version)


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        """Give the seconds."""
        return self.seconds

    def now(self) -> datetime:
        """Give the moment."""
        return made.NOW + timedelta(seconds=self.seconds)


def version(name: str, *, enabled: bool = True, begins: float = -1, ends: float = 90) -> CertificateVersion:
    """Describe a version that is valid some days from now on."""
    day = timedelta(days=1)
    return CertificateVersion(name, made.NOW, made.NOW + begins * day, made.NOW + ends * day, enabled)


def rotation(*versions: CertificateVersion) -> tuple[Rotation, Versions, Clock]:
    """Make a rotation over versions, newest first."""
    source, clock = Versions(*versions), Clock()
    return Rotation(source, clock=clock.now, monotonic=clock.monotonic), source, clock


def names(of: Rotation) -> list[str]:
    """Give the versions in the order in which they are tried."""
    return [each.version for each in of.candidates()]


def test_newest_version_is_tried_first() -> None:
    """Nothing known, the newest comes first and the others follow by age."""
    assert names(rotation(version("c"), version("b"), version("a"))[0]) == ["c", "b", "a"]


def test_refused_version_waits_behind_the_one_that_worked() -> None:
    """While the newest is not registered, the one that last worked leads; later the newest has its turn again."""
    under_test, source, clock = rotation(version("c"), version("b"), version("a"))
    under_test.refused(source.listed[0])
    under_test.worked(source.listed[2])

    assert names(under_test) == ["a", "b", "c"]
    clock.seconds += REFUSED_FOR
    assert names(under_test) == ["c", "a", "b"]


def test_version_that_works_is_no_longer_refused() -> None:
    """Once Entra knows the newest version, it stays in front."""
    under_test, source, _ = rotation(version("b"), version("a"))
    under_test.refused(source.listed[0])
    under_test.worked(source.listed[0])

    assert names(under_test) == ["b", "a"]


@given(
    st.lists(
        st.tuples(st.booleans(), st.floats(-10, 10), st.floats(-10, 10), st.booleans(), st.booleans()),
        min_size=1,
        max_size=8,
    )
)
def test_candidates_are_the_usable_versions_each_once(
    given_versions: list[tuple[bool, float, float, bool, bool]],
) -> None:
    """Whatever has happened, every usable version is tried once, refused ones last, unusable ones never."""
    versions = [
        version(str(number), enabled=enabled, begins=begins, ends=ends)
        for number, (enabled, begins, ends, _, _) in enumerate(given_versions)
    ]
    under_test, _, clock = rotation(*versions)
    refused = {str(number) for number, each in enumerate(given_versions) if each[3]}
    for each, (*_, is_refused, has_worked) in zip(versions, given_versions, strict=True):
        if is_refused:
            under_test.refused(each)
        elif has_worked:
            under_test.worked(each)
    usable = {each.version for each in versions if each.obstacle(clock.now()) is None}

    if not usable:
        with pytest.raises(CertificateUnusableError):
            under_test.candidates()
        return
    order = names(under_test)
    assert sorted(order) == sorted(usable)
    assert order == sorted(order, key=lambda name: name in refused)


def test_versions_are_listed_again_when_an_assertion_is_due() -> None:
    """In between, the source is left in peace; a new version is seen within nine minutes."""
    under_test, source, clock = rotation(version("a"))
    assert names(under_test) == ["a"] == names(under_test)
    source.listed = (version("b"), version("a"))

    clock.seconds += LISTED_FOR - 1
    assert names(under_test) == ["a"]
    clock.seconds += 1
    assert names(under_test) == ["b", "a"]
    assert source.lists == 2


def test_source_that_cannot_be_asked_is_done_without_once_it_was() -> None:
    """An outage of the vault stops nobody who knows a version already."""
    under_test, source, clock = rotation(version("a"))
    names(under_test)
    source.error = UnreachableError("no")
    clock.seconds += LISTED_FOR

    assert names(under_test) == ["a"]


def test_source_that_could_never_be_asked_is_an_error() -> None:
    """Without any known version there is nothing to go on with."""
    under_test, source, _ = rotation(version("a"))
    source.error = UnreachableError("no")

    with pytest.raises(UnreachableError):
        under_test.candidates()


def test_version_is_loaded_once() -> None:
    """The vault is asked once for a version, however often it signs."""
    under_test, source, _ = rotation(version("a"))

    assert under_test.load(source.listed[0]) is under_test.load(source.listed[0])


def short_tokens(cloud: LocalCloud) -> None:
    """Let tokens expire so soon that each call asks Entra anew."""
    cloud.set_token_lifetime(60)


def test_version_registered_before_it_is_issued_signs_at_once(cloud: LocalCloud) -> None:
    """The usual order: the new version is known to Entra when a new process looks."""
    cloud.register("keywatch", cloud.create_certificate(AUDIT))
    newest = cloud.certificate_versions(AUDIT)[-1]

    shared = credential(cloud)

    assert shared.get_token(ARM).token
    assert shared.signing.version == newest.version
    assert signed(cloud) == 1


@pytest.mark.parametrize("registered", ["after", "never"])
def test_version_not_yet_registered_fails_no_request(
    cloud: LocalCloud, registered: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """During a long run a version appears that Entra does not know: the old one signs, the log warns, all goes on."""
    monkeypatch.setattr("keywatch.credentials.rotation.LISTED_FOR", 0.0)
    monkeypatch.setattr("keywatch.credentials.rotation.REFUSED_FOR", 0.0)
    short_tokens(cloud)
    shared = credential(cloud)
    old = cloud.certificate_versions(AUDIT)[0]
    assert shared.get_token(ARM).token

    new = cloud.create_certificate(AUDIT)
    with caplog.at_level(logging.WARNING):
        assert all(shared.get_token(scope).token for scope in (ARM, MONITOR, VAULT))
    assert f"thumbprint {new.thumbprint_sha1.upper()}" in caplog.text
    assert "Other versions are tried" in caplog.text

    if registered == "after":
        cloud.register("keywatch", new)
        cloud.unregister("keywatch", old)
        assert shared.get_token(ARM).token


def test_refused_version_is_left_in_peace_for_a_while(cloud: LocalCloud) -> None:
    """A version that Entra does not know costs one failed request, not one for every token."""
    short_tokens(cloud)
    cloud.create_certificate(AUDIT)
    shared = credential(cloud)

    for _ in range(5):
        shared.get_token(ARM)

    refused = [record for record in cloud.requests(action="token") if record.error == "AADSTS700027"]
    assert (len(refused), asked(cloud)["token"]) == (1, 5)
    assert signed(cloud) == 2


def test_no_version_registered_names_the_last_one_tried(cloud: LocalCloud) -> None:
    """When Entra knows none, the error is that of the certificate, whatever version it is of."""
    cloud.unregister("keywatch", cloud.certificate_versions(AUDIT)[0])
    cloud.create_certificate(AUDIT)

    with pytest.raises(CertificateNotRegisteredError, match="AADSTS700027"):
        credential(cloud).get_token(ARM)


def test_disabled_version_is_passed_over(cloud: LocalCloud) -> None:
    """A new version that its owner disabled again leaves the old one in charge."""
    new = cloud.create_certificate(AUDIT)
    cloud.register("keywatch", new)
    cloud.set_enabled(AUDIT, new.version, False)
    shared = credential(cloud)

    assert shared.get_token(ARM).token
    assert shared.signing.version != new.version


def test_versions_are_found_over_many_pages(cloud: LocalCloud) -> None:
    """The vault lists versions page by page; all of them are seen, newest first."""
    for _ in range(6):
        cloud.create_certificate(AUDIT)

    listed = [each.version for each in hsm(cloud).versions()]

    assert listed == [each.version for each in reversed(cloud.certificate_versions(AUDIT))]


def test_vault_that_is_away_during_a_run_stops_no_token_of_an_exported_key(
    cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that was fetched goes on signing while the vault is away."""
    monkeypatch.setattr("keywatch.credentials.rotation.LISTED_FOR", 0.0)
    short_tokens(cloud)
    shared = credential(cloud, exported(cloud), "event-publisher")
    assert shared.get_token(ARM).token
    cloud.inject(Fault(FaultKind.DROP_BEFORE, host=".vault.azure.net", count=None))

    assert shared.get_token(ARM).token
