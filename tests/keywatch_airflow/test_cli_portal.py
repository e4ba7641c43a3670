"""The command `keywatch portal`: what it prints, where it fails, and that it needs no Airflow."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from keywatch.errors import NoAccountError
from keywatch.portal.accounts.store import AccountStore
from keywatch.portal.provider.model import Identity, Subject
from keywatch.report.engine import open_engine, sqlite_url
from keywatch_airflow import cli_portal
from keywatch_airflow.cli import main
from tests.keywatch.portal.written import B2C, WEB, configuration, write

PAYMENTS = "payments.owner@keywatch.example"
SEARCH = "search.owner@keywatch.example"
SUBJECT = Subject("https://issuer.example", "subject-1\x1b[2J")
LINK = re.compile(rf"{re.escape(WEB)}/invitation\?code=([A-Za-z0-9_-]{{43}})")


@dataclass
class Ended:
    """What a command came to."""

    code: int
    output: str
    errors: str

    @property
    def invitation(self) -> str:
        """The code of the link that was printed."""
        [code] = LINK.findall(self.output)
        return str(code)


Portal = Callable[..., Ended]


@pytest.fixture
def portal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Portal:
    """Give what runs the command with a configuration."""
    written = configuration(B2C, store=f"sqlite:///{tmp_path / 'report.db'}")
    monkeypatch.setenv("KEYWATCH_PORTAL_CONFIG", str(write(tmp_path / "portal.toml", written)))

    def run(*arguments: str) -> Ended:
        code = main(["portal", *arguments])
        captured = capsys.readouterr()
        return Ended(code, captured.out, captured.err)

    return run


def accept(tmp_path: Path, code: str, email: str = PAYMENTS) -> None:
    """Accept an invitation, as the portal does."""
    store = AccountStore(sqlite_url(tmp_path / "report.db"))
    store.accept(code, Identity(SUBJECT, "Owner", email, email_verified=True))
    store.close()


def test_invitation_is_issued_and_listed(portal: Portal, caplog: pytest.LogCaptureFixture) -> None:
    """The first one makes the store; its link is printed once, and is in no log."""
    ended = portal("invite", PAYMENTS, "--policynumber", "42", "--beneficiary", "Prüfstelle", "--days", "3")

    lines = ended.output.splitlines()
    assert (ended.code, ended.errors, len(lines)) == (0, "", 4)
    assert re.fullmatch(rf"Invitation of {PAYMENTS}, valid until \d{{4}}-\d\d-\d\d \d\d:\d\d UTC:", lines[0])
    assert LINK.fullmatch(lines[1])
    assert "shown this once" in lines[2]
    assert lines[3] == f"The report has 0 keys of owner {PAYMENTS}, which they will see."
    listed = portal("accounts").output
    for shown in (PAYMENTS, "42", "Prüfstelle", "invited until"):
        assert shown in listed
    assert ended.invitation not in listed + portal("changes").output + caplog.text


def test_account_is_listed_as_bound(portal: Portal, tmp_path: Path) -> None:
    """Who has accepted is told from who is invited, and a subject moves no cursor."""
    accept(tmp_path, portal("invite", PAYMENTS, "--owner", "payments-team").invitation)

    assert re.search(r"payments-team +bound since \d{4}", portal("accounts").output)
    changes = portal("changes", PAYMENTS.upper())
    assert (changes.code, "\x1b" in changes.output) == (0, False)
    assert "https://issuer.example subject-1…[2J" in " ".join(changes.output.split())
    assert PAYMENTS not in portal("changes", SEARCH).output


def test_bound_account_is_bound_anew_on_request_alone(portal: Portal, tmp_path: Path) -> None:
    """Without the option, the command fails and says so."""
    accept(tmp_path, portal("invite", PAYMENTS).invitation)

    refused, again = portal("invite", PAYMENTS), portal("invite", PAYMENTS, "--rebind")

    assert (refused.code, refused.output) == (1, "")
    assert refused.errors.startswith("keywatch portal invite: The account of payments")
    assert "--rebind" in refused.errors
    assert again.code == 0
    assert re.search(r"bound since .*, invited until", portal("accounts").output)


def test_accounts_are_exported_and_imported(portal: Portal, tmp_path: Path) -> None:
    """A file comes out as it went in; nobody else can read it, and it overwrites none."""
    values = [
        {"email": PAYMENTS, "policynumber": "42", "beneficiary": None},
        {"email": SEARCH, "policynumber": None, "beneficiary": "Prüfstelle"},
    ]
    given, written = tmp_path / "given.json", tmp_path / "accounts.json"
    given.write_text(json.dumps([values[1], values[0] | {"policynumber": 42}]), encoding="utf-8")

    taken = portal("import", str(given))
    assert (taken.code, taken.output) == (0, "2 accounts added, 0 changed, 0 as they were.\n")
    assert portal("import", str(given)).output == "0 accounts added, 0 changed, 2 as they were.\n"
    assert json.loads(portal("export").output) == values
    assert portal("export", str(written)).output == f"2 accounts in {written}\n"
    assert json.loads(written.read_text(encoding="utf-8")) == values
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    again = portal("export", str(written))
    assert (again.code, again.errors) == (2, f"keywatch portal export: {written} is there already. Name a new file.\n")


def test_account_is_deleted(portal: Portal, tmp_path: Path) -> None:
    """Nobody gets in by it any more, and what was changed stays listed."""
    accept(tmp_path, portal("invite", PAYMENTS).invitation)

    ended = portal("delete", PAYMENTS)

    assert (ended.code, ended.errors) == (0, "")
    store = AccountStore(sqlite_url(tmp_path / "report.db"))
    with pytest.raises(NoAccountError):
        store.find(SUBJECT)
    store.close()
    assert PAYMENTS in portal("changes").output
    assert portal("delete", PAYMENTS).code == 1


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["invite", "nobody"], 1, "'nobody' is no e-mail address"),
        (["invite", PAYMENTS, "--days", "0"], 1, "lasts 1 to 90 days"),
        (["invite", PAYMENTS, "--beneficiary", "a\nb"], 1, "holds a control character"),
        (["changes", "nobody"], 1, "is no e-mail address"),
        (["delete", PAYMENTS], 1, f"There is no account of {PAYMENTS}"),
        (["import", "nowhere.json"], 2, "nowhere.json: No such file or directory. Name another file"),
        (["import", "portal.toml"], 1, "portal.toml is no JSON"),
        (["export", "nowhere/accounts.json"], 2, "nowhere/accounts.json: No such file or directory"),
        (["accounts", "--config", "nowhere.toml"], 2, "nowhere.toml cannot be read"),
    ],
)
def test_failure_says_what_to_do(
    portal: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, said: str
) -> None:
    """A wrong use is told from what cannot be done, and nothing is printed where output goes."""
    monkeypatch.chdir(tmp_path)

    ended = portal(*arguments)

    assert (ended.code, ended.output) == (code, "")
    assert ended.errors.startswith(f"keywatch portal {arguments[0]}: ")
    assert said in ended.errors


def test_configuration_has_to_be_named(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a file there is no store to look at."""
    monkeypatch.delenv("KEYWATCH_PORTAL_CONFIG")

    ended = portal("accounts")

    assert (ended.code, ended.output) == (2, "")
    assert "Give --config FILE, or set KEYWATCH_PORTAL_CONFIG" in ended.errors


