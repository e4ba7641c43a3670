"""Accounts, and users."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from keywatch.report.query import KeyQuery
from keywatch.report.read_findings import FindingQuery
from keywatch_airflow.page.deactivations import still_inactive
from keywatch_airflow.page.parameters import (
    ACCOUNT_ID,
    ACCOUNT_STATUSES,
    LONGEST_NAME,
    MOST_PAGES,
    BadParameterError,
    Parameters,
)
from keywatch_airflow.page.problems import NotKnownError
from keywatch_airflow.page.rendering import render
from keywatch_airflow.page.store import Reader
from keywatch_airflow.page.tiles import key_tiles

router = APIRouter()


@router.api_route("/accounts", methods=["GET", "HEAD"])
def accounts(request: Request, reader: Reader) -> Response:
    """Show one page of the accounts."""
    given = Parameters(request.query_params, ("q", "status", "page"))
    search, status = given.text("q", LONGEST_NAME), given.one_of("status", ACCOUNT_STATUSES)
    statuses = ACCOUNT_STATUSES[status] if status else ()
    with reader.at_one_moment() as report:
        page = report.accounts(search, statuses, given.number("page", 1, MOST_PAGES) or 1)
        is_empty = not page.total and report.overview() is None
    if is_empty:
        return render(request, "no_report.html")
    parameters = {name: value for name, value in (("q", search), ("status", status)) if value}
    return render(
        request,
        "accounts.html",
        page=page,
        search=search,
        status=status,
        statuses=ACCOUNT_STATUSES,
        parameters=parameters,
    )


@router.api_route("/accounts/{account_id}", methods=["GET", "HEAD"])
def account(request: Request, reader: Reader, account_id: str) -> Response:
    """Show what is known of one account."""
    Parameters(request.query_params, ())
    unknown = NotKnownError("There is no such account", "No report has had an account of this number.")
    if not ACCOUNT_ID.fullmatch(account_id):
        raise unknown
    with reader.at_one_moment() as report:
        state, runs = report.account(account_id), report.account_runs(account_id)
        page = report.keys(KeyQuery(account=account_id))
        findings = report.findings(FindingQuery(account=account_id)).total
    if state is None:
        raise unknown
    tiles = key_tiles(state.figures, account=state.id)
    return render(request, "account.html", account=state, tiles=tiles, page=page, runs=runs, findings=findings)


@router.api_route("/users", methods=["GET", "HEAD"])
def user(request: Request, reader: Reader) -> Response:
    """Show the keys of one user."""
    arn = Parameters(request.query_params, ("arn",)).arn("arn")
    if arn is None:
        raise BadParameterError("arn", "It takes the ARN of a user, such as arn:aws:iam::123456789012:user/alice.")
    with reader.at_one_moment() as report:
        kept = report.keys(KeyQuery(user_arn=arn)).rows
        gone = report.keys(KeyQuery(user_arn=arn, deleted=True))
        findings = report.findings(FindingQuery(user_arn=arn)).rows
        proposed = report.deactivations_of_user(arn)
    found = (*kept, *gone.rows)
    if not found:
        raise NotKnownError("There is no such user", "No report has found a key of a user with this ARN.")
    return render(
        request,
        "user.html",
        user=found[0],
        kept=kept,
        gone=gone,
        first_seen=min(key.first_seen for key in found),
        active=sum(key.status == "Active" for key in kept),
        findings=findings,
        proposed=proposed,
        inactive=still_inactive(proposed, kept),
    )
