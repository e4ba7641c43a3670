"""What `LocalCloud` can change in AWS."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any


class AwsControls(ABC):
    """The methods about AWS. What is refused raises `LocalCloudError` in words that say why; `reset` undoes them."""

    @abstractmethod
    def _ask(
        self, method: str, path: str, query: dict[str, str] | None = None, body: dict[str, Any] | None = None
    ) -> Any:  # noqa: ANN401 - JSON
        """Ask the control interface."""

    def set_aws_clock(self, offset_seconds: float) -> None:
        """Let the AWS services believe that it is so much later; a negative number makes it earlier."""
        self._change_aws("set_clock", offset_seconds=offset_seconds)

    def set_session_lifetime(self, seconds: int | None) -> None:
        """Let sessions of roles that are opened from now on end, and say so, after that long, whatever is asked.

        Args:
            seconds: None lets them last as long as is asked.
        """
        self._change_aws("set_session_lifetime", seconds=seconds)

    def change_profile(
        self,
        *,
        enabled: bool | None = None,
        role_arns: Sequence[str] | None = None,
        session_policy: Mapping[str, Any] | None = None,
        accepts_session_name: bool | None = None,
        profile_arn: str | None = None,
    ) -> None:
        """Change a profile of IAM Roles Anywhere; what is None stays.

        Args:
            enabled: whether it gives sessions.
            role_arns: the roles that it gives sessions of.
            session_policy: what limits them, beside the roles' own policies.
            accepts_session_name: whether the caller may name a session.
            profile_arn: which; None is the audit's.
        """
        self._change_aws(
            "change_profile",
            enabled=enabled,
            role_arns=role_arns,
            session_policy=session_policy,
            accepts_session_name=accepts_session_name,
            profile_arn=profile_arn,
        )

    def set_trust_anchor_enabled(self, enabled: bool) -> None:  # noqa: FBT001 - reads well at the call
        """Enable or disable the trust anchor of IAM Roles Anywhere."""
        self._change_aws("set_trust_anchor_enabled", enabled=enabled)

    def set_role_trust(self, account: str, document: Mapping[str, Any]) -> None:
        """Change the trust policy of an account's audit role."""
        self._change_aws("set_role_trust", account=account, document=document)

    def session_secrets(self) -> list[str]:
        """List the access key ids, secret access keys and tokens of all sessions of roles since the last reset."""
        return list(self._ask("POST", "/aws/session_secrets", body={}))

    def _change_aws(self, verb: str, **body: Any) -> None:  # noqa: ANN401 - JSON
        self._ask("POST", f"/aws/{verb}", body=body)
