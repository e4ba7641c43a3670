"""What a CreateSession request asks for (IAM Roles Anywhere user guide, "CreateSession")."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from localcloud.aws.roles_anywhere_errors import invalid
from localcloud.http1 import Request

ARNS: Final = {
    "profileArn": re.compile(r"arn:aws:rolesanywhere:[a-z0-9-]+:\d{12}:profile/[0-9a-f-]{36}"),
    "roleArn": re.compile(r"arn:aws:iam::\d{12}:role/[\w+=,.@/-]{1,576}", re.ASCII),
    "trustAnchorArn": re.compile(r"arn:aws:rolesanywhere:[a-z0-9-]+:\d{12}:trust-anchor/[0-9a-f-]{36}"),
}
SESSION_NAME: Final = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
SHORTEST, LONGEST = 900, 43_200
"""Seconds that may be asked for."""


@dataclass(frozen=True)
class SessionRequest:
    """What is asked for.

    Attributes:
        profile_arn: limits the session, and lists the role.
        role_arn: to be assumed.
        trust_anchor_arn: knows the certificate's authority.
        duration: seconds; None leaves them to the profile.
        session_name: None leaves it to the service.
    """

    profile_arn: str
    role_arn: str
    trust_anchor_arn: str
    duration: int | None
    session_name: str | None

    @classmethod
    def read(cls, request: Request) -> SessionRequest:
        """Read a request.

        Raises:
            RefusedSessionError: a value is missing, or not as it must be.
        """
        values = parameters(request)
        for name, pattern in ARNS.items():
            if not isinstance(values.get(name), str) or not pattern.fullmatch(values[name]):
                raise invalid(_violated(name, values.get(name)))
        session_name = values.get("roleSessionName")
        if session_name is not None and not SESSION_NAME.fullmatch(str(session_name)):
            raise invalid(_violated("roleSessionName", session_name))
        return cls(
            profile_arn=values["profileArn"],
            role_arn=values["roleArn"],
            trust_anchor_arn=values["trustAnchorArn"],
            duration=_duration(values.get("durationSeconds")),
            session_name=None if session_name is None else str(session_name),
        )


def parameters(request: Request) -> dict[str, Any]:
    """Give what the query and the body say, which is a JSON object.

    Raises:
        RefusedSessionError: the body is none.
    """
    try:
        body = json.loads(request.body or b"{}")
    except (RecursionError, ValueError) as error:
        raise invalid("The request's body is not JSON") from error
    if not isinstance(body, dict):
        raise invalid("The request's body is not a JSON object")
    return {**request.query, **body}


def _duration(value: object) -> int | None:
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not SHORTEST <= value <= LONGEST:
        raise invalid(_violated("durationSeconds", value))
    return value


def _violated(name: str, value: object) -> str:
    shown = "null" if value is None else f"'{value}'"
    return f"1 validation error detected: Value {shown} at '{name}' failed to satisfy constraint"
