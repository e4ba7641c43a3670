"""What a policy finds: the same whatever the order, and never more for its exceptions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from keywatch.access_keys.findings import Excused, Finding, finding_id, findings_of_user
from keywatch.access_keys.key_facts import KeyFacts
from keywatch.access_keys.policy.model import KeyException, Policy
from keywatch.access_keys.policy.read import default_policy
from keywatch.access_keys.policy.rules import OlderThan, RootKey, Rule
from keywatch.access_keys.record import ROOT_USER
from tests.keywatch.judged import NOW, ONE, TWO, key, policy_of

TODAY: Final = NOW.date()
USERS: Final = ("ci-deploy", "backup-export", ROOT_USER)
RULES: Final[tuple[Rule, ...]] = default_policy().rules
IDS: Final = tuple(rule.id for rule in RULES)

days = st.integers(0, 200).map(lambda count: timedelta(days=count))
statuses = st.sampled_from(["Active", "Inactive", "Expired", None])


@st.composite
def users_keys(draw: st.DrawFn) -> list[KeyFacts]:
    """Make up to three keys of one user."""
    account, user = draw(st.sampled_from([ONE, TWO])), draw(st.sampled_from(USERS))
    return [
        key(
            user,
            account=account,
            which=f"AKIA...000{number}",
            status=draw(statuses),
            age=draw(st.none() | days),
            idle=draw(st.none() | days),
            seen=draw(days),
            active=draw(st.none() | days),
        )
        for number in range(draw(st.integers(0, 3)))
    ]


exceptions = st.builds(
    KeyException,
    accounts=st.lists(st.sampled_from([ONE, TWO]), max_size=1),
    users=st.lists(st.sampled_from([*USERS, "ci-*", "?ackup-*", "*"]), min_size=1, max_size=2),
    rules=st.lists(st.sampled_from(IDS), max_size=2),
    reason=st.just("So it is."),
    expires=st.integers(-3, 3).map(lambda count: TODAY + timedelta(days=count)),
)
"""Exceptions of some users, rules and accounts, expired and not."""


def policy_with(*some: KeyException) -> Policy:
    """Make the default policy with exceptions."""
    return Policy(version=1, rules=RULES, exceptions=some)


def judged(keys: Sequence[KeyFacts], policy: Policy, today: date = TODAY) -> list[Finding | Excused]:
    """Look at one user's keys."""
    return list(findings_of_user(keys, policy, NOW, today))


def found(each: Iterable[Finding | Excused]) -> list[Finding]:
    """Give the findings alone."""
    return [one for one in each if isinstance(one, Finding)]


@given(users_keys(), st.lists(exceptions, max_size=4))
def test_exceptions_only_take_away(keys: list[KeyFacts], some: list[KeyException]) -> None:
    """With exceptions nothing is found that is not without them, and what is not found is excused by one that holds."""
    without, with_them = judged(keys, policy_with()), judged(keys, policy_with(*some))

    assert [one.finding if isinstance(one, Excused) else one for one in with_them] == without
    for one in with_them:
        if isinstance(one, Excused):
            assert one.exception in some
            assert one.exception.expires >= TODAY
            assert one.exception.excuses(one.finding.rule.id, one.finding.key, TODAY)


@given(users_keys().flatmap(lambda keys: st.tuples(st.just(keys), st.permutations(keys))), st.lists(exceptions))
def test_order_of_keys_does_not_matter(both: tuple[list[KeyFacts], list[KeyFacts]], some: list[KeyException]) -> None:
    """However a user's keys come, the same is found, in the same order."""
    assert judged(both[0], policy_with(*some)) == judged(both[1], policy_with(*some))


@given(users_keys(), st.lists(exceptions, max_size=3))
def test_same_keys_make_the_same_findings(keys: list[KeyFacts], some: list[KeyException]) -> None:
    """Looking twice finds the same, and each rule finds a key once at most."""
    twice = [judged(list(keys), policy_with(*some)) for _ in range(2)]

    assert twice[0] == twice[1]
    ids = [each.id for each in found(twice[0])]
    assert len(ids) == len(set(ids))


@given(users_keys(), st.lists(exceptions, max_size=3), st.integers(1, 900))
def test_expired_exception_changes_nothing(keys: list[KeyFacts], some: list[KeyException], late: int) -> None:
    """From the day after its last, an exception is as if it were not there."""
    gone = [each.model_copy(update={"expires": TODAY - timedelta(days=late)}) for each in some]

    assert judged(keys, policy_with(*gone)) == judged(keys, policy_with())


