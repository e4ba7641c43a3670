"""AWS sessions for a certificate: one signature where one will do, renewed in time, refused with what to do."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import botocore.session
import pytest
from aiobotocore.session import get_session as get_async_session
from cryptography import x509

from keywatch.credentials.aws_sessions import CertificateSessions
from keywatch.credentials.certificate import CertificateSource
from keywatch.credentials.roles_anywhere import RolesAnywhere
from keywatch.errors import (
    CertificateUnusableError,
    ConfigurationError,
    KeywatchError,
    RequestRefusedError,
    ServiceUnavailableError,
    SessionRefusedError,
    ThrottledError,
    TlsError,
    UnreachableError,
    VaultForbiddenError,
)
from localcloud import Fault, FaultKind, LocalCloud
from tests.keywatch.credentials.reach import hsm, signed
from tests.keywatch.reach import transport_to

ROLES_ANYWHERE = "rolesanywhere.us-east-1.amazonaws.com"


def target(cloud: LocalCloud, **changes: Any) -> RolesAnywhere:  # noqa: ANN401 - the target's own fields
    """Describe the local cloud's trust anchor, profile and audit role."""
    usual = RolesAnywhere(cloud.aws.trust_anchor_arn, cloud.aws.profile_arn, cloud.aws.audit_role_arn, "keywatch")
    return dataclasses.replace(usual, **changes)


def sessions(
    cloud: LocalCloud,
    source: CertificateSource | None = None,
    *,
    attempts: int = 1,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    **changes: Any,  # noqa: ANN401 - the target's own fields
) -> CertificateSessions:
    """Give the sessions of the certificate on the HSM, or of another."""
    transport = transport_to(cloud, attempts=attempts)
    return CertificateSessions(target(cloud, **changes), source or hsm(cloud), transport, clock=clock)


def caller(cloud: LocalCloud, given: CertificateSessions) -> str:
    """Ask STS, through boto3, who the credentials belong to."""
    session = botocore.session.get_session()
    session._credentials = given.botocore_credentials()  # type: ignore[attr-defined]
    client: Any = boto3.Session(botocore_session=session).client("sts", **reach(cloud))
    return str(client.get_caller_identity()["Arn"])


def reach(cloud: LocalCloud) -> dict[str, Any]:
    """Make the arguments that let a boto3 client reach the local cloud, once."""
    config = botocore.config.Config(proxies={"https": cloud.proxy_url}, retries={"total_max_attempts": 1})
    return {"region_name": "us-east-1", "verify": str(cloud.ca_bundle), "config": config}


def created(cloud: LocalCloud) -> int:
    """Count the sessions that were given."""
    return len(cloud.requests(action="CreateSession", status=201))


def test_boto3_is_the_role_by_a_signature_of_the_hsm(cloud: LocalCloud) -> None:
    """The certificate's key never leaves the vault, and its one signature makes boto3 the audit role."""
    arn = caller(cloud, sessions(cloud))

    role = cloud.aws.audit_role_arn.rpartition("/")[2]
    assert arn == f"arn:aws:sts::{cloud.aws.account_id}:assumed-role/{role}/keywatch"
    assert (signed(cloud), created(cloud)) == (1, 1)


def test_aiobotocore_is_the_role_too(cloud: LocalCloud) -> None:
    """An aiobotocore client gets credentials of the same kind, and signing does not happen on the event loop."""
    given = sessions(cloud)
    cloud.inject(Fault(FaultKind.DELAY, action="keys/sign", seconds=0.5))
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0.02)
            beats += 1

    async def ask() -> str:
        session = get_async_session()
        session._credentials = given.aiobotocore_credentials()
        session.set_config_variable("ca_bundle", str(cloud.ca_bundle))
        beating = asyncio.create_task(beat())
        async with session.create_client("sts", **reach(cloud)) as client:
            answer = await client.get_caller_identity()
        beating.cancel()
        return str(answer["Arn"])

    assert "assumed-role" in asyncio.run(ask())
    assert beats >= 10
    assert (signed(cloud), created(cloud)) == (1, 1)


def test_a_hundred_threads_cost_one_signature_and_one_session(cloud: LocalCloud) -> None:
    """However many ask at the same time, the vault signs once, and all get the same session."""
    given = sessions(cloud)

    with ThreadPoolExecutor(16) as pool:
        found = set(pool.map(lambda _: given.get().token, range(100)))

    assert (len(found), signed(cloud), created(cloud)) == (1, 1, 1)


