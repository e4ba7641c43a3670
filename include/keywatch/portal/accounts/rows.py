"""Accounts and changes between the store's tables and their plain form."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Row

from keywatch.portal.accounts.model import Account, Change, What
from keywatch.portal.provider.model import Subject
from keywatch.report.schema import known_moment, moment

Values = dict[str, Any]

BY_COMMAND: Final = "command"
"""The strength of who works at the machine itself."""


def account_of(row: Row[Any], invited_until: int = 0) -> Account:
    """Read a row of `portal_account`."""
    return Account(
        account_id=row.account_id,
        email=row.email,
        owner=row.owner,
        version=row.version,
        created=known_moment(row.created),
        updated=known_moment(row.updated),
        policynumber=row.policynumber,
        beneficiary=row.beneficiary,
        subject=subject_of(row),
        bound=moment(row.bound),
        invited_until=moment(invited_until),
    )


def subject_of(row: Row[Any]) -> Subject | None:
    """Tell to whom an account is bound; None if to nobody."""
    return None if row.subject is None else Subject(row.issuer, row.subject)


def change_of(row: Row[Any]) -> Change:
    """Read a row of `portal_change`."""
    return Change(
        account_id=row.account_id,
        email=row.email_folded,
        changed=known_moment(row.changed),
        what=row.what,
        before=row.before,
        after=row.after,
        who=row.who if row.issuer is None else Subject(row.issuer, row.who),
        strength=row.strength,
    )


def change_row(
    account: Row[Any] | Values,
    now: int,
    what: What,
    *,
    before: str | None,
    after: str | None,
    who: Subject | str,
    strength: str = BY_COMMAND,
) -> Values:
    """Make a row of `portal_change`.

    Args:
        account: A row of `portal_account`.
        now: In seconds.
        what: What was changed.
        before: None if there was nothing.
        after: None if there is nothing.
        who: The subject, or the user of the command.
        strength: How they were authenticated.
    """
    values = account if isinstance(account, dict) else account._mapping  # noqa: SLF001 - public, named so that no column collides
    issuer, name = (who.issuer, who.value) if isinstance(who, Subject) else (None, who)
    return {
        "account_id": values["account_id"],
        "email_folded": values["email_folded"],
        "changed": now,
        "what": what,
        "before": before,
        "after": after,
        "issuer": issuer,
        "who": name,
        "strength": strength,
    }


def subject_text(subject: Subject | None) -> str | None:
    """Write a subject down for a change."""
    return None if subject is None else f"{subject.issuer} {subject.value}"
