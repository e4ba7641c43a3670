"""What the audit asks IAM of one account."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from botocore.config import Config

from keywatch.access_keys.aws_errors import ask_aws
from keywatch.access_keys.calls import CallCounter

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_iam.type_defs import AccessKeyLastUsedTypeDef, AccessKeyMetadataTypeDef

PAGE_SIZE: Final = 1_000
"""The most users or keys that IAM puts on one page (IAM API reference, `MaxItems`)."""

DEFAULT_CONCURRENCY: Final = 32

MOST_KEYS: Final = 2
"""Access keys that a user can have (IAM user guide, "IAM and AWS STS quotas")."""

NEEDED: Final = {
    "Users": ("UserName", "Arn", "CreateDate"),
    "AccessKeyMetadata": ("AccessKeyId", "CreateDate", "Status"),
    "Tags": ("Key", "Value"),
}
"""What IAM says of every user, every key and every tag."""

T = TypeVar("T")


def patient_config(concurrency: int = DEFAULT_CONCURRENCY) -> Config:
    """Return the botocore settings that an audit wants: a connection per thread, patient adaptive retries."""
    return Config(max_pool_connections=concurrency, retries={"mode": "adaptive", "max_attempts": 10})


class Page(NamedTuple):
    """One page of a listing.

    Attributes:
        members: Users or access keys, as boto3 describes them.
        is_last: Whether no other page follows.
    """

    members: list[Any]
    is_last: bool


class Iam:
    """One account's IAM.

    Args:
        client: Asks.
        account_id: The account, for messages.
    """

    def __init__(self, client: IAMClient, account_id: str) -> None:
        self._client = client
        self._account_id = account_id
        self.counter = CallCounter()

    def counting(self) -> AbstractContextManager[None]:
        """Count the requests that are made meanwhile."""
        return self.counter.watching(self._client)

    @property
    def partition(self) -> str:
        """The partition of the account, such as `aws`."""
        return self._client.meta.partition

    def root_keys(self) -> int:
        """Count the root user's access keys, which no list shows.

        Raises:
            KeywatchError: As `ask_aws`.
        """
        return self.ask("iam:GetAccountSummary", lambda: _root_keys(self._client.get_account_summary()["SummaryMap"]))

    def users(self) -> Iterator[Page]:
        """List the users, a page at a time.

        Raises:
            KeywatchError: As `ask_aws`.
        """
        return self._pages("iam:ListUsers", "Users", self._client.get_paginator("list_users"))

    def keys(self, user_name: str) -> list[AccessKeyMetadataTypeDef]:
        """List a user's access keys.

        Raises:
            GoneError: There is no such user any more.
            KeywatchError: As `ask_aws`.
        """
        paginator = self._client.get_paginator("list_access_keys")
        pages = self._pages("iam:ListAccessKeys", "AccessKeyMetadata", paginator, UserName=user_name)
        return [key for page in pages for key in page.members]

    def tag(self, user_name: str, name: str) -> str | None:
        """Return the value of a user's tag; None if the user has none of this name, whose letter case matters.

        Raises:
            GoneError: There is no such user any more.
            KeywatchError: As `ask_aws`.
        """
        paginator = self._client.get_paginator("list_user_tags")
        pages = self._pages("iam:ListUserTags", "Tags", paginator, UserName=user_name)
        return next((str(tag["Value"]) for page in pages for tag in page.members if tag["Key"] == name), None)

    def last_use(self, access_key_id: str) -> AccessKeyLastUsedTypeDef:
        """Tell the last use of an access key.

        Raises:
            GoneError: There is no such key any more.
            KeywatchError: As `ask_aws`.
        """
        return self.ask(
            "iam:GetAccessKeyLastUsed",
            lambda: _dated(self._client.get_access_key_last_used(AccessKeyId=access_key_id)["AccessKeyLastUsed"]),
        )

    def ask(self, action: str, call: Callable[[], T]) -> T:
        """Ask, with whatever goes wrong turned into an error that names account and action.

        Raises:
            KeywatchError: As `ask_aws`.
        """
        return ask_aws(self._account_id, action, call)

    def _pages(self, action: str, member: str, paginator: Any, **arguments: str) -> Iterator[Page]:  # noqa: ANN401 - one of two kinds
        """Yield what each page of a listing holds."""
        markers: set[str] = set()
        pages = iter(paginator.paginate(**arguments, PaginationConfig={"PageSize": PAGE_SIZE}))
        while page := self.ask(action, lambda: _whole(next(pages, None), member, markers)):
            yield Page(page[member], is_last=not page.get("IsTruncated"))


def _whole(page: Any, member: str, markers: set[str]) -> Any:  # noqa: ANN401 - one of two kinds of page, or None behind the last
    """Return a page of a listing if it is all that it should be; botocore would take what is cut short for a whole one.

    Raises:
        KeyError: It lacks the members, one of these lacks a field, or it does not say where the next page begins.
        OverflowError: A date is out of all bounds.
        ValueError: The next page is said to begin where an earlier one did.
    """
    if page is not None:
        for each in page[member]:
            _dated({name: each[name] for name in NEEDED[member]})
        if page["IsTruncated"]:
            if page["Marker"] in markers:
                raise ValueError
            markers.add(page["Marker"])
    return page


def _root_keys(summary: Mapping[Any, int]) -> int:
    """Read how many access keys the root user has.

    Raises:
        KeyError: The summary does not say.
        ValueError: It says more than a user can have.
    """
    count = summary["AccountAccessKeysPresent"]
    if not 0 <= count <= MOST_KEYS:
        raise ValueError
    return count


def _dated(values: T) -> T:
    """Return what IAM says if its dates can be dates in UTC.

    Raises:
        OverflowError: One cannot.
    """
    for value in values.values():  # type: ignore[attr-defined]
        if isinstance(value, datetime):
            value.astimezone(UTC)
    return values
