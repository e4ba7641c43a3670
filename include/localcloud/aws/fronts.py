"""What moto's IAM and STS leave out: paging, own-account look-ups, trust policies, expiry, AWS's own wordings.

They are moto's response classes with some actions replaced, so that signature and policy checks stay moto's.
Facts: protocols of IAM (API version 2010-05-08) and STS (2011-06-15), botocore's service models.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from moto.core.exceptions import ServiceException
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.responses import ActionResult, BaseResponse, EmptyResult
from moto.core.utils import camelcase_to_underscores
from moto.iam.models import iam_backends
from moto.iam.responses import IamResponse
from moto.sts.responses import TokenResponse

from localcloud.aws.checks import SET_SOURCE_IDENTITY, CheckedRequest
from localcloud.aws.errors import RefusedError, denial
from localcloud.aws.key_ids import account_in
from localcloud.aws.sessions import open_session, session_of, source_identity_of
from localcloud.aws.trust import Caller, trusts
from localcloud.aws.xml import answer_xml

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from moto.core.request import Request as MotoRequest
    from moto.iam.models import AccessKey, User

    from localcloud.aws.credential_report_store import CredentialReports
    from localcloud.aws.organizations_members import Members

CALLER_KEY = "localcloud.caller_key"
"""Where a request's WSGI environment holds moto's record of the access key it says it is signed with."""
DEFAULT_PAGE = 100
LARGEST_PAGE = 1000
ROLE_ARN = re.compile(r"arn:aws:iam::(\d{12}):role/(?:.*/)?([\w+=,.@-]{1,64})")
SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
NOT_PLAYED = frozenset(
    {"PolicyArns", "ProvidedContexts", "SerialNumber", "SourceIdentity", "Tags", "TransitiveTagKeys"}
)
"""Parameters of AssumeRole that would change what a session may do, or is refused for."""
SHORTEST_SESSION, LONGEST_SESSION = 900, 3600
"""Seconds; the longer end is the default maximum of a role."""
UNKNOWN_KEY = (404, "NoSuchEntity", "The Access Key with id {} cannot be found")
"""An id that account or user does not have. Unverified of GetAccessKeyLastUsed: its model lists no error for it."""
ABOUT_A_USER = frozenset({"ListAccessKeys", "GetAccessKeyLastUsed", "UpdateAccessKey", "ListUserTags"})
"""Actions whose resource is a user (Service Authorization Reference, IAM). Of all others here it counts as *."""
STATUSES = ("Active", "Inactive")
"""What UpdateAccessKey sets. Unverified: the service model lists Expired too, which is for IAM itself to set."""


class Front(BaseResponse):
    """moto's way of answering, with two differences.

    The actions of an audit are called directly, where moto would list all its methods by reflection at each request,
    and may answer with a dictionary, which is written as XML without looking into botocore's model. And a
    call does not count as a use of its access key: IAM shows a use minutes later, here the seeded truth stays true.
    """

    actions: ClassVar[frozenset[str]] = frozenset()

    def setup_class(self, request: MotoRequest, *values: Any, **named: Any) -> None:  # noqa: ANN401 - moto's
        """Prepare for a request as moto does, without a trace in the caller's access key."""
        self._caller_key = caller = request.environ.get(CALLER_KEY)
        last_used = getattr(caller, "last_used", None)
        super().setup_class(request, *values, **named)
        if caller is not None:
            caller.last_used = last_used

    def get_current_account(self) -> str:
        """Read the caller's account in the key's id, where moto would look into all accounts of all partitions."""
        found = self._caller_key and account_in(self._caller_key.access_key_id)
        return found or str(DEFAULT_ACCOUNT_ID)

    def call_action(self) -> Any:  # noqa: ANN401 - moto's own type of answer
        """Check and run the action as moto does."""
        action = self._get_action()
        if action not in self.actions:
            return super().call_action()
        determine = getattr(self, "_determine_resource", lambda: "*")
        self._authenticate_and_authorize_normal_action(determine())
        try:
            result = getattr(self, camelcase_to_underscores(action))()
        except ServiceException as error:
            result = ActionResult(error)
        if isinstance(result, dict):
            return 200, {}, answer_xml(str(self.service_name), action, result)
        return self.serialized(result)