def test_session_lasts_as_long_as_asked(cloud: LocalCloud) -> None:
    """The duration of the connection is what AWS is asked for."""
    found = sessions(cloud, duration=900).get()

    left = found.expires - datetime.now(UTC)
    assert timedelta(seconds=880) < left <= timedelta(seconds=900)


def test_session_is_renewed_when_a_quarter_of_its_life_is_left(cloud: LocalCloud) -> None:
    """Until then it is handed out from memory."""
    now = [datetime.now(UTC)]
    given = sessions(cloud, clock=lambda: now[0], duration=3600)
    first = given.get()

    now[0] += timedelta(seconds=2600)
    same = given.get()
    now[0] += timedelta(seconds=200)
    renewed = given.get()

    assert same.token == first.token
    assert renewed.token != first.token
    assert created(cloud) == 2


def test_client_outlives_its_session(cloud: LocalCloud) -> None:
    """A client that goes on longer than a session asks with the next one, and never with one that has ended."""
    cloud.set_session_lifetime(3)
    session = botocore.session.get_session()
    session._credentials = sessions(cloud).botocore_credentials()  # type: ignore[attr-defined]
    client: Any = boto3.Session(botocore_session=session).client("sts", **reach(cloud))
    ended = datetime.now(UTC) + timedelta(seconds=5)
    calls = 0

    while datetime.now(UTC) < ended:
        client.get_caller_identity()
        calls += 1

    assert calls > 5
    assert created(cloud) >= 2
    assert [request.error for request in cloud.requests(action="GetCallerIdentity") if request.status != 200] == []


@pytest.mark.parametrize("action", ["CreateSession", "keys/sign"])
def test_old_session_serves_through_an_outage(action: str, cloud: LocalCloud, caplog: pytest.LogCaptureFixture) -> None:
    """While a session lasts, nobody notices that the vault or AWS gives no new one; the log does."""
    now = [datetime.now(UTC)]
    given = sessions(cloud, clock=lambda: now[0])
    first = given.get()
    cloud.inject(Fault(FaultKind.STATUS, action=action, status=503, count=None))

    cloud.clear_requests()

    now[0] += timedelta(seconds=3500)
    with caplog.at_level(logging.WARNING):
        same = {given.get().token for _ in range(20)}
    asked = len(cloud.requests(action=action))
    now[0] += timedelta(seconds=90)
    with pytest.raises(ServiceUnavailableError):
        given.get()

    assert same == {first.token}
    assert asked == 1
    assert "the old one serves for now" in caplog.text


def chained(cloud: LocalCloud) -> tuple[x509.Certificate, ...]:
    """Give the certificate of the authority between the trust anchor's and the certificate."""
    return tuple(x509.load_pem_x509_certificates(cloud.intermediate_ca_pem().encode()))


def test_intermediate_certificates_of_the_connection_are_shown(cloud: LocalCloud) -> None:
    """A certificate of an authority below the trust anchor's is accepted with that authority's certificate alone."""
    cloud.create_certificate("keywatch-audit", issuer="intermediate")
    source = hsm(cloud)

    with pytest.raises(SessionRefusedError, match="Untrusted"):
        sessions(cloud, hsm(cloud, version=newest(cloud))).get()
    assert sessions(cloud, source, chain=chained(cloud)).get().token


def newest(cloud: LocalCloud) -> str:
    """Name the newest version of the audit certificate."""
    return cloud.certificate_versions("keywatch-audit")[-1].version


def test_certificate_that_is_itself_signed_with_another_hash_signs_all_the_same(cloud: LocalCloud) -> None:
    """The algorithm that is named is that of the signature, not that by which the certificate was issued."""
    made = cloud.create_certificate("keywatch-audit", signature_hash="sha384")

    assert sessions(cloud, hsm(cloud, version=made.version)).get().token


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "another authority's": ({"issuer": "stranger"}, "issued by the trust anchor's certificate authority"),
    "self-signed": ({"issuer": "self"}, "not self-signed"),
    "an authority's own": ({"issuer": "ca"}, "not an authority's own"),
    "of another subject": ({"subject": "somebody-else"}, "the certificate's common name"),
}


