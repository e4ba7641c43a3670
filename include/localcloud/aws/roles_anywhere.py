"""IAM Roles Anywhere as a host of the local cloud: trades a certificate's signature for a session of a role.

Source: IAM Roles Anywhere user guide, "Authentication" and "CreateSession". The API that makes trust anchors and
profiles is not played: one trust anchor and two profiles are seeded.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from localcloud.aws.clock import CLOCK
from localcloud.aws.documents import (
    COMMON_NAME,
    SERVICE,
    SESSION_ACTIONS,
    SOURCE,
    own_deactivation_policy,
    session_policy,
)
from localcloud.aws.population import DEACTIVATION_ROLE
from localcloud.aws.roles_anywhere_certificates import check_chain, read_certificate
from localcloud.aws.roles_anywhere_errors import (
    ACCESS_DENIED,
    NO_PROFILE,
    NO_SESSION_NAME,
    NO_TRUST_ANCHOR,
    NOT_FOUND,
    PROFILE_DISABLED,
    ROLE_NOT_LISTED,
    THROTTLED,
    TRUST_ANCHOR_DISABLED,
    UNABLE_TO_ASSUME,
    RefusedSessionError,
    denied,
    refusal,
)
from localcloud.aws.roles_anywhere_requests import LONGEST, SessionRequest, parameters
from localcloud.aws.roles_anywhere_signature import CERTIFICATE, CHAIN, check_signature
from localcloud.aws.sessions import REGION, account_of_role, open_session
from localcloud.aws.trust import Caller, trusts
from localcloud.http1 import Request, Response
from localcloud.model import Fault, FaultKind
from localcloud.service import Call

if TYPE_CHECKING:
    from localcloud.aws.accounts import Accounts

HOST: Final = f"rolesanywhere.{REGION}.amazonaws.com"
ACTION: Final = "CreateSession"


@dataclass(frozen=True)
class Profile:
    """What sessions are for, and what limits them.

    Attributes:
        enabled: whether it gives sessions.
        role_arns: the roles that it gives sessions of.
        session_policy: a policy document that limits them.
        accepts_session_name: whether the caller may name a session.
        duration: seconds that a session lasts, unless fewer are asked for.
    """

    enabled: bool
    role_arns: tuple[str, ...]
    session_policy: str
    accepts_session_name: bool = True
    duration: int = LONGEST


class RolesAnywhere:
    """Answers for one region's host, with one trust anchor, and a profile for each role. Use it from one thread.

    Args:
        accounts: where the roles are, and the ARNs of trust anchor and profiles.
        anchor: the trust anchor's certificate.
    """

    plays = (HOST,)

    def __init__(self, accounts: Accounts, anchor: x509.Certificate) -> None:
        self._accounts = accounts
        self._anchor = anchor
        self.reset()

    def reset(self) -> None:
        """Bring trust anchor and profiles back to what they were."""
        self.trust_anchor_enabled = True
        accounts = self._accounts
        deactivation = own_deactivation_policy(accounts.audit_account, DEACTIVATION_ROLE)
        self._profiles = {
            accounts.profile_arn: Profile(
                enabled=True, role_arns=(accounts.audit_role_arn,), session_policy=session_policy(accounts.bucket)
            ),
            accounts.deactivation_profile_arn: Profile(
                enabled=True, role_arns=(accounts.deactivation_role_arn,), session_policy=deactivation
            ),
        }

    def change_profile(self, arn: str | None, **changes: Any) -> None:  # noqa: ANN401 - the profile's own fields
        """Change a profile; what is None stays.

        Args:
            arn: whose; None is the audit's.
            **changes: the profile's fields.

        Raises:
            ValueError: there is no such profile.
        """
        arn = arn or self._accounts.profile_arn
        if arn not in self._profiles:
            raise ValueError(f"There is no profile {arn}")
        known = {name: value for name, value in changes.items() if value is not None}
        self._profiles[arn] = replace(self._profiles[arn], **known)

    @staticmethod
    def owns(host: str) -> bool:
        """Tell whether a host is this one."""
        return host == HOST

    def read(self, host: str, request: Request) -> Call:
        """Tell what a request asks for, and in whose account."""
        asked = (request.method, request.path) == ("POST", "/sessions")
        try:
            role = str(parameters(request).get("roleArn", ""))
        except RefusedSessionError:
            role = ""
        account = account_of_role(role) if role.count(":") >= 5 else None  # noqa: PLR2004 - an ARN's parts
        action = ACTION if asked else f"{request.method} {request.path}"
        return Call("rolesanywhere", host, action, account, parameters={"roleArn": role})

    def answer(self, request: Request, call: Call) -> Response:
        """Check everything, and give a session."""
        if call.action != ACTION:
            return refusal(404, "UnknownOperationException", "No such operation")
        if request.too_large:
            return refusal(413, "RequestEntityTooLargeException", "The request is too large")
        try:
            return self._create_session(request)
        except RefusedSessionError as refused:
            return refused.response()

    def apply(self, fault: Fault, call: Call) -> Response | None:
        """Refuse as a fault says."""
        if fault.kind is FaultKind.VANISH:
            return None
        if fault.kind is FaultKind.THROTTLE:
            response = refusal(*THROTTLED, "Rate exceeded")
            if fault.retry_after is not None:
                wait = ("Retry-After", str(fault.retry_after))
                response = replace(response, headers=(*response.headers, wait))
            return response
        if fault.kind is FaultKind.DENY:
            return refusal(*ACCESS_DENIED, UNABLE_TO_ASSUME.format(call.parameters["roleArn"]))
        if fault.body is not None:
            return Response(fault.status, fault.body.encode(), fault.content_type)
        return refusal(fault.status, "InternalServerException", "Injected failure")

    def _create_session(self, request: Request) -> Response:
        wanted = SessionRequest.read(request)
        certificate = read_certificate(request.headers.get(CERTIFICATE, ""))
        chain = request.headers.get(CHAIN)
        sent = [] if chain is None else [read_certificate(each) for each in chain.split(",")]
        check_signature(request, certificate, REGION, CLOCK.now())
        profile = self._checked_profile(wanted)
        check_chain(certificate, sent, self._anchor, CLOCK.now())
        self._check_trust(wanted, certificate)
        return self._session(wanted, profile, certificate)

    def _checked_profile(self, wanted: SessionRequest) -> Profile:
        """Check trust anchor, profile and role, and give the profile."""
        if wanted.trust_anchor_arn != self._accounts.trust_anchor_arn:
            raise RefusedSessionError(NOT_FOUND, NO_TRUST_ANCHOR)
        if not self.trust_anchor_enabled:
            raise denied(TRUST_ANCHOR_DISABLED)
        profile = self._profiles.get(wanted.profile_arn)
        if profile is None:
            raise denied(NO_PROFILE)
        if not profile.enabled:
            raise denied(PROFILE_DISABLED)
        if wanted.role_arn not in profile.role_arns:
            raise denied(ROLE_NOT_LISTED)
        if wanted.session_name is not None and not profile.accepts_session_name:
            raise denied(NO_SESSION_NAME)
        return profile

    def _check_trust(self, wanted: SessionRequest, certificate: x509.Certificate) -> None:
        facts = {SOURCE: wanted.trust_anchor_arn, COMMON_NAME: _common_name(certificate)}
        caller = Caller("Service", frozenset({SERVICE}), facts)
        policy = self._accounts.trust_policy(wanted.role_arn)
        if policy is None or not trusts(policy, caller, SESSION_ACTIONS):
            raise denied(UNABLE_TO_ASSUME.format(wanted.role_arn))

    def _session(self, wanted: SessionRequest, profile: Profile, certificate: x509.Certificate) -> Response:
        name = wanted.session_name or f"{certificate.serial_number:x}"
        duration = min(wanted.duration or profile.duration, profile.duration)
        identity = f"CN={_common_name(certificate)}"
        session = open_session(wanted.role_arn, name, duration, policy=profile.session_policy, source_identity=identity)
        given = {
            "assumedRoleUser": {"arn": session.arn, "assumedRoleId": session.user_id},
            "credentials": {
                "accessKeyId": session.access_key_id,
                "secretAccessKey": session.secret_access_key,
                "sessionToken": session.session_token,
                "expiration": f"{session.expiration:%Y-%m-%dT%H:%M:%SZ}",
            },
            "packedPolicySize": 1,
            "roleArn": wanted.role_arn,
            "sourceIdentity": session.source_identity,
        }
        body = {"credentialSet": [given], "subjectArn": self._subject_arn(certificate)}
        return Response(201, json.dumps(body).encode(), "application/json")

    def _subject_arn(self, certificate: x509.Certificate) -> str:
        """Name the subject: an id of its own for each, such as the service remembers them by."""
        digest = x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest.hex()
        identity = "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]))
        return f"arn:aws:rolesanywhere:{REGION}:{self._accounts.audit_account}:subject/{identity}"


def _common_name(certificate: x509.Certificate) -> str | None:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else None