class Markers:
    """Remembers where each page that was given out ended; a marker that was never given out is unknown."""

    def __init__(self) -> None:
        self._ends: dict[tuple[str, str], str] = {}

    def issue(self, listing: str, end: str) -> str:
        """Make the marker of a page of `listing` that ended with `end`."""
        digest = hashlib.sha256(f"{listing}\n{end}".encode()).digest()
        marker = base64.b64encode(digest).decode("ascii")
        self._ends[listing, marker] = end
        return marker

    def end(self, listing: str, marker: str) -> str | None:
        """Tell where the page ended; None for an unknown marker."""
        return self._ends.get((listing, marker))


class IamFront(Front, IamResponse):
    """IAM as moto plays it, with the lists in pages, and users, keys and the credential report as they are in fact."""

    actions = frozenset(
        {
            "ListUsers",
            "ListAccessKeys",
            "GetAccessKeyLastUsed",
            "UpdateAccessKey",
            "ListUserTags",
            "GetAccountSummary",
            "GenerateCredentialReport",
            "GetCredentialReport",
        }
    )
    markers: ClassVar[Markers] = Markers()
    reports: ClassVar[CredentialReports]
    root_keys: ClassVar[dict[str, int]] = {}

    def _authenticate_and_authorize_normal_action(self, resource: str = "*") -> None:
        self._authenticate_and_authorize_action(CheckedRequest, resource)

    def _determine_resource(self) -> str:
        """Give the user's ARN where an action is about one, which moto does for roles alone."""
        if self._get_action() not in ABOUT_A_USER:
            return str(super()._determine_resource())
        key = self.backend.access_keys.get(self._get_param("AccessKeyId") or self.get_access_key())
        name = self._get_param("UserName") or getattr(key, "user_name", None) or ""
        user = self.backend.users.get(name)
        return str(user.arn) if user else f"arn:aws:iam::{self.current_account}:user/{name}"

    def list_users(self) -> dict[str, Any]:  # type: ignore[override]
        """List the users of a path, by name."""
        prefix = self._get_param("PathPrefix") or "/"
        users = [user for user in self.backend.users.values() if user.path.startswith(prefix)]
        page = self._page("Users", users, lambda user: str(user.name), f"ListUsers {prefix}")
        return page | {"Users": [_listed_user(user) for user in page["Users"]]}

    def list_access_keys(self) -> dict[str, Any]:  # type: ignore[override]
        """List the access keys of a user, or of the caller."""
        name = self._get_param("UserName") or self._own_name()
        keys = self.backend.list_access_keys(name)
        listing = f"ListAccessKeys {name}"
        page = self._page("AccessKeyMetadata", keys, lambda key: str(key.access_key_id), listing)
        listed = [_listed_key(key) for key in page["AccessKeyMetadata"]]
        return page | {"AccessKeyMetadata": listed}

    def get_access_key_last_used(self) -> dict[str, Any]:  # type: ignore[override]
        """Tell the last use of a key of this account, and of no other (moto would look into all)."""
        key_id = self._get_param("AccessKeyId")
        key = self.backend.access_keys.get(key_id)
        if key is None or key.user_name is None:
            raise _unknown_key(key_id)
        used: dict[str, Any] = {"ServiceName": "N/A", "Region": "N/A"}
        if key.last_used:
            used = {
                "LastUsedDate": key.last_used.timestamp,
                "ServiceName": key.last_used.service,
                "Region": key.last_used.region,
            }
        return {"UserName": key.user_name, "AccessKeyLastUsed": used}

    def update_access_key(self) -> ActionResult:
        """Activate or deactivate a key of a user, or of the caller (moto would take any status)."""
        name = self._get_param("UserName") or self._own_name()
        key_id, status = self._required("AccessKeyId"), self._required("Status")
        if status not in STATUSES:
            self._invalid("status", status, f"Member must satisfy enum value set: [{', '.join(STATUSES)}]")
        key = next((key for key in self.backend.get_user(name).access_keys if key.access_key_id == key_id), None)
        if key is None:
            raise _unknown_key(key_id)
        key.status = status
        return EmptyResult()

    def list_user_tags(self) -> dict[str, Any]:  # type: ignore[override]
        """List the tags of a user, by key."""
        name = self._required("UserName")
        tags = self.backend.list_user_tags(name)
        return self._page("Tags", tags, lambda tag: str(tag["Key"]), f"ListUserTags {name}")

    def get_account_summary(self) -> ActionResult:
        """Give moto's summary, with the root user's access keys."""
        summary = dict(self.backend.get_account_summary().summary_map)
        summary["AccountAccessKeysPresent"] = self.root_keys.get(self.current_account, 0)
        return ActionResult({"SummaryMap": summary})

    def generate_credential_report(self) -> dict[str, Any]:  # type: ignore[override]
        """Have the credential report made, if there is none that is fresh."""
        return self.reports.generate(self.current_account)

    def get_credential_report(self) -> dict[str, Any]:  # type: ignore[override]
        """Give the credential report."""
        return self.reports.get(self.current_account)

    def _own_name(self) -> str:
        name = self.backend.access_keys[self.get_access_key()].user_name
        if name is None:
            raise RefusedError(
                "iam", 400, "ValidationError", "Must specify userName when calling with non-User credentials"
            )
        return str(name)

    def _required(self, name: str) -> str:
        value = self._get_param(name)
        if value is None:
            shown = f"{name[0].lower()}{name[1:]}"
            message = f"1 validation error detected: Value null at '{shown}' failed to satisfy constraint: "
            raise RefusedError("iam", 400, "ValidationError", f"{message}Member must not be null")
        return str(value)

    def _page(self, member: str, items: Sequence[Any], name: Callable[[Any], str], listing: str) -> dict[str, Any]:
        listing = f"{self.current_account} {listing}"
        size = self._page_size()
        after = self._after(listing)
        rest = sorted((item for item in items if name(item) > after), key=name)
        page = rest[:size]
        result: dict[str, Any] = {member: page, "IsTruncated": len(rest) > size}
        if len(rest) > size:
            result["Marker"] = self.markers.issue(listing, name(page[-1]))
        return result

    def _page_size(self) -> int:
        sent = self.querystring.get("MaxItems")
        if not sent:
            return DEFAULT_PAGE
        if not sent[0].isdecimal() or int(sent[0]) < 1:
            self._invalid("maxItems", sent[0], "Member must have value greater than or equal to 1")
        if int(sent[0]) > LARGEST_PAGE:
            self._invalid("maxItems", sent[0], f"Member must have value less than or equal to {LARGEST_PAGE}")
        return int(sent[0])

    def _after(self, listing: str) -> str:
        marker = self._get_param("Marker")
        if marker is None:
            return ""
        end = self.markers.end(listing, marker)
        if end is None:
            raise RefusedError("iam", 400, "ValidationError", f"Invalid Marker: {marker}")
        return end

    def _invalid(self, name: str, value: object, constraint: str) -> NoReturn:
        message = f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: {constraint}"
        raise RefusedError("iam", 400, "ValidationError", message)


