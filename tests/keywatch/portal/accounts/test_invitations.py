"""Invitations: who may accept which, and what stays as it was when somebody may not."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from keywatch.errors import BadQueryError, InvitationError, NoAccountError, StoreUnavailableError
from keywatch.portal.accounts.store import AccountStore
from keywatch.portal.provider.model import Identity, Subject
from keywatch.report.engine import open_engine, sqlite_url
from tests.keywatch.portal.accounts.kept import ADMIN, ISSUER, PAYMENTS, SEARCH, Kept, person, subject

DAY = 86_400


def test_invitation_binds_the_account_to_who_accepts_it(kept: Kept) -> None:
    """From then on, the account is that subject's."""
    invitation = kept.store.invite(
        PAYMENTS, issued_by=ADMIN, policynumber=" 42 ", beneficiary="Prüfstelle", owner="payments-team"
    )
    kept.clock.now += 60

    account = kept.store.accept(invitation.code, person())

    assert kept.store.find(subject()) == account
    assert (account.email, account.policynumber, account.beneficiary) == (PAYMENTS, "42", "Prüfstelle")
    assert (account.owner, account.subject, account.bound) == ("payments-team", subject(), kept.clock.moment)
    assert re.fullmatch(r"[0-9a-f]{32}", account.account_id)
    assert (account.created, account.updated) == (kept.clock.moment - timedelta(minutes=1), kept.clock.moment)


def test_report_knows_an_owner_by_their_address_unless_told_otherwise(kept: Kept) -> None:
    """The owner of an account is its e-mail at first."""
    assert kept.bound().owner == PAYMENTS


def test_invitation_says_until_when_it_is_and_hides_its_code(kept: Kept) -> None:
    """It lasts a week, its code is long, and neither a log nor the store has it."""
    invitation = kept.store.invite(PAYMENTS, issued_by=ADMIN)

    assert invitation.expires - kept.clock.moment == timedelta(days=7)
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", invitation.code)
    assert invitation.code not in repr(invitation)
    assert invitation.code not in repr(kept.store.changes())


def test_store_has_no_code(kept: Kept, tmp_path: Path) -> None:
    """Who reads the database can accept nothing by what is in it."""
    code = kept.store.invite(PAYMENTS, issued_by=ADMIN).code
    kept.store.close()

    assert all(code.encode() not in file.read_bytes() for file in tmp_path.glob("report.db*"))


Try = Callable[[Kept], tuple[str, Identity]]


def _open(kept: Kept, **more: Any) -> str:  # noqa: ANN401 - of invite
    return kept.store.invite(PAYMENTS, issued_by=ADMIN, **more).code


def _used(kept: Kept) -> str:
    code = _open(kept)
    kept.store.accept(code, person())
    return code


def _revoked(kept: Kept) -> str:
    code = _open(kept)
    _open(kept)
    return code


def _over(kept: Kept) -> str:
    code = _open(kept, days=2)
    kept.clock.now += 2 * DAY
    return code


def _of_a_deleted_account(kept: Kept) -> str:
    code = _open(kept)
    kept.store.delete(PAYMENTS, ADMIN)
    return code


def _with_another_account(kept: Kept) -> str:
    kept.bound(SEARCH, "subject-9")
    return _open(kept)