@pytest.mark.parametrize(("how", "advice"), REFUSED.values(), ids=REFUSED)
def test_certificate_that_aws_refuses(how: dict[str, Any], advice: str, cloud: LocalCloud) -> None:
    """A certificate that gets no session is refused for good, in AWS's words and with what to look at."""
    made = cloud.create_certificate("keywatch-audit", **how)

    with pytest.raises(SessionRefusedError, match=advice) as caught:
        sessions(cloud, hsm(cloud, version=made.version)).get()

    assert str(caught.value).startswith(f"{ROLES_ANYWHERE} gives the certificate no session: ")


def test_rotation_to_a_certificate_that_aws_refuses_ends_nothing(
    cloud: LocalCloud, caplog: pytest.LogCaptureFixture
) -> None:
    """While the newest version gets no session, the one before it goes on getting them."""
    cloud.create_certificate("keywatch-audit", issuer="stranger")

    with caplog.at_level(logging.WARNING):
        assert sessions(cloud).get().token

    assert "Other versions are tried." in caplog.text


def test_rotation_to_a_certificate_that_aws_accepts_is_followed(cloud: LocalCloud) -> None:
    """A new version of the same authority and subject needs nothing to be done in AWS."""
    cloud.create_certificate("keywatch-audit")

    assert sessions(cloud).get().token
    assert newest(cloud) in {record.path.split("/")[3] for record in cloud.requests(action="keys/sign")}


def test_expired_certificate_is_not_shown(cloud: LocalCloud) -> None:
    """A certificate that has expired is refused before anything is signed or sent."""
    made = cloud.create_certificate("keywatch-audit", valid_from_days=-10, valid_days=5)

    with pytest.raises(CertificateUnusableError, match="expired on"):
        sessions(cloud, hsm(cloud, version=made.version)).get()

    assert (signed(cloud), cloud.requests(action="CreateSession")) == (0, [])


@pytest.mark.parametrize("offset", [-1200, 1200])
def test_clock_that_is_off_is_told(offset: int, cloud: LocalCloud) -> None:
    """AWS says no more than that the signature is invalid; since it is not, the clock is."""
    cloud.set_aws_clock(offset)

    with pytest.raises(SessionRefusedError, match="set the worker's clock"):
        sessions(cloud).get()


def test_profile_that_does_not_list_the_role_is_told(cloud: LocalCloud) -> None:
    """A role that the profile does not list is refused, with where to add it."""
    cloud.change_profile(role_arns=[cloud.aws.audit_role_arn.replace("KeywatchAudit", "Other")])

    with pytest.raises(SessionRefusedError, match="lists the role"):
        sessions(cloud).get()


def test_profile_that_is_disabled_is_told(cloud: LocalCloud) -> None:
    """A disabled profile gives no session."""
    cloud.change_profile(enabled=False)

    with pytest.raises(SessionRefusedError, match="is enabled"):
        sessions(cloud).get()


@pytest.mark.parametrize(
    ("name", "error"), [("profile_arn", SessionRefusedError), ("trust_anchor_arn", ConfigurationError)]
)
def test_profile_or_anchor_of_somebody_else_is_told(name: str, error: type[KeywatchError], cloud: LocalCloud) -> None:
    """A profile or trust anchor that AWS does not know is a matter of the connection."""
    arn = getattr(target(cloud), name)

    with pytest.raises(error, match=r"rofile|roles_anywhere"):
        sessions(cloud, **{name: arn[:-12] + "0" * 12}).get()


def test_throttling_is_waited_out(cloud: LocalCloud) -> None:
    """AWS is asked again after a while, with a new signature."""
    cloud.inject(Fault(FaultKind.THROTTLE, action="CreateSession", retry_after=0))

    assert sessions(cloud, attempts=2).get().token
    assert (signed(cloud), created(cloud)) == (2, 1)


