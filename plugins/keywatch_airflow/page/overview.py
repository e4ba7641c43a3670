"""The overview: numbers, then the trend, then the keys that are oldest."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request, Response

from keywatch.report.query import KeyQuery
from keywatch_airflow.page.charts import draw
from keywatch_airflow.page.findings import by_severity
from keywatch_airflow.page.rendering import render
from keywatch_airflow.page.store import Reader
from keywatch_airflow.page.tiles import account_tile, key_tiles

router = APIRouter()

OLDEST: Final = 10


@router.api_route("/", methods=["GET", "HEAD"])
def overview(request: Request, reader: Reader) -> Response:
    """Show the page at a glance."""
    with reader.at_one_moment() as report:
        found, oldest = report.overview(), report.keys(KeyQuery(status="Active"), limit=OLDEST).rows
        rules = report.rules()
    if found is None:
        return render(request, "no_report.html")
    return render(
        request,
        "overview.html",
        overview=found,
        accounts=account_tile(found.accounts),
        tiles=key_tiles(found.figures),
        charts=draw(found.charts, found.figures),
        oldest=oldest,
        findings=by_severity(rules),
    )
