"""The table of owners, and who answers for a key."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from keywatch.access_keys.owners import LARGEST, LONGEST, Owned, Owner, OwnerBook, read_owner_table
from keywatch.access_keys.policy.model import OwnerPattern
from keywatch.errors import OwnerTableError
from tests.keywatch.judged import ONE, TWO

TEAM, OTHERS = "team@example.com", "others@example.com"
NO_USER = "is no name of an IAM user: patterns go into the policy, and of an ARN only the name counts"


def table(text: str | bytes) -> list[Owned]:
    """Read a table of owners."""
    return read_owner_table(text if isinstance(text, bytes) else text.encode(), "owners.csv")


def problems(text: str) -> list[str]:
    """Give the lines of what is said about a table that is not usable, behind the first."""
    first, *rest = refused(text).splitlines()
    assert first == "owners.csv is not usable, and nothing of it was taken. Correct it:"
    return rest


def refused(text: str | bytes) -> str:
    """Give what is said about a table that is not usable."""
    with pytest.raises(OwnerTableError) as caught:
        table(text)
    return str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        f"account,user,owner\n{ONE},ci-deploy,{TEAM}\n",
        f"account,user,owner\n{ONE},ci-deploy,{TEAM}",
        f"account,user,owner\r\n{ONE},ci-deploy,{TEAM}\r\n",
        f"\ufeffaccount,user,owner\n{ONE},ci-deploy,{TEAM}\n",
        f"account;user;owner\n{ONE};ci-deploy;{TEAM}\n",
        f"owner,account,user\n{TEAM},{ONE},ci-deploy\n",
        f" Account , USER,Owner\n {ONE} , ci-deploy,{TEAM} \n",
        f'"account","user","owner"\n"{ONE}","ci-deploy","{TEAM}"\n',
        f"account,user,owner\n\n,,\n{ONE},ci-deploy,{TEAM}\n\n",
        f"account,user,owner\n{ONE},ci-deploy,{TEAM}\n{ONE},ci-deploy,{TEAM}\n",
    ],
    ids=["plain", "no last line break", "CRLF", "BOM", "semicolons", "order", "spaces", "quotes", "empty", "twice"],
)
def test_table_is_read_as_spreadsheets_write_it(text: str) -> None:
    """Whichever way a spreadsheet writes the same table, the same is read."""
    assert table(text) == [Owned(ONE, "ci-deploy", TEAM)]


def test_quotes_keep_commas_quotes_and_semicolons() -> None:
    """A name may hold what separates fields, in quotation marks, in either kind of table."""
    text = f'account,user,owner\n{ONE},"svc=deploy,stage","The ""blue; green"" team, Berlin"\n'

    assert table(text) == [Owned(ONE, "svc=deploy,stage", 'The "blue; green" team, Berlin')]
    with_semicolons = f'account;user;owner\n{ONE};svc=deploy,stage;"Blue; green"\n'
    assert table(with_semicolons) == [Owned(ONE, "svc=deploy,stage", "Blue; green")]


@pytest.mark.parametrize("text", ["account,user,owner\n", "account;user;owner", "account,user,owner\n\n,,\n"])
def test_heading_without_lines_is_refused(text: str) -> None:
    """A heading alone is a file that was saved too soon, and takes no owner from anybody."""
    assert refused(text) == "owners.csv has a heading, and no line below it: nothing of it was taken."


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"{ONE[1:]},ci-deploy,{TEAM}", f"{ONE[1:]!r} is not the 12 digits of an account: format the column as text"),
        ("1.11111E+11,ci-deploy,x", "'1.11111E+11' is not the 12 digits of an account: format the column as text"),
        (f"{ONE[1:]}\u0661,x,y", f"'{ONE[1:]}\u0661' is not the 12 digits of an account: format the column as text"),
        (f",ci-deploy,{TEAM}", "account is empty"),
        ("1111-1111-1111,a,b", "'1111-1111-1111' is not the 12 digits of an account: write its digits alone"),
        (f"iam::{ONE}:root,a,b", f"'iam::{ONE}:root' is not the 12 digits of an account: write its digits alone"),
        ("prod,a,b", "'prod' is not the 12 digits of an account: write its digits alone"),
        ("*,a,b", "'*' is not the 12 digits of an account: write its digits alone"),
        (f"{ONE},ci-*,{TEAM}", f"'ci-*' {NO_USER}"),
        (f"{ONE},ci-?,{TEAM}", f"'ci-?' {NO_USER}"),
        (f"{ONE},/team/ci-deploy,{TEAM}", f"'/team/ci-deploy' {NO_USER}"),
        (f"{ONE},arn:aws:iam::{ONE}:user/ci-deploy,{TEAM}", f"'arn:aws:iam::{ONE}:user/ci-deploy' {NO_USER}"),
        (f"{ONE},ci deploy,{TEAM}", f"'ci deploy' {NO_USER}"),
        (f"{ONE},<root>,{TEAM}", f"'<root>' {NO_USER}"),
        (f"{ONE},{'x' * 129},{TEAM}", f"{'x' * 80!r} {NO_USER}"),
        (f"{ONE},,{TEAM}", "user is empty"),
        (f"{ONE}, ,{TEAM}", "user is empty"),
        (f"{ONE},ci-deploy,", "owner is empty"),
        (f"{ONE},ci-deploy", "it has 2 fields, not 3: put a name with a comma in quotation marks"),
        (f"{ONE},svc=deploy,stage,{TEAM}", "it has 4 fields, not 3: put a name with a comma in quotation marks"),
        (f"{ONE},ci-deploy,{'x' * (LONGEST + 1)}",
         "the owner is longer than 256 characters, or has one that cannot be printed"),
        (f'{ONE},ci-deploy,"a\nb"', "the owner is longer than 256 characters, or has one that cannot be printed"),
        (f"{ONE},ci\x00deploy,{TEAM}", f"'ci\\x00deploy' {NO_USER}"),
        (f'{ONE},ci-deploy,"{TEAM}', "it is no CSV: unexpected end of data"),
        (f'{ONE},ci-deploy,"{TEAM}"x', "it is no CSV: ',' expected after '\"'"),
    ],
)  # fmt: skip
def test_line_that_is_not_usable_is_named(line: str, said: str) -> None:
    """A line that is wrong is named, with what to do, and nothing of the table is taken."""
    number = 2 + len(line.splitlines())

    assert problems(f"account,user,owner\n{TWO},backup,{TEAM}\n{line}") == [f"- line {number}: {said}"]


@pytest.mark.parametrize("user", ["svc=a+b,c.d@e_f-g", "<root_account>", "pr\u00fcfer", "x" * 128, "5"])
def test_every_name_that_iam_has_is_taken(user: str) -> None:
    """Whatever characters IAM takes in names, and the root user, may be in the table."""
    assert table(f'account,user,owner\n{ONE},"{user}",{TEAM}\n') == [Owned(ONE, user, TEAM)]


def test_longest_owner_is_taken() -> None:
    """An owner of as many characters as may be is one."""
    assert table(f"account,user,owner\n{ONE},ci-deploy,{'x' * LONGEST}\n")[0].owner == "x" * LONGEST


def test_two_owners_of_a_user_are_refused() -> None:
    """Two lines that say different things of one user are both named; the same user of another account is another."""
    text = f"account,user,owner\n{ONE},ci-deploy,{TEAM}\n{TWO},ci-deploy,{OTHERS}\n{ONE},ci-deploy,{OTHERS}\n"

    assert problems(text) == ["- line 4: line 2 names another owner of the same user"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", "nothing"),
        ("\n\n", "nothing"),
        (f"{ONE},ci-deploy,{TEAM}\n", f"{ONE}, ci-deploy, {TEAM}"),
        ("account,user\n", "account, user"),
        ("account,user,owner,account\n", "account, user, owner, account"),
        ("account\tuser\towner\n", "account\tuser\towner"),
    ],
)
def test_table_without_its_heading_is_refused(text: str, names: str) -> None:
    """A first line that is not the heading is shown, and what it has to be."""
    assert refused(text) == f"The first line of owners.csv names {names}. It has to be account,user,owner."


def test_heading_that_is_endless_is_not_repeated() -> None:
    """A file that is no table at all is not put into a message."""
    assert len(refused("x," * 100_000)) < 400


def test_table_that_is_not_utf_8_is_refused() -> None:
    """A table in another encoding is refused, and says how to save it."""
    data = f"account,user,owner\n{ONE},pr\xfcfer,{TEAM}\n".encode("cp1252")

    assert refused(data) == f"owners.csv is not UTF-8 at byte {data.index(0xFC)}. Save it as CSV UTF-8."


def test_table_that_is_too_large_is_refused() -> None:
    """A file above the limit is not even parsed."""
    assert "has 64,000,001 bytes" in refused(bytes(LARGEST + 1))


@pytest.mark.parametrize("more", [0, 1, 30])
def test_many_lines_that_are_wrong_are_counted(more: int) -> None:
    """The first twenty lines that are wrong are listed, and how many more there are."""
    said = problems("account,user,owner\n" + "x,y,z\n" * (20 + more))

    assert [line.partition(": ")[0] for line in said[:20]] == [f"- line {number}" for number in range(2, 22)]
    assert said[20:] == [f"- and {more} more"] * bool(more)


@given(st.text() | st.text('",;\n\r 1x\x00').map(lambda text: f"account,user,owner\n{text}"))
@example("\r")
@example("account,user,owner\n" + "x" * 200_000)
@settings(max_examples=200)
def test_whatever_text_raises_nothing_but_an_owner_table_error(text: str) -> None:
    """Any text at all is a table, or is refused in our words."""
    try:
        found = read_owner_table(text.encode("utf-8", "surrogatepass"), "owners.csv")
    except OwnerTableError as error:
        assert "owners.csv" in str(error)  # noqa: PT017 - either is right
    else:
        assert all(each.owner and each.user_name for each in found)


@given(st.binary())
def test_whatever_bytes_raise_nothing_but_an_owner_table_error(data: bytes) -> None:
    """Any bytes at all are refused in our words: hardly any are a table."""
    assert "owners.csv" in refused(data)


names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(
    lambda text: text.isprintable() and text == text.strip()
)
user_names = st.from_regex(r"\A[a-zA-Z0-9_+=,.@-]{1,20}\Z") | st.just("<root_account>")


@given(
    st.dictionaries(st.tuples(st.from_regex(r"\A[0-9]{12}\Z"), user_names), names, min_size=1, max_size=5),
    st.permutations(["account", "user", "owner"]),
    st.sampled_from([",", ";"]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_table_written_as_csv_reads_back(
    owners: dict[tuple[str, str], str], order: list[str], delimiter: str, line_end: str, quoting: Any  # noqa: ANN401 - csv's
) -> None:  # fmt: skip
    """What a writer of CSV writes, in any order of columns and with either separator, is what is read."""
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, order, delimiter=delimiter, lineterminator=line_end, quoting=quoting)
    writer.writeheader()
    for (account, user), owner in owners.items():
        writer.writerow({"account": account, "user": user, "owner": owner})

    assert table(file.getvalue()) == [Owned(*whose, owner) for whose, owner in owners.items()]


BOOK = OwnerBook(
    {(ONE, "ci-deploy"): "by table"},
    (
        OwnerPattern(users=("ci-deploy",), owner="by the first"),
        OwnerPattern(users=("ci-*",), owner="by the second"),
        OwnerPattern(accounts=(TWO,), owner="by account"),
    ),
)


@pytest.mark.parametrize(
    ("account", "user", "tag", "expected"),
    [
        (ONE, "ci-deploy", "by tag", Owner("by table", "table")),
        (TWO, "ci-deploy", " by tag ", Owner("by tag", "tag")),
        (TWO, "ci-deploy", "  ", Owner("by the first", "pattern")),
        (TWO, "ci-deploy", None, Owner("by the first", "pattern")),
        (TWO, "ci-build", None, Owner("by the second", "pattern")),
        (TWO, "CI-build", None, Owner("by account", "pattern")),
        (ONE, "backup", None, None),
        (ONE, "backup", "", None),
        (ONE, "backup", "x" * 300, Owner("x" * LONGEST, "tag")),
    ],
)
def test_table_goes_before_tag_and_tag_before_pattern(
    account: str, user: str, tag: str | None, expected: Owner | None
) -> None:
    """Who is in the table is its; else the tag counts unless it is empty, and else the first pattern that fits."""
    assert BOOK.owner(account, user, tag) == expected


def test_nobody_answers_where_nothing_is_known() -> None:
    """Without table and patterns, a tag alone names an owner."""
    assert OwnerBook().owner(ONE, "ci-deploy") is None
    assert OwnerBook().owner(ONE, "ci-deploy", TEAM) == Owner(TEAM, "tag")
