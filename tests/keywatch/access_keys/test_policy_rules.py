"""The kinds of rules, on both sides of what they allow."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keywatch.access_keys.key_facts import KeyFacts
from keywatch.access_keys.policy.fields import Severity, fits_one
from keywatch.access_keys.policy.model import SEVERITIES, is_as_severe
from keywatch.access_keys.policy.rules import (
    KINDS,
    BaseRule,
    InactiveFor,
    NeverUsed,
    OlderThan,
    RootKey,
    TwoActiveKeys,
    UnusedFor,
)
from keywatch.access_keys.record import ROOT_USER
from tests.keywatch.judged import NOW, key

DAY: Final = timedelta(days=1)
SECOND: Final = timedelta(seconds=1)

OLDER: Final = OlderThan(id="old", severity="high", kind="older_than", days=90)
UNUSED: Final = UnusedFor(id="unused", severity="high", kind="unused_for", days=45)
NEVER: Final = NeverUsed(id="never", severity="high", kind="never_used", grace_days=14)
TWO_KEYS: Final = TwoActiveKeys(id="two", severity="high", kind="two_active_keys", grace_days=7)
ROOT: Final = RootKey(id="root", severity="critical", kind="root_key")
INACTIVE: Final = InactiveFor(id="inactive", severity="low", kind="inactive_for", days=30)
ALL: Final[tuple[BaseRule, ...]] = (OLDER, UNUSED, NEVER, TWO_KEYS, ROOT, INACTIVE)


def reason(rule: BaseRule, found: KeyFacts, *others: KeyFacts) -> str | None:
    """Say what a rule says of a key whose user has no others but these."""
    return rule.reason(found, [found, *others], NOW)


def test_rule_without_a_reason_cannot_be_made() -> None:
    """A kind of rule that does not say why it is about a key is noticed before it finds anything."""

    class Silent(BaseRule):
        """A rule without a reason."""

    for kind in (BaseRule, Silent):
        with pytest.raises(TypeError, match=r"abstract.*reason"):
            kind.model_validate({"id": "silent", "severity": "low", "kind": "silent"})


@pytest.mark.parametrize("least", SEVERITIES)
def test_severities_are_told_from_a_least_one_on(least: Severity) -> None:
    """A severity is at least itself and every one that is less grave; one that nobody knows is at least none."""
    graver_or_same = SEVERITIES[: SEVERITIES.index(least) + 1]

    assert tuple(each for each in SEVERITIES if is_as_severe(each, least)) == graver_or_same
    assert (is_as_severe("critical", least), is_as_severe("", least), is_as_severe("worst", least)) == (
        True,
        False,
        False,
    )


@pytest.mark.parametrize(
    ("age", "days"),
    [
        (89 * DAY, None),
        (90 * DAY - SECOND, None),
        (90 * DAY, None),
        (90 * DAY + SECOND, None),
        (91 * DAY - SECOND, None),
        (91 * DAY, 91),
        (91 * DAY + SECOND, 91),
        (92 * DAY, 92),
    ],
)
def test_older_than_finds_the_day_after(age: timedelta, days: int | None) -> None:
    """A key is found when its whole days are above the rule's: of 90, on day 91."""
    assert reason(OLDER, key(age=age, idle=timedelta(0))) == (
        None if days is None else f"{days} days old; more than 90 are too many"
    )


@pytest.mark.parametrize(
    ("idle", "days"),
    [
        (44 * DAY, None),
        (45 * DAY - SECOND, None),
        (45 * DAY, 45),
        (45 * DAY + SECOND, 45),
        (46 * DAY - SECOND, 45),
        (46 * DAY, 46),
    ],
)
def test_unused_for_finds_on_the_day(idle: timedelta, days: int | None) -> None:
    """A key is found when it has been unused for the rule's whole days; of one never used, its age counts."""
    used, never = key(age=400 * DAY, idle=idle), key(age=idle)

    assert reason(UNUSED, used) == (None if days is None else f"last used {days} days ago; 45 are too many")
    assert reason(UNUSED, never) == (None if days is None else f"never used in {days} days; 45 are too many")


@pytest.mark.parametrize(
    ("age", "days"),
    [(13 * DAY, None), (14 * DAY - SECOND, None), (14 * DAY, 14), (14 * DAY + SECOND, 14), (15 * DAY, 15)],
)
def test_never_used_finds_when_its_grace_is_over(age: timedelta, days: int | None) -> None:
    """A key without a use is found from the day on which its grace period is over; one that was used, never."""
    assert reason(NEVER, key(age=age)) == (
        None if days is None else f"never used, and {days} days old; the grace period is 14"
    )
    assert reason(NEVER, key(age=age, idle=age)) is None


@pytest.mark.parametrize(
    ("newest", "days"),
    [(6 * DAY, None), (7 * DAY - SECOND, None), (7 * DAY, 7), (7 * DAY + SECOND, 7), (8 * DAY, 8)],
)
def test_two_active_keys_finds_the_older_when_the_rotation_is_over(newest: timedelta, days: int | None) -> None:
    """The older of two active keys is found when the newest is the grace period old; the newest is never found."""
    old, new = key(age=200 * DAY), key(age=newest, which="AKIA...0002")

    assert reason(TWO_KEYS, old, new) == (
        None if days is None else f"one of 2 active keys of its user, and the newest is {days} days old"
    )
    assert reason(TWO_KEYS, new, old) is None


