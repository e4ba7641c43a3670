"""The credential report: what it says of a key is true of that very key, or it says nothing."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from keywatch.access_keys.credential_report import MARGIN, CredentialReport, ListedKey, ReportedUse, parse_report
from keywatch.errors import AwsServiceError

GENERATED = datetime(2024, 3, 1, 12, 0, 0, tzinfo=UTC)
LONG_AGO = datetime(2023, 1, 1, tzinfo=UTC)
NEVER = ReportedUse(None, None, None)
USED = ReportedUse(datetime(2024, 2, 28, 9, 15, tzinfo=UTC), "eu-west-1", "ec2")
ARN = "arn:aws:iam::123456789012:user/engineering/alice"
SLOT_COLUMNS = ("active", "last_rotated", "last_used_date", "last_used_region", "last_used_service")
FIELDS = (
    *("user", "arn", "user_creation_time", "password_enabled", "password_last_used", "password_last_changed"),
    *("password_next_rotation", "mfa_active", *(f"access_key_1_{name}" for name in SLOT_COLUMNS)),
    *(f"access_key_2_{name}" for name in SLOT_COLUMNS),
    *("cert_1_active", "cert_1_last_rotated", "cert_2_active", "cert_2_last_rotated"),
)


@dataclass(frozen=True)
class Key:
    """A key of the model: how it was when the report was made, and how it is when IAM lists it."""

    created: datetime
    use: ReportedUse = NEVER
    was_active: bool = True
    status: str = "Active"
    deleted: bool = False

    @property
    def in_report(self) -> bool:
        """Whether it was there when the report was made."""
        return self.created <= GENERATED


@dataclass(frozen=True)
class User:
    """A user of the model, with the keys in the order of the report's slots."""

    name: str
    created: datetime
    keys: tuple[Key, ...]
    deleted: bool = False
    made_again: bool = False

    @property
    def arn(self) -> str:
        """The ARN, which another user may have later."""
        return f"arn:aws:iam::123456789012:user/{self.name}"

    @property
    def now(self) -> datetime:
        """When the user of this name whom IAM lists was created."""
        return GENERATED + timedelta(minutes=3) if self.made_again else self.created

    @property
    def listed(self) -> list[Key]:
        """The keys that IAM lists."""
        return [key for key in self.keys if not key.deleted and not (self.made_again and key.in_report)]


def stamp(moment: datetime) -> str:
    """Write a time as the report does."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S+00:00")


def slot_fields(slot: int, key: Key | None, true: str = "TRUE", false: str = "FALSE") -> dict[str, str]:
    """Write one slot: a key that is not active looks like none."""
    texts = [false, *["N/A"] * 4]
    if key and key.was_active:
        used = stamp(key.use.last_used) if key.use.last_used else "N/A"
        texts = [true, stamp(key.created), used, key.use.region or "N/A", key.use.service or "N/A"]
    return {f"access_key_{slot}_{name}": text for name, text in zip(SLOT_COLUMNS, texts, strict=True)}


def user_fields(user: User, true: str = "TRUE", false: str = "FALSE") -> dict[str, str]:
    """Write one row."""
    first, second = ([key for key in user.keys if key.in_report] + [None, None])[:2]
    named = {"user": user.name, "arn": user.arn, "user_creation_time": stamp(user.created), "password_enabled": false}
    row = dict.fromkeys(FIELDS, "N/A") | named | {"password_last_used": "no_information"}
    return row | slot_fields(1, first, true, false) | slot_fields(2, second, true, false)


ROOT = {
    **dict.fromkeys(FIELDS, "not_supported"),
    "user": "<root_account>",
    "arn": "arn:aws:iam::123456789012:root",
    "user_creation_time": stamp(LONG_AGO),
    **slot_fields(1, Key(LONG_AGO)),
    **slot_fields(2, None),
}


def written(rows: list[dict[str, str]], columns: list[str] | tuple[str, ...] = FIELDS) -> bytes:
    """Write a report."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="?", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def answers(report: CredentialReport, user: User) -> tuple[ReportedUse | None, ...]:
    """Ask the report about the keys that IAM lists of a user."""
    return report.last_uses(user.arn, user.now, [ListedKey(key.created, key.status) for key in user.listed])


