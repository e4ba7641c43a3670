"""What AWS was asked for, and what became of keys."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import Engine

from keywatch.errors import (
    KeywatchError,
)
from keywatch.pipeline.deactivate import Answer, Deactivation, deactivate_approved
from keywatch.pipeline.folders import RunFolder
from keywatch.report.proposals import KeyResult, Proposals, Result
from localcloud import LocalCloud, SeededKey
from tests.keywatch.deactivating import proposed

FULL_ID: Final = re.compile(r"A[KS]IA[A-Z0-9]{12,}")
USERS: Final = ("ci-build", "ci-deploy", "ci-export")


def asked_of_iam(cloud: LocalCloud) -> list[str | None]:
    """List what was asked of IAM or for access to it."""
    return [each.action for each in cloud.requests() if each.host.endswith("amazonaws.com")]


def updated(cloud: LocalCloud) -> list[str | None]:
    """List the users whose keys were changed."""
    return [each.user for each in cloud.requests(action="UpdateAccessKey") if each.status == 200]


def results(store: Engine, sha256: str, keys: Sequence[SeededKey]) -> list[KeyResult]:
    """Give what became of keys, in their order."""
    by_id = Proposals(store).results(sha256)
    return [by_id[proposed(key).key_id] for key in keys]


def ends(store: Engine, sha256: str, keys: Sequence[SeededKey]) -> list[Result | None]:
    """Give how keys ended, in their order."""
    return [each.result for each in results(store, sha256, keys)]


def not_acted_on(
    cloud: LocalCloud, sha256: str, answer: Answer, run: RunFolder[Path], by: Deactivation, error: type[KeywatchError]
) -> str:
    """Give why nothing is done, after seeing that AWS was not asked for anything at all."""
    with pytest.raises(error) as caught:
        deactivate_approved(sha256, answer, run, by)
    assert asked_of_iam(cloud) == []
    assert {each.result for each in by.proposals.results(sha256).values()} == {None}
    return str(caught.value)
