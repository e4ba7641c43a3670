"""IAM Roles Anywhere as the local cloud plays it, asked by a hand-made client and by the one that AWS publishes."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
import requests
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st
from iam_rolesanywhere_session import IAMRolesAnywhereSession

from localcloud import Fault, FaultKind, LocalCloud, Seed
from tests.localcloud.azure import Azure, decoded, encoded
from tests.localcloud.conftest import Aws, Credentials
from tests.localcloud.roles_anywhere import (
    DENIED,
    EXPIRED,
    INSUFFICIENT,
    INVALID_SIGNATURE,
    UNTRUSTED,
    CreateSession,
    Identity,
    asked,
    credentials_of,
    refused,
    unable,
)


@pytest.fixture
def identity(azure: Azure) -> Identity:
    """Give a certificate that the audit role trusts, with its key."""
    return Identity.in_vault(azure)


@pytest.fixture
def right(cloud: LocalCloud, identity: Identity) -> CreateSession:
    """Give a request that is right in every way."""
    return CreateSession(cloud, identity, asked(cloud))


def of(right: CreateSession, identity: Identity) -> CreateSession:
    """Give the same request by another identity."""
    return replace(right, identity=identity)


def denial(call: Any, **values: object) -> tuple[str, str]:  # noqa: ANN401 - boto3 makes its clients at run time
    """Make a call of boto3 that is refused, and give code and message."""
    with pytest.raises(ClientError) as caught:
        call(**values)
    error = caught.value.response["Error"]
    return str(error["Code"]), str(error["Message"])


def test_certificate_gives_a_session(cloud: LocalCloud, right: CreateSession) -> None:
    """The answer to a right request is 201 with temporary credentials, and names session, subject and source."""
    answer = right.send()
    given = answer.json()["credentialSet"][0]
    account, serial = cloud.aws.account_id, f"{right.identity.certificate.serial_number:x}"

    assert (answer.status_code, answer.headers["content-type"]) == (201, "application/json")
    assert given["assumedRoleUser"]["arn"] == f"arn:aws:sts::{account}:assumed-role/KeywatchAudit/{serial}"
    assert given["assumedRoleUser"]["assumedRoleId"].endswith(f":{serial}")
    assert given["roleArn"] == cloud.aws.audit_role_arn
    assert given["sourceIdentity"] == "CN=keywatch-audit"
    assert given["credentials"]["accessKeyId"].startswith("ASIA")
    assert re.fullmatch(
        rf"arn:aws:rolesanywhere:us-east-1:{account}:subject/[0-9a-f-]{{36}}", answer.json()["subjectArn"]
    )


def test_key_on_the_hsm_gives_a_session(cloud: LocalCloud, azure: Azure, right: CreateSession) -> None:
    """The seeded certificate signs by RS256 where its key is."""
    version = cloud.certificate_versions("keywatch-audit")[-1]
    certificate = x509.load_der_x509_certificate(base64.b64decode(version.cer_base64))

    class OnHsm(Identity):
        def sign(self, data: bytes) -> bytes:
            asked_for = {"alg": "RS256", "value": encoded(hashlib.sha256(data).digest())}
            answer = azure.vault("POST", f"keys/{version.name}/{version.version}/sign", body=asked_for)
            return decoded(answer.json()["value"])

    assert of(right, OnHsm(right.identity.key, certificate)).send().status_code == 201


def test_session_is_the_role(cloud: LocalCloud, aws: Aws, right: CreateSession) -> None:
    """The credentials act as the audit role, and read what it may read."""
    credentials = credentials_of(right.send())
    arn = aws.client("sts", credentials).get_caller_identity()["Arn"]

    assert arn.startswith(f"arn:aws:sts::{cloud.aws.account_id}:assumed-role/KeywatchAudit/")
    assert aws.client("iam", credentials).list_users()["Users"]


def test_session_leads_to_every_account(cloud: LocalCloud, aws: Aws, right: CreateSession) -> None:
    """The session assumes the role of another account, which trusts it, and its source identity goes along."""
    account = cloud.aws.account_ids[1]
    sts = aws.client("sts", credentials_of(right.send()))
    answer = sts.assume_role(RoleArn=cloud.aws.role_arn(account), RoleSessionName="tests")
    key = answer["Credentials"]
    member = Credentials(key["AccessKeyId"], key["SecretAccessKey"], key["SessionToken"])

    assert answer["SourceIdentity"] == "CN=keywatch-audit"
    assert aws.client("sts", member).get_caller_identity()["Account"] == account
    assert aws.client("iam", member).list_users()["Users"]


def test_role_that_forbids_a_source_identity_is_not_entered(cloud: LocalCloud, aws: Aws, right: CreateSession) -> None:
    """A role that trusts for sts:AssumeRole alone refuses a session that has a source identity."""
    account = cloud.aws.account_ids[1]
    trust = {"Effect": "Allow", "Principal": {"AWS": cloud.aws.audit_role_arn}, "Action": "sts:AssumeRole"}
    cloud.set_role_trust(account, {"Version": "2012-10-17", "Statement": trust})
    call = aws.client("sts", credentials_of(right.send())).assume_role
    code, message = denial(call, RoleArn=cloud.aws.role_arn(account), RoleSessionName="tests")

    assert code == "AccessDenied"
    assert "not authorized to perform: sts:SetSourceIdentity" in message


def test_parameters_may_be_in_the_query(cloud: LocalCloud, right: CreateSession) -> None:
    """ARNs in the query and the rest in the body, as AWS's own helper sends them, are the same request."""
    arns = {name: value for name, value in asked(cloud).items() if name.endswith("Arn")}
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in sorted(arns.items()))

    assert replace(right, query=query, body={"durationSeconds": 900}).send().status_code == 201


