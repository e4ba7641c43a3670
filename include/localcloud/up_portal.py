"""The key owners' portal of `make up`: owners for the demo's keys, accounts, invitations, and how to open it."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from localcloud.airflow_home import airflow
from localcloud.client import LocalCloud
from localcloud.identity_model import Person
from localcloud.portal import WEB_URL, portal_command, running_portal, write_config

LINK: Final = re.compile(rf"{re.escape(WEB_URL)}/invitation\?code=[\w-]+")
OWNERS: Final = {
    "payments.owner@keywatch.example": ("billing", "payments", "payroll", "invoice"),
    "platform.owner@keywatch.example": ("ci", "deploy", "edge", "grafana"),
}
"""Who answers for users of the demo whose names begin so."""


def give_owners(env: Mapping[str, str], cloud: LocalCloud) -> str | None:
    """Give keys of the demo owners, and look at them by the policy: DAGs `access_key_owners`, `access_key_findings`.

    Args:
        env: Of an Airflow whose report store has them.
        cloud: Whose users they are of.

    Returns:
        What went wrong; None if nothing did.
    """
    conf = {"table": owner_table(cloud)}
    for arguments in (["access_key_owners", "-c", json.dumps(conf)], ["access_key_findings"]):
        finished = airflow(dict(env), "dags", "test", *arguments, capture_output=True)
        if finished.returncode:
            return f"{finished.stdout}\n{finished.stderr}"[-3000:]
    return None


def owner_table(cloud: LocalCloud) -> str:
    """Write the table of owners, as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("account", "user", "owner"))
    for user in cloud.users():
        owner = next((who for who, names in OWNERS.items() if user.name.partition("-")[0] in names), None)
        if owner:
            writer.writerow((user.account, user.name, owner))
    return text.getvalue()


@contextlib.contextmanager
def portal_for_a_look(cloud: LocalCloud, provider: str, home: Path, store: Path) -> Iterator[str]:
    """Run the portal, with an invitation for each seeded owner, until the block ends; give what to tell of it."""
    folder = home / "portal"
    folder.mkdir(mode=0o700, exist_ok=True)
    config = write_config(cloud, provider, folder, store=store)
    people = [each for each in cloud.identity.people if each.provider == provider]
    links = [_invite(config, each) for each in people]
    with running_portal(cloud, config, folder):
        yield _welcome(provider, people, links)


def _invite(config: Path, person: Person) -> str:
    """Invite somebody; who was bound in an earlier local cloud is somebody else now."""
    arguments = ("--policynumber", "4711", "--rebind")
    said = portal_command(config, "invite", person.email, *arguments).stdout
    link = LINK.search(said)
    if link is None:
        raise ValueError(f"keywatch portal invite gave no link:\n{said}")
    return link[0]


def _welcome(provider: str, people: list[Person], links: list[str]) -> str:
    owners = "\n".join(
        f"    {person.email}, password {person.password}\n      {link}"
        for person, link in zip(people, links, strict=True)
    )
    return f"""
  The key owners' portal is {WEB_URL}, with provider {provider}. Your browser reaches it, and the
  provider, through the local cloud alone. In another terminal, this opens a Chromium with a profile of its own:
    make browser
  Open an owner's invitation there, and sign in; the second factor's code stands on the page that asks for it.
{owners}"""
