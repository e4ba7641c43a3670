"""Which accounts of an AWS organisation are audited, and which are left out and why."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from keywatch.access_keys.aws_errors import ask_aws
from keywatch.access_keys.record import Account

if TYPE_CHECKING:
    from mypy_boto3_organizations import OrganizationsClient
    from mypy_boto3_organizations.type_defs import AccountTypeDef, ListAccountsResponseTypeDef

NOT_ENTERED: Final = frozenset({"PENDING_ACTIVATION", "SUSPENDED", "PENDING_CLOSURE", "CLOSED"})
"""The states of accounts that no role can be assumed in (Organizations API reference, `Account.State`)."""


EXCLUDED: Final = "left out: the run's parameter `exclude` names it"


@dataclass(frozen=True, slots=True)
class MemberAccount:
    """An account of the organisation.

    Attributes:
        account: Its id and name.
        state: `ACTIVE`, or why it is not to be entered.
    """

    account: Account
    state: str


@dataclass(frozen=True, slots=True)
class Selection:
    """What a run sets out to audit.

    Attributes:
        accounts: To be read.
        skipped: Not to be read, each with the reason.
    """

    accounts: tuple[Account, ...]
    skipped: tuple[tuple[Account, str], ...] = ()


def list_organization(client: OrganizationsClient, account_id: str) -> Iterator[MemberAccount]:
    """List the accounts of the organisation; an empty page is not the end.

    Args:
        client: Of the organisation's management account, or of one that may list in its place.
        account_id: Whose client it is, for messages.

    Raises:
        AccessDeniedError: The account may not list accounts.
        ConfigurationError: The account is in no organisation.
        KeywatchError: As `ask_aws`.
    """
    pages = iter(client.get_paginator("list_accounts").paginate())
    while (
        members := ask_aws(account_id, "organizations:ListAccounts", lambda: _members(next(pages, None)))
    ) is not None:
        for each in members:
            # Status is retired, and a service of an older Region may not say State yet.
            state = each.get("State") or each.get("Status") or "ACTIVE"
            yield MemberAccount(Account(each["Id"], each.get("Name")), state)


def _members(page: ListAccountsResponseTypeDef | None) -> list[AccountTypeDef] | None:
    return None if page is None else [account for account in page["Accounts"] if account["Id"]]


def select_accounts(
    members: Iterable[MemberAccount], include: Collection[str] = (), exclude: Collection[str] = ()
) -> Selection:
    """Choose the accounts of an organisation that are audited.

    Args:
        members: The organisation's accounts.
        include: The ids to audit; empty means all. One that is not a member is audited too, without its name.
        exclude: The ids to leave out.
    """
    accounts: list[Account] = []
    skipped: list[tuple[Account, str]] = []
    missing, wanted, unwanted = dict.fromkeys(include), frozenset(include), frozenset(exclude)
    for member in members:
        missing.pop(member.account.id, None)
        if wanted and member.account.id not in wanted:
            continue
        if member.account.id in unwanted:
            skipped.append((member.account, EXCLUDED))
        elif member.state in NOT_ENTERED:
            skipped.append((member.account, f"left out: its state in the organisation is {member.state}"))
        else:
            accounts.append(member.account)
    accounts += [Account(each) for each in missing if each not in unwanted]
    skipped += [(Account(each), EXCLUDED) for each in missing if each in unwanted]
    return Selection(tuple(accounts), tuple(skipped))