def test_session_may_be_named(aws: Aws, cloud: LocalCloud, right: CreateSession) -> None:
    """The profile lets the caller name the session."""
    credentials = credentials_of(replace(right, body=asked(cloud, roleSessionName="nightly")).send())

    assert aws.client("sts", credentials).get_caller_identity()["Arn"].endswith("/nightly")


def test_session_name_is_refused_by_a_profile_that_takes_none(cloud: LocalCloud, right: CreateSession) -> None:
    """A profile that accepts no session names refuses one."""
    cloud.change_profile(accepts_session_name=False)

    assert refused(replace(right, body=asked(cloud, roleSessionName="nightly")).send()) == (
        *DENIED,
        "Not authorized to set roleSessionName",
    )
    assert right.send().status_code == 201


@pytest.mark.parametrize("seconds", [900, 43_200, None])
def test_session_lasts_as_long_as_asked(cloud: LocalCloud, right: CreateSession, seconds: int | None) -> None:
    """A session lasts 900 to 43200 seconds; by default as long as the profile says, 12 hours."""
    before = datetime.now(UTC).replace(microsecond=0)
    answer = replace(right, body=asked(cloud, durationSeconds=seconds)).send()
    expires = datetime.fromisoformat(answer.json()["credentialSet"][0]["credentials"]["expiration"])

    assert timedelta() <= expires - before - timedelta(seconds=seconds or 43_200) < timedelta(seconds=10)


@pytest.mark.parametrize(
    "changes",
    [
        {"durationSeconds": 899},
        {"durationSeconds": 43_201},
        {"durationSeconds": "soon"},
        {"durationSeconds": True},
        {"roleArn": None},
        {"roleArn": 7},
        {"profileArn": "arn:aws:iam::123456789012:role/KeywatchAudit"},
        {"trustAnchorArn": "nonsense"},
        {"roleSessionName": "x"},
        {"roleSessionName": "not a name"},
    ],
)
def test_value_out_of_bounds_is_refused(cloud: LocalCloud, right: CreateSession, changes: dict[str, Any]) -> None:
    """A parameter that is missing or out of its bounds is a ValidationException."""
    assert refused(replace(right, body=asked(cloud, **changes)).send())[:2] == (400, "ValidationException")


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff"])
def test_body_that_is_no_object_is_refused(right: CreateSession, body: bytes) -> None:
    """A body that is not a JSON object is a ValidationException."""
    assert refused(replace(right, body=body).send())[:2] == (400, "ValidationException")


def test_other_paths_are_unknown(cloud: LocalCloud) -> None:
    """The API that makes trust anchors and profiles is not played."""
    answer = requests.get(
        "https://rolesanywhere.us-east-1.amazonaws.com/profiles",
        proxies={"https": cloud.proxy_url},
        verify=str(cloud.ca_bundle),
        timeout=30,
    )

    assert refused(answer)[:2] == (404, "UnknownOperationException")