MOMENTS = st.sampled_from(
    [
        *(LONG_AGO + timedelta(seconds=seconds) for seconds in (0, 1, 60, 3_600, 86_400, 86_401, 864_000)),
        *(GENERATED - MARGIN + timedelta(seconds=seconds) for seconds in (-1, 0, 1)),
        *(GENERATED + timedelta(seconds=seconds) for seconds in (-1, 0, 1, 600)),
    ]
)
"""Long ago, and around the times from which on the report is not asked about a key and does not know it."""


@st.composite
def uses(draw: st.DrawFn) -> ReportedUse:
    """Draw a last use, or none; nearly always another one for another key."""
    if draw(st.booleans()):
        return NEVER
    seconds = draw(st.integers(0, 30_000_000))
    region = draw(st.sampled_from(["eu-west-1", "us-gov-east-1", None]))
    return ReportedUse(LONG_AGO + timedelta(seconds=seconds), region, draw(st.sampled_from(["s3", "iam", "sts"])))


SELDOM = st.sampled_from([False, False, False, False, True])
OFTEN = SELDOM.map(lambda seldom: not seldom)
STATUSES = st.sampled_from(["Active", "Active", "Active", "Active", "Inactive", "Expired"])


def keys_created(moments: list[datetime]) -> st.SearchStrategy[Key]:
    """Draw a key created at one of these times."""
    return st.builds(Key, st.sampled_from(moments), uses(), OFTEN, STATUSES, SELDOM)


def is_knowable(user: User) -> bool:
    """Tell apart what no report can: among keys of the same second, one unseen then and listed as active now.

    A report shows at most two keys, and no inactive ones.
    """
    then = [key for key in user.keys if key.in_report]
    unseen = [key for at, key in enumerate(then) if at >= 2 or not key.was_active]
    seconds = Counter(key.created for key in then)
    return not any(key.status == "Active" and seconds[key.created] > 1 for key in unseen)


@st.composite
def users(draw: st.DrawFn) -> User:
    """Draw a user with up to two keys, rarely more, who may be deleted or made again once the report is made."""
    name = draw(st.text("aZ0+=,.@-_/ \"';\\\n\tßé日🗝", min_size=1, max_size=12))
    moments = draw(st.lists(MOMENTS, min_size=1, max_size=3))
    least, most = draw(st.integers(0, 2)), draw(st.sampled_from([2, 2, 2, 4]))
    keys = draw(st.lists(keys_created(moments), min_size=least, max_size=most))
    user = User(name, LONG_AGO, tuple(keys), draw(SELDOM), draw(SELDOM))
    assume(is_knowable(user))
    return user


@st.composite
def accounts(draw: st.DrawFn) -> tuple[list[User], bytes]:
    """Draw an account, and its report with columns and rows in any order, other columns among them."""
    everybody = draw(st.lists(users(), max_size=6, unique_by=lambda user: user.name))
    columns = draw(
        st.permutations([*FIELDS, *draw(st.sets(st.sampled_from(["tags", "access_key_3_active", "größe"])))])
    )
    true, false = draw(st.sampled_from([("TRUE", "FALSE"), ("true", "false"), ("True", "False")]))
    rows = draw(st.permutations([ROOT, *(user_fields(user, true, false) for user in everybody)]))
    return everybody, written(rows, columns)


def listed(account: tuple[list[User], bytes]) -> Iterator[tuple[User, Key, ReportedUse | None]]:
    """Yield every listed key and what the report says of it."""
    everybody, content = account
    report = parse_report(content, GENERATED)
    for user in everybody:
        if not user.deleted:
            yield from ((user, *pair) for pair in zip(user.listed, answers(report, user), strict=True))


def is_uncertain(user: User, key: Key) -> bool:
    """Say whether IAM has to be asked: two keys of one second are ambiguous even if one of them is gone since."""
    shown = [other for other in user.keys if other.in_report][:2]
    return (
        user.made_again
        or len(user.listed) > 2
        or key.created > GENERATED - MARGIN
        or key.status != "Active"
        or not key.was_active
        or not any(key is other for other in shown)
        or [other.created for other in user.listed].count(key.created) > 1
        or [other.created for other in shown if other.was_active].count(key.created) > 1
    )


