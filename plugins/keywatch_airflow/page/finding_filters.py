"""The filters of the list of findings: read from an address, written to one, and shown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from starlette.datastructures import QueryParams

from keywatch.access_keys.owners import LONGEST as LONGEST_OWNER
from keywatch.access_keys.policy.model import SEVERITIES
from keywatch.report.read_findings import FindingQuery
from keywatch_airflow.page.filters import Chip, Mark, Select, chips_of, names_of, select_of
from keywatch_airflow.page.parameters import LONGEST_NAME, MOST_PAGES, Parameters, written_parameters

LIST: Final = ("severity", "rule", "owner", "unowned", "account", "resolved")


def finding_query(values: QueryParams) -> tuple[FindingQuery, int]:
    """Read which findings a list shows, and which of its pages.

    Raises:
        BadParameterError: A parameter cannot be read, or is not known.
    """
    given = Parameters(values, (*LIST, "page"))
    query = FindingQuery(
        severity=given.one_of("severity", SEVERITIES),
        rule=given.text("rule", LONGEST_NAME) or None,
        owner=given.text("owner", LONGEST_OWNER) or None,
        unowned=given.flag("unowned"),
        account=given.account("account"),
        resolved=given.flag("resolved"),
    )
    return query, given.number("page", 1, MOST_PAGES) or 1


def finding_parameters(query: FindingQuery) -> dict[str, str]:
    """Write a query for an address; the opposite of `finding_query`."""
    return written_parameters({name: getattr(query, name) for name in LIST})


def finding_selects(query: FindingQuery, rules: Iterable[str]) -> tuple[Select, ...]:
    """Return the filters of which one choice can be taken.

    Args:
        query: What is chosen.
        rules: The rules that have found something.
    """
    severities = [(each, each.capitalize()) for each in SEVERITIES]
    return (
        select_of("severity", "Severity", "Any", severities, query.severity),
        select_of("rule", "Rule", "Any rule", names_of(tuple(rules), query.rule), query.rule),
    )


def finding_marks(query: FindingQuery) -> tuple[Mark, ...]:
    """Return the filters that are set or not."""
    return Mark("unowned", "No owner", query.unowned), Mark("resolved", "Resolved", query.resolved)


def finding_chips(query: FindingQuery) -> tuple[Chip, ...]:
    """Return the filters that are set."""
    labels = {
        "severity": (query.severity or "").capitalize(),
        "rule": f"Rule {query.rule}",
        "owner": f"Owner {query.owner}",
        "unowned": "No owner",
        "account": f"Account {query.account}",
        "resolved": "Resolved",
    }
    return chips_of(labels, finding_parameters(query))
