"""The command `keywatch portal`: who has an account of the key owners' portal. Airflow is not asked for anything."""

from __future__ import annotations

import contextlib
import os
import pwd
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from datetime import datetime

    from keywatch.portal.accounts.model import Account, Change
    from keywatch.portal.accounts.store import AccountStore
    from keywatch.portal.settings import Settings

OK: Final = 0
SOMETHING_FAILED: Final = 1
USAGE: Final = 2
CONFIG: Final = "KEYWATCH_PORTAL_CONFIG"
WIDE: Final = 2_000
"""Columns of a line that goes into a file or another program."""

EPILOG: Final = "Exit code: 0 if it is done, 1 if it cannot be, 2 for a wrong use or configuration."


def add_portal(commands: Any) -> None:  # noqa: ANN401 - argparse names no type for it
    """Add the command `portal`."""
    portal = commands.add_parser(
        "portal", help="invite key owners to their portal", description="Look after the accounts of key owners."
    )
    verbs = portal.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_invite(verbs)
    _add(verbs, "accounts", run_accounts, "list the accounts, and whom they are bound to or invited until when")
    changes = _add(verbs, "changes", run_changes, "list what was changed by whom, newest first")
    changes.add_argument("email", nargs="?", help="of one owner; without it, of all")
    taken = _add(verbs, "import", run_import, "add and change accounts by a file; bindings stay as they are")
    taken.add_argument("file", type=Path, help="accounts.json: a list of email, policynumber and beneficiary")
    given = _add(verbs, "export", run_export, "write the accounts down as accounts.json")
    given.add_argument("file", type=Path, nargs="?", help="a new file; without it, they are printed")
    delete = _add(verbs, "delete", run_delete, "remove an account, its binding and its invitations")
    delete.add_argument("email", help="of its owner")


def _add_invite(verbs: Any) -> None:  # noqa: ANN401 - as above
    invite = _add(verbs, "invite", run_invite, "make a link by which one person gets their account, once")
    invite.add_argument("email", help="of the person, whose identity provider has to confirm it")
    invite.add_argument("--policynumber", metavar="N", help="the number of their policy")
    invite.add_argument("--beneficiary", metavar="TEXT", help="who takes over the keys")
    invite.add_argument("--owner", metavar="NAME", help="the name under which the report knows them (the e-mail)")
    invite.add_argument("--days", type=int, default=7, help="how long the link is valid (%(default)s)")
    invite.add_argument(
        "--rebind", action="store_true", help="let it take the place of a binding, which stays until it is accepted"
    )


def _add(verbs: Any, name: str, run: Callable[..., int], text: str) -> Any:  # noqa: ANN401 - as above
    verb = verbs.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=EPILOG)
    verb.add_argument(
        "--config", metavar="FILE", type=Path, help=f"the portal's configuration ({CONFIG} of the environment)"
    )
    verb.set_defaults(run=lambda arguments: _run(run, name, arguments))
    return verb


def run_invite(store: AccountStore, settings: Settings, arguments: Any) -> int:  # noqa: ANN401 - argparse's namespace
    """Issue an invitation, and print its link, which is nowhere else."""
    store.prepare()
    invitation = store.invite(
        arguments.email,
        issued_by=_user(),
        days=arguments.days,
        policynumber=arguments.policynumber,
        beneficiary=arguments.beneficiary,
        owner=arguments.owner,
        rebind=arguments.rebind,
    )
    _say(f"Invitation of {invitation.email}, valid until {_time(invitation.expires)}:")
    _say(f"{settings.web_url}/invitation?code={invitation.code}")
    _say("The link is shown this once. Send it to them alone: it can be used once, and an older one no longer can.")
    account = next(each for each in store.accounts() if each.account_id == invitation.account_id)
    _say(f"The report has {_keys_of(settings, account):,} keys of owner {_shown(account.owner)}, which they will see.")
    return OK


def run_accounts(store: AccountStore, _settings: Settings, _arguments: Any) -> int:  # noqa: ANN401 - as above
    """Print a table of all accounts."""
    store.check()
    accounts = store.accounts()
    rows = [(each.email, each.policynumber, each.beneficiary, each.owner, _state(each)) for each in accounts]
    _print_table(("email", "policynumber", "beneficiary", "owner", "state"), rows)
    return OK