@given(accounts())
def test_report_never_says_what_is_not_true_of_that_key(account: tuple[list[User], bytes]) -> None:
    """Whatever is told of a key is that key's own last use when the report was made."""
    assert [(user, key, use) for user, key, use in listed(account) if use not in {None, key.use}] == []


@given(accounts())
def test_report_leaves_what_is_uncertain_to_iam(account: tuple[list[User], bytes]) -> None:
    """Of keys that are inactive, too young, ambiguous, or another user's of the same name, nothing is told."""
    assert [(user, key, use) for user, key, use in listed(account) if is_uncertain(user, key) and use] == []


@given(accounts())
def test_report_tells_everything_else(account: tuple[list[User], bytes]) -> None:
    """An active key that nothing can be mistaken for is never left to IAM."""
    assert [(user, key) for user, key, use in listed(account) if not use and not is_uncertain(user, key)] == []


@given(accounts())
def test_report_has_a_place_for_every_listed_key(account: tuple[list[User], bytes]) -> None:
    """The report decides about no user whether there are keys: each that IAM lists has an answer, if only to ask."""
    everybody, content = account
    report = parse_report(content, GENERATED)

    assert [len(user.listed) for user in everybody] == [len(answers(report, user)) for user in everybody]


ALICE = User("engineering/alice", LONG_AGO, (Key(LONG_AGO, USED), Key(LONG_AGO + timedelta(days=9))))


def report_of(user: User, **changes: str) -> CredentialReport:
    """Give the report of one user, with some fields changed."""
    return parse_report(written([ROOT, user_fields(user) | changes]), GENERATED)


def test_report_is_joined_by_time_and_not_by_position() -> None:
    """The order of the slots says nothing about the order in which IAM lists."""
    swapped = replace(ALICE, keys=ALICE.keys[::-1])

    assert answers(report_of(ALICE), ALICE) == (USED, NEVER)
    assert answers(report_of(ALICE), swapped) == (NEVER, USED)


def test_report_of_a_never_used_key_has_no_text_for_nothing() -> None:
    """N/A is nothing, not a text."""
    assert answers(report_of(ALICE), ALICE)[1] == ReportedUse(last_used=None, region=None, service=None)


def test_report_of_a_global_service_has_no_region() -> None:
    """A used key may have a service without regions."""
    report = report_of(ALICE, access_key_1_last_used_region="N/A", access_key_1_last_used_service="s3")

    assert answers(report, ALICE)[0] == ReportedUse(USED.last_used, None, "s3")


def test_report_of_a_user_whose_only_key_is_inactive_loses_nothing() -> None:
    """A report that shows no key leaves the one that IAM lists to IAM."""
    user = replace(ALICE, keys=(Key(LONG_AGO, USED, was_active=False, status="Inactive"),))

    assert answers(report_of(user), user) == (None,)


@pytest.mark.parametrize(
    "other",
    [
        Key(LONG_AGO, was_active=False, status="Inactive"),
        Key(LONG_AGO, deleted=True),
        Key(LONG_AGO, status="Inactive"),
        Key(LONG_AGO),
    ],
    ids=["inactive", "deleted since", "inactive since", "active"],
)
@pytest.mark.parametrize("order", [1, -1])
def test_report_of_two_keys_of_the_same_second_is_not_used(other: Key, order: int) -> None:
    """Keys that cannot be told apart are left to IAM, even if only one of them is shown, or listed."""
    user = replace(ALICE, keys=(Key(LONG_AGO, USED), other)[::order])

    assert set(answers(report_of(user), user)) == {None}


def test_report_without_the_user_leaves_their_keys_to_iam() -> None:
    """A user created after the report has no row in it."""
    assert answers(report_of(ALICE), replace(ALICE, name="bob")) == (None, None)


@pytest.mark.parametrize("seconds", [-1, 1])
def test_report_of_another_user_of_the_same_name_is_not_used(seconds: int) -> None:
    """A user is the one in the report only if created in the same second."""
    assert answers(report_of(ALICE), replace(ALICE, created=LONG_AGO + timedelta(seconds=seconds))) == (None, None)


def test_report_of_more_keys_than_slots_is_not_used() -> None:
    """Where a user has three keys, the report has shown two of them, nobody knows which."""
    crowded = replace(ALICE, keys=(*ALICE.keys, Key(LONG_AGO + timedelta(days=10))))

    assert answers(report_of(crowded), crowded) == (None, None, None)


