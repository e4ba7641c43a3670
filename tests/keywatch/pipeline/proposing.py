"""Runs of the findings, in a store and a staging folder made for one test."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from keywatch.access_keys.policy.model import AssignedUser
from keywatch.access_keys.proposal import Proposal, ProposedKey, digest
from keywatch.pipeline.deactivate import Answer
from keywatch.pipeline.folders import RunFolder
from keywatch.report.proposals import Proposals, ProposalState
from keywatch.staging import make_folder, write_file

RUN_ID: Final = "scheduled__2026-11-27T06:00:00+00:00"
APPROVED: Final = Answer(approved=True, user_id="approver", user_name="Approver")
REJECTED: Final = Answer(approved=False, user_id="approver", user_name="Approver")
NOBODY: Final = Answer(approved=True, user_id=None, user_name=None)


def run_in(folder: Path, run_id: str = RUN_ID) -> RunFolder[Path]:
    """Give the folder of a run."""
    return RunFolder(folder / "staging", run_id)


def freeze(
    store: Engine,
    run: RunFolder[Path],
    keys: Sequence[ProposedKey],
    *,
    created: datetime | None = None,
    dry_run: bool = False,
) -> str:
    """Propose keys, as the step before would have done it, and give the proposal's SHA-256."""
    proposal = Proposal(
        run_id=run.run_id,
        created=(created or datetime.now(UTC)).replace(microsecond=0),
        dry_run=dry_run,
        assigned_users=(AssignedUser(id="approver", name="Approver"),),
        keys=tuple(keys),
    )
    data = proposal.encode()
    sha256 = digest(data)
    make_folder(run.folder / "proposals")
    write_file(run.folder / "proposals" / f"{sha256}.json", data)
    Proposals(store).open(proposal, sha256)
    return sha256


def state_of(store: Engine, sha256: str) -> ProposalState:
    """Give what is known of a proposal."""
    state = Proposals(store).state(sha256)
    assert state is not None
    return state