@pytest.mark.parametrize(
    "changes",
    [
        {"algorithm": "AWS4-X509-RSA-SHA384"},
        {"algorithm": "AWS4-X509-ECDSA-SHA256"},
        {"algorithm": "AWS4-HMAC-SHA256"},
        {"region": "eu-west-1"},
        {"service": "sts"},
        {"day": "20200101"},
        {"serial": "1"},
        {"unsigned": ("content-type",)},
        {"unsigned": ("host",)},
        {"unsigned": ("x-amz-date",)},
        {"unsigned": ("x-amz-x509",)},
        {"missing": ("content-type",)},
        {"missing": ("x-amz-date",)},
        {"extra": {"x-amz-target": "other"}, "unsigned": ("x-amz-target",)},
    ],
    ids=str,
)
def test_signature_of_another_kind_is_invalid(right: CreateSession, changes: dict[str, Any]) -> None:
    """Algorithm, scope, serial number and the set of signed headers must be exactly right."""
    assert refused(replace(right, **changes).send()) == INVALID_SIGNATURE


def test_missing_authorization_is_refused(right: CreateSession) -> None:
    """A request without a signature has no valid one."""
    assert refused(right.send(authorization="")) == INVALID_SIGNATURE


def test_signed_headers_are_sorted(right: CreateSession) -> None:
    """Signed headers that are listed in another order, or twice, make no valid signature."""
    for names in ("host;content-type;x-amz-date;x-amz-x509", "content-type;content-type;host;x-amz-date;x-amz-x509"):
        changed = right.authorization.replace("content-type;host;x-amz-date;x-amz-x509", names)
        assert refused(right.send(authorization=changed)) == INVALID_SIGNATURE


def test_other_key_than_the_certificates_is_refused(azure: Azure, right: CreateSession) -> None:
    """A signature by another key than that of the certificate is invalid."""
    other = Identity.in_vault(azure)

    assert refused(of(right, replace(right.identity, key=other.key)).send()) == INVALID_SIGNATURE


@pytest.mark.parametrize("seconds", [-880, 880])
def test_clock_may_be_off_a_little(right: CreateSession, seconds: int) -> None:
    """A request dated up to 15 minutes earlier or later is taken."""
    assert right.late(seconds).send().status_code == 201


@pytest.mark.parametrize("seconds", [-920, 920])
def test_clock_that_is_far_off_is_refused(right: CreateSession, seconds: int) -> None:
    """A date further off makes the signature invalid, and nothing more is said."""
    assert refused(right.late(seconds).send()) == INVALID_SIGNATURE


@pytest.mark.parametrize("offset", [-920, 920])
def test_clock_of_aws_can_be_set(cloud: LocalCloud, right: CreateSession, offset: int) -> None:
    """When AWS's clock is set to another time, the right time is off, and a reset sets it right."""
    cloud.set_aws_clock(offset)

    assert refused(right.send()) == INVALID_SIGNATURE
    assert right.late(offset).send().status_code == 201

    cloud.set_aws_clock(0)

    assert right.send().status_code == 201


def test_clock_of_aws_is_one_for_all_services(cloud: LocalCloud, aws: Aws) -> None:
    """IAM and S3 refuse a request that their clock takes for old."""
    cloud.set_aws_clock(1000)

    assert denial(aws.client("iam").list_users)[0] == "SignatureDoesNotMatch"
    assert denial(aws.client("s3").list_objects_v2, Bucket=cloud.aws.bucket)[0] == "RequestTimeTooSkewed"


def test_elliptic_curves_sign_too(azure: Azure, right: CreateSession) -> None:
    """A certificate with an EC key signs by ECDSA, in DER."""
    assert of(right, Identity.in_vault(azure, key_type="EC")).send().status_code == 201


def test_stronger_hash_in_the_certificate_changes_nothing(azure: Azure, right: CreateSession) -> None:
    """A certificate that is itself signed with SHA-384 signs requests with SHA-256 all the same."""
    strong = Identity.in_vault(azure, signature_hash="sha384")

    assert of(right, strong).send().status_code == 201
    assert refused(replace(of(right, strong), algorithm="AWS4-X509-RSA-SHA384").send()) == INVALID_SIGNATURE


@pytest.mark.parametrize(
    ("options", "refusal"),
    [
        ({"issuer": "self"}, UNTRUSTED),
        ({"issuer": "stranger"}, UNTRUSTED),
        ({"issuer": "ca"}, INSUFFICIENT),
    ],
    ids=str,
)
def test_certificate_that_is_not_fit_is_refused(
    azure: Azure, right: CreateSession, options: dict[str, Any], refusal: tuple[int, str, str]
) -> None:
    """A self-signed certificate, a stranger's and an authority's own are refused."""
    assert refused(of(right, Identity.in_vault(azure, **options)).send()) == refusal