def test_two_active_keys_made_in_the_same_second_find_one() -> None:
    """Of two keys that are of the same age, one and always the same is found."""
    one, other = key(age=50 * DAY), key(age=50 * DAY, which="AKIA...0002")

    found = {
        each.key_id: TWO_KEYS.reason(each, keys, NOW) for keys in ([one, other], [other, one]) for each in (one, other)
    }

    assert [each is None for _, each in sorted(found.items())] == [False, True]


def test_two_active_keys_counts_active_keys_alone() -> None:
    """One active key is right, whatever else its user has; a key of which no API says when it was made is passed by."""
    active = key(age=200 * DAY)
    for status in ("Inactive", "Expired", None):
        assert reason(TWO_KEYS, active, key(age=50 * DAY, which="AKIA...0002", status=status)) is None
        assert reason(TWO_KEYS, key(age=300 * DAY, status=status), active) is None
    unknown = key(age=None, which="AKIA...0002")
    assert reason(TWO_KEYS, active, unknown) is None
    assert reason(TWO_KEYS, unknown, active) is None
    assert reason(TWO_KEYS, active) is None


def test_two_active_keys_of_a_user_with_three() -> None:
    """All active keys but the newest are found, should AWS ever allow more than two."""
    keys = [key(age=number * 100 * DAY, which=f"AKIA...000{number}") for number in (1, 2, 3)]

    assert [TWO_KEYS.reason(each, keys, NOW) for each in keys] == [
        None,
        *["one of 3 active keys of its user, and the newest is 100 days old"] * 2,
    ]


@pytest.mark.parametrize("status", [None, "Active", "Inactive"])
def test_root_key_finds_keys_of_root_alone(status: str | None) -> None:
    """Every key of the root user is found, whatever is known of it; no key of a user called root is."""
    assert reason(ROOT, key(ROOT_USER, status=status, age=None)) == "a key of the root user, which may do everything"
    assert reason(ROOT, key("root")) is None


@pytest.mark.parametrize(
    ("since", "days"),
    [(29 * DAY, None), (30 * DAY - SECOND, None), (30 * DAY, 30), (30 * DAY + SECOND, 30), (31 * DAY, 31)],
)
def test_inactive_for_counts_since_a_report_saw_it_active(since: timedelta, days: int | None) -> None:
    """What counts is when a report last saw the key active, and of a key that none has, when one first saw it."""
    said = None if days is None else f"inactive for {days} days; after 30 it can be deleted"

    assert reason(INACTIVE, key(status="Inactive", active=since, seen=500 * DAY)) == said
    assert reason(INACTIVE, key(status="Inactive", active=None, seen=since)) == said


@pytest.mark.parametrize("status", ["Active", "Expired", None])
def test_inactive_for_is_about_inactive_keys_alone(status: str | None) -> None:
    """An active or expired key is not found, however long it has been there."""
    assert reason(INACTIVE, key(status=status, seen=900 * DAY)) is None


@pytest.mark.parametrize("status", ["Inactive", "Expired", None])
@pytest.mark.parametrize("rule", [OLDER, UNUSED, NEVER, TWO_KEYS], ids=lambda rule: rule.kind)
def test_key_that_opens_nothing_is_neither_old_nor_unused(rule: BaseRule, status: str | None) -> None:
    """An inactive or expired key, and one whose state nobody knows, is for no rule about active keys."""
    assert reason(rule, key(status=status, age=900 * DAY), key(age=100 * DAY, which="AKIA...0002")) is None


def test_root_is_for_its_own_rule_alone() -> None:
    """A key of root's, of which nothing else is known, is found by one rule and no other."""
    root = key(ROOT_USER, status=None, age=None, seen=900 * DAY)

    assert [rule.kind for rule in ALL if reason(rule, root)] == ["root_key"]


def test_key_of_unknown_age_is_not_old() -> None:
    """A key of which no API says when it was made is found by no rule that counts its age, but by its last use."""
    assert [rule.kind for rule in ALL if reason(rule, key(age=None))] == []
    assert [rule.kind for rule in ALL if reason(rule, key(age=None, idle=50 * DAY))] == ["unused_for"]


def test_key_from_the_future_is_new() -> None:
    """A key that was made or used after the newest report began is 0 days old, and so is the rest of it."""
    assert [rule.kind for rule in ALL if reason(rule, key(age=-90 * DAY, idle=-50 * DAY))] == []
    none = OlderThan(id="old", severity="high", kind="older_than", days=0)
    assert reason(none, key(age=-90 * DAY)) is None


