"""Findings, step 2: freeze a proposal to deactivate keys, and say what a person is asked."""

from __future__ import annotations

import logging
import re
from collections import Counter
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypedDict

from keywatch.access_keys.findings import Finding, first_exception
from keywatch.access_keys.policy.model import Policy
from keywatch.access_keys.proposal import Proposal, ProposedKey, digest, proposed_key, read_proposal, shown_first
from keywatch.pipeline.folders import RunFolder
from keywatch.report.engine import speaking_of
from keywatch.report.proposals import Proposals
from keywatch.report.read_findings import proposed_findings, read_last_look
from keywatch.staging import make_folder, read_file, write_file

if TYPE_CHECKING:
    from sqlalchemy import Engine

log = logging.getLogger(__name__)

SHOWN: Final = 50
"""Keys that a request shows: Airflow keeps its text in its database."""


class AssignedUserRef(TypedDict):
    """Who may answer, as Airflow's operator takes it."""

    id: str
    name: str


class ProposalRequest(TypedDict):
    """What a person is asked: the proposal's SHA-256, the request's headline and text, and who may answer."""

    sha256: str
    subject: str
    body: str
    assigned_users: list[AssignedUserRef]


def propose(
    store: Engine, policy: Policy, run: RunFolder[Any], now: datetime, answer_within: timedelta
) -> ProposalRequest | None:
    """Freeze what the policy's rules propose, in place of what an earlier run has proposed and nobody has answered.

    Args:
        store: The report store, for writing.
        policy: Its rules that propose, and who may approve.
        run: The run's folder.
        now: UTC.
        answer_within: How long the request will wait for an answer.

    Returns:
        What to ask; None if nothing is proposed.

    Raises:
        StoreUnavailableError: The store cannot be written.
        StagingUnavailableError: Staging cannot be written.
    """
    if not _is_newest(store, run.run_id):
        log.info("A newer run has looked at the keys, so this one proposes nothing")
        return None
    proposals = Proposals(store)
    if superseded := proposals.supersede(now):
        log.info("%s earlier proposal, which nobody has answered, is superseded", superseded)
    keys, more = _keys(store, policy, run.run_id, now.date())
    if not keys:
        log.info("Nothing is proposed for deactivation")
        return None
    proposal = Proposal(
        run_id=run.run_id,
        created=now,
        dry_run=policy.deactivation.dry_run,
        assigned_users=policy.deactivation.assigned_users,
        keys=tuple(keys),
    )
    data = proposal.encode()
    sha256 = digest(data)
    make_folder(run.folder / "proposals")
    write_file(run.folder / "proposals" / f"{sha256}.json", data)
    proposals.open(proposal, sha256)
    return ProposalRequest(
        sha256=sha256,
        subject=_subject(proposal),
        body=request_text(proposal, sha256, more, now + answer_within),
        assigned_users=[AssignedUserRef(id=user.id, name=user.name) for user in proposal.assigned_users],
    )


def frozen_proposal(run: RunFolder[Any], sha256: str) -> Proposal:
    """Return a proposal as it was frozen.

    Raises:
        ProposalAlteredError: Its file is another one.
        StagingGoneError: Its file has been removed.
        StagingUnavailableError: Its file cannot be read.
    """
    return read_proposal(read_file(run.folder / "proposals" / f"{sha256}.json"), sha256)


def request_text(proposal: Proposal, sha256: str, more: int, answer_by: datetime) -> str:
    """Write the request, in Markdown, with at most `SHOWN` keys.

    Args:
        proposal: What is proposed.
        sha256: Of its file.
        more: Keys that are too many for one proposal.
        answer_by: When it counts as rejected, UTC.
    """
    rules = Counter(key.rule.id for key in proposal.keys)
    accounts = {key.account_id for key in proposal.keys}
    shown = shown_first(proposal.keys, SHOWN)
    left = len(proposal.keys) - len(shown)
    effect = (
        "**This is a dry run: an approval changes nothing**, and records what it would have changed."
        if proposal.dry_run
        else "An approval makes each key inactive that is still unused then. A key can be activated again."
    )
    lines = [
        f"{effect} Without an answer by {answer_by:%Y-%m-%d %H:%M} UTC it counts as rejected.",
        "",
        f"- Keys: **{len(proposal.keys)}**, in {len(accounts)} {'account' if len(accounts) == 1 else 'accounts'}",
        *(f"- Rule `{rule}`: {count}" for rule, count in sorted(rules.items())),
        f"- Without an owner: {sum(key.owner is None for key in proposal.keys)}",
        *[f"- {more} more keys are too many for one proposal (`most_keys`)"] * bool(more),
        f"- SHA-256 of the proposal: `{sha256}`",
        "",
        "| Key | User | Account | Owner | Why |",
        "|---|---|---|---|---|",
        *(_table_row(key) for key in shown),
        *["", f"and {left} more, in the proposal's file and on the page *Access keys*"] * bool(left),
    ]
    return "\n".join(lines)


def _is_newest(store: Engine, run_id: str) -> bool:
    """Tell whether no other run has looked at the keys since this one."""
    with speaking_of(store), store.begin() as connection:
        look = read_last_look(connection)
    return look is not None and look.run_id == run_id


def _keys(store: Engine, policy: Policy, run_id: str, today: date) -> tuple[list[ProposedKey], int]:
    """Choose the keys, each once, and count those that are too many."""
    chosen: dict[str, ProposedKey] = {}
    waiting: set[str] = set()
    with speaking_of(store), store.begin() as connection:
        for row in proposed_findings(connection, run_id):
            rule = policy.rule(row.rule)
            key = proposed_key(Finding(rule, row.key, row.reason)) if rule else None
            if rule is None or key is None or key.key_id in chosen:
                continue
            if first_exception(policy.exceptions, rule.id, row.key, today):
                continue
            if len(chosen) < policy.deactivation.most_keys:
                chosen[key.key_id] = key
            else:
                waiting.add(key.key_id)
    return list(chosen.values()), len(waiting)


def _subject(proposal: Proposal) -> str:
    count = f"{len(proposal.keys)} access key{'s' * (len(proposal.keys) != 1)}"
    return f"{'Dry run: d' if proposal.dry_run else 'D'}eactivate {count}?"


def _table_row(key: ProposedKey) -> str:
    account = f"{key.account_name} {key.account_id}" if key.account_name else key.account_id
    cells = (key.access_key_id, key.user_name, account, key.owner or "nobody", key.reason)
    return f"| {' | '.join(_code(each) for each in cells)} |"


def _code(text: str) -> str:
    """Write what others have named as code: in it nothing is Markdown, and no address becomes a link.

    Nothing can be escaped in code, so that a bar, which would end the cell, is another one (CommonMark 6.1, GFM 4.10).
    """
    text = " ".join(text.split()).replace("|", "\N{BROKEN BAR}") or " "
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    room = " " * (text.startswith("`") or text.endswith("`"))
    return f"{fence}{room}{text}{room}{fence}"
