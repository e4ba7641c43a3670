"""A proposal: frozen, shown to a person in words that nobody else can choose."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from sqlalchemy import Engine

from keywatch.access_keys.policy.model import AssignedUser, Policy
from keywatch.access_keys.proposal import Proposal, ProposedKey
from keywatch.access_keys.record import ROOT_USER
from keywatch.errors import ProposalAlteredError, StagingGoneError
from keywatch.pipeline.find import find
from keywatch.pipeline.folders import RunFolder
from keywatch.pipeline.propose import ProposalRequest, frozen_proposal, propose, request_text
from keywatch.report.proposals import Proposals
from tests.keywatch.deactivating import UNUSED
from tests.keywatch.judged import ASKING, policy_of
from tests.keywatch.pipeline.proposing import run_in, state_of
from tests.keywatch.report.found import NOW, ONE, TWO, ok, record, write
from tests.keywatch.report.stores import store_in

HOUR = timedelta(hours=1)
POLICY = policy_of(ASKING)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Engine]:
    """Give a store that has nothing in it."""
    engine = store_in(tmp_path)
    yield engine
    engine.dispose()


@pytest.fixture
def run(tmp_path: Path) -> RunFolder[Path]:
    """Give a run's folder, in which nothing is yet."""
    return run_in(tmp_path)


def asked(store: Engine, run: RunFolder[Path], policy: Policy = POLICY, at: datetime = NOW + HOUR) -> ProposalRequest:
    """Find and propose."""
    find(store, policy, run, at)
    request = propose(store, policy, run, at, 20 * HOUR)
    assert request is not None
    return request


def cells(body: str) -> list[list[str]]:
    """Read the rows of the table in a request, as a page shows them; nothing else may be in them."""
    reader = TableReader()
    reader.feed(MarkdownIt("gfm-like").render(body))
    return reader.rows[1:]