def test_report_compares_times_to_the_second_in_any_zone() -> None:
    """Fractions of a second and other time zones make no difference."""
    zone = timezone(timedelta(hours=5, minutes=30))
    keys = [ListedKey((key.created + timedelta(microseconds=7)).astimezone(zone), "Active") for key in ALICE.keys]

    assert report_of(ALICE).last_uses(ARN, ALICE.created.astimezone(zone), keys) == (USED, NEVER)


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("active", "FALSE"),
        ("active", ""),
        ("active", "no_information"),
        ("last_rotated", "N/A"),
        ("last_rotated", "no_information"),
        ("last_rotated", "2023-01-01T00:00:00"),
        ("last_used_date", ""),
        ("last_used_date", "no_information"),
        ("last_used_date", "None"),
        ("last_used_date", "2024-02-28"),
        ("last_used_date", "2024-02-30T09:15:00+00:00"),
        ("last_used_date", "0001-01-01T00:00:00+23:59"),
        ("last_used_date", "N/A"),
        ("last_used_region", ""),
        ("last_used_region", "Not_Supported"),
        ("last_used_service", "no_information"),
    ],
)
def test_report_with_a_field_that_says_nothing_leaves_the_key_to_iam(column: str, text: str) -> None:
    """Of a slot with a field that is empty, odd, or at odds with another, nothing is told."""
    assert answers(report_of(ALICE, **{f"access_key_1_{column}": text}), ALICE)[0] is None


def test_report_with_an_unreadable_creation_time_leaves_the_other_slot_to_iam_too() -> None:
    """A slot that cannot be told from another makes both uncertain."""
    assert answers(report_of(ALICE, access_key_1_last_rotated="no_information"), ALICE) == (None, None)


@pytest.mark.parametrize("text", ["", "N/A", "no_information", "yesterday"])
def test_report_with_an_unreadable_user_leaves_their_keys_to_iam(text: str) -> None:
    """A row that does not say when its user was created is not used."""
    assert answers(report_of(ALICE, user_creation_time=text), ALICE) == (None, None)


def test_report_knows_when_it_was_generated_in_utc() -> None:
    """The time that IAM gives is kept as UTC."""
    local = GENERATED.astimezone(timezone(timedelta(hours=-8)))

    generated = parse_report(written([ROOT]), local).generated

    assert (generated, generated.tzinfo) == (GENERATED, UTC)


@pytest.mark.parametrize("form", ["\ufeff{}", "{}\n\n", "{}\r\n"], ids=["mark", "blank lines", "line end"])
def test_report_may_begin_with_a_mark_and_end_with_blank_lines(form: str) -> None:
    """A byte order mark and blank lines are no part of a report."""
    content = form.format(written([user_fields(ALICE)], FIELDS[1:] + FIELDS[:1]).decode().rstrip("\n")).encode()

    assert answers(parse_report(content, GENERATED), ALICE) == (USED, NEVER)


GOOD = written([ROOT, user_fields(ALICE)])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "arn, user_creation_time"),
        (b"<html><body>log in</body></html>", "arn, user_creation_time"),
        (GOOD.replace(b"access_key_2_active", b"access_key_2_enabled"), "access_key_2_active"),
        (GOOD.replace(b"cert_1_active", b"arn"), "arn"),
        (GOOD.replace(b"alice", b"\xff\xfe"), "not UTF-8"),
        (GOOD.replace(b"not_supported", b'"not" supported', 1), "not CSV"),
        (GOOD + b'"cut', "not CSV"),
        (GOOD[: -len("N/A,N/A\n")], "line 3 has"),
        (GOOD.rstrip(b"\n") + b",more\n", "line 3 has"),
        (GOOD + GOOD.splitlines()[-1], "line 4 .* had a line already"),
    ],
    ids=[
        *("nothing", "a page of a proxy", "column missing", "column twice", "not UTF-8", "quotes", "open quote"),
        *("cut short", "too many fields", "user twice"),
    ],
)
def test_report_that_cannot_be_read_says_why(content: bytes, reason: str) -> None:
    """What is no credential report is an error that names the reason, and what to do if it stays so."""
    with pytest.raises(AwsServiceError, match=f"{reason}.*`lookup`"):
        parse_report(content, GENERATED)