@given(days=st.integers(0, 200), seconds=st.integers(0, 200 * 86_400))
def test_rules_count_whole_days(days: int, seconds: int) -> None:
    """Whatever the threshold and the age, each rule has the same border: a whole day, to the second."""
    past = timedelta(seconds=seconds)
    whole = seconds // 86_400
    older = OlderThan(id="r", severity="low", kind="older_than", days=days)
    unused = UnusedFor(id="r", severity="low", kind="unused_for", days=days)
    never = NeverUsed(id="r", severity="low", kind="never_used", grace_days=days)
    two = TwoActiveKeys(id="r", severity="low", kind="two_active_keys", grace_days=days)
    inactive = InactiveFor(id="r", severity="low", kind="inactive_for", days=days)
    old = key(age=past + DAY, which="AKIA...0002")

    assert bool(reason(older, key(age=past))) is (whole > days)
    assert bool(reason(unused, key(age=999 * DAY, idle=past))) is (whole >= days)
    assert bool(reason(never, key(age=past))) is (whole >= days)
    assert bool(reason(two, old, key(age=past))) is (whole >= days)
    assert bool(reason(inactive, key(status="Inactive", active=past))) is (whole >= days)


@pytest.mark.parametrize(
    ("rule", "against"),
    [
        (OLDER, "CIS AWS 3.0.0 1.14"),
        (OlderThan(id="r", severity="low", kind="older_than", days=89), None),
        (UNUSED, "CIS AWS 3.0.0 1.12"),
        (UnusedFor(id="r", severity="low", kind="unused_for", days=44), None),
        (NEVER, None),
        (NeverUsed(id="r", severity="low", kind="never_used", grace_days=45), "CIS AWS 3.0.0 1.12"),
        (NeverUsed(id="r", severity="low", kind="never_used", grace_days=44), None),
        (TWO_KEYS, "CIS AWS 3.0.0 1.13"),
        (ROOT, "CIS AWS 3.0.0 1.4"),
        (INACTIVE, None),
    ],
    ids=lambda value: f"{value.kind}" if isinstance(value, BaseRule) else str(value),
)
def test_control_is_named_if_every_finding_is_against_it(rule: BaseRule, against: str | None) -> None:
    """A rule that is stricter than the benchmark's control names none, for what it finds may be right by it."""
    assert rule.against == against


@given(days=st.integers(0, 200), past=st.integers(0, 400 * 86_400), used=st.booleans())
def test_nothing_is_said_to_be_against_a_control_that_it_is_not_against(days: int, past: int, used: bool) -> None:  # noqa: FBT001
    """What is found against 1.14 is more than 90 days old; against 1.12, it has been unused for 45 days or more."""
    since = timedelta(seconds=past)
    found = key(age=since, idle=since if used else None)
    older = OlderThan(id="r", severity="low", kind="older_than", days=days)
    unused = UnusedFor(id="r", severity="low", kind="unused_for", days=days)
    never = NeverUsed(id="r", severity="low", kind="never_used", grace_days=days)

    if reason(older, found) and older.against:
        assert since.days > 90
    for rule in (unused, never):
        if reason(rule, found) and rule.against:
            assert since.days >= 45


def test_control_of_ones_own_takes_the_place_of_the_benchmarks() -> None:
    """A rule that names a control is against that one, whatever the benchmark has."""
    own = OlderThan(id="r", severity="low", kind="older_than", days=90, control="KEYS-7")
    stricter = OlderThan(id="r", severity="low", kind="older_than", days=30, control="KEYS-8")

    assert (own.against, stricter.against) == ("KEYS-7", "KEYS-8")


def test_rules_of_use_alone_propose() -> None:
    """A rule asks for deactivation if it says so, and only rules about keys that nobody uses can."""
    unused = UnusedFor(id="r", severity="low", kind="unused_for", days=45, deactivate="propose")
    never = NeverUsed(id="r", severity="low", kind="never_used", grace_days=14, deactivate="propose")

    assert (unused.proposes, never.proposes) == (True, True)
    assert [rule.proposes for rule in ALL] == [False] * len(ALL)
    assert {kind for kind in KINDS if "deactivate" in kind.model_fields} == {UnusedFor, NeverUsed}


@pytest.mark.parametrize(
    ("name", "pattern", "fits"),
    [
        ("ci-deploy", "ci-*", True),
        ("ci-1", "ci-?", True),
        ("ci-", "ci-?", False),
        ("CI-1", "ci-*", False),
        ("ci-[ab]", "ci-[ab]", True),
        ("ci-a", "ci-[ab]", False),
        ("ci-a", "ci-[!b]", False),
        ("ci-[!b]", "ci-[!*", True),
        ("ci-[[]", "ci-[[]", True),
        ("[", "[", True),
    ],
)
def test_star_and_question_mark_alone_stand_for_others(name: str, pattern: str, fits: bool) -> None:  # noqa: FBT001
    """In a pattern `*` stands for any characters and `?` for one; brackets are what they look like."""
    assert fits_one(name, [pattern]) is fits


@given(st.text("ab[]!-^.$\\", max_size=6), st.text("ab[]!-^.$\\", max_size=6))
def test_pattern_without_star_or_question_mark_is_a_name(name: str, pattern: str) -> None:
    """A pattern in which nothing stands for others fits the one name that is written so."""
    assert fits_one(name, [pattern]) is (name == pattern)