REFUSED: dict[str, tuple[Callable[[Kept], str], Identity, str]] = {
    "unknown": (lambda _: "A" * 43, person(), "There is no such invitation. Open the whole link"),
    "empty": (lambda _: "", person(), "There is no such invitation"),
    "half a character": (lambda _: "\ud800", person(), "There is no such invitation"),
    "cut": (lambda kept: _open(kept)[:-1], person(), "There is no such invitation"),
    "other case": (lambda kept: _open(kept).swapcase(), person(), "There is no such invitation"),
    "used by them": (_used, person(), "has been used. If it was by you, your account is bound"),
    "used by another": (_used, person("subject-2"), "has been used"),
    "revoked": (_revoked, person(), "has been revoked, as a newer one was sent"),
    "over": (_over, person(), "This invitation ended on 2026-11-20 11:06 UTC. Ask for another"),
    "of a deleted account": (_of_a_deleted_account, person(), "There is no such invitation"),
    "not verified": (_open, person(verified=False), "does not say that your e-mail address is yours. Confirm it"),
    "no e-mail": (_open, person(email=None), "is for another e-mail address than yours"),
    "other e-mail": (_open, person(email=SEARCH), "is for another e-mail address than yours"),
    "look-alike": (_open, person(email=PAYMENTS.replace("o", "\u043e")), "is for another e-mail address"),
    "full-width": (_open, person(email=PAYMENTS.replace("p", "\uff50")), "is for another e-mail address"),
    "space after": (_open, person(email=f"{PAYMENTS} "), "is for another e-mail address"),
    "line after": (_open, person(email=f"{PAYMENTS}\n"), "is for another e-mail address"),
    "two addresses": (_open, person(email=f"{PAYMENTS},{SEARCH}"), "is for another e-mail address"),
    "bound elsewhere": (_with_another_account, person("subject-9"), "You have an account already"),
    "no subject": (_open, person(""), "identifier of you cannot be kept"),
    "NUL in the subject": (_open, person("a\0"), "identifier of you cannot be kept"),
    "endless subject": (_open, person("a" * 513), "identifier of you cannot be kept"),
}