def _keys_of(settings: Settings, account: Account) -> int:
    from keywatch.portal.accounts.keys import OwnersKeys

    keys = OwnersKeys(settings.store)
    try:
        return keys.page(account, limit=1).total
    finally:
        keys.close()


def run_changes(store: AccountStore, _settings: Settings, arguments: Any) -> int:  # noqa: ANN401 - as above
    """Print a table of the last changes."""
    changes = store.changes(email=arguments.email)
    store.check()
    titles = ("changed", "email", "what", "before", "after", "by", "authenticated")
    rows = [
        (_time(each.changed), each.email, each.what, each.before, each.after, _who(each), each.strength)
        for each in changes
    ]
    _print_table(titles, rows)
    return OK


def run_import(store: AccountStore, _settings: Settings, arguments: Any) -> int:  # noqa: ANN401 - as above
    """Take a file of accounts, all of it or nothing."""
    from keywatch.portal.accounts.accounts_json import LARGEST, read_accounts

    with arguments.file.open("rb") as file:
        entries = read_accounts(file.read(LARGEST + 1), str(arguments.file))
    store.prepare()
    done = store.import_accounts(entries, by=_user())
    _say(f"{done.added:,} accounts added, {done.changed:,} changed, {done.unchanged:,} as they were.")
    return OK


def run_export(store: AccountStore, _settings: Settings, arguments: Any) -> int:  # noqa: ANN401 - as above
    """Write the accounts to a new file that nobody else may read, or print them."""
    from keywatch.portal.accounts.accounts_json import write_accounts

    entries = store.export()
    data = write_accounts(entries)
    if arguments.file is None:
        _say(data.decode().rstrip("\n"))
        return OK
    with os.fdopen(os.open(arguments.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
    _say(f"{len(entries):,} accounts in {arguments.file}")
    return OK


def run_delete(store: AccountStore, _settings: Settings, arguments: Any) -> int:  # noqa: ANN401 - as above
    """Remove an account."""
    store.prepare()
    store.delete(arguments.email, _user())
    _say(f"The account of {arguments.email} is deleted; nobody gets in by it any more. What was changed stays listed.")
    return OK


def _run(run: Callable[[AccountStore, Settings, Any], int], name: str, arguments: Any) -> int:  # noqa: ANN401 - as above
    from keywatch.errors import ConfigurationError, KeywatchError
    from keywatch.portal.settings import read_settings

    if not (config := arguments.config or os.environ.get(CONFIG)):
        return _fail(name, f"The portal's configuration is not named. Give --config FILE, or set {CONFIG}.", USAGE)
    try:
        settings = read_settings(Path(config), os.environ)
        with _accounts(settings) as store:
            return run(store, settings, arguments)
    except ConfigurationError as error:
        return _fail(name, str(error), USAGE)
    except KeywatchError as error:
        return _fail(name, str(error), SOMETHING_FAILED)
    except FileExistsError as error:
        return _fail(name, f"{error.filename} is there already. Name a new file.", USAGE)
    except OSError as error:
        return _fail(name, f"{error.filename}: {error.strerror}. Name another file.", USAGE)


@contextlib.contextmanager
def _accounts(settings: Settings) -> Iterator[AccountStore]:
    from keywatch.portal.accounts.store import AccountStore

    store = AccountStore(settings.store)
    try:
        yield store
    finally:
        store.close()


def _state(account: Account) -> str:
    bound = f"bound since {_time(account.bound)}" if account.bound else ""
    invited = f"invited until {_time(account.invited_until)}" if account.invited_until else ""
    return ", ".join(filter(None, (bound, invited))) or "neither bound nor invited"


def _who(change: Change) -> str:
    return change.who if isinstance(change.who, str) else f"{change.who.issuer} {change.who.value}"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _print_table(titles: Sequence[str], rows: Iterable[Sequence[str | None]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in titles:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*(Text(_shown(cell or "")) for cell in row))
    Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else WIDE).print(table)


def _shown(text: str) -> str:
    """Let no text move the cursor: a subject is whatever the provider says."""
    return "".join(each if each.isprintable() else "…" for each in text)


def _user() -> str:
    """Name who runs the command; a container's user may have no name."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _fail(name: str, text: str, code: int) -> int:
    sys.stderr.write(f"keywatch portal {name}: {text}\n")
    return code
