"""Whether an AWS request is signed by whom it says, and allowed to them: moto's check, made stricter."""

from __future__ import annotations

from typing import Any, NoReturn

from moto.iam.access_control import AssumedRoleAccessKey, IAMRequest

from localcloud.aws.errors import RefusedError, denial, resource_words
from localcloud.aws.policies import allows
from localcloud.aws.sessions import has_ended, session_of, source_identity_of

SET_SOURCE_IDENTITY = "sts:SetSourceIdentity"
"""What is needed besides to get from a session with a source identity into another, of policies and trust alike."""


class CheckedRequest(IAMRequest):
    """moto's check of signature and policies, refusing in AWS's words, inactive keys and ended sessions too.

    What a session may do is limited by its own policy as well as by its role's. Trust policies are not checked here:
    moto knows but the caller's own account.
    """

    def __init__(self, **values: Any) -> None:  # noqa: ANN401 - handed through to moto
        super().__init__(**values)
        self._operation = self._action.partition(":")[2]
        self._session: Any = None
        if isinstance(self._access_key, AssumedRoleAccessKey):
            self._check_session()
        elif self.backend.access_keys[self._access_key_id].status != "Active":
            self._raise_invalid_access_key("Inactive")

    @property
    def _access_key_id(self) -> str:
        scope = self._get_string_between("Credential=", ",", self._headers["Authorization"])
        return str(scope).split("/")[0]

    def _check_session(self) -> None:
        session = session_of(self.account_id, self._access_key_id)
        if session is None or has_ended(session):
            self._refuse(403, "ExpiredToken", "The security token included in the request is expired")
        self._session = session

    def check_action_permitted(self, resource: str) -> None:
        """Check the caller's policies, and the session's own."""
        self._check_policies(resource)
        if self._action == "sts:AssumeRole" and source_identity_of(self._session):
            self._action, self._operation = SET_SOURCE_IDENTITY, SET_SOURCE_IDENTITY.partition(":")[2]
            self._check_policies(resource)

    def _check_policies(self, resource: str) -> None:
        super().check_action_permitted(resource)
        policy = self._session.policy if self._session else None
        if policy is None or self._action == "sts:GetCallerIdentity":
            return
        if not allows([policy], self._action, resource):
            self._deny("session")

    def _is_assuming_role_operation(self, _: str) -> bool:
        return False

    def _raise_signature_does_not_match(self) -> NoReturn:
        self._refuse(
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. Check your AWS "
            "Secret Access Key and signing method. Consult the service documentation for details.",
        )

    def _raise_invalid_access_key(self, _: str) -> NoReturn:
        self._refuse(403, "InvalidClientTokenId", "The security token included in the request is invalid.")

    def _raise_access_denied(self) -> NoReturn:
        self._deny("identity-based")

    def _deny(self, policies: str) -> NoReturn:
        resource = resource_words(
            self.account_id,
            self._operation,
            (self._data.get("UserName") or [None])[0],
            (self._data.get("RoleArn") or [None])[0],
        )
        caller = self._access_key.arn
        self._refuse(403, "AccessDenied", denial(caller, self._service, self._operation, resource, policies))

    def _refuse(self, status: int, code: str, message: str) -> NoReturn:
        raise RefusedError(self._service, status, code, message)
