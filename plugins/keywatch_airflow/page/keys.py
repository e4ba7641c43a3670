"""The list of keys, its total, and its export."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator
from contextlib import closing
from datetime import UTC, datetime
from itertools import chain
from typing import Final

from fastapi import APIRouter, Request, Response
from starlette.concurrency import iterate_in_threadpool
from starlette.responses import PlainTextResponse, StreamingResponse

from keywatch_airflow.page import filters
from keywatch_airflow.page.csv_export import csv_chunks
from keywatch_airflow.page.parameters import key_query, list_parameters
from keywatch_airflow.page.presentation import counted
from keywatch_airflow.page.rendering import render
from keywatch_airflow.page.store import Reader

router = APIRouter()

MOST_COUNTED: Final = 10_000
"""Counting a list that is longer takes a while and tells nobody more."""


@router.api_route("/keys", methods=["GET", "HEAD"])
def keys(request: Request, reader: Reader) -> Response:
    """Show one page of a list."""
    query, cursor = key_query(request.query_params)
    overview = reader.overview()
    if overview is None:
        return render(request, "no_report.html")
    return render(
        request,
        "keys.html",
        overview=overview,
        query=query,
        parameters=list_parameters(query),
        page=reader.keys(query, cursor),
        selects=filters.selects(query, reader.choices()),
        marks=filters.marks(query),
        chips=filters.chips(query),
        headings=filters.headings(query),
        sorts=filters.sorts(query),
        cleared=filters.without_filters(query),
        is_first=cursor is None,
    )


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
    chunks = csv_chunks(reader.export(query))
    first = next(chunks)  # a store that cannot be read is found out while the answer can still say so
    return StreamingResponse(_closing(chunks, first), media_type="text/csv; charset=utf-8", headers=headers)


async def _closing(chunks: Generator[str, None, None], first: str) -> AsyncIterator[str]:
    """Hand on what is read, and let go of the store's connection as soon as nobody listens."""
    with closing(chunks):
        async for chunk in iterate_in_threadpool(chain([first], chunks)):
            yield chunk