@pytest.mark.parametrize(("made", "who", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_refused_attempt_changes_nothing(kept: Kept, made: Callable[[Kept], str], who: Identity, said: str) -> None:
    """Who may not accept is told why, and neither account nor invitation is another after it."""
    code = made(kept)
    before = kept.store.accounts(), kept.store.changes()

    with pytest.raises(InvitationError) as caught:
        kept.store.accept(code, who)

    assert said in str(caught.value)
    assert (kept.store.accounts(), kept.store.changes()) == before
    assert PAYMENTS not in str(caught.value)
    assert not code or code not in str(caught.value)


@pytest.mark.parametrize("attempt", [person(verified=False), person(email=SEARCH), person("subject-9")], ids=str)
def test_invitation_still_waits_for_who_it_is_for(kept: Kept, attempt: Identity) -> None:
    """An attempt that was refused uses nothing up."""
    kept.bound(SEARCH, "subject-9")
    code = _open(kept)
    with pytest.raises(InvitationError):
        kept.store.accept(code, attempt)

    assert kept.store.accept(code, person()).subject == subject()


def test_case_of_the_address_does_not_matter(kept: Kept) -> None:
    """The provider may write the address in another case, and so may who invites again."""
    first = kept.store.invite(PAYMENTS, issued_by=ADMIN)
    second = kept.store.invite(PAYMENTS.upper(), issued_by=ADMIN)
    assert first.account_id == second.account_id

    account = kept.store.accept(second.code, person(email=PAYMENTS.title()))

    assert account.email == PAYMENTS
    assert len(kept.store.accounts()) == 1


def test_last_second_counts(kept: Kept) -> None:
    """An invitation may be accepted until the moment that it names, and no longer."""
    code = _open(kept, days=1)
    kept.clock.now += DAY - 1

    assert kept.store.accept(code, person()).subject == subject()


def test_bound_account_takes_no_further_invitation(kept: Kept) -> None:
    """Nobody takes an account over by an invitation that was sent without a thought."""
    account = kept.bound()
    before = kept.store.changes()

    with pytest.raises(InvitationError, match=r"is bound already.*invite them with --rebind"):
        kept.store.invite(PAYMENTS, issued_by=ADMIN, beneficiary="Somebody else")

    assert kept.store.find(subject()) == account
    assert kept.store.changes() == before


def test_binding_stays_until_the_invitation_to_bind_anew_is_accepted(kept: Kept) -> None:
    """An invitation locks nobody out; who accepts it does."""
    account = kept.bound()
    code = _open(kept, rebind=True)
    assert kept.store.find(subject()) == account

    rebound = kept.store.accept(code, person("subject-2"))

    assert kept.store.find(subject("subject-2")) == rebound
    assert rebound.account_id == account.account_id
    with pytest.raises(NoAccountError):
        kept.store.find(subject())
    change = kept.store.changes()[0]
    assert (change.what, change.who, change.strength) == (
        "binding",
        subject("subject-2"),
        "invitation and verified e-mail",
    )
    assert (change.before, change.after) == (f"{ISSUER} subject-1", f"{ISSUER} subject-2")


def test_who_is_bound_may_accept_an_invitation_to_bind_anew(kept: Kept) -> None:
    """It is used up, and nothing is another."""
    account = kept.bound()
    code = _open(kept, rebind=True)

    assert kept.store.accept(code, person()) == account
    with pytest.raises(InvitationError, match="has been used"):
        kept.store.accept(code, person("subject-2"))


def test_same_identifier_of_another_provider_is_somebody_else(kept: Kept) -> None:
    """A subject is an issuer and an identifier, both as they are written."""
    kept.bound(value="subject-1")

    others = (
        Subject("https://other.example", "subject-1"),
        Subject(ISSUER, "SUBJECT-1"),
        Subject(ISSUER.upper(), "subject-1"),
        Subject(ISSUER, "subject-1 "),
        Subject(ISSUER.rstrip("/"), "subject-1"),
        Subject("", "subject-1"),
        Subject(ISSUER, "subject-1\0"),
        Subject(ISSUER, "\ud800"),
    )
    for other in others:
        with pytest.raises(NoAccountError, match="Ask for an invitation, and open its link"):
            kept.store.find(other)


def test_address_of_the_provider_says_nothing_once_an_account_is_bound(kept: Kept) -> None:
    """A new subject with the old address, as of a user who was deleted and made anew, has no account."""
    kept.bound()

    with pytest.raises(NoAccountError):
        kept.store.find(subject("subject-of-the-new-user"))


@pytest.mark.parametrize(
    ("more", "said"),
    [({"days": 0}, "lasts 1 to 90 days, and not 0"), ({"days": 91}, "and not 91"), ({"days": -1}, "and not -1")],
)
def test_invitation_of_impossible_days_is_refused(kept: Kept, more: dict[str, int], said: str) -> None:
    """Days are counted from one to ninety."""
    with pytest.raises(InvitationError, match=said):
        kept.store.invite(PAYMENTS, issued_by=ADMIN, **more)  # type: ignore[arg-type]
    assert kept.store.accounts() == ()


@pytest.mark.parametrize("name", ["policynumber", "beneficiary", "owner"])
def test_text_that_cannot_be_kept_is_refused(kept: Kept, name: str) -> None:
    """A text with a control character makes no account."""
    with pytest.raises(BadQueryError, match=f"The {name} holds a control character"):
        kept.store.invite(PAYMENTS, issued_by=ADMIN, **{name: "a\x1b[2J"})  # type: ignore[arg-type]
    assert kept.store.accounts() == ()


def test_accounts_tell_until_when_somebody_is_invited(kept: Kept) -> None:
    """A list of accounts has invitations that are open, and no other."""
    invitation = kept.store.invite(SEARCH, issued_by=ADMIN, days=2)
    kept.bound()

    bound, invited = kept.store.accounts()

    assert [bound.email, invited.email] == [PAYMENTS, SEARCH]
    assert (bound.invited_until, invited.invited_until) == (None, invitation.expires)
    kept.clock.now += 2 * DAY
    assert [each.invited_until for each in kept.store.accounts()] == [None, None]


def test_nobody_is_known_where_there_is_no_store(tmp_path: Path) -> None:
    """A portal without a store lets nobody in, says what is missing, and makes no file."""
    store = AccountStore(sqlite_url(tmp_path / "nowhere.db"))

    with pytest.raises(StoreUnavailableError, match="no report store yet"):
        store.find(subject())
    with pytest.raises(InvitationError, match="no such invitation"):
        store.accept("A" * 43, person())
    with pytest.raises(StoreUnavailableError):
        store.set_beneficiary(subject(), "x", strength="")
    assert (store.accounts(), store.changes(), list(tmp_path.iterdir())) == ((), (), [])


def test_invitation_of_the_store_cannot_be_guessed_from_its_row(kept: Kept) -> None:
    """The hash that the store has is no code."""
    _open(kept)
    engine = open_engine(kept.url, writing=False)
    with engine.begin() as connection:
        kept_hash = connection.scalar(text("SELECT code_sha256 FROM portal_invitation"))
    engine.dispose()

    with pytest.raises(InvitationError, match="no such invitation"):
        kept.store.accept(str(kept_hash), person())