def test_invitation_that_meets_a_run_is_told_to_come_again(
    portal: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a report is written, accounts are listed, and nobody is invited."""
    portal("invite", SEARCH)
    monkeypatch.setattr("keywatch.portal.accounts.store.WAIT_SECONDS", 0.1)
    run = open_engine(sqlite_url(tmp_path / "report.db"), writing=True)
    with run.begin():
        refused, listed = portal("invite", PAYMENTS), portal("accounts")
    run.dispose()

    assert (refused.code, listed.code) == (1, 0)
    assert "A report is just being written" in refused.errors


def test_user_without_a_name_is_recorded_by_number(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container may run as a user that no file knows."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 54_321)

    assert portal("invite", PAYMENTS).code == 0
    assert "uid 54321" in portal("changes").output


def test_airflow_is_not_imported(portal: Portal) -> None:
    """The command runs where the portal does, beside no Airflow."""
    assert portal("invite", PAYMENTS).code == 0
    program = (
        "import sys; from keywatch_airflow.cli import main; code = main(['portal', 'accounts']); "
        "sys.exit(code or any(name.partition('.')[0] == 'airflow' for name in sys.modules))"
    )

    ended = subprocess.run([sys.executable, "-c", program], check=False, text=True, capture_output=True)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert PAYMENTS in ended.stdout


def test_variable_is_that_of_the_settings() -> None:
    """The help names the variable that web app and API read."""
    from keywatch.portal.settings import CONFIG

    assert cli_portal.CONFIG == CONFIG
