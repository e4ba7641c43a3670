"""What the policy's rules have found."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import APIRouter, Request, Response

from keywatch.access_keys.policy.model import SEVERITIES
from keywatch.report.read_findings import FindingQuery, RuleCount
from keywatch_airflow.page.finding_filters import (
    finding_chips,
    finding_marks,
    finding_parameters,
    finding_query,
    finding_selects,
)
from keywatch_airflow.page.rendering import render
from keywatch_airflow.page.store import Reader

router = APIRouter()


@router.api_route("/findings", methods=["GET", "HEAD"])
def findings(request: Request, reader: Reader) -> Response:
    """Show one page of the findings, and how many each rule has."""
    query, number = finding_query(request.query_params)
    with reader.at_one_moment() as report:
        overview, page, rules = report.overview(), report.findings(query, number), report.rules()
        look = report.last_look()
        resolved = 0 if page.rows else report.findings(FindingQuery(resolved=True)).total
    if overview is None:
        return render(request, "no_report.html")
    return render(
        request,
        "findings.html",
        overview=overview,
        query=query,
        parameters=finding_parameters(query),
        page=page,
        look=look,
        rules=rules,
        resolved=resolved,
        selects=finding_selects(query, [each.rule for each in rules]),
        marks=finding_marks(query),
        chips=finding_chips(query),
    )


def by_severity(rules: Iterable[RuleCount]) -> dict[str, int]:
    """Count findings by severity, the worst first; a severity without one is left out."""
    counts = dict.fromkeys(SEVERITIES, 0)
    return {
        severity: count
        for severity in counts
        if (count := sum(rule.keys for rule in rules if rule.severity == severity))
    }
