"""The list of keys, its total, and its export."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from fastapi import APIRouter, Request, Response
from starlette.responses import PlainTextResponse

from keywatch.report.model import NOT_READ, AccountState
from keywatch.report.query import KeyQuery
from keywatch.report.read import ReportReader
from keywatch_airflow.page import filters
from keywatch_airflow.page.csv_export import csv_chunks
from keywatch_airflow.page.download import Download
from keywatch_airflow.page.parameters import key_query, list_parameters
from keywatch_airflow.page.presentation import counted
from keywatch_airflow.page.rendering import render
from keywatch_airflow.page.store import Reader

router = APIRouter()

NAMED: Final = 5

MOST_COUNTED: Final = 10_000
"""Counting a list that is longer takes a while and tells nobody more."""


@router.api_route("/keys", methods=["GET", "HEAD"])
def keys(request: Request, reader: Reader) -> Response:
    """Show one page of a list."""
    query, cursor = key_query(request.query_params)
    with reader.at_one_moment() as report:
        overview, page, choices = report.overview(), report.keys(query, cursor), report.choices()
        unread = () if page.rows else _never_read(report, query)
    if overview is None:
        return render(request, "no_report.html")
    return render(
        request,
        "keys.html",
        overview=overview,
        query=query,
        parameters=list_parameters(query),
        page=page,
        unread=unread,
        selects=filters.selects(query, choices),
        marks=filters.marks(query),
        chips=filters.chips(query),
        headings=filters.headings(query),
        sorts=filters.sorts(query),
        cleared=filters.without_filters(query),
        is_first=cursor is None,
    )


def _never_read(report: ReportReader, query: KeyQuery) -> tuple[AccountState, ...]:
    """Return the accounts that a list without a key speaks of, and whose keys nobody knows."""
    named = query.account or query.search
    found = report.accounts(named, [*NOT_READ, "skipped"]).rows if named else ()
    return tuple(account for account in found if account.read_at is None)[:NAMED]


@router.api_route("/keys/count", methods=["GET", "HEAD"])
def count(request: Request, reader: Reader) -> Response:
    """Say how many keys a list has, in words."""
    query, _ = key_query(request.query_params)
    found = reader.count(query, MOST_COUNTED)
    words = counted(found, "key") if found <= MOST_COUNTED else f"more than {MOST_COUNTED:,} keys"
    return PlainTextResponse(words)


@router.api_route("/keys.csv", methods=["GET", "HEAD"])
def export(request: Request, reader: Reader) -> Response:
    """Send a whole list as a file, as it is read."""
    query, _ = key_query(request.query_params)
    headers = {"Content-Disposition": f'attachment; filename="access-keys-{datetime.now(UTC):%Y-%m-%d}.csv"'}
    if request.method == "HEAD":
        return Response(media_type="text/csv; charset=utf-8", headers=headers)
    return Download(csv_chunks(reader.export(query)), media_type="text/csv; charset=utf-8", headers=headers)
