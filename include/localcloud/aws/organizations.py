"""AWS Organizations as a host of the local cloud: tells which accounts there are, page by page.

Source: AWS Organizations API reference, "ListAccounts", "DescribeAccount" and "DescribeOrganization"; botocore's
service model (JSON protocol 1.1).
"""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from localcloud.aws.organizations_access import SERVICE, Gate
from localcloud.aws.organizations_errors import (
    JSON,
    NO_PERMISSION,
    TOO_MANY,
    RefusedOrganizationsError,
    refuse,
    refuse_input,
)
from localcloud.aws.sessions import REGION
from localcloud.aws.signature_v4 import Signed
from localcloud.http1 import Request, Response
from localcloud.model import Fault, FaultKind
from localcloud.service import Call

if TYPE_CHECKING:
    from localcloud.aws.accounts import Accounts

HOST: Final = f"organizations.{REGION}.amazonaws.com"
"""The one host that organisations of the commercial partition are asked at, from any Region."""
TARGET: Final = "AWSOrganizationsV20161128."
LARGEST_PAGE: Final = 20
"""The default as well."""
EMPTY_PAGE: Final = 2
"""Which page is empty though more follow: AWS says that pages sometimes are, and here that one always is."""

Body = dict[str, Any]


class _Place(NamedTuple):
    """Where a page begins: how many accounts were given before, on how many pages."""

    accounts: int
    pages: int


class Organizations:
    """Answers for the one host. Use it from one thread.

    Args:
        accounts: who may ask, and what is told.
    """

    plays = (HOST,)

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._gate = Gate(accounts)
        self._actions = {
            "ListAccounts": self._list_accounts,
            "DescribeAccount": self._describe_account,
            "DescribeOrganization": self._describe_organization,
        }
        self.reset()

    def reset(self) -> None:
        """Forget the pages that were given out."""
        self._places: dict[str, _Place] = {}

    @staticmethod
    def owns(host: str) -> bool:
        """Tell whether a host is this one."""
        return host == HOST

    def read(self, host: str, request: Request) -> Call:
        """Tell what a request asks, and who, without believing its signature yet."""
        signed, target = Signed.read(request), request.headers.get("x-amz-target", "")
        return Call(
            service=SERVICE,
            host=host,
            action=target.removeprefix(TARGET) or f"{request.method} {request.path}",
            account=self._accounts.account_of(signed.who) if signed else None,
            caller_key_id=signed.who if signed else None,
        )

    def answer(self, request: Request, call: Call) -> Response:
        """Answer as the service would."""
        action = call.action or ""
        try:
            if not _is_json(request) or action not in self._actions:
                refuse("UnknownOperationException", f"No such operation: {action}")
            self._gate.check(request, action)
            return Response(200, json.dumps(self._actions[action](_body(request))).encode(), JSON)
        except RefusedOrganizationsError as refused:
            return refused.response()

    def apply(self, fault: Fault, _: Call) -> Response | None:
        """Refuse as a fault says."""
        if fault.kind is FaultKind.VANISH:
            return None
        if fault.kind is FaultKind.THROTTLE:
            return RefusedOrganizationsError("TooManyRequestsException", TOO_MANY).response()
        if fault.kind is FaultKind.DENY:
            return RefusedOrganizationsError("AccessDeniedException", NO_PERMISSION).response()
        if fault.body is not None:
            return Response(fault.status, fault.body.encode(), fault.content_type)
        return RefusedOrganizationsError("ServiceException", "Injected failure", status=fault.status).response()

    def _list_accounts(self, body: Body) -> Body:
        size, place = _page_size(body), self._place(body)
        listed = self._accounts.members.listed()[place.accounts :]
        page = [] if place.pages + 1 == EMPTY_PAGE else listed[:size]
        answer: Body = {"Accounts": page}
        if len(listed) > len(page):
            answer["NextToken"] = self._token(_Place(place.accounts + len(page), place.pages + 1))
        return answer

    def _describe_account(self, body: Body) -> Body:
        wanted = body.get("AccountId")
        if not isinstance(wanted, str):
            refuse_input("INPUT_REQUIRED", "You must include a value for all required parameters.")
        account = self._accounts.members.described(wanted)
        if account is None:
            refuse("AccountNotFoundException", "You specified an account that doesn't exist.")
        return {"Account": account}

    def _describe_organization(self, _: Body) -> Body:
        return {"Organization": self._accounts.members.organization()}

    def _place(self, body: Body) -> _Place:
        token = body.get("NextToken")
        if token is None:
            return _Place(0, 0)
        place = self._places.get(token) if isinstance(token, str) else None
        if place is None:
            refuse_input("INVALID_NEXT_TOKEN", "You specified an invalid value for NextToken.")
        return place

    def _token(self, place: _Place) -> str:
        token = secrets.token_urlsafe(48)
        self._places[token] = place
        return token


def _is_json(request: Request) -> bool:
    return (request.method, request.path, request.headers.get("content-type")) == ("POST", "/", JSON)


def _body(request: Request) -> Body:
    try:
        body = json.loads(request.body)
    except ValueError:
        body = None
    if request.too_large or not isinstance(body, dict):
        refuse("SerializationException", "The body is not a JSON object")
    return body


def _page_size(body: Body) -> int:
    size = body.get("MaxResults", LARGEST_PAGE)
    if not isinstance(size, int) or isinstance(size, bool):
        refuse("SerializationException", "MaxResults is not an integer")
    if size < 1:
        refuse_input("MIN_VALUE_EXCEEDED", "You specified a value for MaxResults below 1.")
    if size > LARGEST_PAGE:
        refuse_input("MAX_VALUE_EXCEEDED", f"You specified a value for MaxResults above {LARGEST_PAGE}.")
    return size