class TableReader(HTMLParser):
    """Reads a table whose cells hold text alone: in its head as it is, and further on as one piece of code."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._within: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        """Begin a row, a cell or its code."""
        del attrs
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self._within = [tag]
        elif self._within:
            assert (tag, self._within, self.rows[-1][-1]) == ("code", ["td"], "")
            self._within.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """End a cell or its code."""
        if tag in self._within:
            del self._within[self._within.index(tag) :]

    def handle_data(self, data: str) -> None:
        """Take what a cell says."""
        if self._within:
            assert self._within in (["th"], ["td", "code"])
            self.rows[-1][-1] += data


def test_proposal_is_frozen_and_opened(store: Engine, run: RunFolder[Path]) -> None:
    """What rules of use are about is frozen in a file of the name of its SHA-256, and the proposal is open."""
    write(store, [record("ci-deploy", age=100, idle=50), record("backup", age=20), record("used", age=300, idle=0)])

    request = asked(store, run)

    (file,) = (run.folder / "proposals").iterdir()
    assert file.name == f"{request['sha256']}.json"
    assert hashlib.sha256(file.read_bytes()).hexdigest() == request["sha256"]
    proposal = frozen_proposal(run, request["sha256"])
    assert [(key.user_name, key.rule.id) for key in proposal.keys] == [
        ("ci-deploy", "unused"),
        ("backup", "never-used"),
    ]
    assert proposal.created == NOW + HOUR
    assert proposal.dry_run is False
    state = state_of(store, request["sha256"])
    assert (state.state, state.run_id, state.keys, state.dry_run) == ("open", run.run_id, 2, False)
    assert request["assigned_users"] == [{"id": "approver", "name": "approver"}]
    assert set(Proposals(store).results(request["sha256"])) == {key.key_id for key in proposal.keys}


def test_key_is_proposed_once_by_its_worst_rule(store: Engine, run: RunFolder[Path]) -> None:
    """A key that two rules are about is proposed once, for the graver reason."""
    write(store, [record("ci-deploy", age=100)])

    (key,) = frozen_proposal(run, asked(store, run)["sha256"]).keys

    assert (key.rule.id, key.reason) == ("unused", "never used in 100 days; 45 are too many")


def test_nothing_to_propose_closes_what_was_open(store: Engine, run: RunFolder[Path], tmp_path: Path) -> None:
    """A run that proposes nothing asks nobody, and what an earlier run has asked counts no more."""
    write(store, [record("ci-deploy", age=100)])
    earlier = asked(store, run)
    day = NOW + timedelta(days=1)
    write(store, [record("ci-deploy", age=101, idle=0, at=day)], at=day)
    later = run_in(tmp_path, "later")
    find(store, POLICY, later, day)

    assert propose(store, POLICY, later, day, 20 * HOUR) is None

    assert state_of(store, earlier["sha256"]).state == "superseded"
    assert not (later.folder / "proposals").exists()


def test_newer_proposal_supersedes_the_open_one(store: Engine, run: RunFolder[Path], tmp_path: Path) -> None:
    """What a newer run proposes takes the place of what nobody has answered."""
    write(store, [record("ci-deploy", age=100)])
    earlier, later = asked(store, run), asked(store, run_in(tmp_path, "later"), at=NOW + 2 * HOUR)

    assert state_of(store, earlier["sha256"]).state == "superseded"
    assert state_of(store, earlier["sha256"]).decided == NOW + 2 * HOUR
    assert state_of(store, later["sha256"]).state == "open"


def test_run_that_did_not_look_last_proposes_nothing(store: Engine, run: RunFolder[Path], tmp_path: Path) -> None:
    """A run that comes late to its proposal asks nobody, and what a newer run has asked stays open."""
    write(store, [record("ci-deploy", age=100)])
    find(store, POLICY, run, NOW + HOUR)
    later = asked(store, run_in(tmp_path, "later"), at=NOW + 2 * HOUR)

    assert propose(store, POLICY, run, NOW + 3 * HOUR, 20 * HOUR) is None

    assert state_of(store, later["sha256"]).state == "open"
    assert not (run.folder / "proposals").exists()


def test_run_that_did_not_look_last_closes_nothing(store: Engine, run: RunFolder[Path], tmp_path: Path) -> None:
    """While a newer run has looked, and not proposed yet, an older one leaves open what is."""
    write(store, [record("ci-deploy", age=100)])
    open_one = asked(store, run)
    find(store, POLICY, run_in(tmp_path, "later"), NOW + 2 * HOUR)

    assert propose(store, POLICY, run, NOW + 3 * HOUR, 20 * HOUR) is None

    assert state_of(store, open_one["sha256"]).state == "open"


def test_run_that_never_looked_proposes_nothing(store: Engine, run: RunFolder[Path]) -> None:
    """Without a look there is nothing to propose."""
    write(store, [record("ci-deploy", age=100)])

    assert propose(store, POLICY, run, NOW + HOUR, 20 * HOUR) is None


def test_exception_in_todays_policy_keeps_a_key_out(store: Engine, run: RunFolder[Path]) -> None:
    """A key that was found, and that the policy has excused since, is not proposed; on its last day it still holds."""
    write(store, [record("ci-deploy", age=100, idle=50), record("backup", age=100, idle=60)])
    find(store, POLICY, run, NOW + HOUR)
    excused, held = (
        policy_of(f"{ASKING}    exceptions: [{{users: [backup], reason: So it is., expires: {day:%Y-%m-%d}}}]\n")
        for day in (NOW, NOW - timedelta(days=1))
    )

    for policy, users in ((excused, ["ci-deploy"]), (held, ["backup", "ci-deploy"])):
        request = propose(store, policy, run, NOW + HOUR, 20 * HOUR)
        assert request is not None
        assert [key.user_name for key in frozen_proposal(run, request["sha256"]).keys] == users


def test_root_and_keys_of_unknown_age_are_never_proposed(store: Engine, run: RunFolder[Path]) -> None:
    """Keys that cannot be found again in IAM are left out, whatever the rules say of them."""
    root = record(ROOT_USER, UserArn=f"arn:aws:iam::{ONE}:root", AccessKeyId=None, age=100)
    write(store, [root, record("unknown", age=None, idle=50)])
    find(store, POLICY, run, NOW)

    assert propose(store, POLICY, run, NOW, 20 * HOUR) is None


def test_keys_beyond_the_most_wait(store: Engine, run: RunFolder[Path]) -> None:
    """A proposal is about so many keys at most, the longest unused of the gravest rule; the request counts the rest."""
    write(store, [record(f"ci-{number}", age=300, idle=50 + number) for number in range(5)] + [record("new", age=20)])
    few = policy_of(ASKING + "      most_keys: 2\n")

    request = asked(store, run, few)

    assert [key.user_name for key in frozen_proposal(run, request["sha256"]).keys] == ["ci-4", "ci-3"]
    assert "- 4 more keys are too many for one proposal (`most_keys`)" in request["body"].splitlines()


@pytest.mark.parametrize("count", [1, 50, 51, 53])
def test_request_shows_the_longest_unused_and_counts_the_rest(store: Engine, run: RunFolder[Path], count: int) -> None:
    """A request shows fifty keys at most, and says how many more its proposal has."""
    write(store, [record(f"ci-{number:02}", age=300, idle=50 + number) for number in range(count)])

    request = asked(store, run)

    shown = [row[1] for row in cells(request["body"])]
    assert shown == [f"ci-{number:02}" for number in reversed(range(count))][:50]
    more = re.findall(r"^and (\d+) more, in the proposal's file", request["body"], re.MULTILINE)
    assert more == ([str(count - 50)] if count > 50 else [])
    assert request["subject"] == f"Deactivate {count} access key{'s' * (count > 1)}?"


def test_request_says_what_is_asked(store: Engine, run: RunFolder[Path]) -> None:
    """A request says until when, how many keys by which rules in how many accounts, the longest unused first."""
    owned: dict[str, Any] = {"Owner": "team@example.com", "OwnerSource": "tag"}
    keys = [record("ci-deploy", age=100, idle=50, **owned), record("backup", TWO, age=20), record("build", TWO, age=60)]
    write(store, keys, ok(ONE, name="prod"), TWO)

    request = asked(store, run, policy_of(ASKING.replace("severity: medium", "severity: critical")))

    proposal = frozen_proposal(run, request["sha256"])
    assert [key.user_name for key in proposal.keys] == ["build", "backup", "ci-deploy"]

    unused = "last used 50 days ago; 45 are too many"
    effect = "An approval makes each key inactive that is still unused then. A key can be activated again."
    assert request["body"].splitlines() == [
        f"{effect} Without an answer by 2026-11-28 03:00 UTC it counts as rejected.",
        "",
        "- Keys: **3**, in 2 accounts",
        "- Rule `never-used`: 2",
        "- Rule `unused`: 1",
        "- Without an owner: 2",
        f"- SHA-256 of the proposal: `{request['sha256']}`",
        "",
        "| Key | User | Account | Owner | Why |",
        "|---|---|---|---|---|",
        f"| `AKIA...0001` | `build` | `{TWO}` | `nobody` | `never used, and 60 days old; the grace period is 14` |",
        f"| `AKIA...0001` | `ci-deploy` | `prod {ONE}` | `team@example.com` | `{unused}` |",
        f"| `AKIA...0001` | `backup` | `{TWO}` | `nobody` | `never used, and 20 days old; the grace period is 14` |",
    ]


def test_dry_run_says_that_nothing_will_change(store: Engine, run: RunFolder[Path]) -> None:
    """A request of a dry run says so in its subject and in its first words."""
    write(store, [record("ci-deploy", age=100)])

    request = asked(store, run, policy_of(ASKING.replace("dry_run: false", "dry_run: true")))

    assert request["subject"] == "Dry run: deactivate 1 access key?"
    assert request["body"].startswith("**This is a dry run: an approval changes nothing**")
    assert frozen_proposal(run, request["sha256"]).dry_run is True


def hostile_key(name: str) -> ProposedKey:
    """Make a key whose user, account and owner have the same name."""
    return ProposedKey(
        key_id="k" + "A" * 26,
        access_key_id="AKIA...0001",
        account_id=ONE,
        account_name=name,
        user_name=name,
        user_arn=f"arn:aws:iam::{ONE}:user/x",
        created=NOW,
        last_used=None,
        owner=name,
        rule=UNUSED,
        reason="never used",
    )


def rows_of(name: str) -> list[list[str]]:
    """Give what a request shows of a key whose names are a hostile one, and of one behind it."""
    users = (AssignedUser(id="approver", name="approver"),)
    keys = (hostile_key(name), hostile_key("ci-deploy"))
    proposal = Proposal(run_id="run", created=NOW, dry_run=False, assigned_users=users, keys=keys)
    return cells(request_text(proposal, "0" * 64, 0, NOW + HOUR))


@given(st.text(st.characters(exclude_categories=["C"]), min_size=1) | st.text("`|\\[]()<>!*_~&;#a \n-+1.:", min_size=1))
@example("`<img src=x onerror=alert(1)>`")
@example("`a` | b | c")
@example("x\\| **approve** \\\\|")
@example("[click](javascript:alert(1)) ![x](https://example.com/x.png)")
@example("&lt;b&gt; <b>bold</b> ~~gone~~ # no heading")
@example("a\n\n# heading\r\n| x | y |")
@example("https://example.com www.example.com team@example.com <https://example.com>")
@example("`")
@example("a ``` b ` c `")
@example("\\`")
@example(" ")
@example("|")
def test_names_of_others_are_text_and_nothing_else(name: str) -> None:
    """However an account, a user or an owner is called, a request shows it as code in its cell, and links to nothing.

    All that a name loses is what it is in lines, and how its bars look.
    """
    shown = " ".join(name.split()).replace("|", "\N{BROKEN BAR}")

    rows = [[" ".join(cell.split()) for cell in row] for row in rows_of(name)]

    assert rows == [
        ["AKIA...0001", shown, f"{shown} {ONE}".strip(), shown, "never used"],
        ["AKIA...0001", "ci-deploy", f"ci-deploy {ONE}", "ci-deploy", "never used"],
    ]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a|b", "a\N{BROKEN BAR}b"),
        ("`", "`"),
        ("``a` b", "``a` b"),
        ("a\n b", "a b"),
        ("https://example.com", "https://example.com"),
        ("team@example.com", "team@example.com"),
        ("**a** &amp; <b>", "**a** &amp; <b>"),
    ],
)
def test_name_survives_as_it_is_but_for_bars_and_lines(name: str, shown: str) -> None:
    """Backticks, addresses and Markdown are shown letter by letter; a bar is a broken one, and a line break a space."""
    assert rows_of(name)[0][1] == shown


def test_frozen_proposal_that_is_another_or_gone_is_refused(store: Engine, run: RunFolder[Path]) -> None:
    """A file that was changed or removed since is not acted on."""
    write(store, [record("ci-deploy", age=100)])
    sha256 = asked(store, run)["sha256"]
    file = run.folder / "proposals" / f"{sha256}.json"
    file.write_bytes(file.read_bytes().replace(b"ci-deploy", b"ci-delete"))

    with pytest.raises(ProposalAlteredError):
        frozen_proposal(run, sha256)
    file.unlink()
    with pytest.raises(StagingGoneError):
        frozen_proposal(run, sha256)