@pytest.mark.parametrize("days", [-2, 400])
def test_certificate_must_be_valid_now(cloud: LocalCloud, right: CreateSession, days: int) -> None:
    """A certificate that has expired, or is not valid yet, is refused."""
    seconds = days * 86_400
    cloud.set_aws_clock(seconds)

    assert refused(right.late(seconds).send()) == EXPIRED


def intermediate_of(cloud: LocalCloud) -> x509.Certificate:
    """Give the certificate of the authority below the trust anchor's."""
    return x509.load_pem_x509_certificate(cloud.intermediate_ca_pem().encode())


def test_intermediate_authority_is_sent_along(cloud: LocalCloud, azure: Azure, right: CreateSession) -> None:
    """A certificate of an authority below the trust anchor is taken with that authority's, and not without."""
    below = Identity.in_vault(azure, issuer="intermediate")

    assert refused(of(right, below).send()) == UNTRUSTED
    assert of(right, replace(below, chain=(intermediate_of(cloud),))).send().status_code == 201


def test_chain_is_signed(cloud: LocalCloud, azure: Azure, right: CreateSession) -> None:
    """The chain must be among the signed headers, and cannot be added afterwards."""
    below = replace(Identity.in_vault(azure, issuer="intermediate"), chain=(intermediate_of(cloud),))
    request = of(right, below)

    assert refused(replace(request, unsigned=("x-amz-x509-chain",)).send()) == INVALID_SIGNATURE
    assert refused(right.send(x_amz_x509_chain=request.headers["x-amz-x509-chain"])) == INVALID_SIGNATURE


def leaf_of(key: rsa.RSAPrivateKey, issuer: x509.Certificate, **extensions: x509.ExtensionType) -> Identity:
    """Issue a certificate by a key, whether its certificate is an authority's or not."""
    own = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "keywatch-audit")]))
        .issuer_name(issuer.subject)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )
    for extension in extensions.values():
        builder = builder.add_extension(extension, critical=True)
    return Identity(own, builder.sign(key, hashes.SHA256()), (issuer,))


SIGNING = x509.KeyUsage(True, False, False, False, False, False, False, False, False)  # noqa: FBT003 - as X.509 has them
ENCIPHERING = x509.KeyUsage(False, False, True, False, False, False, False, False, False)  # noqa: FBT003
NO_AUTHORITY = x509.BasicConstraints(ca=False, path_length=None)


def test_certificate_is_no_authority(right: CreateSession) -> None:
    """A certificate that is not an authority's cannot issue another, though it leads up to the trust anchor."""
    assert isinstance(right.identity.key, rsa.RSAPrivateKey)
    forged = leaf_of(right.identity.key, right.identity.certificate, basic=NO_AUTHORITY, usage=SIGNING)

    assert refused(of(right, forged).send()) == UNTRUSTED


@pytest.mark.parametrize(
    "extensions",
    [{"basic": NO_AUTHORITY}, {"usage": SIGNING}, {"basic": NO_AUTHORITY, "usage": ENCIPHERING}, {}],
    ids=("no usage", "no constraints", "usage without signatures", "nothing"),
)
def test_certificate_must_be_for_signatures(right: CreateSession, extensions: dict[str, x509.ExtensionType]) -> None:
    """Basic constraints and the key usage digitalSignature must be in the certificate."""
    assert isinstance(right.identity.key, rsa.RSAPrivateKey)
    unfit = leaf_of(right.identity.key, right.identity.certificate, **extensions)

    assert refused(of(right, unfit).send()) == INSUFFICIENT


@pytest.mark.parametrize("value", ["", "!", "AAAA"])
def test_certificate_that_is_none_is_refused(right: CreateSession, value: str) -> None:
    """What is not a certificate in base64 is refused, alone and in the chain."""
    assert refused(right.send(x_amz_x509=value)) == INSUFFICIENT
    assert refused(right.send(x_amz_x509_chain=value)) == INSUFFICIENT


