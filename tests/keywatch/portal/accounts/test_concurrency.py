"""Several at once: what one writes, no other loses, and what only one may have, only one gets."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import URL

from keywatch.errors import AccountChangedError, InvitationError, KeywatchError, NoAccountError
from keywatch.portal.accounts.model import Account, AccountEntry
from keywatch.portal.accounts.store import AccountStore
from keywatch.portal.provider.model import Identity
from tests.keywatch.portal.accounts.kept import ADMIN, MFA, PAYMENTS, SEARCH, Kept, person, subject

ROUNDS = 12
CHANGES = 20

T = TypeVar("T")


def at_once(kept: Kept, *tasks: Callable[[AccountStore], T]) -> list[T | KeywatchError]:
    """Do things at the same time, each with connections of its own; give what comes of each."""
    barrier = threading.Barrier(len(tasks))

    def do(task: Callable[[AccountStore], T]) -> T | KeywatchError:
        store = kept.another()
        barrier.wait(10)
        try:
            return task(store)
        except KeywatchError as error:
            return error
        finally:
            store.close()

    with ThreadPoolExecutor(len(tasks)) as pool:
        return list(pool.map(do, tasks))


def accepting(code: str, who: Identity) -> Callable[[AccountStore], Account]:
    """Make somebody's acceptance of an invitation."""
    return lambda store: store.accept(code, who)


def texts_of(kept: Kept, account: Account) -> list[tuple[str | None, str | None]]:
    """Give what the beneficiary was changed from and to, oldest first."""
    changes = reversed(kept.store.changes(account.account_id))
    return [(each.before, each.after) for each in changes if each.what == "beneficiary"]


def test_no_change_is_lost(kept: Kept) -> None:
    """Of two who write over one another, each finds what the other wrote, and all is recorded."""
    account = kept.bound()

    def write(name: str) -> Callable[[AccountStore], None]:
        def task(store: AccountStore) -> None:
            for number in range(CHANGES):
                store.set_beneficiary(subject(), f"{name} {number}", strength=MFA)

        return task

    assert at_once(kept, write("one"), write("two")) == [None, None]

    recorded = texts_of(kept, account)
    befores, afters = zip(*recorded, strict=True)
    assert list(befores) == [None, *afters[:-1]]
    assert sorted(map(str, afters)) == sorted(
        f"{name} {number}" for name in ("one", "two") for number in range(CHANGES)
    )
    found = kept.store.find(subject())
    assert (found.beneficiary, found.version) == (afters[-1], account.version + 2 * CHANGES)


def count_up(store: AccountStore) -> None:
    """Read a number, and write the next, as often as `CHANGES`."""
    for _ in range(CHANGES):
        while True:
            account = store.find(subject())
            following = str(int(account.beneficiary or 0) + 1)
            try:
                store.set_beneficiary(subject(), following, expected_version=account.version, strength=MFA)
                break
            except AccountChangedError:
                continue


def count_up_in_a_process(url: URL) -> None:
    """Do so in a process of its own."""
    store = AccountStore(url)
    count_up(store)
    store.close()


def test_who_writes_what_they_have_read_overwrites_nobody(kept: Kept) -> None:
    """Two who read, think, and write back what follows, count every time."""
    kept.bound()

    assert at_once(kept, count_up, count_up) == [None, None]

    assert kept.store.find(subject()).beneficiary == str(2 * CHANGES)


def test_processes_overwrite_nobody(kept: Kept) -> None:
    """Two processes count every time as well."""
    kept.bound()
    context = multiprocessing.get_context("spawn")
    started = [context.Process(target=count_up_in_a_process, args=(kept.url,)) for _ in range(2)]
    for process in started:
        process.start()
    for process in started:
        process.join(60)

    assert [process.exitcode for process in started] == [0, 0]
    assert kept.store.find(subject()).beneficiary == str(2 * CHANGES)


def test_one_of_two_accepts(kept: Kept) -> None:
    """An invitation that two people of the same address open at once is one's; the other is told that it is used."""
    for number in range(ROUNDS):
        email = f"owner{number}@keywatch.example"
        code = kept.store.invite(email, issued_by=ADMIN).code
        values = f"one-{number}", f"two-{number}"

        ended = at_once(kept, *(accepting(code, person(value, email)) for value in values))

        [lost] = [each for each in ended if isinstance(each, InvitationError)]
        [won] = [each for each in ended if isinstance(each, Account)]
        assert "has been used" in str(lost)
        found = [value for value in values if has_account(kept, value)]
        assert [subject(value) for value in found] == [won.subject]


def test_one_person_gets_one_account(kept: Kept) -> None:
    """Of two invitations that one subject accepts at once, one is left for somebody else."""
    for number in range(ROUNDS):
        emails = f"one{number}@keywatch.example", f"two{number}@keywatch.example"
        codes = [kept.store.invite(email, issued_by=ADMIN).code for email in emails]
        mine = [(code, person(f"me-{number}", email)) for code, email in zip(codes, emails, strict=True)]

        ended = at_once(kept, *(accepting(code, who) for code, who in mine))

        [lost] = [place for place, each in enumerate(ended) if isinstance(each, InvitationError)]
        assert "You have an account already" in str(ended[lost])
        other = person(f"other-{number}", emails[lost])
        assert kept.store.accept(codes[lost], other).subject == other.subject


def test_two_who_invite_leave_one_invitation_open(kept: Kept) -> None:
    """There is one account, and of its invitations the later one alone."""
    for number in range(ROUNDS):
        email = f"owner{number}@keywatch.example"

        ended = at_once(kept, *[lambda store: store.invite(email, issued_by=ADMIN)] * 2)  # noqa: B023 - done within the round

        codes = [each.code for each in ended if not isinstance(each, KeywatchError)]
        assert len(codes) == 2
        accepted = at_once(kept, *(accepting(code, person(email, email)) for code in codes))
        assert sorted(isinstance(each, Account) for each in accepted) == [False, True]
    assert len(kept.store.accounts()) == ROUNDS


def test_file_and_person_lose_nothing(kept: Kept) -> None:
    """An import beside a person's own change takes nothing else of theirs."""
    kept.bound()
    entries = [AccountEntry(email, {"policynumber": "42"}) for email in (SEARCH, PAYMENTS)]

    at_once(
        kept,
        lambda store: store.import_accounts(entries, by="root"),
        lambda store: store.import_accounts(reversed(entries), by="root"),
        lambda store: store.set_beneficiary(subject(), "Somebody", strength=MFA),
    )

    paid, search = kept.store.accounts()
    assert (paid.policynumber, paid.beneficiary, paid.subject) == ("42", "Somebody", subject())
    assert (search.policynumber, search.version) == ("42", 1)


def test_account_is_deleted_or_accepted(kept: Kept) -> None:
    """Whichever comes first, nobody keeps an account that is deleted."""
    for number in range(ROUNDS):
        email = f"owner{number}@keywatch.example"
        code = kept.store.invite(email, issued_by=ADMIN).code

        at_once(
            kept,
            accepting(code, person("me", email)),
            lambda store: store.delete(email, ADMIN),  # noqa: B023 - done within the round
        )

        assert not has_account(kept, "me")
    assert kept.store.accounts() == ()


def has_account(kept: Kept, value: str) -> bool:
    """Tell whether somebody has an account."""
    try:
        kept.store.find(subject(value))
    except NoAccountError:
        return False
    return True