@given(users_keys(), st.lists(exceptions, max_size=3))
def test_exception_holds_on_its_last_day(keys: list[KeyFacts], some: list[KeyException]) -> None:
    """The day that an exception names is the last on which it holds, whatever the time."""
    ends_today = [each.model_copy(update={"expires": TODAY}) for each in some]
    ends_never = [each.model_copy(update={"expires": date(9999, 12, 31)}) for each in some]

    assert found(judged(keys, policy_with(*ends_today))) == found(judged(keys, policy_with(*ends_never)))


def test_exception_on_its_last_day_and_the_day_after() -> None:
    """One exception, seen on its last day and on the next."""
    policy = policy_of("""
        version: 1
        rules: [{id: old, kind: older_than, days: 90, severity: high}]
        exceptions: [{users: [ci-deploy], reason: Until the move., expires: 2026-11-27}]
    """)
    old = key(age=timedelta(days=91))

    (on_its_last_day,) = judged([old], policy, date(2026, 11, 27))
    (on_the_next,) = judged([old], policy, date(2026, 11, 28))

    assert isinstance(on_its_last_day, Excused)
    assert on_its_last_day.finding == on_the_next
    assert [each.reason for each in policy.expired(date(2026, 11, 28))] == ["Until the move."]
    assert policy.expired(date(2026, 11, 27)) == ()


def test_exception_is_for_all_that_it_names_together() -> None:
    """An exception holds where account, user, key and rule all fit; what it does not name fits."""
    old = key(age=timedelta(days=100))
    rule = OlderThan(id="old", kind="older_than", days=90, severity="high")
    fits = {"accounts": [ONE], "users": ["ci-*"], "keys": [old.key_id], "rules": ["old"]}
    differs = {"accounts": [TWO], "users": ["CI-*"], "keys": ["k" + "A" * 26], "rules": ["other"]}
    usual = {"reason": "So it is.", "expires": TODAY}

    assert KeyException.model_validate(fits | usual).excuses(rule.id, old, TODAY)
    for name, value in differs.items():
        assert not KeyException.model_validate(fits | usual | {name: value}).excuses(rule.id, old, TODAY)
        others = {each: some for each, some in fits.items() if each != name}
        assert KeyException.model_validate(others | usual).excuses(rule.id, old, TODAY)


def test_first_exception_that_fits_is_the_one_that_counts() -> None:
    """Of several exceptions that excuse a finding, the first in the policy does."""
    first, second = (
        KeyException(users=("ci-*",), reason=reason, expires=TODAY) for reason in ("The first.", "The second.")
    )
    (excused,) = judged([key(age=timedelta(days=100), idle=timedelta(0))], policy_with(first, second))

    assert isinstance(excused, Excused)
    assert excused.exception.reason == "The first."


def test_exception_of_a_name_with_dots_is_for_that_name_alone() -> None:
    """What IAM takes in names, and a regular expression takes for something else, is a letter like any other."""
    exception = KeyException(users=("ci.a+",), reason="So it is.", expires=TODAY)

    assert exception.excuses("old", key("ci.a+"), TODAY)
    assert not exception.excuses("old", key("ci-aa"), TODAY)


def test_exception_of_a_key_holds_for_one_of_which_no_more_is_known() -> None:
    """To tell whether an exception is about a key it is enough to know whose it is, and its KeyId."""
    whole = key()
    facts = KeyFacts.of_user(whole.key_id, ONE, "ci-deploy", whole.user_arn, NOW)
    for fits in ({"keys": [whole.key_id]}, {"users": ["ci-*"]}, {"accounts": [ONE]}):
        exception = KeyException.model_validate(fits | {"reason": "So it is.", "expires": TODAY})
        assert exception.excuses("old", facts, TODAY)
        assert not exception.excuses("old", facts, TODAY + timedelta(days=1))


def test_root_is_excused_by_its_name() -> None:
    """An exception for `<root_account>` is for the root user, and a `*` is for him too."""
    root = key(ROOT_USER, status=None, age=None)
    rule = RootKey(id="root-key", kind="root_key", severity="critical")
    for users in (ROOT_USER, "*"):
        exception = KeyException(accounts=(ONE,), users=(users,), reason="Being closed.", expires=TODAY)
        assert exception.excuses(rule.id, root, TODAY)


def test_id_of_a_finding_is_the_same_over_the_days() -> None:
    """A finding is known by its rule and its key, whatever else changes."""
    old = key(age=timedelta(days=100))
    one = Finding(OlderThan(id="old", kind="older_than", days=90, severity="high"), old, "100 days old")
    other = Finding(OlderThan(id="old", kind="older_than", days=30, severity="low"), old, "101 days old")

    assert one.id == other.id == finding_id("old", old.key_id) == "f2YTTJWE7U2A4ONH47CTD7WZ46D"
    assert finding_id("older", old.key_id) != one.id
    assert finding_id("old", key().key_id) != one.id
