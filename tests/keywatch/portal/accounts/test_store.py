"""Accounts: what is changed, by whom, and what is told of it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from keywatch.errors import (
    AccountChangedError,
    BadQueryError,
    InvitationError,
    NoAccountError,
    StoreBusyError,
    StoreSchemaError,
    StoreUnavailableError,
)
from keywatch.portal.accounts.accounts_json import read_accounts, write_accounts
from keywatch.portal.accounts.model import AccountEntry, Change, Imported
from keywatch.portal.accounts.store import AccountStore
from keywatch.report.engine import open_engine, sqlite_url
from keywatch.report.migrate import migrate
from tests.keywatch.portal.accounts.kept import ADMIN, MFA, PAYMENTS, SEARCH, Kept, person, subject


def test_beneficiary_is_changed_and_recorded(kept: Kept) -> None:
    """A change is there for every connection, with who made it, when, and how they were authenticated."""
    account = kept.bound()
    kept.clock.now += 3600

    changed = kept.store.set_beneficiary(subject(), "  Prüfstelle Süd\u3000", strength=MFA)

    assert (changed.beneficiary, changed.version) == ("Prüfstelle Süd", account.version + 1)
    assert changed.updated == account.updated + timedelta(hours=1)
    another = kept.another()
    assert another.find(subject()) == changed
    assert another.changes(account.account_id)[0] == Change(
        account_id=account.account_id,
        email=PAYMENTS,
        changed=kept.clock.moment,
        what="beneficiary",
        before=None,
        after="Prüfstelle Süd",
        who=subject(),
        strength=MFA,
    )
    another.close()


@pytest.mark.parametrize("nobody", [None, "", " \t"])
def test_beneficiary_is_taken_away(kept: Kept, nobody: str | None) -> None:
    """Nothing names nobody."""
    kept.bound()
    kept.store.set_beneficiary(subject(), "Somebody", strength=MFA)

    assert kept.store.set_beneficiary(subject(), nobody, strength=MFA).beneficiary is None
    assert kept.store.changes()[0].after is None


def test_same_beneficiary_is_no_change(kept: Kept) -> None:
    """Whoever says again what is there changes no version, and nothing is recorded."""
    kept.bound()
    account = kept.store.set_beneficiary(subject(), "Somebody", strength=MFA)
    before = kept.store.changes()

    assert kept.store.set_beneficiary(subject(), " Somebody ", strength=MFA) == account
    assert kept.store.changes() == before


@pytest.mark.parametrize("text", ["Somebody", None])
def test_change_of_what_somebody_has_not_seen_is_refused(kept: Kept, text: str | None) -> None:
    """Of an account that has been changed since, nothing is changed, were it to the same."""
    version = kept.bound().version
    account = kept.store.set_beneficiary(subject(), "Somebody", expected_version=version, strength=MFA)

    with pytest.raises(AccountChangedError, match="Read it again, and then change it"):
        kept.store.set_beneficiary(subject(), text, expected_version=version, strength=MFA)

    assert kept.store.find(subject()) == account


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("b" * 257, "has 257 characters. Shorten it to 256"),
        ("a\nb", "holds a control character"),
        ("a\0b", "holds a control character"),
        ("a\x7fb", "holds a control character"),
        ("a\u2028b", "holds a control character"),
        ("a\ud800b", "holds a control character"),
        ("a\u202eb", "holds a control character"),
    ],
)
def test_text_that_cannot_be_kept_is_refused(kept: Kept, text: str, said: str) -> None:
    """A beneficiary is up to 256 characters on one line, and looks like what it is."""
    account = kept.bound()

    with pytest.raises(BadQueryError, match=said):
        kept.store.set_beneficiary(subject(), text, strength=MFA)
    assert kept.store.find(subject()) == account


@pytest.mark.parametrize("text", ["b" * 256, "\u0645\u06cc\u200c\u0631\u0648\u0645", "山田\u3000商店", "<b>&'\"", "🏦"])
def test_text_of_any_script_is_kept(kept: Kept, text: str) -> None:
    """Names are written in many ways, joiners and wide spaces among them."""
    kept.bound()
    kept.store.set_beneficiary(subject(), text, strength=MFA)

    assert kept.store.find(subject()).beneficiary == text


def test_stranger_changes_nothing(kept: Kept) -> None:
    """Who has no account cannot change one."""
    kept.bound()
    before = kept.store.accounts()

    with pytest.raises(NoAccountError):
        kept.store.set_beneficiary(subject("subject-2"), "Me", strength=MFA)
    assert kept.store.accounts() == before


def test_changes_tell_the_whole_story(kept: Kept) -> None:
    """From the invitation to the end, newest first, and others' apart."""
    account = kept.bound()
    kept.bound(SEARCH, "subject-2")
    kept.store.set_beneficiary(subject(), "Somebody", strength=MFA)
    kept.store.delete(PAYMENTS.upper(), "root")

    story = [(each.what, each.who, each.strength) for each in kept.store.changes(email=PAYMENTS)]
    assert story == [
        ("account", "root", "command"),
        ("binding", "root", "command"),
        ("beneficiary", subject(), MFA),
        ("binding", subject(), "invitation and verified e-mail"),
        ("invitation", ADMIN, "command"),
        ("account", ADMIN, "command"),
    ]
    assert kept.store.changes(account.account_id) == kept.store.changes(email=PAYMENTS)
    assert len(kept.store.changes()) == len(story) + 3