def _unknown_key(key_id: str) -> RefusedError:
    status, code, message = UNKNOWN_KEY
    return RefusedError("iam", status, code, message.format(key_id))


def _listed_user(user: User) -> dict[str, Any]:
    """Give what ListUsers tells of a user, which leaves out tags and permissions boundary."""
    return {
        "Path": user.path,
        "UserName": user.name,
        "UserId": user.id,
        "Arn": user.arn,
        "CreateDate": user.create_date,
        "PasswordLastUsed": user.password_last_used,
    }


def _listed_key(key: AccessKey) -> dict[str, Any]:
    return {
        "UserName": key.user_name,
        "AccessKeyId": key.access_key_id,
        "Status": key.status,
        "CreateDate": key.create_date,
    }


class StsFront(Front, TokenResponse):
    """STS as moto plays it, except that a role must exist and trust its caller, in other accounts too."""

    actions = frozenset({"AssumeRole", "GetCallerIdentity"})
    members: ClassVar[Members]

    def _authenticate_and_authorize_normal_action(self, resource: str = "*") -> None:
        self._authenticate_and_authorize_action(CheckedRequest, resource)

    def assume_role(self) -> dict[str, Any]:  # type: ignore[override]
        """Hand out temporary credentials of a role that trusts the caller."""
        arn = self._get_param("RoleArn") or ""
        name = self._get_param("RoleSessionName") or ""
        duration = self._get_int_param("DurationSeconds", 3600)
        if unplayed := [each for each in self.querystring if each.partition(".")[0] in NOT_PLAYED]:
            raise RefusedError("sts", 501, "NotImplemented", f"AssumeRole with {unplayed[0]} is not played here")
        if not SESSION_NAME.fullmatch(name):
            self._invalid(f"Value '{name}' at 'roleSessionName' failed to satisfy constraint")
        if not SHORTEST_SESSION <= duration <= LONGEST_SESSION:
            self._invalid(f"Value '{duration}' at 'durationSeconds' failed to satisfy constraint")
        own = session_of(self.current_account, self.get_access_key())
        identity = source_identity_of(own)
        for action in ("sts:AssumeRole", SET_SOURCE_IDENTITY) if identity else ("sts:AssumeRole",):
            if not self._trusted(arn, own, action):
                said = denial(self._caller(), "sts", action.partition(":")[2], arn)
                raise RefusedError("sts", 403, "AccessDenied", said)
        policy, external_id = self._get_param("Policy"), self._get_param("ExternalId")
        session = open_session(arn, name, duration, policy=policy, external_id=external_id, source_identity=identity)
        return {
            "Credentials": {
                "AccessKeyId": session.access_key_id,
                "SecretAccessKey": session.secret_access_key,
                "SessionToken": session.session_token,
                "Expiration": session.expiration,
            },
            "AssumedRoleUser": {"AssumedRoleId": session.user_id, "Arn": session.arn},
            "SourceIdentity": identity,
        }

    def _caller(self) -> str:
        return str(self.backend.get_caller_identity(self.get_access_key(), self.region)[1])

    def _trusted(self, role_arn: str, session: Any, action: str) -> bool:  # noqa: ANN401 - moto has no types
        """Check the trust policy, which may name the caller, the role that it is a session of, or its account."""
        named = ROLE_ARN.fullmatch(role_arn)
        roles = _roles(named.group(1)) if named and self.members.may_enter(named.group(1)) else {}
        if role_arn not in roles:
            return False
        names = {self._caller(), f"arn:aws:iam::{self.current_account}:root", self.current_account, "*"}
        names |= {session.role_arn} if session else set()
        caller = Caller("AWS", frozenset(names), {"sts:ExternalId": self._get_param("ExternalId")})
        return trusts(roles[role_arn].assume_role_policy_document, caller, [action])

    def _invalid(self, message: str) -> NoReturn:
        raise RefusedError("sts", 400, "ValidationError", f"1 validation error detected: {message}")


def _roles(account: str) -> dict[str, Any]:
    if account not in iam_backends:
        return {}
    return {role.arn: role for role in iam_backends[account]["aws"].roles.values()}
