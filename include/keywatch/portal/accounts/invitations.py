"""Invitations: how they are issued, and what binds an account to who accepts one."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, Row, select
from sqlalchemy.exc import IntegrityError

from keywatch.errors import InvitationError
from keywatch.portal.accounts.addresses import fold_address, same_address
from keywatch.portal.accounts.model import Account, Invitation
from keywatch.portal.accounts.rows import account_of, change_row, subject_of, subject_text
from keywatch.portal.accounts.subjects import is_usable
from keywatch.portal.accounts.writing import (
    Text,
    add_missing,
    change_account,
    change_texts,
    lock_account,
    new_account,
    read_account,
    record,
    revoke_open,
)
from keywatch.portal.provider.model import Identity
from keywatch.report.schema import known_moment, portal_accounts, portal_invitations

CODE_BYTES: Final = 32
MOST_DAYS: Final = 90
DAY: Final = 86_400

STRENGTH: Final = "invitation and verified e-mail"
"""How who accepts an invitation was authenticated."""

ANOTHER: Final = "Ask for another invitation."


def issue(
    connection: Connection,
    email: str,
    now: int,
    *,
    issued_by: str,
    days: int,
    rebind: bool,
    texts: Mapping[Text, str | None],
) -> Invitation:
    """Invite somebody; whatever invitation of theirs is open ends.

    Args:
        connection: In a transaction that writes.
        email: Whom; they have an account from now on, if they had none.
        now: In seconds.
        issued_by: The user of the command.
        days: How long it may be accepted.
        rebind: Whether it may take the place of a binding, once it is accepted.
        texts: What their account is to say.

    Raises:
        InvitationError: The address is none, the days are too many, or the account is bound already.
    """
    if not 1 <= days <= MOST_DAYS:
        raise InvitationError(f"An invitation lasts 1 to {MOST_DAYS} days, and not {days}. Choose a number of these.")
    made = new_account(email, now)
    add_missing(connection, [made])
    account = lock_account(connection, portal_accounts.c.email_folded == fold_address(email))
    if account is None:
        raise InvitationError(f"The account of {email} has been deleted at the same time. Invite them again.")
    if account.account_id == made["account_id"]:
        record(connection, [change_row(account, now, "account", before=None, after=email, who=issued_by)])
    if account.subject is not None and not rebind:
        raise InvitationError(
            f"The account of {account.email} is bound already. If its owner signs in as somebody else from now on, "
            "invite them with --rebind: the binding stays until they accept."
        )
    change_texts(connection, account, now, texts, who=issued_by)
    revoke_open(connection, account.account_id, now)
    code = secrets.token_urlsafe(CODE_BYTES)
    row: dict[str, Any] = {
        "account_id": account.account_id,
        "email": email,
        "rebind": rebind,
        "issued": now,
        "issued_by": issued_by,
        "expires": now + days * DAY,
    }
    connection.execute(portal_invitations.insert(), row | {"code_sha256": _hash(code)})
    moments = {name: known_moment(row[name]) for name in ("issued", "expires")}
    until = f"{'rebind, ' * rebind}until {moments['expires']:%Y-%m-%dT%H:%M:%SZ}"
    record(connection, [change_row(account, now, "invitation", before=None, after=until, who=issued_by)])
    return Invitation(code=code, **(row | moments))


def check(connection: Connection, code: str, identity: Identity, now: int) -> str:
    """See that somebody may accept an invitation; nothing is changed.

    Args:
        connection: To the store.
        code: As the link has it. The database compares its hash alone, whose time tells nothing of the code.
        identity: What the provider says of who has signed in.
        now: In seconds.

    Returns:
        The id of its account.

    Raises:
        InvitationError: They may not; the message says why.
    """
    found = portal_invitations.c.code_sha256 == _hash(code)
    row = connection.execute(select(portal_invitations).where(found)).first()
    if row is None:
        raise unknown()
    if row.used:
        raise InvitationError(
            "This invitation has been used. If it was by you, your account is bound: sign in. Otherwise, tell who "
            f"invited you. {ANOTHER}"
        )
    if row.revoked:
        raise InvitationError("This invitation has been revoked, as a newer one was sent. Open the link of that.")
    if row.expires <= now:
        raise InvitationError(f"This invitation ended on {known_moment(row.expires):%Y-%m-%d %H:%M} UTC. {ANOTHER}")
    if not identity.email_verified:
        raise InvitationError(
            "The identity provider does not say that your e-mail address is yours. Confirm it there, sign out here, "
            "and open the link again: the invitation still waits for you."
        )
    if not same_address(row.email, identity.email):
        raise InvitationError(
            "This invitation is for another e-mail address than yours. Sign in with the address that it was sent to: "
            "the invitation still waits for it."
        )
    if not is_usable(identity.subject):
        raise InvitationError("The identity provider's identifier of you cannot be kept. Show this to its operators.")
    return str(row.account_id)


def accept(connection: Connection, account_id: str, code: str, identity: Identity, now: int) -> Account:
    """Bind the account of an invitation, and use the invitation up.

    Args:
        connection: In a transaction that writes, and that comes to nothing when this raises.
        account_id: As `check` gives it.
        code: As `check` takes it.
        identity: Likewise.
        now: In seconds.

    Raises:
        InvitationError: It cannot be accepted; the message says why.
    """
    account = lock_account(connection, portal_accounts.c.account_id == account_id)
    check(connection, code, identity, now)  # anew: until the account was locked, others may have accepted or revoked it
    invitation = portal_invitations.c.code_sha256 == _hash(code)
    may_rebind = connection.scalar(select(portal_invitations.c.rebind).where(invitation))
    if account is None:
        raise InvitationError(f"The account of this invitation has been deleted. {ANOTHER}")
    before = subject_of(account)
    if before not in (None, identity.subject) and not may_rebind:
        raise InvitationError(f"The account of this invitation is bound to somebody else. {ANOTHER}")
    connection.execute(portal_invitations.update().where(invitation).values(used=now))
    if before != identity.subject:
        _bind(connection, account, identity, now)
    return account_of(read_account(connection, account.account_id))


def unknown() -> InvitationError:
    """Say that there is no such invitation."""
    return InvitationError(f"There is no such invitation. Open the whole link of yours. {ANOTHER}")


def _bind(connection: Connection, account: Row[Any], identity: Identity, now: int) -> None:
    subject = identity.subject
    try:
        change_account(connection, account.account_id, now, issuer=subject.issuer, subject=subject.value, bound=now)
    except IntegrityError as error:
        raise InvitationError(
            "You have an account already, and can have one alone. Sign in as somebody else, or ask who invited you to "
            "delete the other account: the invitation still waits for you."
        ) from error
    before, after = subject_text(subject_of(account)), subject_text(subject)
    changed = change_row(account, now, "binding", before=before, after=after, who=subject, strength=STRENGTH)
    record(connection, [changed])


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()