def test_deleted_account_lets_nobody_in(kept: Kept) -> None:
    """Who had it has none; a new one of the same address is another account."""
    account = kept.bound()
    kept.store.delete(PAYMENTS, ADMIN)

    with pytest.raises(NoAccountError):
        kept.store.find(subject())
    assert kept.store.accounts() == ()
    again = kept.bound(value="subject-2")
    assert again.account_id != account.account_id
    assert len(kept.store.changes(again.account_id)) == 3
    assert len(kept.store.changes(email=PAYMENTS)) == 8


def test_account_that_is_not_there_is_not_deleted(kept: Kept) -> None:
    """A wrong address is told."""
    with pytest.raises(NoAccountError, match=r"no account of nobody@keywatch\.example. See `keywatch portal accounts`"):
        kept.store.delete("Nobody@keywatch.example", ADMIN)
    with pytest.raises(InvitationError, match="no e-mail address"):
        kept.store.delete("nobody", ADMIN)


def test_file_adds_and_changes_accounts(kept: Kept) -> None:
    """What a file does not say stays, what it says is null goes, and bindings stay as they are."""
    account = kept.bound()
    kept.store.set_beneficiary(subject(), "Somebody", strength=MFA)
    entries = [
        AccountEntry(PAYMENTS.upper(), {"policynumber": "42"}),
        AccountEntry(SEARCH, {"policynumber": "7", "beneficiary": None}),
    ]

    assert kept.store.import_accounts(entries, by="root") == Imported(added=1, changed=1, unchanged=0)

    paid, search = kept.store.accounts()
    assert (paid.email, paid.policynumber, paid.beneficiary) == (PAYMENTS, "42", "Somebody")
    assert (paid.subject, paid.bound, paid.account_id) == (account.subject, account.bound, account.account_id)
    assert (search.policynumber, search.beneficiary, search.subject, search.owner) == ("7", None, None, SEARCH)
    change = kept.store.changes(account.account_id)[0]
    assert (change.what, change.before, change.after, change.who) == ("policynumber", None, "42", "root")
    assert kept.store.import_accounts(entries, by="root") == Imported(added=0, changed=0, unchanged=2)
    cleared = [AccountEntry(PAYMENTS, {"beneficiary": None})]
    assert kept.store.import_accounts(cleared, by="root") == Imported(added=0, changed=1, unchanged=0)
    assert kept.store.find(subject()).beneficiary is None


def test_file_of_thousands_is_taken(kept: Kept) -> None:
    """A large file is taken whole, and comes out as it went in."""
    entries = [
        AccountEntry(f"owner{number:04}@keywatch.example", {"policynumber": str(number), "beneficiary": None})
        for number in range(1_700)
    ]

    assert kept.store.import_accounts(reversed(entries), by="root") == Imported(added=1_700, changed=0, unchanged=0)
    assert list(kept.store.export()) == entries
    written = write_accounts(kept.store.export())
    assert kept.store.import_accounts(read_accounts(written, "a"), by="root").unchanged == 1_700


def test_file_that_fails_changes_nothing(kept: Kept) -> None:
    """An entry that is none spoils all others."""
    entries = [AccountEntry(PAYMENTS, {}), AccountEntry("k\u0131m@keywatch.example", {})]

    with pytest.raises(InvitationError):
        kept.store.import_accounts(entries, by="root")
    assert kept.store.accounts() == ()


def test_change_that_meets_a_run_is_told_to_come_again(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a run writes, nothing can be changed for long, and everything can be read."""
    kept.bound()
    monkeypatch.setattr("keywatch.portal.accounts.store.WAIT_SECONDS", 0.1)
    store = kept.another()
    invitation = kept.store.invite(SEARCH, issued_by=ADMIN)
    run = open_engine(sqlite_url(tmp_path / "report.db"), writing=True)
    with run.begin():
        assert store.find(subject()) == kept.store.find(subject())
        for change in (
            lambda: store.set_beneficiary(subject(), "Somebody", strength=MFA),
            lambda: store.accept(invitation.code, person("subject-2", SEARCH)),
            lambda: store.invite(SEARCH, issued_by=ADMIN),
        ):
            with pytest.raises(StoreBusyError, match=r"A report is just being written.*Try again") as caught:
                change()
            assert caught.value.retry_after == 60
    run.dispose()

    assert store.set_beneficiary(subject(), "Somebody", strength=MFA).beneficiary == "Somebody"
    store.close()


def test_store_of_another_version_is_told(tmp_path: Path) -> None:
    """A portal that is newer than the store says what to do, and the command migrates."""
    engine = open_engine(sqlite_url(tmp_path / "report.db"), writing=True)
    migrate(engine, "0004")
    engine.dispose()
    store = AccountStore(sqlite_url(tmp_path / "report.db"))
    with pytest.raises(StoreSchemaError, match="has schema 0004"):
        store.find(subject())

    store.prepare()

    with pytest.raises(NoAccountError):
        store.find(subject())
    store.close()


def test_store_out_of_reach_is_told(tmp_path: Path) -> None:
    """A store that cannot be opened is no account that is not there."""
    (tmp_path / "report.db").mkdir()
    store = AccountStore(sqlite_url(tmp_path / "report.db"))

    with pytest.raises(StoreUnavailableError, match="See that it is reachable"):
        store.find(subject())
    with pytest.raises(StoreUnavailableError):
        store.prepare()