def test_throttling_to_the_end_is_transient(cloud: LocalCloud) -> None:
    """When patience runs out, a later try may succeed."""
    cloud.inject(Fault(FaultKind.THROTTLE, action="CreateSession", count=None))

    with pytest.raises(ThrottledError, match=ROLES_ANYWHERE):
        sessions(cloud, attempts=2).get()


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(FaultKind.STATUS, status=500, count=None), ServiceUnavailableError),
        (Fault(FaultKind.STATUS, status=403, body="<html>blocked</html>", count=None), RequestRefusedError),
        (Fault(FaultKind.STATUS, status=201, body="<html>welcome</html>", count=None), ServiceUnavailableError),
        (Fault(FaultKind.STATUS, status=201, body='{"credentialSet": []}', count=None), ServiceUnavailableError),
        (Fault(FaultKind.STATUS, status=201, body="[" * 50_000, count=None), ServiceUnavailableError),
        (Fault(FaultKind.STATUS, status=200, body="{}", count=None), ServiceUnavailableError),
        (Fault(FaultKind.DROP_BEFORE, count=None), UnreachableError),
    ],
    ids=["500", "a proxy's page", "another page", "no credentials", "deep", "200", "dropped"],
)
def test_odd_answers_are_errors_of_ours(fault: Fault, error: type[KeywatchError], cloud: LocalCloud) -> None:
    """However the answer fails to be AWS's, the error says so."""
    cloud.inject(dataclasses.replace(fault, action="CreateSession"))

    with pytest.raises(error):
        sessions(cloud).get()


def answer(**changes: str) -> str:
    """Write what IAM Roles Anywhere answers, with something else in it."""
    given = {"accessKeyId": "x", "secretAccessKey": "y", "sessionToken": "z", "expiration": "2099-01-01T00:00:00Z"}
    return json.dumps({"credentialSet": [{"credentials": given | changes}]})


ODD_CREDENTIALS = {
    "out of all bounds": {"expiration": "9999-12-31T23:59:59-14:00"},
    "without a zone": {"expiration": "2099-01-01T00:00:00"},
    "two lines": {"sessionToken": "z\r\nX-Evil: 1"},
    "empty": {"accessKeyId": ""},
}


@pytest.mark.parametrize("changes", ODD_CREDENTIALS.values(), ids=ODD_CREDENTIALS)
def test_odd_credentials_are_not_used(changes: dict[str, str], cloud: LocalCloud) -> None:
    """What cannot be credentials is not AWS's answer."""
    cloud.inject(Fault(FaultKind.STATUS, action="CreateSession", status=201, body=answer(**changes)))

    with pytest.raises(ServiceUnavailableError, match="something in between"):
        sessions(cloud).get()


def test_session_that_has_ended_already_is_a_matter_of_the_clock(cloud: LocalCloud) -> None:
    """Credentials that are over when they come are not handed on."""
    ended = answer(expiration="2020-01-01T00:00:00Z")
    cloud.inject(Fault(FaultKind.STATUS, action="CreateSession", status=201, body=ended))

    with pytest.raises(SessionRefusedError, match="Set the worker's clock"):
        sessions(cloud).get()


def test_error_carries_no_signed_request(cloud: LocalCloud) -> None:
    """Whoever gets hold of an error, its causes included, cannot open a session with it."""
    cloud.inject(Fault(FaultKind.DROP_BEFORE, action="CreateSession", count=None))

    with pytest.raises(UnreachableError) as caught:
        sessions(cloud).get()

    assert getattr(caught.value.__cause__, "request", None) is None


def test_untrusted_endpoint_is_told_where_aws_connections_say_it(cloud: LocalCloud) -> None:
    """A proxy that inspects TLS is trusted by the extra that `aws` connections have for that."""
    cloud.inject(Fault(FaultKind.TLS_UNTRUSTED, host=ROLES_ANYWHERE, count=None))

    with pytest.raises(TlsError, match=r"`transport\.extra_ca_bundle` in the aws connection's extras"):
        sessions(cloud).get()


def test_vault_that_does_not_let_sign_is_told(cloud: LocalCloud) -> None:
    """A missing role on the vault is the vault's error, as it is for tokens."""
    cloud.inject(Fault(FaultKind.DENY, action="keys/sign", count=None))

    with pytest.raises(VaultForbiddenError):
        sessions(cloud).get()

    assert cloud.requests(action="CreateSession") == []


def test_secrets_are_in_no_repr_and_no_log(cloud: LocalCloud, caplog: pytest.LogCaptureFixture) -> None:
    """With everything at DEBUG, neither key, token nor signature is logged, and no object shows them."""
    given = sessions(cloud)
    with caplog.at_level(logging.DEBUG):
        found = given.get()
        caller(cloud, given)

    said = f"{caplog.text}{found!r}{given!r}"
    assert [secret for secret in (found.access_key_id, found.secret_access_key, found.token) if secret in said] == []
    assert "AWS4-X509-RSA-SHA256" not in said