@pytest.mark.parametrize("token", ["other", None])
def test_session_token_belongs_to_the_key(aws: Aws, right: CreateSession, token: str | None) -> None:
    """The right key with a wrong session token, or without one, is refused."""
    wrong = replace(credentials_of(right.send()), token=token)

    assert denial(aws.client("iam", wrong).list_users)[0] == "InvalidClientTokenId"
    assert denial(aws.client("sts", wrong).get_caller_identity)[0] == "InvalidClientTokenId"


def test_session_is_limited_by_the_profiles_policy(cloud: LocalCloud, aws: Aws, right: CreateSession) -> None:
    """What the role allows and the profile's session policy does not is denied, in AWS's words."""
    only = {"Effect": "Allow", "Action": "iam:ListUsers", "Resource": "*"}
    cloud.change_profile(session_policy={"Version": "2012-10-17", "Statement": [only]})
    credentials = credentials_of(right.send())
    iam, sts = aws.client("iam", credentials), aws.client("sts", credentials)
    role = cloud.aws.role_arn(cloud.aws.account_ids[1])

    assert iam.list_users()["Users"]
    assert sts.get_caller_identity()["Account"] == cloud.aws.account_id
    code, message = denial(iam.get_account_summary)
    assert code == "AccessDenied"
    assert message.endswith("because no session policy allows the iam:GetAccountSummary action")
    assert denial(sts.assume_role, RoleArn=role, RoleSessionName="tests")[0] == "AccessDenied"


def test_session_is_limited_by_the_roles_policies(cloud: LocalCloud, aws: Aws, right: CreateSession) -> None:
    """A session policy that allows everything gives nothing that the role does not."""
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    cloud.change_profile(session_policy={"Version": "2012-10-17", "Statement": everything})
    iam = aws.client("iam", credentials_of(right.send()))
    code, message = denial(iam.create_user, UserName="mallory")

    assert code == "AccessDenied"
    assert message.endswith("because no identity-based policy allows the iam:CreateUser action")


def test_session_ends(cloud: LocalCloud, aws: Aws, right: CreateSession) -> None:
    """A session works until it ends by AWS's clock, and then its token is expired, in every service."""
    credentials = credentials_of(right.send())
    iam, s3 = aws.client("iam", credentials), aws.client("s3", credentials)
    cloud.set_session_lifetime(0)
    ended = credentials_of(right.send())

    assert iam.list_users()["Users"]
    assert s3.list_objects_v2(Bucket=cloud.aws.bucket)["KeyCount"] == 0
    assert denial(aws.client("iam", ended).list_users)[0] == "ExpiredToken"
    assert denial(aws.client("s3", ended).list_objects_v2, Bucket=cloud.aws.bucket)[0] == "ExpiredToken"


def test_lifetime_of_sessions_can_be_set(cloud: LocalCloud, aws: Aws, right: CreateSession) -> None:
    """Sessions of either service end, and say they end, after the seconds that were set, whatever is asked."""
    cloud.set_session_lifetime(120)
    answer = right.send()
    given = answer.json()["credentialSet"][0]["credentials"]["expiration"]
    sts = aws.client("sts", credentials_of(answer))
    role = cloud.aws.role_arn(cloud.aws.account_ids[1])
    chained = sts.assume_role(RoleArn=role, RoleSessionName="tests")["Credentials"]["Expiration"]
    latest = datetime.now(UTC) + timedelta(seconds=120)

    assert latest - timedelta(seconds=20) < datetime.fromisoformat(given) <= latest
    assert latest - timedelta(seconds=20) < chained <= latest


def test_throttling_can_be_injected(cloud: LocalCloud, right: CreateSession) -> None:
    """A throttle fault is a ThrottlingException, with Retry-After if it is given."""
    cloud.inject(Fault(FaultKind.THROTTLE, host="rolesanywhere.us-east-1.amazonaws.com", retry_after=3))
    answer = right.send()

    assert refused(answer) == (429, "ThrottlingException", "Rate exceeded")
    assert answer.headers["Retry-After"] == "3"
    assert right.send().status_code == 201


def test_denial_can_be_injected(cloud: LocalCloud, right: CreateSession) -> None:
    """A deny fault says that the role cannot be assumed."""
    cloud.inject(Fault(FaultKind.DENY, action="CreateSession", account=cloud.aws.account_id))

    assert refused(right.send()) == unable(cloud)


def test_failure_can_be_injected(cloud: LocalCloud, right: CreateSession) -> None:
    """A status fault answers with its status, in the service's form or with its own body."""
    cloud.inject(Fault(FaultKind.STATUS, action="CreateSession", status=500))
    cloud.inject(Fault(FaultKind.STATUS, action="CreateSession", status=502, body="<html>", content_type="text/html"))

    assert refused(right.send()) == (500, "InternalServerException", "Injected failure")
    assert right.send().text == "<html>"


