"""What was proposed for deactivation, who decided, and what became of each key."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from fastapi import APIRouter, Request, Response

from keywatch.report.model import KeyRow
from keywatch.report.read_deactivations import DeactivationRow
from keywatch_airflow.page.parameters import MOST_PAGES, Parameters
from keywatch_airflow.page.problems import NotKnownError
from keywatch_airflow.page.rendering import render
from keywatch_airflow.page.store import Reader

router = APIRouter()

SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


@router.api_route("/deactivations", methods=["GET", "HEAD"])
def deactivations(request: Request, reader: Reader) -> Response:
    """Show one page of the proposals."""
    number = Parameters(request.query_params, ("page",)).number("page", 1, MOST_PAGES) or 1
    with reader.at_one_moment() as report:
        page = report.proposals(number)
        results = report.results([each.sha256 for each in page.rows])
    return render(request, "deactivations.html", page=page, results=results)


@router.api_route("/deactivations/{sha256}", methods=["GET", "HEAD"])
def deactivation(request: Request, reader: Reader, sha256: str) -> Response:
    """Show one proposal and its keys."""
    Parameters(request.query_params, ())
    unknown = NotKnownError("There is no such proposal", "No run has proposed keys under this SHA-256.")
    if not SHA256.fullmatch(sha256):
        raise unknown
    with reader.at_one_moment() as report:
        proposal, keys = report.proposal(sha256), report.deactivations(sha256)
        results = report.results([sha256]).get(sha256, {})
    if proposal is None:
        raise unknown
    inactive = [key for key in keys if _may_be_inactive(key)]
    return render(request, "deactivation.html", proposal=proposal, keys=keys, results=results, inactive=inactive)


def still_inactive(proposed: Iterable[DeactivationRow], kept: Iterable[KeyRow]) -> tuple[DeactivationRow, ...]:
    """Return the keys that were deactivated, or may have been, and that no report has seen active since, or gone.

    Args:
        proposed: What became of proposed keys, newest first.
        kept: Keys that exist.
    """
    last_seen = {key.key_id: key for key in kept}
    found: dict[str, DeactivationRow] = {}
    for row in proposed:
        key = last_seen.get(row.key_id)
        if _may_be_inactive(row) and key and not _is_active_since(key, row):
            found.setdefault(row.key_id, row)
    return tuple(found.values())


def _may_be_inactive(row: DeactivationRow) -> bool:
    """Tell whether Keywatch has made a key inactive, or may have: AWS was asked to, and nobody knows what it did."""
    return row.result in ("deactivated", "unknown") or (row.result is None and row.attempted is not None)


def _is_active_since(key: KeyRow, row: DeactivationRow) -> bool:
    return key.status == "Active" and key.last_seen > (row.ended or row.attempted or key.last_seen)