@pytest.mark.parametrize("kind", [FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER])
def test_connection_can_be_dropped(cloud: LocalCloud, right: CreateSession, kind: FaultKind) -> None:
    """A drop fault closes the connection without an answer."""
    cloud.inject(Fault(kind, action="CreateSession"))

    with pytest.raises(requests.ConnectionError):
        right.send()
    assert right.send().status_code == 201


def test_log_tells_who_asked_and_no_secret(cloud: LocalCloud, right: CreateSession) -> None:
    """The request log holds action, account, status and error of a request, and nothing of its answer."""
    credentials = credentials_of(right.send())
    right.late(1000).send()
    log = cloud.requests(action="CreateSession")
    shown = repr(log)

    assert [(each.account, each.status, each.error) for each in log] == [
        (cloud.aws.account_id, 201, None),
        (cloud.aws.account_id, 403, "AccessDeniedException"),
    ]
    assert credentials.secret not in shown
    assert str(credentials.token) not in shown


def library(cloud: LocalCloud, identity: Identity, **options: Any) -> IAMRolesAnywhereSession:  # noqa: ANN401 - the library's own
    """Set up the library that AWS publishes, which knows of the local cloud but proxy and CA."""
    encoding = serialization.Encoding.PEM
    return IAMRolesAnywhereSession(
        profile_arn=cloud.aws.profile_arn,
        role_arn=cloud.aws.audit_role_arn,
        trust_anchor_arn=cloud.aws.trust_anchor_arn,
        certificate=identity.certificate.public_bytes(encoding),
        private_key=identity.key.private_bytes(
            encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
        certificate_chain=b"".join(each.public_bytes(encoding) for each in identity.chain) or None,
        region=cloud.aws.region,
        proxies={"https": cloud.proxy_url},
        verify=str(cloud.ca_bundle),
        **options,
    )


@pytest.mark.parametrize("options", [{}, {"key_type": "EC"}, {"issuer": "intermediate"}], ids=str)
def test_library_of_aws_is_understood(cloud: LocalCloud, azure: Azure, options: dict[str, Any]) -> None:
    """The library that AWS publishes gets a session, with RSA, with EC, and with a chain."""
    chain = (intermediate_of(cloud),) if options.get("issuer") else ()
    identity = replace(Identity.in_vault(azure, **options), chain=chain)
    session = library(cloud, identity, role_session_name="nightly").get_session()

    assert session.client("sts").get_caller_identity()["Arn"].endswith("/nightly")


@pytest.fixture(scope="module")
def quiet_cloud() -> Iterator[LocalCloud]:
    """Start a tiny local cloud that no other test resets, for many requests by one certificate."""
    with LocalCloud(seed=Seed(accounts=1, users=1)) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def signed_once(quiet_cloud: LocalCloud) -> CreateSession:
    """Give a request that is accepted as it is."""
    with requests.Session() as session:
        session.trust_env = False
        session.proxies = {"https": quiet_cloud.proxy_url}
        session.verify = str(quiet_cloud.ca_bundle)
        identity = Identity.in_vault(Azure(quiet_cloud, session))
    request = CreateSession(quiet_cloud, identity, asked(quiet_cloud))
    assert request.send().status_code == 201
    return request


@given(data=st.data())
@settings(max_examples=60)
def test_any_other_character_is_refused(signed_once: CreateSession, data: st.DataObject) -> None:
    """Any one character changed, in what is signed or in the signature, makes the request refused."""
    parts = {
        "authorization": signed_once.authorization,
        "x_amz_date": signed_once.headers["x-amz-date"],
        "x_amz_x509": signed_once.headers["x-amz-x509"],
        "content_type": signed_once.headers["content-type"],
        "body": signed_once.payload.decode(),
    }
    name = data.draw(st.sampled_from(sorted(parts)))
    position = data.draw(st.integers(0, len(parts[name]) - 1))
    allowed = st.characters(min_codepoint=33, max_codepoint=126)
    other = data.draw(allowed.filter(lambda each: each != parts[name][position]))
    changed = parts[name][:position] + other + parts[name][position + 1 :]

    assert signed_once.send(**{name: changed}).status_code in {400, 403, 404}
